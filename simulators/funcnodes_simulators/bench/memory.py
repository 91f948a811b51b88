"""A simulated bench without lines, threads or an event loop, on whatever clock it is given.

Each instrument has a `MemoryPort`. With a clock that jumps, hours of an experiment pass in seconds
and come out as they would have. Queues, faults and instruments are those of real lines.
"""

import threading
from pathlib import Path

from funcnodes_simulators.bench.layout import build_instrument, load_layout
from funcnodes_simulators.faults import Fault, FaultPlan
from funcnodes_simulators.lines.memory import MemoryPort, Timeline
from funcnodes_simulators.lines.station import Station
from funcnodes_simulators.physics import Clock, World
from funcnodes_simulators.strict import StrictLog, Violation


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
        faults: A file with what goes wrong, see `faults.files`.

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
                gap_s=device.gap_s,
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

    def power_cycle(self, device: str, *, off_s: float = 0.0) -> None:
        """Switch an instrument off, for so many seconds, and on again."""
        with self._lock:
            self._timeline.catch_up()
            self._stations[device].power_cycle(off_s=off_s)

    def commands(self, device: str) -> list[tuple[float, str]]:
        """Return the latest messages an instrument received, oldest first, with their times."""
        with self._lock:
            return list(self._stations[device].commands)
