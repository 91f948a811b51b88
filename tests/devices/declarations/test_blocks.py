"""Binary blocks: bounded, scaled, of the right length, and none ever taken for another's."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from hypothesis import given, strategies as st

from funcnodes.devices import Linear, ScpiDevice, block, driver, preamble
from funcnodes.devices.addresses import parse
from funcnodes.devices.link.talk import Talk
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.transports.memory import MemoryTransport
from funcnodes.devices.transports.tcp import TcpTransport
from funcnodes.errors import DeviceError, ReplyError
from funcnodes.testing.conversation import Conversation

from ...waiting import until

NO_ERROR = ':SYST:ERR? -> 0,"No error"'
CONNECT = ["*IDN? -> ACME,DIG,7,1", NO_ERROR]


@driver("test.digitizer", title="Test digitizer")
class Digitizer(ScpiDevice):
    """Made up: 16-bit samples, with a preamble of count, time step, scale and offset."""

    trace = block(
        "DATA?", dtype="i2", byte_order="little", unit="V",
        preamble=preamble("PRE?", "points", "_", "step", "slope", "offset"),
        scale=lambda p: Linear(p["slope"], p["offset"]),
        axis=lambda p: Linear(p["step"], 1.0), axis_unit="s", points="points", limit=64,
    )  # fmt: skip
    raw = block("RAW?", limit=8)


def definite(data: bytes) -> bytes:
    length = str(len(data)).encode()
    return b"#%d%s%s\n" % (len(length), length, data)


def talk() -> Conversation[Digitizer]:
    return Conversation(Digitizer, CONNECT)


async def test_a_block_is_scaled_by_its_preamble_and_has_an_axis() -> None:
    data = struct.pack("<3h", -100, 0, 250)
    async with talk() as wire:
        wire.expect("PRE? -> 3,x,0.5,0.01,1", (b"DATA?\n", definite(data)))
        trace = await wire.instrument.trace.trace()
        assert trace.y.tolist() == [0.0, 1.0, 3.5]
        assert trace.y.dtype == np.float64
        assert trace.x is not None
        assert trace.x.tolist() == [1.0, 1.5, 2.0]
        assert (trace.unit, trace.x_unit) == ("V", "s")


async def test_a_node_gets_values_and_axis_as_two_arrays() -> None:
    async with talk() as wire:
        wire.expect("PRE? -> 1,x,0.5,1,0", (b"DATA?\n", definite(b"\x02\x00")))
        found = await wire.device.member_read("trace")
        assert {name: sample.value.tolist() for name, sample in found.items()} == {
            "y": [2.0], "x": [1.0],
        }  # fmt: skip


async def test_a_block_of_indefinite_length_ends_with_its_line() -> None:
    async with talk() as wire:
        wire.expect((b"RAW?\n", b"#0\x01\x02\xff\n"))
        assert (await wire.instrument.raw.get()).tolist() == [1.0, 2.0, 255.0]


@pytest.mark.parametrize("data", [b"\n\n", b"#", b";", b"\x00\r\n"])
async def test_a_definite_block_may_hold_any_byte(data: bytes) -> None:
    async with talk() as wire:
        wire.expect((b"RAW?\n", definite(data)))
        assert (await wire.instrument.raw.get()).tolist() == list(data)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"#19123456789\n", "9 bytes was announced, 8 fit"),
        (b"#9999999999", "999999999 bytes was announced, 8 fit"),
        (b"#12\x01\x02\x03\n", "More came behind a block of 2 bytes"),
        (b"#1x\n", "A block of x bytes"),
        (b"1.5\n", "where a block begins"),
        (b"#:\n", "where a block begins"),
    ],
)
async def test_what_is_no_block_is_refused_and_the_next_one_is_right(
    reply: bytes, why: str
) -> None:
    """One that is too large is refused before it is read."""
    async with talk() as wire:
        wire.expect((b"RAW?\n", reply), *CONNECT, (b"RAW?\n", definite(b"\x07")))
        with pytest.raises(ReplyError, match=why):
            await wire.instrument.raw.get()
        assert (await wire.instrument.raw.get()).tolist() == [7.0]


async def test_another_length_than_the_preamble_says_is_refused() -> None:
    async with talk() as wire:
        wire.expect("PRE? -> 3,x,0.5,1,0", (b"DATA?\n", definite(b"\0\0\0\0")), *CONNECT)
        with pytest.raises(ReplyError, match="2 values came, 3 were announced"):
            await wire.instrument.trace.get()
        wire.expect("PRE? -> 3,x,0.5,1,0", (b"DATA?\n", definite(b"\0\0\0")), *CONNECT)
        with pytest.raises(ReplyError, match="3 bytes came, of which 2 make one value"):
            await wire.instrument.trace.get()
        await until(lambda: wire.device.is_online)


@given(st.binary(max_size=40))
def test_no_reply_to_a_block_query_crashes(reply: bytes) -> None:
    """A block, or a typed error."""

    async def ask() -> bytes:
        transport = MemoryTransport(lambda _: reply + b"\n")
        await transport.open()
        return await Talk("d", transport, Protocol()).query_block("RAW?", limit=20)

    with contextlib.suppress(DeviceError):
        assert len(asyncio.run(ask())) <= 20


@pytest_asyncio.fixture
async def megabyte() -> AsyncIterator[Any]:
    """A TCP instrument that answers everything with a block of a million bytes."""
    data = bytes(range(256)) * 4000
    server = await asyncio.start_server(
        lambda reader, writer: _answer(reader, writer, definite(data)), "127.0.0.1", 0
    )
    yield server.sockets[0].getsockname()[1], data
    server.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: bytes) -> None:
    try:
        while await reader.readline():
            writer.write(reply)
            await writer.drain()
    finally:
        writer.close()


async def test_a_long_block_over_a_socket_comes_whole_and_twice(megabyte: Any) -> None:
    port, data = megabyte
    transport = TcpTransport(parse(f"TCPIP0::127.0.0.1::{port}::SOCKET"))
    await transport.open()
    channel = Talk("d", transport, Protocol())
    for _ in range(2):
        assert await channel.query_block("RAW?", limit=1 << 21) == data
    await transport.close()
