"""What a control takes, and when: enums, checks, moving limits, rounding, ramps."""

import asyncio
import math
from enum import Enum
from typing import Any

import pytest

from funcnodes.core import clock
from funcnodes.devices import (
    Bench,
    DeviceConfig,
    Range,
    ScpiDevice,
    control,
    depending,
    driver,
    measurement,
    one_of,
    setting,
    step_of,
    together,
)
from funcnodes.devices.benchfile import BenchConfig
from funcnodes.devices.declarations import drivers  # fmt: skip
from funcnodes.devices.transports.memory import ScriptedTransport
from funcnodes.errors import (
    DeviceClosed,
    InstrumentError,
    LimitError,
    RefusedError,
    ReplyError,
    ValueRefusedError,
)
from funcnodes.testing.conversation import Conversation

from ...waiting import until


class Shape(Enum):
    """Wave shapes, by the words of the wire."""

    SINE = "SIN"
    SQUARE = "SQU"


def even(value: int) -> str:
    return "" if value % 2 == 0 else "only even counts are made"


@driver("test.generator", title="Test generator")
class Generator(ScpiDevice):
    """Made up."""

    shape = control(Shape, "FUNC?", "FUNC {v}")
    range_v = setting(float, "RANG?", "RANG {v:g}", unit="V", check=one_of(1, 10, unit="V"))
    level = control(
        float, "LEV?", "LEV {v:.9g}", unit="V", resolution=0.001, valid_s=5.0,
        limits=depending("range_v", rule=lambda r: Range(0, r), widest=Range(0, 10)),
    )  # fmt: skip
    count = setting(int, "CNT?", "CNT {v:d}", check=even)
    offset = control(float, "OFF?", "OFF {v:g}", unit="V", check=step_of(0.25, unit="V"))
    wide = setting(float, "SPAN?", "SPAN {v:g}", unit="V", reads_back=True)
    power = measurement(float, "POW?", unit="W")
    both = together("level", "power")


NO_ERROR = ':SYST:ERR? -> 0,"No error"'
CONNECT = [
    "*IDN? -> ACME,GEN,7,1", NO_ERROR, "FUNC? -> SIN", "RANG? -> 1", "LEV? -> 0", "CNT? -> 2",
    "OFF? -> 0", "SPAN? -> 5",
]  # fmt: skip


def talk() -> Conversation[Generator]:
    return Conversation(Generator, CONNECT)


async def test_an_enum_is_an_enum_to_scripts_and_a_word_to_ports() -> None:
    async with talk() as wire:
        wire.expect("FUNC SQU", NO_ERROR, "FUNC? -> squ", "FUNC SIN", NO_ERROR)
        await wire.instrument.shape.set(Shape.SQUARE)
        assert await wire.instrument.shape.get() is Shape.SQUARE
        await wire.device.member_set("shape", "sine")
        shown = {p.name: p for p in wire.device.parameters()}["shape"]
        assert (shown.value, shown.options) == ("sine", ("sine", "square"))


@pytest.mark.parametrize(
    ("kind", "value"), [(float, "off"), (Shape, "sine"), (bool, 0.0), (int, 1.5), (str, 3)]
)
def test_a_safe_value_of_another_type_is_a_mistake_of_the_driver(kind: Any, value: Any) -> None:
    """Found when its class is made, not at the first E-STOP."""
    for name in ("safe", "park"):
        with pytest.raises(TypeError, match=rf"{name}=.* is no value of X\?"):
            control(kind, "X?", "X {v}", **{name: value})


@pytest.mark.parametrize("word", ["triangle", "SIN;*RST", "", 3])
async def test_what_is_none_of_an_enum_is_refused(word: Any) -> None:
    async with talk() as wire:
        with pytest.raises(ValueRefusedError, match="is none of sine, square"):
            await wire.device.member_set("shape", word)


async def test_a_reply_that_is_none_of_an_enum_is_an_error() -> None:
    with pytest.raises(ReplyError, match="'TRI' is none of SIN, SQU"):
        Generator.shape.parse("TRI")


async def test_a_check_says_in_a_sentence_why_not() -> None:
    async with talk() as wire:
        with pytest.raises(ValueRefusedError, match="5 is not possible, only even counts are made"):
            await wire.device.member_set("count", 5)
        with pytest.raises(ValueRefusedError, match=r"2 V is not possible, there is only 1 V, 10"):
            await wire.device.member_set("range_v", 2)
        with pytest.raises(ValueRefusedError, match="it goes in steps of 250 mV"):
            await wire.device.member_set("offset", 0.3)
        wire.expect("OFF -0.75", NO_ERROR)
        await wire.device.member_set("offset", "-750 mV")


async def test_limits_follow_another_member_from_what_was_read_of_it() -> None:
    async with talk() as wire:
        wire.expect("LEV 0.5", NO_ERROR, "RANG 10", NO_ERROR, "LEV 5", NO_ERROR)
        await wire.instrument.level.set(0.5)
        await wire.instrument.range_v.set(10)
        await wire.instrument.level.set(5)


async def test_before_a_value_is_refused_the_instrument_is_asked_what_its_limits_hang_on() -> None:
    """The front panel may have been used."""
    async with talk() as wire:
        wire.expect("RANG? -> 10", "LEV 5", NO_ERROR, "RANG? -> 1")
        await wire.instrument.level.set(5)
        wire.device.noted("range_v", wire.device.newest("level"))  # type: ignore[arg-type]  # 5 V
        with pytest.raises(LimitError, match=r"6 V, which is outside 0 to 1 V while range v is 1"):
            await wire.instrument.level.set(6)
        with pytest.raises(LimitError, match="11 V, which is outside 0 to 10 V"):
            await wire.instrument.level.set(11)


async def test_a_bench_narrows_limits_that_move() -> None:
    wire = ScriptedTransport(_bytes(line) for line in CONNECT)
    device = DeviceConfig("g", "test.generator", "tcp:127.0.0.1:1", limits={"level": (0, 0.5)})
    with drivers.lent(Generator):
        bench = Bench(BenchConfig("b", devices={"g": device}), make_transport=lambda *_: wire)
    async with bench:
        wire.expect(*map(_bytes, ["LEV 0.5", NO_ERROR]))
        await bench.devices["g"].member_set("level", 0.5)
        with pytest.raises(LimitError, match=r"outside 0 V to 500 mV"):
            await bench.devices["g"].member_set("level", 0.6)
    wire.finish()
    wider = DeviceConfig("g", "test.generator", "tcp:127.0.0.1:1", limits={"level": (0, 11)})
    with drivers.lent(Generator):
        found = Bench(BenchConfig("b", devices={"g": wider})).devices["g"]
    assert "wider than the driver allows" in found.unusable


def _bytes(line: str) -> tuple[bytes, bytes | None]:
    said, arrow, answer = line.partition(" -> ")
    return said.encode() + b"\n", answer.encode() + b"\n" if arrow else None


async def test_a_number_is_rounded_as_the_instrument_does_and_so_is_what_is_known() -> None:
    async with talk() as wire:
        wire.expect("LEV 0.123", NO_ERROR)
        sample = await wire.device.member_set("level", 0.12345)
        assert sample.value == 0.123


async def test_what_the_instrument_chooses_itself_is_read_back_at_once() -> None:
    async with talk() as wire:
        wire.expect("SPAN 3", NO_ERROR, "SPAN? -> 5")
        assert (await wire.device.member_set("wide", 3)).value == 5.0


async def test_members_read_together_are_one_exchange_and_each_ones_newest_value() -> None:
    async with talk() as wire:
        wire.expect("LEV?;POW? -> 0.5;9.9E37")
        found = await wire.device.member_read("both")
        assert found["level"].value == 0.5
        assert (found["power"].quality, math.isnan(found["power"].value)) == ("overrange", True)
        newest = wire.device.newest("level")
        assert newest is not None
        assert newest.value == 0.5


@pytest.mark.parametrize("reply", ["0.5", "0.5;1;2", "0.5;", "a;b", "0.5,1"])
def test_half_of_what_was_asked_together_is_refused(reply: str) -> None:
    with pytest.raises(ReplyError):
        Generator.both.parse(reply)


async def test_a_value_grows_stale_and_a_new_connection_forgets_it() -> None:
    hours = clock.VirtualClock()
    with clock.use(hours):
        async with talk() as wire:
            first = wire.device.newest("level")
            assert first is not None
            assert first.quality == "ok"
            await clock.sleep(5.5)
            later = wire.device.newest("level")
            assert later is not None
            assert (later.value, later.quality) == (0.0, "stale")
            assert later.age_s == pytest.approx(5.5)
            assert wire.device.snapshot()["parameters"]["level"]["quality"] == "stale"
            await wire.device.disconnect()
            assert wire.device.newest("level") is None


# ── ramps ─────────────────────────────────────────────────────────────────────────────────


@driver("test.magnet", title="Test magnet")
class Magnet(ScpiDevice):
    """Made up: 10 A/s in steps of 0.5 A."""

    amps = control(float, "I?", "I {v:g}", unit="A", limits=Range(-5, 5), rate=10.0, park=0.0)
    trim = control(float, "T?", "T {v:g}", unit="A", rate=10.0)
    on = control(bool, "ON?", "ON {v:d}", safe=False)


MAGNET = ["*IDN? -> ACME,MAG,7,1", NO_ERROR, "I? -> 0", "T? -> 0", "ON? -> 1"]


async def test_a_ramp_begins_where_the_instrument_reads_back_and_shows_how_far_it_is() -> None:
    with clock.use(clock.VirtualClock()):
        async with Conversation(Magnet, MAGNET) as wire:
            seen = []
            wire.expect("I? -> 1", "I 1.5", NO_ERROR, "I 2", NO_ERROR, "I 2.25", NO_ERROR)
            original = wire.instrument.access.ramping

            def note(member: str, progress: Any) -> None:
                original(member, progress)
                ramp = wire.device.ramps.get("amps")
                seen.append(None if ramp is None else (ramp.position, round(ramp.done, 2)))

            wire.instrument.access.ramping = note  # type: ignore[method-assign]  # to see each step
            await wire.instrument.amps.set(2.25)
            assert seen == [(1.5, 0.4), (2.0, 0.8), None]


async def test_a_cancelled_ramp_stays_where_it_is_and_the_next_begins_there() -> None:
    async with Conversation(Magnet, MAGNET) as wire:
        wire.expect("I? -> 0", "I 0.5", NO_ERROR)
        ramp = asyncio.create_task(wire.instrument.amps.set(5.0))
        await until(lambda: wire.device.ramps)
        ramp.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ramp
        assert wire.device.ramps == {}
        wire.expect("I? -> 0.5", "I 0.75", NO_ERROR)
        await wire.instrument.amps.set(0.75)


async def test_an_estop_ends_a_ramp_at_once() -> None:
    """S1: not at the next step."""
    async with Conversation(Magnet, MAGNET) as wire:
        wire.expect("I? -> 0", "I 0.5", NO_ERROR)
        ramp = asyncio.create_task(wire.instrument.amps.set(5.0))
        await until(lambda: wire.device.ramps)
        latch = wire.device._rack.latch
        latch.engage("test", "test")
        with pytest.raises(RefusedError, match="going on with a ramp was refused: stopped by test"):
            await ramp


async def test_an_error_ends_a_ramp_and_the_next_begins_at_the_read_back() -> None:
    """No step is repeated."""
    async with Conversation(Magnet, MAGNET) as wire:
        wire.expect("I? -> 0", "I 0.5", ':SYST:ERR? -> -222,"Out of range"', NO_ERROR)
        with pytest.raises(InstrumentError, match=r"'I 0\.5' was answered by error -222"):
            await wire.instrument.amps.set(5.0)
        wire.expect("I? -> 0.25", "I 0.5", NO_ERROR)
        await wire.instrument.amps.set(0.5)


async def test_two_members_ramp_side_by_side() -> None:
    async with Conversation(Magnet, MAGNET) as wire:
        wire.expect(
            "I? -> 0", "I 0.5", NO_ERROR, "T? -> 0", "T 0.5", NO_ERROR,
            "I 1", NO_ERROR, "T 1", NO_ERROR,
        )  # fmt: skip
        await asyncio.gather(wire.instrument.amps.set(1.0), wire.instrument.trim.set(1.0))


async def test_parking_takes_a_member_over_from_its_ramp() -> None:
    async with Conversation(Magnet, MAGNET) as wire:
        wire.expect(
            "I? -> 0", "I 0.5", NO_ERROR, "I? -> 0.5", "I 0", NO_ERROR, "ON 0", NO_ERROR,
            "ON? -> 0",
        )  # fmt: skip
        ramp = asyncio.create_task(wire.instrument.amps.set(5.0))
        await until(lambda: wire.device.ramps)
        assert (await wire.device.park()).state == "parked"
        with pytest.raises(RefusedError, match="given up, since the device is being brought down"):
            await ramp


async def test_a_lost_reply_in_a_ramp_is_told_and_nothing_is_written_twice() -> None:
    async with Conversation(Magnet, MAGNET) as wire:
        wire.expect("I? -> 0", "I 0.5", (b":SYST:ERR?\n", None), *MAGNET)
        with pytest.raises(DeviceClosed):
            await wire.instrument.amps.set(5.0)
        await until(lambda: wire.device.is_online)


# ── errors after questions ────────────────────────────────────────────────────────────────


@driver("test.strict", title="Test meter", checks_queries=True)
class Strict(ScpiDevice):
    """Made up: it answers 0 where it cannot measure, and says so in its error queue only."""

    level = measurement(float, "L?", unit="V")


async def test_a_driver_may_have_the_error_queue_read_after_questions_too() -> None:
    async with Conversation(Strict, ["*IDN? -> ACME,S,7,1", NO_ERROR]) as wire:
        wire.expect("L? -> 1.5", NO_ERROR, "L? -> 0", ':SYST:ERR? -> -230,"Stale"', NO_ERROR)
        assert await wire.instrument.level.get() == 1.5
        with pytest.raises(InstrumentError, match=r"'L\?' was answered by error -230, 'Stale'"):
            await wire.instrument.level.get()
        assert wire.device.is_online
