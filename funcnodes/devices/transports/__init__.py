"""Open byte channels to instruments: native TCP and serial, pyvisa for the rest, in-memory."""

from funcnodes.devices.transports.base import Transport, describe

__all__ = ["Transport", "describe"]
