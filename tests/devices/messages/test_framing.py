"""Framings: exact bytes, damage noticed, and back in step afterwards; on real wires as well."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, strategies as st

from funcnodes.devices import (
    Enquiry,
    Envelope,
    Framing,
    Identity,
    Instrument,
    Lines,
    Packets,
    Range,
    control,
    driver,
    measurement,
    record,
)  # fmt: skip
from funcnodes.devices.link.talk import Talk
from funcnodes.devices.messages.framing import Refused, as_hex, crc16, lrc8, sum8, xor8
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.transports.memory import MemoryTransport
from funcnodes.errors import DeviceError, InstrumentError, ReplyError
from funcnodes.testing.benches import bench_of
from funcnodes.testing.conversation import Conversation

BCC = Envelope(checksum=as_hex(xor8), from_start=True)
ACKNOWLEDGED = Envelope(checksum=xor8, ack=b"\x06")
PACKETS = Packets(layout=">BHf", prefix=">H", checksum=crc16)


def test_checksums_are_those_of_their_standards() -> None:
    """Serinus 40 manual, table 13; Modbus over Serial Line 1.02, 6.2.2; sums by hand."""
    assert as_hex(xor8)(b"\x02DA097\x03") == b"3A"
    assert crc16(b"\x02\x07") == b"\x41\x12"
    assert sum8(b"1230030902=?") == b"\x70"
    assert lrc8(b"\xf7\x03\x13\x89\x00\x0a") == b"\x60"


@pytest.mark.parametrize(
    ("framing", "command", "data"),
    [
        (Lines("\r"), "X?", b"X?\r"),
        (BCC, "DA097", b"\x02DA097\x033A"),
        (Envelope(), "X", b"\x02X\x03"),
        (Enquiry(), "PR1", b"PR1\r\n"),
        (PACKETS, "01 02", b"\x00\x02\x01\x02" + crc16(b"\x00\x02\x01\x02")),
        (Packets(layout="B"), "ff", b"\xff"),
    ],
)
def test_a_command_is_framed(framing: Framing, command: str, data: bytes) -> None:
    assert framing.encode(command) == data


@pytest.mark.parametrize("framing", [Lines(), BCC, Enquiry(), PACKETS])
@pytest.mark.parametrize("command", ["a\nb", "a\x03b", "a\x05", "", "Ω", "a\r"])
def test_no_command_can_end_its_frame_early(framing: Framing, command: str) -> None:
    with pytest.raises(ValueError, match=r"holds a line break|is no row|has 0 bytes"):
        framing.encode(command)


async def read(framing: Framing, data: bytes) -> str:
    transport = MemoryTransport(lambda _: data)
    await transport.open()
    talk = Talk("d", transport, Protocol(framing=framing))
    await talk.send(b"?")
    return await framing.read(talk)


@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40))
@pytest.mark.parametrize("framing", [Lines(), BCC, Envelope(), Envelope(checksum=crc16)])
def test_what_was_framed_is_read_back(framing: Framing, text: str) -> None:
    assert asyncio.run(read(framing, framing.encode(text))) == text


@given(number=st.integers(0, 2**16 - 1), real=st.floats(width=32))
def test_a_binary_reply_becomes_its_numbers(number: int, real: float) -> None:
    """D3: what is no number comes as SCPI writes it, and is NaN to a record."""
    payload = struct.pack(">BHf", 7, number, real)
    framed = PACKETS.encode(payload.hex())
    first, second, third = asyncio.run(read(PACKETS, framed)).split(",")
    assert (first, second) == ("7", str(number))
    assert float(third) == real or abs(float(third)) > 9e37


@given(data=st.binary(max_size=60))
@pytest.mark.parametrize("framing", [Lines(), BCC, ACKNOWLEDGED, Enquiry(), PACKETS])
def test_no_bytes_crash_a_framing(framing: Framing, data: bytes) -> None:
    """A reply, a refusal or a typed error."""
    with suppress(DeviceError, Refused):
        asyncio.run(read(framing, data))


@pytest.mark.parametrize("at", range(10))
def test_each_bit_that_is_hit_is_noticed(at: int) -> None:
    frame = bytearray(PACKETS.encode(struct.pack(">BHf", 1, 2, 3.0).hex()))
    frame[at] ^= 0x10
    with pytest.raises(DeviceError):
        asyncio.run(read(PACKETS, bytes(frame)))


# ── drivers that use them ─────────────────────────────────────────────────────────────────


@driver(
    "test.analyser", title="Test analyser", identify="ID", errors="", framing=ACKNOWLEDGED,
    identity=lambda text: Identity("ACME", text),
)  # fmt: skip
class Analyser(Instrument):
    """Made up: STX, text, ETX and a block check character; commands are acknowledged."""

    span = control(int, "SP", "SP{v:d}", limits=Range(0, 99), safe=0)
    gas = measurement(float, "GA")


def enveloped(text: str) -> bytes:
    return ACKNOWLEDGED.encode(text)


ANALYSER = [(enveloped("ID"), enveloped("A1")), (enveloped("SP"), enveloped("5"))]


async def test_an_acknowledged_command_and_one_that_is_not() -> None:
    async with Conversation(Analyser, ANALYSER) as wire:
        wire.expect((enveloped("SP7"), b"\x06"), (enveloped("SP8"), b"\x15"))
        await wire.instrument.span.set(7)
        with pytest.raises(InstrumentError, match="'SP8' was answered by error -1, 'negative ack"):
            await wire.instrument.span.set(8)
        assert wire.device.is_online
    assert Analyser.spec.emergency_bytes() == b"\x04" + enveloped("SP0")


async def test_noise_before_a_frame_is_dropped_and_a_wrong_checksum_is_not_data() -> None:
    bad = enveloped("1.5")[:-1] + b"\x00"
    async with Conversation(Analyser, ANALYSER) as wire:
        wire.expect((enveloped("GA"), b"\xff\x00" + enveloped("1.5")))
        assert await wire.instrument.gas.get() == 1.5
        wire.expect((enveloped("GA"), bad), *ANALYSER, (enveloped("GA"), enveloped("2.5")))
        assert await wire.instrument.gas.get() == 2.5  # a question may be asked again


@driver(
    "test.gauge", title="Test gauge", identify="", errors="",
    framing=Packets(">BHf", checksum=crc16),
)  # fmt: skip
class BinaryGauge(Instrument):
    """Made up: nine bytes for two."""

    values = record("10 01", unit=(float, ""), count=(float, ""), pressure=(float, "mbar"))


class Gauge:
    """The binary gauge on a TCP port; it can be told to answer damaged, or to talk too much."""

    def __init__(self) -> None:
        self.damage: list[bytes] = []
        self.address = ""
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"tcp:127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                asked = await reader.readexactly(4)
                assert asked == b"\x10\x01" + crc16(b"\x10\x01")
                payload = struct.pack(">BHf", 1, 513, 2.5e-3)
                answer = payload + crc16(payload)
                writer.write(self.damage.pop(0) if self.damage else answer)
        writer.close()


@pytest_asyncio.fixture
async def gauge() -> AsyncIterator[Gauge]:
    gauge = Gauge()
    await gauge.start()
    yield gauge
    await gauge.stop()


@pytest.mark.parametrize("damage", [b"\x00" * 9, b"\xff" * 9, b"\x00" * 30])
async def test_a_binary_gauge_over_a_socket_is_back_in_step_after_damage(
    gauge: Gauge, damage: bytes
) -> None:
    async with bench_of({"g": (BinaryGauge, gauge.address)}) as bench:
        device = bench.devices["g"]
        found: Any = await device.member_read("values")
        assert {name: sample.value for name, sample in found.items()} == {
            "unit": 1.0, "count": 513.0, "pressure": pytest.approx(2.5e-3),
        }  # fmt: skip
        gauge.damage = [damage, damage]
        with pytest.raises(ReplyError, match="checksum"):
            await device.member_read("values")
        assert (await device.member_read("values"))["count"].value == 513.0
