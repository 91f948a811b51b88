"""T9, T10, T12: driving nodes by hand, and what may come out of a function."""

import asyncio
import gc
from itertools import pairwise
from typing import Any

import pytest

from funcnodes.core import Node, NodeDecorator, NodeInput, NodeOutput, NodeSpace, NoValue, Wave
from funcnodes.core.running import run_until_complete
from funcnodes.errors import AwaitCycleError, GraphError, InTriggerError, NodeTriggerError

from ..waiting import patience, until


@NodeDecorator("driving.add")
def add(a: int, b: int = 1) -> int:
    return a + b


@NodeDecorator("driving.later")
async def later(a: int) -> int:
    await asyncio.sleep(0)
    return a + 1


@NodeDecorator("driving.fails")
def fails(a: int) -> int:
    raise ValueError(f"no {a}")


def chain(*kinds: type[Node]) -> list[Node]:
    nodes = [kind() for kind in kinds]
    for left, right in pairwise(nodes):
        left.outputs["out"].connect(right.inputs["a"])
    return nodes


# ── run_until_complete ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("kinds", [(add, add, add), (later, add, later)])
def test_each_of_a_chain_runs_once(kinds: tuple[type[Node], ...], order: tuple[int, ...]) -> None:
    nodes = chain(*kinds)
    nodes[0].inputs["a"].value = 1
    run_until_complete(*(nodes[n] for n in order))
    assert [node.runs for node in nodes] == [1, 1, 1]
    assert nodes[2].outputs["out"].value == 4


def test_nodes_that_nothing_asked_for_run_once_each() -> None:
    nodes = chain(add, add)
    nodes[0].inputs["a"].set_value(1, does_trigger=False)
    run_until_complete(nodes[1], nodes[0])
    assert [node.runs for node in nodes] == [1, 1]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("kinds", [(add, add), (later, add), (add, later)])
async def test_inside_a_running_loop_it_is_awaited(
    kinds: tuple[type[Node], ...], order: tuple[int, ...]
) -> None:
    nodes = chain(*kinds)
    nodes[0].inputs["a"].value = 1
    await run_until_complete(*(nodes[n] for n in order))
    assert [node.runs for node in nodes] == [1, 1]
    assert nodes[1].outputs["out"].value == 3


async def test_inside_a_running_loop_what_can_be_run_at_once_is() -> None:
    """As founding programs have it that are pasted into a notebook."""
    nodes = chain(add, add)
    nodes[0].inputs["a"].value = 1
    run_until_complete(nodes[1], nodes[0])
    assert nodes[1].outputs["out"].value == 3
    bad = fails()
    bad.inputs["a"].value = 1
    with pytest.raises(NodeTriggerError, match="no 1"):
        run_until_complete(bad)


async def test_what_is_not_awaited_inside_a_loop_runs_all_the_same() -> None:
    node = later()
    node.inputs["a"].value = 1
    run_until_complete(node)
    gc.collect()
    await until(lambda: node.runs == 1)


async def test_inside_a_running_loop_errors_reach_whoever_awaits() -> None:
    before, bad = chain(later, fails)
    before.inputs["a"].value = 1
    with pytest.raises(NodeTriggerError, match="no 2"):
        await run_until_complete(before, bad)


# ── trigger ───────────────────────────────────────────────────────────────────────────────


async def test_a_trigger_that_nobody_awaits_starts_the_node() -> None:
    node = add()
    node.inputs["a"].set_value(1, does_trigger=False)
    node.trigger()
    assert node.in_trigger
    with pytest.raises(InTriggerError):
        node.trigger()
    await until(lambda: node.runs == 1)
    assert await asyncio.wait_for(node.trigger(), patience()) is node
    assert node.runs == 2


async def test_whoever_awaits_a_trigger_is_told_its_error() -> None:
    node = fails()
    node.inputs["a"].set_value(1, does_trigger=False)
    with pytest.raises(NodeTriggerError, match="no 1"):
        await node.trigger()
    assert node.runs == 1


# ── what may come out of a function, and out of a listener ────────────────────────────────


class Stop(BaseException):
    """Of somebody's own."""


BASE = [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit, Stop]


def raising(error: type[BaseException], how: str) -> Node:
    def quick(a: int) -> int:
        raise error

    async def slow(a: int) -> int:
        await asyncio.sleep(0)
        raise error

    def two(a: int, b: int = 0) -> tuple[int, int]:
        raise error

    function = {"coroutine": slow, "two": two}.get(how, quick)
    made = NodeDecorator(f"driving.raising.{how}", separate_thread=how == "thread")(function)
    return made()


@pytest.mark.parametrize("error", BASE)
@pytest.mark.parametrize("how", ["inline", "two", "coroutine", "thread"])
async def test_whatever_a_function_raises_is_its_nodes_error_and_nobody_elses(
    error: type[BaseException], how: str
) -> None:
    node, other = raising(error, how), later()
    node.inputs["a"].value = 1
    other.inputs["a"].value = 1
    with pytest.raises(NodeTriggerError) as raised:
        await asyncio.wait_for(asyncio.ensure_future(waiting_for(node)), patience())
    assert isinstance(raised.value.__cause__, error)
    assert (node.state, node.in_trigger) == ("error", False)
    await other
    assert other.outputs["out"].value == 2
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def waiting_for(node: Node) -> None:
    await node


@pytest.mark.parametrize("error", BASE)
@pytest.mark.parametrize("event", ["*", "triggerstart", "triggerdone", "after_set_value", "error"])
async def test_whatever_a_listener_raises_is_logged_and_no_more(
    error: type[BaseException], event: str, caplog: pytest.LogCaptureFixture
) -> None:
    def listener(**_: Any) -> None:
        raise error

    node, bad = add(), fails()
    node.on(event, listener)
    bad.on(event, listener)
    node.inputs["a"].value = bad.inputs["a"].value = 1
    await node
    with pytest.raises(NodeTriggerError, match="no 1"):
        await bad
    assert (node.state, bad.state) == ("done", "error")
    assert "A listener" in caplog.text


async def test_a_node_that_is_given_up_is_told_so_and_not_that_it_failed() -> None:
    """T10: its coroutine is cancelled, which is not an error of its own."""
    node = later()
    node.inputs["a"].value = 1
    await until(lambda: node.is_working or node.runs)
    node.inputs["a"].value = 2
    node.cancel("enough")
    await until(lambda: not node.in_trigger)
    assert "enough" in str(node.error)


# ── waiting for each other ────────────────────────────────────────────────────────────────


async def test_nodes_that_await_each_other_without_a_wire_are_an_error() -> None:
    """T9: of the one that would close the circle; the others get its error."""
    nodes: list[Node] = []

    @NodeDecorator("driving.circle")
    async def circle(of: int) -> int:
        await nodes[of]
        return of

    nodes += [circle(name=f"circle {n}") for n in range(3)]
    for n, node in enumerate(nodes):
        node.inputs["of"].set_value((n + 1) % 3, does_trigger=False)
    with pytest.raises(NodeTriggerError, match="cannot await"):
        await asyncio.wait_for(waiting_for(nodes[0]), patience())
    assert isinstance(nodes[2].error, AwaitCycleError)
    assert not any(node.in_trigger for node in nodes)


async def test_a_node_may_await_another_and_be_followed_by_others_that_do() -> None:
    nodes: list[Node] = []

    @NodeDecorator("driving.asks")
    async def asks(of: int) -> int:
        await asyncio.gather(nodes[of], nodes[of])
        return nodes[of].outputs["out"].value

    nodes += [later(), asks(), asks()]
    nodes[0].inputs["a"].value = 1
    nodes[1].inputs["of"].value = 0
    nodes[2].inputs["of"].value = 1
    await asyncio.wait_for(waiting_for(nodes[2]), patience())
    assert nodes[2].outputs["out"].value == 2


@pytest.mark.parametrize("how", ["settled", "node", "wave"])
async def test_waiting_that_was_given_up_leaves_no_watcher(how: str) -> None:
    """T9."""

    @NodeDecorator("driving.never")
    async def never(a: int) -> int:
        await asyncio.Event().wait()
        return a

    node, wave = never(), Wave()
    node.inputs["a"].set_value(1, wave=wave)
    wave.close()
    for _ in range(5):
        waits = {"settled": node.settled, "node": lambda: waiting_for(node), "wave": wave.wait}[how]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waits(), 0.001)
    assert wave.watchers == []
    assert not wave.settled
    node.cancel()
    await wave.wait()


# ── long ways ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("backwards", [False, True])
async def test_inputs_may_be_forwarded_ten_thousand_times(backwards: bool) -> None:
    nodes = [add() for _ in range(10_000)]
    pairs = list(pairwise(nodes))
    for left, right in reversed(pairs) if backwards else pairs:
        left.inputs["a"].forward(right.inputs["a"])
    nodes[0].inputs["a"].value = 7
    await nodes[-1].settled()
    assert nodes[-1].outputs["out"].value == 8
    nodes[0].inputs["a"].unset()
    assert nodes[-1].inputs["a"].value is NoValue
    nodes[-1].inputs["b"].value = 2


async def test_a_forwarded_value_goes_depth_first_as_edges_do() -> None:
    nodes = [add(name=str(n)) for n in range(5)]
    order: list[str] = []
    for node in nodes:
        node.inputs["a"].on("after_set_value", lambda *, src, **_: order.append(src.node.name))
    for left, right in ((0, 1), (0, 3), (1, 2), (3, 4)):
        nodes[left].inputs["a"].forward(nodes[right].inputs["a"])
    nodes[0].inputs["a"].value = 1
    assert order == ["0", "1", "2", "3", "4"]


# ── one of each ───────────────────────────────────────────────────────────────────────────


def test_two_classes_with_one_id_are_refused() -> None:
    NodeDecorator("driving.one")(add_one)
    with pytest.raises(GraphError, match=r"two node classes.*driving\.one") as refused:
        NodeDecorator("driving.one")(add_two)
    assert "add_one" in str(refused.value)
    assert "add_two" in str(refused.value)


def test_a_class_that_is_made_again_takes_the_place_of_the_first() -> None:
    """As by a cell of a notebook, or a module that is loaded anew."""
    made = [NodeDecorator("driving.again")(add_one) for _ in range(2)]
    assert made[0] is not made[1]


def add_one(a: int) -> int:
    return a + 1


def add_two(a: int) -> int:
    return a + 2


def test_a_node_is_in_one_nodespace() -> None:
    first, second, node = NodeSpace(), NodeSpace(), add(name="Only one")
    first.add_node_instance(node)
    with pytest.raises(GraphError, match="Only one is in another nodespace"):
        second.add_node_instance(node)
    first.remove_node_instance(node)
    second.add_node_instance(node)
    assert node.nodespace is second


# ── outputs ───────────────────────────────────────────────────────────────────────────────


async def test_an_output_named_like_an_input_is_renamed() -> None:
    @NodeDecorator("driving.same", outputs=[{"name": "a"}, {"name": "b"}])
    def same(a: int, b: int, b_: int = 0) -> tuple[int, int]:
        return a + 1, b + b_

    node = same()
    assert [port for port in node.inputs if port[0] != "_"] == ["a", "b", "b_"]
    assert [port for port in node.outputs if port[0] != "_"] == ["a_", "b__"]
    assert node.outputs["a_"].name == "a"
    node.inputs["a"].value, node.inputs["b"].value = 1, 2
    await node
    assert (node.outputs["a_"].value, node.outputs["b__"].value) == (2, 2)


async def test_an_output_of_a_class_named_like_an_input_is_renamed() -> None:
    class Same(Node):
        node_id = "driving.same_class"
        a = NodeInput(type=int)
        doubled = NodeOutput("a", type=int)

        def func(self, a: int) -> int:
            return 2 * a

    node = Same()
    node.inputs["a"].value = 2
    await node
    assert node.outputs["a_"].value == node.doubled.value == 4


async def test_a_superclass_keeps_outputs_of_its_own() -> None:
    """What the function returns goes to those of the function."""

    class Counting(Node):
        count = NodeOutput(type=int)

        def begin(self) -> None:
            self.outputs["count"].value = self.runs + 1

    @NodeDecorator("driving.counting", superclass=Counting)
    def counting(a: int, node: Node) -> int:
        assert isinstance(node, Counting)
        node.begin()
        return a

    @NodeDecorator("driving.counting_two", superclass=Counting)
    def two(a: int) -> tuple[int, int]:
        return a, a + 1

    node, other = counting(), two()
    node.inputs["a"].value = other.inputs["a"].value = 5
    await node
    await other
    assert (node.outputs["out"].value, node.outputs["count"].value) == (5, 1)
    assert [other.outputs[port].value for port in ("out0", "out1")] == [5, 6]
    assert await counting.initialize_and_call(a=1) == 1
