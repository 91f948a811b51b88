"""T12: one door from any thread. What a thread asks is done on the nodes' loop, in order."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from funcnodes.core import Engine, Library, Node, NodeDecorator, NodeSpace, Shelf
from funcnodes.core.running import run_until_complete
from funcnodes.core.watchdog import Watchdog
from funcnodes.errors import GraphError, NodeTriggerError, PortMismatchError

from ..waiting import patience, until


@NodeDecorator("threads.add")
def add(a: int, b: int = 1) -> int:
    return a + b


@NodeDecorator("threads.words")
def words(a: str) -> str:
    return a


@NodeDecorator("threads.fails")
def fails(a: int) -> int:
    raise ValueError(f"no {a}")


async def by_thread(work: Callable[[], Any]) -> Any:
    return await asyncio.wait_for(asyncio.to_thread(work), patience())


def values_of(node: Node, port: str) -> list[Any]:
    """All that come to an input from now on."""
    seen: list[Any] = []
    node.inputs[port].on("after_set_value", lambda *, result, **_: seen.append(result))
    return seen


async def test_an_output_that_a_thread_sets_goes_through_the_loop_in_order() -> None:
    source, target = add(), add()
    source.outputs["out"].connect(target.inputs["a"])
    seen = values_of(target, "a")

    def work() -> None:
        for n in range(50):
            source.outputs["out"].value = n
            target.inputs["b"].value = n

    await by_thread(work)
    await target
    assert seen == list(range(50))
    assert target.outputs["out"].value == 98


async def test_a_request_from_a_thread_runs_the_node() -> None:
    node = add()
    node.inputs["a"].set_value(1, does_trigger=False)
    await by_thread(node.request_trigger)
    await until(lambda: node.runs == 1)


async def test_edges_that_a_thread_makes_and_takes_away_are_there_when_it_goes_on() -> None:
    source, target, third = add(), add(), add()
    source.inputs["a"].value = 1
    await source

    def work() -> list[Any]:
        edge = source.outputs["out"].connect(target.inputs["a"])
        made = target.inputs["a"].is_connected()
        target.inputs["b"].forward(third.inputs["b"])
        source.outputs["out"].disconnect(target.inputs["a"])
        return [edge[1:4:2], made, target.inputs["a"].is_connected()]

    assert await by_thread(work) == [["out", "a"], True, False]
    await until(lambda: target.runs == 1)
    assert target.outputs["out"].value == 3
    assert third.inputs["b"].sources


async def test_what_a_thread_may_not_do_is_raised_in_the_thread() -> None:
    source, target = add(), words()

    def work() -> None:
        with pytest.raises(PortMismatchError):
            words().outputs["out"].connect(add().inputs["a"])
        space.add_node_instance(source)
        with pytest.raises(GraphError, match="already"):
            space.add_node_instance(source)

    space = NodeSpace()
    await by_thread(work)
    assert space.nodes == [source]
    assert target.nodespace is None


async def test_nodes_come_and_go_by_a_thread() -> None:
    space = NodeSpace(Library(Shelf([add])))

    def work() -> tuple[bool, bool]:
        node = space.add_node_by_id("threads.add", uuid="one")
        node.inputs["a"].value = 5
        other = space.add_node_by_id("threads.add", uuid="two")
        there = space.get_node_by_id("two") is other
        space.remove_node_by_id("two")
        return there, space.has_node("two")

    assert await by_thread(work) == (True, False)
    await space.await_done()
    assert space.get_node_by_id("one").outputs["out"].value == 6


async def test_a_loop_that_waits_for_the_thread_is_no_deadlock() -> None:
    """What the thread asks for is done as soon as the loop is free."""
    source, target = add(), add()
    source.inputs["a"].value = 1
    await source

    def work() -> None:
        source.outputs["out"].connect(target.inputs["a"])
        source.outputs["out"].value = 7

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    await until(lambda: target.outputs["out"].value == 8)


async def test_an_error_that_comes_too_late_for_the_thread_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source, target = words(), add()
    thread = threading.Thread(target=source.outputs["out"].connect, args=(target.inputs["a"],))
    thread.start()
    thread.join()
    await until(lambda: "does not fit" in caplog.text)


async def test_a_function_in_a_thread_may_set_its_own_output() -> None:
    """T3: it belongs to the execution's wave, and its awaiter is told."""

    @NodeDecorator("threads.own", separate_thread=True, outputs=[{"name": "out", "type": int}])
    def own(a: int, node: Node) -> None:
        for n in range(a):
            node.outputs["out"].value = n

    node, after = own(), add()
    node.outputs["out"].connect(after.inputs["a"])
    seen = values_of(after, "a")
    node.inputs["a"].value = 4
    wave = node.wave
    async with asyncio.timeout(patience()):
        await node
    assert seen[:4] == [0, 1, 2, 3]
    assert node.outputs["out"].wave is wave


async def test_a_node_is_awaited_from_the_loop_of_another_thread() -> None:
    node, bad = add(), fails()
    node.inputs["a"].value = 1
    await node

    async def elsewhere() -> Any:
        node.inputs["a"].value = 41
        await node
        bad.inputs["a"].value = 1
        with pytest.raises(NodeTriggerError, match="no 1"):
            await bad
        await node.settled()
        return node.outputs["out"].value

    assert await by_thread(lambda: asyncio.run(elsewhere())) == 42


async def test_a_thread_runs_nodes_of_the_loop_until_they_are_complete() -> None:
    node = add()
    node.inputs["a"].value = 1
    await node

    def work() -> Any:
        node.inputs["a"].value = 9
        run_until_complete(node)
        return node.outputs["out"].value

    assert await by_thread(work) == 10


async def test_giving_up_from_a_thread_gives_up() -> None:
    @NodeDecorator("threads.waits")
    async def waits(a: int) -> int:
        await asyncio.Event().wait()
        return a

    node = waits()
    node.inputs["a"].value = 1
    await until(lambda: node.is_working)
    await by_thread(node.cancel)
    await until(lambda: not node.in_trigger)
    assert node.state == "error"


async def test_a_node_that_is_queued_while_nobody_drains_the_queue_is_named_and_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As one that was set before there was a loop."""
    node = add(name="Left behind")
    engine = Engine()
    node.engine = engine
    engine._loop = None
    await asyncio.to_thread(node.inputs["a"].set_value, 1)
    assert node.state == "queued"
    assert engine.stranded is node
    with caplog.at_level(logging.WARNING), Watchdog(engine, held_s=0.05):
        await until(lambda: node.state == "done")
    assert "'Left behind' is queued" in caplog.text
