"""The simulated bench as a process of its own, and a small instrument under the test's control."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from funcnodes.devices.addresses import Address, parse
from funcnodes.devices.transports import Transport
from funcnodes.devices.transports.serial import SerialTransport
from funcnodes.devices.transports.tcp import TcpTransport
from funcnodes.devices.transports.visa import VisaTransport

from ..waiting import patience

LAYOUT = """
[stage.sample]
[dut.diode]
kind = "diode"
[device.smu]
model = "keithley2400"
dut = "diode"
serve = "tcp"
[device.tc]
model = "lakeshore335"
stage = "sample"
serve = "pty"
link = "{link}"
"""


class Simulator:
    """The demo's bench, its terminal under a fixed name, with a control socket."""

    def __init__(self, folder: Path, *, more: str = "") -> None:
        """Args:
        more: Keys of the terminal's instrument.
        """
        layout = folder / "bench.toml"
        layout.write_text(LAYOUT.format(link=folder / "tc") + more)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "funcnodes_simulators", str(layout), "--json", "--control"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        first = json.loads(self.process.stdout.readline())
        self.resources: dict[str, str] = first["resources"]
        host, _, port = first["control"].rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._lines = self._socket.makefile("rb")

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """One request on the control socket."""
        self._socket.sendall(json.dumps({"do": do, **arguments}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(self._lines.readline())
        assert "error" not in answer, answer
        return answer

    def state(self, device: str) -> dict[str, Any]:
        return self.ask("state", device=device)

    def fault(self, device: str, kind: str, **details: Any) -> None:
        self.ask("fault", device=device, kind=kind, **details)

    def commands(self, device: str, since: float = 0.0) -> list[str]:
        """What the instrument received after `since`, oldest first; it remembers 1000."""
        received = self.ask("commands", device=device)["commands"]
        return [text for at_s, text in received if at_s > since]

    def now(self) -> float:
        """The present on the clock of `commands`."""
        return float(self.ask("state")["now"])

    def wait(self, device: str, path: str, equals: Any) -> None:
        """Block until the true state is so."""
        self.ask("wait", device=device, path=path, equals=equals, timeout_s=patience())

    def reset(self) -> None:
        self.ask("clear")
        for device in self.resources:
            self.ask("power_cycle", device=device)

    def close(self) -> None:
        self._lines.close()
        self._socket.close()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(patience())
        self.process.stdout.close()


@pytest.fixture(scope="session")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    # Less than the 50 ms that the driver leaves: a busy machine hears late what was said in time.
    simulator = Simulator(tmp_path_factory.mktemp("simulator"), more="gap_s = 0.02\n")
    yield simulator
    simulator.close()


@pytest.fixture
def simulator(simulator_process: Simulator) -> Iterator[Simulator]:
    """The simulated bench, as it was when it was switched on."""
    simulator_process.reset()
    yield simulator_process
    simulator_process.ask("clear")


@pytest.fixture(scope="session")
def patient_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path_factory.mktemp("patient"), more="gap_s = 0\n")
    yield simulator
    simulator.close()


@pytest.fixture
def patient_simulator(patient_process: Simulator) -> Iterator[Simulator]:
    """The same bench with a controller that hears whatever comes, however soon."""
    patient_process.reset()
    yield patient_process
    patient_process.ask("clear")


@dataclass
class Gadget:
    """A TCP instrument that a test programs: what it answers, to whom, and when.

    A reply of None is silence. `received` holds every line in order.
    """

    replies: dict[str, str | None] = field(default_factory=dict)
    received: list[str] = field(default_factory=list)
    port: int = 0
    connections: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"TCPIP0::127.0.0.1::{self.port}::SOCKET"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
            self.drop()
            await self._server.wait_closed()
            self._server = None

    def drop(self) -> None:
        """Close every connection, not the port."""
        for writer in tuple(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                command = line.decode().strip()
                if not command:
                    continue
                self.received.append(command)
                reply = self.replies.get(command)
                if reply is not None:
                    writer.write(reply.encode() + b"\n")
        finally:
            self._writers.discard(writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@pytest_asyncio.fixture
async def gadget() -> AsyncIterator[Gadget]:
    """An instrument named ACME 1 with serial number 7 and an empty error queue."""
    gadget = Gadget({"*IDN?": "ACME,ONE,7,1.0", ":SYST:ERR?": '0,"No error"', "X?": "1.5"})
    await gadget.start()
    yield gadget
    await gadget.stop()


def channel_to(address: str) -> Transport:
    """The transport that a bench would open."""
    parsed: Address = parse(address)
    if parsed.kind == "tcp":
        return TcpTransport(parsed)
    if parsed.kind == "serial":
        return SerialTransport(parsed)
    return VisaTransport(parsed)


@pytest.fixture
def open_channel() -> Any:
    """`channel_to`, for tests that make their own links."""
    return channel_to
