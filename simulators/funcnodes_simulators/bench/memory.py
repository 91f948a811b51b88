"""A simulated bench without wires, threads or an event loop, on whatever clock it is given.

What a wire carries goes through a `MemoryPort`: write bytes, read bytes, ask when there will be
more. Time is the given clock's, and everything happens at the moment it is due on it, in order,
whenever it is asked for: with a clock that jumps, hours of an experiment pass in seconds and come
out as they would have. Queues, faults and instruments are those of real wires.
"""

import heapq
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from funcnodes_simulators.bench.layout import build_instrument, load_layout
from funcnodes_simulators.faults import Fault, FaultPlan
from funcnodes_simulators.lines.station import Connection, Station
from funcnodes_simulators.physics import Clock, World
from funcnodes_simulators.strict import StrictLog, Violation

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


class MemoryBench:
    """A whole bench in memory.

    bench = MemoryBench("demo", clock=clock)
    port = bench.ports["tc"]
    port.open()
    port.write(b"KRDG? A\\r\\n")

    Attributes:
        ports: One for each instrument, by its name.
        resources: Their addresses, `memory:NAME`.
    """

    def __init__(
        self,
        bench: str = "demo",
        *,
        clock: Clock,
        seed: int | None = None,
        faults: str | Path | None = None,
    ) -> None:
        """Args:
        bench: `demo`, or the path of a bench file; how its devices are served does not matter.
        clock: What time it is, in seconds; never runs backwards.
        seed: Makes noise and faults repeat.
        faults: A file with what goes wrong, see `fault_files`.

        Raises:
            BenchError: There is no such bench, or a file does not describe one.
        """
        self._layout = load_layout(bench, faults=faults)
        self._lock = threading.RLock()
        self._timeline = Timeline(clock)
        self._world = World(self._timeline, seed)
        self._stations: dict[str, Station] = {}
        self.ports: dict[str, MemoryPort] = {}
        self._strict = StrictLog()
        fault_seed = self._layout.fault_seed if seed is None else seed
        for index, device in enumerate(self._layout.devices):
            station = Station(
                device.name,
                build_instrument(device, self._layout, self._world, index=index),
                self._world,
                faults=FaultPlan(None if fault_seed is None else fault_seed + index),
                timers=lambda: self._timeline,
                strict=self._strict,
            )
            self._stations[device.name] = station
            for fault in self._layout.faults_of(device.name):
                station.arm(fault)
            self.ports[device.name] = MemoryPort(station, self._timeline, self._lock)
        self.resources = {name: f"memory:{name}" for name in self.ports}

    def state(self) -> dict[str, dict[str, object]]:
        """Return the truth about everything on the bench, as plain JSON values."""
        with self._lock:
            self._timeline.catch_up()
            self._world.step()
            devices = {name: station.state() for name, station in self._stations.items()}
            return {**devices, **{name: dut.state() for name, dut in self._layout.duts.items()}}

    @property
    def violations(self) -> list[Violation]:
        """What clients did wrong so far, see `strict`."""
        with self._lock:
            return self._strict.violations

    def fault(self, device: str, fault: Fault) -> None:
        """Arm a fault."""
        with self._lock:
            self._stations[device].arm(fault)

    def clear(self) -> None:
        """Disarm every fault."""
        with self._lock:
            for station in self._stations.values():
                station.disarm()

    def power_cycle(self, device: str) -> None:
        """Switch an instrument off and on again."""
        with self._lock:
            self._timeline.catch_up()
            self._stations[device].power_cycle()

    def commands(self, device: str) -> list[tuple[float, str]]:
        """Return the latest messages an instrument received, oldest first, with their times."""
        with self._lock:
            return list(self._stations[device].commands)
