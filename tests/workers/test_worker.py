"""A worker in this process: what people ask of it, and what it tells them."""

import json
from typing import Any

import msgspec
import pytest

from funcnodes.core import Node, NodeInput, NodeOutput
from funcnodes.workers import schema
from funcnodes.workers.saving import COALESCE_S
from funcnodes.workers.workspace import Workspace

ADA = schema.Actor(id="a", name="Ada", role="operator")
EVE = schema.Actor(id="e", name="Eve", role="viewer")
decode = msgspec.msgpack.Decoder(schema.FromWorkerLink).decode


class Relay(Node):
    """An effect."""

    node_id = "test.relay"
    node_name = "Relay"
    effect = True
    closed = NodeInput(type=bool, default=False)
    is_closed = NodeOutput(type=bool)

    def func(self, closed: bool) -> bool:
        return closed


class Divide(Node):
    node_id = "test.divide"
    node_name = "Divide"
    by = NodeInput(type=float)
    out = NodeOutput(type=float)

    def func(self, by: float) -> float:
        return 1 / by


async def test_nodespaces_are_made_opened_renamed_and_closed(desk: Any) -> None:
    assert await desk.ask(schema.NewSpace()) == "Nodespace"
    assert await desk.ask(schema.NewSpace()) == "Nodespace 2"
    await desk.ask(schema.RenameSpace(name="Diode"))
    snapshot = desk.worker.snapshot()
    assert snapshot.space is not None
    assert snapshot.space.name == "Diode"
    assert snapshot.spaces == ["Diode", "Nodespace"]
    assert "already" in (await desk.refused(schema.RenameSpace(name="Nodespace"))).detail
    assert "cannot be named" in (await desk.refused(schema.RenameSpace(name="../x"))).detail
    await desk.ask(schema.OpenSpace(name="Nodespace"))
    assert "no nodespace named" in (await desk.refused(schema.OpenSpace(name="nobody"))).detail
    await desk.ask(schema.CloseSpace())
    assert desk.worker.snapshot().space is None
    assert "No nodespace is open" in (await desk.refused(schema.Undo())).detail


async def test_every_example_opens_as_a_nodespace_of_its_own(desk: Any) -> None:
    names = [each.name for each in desk.worker.snapshot().examples]
    assert names[0] == "diode_iv"
    for name in names:
        first = await desk.ask(schema.OpenExample(name=name))
        assert await desk.ask(schema.OpenExample(name=name)) == f"{first} 2"
        assert all(n.missing for n in desk.worker.snapshot().nodes if n.device)
    assert "no example" in (await desk.refused(schema.OpenExample(name="nothing"))).detail


async def test_an_edit_is_on_disk_within_a_fraction_of_a_second(
    desk: Any, workspace: Workspace
) -> None:
    await desk.ask(schema.NewSpace(name="x"))
    node = await desk.ask(schema.AddNode(key="sweep", x=1, y=2))
    assert COALESCE_S <= 0.2
    await desk.until(lambda: desk.worker.open and not desk.worker.open.autosave.dirty)
    await desk.until(lambda: workspace.spaces.load("x").data["nodes"] or None)
    saved = workspace.spaces.load("x").data["nodes"]
    assert [(each["id"], each["properties"]["pos"]) for each in saved] == [(node, [1.0, 2.0])]


async def test_an_edit_is_told_as_what_became_of_nodes_and_wires(desk: Any) -> None:
    await desk.ask(schema.NewSpace(name="x"))
    sweep = await desk.ask(schema.AddNode(key="sweep", x=0, y=0))
    recorder = await desk.ask(schema.AddNode(key="recorder", x=0, y=0))
    plot = await desk.ask(schema.AddNode(key="plot.xy", x=0, y=0))
    grow = schema.Connect(source=sweep, source_port="value", target=recorder, target_port="+")
    await desk.ask(grow)
    await desk.ask(
        schema.Connect(source=recorder, source_port="rows", target=plot, target_port="rows")
    )
    put = [each.node for each in desk.events(schema.NodePut)][-1]
    assert put.id == plot
    assert put.plot is not None
    assert (put.plot.recorder, put.plot.x) == (recorder, "value")
    edges = desk.events(schema.EdgePut)
    assert len(edges) == 2
    await desk.ask(schema.RemoveNodes(ids=[sweep]))
    assert desk.events(schema.EdgeGone)[0].id == edges[0].edge.id
    assert desk.events(schema.NodeGone)[0].id == sweep
    await desk.ask(schema.Undo())
    assert desk.events(schema.EdgePut)[-1].edge.id == edges[0].edge.id


async def test_one_edit_among_many_nodes_tells_one(desk: Any) -> None:
    await desk.ask(schema.NewSpace(name="x"))
    ids = [await desk.ask(schema.AddNode(key="sweep", x=0, y=0)) for _ in range(300)]
    before = len(desk.events(schema.NodePut))
    await desk.ask(schema.Rename(id=ids[7], name="Ramp"))
    assert len(desk.events(schema.NodePut)) == before + 1


async def test_effects_need_arming_and_the_controls(desk: Any) -> None:
    """A1: values move, effects do not."""
    await desk.ask(schema.NewSpace(name="x"))
    desk.offer(Relay)
    relay = await desk.ask(schema.AddNode(key="test.relay", x=0, y=0))
    await desk.ask(schema.SetValue(node=relay, port="closed", value=True))
    assert desk.worker.open is not None
    node = desk.worker.open.space.get_node_by_id(relay)
    assert node.runs == 0
    assert "effects are off" in (await desk.refused(schema.TriggerNode(id=relay))).detail
    await desk.ask(schema.SetLive(live=True))
    await desk.ask(schema.TriggerNode(id=relay))
    await desk.until(lambda: node.runs == 1)
    other = schema.Actor(id="b", name="Bob", role="operator")
    desk.worker.controls.set_people([ADA, other])
    for body in (
        schema.SetValue(node=relay, port="closed", value=False),
        schema.TriggerNode(id=relay),
        schema.SetLive(live=False),
    ):
        assert "Ada holds the controls" in (await desk.refused(body, other)).detail
    await desk.ask(schema.Rename(id=relay, name="K1"), other)


async def test_a_viewer_is_refused_by_the_worker_itself(desk: Any) -> None:
    for body in (schema.NewSpace(), schema.RunStart(), schema.SetLive(live=True), schema.Undo()):
        assert "may only watch" in (await desk.refused(body, EVE)).detail
    assert await desk.ask(schema.ListRuns(), EVE) == []


async def test_a_node_s_error_is_one_sentence_and_its_values_go_stale(desk: Any) -> None:
    await desk.ask(schema.NewSpace(name="x"))
    desk.offer(Divide)
    divide = await desk.ask(schema.AddNode(key="test.divide", x=0, y=0))
    await desk.ask(schema.SetValue(node=divide, port="by", value=4))
    await desk.until(lambda: desk.events(schema.PortValues) or None)
    await desk.ask(schema.SetValue(node=divide, port="by", value=0))
    await desk.until(
        lambda: [e for e in desk.events(schema.NodeStatus) if e.state == "error"] or None
    )
    problem = next(e for e in desk.events(schema.NodeStatus) if e.state == "error").problem
    assert problem.title == "ZeroDivisionError"
    assert "division by zero" in problem.detail
    out = [v for e in desk.events(schema.PortValues) for v in e.values if v.port == "out"]
    assert [(v.value, v.stale) for v in out][-1] == (0.25, True)
    await desk.ask(schema.SetValue(node=divide, port="by", value=2))
    await desk.until(
        lambda: (
            [v for e in desk.events(schema.PortValues) for v in e.values if v.value == 0.5] or None
        )
    )
    out = [v for e in desk.events(schema.PortValues) for v in e.values if v.port == "out"]
    assert not out[-1].stale


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (schema.AddNode(key="nothing", x=0, y=0), "palette has no entry"),
        (schema.Rename(id="nobody", name="x"), "no node 'nobody'"),
        (schema.Disconnect(edge="nothing"), "any more"),
        (schema.RunPause(), "No run is on"),
        (schema.RunStart(), "."),
        (schema.Redo(), "nothing to redo"),
        (schema.GetRows(run="latest"), "no run"),
        (schema.ExportRun(run="77"), "no run '77'"),
        (schema.DeviceConnect(name="smu"), "no bench"),
        (schema.Duplicate(ids=["nobody"]), "no node 'nobody'"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_one_sentence(
    desk: Any, body: Any, words: str
) -> None:
    await desk.ask(schema.NewSpace(name="x"))
    assert words in (await desk.refused(body)).detail


async def test_an_edit_of_what_somebody_else_removed_is_told_as_stale(desk: Any) -> None:
    await desk.ask(schema.NewSpace(name="x"))
    node = await desk.ask(schema.AddNode(key="sweep", x=0, y=0))
    seen = desk.worker.publisher.rev
    await desk.ask(schema.RemoveNodes(ids=[node]))
    problem = await desk.refused(schema.Rename(id=node, name="x"), rev=seen)
    assert problem.title == "StaleRevision"


async def test_estop_without_a_bench_latches_disarms_and_is_reset_by_name(desk: Any) -> None:
    await desk.ask(schema.NewSpace(name="x"))
    await desk.ask(schema.SetLive(live=True))
    latch = await desk.ask(schema.EStop(), EVE)
    assert latch["latched"]
    assert desk.worker.open is not None
    assert desk.worker.open.space.arming == "disarmed"
    assert "E-STOP" in (await desk.refused(schema.SetLive(live=True))).hint
    assert "may only watch" in (await desk.refused(schema.EStopReset(), EVE)).detail
    await desk.ask(schema.EStopReset())
    assert not desk.worker.latch.latched
    await desk.until(lambda: not [e.latch.latched for e in desk.events(schema.LatchPut)][-1])


async def test_values_of_any_kind_are_shown_as_a_preview(desk: Any) -> None:
    import numpy as np

    from funcnodes.workers.shown.views import preview

    assert preview(2**60) == str(2**60)
    assert preview(np.zeros((3, 4))) == "3×4 float64"
    assert preview("x" * 1000) == "x" * 199 + "…"
    assert preview([1, 2, 3]) == "3 items"
    assert preview(b"abc") == "3 bytes"
    assert preview(1.5) == 1.5
    assert preview(True) is True

    class Rude:
        def __str__(self) -> str:
            raise ValueError

    assert preview(Rude()) == "Rude"


async def test_an_older_file_s_unchecked_wires_are_told_and_survive_being_undone(
    desk: Any, workspace: Workspace
) -> None:
    nodes = [
        {"id": "v", "node_id": "value_node", "io": {"value": {"value": 2.0}}},
        {"id": "f", "node_id": "if_node", "io": {}},
    ]
    older = {"nodes": nodes, "edges": [["v", "out", "f", "condition"]]}
    workspace.spaces.save("Older", json.dumps(older).encode())
    await desk.ask(schema.OpenSpace(name="Older"))

    def notes() -> list[str]:
        return [edge.note for edge in desk.worker.snapshot().edges]

    said = "Any number but 0 counts as on."
    assert desk.worker.snapshot().space.notice.startswith("A wire in this file is not checked")
    assert [note.endswith(said) for note in notes()] == [True]
    for removal in (
        schema.Disconnect(edge=desk.worker.snapshot().edges[0].id),
        schema.RemoveNodes(ids=["f"]),
    ):
        before = notes()
        await desk.ask(removal)
        assert notes() == []
        await desk.ask(schema.Undo())
        assert notes() == before
