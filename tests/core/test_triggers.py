"""Rules T1–T12: when nodes run, with what, and what awaiting means."""

import asyncio
import threading
import time
from itertools import pairwise
from typing import Any

import pytest

from funcnodes.core import Changes, Node, NodeDecorator, NodeInput, NodeOutput, NodeSpace, NoValue
from funcnodes.core.running import run_until_complete
from funcnodes.core.running.waves import Wave
from funcnodes.errors import (
    AwaitCycleError,
    InTriggerError,
    NodeCancelled,
    NodeTimeout,
    NodeTriggerError,
)

from ..waiting import patience


@NodeDecorator("test.add")
def add(a: float, b: float = 1.0) -> float:
    return a + b


@NodeDecorator("test.sum")
def plus(a: float, b: float) -> float:
    return a + b


@NodeDecorator("test.pass")
def passed(a: Any) -> Any:
    return a


@NodeDecorator("test.fails")
def fails(a: Any) -> Any:
    raise ValueError(f"no {a}")


class Gate(Node):
    """Passes its input on when it is told to."""

    node_id = "test.gate"
    a = NodeInput(type=Any)
    out = NodeOutput(type=Any)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.calls: list[Any] = []
        self.began = asyncio.Event()
        self.open = asyncio.Event()

    async def func(self, a: Any) -> Any:
        self.calls.append(a)
        self.began.set()
        await self.open.wait()
        return a


def outputs_of(node: Node, port: str = "out") -> list[Any]:
    """Everything the output is set to from now on."""
    seen: list[Any] = []
    sink = passed()
    sink.policy = "each"
    sink.inputs["a"].receive = lambda value, wave, quality="ok": seen.append(value)  # type: ignore[method-assign]
    node.outputs[port].connect(sink.inputs["a"])
    return seen


async def test_each_set_triggers_once_with_the_arguments_of_that_moment() -> None:
    """T1, T2: `a=2; b=3` on `add(a, b=1)` calls add(2) and then add(2, 3)."""
    node = add()
    seen = outputs_of(node)
    node.inputs["a"].value = 2
    node.inputs["b"].value = 3
    await node
    assert seen == [3, 5]
    assert node.runs == 2


async def test_the_founding_example() -> None:
    """T1: not ready while an input is missing; in trigger from the moment it has all."""
    node = plus()
    node.inputs["a"].value = 1
    assert not node.ready_to_trigger()
    assert not node.in_trigger
    node.inputs["b"].value = 3
    assert not node.ready_to_trigger()
    assert node.in_trigger
    assert node.outputs["out"].value is NoValue
    await node
    assert node.outputs["out"].value == 4


async def test_ten_sets_during_a_run_give_one_rerun_with_the_last_value() -> None:
    """T2."""
    gate = Gate()
    gate.inputs["a"].value = 0
    await gate.began.wait()
    for value in range(1, 11):
        gate.inputs["a"].value = value
    gate.open.set()
    await gate
    assert gate.calls == [0, 10]


async def test_an_older_free_wave_is_superseded_by_a_newer_one() -> None:
    """T4."""
    gate = Gate()
    gate.inputs["a"].value = 0
    await gate.began.wait()
    older, newer = Wave("older"), Wave("newer")
    gate.inputs["a"].set_value(1, wave=older)
    gate.inputs["a"].set_value(2, wave=newer)
    older.close()
    assert older.settled
    assert older.outcome.state == "superseded"
    gate.open.set()
    assert (await newer.wait()).state == "ok"
    assert gate.calls == [0, 2]


async def test_waves_of_a_scan_queue_in_order() -> None:
    """T4: scan waves are never superseded."""
    gate = Gate()
    scan = Wave("scan", scan=True)
    points = [scan.child(str(n)) for n in range(4)]
    for n, point in enumerate(points):
        gate.inputs["a"].set_value(n, wave=point)
    gate.open.set()
    outcomes = [await point.wait() for point in points]
    assert [outcome.state for outcome in outcomes] == ["ok"] * 4
    assert gate.calls == [0, 1, 2, 3]
    assert (await scan.wait()).state == "ok"


async def test_settled_runs_once_per_wave_with_a_consistent_set() -> None:
    """T6: a diamond whose join is `settled` never sees half of it."""
    source, left, right, join = passed(), add(), Gate(), plus()
    join.policy = "settled"
    right.open.set()
    source.outputs["out"].connect(left.inputs["a"])
    source.outputs["out"].connect(right.inputs["a"])
    left.outputs["out"].connect(join.inputs["a"])
    right.outputs["out"].connect(join.inputs["b"])
    seen = outputs_of(join)
    for value in (1, 10):
        source.inputs["a"].value = value
        await source
    assert seen == [3, 21]


async def test_settled_is_skipped_when_an_ancestor_failed() -> None:
    """T6: skipped, and so is what waits behind it; the wave still settles."""
    source, broken, join, after = passed(), fails(), add(), passed()
    join.policy = after.policy = "settled"
    source.outputs["out"].connect(broken.inputs["a"])
    source.outputs["out"].connect(join.inputs["a"])
    broken.outputs["out"].connect(join.inputs["b"])
    join.outputs["out"].connect(after.inputs["a"])
    source.inputs["a"].value = 1
    await source
    assert join.runs == after.runs == 0
    assert broken.state == "error"
    assert source.asked is not None
    assert source.asked.settled
    assert source.asked.outcome.state == "failed"
    assert source.asked.outcome.node is broken


async def test_zip_waits_until_every_input_is_newer() -> None:
    """T6."""
    join = plus()
    join.policy = "zip"
    left, right = passed(), passed()
    left.outputs["out"].connect(join.inputs["a"])
    right.outputs["out"].connect(join.inputs["b"])
    seen = outputs_of(join)
    for node, value in ((left, 1), (left, 2), (right, 10), (right, 20), (left, 3)):
        node.inputs["a"].value = value
        await node
    assert seen == [12, 23]


async def test_if_the_order_input_is_wired_only_it_triggers() -> None:
    """T7."""
    first, second, source = passed(), plus(), passed()
    second.inputs["b"].value = 1
    source.outputs["out"].connect(second.inputs["a"])
    first.outputs["_triggeroutput"].connect(second.inputs["_triggerinput"])
    source.inputs["a"].value = 5
    await source
    assert second.runs == 0
    first.inputs["a"].value = "go"
    await first
    assert second.outputs["out"].value == 6


async def test_awaiting_waits_for_what_is_downstream_but_not_for_siblings() -> None:
    """T9."""
    source, near, slow = passed(), Gate(), Gate()
    source.outputs["out"].connect(near.inputs["a"])
    near.open.set()
    other = passed()
    other.outputs["out"].connect(source.inputs["a"])
    other.outputs["out"].connect(slow.inputs["a"])
    other.inputs["a"].value = 1
    await slow.began.wait()
    await source.settled()
    assert near.outputs["out"].value == 1
    assert slow.in_trigger
    slow.open.set()
    await other.settled()


async def test_awaiting_an_idle_node_triggers_it_once() -> None:
    """T9."""
    node = add()
    node.inputs["a"].value = 1
    await node
    runs = node.runs
    await node
    assert node.runs == runs + 1
    await node.settled()
    assert node.runs == runs + 1


async def test_awaiting_raises_only_the_nodes_own_error() -> None:
    """T9: an error downstream is not the awaited node's."""
    source, broken = passed(), fails()
    source.outputs["out"].connect(broken.inputs["a"])
    source.inputs["a"].value = 1
    await source
    with pytest.raises(NodeTriggerError, match="no 1") as caught:
        await broken
    assert isinstance(caught.value.__cause__, ValueError)


async def test_awaiting_an_ancestor_from_inside_is_an_error() -> None:
    """T9: not a deadlock."""

    class Waits(Node):
        a = NodeInput(type=Any)

        async def func(self, a: Any) -> None:
            await source

    source, waiting = passed(), Waits()
    source.outputs["out"].connect(waiting.inputs["a"])
    source.inputs["a"].value = 1
    await source.settled()
    assert isinstance(waiting.error, AwaitCycleError)


async def test_trigger_while_running_is_refused() -> None:
    gate = Gate()
    gate.inputs["a"].value = 1
    await gate.began.wait()
    with pytest.raises(InTriggerError):
        await gate.trigger()
    gate.open.set()
    await gate.settled()


async def test_cancelling_a_coroutine_reaches_its_awaiter_and_settles_the_wave() -> None:
    """T10: NodeCancelled, never a bare CancelledError."""
    gate = Gate()
    wave = Wave()
    gate.inputs["a"].set_value(1, wave=wave)
    waiter = asyncio.ensure_future(gate._await_done())
    await gate.began.wait()
    gate.cancel("enough")
    with pytest.raises(NodeCancelled, match="enough"):
        await waiter
    assert (await wave.wait()).state == "cancelled"


async def test_a_wave_is_cancelled_with_its_children() -> None:
    """T10."""
    gate = Gate()
    run = Wave("run")
    point = run.child("point")
    gate.inputs["a"].set_value(1, wave=point)
    await gate.began.wait()
    run.cancel("stopped")
    assert (await run.wait()).state == "cancelled"
    assert point.settled
    gate.inputs["a"].set_value(2, wave=point)
    assert gate.calls == [1]


async def test_the_late_result_of_a_thread_is_discarded() -> None:
    """T10: a thread cannot be stopped, but nobody gets what it returns."""
    release, entered = threading.Event(), threading.Event()

    @NodeDecorator("test.blocks", default_run_in="thread")
    def blocks(a: int) -> int:
        entered.set()
        release.wait(patience())
        return a * 100

    node = blocks()
    wave = Wave()
    node.inputs["a"].set_value(1, wave=wave)
    await asyncio.to_thread(entered.wait, 10)
    node.cancel("enough")
    assert (await wave.wait()).state == "cancelled"
    node.run_in = "loop"
    release.set()
    node.inputs["a"].value = 2
    await node
    assert node.outputs["out"].value == 200


async def test_a_node_is_given_up_after_its_timeout() -> None:
    gate = Gate()
    gate.timeout_s = 0.02
    gate.inputs["a"].value = 1
    with pytest.raises(NodeTimeout, match=r"0\.02 s"):
        await gate
    assert gate.asked is not None
    assert gate.asked.outcome.state == "timeout"


async def test_a_scan_learns_of_a_point_that_takes_too_long() -> None:
    """T11."""
    gate = Gate()
    wave = Wave(scan=True)
    gate.inputs["a"].set_value(1, wave=wave)
    outcome = await wave.wait(timeout_s=0.02)
    assert outcome.state == "timeout"
    assert not gate.in_trigger


def test_sets_without_a_loop_are_driven_later() -> None:
    """T12."""
    node = add()
    seen = outputs_of(node)
    node.inputs["a"].value = 2
    node.inputs["b"].value = 3
    assert node.in_trigger
    run_until_complete(node)
    assert seen == [3, 5]


async def test_sets_from_another_thread_go_through_the_loop() -> None:
    """T12."""
    node = add()
    node.inputs["a"].value = 1
    await node
    changed = asyncio.Event()
    node.on("triggerdone", lambda **_: changed.set())
    await asyncio.to_thread(node.inputs["a"].set_value, 41)
    await changed.wait()
    assert node.outputs["out"].value == 42


async def test_a_function_that_proves_slow_moves_to_threads() -> None:
    """T12: after 3 slow calls of 5."""

    @NodeDecorator("test.burns")
    def burns(a: int) -> str:
        end = time.thread_time() + 0.025
        while time.thread_time() < end:
            pass
        return threading.current_thread().name

    node = burns()
    for n in range(4):
        node.inputs["a"].value = n
        await node
    assert node.run_in == "thread"
    assert node.outputs["out"].value == "funcnodes node"


async def test_a_cycle_runs_fairly_and_can_be_cancelled() -> None:
    """T8: other nodes run on meanwhile."""
    a, b, other = passed(), passed(), add()
    a.outputs["out"].connect(b.inputs["a"])
    b.outputs["out"].connect(a.inputs["a"])
    wave = Wave()
    a.inputs["a"].set_value(1, wave=wave)
    wave.close()
    other.inputs["a"].value = 1
    await other
    assert other.outputs["out"].value == 2
    assert a.runs > 1
    wave.cancel("enough")
    assert wave.settled


async def test_a_long_chain_needs_no_recursion() -> None:
    nodes = [passed() for _ in range(5_000)]
    for left, right in pairwise(nodes):
        left.outputs["out"].connect(right.inputs["a"])
    nodes[0].inputs["a"].value = 7
    await nodes[0]
    assert nodes[-1].outputs["out"].value == 7


async def test_a_listener_that_raises_is_not_in_the_way(caplog: pytest.LogCaptureFixture) -> None:
    node = add()

    def raises(**_: Any) -> None:
        raise RuntimeError("listener")

    node.on("*", raises)
    node.inputs["a"].value = 1
    await node
    assert node.outputs["out"].value == 2
    assert "listener" in caplog.text


async def test_what_an_execution_sets_belongs_to_its_wave() -> None:
    """T3: also an input that a function sets by hand."""
    target = passed()

    class Sets(Node):
        a = NodeInput(type=Any)

        async def func(self, a: Any) -> None:
            target.inputs["a"].value = a

    node = Sets()
    wave = Wave()
    node.inputs["a"].set_value(5, wave=wave)
    await wave.wait()
    assert target.inputs["a"].wave is wave
    assert target.outputs["out"].value == 5


async def test_changes_are_noted_for_whoever_watches() -> None:
    space = NodeSpace()
    node = space.add_node_instance(add())
    woken: list[int] = []
    changes: Changes = space.watch(lambda: woken.append(1))
    node.inputs["a"].value = 1
    await node
    assert changes.take() == {node}
    assert len(woken) == 1
    assert changes.take() == set()
    node.inputs["a"].value = 2
    assert changes.take() == {node}
    assert len(woken) == 2
