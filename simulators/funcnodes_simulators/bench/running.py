"""A simulated bench: instruments, what they are wired to, and the wires that lead to them.

`SimulatedBench.start` serves one on a thread of this process, for tests; `serve` is the whole of
the program, until its standard input ends or it is asked to stop. Layouts and their file format are
`layout`'s.
"""

import asyncio
import json as json_format
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, TypeVar

from funcnodes_simulators.bench.control import Control, ControlServer
from funcnodes_simulators.bench.layout import (
    BenchLayout,
    DeviceLayout,
    build_instrument,
    load_layout,
)
from funcnodes_simulators.faults import FaultPlan
from funcnodes_simulators.instruments.models import BenchError
from funcnodes_simulators.lines.hislip import HislipServer
from funcnodes_simulators.lines.pty import PtyServer, TcpServer
from funcnodes_simulators.lines.station import Station
from funcnodes_simulators.lines.vxi11 import Vxi11Server
from funcnodes_simulators.physics import FASTEST, SLOWEST, RealClock, ScaledClock, World
from funcnodes_simulators.strict import StrictError, StrictLog, Violation

T = TypeVar("T")

STEP_S = 0.1
CALL_TIMEOUT_S = 30.0
STOPPING = (signal.SIGTERM, signal.SIGINT)
FAILED = 1
USAGE_ERROR = 2

Server = TcpServer | PtyServer | HislipServer | Vxi11Server


class RunningBench:
    """A bench on its real wires, inside a running event loop.

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
            shorter; faults and baud rates are the wire's and stay as they are.

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
        self._stepping: asyncio.Task[None] | None = None
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
        """Open every wire.

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
        self._stepping = asyncio.create_task(self._step_forever())

    async def stop(self) -> None:
        """Close every wire."""
        if self._stepping is not None:
            self._stepping.cancel()
            await asyncio.gather(self._stepping, return_exceptions=True)
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


class SimulatedBench:
    """A bench served by a background thread of this process; closed as a context manager.

    with SimulatedBench.start("demo") as bench:
        bench.resources["smu"]
        bench.fault("smu", "drop", match=":READ")
        bench.wait("smu", "output", False)
    """

    def __init__(self, running: RunningBench, loop: asyncio.AbstractEventLoop) -> None:
        self._running = running
        self._loop = loop
        self._thread = threading.Thread(target=loop.run_forever, name="simulators", daemon=True)

    @classmethod
    def start(
        cls,
        bench: str = "demo",
        *,
        seed: int | None = None,
        control: bool = False,
        time_scale: float = 1.0,
        faults: str | Path | None = None,
        strict: bool = False,
    ) -> "SimulatedBench":
        """Serve a bench and return once every wire is open.

        Args:
            bench: `demo`, or the path of a bench file.
            seed: Makes noise and faults repeat.
            control: Whether to open the control socket too.
            time_scale: Seconds of the bench per second, 0.1 to 1000.
            faults: A file with what goes wrong, see `fault_files`.
            strict: Raise in `close` if a client did something wrong, see `strict`.

        Raises:
            BenchError: There is no such bench, it cannot be served, or not at this scale.
        """
        layout = load_layout(bench, faults=faults, strict=strict)
        running = RunningBench(layout, seed=seed, control=control, time_scale=time_scale)
        simulated = cls(running, asyncio.new_event_loop())
        simulated._thread.start()
        try:
            simulated._call(running.start())
        except BaseException:
            simulated._end_thread()
            raise
        return simulated

    @property
    def resources(self) -> dict[str, str]:
        """VISA resource strings by the instrument's name."""
        return self._running.resources

    @property
    def control(self) -> str | None:
        """Host and port of the control socket, if there is one."""
        return self._running.control_address

    def request(self, do: str, **arguments: object) -> dict[str, Any]:
        """Ask what the control socket can be asked.

        Raises:
            ValueError: It made no sense, or a wait ran out; the message says why.
        """
        answer = self._call(self._running.control.answer({"do": do, **arguments}))
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer

    def state(self) -> dict[str, Any]:
        """Return the truth about everything on the bench."""
        return self.request("state")

    def fault(self, device: str, kind: str, **details: object) -> None:
        """Arm a fault; see `faults.Fault` for the details it takes."""
        self.request("fault", device=device, kind=kind, **details)

    def clear(self) -> None:
        """Disarm every fault."""
        self.request("clear")

    def power_cycle(self, device: str) -> None:
        """Switch an instrument off and on again."""
        self.request("power_cycle", device=device)

    def commands(self, device: str) -> list[str]:
        """Return the messages an instrument received, oldest first."""
        return [text for _, text in self.request("commands", device=device)["commands"]]

    def wait(self, device: str, path: str, equals: object, *, timeout_s: float = 5.0) -> None:
        """Wait until part of the true state has a value.

        Raises:
            ValueError: It had not within `timeout_s`.
        """
        self.request("wait", device=device, path=path, equals=equals, timeout_s=timeout_s)

    @property
    def violations(self) -> list[Violation]:
        """What clients did wrong so far, on a bench that is strict and on any other."""
        return self._running.strict.violations

    def forgive(self) -> None:
        """Forget what clients did wrong so far."""
        self._running.strict.clear()

    def close(self) -> None:
        """Close every wire and end the thread; harmless the second time.

        Raises:
            StrictError: The bench is strict, and a client did something wrong.
        """
        if self._thread.is_alive():
            self._call(self._running.stop())
            self._end_thread()
            self._running.check()

    def __enter__(self) -> "SimulatedBench":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except StrictError as found:
            if error is None:
                raise
            error.add_note(str(found))

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result()

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_TIMEOUT_S)
        self._loop.close()


def serve(
    bench: str,
    *,
    json: bool,
    control: bool,
    seed: int | None = None,
    port_base: int = 0,
    time_scale: float = 1.0,
    faults: str | None = None,
    strict: bool = False,
) -> int:
    """Serve a bench until standard input ends or the process is asked to stop.

    Args:
        bench: `demo`, or the path of a bench file.
        json: Print the addresses as one JSON object instead of a list.
        control: Open the control socket too.
        seed: Makes noise and faults repeat.
        port_base: First TCP port to use, counted up per device; free ports when 0.
        time_scale: Seconds of the bench per second, 0.1 to 1000.
        faults: A file with what goes wrong, see `fault_files`.
        strict: Fail if a client does something wrong, see `strict`.

    Returns:
        The exit code: 0, 2 with one sentence on standard error if the bench cannot be served, or 1
        with a sentence for each thing that a client did wrong to a strict one.
    """
    try:
        layout = load_layout(bench, faults=faults, strict=strict)
        running = RunningBench(
            layout, seed=seed, control=control, port_base=port_base, time_scale=time_scale
        )
        asyncio.run(_serve(running, lambda: _announce(running, sys.stdout, as_json=json)))
        running.check()
    except BenchError as error:
        print(error, file=sys.stderr)
        return USAGE_ERROR
    except StrictError as error:
        print(error, file=sys.stderr)
        return FAILED
    return 0


async def _serve(running: RunningBench, announce: Callable[[], None]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, stopped.set)
    await running.start()
    try:
        announce()
        threading.Thread(target=_watch_stdin, args=(loop, stopped), daemon=True).start()
        await stopped.wait()
    finally:
        await running.stop()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    """Read standard input to its end, on a thread: any kind of file may stand there."""
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    try:
        loop.call_soon_threadsafe(stopped.set)
    except RuntimeError:
        return


def _announce(running: RunningBench, out: TextIO, *, as_json: bool) -> None:
    if as_json:
        line = {"resources": running.resources, "control": running.control_address}
        print(json_format.dumps(line), file=out, flush=True)
        return
    for name, resource in running.resources.items():
        print(f"{name:<12} {resource}", file=out)
    if running.control_address is not None:
        print(f"{'control':<12} {running.control_address}", file=out)
    print("Serving until standard input ends (Ctrl-D) or Ctrl-C.", file=out, flush=True)
