"""Drivers on HiSLIP and VXI-11, through pyvisa: the link's promises on wires that know messages."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.errors import DeviceError, DeviceTimeout
from funcnodes_simulators import SimulatedBench


@pytest.fixture(params=["hislip", "vxi11"])
def simulated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SimulatedBench]:
    path = tmp_path / "bench.toml"
    path.write_text(
        '[dut.r]\nkind = "resistor"\nresistance_ohm = 1e3\n'
        f'[device.smu]\nmodel = "keithley2400"\ndut = "r"\nserve = "{request.param}"\n'
    )
    with SimulatedBench.start(str(path), seed=1) as bench:
        yield bench


@pytest.fixture
async def bench(simulated: SimulatedBench) -> AsyncIterator[Bench]:
    resource = simulated.resources["smu"]
    config = DeviceConfig("smu", "keithley.smu2400", resource, timeout_s=0.3)
    async with Bench(BenchConfig("b", devices={"smu": config})) as opened:
        yield opened


async def test_a_driver_sets_and_reads(bench, simulated) -> None:
    smu = bench.devices["smu"].instrument
    await smu.compliance.set(1e-3)
    await smu.voltage.set(0.5)
    await smu.output.set(True)
    reading = await smu.reading.get()
    assert reading.samples["i"].value == pytest.approx(0.5e-3, rel=0.01)
    assert simulated.state()["smu"]["source_v"] == 0.5


async def test_after_a_timeout_the_next_reply_is_the_right_one(bench, simulated) -> None:
    """D4: a late reply of what was given up reaches nobody."""
    smu = bench.devices["smu"].instrument
    simulated.fault("smu", "late", seconds=0.4, match=":SOUR:VOLT?")
    with pytest.raises(DeviceTimeout):
        await smu.voltage.get()
    assert await smu.output.get() is False
    await asyncio.sleep(0.2)  # while the late reply comes in
    assert await smu.voltage.get() == 0.0


async def test_an_emergency_stop_is_confirmed_off(bench, simulated) -> None:
    device = bench.devices["smu"]
    await device.instrument.output.set(True)
    began = time.monotonic()
    device.begin_stop(began)
    assert (await device.confirm_stop(began)).state == "off"
    assert simulated.state()["smu"]["output"] is False


async def test_a_power_cycle_is_survived(bench, simulated) -> None:
    device = bench.devices["smu"]
    await device.instrument.output.set(True)
    simulated.power_cycle("smu")
    with contextlib.suppress(DeviceError):  # by which pyvisa learns that nobody is there any more
        await device.instrument.output.get()
    assert await device.instrument.output.get() is False
