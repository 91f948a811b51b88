"""Frames and subgraphs as people edit them: by commands, each with its inverse."""

import asyncio
import itertools
import json
import os
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.core import (
    Library,
    Node,
    NodeInput,
    NodeOutput,
    NodeSpace,
    Place,
    SubgraphNode,
    naming,
)
from funcnodes.core.subgraphs.passages import InputPassage, OutputPassage
from funcnodes.errors import FuncnodesError, GraphError, RefusedError
from funcnodes.runs import NODE_SHELF as RUNS
from funcnodes.workers import editing, regrouping, scopes, wire
from funcnodes.workers.canvas import Canvas
from funcnodes.workers.editing import Editor
from funcnodes.workers.worker import Worker
from funcnodes.workers.workspace import Workspace

EVE = wire.Actor(id="e", name="Eve", role="viewer")
BOB = wire.Actor(id="b", name="Bob", role="operator")


class Valve(Node):
    """An effect."""

    node_id = "test.valve"
    node_name = "Valve"
    effect = True
    opened = NodeInput(type=bool, default=False)
    is_open = NodeOutput(type=bool)

    def func(self, opened: bool) -> bool:
        return opened


def space_of(desk: Any) -> NodeSpace:
    return desk.worker.require_open().space


def saved(desk: Any) -> Any:
    """The saved form; the order of nodes, wires and ports means nothing."""
    return ordered(json.loads(json.dumps(space_of(desk).serialize())))


def ordered(graph: Any) -> Any:
    graph["nodes"] = sorted(graph["nodes"], key=lambda node: node["id"])
    graph["edges"] = sorted(graph["edges"])
    for node in graph["nodes"]:
        if "subgraph" in node:
            node["subgraph"]["graph"] = ordered(node["subgraph"]["graph"])
    return graph


def shown(desk: Any) -> dict[str, wire.NodeView]:
    """What a browser has that has followed every frame from an empty nodespace on."""
    nodes: dict[str, wire.NodeView] = {}
    for event in desk.events((wire.NodePut, wire.NodeGone)):
        if isinstance(event, wire.NodePut):
            nodes[event.node.id] = event.node
        else:
            nodes.pop(event.id)
    return nodes


def wires(desk: Any) -> set[str]:
    """The wires that such a browser has."""
    edges: set[str] = set()
    for event in desk.events((wire.EdgePut, wire.EdgeGone)):
        if isinstance(event, wire.EdgePut):
            edges.add(event.edge.id)
        else:
            edges.remove(event.id)
    return edges


def agrees(desk: Any) -> None:
    """Whoever followed all frames sees what whoever comes now is told."""
    snapshot = desk.worker.snapshot()
    seen = shown(desk)
    assert seen.keys() == {node.id for node in snapshot.nodes}
    for node in snapshot.nodes:
        told = seen[node.id]
        assert (told.scope, told.frame, told.section) == (node.scope, node.frame, node.section)
        assert [port.id for port in told.inputs] == [port.id for port in node.inputs], told.name
    assert wires(desk) == {edge.id for edge in snapshot.edges}


async def chain(desk: Any, scope: str = "") -> list[str]:
    """a → b → c, each adding 1, with a value at a's input."""
    await desk.ask(wire.NewSpace())
    names = [
        await desk.ask(wire.AddNode(key="add_node", x=n * 200.0, y=0, scope=scope))
        for n in range(3)
    ]
    for source, target in itertools.pairwise(names):
        await join(desk, source, "out", target, "a")
    for name in names:
        await desk.ask(wire.SetValue(node=name, port="b", value=1))
    await desk.ask(wire.SetValue(node=names[0], port="a", value=10))
    await space_of(desk).await_done()
    return names


async def join(desk: Any, source: str, output: str, target: str, inp: str) -> None:
    await desk.ask(wire.Connect(source=source, source_port=output, target=target, target_port=inp))


def value(desk: Any, name: str, port: str) -> Any:
    return scopes.node_at(space_of(desk), name).get_input_or_output(port).value


# ── subgraphs ─────────────────────────────────────────────────────────────────────────────


async def test_a_selection_becomes_a_subgraph_and_comes_back(desk: Any) -> None:
    a, b, c = await chain(desk)
    before = saved(desk)
    made = await desk.ask(wire.MakeSubgraph(ids=[a, b], name="Two steps"))
    nodes = shown(desk)
    assert nodes[made].name == "Two steps"
    assert nodes[made].subgraph == wire.SubgraphView(nodes=2)
    assert nodes[f"{made}/{a}"].scope == made
    assert a not in nodes
    assert value(desk, c, "out") == 13
    agrees(desk)
    after = saved(desk)
    await desk.ask(wire.Undo())
    assert saved(desk) == before
    assert value(desk, c, "out") == 13
    agrees(desk)
    await desk.ask(wire.Redo())
    assert saved(desk) == after
    agrees(desk)


async def test_it_is_opened_and_edited_in_place(desk: Any) -> None:
    a, b, c = await chain(desk)
    made = await desk.ask(wire.MakeSubgraph(ids=[a, b]))
    inner = f"{made}/{b}"
    before = saved(desk)
    await desk.ask(wire.SetValue(node=inner, port="b", value=5))
    await space_of(desk).await_done()
    assert value(desk, c, "out") == 17
    added = await desk.ask(wire.AddNode(key="add_node", x=1, y=2, scope=made))
    assert added.startswith(f"{made}/")
    await join(desk, inner, "out", added, "a")
    await desk.ask(wire.MoveNodes(ids=[added], x=[50], y=[60]))
    await desk.ask(wire.Rename(id=added, name="Third"))
    (copy,) = await desk.ask(wire.Duplicate(ids=[added]))
    await desk.ask(wire.RemoveNodes(ids=[copy]))
    assert (shown(desk)[added].name, shown(desk)[added].x) == ("Third", 50)
    agrees(desk)
    for _ in range(7):
        await desk.ask(wire.Undo())
    assert saved(desk) == before
    agrees(desk)


async def test_values_inside_are_told_with_their_full_names(desk: Any) -> None:
    a, b, c = await chain(desk)
    outer = await desk.ask(wire.MakeSubgraph(ids=[a, b]))
    top = await desk.ask(wire.MakeSubgraph(ids=[outer]))
    inner = f"{top}/{outer}/{a}"
    desk.events(wire.Values)
    desk.sent.clear()
    await desk.ask(wire.SetValue(node=inner, port="b", value=3))
    await space_of(desk).await_done()
    told = {(v.node, v.port): v.value for each in desk.events(wire.Values) for v in each.values}
    assert told[inner, "out"] == 13
    assert told[c, "out"] == 15
    assert any(status.id == inner for status in desk.events(wire.NodeStatus))


async def test_a_port_is_promoted_and_taken_away_with_its_wires(desk: Any) -> None:
    _, b, c = await chain(desk)
    made = await desk.ask(wire.MakeSubgraph(ids=[b]))
    plain = saved(desk)
    port = await desk.ask(wire.Promote(node=f"{made}/{b}", port="b", name="step"))
    assert [p.name for p in shown(desk)[made].inputs if p.id == port] == ["step"]
    assert value(desk, made, port) == 1
    other = await desk.ask(wire.AddNode(key="add_node", x=0, y=300))
    await desk.ask(wire.SetValue(node=other, port="a", value=1))
    await desk.ask(wire.SetValue(node=other, port="b", value=2))
    await join(desk, other, "out", made, port)
    await space_of(desk).await_done()
    assert value(desk, c, "out") == 15
    wired = saved(desk)
    await desk.ask(wire.Demote(node=made, port=port))
    assert port not in {p.id for p in shown(desk)[made].inputs}
    agrees(desk)
    await desk.ask(wire.Undo())
    assert saved(desk) == wired
    await desk.ask(wire.RemoveNodes(ids=[f"{made}/{port}"]))  # its gate, inside, is the same
    await desk.ask(wire.Undo())
    assert saved(desk) == wired
    agrees(desk)
    for _ in range(5):
        await desk.ask(wire.Undo())
    assert saved(desk) == plain
    agrees(desk)


async def test_ports_and_nodes_are_removed_together_and_come_back_together(desk: Any) -> None:
    a, b, _ = await chain(desk)
    made = await desk.ask(wire.MakeSubgraph(ids=[b]))
    before = saved(desk)
    gates = [name for name, node in shown(desk).items() if node.node_id.startswith("subgraph.")]
    assert len(gates) == 2
    await desk.ask(wire.RemoveNodes(ids=[f"{made}/{b}", *gates]))
    assert shown(desk).keys() >= {a, made}
    assert not [name for name in shown(desk) if name.startswith(f"{made}/")]
    assert wires(desk) == set()
    await desk.ask(wire.Undo())
    assert saved(desk) == before
    agrees(desk)


async def test_an_input_or_output_put_inside_is_a_port_outside(desk: Any) -> None:
    _, b, _ = await chain(desk)
    made = await desk.ask(wire.MakeSubgraph(ids=[b]))
    gate = await desk.ask(wire.AddNode(key="subgraph.input", x=0, y=0, scope=made))
    assert naming.split(gate)[1] in {port.id for port in shown(desk)[made].inputs}
    refused = await desk.refused(wire.AddNode(key="subgraph.input", x=0, y=0))
    assert "belongs inside" in refused.detail
    agrees(desk)


async def test_dissolving_is_undone_ids_and_all(desk: Any) -> None:
    """Copies have the same ids inside: outside, one of them gets new ones."""
    a, b, _ = await chain(desk)
    made = await desk.ask(wire.MakeSubgraph(ids=[a, b]))
    (copy,) = await desk.ask(wire.Duplicate(ids=[made]))
    start = saved(desk)
    assert await desk.ask(wire.Dissolve(id=made)) == [a, b]
    fresh = await desk.ask(wire.Dissolve(id=copy))
    assert not {a, b} & set(fresh)
    await desk.ask(wire.Rename(id=fresh[0], name="Copied"))
    apart = saved(desk)
    agrees(desk)
    for _ in range(3):
        await desk.ask(wire.Undo())
    assert saved(desk) == start
    agrees(desk)
    for _ in range(3):
        await desk.ask(wire.Redo())
    assert saved(desk) == apart
    agrees(desk)


async def test_it_is_saved_as_a_file_listed_used_and_updated(
    desk: Any, workspace: Workspace
) -> None:
    a, b, _ = await chain(desk)
    made = await desk.ask(wire.MakeSubgraph(ids=[a, b], name="Two"))
    assert await desk.ask(wire.SaveSubgraph(id=made, name="two steps")) == "two steps"
    path = workspace.subgraphs.folder / "two steps.subgraph.json"
    assert os.stat(path).st_mode & 0o777 == 0o600
    (put,) = desk.events(wire.LibraryPut)[-1:]
    (entry,) = [each for each in put.library if each.key == "subgraph:two steps"]
    assert entry.path == ["Subgraphs"]
    assert len(entry.outputs) == 1
    second = await desk.ask(wire.AddNode(key=entry.key, x=0, y=400))
    assert shown(desk)[second].subgraph == wire.SubgraphView(nodes=2, file="two steps")
    assert (shown(desk)[second].name, shown(desk)[second].title) == ("two steps", "Subgraph")

    await desk.ask(wire.RemoveNodes(ids=[f"{made}/{b}"]))
    assert shown(desk)[made].subgraph.edited
    await desk.ask(wire.SaveSubgraph(id=made, name="two steps"))
    assert shown(desk)[second].subgraph.behind
    before = saved(desk)
    await desk.ask(wire.UpdateSubgraph(id=second))
    assert shown(desk)[second].subgraph == wire.SubgraphView(nodes=1, file="two steps")
    agrees(desk)
    await desk.ask(wire.Undo())
    assert saved(desk) == before
    assert shown(desk)[second].subgraph.behind
    agrees(desk)


async def test_a_file_of_another_subgraph_is_replaced_only_where_that_was_asked(desk: Any) -> None:
    a, b, c = await chain(desk)
    one = await desk.ask(wire.MakeSubgraph(ids=[a]))
    two = await desk.ask(wire.MakeSubgraph(ids=[c]))
    await desk.ask(wire.SaveSubgraph(id=one, name="step"))
    refused = await desk.refused(wire.SaveSubgraph(id=two, name=" step "))
    assert "already a subgraph named 'step'" in refused.detail
    await desk.ask(wire.SaveSubgraph(id=two, name="step", replace=True))
    assert "cannot be named" in (await desk.refused(wire.SaveSubgraph(id=two, name="../x"))).detail
    assert "no subgraph" in (await desk.refused(wire.SaveSubgraph(id=b, name="b"))).detail


async def test_what_cannot_be_is_refused_in_one_sentence(desk: Any) -> None:
    a, b, _ = await chain(desk)
    made = await desk.ask(wire.MakeSubgraph(ids=[b]))
    inner = f"{made}/{b}"
    before = saved(desk)
    for body, why in [
        (wire.MakeSubgraph(ids=[]), "No node was chosen"),
        (wire.MakeSubgraph(ids=[a, inner]), "not in the same subgraph"),
        (wire.MakeSubgraph(ids=["nobody"]), "no node 'nobody'"),
        (wire.MoveNodes(ids=[f"{a}/{b}"], x=[0], y=[0]), "is no subgraph"),
        (wire.Dissolve(id=a), "is no subgraph"),
        (wire.Promote(node=a, port="b"), "Only what is inside a subgraph"),
        (wire.Promote(node=inner, port="a"), "already has a wire"),
        (wire.Promote(node=inner, port="z"), "z"),
        (wire.Demote(node=made, port="nothing"), "has no port"),
        (wire.UpdateSubgraph(id=made), "made from no file"),
        (wire.Connect(source=a, source_port="out", target=inner, target_port="b"), "same subgraph"),
    ]:  # fmt: skip
        assert why in (await desk.refused(body)).detail
    assert saved(desk) == before
    agrees(desk)


async def test_a_value_that_reaches_an_effect_inside_needs_the_controls(desk: Any) -> None:
    await desk.ask(wire.NewSpace())
    desk.offer(Valve)
    valve = await desk.ask(wire.AddNode(key="test.valve", x=0, y=0))
    made = await desk.ask(wire.MakeSubgraph(ids=[valve]))
    port = await desk.ask(wire.Promote(node=f"{made}/{valve}", port="opened"))
    await desk.ask(wire.TakeControls(), BOB)
    await desk.ask(wire.SetLive(live=True), BOB)
    desk.worker.controls.set_people([BOB])
    refused = await desk.refused(wire.SetValue(node=made, port=port, value=True))
    assert "controls" in refused.detail
    assert "may only watch" in (await desk.refused(wire.MakeSubgraph(ids=[made]), EVE)).detail


async def test_a_saved_nodespace_with_subgraphs_opens_again_and_files_are_listed(
    desk: Any, workspace: Workspace
) -> None:
    a, b, _ = await chain(desk)
    made = await desk.ask(wire.MakeSubgraph(ids=[a, b]))
    await desk.ask(wire.SaveSubgraph(id=made, name="kept"))
    text = saved(desk)
    (workspace.subgraphs.folder / "bad.subgraph.json").write_text('{"kind": "subgraph"')
    desk.worker.load_subgraphs()
    assert "bad.subgraph.json is not offered" in desk.worker.logbook.lines[-1].text
    name = desk.worker.require_open().name
    await desk.ask(wire.NewSpace())
    await desk.ask(wire.OpenSpace(name=name))
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
    async with asyncio.timeout(20):
        while not worker.palette.entries:
            await asyncio.sleep(0.01)
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


# ── frames ────────────────────────────────────────────────────────────────────────────────


async def framed(desk: Any) -> tuple[str, list[str]]:
    """A Repeat beside the chain."""
    names = await chain(desk)
    return await desk.ask(wire.AddNode(key="repeat", x=0, y=300)), names


async def test_nodes_are_put_into_sections_and_taken_out(desk: Any) -> None:
    frame, (a, b, c) = await framed(desk)
    before = saved(desk)
    await desk.ask(wire.PutIn(ids=[a], frame=frame, section="enter"))
    await desk.ask(wire.PutIn(ids=[b, c], frame=frame, x=[10, 20], y=[30, 40]))
    nodes = shown(desk)
    assert nodes[frame].is_frame
    assert not nodes[a].is_frame
    assert [(nodes[n].frame, nodes[n].section) for n in (a, b)] == [
        (frame, "enter"),
        (frame, "body"),
    ]
    assert (nodes[b].x, nodes[c].y) == (10, 40)
    held = saved(desk)
    await desk.ask(wire.PutIn(ids=[a], frame=frame, section="finally"))
    await desk.ask(wire.PutIn(ids=[a, b, c], frame=""))
    assert shown(desk)[b].frame == ""
    agrees(desk)
    await desk.ask(wire.Undo())
    await desk.ask(wire.Undo())
    assert saved(desk) == held
    await desk.ask(wire.Undo())
    await desk.ask(wire.Undo())
    assert saved(desk) == before
    agrees(desk)


async def test_a_removed_frame_lets_go_and_holds_again_when_it_comes_back(desk: Any) -> None:
    frame, (a, b, _) = await framed(desk)
    await desk.ask(wire.PutIn(ids=[a, b], frame=frame))
    before = saved(desk)
    await desk.ask(wire.RemoveNodes(ids=[frame]))
    assert shown(desk)[a].frame == ""
    agrees(desk)
    await desk.ask(wire.Undo())
    assert shown(desk)[a].frame == frame
    assert saved(desk) == before
    agrees(desk)


async def test_frames_nest_but_not_in_themselves(desk: Any) -> None:
    frame, (a, _, _) = await framed(desk)
    outer = await desk.ask(wire.AddNode(key="repeat", x=0, y=600))
    await desk.ask(wire.PutIn(ids=[a], frame=frame))
    await desk.ask(wire.PutIn(ids=[frame], frame=outer))
    before = saved(desk)
    refused = await desk.refused(wire.PutIn(ids=[outer], frame=frame))
    assert "cannot be put into itself" in refused.detail
    assert "is no frame" in (await desk.refused(wire.PutIn(ids=[frame], frame=a))).detail
    assert "No node" in (await desk.refused(wire.PutIn(ids=[], frame=frame))).detail
    assert saved(desk) == before


async def test_a_refusal_half_way_puts_nothing_in(desk: Any) -> None:
    frame, (a, _, _) = await framed(desk)
    before = saved(desk)
    await desk.refused(wire.PutIn(ids=[a, frame], frame=frame, x=[1, 2], y=[3, 4]))
    assert saved(desk) == before
    agrees(desk)


async def test_a_node_is_added_right_into_a_frame_and_copies_stay_in_theirs(desk: Any) -> None:
    frame, _ = await framed(desk)
    node = await desk.ask(wire.AddNode(key="add_node", x=0, y=0, frame=frame, section="finally"))
    assert (shown(desk)[node].frame, shown(desk)[node].section) == (frame, "finally")
    (copy,) = await desk.ask(wire.Duplicate(ids=[node]))
    assert shown(desk)[copy].frame == frame
    both = await desk.ask(wire.Duplicate(ids=[node, frame]))
    assert shown(desk)[both[0]].frame == both[1]
    agrees(desk)


async def test_a_frame_goes_into_a_subgraph_with_what_it_holds(desk: Any) -> None:
    frame, (a, b, _) = await framed(desk)
    await desk.ask(wire.PutIn(ids=[a, b], frame=frame))
    before = saved(desk)
    made = await desk.ask(wire.MakeSubgraph(ids=[frame]))
    assert shown(desk)[f"{made}/{a}"].frame == f"{made}/{frame}"
    agrees(desk)
    await desk.ask(wire.Undo())
    assert saved(desk) == before
    agrees(desk)


async def test_the_structure_stays_while_a_run_is_on(desk: Any) -> None:
    """A2."""
    frame, (a, _, c) = await framed(desk)
    made = await desk.ask(wire.MakeSubgraph(ids=[c]))
    space_of(desk).arming = "running"
    try:
        for body in (
            wire.PutIn(ids=[a], frame=frame),
            wire.MakeSubgraph(ids=[a]),
            wire.Dissolve(id=made),
            wire.Promote(node=f"{made}/{c}", port="b"),
            wire.Undo(),
        ):
            assert "while a run is on" in (await desk.refused(body)).detail
        await desk.ask(wire.MoveNodes(ids=[f"{made}/{c}"], x=[1], y=[1]))
    finally:
        space_of(desk).arming = "disarmed"


# ── all of it, at random ──────────────────────────────────────────────────────────────────

KINDS = ["add_node", "add_node", "input.number", "repeat", "control.repeat", "subgraph",
         "subgraph.input", "subgraph.output"]  # fmt: skip

steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["add", "add", "connect", "connect", "set", "make", "make", "dissolve", "promote",
             "demote", "put_in", "take_out", "remove", "duplicate", "disconnect", "undo", "redo"]
        ),
        st.integers(0, 40),
        st.integers(0, 40),
        st.integers(0, 40),
    ),
    max_size=20,
)  # fmt: skip


def new_editor() -> Editor:
    library = Library(NODE_SHELF, RUNS)
    library.add_nodes([SubgraphNode, InputPassage, OutputPassage], "Subgraphs")
    return Editor(NodeSpace(library, arming="disarmed"))


def make_one(editor: Editor, kind: str, a: int, b: int, c: int) -> None:
    """One random edit somewhere; most are possible, the rest must be refused without a trace."""
    root = editor.space
    if kind in ("undo", "redo"):
        getattr(editor, kind)()
        return
    every = list(scopes.spaces(root))
    scope, space = every[c % len(every)]
    nodes = space.nodes

    def make(edit: Any) -> None:
        editor.make(editing.inside(scope, edit))

    if kind == "add" or not nodes:
        node_id = KINDS[a % (len(KINDS) if scope else len(KINDS) - 2)]
        make(editing.add_node(space, node_id, name=None, extra={}, x=float(b), y=0.0))
        return
    one, two = nodes[a % len(nodes)], nodes[b % len(nodes)]
    ids = list(dict.fromkeys([one.uuid, two.uuid]))
    inputs, outputs = list(two.inputs), list(one.outputs)
    inp = inputs[c % len(inputs)]
    match kind:
        case "connect":
            make(editing.connect(space, (one.uuid, outputs[c % len(outputs)], two.uuid, inp)))
        case "disconnect" if space.edges:
            make(editing.disconnect_edge(space, space.edges[a % len(space.edges)]))
        case "set":
            make(editing.set_value(space, two.uuid, inp, a))
        case "make":
            make(regrouping.make(space, ids, ""))
        case "dissolve":
            make(regrouping.take_apart(space, one.uuid))
        case "promote" if scope:
            outer, uuid = naming.split(scope)
            around = scopes.space_at(root, outer)
            edit = regrouping.promote(around, uuid, two.uuid, inp, "")
            editor.make(editing.inside(outer, edit))
        case "demote":
            make(regrouping.demote(space, two.uuid, inp))
        case "put_in":
            section: Any = ("enter", "body", "finally")[c % 3]
            make(editing.put_in(space, [one.uuid], Place(two.uuid, section)))
        case "take_out":
            make(editing.put_in(space, ids, None))
        case "remove":
            editor.make(regrouping.remove(root, scope, space, ids, []))
        case "duplicate":
            make(editing.duplicate(space, ids, dx=1.0, dy=2.0))


def attempt(editor: Editor, step: Any) -> None:
    before = plain(editor.space)
    try:
        make_one(editor, *step)
    except FuncnodesError:
        assert plain(editor.space) == before, f"a refused {step[0]} left a trace"


class Follower:
    """A browser that has followed every frame since the nodespace was opened."""

    def __init__(self, editor: Editor) -> None:
        self.editor = editor
        self.nodes: dict[str, wire.NodeView] = {}
        self.edges: dict[str, wire.EdgeView] = {}
        self.canvas = Canvas(editor.space, self)  # type: ignore[arg-type]  # all it needs
        self.nodes = {node.id: node for node in self.canvas.node_views()}
        self.edges = {edge.id: edge for edge in self.canvas.edge_views()}

    def mark(self, key: Any, build: Any) -> None:
        """Values come by themselves."""

    def put(self, event: wire.Event) -> None:
        match event:
            case wire.NodePut():
                self.nodes[event.node.id] = event.node
            case wire.NodeGone():
                del self.nodes[event.id]
            case wire.EdgePut():
                self.edges[event.edge.id] = event.edge
            case wire.EdgeGone():
                del self.edges[event.id]

    def follow(self) -> None:
        """After an edit: sees what somebody sees who comes now."""
        last = [*self.editor._done[-1:], *self.editor._undone[-1:]]
        self.canvas.refresh(frozenset().union(*(edit.touches for edit in last)))
        now = {node.id: node for node in self.canvas.node_views()}
        assert self.nodes.keys() == now.keys()
        for name, node in now.items():
            assert looks(self.nodes[name]) == looks(node), name
        assert self.edges.keys() == {edge.id for edge in self.canvas.edge_views()}


def looks(node: wire.NodeView) -> Any:
    """What an edit changes of a card."""
    ports = [(port.id, port.name) for port in (*node.inputs, *node.outputs)]
    return node.name, node.scope, node.frame, node.section, node.x, node.y, ports, node.subgraph


def plain(space: NodeSpace) -> Any:
    return ordered(json.loads(json.dumps(space.serialize())))


@settings(deadline=None)
@given(steps, steps)
async def test_random_edits_undone_give_the_graph_back_and_redone_the_result(
    prologue: list[Any], random_edits: list[Any]
) -> None:
    first = new_editor()
    for step in prologue:
        attempt(first, step)
    start = plain(first.space)
    editor = Editor(first.space)
    follower = Follower(editor)
    for step in random_edits:
        attempt(editor, step)
        follower.follow()
    end = plain(editor.space)
    while editor.undo_label:
        editor.undo()
        follower.follow()
    assert plain(editor.space) == start
    while editor.redo_label:
        editor.redo()
        follower.follow()
    if all(step[0] not in ("undo", "redo") for step in random_edits):
        assert plain(editor.space) == end
    await editor.space.aclose()
