"""Run control without devices: states, verbs, checks, and how a run ends."""

import asyncio
from typing import Any

import pytest

from funcnodes.basic_nodes.control.feedback import PreviousNode
from funcnodes.core import Node, NodeInput
from funcnodes.devices.estop.latch import Latch
from funcnodes.errors import RefusedError, RunError
from funcnodes.runs import Run, RunReader, StorageError
from funcnodes.runs.writer import RunWriter

from ..waiting import patience, until
from .other_program import read_by_another_program


class Switch(Node):
    """Stands for a write to a device in checks of the graph; never executed."""

    node_id = "test.switch"
    effect = True
    default_policy = "settled"
    shows_order = True
    value = NodeInput(type=float, default=0.0)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.device = "smu"


async def reached(gate: Any) -> None:
    """Somebody waits at the gate."""
    await asyncio.wait_for(gate.reached.wait(), patience())
    gate.reached.clear()


async def gated(lab: Any, gate_class: Any, points: int = 3) -> tuple[Any, Any]:
    """A sweep whose points wait at a gate, recorded."""
    sweep, gate = lab.add("sweep", stop=points - 1, points=points), lab.add(gate_class)
    sweep.value.connect(gate.x)
    lab.record(sweep.value)
    return sweep, gate


async def finished(run: Run) -> str:
    return await asyncio.wait_for(run.wait(), patience())


async def test_a_run_goes_from_running_to_complete(lab: Any) -> None:
    states: list[str] = []
    lab.runner.on_change(lambda run: states.append(run.state))
    lab.record(lab.add("sweep", points=3).value)
    lab.space.arming = "disarmed"
    run = await lab.runner.start(operator="ada")
    assert (run.state, lab.space.arming, lab.runner.active) == ("running", "running", run)
    assert await finished(run) == "complete"
    assert lab.space.arming == "disarmed", "A1: a run arms for its own length"
    assert lab.runner.active is None
    assert lab.runner.run is run
    assert list(dict.fromkeys(states)) == ["running", "complete"]
    head = lab.store.find("latest").head
    assert head == run.head
    assert (head.state, head.rows, head.total, head.operator) == ("complete", 3, 3, "ada")
    assert head.nodespace == "test"
    assert head.versions["funcnodes"]
    assert head.ended is not None


async def test_progress_counts_points_and_guesses_what_is_left(lab: Any, gate_class: Any) -> None:
    _, gate = await gated(lab, gate_class, points=2)
    run = await lab.runner.start()
    await reached(gate)
    assert (run.done, run.total, run.left_s) == (0, 2, None)
    gate.open.set()
    assert await finished(run) == "complete"
    assert (run.done, run.left_s) == (2, None)


async def test_pause_holds_before_the_next_point_and_resume_goes_on(
    lab: Any, gate_class: Any
) -> None:
    _, gate = await gated(lab, gate_class)
    first = asyncio.Event()
    lab.runner.on_change(lambda run: run.done and first.set())
    run = await lab.runner.start()
    await reached(gate)
    run.pause()
    assert run.state == "paused"
    gate.open.set()
    await asyncio.wait_for(first.wait(), patience())
    for _ in range(50):  # turns of the loop in which nothing may happen any more
        await asyncio.sleep(0)
    assert (run.rows, run.state) == (1, "paused")
    before = run.elapsed_s
    run.resume()
    assert run.state == "running"
    assert run.elapsed_s >= before
    assert await finished(run) == "complete"
    assert run.rows == 3
    kinds = [event.data["state"] for event in lab.store.find(run.id).events()]
    assert kinds == ["paused", "running"]


async def test_stop_ends_after_the_point_under_way(lab: Any, gate_class: Any) -> None:
    _, gate = await gated(lab, gate_class)
    run = await lab.runner.start()
    await reached(gate)
    run.stop()
    run.stop()
    assert run.state == "stopping"
    gate.open.set()
    assert await finished(run) == "stopped"
    assert run.rows == 1
    assert run.message == "Stopped by the operator."
    assert lab.store.find("latest").head.state == "stopped"


async def test_what_comes_after_a_stopped_scan_is_not_begun(lab: Any, gate_class: Any) -> None:
    sweep, gate = await gated(lab, gate_class)
    after = lab.add("settle", "After", time=0)
    lab.order(sweep, after)
    run = await lab.runner.start()
    await reached(gate)
    run.stop()
    gate.open.set()
    await finished(run)
    assert after.runs == 0
    assert sweep.error is None, "a stop is no error of the scan"


async def test_stop_works_while_paused(lab: Any, gate_class: Any) -> None:
    _, gate = await gated(lab, gate_class)
    run = await lab.runner.start()
    await reached(gate)
    run.pause()
    gate.open.set()
    run.stop()
    assert await finished(run) == "stopped"


async def test_abort_gives_up_what_is_under_way(lab: Any, gate_class: Any) -> None:
    """T10: the point never ends, yet the run does."""
    sweep, gate = await gated(lab, gate_class)
    run = await lab.runner.start()
    await reached(gate)
    run.abort("the lab is on fire")
    run.abort("again")
    assert await finished(run) == "aborted"
    assert (run.done, run.message) == (0, "the lab is on fire")
    assert not gate.in_flight
    assert not sweep.in_flight
    assert lab.space.arming == "live"


async def test_abort_after_stop_is_an_abort(lab: Any, gate_class: Any) -> None:
    _, gate = await gated(lab, gate_class)
    run = await lab.runner.start()
    await reached(gate)
    run.stop()
    run.abort("too slow")
    assert await finished(run) == "aborted"
    assert run.message == "too slow"


async def test_verbs_after_the_end_are_harmless(lab: Any) -> None:
    lab.record(lab.add("sweep", points=2).value)
    run = await lab.run()
    for verb in (run.pause, run.resume, run.stop, run.abort):
        verb()
    assert run.state == "complete"
    assert lab.store.find("latest").head.state == "complete"


async def test_a_nodespace_has_one_run_at_a_time(lab: Any, gate_class: Any) -> None:
    _, gate = await gated(lab, gate_class)
    run = await lab.runner.start()
    with pytest.raises(RefusedError, match=r"Run 1 is on"):
        await lab.runner.start()
    await reached(gate)
    run.abort()
    await finished(run)
    gate.open.set()
    assert (await lab.run()).number == 2


async def test_starting_twice_at_once_starts_one(lab: Any, gate_class: Any) -> None:
    await gated(lab, gate_class)
    first, second = await asyncio.gather(
        lab.runner.start(), lab.runner.start(), return_exceptions=True
    )
    assert isinstance(first, Run)
    assert isinstance(second, RefusedError)


async def test_structure_and_inputs_are_locked_during_a_run(lab: Any, gate_class: Any) -> None:
    """A2."""
    sweep, gate = await gated(lab, gate_class)
    run = await lab.runner.start()
    await reached(gate)
    with pytest.raises(RefusedError):
        lab.space.add_node_by_id("sweep")
    with pytest.raises(RefusedError):
        sweep.stop.set_value(9)
    sweep.delay.live = True
    sweep.delay.set_value(0.0)
    run.note("input", node=sweep.uuid, port="delay", value=0.0)
    gate.open.set()
    await finished(run)
    assert [e.data["port"] for e in lab.store.find(run.id).events() if e.kind == "input"] == [
        "delay"
    ]


async def test_the_chain_before_a_frame_runs_once_and_first(
    lab: Any, diode_class: Any, gate_class: Any
) -> None:
    ready, sweep, diode = lab.add("settle", "Ready", time=0), lab.add("sweep"), lab.add(diode_class)
    sweep.points.set_value(3)
    sweep.value.connect(diode.v)
    lab.order(ready, sweep)
    after = lab.add("settle", "After", time=0)
    lab.order(sweep, after)
    log: list[str] = []
    for node in (ready, diode, after):
        node.on("triggerdone", lambda src=node, **_: log.append(src.name))
    assert (await lab.run()).state == "complete"
    assert log == ["Ready", "Diode", "Diode", "Diode", "After"]


async def test_two_chains_run_one_after_the_other_as_they_are_drawn(lab: Any) -> None:
    lower, upper = lab.add("sweep", "Lower", points=2), lab.add("sweep", "Upper", points=2)
    lower.properties["pos"], upper.properties["pos"] = [0, 300], [400, 0]
    log: list[str] = []
    for node in (lower, upper):
        node.on("triggerstart", lambda src=node, **_: log.append(src.name))
        node.on("triggerdone", lambda src=node, **_: log.append(src.name))
    run = await lab.run()
    assert log == ["Upper", "Upper", "Lower", "Lower"]
    assert (run.done, run.total) == (4, 4)


async def test_a_failure_before_the_scan_fails_the_run_by_name(lab: Any, diode_class: Any) -> None:
    ready, sweep = lab.add(diode_class, "Ready"), lab.add("sweep")
    ready.fails = lambda *_: True
    ready.v.set_value(1.0)
    await ready.settled()
    lab.order(ready, sweep)
    run = await lab.run()
    assert run.state == "failed"
    assert run.message == "Ready: ValueError: no reading at 1 V"
    assert sweep.runs == 0


async def test_a_frame_that_nothing_sets_off_fails_the_run(lab: Any, gate_class: Any) -> None:
    """Nothing else would tell that the run did nothing."""
    muted, sweep = lab.add("settle", "Muted"), lab.add("sweep")
    lab.order(muted, sweep)
    muted.muted = True
    run = await lab.run()
    assert (run.state, run.message) == ("failed", "Sweep never began: nothing set it off.")


async def test_a_latched_e_stop_refuses_a_run(lab: Any) -> None:
    """S4."""
    latch = Latch()
    lab.space.services.provide(Latch, latch)
    lab.add("sweep")
    latch.engage("smoke", "ada")
    assert lab.runner.check() == ["Stopped by ada (smoke)."]
    with pytest.raises(RefusedError, match="was refused: stopped by ada"):
        await lab.runner.start()


async def test_an_e_stop_during_a_run_aborts_it_with_the_cause_and_disarms(
    lab: Any, gate_class: Any
) -> None:
    """A1: E-STOP leaves the nodespace disarmed."""
    latch = Latch()
    lab.space.services.provide(Latch, latch)
    _, gate = await gated(lab, gate_class)
    run = await lab.runner.start()
    await reached(gate)
    await asyncio.get_running_loop().run_in_executor(None, latch.engage, "smoke", "ada")
    assert await finished(run) == "aborted"
    assert run.message == "Stopped by ada (smoke)."
    assert lab.space.arming == "disarmed"


async def test_a_file_that_cannot_be_made_is_told_before_anything_is_armed(
    lab: Any, tmp_path: Any
) -> None:
    lab.add("sweep")
    lab.store.folder = tmp_path / "file" / "runs"
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        await lab.runner.start()
    assert lab.space.arming == "live"
    lab.store.folder = tmp_path / "other"
    assert (await lab.run()).state == "complete"


async def test_a_file_that_cannot_grow_ends_the_run_as_failed(lab: Any, gate_class: Any) -> None:
    """Reliability: disk full; the writer's complaint ends the run, wherever it is."""
    _, gate = await gated(lab, gate_class)
    run = await lab.runner.start()
    await reached(gate)
    run.writer._on_failure(StorageError("The run file cannot be written: the disk is full."))
    assert await finished(run) == "failed"
    assert "the disk is full" in run.message


async def test_a_run_that_is_over_counts_only_rows_that_its_file_holds(
    lab: Any, gate_class: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R4; a full disk takes rows no more that were measured already."""
    append, is_full = RunWriter.append, asyncio.Event()
    monkeypatch.setattr(
        RunWriter, "append", lambda *a, **k: None if is_full.is_set() else append(*a, **k)
    )
    _, gate = await gated(lab, gate_class)
    run = await lab.runner.start()
    await reached(gate)
    is_full.set()
    gate.open.set()
    await finished(run)
    assert len(next(iter(run.tables.values()))) == 3
    assert run.rows == run.head.rows == RunReader(run.path).head.rows == 1


async def test_closing_the_runner_aborts_and_waits(lab: Any, gate_class: Any) -> None:
    _, gate = await gated(lab, gate_class)
    run = await lab.runner.start()
    await reached(gate)
    await lab.runner.aclose("the worker ends")
    assert (run.state, run.message) == ("aborted", "the worker ends")


# ── checks ────────────────────────────────────────────────────────────────────────────────


def test_a_graph_without_a_frame_has_nothing_to_run(lab: Any) -> None:
    lab.add("settle")
    assert lab.runner.check() == [
        "There is nothing to run: add a Sweep and wire what it should set."
    ]


def test_two_writes_to_one_device_without_an_order_are_refused_by_name(lab: Any) -> None:
    """T7: named, with the fix."""
    sweep = lab.add("sweep")
    one, other = lab.add(Switch, "Set voltage"), lab.add(Switch, "Set range")
    sweep.value.connect(one.value)
    sweep.value.connect(other.value)
    assert lab.runner.check() == [
        "Set range and Set voltage both write to smu with no order between them: "
        "wire ▶ done of the one that comes first to ▶ of the other."
    ]
    lab.order(one, other)
    assert lab.runner.check() == []


def test_writes_to_two_devices_need_no_order(lab: Any) -> None:
    sweep = lab.add("sweep")
    one, other = lab.add(Switch, "One"), lab.add(Switch, "Other")
    other.device = "psu"
    sweep.value.connect(one.value)
    sweep.value.connect(other.value)
    assert lab.runner.check() == []


def test_writes_before_in_and_after_a_scan_are_in_order(lab: Any) -> None:
    before, sweep = lab.add(Switch, "Before"), lab.add("sweep")
    inside, after = lab.add(Switch, "Inside"), lab.add(Switch, "After")
    lab.order(before, sweep, after)
    sweep.value.connect(inside.value)
    assert lab.runner.check() == []


def test_a_cycle_through_a_device_is_refused(lab: Any) -> None:
    """T8."""
    lab.add("sweep")
    one, other = lab.add(Switch, "One"), lab.add("settle", "Other")
    lab.order(one, other, one)
    (problem,) = lab.runner.check()
    assert problem.startswith("One, Other form a cycle through smu")
    assert problem.endswith("put a Previous node into it, or take one of its wires away.")


def test_a_cycle_through_a_device_by_way_of_previous_may_run(lab: Any) -> None:
    """T8: what Previous gives belongs to the next wave."""
    lab.space.lib.add_node(PreviousNode)
    sweep, one, previous = lab.add("sweep"), lab.add(Switch, "One"), lab.add("control.previous")
    sweep.value.connect(one.value)
    assert lab.runner.check() == []
    one.outputs["_triggeroutput"].connect(previous.inputs["value"])
    settle = lab.add("settle", "Other")
    previous.outputs["out"].connect(settle.inputs["_triggerinput"])
    lab.order(settle, one)
    assert lab.runner.check() == []


def test_a_scan_inside_a_scan_must_be_started_by_it(lab: Any) -> None:
    outer, inner = lab.add("sweep", "Outer"), lab.add("sweep", "Inner")
    outer.value.connect(inner.stop)
    (problem,) = lab.runner.check()
    assert problem.startswith("Inner depends on Outer, but nothing starts it")


def test_an_input_without_a_value_is_told(lab: Any, diode_class: Any) -> None:
    diode, sweep = lab.add(diode_class), lab.add("sweep")
    lab.order(diode, sweep)
    assert lab.runner.check() == ["Diode: v has no value; set it or wire it."]


async def test_a_run_that_cannot_start_tells_all_reasons(lab: Any) -> None:
    lab.add("settle")
    with pytest.raises(RunError, match="nothing to run") as caught:
        await lab.runner.start()
    assert len(caught.value.context["problems"]) == 1


async def test_a_missing_node_class_stops_the_run_by_name(lab: Any) -> None:
    lab.space.deserialize(
        {"nodes": [{"id": "a", "node_id": "sweep"}, {"id": "b", "node_id": "no.such"}], "edges": []}
    )
    assert "There is no node of type 'no.such' here." in lab.runner.check()[0]


# ── the committed mark (R4) ───────────────────────────────────────────────────────────────


async def test_whoever_watches_a_run_is_told_how_many_rows_are_kept(
    lab: Any, gate_class: Any
) -> None:
    """R4: the mark follows by itself, and is at the last row when the run is over."""
    _, gate = await gated(lab, gate_class)
    marks: list[tuple[str, int]] = []
    lab.runner.on_change(lambda run: marks.append((run.state, run.kept)))
    run = await lab.runner.start(operator="tester")
    await reached(gate)  # the first point is recorded, and waits here
    await until(lambda: ("running", 1) in marks)
    gate.open.set()
    assert await finished(run) == "complete"
    assert (run.kept, run.rows) == (3, 3)
    assert marks[-1] == ("complete", 3)


async def test_a_run_whose_file_another_program_reads_is_complete_and_says_so(
    lab: Any, gate_class: Any
) -> None:
    """R6: a viewer that was left open costs nobody a run."""
    _, gate = await gated(lab, gate_class)
    said: list[str] = []
    lab.runner.on_log(lambda entry: said.append(entry.text))
    run = await lab.runner.start(operator="tester")
    await reached(gate)
    with read_by_another_program(run.path) as let_go:
        gate.open.set()
        assert await finished(run) == "complete"
        assert (run.rows, run.message) == (3, "")
        assert "All rows are kept, but process" in said[-1]
        let_go()
    assert RunReader(run.path).head.state == "complete"
