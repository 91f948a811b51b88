"""What subgraphs do: the same as their nodes did outside, in the same waves, as one node."""

import asyncio
from typing import Any

import pytest

from funcnodes.core import (
    Node,
    NodeInput,
    make_subgraph,
)
from funcnodes.errors import (
    AwaitCycleError,
    NodeCancelled,
    NodeTriggerError,
    RefusedError,
)


async def test_waves_cross_the_border_both_ways_and_outside_joins_see_no_mix(
    sketch: Any,
) -> None:
    """T3, T6: one branch passes through the subgraph, the other beside it."""
    space = sketch.space
    source, beside = sketch.put(sketch.add, "s"), sketch.put(sketch.add, "b")
    inside, join = sketch.put(sketch.Join, "i"), sketch.put(sketch.Join, "j")
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


async def test_settled_nodes_inside_wait_for_ancestors_outside(sketch: Any) -> None:
    """T6: two branches outside of different length meet in a join that is inside."""
    space = sketch.space
    source, slow, join = (
        sketch.put(sketch.add, "s"),
        sketch.put(sketch.Join, "slow"),
        sketch.put(sketch.Join, "j"),
    )
    source.outputs["out"].connect(slow.inputs["a"])
    source.outputs["out"].connect(join.inputs["b"])
    slow.outputs["out"].connect(join.inputs["a"])
    make_subgraph(space, [join])
    for k in range(3):
        source.inputs["a"].set_value(k)
        await space.await_done()
    assert join.seen == [(1, 1), (2, 2), (3, 3)]


async def test_ports_are_apart_so_that_a_way_back_in_is_no_cycle(sketch: Any) -> None:
    """a → out of the subgraph → back into it → b: `settled` b waits for what is outside."""
    space = sketch.space
    a, between, b = (
        sketch.put(sketch.add, "a"),
        sketch.put(sketch.Join, "between"),
        sketch.put(sketch.Join, "b"),
    )
    a.outputs["out"].connect(between.inputs["a"])
    a.outputs["out"].connect(b.inputs["b"])
    between.outputs["out"].connect(b.inputs["a"])
    make_subgraph(space, [a, b])
    a.inputs["a"].set_value(1)
    await space.await_done()
    assert b.seen == [(2, 2)]


async def test_awaiting_a_subgraph_waits_for_what_is_inside_and_behind_it(
    sketch: Any,
) -> None:
    """T9: none in flight, so it is triggered once; then all has come to rest."""
    space = sketch.space
    join, last = sketch.put(sketch.Join, "j"), sketch.put(sketch.Join, "last")
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


async def test_an_error_inside_is_raised_by_who_awaits_the_subgraph(sketch: Any) -> None:
    space = sketch.space
    node = sketch.put(sketch.half, "half")
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


async def test_an_inner_node_cannot_await_its_subgraph(sketch: Any) -> None:
    space = sketch.space

    class Waits(Node):
        async def func(self) -> None:
            await group

    waits = sketch.put(Waits, "waits")
    group = make_subgraph(space, [waits])
    with pytest.raises(NodeTriggerError):
        await group
    assert isinstance(waits.error, AwaitCycleError)


async def test_cancelling_a_subgraph_gives_up_what_is_inside(sketch: Any) -> None:
    """T10."""
    space = sketch.space

    class Hangs(Node):
        async def func(self) -> None:
            await asyncio.Event().wait()

    hangs = sketch.put(Hangs, "hangs")
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


async def test_done_of_a_subgraph_comes_when_all_inside_is_at_rest(sketch: Any) -> None:
    space = sketch.space
    one, two, after = (
        sketch.put(sketch.Join, "one"),
        sketch.put(sketch.Join, "two"),
        sketch.put(sketch.add, "after"),
    )
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


async def test_a_wired_trigger_makes_the_other_inputs_parameters(sketch: Any) -> None:
    """T7, of the subgraph itself."""
    space = sketch.space
    start, node = sketch.put(sketch.add, "start"), sketch.put(sketch.add, "n")
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


async def test_a_muted_subgraph_takes_values_and_runs_nothing(sketch: Any) -> None:
    space = sketch.space
    (node,) = sketch.chain("n")
    group = make_subgraph(space, [node])
    group.promote(node.inputs["a"])
    group.muted = True
    group.inputs["a"].set_value(1)
    await space.await_done()
    assert (node.runs, node.inputs["a"].value) == (0, 1)
    group.muted = False
    await group
    assert node.outputs["out"].value == 2


async def test_effects_inside_do_not_act_while_the_nodespace_is_disarmed(sketch: Any) -> None:
    """A1."""
    space = sketch.space

    class Effect(sketch.Join):
        effect = True

    node = sketch.put(Effect, "e")
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


def test_a_run_locks_what_is_inside(sketch: Any) -> None:
    """A2."""
    space = sketch.space
    (node,) = sketch.chain("n")
    group = make_subgraph(space, [node])
    space.arming = "running"
    with pytest.raises(RefusedError):
        group.promote(node.inputs["a"])
    with pytest.raises(RefusedError):
        node.inputs["b"].set_value(3)
