"""What holds for waves in every graph (T1–T6), tried on random ones."""

import asyncio
from typing import Any

from hypothesis import given, settings, strategies as st

from funcnodes.core import Node, NodeInput, NodeOutput, Wave


class Source(Node):
    k = NodeInput(type=int)
    out = NodeOutput(type=int)

    def func(self, k: int) -> int:
        return k


class Join(Node):
    """Gives the newest of its inputs, after a few turns of the loop; keeps what it was given."""

    a = NodeInput(type=int)
    b = NodeInput(type=int, required=False)
    out = NodeOutput(type=int)

    def __init__(self, turns: int, policy: Any) -> None:
        super().__init__()
        self.turns = turns
        self.policy = policy
        self.seen: list[tuple[Wave | None, int, int]] = []

    async def func(self, a: int, b: int | None = None) -> int:
        self.seen.append((self.wave, a, a if b is None else b))
        for _ in range(self.turns):
            await asyncio.sleep(0)
        return max(a, a if b is None else b)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Source, list[Join]]:
    """A source and joins behind it; each takes one or two earlier nodes."""
    source = Source()
    joins: list[Join] = []
    earlier: list[Node] = [source]
    for _ in range(draw(st.integers(1, 8))):
        join = Join(draw(st.integers(0, 3)), draw(st.sampled_from(["each", "settled"])))
        for port in ("a", "b")[: draw(st.integers(1, 2))]:
            draw(st.sampled_from(earlier)).outputs["out"].connect(join.inputs[port])
        joins.append(join)
        earlier.append(join)
    return source, joins


@settings(max_examples=150, deadline=None)
@given(graphs(), st.lists(st.integers(0, 3), min_size=1, max_size=6), st.booleans())
def test_every_wave_settles_and_settled_nodes_end_with_one_consistent_set(
    graph: tuple[Source, list[Join]], pauses: list[int], overlapping: bool
) -> None:
    """T3, T4, T6: every wave settles, no `settled` node runs twice in one, and the last value
    reaches everything; where waves do not overlap, a `settled` node never sees a mix."""
    source, joins = graph
    waves: list[Wave] = []

    async def stimulate() -> None:
        for k, pause in enumerate(pauses, 1):
            wave = Wave(str(k))
            waves.append(wave)
            source.inputs["k"].set_value(k, wave=wave)
            wave.close()
            for _ in range(pause):
                await asyncio.sleep(0)
            if not overlapping:
                await asyncio.wait_for(wave.wait(), 10)
        for wave in waves:
            outcome = await asyncio.wait_for(wave.wait(), 10)
            assert outcome.state in ("ok", "superseded")

    asyncio.run(stimulate())
    assert all(wave.settled for wave in waves)
    for join in joins:
        assert join.outputs["out"].value == len(pauses)
        assert not join.in_trigger
        if join.policy == "settled":
            in_waves = [wave for wave, _, _ in join.seen]
            assert len(in_waves) == len(set(in_waves))
            assert join.seen[-1][1:] == (len(pauses), len(pauses))
            assert overlapping or all(a == b for _, a, b in join.seen)


@settings(max_examples=60, deadline=None)
@given(graphs(), st.integers(1, 5))
def test_a_scan_runs_every_settled_node_once_per_point(
    graph: tuple[Source, list[Join]], points: int
) -> None:
    """T4, R1: one consistent execution per point, in order, nothing superseded."""
    source, joins = graph

    async def scan() -> None:
        run = Wave("run")
        for k in range(points):
            point = run.child(str(k))
            source.inputs["k"].set_value(k, wave=point)
            assert (await asyncio.wait_for(point.wait(), 10)).state == "ok"
        assert (await run.wait()).state == "ok"

    asyncio.run(scan())
    for join in joins:
        if join.policy == "settled":
            assert [(a, b) for _, a, b in join.seen] == [(k, k) for k in range(points)]


@settings(max_examples=60, deadline=None)
@given(graphs(), st.integers(0, 6))
def test_a_cancelled_wave_settles_and_leaves_nothing_running(
    graph: tuple[Source, list[Join]], turns: int
) -> None:
    """T10."""
    source, joins = graph

    async def cancel() -> None:
        wave = Wave()
        source.inputs["k"].set_value(1, wave=wave)
        wave.close()
        for _ in range(turns):
            await asyncio.sleep(0)
        ended = wave.settled
        wave.cancel("enough")
        outcome = await asyncio.wait_for(wave.wait(), 10)
        assert outcome.state == ("ok" if ended else "cancelled")

    asyncio.run(cancel())
    assert not any(join.in_flight for join in joins)


async def test_a_settled_node_that_is_not_ready_lets_those_behind_it_run() -> None:
    """T3, T6: it is passed over, and neither holds up the wave nor who waits for it."""
    source, unready, last = Source(), Join(0, "settled"), Join(0, "settled")
    source.outputs["out"].connect(unready.inputs["b"])
    source.outputs["out"].connect(last.inputs["a"])
    unready.outputs["out"].connect(last.inputs["b"])
    wave = Wave()
    source.inputs["k"].set_value(1, wave=wave)
    assert (await wave.wait(timeout_s=5)).state == "ok"
    assert (len(unready.seen), len(last.seen)) == (0, 1)
