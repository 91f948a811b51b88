"""The Keithley 2400 driver: its exact words, and what comes of them on the simulated instrument."""

import asyncio
import math
from dataclasses import replace
from typing import Any

import pytest

from funcnodes.core.uncertain import uncertainty_of
from funcnodes.devices import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.device import Device
from funcnodes.devices.transports.memory import ScriptedTransport
from funcnodes.errors import LimitError, RefusedError
from funcnodes_drivers.keithley.smu2400 import Smu2400, SourceFunction

IDN = b"KEITHLEY INSTRUMENTS INC.,MODEL 2400,1234567,C33   Mar 31 2015 09:32:39/A02  /K/J\n"
NO_ERROR = (b":SYST:ERR?\n", b'0,"No error"\n')
CONNECT = [
    (b"*IDN?\n", IDN), (b":FORM:ELEM VOLT,CURR,STAT\n", None), NO_ERROR,
    (b":SOUR:VOLT?\n", b"0.000000E+00\n"), (b":SENS:CURR:PROT?\n", b"1.050000E-04\n"),
    (b":OUTP?\n", b"1\n"), (b":SENS:CURR:NPLC?\n", b"1.00\n"),
    (b":SOUR:VOLT:RANG?\n", b"2.100000E+01\n"), (b":SENS:CURR:RANG?\n", b"1.050000E-04\n"),
    (b":SOUR:FUNC?\n", b"VOLT\n"), *[(b":SENS:FUNC?\n", b'"VOLT:DC","CURR:DC"\n')] * 2,
]  # fmt: skip


def bench_on(wire: ScriptedTransport) -> Bench:
    device = DeviceConfig("smu", "keithley.smu2400", "tcp:127.0.0.1:1")
    return Bench(BenchConfig("b", devices={"smu": device}), make_transport=lambda *_: wire)


def acting(device: Device) -> Smu2400:
    assert isinstance(device.instrument, Smu2400)
    return device.instrument


async def test_its_words_are_the_manuals() -> None:
    wire = ScriptedTransport(CONNECT)
    async with bench_on(wire) as bench:
        smu = acting(bench.devices["smu"])
        wire.expect(
            (b":SENS:CURR:PROT 0.02\n", None), NO_ERROR,
            (b":SOUR:VOLT?\n", b"0.000000E+00\n"), (b":SOUR:VOLT 0.125\n", None), NO_ERROR,
            (b":READ?\n", b"+1.250000E-01,+2.345000E-07,+5.140000E+02\n"),
            (b":SENS:CURR:NPLC 0.1\n", None), NO_ERROR,
            (b"*CLS\n", None), NO_ERROR,
            (b":OUTP 0\n", None), NO_ERROR,
            (b":SYST:LOC\n", None),
        )  # fmt: skip
        await smu.compliance.set(20e-3)
        await smu.voltage.set(0.125)
        reading = await smu.reading.get()
        assert dict(reading) == {"v": 0.125, "i": 2.345e-7, "status": 514}
        assert reading.quality == "ok"
        await smu.nplc.set(0.1)
        await smu.clear()
        await smu.output.set(False)
    wire.finish()


async def test_an_instrument_left_on_is_shown_as_on_and_left_alone_at_the_end() -> None:
    """D2; going local with the output on is not ours to decide."""
    wire = ScriptedTransport(CONNECT)
    async with bench_on(wire) as bench:
        assert bench.devices["smu"].output_on is True
        assert not bench.devices["smu"].simulated
    wire.finish()


@pytest.mark.parametrize(
    ("member", "value"),
    [("voltage", 210.1), ("voltage", -211), ("compliance", 2), ("compliance", 0), ("nplc", 100)],
)
async def test_its_limits_hold_without_a_bench_saying_so(member: str, value: float) -> None:
    wire = ScriptedTransport(CONNECT)
    async with bench_on(wire) as bench:
        with pytest.raises(LimitError):
            await bench.devices["smu"].member_set(member, value)
    wire.finish()


async def test_a_diode_is_measured_and_clamped(simulated: Any) -> None:
    async with Bench.builtin("demo", simulated.resources) as bench:
        smu = acting(bench.devices["smu"])
        await smu.compliance.set(20e-3)
        await smu.output.set(True)
        await smu.voltage.set(0.65)
        reading = await smu.reading.get()
        assert reading["v"] == pytest.approx(0.65, abs=1e-3)
        assert 1e-3 < reading["i"] < 2e-2
        await smu.voltage.set(0.8)
        assert (await smu.reading.get()).quality == "compliance"
        await bench.park(["smu"])
        state = simulated.state()
        assert state["smu"]["output"] is False
        assert not state["dut"]["damaged"]


async def test_found_as_a_current_source_it_sets_no_voltage_and_says_why(simulated: Any) -> None:
    """0.1 V were accepted and drove 5 mA."""
    simulated.request("power_cycle", device="smu")
    async with Bench.builtin("demo", simulated.resources) as bench:
        smu = acting(bench.devices["smu"])
        assert bench.devices["smu"].message == ""
        await smu.source_function.set(SourceFunction.CURRENT)
        device = bench.devices["smu"]
        assert device.message == (
            "smu: source function is current, not voltage, as voltage, compliance must have it."
        )
        with pytest.raises(RefusedError, match="voltage is refused: source function is current"):
            await smu.voltage.set(0.1)
        with pytest.raises(RefusedError, match="source function is current, not voltage"):
            await smu.reading.get()
        await smu.output.set(False)
        await smu.source_function.set(SourceFunction.VOLTAGE)
        await smu.voltage.set(0.1)
        assert device.message == ""


async def test_a_driver_that_was_found_remembers_through_an_outage(simulated: Any) -> None:
    """`driver = "auto"` finds it anew at each connection."""
    device = DeviceConfig("smu", "auto", simulated.resources["smu"])
    async with Bench(BenchConfig("b", devices={"smu": device})) as bench:
        smu = bench.devices["smu"]
        await smu.member_set("nplc", 5)
        simulated.request("power_cycle", device="smu")
        async with asyncio.timeout(10):
            while not smu.changed:
                await asyncio.sleep(0.01)
        assert smu.message == "smu lost its settings: integration time (nplc) was 5, is 1."


async def test_the_programmed_level_is_no_reading_of_the_voltage(simulated: Any) -> None:
    """D3: a 2400 fresh from the mains senses the current only, and answers with its own level."""
    simulated.request("power_cycle", device="smu")
    async with Bench.builtin("demo", simulated.resources) as bench:
        smu = acting(bench.devices["smu"])
        await smu.output.set(True)
        await smu.compliance.set(20e-3)
        await smu.voltage.set(0.65)
        reading = await smu.reading.get()
        assert math.isnan(reading["v"])
        qualities = {name: each.quality for name, each in reading.samples.items()}
        assert qualities == {"v": "missing", "i": "ok", "status": "ok"}
        shown = {each.name: each.quality for each in bench.devices["smu"].parameters()}
        assert (shown["reading.v"], shown["reading.i"]) == ("missing", "ok")
        with pytest.raises(RefusedError, match="terminals is refused: senses voltage is off, not"):
            await smu.terminals.get()
        await smu.sense_both()
        reading = await smu.reading.get()
        assert reading["v"] == pytest.approx(0.65, abs=1e-3)
        assert reading.quality == "ok"
        assert (await smu.terminals.get())["v"] == pytest.approx(0.65, abs=1e-3)


async def test_no_output_goes_on_while_another_function_than_the_drivers_is_sourced(
    simulated: Any,
) -> None:
    """D10: 1 mA into nothing is the compliance voltage on the terminals."""
    simulated.request("power_cycle", device="smu")
    async with Bench.builtin("demo", simulated.resources) as bench:
        smu = acting(bench.devices["smu"])
        await smu.source_function.set(SourceFunction.CURRENT)
        with pytest.raises(
            RefusedError,
            match="output was not switched on, since source function is current, not voltage, as "
            "voltage must have it",
        ):
            await smu.output.set(True)
        assert simulated.state()["smu"]["output"] is False
        await smu.output.set(False)
        await smu.source_function.set(SourceFunction.VOLTAGE)
        await smu.output.set(True)
        assert simulated.state()["smu"]["output"] is True


@pytest.mark.parametrize(("model", "is_said"), [("2400", True), ("2410", False)])
async def test_its_accuracy_is_the_data_sheets_in_the_range_it_measures_in(
    model: str, is_said: bool
) -> None:
    """SPEC-2400: 0.1 V in the range of 20 V, that is set, ±(0.015 % + 1.5 mV); 10 µA in 100 µA."""
    name = IDN.replace(b"MODEL 2400", f"MODEL {model}".encode())
    wire = ScriptedTransport([(b"*IDN?\n", name), *CONNECT[1:]])
    async with bench_on(wire) as bench:
        smu = bench.devices["smu"]
        wire.expect((b":READ?\n", b"+1.000000E-01,+1.000000E-05,+5.140000E+02\n"))
        samples = await smu.member_read("reading")
        good = {each: smu.as_good(f"reading.{each}", samples[each]) for each in samples}
        u = {each: uncertainty_of(value) for each, value in good.items()}
        assert good == {"v": 0.1, "i": 1e-5, "status": 514}
        assert u["status"] is None
        if is_said:
            assert u["v"] == pytest.approx((0.015e-2 * 0.1 + 1.5e-3) / math.sqrt(3))
            assert u["i"] == pytest.approx((0.025e-2 * 1e-5 + 6e-9) / math.sqrt(3))
            assert uncertainty_of(good["v"] - good["v"]) is None, "off by the same each time"
            doubted = replace(samples["v"], quality="compliance")
            assert uncertainty_of(smu.as_good("reading.v", doubted)) is None
        else:
            assert u["v"] is None, "another model has another data sheet"
        wire.expect((b":OUTP 0\n", None), NO_ERROR, (b":SYST:LOC\n", None))
        await acting(smu).output.set(False)
    wire.finish()
