"""Wires and sets agree: what a set accepts a wire accepts, and the other way round."""

import enum
from itertools import product
from typing import Any

import numpy as np
import pytest

from funcnodes.core import Node, NodeDecorator
from funcnodes.core.types import PortType, conversion
from funcnodes.errors import FuncnodesError, NodeTriggerError

TYPES: dict[Any, list[Any]] = {
    int: [3, 0], float: [3.7, 3.0], bool: [True], str: ["x"], list[float]: [[1.5], [2.0]],
    list[int]: [[1]], list: [[1.5], ["a"]], np.ndarray: [np.array([1.5, 2.5])], dict: [{"a": 1}],
    tuple: [(1.5,)], list[str]: [["a"]], set: [{1}], dict[str, float]: [{"a": 1.5}],
}  # fmt: skip


def outcome(work: Any, value: Any) -> str:
    try:
        return repr(work(value))
    except (FuncnodesError, ValueError, TypeError):
        return "refused"


def by_wire(source: Any, target: Any) -> Any:
    try:
        convert = conversion(PortType.of(source), PortType.of(target))
    except FuncnodesError:
        return None
    return convert or (lambda value: value)


@pytest.mark.parametrize(("source", "target"), [p for p in product(TYPES, TYPES) if p[0] != p[1]])
def test_what_a_set_accepts_a_wire_accepts_and_the_other_way_round(
    source: Any, target: Any
) -> None:
    """A wire that could only ever be refused is not made at all."""
    convert = by_wire(source, target)
    kind = PortType.of(target)
    for value in TYPES[source]:
        given = outcome(kind.accept, value)
        wired = "refused" if convert is None else outcome(convert, value)
        is_text = source is str and target in (int, float, bool)  # a set reads what is typed in
        is_element = source is list and value == ["a"]
        if given == "refused" or wired == "refused":
            assert given == wired or is_text or is_element, (given, wired)


class Colour(enum.Enum):
    RED = 1


@NodeDecorator("agree.whole")
def whole(a: int) -> int:
    return a


@NodeDecorator("agree.half")
def half(a: float) -> float:
    return a


@NodeDecorator("agree.words")
def words(a: str) -> str:
    return a


@NodeDecorator("agree.listed")
def listed(a: list[float]) -> list[float]:
    return a


@NodeDecorator("agree.array")
def array(a: np.ndarray) -> np.ndarray:
    return a


async def along(source: Node, target: Node, value: Any) -> Any:
    source.outputs["out"].connect(target.inputs["a"])
    source.inputs["a"].value = value
    await source
    if target.error is not None:
        raise target.error
    return target.outputs["out"].value


async def test_a_fraction_is_refused_by_a_wire_into_a_whole_number() -> None:
    assert await along(half(), whole(), 3.0) == 3
    with pytest.raises(FuncnodesError, match=r"3\.7 is not a whole number"):
        await along(half(), whole(), 3.7)


async def test_a_number_is_wired_to_text_and_an_array_to_a_list() -> None:
    assert await along(half(), words(), 1.5) == "1.5"
    assert await along(array(), listed(), np.array([1.5, 2.0])) == [1.5, 2.0]


# ── in place ──────────────────────────────────────────────────────────────────────────────


@NodeDecorator("agree.doubles_in_place")
def doubles(a: Any) -> Any:
    a *= 2
    return a


@NodeDecorator("agree.passes")
def passes(a: Any) -> Any:
    return a


@pytest.mark.parametrize("source", [array, passes])
async def test_what_is_changed_in_place_downstream_is_not_changed_upstream(
    source: type[Node],
) -> None:
    before, bad, beside = source(), doubles(), passes()
    for node in (bad, beside):
        before.outputs["out"].connect(node.inputs["a"])
    before.inputs["a"].value = np.array([1.0, 2.0])
    await before
    with pytest.raises(NodeTriggerError, match="read-only"):
        await bad.await_trigger()
    assert list(before.outputs["out"].value) == [1.0, 2.0]
    assert list(beside.outputs["out"].value) == [1.0, 2.0]


async def test_a_copy_may_be_changed() -> None:
    @NodeDecorator("agree.copies")
    def copies(a: Any) -> Any:
        return doubles._function(a.copy())  # type: ignore[misc]

    assert list(await along(array(), copies(), np.array([1.0]))) == [2.0]
