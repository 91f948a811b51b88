"""Whoever watches a graph leaves its nodes their time."""

import gc
import itertools
import statistics
import time

import pytest

from funcnodes.core import Node, NodeDecorator, NodeSpace
from funcnodes.workers.canvas import Canvas
from funcnodes.workers.publisher import Publisher


@NodeDecorator("test.publishing.increment")
def increment(a: int) -> int:
    return a + 1


def chains(space: NodeSpace) -> list[list[Node]]:
    """Two thousand nodes in chains."""
    found: list[list[Node]] = []
    for _ in range(10):
        nodes = [space.add_node_instance(increment()) for _ in range(200)]
        for left, right in itertools.pairwise(nodes):
            left.outputs["out"].connect(right.inputs["a"])
        found.append(nodes)
    return found


async def seconds_for(rounds: int, rows: list[list[Node]]) -> float:
    began = time.thread_time()
    for value in range(rounds):
        for nodes in rows:
            nodes[0].inputs["a"].value = value
            await nodes[0]
    return time.thread_time() - began


@pytest.mark.timing
async def test_publishing_costs_the_engine_at_most_fifteen_parts_of_a_hundred() -> None:
    """Values are read when a patch is due, and what takes long is told less often."""
    sent: list[bytes] = []
    bare, told = NodeSpace(), NodeSpace()
    publisher = Publisher("s", lambda data: sent.append(data) is None)
    canvas = Canvas(told, publisher)
    rows, told_rows = chains(bare), chains(told)
    canvas.reset()
    ratios = []
    for _ in range(9):
        gc.collect()
        without = await seconds_for(400, rows)
        ratios.append(await seconds_for(400, told_rows) / without)
    print(f"with a publisher: {statistics.median(ratios):.2f} of the time, {len(sent)} patches")
    assert len(sent) > 9  # it was told indeed
    assert statistics.median(ratios) < 1 / 0.85
