"""Every example that comes along, run on its own bench; what it finds is held to known physics.

Most run dry, by the virtual clock: instruments, drivers and rows are those of a real run.
"""

import asyncio
import functools
import json
import math
import tempfile
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import funcnodes
from funcnodes.core import NodeSpace
from funcnodes.devices import Bench, find_bench
from funcnodes.errors import RefusedError
from funcnodes.runs import Runner, RunStore
from funcnodes.runs.assignments import Assigned, Assignment
from funcnodes.runs.dryrun import DryReport, dry_run
from funcnodes.runs.local import library
from funcnodes.settings import Settings
from funcnodes_simulators import SimulatedBench

from ..waiting import patience, until, within

EXAMPLES = Path(funcnodes.__file__).parent / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.json"))
ANSWERS = {"dosing": ("largest_dose=10 ml", "vessel_in_place=yes")}
SIGMAS = 4.0
NIGHT_S = 10.0


@dataclass
class Found:
    """What a dry run of an example tells.

    Attributes:
        rows: Of each recorder, by its name: a list of columns by name for every row.
    """

    report: DryReport
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def value(self, name: str, recorder: str = "Fit") -> float:
        (row,) = self.rows[recorder]
        return float(row[name])

    def is_near(self, name: str, expected: float) -> bool:
        """Whether a fitted parameter is what it should be within its own error."""
        return abs(self.value(name) - expected) < SIGMAS * self.value(f"{name} error")


def tried(name: str, *sets: str) -> Found:
    """An example, run dry."""
    values: dict[str, list[list[Any]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        report = dry_run(
            Settings(Path(folder)),
            EXAMPLES / f"{name}.json",
            sets=[Assignment.parse(each) for each in sets],
            answers=[Assigned.parse(each) for each in ANSWERS.get(name, ())],
            rows=lambda recorder, cells: values[recorder].append(cells),
        )
    columns = {each.recorder: [c.name for c in each.columns] for each in report.recorders}
    rows = {
        recorder: [dict(zip(columns[recorder], cells, strict=True)) for cells in found]
        for recorder, found in values.items()
    }
    return Found(report, rows)


found = functools.cache(tried)


def saved(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return data


# ── what holds for each ───────────────────────────────────────────────────────────────────────


def test_there_are_the_examples_that_are_promised() -> None:
    promised = {
        "beam_optimum", "diode_fit", "diode_iv", "dosing", "go_no_go", "heater_step", "overnight",
        "rc_bode", "resistor_temperature", "resonance",
    }  # fmt: skip
    assert set(NAMES) == promised


@pytest.mark.parametrize("name", NAMES)
def test_an_example_says_what_it_is_and_how_long_it_takes(name: str) -> None:
    data = saved(name)
    assert data["title"]
    assert len(data["prop"]["description"]) > 40
    assert find_bench(data["requires"]["bench"]).is_file()
    told_s, takes_s = data["prop"]["about_s"], found(name).report.duration_s
    computing_s = 3.0  # which takes no time by the virtual clock
    assert abs(told_s - takes_s) <= 0.35 * takes_s + computing_s, f"it takes {takes_s:.0f} s"


@pytest.mark.parametrize("name", NAMES)
def test_an_example_runs_to_its_end_and_every_cell_is_ok(name: str) -> None:
    report = found(name).report
    assert (report.state, report.refused, report.errors) == ("complete", (), ())
    for recorder in report.recorders:
        assert recorder.rows
        assert {column.not_ok for column in recorder.columns} == {0}, recorder


@pytest.mark.parametrize("name", NAMES)
async def test_an_example_comes_back_unchanged_from_its_saved_form(name: str) -> None:
    data = saved(name)
    space = NodeSpace(library())
    space.services.provide(Bench, Bench.builtin(data["requires"]["bench"]))
    space.deserialize(data)
    assert without_defaults(space.serialize()) == without_defaults(data)
    await space.aclose()


def without_defaults(data: dict[str, Any]) -> dict[str, Any]:
    """A saved nodespace without inputs that nobody set, of which there may be more by now."""
    nodes = [
        {**node, "io": {port: io for port, io in node["io"].items() if "value" in io}}
        for node in data["nodes"]
    ]
    return {**data, "nodes": nodes}


# ── what each finds ───────────────────────────────────────────────────────────────────────────


def test_a_fit_of_the_diode_gives_back_the_constants_of_the_simulator() -> None:
    """`physics.Diode`: I_s = 2.52 nA, n = 1.752, R_s = 0.568 ohm."""
    fit = found("diode_fit")
    assert fit.is_near("n", 1.752)
    assert fit.is_near("I_s (nA)", 2.52)
    assert fit.is_near("R_s (ohm)", 0.568)
    assert fit.value("n error") < 1e-3


def test_resistance_follows_temperature_by_the_slope_of_platinum() -> None:
    """`physics.Resistor`: R = 100 ohm (1 + 3.85e-3/K (T - 273.15 K)); five by five points."""
    fit = found("resistor_temperature")
    rows = fit.rows["Recorder"]
    assert len(rows) == 25
    assert all(abs(row["T"] - row["setpoint"]) < 0.05 and row["settling"] >= 30 for row in rows)
    assert fit.value("alpha (1/K)") == pytest.approx(3.85e-3, rel=1e-3)
    assert fit.value("R_0 (ohm)") == pytest.approx(100.0, rel=1e-4)


def test_amplitude_and_phase_of_the_low_pass_agree_on_its_corner() -> None:
    """f_c = 1 / (2 pi R C), with 10 kohm and 15.9 nF."""
    fit = found("rc_bode")
    corner_hz = 1 / (2 * math.pi * 10e3 * 15.9e-9)
    assert fit.is_near("f_c (Hz)", corner_hz)
    assert fit.is_near("f_c by phase (Hz)", corner_hz)
    rows = fit.rows["Recorder"]
    assert (rows[0]["frequency"], rows[-1]["frequency"]) == (10.0, 100e3)
    decade = rows[-1]["gain"] - rows[-11]["gain"]
    assert decade == pytest.approx(-20, abs=0.05)


def test_the_adaptive_sweep_finds_resonance_and_quality_factor() -> None:
    """f_0 = 1 / (2 pi sqrt(L C)), Q = sqrt(L / C) / R, with 10 mH, 2.533 nF and 20 ohm."""
    fit = found("resonance")
    resonance_hz = 1 / (2 * math.pi * math.sqrt(10e-3 * 2.533e-9))
    quality = math.sqrt(10e-3 / 2.533e-9) / 20
    assert fit.value("f_0 (Hz)") == pytest.approx(resonance_hz, abs=0.05)
    assert fit.value("Q") == pytest.approx(quality, rel=1e-3)
    rows = fit.rows["Recorder"]
    near = [
        row for row in rows if abs(row["frequency"] - resonance_hz) < 2 * resonance_hz / quality
    ]
    assert len(near) > len(rows) / 2, "where the curve bends there are most points"


def test_dosing_tells_the_density_of_water() -> None:
    """0.9982 g/ml at 20 °C, as `physics.Vessel` has it."""
    fit = found("dosing")
    assert fit.is_near("density (g/ml)", 0.9982)
    assert [row["volume"] for row in fit.rows["Recorder"]] == [2, 4, 6, 8, 10]
    assert fit.report.end[0].value is not True


@pytest.mark.parametrize("sets", [(), ("search.method=simplex", "search.points=150")])
def test_the_optimiser_finds_where_the_coils_meet(sets: tuple[str, ...]) -> None:
    """`physics.Beam`, on coils of 10 ohm: the optimum is at 2.828 V and 1.717 V."""
    best = tried("beam_optimum", *sets) if sets else found("beam_optimum")
    skew = 0.1
    x_a, y_a = ((a - skew * b) / (1 - skew**2) for a, b in ((0.3, 0.2), (0.2, 0.3)))
    assert best.value("best x (V)", "Found") == pytest.approx(10 * x_a, abs=0.05)
    assert best.value("best y (V)", "Found") == pytest.approx(10 * y_a, abs=0.05)
    assert best.value("best detector (V)", "Found") == pytest.approx(1.0, abs=1e-3)


# ── the night ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.timing
def test_a_night_is_tried_in_seconds() -> None:
    """Eight hours, a point a minute, with its bench's alarms watching, within 10 s."""
    night = tried("overnight")
    assert night.report.took_s < within(NIGHT_S)


def test_the_night_keeps_to_its_schedule() -> None:
    """T8: every point is at its minute, however long those before it took."""
    rows = found("overnight").rows["Recorder"]
    assert len(rows) == 481
    assert all(abs(row["time"] - 60 * n) < 1 for n, row in enumerate(rows))
    settled = [row for row in rows if row["time"] > 600]
    assert all(abs(row["T"] - 305.0) < 0.05 for row in settled)
    expected = 100 * (1 + 3.85e-3 * (305 - 273.15))
    assert all(row["R"] == pytest.approx(expected, rel=1e-3) for row in settled)


async def test_a_power_dip_in_the_night_pauses_the_log_and_leaves_no_wrong_row(
    tmp_path: Path,
) -> None:
    """D8: the bench says `on_changed = "pause"`; settings are set again before it goes on."""
    with SimulatedBench.start("thermometer", seed=3, control=True) as simulated:
        lines = simulated.resources
        async with Bench.builtin("thermometer", lines, lock_dir=tmp_path / "locks") as bench:
            space = NodeSpace(library(), arming="disarmed")
            space.services.provide(Bench, bench)
            space.deserialize(saved("overnight"))
            space.get_node_by_id("repeat").inputs["every"].set_value(0.05)
            runner = Runner(space, RunStore(tmp_path / "runs"), nodespace="overnight")
            run = await runner.start(operator="tester")
            smu, store = bench.device("smu"), runner.store

            def kept() -> int:
                return len(store.find(run.id).rows())

            await until(lambda: kept() >= 3)
            simulated.power_cycle("smu", off_s=0.2)
            await until(lambda: run.state == "paused")
            assert smu.changed.startswith("smu lost its settings: ")
            at_the_dip = kept()
            with pytest.raises(RefusedError, match="output was on, is off"):
                run.resume()
            assert simulated.state()["smu"]["output"] is False
            await smu.member_command("sense_both")
            before = {"compliance": 0.002, "voltage": 0.1, "output": True}
            for member, value in before.items():
                await smu.member_set(member, value)
            assert smu.changed == "", "all that was lost was set again"
            run.resume()
            await until(lambda: kept() >= at_the_dip + 3)
            run.stop()
            await asyncio.wait_for(run.wait(), patience())
            page = store.find(run.id).rows()
            names = [column.name for column in page.table.columns]
            ohms = page.values[names.index("R")]
            assert all(100 < each < 125 for each in ohms), "no reading with the output off"
            assert {quality for column in page.quality for quality in column} == {"ok"}
            await runner.aclose()
            await space.aclose()


# ── in a process of their own, as people run them ─────────────────────────────────────────────


def test_good_diodes_pass_and_a_bad_one_fails_with_a_report_and_junit(
    here: Any, tmp_path: Path
) -> None:
    junit = tmp_path / "result.xml"
    go = here("run", EXAMPLES / "go_no_go.json", "--junit", junit)
    assert go.returncode == 0, go.stderr
    cases = [case.get("name") for case in ET.parse(junit).getroot().iter("testcase")]
    assert len(cases) == 6, "three steps for each of two diodes"
    report = tmp_path / "report.html"
    assert here("runs", "report", "latest", "--html", report).returncode == 0
    assert "D-002" in report.read_text(encoding="utf-8")
    no_go = here("run", EXAMPLES / "go_no_go.json", "--set", "forward_current.low=10mA", "--json")
    assert no_go.returncode == 1
    assert json.loads(no_go.stdout)["verdict"] == "fail"


def test_dosing_is_refused_where_nobody_can_answer_and_runs_where_all_is_answered_before(
    here: Any,
) -> None:
    path, quick = EXAMPLES / "dosing.json", ("--set", "doses.points=2", "--set", "drip.time=0")
    refused = here("run", path, *quick)
    assert refused.returncode == 1
    assert "--answer" in refused.stderr
    answers = ("--answer", "largest_dose=1 ml", "--answer", "vessel_in_place=yes")
    done = here("run", path, *quick, *answers, "--set", "doses.start=0.2", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["state"] == "complete"
