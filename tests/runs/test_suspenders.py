"""Suspenders: a run waits for a signal that is out of its band, and for a device that is away.

As a machine; and on a simulated bench, whose source-measure unit is what is measured with, beside a
gauge at a real socket that leaves its band and is unplugged.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

import funcnodes
from funcnodes.core import NodeSpace
from funcnodes.devices import Bench, Sample
from funcnodes.devices.benchfile.rules import SuspenderConfig
from funcnodes.devices.declarations import drivers
from funcnodes.devices.safety.bands import Band
from funcnodes.devices.safety.sources import Observation, find_source
from funcnodes.errors import BenchError, RefusedError
from funcnodes.runs import Run, Runner, RunStore
from funcnodes.runs.local import library
from funcnodes.runs.suspenders import Suspender
from funcnodes_simulators import SimulatedBench

from ..outage import Lockin, Mains
from ..waiting import patience, until

KINDS = {"tc": drivers.find("lakeshore.model335")}
KELVIN = find_source(KINDS, "tc.a.kelvin")
EXAMPLES = Path(funcnodes.__file__).parent / "examples"


# ── as a machine ──────────────────────────────────────────────────────────────────────────


def machine(**options: Any) -> Suspender:
    said = {"name": "sample", "source": "tc.a.kelvin", "high": "300 K", "for_s": 2.0, **options}
    return Suspender(Band(SuspenderConfig(**said), KINDS))


def read(kelvin: float | None, *, rests: bool = False) -> Observation:
    if kelvin is None:
        return Observation(KELVIN, None, "no reply", rests)
    return Observation(KELVIN, Sample(kelvin, "K"))


def test_it_holds_while_out_and_lets_go_once_back_for_its_time() -> None:
    suspender = machine()
    assert suspender.note(read(299), 0) == ""
    assert suspender.note(read(310), 1) == "suspend"
    assert suspender.why == "sample is 310 K, above 300 K"
    assert suspender.note(read(305), 2) == ""
    assert suspender.note(read(299), 3) == ""
    assert suspender.note(read(301), 4) == "", "out again before its time: it begins anew"
    assert suspender.note(read(299), 5) == ""
    assert suspender.look(6.9) == ""
    assert suspender.look(7) == "resume"
    assert not suspender.is_holding


def test_what_is_lost_or_no_number_is_out_and_what_rests_is_not() -> None:
    """Fail-safe, as interlocks are; a reading that cannot be asked just now is no failure."""
    assert machine().note(read(None), 0) == "suspend"
    assert machine().note(read(float("nan")), 0) == "suspend"
    assert machine().note(read(None, rests=True), 0) == ""
    silent = machine()
    silent.note(read(299), 0)
    assert silent.look(5) == ""
    assert silent.look(60) == "suspend"
    assert silent.why.startswith("nothing was heard of sample for")


def test_it_waits_for_its_delay_and_gives_up_at_its_deadline() -> None:
    suspender = machine(delay_s=1.0, deadline_s=10.0)
    assert suspender.note(read(310), 0) == ""
    assert suspender.note(read(310), 1) == "suspend"
    assert suspender.look(10.9) == ""
    assert suspender.note(read(310), 11) == "late"
    assert suspender.note(read(310), 12) == "", "said once; it holds nobody any more"
    assert suspender.note(read(299), 13) == ""
    assert suspender.note(read(310), 14) == ""
    assert suspender.note(read(310), 15) == "suspend", "it was back meanwhile"


@given(st.lists(st.tuples(st.sampled_from([290.0, 310.0, None]), st.floats(0.1, 3)), max_size=30))
def test_every_hold_is_ended_by_a_resume_or_by_a_deadline(said: list[tuple[Any, float]]) -> None:
    suspender, now, held = machine(deadline_s=6.0), 0.0, False
    for kelvin, seconds in said:
        now += seconds
        verdict = suspender.note(read(kelvin), now)
        assert (verdict == "suspend") <= (not held)
        assert (verdict in ("resume", "late")) <= held
        held = verdict == "suspend" or (held and verdict == "")
        assert suspender.is_holding is held


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"source": "tc.a.kelvni"}, "nothing to read named 'a.kelvni'"),
        ({"high": "3 V"}, "V"),
        ({"high": None}, "say low, high, or what it is to be"),
        ({"low": "301 K"}, "it is to be at most high, 300 K"),
        ({"source": "tc"}, "it is reached or not"),
        ({"source": "gauge"}, "there is no device 'gauge'"),
    ],
)
def test_what_it_cannot_look_at_is_refused_by_name(said: dict[str, Any], why: str) -> None:
    with pytest.raises(BenchError, match=r"\[\[suspender\]\]") as caught:
        machine(**said)
    assert why in caught.value.message


# ── on a bench ────────────────────────────────────────────────────────────────────────────

BENCH = """
name = "vacuum"
[devices.smu]
driver = "keithley.smu2400"
address = "sim:smu"
[devices.gauge]
driver = "test.lockin"
address = "{gauge}"
"""
PRESSURE = """
[[suspender]]
name = "pressure"
source = "gauge.level"
high = "5 V"
for_s = 0.05
every_s = 0.02
"""


class Vacuum:
    """The diode example beside a gauge."""

    def __init__(self, folder: Path, gauge: Mains, simulated: SimulatedBench) -> None:
        self.folder, self.gauge, self.simulated = folder, gauge, simulated

    async def open(self, rules: str) -> None:
        path = self.folder / "bench.toml"
        path.write_text(BENCH.format(gauge=self.gauge.address) + rules)
        self.bench = Bench.load(path, self.simulated.resources, lock_dir=self.folder / "locks")
        await self.bench.open()
        self.space = NodeSpace(library(), arming="disarmed")
        self.space.services.provide(Bench, self.bench)
        self.space.deserialize(json.loads((EXAMPLES / "diode_iv.json").read_text()))
        self.runner = Runner(self.space, RunStore(self.folder / "runs"), nodespace="diode_iv")

    async def started(self, points: int = 1000, **values: Any) -> Run:
        sweep = self.space.get_node_by_id("sweep")
        for port, value in {"points": points, **values}.items():
            sweep.inputs[port].set_value(value)
        return await self.runner.start(operator="ada")

    def events(self, run: Run) -> list[str]:
        events = self.runner.store.find(run.id).events()
        return [each.kind for each in events if each.kind not in ("state", "point given up")]

    async def close(self) -> None:
        await self.runner.aclose()
        await self.space.aclose()
        await self.bench.close()


@pytest.fixture
def simulated() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=5) as bench:
        yield bench


@pytest.fixture
async def vacuum(simulated: SimulatedBench, tmp_path: Path) -> AsyncIterator[Vacuum]:
    with drivers.lent(Lockin):
        async with Mains() as gauge:
            vacuum = Vacuum(tmp_path, gauge, simulated)
            yield vacuum
            await vacuum.close()


async def ended(run: Run) -> str:
    return await asyncio.wait_for(run.wait(), patience())


async def test_a_run_waits_while_a_signal_is_out_and_goes_on_when_it_is_back(
    vacuum: Vacuum,
) -> None:
    """Outputs stay as they are; what a person wants comes before what the bench wants."""
    await vacuum.open(PRESSURE)
    plan = vacuum.bench.safety_plan().lines()
    assert "  pressure: a run waits while it is above 5 V" in plan
    run = await vacuum.started(60)
    await until(lambda: run.done > 2)
    vacuum.gauge.level = 7.0
    await until(lambda: run.state == "paused")
    assert run.message == "pressure is 7 V, above 5 V"
    assert vacuum.simulated.state()["smu"]["output"] is True
    before = run.done
    with pytest.raises(RefusedError, match=r"cannot go on: pressure is 7 V, above 5 V"):
        run.resume()
    run.pause()
    vacuum.gauge.level = 6.0
    await until(lambda: run.message == "pressure is 6 V, above 5 V")
    vacuum.gauge.level = 2.0
    await until(lambda: run.message == "")
    assert (run.state, run.done) == ("paused", before), "somebody paused it, too"
    run.resume()
    assert await ended(run) == "complete"
    assert len(vacuum.runner.store.find("latest").rows()) == 60, "no point is lost, none is double"
    assert vacuum.events(run) == ["suspended", "resumed"]


async def test_a_run_that_begins_out_of_band_waits_before_its_first_point(vacuum: Vacuum) -> None:
    """A device alone is a source: that it is reached."""
    vacuum.gauge.level = 9.0
    await vacuum.open(PRESSURE + '[[suspender]]\nsource = "gauge"\nfor_s = 0\nevery_s = 0.02\n')
    run = await vacuum.started(3)
    await until(lambda: run.state == "paused")
    assert (run.done, run.message) == (0, "pressure is 9 V, above 5 V")
    assert vacuum.simulated.state()["smu"]["output"] is False
    await vacuum.gauge.off()
    await until(lambda: run.message.startswith("pressure is not known"))
    await vacuum.gauge.on()
    vacuum.gauge.level = 1.0
    assert await ended(run) == "complete"
    assert run.rows == 3


def test_the_plan_of_a_bench_says_what_runs_wait_for() -> None:
    said = [
        ({"low": "4 K", "high": "300 K", "deadline_s": 60.0},
         "sample: a run waits while it is below 4 K or it is above 300 K; stop after 60 s"),
        ({"source": "tc", "high": None}, "sample: a run waits while it is not reached"),
    ]  # fmt: skip
    for options, words in said:
        assert machine(**options).band.words == words


@pytest.mark.parametrize("then", ["stop", "abort", "go on"])
async def test_a_signal_that_stays_away_has_a_deadline(vacuum: Vacuum, then: str) -> None:
    await vacuum.open(f'{PRESSURE}deadline_s = 0.1\nthen = "{then}"\npoint = "finish"\n')
    run = await vacuum.started(40)
    await until(lambda: run.done > 1)
    vacuum.gauge.level = 7.0
    expected = {"stop": "stopped", "abort": "aborted", "go on": "complete"}
    assert await ended(run) == expected[then]
    assert vacuum.simulated.state()["smu"]["output"] is False
    if then != "go on":
        assert run.message == "pressure did not come back in 0.1 s: pressure is 7 V, above 5 V."
    assert vacuum.events(run) == ["suspended", "given up"]


async def test_a_device_that_is_unplugged_in_the_middle_of_a_point_costs_no_point(
    vacuum: Vacuum,
) -> None:
    """By a node of the graph: the point that failed by it is no failure of the scan."""
    await vacuum.open("")
    node = vacuum.space.add_node_by_id("pause_while", "held", "Gauge")
    for port, value in {"source": "gauge", "stays": 0.0, "every": 0.02}.items():
        node.inputs[port].set_value(value)
    assert vacuum.runner.check() == []
    reading = vacuum.space.add_node_by_id(
        "device.read", "i", extra={"device": "gauge", "member": "i"}
    )
    sweep = vacuum.space.get_node_by_id("sweep")
    sweep.outputs["point"].connect(reading.inputs["_triggerinput"])
    run = await vacuum.started(200)
    await until(lambda: run.done > 2)
    await vacuum.gauge.off()
    await until(lambda: run.state == "paused")
    assert run.message.startswith("Gauge is not reached: ")
    await vacuum.gauge.on()
    await until(lambda: run.state == "running")
    seen = run.done
    await until(lambda: run.done > seen)
    run.stop()
    assert await ended(run) == "stopped"
    page = vacuum.runner.store.find("latest").rows()
    assert list(page.values[0]) == sorted(set(page.values[0])), "each point once"


async def test_a_node_that_names_nothing_is_told_before_the_run(vacuum: Vacuum) -> None:
    await vacuum.open("")
    node = vacuum.space.add_node_by_id("pause_while", "held", "Vacuum")
    assert vacuum.runner.check() == ["Vacuum: it is not said what is looked at: choose a source."]
    node.inputs["source"].set_value("gauge.level")
    assert node.inputs["high"].unit == "V"
    (problem,) = vacuum.runner.check()
    assert problem.endswith("say low, high, or what it is to be.")
    node.inputs["high"].set_value(5.0)
    assert vacuum.runner.check() == []
    node.muted = True
    vacuum.gauge.level = 9.0
    run = await vacuum.started(2)
    assert await ended(run) == "complete", "muted, it holds nobody"
