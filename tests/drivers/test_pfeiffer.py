"""Pfeiffer's two protocols, a handshake and checksummed telegrams, by word and on a terminal."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes.devices import Bench
from funcnodes.errors import DeviceTimeout, InstrumentError, ReplyError
from funcnodes.testing.benches import bench_of
from funcnodes.testing.conversation import Conversation
from funcnodes_drivers.pfeiffer.protocol import Telegrams
from funcnodes_drivers.pfeiffer.tc400 import Tc400
from funcnodes_drivers.pfeiffer.tpg362 import Filter, Tpg362, Unit
from funcnodes_simulators import SimulatedBench

ACK, NAK, ENQ = b"\x06\r\n", b"\x15\r\n", b"\x05"
LAYOUT = """
[device.gauge]
model = "pfeiffer_tpg362"
pressure_mbar = 3e-7
serve = "pty"
[device.pump]
model = "pfeiffer_tc400"
serve = "pty"
"""


def handshake(command: bytes, answer: bytes) -> list[tuple[bytes, bytes | None]]:
    return [(command + b"\r\n", ACK), (ENQ, answer + b"\r\n")]


def summed(text: str) -> bytes:
    """A telegram with its checksum: two of the manual's own are below, in full."""
    return f"{text}{sum(text.encode()) % 256:03d}\r".encode()


GAUGE = [
    *handshake(b"AYT", b"TPG362,PTG28290,44990000,010300,010100"),
    *handshake(b"UNI", b"0"),
    *handshake(b"FIL", b"1,1"),
]
PUMP = [
    (summed("0010034902=?"), summed("0011034906TC 400")),
    (summed("0010001002=?"), summed("0011001006000000")),
    (summed("0010002302=?"), summed("0011002306111111")),
    (summed("0010000202=?"), summed("0011000206000000")),
]  # fmt: skip


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[SimulatedBench]:
    layout = tmp_path / "bench.toml"
    layout.write_text(LAYOUT)
    with SimulatedBench.start(str(layout)) as bench:
        yield bench


def both(simulated: SimulatedBench) -> Bench:
    where = simulated.resources
    return bench_of({"gauge": (Tpg362, where["gauge"]), "pump": (Tc400, where["pump"])})


async def test_a_gauge_is_asked_in_two_steps_and_a_set_in_one() -> None:
    async with Conversation(Tpg362, GAUGE) as wire:
        wire.expect(
            *handshake(b"PR1", b"0,+1.2300E-06"),
            (b"UNI,2\r\n", ACK),
            *handshake(b"UNI", b"2"),
            *handshake(b"FIL", b"2,2"),
        )
        reading = await wire.instrument.gauge1.get()
        assert (reading["pressure"], reading["status"]) == (1.23e-6, 0)
        await wire.instrument.unit.set(Unit.PA)
        assert await wire.instrument.filter.get() is Filter.SLOW


@pytest.mark.parametrize(("status", "quality"), [(1, "overrange"), (4, "missing"), (5, "missing")])
async def test_a_gauge_that_has_no_pressure_gives_none(status: int, quality: str) -> None:
    """D3: 5,+2.0000E-2 is how a missing gauge answers."""
    async with Conversation(Tpg362, GAUGE) as wire:
        wire.expect(*handshake(b"PR2", b"%d,+2.0000E-02" % status))
        found = await wire.device.member_read("gauge2")
        assert math.isnan(found["pressure"].value)
        assert found["pressure"].quality == quality


async def test_a_refusal_names_the_command_and_the_controllers_word_for_it() -> None:
    """The exchange is whole, so the link is fit to go on at once."""
    async with Conversation(Tpg362, GAUGE) as wire:
        wire.expect((b"UNI,1\r\n", NAK), (ENQ, b"0010\r\n"), *handshake(b"UNI", b"0"))
        with pytest.raises(InstrumentError, match="'UNI,1' was answered by error 10, 'inadmiss"):
            await wire.instrument.unit.set(Unit.TORR)
        assert await wire.instrument.unit.get() is Unit.MBAR


@pytest.mark.parametrize(
    ("command", "telegram"),
    [("309?", b"1230030902=?112\r"), ("010=111111", b"1231001006111111020\r")],
)
def test_telegrams_are_the_manuals_examples(command: str, telegram: bytes) -> None:
    """PT 0203 BEN, 8.2, the second one for unit 042 there."""
    assert Telegrams(address=123).encode(command) == telegram


def test_the_manuals_second_example_for_its_own_unit() -> None:
    assert Telegrams(address=42).encode("010=111111") == b"0421001006111111020\r"


async def test_a_pump_is_read_switched_and_refuses() -> None:
    async with Conversation(Tc400, PUMP) as wire:
        wire.expect(
            (summed("0010030902=?"), summed("0011030906000633")),
            (summed("0011001006111111"), summed("0011001006111111")),
            (summed("0010001002=?"), summed("0011001006111111")),
            (summed("0010032602=?"), summed("0011032606NO_DEF")),
        )
        assert await wire.instrument.speed.get() == 633
        await wire.instrument.pumping.set(True)
        with pytest.raises(InstrumentError, match="the parameter does not exist"):
            await wire.instrument.temperature.get()


@pytest.mark.parametrize(
    "reply",
    [
        b"0011030906000633000\r",  # a wrong checksum
        summed("0011030906000633").replace(b"633", b"623"),  # a digit that was hit
        summed("0021030906000633"),  # another unit
        summed("0011031006000633"),  # another parameter
        summed("00110309060006"),  # half of it
        b"\r",
    ],
)
async def test_a_damaged_or_foreign_telegram_is_an_error_and_the_next_query_right(
    reply: bytes,
) -> None:
    """The idempotent query is asked once more, then given up; then the wire is in step again."""
    async with Conversation(Tc400, PUMP) as wire:
        wire.expect(
            (summed("0010030902=?"), reply), *PUMP,
            (summed("0010030902=?"), reply), *PUMP,
            (summed("0010030902=?"), summed("0011030906000633")),
        )  # fmt: skip
        with pytest.raises(ReplyError, match="during '309\\?'"):
            await wire.instrument.speed.get()
        assert await wire.instrument.speed.get() == 633


def test_emergency_bytes_are_a_telegram_after_an_end_of_the_last() -> None:
    """S3."""
    assert Tc400.spec.emergency_bytes() == b"\r0011001006000000009\r"
    assert Tpg362.spec.emergency_bytes() == b""


async def test_both_on_a_terminal(simulated: SimulatedBench) -> None:
    async with both(simulated) as bench:
        gauge, pump = bench.devices["gauge"], bench.devices["pump"]
        assert (gauge.identity.serial, pump.identity.model) == ("SIM0001", "TC 400")
        assert (await gauge.member_read("gauge1"))["pressure"].value == pytest.approx(3e-7, rel=0.1)
        await gauge.member_set("unit", "pa")
        assert (await gauge.member_read("gauge1"))["pressure"].value == pytest.approx(3e-5, rel=0.1)
        await pump.member_set("pumping", True)
        assert pump.output_on is True
        assert (await pump.member_get("target_speed")).value == 1000


async def test_an_estop_switches_the_pump_off_and_reads_it_back(simulated: SimulatedBench) -> None:
    """S1, S3."""
    async with both(simulated) as bench:
        await bench.devices["pump"].member_set("pumping", True)
        acks = {ack.device: ack.state for ack in await bench.estop("test", "test")}
        assert acks == {"gauge": "held", "pump": "off"}
    assert simulated.state()["pump"]["on"] is False


async def test_the_pumps_acknowledgement_of_a_stop_is_not_taken_for_its_read_back(
    simulated: SimulatedBench,
) -> None:
    """S3: acknowledged means read back; the telegrams look alike."""
    async with both(simulated) as bench:
        pump = bench.devices["pump"]
        await pump.member_set("pumping", True)
        ack = await pump.confirm_stop(time.monotonic(), repeat=True)
        assert ack.state == "off"
        sent = simulated.commands("pump")[-2:]
        assert [text[5:8] + text[10:12] for text in sent] == ["01000", "010=?"]
        assert (await pump.member_get("target_speed")).value == 0


async def test_a_line_full_of_garbage_recovers(simulated: SimulatedBench) -> None:
    async with both(simulated) as bench:
        simulated.fault("pump", "garbage", count=2)
        with pytest.raises((ReplyError, DeviceTimeout)):
            await bench.devices["pump"].member_get("speed")
        assert (await bench.devices["pump"].member_get("speed")).value == 0


def test_a_command_that_is_none_is_refused(simulated: Any) -> None:
    for command in ("309", "x09?", "309=" + "1" * 100, "309?\r"):
        with pytest.raises(ValueError, match=r"neither like|line break"):
            Telegrams().encode(command)
