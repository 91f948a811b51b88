"""Instruments on a clock that only a test moves, and benches on real wires."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any, Protocol

import pytest
import pyvisa
import serial

from funcnodes_simulators import SimulatedBench
from funcnodes_simulators.faults import FaultPlan
from funcnodes_simulators.instruments.contract import Instrument
from funcnodes_simulators.keithley.smu2400 import Keithley2400
from funcnodes_simulators.lakeshore.model335 import LakeShore335
from funcnodes_simulators.lines.station import Station
from funcnodes_simulators.physics import (
    DeviceUnderTest,
    Diode,
    ManualClock,
    RealClock,
    ThermalStage,
    World,
)
from funcnodes_simulators.scpi import Execution, ScpiInterpreter, String, definite_block

from .. import waiting
from ..waiting import patience


class Dialogue:
    """Talks to an instrument without a wire; time passes only while it is busy."""

    def __init__(self, instrument: Instrument, clock: ManualClock) -> None:
        self.instrument = instrument
        self._clock = clock
        self.busy_s = 0.0

    def __call__(self, message: str) -> str | None:
        reply = self.raw(message)
        return None if reply is None else reply.decode("ascii")

    def raw(self, message: str) -> bytes | None:
        execution = self.instrument.execute(message)
        self.busy_s = 0.0
        while True:
            try:
                pause_s = next(execution)
            except StopIteration as end:
                reply: bytes | None = end.value
                return reply
            self._clock.advance(pause_s)
            self.busy_s += pause_s

    def floats(self, message: str) -> list[float]:
        reply = self(message)
        assert reply is not None, f"no reply to {message!r}"
        return [float(field) for field in reply.split(",")]


class Client:
    """A bare TCP socket that speaks lines."""

    def __init__(self, address: str) -> None:
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=5)
        self.file = self.socket.makefile("rb")

    def write(self, text: str) -> None:
        self.socket.sendall(text.encode() + b"\n")

    def read(self) -> bytes:
        return self.file.readline()

    def query(self, text: str) -> str:
        self.write(text)
        return self.read().decode("ascii").strip()

    def is_cut_off(self) -> bool:
        """Wait for the next line or the end of the connection, and tell which it was."""
        try:
            return not self.read()
        except ConnectionError:
            return True

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class RawLine:
    """An open TCP port or terminal of an instrument."""

    def __init__(
        self,
        send: Callable[[bytes], object],
        receive: Callable[[], bytes],
        close: Callable[[], object],
    ) -> None:
        self.send = send
        self.receive = receive
        self.close = close
        self._early = b""

    def read_until(self, end: bytes) -> bytes:
        """Return what comes, up to and with these bytes."""
        data = self._early
        while end not in data:
            piece = self.receive()
            assert piece, f"{data!r} came, and no {end!r}"
            data += piece
        cut = data.index(end) + len(end)
        self._early = data[cut:]
        return data[:cut]

    def read(self, count: int) -> bytes:
        """Return so many bytes."""
        while len(self._early) < count:
            piece = self.receive()
            assert piece, f"{len(self._early)} of {count} bytes came"
            self._early += piece
        data, self._early = self._early[:count], self._early[count:]
        return data

    def ask(self, message: bytes, end: bytes = b"\n") -> bytes:
        self.send(message)
        return self.read_until(end)


MEGABYTE = bytes(range(256)) * 4096


class Scope:
    """A SCPI instrument with a waveform of 1 MB, a query that takes long and a trigger counter."""

    terminator = b"\n"
    input_limit_bytes = 2 << 20

    def __init__(self) -> None:
        self.triggers = 0
        self._scpi = ScpiInterpreter("ACME,SCOPE,SIM1,1.0", reset=lambda: None)
        self._scpi.declare(":WAVeform:DATA?", lambda: definite_block(MEGABYTE))
        self._scpi.declare(":LONG?", self._long)
        self._scpi.declare(":LABel", lambda text: None, String())
        self._scpi.declare("*TRG", self._trigger)
        self._scpi.declare(":TRIGger:COUNt?", lambda: str(self.triggers))

    def execute(self, message: str) -> Execution:
        return self._scpi.execute(message)

    def interrupts(self, message: str) -> bool:
        return False

    def interrupted(self) -> None:
        self._scpi.interrupted()

    def overrun(self) -> None:
        self._scpi.overrun()

    def deadlocked(self) -> None:
        self._scpi.deadlocked()

    def status_byte(self, *, has_output: bool) -> int:
        return self._scpi.status.status_byte(has_output=has_output)

    def power_cycle(self) -> None:
        self._scpi.status.clear()

    def state(self) -> dict[str, object]:
        return {"triggers": self.triggers}

    def _long(self) -> Generator[float, None, str]:
        yield 60.0
        return "at last"

    def _trigger(self) -> None:
        self.triggers += 1


class Server(Protocol):
    @property
    def resource(self) -> str: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Wired:
    """A `Scope` on a wire; everything here may be called from the test's thread.

    Attributes:
        resource: Its VISA address.
        station: What stands between; ask it through `state` and `faults` alone.
    """

    def __init__(self, serve: Callable[[Station], Server], *, clients: int = 1) -> None:
        self.scope = Scope()
        self.station = Station(
            "scope",
            self.scope,
            World(RealClock()),
            faults=FaultPlan(seed=1),
            most_clients=clients,
        )
        self.server = serve(self.station)
        self._loop = asyncio.new_event_loop()
        self.problems: list[str] = []
        self._loop.set_exception_handler(lambda _, context: self.problems.append(str(context)))
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.call(self.server.start())

    @property
    def resource(self) -> str:
        return self.server.resource

    @property
    def port(self) -> int:
        return int(self.resource.split(",")[1].split("::")[0])

    def call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(2 * patience())

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait in the server's loop until something is so there."""

        self.call(waiting.until(is_so))

    def has_received(self, text: str) -> None:
        """Wait until this is the last message that came in."""
        commands = self.station.commands
        self.until(lambda: bool(commands) and commands[-1][1] == text)

    def power_cycle(self) -> None:
        async def cycle() -> None:
            self.station.power_cycle()

        self.call(cycle())

    def close(self) -> None:
        self.call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(patience())
        self._loop.close()
        assert self.problems == []

    async def _stop(self) -> None:
        self.station.stop()
        await self.server.stop()
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1


@pytest.fixture
def wire_up() -> Iterator[Callable[..., Wired]]:
    """Serve a `Scope` on a wire; all are closed at the end, and must have had no problem."""
    wired: list[Wired] = []

    def wire_up(serve: Callable[[Station], Server], *, clients: int = 1) -> Wired:
        wired.append(Wired(serve, clients=clients))
        return wired[-1]

    yield wire_up
    for each in wired:
        each.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def dut() -> DeviceUnderTest:
    return DeviceUnderTest(Diode())


@pytest.fixture
def stage() -> ThermalStage:
    return ThermalStage()


@pytest.fixture
def smu(clock: ManualClock, dut: DeviceUnderTest) -> Dialogue:
    return Dialogue(Keithley2400(World(clock, seed=1), dut), clock)


@pytest.fixture
def tc(clock: ManualClock, stage: ThermalStage) -> Dialogue:
    return Dialogue(LakeShore335(World(clock, seed=1), stage), clock)


@pytest.fixture
def bench() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=1, control=True) as running:
        yield running


@pytest.fixture
def visa() -> Iterator[pyvisa.ResourceManager]:
    manager = pyvisa.ResourceManager("@py")
    yield manager
    manager.close()


@pytest.fixture
def open_line(connect: Callable[[str], Client]) -> Iterator[Callable[[str], Any]]:
    """Open the raw line of an instrument, whichever it is: `send` and `receive` bytes."""
    terminals: list[serial.Serial] = []

    def open_line(resource: str) -> RawLine:
        if not resource.startswith("ASRL"):
            client = connect(resource)
            return RawLine(client.socket.sendall, lambda: client.socket.recv(4096), client.close)
        path = resource.removeprefix("ASRL").removesuffix("::INSTR")
        terminals.append(serial.Serial(path, timeout=5))
        port = terminals[-1]
        return RawLine(port.write, lambda: port.read(max(1, port.in_waiting)), port.close)

    yield open_line
    for terminal in terminals:
        terminal.close()


@pytest.fixture(scope="session")
def keep_gap() -> Callable[[Any], None]:
    """Have a PyMeasure adapter wait before it writes, as a Lake Shore's manual asks of users."""

    def keep(adapter: Any, gap_s: float = 0.06) -> None:
        write, read = adapter._write, adapter._read
        spoke_s = [time.monotonic()]  # somebody else may have, just now

        def write_after_gap(command: str, **options: Any) -> None:
            time.sleep(max(0.0, spoke_s[0] + gap_s - time.monotonic()))
            write(command, **options)
            spoke_s[0] = time.monotonic()

        def read_and_note(**options: Any) -> str:
            found: str = read(**options)
            spoke_s[0] = time.monotonic()
            return found

        adapter._write, adapter._read = write_after_gap, read_and_note

    return keep


@pytest.fixture
def connect() -> Iterator[Callable[[str], Client]]:
    """Open a client to a VISA socket resource or a host:port; all are closed at the end."""
    clients: list[Client] = []

    def open_client(address: str) -> Client:
        parts = address.split("::")
        clients.append(Client(f"{parts[1]}:{parts[2]}" if len(parts) > 2 else address))
        return clients[-1]

    yield open_client
    for client in clients:
        client.close()
