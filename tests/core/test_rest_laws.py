"""T2a: a node at rest is right, whatever came before.

Random graphs get values in overlapping waves, from tasks and threads, and are rewired meanwhile.
Once nothing runs, each output is held against its function of the inputs as they stand.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from funcnodes.core import Node, NodeDecorator, NodeInput, NodeOutput, Wave
from funcnodes.core.running import Policy

from ..waiting import patience, until

LAWS = settings(
    max_examples=100,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow],
)
PORTS = ("a", "b", "c")


def blend(salt: int, a: int, b: int, c: int) -> int:
    return (salt + 3 * a + 5 * b + 7 * c) % 1_000_003


class Blend(Node):
    """Blends three inputs, at once."""

    a = NodeInput(type=int, default=0)
    b = NodeInput(type=int, default=0)
    c = NodeInput(type=int, default=0)
    out = NodeOutput(type=int)

    def __init__(self, salt: int, policy: Policy, turns: int = 0) -> None:
        super().__init__(name=f"blend {salt}")
        self.salt, self.turns = salt, turns
        self.policy = policy

    def func(self, a: int, b: int, c: int) -> int:
        return blend(self.salt, a, b, c)


class SlowBlend(Blend):
    """Takes some turns of the loop."""

    async def func(self, a: int, b: int, c: int) -> int:
        for _ in range(self.turns):
            await asyncio.sleep(0)
        return blend(self.salt, a, b, c)


class Queued(SlowBlend):
    """Its requests queue, as those of devices do."""

    queues = True


@NodeDecorator("rest.plain")
def plain(a: int = 0) -> int:
    """Goes the engine's short way."""
    return blend(0, a, 0, 0)


@dataclass
class Bench:
    """A graph, and waves that stay open while others come and go."""

    nodes: list[Node] = field(default_factory=list)
    waves: list[Wave] = field(default_factory=list)
    old: list[Wave] = field(default_factory=list)  # opened long ago, and not used yet

    def check_rest(self) -> None:
        for node in self.nodes:
            assert not node.in_flight
            assert not node.requests_trigger
            if node.runs:
                self.check(node)
            else:
                assert all(port.wave is None for port in parameters(node)), node

    def check(self, node: Node) -> None:
        values = {port.id: port.value for port in parameters(node)}
        is_right = (
            node.outputs["out"].value == node.func(**values)
            if (not isinstance(node, SlowBlend))
            else node.outputs["out"].value == blend(node.salt, **values)
        )
        assert is_right or (node.policy == "zip" and waits_for_a_partner(node)), (node, values)


def parameters(node: Node) -> list[NodeInput]:
    return [node.inputs[port] for port in PORTS if port in node.inputs]


def waits_for_a_partner(node: Node) -> bool:
    """Whether a wired input of a `zip` node is as old as at its last execution (T6)."""
    taken = node._taken
    assert taken is not None
    waves = dict(zip(node._names, taken[1], strict=True))
    return any(port.wave is waves[port.id] for port in parameters(node) if port.sources)


def made(salt: int, kind: str, policy: Policy, turns: int) -> Node:
    if kind == "plain":
        return plain()
    if kind == "thread":
        node = Blend(salt, policy)
        node.run_in = "thread"
        return node
    return {"quick": Blend, "slow": SlowBlend, "queued": Queued}[kind](salt, policy, turns)


Made = tuple[str, Policy, int]
Step = tuple[Any, ...]


@st.composite
def plans(
    draw: st.DrawFn, kinds: tuple[str, ...], policies: tuple[Policy, ...]
) -> tuple[list[Made], list[Step], list[Step]]:
    """Nodes, their wires, and what happens to them."""
    many = draw(st.integers(2, 5))
    nodes = draw(
        st.lists(
            st.tuples(st.sampled_from(kinds), st.sampled_from(policies), st.integers(1, 5)),
            min_size=many, max_size=many,
        )
    )  # fmt: skip
    target = st.integers(1, many - 1)
    port = st.sampled_from(PORTS)
    wire = st.tuples(st.just("wire"), target, port, st.integers(0, 5))
    put = st.tuples(st.just("set"), st.integers(0, many - 1), port, st.integers(1, 99),
                    st.sampled_from([None, 0, 1, 2, 3]))  # fmt: skip
    late = st.tuples(st.just("late"), st.integers(0, many - 1), port, st.integers(1, 99))
    close = st.tuples(st.just("close"), st.integers(0, 3))
    pause = st.tuples(st.just("pause"), st.integers(1, 4))
    wires = draw(st.lists(wire, max_size=8))
    steps = draw(st.lists(put | put | late | late | pause | wire | close, min_size=3, max_size=16))
    return nodes, wires, steps


def wire(bench: Bench, target: int, port: str, source: int) -> None:
    node, before = bench.nodes[target], bench.nodes[source % target]
    inp = node.inputs.get(port)
    if inp is not None and before.outputs["out"].value.__class__ is int:
        before.outputs["out"].connect(inp, replace=True)


async def play(bench: Bench, steps: list[Step]) -> None:
    bench.waves = [Wave("0"), Wave("1"), Wave("2", scan=True), Wave("3")]
    bench.old = [Wave(f"old {n}") for n in range(16)]
    for what, *args in steps:
        if what == "wire":
            wire(bench, *args)
        elif what == "close":
            bench.waves[args[0]].close()
        elif what == "late":
            wave = bench.old.pop()
            put(bench, *args, wave)
            wave.close()
        elif what == "pause":
            for _ in range(args[0]):
                await asyncio.sleep(0)
        else:
            wave = bench.waves[args.pop()] if args[-1] is not None else None
            put(bench, *args[:3], wave if wave is not None and wave._open else None)
    for wave in bench.waves:
        await asyncio.wait_for(wave.wait(), patience())
    await until(lambda: not any(node.in_flight for node in bench.nodes))


def put(bench: Bench, target: int, port: str, value: int, wave: Wave | None) -> None:
    inp = bench.nodes[target].inputs.get(port)
    if inp is not None and not inp.sources:  # what is wired is set by its wire
        inp.set_value(value, wave=wave)


async def started(nodes: list[Made], wires: list[Step]) -> Bench:
    bench = Bench([made(salt, *each) for salt, each in enumerate(nodes)])
    for node in bench.nodes:  # an output to be wired has a value
        node.inputs["a"].value = 1
    await until(lambda: not any(node.in_flight for node in bench.nodes))
    for _, *args in wires:
        wire(bench, *args)
        await until(lambda: not any(node.in_flight for node in bench.nodes))
    return bench


def holds(plan: tuple[list[Made], list[Step], list[Step]]) -> None:
    nodes, wires, steps = plan

    async def go() -> None:
        bench = await started(nodes, wires)
        await play(bench, steps)
        bench.check_rest()

    asyncio.run(go())


@LAWS
@given(plans(kinds=("plain", "quick", "slow", "queued"), policies=("each", "settled")))
def test_a_node_at_rest_is_right(plan: tuple[list[Made], list[Step], list[Step]]) -> None:
    """T2a: `each` and `settled`, functions and devices, free waves and a scan's."""
    holds(plan)


@LAWS
@given(plans(kinds=("plain", "quick", "slow"), policies=("each", "settled", "zip")))
def test_a_zip_at_rest_is_right_or_waits_for_a_partner(
    plan: tuple[list[Made], list[Step], list[Step]],
) -> None:
    """T2a, T6: `zip` has run with every set of which all members had come."""
    holds(plan)


@settings(LAWS, max_examples=20)
@given(plans(kinds=("quick", "slow", "thread"), policies=("each", "settled", "zip")))
def test_what_ran_in_threads_rests_right_too(
    plan: tuple[list[Made], list[Step], list[Step]],
) -> None:
    """T2a, T10."""
    holds(plan)


# ── what these laws have found ────────────────────────────────────────────────────────────


async def test_a_value_of_an_older_wave_is_taken_by_the_rerun_that_waits() -> None:
    """T2a, T4: the older wave is let go of, not what was set in it."""
    node = SlowBlend(0, "settled", 4)
    oldest, older = Wave("oldest"), Wave("older")
    node.inputs["a"].value = 1
    await asyncio.sleep(0)
    node.inputs["a"].value = 3
    node.inputs["b"].set_value(20, wave=older)
    older.close()
    node.inputs["c"].set_value(200, wave=oldest)
    oldest.close()
    assert older.outcome.state == oldest.outcome.state == "superseded"
    await node.settled()
    assert node.outputs["out"].value == blend(0, 3, 20, 200)


async def test_what_was_let_go_of_is_taken_although_the_newer_wave_is_given_up() -> None:
    """T2a, T10: the older value was set by somebody else."""
    node = SlowBlend(0, "settled", 4)
    older, newer = Wave("older"), Wave("newer")
    node.inputs["a"].value = 1
    await asyncio.sleep(0)
    node.inputs["b"].set_value(20, wave=older)
    older.close()
    node.request(newer)
    newer.close()
    assert older.outcome.state == "superseded"
    newer.cancel("enough")
    await until(lambda: not node.in_flight)
    assert node.outputs["out"].value == blend(0, 1, 20, 0)


async def test_what_was_let_go_of_is_taken_although_the_newer_wave_brings_nothing() -> None:
    """T2a: the newer one was on its way to the node, and its ancestor fails."""

    @NodeDecorator("rest.refuses")
    async def refuses(a: int) -> int:
        for _ in range(3):
            await asyncio.sleep(0)
        if a > 1:
            raise ValueError("as it does")
        return a

    before, node = refuses(), SlowBlend(0, "settled", 1)
    before.outputs["out"].connect(node.inputs["a"])
    older = Wave("older")
    before.inputs["a"].value = 1
    await node
    before.inputs["a"].value = 2
    node.inputs["b"].set_value(20, wave=older)
    older.close()
    await until(lambda: not (before.in_flight or node.in_flight))
    assert node.outputs["out"].value == blend(0, 1, 20, 0)
    assert not node.requests_trigger


async def test_half_of_a_set_that_failed_is_not_taken() -> None:
    """T6: of the newer wave one value has come, the other never will."""

    @NodeDecorator("rest.fails")
    async def fails(a: int) -> int:
        await asyncio.sleep(0)
        if a > 1:
            raise ValueError("as it does")
        return a

    source, slow, node = plain(), fails(), SlowBlend(0, "settled", 1)
    source.outputs["out"].connect(slow.inputs["a"])
    source.outputs["out"].connect(node.inputs["a"])
    slow.outputs["out"].connect(node.inputs["b"])
    source.inputs["a"].value = 0
    await node
    before = node.outputs["out"].value
    source.inputs["a"].value = 1
    await source
    assert node.outputs["out"].value == before
    assert node.inputs["a"].value == blend(0, 1, 0, 0)


async def test_a_slow_settled_node_keeps_up_with_inputs_that_come_all_the_time() -> None:
    """T2a, as it was found: a slow node before one of three inputs, sets without a pause."""

    @NodeDecorator("rest.late")
    async def late(a: int) -> int:
        await asyncio.sleep(0.01)
        return a

    async def once(pause: int) -> None:
        before, node = late(), SlowBlend(0, "settled", pause + 5)
        before.outputs["out"].connect(node.inputs["a"])
        for k in range(1, 8):
            for inp, value in (
                (before.inputs["a"], k), (node.inputs["b"], 10 * k), (node.inputs["c"], 100 * k),
            ):  # fmt: skip
                inp.value = value
                await asyncio.sleep(0.0004 * pause)
        await until(lambda: not (before.in_flight or node.in_flight))
        assert node.outputs["out"].value == blend(0, 7, 70, 700)

    await asyncio.gather(*(once(pause) for pause in range(20)))
