"""The short way that plain nodes take does what the long way does, for any wiring and any input."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from funcnodes import Node, NodeDecorator
from funcnodes.core import NoValue
from funcnodes.core.running.waves import Wave
from funcnodes.errors import NodeCancelled

Wires = list[list[int]]
calls: list[tuple[int, ...]] = []


def one(a: int) -> int:
    calls.append((a,))
    if a % 7 == 6:
        raise ValueError("six")
    return a + 1


def two(a: int, b: int = 2) -> int:
    calls.append((a, b))
    return a * 2 + b


One = NodeDecorator("short.one")(one)
Two = NodeDecorator("short.two")(two)


def graph(kinds: list[bool], wires: Wires) -> list[Node]:
    nodes: list[Node] = [One(), *(Two() if has_two else One() for has_two in kinds)]
    for k, sources in enumerate(wires, 1):
        for port, source in zip(("a", "b"), sources, strict=False):
            if port in nodes[k].inputs:
                nodes[source % k].outputs["out"].connect(nodes[k].inputs[port])
    return nodes


async def driven(nodes: list[Node], values: list[int], drain: bool) -> Any:
    """What was called with what, and what is left, after setting the first input in turn."""
    calls.clear()
    waves = []
    for value in values:
        wave = Wave()
        waves.append(wave)
        nodes[0].inputs["a"].set_value(value, wave=wave)
        wave.close()
        if drain:
            await wave.wait()
    outcomes = [(await wave.wait()).state for wave in waves]
    return (
        list(calls),
        outcomes,
        [(n.runs, n.state, n.outputs["out"].value, repr(n.error)) for n in nodes],
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.booleans(), max_size=8),
    st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=2), min_size=8, max_size=8),
    st.lists(st.integers(0, 20), min_size=1, max_size=5),
    st.booleans(),
)
def test_a_node_nobody_listens_to_runs_as_one_with_listeners(
    kinds: list[bool], wires: Wires, values: list[int], drain: bool
) -> None:
    """T1–T4: calls, their order, outcomes, states and values are the same."""
    wires = wires[: len(kinds)]

    def run(prepare: Callable[[Node], object]) -> Any:
        nodes = graph(kinds, wires)
        for node in nodes:
            prepare(node)
        return asyncio.run(driven(nodes, values, drain))

    assert run(lambda node: None) == run(lambda node: node.on("*", lambda **_: None))


async def test_a_function_that_gives_its_own_node_up_ends_as_cancelled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """T10: what it returns afterwards is late, and discarded; the engine goes on."""

    @NodeDecorator("short.gives_up")
    def gives_up(a: int) -> int:
        nodes[0].cancel("enough")
        return a

    for heard in (False, True):
        nodes: list[Node] = [gives_up(), One()]
        if heard:
            nodes[0].on("*", lambda **_: None)
        nodes[0].outputs["out"].connect(nodes[1].inputs["a"])
        wave = Wave()
        nodes[0].inputs["a"].set_value(1, wave=wave)
        assert (await wave.wait(timeout_s=5)).state == "cancelled"
        assert isinstance(nodes[0].error, NodeCancelled)
        assert nodes[0].outputs["out"].value is NoValue
        assert nodes[1].runs == 0
        nodes[1].inputs["a"].value = 1
        await nodes[1]
        assert nodes[1].outputs["out"].value == 2
    assert not caplog.records  # the loop had nothing to complain of
