"""Dry runs: hours in seconds on simulators in memory, and nothing of the machine is touched."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcnodes
from funcnodes.core import Node, NodeOutput, clock
from funcnodes.devices.declarations import drivers
from funcnodes.devices.device.rack import Write
from funcnodes.errors import BenchError, RunError
from funcnodes.machine.place import leases_dir
from funcnodes.runs import RunReader
from funcnodes.runs.assignments import Assignment
from funcnodes.runs.dryrun import DryReport, Evidence, dry_run
from funcnodes.runs.dryrun.bench import dry_bench
from funcnodes.runs.dryrun.evidence import hashes_of
from funcnodes.runs.dryrun.models import SHIPPED, TABLE
from funcnodes.runs.dryrun.writes import WriteLog
from funcnodes.runs.local import read_nodespace, run_file
from funcnodes.settings import Settings
from funcnodes_simulators import SimulatedBench

from ..waiting import patience, until, within

EXAMPLES = Path(funcnodes.__file__).parent / "examples"
DIODE, HEATER = EXAMPLES / "diode_iv.json", EXAMPLES / "heater_step.json"
Dry = Callable[..., DryReport]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "config")


@pytest.fixture
def dry(settings: Settings) -> Dry:
    def run(path: Path, *sets: str, **options: Any) -> DryReport:
        return dry_run(settings, path, sets=[Assignment.parse(each) for each in sets], **options)

    return run


def bench_with(tmp_path: Path, more: str = "", **addresses: str) -> Path:
    """The demo bench, at other addresses, and more of it."""
    path = tmp_path / "lab.toml"
    at = {"smu": "sim:smu", "tc": "sim:tc", **addresses}
    path.write_text(
        f'name = "demo"\n'
        f'[devices.smu]\ndriver = "keithley.smu2400"\naddress = "{at["smu"]}"\n'
        f"[devices.smu.limits]\nvoltage = [-20, 20]\n"
        f'[devices.tc]\ndriver = "lakeshore.model335"\naddress = "{at["tc"]}"\n{more}'
    )
    return path


def everything_in(*folders: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


# ── what it tells ─────────────────────────────────────────────────────────────────────────────


def test_it_tells_duration_points_writes_in_order_extremes_and_end(dry: Dry) -> None:
    report = dry(DIODE)
    assert (report.state, report.is_fine, report.refused) == ("complete", True, ())
    assert (report.points, report.total, report.recorders[0].rows) == (51, 51, 51)
    assert 1 < report.duration_s < 10
    told = [
        (each.member, each.first, each.last, each.count, each.makes_safe) for each in report.writes
    ]
    assert told == [
        ("compliance", 0.02, 0.02, 1, False),
        ("output", True, True, 1, False),
        ("voltage", 0.0, pytest.approx(0.7), 51, False),
        ("voltage", pytest.approx(0.45), 0.0, 3, True),
        ("output", False, False, 1, True),
    ]
    assert [each.began for each in report.writes] == sorted(e.began for e in report.writes)
    spans = {each.member: each for each in report.ranges}
    assert [spans["voltage"].lowest, spans["voltage"].highest] == pytest.approx([0.0, 0.7])
    assert (spans["voltage"].low, spans["voltage"].high) == (-20.0, 20.0)
    end = {(each.device, each.member): each for each in report.end}
    assert (end["smu", "output"].value, end["smu", "output"].is_safe) == (False, True)
    assert end["smu", "voltage"].value == 0.0
    assert {each.simulated for each in report.devices} == {"its own simulator answers"}
    assert (report.errors, report.warnings) == ((), ())


@pytest.mark.timing
def test_eight_hours_take_less_than_ten_seconds(dry: Dry) -> None:
    report = dry(HEATER, "repeat.every=60", "repeat.count=481")
    assert (report.state, report.points) == ("complete", 481)
    assert report.duration_s == pytest.approx(8 * 3600, abs=2)
    assert report.took_s < within(10)


def test_its_rows_are_those_of_a_real_time_run(settings: Settings, tmp_path: Path) -> None:
    """The sample warms on the wall clock as it does on the virtual one."""
    sets = [Assignment.parse("repeat.count=6")]
    simulators = tmp_path / "warm.toml"
    simulators.write_text(
        '[stage.sample]\n[device.tc]\nmodel = "lakeshore335"\nstage = "sample"\nserve = "tcp"\n'
    )
    with SimulatedBench.start(str(simulators), seed=1) as simulated:
        bench = tmp_path / "bench.toml"
        bench.write_text(
            'name = "demo"\n[devices.tc]\ndriver = "lakeshore.model335"\n'
            f'address = "{simulated.resources["tc"]}"\n'
        )
        real = run_file(settings, HEATER, sets=sets, bench=bench)
    page = RunReader(real.path).rows()
    times, temperatures, _ = (np.array(list(each)) for each in page.values)
    kept: list[list[float]] = []
    longer = [Assignment.parse("repeat.count=40")]
    report = dry_run(
        settings, HEATER, sets=longer, bench=bench, simulators=simulators, seed=1,
        rows=lambda _, row: kept.append(row),
    )  # fmt: skip
    dry_times, dry_temperatures, _ = np.array(kept).T
    assert report.recorders[0].rows == len(kept) == 40
    assert dry_times == pytest.approx([0.25 * n for n in range(40)], abs=1e-3)
    assert times == pytest.approx(dry_times[:6], abs=within(0.1))
    # A machine can only be late: what it read it read by then, or a little after that.
    earliest = np.interp(times, dry_times, dry_temperatures)
    latest = np.interp(times + within(0.2), dry_times, dry_temperatures)
    assert np.all(temperatures > earliest - 0.03)
    assert np.all(temperatures < latest + 0.03)
    assert temperatures[-1] > temperatures[0] + 0.2, "it warms, or nothing was compared"


def test_the_same_twice_tells_the_same(dry: Dry) -> None:
    one, two = dry(HEATER, "repeat.count=5"), dry(HEATER, "repeat.count=5")
    assert replace_times(one) == replace_times(two)


def replace_times(report: DryReport) -> DryReport:
    import msgspec

    return msgspec.structs.replace(report, took_s=0.0)


def test_a_scan_beyond_limits_is_refused_in_the_words_of_the_run(
    dry: Dry, settings: Settings
) -> None:
    sets = [Assignment.parse("sweep.stop=30 V")]
    with pytest.raises(RunError) as refusal:
        run_file(settings, DIODE, sets=sets)
    report = dry(DIODE, "sweep.stop=30 V")
    assert (report.state, report.is_fine) == ("refused", False)
    assert list(report.refused) == refusal.value.context["problems"]
    assert "The run would be refused." not in report.refused
    assert any("30 V" in line for line in report.lines())


def test_an_interlock_that_would_trip_trips(dry: Dry, tmp_path: Path) -> None:
    rule = "[[interlock]]\nname = 'hot'\nwhen = 'tc.a.kelvin > \"299 K\"'\n"
    report = dry(HEATER, bench=bench_with(tmp_path, rule))
    assert (report.state, report.is_fine) == ("aborted", False)
    assert "hot" in report.message
    assert 0 < report.points < 40


def test_a_stopped_worker_is_told_as_the_run_would_tell_it(dry: Dry, settings: Settings) -> None:
    folder = settings.workers_dir / "local"
    folder.mkdir(parents=True)
    (folder / "latch.json").write_text('{"latched": true, "by": "Ada", "cause": "smoke"}')
    before = everything_in(folder)
    report = dry(DIODE)
    assert report.state == "complete"
    assert report.refused == ("Stopped by Ada (smoke).",)
    assert not report.is_fine
    assert everything_in(folder) == before


# ── what stands for instruments ───────────────────────────────────────────────────────────────


def test_every_driver_with_a_model_has_it_in_a_dry_run() -> None:
    known = {name for name in drivers.names() if drivers.find(name).spec.match is not None}
    assert known == set(SHIPPED), "a driver that ships needs a line in dryrun.models.SHIPPED"


async def test_each_connects_on_its_simulator(tmp_path: Path) -> None:
    names = [*SHIPPED, "scpi"]
    lines = "".join(
        f'[devices.{name.replace(".", "_")}]\ndriver = "{name}"\naddress = "tcp:127.0.0.1:9"\n'
        f'serial = "4711"\n'
        for name in names
    )
    path = tmp_path / "all.toml"
    path.write_text(lines)
    with clock.use(clock.VirtualClock()):
        found = dry_bench(path, tmp_path, own="", named=None, seed=1)
        async with found.bench as bench:
            states = {name: (each.state, each.message) for name, each in bench.devices.items()}
    assert states == {name.replace(".", "_"): ("idle", "") for name in names}
    assert found.worth["scpi"] == TABLE
    assert "resistor of 1 kΩ" in found.worth["keithley_smu2400"]


NOBODY = """
import sys
seen = []
def hook(event, arguments):
    if event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.posix_spawn", "os.fork"):
        seen.append((event, str(arguments[1:])))
    if event == "open" and str(arguments[0]).startswith(("/dev/tty", "/dev/pt")):
        seen.append((event, str(arguments[0])))
sys.addaudithook(hook)
from funcnodes.cli.app import execute
status = execute(["run", *sys.argv[1:], "--dry-run"])
print("seen", seen, "status", status)
"""


def test_with_real_addresses_nothing_is_opened_taken_or_kept(tmp_path: Path) -> None:
    """The report says which readings are only stand-ins."""
    bench = bench_with(tmp_path, smu="tcp:127.0.0.1:9", tc="serial:/dev/ttyUSB0")
    config = tmp_path / "config"
    config.mkdir()
    before = everything_in(config, leases_dir())
    done = subprocess.run(
        [sys.executable, "-c", NOBODY, str(DIODE), "--bench", str(bench)],
        env={**os.environ, "FUNCNODES_CONFIG_DIR": str(config)},
        capture_output=True, text=True, timeout=patience(50),
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "seen [] status 0", done.stdout + done.stderr
    assert "smu: a resistor of 1 kΩ stands for what it is wired to" in done.stdout
    assert "tc: a plain sample stage at 295 K stands for what it heats" in done.stdout
    assert everything_in(config, leases_dir()) == before


def test_simulators_of_a_file_stand_for_devices_of_the_same_name(dry: Dry, tmp_path: Path) -> None:
    simulators = tmp_path / "cold.toml"
    simulators.write_text(
        '[stage.sample]\nbath_k = 77\n[device.tc]\nmodel = "lakeshore335"\nstage = "sample"\n'
        'serve = "pty"\n'
    )
    report = dry(HEATER, "repeat.count=3", simulators=simulators)
    temperature = next(c for c in report.recorders[0].columns if c.name == "temperature")
    assert temperature.lowest == pytest.approx(77, abs=0.2)
    told = {each.device: each.simulated for each in report.devices}
    assert told["tc"] == f"its simulator of {simulators} answers"
    with pytest.raises(BenchError, match=r"nowhere\.toml' did not start"):
        dry(HEATER, simulators=tmp_path / "nowhere.toml")


def test_what_nothing_can_stand_for_is_named(dry: Dry, tmp_path: Path) -> None:
    bench = bench_with(tmp_path)
    bench.write_text(
        bench.read_text()
        .replace("keithley.smu2400", "auto")
        .replace("sim:smu", "tcp:127.0.0.1:9")
        .replace("[devices.smu.limits]\nvoltage = [-20, 20]\n", "")
    )
    report = dry(DIODE, bench=bench)
    assert report.state == "refused"
    assert any("smu: It cannot be tried dry" in line for line in report.lines())
    assert any("It cannot be tried dry: what it is would have to be asked" in each
               for each in report.refused)  # fmt: skip


def test_a_run_without_end_is_given_up(dry: Dry) -> None:
    report = dry(HEATER, "repeat.every=60", "repeat.count=1000000", most_s=0.3)
    assert report.state == "aborted"
    assert report.message == ("The dry run was given up after 0.3 s; the run itself would go on.")
    assert report.total == 1_000_000
    assert {each.member: each.is_safe for each in report.end if each.is_output} == {
        "output": True, "loop1.heater_range": True, "loop2.heater_range": True,
    }  # fmt: skip


# ── time ──────────────────────────────────────────────────────────────────────────────────────


async def test_time_stands_still_while_work_goes_on_that_the_loop_does_not_see() -> None:
    virtual = clock.VirtualClock()
    held = True
    virtual.is_held = lambda: held
    with clock.use(virtual):
        sleeping = asyncio.create_task(clock.sleep(3600))
        await asyncio.sleep(0.02)
        assert (clock.monotonic(), sleeping.done()) == (0.0, False)
        held = False
        await asyncio.wait_for(sleeping, patience())
        assert clock.monotonic() == 3600


def test_work_in_a_thread_takes_no_time_of_the_run(dry: Dry, tmp_path: Path) -> None:
    """Points stay at their times, and the interlocks' clock does not race ahead."""
    data = json.loads(HEATER.read_text())
    text = {"id": "text", "node_id": "file.write_json", "run_in": "thread",
            "io": {"name": {"is_input": True, "value": "point.json"}}}  # fmt: skip
    data["nodes"].append(text)
    data["edges"].append(["repeat", "index", "text", "value"])
    path = tmp_path / "threads.json"
    path.write_text(json.dumps(data))
    rule = "[[interlock]]\nname = 'hot'\nwhen = 'tc.a.kelvin > \"399 K\"'\n"
    kept: list[list[Any]] = []
    report = dry(
        path, "repeat.count=8", bench=bench_with(tmp_path, rule),
        rows=lambda _, row: kept.append(row),
    )  # fmt: skip
    assert (report.state, report.files) == ("complete", ("point.json",))
    assert [row[0] for row in kept] == pytest.approx([0.25 * n for n in range(8)], abs=1e-3)
    assert report.duration_s < 4


async def test_a_node_in_a_thread_says_that_it_is_elsewhere() -> None:
    go = threading.Event()

    class Slow(Node):
        node_id = "test.dry_slow"
        default_run_in = "thread"
        out = NodeOutput(type=float)

        def func(self) -> None:
            go.wait(patience())

    node = Slow()
    assert not node.is_elsewhere
    node.run_in = "thread"
    node.request_trigger()
    await until(lambda: node.is_elsewhere)
    go.set()
    await until(lambda: not node.is_elsewhere)


# ── writes ────────────────────────────────────────────────────────────────────────────────────


def told(*writes: str) -> list[str]:
    """Each "member=value" as it is told: first, last and count."""
    log = WriteLog()
    for at, text in enumerate(writes):
        member, _, value = text.partition("=")
        log.note(Write("d", member, float(value)), float(at))
    assert log.count == len(writes)
    return [
        f"{line.write.member}={line.write.value:g}..{line.last:g} x{line.count}"
        for line in log.lines()
    ]


def test_a_sweep_is_told_once() -> None:
    assert told("on=1", "v=0", "v=1", "v=2", "on=0") == [
        "on=1..1 x1", "v=0..2 x3", "on=0..0 x1",
    ]  # fmt: skip


def test_rounds_of_a_loop_are_told_as_one_round() -> None:
    assert told("a=1", "b=1", "a=2", "b=2", "a=3", "b=3", "c=0") == [
        "a=1..3 x3", "b=1..3 x3", "c=0..0 x1",
    ]  # fmt: skip


def test_a_loop_in_a_loop_is_told_as_one_round() -> None:
    inner = ["v=0", "v=1"]
    assert told("t=1", *inner, "t=2", *inner, "t=3", *inner) == ["t=1..3 x3", "v=0..1 x6"]


def test_what_is_no_whole_round_stays_in_its_order() -> None:
    assert told("a=1", "b=1", "a=2", "c=1", "a=3") == [
        "a=1..1 x1", "b=1..1 x1", "a=2..2 x1", "c=1..1 x1", "a=3..3 x1",
    ]  # fmt: skip


# ── evidence ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def evidence(dry: Dry, tmp_path: Path) -> Evidence:
    made = Evidence.of(dry(DIODE, bench=bench_with(tmp_path)), made=1.0)
    made.save(tmp_path / "evidence.json")
    assert (tmp_path / "evidence.json").stat().st_mode & 0o777 == 0o600
    return Evidence.load(tmp_path / "evidence.json")


def test_evidence_holds_while_graph_bench_and_limits_are_the_same(
    evidence: Evidence, tmp_path: Path
) -> None:
    data, bench = read_nodespace(DIODE), tmp_path / "lab.toml"
    assert evidence.differences(hashes_of(data, (), bench)) == []
    bench.write_text("# a remark\n" + bench.read_text())
    assert evidence.differences(hashes_of(data, (), bench)) == []


def test_evidence_names_what_changed(evidence: Evidence, tmp_path: Path) -> None:
    data, bench = read_nodespace(DIODE), tmp_path / "lab.toml"
    sets = [Assignment.parse("sweep.stop=0.8V")]
    assert evidence.differences(hashes_of(data, sets, bench)) == [
        "The graph changed since the dry run."
    ]
    text = bench.read_text()
    bench.write_text(text.replace("[-20, 20]", "[-20, 21]"))
    assert evidence.differences(hashes_of(data, (), bench)) == [
        "The limits changed since the dry run."
    ]
    bench.write_text(text.replace("sim:smu", "tcp:127.0.0.1:9"))
    assert evidence.differences(hashes_of(data, (), bench)) == [
        "The bench changed since the dry run."
    ]


def test_evidence_that_was_edited_is_none(evidence: Evidence, tmp_path: Path) -> None:
    import msgspec

    now = hashes_of(read_nodespace(DIODE), [Assignment.parse("sweep.stop=9V")], None)
    forged = msgspec.structs.replace(evidence, hashes=now)
    assert forged.differences(now) == ["The evidence itself was changed since the dry run."]
    (tmp_path / "evidence.json").write_text("{}")
    with pytest.raises(RunError, match="is no evidence of a dry run"):
        Evidence.load(tmp_path / "evidence.json")


def test_the_guide_s_check_of_evidence_holds(
    dry: Dry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "night.json").write_text(DIODE.read_text())
    report = dry(Path("night.json"), bench=bench_with(tmp_path).relative_to(tmp_path))
    Evidence.of(report, made=1.0).save(tmp_path / "night.evidence.json")
    guide = Path(__file__).parents[2] / "docs" / "guides" / "dry-runs.md"
    code = guide.read_text().partition("```python\n")[2].partition("```")[0]
    assert "differences" in code
    exec(compile(code, str(guide), "exec"), {})


def test_no_two_dry_runs_have_one_token(dry: Dry) -> None:
    report = dry(DIODE, "sweep.points=2")
    assert Evidence.of(report, made=1.0).token != Evidence.of(report, made=1.0).token


# ── files ─────────────────────────────────────────────────────────────────────────────────────


def test_files_of_the_worker_are_read_and_never_written(
    dry: Dry, settings: Settings, tmp_path: Path
) -> None:
    folder = settings.workers_dir / "local" / "files"
    folder.mkdir(parents=True)
    (folder / "start.txt").write_text("0.1")
    before = everything_in(folder)
    path = tmp_path / "keep.json"
    nodes = [
        {"id": "sweep", "node_id": "sweep", "io": {"points": {"is_input": True, "value": 3}}},
        {"id": "keep", "node_id": "file.write_json",
         "io": {"name": {"is_input": True, "value": "last.json"}}},
    ]  # fmt: skip
    path.write_text(json.dumps({"nodes": nodes, "edges": [["sweep", "value", "keep", "value"]]}))
    report = dry(path)
    assert (report.state, report.bench, report.devices) == ("complete", "", ())
    assert report.files == ("last.json",)
    assert everything_in(folder) == before
