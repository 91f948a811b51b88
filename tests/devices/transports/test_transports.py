"""Every kind of channel keeps the same promises, over real sockets and a real pty."""

import asyncio
import os
import socket
import threading
import time
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import pytest
import pytest_asyncio

from funcnodes.devices.addresses import Address, AllowList, SerialOptions, parse
from funcnodes.devices.transports import Transport
from funcnodes.devices.transports.base import LIMIT
from funcnodes.devices.transports.memory import ScriptedTransport
from funcnodes.devices.transports.serial import SerialTransport
from funcnodes.devices.transports.tcp import TcpTransport
from funcnodes.devices.transports.visa import VisaTransport
from funcnodes.errors import (
    AddressError,
    DeviceBusyError,
    DeviceClosed,
    DeviceConnectError,
    ReplyError,
)

Limit = Callable[[float], float]


class Peer:
    """The instrument's end of a wire, by hand: a socket that listens, or a pty's master."""

    def __init__(self, kind: str) -> None:
        self.is_pty = kind.endswith("pty")
        if self.is_pty:
            self.master, self.slave = os.openpty()
            tty.setraw(self.slave)
            address = f"ASRL{os.ttyname(self.slave)}::INSTR"
        else:
            self.listener = socket.create_server(("127.0.0.1", 0))
            address = f"TCPIP0::127.0.0.1::{self.listener.getsockname()[1]}::SOCKET"
        self.address = parse(f"visa:{address}" if kind.startswith("visa") else address)
        self.client: socket.socket | None = None

    def accept(self) -> None:
        if not self.is_pty:
            self.client = self.listener.accept()[0]

    def send(self, data: bytes) -> None:
        if self.client is not None:
            self.client.sendall(data)
        else:
            os.write(self.master, data)

    def receive(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self.client.recv(4096) if self.client else os.read(self.master, 4096)
        return data

    def hang_up(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None
        elif self.is_pty:
            os.close(self.master)
            self.master = -1

    def close(self) -> None:
        if self.is_pty:
            with suppress(OSError):
                os.close(self.master)
            os.close(self.slave)
        else:
            self.hang_up()
            self.listener.close()


def channel(address: Address) -> Transport:
    kinds: dict[str, Callable[[Address], Transport]] = {
        "tcp": TcpTransport, "serial": SerialTransport, "visa": VisaTransport,
    }  # fmt: skip
    return kinds[address.kind](address)


@pytest.fixture(params=["tcp", "pty", "visa tcp", "visa pty"])
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    peer = Peer(request.param)
    yield peer
    peer.close()


@pytest_asyncio.fixture
async def wire(peer: Peer) -> AsyncIterator[Transport]:
    transport = channel(peer.address)
    await transport.open()
    peer.accept()
    yield transport
    await transport.close()


async def test_bytes_go_both_ways(peer: Peer, wire: Transport) -> None:
    await wire.write(b"X?\n")
    assert peer.receive(3) == b"X?\n"
    peer.send(b"1.5\n2.5\n")
    assert await wire.read_until(b"\n") == b"1.5\n"
    assert await wire.read_until(b"\n") == b"2.5\n"


async def test_a_terminator_of_two_bytes_may_come_in_two_pieces(
    peer: Peer, wire: Transport
) -> None:
    reading = asyncio.create_task(wire.read_until(b"\r\n"))
    peer.send(b"abc\r")
    await asyncio.sleep(0)
    peer.send(b"\nrest")
    assert await reading == b"abc\r\n"
    assert await wire.read_exactly(4) == b"rest"


async def test_a_block_is_read_by_its_length(peer: Peer, wire: Transport) -> None:
    block = bytes(range(256)) * 64
    sender = threading.Thread(target=peer.send, args=(block,))
    sender.start()
    assert await wire.read_exactly(len(block)) == block
    sender.join()


async def test_a_closed_channel_rejects_reads_and_writes(peer: Peer, wire: Transport) -> None:
    await wire.close()
    assert not wire.is_open
    with pytest.raises(DeviceClosed):
        await wire.write(b"X?\n")
    with pytest.raises(DeviceClosed):
        await wire.read_until(b"\n")
    await wire.close()


async def test_a_peer_that_closes_is_noticed_by_who_reads(
    peer: Peer, wire: Transport, limit: Limit
) -> None:
    reading = asyncio.create_task(wire.read_until(b"\n"))
    peer.send(b"half")
    await asyncio.sleep(0)
    began = time.monotonic()
    peer.hang_up()
    with pytest.raises(DeviceClosed):
        await reading
    assert time.monotonic() - began < limit(1.0)


async def test_a_line_that_never_ends_is_bounded(peer: Peer, wire: Transport) -> None:
    sender = threading.Thread(target=peer.send, args=(b"x" * 5000,))
    sender.start()
    with pytest.raises(ReplyError, match="without an end of line"):
        await wire.read_until(b"\n", limit=4096)
    sender.join()


async def test_an_absurd_block_is_refused_before_it_is_read(wire: Transport) -> None:
    with pytest.raises(ReplyError, match="a block of 1099511627776 bytes"):
        await wire.read_exactly(1 << 40)


async def test_emergency_bytes_pass_a_pending_read_from_another_thread(
    peer: Peer, wire: Transport, limit: Limit
) -> None:
    """S3: within the transport's documented time, while the loop is stuck."""
    reading = asyncio.create_task(wire.read_until(b"\n"))
    await asyncio.sleep(0.01)
    took: list[float] = []

    def strike() -> None:
        began = time.monotonic()
        assert wire.emergency_write(b"\n:OUTP OFF\n")
        assert peer.receive(11) == b"\n:OUTP OFF\n"
        took.append(time.monotonic() - began)

    thread = threading.Thread(target=strike)
    thread.start()
    thread.join()  # the loop stands still until the bytes have arrived
    assert took[0] < limit(0.1)
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading


async def test_emergency_bytes_on_a_closed_channel_are_reported_unsent(wire: Transport) -> None:
    await wire.close()
    assert not wire.emergency_write(b"\n:OUTP OFF\n")


async def test_a_pty_reopens_at_seven_bits_and_odd_parity(peer: Peer) -> None:
    if not peer.is_pty:
        peer.address = parse("tcp:127.0.0.1:1")
        return
    options = SerialOptions(baud=57600, bits=7, parity="odd", stop=1)
    for _ in range(3):
        transport: Transport = (
            SerialTransport(peer.address, options)
            if peer.address.kind == "serial"
            else VisaTransport(peer.address, serial=options)
        )
        await transport.open()
        await transport.write(b"X\n")
        assert peer.receive(2) == b"X\n"
        await transport.close()


@pytest.mark.parametrize("form", ["tcp:127.0.0.1:{}", "visa:TCPIP0::127.0.0.1::{}::SOCKET"])
async def test_a_refused_port_is_one_sentence(form: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(
        DeviceConnectError, match=f"no connection to 127.0.0.1 port {port}: connection refused"
    ):
        await channel(parse(form.format(port))).open()


@pytest.mark.parametrize("form", ["tcp:{}:5025", "visa:TCPIP0::{}::5025::SOCKET"])
async def test_a_host_outside_the_allow_list_is_never_dialled(form: str) -> None:
    address = parse(form.format("127.0.0.1"))
    allow = AllowList(("10.0.0.0/8",))
    transport: Transport = (
        TcpTransport(address, allow)
        if address.kind == "tcp"
        else VisaTransport(address, allow=allow)
    )
    with pytest.raises(AddressError, match="not among the allowed hosts"):
        await transport.open()


async def test_a_serial_line_that_is_missing_or_taken_says_so() -> None:
    with pytest.raises(DeviceConnectError, match="there is no /dev/ttyNONE"):
        await channel(parse("serial:/dev/ttyNONE")).open()
    master, slave = os.openpty()
    try:
        address = parse(f"serial:{os.ttyname(slave)}")
        first = channel(address)
        await first.open()
        with pytest.raises(DeviceBusyError, match="this program has"):
            await channel(address).open()
        await first.close()
    finally:
        os.close(master)
        os.close(slave)


async def test_input_that_nobody_asked_for_is_bounded() -> None:
    peer = Peer("tcp")
    wire = channel(peer.address)
    await wire.open()
    peer.accept()
    assert peer.client is not None
    peer.client.setblocking(False)
    sent = 0
    stuck_since = time.monotonic()
    while time.monotonic() - stuck_since < 0.2:
        with suppress(BlockingIOError):
            sent += peer.client.send(b"x" * 65536)
            stuck_since = time.monotonic()
        await asyncio.sleep(0)
    assert wire.discard_input() <= LIMIT + 3 * (1 << 18)
    assert sent > LIMIT
    await wire.close()
    peer.close()


async def test_bytes_written_before_a_farewell_arrive_although_input_was_unread() -> None:
    """S3: a reset must not overtake emergency bytes."""
    peer = Peer("tcp")
    wire = TcpTransport(peer.address)
    await wire.open()
    peer.accept()
    peer.send(b"a reply that nobody reads\n")
    wire.emergency_write(b"\n:OUTP OFF\n")
    dropped: list[bytes] = []
    wire.on_dropped = dropped.append
    farewell = wire.part()
    assert farewell is not None
    assert not wire.is_open
    leaving = asyncio.create_task(farewell)
    await asyncio.sleep(0)
    assert await asyncio.to_thread(peer.receive, 11) == b"\n:OUTP OFF\n"
    assert peer.client is not None
    assert peer.client.recv(1) == b""
    peer.hang_up()
    await leaving
    assert b"".join(dropped) == b"a reply that nobody reads\n"
    peer.close()


async def test_a_dialogue_holds_to_the_exact_bytes() -> None:
    wire = ScriptedTransport([(b"X?\n", b"1\n")])
    await wire.open()
    with pytest.raises(AssertionError, match="written b'Y"):
        await wire.write(b"Y?\n")
    wire = ScriptedTransport([(b"X?\n", b"1\n")])
    await wire.open()
    await wire.write(b"X?\n")
    with pytest.raises(AssertionError, match="never read"):
        wire.finish()
