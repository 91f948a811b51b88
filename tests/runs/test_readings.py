"""Waiting until a reading stays in a band, averaging, and scans relative to what is: on a bench."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes.core import NodeSpace
from funcnodes.core.uncertain import uncertainty_of
from funcnodes.devices.bench import Bench
from funcnodes.errors import RunError
from funcnodes.runs import Runner
from funcnodes.runs.local import library
from funcnodes_simulators import SimulatedBench

from ..waiting import patience
from .conftest import Lab


class BenchLab(Lab):
    """A nodespace with its runner, on a bench."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        super().__init__(folder)
        self.bench = bench
        self.space = NodeSpace(library(), arming="disarmed")
        self.space.services.provide(Bench, bench)
        self.runner = Runner(self.space, self.store, nodespace="test")

    def device(self, kind: str, device: str, member: str) -> Any:
        return self.space.add_node_by_id(
            f"device.{kind}", extra={"device": device, "member": member}
        )


@pytest.fixture
def simulated() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=5) as bench:
        yield bench


@pytest.fixture
async def lab(simulated: SimulatedBench, tmp_path: Path) -> AsyncIterator[BenchLab]:
    async with Bench.builtin("demo", simulated.resources, lock_dir=tmp_path / "locks") as bench:
        lab = BenchLab(tmp_path, bench)
        yield lab
        await lab.runner.aclose()
        await lab.space.aclose()


def volts_set(simulated: SimulatedBench) -> list[float]:
    """What the source was set to, in order."""
    heads = (":SOUR:VOLT ", ":SOUR:VOLT:LEV ")
    return [
        float(command.rpartition(" ")[2])
        for command in simulated.commands("smu")
        if command.startswith(heads)
    ]


async def test_a_relative_sweep_starts_from_what_is_there_and_goes_back(
    lab: BenchLab, simulated: SimulatedBench
) -> None:
    await lab.bench.device("smu").member_set("voltage", 0.2)
    sweep = lab.add("sweep", unit="mV", start=-100, stop=100, points=3, relative=True)
    source = lab.device("set", "smu", "voltage")
    sweep.value.connect(source.inputs["value"])
    lab.record(sweep.value)
    before = len(volts_set(simulated))
    run = await lab.run()
    assert run.state == "complete", run.message
    assert next(iter(lab.columns(run).values())) == pytest.approx([100, 200, 300])
    assert volts_set(simulated)[before : before + 4] == pytest.approx([0.1, 0.2, 0.3, 0.2])


async def test_a_relative_sweep_that_sets_no_device_is_refused(lab: BenchLab) -> None:
    sweep = lab.add("sweep", relative=True)
    lab.record(sweep.value)
    with pytest.raises(RunError, match="wire its value to exactly one Set node"):
        await lab.runner.start()


async def test_a_point_waits_until_the_temperature_stays_in_the_band(lab: BenchLab) -> None:
    repeat = lab.add("repeat", count=1, every=0)
    read = await lab.bench.device("tc").member_read("a.kelvin")
    now = read["value"].value
    wait = lab.add("wait_until", source="tc.a.kelvin", within=5, stays=0.3, every=0.05)
    assert wait.target.unit == wait.outputs["value"].unit == "K"
    wait.target.set_value(now)
    repeat.point.connect(wait.inputs["_triggerinput"])
    lab.record(wait.outputs["value"], wait.took)
    run = await lab.run()
    assert run.state == "complete", run.message
    value, took = (column[0] for column in lab.columns(run).values())
    assert abs(value - now) <= 5
    assert took >= 0.3


async def test_waiting_ends_at_the_deadline_and_says_what_was_read(lab: BenchLab) -> None:
    repeat = lab.add("repeat", count=1, every=0)
    wait = lab.add("wait_until", source="tc.a.kelvin", within=1, deadline=0.2, every=0.05)
    wait.stays.set_value(0.1)
    wait.target.set_value(4.2)
    repeat.point.connect(wait.inputs["_triggerinput"])
    lab.record(wait.took)
    run = await lab.run()
    assert run.state == "failed"
    assert "tc.a.kelvin was not within 4.2 K ± 1 K for long enough in 0.2 s; it is" in run.message


async def test_a_run_that_is_stopped_does_not_go_on_waiting(lab: BenchLab) -> None:
    repeat = lab.add("repeat", count=1, every=0)
    wait = lab.add("wait_until", source="tc.a.kelvin", within=1, deadline=3600, every=0.05)
    repeat.point.connect(wait.inputs["_triggerinput"])
    lab.record(wait.took)
    run = await lab.runner.start()
    async with asyncio.timeout(patience()):
        while wait.state != "running":
            await asyncio.sleep(0.01)
    run.abort("enough")
    assert await asyncio.wait_for(run.wait(), patience()) == "aborted"


async def test_an_average_is_recorded_with_its_deviation_and_error(lab: BenchLab) -> None:
    repeat = lab.add("repeat", count=2, every=0)
    average = lab.add("average", source="tc.a.kelvin", readings=5)
    repeat.point.connect(average.inputs["_triggerinput"])
    lab.record(average.mean, average.deviation, average.standard_error, average.counted)
    run = await lab.run()
    assert run.state == "complete", run.message
    page = lab.store.find(run.id).rows()
    assert [column.unit for column in page.table.columns] == ["K", "K", "K", ""]
    mean, deviation, error, number = (column[0] for column in page.values)
    assert (number, mean > 100) == (5, True)
    columns = page.table.columns
    assert [column.uncertainty for column in columns] == ["error", "", "", ""]
    assert {column.source for column in columns} == {"tc.a.kelvin"}
    data = lab.store.find(run.id).to_xarray()
    assert data["mean"].attrs["uncertainty"] == "error"
    assert data["mean"].sizes == {"point": 2}
    assert error == pytest.approx(deviation / math.sqrt(5))


async def test_an_average_of_what_is_not_ok_is_not_ok(
    lab: BenchLab, simulated: SimulatedBench
) -> None:
    """A value that is worked out is as good as the worst of its readings."""
    average = lab.add("average", source="smu.reading.i", readings=3)
    repeat = lab.add("repeat", count=1, every=0)
    repeat.point.connect(average.inputs["_triggerinput"])
    lab.record(average.mean)
    smu = lab.bench.device("smu")
    await smu.member_set("compliance", 1e-6)
    await smu.member_set("voltage", 1.0)
    await smu.member_set("output", True)
    page = lab.store.find((await lab.run()).id).rows()
    assert list(page.quality[0]) == ["compliance"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("", "choose a source"),
        ("dmm.reading.v", "there is no device 'dmm'"),
        ("tc.none", "has nothing to read named 'none'"),
    ],
)
async def test_a_source_that_is_not_there_is_refused_before_the_run(
    lab: BenchLab, source: str, why: str
) -> None:
    repeat = lab.add("repeat", count=1, every=0)
    average = lab.add("average")
    average.source.restore(source)  # as a file says it
    repeat.point.connect(average.inputs["_triggerinput"])
    with pytest.raises(RunError, match=why):
        await lab.runner.start()


async def test_nodes_that_read_come_back_from_their_saved_form(lab: BenchLab) -> None:
    lab.add("average", source="smu.reading.i", readings=7)
    lab.add("wait_until", source="tc.a.kelvin", within=2)
    lab.add("scan.list", unit="mV", values=[1, 2])
    lab.add("scan.logarithmic", unit="Hz", start=10, stop=1000)
    saved = lab.space.serialize()
    for services in (True, False):  # also where there is no bench
        space = NodeSpace(library(), arming="disarmed")
        if services:
            space.services.provide(Bench, lab.bench)
        space.deserialize(saved)
        assert space.serialize() == saved


async def test_an_average_is_as_uncertain_as_its_scatter_and_its_instrument(lab: BenchLab) -> None:
    """Many readings make the scatter small, and leave what the instrument is off every time."""
    smu = lab.bench.devices["smu"]
    for member, value in (("compliance", 0.02), ("output", True), ("voltage", 0.3)):
        await smu.member_set(member, value)
    average = lab.add("average", source="smu.reading.i", readings=20)
    read = lab.device("read", "smu", "reading")
    lab.space.arming = "live"
    await average
    await read
    mean, error = average.outputs["mean"].value, average.outputs["error"].value
    one = uncertainty_of(read.outputs["i"].value)
    assert one is not None
    assert one > 0
    assert uncertainty_of(mean) == pytest.approx(math.hypot(one, error), rel=0.01)
    both = uncertainty_of(mean - read.outputs["i"].value)
    assert both == pytest.approx(error, rel=0.2), "what it is off every time is not in a difference"
