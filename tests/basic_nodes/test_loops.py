"""For each, while, repeat: frames whose points are waves of their own (T3, T8, T11)."""

import asyncio
from typing import Any

import pytest

from funcnodes.core import NodeDecorator, clock
from funcnodes.errors import NodeCancelled, NodeTriggerError


@NodeDecorator("test.double")
def double(a: Any) -> Any:
    return a * 2


@NodeDecorator("test.picky")
def picky(a: int) -> int:
    if a == 2:
        raise ValueError("no twos")
    return a


def wire(source: Any, target: Any) -> None:
    source.connect(target)


async def test_for_each_does_the_body_once_per_item_and_collects(graph: Any) -> None:
    """T3: each item in a child wave of the loop's, the next after the one before has settled."""
    loop, body = graph.add("for_node"), graph.add(double)
    wire(loop.do, body.inputs["a"])
    wire(body.outputs["out"], loop.collector)
    seen = graph.seen(body.outputs["out"])
    seen.works_s = 0.001
    loop.input.set_value([1, "b", 2.5])
    await loop
    assert loop.done.value == [2, "bb", 5.0]
    assert loop.index.value == 2
    assert len(set(seen.waves)) == 3
    assert all(w.parent is seen.waves[0].parent for w in seen.waves)
    assert all(w.scan and w.outcome.state == "ok" for w in seen.waves)
    assert loop.runs == 1
    assert (loop.progress.done, loop.progress.total) == (3, 3)


async def test_what_hangs_on_done_comes_once_and_last(graph: Any) -> None:
    loop, body = graph.add("for_node"), graph.add(double)
    wire(loop.do, body.inputs["a"])
    after = graph.seen(loop.done)
    loop.input.set_value([1, 2])
    await loop.settled()
    assert after.values == [[1, 2]], "without a collector, the items"
    assert body.runs == 2


async def test_a_body_may_leave_items_out(graph: Any) -> None:
    """T6: inside a point too, a condition never meets the item before."""
    loop, gate = graph.add("for_node"), graph.add("if_node")
    big, found = graph.add("greater_node", b=1), graph.add("collector_node")
    wire(loop.do, big.inputs["a"])
    wire(loop.do, gate.inputs["input"])
    wire(big.outputs["out"], gate.inputs["condition"])
    wire(gate.on_true, found.inputs["input"])
    loop.input.set_value([0, 5, 1, 7])
    await loop
    assert found.output.value == [5, 7]


@pytest.mark.parametrize(
    ("given", "items"),
    [(3, [0, 1, 2]), ((4, 5), [4, 5]), ({"k": 1}, ["k"]), ([], []), (range(2), [0, 1])],
)
async def test_for_each_goes_through_whatever_has_items(
    graph: Any, given: Any, items: list[Any]
) -> None:
    loop = graph.add("for_node")
    seen = graph.seen(loop.do)
    loop.input.set_value(given)
    await loop
    assert seen.values == items
    assert loop.points_total() == len(items)


async def test_for_each_refuses_text(graph: Any) -> None:
    loop = graph.add("for_node")
    loop.input.set_value("abc")
    with pytest.raises(NodeTriggerError, match="input is to be a list, not the text 'abc'"):
        await loop


async def test_a_failed_item_stops_the_loop_and_is_named(graph: Any) -> None:
    """T11."""
    loop, body = graph.add("for_node"), graph.add(picky)
    wire(loop.do, body.inputs["a"])
    loop.input.set_value([1, 2, 3])
    with pytest.raises(NodeTriggerError, match=r"stopped at point 2.*no twos"):
        await loop
    assert body.runs == 2
    assert not loop.done.value


async def test_loops_nest(graph: Any) -> None:
    outer, inner = graph.add("for_node"), graph.add("for_node")
    wire(outer.do, inner.input)
    wire(inner.done, outer.collector)
    body = graph.add(double)
    wire(inner.do, body.inputs["a"])
    wire(body.outputs["out"], inner.collector)
    outer.input.set_value([[1, 2], [3]])
    await outer
    assert outer.done.value == [[2, 4], [6]]


async def test_a_cancelled_loop_gives_its_point_up(graph: Any) -> None:
    """T10."""
    loop = graph.add("for_node")
    seen = graph.seen(loop.do)
    seen.works_s = 3600
    loop.input.set_value([1, 2])
    while not seen.values:
        await asyncio.sleep(0)
    loop.cancel("enough")
    with pytest.raises(NodeCancelled):
        await loop._await_done()
    await graph.at_rest()
    assert seen.values == [1]
    assert seen.waves[0].outcome.state == "cancelled"


async def test_while_asks_a_condition_from_outside_before_each_round(graph: Any) -> None:
    loop = graph.add("while_node", condition=False, input="x")
    seen = graph.seen(loop.do)
    await loop
    assert seen.values == []
    assert loop.done.value == "x"


async def test_while_goes_round_on_what_its_body_works_out(graph: Any) -> None:
    """T8: the wires back are read between rounds and start nothing anew."""
    loop, twice, small = graph.add("while_node"), graph.add(double), graph.add("less_node", b=100)
    wire(loop.do, twice.inputs["a"])
    wire(twice.outputs["out"], small.inputs["a"])
    wire(small.outputs["out"], loop.condition)
    wire(twice.outputs["out"], loop.input)
    seen = graph.seen(loop.done)
    loop.input.set_value(3)
    await loop
    assert loop.done.value == 192
    assert seen.values == [192]
    assert (loop.runs, twice.runs) == (1, 6)
    loop.input.set_value(30)
    await loop.settled()
    assert loop.done.value == 120, "the condition of the last time does not count"


async def test_while_gives_up_after_its_limit(graph: Any) -> None:
    loop = graph.add("while_node", condition=True, limit=25)
    counter = graph.add("control.counter")
    wire(loop.do, counter.inputs["input"])
    with pytest.raises(NodeTriggerError, match="The condition was still on after 25 rounds"):
        await loop
    assert counter.count.value == 25


async def test_repeat_goes_so_many_rounds(graph: Any, virtual_clock: Any) -> None:
    loop = graph.add("control.repeat", times=4, input="go")
    seen = graph.seen(loop.do)
    seen.works_s = 60
    begin = clock.monotonic()
    await loop
    assert seen.values == ["go"] * 4
    assert [at - begin for at in seen.at] == [0, 60, 120, 180]
    assert loop.done.value == "go"
    assert loop.points_total() == 4


async def test_repeat_zero_times_is_done_at_once(graph: Any) -> None:
    loop = graph.add("control.repeat", times=0, input=1)
    seen = graph.seen(loop.do)
    await loop
    assert (seen.values, loop.done.value) == ([], 1)


async def test_an_item_without_a_result_leaves_no_gap(graph: Any) -> None:
    loop, gate = graph.add("for_node"), graph.add("if_node")
    big = graph.add("greater_node", b=1)
    wire(loop.do, big.inputs["a"])
    wire(loop.do, gate.inputs["input"])
    wire(big.outputs["out"], gate.inputs["condition"])
    wire(gate.on_true, loop.collector)
    loop.input.set_value([0, 5, 1, 7])
    await loop
    assert loop.done.value == [5, 7]
