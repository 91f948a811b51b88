"""A1: what is being built does nothing until the space is live or a run is on."""

import asyncio
import math
from itertools import pairwise
from typing import Any

import pytest

from funcnodes.basic_nodes.control.loops import ForEachNode
from funcnodes.core import Library, Node, NodeDecorator, NodeSpace, Shelf
from funcnodes.core.codec.strict import parse


@NodeDecorator("building.add")
def add(a: int, b: int = 0) -> int:
    return a + 1


def wired(space: NodeSpace, *pairs: tuple[int, int, str], count: int) -> list[Node]:
    nodes = [space.add_node_by_id("building.add") for _ in range(count)]
    for left, right, port in pairs:
        nodes[left].outputs["out"].connect(nodes[right].inputs[port])
    return nodes


def space(arming: Any) -> NodeSpace:
    return NodeSpace(Library(Shelf([add])), arming=arming)


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_cycle_that_is_being_built_does_nothing_until_the_space_is_live() -> None:
    here = space("disarmed")
    nodes = wired(here, (0, 1, "a"), (1, 2, "a"), (2, 3, "a"), count=4)
    nodes[0].inputs["b"].value = 1
    nodes[0].inputs["a"].value = 1
    await nodes[0]
    assert [node.runs for node in nodes] == [1, 1, 1, 1]  # no cycle yet
    nodes[2].outputs["out"].connect(nodes[1].inputs["b"])
    nodes[0].inputs["a"].value = 2
    await turns()
    assert [node.runs for node in nodes] == [2, 1, 1, 1]
    here.arming = "live"
    nodes[0].inputs["a"].value = 3
    await turns()
    assert nodes[1].runs > 2
    here.cancel_all("enough")


async def test_a_cycle_that_is_opened_again_runs() -> None:
    here = space("disarmed")
    nodes = wired(here, (0, 1, "a"), (1, 0, "b"), count=2)
    nodes[0].inputs["a"].value = 1
    await turns()
    assert nodes[0].runs == 0
    nodes[1].outputs["out"].disconnect()
    nodes[0].inputs["a"].value = 1
    await nodes[0]
    assert [node.runs for node in nodes] == [1, 1]


async def test_a_frame_that_is_being_built_does_not_start() -> None:
    here = space("disarmed")
    loop = here.add_node_instance(ForEachNode())
    loop.request_trigger()
    await turns()
    assert loop.runs == 0
    assert loop.blocked


@pytest.mark.timeout(30)
async def test_a_long_chain_is_built_and_set_at_ease() -> None:
    """Whether a node is in a cycle is found once for all of it."""
    here = space("disarmed")
    nodes = wired(here, *((n, n + 1, "a") for n in range(4_999)), count=5_000)
    nodes[0].inputs["a"].value = 0
    await nodes[0]
    assert nodes[-1].outputs["out"].value == 5_000
    assert all(one.runs == other.runs == 1 for one, other in pairwise(nodes))


def test_a_nan_of_an_older_file_is_read() -> None:
    """Python wrote it so."""
    data = parse('{"nodes": [{"id": "n", "node_id": "building.add", '
                 '"io": {"a": {"is_input": true, "value": NaN}}}], "edges": []}')  # fmt: skip
    assert math.isnan(data["nodes"][0]["io"]["a"]["value"])
    assert parse("[Infinity, -Infinity]") == [math.inf, -math.inf]
    here = NodeSpace(Library(Shelf([measured])))
    data["nodes"][0]["node_id"] = "building.measured"
    here.deserialize(data)
    assert math.isnan(here.get_node_by_id("n").inputs["a"].value)


@NodeDecorator("building.measured")
def measured(a: float) -> float:
    return a
