"""T5: what a stream carries is lossless up to a bound, and what it drops is counted and told."""

import asyncio
from typing import Annotated, Any

import pytest
from hypothesis import given, settings, strategies as st

from funcnodes import Node, NodeDecorator, NodeInput, NodeOutput, NodeSpace, Stream, StreamInput
from funcnodes.core import NoValue, Wave
from funcnodes.errors import GraphError, StreamOverflow

from ..waiting import patience


class Source(Node):
    """Gives several values in one execution."""

    node_id = "streams.source"
    values = NodeInput(type=list)
    out = NodeOutput(type=Any)

    def func(self, values: list[Any]) -> None:
        for value in values:
            self.out.set(value)


class Slow(Node):
    """Notes what it takes, and needs a few turns of the loop for each."""

    node_id = "streams.slow"
    item = StreamInput(type=Any, capacity=5)
    gain = NodeInput(type=int, default=1)
    out = NodeOutput(type=Any)

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.taken: list[Any] = []
        self.open = asyncio.Event()
        self.open.set()

    async def func(self, item: Any, gain: int) -> Any:
        self.taken.append(item * gain)
        await self.open.wait()
        return item * gain


def pair() -> tuple[Source, Slow]:
    source, slow = Source(), Slow()
    source.outputs["out"].connect(slow.inputs["item"])
    return source, slow


async def test_every_value_of_one_execution_comes_through_in_order() -> None:
    """T5: a value port would have run once more, with the last."""
    source, slow = pair()
    source.inputs["values"].value = [1, 2, 3, 4, 5]
    await source
    assert slow.taken == [1, 2, 3, 4, 5]
    assert slow.outputs["out"].value == 5


async def test_each_item_runs_in_its_own_wave_which_waits_for_it() -> None:
    """T3, T5: free waves are not superseded here; each settles when its item is done."""
    _, slow = pair()
    slow.open.clear()
    waves = [Wave(str(k)) for k in range(3)]
    for k, wave in enumerate(waves):
        slow.inputs["item"].set_value(k, wave=wave)
        wave.close()
    assert not any(wave.settled for wave in waves)
    slow.open.set()
    assert [(await wave.wait(timeout_s=5)).state for wave in waves] == ["ok"] * 3
    assert slow.taken == [0, 1, 2]


async def test_what_does_not_fit_is_dropped_counted_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """T5: the wave that lost a value has failed, and says which port lost it."""
    _, slow = pair()
    told: list[int] = []
    slow.inputs["item"].on("dropped", lambda dropped, **_: told.append(dropped))
    slow.open.clear()
    waves = [Wave(str(k)) for k in range(8)]
    for k, wave in enumerate(waves):  # one is taken, five may wait
        slow.inputs["item"].set_value(k, wave=wave)
        wave.close()
    port = slow.inputs["item"]
    assert isinstance(port, StreamInput)
    assert (port.waiting, port.dropped, told) == (5, 2, [1, 2])
    assert [status["dropped"] for status in [port.status()]] == [2]
    slow.open.set()
    outcomes = [await wave.wait(timeout_s=5) for wave in waves]
    assert [outcome.state for outcome in outcomes] == ["ok"] * 6 + ["failed"] * 2
    assert isinstance(outcomes[-1].error, StreamOverflow)
    assert "item dropped a value, since 5 are waiting" in str(outcomes[-1].error)
    assert slow.taken == [0, 1, 2, 3, 4, 5]
    assert len(caplog.records) == 1


async def test_a_parameter_is_taken_when_the_execution_begins_and_sets_nothing_off() -> None:
    _, slow = pair()
    slow.open.clear()
    slow.inputs["item"].value = 1
    slow.inputs["item"].value = 2
    await asyncio.sleep(0)
    slow.inputs["gain"].value = 10
    slow.open.set()
    await slow
    assert slow.taken == [1, 20]


async def test_two_streams_go_in_pairs_and_one_that_waits_for_a_partner_holds_no_wave() -> None:
    @NodeDecorator("streams.pair")
    def both(a: Annotated[int, Stream()], b: Annotated[int, Stream(7)]) -> Any:
        seen.append((a, b))
        return a + b

    seen: list[tuple[int, int]] = []
    node = both()
    assert isinstance(node.inputs["b"], StreamInput)
    assert node.inputs["b"].capacity == 7
    early = Wave()
    node.inputs["a"].set_value(1, wave=early)
    node.inputs["a"].set_value(2, wave=early)
    assert (await early.wait(timeout_s=5)).state == "ok"
    assert seen == []
    node.inputs["b"].value = 10
    node.inputs["b"].value = 20
    node.inputs["b"].value = 30
    await node.settled()
    assert seen == [(1, 10), (2, 20)]
    assert node.inputs["b"].waiting == 1


async def test_with_an_order_wire_each_trigger_takes_one_item() -> None:
    """T7: if ▶ is wired, only ▶ triggers."""
    source, slow = pair()
    starter = Source()
    starter.outputs["_triggeroutput"].connect(slow.inputs["_triggerinput"])
    source.inputs["values"].value = [1, 2, 3]
    await source
    assert slow.taken == []
    for expected in ([1], [1, 2]):
        starter.inputs["values"].value = []
        await starter
        assert slow.taken == expected


async def test_items_wait_until_a_required_parameter_has_a_value() -> None:
    @NodeDecorator("streams.scaled")
    def scaled(item: Annotated[int, Stream()], by: int) -> int:
        seen.append(item * by)
        return item * by

    seen: list[int] = []
    node = scaled()
    node.inputs["item"].value = 1
    node.inputs["item"].value = 2
    await asyncio.wait_for(node.settled(), patience())
    assert seen == []
    node.inputs["by"].value = 3
    await node
    assert seen == [3, 6]


async def test_cancelling_a_wave_drops_its_items_only() -> None:
    """T10."""
    _, slow = pair()
    slow.open.clear()
    waves = [Wave(str(k)) for k in range(4)]
    for k, wave in enumerate(waves):
        slow.inputs["item"].set_value(k, wave=wave)
        wave.close()
    await asyncio.sleep(0)
    waves[2].cancel("enough")
    assert waves[2].settled
    slow.open.set()
    for wave in waves:
        await wave.wait(timeout_s=5)
    assert slow.taken == [0, 1, 3]
    slow.open.clear()
    last = Wave()
    for k in (5, 6):
        slow.inputs["item"].set_value(k, wave=last)
    last.close()
    await asyncio.sleep(0)
    slow.cancel()
    assert (await last.wait(timeout_s=5)).state == "cancelled"
    assert not slow.in_flight


async def test_connecting_hands_over_nothing_old() -> None:
    source, slow = Source(), Slow()
    source.inputs["values"].value = [1]
    await source
    source.outputs["out"].connect(slow.inputs["item"])
    await slow.settled()
    assert slow.taken == []
    assert slow.inputs["item"].value is NoValue


def test_a_stream_must_hold_at_least_one_item() -> None:
    with pytest.raises(GraphError, match="must be able to hold an item, not 0"):
        StreamInput("x", capacity=0)


async def test_a_muted_node_lets_a_stream_pass_by() -> None:
    source, slow = pair()
    slow.muted = True
    source.inputs["values"].value = list(range(20))
    await source
    port = slow.inputs["item"]
    assert isinstance(port, StreamInput)
    assert (port.waiting, port.dropped) == (0, 0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(), max_size=4), max_size=6), st.integers(0, 3))
def test_nothing_is_lost_or_reordered_and_every_wave_settles(
    bursts: list[list[int]], turns: int
) -> None:
    """T3, T5: for any bursts at any pace, taken + dropped is what came, in order."""

    async def drive() -> None:
        source, slow = pair()
        waves = []
        for burst in bursts:
            wave = Wave()
            waves.append(wave)
            source.inputs["values"].set_value(burst, wave=wave)
            wave.close()
            for _ in range(turns):
                await asyncio.sleep(0)
            await source.wait_for_trigger_finish()
        for wave in waves:
            await wave.wait(timeout_s=10)
        port = slow.inputs["item"]
        assert isinstance(port, StreamInput)
        came = [value for burst in bursts for value in burst]
        rest = iter(came)
        assert all(value in rest for value in slow.taken)  # a subsequence: in order, none twice
        assert len(slow.taken) + port.dropped == len(came)
        assert not slow.in_flight

    asyncio.run(drive())


async def test_a_stream_is_saved_and_loaded_as_its_class_has_it() -> None:
    space = NodeSpace()
    source, slow = pair()
    space.add_node_instance(source)
    space.add_node_instance(slow)
    saved = space.serialize()
    assert saved["edges"] == [[source.uuid, "out", slow.uuid, "item"]]
