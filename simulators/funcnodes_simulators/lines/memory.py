"""A line that is memory, and the time that goes with it: whatever clock it is given.

What a line carries goes through a `MemoryPort`: write bytes, read bytes, ask when there will be
more. Everything happens at the moment it is due on the clock, in order, whenever it is asked for.
"""

import heapq
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass

from funcnodes_simulators.lines.connections import Connection
from funcnodes_simulators.lines.station import Station
from funcnodes_simulators.physics import Clock

# What is due within this is due: a clock that was asked for a moment may be a rounding short of it.
GRAIN_S = 1e-6


@dataclass(slots=True, eq=False)
class _Event:
    """Something that will happen, unless it is called off."""

    due_s: float
    callback: Callable[[], object]
    is_off: bool = False

    def cancel(self) -> None:
        self.is_off = True


class Timeline:
    """The bench's time: follows another clock, and stops at everything that happens on the way.

    Serves a bench as its clock and its stations as their timers.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now_s = clock.now()
        self._order = itertools.count()
        self._events: list[tuple[float, int, _Event]] = []

    def now(self) -> float:
        return self._now_s

    def time(self) -> float:
        return self._now_s

    def call_at(self, when: float, callback: Callable[[], object], /) -> _Event:
        event = _Event(when, callback)
        heapq.heappush(self._events, (when, next(self._order), event))
        return event

    def catch_up(self) -> None:
        """Let everything happen that is due by now."""
        until_s = max(self._now_s, self._clock.now())
        while (event := self._next()) is not None and event.due_s <= until_s + GRAIN_S:
            heapq.heappop(self._events)
            self._now_s = max(self._now_s, event.due_s)
            event.callback()
        self._now_s = max(self._now_s, until_s)

    def due_in_s(self) -> float | None:
        """In how many seconds the next thing happens; None if nothing will by itself."""
        event = self._next()
        return None if event is None else max(0.0, event.due_s - self._clock.now())

    def _next(self) -> _Event | None:
        while self._events and self._events[0][2].is_off:
            heapq.heappop(self._events)
        return self._events[0][2] if self._events else None


class MemoryPort:
    """One instrument's port, for one client; every method may be called from any thread."""

    def __init__(self, station: Station, timeline: Timeline, lock: threading.RLock) -> None:
        self._station = station
        self._timeline = timeline
        self._lock = lock
        self._connection: Connection | None = None
        self._output = bytearray()

    @property
    def is_open(self) -> bool:
        """Whether the instrument has not hung up."""
        with self._lock:
            self._timeline.catch_up()
            return self._connection is not None

    def open(self) -> None:
        """Connect, anew if need be: nothing of an earlier connection is left.

        Raises:
            ConnectionRefusedError: A fault turns connects away.
        """
        with self._lock:
            self.close()
            self._output.clear()
            if self._station.refuses_connect():
                raise ConnectionRefusedError(f"{self._station.name} refuses to be connected to")
            self._connection = self._station.connect(self)

    def close(self) -> None:
        """Hang up; harmless the second time."""
        with self._lock:
            self._timeline.catch_up()
            self.hang_up()

    def write(self, data: bytes) -> None:
        """Hand bytes to the instrument, in whatever pieces.

        Raises:
            ConnectionError: It has hung up.
        """
        with self._lock:
            self._timeline.catch_up()
            if self._connection is None:
                raise ConnectionError(f"{self._station.name} has hung up")
            self._connection.received(data)
            self._timeline.catch_up()

    def read(self) -> bytes:
        """Return what has come by now and was not read yet; maybe nothing."""
        with self._lock:
            self._timeline.catch_up()
            data = bytes(self._output)
            self._output.clear()
            return data

    def due_in_s(self) -> float | None:
        """In how many seconds of the clock to look again; None if nothing will come by itself."""
        with self._lock:
            self._timeline.catch_up()
            return self._timeline.due_in_s()

    # What a station asks of a line

    def send(self, data: bytes) -> None:
        if self._connection is not None:
            self._output += data

    def unread_bytes(self) -> int:
        return len(self._output)

    def hang_up(self, *, at_once: bool = False) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.closed(has_unread=bool(self._output))
            if at_once:
                self._output.clear()
