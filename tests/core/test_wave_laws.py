"""Laws of waves on random graphs, held against a plain evaluation of the same graph (T1–T6, T10).

The values say where they come from: whoever ran with a mix of two stimuli, lost the last one, ran
in a wave that was given up, or outlived its wave, is found out.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from funcnodes.core import Node, NodeDecorator, NodeInput, NodeOutput, Wave
from funcnodes.core.running import Policy, topology

from ..waiting import patience

LAWS = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip
BIG = 1_000_003


@dataclass(frozen=True)
class Ran:
    """One execution: in which wave, with what, of which waves the inputs were, and if too late."""

    wave: Wave
    args: tuple[int, ...]
    inputs: tuple[Wave | None, ...]
    is_late: bool  # begun in a wave that had been given up


def blend(salt: int, args: tuple[int, ...]) -> int:
    return (sum((3 + 2 * n) * arg for n, arg in enumerate(args)) + salt) % BIG


class Step(Node):
    """Blends its inputs, at once or after some turns of the loop; fails on some of them."""

    a = NodeInput(type=int)
    b = NodeInput(type=int)
    out = NodeOutput(type=int)

    def __init__(self, salt: int, policy: Policy, *, two: bool, fails: bool) -> None:
        super().__init__(name=f"step {salt}", io_options={"b": {"required": two}})
        self.salt, self.two, self.fails = salt, two, fails
        self.policy = policy
        self.ran: list[Ran] = []

    def begin(self, args: tuple[int, ...]) -> int:
        wave = self.wave
        assert wave is not None
        assert self._taken is not None
        self.ran.append(Ran(wave, args, self._taken[1][: len(args)], wave.cancelled is not None))
        result = blend(self.salt, args)
        if self.fails and result % 2:
            raise ValueError("as it does")
        return result


class Quick(Step):
    def func(self, **values: int) -> int:
        return self.begin(tuple(values.values()))


class Slow(Step):
    turns = 1

    async def func(self, **values: int) -> int:
        result = self.begin(tuple(values.values()))
        for _ in range(self.turns):
            await asyncio.sleep(0)
        return result


@NodeDecorator("laws.plain")
def plain(a: int) -> int:
    """Goes the engine's short way."""
    return blend(0, (a,))


@dataclass
class Graph:
    source: Node
    nodes: list[Node] = field(default_factory=list)
    left_over: list[Node] = field(default_factory=list)  # busy in a wave that has settled

    @property
    def steps(self) -> Iterator[Step]:
        return (node for node in self.nodes if isinstance(node, Step))

    def model(self, k: int) -> dict[Node, tuple[tuple[int, ...] | None, int | None]]:
        """Arguments and result of every node for one stimulus, None behind a failure."""
        found: dict[Node, tuple[tuple[int, ...] | None, int | None]] = {
            self.source: ((k,), blend(0, (k,)))
        }
        for node in self.nodes:
            given = [found[port.source.node][1] for port in wired(node) if port.source]
            args = tuple(each for each in given if each is not None)
            if len(args) < len(given):
                found[node] = (None, None)
                continue
            result = blend(getattr(node, "salt", 0), args)
            fails = getattr(node, "fails", False) and result % 2 == 1
            found[node] = (args, None if fails else result)
        return found

    def check_rest(self) -> None:
        """Nothing is going on, nothing outlived its wave, nothing began in one given up."""
        assert not any(node.in_flight or node.requests_trigger for node in self.nodes)
        assert self.left_over == []
        assert not any(ran.is_late for step in self.steps for ran in step.ran)


def wired(node: Node) -> list[NodeInput]:
    return [port for port in node.inputs.values() if port.sources]


@st.composite
def graphs(
    draw: st.DrawFn, policies: tuple[Policy, ...] = ("each", "settled"), failing: bool = True
) -> Graph:
    """A source and up to nine nodes behind it, each with one or two earlier ones."""
    graph = Graph(plain())
    earlier: list[Node] = [graph.source]
    wires: list[tuple[Node, NodeInput]] = []
    for salt in range(1, draw(st.integers(2, 10))):
        two = draw(st.booleans())
        node: Node
        if not two and draw(st.integers(0, 3)) == 0:
            node = plain()
        else:
            turns = draw(st.integers(0, 4))
            fails = failing and draw(st.integers(0, 3)) == 0
            kind = Slow if turns else Quick
            policy = draw(st.sampled_from(policies))
            if two and failing:  # `each` would try, and fail on, what is half of a set
                policy = "settled"
            node = kind(salt, policy, two=two, fails=fails)
            if isinstance(node, Slow):
                node.turns = turns
        for port in ("a", "b")[: 1 + two]:
            wires.append((draw(st.sampled_from(earlier)), node.inputs[port]))
        graph.nodes.append(node)
        earlier.append(node)
    for start, end in draw(st.permutations(wires)):  # which is the order in which values go out
        start.outputs["out"].connect(end)
    return graph


GRAPHS = graphs(failing=True) | graphs(failing=False)


def stimulus(graph: Graph, k: int, wave: Wave) -> Wave:
    """Set the source in `wave`; when that settles, nothing of it may be left (T3)."""

    def check(settled: Wave) -> None:
        nodes = (graph.source, *graph.nodes)
        graph.left_over += [node for node in nodes if settled in node.busy_in()]

    wave.when_settled(check)
    graph.source.inputs["a"].set_value(k, wave=wave)
    return wave


async def turns(n: int) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


async def rest(waves: list[Wave]) -> None:
    for wave in waves:
        await asyncio.wait_for(wave.wait(), patience())


def is_pure(step: Step) -> bool:
    """Whether nothing before it mixes waves: `each` takes what is there, whosever it is (T1)."""
    before = [node for node in topology.upstream(step) if isinstance(node, Step)]
    return all(node.policy == "settled" for node in before if node.two)


def has_failed(graph: Graph, node: Node, k: int) -> bool:
    """Whether it, or an ancestor, fails for `k`."""
    return graph.model(k)[node][1] is None


# ── free waves ────────────────────────────────────────────────────────────────────────────


@LAWS
@given(GRAPHS, st.lists(st.integers(0, 8), min_size=1, max_size=7))
def test_nobody_sees_a_mix_and_the_last_value_reaches_everybody(
    graph: Graph, pauses: list[int]
) -> None:
    """T2, T3, T4, T6, however the waves overlap."""
    waves: list[Wave] = []

    async def go() -> None:
        for k, pause in enumerate(pauses):
            waves.append(stimulus(graph, k, Wave(str(k))))
            waves[-1].close()
            await turns(pause)
        await rest(waves)

    asyncio.run(go())
    graph.check_rest()
    assert all(wave.settled for wave in waves)
    models = [graph.model(k) for k in range(len(pauses))]
    last = models[-1]
    for node in graph.nodes:
        if last[node][1] is not None:
            assert node.outputs["out"].value == last[node][1]
    for step in graph.steps:
        for k, wave in enumerate(waves):
            mine = [ran for ran in step.ran if ran.wave is wave]
            if step.policy == "settled":
                assert len(mine) <= 1
                assert not is_pure(step) or all(ran.args == models[k][step][0] for ran in mine)
            elif mine and wave is waves[-1] and last[step][0] is not None:
                assert mine[-1].args == last[step][0]
    for k, wave in enumerate(waves):
        failing = any(result is None for _, result in models[k].values())
        assert wave.outcome.state in ("ok", "superseded") or failing


@LAWS
@given(GRAPHS, st.integers(1, 6))
def test_waves_one_after_the_other_run_every_settled_node_that_nothing_failed_before(
    graph: Graph, points: int
) -> None:
    """T6: exactly once in each wave, and not at all behind a failure."""
    waves: list[Wave] = []

    async def go() -> None:
        for k in range(points):
            waves.append(stimulus(graph, k, Wave(str(k))))
            await rest(waves[-1:])

    asyncio.run(go())
    for step in graph.steps:
        if step.policy != "settled":
            continue
        expected = [
            (wave, model[step][0])
            for wave, model in zip(waves, map(graph.model, range(points)), strict=True)
            if not any(model[node][1] is None for node in topology.upstream(step))
        ]
        assert [(ran.wave, ran.args) for ran in step.ran] == expected
    for k, wave in enumerate(waves):
        failing = any(has_failed(graph, node, k) for node in graph.nodes)
        assert wave.outcome.state == ("failed" if failing else "ok")


@LAWS
@given(
    graphs(policies=("zip",), failing=False), st.lists(st.integers(0, 6), min_size=1, max_size=6)
)
def test_zip_runs_once_for_each_new_set_and_never_with_an_input_twice(
    graph: Graph, pauses: list[int]
) -> None:
    """T6: every wired input is newer than at the last execution."""
    waves: list[Wave] = []

    async def go() -> None:
        for k, pause in enumerate(pauses):
            waves.append(stimulus(graph, k, Wave(str(k))))
            await rest(waves[-1:])
            await turns(pause)

    asyncio.run(go())
    for step in graph.steps:
        assert [ran.wave for ran in step.ran] == waves
        assert [ran.args for ran in step.ran] == [
            graph.model(k)[step][0] for k in range(len(pauses))
        ]
        assert all(wave is ran.wave for ran in step.ran for wave in ran.inputs)


# ── what these laws have found ────────────────────────────────────────────────────────────


def step(salt: int, policy: Policy, turns: int, *sources: Node) -> Step:
    node = (Slow if turns else Quick)(salt, policy, two=len(sources) > 1, fails=False)
    if isinstance(node, Slow):
        node.turns = turns
    for source, port in zip(sources, ("a", "b"), strict=False):
        source.outputs["out"].connect(node.inputs[port])
    return node


async def test_an_older_wave_does_not_take_the_place_of_a_newer_one_that_waits() -> None:
    """T4: the newest wave, whichever asked last; what the older one brings is taken with it."""
    node = step(1, "each", 3)
    node.inputs["a"].value = 1
    await turns(1)
    older, newer = Wave("older"), Wave("newer")
    node.inputs["a"].set_value(3, wave=newer)
    node.inputs["a"].set_value(2, wave=older)
    older.close()
    assert (older.settled, older.outcome.state) == (True, "superseded")
    assert (await newer.wait(timeout_s=5)).state == "ok"
    assert [ran.args for ran in node.ran] == [(1,), (2,)]


async def test_behind_a_superseded_node_a_settled_one_leaves_the_older_wave_alone() -> None:
    """T6: else it would join a new value with one from before the superseded request."""
    source = plain()
    slow = step(1, "each", 4, source)
    join = step(2, "settled", 0, source, slow)
    waves = [Wave(str(k)) for k in range(4)]
    for k, wave in enumerate(waves):
        source.inputs["a"].set_value(k, wave=wave)
        wave.close()
        await (turns(1) if k else rest([wave]))
    await rest(waves)
    assert [wave.outcome.state for wave in waves][2:] == ["superseded", "ok"]
    assert all(b == blend(1, (a,)) for a, b in (ran.args for ran in join.ran))
    assert join.ran[-1].wave is waves[-1]


async def test_a_settled_node_leaves_a_wave_alone_whose_values_a_newer_one_has_replaced() -> None:
    """T6: although the newer wave was superseded itself, by one that is still on its way."""
    source = plain()
    one, two = step(1, "settled", 4, source), step(2, "settled", 3, source)
    late = step(3, "each", 2, one)
    join = step(4, "settled", 2, late, two)
    waves = [Wave(str(k)) for k in range(4)]
    for k, (wave, pause) in enumerate(zip(waves, (1, 4, 4, 2), strict=True)):
        source.inputs["a"].set_value(k, wave=wave)
        wave.close()
        await turns(pause)
    await rest(waves)
    sets = [
        (blend(3, (blend(1, (blend(0, (k,)),)),)), blend(2, (blend(0, (k,)),))) for k in range(4)
    ]
    assert all(ran.args in sets for ran in join.ran)
    assert join.ran[-1].args == sets[-1]


async def test_a_busy_settled_node_runs_later_with_the_set_it_was_given() -> None:
    """T6: values of a newer wave that come before its turn are not mixed in."""
    source = plain()
    fast, slow = step(1, "each", 0, source), step(2, "each", 2, source)
    join = step(3, "settled", 6, fast, slow)
    waves = [Wave(str(k)) for k in range(4)]
    for k, wave in enumerate(waves):
        source.inputs["a"].set_value(k, wave=wave)
        wave.close()
        await turns(3)
    await rest(waves)
    sets = [tuple(blend(salt, (blend(0, (k,)),)) for salt in (1, 2)) for k in range(4)]
    assert all(ran.args in sets for ran in join.ran)
    assert join.ran[-1].args == sets[-1]


async def test_a_settled_node_that_is_not_ready_lets_those_behind_it_run() -> None:
    """T3, T6: it is passed over, and neither holds up the wave nor who waits for it."""
    source, unready, last = plain(), step(1, "settled", 0), step(2, "settled", 0)
    source.outputs["out"].connect(unready.inputs["b"])
    source.outputs["out"].connect(last.inputs["a"])
    unready.outputs["out"].connect(last.inputs["b"])
    wave = Wave()
    source.inputs["a"].set_value(1, wave=wave)
    assert (await wave.wait(timeout_s=5)).state == "ok"
    assert (len(unready.ran), len(last.ran)) == (0, 1)


# ── giving up ─────────────────────────────────────────────────────────────────────────────


@LAWS
@given(
    GRAPHS,
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["wave", "parent", "none"])), min_size=1,
             max_size=5),
)  # fmt: skip
def test_a_wave_that_is_given_up_comes_to_rest_at_once_and_leaves_nothing(
    graph: Graph, plan: list[tuple[int, str]]
) -> None:
    """T10: coroutines unwind within two turns; `begin` sees that nothing else begins in it."""
    waves: list[Wave] = []

    async def go() -> None:
        for k, (pause, what) in enumerate(plan):
            parent = Wave("parent")
            wave = stimulus(graph, k, parent.child(str(k), scan=False))
            waves.append(wave)
            wave.close()
            await turns(pause)
            given_up = not wave.settled and what != "none"
            if what != "none":
                (wave if what == "wave" else parent).cancel("enough")
            if given_up:
                await turns(2)
                assert wave.settled
                assert wave.outcome.state in ("cancelled", "failed", "superseded")
            parent.close()
            assert parent.settled == wave.settled
        await rest(waves)

    asyncio.run(go())
    graph.check_rest()
    assert not any(wave.active or wave.waiting or wave._children for wave in waves)


# ── scans ─────────────────────────────────────────────────────────────────────────────────


@LAWS
@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=5),
    st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=8),
)
def test_points_of_a_scan_are_never_superseded_and_go_through_a_chain_in_order(
    links: list[tuple[int, bool]], plan: list[tuple[bool, int]]
) -> None:
    """T4: also between free waves, and where points overlap, each node runs once per point."""
    graph = Graph(plain())
    before: Node = graph.source
    for salt, (pause, _) in enumerate(links, 1):
        step = (Slow if pause else Quick)(salt, "each", two=False, fails=False)
        if isinstance(step, Slow):
            step.turns = pause
        before.outputs["out"].connect(step.inputs["a"])
        graph.nodes.append(step)
        before = step
    run = Wave("scan", scan=True)
    points: list[tuple[int, Wave]] = []
    free: list[Wave] = []

    async def go() -> None:
        for k, (is_point, pause) in enumerate(plan):
            wave = run.child(str(k)) if is_point else Wave(str(k))
            stimulus(graph, k, wave).close()
            if is_point:
                points.append((k, wave))
            else:
                free.append(wave)
            await turns(pause)
        await rest([run, *free])

    asyncio.run(go())
    graph.check_rest()
    assert all(wave.settled and wave.outcome.state == "ok" for _, wave in points)
    assert all(wave.outcome.state in ("ok", "superseded") for wave in free)
    of_points = [wave for _, wave in points]
    for step in graph.steps:
        mine = [(ran.wave, ran.args) for ran in step.ran if ran.wave in of_points]
        assert mine == [(wave, graph.model(k)[step][0]) for k, wave in points]


# ── cycles ────────────────────────────────────────────────────────────────────────────────


@LAWS
@given(st.lists(st.integers(0, 2), min_size=2, max_size=5), st.integers(0, 40), st.booleans())
def test_a_cycle_stays_in_its_wave_until_it_ends_or_is_given_up(
    members: list[int], turn: int, give_up: bool
) -> None:
    """T8: and somebody else's node has its turn meanwhile."""
    limit = 500

    class Count(Node):
        a = NodeInput(type=int)
        out = NodeOutput(type=int)
        turns = 0
        waves: set[Wave | None]

        def func(self, a: int) -> int | None:
            self.waves.add(self.wave)
            return a + 1 if a < limit else None

    class Awaited(Count):
        async def func(self, a: int) -> int | None:  # type: ignore[override]  # a coroutine
            await turns(self.turns)
            return Count.func(self, a)

    ring: list[Count] = []
    for pause in members:
        node = Awaited() if pause else Count()
        node.turns, node.waves = pause, set()
        ring.append(node)
    for one, other in zip(ring, [*ring[1:], ring[0]], strict=True):
        one.outputs["out"].connect(other.inputs["a"])
    outside = plain()

    async def go() -> None:
        wave = Wave("cycle")
        ring[0].inputs["a"].set_value(0, wave=wave)
        wave.close()
        await turns(turn)
        outside.inputs["a"].value = 1
        await asyncio.wait_for(outside.settled(), 1)
        assert outside.runs == 1
        if give_up:
            was_settled = wave.settled
            wave.cancel("enough")
            await turns(2)
            assert wave.settled
            assert wave.outcome.state == ("ok" if was_settled else "cancelled")
        else:
            assert (await asyncio.wait_for(wave.wait(), patience())).state == "ok"
            assert max(node.inputs["a"].value for node in ring) == limit
        assert set().union(*(node.waves for node in ring)) <= {wave}

    asyncio.run(go())
    assert not any(node.in_flight for node in ring)


def test_the_evaluation_that_all_is_held_against_is_right() -> None:
    """By hand: 2 → source 6 → a 3·6 + 1, and both → b 3·6 + 5·19 + 2."""
    graph = Graph(plain())
    one, both = Quick(1, "each", two=False, fails=False), Quick(2, "each", two=True, fails=True)
    graph.source.outputs["out"].connect(one.inputs["a"])
    graph.source.outputs["out"].connect(both.inputs["a"])
    one.outputs["out"].connect(both.inputs["b"])
    graph.nodes += [one, both]
    found: dict[Any, Any] = graph.model(2)
    assert found[one] == ((6,), 19)
    assert found[both] == ((6, 19), None)
    assert graph.model(1)[both] == ((3, 10), None)
    assert graph.model(0)[both] == ((0, 1), None)
    with pytest.raises(KeyError):
        found[plain()]
