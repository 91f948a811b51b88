"""Making subgraphs of parts of a graph and dissolving them: nothing runs, nothing is lost."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any

import pytest

from funcnodes.core import (
    Frame,
    Node,
    NodeInput,
    NodeOutput,
    Place,
    Unit,
    dissolve,
    make_subgraph,
)
from funcnodes.core.subgraphs.passages import check_crossing
from funcnodes.errors import (
    GraphError,
    PortMismatchError,
    RefusedError,
)


async def test_a_selection_becomes_a_node_that_does_what_it_did(sketch: Any) -> None:
    space = sketch.space
    first, two, three, last = sketch.chain("n1", "n2", "n3", "n4")
    group = make_subgraph(space, [two, three], name="add two")
    assert space.nodes == [first, last, group]
    assert {node.uuid for node in group.inner.nodes} == {"n2", "n3", "a", "out"}
    assert set(space.edges) == {("n1", "out", group.uuid, "a"), (group.uuid, "out", "n4", "a")}
    first.inputs["a"].set_value(0)
    await first
    assert last.outputs["out"].value == 4
    assert group.outputs["out"].value == 3


async def test_making_one_runs_nothing_and_keeps_every_value(sketch: Any) -> None:
    space = sketch.space
    nodes = sketch.chain("n1", "n2", "n3", "n4")
    nodes[0].inputs["a"].set_value(0)
    await space.await_done()
    runs = [node.runs for node in nodes]
    values = [(node.inputs["a"].value, node.outputs["out"].value) for node in nodes]
    group = make_subgraph(space, nodes[1:3])
    assert group.inputs["a"].value == 1
    assert group.outputs["out"].value == 3
    await space.await_done()
    dissolve(space, group)
    await space.await_done()
    assert [node.runs for node in nodes] == runs
    assert [(n.inputs["a"].value, n.outputs["out"].value) for n in nodes] == values


def test_one_output_outside_that_feeds_several_becomes_one_port(sketch: Any) -> None:
    space = sketch.space
    source, one, two = (sketch.put(sketch.add, name) for name in ("s", "one", "two"))
    source.outputs["out"].connect(one.inputs["a"])
    source.outputs["out"].connect(two.inputs["b"])
    group = make_subgraph(space, [one, two])
    assert [port.id for port in group.inputs.values() if not port.id.startswith("_")] == ["a"]


async def test_inputs_that_no_single_port_can_stand_for_get_ports_of_their_own(
    sketch: Any,
) -> None:
    space = sketch.space

    class Anything(Node):
        value = NodeInput(type=Any)
        out = NodeOutput(type=Any)

        def func(self, value: Any) -> Any:
            return value

    class Text(Node):
        text = NodeInput(type=str)

        def func(self, text: str) -> None:
            """Nothing."""

    source, number = sketch.put(Anything, "s"), sketch.put(sketch.add, "number")
    text, after = sketch.put(Text, "text"), sketch.put(sketch.add, "after")
    for inp in (after.inputs["_triggerinput"], number.inputs["a"], text.inputs["text"]):
        source.outputs["out"].connect(inp)
    group = make_subgraph(space, [number, text, after])
    kinds = {port.id: port.type.kind for port in group.inputs.values() if port.sources}
    assert sorted(kinds.values()) == ["number", "text"]
    source.inputs["value"].set_value(2)
    after.inputs["a"].set_value(5)
    await space.await_done()
    assert number.outputs["out"].value == 3


def test_a_place_in_a_frame_that_is_gone_stops_neither_making_nor_dissolving(
    sketch: Any,
) -> None:
    space = sketch.space
    frame, node = sketch.put(Twice, "frame"), sketch.put(sketch.add, "node")
    space.put_in(node, Place("frame"))
    space.remove_node_by_id("frame")
    group = make_subgraph(space, [node])
    assert node.nodespace is group.inner
    space.add_node_instance(frame)
    space.put_in(group, Place("frame"))
    space.remove_node_by_id("frame")
    assert dissolve(space, group) == [node]
    assert node.nodespace is space


async def test_wires_outside_convert_by_what_is_inside_now(sketch: Any) -> None:
    space = sketch.space

    class Millivolts(Node):
        mv = NodeInput(type=Annotated[float, Unit("mV")])
        out = NodeOutput(type=Annotated[float, Unit("mV")])

        def func(self, mv: float) -> float:
            return mv

    source, fine, coarse = (
        sketch.put(sketch.half, "s"),
        sketch.put(Millivolts, "mv"),
        sketch.put(sketch.half, "v"),
    )
    end = sketch.put(sketch.half, "end")
    source.outputs["out"].connect(fine.inputs["mv"])
    fine.outputs["out"].connect(end.inputs["v"])
    group = make_subgraph(space, [fine, coarse])
    [inp] = [port for port in group.inputs.values() if port.sources]
    [out] = [port for port in group.outputs.values() if port.is_connected()]
    gate_in, gate_out = (group.inner.get_node_by_id(port.id) for port in (inp, out))
    gate_in.out.disconnect(fine.inputs["mv"])
    gate_in.out.connect(coarse.inputs["v"])
    coarse.outputs["out"].connect(gate_out.inputs["value"], replace=True)
    source.inputs["v"].set_value(8.0)
    await space.await_done()
    assert coarse.inputs["v"].value == 4.0
    assert end.inputs["v"].value == 2.0


def test_a_wire_inside_is_looked_at_for_those_outside_too(sketch: Any) -> None:
    space = sketch.space
    source, inside, after = (sketch.put(sketch.half, name) for name in ("s", "in", "after"))
    source.outputs["out"].connect(inside.inputs["v"])
    inside.outputs["out"].connect(after.inputs["v"])
    group = make_subgraph(space, [inside])
    gate_in, gate_out = (group.inner.get_node_by_id(port) for port in ("v", "out"))
    with pytest.raises(PortMismatchError):
        check_crossing(inside.outputs["_triggeroutput"], gate_out.inputs["value"])
    check_crossing(inside.outputs["out"], gate_out.inputs["value"])
    gate_in.out.disconnect(inside.inputs["v"])
    check_crossing(gate_in.out, inside.inputs["v"])


async def test_order_wires_cross_the_border_too(sketch: Any) -> None:
    """T7: ▶ into the selection, and out of it, keep their meaning."""
    space = sketch.space
    before, inside, after = (sketch.put(sketch.add, name) for name in ("before", "in", "after"))
    for one, two in ((before, inside), (inside, after)):
        one.outputs["_triggeroutput"].connect(two.inputs["_triggerinput"])
        two.inputs["a"].set_value(1)
    make_subgraph(space, [inside])
    before.inputs["a"].set_value(1)
    await space.await_done()
    assert (before.runs, inside.runs, after.runs) == (1, 1, 1)


@pytest.mark.parametrize("how", ["foreign", "none", "running"])
def test_what_cannot_become_one_is_refused_and_stays(sketch: Any, how: str) -> None:
    space = sketch.space
    nodes = sketch.chain("n1", "n2", "n3")
    before = space.serialize()
    if how == "running":
        space.arming = "running"
        with pytest.raises(RefusedError):
            make_subgraph(space, nodes[:2])
    else:
        with pytest.raises(GraphError):
            make_subgraph(space, [sketch.add()] if how == "foreign" else [])
    assert space.serialize() == before


class Twice(Frame):
    node_id = "test.subgraphs.twice"
    k = NodeOutput(type=int)

    async def course(self) -> AsyncGenerator[dict[str, Any], None]:
        for k in range(2):
            yield {"k": k}


async def test_a_frame_goes_into_a_subgraph_with_what_it_holds(sketch: Any) -> None:
    space = sketch.space
    frame, member, last = (
        sketch.put(Twice, "f"),
        sketch.put(sketch.Join, "m"),
        sketch.put(sketch.Join, "last"),
    )
    frame.hold(member)
    frame.k.connect(member.inputs["a"])
    member.outputs["out"].connect(last.inputs["a"])
    group = make_subgraph(space, [frame])
    assert {node.uuid for node in group.inner.nodes} >= {"f", "m"}
    assert member.frame is frame
    await group
    assert member.seen == last.seen == [(0, None), (1, None)]
    dissolve(space, group)
    assert member.frame is frame


async def test_a_subgraph_of_members_is_a_member_and_runs_once_per_point(
    sketch: Any,
) -> None:
    space = sketch.space
    frame, one, two = (
        sketch.put(Twice, "f"),
        sketch.put(sketch.Join, "one"),
        sketch.put(sketch.Join, "two"),
    )
    frame.hold(one, two)
    frame.k.connect(one.inputs["a"])
    one.outputs["out"].connect(two.inputs["a"])
    outside = sketch.put(sketch.add, "outside")
    outside.outputs["out"].connect(two.inputs["b"])
    group = make_subgraph(space, [one, two])
    assert group.place == Place("f", "body")
    assert one.place is two.place is None
    outside.inputs["a"].set_value(6)
    await outside
    assert two.seen == []
    await frame
    assert two.seen == [(0, 7), (1, 7)]
    dissolve(space, group)
    assert one.frame is two.frame is frame


def test_nodes_held_in_different_places_cannot_become_one(sketch: Any) -> None:
    space = sketch.space
    frame, one, two = (
        sketch.put(Twice, "f"),
        sketch.put(sketch.add, "one"),
        sketch.put(sketch.add, "two"),
    )
    frame.hold(one)
    with pytest.raises(GraphError, match="same frame"):
        make_subgraph(space, [one, two])
    assert len(space.nodes) == 3


def test_a_forwarded_input_cannot_be_cut_by_a_border(sketch: Any) -> None:
    space = sketch.space
    one, two = sketch.put(sketch.add, "one"), sketch.put(sketch.add, "two")
    one.inputs["a"].forward(two.inputs["a"])
    before = space.serialize()
    for node in (one, two):
        with pytest.raises(GraphError, match="forwarded"):
            make_subgraph(space, [node])
    assert space.serialize() == before
    group = make_subgraph(space, [one, two])
    dissolve(space, group)
    assert set(space.edges) == {("one", "a", "two", "a")}


def test_dissolving_gives_a_new_id_to_what_has_a_taken_one(sketch: Any) -> None:
    space = sketch.space
    frame, member = sketch.put(Twice, "f"), sketch.put(sketch.add, "m")
    frame.hold(member)
    group = make_subgraph(space, [frame])
    sketch.put(sketch.add, "f")
    sketch.put(sketch.add, "m")
    assert dissolve(space, group) == [frame, member]
    assert member.frame is frame
    assert len({node.uuid for node in space.nodes}) == 4
    assert space.get_node_by_id(frame.uuid) is frame


def test_a_subgraph_whose_own_trigger_is_wired_is_not_dissolved(sketch: Any) -> None:
    space = sketch.space
    one, two = sketch.put(sketch.add, "one"), sketch.put(sketch.add, "two")
    group = make_subgraph(space, [two])
    one.outputs["_triggeroutput"].connect(group.inputs["_triggerinput"])
    with pytest.raises(GraphError, match="▶"):
        dissolve(space, group)
    assert group.inner.nodes == [two]


async def test_who_watches_the_nodespace_hears_of_the_subgraph(sketch: Any) -> None:
    space = sketch.space
    node = sketch.put(sketch.Join, "n")
    group = make_subgraph(space, [node])
    group.promote(node.inputs["a"])
    group.promote(node.outputs["out"])
    changes = space.watch(lambda: None)
    group.inputs["a"].set_value(1)
    await space.await_done()
    assert group in changes.take()
    node.inputs["b"].value = 5  # inside only: it is part of the subgraph's state
    await space.await_done()
    assert group in changes.take()


def test_what_is_inside_hears_when_the_nodespace_is_armed(sketch: Any) -> None:
    space = sketch.space
    heard: list[str] = []

    class Listens(Node):
        def on_added(self) -> None:
            assert self.nodespace is not None
            self.nodespace.on("arming", self._heard)

        def on_removed(self) -> None:
            assert self.nodespace is not None
            self.nodespace.off("arming", self._heard)

        def _heard(self, *, arming: str, **_: Any) -> None:
            heard.append(arming)

    group = make_subgraph(space, [sketch.put(Listens, "n")])
    space.arming = "disarmed"
    space.arming = "live"
    assert heard == ["disarmed", "live"]
    dissolve(space, group)
    space.arming = "disarmed"
    assert heard == ["disarmed", "live", "disarmed"]
