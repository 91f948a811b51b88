"""R2, D3: what is made of values that are not ok is not ok, wherever it is made."""

import asyncio
import importlib.util
import math
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given, settings, strategies as st

from funcnodes.core import (
    Library,
    Node,
    NodeDecorator,
    NodeInput,
    NodeOutput,
    NodeSpace,
    Quality,
    Shelf,
    StreamInput,
    Unit,
    make_subgraph,
)
from funcnodes.core.quality import worst
from funcnodes.core.values import QUALITIES

_spec = importlib.util.spec_from_file_location(
    "funcnodes_test_process_nodes", Path(__file__).with_name("process_nodes.py")
)
assert _spec is not None
assert _spec.loader is not None
process_nodes: Any = importlib.util.module_from_spec(_spec)
sys.modules.setdefault(_spec.name, process_nodes)
_spec.loader.exec_module(process_nodes)

qualities = st.sampled_from(QUALITIES)


class Reading(Node):
    """Gives a value with a quality of its own, as a device does."""

    node_id = "test.quality.reading"
    value = NodeInput(type=Any)
    out = NodeOutput(type=Any)
    states: Quality = "ok"

    def func(self, value: Any) -> None:
        self.out.set(value, quality=self.states)

    async def give(self, value: Any, quality: Quality) -> None:
        """Set off a wave, and wait until all of it is at rest."""
        self.states = quality
        self.inputs["value"].value = value
        await self


@NodeDecorator("test.quality.add")
def add(a: float = 0.0, b: float = 0.0, c: float = 0.0) -> float:
    return a + b + c


@NodeDecorator("test.quality.twice")
def twice(x: Any) -> Any:
    return x * 2


@NodeDecorator("test.quality.nan_to_zero")
def nan_to_zero(x: float) -> float:
    return 0.0 if math.isnan(x) else x


@NodeDecorator("test.quality.later")
async def later(x: Any) -> Any:
    await asyncio.sleep(0)
    return x


@NodeDecorator("test.quality.half_power")
def half_power(p: Annotated[float, Unit("mW")]) -> float:
    return p / 2


@NodeDecorator("test.quality.both", outputs=[{"name": "up"}, {"name": "down"}])
def both(x: float) -> tuple[float, float]:
    return x + 1, x - 1


def wired(reading: Reading, node: Node, port: str = "x") -> Node:
    reading.outputs["out"].connect(node.inputs[port])
    return node


def quality(node: Node, port: str = "out") -> Quality:
    return node.outputs[port].quality


# ── one execution ─────────────────────────────────────────────────────────────────────────


@given(st.lists(qualities, min_size=1, max_size=6))
def test_the_worst_is_the_one_that_stands_last_among_the_qualities(found: list[Quality]) -> None:
    assert worst(found) == max(found, key=QUALITIES.index)
    assert worst(()) == "ok"


async def test_an_execution_gives_what_is_worth_as_much_as_the_worst_it_took() -> None:
    a, b, total = Reading(), Reading(), add()
    wired(a, total, "a")
    wired(b, total, "b")
    await a.give(1.0, "compliance")
    assert quality(total) == "compliance"
    await b.give(2.0, "overrange")
    assert (total.outputs["out"].value, quality(total)) == (3.0, "overrange")
    await b.give(2.0, "ok")
    assert quality(total) == "compliance"
    await a.give(1.0, "ok")
    assert quality(total) == "ok"


async def test_a_missing_number_never_becomes_an_ok_one() -> None:
    """D3: NaN that is replaced by zero is still no reading."""
    reading = Reading()
    node = wired(reading, nan_to_zero())
    after = twice()
    node.outputs["out"].connect(after.inputs["x"])
    await reading.give(math.nan, "overrange")
    assert (after.outputs["out"].value, quality(after)) == (0.0, "overrange")
    await reading.give(3.0, "ok")
    assert (after.outputs["out"].value, quality(after)) == (6.0, "ok")


async def test_a_node_that_states_its_own_quality_is_believed() -> None:
    first, second = Reading(), Reading()
    wired(first, second, "value")
    second.states = "ok"
    await first.give(1.0, "timeout")
    assert quality(second) == "ok"


async def test_every_output_of_an_execution_has_its_quality() -> None:
    reading = Reading()
    node = wired(reading, both())
    await reading.give(1.0, "compliance")
    assert {quality(node, "up"), quality(node, "down")} == {"compliance"}


async def test_coroutines_threads_and_processes_keep_it() -> None:
    reading = Reading()
    threaded = twice()
    threaded.run_in = "thread"
    nodes = [wired(reading, node) for node in (later(), threaded, process_nodes.double())]
    await reading.give(2, "timeout")
    assert [quality(node) for node in nodes] == ["timeout"] * 3
    await reading.give(3, "ok")
    assert [quality(node) for node in nodes] == ["ok"] * 3


async def test_what_was_taken_counts_and_not_what_came_meanwhile() -> None:
    """T1: the arguments of a queued execution keep the quality that they had."""
    seen: list[Quality] = []

    class Watching(Node):
        node_id = "test.quality.watching"
        x = NodeInput(type=float)
        out = NodeOutput(type=float)

        async def func(self, x: float) -> float:
            await asyncio.sleep(0)
            seen.append(self.quality_taken)
            return x

    node, reading = Watching(), Reading()
    wired(reading, node)
    reading.outputs["out"].set(1.0, quality="overrange")
    reading.outputs["out"].set(2.0, quality="ok")
    await node
    assert seen == ["overrange", "ok"]
    assert node.quality_taken == "ok"


async def test_items_of_a_stream_keep_their_own() -> None:
    """T5."""
    seen: list[tuple[Any, Quality]] = []

    class Taking(Node):
        node_id = "test.quality.taking"
        item = StreamInput(type=Any)
        out = NodeOutput(type=Any)

        def func(self, item: Any) -> Any:
            seen.append((item, self.quality_taken))
            return item

    reading = Reading()
    node = wired(reading, Taking(), "item")
    for value, each in ((1, "ok"), (2, "timeout"), (3, "ok")):
        reading.outputs["out"].set(value, quality=each)  # type: ignore[arg-type]  # a Quality
    await node.settled()
    assert seen == [(1, "ok"), (2, "timeout"), (3, "ok")]


async def test_it_passes_the_borders_of_subgraphs() -> None:
    lib = Library(Shelf([Reading, add, twice], name="Quality"))
    space = NodeSpace(lib)
    reading, one, other = (
        space.add_node_by_id(node_id)
        for node_id in ("test.quality.reading", "test.quality.twice", "test.quality.twice")
    )
    assert isinstance(reading, Reading)
    wired(reading, one)
    one.outputs["out"].connect(other.inputs["x"])
    subgraph = make_subgraph(space, [one])
    await reading.give(1, "compliance")
    assert (other.outputs["out"].value, quality(other)) == (4, "compliance")
    gate = next(node for node in subgraph.inner.nodes if node.node_id == "subgraph.input")
    one.outputs["out"].set(0)
    await gate
    assert (other.outputs["out"].value, quality(other)) == (4, "compliance"), "passed on again"


async def test_a_new_wire_brings_the_quality_of_the_present_value() -> None:
    reading = Reading()
    await reading.give(1.0, "stale")
    node = wired(reading, twice())
    await node
    assert quality(node) == "stale"


async def test_a_wire_that_converts_changes_the_number_and_not_the_quality() -> None:
    source, sink = NodeOutput("p", float, unit="dBm"), half_power()
    reading = Reading()
    reading.add_output(source)
    source.connect(sink.inputs["p"])
    source.set(10.0, quality="compliance")
    await sink.settled()
    assert (sink.outputs["out"].value, quality(sink)) == (5.0, "compliance")


async def test_a_value_that_somebody_sets_or_a_file_has_is_ok() -> None:
    reading = Reading()
    node = wired(reading, twice())
    await reading.give(1.0, "timeout")
    reading.outputs["out"].disconnect()
    node.inputs["x"].value = 2.0
    await node
    assert quality(node) == "ok"
    again = twice()
    again.deserialize(node.serialize())
    assert (again.inputs["x"].value, again.inputs["x"].quality) == (2.0, "ok")


# ── any graph ─────────────────────────────────────────────────────────────────────────────

ROUNDS = st.lists(st.lists(qualities, min_size=3, max_size=3), min_size=1, max_size=4)
LAYERS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 20), min_size=1, max_size=3),
        st.sampled_from(("each", "settled")),
        st.sampled_from(("loop", "loop", "thread")),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(ROUNDS, LAYERS)
def test_at_rest_every_output_is_worth_the_worst_that_leads_to_it(
    rounds: list[list[Quality]], layers: list[tuple[list[int], Any, Any]]
) -> None:
    """T2a for qualities, whatever the policy, the threads and the way through the engine."""

    async def run() -> None:
        readings = [Reading() for _ in range(3)]
        nodes: list[Node] = [*readings]
        feeds: list[list[Node]] = [[], [], []]
        for picks, policy, run_in in layers:
            node = add() if len(picks) > 1 else twice()
            node.policy, node.run_in = policy, run_in
            sources = [nodes[pick % len(nodes)] for pick in picks]
            for source, port in zip(sources, node._parameters, strict=False):
                source.outputs["out"].connect(port)
            nodes.append(node)
            feeds.append(sources)
        for states in rounds:
            for reading, each in zip(readings, states, strict=True):
                await reading.give(1.0, each)
            await asyncio.gather(*(node.settled() for node in nodes))
            for node, sources in zip(nodes[3:], feeds[3:], strict=True):
                assert quality(node) == worst(quality(source) for source in sources)

    asyncio.run(run())


@pytest.mark.parametrize("each", QUALITIES)
async def test_the_short_way_of_the_engine_is_left_and_found_again(each: Quality) -> None:
    """A chain of plain nodes gives the same by the fast path and by the long way."""
    reading = Reading()
    chain = [wired(reading, twice())]
    for _ in range(5):
        node = twice()
        chain[-1].outputs["out"].connect(node.inputs["x"])
        chain.append(node)
    for states in (each, "ok", each, each, "ok"):
        await reading.give(1, states)
        assert [quality(node) for node in chain] == [states] * 6
        assert chain[-1].outputs["out"].value == 64
