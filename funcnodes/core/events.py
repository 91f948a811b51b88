"""Listeners on ports, nodes and nodespaces. One that raises is logged, and never in the way.

A port tells its own listeners, its node's and, through the node, the nodespace's. Values are told
only where somebody listens: see `ValueEvents`.
"""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from funcnodes.core.node import Node
    from funcnodes.core.ports import Port

Listener = Callable[..., Any]
_log = logging.getLogger(__name__)
_PLAIN = {"connect", "disconnect", "request_trigger", "trigger"}


class Watcher(Protocol):
    """Is told what changes: `NodeSpace.watch` makes one, and listeners on values are one."""

    def note_port(self, port: "Port") -> None:
        """A port has a new value."""

    def note_node(self, node: "Node") -> None:
        """A node has a new state."""


class Emitter:
    """Calls listeners by the name of an event; `"*"` hears them all.

    Attributes:
        listeners: None while nobody listens, so that asking costs nothing.
    """

    __slots__ = ("listeners",)

    def __init__(self) -> None:
        self.listeners: dict[str, tuple[Listener, ...]] | None = None

    def on(self, event: str, listener: Listener) -> None:
        """Call `listener(src=…, event=…, **data)` whenever `event` happens.

        `before_` and `after_` in front of `connect`, `disconnect`, `request_trigger` and
        `trigger`, as older programs write them, mean the event itself.
        """
        if self.listeners is None:
            self.listeners = {}
        event = _plain(event)
        self.listeners[event] = (*self.listeners.get(event, ()), listener)
        self.listeners_changed()

    def off(self, event: str, listener: Listener | None = None) -> None:
        """Call it no more, or without `listener` none of that event; nothing if it never was."""
        event = _plain(event)
        heard = self.listeners.get(event, ()) if self.listeners is not None else ()
        if self.listeners is None or (listener is not None and listener not in heard):
            return
        gone = heard.index(listener) if listener is not None else None
        left = heard[:gone] + heard[gone + 1 :] if gone is not None else ()
        if left:
            self.listeners[event] = left
        else:
            self.listeners.pop(event, None)
        self.listeners = self.listeners or None
        self.listeners_changed()

    def listeners_changed(self) -> None:
        """Somebody began or ceased to listen."""

    def copy(self) -> "Emitter":
        """One with the same listeners."""
        copy = Emitter()
        if self.listeners is not None:
            copy.listeners = dict(self.listeners)
        return copy

    def once(self, event: str, listener: Listener) -> None:
        """Call it at the next time only."""

        def first(**data: Any) -> None:
            self.off(event, first)
            listener(**data)

        self.on(event, first)

    def on_error(self, listener: Listener) -> None:
        """Call it for every error."""
        self.on("error", listener)

    def emit(self, event: str, msg: Mapping[str, Any] | None = None, /, **data: Any) -> bool:
        """Tell the listeners; whether there were any."""
        listeners = self.listeners
        if listeners is None:
            return False
        heard = listeners.get(event, ()) + listeners.get("*", ())
        if msg is not None:
            data = {**msg, **data}
        data.setdefault("src", self)
        for listener in heard:  # a tuple of its own: listeners may come and go meanwhile
            try:
                listener(event=event, **data)
            except Exception:
                _log.exception("A listener of %r on %r raised", event, self)
        return bool(heard)


class ValueEvents:
    """Stands before a node's watcher while somebody listens to values, and tells of each."""

    __slots__ = ("watcher",)

    def __init__(self, watcher: Watcher | None) -> None:
        self.watcher = watcher

    def note_port(self, port: "Port") -> None:
        if self.watcher is not None:
            self.watcher.note_port(port)
        port.tell("after_set_value", result=port._value)

    def note_node(self, node: "Node") -> None:
        if self.watcher is not None:
            self.watcher.note_node(node)


def _plain(event: str) -> str:
    bare = event.removeprefix("before_").removeprefix("after_")
    return bare if bare in _PLAIN else event
