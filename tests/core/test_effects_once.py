"""What acts on the world is done once: no way of asking for another attempt repeats it (T11)."""

import asyncio
from typing import Any, ClassVar

import pytest

from funcnodes import Node, NodeInput, NodeOutput, NodeSpace
from funcnodes.core import Library, Shelf, Wave
from funcnodes.errors import GraphError


class Writes(Node):
    """Acts on the world, then fails; its author asked for attempts that it must not get."""

    node_id = "once.writes"
    effect = True
    default_max_attempts = 3
    a = NodeInput(type=int)
    out = NodeOutput(type=int)
    done: ClassVar[list[int]] = []

    def func(self, a: int) -> int:
        self.done.append(a)
        raise OSError("no acknowledgement")


class WritesInTurns(Writes):
    node_id = "once.coroutine"

    async def func(self, a: int) -> int:
        await asyncio.sleep(0)
        return super().func(a)


class Reads(Writes):
    """The same without an effect, to show that the attempts are there to be had."""

    node_id = "once.reads"
    effect = False


@pytest.fixture(autouse=True)
def done() -> list[int]:
    """What was done to the world."""
    Writes.done.clear()
    return Writes.done


@pytest.mark.parametrize("kind", [Writes, WritesInTurns])
@pytest.mark.parametrize("run_in", ["auto", "loop", "thread"])
async def test_a_failed_effect_is_not_repeated(
    kind: type[Writes], run_in: Any, done: list[int]
) -> None:
    node = kind()
    node.run_in = run_in
    retries: list[int] = []
    node.on("retry", lambda attempt, **_: retries.append(attempt))
    wave = Wave()
    node.inputs["a"].set_value(1, wave=wave)
    outcome = await wave.wait(timeout_s=10)
    assert outcome.state == "failed"
    assert done == [1]
    assert retries == []


async def test_the_same_node_without_an_effect_is_tried_as_often_as_its_class_says(
    done: list[int],
) -> None:
    wave = Wave()
    node = Reads()
    node.inputs["a"].set_value(1, wave=wave)
    assert (await wave.wait(timeout_s=10)).state == "failed"
    assert done == [1, 1, 1]


async def test_a_failed_effect_is_not_repeated_in_a_graph_that_is_live(done: list[int]) -> None:
    space = NodeSpace(Library(Shelf([Writes])))
    node = space.add_node_by_id("once.writes")
    wave = Wave()
    node.inputs["a"].set_value(2, wave=wave)
    assert (await wave.wait(timeout_s=10)).state == "failed"
    assert done == [2]
    node.inputs["a"].value = 3  # somebody asks again: that is no repetition
    with pytest.raises(Exception, match="no acknowledgement"):
        await node
    assert done == [2, 3]


def test_a_saved_file_cannot_ask_for_more_attempts_of_an_effect() -> None:
    space = NodeSpace(Library(Shelf([Writes])))
    node = space.add_node_by_id("once.writes")
    saved = space.serialize()
    saved["nodes"][0]["max_attempts"] = 5
    again = NodeSpace(space.lib)
    with pytest.raises(GraphError, match="acts on the world"):
        again.deserialize(saved)
    assert node.max_attempts == 3
