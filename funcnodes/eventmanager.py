"""The import path under which users know events."""

from funcnodes.core.events import Emitter, Listener

EventEmitterMixin = Emitter

__all__ = ["Emitter", "EventEmitterMixin", "Listener"]
