"""Any edits, in any order: undone they give the graph back, and every browser can follow."""

import json
from typing import Any

from hypothesis import given, settings, strategies as st

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.core import (
    Library,
    NodeSpace,
    Place,
    SubgraphNode,
    naming,
)
from funcnodes.core.subgraphs.passages import InputPassage, OutputPassage
from funcnodes.errors import FuncnodesError
from funcnodes.runs import NODE_SHELF as RUNS
from funcnodes.workers import edits, schema
from funcnodes.workers.canvas import Canvas
from funcnodes.workers.edits import Editor, scopes

from .conftest import ordered

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
        editor.make(edits.inside(scope, edit))

    if kind == "add" or not nodes:
        node_id = KINDS[a % (len(KINDS) if scope else len(KINDS) - 2)]
        make(edits.add_node(space, node_id, name=None, extra={}, x=float(b), y=0.0))
        return
    one, two = nodes[a % len(nodes)], nodes[b % len(nodes)]
    ids = list(dict.fromkeys([one.uuid, two.uuid]))
    inputs, outputs = list(two.inputs), list(one.outputs)
    inp = inputs[c % len(inputs)]
    match kind:
        case "connect":
            make(edits.connect(space, (one.uuid, outputs[c % len(outputs)], two.uuid, inp)))
        case "disconnect" if space.edges:
            make(edits.disconnect(space, space.edges[a % len(space.edges)]))
        case "set":
            make(edits.set_value(space, two.uuid, inp, a))
        case "make":
            make(edits.into_subgraph(space, ids, ""))
        case "dissolve":
            make(edits.take_apart(space, one.uuid))
        case "promote" if scope:
            outer, uuid = naming.split(scope)
            around = scopes.space_at(root, outer)
            edit = edits.promote(around, uuid, two.uuid, inp, "")
            editor.make(edits.inside(outer, edit))
        case "demote":
            make(edits.demote(space, two.uuid, inp))
        case "put_in":
            section: Any = ("enter", "body", "finally")[c % 3]
            make(edits.put_in(space, [one.uuid], Place(two.uuid, section)))
        case "take_out":
            make(edits.put_in(space, ids, None))
        case "remove":
            editor.make(edits.remove(root, scope, space, ids, []))
        case "duplicate":
            make(edits.duplicate(space, ids, dx=1.0, dy=2.0))


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
        self.nodes: dict[str, schema.NodeView] = {}
        self.edges: dict[str, schema.EdgeView] = {}
        self.canvas = Canvas(editor.space, self)  # type: ignore[arg-type]  # all it needs
        self.nodes = {node.id: node for node in self.canvas.node_views()}
        self.edges = {edge.id: edge for edge in self.canvas.edge_views()}

    def mark(self, key: Any, build: Any) -> None:
        """Values come by themselves."""

    def put(self, event: schema.PatchEvent) -> None:
        match event:
            case schema.NodePut():
                self.nodes[event.node.id] = event.node
            case schema.NodeGone():
                del self.nodes[event.id]
            case schema.EdgePut():
                self.edges[event.edge.id] = event.edge
            case schema.EdgeGone():
                del self.edges[event.id]

    def follow(self) -> None:
        """After an edit: sees what somebody sees who comes now."""
        last = [*self.editor._done[-1:], *self.editor._undone[-1:]]
        self.canvas.refresh(
            frozenset().union(*(edit.touches for edit in last)),
            structural=any(edit.structural for edit in last),
        )
        now = {node.id: node for node in self.canvas.node_views()}
        assert self.nodes.keys() == now.keys()
        for name, node in now.items():
            assert looks(self.nodes[name]) == looks(node), name
        assert self.edges.keys() == {edge.id for edge in self.canvas.edge_views()}


def looks(node: schema.NodeView) -> Any:
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
