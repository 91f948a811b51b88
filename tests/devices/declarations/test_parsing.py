"""What of a reply is the value, and what means "no number": by declaration, on one link (D3)."""

import json
import math
import string
from typing import Any

import pytest
from hypothesis import given, strategies as st

from funcnodes.core.values import Quality
from funcnodes.devices import (
    Range,
    ScpiDevice,
    StatusWord,
    bit,
    block,
    control,
    depending,
    driver,
    measurement,
    part,
    record,
    setting,
    together,
)  # fmt: skip
from funcnodes.devices.declarations.dialogues import dialogue_skeleton, member_lines
from funcnodes.devices.declarations.parsing import reader
from funcnodes.devices.declarations.records import Record, Together
from funcnodes.devices.declarations.schemas import driver_schema, reply_words
from funcnodes.devices.declarations.stand_in import driver_table
from funcnodes.devices.declarations.values import Value
from funcnodes.errors import ReplyError, ValueRefusedError
from funcnodes.testing.conversation import Conversation

WORDS = {"OL": "overrange", "OVLD": "overrange", "****": "overrange", "NAN": "missing"}


def milli(text: str) -> float:
    """ "12.5m" is 0.0125."""
    return float(text.removesuffix("m")) / 1000


@driver("test.meter", title="Test meter", errors="")
class Meter(ScpiDevice):
    """Says what many instruments say instead of a number."""

    volts = measurement(float, "V?", unit="V", missing=WORDS)
    count = measurement(int, "N?", missing={-1: "missing"})
    tagged = measurement(float, "TAG?", unit="A", parse=r"I=([^;]*);.*", missing=WORDS)
    level = measurement(float, "LVL?", parse={"LO": 0.0, "MID": 0.5, "HI": 1.0})
    state = measurement(str, "ST?", parse={"0": "idle", "1": "busy"})
    small = measurement(float, "SM?", parse=milli)
    temperature = measurement(float, "T?", unit="°C")
    speed = measurement(int, "RPM?", unit="rpm")
    mode = setting(str, "MODE?", "MODE {v}", choices={"a": "A", "b": "B"}, parse=r"M:(.*)")
    trip = setting(float, "TRIP?", "TRIP {v:g}", unit="V", missing={"OFF": "missing"})
    set_point = control(
        float, "SP?", "SP {v:g}", unit="V", missing={9.99e9: "overrange"},
        limits=depending("trip", rule=lambda trip: Range(0, trip), widest=Range(0, 30)),
    )  # fmt: skip
    both = record(
        "B?", v=part("V", missing={"OL": "overrange"}), t=part("°C", parse=r"T(.*)"),
        i=(float, "A"), missing={"---": "missing"}, s=StatusWord(compliance=bit(3, 16)),
    )  # fmt: skip
    pair = together("volts", "count")
    trace = block("TR?", dtype="ascii", missing=WORDS)


CONNECT = ["*IDN? -> ACME,METER,7,1", "MODE? -> M:A", "TRIP? -> 20", "SP? -> 0"]


# ── on the wire ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("member", "query", "reply", "value", "quality"),
    [
        ("volts", "V?", "+1.25E+00", 1.25, "ok"), ("volts", "V?", "OL", None, "overrange"),
        ("volts", "V?", "ovld", None, "overrange"), ("volts", "V?", "*******", None, "overrange"),
        ("volts", "V?", '"NaN"', None, "missing"), ("volts", "V?", "9.9E37", None, "overrange"),
        ("volts", "V?", "+9.91E+37", None, "missing"), ("volts", "V?", "1.25 V", 1.25, "ok"),
        ("volts", "V?", "1.25v", 1.25, "ok"), ("count", "N?", "7", 7, "ok"),
        ("count", "N?", "-1", None, "missing"), ("count", "N?", "9.9E37", None, "overrange"),
        ("tagged", "TAG?", "I=+2.5E-03;OK", 0.0025, "ok"),
        ("tagged", "TAG?", "I=2.5 A;OK", 2.5, "ok"),
        ("tagged", "TAG?", "I=OL;ER", None, "overrange"),
        ("level", "LVL?", "mid", 0.5, "ok"), ("state", "ST?", "1", "busy", "ok"),
        ("small", "SM?", "12.5m", 0.0125, "ok"), ("temperature", "T?", "25.3 C", 25.3, "ok"),
        ("temperature", "T?", "-5degC", -5.0, "ok"), ("speed", "RPM?", "600 RPM", 600, "ok"),
        ("mode", "MODE?", "M:B", "b", "ok"), ("set_point", "SP?", "9.99E+9", None, "overrange"),
    ],
)  # fmt: skip
async def test_a_reply_is_a_value_with_its_quality_and_the_link_goes_on(
    member: str, query: str, reply: str, value: Any, quality: Quality
) -> None:
    """No reply of these is garbage: the next question follows at once, on the same connection."""
    async with Conversation(Meter, CONNECT) as wire:
        wire.expect(f"{query} -> {reply}", "V? -> 1")
        bound = wire.instrument.find(member)
        found = await bound.sample()  # type: ignore[attr-defined]  # all of these are values
        assert found.quality == quality
        assert math.isnan(found.value) if value is None else found.value == value
        assert type(found.value) is type(value if value is not None else math.nan)
        assert await wire.instrument.volts.get() == 1.0


@pytest.mark.parametrize(
    ("query", "member", "reply"),
    [
        ("T?", "temperature", "25.3 F"), ("T?", "temperature", "298 K"), ("V?", "volts", "1.25 mV"),
        ("V?", "volts", "1.25 A"), ("V?", "volts", "MAYBE"), ("LVL?", "level", "LOW"),
        ("TAG?", "tagged", "2.5"), ("SM?", "small", "much"), ("N?", "count", "1.5"),
        ("N?", "count", "7 V"), ("ST?", "state", "2"), ("V?", "volts", "1.25 V V"),
    ],
)  # fmt: skip
async def test_another_unit_or_an_unknown_word_is_an_error_and_never_data(
    query: str, member: str, reply: str
) -> None:
    """As what is no reply of this instrument it is asked for once more, on a fresh link."""
    async with Conversation(Meter, CONNECT) as wire:
        again = [*CONNECT, f"{query} -> {reply}", *CONNECT, "V? -> 1"]
        wire.expect(f"{query} -> {reply}", *again)
        with pytest.raises(ReplyError):
            await wire.device.member_read(member)
        assert await wire.instrument.volts.get() == 1.0


async def test_each_number_of_a_record_is_read_by_its_own_words() -> None:
    async with Conversation(Meter, CONNECT) as wire:
        wire.expect("B? -> OL,T25.3 C,---,0", "B? -> 1,T20,2,65536")
        reading = await wire.instrument.both.get()
        assert [s.quality for s in reading.samples.values()] == [
            "overrange", "ok", "missing", "ok",
        ]  # fmt: skip
        assert reading["t"] == 25.3
        reading = await wire.instrument.both.get()
        assert [s.quality for s in reading.samples.values()] == ["compliance"] * 4
        assert math.isnan(reading["v"])
        assert reading["s"] == 65536


async def test_members_read_together_and_lines_of_numbers_know_the_words() -> None:
    async with Conversation(Meter, CONNECT) as wire:
        wire.expect("V?;N? -> OL;-1", "TR? -> 1,OVLD,3")
        pair = await wire.instrument.pair.get()
        assert [s.quality for s in pair.samples.values()] == ["overrange", "missing"]
        trace = await wire.instrument.trace.trace()
        assert (trace.quality, trace.y[0], trace.y[2]) == ("overrange", 1.0, 3.0)
        assert math.isnan(trace.y[1])


async def test_a_limit_that_nobody_knows_lets_nothing_pass() -> None:
    async with Conversation(Meter, [*CONNECT[:2], "TRIP? -> OFF", CONNECT[3]]) as wire:
        wire.expect("TRIP? -> OFF")
        with pytest.raises(ValueRefusedError, match=r"trip is not known \(missing\)"):
            await wire.instrument.set_point.set(5.0)


# ── what follows from the declaration ─────────────────────────────────────────────────────


def test_schemas_say_how_replies_are_read() -> None:
    properties = json.loads(json.dumps(driver_schema(Meter)))["properties"]
    assert properties["volts"]["x-missing"]["ol"] == "overrange"
    assert properties["count"]["x-missing"] == {"-1": "missing"}
    assert properties["tagged"]["x-parse"] == r"I=([^;]*);.*"
    assert properties["level"]["x-parse"] == {"lo": 0.0, "mid": 0.5, "hi": 1.0}
    assert properties["small"]["x-parse"] == "milli"
    fields = properties["both"]["properties"]
    assert fields["s"]["x-status"] == {"bit 3": "compliance", "bit 16": "compliance"}
    assert fields["i"]["x-missing"] == {"--": "missing"}
    assert "x-missing" not in properties["temperature"]
    assert "`OL` (overrange)" in properties["volts"]["description"]
    assert "bit 16 (compliance)" in properties["both"]["description"]
    assert reply_words(Meter)["both.s"] == {"status": fields["s"]["x-status"]}


def test_an_example_of_a_reply_is_one_that_the_driver_takes() -> None:
    tried = 0
    for path, member in Meter.walk():
        if isinstance(member, Value | Record | Together):
            for line in member_lines(Meter, path):
                if " -> " in line:
                    member.parse(line.partition(" -> ")[2])
                    tried += 1
    assert tried >= len(Meter.members) - 1
    assert "TAG? -> I=0;" in dialogue_skeleton(Meter)


def test_a_stand_in_writes_replies_as_they_are_read() -> None:
    entries = {entry["name"]: entry for entry in driver_table(Meter)["entry"]}
    assert entries["tagged"]["reply"] == "I={v:+.6E};"
    assert entries["level"]["choices"] == {"0.0": "lo", "0.5": "mid", "1.0": "hi"}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"parse": "V=.*"}, "one group"), ({"parse": "(.)(.)"}, "one group"),
        ({"missing": {"OL": "broken"}}, "no quality"), ({"missing": {"OL": "ok"}}, "no quality"),
    ],
)  # fmt: skip
def test_a_declaration_that_says_nothing_is_refused_when_it_is_made(words: Any, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        measurement(float, "V?", **words)


def test_only_numbers_can_be_missing_and_choices_need_no_table() -> None:
    with pytest.raises(TypeError, match="Only a number can be missing"):
        measurement(str, "S?", missing={"OL": "missing"})
    with pytest.raises(TypeError, match="choices say already"):
        setting(str, "M?", "M {v}", choices={"a": "A"}, parse={"A": "a"})
    with pytest.raises(TypeError, match="no quality"):
        StatusWord(broken=bit(1))


# ── whatever comes ────────────────────────────────────────────────────────────────────────


@given(st.floats(-1e30, 1e30), st.sampled_from(["", " V", "V", "  V"]))
def test_every_number_with_the_declared_unit_comes_back(number: float, unit: str) -> None:
    assert reader(float, "V").read(f"{number!r}{unit}") == (number, "ok")


@given(st.text(string.printable, max_size=30))
def test_no_reply_is_data_unless_it_is_a_number_in_the_declared_unit(text: str) -> None:
    try:
        value, quality = reader(float, "V", missing=WORDS).read(text)
    except ReplyError:
        return
    if quality == "ok":
        assert float(text.strip().rstrip("vV \t\n\r\x0b\x0c")) == value
    else:
        assert math.isnan(value)
