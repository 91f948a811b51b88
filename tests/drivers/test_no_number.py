"""What each instrument says instead of a number, word by word, and what comes of it (D3)."""

import math
from typing import Any

import pytest

from funcnodes.core.values import Quality
from funcnodes.devices import Bench
from funcnodes.devices.declarations import drivers
from funcnodes.devices.declarations.drivers import Instrument
from funcnodes.testing.conversation import Conversation, Line
from funcnodes_drivers.generic.scpi import AnyScpi
from funcnodes_drivers.keithley.smu2400 import Smu2400
from funcnodes_drivers.keysight.dmm34461a import Dmm34461a
from funcnodes_drivers.keysight.e36312a import E36312a
from funcnodes_drivers.lakeshore.model335 import Model335
from funcnodes_drivers.mettler.sics import Sics
from funcnodes_drivers.pfeiffer.tpg362 import Tpg362
from funcnodes_drivers.rigol.ds1054z import Ds1054z
from funcnodes_drivers.srs.sr830 import Sr830

NO_ERROR = ':SYST:ERR? -> 0,"No error"'
SCPI = ["*IDN? -> ACME,THING,1,1", NO_ERROR]
SMU = [
    "*IDN? -> KEITHLEY INSTRUMENTS INC.,MODEL 2400,1234567,C33", ":FORM:ELEM VOLT,CURR,STAT",
    NO_ERROR, ":SOUR:VOLT? -> 0.0", ":SENS:CURR:PROT? -> 1.05E-04", ":OUTP? -> 1",
    ":SENS:CURR:NPLC? -> 1", ":SOUR:VOLT:RANG? -> 21", ":SENS:CURR:RANG? -> 1.05E-04",
    ":SOUR:FUNC? -> VOLT", *[':SENS:FUNC? -> "VOLT:DC","CURR:DC"'] * 2,
]  # fmt: skip
DMM = [
    "*IDN? -> Keysight Technologies,34461A,MY60000001,A.03", NO_ERROR, ':SENS:FUNC? -> "VOLT"',
    ":SENS:VOLT:DC:RANG? -> 10", ":SENS:VOLT:DC:NPLC? -> 10", ":SENS:RES:RANG? -> 1000",
    ":TRIG:SOUR? -> IMM", ":SAMP:COUN? -> 1",
]  # fmt: skip
SUPPLY = [
    "*IDN? -> Keysight Technologies,E36312A,MY57000001,2.1", NO_ERROR,
    *(
        line.format(ch=ch)
        for ch in "123"
        for line in (
            ":CURR:PROT:STAT? (@{ch}) -> 0", ":OUTP? (@{ch}) -> 0", ":VOLT:PROT? (@{ch}) -> 6.6",
            ":VOLT? (@{ch}) -> 0", ":CURR? (@{ch}) -> 0.1",
        )
    ),
]  # fmt: skip
LAKE_SHORE = [
    "*IDN? -> LSCI,MODEL335,335A123/#######,2.0",
    "SETP? 1 -> +300.000", "RANGE? 1 -> 0", "MOUT? 1 -> +00.00",
    "SETP? 2 -> +000.000", "RANGE? 2 -> 0", "MOUT? 2 -> +00.00",
]  # fmt: skip
SCOPE = [
    "*IDN? -> RIGOL TECHNOLOGIES,DS1054Z,DS1ZA000000001,00.04", NO_ERROR,
    ":TIM:SCAL? -> 1e-4", ":TIM:OFFS? -> 0", ":TRIG:EDG:SOUR? -> CHAN1", ":TRIG:EDG:SLOP? -> POS",
    ":TRIG:EDG:LEV? -> 0",
    *(
        line.format(ch=ch)
        for ch in "1234"
        for line in (
            ":CHAN{ch}:DISP? -> 1", ":CHAN{ch}:SCAL? -> 0.1", ":CHAN{ch}:OFFS? -> 0",
            ":CHAN{ch}:COUP? -> DC",
        )
    ),
]  # fmt: skip


def handshake(command: bytes, answer: bytes) -> list[Line]:
    return [(command + b"\r\n", b"\x06\r\n"), (b"\x05", answer + b"\r\n")]


GAUGE = [
    *handshake(b"AYT", b"TPG362,PTG28290,44990000,010300,010100"),
    *handshake(b"UNI", b"0"), *handshake(b"FIL", b"1,1"),
]  # fmt: skip


def smu(status: int, volts: str = "+1.0E-01", amps: str = "+2.0E-07") -> list[str]:
    return [f":READ? -> {volts},{amps},{status:+.6E}"]


def gauge(code: int) -> list[Line]:
    return handshake(b"PR1", b"%d,+2.0000E-02" % code)


def lake_shore(status: int, kelvin: str = "+295.120") -> list[str]:
    return [f"KRDG? A;SRDG? A;RDGST? A -> {kelvin};+1.0950;{status:03d}"]


LOCKIN = [
    "*IDN? -> Stanford_Research_Systems,SR830,s/n21379,ver1.07", "FREQ? -> 1000", "SLVL? -> 0.004",
    "FMOD? -> 1", "HARM? -> 1", "PHAS? -> 0.00", "ISRC? -> 0", "IGND? -> 0", "ICPL? -> 0",
    "ILIN? -> 0", "SENS? -> 26", "RMOD? -> 1", "OFLT? -> 8", "OFSL? -> 1",
    *(f"AUXV? {number} -> 0.000" for number in range(1, 5)),
]  # fmt: skip


BALANCE = ['I4 -> I4 A "B021002593"']


def lock_in(status: int) -> list[str]:
    return ["SNAP?1,2,3,4 -> 0.011,0.0,0.011,0.0", f"LIAS? -> {status}"]


CASES: list[tuple[type[Instrument], list[Any], str, list[Any], str, Quality]] = [
    # 2400S-900-01, page 18-50: bits of the status word, and NaN and overflow of SCPI.
    (Smu2400, SMU, "reading", smu(1 << 0), "i", "overrange"),
    (Smu2400, SMU, "reading", smu(1 << 3), "i", "compliance"),
    (Smu2400, SMU, "reading", smu(1 << 4), "v", "compliance"),
    (Smu2400, SMU, "reading", smu(1 << 16), "i", "compliance"),
    (Smu2400, SMU, "reading", smu(1 << 18), "v", "missing"),
    (Smu2400, SMU, "reading", smu((1 << 16) + (1 << 0)), "v", "overrange"),
    (Smu2400, SMU, "reading", smu(0, amps="+9.9E37"), "i", "overrange"),
    (Smu2400, SMU, "reading", smu(0, volts="+9.91E37"), "v", "missing"),
    # 34460-90901, "Data output formats": overload is ±9.9E37, not a number 9.91E37.
    (Dmm34461a, DMM, "reading", [":READ? -> +9.90000000E+37"], "value",
     "overrange"),
    (Dmm34461a, DMM, "reading", [":READ? -> -9.90000000E+37"], "value",
     "overrange"),
    (Dmm34461a, DMM, "reading", [":READ? -> +9.91000000E+37"], "value",
     "missing"),
    (Dmm34461a, DMM, "readings", [":FETC? -> +1.0E+00,+9.90000000E+37"], "y",
     "overrange"),
    (E36312a, SUPPLY, "out1.reading",
     [":MEAS:VOLT? (@1);:MEAS:CURR? (@1) -> +9.91E+37;+1.0E+00"], "volts", "missing"),
    (E36312a, SUPPLY, "out2.amps", [":MEAS:CURR? (@2) -> +9.9E+37"], "value",
     "overrange"),
    # Model 335 manual, 6.6.1: RDGST? and what KRDG? and SRDG? give where there is no reading.
    (Model335, LAKE_SHORE, "a.kelvin", ["KRDG? A -> +000.000"], "value", "missing"),
    (Model335, LAKE_SHORE, "b.sensor", ["SRDG? B -> +0.0000"], "value", "missing"),
    (Model335, LAKE_SHORE, "a.reading", lake_shore(1), "kelvin", "missing"),
    (Model335, LAKE_SHORE, "a.reading", lake_shore(16), "kelvin", "overrange"),
    (Model335, LAKE_SHORE, "a.reading", lake_shore(32), "kelvin", "overrange"),
    (Model335, LAKE_SHORE, "a.reading", lake_shore(64), "sensor", "missing"),
    (Model335, LAKE_SHORE, "a.reading", lake_shore(128), "sensor", "overrange"),
    (Model335, LAKE_SHORE, "a.reading", lake_shore(0, "+000.000"), "kelvin", "missing"),
    # SR830 manual, 5-22, LIA status byte.
    (Sr830, LOCKIN, "reading", lock_in(1), "x", "overrange"),
    (Sr830, LOCKIN, "reading", lock_in(2), "theta", "overrange"),
    (Sr830, LOCKIN, "reading", lock_in(4), "r", "overrange"),
    (Sr830, LOCKIN, "reading", lock_in(8), "y", "missing"),
    # MT-SICS, 4.1, SI and S: not executable now, overload and underload.
    (Sics, BALANCE, "weight", ["SI -> S I"], "value", "missing"),
    (Sics, BALANCE, "weight", ["SI -> S +"], "value", "overrange"),
    (Sics, BALANCE, "stable", ["S -> S -"], "value", "overrange"),
    # BG 5510 BEN, 1.3, PR1.
    (Tpg362, GAUGE, "gauge1", gauge(1), "pressure", "overrange"),
    (Tpg362, GAUGE, "gauge1", gauge(2), "pressure", "overrange"),
    (Tpg362, GAUGE, "gauge1", gauge(3), "pressure", "missing"),
    (Tpg362, GAUGE, "gauge1", gauge(4), "pressure", "missing"),
    (Tpg362, GAUGE, "gauge1", gauge(5), "pressure", "missing"),
    (Tpg362, GAUGE, "gauge1", gauge(6), "pressure", "missing"),
    (Ds1054z, SCOPE, "trigger_level", [":TRIG:EDG:LEV? -> 9.9e37"], "value",
     "overrange"),
    (AnyScpi, SCPI, "status_byte", ["*STB? -> 9.91E37"], "value", "missing"),
]  # fmt: skip


def test_every_driver_that_reads_numbers_is_among_them() -> None:
    """The TC 400 and the NE-1000 have only telegrams that are refused; see `test_pfeiffer` and
    `test_dosing`."""
    kinds = [drivers.find(name) for name in drivers.names()]
    ours = {kind.spec.name for kind in kinds if kind.__module__.startswith("funcnodes_drivers.")}
    assert ours - {case[0].spec.name for case in CASES} == {"newera.ne1000", "pfeiffer.tc400"}


@pytest.mark.parametrize(("kind", "connect", "member", "lines", "part", "quality"), CASES)
async def test_no_number_is_nan_with_its_quality_on_a_link_that_goes_on(
    kind: type[Instrument], connect: list[Any], member: str, lines: list[Any], part: str,
    quality: Quality,
) -> None:  # fmt: skip
    """Asked twice: what poisoned the link would need a new connection in between."""
    async with Conversation(kind, connect) as wire:
        for _ in range(2):
            wire.expect(*lines)
            samples = await wire.device.member_read(member)
            assert samples[part].quality == quality
            value = samples[part].value
            assert math.isnan(value if isinstance(value, float) else value[-1])
        wire.expect(*_farewell(kind))


def _farewell(kind: type[Instrument]) -> list[str]:
    """The front panel is given back where nothing is on; the 2400 above is on."""
    return [kind.spec.local] if kind.spec.local and kind is not Smu2400 else []


async def test_a_lake_shore_s_valid_reading_is_one() -> None:
    async with Conversation(Model335, LAKE_SHORE) as wire:
        wire.expect(*lake_shore(0))
        reading = await wire.instrument.a.reading.get()
        assert dict(reading) == {"kelvin": 295.12, "sensor": 1.095, "status": 0}
        assert reading.quality == "ok"
        wire.expect(*_farewell(Model335))


async def test_a_lake_shore_is_asked_so_on_a_terminal(simulated: Any) -> None:
    async with Bench.builtin("demo", simulated.resources) as bench:
        found = await bench.devices["tc"].member_read("a.reading")
        assert found["kelvin"].value == pytest.approx(295, abs=2)
        assert found["status"].value == 0


async def test_a_fixed_range_holds_a_source_as_its_compliance_does(simulated: Any) -> None:
    """Bit 16: the current range ends below the compliance, so the voltage is not what was set."""
    async with Bench.builtin("demo", simulated.resources) as bench:
        smu = bench.devices["smu"].acting(Smu2400)
        await smu.compliance.set(20e-3)
        await smu.current_range.set(1e-3)
        await smu.output.set(True)
        await smu.voltage.set(0.65)
        reading = await smu.reading.get()
        assert reading["status"] & 1 << 16
        assert reading.quality == "compliance"
        assert math.isnan(reading["i"])
        await bench.park(["smu"])
