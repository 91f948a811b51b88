"""Which values a scan takes: lists, ratios, there and back, snakes, and relative ones."""

import itertools
import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from funcnodes.core import Node, NodeInput, NodeOutput
from funcnodes.errors import RunError, ValueRefusedError
from funcnodes.runs import ListSweep, LogarithmicSweep, Repeat, Sweep
from funcnodes.runs.readings import counted


def scan_of(kind: type[Any], **values: Any) -> Any:
    scan = kind()
    for port in sorted(values, key=lambda port: port != "unit"):
        scan.inputs[port].set_value(values[port])
    return scan


# ── which values ──────────────────────────────────────────────────────────────────────────


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9), st.integers(2, 200), st.booleans())
def test_a_logarithmic_sweep_goes_in_equal_ratios(
    start: float, stop: float, points: int, below: bool
) -> None:
    sign = -1 if below else 1
    scan = scan_of(LogarithmicSweep, start=sign * start, stop=sign * stop, points=points)
    values = list(scan.values())
    assert (len(values), values[0], values[-1]) == (points, sign * start, sign * stop)
    ratios = [math.log(b / a) for a, b in itertools.pairwise(values)]
    assert ratios == pytest.approx([math.log(stop / start) / (points - 1)] * (points - 1), abs=1e-9)


async def test_ratios_from_zero_are_refused_before_anything_runs(lab: Any) -> None:
    scan = lab.add("scan.logarithmic", start=0, stop=10)
    lab.record(scan.value)
    with pytest.raises(RunError, match="from 0 to 10 only where both are above zero"):
        await lab.runner.start()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0, 0.5, 1", [0, 0.5, 1]),
        ("10 mV; 0.02 V", [10, 20]),
        ("0:1:0.25", [0, 0.25, 0.5, 0.75, 1]),
        ("0:0.3:0.1, 7", [0, 0.1, 0.2, 0.3, 7]),
        ("1:0:-0.5\n2", [1, 0.5, 0, 2]),
    ],
)
def test_a_list_is_read_as_people_write_it(text: str, values: list[float]) -> None:
    scan = scan_of(ListSweep, unit="mV", values=text)
    assert list(scan.values()) == pytest.approx(values)


@pytest.mark.parametrize(
    "wrong", ["", "one, two", "0:1", "0:1:-0.1", "0:1:0", [], [1, math.inf], "1 s", None]
)
def test_a_list_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueRefusedError, match="values cannot be set"):
        scan_of(ListSweep, unit="V", values=wrong)


def test_a_list_keeps_its_quantity_in_another_unit() -> None:
    scan = scan_of(ListSweep, values=[0.1, 0.2], unit="V")
    scan.unit.set_value("mV")
    assert list(scan.values()) == pytest.approx([100, 200])
    assert scan.inputs["values"].unit == scan.value.unit == "mV"


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=20), st.booleans(), st.booleans())
def test_backward_is_the_other_way_round_and_both_ways_turns_once(
    values: list[float], both: bool, backward: bool
) -> None:
    scan = scan_of(ListSweep, values=values, both_ways=both)
    there = values[::-1] if backward else values
    expected = there + there[-2::-1] if both and len(there) > 1 else there
    assert list(scan.values(backward=backward)) == expected
    assert scan.points_total() == len(expected)


async def test_an_inner_scan_that_alternates_draws_a_snake(lab: Any, diode_class: Any) -> None:
    """N-D data: a column per axis, named after its scan; each inner scan turns round."""
    outer = lab.add("sweep", "gate", start=0, stop=2, points=3)
    inner = lab.add("scan.list", "drain", values=[1, 2, 3], order="alternating")
    outer.point.connect(inner.inputs["_triggerinput"])
    diode = lab.add(diode_class)
    inner.value.connect(diode.v)
    lab.record(outer.value, inner.value, diode.i)
    for _ in range(2):  # and the next run begins anew
        columns = lab.columns(await lab.run())
        assert columns["gate"] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
        assert columns["drain"] == [1, 2, 3, 3, 2, 1, 1, 2, 3]


async def test_repeat_ends_at_the_point_whose_condition_is_on(lab: Any) -> None:
    class Enough(Node):
        node_id = "test.enough"
        index = NodeInput(type=int)
        out = NodeOutput(type=bool)

        def func(self, index: int) -> None:
            self.out.set(index >= 3)

    repeat, enough = lab.add("repeat", every=0, count=100), lab.add(Enough)
    repeat.index.connect(enough.index)
    enough.out.connect(repeat.until)
    lab.record(repeat.index)
    assert repeat.points_total() is None
    run = await lab.run()
    assert run.state == "complete"
    assert lab.columns(run)["index"] == [0, 1, 2, 3]


# ── the whole scan before anything moves ──────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "values", "told"),
    [
        (Sweep, {"stop": 30}, "goes to 30 V"),
        (ListSweep, {"values": [1, -25, 2]}, "goes to −25 V"),
        (LogarithmicSweep, {"start": 1, "stop": 21}, "goes to 21 V"),
    ],
)
async def test_a_scan_beyond_the_limits_of_what_it_sets_is_refused_at_once(
    lab: Any, kind: type[Any], values: dict[str, Any], told: str
) -> None:
    class Limited(Repeat):
        node_id = "test.limited"
        volts = NodeInput(type=float, unit="V", value_options={"min": -20, "max": 20})

    scan = lab.add(kind, unit="V", **values)
    target = lab.add(Limited)
    scan.value.connect(target.volts)
    found = [sentence for sentence in lab.runner.check() if told in sentence]
    assert found, lab.runner.check()
    scan.inputs["relative"].set_value(True)  # what it comes to is not known before
    assert not [sentence for sentence in lab.runner.check() if told in sentence]


# ── averages ──────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.floats(-1, 1), min_size=8, max_size=40), st.sampled_from(["3 sigma", "median"]))
def test_an_outlier_is_left_out_and_the_rest_is_kept(values: list[float], way: Any) -> None:
    spread = [value + 1e-3 * n for n, value in enumerate(values)]
    kept = list(counted([*spread, 1e6], way))
    assert 1e6 not in kept
    assert set(kept) <= set(spread)
    assert counted([*spread, 1e6], "keep") == [*spread, 1e6]


def test_equal_readings_are_no_outliers_of_each_other() -> None:
    for way in ("3 sigma", "median"):
        assert counted([1.0] * 5, way) == [1.0] * 5  # type: ignore[arg-type]
