"""Edits and their inverses: whatever was done can be undone, and undo never acts on a device."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.core import Library, Node, NodeInput, NodeOutput, NodeSpace, Shelf
from funcnodes.errors import FuncnodesError, GraphError, RefusedError
from funcnodes.runs import NODE_SHELF as RUNS, Recorder, XYPlot
from funcnodes.workers import edits
from funcnodes.workers.edits import Editor


class Lamp(Node):
    """An effect that remembers what it was told."""

    node_id = "test.lamp"
    node_name = "Lamp"
    effect = True
    shows_order = True

    level = NodeInput(type=float, default=0.0)
    done = NodeOutput(type=float)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.told: list[float] = []

    def func(self, level: float) -> float:
        self.told.append(level)
        return level


def library() -> Library:
    return Library(NODE_SHELF, RUNS, Shelf([Lamp], name="Test"))


def new_space() -> NodeSpace:
    return NodeSpace(library(), arming="disarmed")


def saved(space: NodeSpace) -> Any:
    """The saved form; the order of nodes, wires and ports means nothing."""
    data = json.loads(json.dumps(space.serialize()))
    data["nodes"] = sorted(data["nodes"], key=lambda node: node["id"])
    data["edges"] = sorted(data["edges"])
    return data


def add(editor: Editor, node_id: str, **at: Any) -> Node:
    edit = edits.add_node(editor.space, node_id, name=None, extra={}, **{"x": 0.0, "y": 0.0, **at})
    editor.make(edit)
    return editor.space.get_node_by_id(edit.nodes[0]["id"])


def wire(editor: Editor, source: Node, output: str, target: Node, inp: str) -> None:
    editor.make(edits.connect(editor.space, (source.uuid, output, target.uuid, inp)))


@pytest.fixture
def editor() -> Editor:
    return Editor(new_space())


async def test_a_node_is_added_with_a_name_and_a_place_of_its_own(editor: Editor) -> None:
    first, second = add(editor, "sweep", x=5.0, y=7.0), add(editor, "sweep")
    assert (first.name, second.name) == ("Sweep", "Sweep 2")
    assert edits.place_of(first) == (5.0, 7.0)
    editor.undo()
    editor.undo()
    assert editor.space.nodes == []
    editor.redo()
    assert editor.space.nodes[0].uuid == first.uuid


async def test_removing_keeps_everything_for_its_return(editor: Editor) -> None:
    sweep, lamp = add(editor, "sweep"), add(editor, "test.lamp")
    wire(editor, sweep, "value", lamp, "level")
    editor.make(edits.set_value(editor.space, sweep.uuid, "stop", 3.5))
    before = saved(editor.space)
    editor.make(edits.remove_nodes(editor.space, [sweep.uuid], []))
    assert editor.space.edges == []
    editor.undo()
    assert saved(editor.space) == before
    editor.redo()
    assert [node.name for node in editor.space.nodes] == ["Lamp"]


async def test_a_forwarded_input_is_taken_away_and_comes_back(editor: Editor) -> None:
    one, two = add(editor, "test.lamp"), add(editor, "test.lamp")
    one.inputs["level"].forward(two.inputs["level"])
    before = saved(editor.space)
    editor.make(edits.remove_nodes(editor.space, [one.uuid], []))
    assert editor.space.edges == []
    editor.undo()
    assert saved(editor.space) == before
    again = editor.space.get_node_by_id(one.uuid)
    assert two.inputs["level"].sources == [again.inputs["level"]]


async def test_a_wire_in_place_of_another_brings_it_back(editor: Editor) -> None:
    one, two, lamp = add(editor, "sweep"), add(editor, "sweep"), add(editor, "test.lamp")
    editor.make(edits.set_value(editor.space, lamp.uuid, "level", 4.0))
    start = saved(editor.space)
    wire(editor, one, "value", lamp, "level")
    between = saved(editor.space)
    wire(editor, two, "value", lamp, "level")
    assert lamp.inputs["level"].source is two.outputs["value"]
    editor.undo()
    assert saved(editor.space) == between
    editor.undo()
    assert saved(editor.space) == start
    assert lamp.inputs["level"].value == 4.0


async def test_a_wire_dropped_on_plus_grows_a_column_and_takes_it_back(editor: Editor) -> None:
    sweep, recorder = add(editor, "sweep"), add(editor, "recorder")
    start = saved(editor.space)
    wire(editor, sweep, "value", recorder, "+")
    wire(editor, sweep, "index", recorder, "+")
    assert len(editor.space.edges) == 2
    grown = saved(editor.space)
    editor.undo()
    editor.undo()
    assert saved(editor.space) == start
    editor.redo()
    editor.redo()
    assert saved(editor.space) == grown


async def test_a_wire_dropped_on_an_occupied_column_names_it_and_undo_brings_it_back(
    editor: Editor,
) -> None:
    """R2: a column is never recorded under the name and unit of what fed it before."""
    sweep, recorder, plot = (add(editor, kind) for kind in ("sweep", "recorder", "plot.xy"))
    assert isinstance(recorder, Recorder)
    assert isinstance(plot, XYPlot)
    editor.make(edits.set_value(editor.space, sweep.uuid, "unit", "V"))
    wire(editor, sweep, "value", recorder, "+")
    wire(editor, recorder, "rows", plot, "rows")
    port = recorder.inputs["value"]
    port.name = "Vg"
    plot.choose("Vg", [])
    before = saved(editor.space)
    wire(editor, sweep, "index", recorder, port.id)
    assert [column.label for column in recorder.columns()] == ["index"]
    assert plot.x == "index"
    editor.undo()
    assert saved(editor.space) == before
    assert [column.label for column in recorder.columns()] == ["Vg (V)"]
    assert plot.x == "Vg"
    editor.redo()
    assert [column.label for column in recorder.columns()] == ["index"]


async def test_a_copy_of_a_recorder_takes_the_names_of_what_is_wired_to_it(
    editor: Editor,
) -> None:
    sweep, recorder = add(editor, "sweep"), add(editor, "recorder")
    wire(editor, sweep, "value", recorder, "+")
    editor.make(edits.duplicate(editor.space, [recorder.uuid], dx=10, dy=10))
    copy = editor.space.nodes[-1]
    assert isinstance(copy, Recorder)
    wire(editor, sweep, "index", copy, "value")
    assert [column.name for column in copy.columns()] == ["index"]


async def test_renaming_a_node_renames_the_columns_that_it_feeds(editor: Editor) -> None:
    sweep, recorder = add(editor, "sweep"), add(editor, "recorder")
    assert isinstance(recorder, Recorder)
    wire(editor, sweep, "value", recorder, "+")
    editor.make(edits.rename(editor.space, sweep.uuid, "gate"))
    assert recorder.columns()[0].name == "gate"
    editor.undo()
    assert recorder.columns()[0].name == "value"


@pytest.mark.parametrize("arming", ["live", "running"])
async def test_undo_of_a_value_that_reaches_a_device_restores_text(
    editor: Editor, arming: Any
) -> None:
    """A2: undo restores text, marked not applied, and never acts."""
    lamp = add(editor, "test.lamp")
    assert isinstance(lamp, Lamp)
    editor.make(edits.set_flags(editor.space, lamp.uuid, "level", live=True))
    editor.space.arming = arming
    for level in (1.0, 2.0):
        edit = edits.set_value(editor.space, lamp.uuid, "level", level)
        edit.at -= 100.0 - level * 10  # not within a second of each other
        editor.make(edit)
        await editor.space.await_done()
    told = list(lamp.told)
    assert told == [1.0, 2.0]
    editor.undo()
    await editor.space.await_done()
    port = lamp.inputs["level"]
    assert (port.value, port.applied) == (1.0, False)
    editor.redo()
    await editor.space.await_done()
    assert (port.value, port.applied) == (2.0, False)
    assert lamp.told == told


async def test_bringing_a_wire_back_never_sets_a_device_off(editor: Editor) -> None:
    number, add_node, lamp = (
        add(editor, "input.number"),
        add(editor, "add_node"),
        add(editor, "test.lamp"),
    )
    assert isinstance(lamp, Lamp)
    out = next(iter(number.outputs))
    wire(editor, number, out, add_node, "a")
    wire(editor, add_node, next(iter(add_node.outputs)), lamp, "level")
    editor.make(edits.set_value(editor.space, add_node.uuid, "b", 1.0))
    editor.space.arming = "live"
    number.inputs[next(iter(number._parameters)).id].set_value(5.0)
    await editor.space.await_done()
    told = list(lamp.told)
    assert told
    edge = (number.uuid, out, add_node.uuid, "a")
    editor.make(edits.disconnect(editor.space, edge))
    editor.undo()
    await editor.space.await_done()
    assert edge in editor.space.edges
    assert lamp.told == told


async def test_values_set_in_a_row_are_undone_as_one(editor: Editor) -> None:
    sweep = add(editor, "sweep")
    for stop in (1.0, 2.0, 3.0):
        editor.make(edits.set_value(editor.space, sweep.uuid, "stop", stop))
    before = sweep.inputs["stop"].default
    editor.undo()
    assert sweep.inputs["stop"].value == before
    editor.redo()
    assert sweep.inputs["stop"].value == 3.0


async def test_the_structure_is_locked_during_a_run_but_moving_is_not(editor: Editor) -> None:
    """A2."""
    sweep, lamp = add(editor, "sweep"), add(editor, "test.lamp")
    wire(editor, sweep, "value", lamp, "level")
    edge = editor.space.edges[0]
    editor.space.arming = "running"
    space = editor.space
    refused: list[Callable[[], Any]] = [
        lambda: editor.make(edits.remove_nodes(space, [lamp.uuid], [])),
        lambda: editor.make(edits.disconnect(space, edge)),
        lambda: editor.make(edits.duplicate(space, [lamp.uuid], dx=1, dy=1)),
        lambda: editor.make(edits.set_policy(space, lamp.uuid, "each")),
        lambda: editor.make(edits.set_flags(space, sweep.uuid, "stop", live=True)),
        lambda: editor.make(edits.set_value(space, sweep.uuid, "stop", 1.0)),
        editor.undo,
    ]
    before = saved(space)
    for attempt in refused:
        with pytest.raises(RefusedError, match="run"):
            attempt()
    assert saved(space) == before
    editor.make(edits.move_nodes(space, [lamp.uuid], [9.0], [9.0]))
    editor.make(edits.rename(space, lamp.uuid, "Light"))
    editor.make(edits.set_flags(space, lamp.uuid, "level", pinned=True))
    assert (lamp.name, edits.place_of(lamp)) == ("Light", (9.0, 9.0))


@pytest.mark.parametrize(
    "make",
    [
        lambda s: edits.remove_nodes(s, ["nobody"], []),
        lambda s: edits.move_nodes(s, ["nobody"], [0.0], [0.0]),
        lambda s: edits.move_nodes(s, [], [0.0], []),
        lambda s: edits.rename(s, "nobody", "x"),
        lambda s: edits.set_value(s, "nobody", "a", 1),
        lambda s: edits.set_value(s, s.nodes[0].uuid, "nothing", 1),
        lambda s: edits.set_value(s, s.nodes[0].uuid, "stop", "soon"),
        lambda s: edits.set_value(s, s.nodes[0].uuid, "points", -5),
        lambda s: edits.connect(s, (s.nodes[0].uuid, "value", s.nodes[0].uuid, "start")),
        lambda s: edits.connect(s, (s.nodes[0].uuid, "_triggeroutput", s.nodes[1].uuid, "time")),
        lambda s: edits.connect(s, (s.nodes[0].uuid, "value", s.nodes[0].uuid, "+")),
        lambda s: edits.set_plot(s, s.nodes[0].uuid, "x", []),
        lambda s: edits.disconnect(s, (s.nodes[0].uuid, "value", s.nodes[1].uuid, "time")),
    ],
)
async def test_an_edit_that_does_not_fit_is_refused_and_changes_nothing(
    editor: Editor, make: Callable[[NodeSpace], Any]
) -> None:
    sweep = add(editor, "sweep")
    add(editor, "settle")
    sweep.inputs["start"].set_value(0.0)
    before, label = saved(editor.space), editor.undo_label
    with pytest.raises(FuncnodesError) as caught:
        editor.make(make(editor.space))
    assert str(caught.value).endswith(".")
    assert saved(editor.space) == before
    assert editor.undo_label == label


async def test_nothing_to_undo_says_so(editor: Editor) -> None:
    with pytest.raises(RefusedError, match="nothing to undo"):
        editor.undo()
    with pytest.raises(RefusedError, match="nothing to redo"):
        editor.redo()


async def test_a_duplicate_keeps_values_and_the_wires_within(editor: Editor) -> None:
    sweep, lamp = add(editor, "sweep"), add(editor, "test.lamp")
    wire(editor, sweep, "value", lamp, "level")
    editor.make(edits.set_value(editor.space, sweep.uuid, "stop", 7.0))
    edit = edits.duplicate(editor.space, [sweep.uuid, lamp.uuid], dx=10, dy=20)
    editor.make(edit)
    copy = editor.space.get_node_by_id(edit.nodes[0]["id"])
    assert copy.inputs["stop"].value == 7.0
    assert edits.place_of(copy) == (10.0, 20.0)
    assert len(editor.space.edges) == 2


KINDS = ["sweep", "settle", "recorder", "plot.xy", "input.number", "add_node", "test.lamp"]

steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["add", "add", "connect", "connect", "grow", "disconnect", "set", "unset", "move",
             "rename", "policy", "flag", "remove", "duplicate", "plot", "undo", "redo"]
        ),
        st.integers(0, 30),
        st.integers(0, 30),
        st.floats(-10, 10, allow_nan=False),
    ),
    max_size=25,
)  # fmt: skip


def make_one(editor: Editor, kind: str, a: int, b: int, number: float) -> None:
    """One random edit; most are possible, the rest must be refused without a trace."""
    space, nodes = editor.space, editor.space.nodes
    if kind in ("undo", "redo"):
        getattr(editor, kind)()
        return
    if kind == "add" or not nodes:
        add(editor, KINDS[a % len(KINDS)], x=number, y=float(b))
        return
    one, two = nodes[a % len(nodes)], nodes[b % len(nodes)]
    inputs, outputs = list(two.inputs), list(one.outputs)
    inp, out = inputs[a % len(inputs)], outputs[b % len(outputs)]
    match kind:
        case "connect":
            wire(editor, one, out, two, inp)
        case "grow":
            wire(editor, one, out, two, "+")
        case "disconnect":
            edges = space.edges
            if edges:
                editor.make(edits.disconnect(space, edges[a % len(edges)]))
        case "set":
            editor.make(edits.set_value(space, two.uuid, inp, number))
        case "unset":
            editor.make(edits.set_value(space, two.uuid, inp, None))
        case "move":
            ids = list({one.uuid, two.uuid})
            editor.make(edits.move_nodes(space, ids, [number] * len(ids), [1.0] * len(ids)))
        case "rename":
            editor.make(edits.rename(space, one.uuid, f"name {a}"))
        case "policy":
            policies = ("each", "settled", "zip")
            editor.make(edits.set_policy(space, one.uuid, policies[b % 3]))
        case "flag":
            flags = [{"pinned": True}, {"hidden": True}, {"live": True}, {"pinned": False}]
            editor.make(edits.set_flags(space, two.uuid, inp, **flags[a % 4]))
        case "remove":
            editor.make(edits.remove_nodes(space, list({one.uuid, two.uuid}), []))
        case "duplicate":
            editor.make(edits.duplicate(space, list({one.uuid, two.uuid}), dx=1.0, dy=2.0))
        case "plot":
            editor.make(edits.set_plot(space, one.uuid, "a", ["b"]))


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(prologue=steps, random_edits=steps)
async def test_random_edits_undone_give_the_graph_back_and_redone_the_result(
    prologue: list[Any], random_edits: list[Any]
) -> None:
    first = Editor(new_space())
    for step in prologue:
        attempt(first, step)
    start = saved(first.space)
    editor = Editor(first.space)
    for step in random_edits:
        attempt(editor, step)
    end = saved(editor.space)
    while editor.undo_label:
        editor.undo()
    assert saved(editor.space) == start
    while editor.redo_label:
        editor.redo()
    reached = saved(editor.space)
    while editor.undo_label:
        editor.undo()
    assert saved(editor.space) == start
    if all(step[0] not in ("undo", "redo") for step in random_edits):
        assert reached == end
    await editor.space.aclose()


def attempt(editor: Editor, step: Any) -> None:
    before = saved(editor.space)
    try:
        make_one(editor, *step)
    except (GraphError, RefusedError):
        assert saved(editor.space) == before, f"a refused {step[0]} left a trace"
