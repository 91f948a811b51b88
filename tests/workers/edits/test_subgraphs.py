"""Subgraphs as people edit them: by commands, each with its inverse."""

import asyncio
import os
from typing import Any

import pytest

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.core import (
    Library,
    Node,
    NodeInput,
    NodeOutput,
    NodeSpace,
    SubgraphNode,
    naming,
)
from funcnodes.errors import GraphError, RefusedError
from funcnodes.workers import schema
from funcnodes.workers.edits import scopes
from funcnodes.workers.worker import Worker
from funcnodes.workers.workspace import Workspace

from ...waiting import until
from .conftest import agrees, chain, join, saved, shown, space_of, value, wires

EVE = schema.Actor(id="e", name="Eve", role="viewer")


BOB = schema.Actor(id="b", name="Bob", role="operator")


class Valve(Node):
    """An effect."""

    node_id = "test.valve"
    node_name = "Valve"
    effect = True
    opened = NodeInput(type=bool, default=False)
    is_open = NodeOutput(type=bool)

    def func(self, opened: bool) -> bool:
        return opened


async def test_a_selection_becomes_a_subgraph_and_comes_back(desk: Any) -> None:
    a, b, c = await chain(desk)
    before = saved(desk)
    made = await desk.ask(schema.MakeSubgraph(ids=[a, b], name="Two steps"))
    nodes = shown(desk)
    assert nodes[made].name == "Two steps"
    assert nodes[made].subgraph == schema.SubgraphView(nodes=2)
    assert nodes[f"{made}/{a}"].scope == made
    assert a not in nodes
    assert value(desk, c, "out") == 13
    agrees(desk)
    after = saved(desk)
    await desk.ask(schema.Undo())
    assert saved(desk) == before
    assert value(desk, c, "out") == 13
    agrees(desk)
    await desk.ask(schema.Redo())
    assert saved(desk) == after
    agrees(desk)


async def test_it_is_opened_and_edited_in_place(desk: Any) -> None:
    a, b, c = await chain(desk)
    made = await desk.ask(schema.MakeSubgraph(ids=[a, b]))
    inner = f"{made}/{b}"
    before = saved(desk)
    await desk.ask(schema.SetValue(node=inner, port="b", value=5))
    await space_of(desk).await_done()
    assert value(desk, c, "out") == 17
    added = await desk.ask(schema.AddNode(key="add_node", x=1, y=2, scope=made))
    assert added.startswith(f"{made}/")
    await join(desk, inner, "out", added, "a")
    await desk.ask(schema.MoveNodes(ids=[added], x=[50], y=[60]))
    await desk.ask(schema.Rename(id=added, name="Third"))
    (copy,) = await desk.ask(schema.Duplicate(ids=[added]))
    await desk.ask(schema.RemoveNodes(ids=[copy]))
    assert (shown(desk)[added].name, shown(desk)[added].x) == ("Third", 50)
    agrees(desk)
    for _ in range(7):
        await desk.ask(schema.Undo())
    assert saved(desk) == before
    agrees(desk)


async def test_values_inside_are_told_with_their_full_names(desk: Any) -> None:
    a, b, c = await chain(desk)
    outer = await desk.ask(schema.MakeSubgraph(ids=[a, b]))
    top = await desk.ask(schema.MakeSubgraph(ids=[outer]))
    inner = f"{top}/{outer}/{a}"
    desk.events(schema.PortValues)
    desk.sent.clear()
    await desk.ask(schema.SetValue(node=inner, port="b", value=3))
    await space_of(desk).await_done()
    told = {
        (v.node, v.port): v.value for each in desk.events(schema.PortValues) for v in each.values
    }
    assert told[inner, "out"] == 13
    assert told[c, "out"] == 15
    assert any(status.id == inner for status in desk.events(schema.NodeStatus))


async def test_a_port_is_promoted_and_taken_away_with_its_wires(desk: Any) -> None:
    _, b, c = await chain(desk)
    made = await desk.ask(schema.MakeSubgraph(ids=[b]))
    plain = saved(desk)
    port = await desk.ask(schema.Promote(node=f"{made}/{b}", port="b", name="step"))
    assert [p.name for p in shown(desk)[made].inputs if p.id == port] == ["step"]
    assert value(desk, made, port) == 1
    other = await desk.ask(schema.AddNode(key="add_node", x=0, y=300))
    await desk.ask(schema.SetValue(node=other, port="a", value=1))
    await desk.ask(schema.SetValue(node=other, port="b", value=2))
    await join(desk, other, "out", made, port)
    await space_of(desk).await_done()
    assert value(desk, c, "out") == 15
    wired = saved(desk)
    await desk.ask(schema.Demote(node=made, port=port))
    assert port not in {p.id for p in shown(desk)[made].inputs}
    agrees(desk)
    await desk.ask(schema.Undo())
    assert saved(desk) == wired
    await desk.ask(schema.RemoveNodes(ids=[f"{made}/{port}"]))  # its gate, inside, is the same
    await desk.ask(schema.Undo())
    assert saved(desk) == wired
    agrees(desk)
    for _ in range(5):
        await desk.ask(schema.Undo())
    assert saved(desk) == plain
    agrees(desk)


async def test_ports_and_nodes_are_removed_together_and_come_back_together(desk: Any) -> None:
    a, b, _ = await chain(desk)
    made = await desk.ask(schema.MakeSubgraph(ids=[b]))
    before = saved(desk)
    gates = [name for name, node in shown(desk).items() if node.node_id.startswith("subgraph.")]
    assert len(gates) == 2
    await desk.ask(schema.RemoveNodes(ids=[f"{made}/{b}", *gates]))
    assert shown(desk).keys() >= {a, made}
    assert not [name for name in shown(desk) if name.startswith(f"{made}/")]
    assert wires(desk) == set()
    await desk.ask(schema.Undo())
    assert saved(desk) == before
    agrees(desk)


async def test_an_input_or_output_put_inside_is_a_port_outside(desk: Any) -> None:
    _, b, _ = await chain(desk)
    made = await desk.ask(schema.MakeSubgraph(ids=[b]))
    gate = await desk.ask(schema.AddNode(key="subgraph.input", x=0, y=0, scope=made))
    assert naming.split(gate)[1] in {port.id for port in shown(desk)[made].inputs}
    refused = await desk.refused(schema.AddNode(key="subgraph.input", x=0, y=0))
    assert "belongs inside" in refused.detail
    agrees(desk)


async def test_a_port_that_also_starts_something_gets_its_wire_back(desk: Any) -> None:
    """▶ takes anything; a port that is left with it alone is one of order, until undo."""
    *_, node = await chain(desk)
    made = await desk.ask(schema.MakeSubgraph(ids=[node]))
    port = await desk.ask(schema.AddNode(key="subgraph.input", scope=made, x=0, y=0))
    inner = f"{made}/{node}"
    await join(desk, port, "out", inner, "b")
    await join(desk, port, "out", inner, "_triggerinput")
    before = saved(desk)
    await desk.ask(schema.Disconnect(edge=f"{port}:out>{inner}:b"))
    await desk.ask(schema.Undo())
    assert saved(desk) == before
    await desk.ask(schema.Redo())
    await desk.ask(schema.Undo())
    assert saved(desk) == before


async def test_dissolving_is_undone_ids_and_all(desk: Any) -> None:
    """Copies have the same ids inside: outside, one of them gets new ones."""
    a, b, _ = await chain(desk)
    made = await desk.ask(schema.MakeSubgraph(ids=[a, b]))
    (copy,) = await desk.ask(schema.Duplicate(ids=[made]))
    start = saved(desk)
    assert await desk.ask(schema.Dissolve(id=made)) == [a, b]
    fresh = await desk.ask(schema.Dissolve(id=copy))
    assert not {a, b} & set(fresh)
    await desk.ask(schema.Rename(id=fresh[0], name="Copied"))
    apart = saved(desk)
    agrees(desk)
    for _ in range(3):
        await desk.ask(schema.Undo())
    assert saved(desk) == start
    agrees(desk)
    for _ in range(3):
        await desk.ask(schema.Redo())
    assert saved(desk) == apart
    agrees(desk)


async def test_it_is_saved_as_a_file_listed_used_and_updated(
    desk: Any, workspace: Workspace
) -> None:
    a, b, _ = await chain(desk)
    made = await desk.ask(schema.MakeSubgraph(ids=[a, b], name="Two"))
    assert await desk.ask(schema.SaveSubgraph(id=made, name="two steps")) == "two steps"
    path = workspace.subgraphs.folder / "two steps.subgraph.json"
    assert os.stat(path).st_mode & 0o777 == 0o600
    (put,) = desk.events(schema.LibraryPut)[-1:]
    (entry,) = [each for each in put.library if each.key == "subgraph:two steps"]
    assert entry.path == ["Subgraphs"]
    assert len(entry.outputs) == 1
    second = await desk.ask(schema.AddNode(key=entry.key, x=0, y=400))
    assert shown(desk)[second].subgraph == schema.SubgraphView(nodes=2, file="two steps")
    assert (shown(desk)[second].name, shown(desk)[second].title) == ("two steps", "Subgraph")

    await desk.ask(schema.RemoveNodes(ids=[f"{made}/{b}"]))
    assert shown(desk)[made].subgraph.edited
    await desk.ask(schema.SaveSubgraph(id=made, name="two steps"))
    assert shown(desk)[second].subgraph.behind
    before = saved(desk)
    await desk.ask(schema.UpdateSubgraph(id=second))
    assert shown(desk)[second].subgraph == schema.SubgraphView(nodes=1, file="two steps")
    agrees(desk)
    await desk.ask(schema.Undo())
    assert saved(desk) == before
    assert shown(desk)[second].subgraph.behind
    agrees(desk)


async def test_a_file_of_another_subgraph_is_replaced_only_where_that_was_asked(desk: Any) -> None:
    a, b, c = await chain(desk)
    one = await desk.ask(schema.MakeSubgraph(ids=[a]))
    two = await desk.ask(schema.MakeSubgraph(ids=[c]))
    await desk.ask(schema.SaveSubgraph(id=one, name="step"))
    refused = await desk.refused(schema.SaveSubgraph(id=two, name=" step "))
    assert "already a subgraph named 'step'" in refused.detail
    await desk.ask(schema.SaveSubgraph(id=two, name="step", replace=True))
    assert (
        "cannot be named" in (await desk.refused(schema.SaveSubgraph(id=two, name="../x"))).detail
    )
    assert "no subgraph" in (await desk.refused(schema.SaveSubgraph(id=b, name="b"))).detail


async def test_what_cannot_be_is_refused_in_one_sentence(desk: Any) -> None:
    a, b, _ = await chain(desk)
    made = await desk.ask(schema.MakeSubgraph(ids=[b]))
    inner = f"{made}/{b}"
    before = saved(desk)
    for body, why in [
        (schema.MakeSubgraph(ids=[]), "No node was chosen"),
        (schema.MakeSubgraph(ids=[a, inner]), "not in the same subgraph"),
        (schema.MakeSubgraph(ids=["nobody"]), "no node 'nobody'"),
        (schema.MoveNodes(ids=[f"{a}/{b}"], x=[0], y=[0]), "is no subgraph"),
        (schema.Dissolve(id=a), "is no subgraph"),
        (schema.Promote(node=a, port="b"), "Only what is inside a subgraph"),
        (schema.Promote(node=inner, port="a"), "already has a wire"),
        (schema.Promote(node=inner, port="z"), "z"),
        (schema.Demote(node=made, port="nothing"), "has no port"),
        (schema.UpdateSubgraph(id=made), "made from no file"),
        (schema.Connect(source=a, source_port="out", target=inner, target_port="b"),
         "same subgraph"),
    ]:  # fmt: skip
        assert why in (await desk.refused(body)).detail
    assert saved(desk) == before
    agrees(desk)


async def test_a_value_that_reaches_an_effect_inside_needs_the_controls(desk: Any) -> None:
    await desk.ask(schema.NewSpace())
    desk.offer(Valve)
    valve = await desk.ask(schema.AddNode(key="test.valve", x=0, y=0))
    made = await desk.ask(schema.MakeSubgraph(ids=[valve]))
    port = await desk.ask(schema.Promote(node=f"{made}/{valve}", port="opened"))
    await desk.ask(schema.TakeControls(), BOB)
    await desk.ask(schema.SetLive(live=True), BOB)
    desk.worker.controls.set_people([BOB])
    refused = await desk.refused(schema.SetValue(node=made, port=port, value=True))
    assert "controls" in refused.detail
    assert "may only watch" in (await desk.refused(schema.MakeSubgraph(ids=[made]), EVE)).detail


async def test_a_saved_nodespace_with_subgraphs_opens_again_and_files_are_listed(
    desk: Any, workspace: Workspace
) -> None:
    a, b, _ = await chain(desk)
    made = await desk.ask(schema.MakeSubgraph(ids=[a, b]))
    await desk.ask(schema.SaveSubgraph(id=made, name="kept"))
    text = saved(desk)
    (workspace.subgraphs.folder / "bad.subgraph.json").write_text('{"kind": "subgraph"')
    desk.worker.load_subgraphs()
    assert "bad.subgraph.json is not offered" in desk.worker.logbook.lines[-1].text
    name = desk.worker.require_open().name
    await desk.ask(schema.NewSpace())
    await desk.ask(schema.OpenSpace(name=name))
    assert saved(desk) == text
    keys = {entry.key for entry in desk.worker.snapshot().library}
    assert {"subgraph:kept", "subgraph", "subgraph.input", "subgraph.output"} <= keys
    assert "subgraph:bad" not in keys


async def test_a_worker_offers_the_subgraphs_of_its_folder_from_its_start(
    workspace: Workspace,
) -> None:
    inner = SubgraphNode(name="Kept")
    inner.save(workspace.subgraphs.folder / "kept.subgraph.json")
    worker = Worker(workspace)
    working = asyncio.create_task(worker.run())
    await until(lambda: worker.palette.entries)
    assert "subgraph:kept" in {entry.key for entry in worker.snapshot().library}
    worker.end()
    await working


def test_names_of_nodes_tell_ids_with_slashes_apart() -> None:
    space = NodeSpace(Library(NODE_SHELF))
    outer = SubgraphNode(uuid="a/b%2F")
    space.add_node_instance(outer)
    inner = outer.inner.add_node_by_id("add_node", uuid="c/d")
    name = naming.name_of(inner)
    assert name == "a%2Fb%252F/c%2Fd"
    assert scopes.node_at(space, name) is inner
    assert list(scopes.around(naming.split(name)[0])) == ["a%2Fb%252F"]
    with pytest.raises(GraphError, match="no node"):
        scopes.node_at(space, "a/b")
    with pytest.raises(RefusedError, match="same subgraph"):
        scopes.one([name, naming.name_of(outer)])
