"""Fly scans: readings by blocks while instruments take them, on simulators over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from funcnodes.core import NodeSpace
from funcnodes.devices.bench import Bench
from funcnodes.devices.declarations.words import BoundFlight
from funcnodes.errors import DeviceTimeout, RefusedError, RunError
from funcnodes.runs import Runner, RunReader, RunStore
from funcnodes.runs.continuing import look_back
from funcnodes.runs.exporting import export_runs
from funcnodes.runs.local import library
from funcnodes.testing.benches import bench_of
from funcnodes_drivers.keithley.smu2400 import Smu2400
from funcnodes_drivers.keysight.dmm34461a import Dmm34461a
from funcnodes_simulators import SimulatedBench

from ..waiting import patience, until

LAYOUT = """
[dut.load]
kind = "resistor"
resistance_ohm = 1000.0
[device.smu]
model = "keithley2400"
serve = "tcp"
dut = "load"
[device.dmm]
model = "keysight_34461a"
serve = "tcp"
volts = 1.25
"""


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[SimulatedBench]:
    layout = tmp_path / "bench.toml"
    layout.write_text(LAYOUT)
    with SimulatedBench.start(str(layout), seed=3) as bench:
        yield bench


@pytest.fixture
async def bench(simulated: SimulatedBench) -> AsyncIterator[Bench]:
    resources = simulated.resources
    devices = {"smu": (Smu2400, resources["smu"]), "dmm": (Dmm34461a, resources["dmm"])}
    async with bench_of(devices) as bench:
        await bench.device("dmm").member_set("voltage_nplc", 0.02)
        yield bench


@pytest.fixture
async def runner(bench: Bench, tmp_path: Path) -> AsyncIterator[Runner]:
    space = NodeSpace(library(), arming="disarmed")
    space.services.provide(Bench, bench)
    runner = Runner(space, RunStore(tmp_path / "runs"), nodespace="fly")
    yield runner
    await runner.aclose()
    await space.aclose()


def fly(runner: Runner, source: str, **values: Any) -> Any:
    node = runner.space.add_node_by_id("scan.fly")
    node.source.set_value(source)
    for name, value in values.items():
        node.inputs[name].set_value(value)
    return node


async def test_a_meter_gives_blocks_while_it_measures(
    runner: Runner, bench: Bench, tmp_path: Path
) -> None:
    """Every reading is a row of a stream, with its own time; every block a point of the frame."""
    node = fly(runner, "dmm.memory", readings=400, block=100)
    assert node.source.value_options["options"] == ["smu.buffer", "dmm.memory"]
    plot = runner.space.add_node_by_id("plot.xy")
    node.rows.connect(plot.rows)
    assert plot.choice().x == "t"
    recorder = runner.space.add_node_by_id("recorder")
    node.y.connect(recorder.grow_input(node.y))
    run = await runner.start()
    assert await asyncio.wait_for(run.wait(), patience()) == "complete", run.message
    reader = RunReader(run.path)
    assert reader.head.streams == ("dmm.memory",)
    found = reader.to_numpy("dmm.memory")
    assert len(found["Value"]) == 400
    assert found["Value"] == pytest.approx(1.25, abs=0.01)
    assert (np.diff(found["t"]) > 0).all()
    assert found["t"] == pytest.approx(found["elapsed"], abs=1e-6)
    assert (np.diff(found["time"]) > 0).all()
    # Its readings take 2.4 ms each.
    assert found["t"][-1] - found["t"][0] > 399 * 0.0024 * 0.8
    blocks = reader.to_numpy("Recorder")
    assert sum(map(len, blocks["y"])) == 400
    assert len(blocks["y"]) > 1, "it was fetched while it measured"
    assert reader.to_xarray("dmm.memory")["Value"].sizes == {"reading": 400}
    assert (await bench.device("dmm").member_get("samples")).value == 1, "it was put back"
    for kind in ("hdf5", "nexus"):
        export_runs([reader], tmp_path / kind, kind)  # type: ignore[arg-type]  # of two


async def test_a_deaf_instrument_is_armed_for_each_block_and_keeps_its_own_time(
    runner: Runner, bench: Bench, simulated: SimulatedBench
) -> None:
    """Nested in a sweep the stream has its axes: one flight per set point."""
    smu = bench.device("smu")
    await smu.member_command("sense_both")
    sweep = runner.space.add_node_by_id("sweep")
    for name, value in {"unit": "V", "start": 1.0, "stop": 2.0, "points": 2}.items():
        sweep.inputs[name].set_value(value)
    node = fly(runner, "smu.buffer", readings=25, block=10)
    setting = runner.space.add_node_by_id("device.set", name="to")
    setting.restore_extra({"device": "smu", "member": "voltage", "ports": []})
    setting.rebuild()
    sweep.value.connect(setting.inputs["value"])
    setting.outputs["_triggeroutput"].connect(node.inputs["_triggerinput"])
    on = runner.space.add_node_by_id("device.set", name="on")
    on.restore_extra({"device": "smu", "member": "output", "ports": []})
    on.rebuild()
    on.inputs["value"].set_value(True)
    on.outputs["_triggeroutput"].connect(sweep.inputs["_triggerinput"])
    compliance = runner.space.add_node_by_id("device.set", name="limit")
    compliance.restore_extra({"device": "smu", "member": "compliance", "ports": []})
    compliance.rebuild()
    compliance.inputs["value"].set_value(0.1)
    compliance.outputs["_triggeroutput"].connect(on.inputs["_triggerinput"])
    run = await runner.start()
    assert run.total == 6, "three blocks for each of two set points"
    assert await asyncio.wait_for(run.wait(), patience()) == "complete", run.message
    reader = RunReader(run.path)
    data = reader.to_xarray("smu.buffer")
    assert dict(data.sizes) == {"smu voltage": 2, "reading": 25}
    assert data["V"].values == pytest.approx(np.array([[1.0] * 25, [2.0] * 25]), abs=0.01)
    assert data["I"].values == pytest.approx(np.array([[1e-3] * 25, [2e-3] * 25]), rel=0.05)
    steps = np.diff(data["t"].values[0])
    assert (steps > 0).all()
    armed = [c for c in simulated.commands("smu") if c.startswith(":TRAC:FEED:CONT NEXT")]
    assert len(armed) == 6, "three fillings for each of two points"
    assert simulated.commands("smu").count(":TRIG:COUN 1") == 2
    await smu.member_set("output", True)
    assert (await smu.member_read("terminals"))["v"].quality == "ok", "its format was put back"


async def test_a_lost_trigger_a_half_block_and_a_meter_that_is_away_are_told_and_rows_kept(
    runner: Runner, bench: Bench, simulated: SimulatedBench
) -> None:
    dmm = bench.device("dmm")
    await dmm.member_set("trigger_source", "bus")
    flight = dmm.flight("memory")
    untriggered = BoundFlight(dmm.instrument, replace(flight.member, trigger=""))
    with pytest.raises(DeviceTimeout, match=r"no reading in 0\.3 s after it was armed; no trigger"):
        async for _ in untriggered.blocks(10, block=10, deadline_s=0.3):
            pass
    assert ":ABOR" in simulated.commands("dmm"), "it does not wait for ever"
    got = [len(block) async for block in flight.blocks(10, block=10, deadline_s=5)]
    assert sum(got) == 10
    await dmm.member_set("trigger_source", "immediate")

    node = fly(runner, "dmm.memory", readings=2000, block=50)
    run = await runner.start()
    table = run.tables[node.uuid]
    await until(lambda table=table: len(table) >= 100)
    run.stop()
    assert await asyncio.wait_for(run.wait(), patience()) == "stopped"
    assert 100 <= len(RunReader(run.path).to_numpy("dmm.memory")["Value"]) < 2000
    assert (await dmm.member_get("samples")).value == 1, "it was put back"

    with pytest.raises(RefusedError, match="Fly scan was in flight: an instrument that flies"):
        await look_back(runner, "1")
    run = await runner.start(going_on=await look_back(runner, "1", first=1))
    table = run.tables[node.uuid]
    await until(lambda table=table: len(table) >= 100)
    simulated.fault("dmm", "close", match=":R?")  # half of a block, and then it is away
    assert await asyncio.wait_for(run.wait(), patience()) == "failed"
    assert "dmm" in run.message
    kept = len(RunReader(run.path).to_numpy("dmm.memory")["Value"])
    assert kept == len(table) >= 100
    assert RunReader(run.path).verify() == "intact"


async def test_an_e_stop_ends_a_filling_that_an_instrument_is_deaf_in(
    runner: Runner, bench: Bench, simulated: SimulatedBench
) -> None:
    """S3: the output is off at once, and nothing is put back afterwards (S4)."""
    smu = bench.device("smu")
    await smu.member_command("sense_both")
    await smu.member_set("compliance", 0.1)
    await smu.member_set("output", True)
    node = fly(runner, "smu.buffer", readings=2000, block=1000, deadline=100.0)
    run = await runner.start()
    await until(lambda: any(c.endswith(":INIT") for c in simulated.commands("smu")))
    await bench.estop("smoke", "ada")
    assert await asyncio.wait_for(run.wait(), patience()) == "aborted"
    assert simulated.state()["smu"]["output"] is False
    assert len(run.tables[node.uuid]) == 0
    commands = simulated.commands("smu")
    assert commands.index(":OUTP OFF") > commands.index(":TRAC:FEED:CONT NEXT;:INIT")
    assert ":TRIG:COUN 1" not in commands


async def test_what_cannot_fly_is_refused_before_anything_moves(
    runner: Runner, simulated: SimulatedBench
) -> None:
    node = fly(runner, "dmm.memory", readings=20_000)
    with pytest.raises(RunError, match="the memory of dmm holds 10,000 readings, not 20,000"):
        await runner.start()
    node.source.value_options["options"] = []
    node.source.set_value("dmm.film")
    with pytest.raises(RunError, match="dmm cannot fly by 'film'; it has memory"):
        await runner.start()
    assert ":INIT" not in simulated.commands("dmm")
