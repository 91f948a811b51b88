"""R2: what nodes remember, gather and work out is worth as much as the worst of it."""

import asyncio
import math
from typing import Any

import pytest

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.core import Node, NodeInput, NodeOutput, Quality
from funcnodes.runs import Table
from funcnodes.runs.records import Cell, Column, TableSpec

from ..waiting import patience


class Reading(Node):
    """Gives a value with a quality of its own, as a device does."""

    node_id = "test.basic.reading"
    value = NodeInput(type=Any)
    out = NodeOutput(type=Any)
    states: Quality = "ok"

    def func(self, value: Any) -> None:
        self.out.set(value, quality=self.states)


class Passed(Node):
    """Notes what comes, with its quality."""

    node_id = "test.basic.passed"
    input = NodeInput(type=Any)
    queues = True

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.seen: list[tuple[Any, Quality]] = []

    def func(self, input: Any) -> None:
        self.seen.append((input, self.quality_taken))


class DoubtfulBody(Node):
    """Gives back what it takes; the one item "bad" as a reading that timed out."""

    node_id = "test.basic.doubtful"
    a = NodeInput(type=Any)
    out = NodeOutput(type=Any)

    def func(self, a: Any) -> None:
        self.out.set(a, quality="timeout" if a == "bad" else "ok")


async def fed(graph: Any, kind: str, port: str = "input", **values: Any) -> tuple[Any, Any]:
    reading, node = graph.add(Reading), graph.add(kind, **values)
    reading.out.connect(node.inputs[port])
    return reading, node


async def give(graph: Any, reading: Any, value: Any, quality: Quality = "ok") -> None:
    reading.states = quality
    reading.inputs["value"].value = value
    await graph.at_rest()


def all_nodes() -> list[str]:
    found = []

    def walk(shelf: Any) -> None:
        found.extend(node.node_id for node in shelf.nodes)
        for each in shelf.subshelves:
            walk(each)

    walk(NODE_SHELF)
    return found


async def test_a_list_of_readings_is_worth_the_worst_of_them(graph: Any) -> None:
    reading, collect = await fed(graph, "collector_node", limit=3)
    for value, quality in ((1, "ok"), (math.nan, "overrange"), (3, "ok")):
        await give(graph, reading, value, quality)  # type: ignore[arg-type]  # a Quality
    assert collect.output.quality == "overrange"
    await give(graph, reading, 4)
    await give(graph, reading, 5)
    assert (collect.output.value, collect.output.quality) == ([3, 4, 5], "ok"), "it has gone by"


async def test_running_statistics_do_not_heal_by_leaving_out(graph: Any) -> None:
    """A reading over range that is left out makes the mean a wrong one."""
    reading, running = await fed(graph, "stat.running")
    await give(graph, reading, 1.0)
    await give(graph, reading, math.nan, "overrange")
    await give(graph, reading, 3.0)
    assert (running.mean.value, running.missing.value) == (2.0, 1)
    assert {port.quality for port in running._results} == {"overrange"}
    running.inputs["reset"].value = True
    await graph.at_rest()
    await give(graph, reading, 4.0)
    assert (running.mean.value, running.mean.quality) == (4.0, "ok")


async def test_a_count_is_worth_what_was_counted(graph: Any) -> None:
    reading, counter = await fed(graph, "control.counter")
    await give(graph, reading, 1, "timeout")
    await give(graph, reading, 2)
    assert (counter.count.value, counter.count.quality) == (2, "timeout")
    counter.inputs["reset"].value = 1
    await graph.at_rest()
    assert (counter.count.value, counter.count.quality) == (0, "ok")


async def test_a_latch_remembers_what_switched_it(graph: Any) -> None:
    reading, latch = await fed(graph, "control.latch", "set")
    await give(graph, reading, True, "compliance")
    await give(graph, reading, False)
    assert (latch.out.value, latch.out.quality) == (True, "compliance")
    latch.inputs["reset"].value = True
    await graph.at_rest()
    assert (latch.out.value, latch.out.quality) == (False, "ok")


async def test_a_change_of_quality_is_a_change(graph: Any) -> None:
    reading, changed = await fed(graph, "control.changed")
    await give(graph, reading, 1.0)
    await give(graph, reading, 1.0, "stale")
    assert (changed.out.value, changed.out.quality) == (1.0, "stale")
    await give(graph, reading, 1.0)
    assert changed.out.quality == "ok"


@pytest.mark.parametrize(
    ("kind", "port", "out"),
    [
        ("control.gate", "input", "out"), ("control.hold", "input", "out"),
        ("wait_node", "input", "output"), ("control.debounce", "input", "out"),
        ("control.throttle", "input", "out"), ("control.merge", "input", "out"),
        ("control.select", "in0", "out"), ("control.switch", "input", "out0"),
        ("display.show", "value", "text"), ("display.json", "value", "out"),
    ],
)  # fmt: skip
async def test_what_is_passed_on_keeps_its_quality(
    graph: Any, virtual_clock: Any, kind: str, port: str, out: str
) -> None:
    reading, node = await fed(graph, kind, port)
    await give(graph, reading, 1.0, "compliance")
    assert node.outputs[out].quality == "compliance"
    await give(graph, reading, 2.0)
    assert node.outputs[out].quality == "ok"


async def test_merged_values_keep_their_own(graph: Any) -> None:
    merge, passed = graph.add("control.merge"), graph.add(Passed)
    readings = [graph.add(Reading) for _ in range(2)]
    for reading in readings:
        reading.out.connect(merge.inputs["input"])
    merge.out.connect(passed.inputs["input"])
    readings[0].states = "overrange"
    for reading in readings:
        reading.inputs["value"].value = 1
    await graph.at_rest()
    assert sorted(passed.seen) == [(1, "ok"), (1, "overrange")]


async def test_the_next_wave_gets_the_quality_of_the_last(graph: Any) -> None:
    """T8: what `Previous` gives back is as good as it was."""
    reading, previous = await fed(graph, "control.previous", "value")
    passed = graph.add(Passed)
    previous.outputs["out"].connect(passed.inputs["input"])
    await give(graph, reading, 1.0, "timeout")
    await give(graph, reading, 2.0)
    assert passed.seen == [(1.0, "timeout"), (2.0, "ok")]


async def test_a_loop_collects_values_and_their_worth(graph: Any) -> None:
    loop, work = graph.add("for_node"), graph.add(DoubtfulBody)
    loop.do.connect(work.inputs["a"])
    work.outputs["out"].connect(loop.collector)
    for items, quality in ((["a", "bad", "c"], "timeout"), (["a", "b"], "ok")):
        loop.input.set_value(items)
        await loop
        assert (loop.done.value, loop.done.quality) == (items, quality)


@pytest.mark.parametrize("kind", ["for_node", "control.repeat", "while_node"])
async def test_points_of_a_loop_are_worth_what_it_was_given(graph: Any, kind: str) -> None:
    reading, loop = await fed(graph, kind)
    passed = graph.add(Passed)
    loop.do.connect(passed.inputs["input"])
    if kind == "while_node":
        loop.inputs["condition"].set_value(False, does_trigger=False)
    for quality in ("compliance", "ok"):
        passed.seen.clear()
        await give(graph, reading, [1], quality)  # type: ignore[arg-type]  # a Quality
        assert {each for _, each in passed.seen} <= {quality}
        assert loop.done.quality == quality


async def test_a_round_is_worth_what_the_round_before_made(graph: Any) -> None:
    """What the body leads back to the loop is the next round's, quality and all."""
    loop, work = graph.add("control.repeat", times=3), graph.add(DoubtfulBody)
    loop.do.connect(work.inputs["a"])
    work.outputs["out"].connect(loop.input)
    passed = graph.add(Passed)
    loop.do.connect(passed.inputs["input"])
    loop.input.restore("bad")
    await loop
    assert [quality for _, quality in passed.seen] == ["ok", "timeout", "timeout"]
    assert loop.done.quality == "timeout"


def rows_of(*cells: Cell) -> Table:
    rows = Table(TableSpec(recorder="r", name="R", columns=(Column(name="V", kind="number"),)))
    for cell in cells:
        rows.append([cell], wall=0, mono=0)
    return rows


async def test_a_table_of_rows_is_worth_the_worst_of_their_cells(graph: Any) -> None:
    table, column = graph.add("table.from_recorder"), graph.add("table.column", name="V")
    table.outputs["out"].connect(column.inputs["table"])
    for cell, quality in ((Cell(2.0, "compliance"), "compliance"), (Cell(2.0), "ok")):
        table.inputs["rows"].value = rows_of(Cell(1.0), cell)
        await graph.at_rest()
        assert (column.outputs["out"].value, column.outputs["out"].quality) == ([1.0, 2.0], quality)


async def test_no_basic_node_forgets_a_quality(graph: Any) -> None:
    """Each node that gives something at a doubtful value says that it is doubtful."""
    tried = 0
    for kind in all_nodes():
        node = graph.add(kind)
        fits = [p for p in node._parameters if p.type.kind in ("any", "number", "array", "text")]
        if node.effect or not fits or len(node._required) > 1:
            continue
        reading = graph.add(Reading)
        port = node._required[0] if node._required else fits[0]
        for value in (1.5, [1.0, 2.0, 4.0], "1.5"):
            try:
                reading.out.connect(port)
            except Exception:  # it takes another kind of value
                break
            reading.states = "overrange"
            reading.inputs["value"].value = value
            await asyncio.wait_for(reading.settled(), patience())
            given = [out for out in node._results if out.wave is reading.out.wave]
            if given:
                tried += 1
                assert {out.quality for out in given} == {"overrange"}, kind
        graph.space.remove_node_instance(node)
    assert tried > 100
