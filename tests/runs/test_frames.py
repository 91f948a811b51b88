"""Runs of frames that hold their nodes: what is recorded, what always happens, what is checked."""

import asyncio
from typing import Any

from funcnodes.basic_nodes.control.loops import ForEachNode
from funcnodes.core import Node, NodeInput, make_subgraph
from funcnodes.runs.plan import plan

from ..waiting import patience


class Step(Node):
    """Notes that it ran."""

    node_id = "test.step"
    default_policy = "settled"
    shows_order = True
    x = NodeInput(type=float, required=False)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.device = ""
        self.times: list[list[str]] = []

    def func(self, **_: Any) -> None:
        self.times[0].append(self.name)


class Write(Step):
    """Stands for a write to a device."""

    node_id = "test.write"
    effect = True


def step(lab: Any, journal: list[str], name: str, kind: type[Step] = Step) -> Any:
    node = lab.add(kind, name)
    node.times = [journal]
    return node


def framed(lab: Any, points: int = 3) -> tuple[Any, list[str]]:
    """A sweep with a step in each section, and a recorder as part of its body."""
    journal: list[str] = []
    sweep = lab.add("sweep", stop=points - 1, points=points)
    for section in ("enter", "body", "finally"):
        sweep.hold(step(lab, journal, section), section=section)
    lab.record(sweep.value)
    return sweep, journal


async def test_a_run_enters_once_and_records_each_point_and_finishes(lab: Any) -> None:
    _, journal = framed(lab)
    run = await lab.run()
    assert (run.state, run.message) == ("complete", "")
    assert journal == ["enter", "body", "body", "body", "finally"]
    assert run.rows == run.done == run.total == 3


async def test_a_run_that_is_stopped_finishes_what_it_entered(lab: Any, gate_class: Any) -> None:
    sweep, journal = framed(lab)
    gate = lab.add(gate_class)
    sweep.value.connect(gate.x)
    run = await lab.runner.start(operator="ada")
    await asyncio.wait_for(gate.reached.wait(), patience())
    run.stop()
    gate.open.set()
    await asyncio.wait_for(run.wait(), patience())
    assert (run.state, journal) == ("stopped", ["enter", "body", "finally"])


async def test_a_run_that_is_aborted_finishes_what_it_entered(lab: Any, gate_class: Any) -> None:
    sweep, journal = framed(lab)
    gate = lab.add(gate_class)
    sweep.value.connect(gate.x)
    run = await lab.runner.start(operator="ada")
    await asyncio.wait_for(gate.reached.wait(), patience())
    run.abort()
    await asyncio.wait_for(run.wait(), patience())
    assert (run.state, journal) == ("aborted", ["enter", "body", "finally"])
    assert lab.space.arming == "live"


async def test_a_failed_point_finishes_the_frame_and_fails_the_run(
    lab: Any, diode_class: Any
) -> None:
    sweep, journal = framed(lab)
    diode = lab.add(diode_class)
    diode.fails = lambda count, _v: count == 2
    sweep.value.connect(diode.v)
    run = await lab.run()
    assert run.state == "failed"
    assert journal[-1] == "finally"
    assert "point 2 of 3" in run.message


async def test_a_retried_point_runs_its_members_again(lab: Any, diode_class: Any) -> None:
    sweep, journal = framed(lab)
    sweep.on_failure.set_value("retry")
    diode = lab.add(diode_class)
    diode.fails = lambda count, _v: count == 2
    sweep.value.connect(diode.v)
    run = await lab.run()
    assert run.state == "complete"
    assert journal == ["enter", "body", "body", "body", "body", "finally"]


async def test_nested_scans_need_no_wire_between_them(lab: Any) -> None:
    outer, journal = framed(lab, 2)
    inner = lab.add("sweep", "inner", points=2)
    outer.hold(inner)
    inner.hold(step(lab, journal, "deep"))
    rows = lab.record(outer.value, inner.value)
    run = await lab.run()
    assert (run.state, run.message) == ("complete", "")
    assert journal.count("deep") == 4
    k = [recorder.uuid for recorder in lab.space.nodes if recorder.node_id == "recorder"].index(
        rows.uuid
    )
    assert len(next(iter(lab.columns(run, k).values()))) == 4


async def test_a_loop_is_paced_by_the_run_like_a_scan(lab: Any) -> None:
    loop = lab.add(ForEachNode, input=[1.0, 2.0, 3.0])
    lab.record(loop.do)
    run = await lab.run()
    assert (run.state, run.message) == ("complete", "")
    assert run.rows == run.done == run.total == 3


async def test_a_run_sees_frames_and_recorders_inside_subgraphs(lab: Any) -> None:
    sweep, journal = framed(lab)
    recorder = next(node for node in lab.space.nodes if node.node_id == "recorder")
    group = make_subgraph(lab.space, [sweep, recorder], name="measure")
    group.promote(sweep.stop)
    before = step(lab, journal, "before")
    lab.order(before, group)
    run = await lab.run()
    assert (run.state, run.message) == ("complete", "")
    assert run.rows == 3
    assert journal[-5:] == ["enter", "body", "body", "body", "finally"]


# ── what is read off the graph ────────────────────────────────────────────────────────────


def test_sections_are_an_order_of_writes(lab: Any) -> None:
    """T7: enter, body and finally follow each other; two in one section need ▶."""
    sweep = lab.add("sweep")
    writes = [step(lab, [], name, Write) for name in ("on", "set", "off")]
    for node, section in zip(writes, ("enter", "body", "finally"), strict=True):
        node.device = "smu"
        sweep.hold(node, section=section)
    assert lab.runner.check() == []
    again = step(lab, [], "again", Write)
    again.device = "smu"
    sweep.hold(again)
    assert [problem for problem in lab.runner.check() if "again and set" in problem]
    lab.order(again, writes[1])
    assert lab.runner.check() == []


def test_what_is_entered_and_finished_is_outside_the_body(lab: Any) -> None:
    sweep, _ = framed(lab)
    found = plan(lab.space)
    names = {node.name for node in found.bodies[sweep]}
    assert "body" in names
    assert not names & {"enter", "finally"}
    assert {"enter", "finally"} <= {node.name for node in found.chain}
    assert found.entries == (sweep,)


def test_a_loop_with_results_led_back_is_no_endless_cycle(lab: Any) -> None:
    loop = lab.add(ForEachNode, input=[1.0])
    node = step(lab, [], "read")
    node.device = "smu"
    loop.do.connect(node.x)
    node.outputs["_triggeroutput"].connect(loop.collector)
    assert not [problem for problem in lab.runner.check() if "cycle" in problem]


def test_an_input_of_a_subgraph_without_a_value_is_told(lab: Any, diode_class: Any) -> None:
    sweep = lab.add("sweep")
    diode = lab.add(diode_class)
    group = make_subgraph(lab.space, [diode], name="device under test")
    group.promote(diode.v)
    sweep.hold(group)
    assert "device under test: v has no value; set it or wire it." in lab.runner.check()
