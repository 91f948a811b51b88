"""Dry runs asked of a worker: of the graph as it is, beside all else, bounded, cancellable."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

import funcnodes
from funcnodes.runs import RunStore
from funcnodes.runs.dryrun import hashes_of
from funcnodes.workers import dryruns, schema
from funcnodes.workers.workspace import Workspace

from ..waiting import until
from .conftest import Desk

DIODE = Path(funcnodes.__file__).parent / "examples" / "diode_iv.json"
BENCH = """
name = "nowhere"
[devices.smu]
driver = "keithley.smu2400"
address = "TCPIP::127.0.0.1::9::SOCKET"
limits.voltage = [-20, 20]
"""


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    """A bench whose instrument nobody can reach, and a graph for it."""
    workspace.bench_path.write_text(BENCH)
    graph = json.loads(DIODE.read_text())
    folder = workspace.bench_path.parent / "nodespaces"
    folder.mkdir(exist_ok=True)
    (folder / "Diode.json").write_text(json.dumps(graph))
    return workspace


async def test_a_worker_tries_the_graph_as_it_is_now_and_answers_others_meanwhile(
    workspace: Workspace, desk: Desk
) -> None:
    """R1: the instrument cannot be reached, no run is kept, and the evidence fits the graph."""
    await desk.ask(schema.OpenSpace(name="Diode"))
    node = next(n for n in desk.worker.open.space.nodes if n.name == "Sweep")  # type: ignore[union-attr]
    await desk.ask(schema.SetValue(node=node.uuid, port="points", value=11))
    dry = asyncio.create_task(desk.tell(schema.DryRun()))
    await until(lambda: desk.worker.dry_runs._process is not None)
    problem = await desk.refused(schema.DryRun())
    assert (problem.detail, problem.hint) == (
        "Ada's dry run is on.",
        "Wait until it is done, or cancel it.",
    )
    assert await desk.ask(schema.ListRuns()) == []
    assert not dry.done()

    answer: Any = await dry
    view = answer.result
    report = view["evidence"]["report"]
    assert (view["fine"], report["state"], report["points"]) == (True, "complete", 11)
    assert [each["member"] for each in report["writes"]][:3] == ["compliance", "output", "voltage"]
    assert [each["limits"] for each in report["ranges"] if each["member"] == "voltage"] == [
        "−20 to 20 V"
    ]
    assert report["warnings"] == []
    graph = json.loads(await desk.worker.open.autosave.saved_form())  # type: ignore[union-attr]
    assert view["evidence"]["hashes"] == hashes_of(graph, (), workspace.bench_path)
    assert RunStore(workspace.runs_dir).list() == []
    assert not await desk.ask(schema.DryRunCancel())

    order = schema.QueueAdd(name="tonight", evidence=view["evidence"])
    entry = await desk.ask(order)
    queued = next(each for each in desk.worker.queue.view().entries if each.id == entry)
    assert queued.evidence.startswith("11 points in")
    await desk.ask(schema.SetValue(node=node.uuid, port="points", value=12))
    assert "The graph changed" in (await desk.refused(order)).detail


async def test_a_dry_run_is_cancelled_given_up_in_time_and_ends_with_its_worker(
    workspace: Workspace, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = await desk.refused(schema.DryRun())
    assert problem.detail == "No nodespace is open."
    await desk.ask(schema.OpenSpace(name="Diode"))
    runs = desk.worker.dry_runs

    dry = asyncio.create_task(desk.refused(schema.DryRun()))
    await until(lambda: runs._process is not None)
    assert await desk.ask(schema.DryRunCancel())
    assert (await dry).detail == "The dry run was cancelled by Ada."

    runs.most_s = 0.01
    monkeypatch.setattr(dryruns, "GRACE_S", 0.02)
    problem = await desk.refused(schema.DryRun())
    assert problem.detail == "The dry run did not end within 0.03 s and was given up."
    monkeypatch.undo()

    workspace.bench_path.write_text(f"{BENCH}# changed\n")
    view = await desk.ask(schema.DryRun())
    report = view["evidence"]["report"]
    assert (view["fine"], report["state"]) == (False, "aborted")
    assert report["message"].startswith("The dry run was given up after 0.01 s")
    assert report["warnings"][-1].startswith("The bench file was changed")

    last = asyncio.create_task(desk.tell(schema.DryRun()))
    process: Any = await until(lambda: runs._process)
    desk.worker.end()
    await until(lambda: process.poll() is not None)
    last.cancel()


async def test_a_bench_file_that_is_wrong_is_told_in_a_sentence(
    workspace: Workspace, desk: Desk
) -> None:
    await desk.ask(schema.OpenSpace(name="Diode"))
    workspace.bench_path.write_text("name = \n")
    problem = await desk.refused(schema.DryRun())
    assert "bench.toml" in problem.detail
