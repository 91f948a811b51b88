"""Sweep, Repeat and Settle: which points, in which order, and what a failed one means."""

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import given, strategies as st

from funcnodes.core import Node, NodeInput, NodeSpace, clock
from funcnodes.core.clock import VirtualClock
from funcnodes.errors import RefusedError, ValueRefusedError
from funcnodes.runs import Repeat, Settle, Sweep

from ..waiting import patience


class Slow(Node):
    """Takes its time at each point."""

    x = NodeInput(type=float)
    seconds = 0.0

    async def func(self, x: float) -> None:
        await clock.sleep(self.seconds)


def sweep_of(**values: Any) -> Sweep:
    sweep = Sweep()
    for port, value in values.items():
        sweep.inputs[port].set_value(value)
    return sweep


@given(
    st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(1, 300)
)  # fmt: skip
def test_a_sweep_begins_and_ends_exactly_where_it_is_told(
    start: float, stop: float, points: int
) -> None:
    values = list(sweep_of(start=start, stop=stop, points=points).values())
    assert len(values) == points
    assert values[0] == start
    assert values[-1] == (stop if points > 1 else start)
    rising = all(a <= b for a, b in itertools.pairwise(values))
    falling = all(a >= b for a, b in itertools.pairwise(values))
    assert rising or falling


def test_steps_are_equal() -> None:
    assert list(sweep_of(start=0, stop=0.7, points=8).values()) == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], abs=1e-15
    )


def test_both_ways_comes_back_without_repeating_the_turning_point() -> None:
    sweep = sweep_of(start=0, stop=2, points=3, both_ways=True)
    assert list(sweep.values()) == [0, 1, 2, 1, 0]
    assert sweep.points_total() == 5
    single = sweep_of(start=4, points=1, both_ways=True)
    assert list(single.values()) == [4]
    assert single.points_total() == 1


@pytest.mark.parametrize("points", [0, -1, 1_000_001, 2.5, "many"])
def test_a_number_of_points_that_makes_no_sense_is_refused(points: Any) -> None:
    with pytest.raises(ValueRefusedError, match="points cannot be set"):
        sweep_of(points=points)


def test_a_unit_goes_to_start_stop_and_value() -> None:
    sweep = sweep_of(unit="mV")
    sweep.stop.set_value("0.8 V")
    assert sweep.stop.value == 800
    assert {sweep.start.unit, sweep.stop.unit, sweep.value.unit} == {"mV"}
    sweep.unit.set_value("V")
    assert sweep.stop.value == pytest.approx(0.8)
    assert sweep.value.type.kind == "quantity"
    sweep.unit.set_value("s")
    assert sweep.stop.value == pytest.approx(0.8), "seconds are no volts: the number stays"


def test_a_unit_that_is_none_is_refused() -> None:
    with pytest.raises(ValueRefusedError, match="'flurb' is not a known unit"):
        sweep_of(unit="flurb")


def test_the_unit_stays_while_the_value_is_wired(lab: Any, diode_class: Any) -> None:
    sweep, diode = lab.add("sweep", unit="mV"), lab.add(diode_class)
    sweep.value.connect(diode.v)
    with pytest.raises(ValueRefusedError, match="while its value is wired"):
        sweep.unit.set_value("s")
    sweep.unit.set_value("mV")


def test_a_sweep_comes_back_from_its_saved_form(lab: Any) -> None:
    lab.add("sweep", unit="mV", start=-5, stop=700, points=7)
    saved = lab.space.serialize()
    again = NodeSpace(lab.space.lib)
    again.deserialize(saved)
    (sweep,) = again.nodes
    assert isinstance(sweep, Sweep)
    assert (sweep.start.value, sweep.stop.value, sweep.value.unit) == (-5, 700, "mV")
    assert again.serialize() == saved


def test_editing_a_sweep_does_not_start_it(lab: Any, diode_class: Any) -> None:
    sweep, diode = lab.add("sweep"), lab.add(diode_class)
    sweep.value.connect(diode.v)
    sweep.stop.set_value(5)
    assert sweep.state == "idle"
    assert diode.given == []


async def test_a_sweep_works_without_a_run_too(lab: Any, diode_class: Any) -> None:
    sweep, diode = lab.add("sweep", unit="mV", stop=300, points=4), lab.add(diode_class)
    sweep.value.connect(diode.v)
    await sweep
    assert diode.given == pytest.approx([0, 0.1, 0.2, 0.3])
    assert sweep.progress is not None
    assert (sweep.progress.done, sweep.progress.total) == (4, 4)


async def test_the_next_point_waits_until_the_last_has_come_to_rest(
    lab: Any, diode_class: Any
) -> None:
    """T3: values of two points never meet."""
    sweep = lab.add("sweep", stop=2, points=3)
    settle = lab.add("settle", time=0.001)
    diode = lab.add(diode_class)
    seen: list[tuple[float, float]] = []
    sweep.value.connect(diode.v)
    lab.order(diode, settle)
    settle.on("triggerdone", lambda **_: seen.append((sweep.value.value, diode.v.value)))
    await sweep
    assert seen == [(0, 0), (1, 1), (2, 2)]


async def test_a_failed_point_stops_the_scan_and_names_the_cause(
    lab: Any, diode_class: Any
) -> None:
    """T11: stop is the default."""
    sweep, diode = lab.add("sweep", stop=4, points=5), lab.add(diode_class)
    diode.fails = lambda _count, v: v == 2
    sweep.value.connect(diode.v)
    lab.record(sweep.value, diode.i)
    run = await lab.run()
    assert run.state == "failed"
    assert run.message == ("Sweep: Stopped at point 3 of 5: Diode: ValueError: no reading at 2 V")
    assert lab.columns(run) == {"value": [0.0, 1.0], "i": [0.0, 1.0]}


async def test_a_failed_point_is_retried_as_often_as_allowed(lab: Any, diode_class: Any) -> None:
    """T11: each attempt is a wave of its own, and only the good one has a row."""
    sweep = lab.add("sweep", stop=2, points=3, on_failure="retry", retries=2)
    diode = lab.add(diode_class)
    diode.fails = lambda count, _v: count in (2, 3)
    sweep.value.connect(diode.v)
    lab.record(sweep.value, diode.i)
    run = await lab.run()
    assert run.state == "complete"
    assert diode.given == [0, 1, 1, 1, 2]
    assert lab.columns(run)["value"] == [0.0, 1.0, 2.0]
    diode.given.clear()
    diode.fails = lambda count, _v: count >= 2
    run = await lab.run()
    assert (run.state, diode.given) == ("failed", [0, 1, 1, 1])


async def test_a_skipped_point_has_a_row_with_empty_cells(lab: Any, diode_class: Any) -> None:
    """T11: null and continue; R1: a source in error gives null."""
    sweep = lab.add("sweep", stop=2, points=3, on_failure="skip")
    diode = lab.add(diode_class)
    diode.fails = lambda _count, v: v == 1
    sweep.value.connect(diode.v)
    lab.record(sweep.value, diode.i)
    run = await lab.run()
    assert run.state == "complete"
    assert lab.columns(run) == {"value": [0.0, 1.0, 2.0], "i": [0.0, None, 4.0]}
    page = lab.store.find(run.id).rows()
    assert page.quality[1] == ["ok", "missing", "ok"]
    assert any("no reading at 1 V" in line.text for line in lab.store.find(run.id).log())


async def test_settle_passes_the_wave_on_after_its_time(lab: Any) -> None:
    with clock.use(VirtualClock()) as now:
        settle = lab.add("settle", time="2 min")
        await settle
        assert now.monotonic() == 120
        assert isinstance(settle, Settle)
        assert settle.outputs["_triggeroutput"].value is True


async def test_repeat_keeps_an_absolute_schedule(lab: Any) -> None:
    """T8: a late point does not move the others."""
    with clock.use(VirtualClock()):
        repeat, slow = lab.add("repeat", every=10, count=4), lab.add(Slow)
        slow.seconds = 3.0
        repeat.time.connect(slow.x)
        lab.record(repeat.time, repeat.index)
        run = await lab.run()
        assert lab.columns(run) == {"time": [0.0, 10.0, 20.0, 30.0], "index": [0, 1, 2, 3]}


async def test_repeat_counts_what_it_missed_and_never_catches_up(lab: Any) -> None:
    """T8."""
    with clock.use(VirtualClock()):
        repeat, slow = lab.add("repeat", every=10, count=3), lab.add(Slow)
        slow.seconds = 25.0
        repeat.time.connect(slow.x)
        lab.record(repeat.time, repeat.missed)
        run = await lab.run()
        assert lab.columns(run) == {"time": [0.0, 30.0, 60.0], "missed": [0, 2, 4]}
        assert isinstance(repeat, Repeat)


async def test_the_time_of_a_point_is_when_it_was_taken(lab: Any) -> None:
    """R2: a pause that held it is in its time, as it is in the clocks of its row."""
    with clock.use(VirtualClock()):
        repeat = lab.add("repeat", every=10, count=4)
        lab.record(repeat.time)
        run = await lab.runner.start()
        held: list[int] = []

        def hold(run: Any) -> None:
            if run.done == 2 and not held:
                held.append(run.done)
                run.pause()
                asyncio.get_running_loop().create_task(later(run))

        async def later(run: Any) -> None:
            await clock.sleep(600)
            run.resume()

        lab.runner.on_change(hold)
        await asyncio.wait_for(run.wait(), patience())
        page = lab.store.find(run.id).rows()
        since = [mono - page.mono[0] for mono in page.mono]
        assert page.values[0] == pytest.approx(since)
        assert page.values[0][:2] == [0.0, 10.0]
        assert page.values[0][2] >= 610.0


async def test_a_retried_point_has_the_time_of_the_attempt_that_counts(
    lab: Any, diode_class: Any
) -> None:
    with clock.use(VirtualClock()):
        repeat = lab.add("repeat", every=10, count=2, on_failure="retry")
        slow, diode = lab.add(Slow), lab.add(diode_class)
        slow.seconds = 3.0
        diode.fails = lambda count, _: count == 1
        repeat.time.connect(slow.x)
        repeat.index.connect(diode.v)
        lab.record(repeat.time, diode.i)
        run = await lab.run()
        assert lab.columns(run)["time"] == [3.0, 10.0]


def test_an_input_is_frozen_while_a_run_is_on(lab: Any) -> None:
    """A2."""
    sweep = lab.add("sweep")
    lab.space.arming = "running"
    with pytest.raises(RefusedError, match="while a run is on"):
        sweep.stop.set_value(5)
    lab.space.arming = "live"
