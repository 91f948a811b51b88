"""The 34461A driver: overlapped readings told by the status byte, on sockets and message wires."""

import asyncio
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from funcnodes.devices import ScpiDevice, command, driver, setting
from funcnodes.devices.bench import Bench
from funcnodes.devices.device.acquisition import acquire
from funcnodes.errors import DeviceTimeout, InstrumentError, ValueRefusedError
from funcnodes.testing.benches import bench_of
from funcnodes.testing.conversation import Conversation
from funcnodes_drivers.keysight.dmm34461a import Dmm34461a, Function, TriggerSource
from funcnodes_simulators import SimulatedBench

from ..waiting import patience

NO_ERROR = ':SYST:ERR? -> +0,"No error"'
CONNECT = [
    "*IDN? -> Keysight Technologies,34461A,MY60000001,A.03.02-03.15", NO_ERROR,
    ':SENS:FUNC? -> "VOLT"', ":SENS:VOLT:DC:RANG? -> +1.00000000E+01",
    ":SENS:VOLT:DC:NPLC? -> +1.00000000E+01", ":SENS:RES:RANG? -> +1.00000000E+03",
    ":TRIG:SOUR? -> IMM", ":SAMP:COUN? -> +1",
]  # fmt: skip
LAYOUT = """
[dut.sensor]
kind = "resistor"
resistance_ohm = 100.0
[device.dmm]
model = "keysight_34461a"
dut = "sensor"
volts = 1.25
serve = "{serve}"
"""


@pytest.fixture(params=["tcp", "hislip", "vxi11"])
def simulated(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SimulatedBench]:
    layout = tmp_path / "bench.toml"
    layout.write_text(LAYOUT.format(serve=request.param))
    with SimulatedBench.start(str(layout)) as bench:
        yield bench


def meter(simulated: SimulatedBench) -> Bench:
    return bench_of({"dmm": (Dmm34461a, simulated.resources["dmm"])})


async def test_its_words_are_the_manuals() -> None:
    async with Conversation(Dmm34461a, CONNECT) as wire:
        dmm = wire.instrument
        wire.expect(
            ':SENS:FUNC "FRES"', NO_ERROR, ":SENS:VOLT:DC:NPLC 0.2", NO_ERROR,
            ":TRIG:SOUR BUS", NO_ERROR, ":INIT", NO_ERROR, "*TRG", NO_ERROR,
            ":FETC? -> +1.00000000E+00,+9.90000000E+37,-2.00000000E+00",
        )  # fmt: skip
        await dmm.function.set(Function.RESISTANCE_4_WIRES)
        await dmm.voltage_nplc.set(0.2)
        await dmm.trigger_source.set(TriggerSource.BUS)
        await dmm.init()
        await dmm.bus_trigger()
        trace = await dmm.readings.trace()
        assert trace.y == pytest.approx([1.0, math.nan, -2.0], nan_ok=True)
        assert trace.quality == "overrange"
        with pytest.raises(ValueRefusedError, match=r"3 V is not possible, there is only 100 mV"):
            await dmm.voltage_range.set(3.0)


async def test_readings_are_waited_for_and_the_meter_may_be_asked_meanwhile(
    simulated: SimulatedBench,
) -> None:
    async with meter(simulated) as bench:
        dmm = bench.devices["dmm"]
        await dmm.member_set("voltage_nplc", 0.2)
        await dmm.member_set("samples", 20)
        taking = asyncio.create_task(dmm.member_command("take"))
        await asyncio.sleep(0.02)
        assert (await dmm.member_get("samples")).value == 20
        assert not taking.done()
        await taking
        readings = (await dmm.member_read("readings"))["y"].value
        assert readings == pytest.approx(np.full(20, 1.25), abs=1e-3)


@driver("test.dmm", title="Meter", timeout_s=5.0)
class Meter(ScpiDevice):
    """The same readings, waited for in each way."""

    samples = setting(int, ":SAMP:COUN?", ":SAMP:COUN {v:d}")
    by_opc = command(":INIT", completes="opc", timeout_s=5)
    by_stb = command(":INIT", completes="stb", timeout_s=5)
    by_srq = command(":INIT", completes="srq", timeout_s=5)
    impatient = command(":INIT", completes="srq", timeout_s=0.1, abort=":ABOR")


@pytest.mark.parametrize("way", ["by_opc", "by_stb", "by_srq"])
async def test_each_way_to_wait_ends_with_the_last_reading(
    simulated: SimulatedBench, way: str
) -> None:
    async with bench_of({"dmm": (Meter, simulated.resources["dmm"])}) as bench:
        dmm = bench.devices["dmm"]
        await dmm.member_set("samples", 2)
        for _ in range(2):
            said = len(simulated.commands("dmm"))
            await dmm.member_command(way)
            assert simulated.state()["dmm"]["readings"] == 2
            looks = simulated.commands("dmm")[said:].count("*STB?")
            assert (looks > 0) == (way != "by_opc" and "SOCKET" in dmm.address)
        await dmm.member_set("samples", 1000)
        with pytest.raises(DeviceTimeout, match=r"':INIT' was not complete in 0.1 s"):
            await dmm.member_command("impatient")
        assert simulated.commands("dmm")[-2:] == [":ABOR", ":SYST:ERR?"]
        assert (await dmm.member_get("samples")).value == 1000


async def test_over_hislip_service_is_asked_for_and_nobody_looks_meanwhile(
    tmp_path: Path,
) -> None:
    layout = tmp_path / "bench.toml"
    layout.write_text(LAYOUT.format(serve="hislip"))
    with SimulatedBench.start(str(layout)) as simulated:
        async with bench_of({"dmm": (Meter, simulated.resources["dmm"])}) as bench:
            dmm = bench.devices["dmm"]
            await dmm.member_set("samples", 2)  # 0.4 s
            await dmm.member_command("by_srq")
            polls = [e for e in dmm.traffic.last(50) if e.direction == "poll"]
            assert 2 <= len(polls) <= 3  # at the beginning and when it was asked to


async def test_a_wait_that_is_given_up_aborts_and_the_next_is_right(
    simulated: SimulatedBench,
) -> None:
    async with meter(simulated) as bench:
        dmm = bench.devices["dmm"]
        await dmm.member_set("samples", 1000)
        taking = asyncio.create_task(dmm.member_command("take"))
        async with asyncio.timeout(patience()):
            while ":INIT" not in simulated.commands("dmm"):
                await asyncio.sleep(0.01)
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
        assert simulated.commands("dmm")[-2:] == [":ABOR", ":SYST:ERR?"]
        await dmm.member_set("samples", 1)
        await dmm.member_command("take")
        assert simulated.state()["dmm"]["readings"] == 1


async def test_it_is_armed_triggered_and_fetched(simulated: SimulatedBench) -> None:
    async with meter(simulated) as bench:
        dmm = bench.devices["dmm"]
        await dmm.member_set("function", "resistance")
        await dmm.member_set("voltage_nplc", 0.02)
        await dmm.member_set("samples", 3)
        await dmm.member_set("trigger_source", "bus")
        found = (await acquire([dmm]))["dmm"]["readings"]["y"].value
        assert found == pytest.approx([100, 100, 100], rel=1e-3)
        with pytest.raises(InstrumentError, match=r"'\*TRG' was answered by error -211"):
            await dmm.member_command("bus_trigger")


async def test_beyond_its_range_there_is_no_number(simulated: SimulatedBench) -> None:
    """D3."""
    async with meter(simulated) as bench:
        dmm = bench.devices["dmm"]
        await dmm.member_set("voltage_range", 1)
        await dmm.member_set("voltage_nplc", 0.02)
        sample = await dmm.member_get("reading")
        assert (math.isnan(sample.value), sample.quality) == (True, "overrange")
