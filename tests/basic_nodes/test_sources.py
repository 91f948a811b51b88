"""Timer and schedule: absolute schedules, missed ticks counted, arming obeyed (T3, T8, A1)."""

import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.basic_nodes.control.sources import next_time
from funcnodes.core import Library, NodeSpace, clock, run_until_complete
from funcnodes.errors import NodeTriggerError

pytestmark = pytest.mark.usefixtures("virtual_clock")


async def test_a_timer_ticks_on_an_absolute_schedule_each_tick_a_root_wave(graph: Any) -> None:
    """T3, T8."""
    timer = graph.add("control.timer", interval=10)
    seen, begin = graph.seen(timer.tick), clock.monotonic()
    seen.works_s = 3
    await clock.sleep(45)
    assert seen.values == [0, 1, 2, 3, 4]
    assert [at - begin for at in seen.at] == pytest.approx([0, 10, 20, 30, 40])
    assert len(set(seen.waves)) == 5
    assert all(wave.parent is None for wave in seen.waves)
    assert timer.missed.value == 0
    assert timer.time.value == pytest.approx(40)


async def test_ticks_that_could_not_be_made_are_counted_and_never_caught_up(graph: Any) -> None:
    """T8: work of 25 s at a period of 10 s leaves two of three ticks out."""
    timer = graph.add("control.timer", interval=10)
    seen, begin = graph.seen(timer.tick), clock.monotonic()
    seen.works_s = 25
    await clock.sleep(95)
    assert [at - begin for at in seen.at] == pytest.approx([0, 30, 60, 90])
    assert seen.values == [0, 1, 2, 3]
    assert timer.missed.value == 6


async def test_a_new_interval_begins_the_schedule_anew(graph: Any) -> None:
    timer = graph.add("control.timer", interval=10)
    seen, begin = graph.seen(timer.tick), clock.monotonic()
    await clock.sleep(15)
    timer.inputs["interval"].set_value(2)
    await clock.sleep(5)
    assert [at - begin for at in seen.at] == pytest.approx([0, 10, 15, 17, 19])


async def test_a_timer_ticks_only_while_its_nodespace_is_armed(graph: Any) -> None:
    """A1: loading and E-STOP leave it still; live and runs have it tick."""
    timer = graph.add("control.timer", interval=1)
    seen = graph.seen(timer.tick)
    await clock.sleep(2.5)
    assert len(seen.values) == 3
    graph.space.arming = "running"
    await clock.sleep(1)
    assert seen.values == [0, 1, 2, 3], "going from live to a run does not begin anew"
    graph.space.arming = "disarmed"
    await clock.sleep(10)
    assert len(seen.values) == 4
    graph.space.arming = "live"
    await clock.sleep(0.5)
    assert seen.values[-1] == 0
    assert len(seen.values) == 5


async def test_a_loaded_timer_waits_until_it_is_armed(graph: Any) -> None:
    timer = graph.add("control.timer", interval=1)
    again = NodeSpace(Library(NODE_SHELF))
    again.deserialize(graph.space.serialize())
    (loaded,) = again.nodes
    await clock.sleep(5)
    assert not loaded.is_ticking
    assert timer.is_ticking
    again.arming = "live"
    await clock.sleep(2.5)
    assert loaded.tick.value == 2
    await again.aclose()
    assert not loaded.is_ticking


@pytest.mark.parametrize("how", ["switch", "mute", "remove", "cancel"])
async def test_a_timer_can_be_stopped(graph: Any, how: str) -> None:
    timer = graph.add("control.timer", interval=1)
    await clock.sleep(0.5)
    assert timer.is_ticking
    match how:
        case "switch":
            timer.inputs["enabled"].set_value(False)
        case "mute":
            timer.muted = True
        case "remove":
            graph.space.remove_node_instance(timer)
        case "cancel":
            graph.space.cancel_all("stopped")
    await clock.sleep(0)
    ticks = timer.tick.value
    await clock.sleep(5)
    assert not timer.is_ticking
    assert timer.tick.value == ticks == 0


async def test_what_fails_downstream_does_not_stop_a_timer(graph: Any) -> None:
    timer, divide = graph.add("control.timer", interval=1), graph.add("div_node", a=1)
    timer.tick.connect(divide.inputs["b"])
    await clock.sleep(2.5)
    assert timer.is_ticking
    assert divide.runs == 3
    assert divide.outputs["out"].value == 0.5


def test_a_timer_made_without_a_loop_begins_with_the_first_await() -> None:
    """T12."""
    space = NodeSpace(Library(NODE_SHELF))
    timer = space.add_node_by_id("control.timer")
    run_until_complete(timer)
    assert timer.runs >= 1
    assert timer.error is None


def stamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


EVERY = frozenset(range(7))


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("after", "hour", "days", "due"),
    [
        ("2024-03-01 07:59:59", 8, EVERY, "2024-03-01 08:00"),
        ("2024-03-01 08:00:00", 8, EVERY, "2024-03-02 08:00"),
        ("2024-03-01 09:00:00", 8, frozenset((4,)), "2024-03-08 08:00"),
        ("2024-03-02 00:00:00", 8, frozenset(range(5)), "2024-03-04 08:00"),
        ("2024-03-30 08:30:00", 8, EVERY, "2024-03-31 08:00"),  # 23 hours: clocks go forward
        ("2024-10-26 08:30:00", 8, EVERY, "2024-10-27 08:00"),  # 25 hours: they go back
    ],
)
def test_the_next_time_is_on_the_wall_clock(
    after: str, hour: int, days: frozenset[int], due: str
) -> None:
    assert next_time(stamp(after), (timedelta(hours=hour),), days) == stamp(due)


async def test_a_schedule_ticks_at_its_times(graph: Any) -> None:
    now = datetime.fromtimestamp(clock.now())
    first, second = now + timedelta(minutes=5), now + timedelta(minutes=65)
    node = graph.add("control.schedule")
    seen = graph.seen(node.time)
    node.inputs["at"].set_value(f"{second:%H:%M}, {first:%H:%M:%S}")
    began = clock.now()
    await clock.sleep(2 * 86_400)
    due = [datetime.fromisoformat(text).timestamp() - began for text in seen.values]
    rounded = (second.replace(second=0, microsecond=0) - now).total_seconds()
    assert due == pytest.approx([300, rounded, 300 + 86_400, rounded + 86_400], abs=1.0)
    assert node.tick.value == 3


async def test_a_time_that_was_slept_through_is_missed(
    graph: Any, virtual_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T8: the machine slept for two hours; nothing is caught up."""
    node = graph.add("control.schedule")
    seen = graph.seen(node.time)
    due = datetime.fromtimestamp(clock.now()) + timedelta(minutes=30)
    node.inputs["at"].set_value(f"{due:%H:%M:%S}")
    await clock.sleep(60)
    began = virtual_clock._start
    monkeypatch.setattr(virtual_clock, "_start", began + 7200)
    await clock.sleep(120)
    assert seen.values == []
    assert node.missed.value == 1


@pytest.mark.parametrize(
    ("port", "text", "sentence"),
    [
        ("at", "25:00", "at is to be times of the day such as \"08:00\", not '25:00'"),
        ("at", "soon", "not 'soon'"),
        ("at", "", "at is empty"),
        ("at", "8", "not '8'"),
        ("days", "someday", "days is to be .* not 'someday'"),
        ("days", " ", "days is to be"),
    ],
)
async def test_a_schedule_says_what_it_cannot_read(
    graph: Any, port: str, text: str, sentence: str
) -> None:
    node = graph.add("control.schedule")
    node.inputs[port].set_value(text)
    with pytest.raises(NodeTriggerError, match=sentence):
        await node
    assert not node.is_ticking
