"""`Previous` starts the next wave, so that cycles come to rest in between (T8)."""

import asyncio
from typing import Any

import pytest

from funcnodes.core import NodeDecorator, NoValue, Wave, clock

from ..waiting import patience


@NodeDecorator("feedback.step")
def step(x: float, stop: float = 5) -> float:
    if x >= stop:
        raise ValueError("far enough")
    return x + 1


def loop(graph: Any, **settings: Any) -> tuple[Any, Any]:
    """step → Previous → step"""
    node = graph.space.add_node_instance(step())
    previous = graph.add("control.previous", **settings)
    node.outputs["out"].connect(previous.inputs["value"])
    previous.outputs["out"].connect(node.inputs["x"])
    return node, previous


async def test_a_loop_goes_on_wave_by_wave_until_one_fails(graph: Any) -> None:
    """T3, T8: each round is a wave of its own, settled before the next begins."""
    node, previous = loop(graph)
    waves: list[Wave] = []
    node.on("triggerstart", lambda **_: waves.append(node.wave))
    failed = asyncio.Event()
    node.on("error", lambda **_: failed.set())
    previous.inputs["initial"].set_value(0.0)
    await asyncio.wait_for(failed.wait(), patience())
    assert node.outputs["out"].value == 5
    assert len(waves) == len(set(waves)) == 6
    assert all(wave.settled for wave in waves[:-1])
    await graph.at_rest()
    assert waves[-1].outcome.state == "failed"


async def test_awaiting_a_node_of_the_loop_waits_for_this_wave_only(graph: Any) -> None:
    """T9: what comes next is another wave."""
    node, previous = loop(graph)
    node.inputs["stop"].set_value(1e9, does_trigger=False)
    previous.inputs["initial"].set_value(0.0)
    await asyncio.wait_for(node.settled(), patience())
    previous.cancel()
    await graph.at_rest()
    seen = node.runs
    await graph.at_rest()
    assert node.runs == seen


async def test_it_keeps_an_interval_between_the_waves(graph: Any) -> None:
    with clock.use(clock.VirtualClock()):
        node, previous = loop(graph, interval=600.0)
        began = clock.monotonic()
        failed = asyncio.Event()
        node.on("error", lambda **_: failed.set())
        previous.inputs["initial"].set_value(0.0)
        await asyncio.wait_for(failed.wait(), patience())
        assert clock.monotonic() - began >= 5 * 600.0


async def test_in_a_scan_the_value_of_the_last_point_waits_for_the_next(graph: Any) -> None:
    """T8, R1: nothing is set off, and the value counts as one of an outer wave."""
    number = graph.add("input.number", value=0)
    minus = graph.add("sub_node")
    previous = graph.add("control.previous")
    number.outputs["out"].connect(minus.inputs["a"])
    number.outputs["out"].connect(previous.inputs["value"])
    previous.outputs["out"].connect(minus.inputs["b"])
    await graph.at_rest()
    previous.outputs["out"].place(NoValue, Wave())
    seen = graph.seen(minus.outputs["out"])
    scan = Wave("scan")
    for value in (1, 4, 9, 16):
        point = scan.child(str(value))
        number.inputs["value"].set_value(value, wave=point)
        await point.wait(timeout_s=5)
    assert seen.values == [3, 5, 7]
    assert previous.outputs["out"].wave is scan


async def test_disarming_ends_the_loop_and_going_live_offers_the_initial_value(graph: Any) -> None:
    """A1."""
    node, previous = loop(graph, initial=2.0)
    await graph.at_rest()
    node.inputs["stop"].set_value(1e9, does_trigger=False)
    previous.inputs["initial"].set_value(0.0)
    ran = asyncio.Event()
    node.on("triggerdone", lambda **_: ran.set())
    await asyncio.wait_for(ran.wait(), patience())
    graph.space.arming = "disarmed"
    await graph.at_rest()
    seen = node.runs
    await asyncio.sleep(0)
    assert node.runs == seen


@pytest.mark.parametrize("muted", [True, False])
async def test_a_muted_one_ends_the_loop(graph: Any, muted: bool) -> None:
    node, previous = loop(graph)
    previous.muted = muted
    previous.inputs["initial"].set_value(0.0)
    await graph.at_rest()
    assert node.runs == (0 if muted else 6)
