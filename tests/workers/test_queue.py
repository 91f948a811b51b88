"""The queue of a worker: carried out in order, held, kept, approved; on a simulated bench."""

import asyncio
import gc
import json
import time
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

import funcnodes
from funcnodes.runs import RunReader
from funcnodes.runs.dryrun import DryReport, Evidence, hashes_of
from funcnodes.workers import schema
from funcnodes.workers.queueing import QueueKeeper
from funcnodes.workers.queueing.kept import QueueFolder
from funcnodes.workers.worker import Worker
from funcnodes.workers.workspace import Workspace
from funcnodes_simulators import SimulatedBench

from .. import waiting
from .conftest import ADA, Desk

BOB = schema.Actor(id="b", name="Bob", role="operator")
EVE = schema.Actor(id="e", name="Eve", role="viewer")
ROOT = schema.Actor(id="r", name="Root", role="admin")
DIODE = Path(funcnodes.__file__).parent / "examples" / "diode_iv.json"
BENCH = """
name = "bench"
[devices.smu]
driver = "keithley.smu2400"
simulated = true
address = "{smu}"
[devices.smu.limits]
voltage = [-20, 20]
[devices.tc]
driver = "lakeshore.model335"
simulated = true
address = "{tc}"
on_operator_lost = "park"
"""
INTERLOCK = """
[[interlock]]
name = "too slow"
when = "smu.nplc > 5"
then = "refuse"
writes = ["smu.output"]
every_s = 0.02
"""


def view(desk: Desk) -> schema.QueueView:
    return desk.worker.queue.view()


def states(desk: Desk) -> dict[int, str]:
    return {each.id: each.state for each in view(desk).entries}


def entry(desk: Desk, number: int) -> schema.QueueEntryView:
    return next(each for each in view(desk).entries if each.id == number)


async def state_is(desk: Desk, number: int, state: str) -> schema.QueueEntryView:
    await waiting.until(lambda: states(desk).get(number) == state)
    return entry(desk, number)


def diode(points: int = 3, **about: Any) -> schema.QueueAdd:
    graph, sets = json.loads(DIODE.read_text()), [f"sweep.points={points}"]
    return schema.QueueAdd(graph=graph, nodespace="diode", sets=sets, **{"sample": "D1", **about})


# ── without a bench: a run that asks stands still until somebody answers ──────────────────


@pytest.fixture
async def asking(desk: Desk) -> Desk:
    """A desk with a nodespace open whose run asks before its two points."""
    desk.worker.controls.set_people([ADA, BOB, EVE])
    await desk.ask(schema.NewSpace(name="Asks"))
    ask = await desk.ask(schema.AddNode(key="ask", x=0, y=0))
    await desk.ask(schema.SetValue(node=ask, port="text", value="How thick?"))
    sweep = await desk.ask(schema.AddNode(key="sweep", x=300, y=0))
    await desk.ask(schema.SetValue(node=sweep, port="points", value=2))
    await desk.ask(
        schema.Connect(
            source=ask, source_port="_triggeroutput", target=sweep, target_port="_triggerinput"
        )
    )
    return desk


async def question(desk: Desk) -> str:
    await waiting.until(lambda: desk.worker.snapshot().prompts)
    return desk.worker.snapshot().prompts[0].id


async def answer(desk: Desk) -> None:
    await desk.ask(schema.AnswerPrompt(id=await question(desk), value=1))


async def test_what_was_queued_is_run_as_it_was_while_the_nodespace_is_edited(
    asking: Desk,
) -> None:
    """The copy is frozen; the nodespace stays free to be edited, closed and opened meanwhile."""
    first = await asking.ask(schema.QueueAdd(name="first", sample="D1", notes="cold"))
    second = await asking.ask(schema.QueueAdd(priority=5))
    assert (first, second) == (1, 2)
    assert [(e.id, e.place, e.name, e.by) for e in view(asking).entries] == [
        (2, 1, "Asks", "Ada"), (1, 2, "first", "Ada"),
    ]  # fmt: skip
    assert not view(asking).armed
    space = asking.worker.require_open().space
    sweep = next(node for node in space.nodes if node.node_id == "sweep")
    await asking.ask(schema.SetValue(node=sweep.uuid, port="points", value=40))

    await asking.ask(schema.QueueArm())
    await question(asking)
    assert states(asking) == {2: "running", 1: "queued"}
    shown = asking.worker.snapshot().run
    assert shown is not None
    assert (shown.state, shown.operator, shown.total) == ("running", "Ada", 2)
    assert space.arming == "disarmed"  # A2 locks what runs: the copy
    await asking.ask(schema.Rename(id=sweep.uuid, name="Ramp"))
    for body, sentence in (
        (schema.RunStart(), "A run has to wait: entry 2 (Asks) of the queue is being run"),
        (schema.PlanContinue(run="1"), "Going on with a run has to wait: entry 2 (Asks)"),
        (schema.RunContinue(run="1", token="x"), "Going on with a run has to wait: entry 2"),
        (schema.SetLive(live=True), "Live has to wait: entry 2 (Asks)"),
        (schema.QueueRemove(id=2), "Entry 2 (Asks) is running."),
        (schema.QueueMove(id=2, place=1), "Entry 2 (Asks) is running."),
    ):
        assert (await asking.refused(body)).detail.startswith(sentence)
    copy = weakref.ref(asking.worker.queue.aside.space)
    await answer(asking)
    await question(asking)  # of the first entry, whose turn it is
    assert states(asking) == {1: "running", 2: "done"}
    await asking.ask(schema.CloseSpace())
    await answer(asking)
    done = await state_is(asking, 1, "done")
    assert (done.number, done.place) == (2, 0)
    gc.collect()
    assert copy() is None  # a night of entries fills no memory
    reader = asking.worker.runs.find(done.run)
    assert (reader.head.sample, reader.head.notes, reader.head.total) == ("D1", "cold", 2)
    queued = [event.data for event in reader.events() if event.kind == "queue"]
    assert [(each["entry"], each["by"], each["armed_by"]) for each in queued] == [(1, "Ada", "Ada")]
    told = asking.events(schema.QueuePut)[-1].queue
    assert told == asking.worker.snapshot().queue == view(asking)
    await asking.ask(schema.QueueClear())
    assert view(asking).entries == []


async def test_a_run_or_live_holds_the_queue_which_says_why_and_goes_on_after_it(
    asking: Desk,
) -> None:
    await asking.ask(schema.QueueAdd())
    await asking.ask(schema.RunStart())
    await question(asking)
    await asking.ask(schema.QueueArm())
    assert view(asking).hold == "Run 1 of 'Asks' is on."
    await asking.ask(schema.RunAbort())
    await waiting.until(lambda: entry(asking, 1).run)
    await question(asking)
    assert (states(asking), view(asking).hold) == ({1: "running"}, "")
    await asking.ask(schema.RunAbort())
    over = await state_is(asking, 1, "cancelled")
    assert over.reason == "Aborted by Ada."

    await asking.ask(schema.SetLive(live=True))
    await asking.ask(schema.QueueAdd())
    await asking.ask(schema.QueueArm())
    assert view(asking).hold.startswith("Live is on")
    await asking.ask(schema.SetLive(live=False))
    await state_is(asking, 2, "running")


async def test_pause_stop_and_abort_are_of_the_run_that_is_on_and_its_rule_of_the_queue(
    asking: Desk,
) -> None:
    """on_failure: `go on` takes the next one, `stop` disarms and says after which."""
    for rule in ("go on", "stop", "stop"):
        await asking.ask(schema.QueueAdd(on_failure=rule))
    await asking.ask(schema.QueueArm())
    await question(asking)
    await asking.ask(schema.RunPause())
    assert asking.worker.snapshot().run.state == "paused"
    await asking.ask(schema.RunResume())
    await asking.ask(schema.StopActing())
    assert (await state_is(asking, 1, "cancelled")).reason == "Stopped by Ada."
    await state_is(asking, 2, "running")
    await question(asking)
    await asking.ask(schema.RunAbort())
    await state_is(asking, 2, "cancelled")
    assert view(asking).why == "Entry 2 (Asks) was cancelled: Aborted by Ada."
    assert (view(asking).armed, states(asking)[3]) == (False, "queued")


async def test_estop_disarms_the_queue_and_only_a_person_arms_it_again(asking: Desk) -> None:
    """A1, S4: nothing begins by itself after an E-STOP, also not once it is reset."""
    for rule in ("go on", "go on"):
        await asking.ask(schema.QueueAdd(on_failure=rule))
    await asking.ask(schema.QueueArm())
    await question(asking)
    await asking.ask(schema.EStop(), EVE)
    over = await state_is(asking, 1, "failed")
    assert over.reason == "Stopped by Eve (E-STOP)."
    await waiting.until(lambda: not view(asking).armed)
    assert view(asking).why == "Stopped by Eve (E-STOP)."
    assert "E-STOP" in (await asking.refused(schema.QueueArm())).detail
    await asking.ask(schema.EStopReset())
    assert (view(asking).armed, states(asking)[2]) == (False, "queued")
    await asking.ask(schema.QueueArm())
    await state_is(asking, 2, "running")


async def test_who_may_do_what_with_the_queue(asking: Desk) -> None:
    """Arming takes the controls, as a run does; whoever may operate may queue and disarm."""
    await asking.ask(schema.TakeControls())
    assert "may only watch" in (await asking.refused(schema.QueueAdd(), EVE)).detail
    await asking.ask(schema.QueueAdd(), BOB)
    assert (await asking.ask(schema.GetQueue(), EVE)) == msgspec.to_builtins(view(asking))
    assert "Ada holds the controls" in (await asking.refused(schema.QueueArm(), BOB)).detail
    await asking.ask(schema.QueueArm())
    await question(asking)
    await asking.ask(schema.QueueDisarm(), BOB)
    assert view(asking).why == "Disarmed by Bob."
    assert states(asking) == {1: "running"}  # what runs goes on
    await answer(asking)
    await state_is(asking, 1, "done")


async def test_what_could_never_run_here_is_refused_when_it_is_queued(desk: Desk) -> None:
    for body, sentence in (
        (schema.QueueAdd(), "No nodespace is open."),
        (diode(), "Set compliance: There is no bench here, so there is no device 'smu'."),
        (schema.QueueAdd(graph={"nodes": 3}), "saved"),
        (schema.QueueAdd(graph={"nodes": [], "edges": []}), "There is nothing to run"),
        (msgspec.structs.replace(diode(), sets=["sweep.nothing=3"]), "Sweep has no input"),
        (msgspec.structs.replace(diode(), sets=["sweep"]), "is not of the form"),
        (msgspec.structs.replace(diode(), priority=1000), "from -100 to 100"),
        (schema.QueueMove(id=7, place=1), "The queue has no entry 7."),
        (schema.QueueApprove(id=7), "The queue has no entry 7."),
    ):
        problem = await desk.refused(body)
        assert sentence in problem.detail or sentence == "saved", problem
    assert view(desk).entries == []


async def test_a_worker_that_ends_keeps_the_queue_and_begins_nothing_again(
    asking: Desk, workspace: Workspace
) -> None:
    """Disarmed after a restart; what ran is interrupted, with its run."""
    for _ in range(2):
        await asking.ask(schema.QueueAdd())
    await asking.ask(schema.QueueArm())
    await question(asking)
    run = await waiting.until(lambda: entry(asking, 1).run)
    async with worker_again(asking, workspace) as desk:
        assert states(desk) == {1: "interrupted", 2: "queued"}
        assert (view(desk).armed, view(desk).why) == (False, "The worker was started again.")
        assert entry(desk, 1).run == run
        assert desk.worker.runs.find(run).head.state == "aborted"
        assert await desk.ask(schema.QueueAdd()) == 3


@asynccontextmanager
async def worker_again(desk: Desk, workspace: Workspace) -> AsyncIterator[Desk]:
    """The worker ends in order, and another one has its folder."""
    desk.worker.end()
    await waiting.until(lambda: desk.worker.publisher._closed)
    await waiting.until(lambda: not desk.worker._tasks)
    worker = Worker(workspace)
    again = Desk(worker)
    working = asyncio.create_task(worker.run())
    await worker.ready.wait()
    try:
        yield again
    finally:
        worker.end()
        await working


async def test_a_queue_that_cannot_be_kept_is_refused_and_a_damaged_one_put_aside(
    asking: Desk, workspace: Workspace
) -> None:
    await asking.ask(schema.QueueAdd())
    kept = workspace.queue_dir / "queue.json"
    good = kept.read_bytes()
    kept.unlink()
    kept.mkdir()
    assert "cannot be kept" in (await asking.refused(schema.QueueRemove(id=1))).detail
    assert states(asking) == {1: "queued"}
    kept.rmdir()
    (graph,) = (workspace.queue_dir / "graphs").glob("*.json")
    graph.write_bytes(graph.read_bytes().replace(b"thick", b"thin!"))
    await asking.ask(schema.QueueArm())
    refused = await state_is(asking, 1, "refused")
    assert refused.reason == "Its graph is damaged: it is another than was submitted."

    kept.write_bytes(good[:-20])
    async with worker_again(asking, workspace) as desk:
        assert view(desk).entries == []
        lines = [line.text for line in desk.worker.logbook.lines if line.source == "queue"]
        assert any("It was put aside as 'queue." in text for text in lines)
    (aside,) = workspace.root.glob("queue.*.corrupt")
    assert (aside / "queue.json").read_bytes() == good[:-20]


async def test_a_full_disk_while_an_entry_runs_disarms_the_queue_and_keeps_the_run(
    asking: Desk, workspace: Workspace
) -> None:
    for _ in range(2):
        await asking.ask(schema.QueueAdd(on_failure="go on"))
    await asking.ask(schema.QueueArm())
    await question(asking)
    await waiting.until(lambda: entry(asking, 1).run)
    kept = workspace.queue_dir / "queue.json"
    kept.unlink()
    kept.mkdir()  # what cannot be replaced by a file
    await answer(asking)
    done = await state_is(asking, 1, "done")
    assert asking.worker.runs.find(done.run).head.state == "complete"
    assert (view(asking).armed, states(asking)[2]) == (False, "queued")
    assert "The queue cannot be kept" in view(asking).why


async def test_a_worker_killed_before_it_kept_the_run_finds_it_by_its_time(
    asking: Desk, workspace: Workspace
) -> None:
    """An entry is kept as running before its run is begun, so that it never begins twice."""
    await asking.ask(schema.QueueAdd())
    await asking.ask(schema.QueueArm())
    await question(asking)
    await waiting.until(lambda: entry(asking, 1).run)
    queue = asking.worker.queue.queue
    running = queue.running
    assert running is not None
    nameless = msgspec.structs.replace(running, run="", number=0)
    QueueFolder(workspace.queue_dir).save(msgspec.structs.replace(queue, entries=(nameless,)))
    head = asking.worker.runs.find(running.run).head
    older = msgspec.structs.replace(head, id="older", started=head.started - 100)
    again = QueueKeeper(asking.worker)
    await again.load([older, head])
    found = again.queue.find(1)
    assert (found.state, found.run, found.number) == ("interrupted", head.id, head.number)
    await asking.ask(schema.RunAbort())


# ── on a bench ────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def at_bench(workspace: Workspace, more: str = "", top: str = "") -> AsyncIterator[Desk]:
    with SimulatedBench.start("demo", seed=1) as simulated:
        workspace.bench_path.write_text(top + BENCH.format(**simulated.resources) + more)
        worker = Worker(workspace)
        desk = Desk(worker)
        working = asyncio.create_task(worker.run())
        await waiting.until(
            lambda: (
                worker.bench is not None
                and all(each.state == "idle" for each in worker.bench.devices.values())
            )
        )
        desk.worker.controls.set_people([ADA])
        try:
            yield desk
        finally:
            worker.end()
            await working


async def test_two_entries_on_one_device_run_one_after_the_other(workspace: Workspace) -> None:
    """And one whose turn comes while a device is away is refused, saying which."""
    async with at_bench(workspace, top='before_run = ["sample"]\n') as desk:
        assert "asks for sample" in (await desk.refused(diode(sample=""))).detail
        for _ in range(2):
            await desk.ask(diode())
        await desk.ask(schema.QueueArm())
        second = await state_is(desk, 2, "done")
        heads = [desk.worker.runs.find(entry(desk, each).run).head for each in (1, 2)]
        assert [head.rows for head in heads] == [3, 3]
        assert heads[0].ended is not None
        assert heads[0].ended <= heads[1].started
        assert [head.nodespace for head in heads] == ["diode", "diode"]
        assert RunReader(desk.worker.runs.find(second.run).path).head.operator == "Ada"
        smu = desk.worker.bench.devices["smu"]
        assert smu.output_on is False  # each run parked what it wrote to

        await desk.ask(schema.DeviceDisconnect(name="smu"))
        await desk.ask(diode(on_failure="go on"))
        await desk.ask(diode(on_failure="stop"))
        await desk.ask(diode())
        refused = await state_is(desk, 4, "refused")
        assert refused.reason.startswith("smu (")
        assert "is offline" in refused.reason
        assert refused.number == 4  # kept without rows, with the reason
        assert states(desk)[3] == "refused"
        assert (view(desk).armed, states(desk)[5]) == (False, "queued")
        assert view(desk).why.startswith("Entry 4 (diode) was refused: smu (")


async def test_an_interlock_and_a_lost_operator_hold_the_queue(workspace: Workspace) -> None:
    """S1: only on a bench that asks for a dead-man; it goes on once that is over."""
    async with at_bench(workspace, INTERLOCK) as desk:
        smu = desk.worker.bench.devices["smu"]
        await smu.member_set("nplc", 6)
        await waiting.until(lambda: desk.worker.bench.interlocks.states()[0].tripped)
        await desk.ask(diode())
        await desk.ask(schema.QueueArm())
        assert view(desk).hold.startswith("Interlock 'too slow' has tripped: smu.nplc is 6")
        await desk.until(lambda: desk.events(schema.QueuePut)[-1].queue.hold or None)
        await smu.member_set("nplc", 1)
        await state_is(desk, 1, "done")

        desk.worker.controls.set_people([ADA])
        await desk.ask(schema.TakeControls())
        desk.worker.controls.set_people([])
        await desk.ask(diode(), BOB)
        assert view(desk).hold.startswith("Whoever held the controls is gone")
        assert states(desk)[2] == "queued"
        desk.worker.controls.set_people([ADA])
        await state_is(desk, 2, "done")


def proof(workspace: Workspace, body: schema.QueueAdd, **about: Any) -> dict[str, Any]:
    """Evidence as a dry run of that graph on the worker's bench file makes it."""
    from funcnodes.runs.assignments import Assignment

    sets = [Assignment.parse(text) for text in body.sets]
    hashes = hashes_of(body.graph, sets, workspace.bench_path)
    report = DryReport(nodespace="diode", points=3, written=9, hashes=hashes,
                       **{"state": "complete", **about})  # fmt: skip
    made: dict[str, Any] = json.loads(msgspec.json.encode(Evidence.of(report, made=time.time())))
    return made


async def test_a_bench_that_asks_for_approvals_gets_one_from_somebody_else(
    workspace: Workspace,
) -> None:
    """The token of a dry run is bound to graph, bench and limits, and counts once."""
    asks = '\n[approval]\nby = "another"\nrole = "operator"\nevidence = true\n'
    async with at_bench(workspace, asks) as desk:
        assert desk.worker.snapshot().queue.approval
        await desk.ask(schema.NewSpace())
        problem = await desk.refused(schema.RunStart())
        assert "asks that every run is approved before it starts" in problem.detail

        for points in (3, 3, 4):
            await desk.ask(diode(points))
        assert set(states(desk).values()) == {"waiting"}
        await desk.ask(schema.QueueArm())
        assert states(desk)[1] == "waiting"
        evidence = proof(workspace, diode(3))
        approve = schema.QueueApprove(id=1, evidence=evidence)
        for body, actor, sentence in (
            (approve, EVE, "may only watch"),
            (approve, ADA, "Ada submitted entry 1 (diode), and this bench asks that another"),
            (schema.QueueApprove(id=1), BOB, "asks for the evidence of a dry run"),
            (schema.QueueApprove(id=3, evidence=evidence), BOB, "The graph changed since the dry"),
            (schema.QueueApprove(id=1, evidence={"x": 1}), BOB, "is no evidence of a dry run"),
            (schema.QueueApprove(id=1, evidence={**evidence, "nonce": "n"}), BOB, "itself was"),
            (schema.QueueApprove(id=1, evidence=proof(workspace, diode(3), state="failed")), BOB,
             "The dry run did not end well: it was failed."),
        ):  # fmt: skip
            assert sentence in (await desk.refused(body, actor)).detail
        await desk.ask(approve, BOB)
        done = await state_is(desk, 1, "done")
        assert (done.approved_by, done.evidence) == ("Bob", "3 points in 0.00 s, 9 writes")
        events = desk.worker.runs.find(done.run).events()
        (kept,) = [event.data for event in events if event.kind == "approved"]
        assert (kept["by"], kept["token"]) == ("Bob", evidence["token"])
        log = [each.text for each in desk.worker.runs.find(done.run).log()]
        assert "Approved by Bob by the evidence of a dry run." in log
        assert "Entry 1 (diode) of the queue, submitted by Ada." in log
        used = await desk.refused(schema.QueueApprove(id=2, evidence=evidence), BOB)
        assert used.detail == "The evidence of this dry run was used already; each counts once."

        text = workspace.bench_path.read_text()
        workspace.bench_path.write_text(text.replace("[-20, 20]", "[-10, 10]"))
        fresh = schema.QueueApprove(id=2, evidence=proof(workspace, diode(3)))
        assert "was changed since this worker began" in (await desk.refused(fresh, BOB)).detail


async def test_what_changed_between_approval_and_turn_makes_the_approval_void(
    workspace: Workspace,
) -> None:
    """By a bench file with other limits, after which the worker was started again."""
    asks = '\n[approval]\nby = "anyone"\nrole = "admin"\n'
    async with at_bench(workspace, asks) as desk:
        body = msgspec.structs.replace(diode(3), evidence=proof(workspace, diode(3)))
        await desk.ask(body)
        approve = schema.QueueApprove(id=1)
        problem = await desk.refused(approve)
        assert problem.detail == "Ada has the role of an operator; this takes the role of an admin."
        await desk.ask(approve, ROOT)
        assert states(desk) == {1: "queued"}
    with_limits = BENCH.replace("[-20, 20]", "[-10, 10]")
    with SimulatedBench.start("demo", seed=1) as simulated:
        workspace.bench_path.write_text(with_limits.format(**simulated.resources) + asks)
        worker = Worker(workspace)
        desk = Desk(worker)
        working = asyncio.create_task(worker.run())
        await worker.ready.wait()
        worker.controls.set_people([ADA])
        await desk.ask(schema.QueueArm())
        void = await state_is(desk, 1, "waiting")
        await waiting.until(lambda: entry(desk, 1).reason)
        void = entry(desk, 1)
        assert "The limits changed since the dry run." in void.reason
        assert (void.approved_by, void.evidence, void.run) == ("", "", "")
        assert view(desk).armed
        worker.end()
        await working
