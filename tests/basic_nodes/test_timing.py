"""Wait, debounce, throttle, stopwatch: on a clock that jumps."""

import asyncio
from typing import Any

import pytest

from funcnodes.core import Wave, clock
from funcnodes.errors import ValueRefusedError


async def at(begin: float, second: float) -> None:
    await clock.sleep(begin + second - clock.monotonic())


async def play(node: Any, *values: tuple[float, Any]) -> float:
    """Set each value at its second; returns when that began."""
    begin = clock.monotonic()
    for second, value in values:
        await at(begin, second)
        node.inputs["input"].set_value(value)
    return begin


@pytest.mark.usefixtures("virtual_clock")
async def test_wait_passes_a_value_on_later_in_its_own_wave(graph: Any) -> None:
    node = graph.add("wait_node", delay=2.5)
    seen = graph.seen(node.output)
    begin, wave = clock.monotonic(), Wave()
    node.inputs["input"].set_value("x", wave=wave)
    assert (await wave.wait()).state == "ok"
    assert (seen.values, seen.at) == (["x"], [begin + 2.5])
    assert seen.waves == [wave]


@pytest.mark.usefixtures("virtual_clock")
async def test_of_values_that_wait_the_newest_wins(graph: Any) -> None:
    """T2."""
    node = graph.add("wait_node", delay=1)
    seen = graph.seen(node.output)
    begin = await play(node, (0, "a"), (0.2, "b"), (0.4, "c"))
    await graph.at_rest()
    assert seen.values == ["a", "c"]
    assert [t - begin for t in seen.at] == pytest.approx([1, 2])


async def test_a_wait_longer_than_a_week_is_refused(graph: Any) -> None:
    with pytest.raises(ValueRefusedError, match=r"delay cannot be set: .* is outside"):
        graph.add("wait_node", delay=1e9)


@pytest.mark.usefixtures("virtual_clock")
async def test_debounce_waits_for_quiet_since_the_last_value(graph: Any) -> None:
    node = graph.add("control.debounce", quiet=1.0)
    seen = graph.seen(node.out)
    begin = await play(node, (0, 1), (0.5, 2), (0.9, 3), (1.8, 4), (5.0, 5))
    await graph.at_rest()
    assert seen.values == [4, 5]
    assert [t - begin for t in seen.at] == pytest.approx([2.8, 6.0])


@pytest.mark.usefixtures("virtual_clock")
async def test_waves_of_values_that_bounced_settle(graph: Any) -> None:
    """T4: the last wave carries the value; the others end, as superseded or with nothing."""
    node = graph.add("control.debounce", quiet=1.0)
    waves = [Wave(str(n)) for n in range(3)]
    for n, wave in enumerate(waves):
        node.inputs["input"].set_value(n, wave=wave)
        await clock.sleep(0.1)
    outcomes = [await wave.wait() for wave in waves]
    assert [o.state for o in outcomes] == ["ok", "superseded", "ok"]
    assert node.out.wave is waves[2]
    assert node.out.value == 2


@pytest.mark.usefixtures("virtual_clock")
async def test_throttle_passes_the_first_at_once_and_then_the_latest(graph: Any) -> None:
    node = graph.add("control.throttle", interval=1.0)
    seen = graph.seen(node.out)
    begin = await play(node, (0, 1), (0.3, 2), (0.6, 3), (3.0, 4), (3.5, 5))
    await graph.at_rest()
    assert seen.values == [1, 3, 4, 5]
    assert [t - begin for t in seen.at] == pytest.approx([0, 1, 3, 4])


@pytest.mark.usefixtures("virtual_clock")
async def test_a_stopwatch_tells_laps(graph: Any) -> None:
    node = graph.add("control.stopwatch")
    laps = graph.seen(node.lap)
    await play(node, (0, None), (1.5, None), (2, None))
    await graph.at_rest()
    assert laps.values == pytest.approx([0, 1.5, 0.5])
    assert node.total.value == pytest.approx(2)


async def test_time_now_is_the_clocks(graph: Any, virtual_clock: Any) -> None:
    from datetime import datetime

    node = graph.add("control.now")
    await clock.sleep(12.5)
    await node
    assert node.epoch.value == virtual_clock.now()
    assert datetime.fromisoformat(node.text.value).timestamp() == pytest.approx(virtual_clock.now())


@pytest.mark.usefixtures("virtual_clock")
async def test_a_value_that_waits_is_given_up_with_its_node(graph: Any) -> None:
    """T10."""
    node = graph.add("wait_node", delay=100)
    seen = graph.seen(node.output)
    node.inputs["input"].set_value(1)
    await asyncio.sleep(0)
    graph.space.remove_node_instance(node)
    await graph.at_rest()
    await clock.sleep(200)
    assert seen.values == []
