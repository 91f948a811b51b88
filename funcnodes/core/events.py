"""Listeners on ports, nodes and nodespaces. One that raises is logged, and never in the way.

A port tells its own listeners, its node's and, through the node, the nodespace's. Values are told
only where somebody listens: see `ValueEvents`.
"""

import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
Listener = Callable[..., Any]
_log = logging.getLogger(__name__)
_PLAIN = {"connect", "disconnect", "request_trigger", "trigger"}


Ports = TypeVar("Ports", contravariant=True)
Nodes = TypeVar("Nodes", contravariant=True)


class Watcher(Protocol[Ports, Nodes]):
    """Is told what changes: `NodeSpace.watch` makes one, and listeners on values are one."""

    def note_port(self, port: Ports) -> None:
        """A port has a new value."""

    def note_node(self, node: Nodes) -> None:
        """A node has a new state."""


class Emitter:
    """Calls listeners by the name of an event; `"*"` hears them all.

    Attributes:
        listeners: Who is to be called, by event; None while nobody listens, so that asking costs
            nothing. Those of `"*"` are among the listeners of every event.
    """

    __slots__ = ("listeners",)

    def __init__(self) -> None:
        self.listeners: _Listeners | None = None

    def on(self, event: str, listener: Listener) -> None:
        """Call `listener(src=…, event=…, **data)` whenever `event` happens.

        `before_` and `after_` in front of `connect`, `disconnect`, `request_trigger` and
        `trigger`, as older programs write them, mean the event itself.
        """
        own = dict(self.listeners.own) if self.listeners is not None else {}
        event = _plain(event)
        own[event] = (*own.get(event, ()), listener)
        self.listeners = _Listeners(own)
        self.listeners_changed()

    def off(self, event: str, listener: Listener | None = None) -> None:
        """Call it no more, or without `listener` none of that event; nothing if it never was."""
        event = _plain(event)
        own = dict(self.listeners.own) if self.listeners is not None else {}
        heard = own.pop(event, ())
        if not heard or (listener is not None and listener not in heard):
            return
        gone = heard.index(listener) if listener is not None else None
        if gone is not None and len(heard) > 1:
            own[event] = heard[:gone] + heard[gone + 1 :]
        self.listeners = _Listeners(own) if own else None
        self.listeners_changed()

    def listeners_changed(self) -> None:
        """Somebody began or ceased to listen."""

    def copy(self) -> "Emitter":
        """One with the same listeners."""
        copy = Emitter()
        copy.listeners = self.listeners  # which is replaced, never changed
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

    def once_error(self, listener: Listener) -> None:
        """Call it for the next error only."""
        self.once("error", listener)

    def off_error(self, listener: Listener | None = None) -> None:
        """Call it for errors no more; without `listener` none."""
        self.off("error", listener)

    def emit(
        self, event: str, msg: Mapping[str, Any] | None = None, /, *, src: Any = None, **data: Any
    ) -> bool:
        """Tell the listeners; whether there were any."""
        if self.listeners is None:
            return False
        heard = self.listeners[event]
        if msg is not None:
            data = {**msg, **data}
        src = data.pop("src", src) if src is None else src
        for listener in heard:  # a tuple of its own: listeners may come and go meanwhile
            try:
                listener(src=self if src is None else src, event=event, **data)
            except BaseException:  # a listener is never in the way, whatever it raises
                _log.exception("A listener of %r on %r raised", event, self)
        return bool(heard)

    def tell_plainly(self, event: str) -> None:
        """`emit` for an event that says no more than its name, which is quicker."""
        if self.listeners is None:
            return
        for listener in self.listeners[event]:
            try:
                listener(src=self, event=event)
            except BaseException:  # a listener is never in the way, whatever it raises
                _log.exception("A listener of %r on %r raised", event, self)


class _Listeners(dict[str, tuple[Listener, ...]]):
    """Who hears what, `"*"` included; filled as events happen, never changed otherwise.

    Attributes:
        own: Who asked for what, `"*"` as an event of its own.
    """

    def __init__(self, own: Mapping[str, tuple[Listener, ...]]) -> None:
        self.own = own

    def __missing__(self, event: str) -> tuple[Listener, ...]:
        heard = self[event] = self.own.get(event, ()) + self.own.get("*", ())
        return heard


class Heard(Protocol):
    """A port that somebody may listen to."""

    _value: Any
    _events: Emitter | None

    @property
    def node(self) -> Emitter: ...


P = TypeVar("P", bound=Heard)
N = TypeVar("N", bound=Emitter)


class ValueEvents(Generic[P, N]):
    """Stands before a node's watcher while somebody listens to values, and tells of each."""

    __slots__ = ("watcher",)

    def __init__(self, watcher: Watcher[P, N] | None) -> None:
        self.watcher = watcher

    def note_port(self, port: P) -> None:
        if self.watcher is not None:
            self.watcher.note_port(port)
        if port._events is not None:
            port._events.emit("after_set_value", src=port, result=port._value)
        node = port.node
        if node.listeners is not None:
            for listener in node.listeners["after_set_value"]:  # `emit`, written out
                try:
                    listener(src=node, event="after_set_value", io=port, result=port._value)
                except BaseException:  # a listener is never in the way, whatever it raises
                    _log.exception("A listener of 'after_set_value' on %r raised", node)

    def note_node(self, node: N) -> None:
        if self.watcher is not None:
            self.watcher.note_node(node)


def unsubscriber(callbacks: list[T], callback: T) -> Callable[[], None]:
    """Add `callback`; returns how to take it out again, which may be called twice."""
    callbacks.append(callback)

    def forget() -> None:
        with contextlib.suppress(ValueError):
            callbacks.remove(callback)

    return forget


def _plain(event: str) -> str:
    bare = event.removeprefix("before_").removeprefix("after_")
    return bare if bare in _PLAIN else event
