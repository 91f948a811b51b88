"""A driver is a data sheet: what follows from its declarations, byte by byte."""

import math
from typing import Any

import pytest

from funcnodes.devices import (
    Bench,
    BenchFile,
    Channel,
    DeviceConfig,
    Group,
    Range,
    ScpiDevice,
    StatusWord,
    bit,
    command,
    control,
    driver,
    measurement,
    record,
    setting,
)
from funcnodes.devices.declarations import drivers  # fmt: skip
from funcnodes.devices.device import Device
from funcnodes.devices.transports.memory import ScriptedTransport
from funcnodes.errors import BenchError, LimitError, ReplyError, ValueRefusedError
from funcnodes.testing.conversation import Conversation, Line

from ...waiting import until


class Rail(Group):
    """One output of the supply below."""

    volts = control(
        float, "V{ch}?", "V{ch} {v:.3f}", unit="V", limits=Range(0, 30), park=0.0, rate=None
    )
    on = control(bool, "ON{ch}?", "ON{ch} {v:d}", safe=False, title="Output")


@driver("test.supply", title="Test supply", eol="\n", harmless=("HDR OFF",), local="LOC")
class Supply(ScpiDevice):
    """A supply with two rails, made up."""

    label = control(str, "LBL?", 'LBL "{v}"')
    mode = setting(str, "MODE?", "MODE {v}", choices={"fast": "FAST", "slow": "SLOW"})
    count = control(int, "CNT?", "CNT {v:d}", limits=Range(1, 9))
    power = measurement(float, "POW?", unit="W")
    both = record("BOTH?", v=(float, "V"), i=(float, "A"), s=StatusWord(compliance=bit(1)))
    beep = command("BEEP", doc="Make a sound.")
    one = Channel(Rail, ch="1", title="Rail 1")
    two = Channel(Rail, ch="2", title="Rail 2")


CONNECT = [
    (b"*IDN?\n", b"ACME,SUPPLY,7,1\n"), (b"HDR OFF\n", None), (b":SYST:ERR?\n", b'0,"No error"\n'),
    (b"LBL?\n", b'"a"\n'), (b"MODE?\n", b"SLOW\n"), (b"CNT?\n", b"3\n"),
    (b"V1?\n", b"1.5\n"), (b"ON1?\n", b"1\n"), (b"V2?\n", b"0\n"), (b"ON2?\n", b"0\n"),
]  # fmt: skip
NO_ERROR = (b":SYST:ERR?\n", b'0,"No error"\n')


@pytest.fixture
def wire() -> ScriptedTransport:
    return ScriptedTransport(CONNECT)


@pytest.fixture
async def supply(wire: ScriptedTransport, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The supply, connected over a scripted wire."""
    monkeypatch.setattr(drivers, "find", lambda _: Supply)
    file = BenchFile.new("b")
    file.put_device(DeviceConfig("supply", "test.supply", "tcp:127.0.0.1:1"))
    bench = Bench(file.config, make_transport=lambda *_: wire)
    await bench.open()
    yield bench.devices["supply"]
    wire.expect((b"LOC\n", None))
    if bench.devices["supply"].output_on:
        wire._script.clear()  # an output that is on keeps the instrument remote
    await bench.close()
    wire.finish()


async def test_connecting_writes_what_is_harmless_and_reads_every_control(supply: Device) -> None:
    """D2; the dialogue in `CONNECT` is the whole of it."""
    assert {p.name: p.value for p in supply.parameters() if p.value is not None} == {
        "label": "a", "mode": "slow", "count": 3,
        "one.volts": 1.5, "one.on": True, "two.volts": 0.0, "two.on": False,
    }  # fmt: skip
    assert supply.output_on is True
    assert supply.safe_state == "output off, output off"


async def test_an_error_of_connecting_is_not_blamed_on_the_first_write() -> None:
    connect: list[Line] = list(CONNECT)
    connect[2:3] = [':SYST:ERR? -> -113,"Undefined header"', NO_ERROR]
    async with Conversation(Supply, connect) as wire:
        wire.expect("CNT 4", NO_ERROR)
        await wire.instrument.count.set(4)
        assert b"-113, 'Undefined header' was in the error queue" in [
            each.data for each in wire.device.traffic.last(50) if each.direction == "note"
        ]


async def test_sets_and_reads_are_exactly_these_bytes(
    supply: Device, wire: ScriptedTransport
) -> None:
    wire.expect((b"V2 2.500\n", None), NO_ERROR, (b"V2?\n", b"2.5\n"), (b"BEEP\n", None), NO_ERROR)
    instrument = supply.instrument
    assert isinstance(instrument, Supply)
    await instrument.two.volts.set(2.5)
    volts: float = await instrument.two.volts.get()
    assert volts == 2.5
    await instrument.beep()


async def test_choices_are_written_and_read_as_the_wire_spells_them(
    supply: Device, wire: ScriptedTransport
) -> None:
    wire.expect((b"MODE FAST\n", None), NO_ERROR, (b"MODE?\n", b"fast\n"))
    await supply.member_set("mode", "fast")
    assert (await supply.member_get("mode")).value == "fast"
    with pytest.raises(ValueRefusedError, match="'medium' is none of fast, slow"):
        await supply.member_set("mode", "medium")


@pytest.mark.parametrize("text", ["x\n*RST", "x;*RST", 'x"', "x'", "x\0", "Ω"])
async def test_a_text_cannot_break_out_of_its_command(supply: Device, text: str) -> None:
    """No newline and no `;` of a user's string reaches the wire: the script is at its end."""
    with pytest.raises(ValueRefusedError, match="label cannot be set"):
        await supply.member_set("label", text)


async def test_whole_numbers_stay_whole(supply: Device, wire: ScriptedTransport) -> None:
    wire.expect((b"CNT 5\n", None), NO_ERROR)
    await supply.member_set("count", 5.0)
    with pytest.raises(ValueRefusedError, match="not a whole number"):
        await supply.member_set("count", 5.5)
    with pytest.raises(LimitError, match="10, which is outside 1 to 9"):
        await supply.member_set("count", 10)


async def test_no_number_is_nan_with_its_quality(supply: Device, wire: ScriptedTransport) -> None:
    """D3."""
    wire.expect((b"POW?\n", b"9.9E37\n"))
    sample = await supply.member_get("power")
    assert math.isnan(sample.value)
    assert sample.quality == "overrange"


@pytest.mark.parametrize(
    ("reply", "v", "quality", "status"),
    [
        (b"1.5,0.25,0\n", 1.5, "ok", 0),
        (b"1.5,0.25,1\n", 1.5, "ok", 1),
        (b"1.5,0.25,+2.0E+00\n", math.nan, "compliance", 2),
    ],
)
async def test_a_status_word_qualifies_the_whole_record(
    supply: Device, wire: ScriptedTransport, reply: bytes, v: float, quality: str, status: int
) -> None:
    """D3: a number measured in compliance is no data, the word itself is kept."""
    wire.expect((b"BOTH?\n", reply))
    found = await supply.member_read("both")
    assert found["v"].value == pytest.approx(v, nan_ok=True)
    assert [sample.quality for sample in found.values()] == [quality] * 3
    assert found["s"].value == status


@pytest.mark.parametrize("reply", ["1.5,0.25", "1,2,3,4", "1,,0", "1,2,x", "1,2,-1", "1,2,0.5", ""])
def test_half_a_record_is_refused(reply: str) -> None:
    with pytest.raises(ReplyError):
        Supply.both.parse(reply)


def test_emergency_bytes_come_from_the_safe_values() -> None:
    assert Supply.spec.emergency_bytes() == b"\nON1 0\nON2 0\n"
    assert list(Supply.outputs()) == ["one.on", "two.on"]
    assert list(Supply.parked()) == ["one.volts", "two.volts"]


async def test_parking_goes_to_the_parking_value_then_off_and_reads_back(
    supply: Device, wire: ScriptedTransport
) -> None:
    wire.expect(
        (b"V1 0.000\n", None), NO_ERROR, (b"V2 0.000\n", None), NO_ERROR,
        (b"ON1 0\n", None), NO_ERROR, (b"ON2 0\n", None), NO_ERROR,
        (b"ON1?\n", b"0\n"), (b"ON2?\n", b"0\n"),
    )  # fmt: skip
    assert (await supply.park()).state == "parked"
    assert supply.output_on is False


async def test_a_device_that_stays_on_after_parking_gets_its_emergency_bytes(
    supply: Device, wire: ScriptedTransport
) -> None:
    wire.expect(
        (b"V1 0.000\n", None), NO_ERROR, (b"V2 0.000\n", None), NO_ERROR,
        (b"ON1 0\n", None), NO_ERROR, (b"ON2 0\n", None), NO_ERROR,
        (b"ON1?\n", b"1\n"), (b"ON2?\n", b"0\n"), (b"\nON1 0\nON2 0\n", None),
        CONNECT[0], (b"ON1?\n", b"0\n"), (b"ON2?\n", b"0\n"),  # is it off?
        *CONNECT[1:],  # then it is set up anew
    )  # fmt: skip
    result = await supply.park()
    assert (result.state, result.message) == (
        "failed", "supply: output reads back as on. Its emergency bytes switched it off."
    )  # fmt: skip
    await until(lambda: supply.is_online)


async def test_an_unknown_member_is_named_with_those_there_are(supply: Device) -> None:
    with pytest.raises(BenchError, match="no member 'volts'; it has label, mode, "):
        await supply.member_get("volts")
    with pytest.raises(BenchError, match=r"supply.power is no control"):
        await supply.member_set("power", 1)


def test_every_driver_that_ships_names_its_manual_and_can_be_made_safe() -> None:
    for name in drivers.names():
        spec = drivers.find(name).spec
        assert spec.name == name
        assert spec.manual
        for path, member in drivers.find(name).walk():
            assert member.doc, path
            assert member.source, path
            assert member.sent_text(), path


def test_an_unknown_driver_lists_those_there_are() -> None:
    with pytest.raises(BenchError, match=r"no driver 'acme'; known .*keithley.smu2400") as found:
        drivers.find("acme")
    assert found.value.hint == "Is the package that provides it installed?"
