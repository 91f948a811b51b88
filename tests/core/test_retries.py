"""A node may be tried more than once: per node, in the same wave, with the same arguments (T11)."""

import asyncio
from typing import Any

import pytest

from funcnodes import Node, NodeDecorator, NodeInput, NodeOutput, NodeSpace
from funcnodes.core import Library, Shelf, Wave
from funcnodes.errors import GraphError, NodeCancelled, NodeTimeout

from ..waiting import patience


class Flaky(Node):
    """Fails as often as it is told to, then gives its input."""

    node_id = "retries.flaky"
    a = NodeInput(type=int)
    out = NodeOutput(type=int)
    failures = 0

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.calls: list[int] = []
        self.waves: set[Any] = set()

    def func(self, a: int) -> int:
        self.calls.append(a)
        self.waves.add(self.wave)
        if len(self.calls) <= self.failures:
            raise ValueError(f"attempt {len(self.calls)}")
        return a


class FlakyCoroutine(Flaky):
    node_id = "retries.coroutine"

    async def func(self, a: int) -> int:
        await asyncio.sleep(0)
        return super().func(a)


@pytest.mark.parametrize("kind", [Flaky, FlakyCoroutine])
@pytest.mark.parametrize("run_in", ["auto", "thread"])
async def test_a_node_is_tried_again_in_its_wave_with_its_arguments(
    kind: type[Flaky], run_in: Any
) -> None:
    node = kind()
    node.run_in, node.failures, node.max_attempts = run_in, 2, 3
    attempts: list[int] = []
    node.on("retry", lambda attempt, **_: attempts.append(attempt))
    wave = Wave()
    node.inputs["a"].set_value(1, wave=wave)
    node.inputs["a"].value = 2  # for the rerun that comes afterwards
    wave.close()
    await node
    assert node.calls[:3] == [1, 1, 1]
    assert node.calls[3:] == [2]
    assert attempts == [1, 2]
    assert wave.outcome.state == "ok"
    assert (node.runs, node.state, node.outputs["out"].value) == (2, "done", 2)


async def test_the_last_failure_is_the_nodes_error_and_the_next_execution_begins_anew() -> None:
    node = Flaky()
    node.failures, node.max_attempts = 5, 2
    for value, expected in ((1, 2), (2, 4), (3, 6)):
        wave = Wave()
        node.inputs["a"].set_value(value, wave=wave)
        outcome = await wave.wait(timeout_s=5)
        assert len(node.calls) == expected
        assert outcome.state == ("failed" if expected < 6 else "ok")
    assert node.error is None


async def test_a_plain_function_can_be_tried_again() -> None:
    calls: list[int] = []

    @NodeDecorator("retries.function", default_max_attempts=3)
    def sometimes(a: int) -> int:
        calls.append(a)
        if len(calls) % 3:
            raise ValueError("not yet")
        return a

    node = sometimes()
    for value in (1, 2):
        node.inputs["a"].value = value
        await node
    assert calls == [1, 1, 1, 2, 2, 2]


async def test_cancelling_ends_the_wait_for_the_next_attempt() -> None:
    """T10."""
    node = Flaky()
    node.failures, node.max_attempts, node.retry_delay_s = 5, 5, 60.0
    tried = asyncio.Event()
    node.on("retry", lambda **_: tried.set())
    wave = Wave()
    node.inputs["a"].set_value(1, wave=wave)
    await asyncio.wait_for(tried.wait(), patience())
    node.cancel()
    assert (await wave.wait(timeout_s=5)).state == "cancelled"
    assert isinstance(node.error, NodeCancelled)
    assert node.calls == [1]


async def test_an_attempt_that_timed_out_is_not_repeated() -> None:
    """It may still be at work."""

    class Hangs(FlakyCoroutine):
        node_id = "retries.hangs"

        async def func(self, a: int) -> int:
            self.calls.append(a)
            await asyncio.Event().wait()
            return a

    node = Hangs()
    node.max_attempts, node.timeout_s = 3, 0.01
    wave = Wave()
    node.inputs["a"].set_value(1, wave=wave)
    assert (await wave.wait(timeout_s=5)).state == "timeout"
    assert isinstance(node.error, NodeTimeout)
    assert node.calls == [1]


def test_what_acts_on_the_world_is_never_tried_again() -> None:
    class Writes(Flaky):
        node_id = "retries.writes"
        effect = True

    with pytest.raises(GraphError, match="acts on the world, and is never tried again by itself"):
        Writes().max_attempts = 2
    with pytest.raises(GraphError, match="cannot be tried 0 times"):
        Flaky().max_attempts = 0


def test_attempts_and_times_are_saved_and_loaded() -> None:
    space = NodeSpace(Library(Shelf([Flaky])))
    node = space.add_node_by_id("retries.flaky")
    plain = space.add_node_by_id("retries.flaky")
    node.max_attempts, node.retry_delay_s, node.timeout_s = 4, 0.5, 9.0
    saved = space.serialize()
    assert "max_attempts" not in saved["nodes"][1]
    again = NodeSpace(space.lib)
    again.deserialize(saved)
    loaded = again.get_node_by_id(node.uuid)
    assert (loaded.max_attempts, loaded.retry_delay_s, loaded.timeout_s) == (4, 0.5, 9.0)
    assert again.get_node_by_id(plain.uuid).max_attempts == 1
    assert again.serialize() == saved
