"""Listeners on nodes and nodespaces. One that raises is logged, and never in the way."""

import logging
from collections.abc import Callable
from typing import Any

Listener = Callable[..., Any]
_log = logging.getLogger(__name__)


class Emitter:
    """Calls listeners by the name of an event; `"*"` hears them all.

    Attributes:
        listeners: None while nobody listens, so that asking costs nothing.
    """

    __slots__ = ("listeners",)

    def __init__(self) -> None:
        self.listeners: dict[str, list[Listener]] | None = None

    def on(self, event: str, listener: Listener) -> None:
        """Call `listener(src=…, event=…, **data)` whenever `event` happens."""
        if self.listeners is None:
            self.listeners = {}
        self.listeners.setdefault(event, []).append(listener)

    def off(self, event: str, listener: Listener) -> None:
        """Call it no more; nothing if it never was."""
        if self.listeners is not None and listener in self.listeners.get(event, []):
            self.listeners[event].remove(listener)
            if not any(self.listeners.values()):
                self.listeners = None

    def once(self, event: str, listener: Listener) -> None:
        """Call it at the next time only."""

        def first(**data: Any) -> None:
            self.off(event, first)
            listener(**data)

        self.on(event, first)

    def on_error(self, listener: Listener) -> None:
        """Call it for every error."""
        self.on("error", listener)

    def emit(self, event: str, **data: Any) -> bool:
        """Tell the listeners; whether there were any."""
        if self.listeners is None:
            return False
        heard = [*self.listeners.get(event, ()), *self.listeners.get("*", ())]
        for listener in heard:
            try:
                listener(src=self, event=event, **data)
            except Exception:
                _log.exception("A listener of %r on %r raised", event, self)
        return bool(heard)
