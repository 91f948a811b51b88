"""Watching: one reading for all who watch, at the pace of the fastest, none when nobody does."""

import asyncio
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from funcnodes.core import NodeSpace, clock
from funcnodes.devices import Bench, ScpiDevice, driver, measurement, nodes
from funcnodes.devices.declarations.members import Sample
from funcnodes.devices.device.polling import Pollers, Samples, Subscription
from funcnodes.errors import DeviceTimeout, FuncnodesError
from funcnodes.testing.conversation import Conversation

from ...waiting import patience


class Source:
    """What is read: a number that the test sets; counts the readings."""

    def __init__(self) -> None:
        self.reads: list[float] = []
        self.value: Any = 0.0
        self.takes_s = 0.0
        self.error: FuncnodesError | None = None

    async def read(self, member: str) -> Samples:
        assert member == "x"
        self.reads.append(round(clock.monotonic(), 3))
        if self.takes_s:
            await clock.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        return {"value": Sample(self.value)}


@pytest.fixture
def virtual() -> Iterator[clock.VirtualClock]:
    hours = clock.VirtualClock()
    with clock.use(hours):
        yield hours


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def pollers(virtual: Any, source: Source) -> Pollers:
    return Pollers("d", source.read)


Watch = Callable[..., tuple[list[tuple[float, Any]], Subscription, Callable[[], None]]]


@pytest.fixture
def watch(pollers: Pollers) -> Watch:
    def begin(period_s: float, deadband: float = 0.0) -> Any:
        told: list[tuple[float, Any]] = []

        def note(found: Samples | FuncnodesError) -> None:
            value = found if isinstance(found, FuncnodesError) else found["value"].value
            told.append((round(clock.monotonic(), 3), value))

        return (told, *pollers.watch("x", note, period=lambda: period_s, deadband=deadband))

    return begin


async def test_ten_watchers_cost_one_reading(watch: Watch, source: Source) -> None:
    watchers = [watch(1.0) for _ in range(10)]
    await clock.sleep(2.5)
    assert source.reads == [0.0, 1.0, 2.0]
    assert all([t for t, _ in told] == [0.0, 1.0, 2.0] for told, _, _ in watchers)
    for _, _, forget in watchers:
        forget()


async def test_the_fastest_sets_the_pace_and_each_is_told_at_its_own(
    watch: Watch, source: Source
) -> None:
    slow, _, leave_slow = watch(1.0)
    await clock.sleep(1.1)
    fast, _, leave_fast = watch(0.25)
    await clock.sleep(1.1)
    assert [t for t, _ in slow] == [0.0, 1.0, 2.1]
    assert [t for t, _ in fast] == [1.1, 1.35, 1.6, 1.85, 2.1]
    leave_fast()
    count = len(source.reads)
    await clock.sleep(3.0)
    assert len(source.reads) - count == 3
    leave_slow()


async def test_nobody_watching_nothing_is_read(
    watch: Watch, source: Source, pollers: Pollers
) -> None:
    _, _, forget = watch(0.5)
    await clock.sleep(0.6)
    forget()
    forget()
    count = len(source.reads)
    await clock.sleep(100)
    assert (len(source.reads), pollers.watched()) == (count, {})


async def test_within_its_deadband_a_watcher_is_not_told(watch: Watch, source: Source) -> None:
    told, _, forget = watch(1.0, 0.5)
    for value in (0.4, 0.6, 0.9, math.nan, math.nan, 5.0):
        await clock.sleep(0.5)
        source.value = value
        await clock.sleep(0.5)
    await clock.sleep(0.1)
    forget()
    assert [value for _, value in told if value == value] == [0.0, 0.6, 5.0]
    assert sum(1 for _, value in told if value != value) == 1


async def test_a_slow_reading_makes_ticks_missed_and_none_is_caught_up(
    watch: Watch, source: Source
) -> None:
    """T8: absolute schedule."""
    source.takes_s = 2.5
    told, watcher, forget = watch(1.0)
    await clock.sleep(9.9)
    forget()
    assert [t for t, _ in told] == [2.5, 5.5, 8.5]
    assert watcher.missed == 6


async def test_an_error_reaches_every_watcher_and_watching_goes_on(
    watch: Watch, source: Source
) -> None:
    told, _, forget = watch(1.0, 10.0)
    await clock.sleep(0.5)
    source.error = DeviceTimeout("d: no reply.")
    await clock.sleep(1.0)
    source.error = None
    await clock.sleep(1.0)
    forget()
    assert [str(value) for _, value in told] == ["0.0", "d: no reply.", "0.0"]


@given(
    periods=st.lists(st.sampled_from([0.1, 0.25, 1.0, 3.0]), min_size=1, max_size=5),
    seconds=st.floats(0.5, 20),
)
def test_however_many_watch_it_is_never_read_more_often_than_the_fastest_asks(
    periods: list[float], seconds: float
) -> None:
    async def run() -> tuple[int, list[int]]:
        source = Source()
        pollers = Pollers("d", source.read)
        told: list[list[Samples | FuncnodesError]] = [[] for _ in periods]
        ends = [
            pollers.watch("x", each.append, period=lambda p=p: p)[1]
            for each, p in zip(told, periods, strict=True)
        ]
        await clock.sleep(seconds)
        for end in ends:
            end()
        return len(source.reads), [len(each) for each in told]

    with clock.use(clock.VirtualClock()):
        reads, counts = asyncio.run(run())
    assert reads <= seconds / min(periods) + 2
    assert all(abs(n - seconds / p) <= 2 for n, p in zip(counts, periods, strict=True))


@driver("test.meter", title="Test meter")
class Meter(ScpiDevice):
    """Made up."""

    level = measurement(float, "L?", unit="V", poll=5.0, deadband=0.1)


async def test_the_declaration_says_how_often_and_how_coarsely() -> None:
    connect = ["*IDN? -> ACME,M,7,1", ':SYST:ERR? -> 0,"No error"']
    with clock.use(clock.VirtualClock()):
        async with Conversation(Meter, connect) as wire:
            wire.expect("L? -> 1", "L? -> 1.05", "L? -> 2")
            told: list[float] = []

            def note(found: Any) -> None:
                told.append(found["value"].value)

            _, forget = wire.device.watch("level", note)
            assert wire.device.watched() == {"level": 5.0}
            await clock.sleep(11)
            forget()
            assert told == [1.0, 2.0]


async def test_two_monitor_nodes_on_one_member_are_one_reading(simulator: Any) -> None:
    async with Bench.builtin("demo", simulator.resources) as bench:
        space = NodeSpace()
        space.lib.add_shelf(nodes.NODE_SHELF)
        space.services.provide(Bench, bench)
        extra = {"device": "tc", "member": "a.kelvin"}
        monitors = [space.add_node_by_id("device.monitor", extra=extra) for _ in range(2)]
        since = simulator.now()
        for monitor in monitors:
            monitor.inputs["period"].value = 0.1
        async with asyncio.timeout(patience()):
            while min(monitor.runs for monitor in monitors) < 3:
                await asyncio.sleep(0.005)
        assert bench.devices["tc"].watched() == {"a.kelvin": 0.1}
        await space.aclose()
        asked = [c for c in simulator.commands("tc", since) if c.startswith("KRDG?")]
        assert len(asked) <= max(monitor.runs for monitor in monitors) + 1
        await asyncio.sleep(0)
        assert bench.devices["tc"].watched() == {}
