"""Every value knows its wave, what set that off, and what it was made of."""

from itertools import pairwise
from typing import Any

from funcnodes import Node, NodeDecorator
from funcnodes.core import Wave
from funcnodes.core.nodes.provenance import Origin


@NodeDecorator("provenance.add")
def add(a: float, b: float = 1.0) -> float:
    return a + b


@NodeDecorator("provenance.double")
def double(a: float) -> float:
    return 2 * a


@NodeDecorator("provenance.slow")
async def slow(a: float) -> float:
    return a


def chain() -> tuple[Node, Node]:
    first, second = double(), add()
    first.outputs["out"].connect(second.inputs["a"])
    return first, second


async def test_an_output_names_its_wave_and_the_values_it_was_made_of() -> None:
    first, second = chain()
    point = Wave("run").child("point 3")
    earlier = Wave("earlier")
    second.inputs["b"].set_value(5.0, wave=earlier, does_trigger=False)
    earlier.close()
    first.inputs["a"].set_value(2.0, wave=point)
    await point.wait(timeout_s=5)
    found = second.outputs["out"].provenance
    assert found is not None
    assert (found.wave, found.stimulus, found.quality) == (point.id, ("run", "point 3"), "ok")
    assert found.inputs == (
        Origin("a", 4.0, point.id, first.outputs["out"].full_id),
        Origin("b", 5.0, earlier.id, ""),
    )
    came = second.inputs["a"].provenance
    assert came is not None
    assert came.inputs == (Origin("a", 4.0, point.id, first.outputs["out"].full_id),)


async def test_it_can_be_followed_to_where_it_began() -> None:
    """By the short way of plain functions too, and through one that ran as a task."""
    nodes: list[Node] = [double(), slow(), double()]
    for left, right in pairwise(nodes):
        left.outputs["out"].connect(right.inputs["a"])
    nodes[0].inputs["a"].value = 1.0
    await nodes[0]
    steps: list[Any] = []
    for node in reversed(nodes):
        found = node.outputs["out"].provenance
        assert found is not None
        steps.extend((origin.port, origin.value) for origin in found.inputs)
    assert steps == [("a", 2.0), ("a", 2.0), ("a", 1.0)]


async def test_what_was_set_by_hand_or_never_has_nothing_to_tell() -> None:
    node = add()
    assert node.outputs["out"].provenance is None
    node.outputs["out"].set(7.0)
    found = node.outputs["out"].provenance
    assert found is not None
    assert found.inputs == ()
    default = node.inputs["b"].provenance
    assert default is not None
    assert (default.wave, default.stimulus, default.inputs) == (None, (), ())
