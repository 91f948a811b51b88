"""Drivers on instruments in memory, by a clock that jumps: hours of an experiment in seconds."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import funcnodes
from funcnodes.core import NodeSpace, clock
from funcnodes.devices.addresses import parse
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchFile
from funcnodes.devices.benchfile.find import find_bench
from funcnodes.devices.transports.choose import transport_for
from funcnodes.devices.transports.memory import BenchClock
from funcnodes.errors import AddressError, DeviceClosed, DeviceConnectError, DeviceTimeout
from funcnodes.runs import Runner, RunStore
from funcnodes.runs.local import library
from funcnodes_simulators import MemoryBench
from funcnodes_simulators.faults import Fault

from ...waiting import patience

EXAMPLE = Path(funcnodes.__file__).parent / "examples" / "heater_step.json"
EIGHT_HOURS_S = 8 * 3600.0


@pytest.fixture
def simulated() -> Iterator[MemoryBench]:
    with clock.use(clock.VirtualClock()):
        yield MemoryBench("demo", clock=BenchClock(), seed=3)


def bench_on(simulated: MemoryBench, *, timeout_s: float | None = None) -> Bench:
    config = BenchFile.load(find_bench("demo")).config
    devices = {n: replace(d, timeout_s=timeout_s) for n, d in config.devices.items()}
    config = replace(config, devices=devices)
    make = partial(transport_for, ports=simulated.ports)
    return Bench(config, simulated.resources, make_transport=make)


async def test_eight_hours_of_a_heater_run_in_seconds(simulated, tmp_path) -> None:
    """A point a minute, each at its time, and the sample warms as it does in eight hours."""
    began, started_wall = time.monotonic(), clock.now()
    async with bench_on(simulated) as bench:
        space = NodeSpace(library(), arming="disarmed")
        space.services.provide(Bench, bench)
        space.deserialize(json.loads(EXAMPLE.read_text()))
        repeat = space.get_node_by_id("repeat")
        repeat.inputs["every"].set_value(60.0)
        repeat.inputs["count"].set_value(481)
        runner = Runner(space, RunStore(tmp_path / "runs"), nodespace="heater_step")
        run = await runner.start()
        assert await asyncio.wait_for(run.wait(), patience()) == "complete"
        reader = runner.store.find("latest")
        times, temperatures, heaters = (list(column) for column in reader.rows().values)
        head = reader.head
        await runner.aclose()
        await space.aclose()
    assert times == pytest.approx([60.0 * row for row in range(481)], abs=1e-3)
    assert head.ended - head.started == pytest.approx(EIGHT_HOURS_S, abs=60)
    assert head.started == pytest.approx(started_wall, abs=60)
    assert temperatures[0] == pytest.approx(295.0, abs=0.2)
    settled = temperatures[60:]
    assert settled == pytest.approx([305.0] * len(settled), abs=0.02), "setpoint of 305 K"
    # What holds 10 K above the bath over 0.4 W/K is 4 W of the medium range's 5 W.
    assert heaters[-1] == pytest.approx(80.0, abs=0.5)
    assert simulated.state()["tc"]["output"] is False, "parked at the end"
    assert simulated.violations == [], "50 ms were left after each message and reply of the 335"
    assert time.monotonic() - began < patience()


async def test_a_reading_takes_its_time_on_the_virtual_clock(simulated) -> None:
    async with bench_on(simulated) as bench:
        smu = bench.devices["smu"].instrument
        await smu.output.set(True)
        began = clock.monotonic()
        await smu.reading.get()
        assert clock.monotonic() - began >= 0.022


async def test_without_a_virtual_clock_it_takes_real_time() -> None:
    simulated = MemoryBench("demo", clock=BenchClock(), seed=3)
    async with bench_on(simulated) as bench:
        smu = bench.devices["smu"].instrument
        await smu.output.set(True)
        began = time.monotonic()
        await smu.reading.get()
        assert time.monotonic() - began >= 0.022


async def test_a_reading_is_of_when_it_was_due_not_of_when_somebody_looked(simulated) -> None:
    port = simulated.ports["tc"]
    port.open()
    port.write(b"SETP 1,400;RANGE 1,3;KRDG? A\r\n")
    assert port.read() == b""
    assert port.due_in_s() == pytest.approx(0.002)
    await clock.sleep(3600)
    assert float(port.read()) == pytest.approx(295.0, abs=0.1)
    assert port.due_in_s() is None
    port.write(b"KRDG? A\r\n")
    await clock.sleep(0.002)
    assert float(port.read()) == pytest.approx(400.0, abs=0.1)


async def test_faults_and_power_cycles_reach_the_driver(simulated) -> None:
    async with bench_on(simulated, timeout_s=0.1) as bench:
        tc = bench.devices["tc"].instrument
        simulated.fault("tc", Fault("delay", seconds=600, match="SETP"))
        began = clock.monotonic()
        await tc.loop1.setpoint.get()
        assert clock.monotonic() - began >= 600
        simulated.fault("tc", Fault("drop", match="HTR?"))
        with pytest.raises(DeviceTimeout):
            await tc.loop1.heater.get()
        simulated.fault("tc", Fault("close", match="HTR?"))
        assert await tc.loop1.heater.get() == 0.0, "asked again on a new connection"
        await tc.loop1.heater_range.set("low")
        simulated.power_cycle("tc")
        with pytest.raises(DeviceClosed, match="hung up"):
            await tc.loop1.heater_range.set("high")
        assert await tc.loop1.heater_range.get() == "off"
        sent = [text for _, text in simulated.commands("tc")]
        assert "RANGE 1,3" not in sent, "no write is repeated"
    assert simulated.state()["tc"]["lost"]["bytes"] == 0, "its pauses are kept when reconnecting"


async def test_an_emergency_stop_acts_at_once_in_memory(simulated) -> None:
    async with bench_on(simulated) as bench:
        smu = bench.devices["smu"]
        await smu.instrument.output.set(True)
        ack = smu.begin_stop(time.monotonic())
        assert ack.state == "pending"
        assert simulated.state()["smu"]["output"] is False
        assert smu.target() is None, "no other process can reach it"
        assert (await smu.confirm_stop(time.monotonic())).state == "off"


async def test_a_simulator_nobody_handed_over_is_named() -> None:
    config = BenchFile.load(find_bench("demo")).config
    bench = Bench(config, {"smu": "memory:smu", "tc": "memory:tc"})
    with pytest.raises(DeviceConnectError, match="no simulator named 'smu' runs in this process"):
        await bench.devices["smu"].connect()
    await bench.close()


def test_an_address_in_memory_needs_a_name() -> None:
    assert parse("memory:smu").simulated
    with pytest.raises(AddressError, match="at character 8 the name of a simulator"):
        parse("memory:")
    with pytest.raises(AddressError, match="at character 6 an address that pyvisa knows"):
        parse("visa:memory:smu")
