"""If, switch, select, gate, merge; counter, collect, latch, hold, change, edge."""

import asyncio
from typing import Any

import pytest

from funcnodes.core import Wave
from funcnodes.errors import NodeTriggerError


async def feed(node: Any, port: str, *values: Any) -> None:
    """One value after the other, each when the one before has been dealt with."""
    for value in values:
        node.inputs[port].set_value(value)
        await node.settled()


async def test_if_sends_the_value_one_way_and_leaves_the_other_still(graph: Any) -> None:
    node = graph.add("if_node", condition=True)
    yes, no = graph.seen(node.on_true), graph.seen(node.on_false)
    await feed(node, "input", 1, None)
    node.inputs["condition"].set_value(False)
    await graph.at_rest()
    assert yes.values == [1, None]
    assert no.values == [None]


async def test_if_never_meets_the_condition_of_a_moment_before(graph: Any) -> None:
    """T6: value and condition come from one stimulus; half of it is never passed on."""
    number, big = graph.add("input.number", value=1), graph.add("greater_node", b=5)
    node = graph.add("if_node")
    number.outputs["out"].connect(big.inputs["a"])
    number.outputs["out"].connect(node.inputs["input"])
    big.outputs["out"].connect(node.inputs["condition"])
    yes, no = graph.seen(node.on_true), graph.seen(node.on_false)
    await feed(number, "value", 1, 9, 2)
    assert (yes.values, no.values) == ([9], [1, 2])


@pytest.mark.parametrize(
    ("index", "way"), [(0, "out0"), (7, "out7"), (8, "otherwise"), (-1, "otherwise")]
)
async def test_switch_picks_an_output_by_number(graph: Any, index: int, way: str) -> None:
    node = graph.add("control.switch", index=index, input="x")
    await node
    filled = [port.id for port in node.outputs.values() if port.value == "x"]
    assert filled == [way]


async def test_select_picks_an_input_and_names_one_that_is_empty(graph: Any) -> None:
    node = graph.add("control.select", in0="a", in2=None, index=2)
    await node
    assert node.outputs["out"].value is None
    node.inputs["index"].set_value(1)
    with pytest.raises(NodeTriggerError, match="There is no value at in1, which index asks for"):
        await node


async def test_a_shut_gate_forgets_what_comes(graph: Any) -> None:
    node = graph.add("control.gate")
    seen = graph.seen(node.out)
    await feed(node, "input", 1)
    node.inputs["open"].set_value(False)
    await feed(node, "input", 2)
    node.inputs["open"].set_value(True)
    await graph.at_rest()
    assert seen.values == [1]
    await feed(node, "input", 3)
    assert seen.values == [1, 3]


async def test_merge_loses_nothing_even_of_waves_that_come_at_once(graph: Any) -> None:
    """T4: its requests queue; in one wave several values come in their order."""
    node = graph.add("control.merge")
    seen = graph.seen(node.out)
    sources = [graph.add("input.number") for _ in range(3)]
    for source in sources:
        source.outputs["out"].connect(node.inputs["input"])
    for value in range(10):
        for nth, source in enumerate(sources):
            source.outputs["out"].set(value * 10 + nth)
    await graph.at_rest()
    assert seen.values == [value * 10 + nth for value in range(10) for nth in range(3)]


async def test_merge_passes_on_all_that_comes_in_one_wave(graph: Any) -> None:
    node, source = graph.add("control.merge"), graph.add("input.number")
    source.outputs["out"].connect(node.inputs["input"])
    emitted, wave = graph.emitted(node.out), Wave()
    for value in ("a", "b", "c"):
        source.outputs["out"].set(value, wave=wave)
    await wave.wait()
    assert emitted == ["a", "b", "c"]


async def test_merge_passes_on_what_it_has_when_only_order_asks(graph: Any) -> None:
    node = graph.add("control.merge", input=5)
    seen = graph.seen(node.out)
    await node
    assert seen.values == [5]


async def test_a_counter_counts_every_value_and_resets(graph: Any) -> None:
    """T4: a hundred free waves at once are a hundred counts."""
    node = graph.add("control.counter")
    for value in range(100):
        node.inputs["input"].set_value(value)
    await graph.at_rest()
    assert node.count.value == 100
    node.inputs["reset"].set_value(False)
    await graph.at_rest()
    assert node.count.value == 100
    node.inputs["reset"].set_value(True)
    await graph.at_rest()
    assert node.count.value == 0
    await node
    assert node.count.value == 1, "▶ counts too"


async def test_a_muted_counter_does_not_count(graph: Any) -> None:
    node = graph.add("control.counter")
    node.muted = True
    await feed(node, "input", 1, 2)
    node.muted = False
    await feed(node, "input", 3)
    assert node.count.value == 1


async def test_collect_keeps_order_and_forgets_the_oldest(graph: Any) -> None:
    node = graph.add("collector_node", limit=3)
    for value in "abcde":
        node.inputs["input"].set_value(value)
    await graph.at_rest()
    assert node.output.value == ["c", "d", "e"]
    earlier = node.output.value
    node.inputs["reset"].set_value(1)
    await graph.at_rest()
    assert node.output.value == []
    assert earlier == ["c", "d", "e"], "a list that was given away does not change"


async def test_a_latch_stays_on_until_it_is_reset_and_reset_wins(graph: Any) -> None:
    node = graph.add("control.latch")
    course = []
    for port, value in [("set", True), ("set", False), ("reset", True), ("set", True),
                        ("reset", False)]:  # fmt: skip
        await feed(node, port, value)
        course.append(node.outputs["out"].value)
    assert course == [True, True, False, False, True]


async def test_hold_keeps_the_last_value_still(graph: Any) -> None:
    node = graph.add("control.hold")
    await feed(node, "input", 1)
    await feed(node, "hold", True)
    await feed(node, "input", 2)
    assert node.outputs["out"].value == 1
    await feed(node, "hold", False)
    assert node.outputs["out"].value == 2


async def test_on_change_knows_a_tolerance_and_arrays(graph: Any) -> None:
    import numpy as np

    node = graph.add("control.changed", tolerance=0.5)
    seen = graph.seen(node.out)
    await feed(node, "input", 1.0, 1.4, 1.6, 1.2, "x", "x", np.arange(3), np.arange(3), np.ones(2))
    assert [v if isinstance(v, float | str) else len(v) for v in seen.values] == [
        1.0, 1.6, "x", 3, 2,
    ]  # fmt: skip


async def test_edges_are_told_once(graph: Any) -> None:
    node = graph.add("control.edge")
    up, down = graph.seen(node.rising), graph.seen(node.falling)
    await feed(node, "input", False, True, True, False, True)
    assert (len(up.values), len(down.values)) == (2, 1)


@pytest.mark.parametrize(
    ("kind", "values", "sentence"),
    [
        ("if_node", {"condition": "x", "input": 1}, "condition is to be on or off, not the text"),
        ("control.switch", {"index": 1.5, "input": 1}, "index is to be a whole number, not 1.5"),
        ("control.select", {"index": "1"}, "index is to be a whole number, not the text '1'"),
        ("control.gate", {"input": 1, "open": [1]}, "open is to be on or off, not a list of 1"),
        ("control.latch", {"set": "maybe"}, "set is to be on or off, not the text 'maybe'"),
    ],
)
async def test_what_a_wire_brings_is_checked(
    graph: Any, kind: str, values: dict[str, Any], sentence: str
) -> None:
    node = graph.add(kind)
    for port, value in values.items():
        source = graph.add("control.merge")
        source.outputs["out"].connect(node.inputs[port])
        source.outputs["out"].set(value)
    await asyncio.sleep(0)
    await graph.at_rest()
    with pytest.raises(NodeTriggerError, match=sentence):
        await node
    assert node.state == "error"
