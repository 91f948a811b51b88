"""What is refused before anything moves, with the reason, and the record that it leaves."""

import asyncio
import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcnodes
from funcnodes.core import Node, NodeInput, NodeOutput, NodeSpace
from funcnodes.devices import Bench
from funcnodes.devices.estop.latch import Latch
from funcnodes.errors import BenchError, RefusedError, RunError
from funcnodes.runs import RunStore, StorageError, disk
from funcnodes.runs.assignments import Assignment, AssignmentError
from funcnodes.runs.checks import problems
from funcnodes.runs.local import library, run_file
from funcnodes.runs.plan import plan
from funcnodes.settings import Settings

from ..smalldisk import small_disk

EXAMPLES = Path(funcnodes.__file__).parent / "examples"


# ── where runs are kept ───────────────────────────────────────────────────────────────────


def table(folder: Path, kind: str, source: str = "server:/lab") -> Path:
    """A table of mounts with a share in `folder`."""
    where = str(folder).replace(" ", r"\040")
    path = folder.parent / "mounts"
    path.write_text(f"overlay / overlay rw 0 0\n{source} {where} {kind} rw,vers=4.2 0 0\n")
    return path


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs"])
async def test_a_run_on_a_network_share_is_refused_with_the_reason(
    lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """SQLite's write-ahead log does not work there; nothing is made there, nothing is armed."""
    share = tmp_path / "the lab"
    share.mkdir()
    monkeypatch.setattr(disk, "MOUNTS", table(share, kind))
    lab.store.folder = share / "runs"
    lab.record(lab.add("sweep", points=2).value)
    (problem,) = lab.runner.check()
    assert f"it is on a network share ({kind}, server:/lab)" in problem
    with pytest.raises(StorageError, match="network share") as caught:
        await lab.runner.start()
    assert "FUNCNODES_CONFIG_DIR" in caught.value.hint
    assert list(share.iterdir()) == []
    assert lab.space.arming == "live"
    with pytest.raises(StorageError, match="write-ahead log"):
        lab.store.create(graph={}, specs=[])


def test_only_the_innermost_mount_counts_and_an_unknown_one_is_no_share(tmp_path: Path) -> None:
    inside = tmp_path / "share" / "local"
    inside.mkdir(parents=True)
    path = table(tmp_path / "share", "nfs4")
    with path.open("a") as more:
        more.write(f"/dev/sdb1 {inside} ext4 rw 0 0\n\nodd\n")
    assert disk.share_of(tmp_path / "share" / "new" / "runs", path) is not None
    assert disk.share_of(tmp_path / "share and more", path) is None
    assert disk.share_of(inside / "runs", path) is None
    assert disk.share_of(tmp_path, tmp_path / "no table") is None
    (tmp_path / "link").symlink_to(tmp_path / "share")
    assert disk.share_of(tmp_path / "link", path) is not None, "by where it really is"


def test_this_machine_keeps_runs_where_tests_keep_them(tmp_path: Path) -> None:
    assert disk.unfit(tmp_path / "not" / "yet") == ""


async def test_a_folder_that_can_be_read_only_is_refused(lab: Any, tmp_path: Path) -> None:
    lab.record(lab.add("sweep", points=2).value)
    with small_disk(tmp_path / "disk") as small:
        if not small.is_mounted:
            pytest.skip("nothing can be mounted here")
        lab.store.folder = small.folder / "runs"
        remount = ["mount", "-o", "remount,ro", str(small.folder)]
        await asyncio.to_thread(subprocess.run, remount, check=True)
        with pytest.raises(StorageError, match="it can be read only"):
            await lab.runner.start()
    assert lab.space.arming == "live"


async def test_a_scan_that_does_not_fit_onto_the_disk_is_refused_before_it_begins(
    lab: Any, tmp_path: Path
) -> None:
    """A whole scan counts, nested ones by all of their points; a smaller one runs."""
    outer, inner = lab.add("sweep", points=2000), lab.add("sweep", points=100)
    outer.outputs["point"].connect(inner.inputs["_triggerinput"])
    lab.record(outer.value, inner.value)
    with small_disk(tmp_path / "disk", megabytes=4) as small:
        lab.store.folder = small.folder / "runs"
        if not small.is_mounted:
            pytest.skip("nothing can be mounted here")
        with pytest.raises(
            RunError, match=r"200,000 rows may need 2\d MB: free some space"
        ) as told:
            await lab.runner.start()
        assert " left, and" in told.value.message
        number = told.value.context["run"]
        head = lab.store.find(str(number)).head
        assert head.message == f"It did not start: {told.value.message}"
        outer.points.set_value(3)
        assert (await lab.run()).state == "complete"
        small.fill()
        with pytest.raises(RunError, match=r"has \d+ (bytes|kB) left, and 300 rows") as full:
            await lab.runner.start()
        assert "run" not in full.value.context, "it cannot even be kept that it did not start"
        assert lab.space.arming == "live"


async def test_what_a_run_needs_is_estimated_from_its_rows_and_its_last_blocks(
    lab: Any, tmp_path: Path
) -> None:
    """Never less than what the file then takes, and no more than half as much again."""

    class Spectrum(Node):
        node_id = "test.spectrum"
        default_policy = "settled"
        x = NodeInput(type=float)
        y = NodeOutput(type="ndarray")

        def func(self, x: float) -> None:
            self.y.set(np.full(2000, x))

    sweep, spectrum = lab.add("sweep", points=5), lab.add(Spectrum)
    sweep.value.connect(spectrum.x)
    lab.record(sweep.value, *[spectrum.y])
    await lab.run()
    sweep.points.set_value(400)
    rows, size = disk.needed(plan(lab.space))
    assert rows == 400
    run = await lab.run()
    assert run.path.stat().st_size < size < 1.5 * run.path.stat().st_size

    numbers = lab.add("sweep", "Numbers", points=20_000)
    spectrum.muted = sweep.muted = True
    lab.record(*[numbers.value] * 1, numbers.outputs["index"])
    _, size = disk.needed(plan(lab.space))
    run = await lab.run()
    with closing(sqlite3.connect(run.path)) as file:
        assert file.execute("SELECT count(*) FROM rows_1").fetchone() == (20_000,)
    assert run.path.stat().st_size < size < 2 * run.path.stat().st_size


# ── the record of what could not start ────────────────────────────────────────────────────


async def test_a_run_that_could_not_start_leaves_a_record_with_all_reasons(lab: Any) -> None:
    sweep = lab.add("sweep", start=0.0, stop=1.0)
    strange = lab.add("check.at_most", "Strange")
    lab.order(sweep, strange)
    lab.record(sweep.value)
    with pytest.raises(RunError) as caught:
        await lab.runner.start(operator="ada")
    reader = lab.store.find("latest")
    assert (reader.head.state, reader.head.operator, reader.head.rows) == ("failed", "ada", 0)
    assert reader.head.number == caught.value.context["run"]
    assert reader.head.message == f"It did not start: {caught.value.context['problems'][0]}"
    assert [each.text for each in reader.log()] == caught.value.context["problems"]
    assert reader.graph() == lab.space.serialize(), "what was to be run"
    assert reader.head.ended is not None
    assert lab.runner.active is None


async def test_a_latched_e_stop_and_a_second_run_leave_and_leave_none(
    lab: Any, gate_class: Any
) -> None:
    """That a run is on already is told by that run; only what failed to start is kept."""
    latch = Latch()
    lab.space.services.provide(Latch, latch)
    sweep, gate = lab.add("sweep", points=2), lab.add(gate_class)
    sweep.value.connect(gate.x)
    run = await lab.runner.start()
    with pytest.raises(RefusedError):
        await lab.runner.start()
    run.abort()
    await run.wait()
    latch.engage("smoke", "ada")
    with pytest.raises(RefusedError):
        await lab.runner.start()
    messages = [head.message for head in lab.store.list()]
    assert messages == [
        "It did not start: The run was refused: stopped by ada (smoke).",
        "Aborted by the operator.",
    ]


# ── what is foreseen ──────────────────────────────────────────────────────────────────────


def test_a_schedule_that_its_points_cannot_keep_is_refused(lab: Any) -> None:
    repeat, settle = lab.add("repeat", every=1.0, count=5), lab.add("settle", time=5.0)
    repeat.outputs["point"].connect(settle.inputs["_triggerinput"])
    assert lab.runner.check() == [
        "Repeat makes a point every 1 s, but one takes 5 s at least: make that longer, or what "
        "its points wait for shorter."
    ]
    repeat.every.set_value(5.0)
    assert lab.runner.check() == []
    repeat.every.set_value(0.0)
    assert lab.runner.check() == [], "as fast as it goes"


def test_a_scan_within_a_schedule_counts_with_all_of_its_points(lab: Any) -> None:
    repeat, sweep = lab.add("repeat", every=10.0), lab.add("sweep", points=30)
    settle = lab.add("settle", time=0.5)
    repeat.outputs["point"].connect(sweep.inputs["_triggerinput"])
    sweep.outputs["point"].connect(settle.inputs["_triggerinput"])
    (problem,) = lab.runner.check()
    assert "one takes 15 s at least" in problem


BENCH = """
[devices.smu]
driver = "keithley.smu2400"
address = "sim:smu"
[devices.tc]
driver = "lakeshore.model335"
address = "sim:tc"
[[interlock]]
name = "over voltage"
when = "smu.voltage > 0.5"
[[interlock]]
name = "hot"
when = "tc.a.kelvin > 300 K and smu.voltage > 0.1"
"""


@pytest.fixture
async def space(tmp_path: Path) -> Any:
    """The diode example on a bench that is not open."""
    path = tmp_path / "bench.toml"
    path.write_text(BENCH)
    bench = Bench.load(path, {"smu": "tcp:127.0.0.1:1", "tc": "tcp:127.0.0.1:1"})
    space = NodeSpace(library(), arming="disarmed")
    space.services.provide(Bench, bench)
    space.deserialize(json.loads((EXAMPLES / "diode_iv.json").read_text()))
    yield space
    await space.aclose()
    await bench.close()


async def test_an_interlock_that_the_scan_itself_would_trip_is_told_before(space: Any) -> None:
    """One that asks for more than the scan sets is left to the run."""
    bench = space.services.get(Bench)
    told = problems(space, plan(space), bench, is_open=False)
    assert told == [
        "Sweep goes to 700 mV, where interlock 'over voltage' trips: smu.voltage > 0.5."
    ]
    space.get_node_by_id("sweep").inputs["stop"].set_value(500.0)
    assert problems(space, plan(space), bench, is_open=False) == []


async def test_a_wait_that_cannot_end_well_is_told(space: Any) -> None:
    wait = space.add_node_by_id("wait_until", name="Wait")
    values = {"source": "tc.a.kelvin", "stays": 700.0, "deadline": 600.0}
    for port, value in values.items():
        wait.inputs[port].set_value(value)
    assert (
        "Wait is to stay in its band for 700 s, but waits 600 s at most: make its deadline longer."
        in problems(space, plan(space), space.services.get(Bench), is_open=False)
    )


def test_a_file_whose_bench_is_nowhere_leaves_a_record_too(tmp_path: Path) -> None:
    """For whoever comes in the morning; a slip in what was typed leaves none."""
    path = tmp_path / "night.json"
    graph = {"format": 3, "nodes": [], "edges": [], "requires": {"bench": "nowhere"}}
    path.write_text(json.dumps(graph))
    settings = Settings(tmp_path / "config")
    with pytest.raises(BenchError) as caught:
        run_file(settings, path, operator="ada")
    store = RunStore(settings.workers_dir / "local" / "runs")
    reader = store.find("latest")
    assert reader.head.message == f"It did not start: {caught.value.message}"
    assert (reader.head.operator, reader.head.nodespace) == ("ada", "night")
    assert reader.graph() == graph
    path.write_text(json.dumps({**graph, "requires": {}}))
    with pytest.raises(AssignmentError):
        run_file(settings, path, sets=[Assignment.parse("sweep.stop=1")])
    assert len(store.list()) == 1
