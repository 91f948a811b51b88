"""What subgraphs do: the same as their nodes did outside, in the same waves, as one node."""

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given, settings, strategies as st

from funcnodes.core import (
    Frame,
    Library,
    Node,
    NodeDecorator,
    NodeInput,
    NodeOutput,
    NodeSpace,
    NoValue,
    Place,
    PlaceholderNode,
    Port,
    Shelf,
    SubgraphNode,
    Unit,
    Wave,
    dissolve,
    make_subgraph,
)
from funcnodes.core.graph.subgraph_files import SUFFIX, version_of
from funcnodes.core.subgraphs.passages import check_crossing
from funcnodes.errors import (
    AwaitCycleError,
    GraphError,
    NodeCancelled,
    NodeTriggerError,
    PortMismatchError,
    RefusedError,
    SavedGraphError,
)


@NodeDecorator("test.subgraphs.add")
def add(a: int, b: int = 1) -> int:
    return a + b


@NodeDecorator("test.subgraphs.half")
def half(v: Annotated[float, Unit("V")]) -> Annotated[float, Unit("V")]:
    """Half of it.

    Refuses what is negative.
    """
    if v < 0:
        raise ValueError("negative")
    return v / 2


class Join(Node):
    """Keeps what it was given, and in which wave."""

    node_id = "test.subgraphs.join"
    default_policy = "settled"
    a = NodeInput(type=int)
    b = NodeInput(type=int, required=False)
    out = NodeOutput(type=int)

    def __init__(self, uuid: str | None = None, name: str | None = None) -> None:
        super().__init__(uuid, name)
        self.seen: list[tuple[int, int | None]] = []
        self.waves: list[Wave | None] = []

    async def func(self, a: int, b: int | None = None) -> int:
        self.seen.append((a, b))
        self.waves.append(self.wave)
        await asyncio.sleep(0)
        return a + (b or 0)


LIBRARY = Library(Shelf([add, half, Join]))


@pytest.fixture
def space() -> NodeSpace:
    return NodeSpace(LIBRARY)


def put(space: NodeSpace, kind: type[Node], uuid: str) -> Any:
    return space.add_node_instance(kind(uuid=uuid, name=uuid))


def chain(space: NodeSpace, *names: str) -> list[Any]:
    """Adders in a row, each adding 1 to the one before."""
    nodes = [put(space, add, name) for name in names]
    for one, two in itertools.pairwise(nodes):
        one.outputs["out"].connect(two.inputs["a"])
    return nodes


def edges(space: NodeSpace) -> set[tuple[str, ...]]:
    return set(space.edges)


# ── making ────────────────────────────────────────────────────────────────────────────────


async def test_a_selection_becomes_a_node_that_does_what_it_did(space: NodeSpace) -> None:
    first, two, three, last = chain(space, "n1", "n2", "n3", "n4")
    group = make_subgraph(space, [two, three], name="add two")
    assert space.nodes == [first, last, group]
    assert {node.uuid for node in group.inner.nodes} == {"n2", "n3", "a", "out"}
    assert edges(space) == {("n1", "out", group.uuid, "a"), (group.uuid, "out", "n4", "a")}
    first.inputs["a"].set_value(0)
    await first
    assert last.outputs["out"].value == 4
    assert group.outputs["out"].value == 3


async def test_making_one_runs_nothing_and_keeps_every_value(space: NodeSpace) -> None:
    nodes = chain(space, "n1", "n2", "n3", "n4")
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


def test_one_output_outside_that_feeds_several_becomes_one_port(space: NodeSpace) -> None:
    source, one, two = (put(space, add, name) for name in ("s", "one", "two"))
    source.outputs["out"].connect(one.inputs["a"])
    source.outputs["out"].connect(two.inputs["b"])
    group = make_subgraph(space, [one, two])
    assert [port.id for port in group.inputs.values() if not port.id.startswith("_")] == ["a"]


async def test_inputs_that_no_single_port_can_stand_for_get_ports_of_their_own(
    space: NodeSpace,
) -> None:
    class Anything(Node):
        value = NodeInput(type=Any)
        out = NodeOutput(type=Any)

        def func(self, value: Any) -> Any:
            return value

    class Text(Node):
        text = NodeInput(type=str)

        def func(self, text: str) -> None:
            """Nothing."""

    source, number = put(space, Anything, "s"), put(space, add, "number")
    text, after = put(space, Text, "text"), put(space, add, "after")
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
    space: NodeSpace,
) -> None:
    frame, node = put(space, Twice, "frame"), put(space, add, "node")
    space.put_in(node, Place("frame"))
    space.remove_node_by_id("frame")
    group = make_subgraph(space, [node])
    assert node.nodespace is group.inner
    space.add_node_instance(frame)
    space.put_in(group, Place("frame"))
    space.remove_node_by_id("frame")
    assert dissolve(space, group) == [node]
    assert node.nodespace is space


async def test_wires_outside_convert_by_what_is_inside_now(space: NodeSpace) -> None:
    class Millivolts(Node):
        mv = NodeInput(type=Annotated[float, Unit("mV")])
        out = NodeOutput(type=Annotated[float, Unit("mV")])

        def func(self, mv: float) -> float:
            return mv

    source, fine, coarse = (
        put(space, half, "s"),
        put(space, Millivolts, "mv"),
        put(space, half, "v"),
    )
    end = put(space, half, "end")
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


def test_a_wire_inside_is_looked_at_for_those_outside_too(space: NodeSpace) -> None:
    source, inside, after = (put(space, half, name) for name in ("s", "in", "after"))
    source.outputs["out"].connect(inside.inputs["v"])
    inside.outputs["out"].connect(after.inputs["v"])
    group = make_subgraph(space, [inside])
    gate_in, gate_out = (group.inner.get_node_by_id(port) for port in ("v", "out"))
    with pytest.raises(PortMismatchError):
        check_crossing(inside.outputs["_triggeroutput"], gate_out.inputs["value"])
    check_crossing(inside.outputs["out"], gate_out.inputs["value"])
    gate_in.out.disconnect(inside.inputs["v"])
    check_crossing(gate_in.out, inside.inputs["v"])


async def test_order_wires_cross_the_border_too(space: NodeSpace) -> None:
    """T7: ▶ into the selection, and out of it, keep their meaning."""
    before, inside, after = (put(space, add, name) for name in ("before", "in", "after"))
    for one, two in ((before, inside), (inside, after)):
        one.outputs["_triggeroutput"].connect(two.inputs["_triggerinput"])
        two.inputs["a"].set_value(1)
    make_subgraph(space, [inside])
    before.inputs["a"].set_value(1)
    await space.await_done()
    assert (before.runs, inside.runs, after.runs) == (1, 1, 1)


@pytest.mark.parametrize("how", ["foreign", "none", "running"])
def test_what_cannot_become_one_is_refused_and_stays(space: NodeSpace, how: str) -> None:
    nodes = chain(space, "n1", "n2", "n3")
    before = space.serialize()
    if how == "running":
        space.arming = "running"
        with pytest.raises(RefusedError):
            make_subgraph(space, nodes[:2])
    else:
        with pytest.raises(GraphError):
            make_subgraph(space, [add()] if how == "foreign" else [])
    assert space.serialize() == before


# ── waves ─────────────────────────────────────────────────────────────────────────────────


async def test_waves_cross_the_border_both_ways_and_outside_joins_see_no_mix(
    space: NodeSpace,
) -> None:
    """T3, T6: one branch passes through the subgraph, the other beside it."""
    source, beside = put(space, add, "s"), put(space, add, "b")
    inside, join = put(space, Join, "i"), put(space, Join, "j")
    source.outputs["out"].connect(inside.inputs["a"])
    source.outputs["out"].connect(beside.inputs["a"])
    inside.outputs["out"].connect(join.inputs["a"])
    beside.outputs["out"].connect(join.inputs["b"])
    make_subgraph(space, [inside])
    for k in range(3):
        wave = space.root_wave()
        source.inputs["a"].set_value(k, wave=wave)
        assert (await wave.wait()).state == "ok"
        assert join.waves[-1] is inside.waves[-1] is wave
    assert join.seen == [(1, 2), (2, 3), (3, 4)]


async def test_settled_nodes_inside_wait_for_ancestors_outside(space: NodeSpace) -> None:
    """T6: two branches outside of different length meet in a join that is inside."""
    source, slow, join = put(space, add, "s"), put(space, Join, "slow"), put(space, Join, "j")
    source.outputs["out"].connect(slow.inputs["a"])
    source.outputs["out"].connect(join.inputs["b"])
    slow.outputs["out"].connect(join.inputs["a"])
    make_subgraph(space, [join])
    for k in range(3):
        source.inputs["a"].set_value(k)
        await space.await_done()
    assert join.seen == [(1, 1), (2, 2), (3, 3)]


async def test_ports_are_apart_so_that_a_way_back_in_is_no_cycle(space: NodeSpace) -> None:
    """a → out of the subgraph → back into it → b: `settled` b waits for what is outside."""
    a, between, b = put(space, add, "a"), put(space, Join, "between"), put(space, Join, "b")
    a.outputs["out"].connect(between.inputs["a"])
    a.outputs["out"].connect(b.inputs["b"])
    between.outputs["out"].connect(b.inputs["a"])
    make_subgraph(space, [a, b])
    a.inputs["a"].set_value(1)
    await space.await_done()
    assert b.seen == [(2, 2)]


async def test_awaiting_a_subgraph_waits_for_what_is_inside_and_behind_it(
    space: NodeSpace,
) -> None:
    """T9: none in flight, so it is triggered once; then all has come to rest."""
    join, last = put(space, Join, "j"), put(space, Join, "last")
    join.outputs["out"].connect(last.inputs["a"])
    group = make_subgraph(space, [join])
    port = group.promote(join.inputs["a"])
    assert isinstance(port, NodeInput)
    port.set_value(1, does_trigger=False)
    assert not join.in_flight
    await group
    assert join.seen == [(1, None)]
    assert last.seen == [(1, None)]
    port.set_value(2)
    await group
    assert (join.runs, last.runs) == (2, 2)


async def test_an_error_inside_is_raised_by_who_awaits_the_subgraph(space: NodeSpace) -> None:
    node = put(space, half, "half")
    group = make_subgraph(space, [node], name="group")
    group.promote(node.inputs["v"])
    group.inputs["v"].set_value(-1.0)
    with pytest.raises(NodeTriggerError, match="group: half: ValueError: negative") as caught:
        await group
    assert isinstance(caught.value.__cause__, ValueError)
    assert group.state == "error"
    assert isinstance(group.error, ValueError)
    group.inputs["v"].set_value(1.0)
    await group
    assert group.state == "done"


async def test_an_inner_node_cannot_await_its_subgraph(space: NodeSpace) -> None:
    class Waits(Node):
        async def func(self) -> None:
            await group

    waits = put(space, Waits, "waits")
    group = make_subgraph(space, [waits])
    with pytest.raises(NodeTriggerError):
        await group
    assert isinstance(waits.error, AwaitCycleError)


async def test_cancelling_a_subgraph_gives_up_what_is_inside(space: NodeSpace) -> None:
    """T10."""

    class Hangs(Node):
        async def func(self) -> None:
            await asyncio.Event().wait()

    hangs = put(space, Hangs, "hangs")
    group = make_subgraph(space, [hangs])
    wave = space.root_wave()
    group.request_trigger(wave=wave)
    await asyncio.sleep(0)
    assert group.is_working
    group.cancel("enough")
    assert (await wave.wait()).state == "cancelled"
    with pytest.raises(NodeCancelled):
        hangs._raise_own_error()
    assert not group.in_flight


async def test_done_of_a_subgraph_comes_when_all_inside_is_at_rest(space: NodeSpace) -> None:
    one, two, after = put(space, Join, "one"), put(space, Join, "two"), put(space, add, "after")
    one.outputs["out"].connect(two.inputs["a"])
    group = make_subgraph(space, [one, two])
    group.promote(one.inputs["a"])
    after.inputs["a"].set_value(0, does_trigger=False)
    group.outputs["_triggeroutput"].connect(after.inputs["_triggerinput"])
    ended: list[int] = []
    after.on("triggerstart", lambda **_: ended.append(two.runs))
    group.inputs["a"].set_value(1)
    await space.await_done()
    assert ended == [1]


async def test_a_wired_trigger_makes_the_other_inputs_parameters(space: NodeSpace) -> None:
    """T7, of the subgraph itself."""
    start, node = put(space, add, "start"), put(space, add, "n")
    group = make_subgraph(space, [node])
    port = group.promote(node.inputs["a"])
    start.outputs["_triggeroutput"].connect(group.inputs["_triggerinput"])
    assert isinstance(port, NodeInput)
    port.set_value(5)
    await space.await_done()
    assert (node.runs, node.inputs["a"].value) == (0, 5)
    start.inputs["a"].set_value(1)
    await space.await_done()
    assert (node.runs, node.outputs["out"].value) == (1, 6)


async def test_a_muted_subgraph_takes_values_and_runs_nothing(space: NodeSpace) -> None:
    (node,) = chain(space, "n")
    group = make_subgraph(space, [node])
    group.promote(node.inputs["a"])
    group.muted = True
    group.inputs["a"].set_value(1)
    await space.await_done()
    assert (node.runs, node.inputs["a"].value) == (0, 1)
    group.muted = False
    await group
    assert node.outputs["out"].value == 2


async def test_effects_inside_do_not_act_while_the_nodespace_is_disarmed(space: NodeSpace) -> None:
    """A1."""

    class Effect(Join):
        effect = True

    node = put(space, Effect, "e")
    group = make_subgraph(space, [node])
    group.promote(node.inputs["a"])
    space.arming = "disarmed"
    group.inputs["a"].set_value(1)
    await space.await_done()
    assert node.seen == []
    space.arming = "live"
    group.inputs["a"].set_value(2)
    await space.await_done()
    assert node.seen == [(2, None)]


def test_a_run_locks_what_is_inside(space: NodeSpace) -> None:
    """A2."""
    (node,) = chain(space, "n")
    group = make_subgraph(space, [node])
    space.arming = "running"
    with pytest.raises(RefusedError):
        group.promote(node.inputs["a"])
    with pytest.raises(RefusedError):
        node.inputs["b"].set_value(3)


# ── ports ─────────────────────────────────────────────────────────────────────────────────


async def test_a_promoted_input_has_type_unit_default_and_limits_of_the_inner_one(
    space: NodeSpace,
) -> None:
    node = put(space, half, "half")
    node.inputs["v"].value_options = {"min": -5.0, "max": 5.0}
    group = make_subgraph(space, [node])
    port = group.promote(node.inputs["v"], name="bias")
    assert (port.name, port.unit, port.limits.high) == ("bias", "V", 5.0)
    assert isinstance(port, NodeInput)
    assert port.required
    assert not group.ready()
    with pytest.raises(GraphError, match="outside"):
        port.set_value(6.0)

    class Seconds(Node):
        t = NodeOutput(type=float, unit="s")

    seconds = put(space, Seconds, "seconds")
    with pytest.raises(PortMismatchError):
        seconds.outputs["t"].connect(port)


async def test_a_value_is_converted_at_the_border(space: NodeSpace) -> None:
    class Millivolts(Node):
        out = NodeOutput(type=float, unit="mV")

    source, node = put(space, Millivolts, "mv"), put(space, half, "half")
    source.outputs["out"].connect(node.inputs["v"])
    make_subgraph(space, [node])
    source.outputs["out"].set(4000.0)
    await space.await_done()
    assert node.outputs["out"].value == 2.0


async def test_a_demoted_port_leaves_its_value_inside(space: NodeSpace) -> None:
    one, two = chain(space, "one", "two")
    group = make_subgraph(space, [one])
    port = group.promote(one.inputs["b"])
    assert isinstance(port, NodeInput)
    port.set_value(10)
    await space.await_done()
    group.demote(port)
    assert "b" not in group.inputs
    assert one.inputs["b"].value == 10
    group.demote(group.outputs["out"])
    assert not two.inputs["a"].sources
    assert group.inner.nodes == [one]
    with pytest.raises(GraphError):
        group.demote(group.inputs["_triggerinput"])


def test_ports_of_one_name_get_names_of_their_own(space: NodeSpace) -> None:
    one, two = put(space, add, "one"), put(space, add, "two")
    group = make_subgraph(space, [one, two])
    found = [group.promote(node.inputs["a"]).id for node in (one, two)]
    assert found == ["a", "a_2"]


def test_only_what_is_directly_inside_and_free_can_be_promoted(space: NodeSpace) -> None:
    one, two = chain(space, "one", "two")
    group = make_subgraph(space, [one, two])
    with pytest.raises(GraphError, match="already has a wire"):
        group.promote(two.inputs["a"])
    with pytest.raises(GraphError, match="not directly inside"):
        group.promote(put(space, add, "outside").inputs["a"])


async def test_editing_in_place_changes_ports_and_runs_at_once(space: NodeSpace) -> None:
    (node,) = chain(space, "n")
    group = make_subgraph(space, [node])
    group.inner.add_node_by_id("subgraph.input", "k", "gain")
    group.inner.connect("k", "out", "n", "a")
    assert group.inputs["k"].name == "gain"
    more = group.inner.add_node_by_id("test.subgraphs.add", "m")
    group.inner.connect("n", "out", "m", "a")
    group.inputs["k"].set_value(1)
    await group
    assert more.outputs["out"].value == 3
    group.inner.remove_node_by_id("k")
    assert "k" not in group.inputs


# ── among frames, groups and listeners ────────────────────────────────────────────────────


class Twice(Frame):
    node_id = "test.subgraphs.twice"
    k = NodeOutput(type=int)

    async def course(self) -> AsyncGenerator[dict[str, Any], None]:
        for k in range(2):
            yield {"k": k}


async def test_a_frame_goes_into_a_subgraph_with_what_it_holds(space: NodeSpace) -> None:
    frame, member, last = put(space, Twice, "f"), put(space, Join, "m"), put(space, Join, "last")
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
    space: NodeSpace,
) -> None:
    frame, one, two = put(space, Twice, "f"), put(space, Join, "one"), put(space, Join, "two")
    frame.hold(one, two)
    frame.k.connect(one.inputs["a"])
    one.outputs["out"].connect(two.inputs["a"])
    outside = put(space, add, "outside")
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


def test_nodes_held_in_different_places_cannot_become_one(space: NodeSpace) -> None:
    frame, one, two = put(space, Twice, "f"), put(space, add, "one"), put(space, add, "two")
    frame.hold(one)
    with pytest.raises(GraphError, match="same frame"):
        make_subgraph(space, [one, two])
    assert len(space.nodes) == 3


def test_a_forwarded_input_cannot_be_cut_by_a_border(space: NodeSpace) -> None:
    one, two = put(space, add, "one"), put(space, add, "two")
    one.inputs["a"].forward(two.inputs["a"])
    before = space.serialize()
    for node in (one, two):
        with pytest.raises(GraphError, match="forwarded"):
            make_subgraph(space, [node])
    assert space.serialize() == before
    group = make_subgraph(space, [one, two])
    dissolve(space, group)
    assert edges(space) == {("one", "a", "two", "a")}


def test_dissolving_gives_a_new_id_to_what_has_a_taken_one(space: NodeSpace) -> None:
    frame, member = put(space, Twice, "f"), put(space, add, "m")
    frame.hold(member)
    group = make_subgraph(space, [frame])
    put(space, add, "f")
    put(space, add, "m")
    assert dissolve(space, group) == [frame, member]
    assert member.frame is frame
    assert len({node.uuid for node in space.nodes}) == 4
    assert space.get_node_by_id(frame.uuid) is frame


def test_a_subgraph_whose_own_trigger_is_wired_is_not_dissolved(space: NodeSpace) -> None:
    one, two = put(space, add, "one"), put(space, add, "two")
    group = make_subgraph(space, [two])
    one.outputs["_triggeroutput"].connect(group.inputs["_triggerinput"])
    with pytest.raises(GraphError, match="▶"):
        dissolve(space, group)
    assert group.inner.nodes == [two]


async def test_who_watches_the_nodespace_hears_of_the_subgraph(space: NodeSpace) -> None:
    node = put(space, Join, "n")
    group = make_subgraph(space, [node])
    group.promote(node.inputs["a"])
    group.promote(node.outputs["out"])
    changes = space.watch(lambda: None)
    group.inputs["a"].set_value(1)
    await space.await_done()
    ports, nodes = changes.take()
    assert {group.inputs["a"], group.outputs["out"]} <= ports
    assert group in nodes


def test_what_is_inside_hears_when_the_nodespace_is_armed(space: NodeSpace) -> None:
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

    group = make_subgraph(space, [put(space, Listens, "n")])
    space.arming = "disarmed"
    space.arming = "live"
    assert heard == ["disarmed", "live"]
    dissolve(space, group)
    space.arming = "disarmed"
    assert heard == ["disarmed", "live", "disarmed"]


# ── saving ────────────────────────────────────────────────────────────────────────────────


async def test_a_graph_keeps_its_subgraphs_whole_values_and_all(space: NodeSpace) -> None:
    first, two, three, _ = chain(space, "n1", "n2", "n3", "n4")
    group = make_subgraph(space, [two, three], name="add two")
    group.promote(three.inputs["b"], name="more")
    group.inputs["b"].set_value(7)
    two.inputs["b"].set_value(5)
    first.inputs["a"].set_value(0)
    data = json.loads(json.dumps(space.serialize()))
    again = NodeSpace(LIBRARY)
    again.deserialize(data)
    assert again.serialize() == data
    found = again.get_node_by_id(group.uuid)
    assert isinstance(found, SubgraphNode)
    assert found.inputs["b"].name == "more"
    assert found.inner.get_node_by_id("n3").inputs["b"].value == 7
    assert all(node.runs == 0 for node in again.walk())
    again.arming = "live"
    await again.get_node_by_id("n1")
    assert again.get_node_by_id("n4").outputs["out"].value == 1 + 5 + 7 + 1


def test_a_missing_class_inside_becomes_a_placeholder_and_loses_nothing(space: NodeSpace) -> None:
    nodes = chain(space, "n1", "n2", "n3", "n4")
    group = make_subgraph(space, nodes[1:3])
    text = json.dumps(space.serialize())
    data = json.loads(text.replace("test.subgraphs.add", "missing.add"))
    poor = NodeSpace(LIBRARY)
    poor.deserialize(data)
    found = poor.get_node_by_id(group.uuid)
    assert isinstance(found, SubgraphNode)
    assert isinstance(found.inner.get_node_by_id("n2"), PlaceholderNode)
    rich = NodeSpace(LIBRARY)
    text = json.dumps(poor.serialize()).replace("missing.add", "test.subgraphs.add")
    rich.deserialize(json.loads(text))
    assert edges(rich) == edges(space)
    restored = rich.get_node_by_id(group.uuid)
    assert isinstance(restored, SubgraphNode)
    assert edges(restored.inner) == edges(group.inner)


@pytest.mark.parametrize("damage", [3, {"graph": 3}, {"graph": {"nodes": [{}]}}])
def test_a_damaged_subgraph_in_a_file_leaves_the_graph_as_it_was(
    space: NodeSpace, damage: Any
) -> None:
    make_subgraph(space, chain(space, "n1"))
    data = space.serialize()
    before = json.dumps(data)
    bad = json.loads(before)
    bad["nodes"][0]["subgraph"] = damage
    with pytest.raises(SavedGraphError):
        space.deserialize(bad)
    assert json.dumps(space.serialize()) == before


async def test_removed_and_put_back_it_works_again(space: NodeSpace) -> None:
    (node,) = chain(space, "n")
    group = make_subgraph(space, [node])
    group.promote(node.inputs["a"])
    space.remove_node_instance(group)
    space.add_node_instance(group)
    group.inputs["a"].set_value(1)
    await group
    assert node.outputs["out"].value == 2


# ── files, versions, the library ──────────────────────────────────────────────────────────


def saved_group(space: NodeSpace, folder: Path) -> SubgraphNode:
    one, two = chain(space, "one", "two")
    group = make_subgraph(space, [one, two], name="Add two")
    group.promote(one.inputs["a"])
    group.promote(two.outputs["out"])
    group.save(folder / f"add_two{SUFFIX}")
    return group


async def test_a_file_is_offered_in_the_library_and_makes_nodes(
    space: NodeSpace, tmp_path: Path
) -> None:
    saved_group(space, tmp_path)
    lib = Library(Shelf([add]))
    lib.load_subgraphs(tmp_path)
    (path, nodeclass) = next(found for found in lib.walk() if issubclass(found[1], SubgraphNode))
    assert (path, nodeclass.node_name) == (("Subgraphs",), "Add two")
    other = NodeSpace(lib)
    node = other.add_node_by_id(nodeclass.node_id)
    node.inputs["a"].set_value(1)
    await node
    assert node.outputs["out"].value == 3
    again = NodeSpace(LIBRARY)  # a graph needs no file to open
    again.deserialize(other.serialize())
    assert again.serialize() == other.serialize()


def test_a_broken_file_is_reported_and_the_others_are_offered(
    space: NodeSpace, tmp_path: Path
) -> None:
    saved_group(space, tmp_path)
    (tmp_path / f"bad{SUFFIX}").write_text("{")
    (tmp_path / f"other{SUFFIX}").write_text('{"nodes": []}')
    lib = Library()
    lib.load_subgraphs(tmp_path)
    assert set(lib.broken) == {f"bad{SUFFIX}", f"other{SUFFIX}"}
    assert len(list(lib.walk())) == 1
    (tmp_path / f"bad{SUFFIX}").unlink()
    lib.load_subgraphs(tmp_path)
    assert set(lib.broken) == {f"other{SUFFIX}"}
    assert len(list(lib.walk())) == 1


def test_the_version_is_that_of_the_structure(space: NodeSpace, tmp_path: Path) -> None:
    group = saved_group(space, tmp_path)
    before = group.version
    assert len(before) == 64
    node = group.inner.get_node_by_id("one")
    node.inputs["b"].set_value(9)
    node.properties["pos"] = [1, 2]
    assert group.version == before
    assert not group.is_edited
    gate = group.promote(node.inputs["b"])
    assert group.version != before
    assert group.is_edited
    group.demote(gate)
    assert group.version == before
    nested = make_subgraph(group.inner, [node])
    with_nested = group.version
    assert with_nested != before
    nested.promote(node.inputs["b"])
    assert group.version != with_nested


async def test_an_instance_knows_that_it_is_behind_and_takes_over_what_is_new(
    space: NodeSpace, tmp_path: Path
) -> None:
    template = saved_group(space, tmp_path)
    lib = Library(Shelf([add]))
    lib.load_subgraphs(tmp_path)
    other = NodeSpace(lib)
    before, node, after = (
        other.add_node_by_id(kind, uuid)
        for kind, uuid in ((add.node_id, "x"), ("subgraph:add_two", "g"), (add.node_id, "y"))
    )
    assert isinstance(node, SubgraphNode)
    other.connect("x", "out", "g", "a")
    other.connect("g", "out", "y", "a")
    before.inputs["a"].set_value(0)
    await other.await_done()
    node.inner.get_node_by_id("one").inputs["b"].set_value(5)
    await other.await_done()
    runs = after.runs
    assert not node.is_behind(lib)
    template.promote(template.inner.get_node_by_id("two").inputs["b"])
    template.save(tmp_path / f"add_two{SUFFIX}")
    lib.load_subgraphs(tmp_path)
    assert node.is_behind(lib)
    node.update(lib)
    await other.await_done()
    assert not node.is_behind(lib)
    assert not node.is_edited
    assert edges(other) == {("x", "out", "g", "a"), ("g", "out", "y", "a")}
    assert after.runs == runs
    assert node.inputs["a"].value == 1
    node.inputs["b"].set_value(10)
    before.inputs["a"].set_value(0)
    await other.await_done()
    assert after.outputs["out"].value == 1 + 5 + 10 + 1


def test_a_subgraph_can_be_made_from_a_file_without_a_library_shelf(
    space: NodeSpace, tmp_path: Path
) -> None:
    group = saved_group(space, tmp_path)
    node = SubgraphNode.load(tmp_path / f"add_two{SUFFIX}", LIBRARY)
    assert (node.name, node.version, node.file) == ("Add two", group.version, "add_two")
    for bad in (tmp_path / "nothing.json", tmp_path / f"nothing{SUFFIX}"):
        with pytest.raises(SavedGraphError):
            SubgraphNode.load(bad)
        with pytest.raises(SavedGraphError):
            group.save(tmp_path / "no" / bad.name)


# ── any graph ─────────────────────────────────────────────────────────────────────────────


@st.composite
def cuts(draw: st.DrawFn) -> tuple[list[tuple[int, int]], list[set[int]]]:
    """Wires (from which earlier node, per input) of a graph, and nested choices of its nodes."""
    size = draw(st.integers(2, 8))
    wires = [(draw(st.integers(-1, k - 1)), draw(st.integers(-1, k - 1))) for k in range(1, size)]
    chosen = draw(st.sets(st.integers(0, size - 1), min_size=1))
    return wires, [chosen, draw(st.sets(st.sampled_from(sorted(chosen)), min_size=1))]


def built(wires: list[tuple[int, int]]) -> tuple[NodeSpace, list[Join]]:
    space = NodeSpace(LIBRARY)
    nodes: list[Join] = [put(space, Join, "j0")]
    for k, sources in enumerate(wires, 1):
        node = put(space, Join, f"j{k}")
        for port, source in zip("ab", sources, strict=True):
            if source >= 0:
                nodes[source].outputs["out"].connect(node.inputs[port])
        nodes.append(node)
    return space, nodes


async def stimulate(space: NodeSpace, source: Join) -> None:
    for k in range(3):
        wave = space.root_wave()
        port: Port = source.inputs["a"]
        while isinstance(port, NodeInput) and port.sources:
            gate = port.sources[0].node
            port = gate.port  # type: ignore[attr-defined]  # only gates are before the source
        port.set_value(k, wave=wave)  # type: ignore[attr-defined]
        assert (await asyncio.wait_for(wave.wait(), 10)).state == "ok"


@settings(max_examples=100, deadline=None)
@given(cuts())
def test_any_choice_of_any_graph_does_as_a_subgraph_what_it_did_before(
    cut: tuple[list[tuple[int, int]], list[set[int]]],
) -> None:
    """T3, T6 across borders, nested ones too: every node sees the same values in the same order;
    save → load → save is identical; dissolving gives back the graph."""
    wires, choices = cut

    async def play() -> None:
        plain, expected = built(wires)
        await stimulate(plain, expected[0])
        space, nodes = built(wires)
        before = edges(space)
        outer, inner = choices
        group = make_subgraph(space, [nodes[k] for k in sorted(outer)])
        make_subgraph(group.inner, [nodes[k] for k in sorted(inner)])
        if 0 in outer:
            if 0 in inner:
                nested = nodes[0].nodespace.owner  # type: ignore[union-attr]
                group.promote(nested.promote(nodes[0].inputs["a"]))
            else:
                group.promote(nodes[0].inputs["a"])
        await stimulate(space, nodes[0])
        assert [node.seen for node in nodes] == [node.seen for node in expected]
        data = json.loads(json.dumps(space.serialize()))
        again = NodeSpace(LIBRARY)
        again.deserialize(data)
        assert again.serialize() == data
        assert version_of(again.serialize()) == version_of(data)
        nested_node = next(n for n in group.inner.nodes if isinstance(n, SubgraphNode))
        dissolve(group.inner, nested_node)
        dissolve(space, group)
        assert edges(space) == before
        assert {n.uuid for n in space.nodes} == {n.uuid for n in nodes}
        assert all(n.outputs["out"].value is NoValue or n.runs for n in nodes)

    asyncio.run(play())
