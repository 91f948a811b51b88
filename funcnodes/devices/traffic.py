"""What went over one device's wire lately, kept in a ring for the traffic view and messages."""

from collections import deque
from collections.abc import Callable
from typing import Literal, NamedTuple

from funcnodes.core import clock

DEPTH = 2_000
LONGEST = 1 << 16  # bytes kept of one message: a ring of waveforms would fill the memory


class Exchange(NamedTuple):
    """One message on the wire.

    Attributes:
        t: Seconds since the epoch.
        direction: "out" to the instrument, "in" from it, "note" for what befell the wire.
        data: The bytes, terminator included.
        latency_ms: For "in": since the query was written; for "note" of a time-out likewise.
    """

    t: float
    direction: Literal["out", "in", "note"]
    data: bytes
    latency_ms: float | None = None


class Traffic:
    """A bounded record; the oldest goes first."""

    def __init__(self, depth: int = DEPTH) -> None:
        self._ring: deque[Exchange] = deque(maxlen=depth)
        self.count = 0
        """Messages since the beginning, also those the ring has let go."""
        self.on_exchange: Callable[[Exchange], None] | None = None
        """Called with each message, in the thread that wrote it."""

    def out(self, data: bytes) -> None:
        self._add(Exchange(clock.now(), "out", data))

    def come(self, data: bytes | bytearray, latency_ms: float) -> None:
        self._add(Exchange(clock.now(), "in", bytes(data[:LONGEST]), latency_ms))

    def note(self, text: str, latency_ms: float | None = None) -> None:
        self._add(Exchange(clock.now(), "note", text.encode(), latency_ms))

    def last(self, count: int = DEPTH) -> list[Exchange]:
        """The newest messages, oldest first."""
        return list(self._ring)[-count:]

    def _add(self, exchange: Exchange) -> None:
        self.count += 1
        self._ring.append(exchange)
        if self.on_exchange is not None:
            self.on_exchange(exchange)
