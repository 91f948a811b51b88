"""RFC 2217: a line behind a network server is set from here, and emergency bytes go through it.

The server is pyserial's own, on a real socket, its port a pseudo-terminal with an instrument.
"""

import contextlib
import os
import select
import socket
import threading
import tty
from collections.abc import Iterator
from typing import Any

import pytest
import serial
from serial.rfc2217 import PortManager

from funcnodes.devices import discovery
from funcnodes.devices.addresses import AllowList, SerialOptions, parse
from funcnodes.devices.declarations.controls import control
from funcnodes.devices.declarations.drivers import ScpiDevice, driver
from funcnodes.devices.estop.emergency import strike
from funcnodes.devices.link import Link
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.transports.choose import transport_for
from funcnodes.devices.transports.rfc2217 import Telnet, escaped
from funcnodes.errors import DeviceConnectError
from funcnodes.testing.benches import bench_of

from ...waiting import patience, until


class Port(serial.Serial):  # type: ignore[misc]  # pyserial has no types
    """A port whose control lines are noted: a pseudo-terminal has none."""

    lines: dict[str, bool]

    def _update_dtr_state(self) -> None:
        self.__dict__.setdefault("lines", {})["dtr"] = self._dtr_state

    def _update_rts_state(self) -> None:
        self.__dict__.setdefault("lines", {})["rts"] = self._rts_state

    cts = dsr = ri = cd = True


class Server:
    """An RFC 2217 server with one port, and the instrument on it."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.mute = False
        self.is_off = threading.Event()
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self._slave = slave
        self.serial = Port(os.ttyname(slave), timeout=0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=each) for each in (self._serve, self._answer)]
        for thread in self._threads:
            thread.start()

    @property
    def address(self) -> str:
        return f"rfc2217://127.0.0.1:{self.port}"

    @property
    def speed(self) -> int:
        return int(self.serial.baudrate)

    def close(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()
        self.serial.close()
        os.close(self._slave)
        os.close(self._master)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            if select.select([self._listener], [], [], 0.02)[0]:
                connection, _ = self._listener.accept()
                with connection:
                    self._carry(connection)

    def _carry(self, connection: socket.socket) -> None:
        class Out:
            def write(self, data: bytes) -> None:
                connection.sendall(data)

        manager = PortManager(self.serial, Out())
        with contextlib.suppress(OSError):
            while not self._stopping.is_set():
                ready = select.select([connection, self.serial], [], [], 0.02)[0]
                if connection in ready:
                    data = connection.recv(1024)
                    if not data:
                        return
                    self.serial.write(b"".join(manager.filter(data)))
                if self.serial in ready:
                    connection.sendall(b"".join(manager.escape(self.serial.read(1024))))

    def _answer(self) -> None:
        got = b""
        while not self._stopping.is_set():
            if not select.select([self._master], [], [], 0.02)[0]:
                continue
            *lines, got = (got + os.read(self._master, 1024)).split(b"\n")
            for line in lines:
                self.received.append(line.decode("latin-1"))
                if line == b":OUTP 0":
                    self.is_off.set()
                reply = {b"*IDN?": b"ACME,ONE,7,1.0", b":OUTP?": b"0", b"X?": b"\xff\xfe"}.get(line)
                if reply is not None and not self.mute:
                    os.write(self._master, reply + b"\n")


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


@driver(
    "acme.behind", title="Behind a server", errors="", encoding="latin-1", manual="m",
    serial=SerialOptions(baud=57600),
)  # fmt: skip
class Behind(ScpiDevice):
    """Has an output."""

    output = control(bool, ":OUTP?", ":OUTP {v:d}", safe=False)


def channel(server: Server, options: str = "") -> Any:
    address = parse(f"{server.address}{options}")
    return transport_for(address, Protocol(), AllowList())


async def test_the_line_is_set_as_the_address_says(server: Server) -> None:
    wire = channel(server, "?baud=19200&stop=2&flow=xonxoff&dtr=low&rts=high")
    await wire.open()
    await until(lambda: server.serial.lines.get("dtr") is False)
    assert (server.speed, server.serial.stopbits, server.serial.xonxoff) == (19200, 2, True)
    assert server.serial.lines["rts"] is True
    await wire.write(b"*IDN?\n")
    assert await wire.read_until(b"\n") == b"ACME,ONE,7,1.0\n"
    await wire.close()


async def test_bytes_that_mean_something_to_telnet_pass_as_they_are(server: Server) -> None:
    wire = channel(server)
    await wire.open()
    await wire.write(b"X?\n\xff\n")
    assert await wire.read_until(b"\n") == b"\xff\xfe\n"
    await until(lambda: "\xff" in server.received)
    block = bytearray(14)
    await wire.write(b"*IDN?\n")
    await wire.read_into(memoryview(block))
    assert block == b"ACME,ONE,7,1.0"
    await wire.close()


async def test_a_driver_s_line_settings_are_carried_and_the_address_goes_before(
    server: Server,
) -> None:
    async with bench_of({"it": (Behind, server.address)}) as bench:
        assert bench.device("it").is_online, bench.device("it").message
        assert server.speed == 57600
    async with bench_of({"it": (Behind, f"{server.address}?baud=4800")}) as bench:
        assert bench.device("it").is_online, bench.device("it").message
        assert server.speed == 4800


async def test_a_server_that_lends_no_settings_is_told_apart(gadget: Any) -> None:
    link = Link(
        "it", transport_for(parse(f"rfc2217://127.0.0.1:{gadget.port}"), Protocol(), AllowList()),
        Protocol(connect_s=patience()),
    )  # fmt: skip
    with pytest.raises(DeviceConnectError, match="does not answer as an RFC 2217 server") as caught:
        await link.open()
    assert "tcp:HOST:PORT" in caught.value.hint
    await link.close()


async def test_who_is_there_is_asked_through_a_server_too(server: Server) -> None:
    found = await discovery.identify(parse(f"{server.address}?baud=9600"), timeout_s=patience())
    assert (found.identity.model, found.eol) == ("ONE", "\n")


# ── emergencies, on every layer (S3) ──────────────────────────────────────────────────────


async def test_the_loop_stops_it_and_reads_back_that_it_is_off(server: Server) -> None:
    async with bench_of({"it": (Behind, server.address)}) as bench:
        (ack,) = await bench.estop("test", by="test")
        assert (ack.state, ack.message) == ("off", "Output off.")
        assert ":OUTP 0" in server.received


async def test_the_guard_thread_stops_it_while_the_loop_hangs(server: Server) -> None:
    async with bench_of({"it": (Behind, server.address)}) as bench:
        fired = []
        thread = threading.Thread(target=lambda: fired.extend(bench.emergency.fire()))
        thread.start()
        assert server.is_off.wait(patience())  # the loop hangs meanwhile
        thread.join()
        assert ":OUTP 0" in server.received
        assert [(each.device, each.ms is not None) for each in fired] == [("it", True)]


@pytest.mark.parametrize("is_mute", [False, True])
async def test_the_guardian_opens_sets_and_stops_it(server: Server, is_mute: bool) -> None:
    async with bench_of({"it": (Behind, f"{server.address}?baud=38400")}) as bench:
        (target,) = bench.emergency.targets("on_estop")
    server.mute = is_mute
    server.serial.baudrate = 9600
    struck = strike(target, within_s=patience(2))
    assert struck.sent, struck.message
    await until(lambda: ":OUTP 0" in server.received)
    assert server.speed == 38400


# ── telnet's commands between bytes ───────────────────────────────────────────────────────


@pytest.mark.parametrize("step", [1, 2, 3, 100])
def test_commands_are_taken_out_however_the_bytes_are_cut(step: int) -> None:
    telnet, found, commands = Telnet(), b"", []
    stream = b"1.5\xff\xfb\x2c\xff\xfa\x2c\x65\xff\xff\0\0\x01\xff\xf0"
    stream += escaped(b"\xff2\n") + b"\xff\xf1x"
    for at in range(0, len(stream), step):
        plain, more = telnet.decode(stream[at : at + step])
        found += plain
        commands += more
    assert found == b"1.5\xff2\nx"
    assert [(each.verb, each.option, each.said) for each in commands] == [
        (251, 44, b""), (250, 44, b"\x65\xff\0\0\x01"),
    ]  # fmt: skip
