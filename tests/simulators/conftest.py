"""Instruments on a clock that only a test moves, and benches on real wires."""

import socket
from collections.abc import Callable, Iterator

import pytest

from funcnodes_simulators import SimulatedBench
from funcnodes_simulators.clock import ManualClock
from funcnodes_simulators.instrument import Instrument
from funcnodes_simulators.keithley2400 import Keithley2400
from funcnodes_simulators.lakeshore335 import LakeShore335
from funcnodes_simulators.physics import DeviceUnderTest, Diode, ThermalStage, World


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
