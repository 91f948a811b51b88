"""A simulated bench on its lines, inside a running event loop.

Puts the instruments of a layout behind the lines that it names, moves the physical world on, and
closes everything it opened. `simulated` runs one on a thread, `program` as a process.
"""

import asyncio
from typing import Any, TypeVar

from funcnodes_simulators.bench.control import Control, ControlServer
from funcnodes_simulators.bench.layout import (
    BenchLayout,
    DeviceLayout,
    build_instrument,
)
from funcnodes_simulators.faults import FaultPlan
from funcnodes_simulators.instruments.models import BenchError
from funcnodes_simulators.lines.hearing import Pulse
from funcnodes_simulators.lines.hislip import HislipServer
from funcnodes_simulators.lines.pty import PtyServer
from funcnodes_simulators.lines.station import Station
from funcnodes_simulators.lines.tcp import TcpServer
from funcnodes_simulators.lines.vxi11 import Vxi11Server
from funcnodes_simulators.physics import FASTEST, SLOWEST, RealClock, ScaledClock, World
from funcnodes_simulators.strict import StrictLog

T = TypeVar("T")

STEP_S = 0.1

Server = TcpServer | PtyServer | HislipServer | Vxi11Server


class RunningBench:
    """A bench on its real lines, inside a running event loop.

    Attributes:
        stations: Its instruments by name.
        strict: What clients did wrong.
    """

    def __init__(
        self,
        layout: BenchLayout,
        *,
        seed: int | None = None,
        control: bool = False,
        port_base: int = 0,
        time_scale: float = 1.0,
    ) -> None:
        """Args:
        time_scale: Seconds of the bench per second. What an instrument is busy with takes so much
            shorter; faults and baud rates are the line's and stay as they are.

        Raises:
            BenchError: The time scale is outside 0.1 to 1000.
        """
        if not SLOWEST <= time_scale <= FASTEST:
            raise BenchError(
                f"a time scale of {time_scale:g} is outside {SLOWEST:g} to {FASTEST:g}"
            )
        self._layout = layout
        self._time_scale = time_scale
        self._world = World(RealClock() if time_scale == 1 else ScaledClock(time_scale), seed)
        self._pulse = Pulse(self._world.clock)
        self._tasks: list[asyncio.Task[None]] = []
        self.strict = StrictLog()
        self.stations: dict[str, Station] = {}
        self._servers: dict[str, Server] = {}
        for index, device in enumerate(layout.devices):
            self._install(device, index, seed=seed, port_base=port_base)
        control_port = port_base + len(layout.devices) if port_base else 0
        self.control = Control(self)
        self._control_server = ControlServer(self.control, port=control_port) if control else None

    @property
    def resources(self) -> dict[str, str]:
        """VISA resource strings by the instrument's name."""
        return {name: server.resource for name, server in self._servers.items()}

    def check(self) -> None:
        """Raise if the bench is strict and a client did something wrong.

        Raises:
            StrictError: Names every command concerned.
        """
        if self._layout.is_strict:
            self.strict.check()

    @property
    def control_address(self) -> str | None:
        """Host and port of the control socket, if there is one."""
        return None if self._control_server is None else self._control_server.address

    def state(self) -> dict[str, Any]:
        """Return the truth about everything on the bench, as plain JSON values."""
        now_s = self._world.step()
        devices = {name: station.state() for name, station in self.stations.items()}
        duts = {name: dut.state() for name, dut in self._layout.duts.items()}
        return {"now": now_s, **devices, **duts}

    async def start(self) -> None:
        """Open every line.

        Raises:
            BenchError: One cannot be opened; those that were are closed again.
        """
        servers = {**self._servers, "control": self._control_server}
        for name, server in servers.items():
            try:
                if server is not None:
                    await server.start()
            except OSError as error:
                await self.stop()
                raise BenchError(f"{name} cannot be served: {error.strerror or error}") from None
        for name, station in self.stations.items():
            for fault in self._layout.faults_of(name):
                station.arm(fault)
        self._tasks = [asyncio.create_task(self._step_forever())]
        if any(station.may_be_deaf for station in self.stations.values()):
            self._tasks.append(asyncio.create_task(self._pulse.beat()))

    async def stop(self) -> None:
        """Close every line."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for station in self.stations.values():
            station.stop()
        for server in self._servers.values():
            await server.stop()
        if self._control_server is not None:
            await self._control_server.stop()
        # Aborted transports close their sockets in callbacks of their own.
        for _ in range(3):
            await asyncio.sleep(0)

    def _install(
        self, device: DeviceLayout, index: int, *, seed: int | None, port_base: int
    ) -> None:
        seed = self._layout.fault_seed if seed is None else seed
        faults = FaultPlan(None if seed is None else seed + index)
        station = Station(
            device.name,
            build_instrument(device, self._layout, self._world, index=index),
            self._world,
            faults=faults,
            most_clients=device.clients,
            time_scale=self._time_scale,
            strict=self.strict,
            gap_s=device.gap_s,
            came_s=self._pulse.came_s,
        )
        self.stations[device.name] = station
        port = device.port or (port_base + index if port_base else 0)
        self._servers[device.name] = _server(device, station, port)

    async def _step_forever(self) -> None:
        while True:
            self._world.step()
            for station in self.stations.values():
                station.look()
            await asyncio.sleep(STEP_S)


def _server(device: DeviceLayout, station: Station, port: int) -> Server:
    match device.serve:
        case "tcp":
            return TcpServer(station, port=port)
        case "hislip":
            return HislipServer(station, port=port)
        case "vxi11":
            return Vxi11Server(station, port=port)
    return PtyServer(station, link=device.link, baud=device.baud)
