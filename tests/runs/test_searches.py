"""Adaptive sweeps and the search for an optimum: points chosen by what the points before gave."""

import asyncio
import itertools
import math
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from funcnodes.core import Node, NodeInput, NodeOutput, clock
from funcnodes.errors import ExecutionError, RunError, ValueRefusedError
from funcnodes.runs import FindOptimum, Optimiser
from funcnodes.runs.scans.optimisers import Learner, Point, golden_section, simplex

Function = Callable[..., float]
PEAK, WIDTH = 0.63, 0.02


def resonance(x: float) -> float:
    """A Lorentzian of height 1."""
    return 1 / (1 + ((x - PEAK) / WIDTH) ** 2)


class Sample(Node):
    """What is measured at x, y and z; how far it can be trusted, and whether it is allowed."""

    node_id = "test.sample"
    node_name = "Sample"
    default_policy = "settled"
    x = NodeInput(type=float)
    y = NodeInput(type=float, default=0.0, required=False)
    z = NodeInput(type=float, default=0.0, required=False)
    out = NodeOutput(type=float)
    fine = NodeOutput(type=bool)

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.gives: Function = lambda x, y, z: x
        self.quality: Callable[[float], Any] = lambda x: "ok"
        self.is_fine: Callable[[float], bool] = lambda x: True
        self.fails: Callable[[float], bool] = lambda x: False
        self.points: list[Point] = []

    def func(self, x: float, y: float = 0.0, z: float = 0.0) -> None:
        self.points.append((x, y, z))
        if self.fails(x):
            raise ValueError("no reading")
        self.out.set(self.gives(x, y, z), quality=self.quality(x))
        self.fine.set(self.is_fine(x))


def searched(lab: Any, kind: str, gives: Function, **values: Any) -> tuple[Any, Sample]:
    """A search whose points a sample answers."""
    search, sample = lab.add(kind, **values), lab.add(Sample)
    sample.gives = gives
    for axis in search.names():
        search.outputs[axis].connect(sample.inputs[axis])
    sample.out.connect(search.result)
    return search, sample


def steps(optimiser: Optimiser, cost: Callable[..., float | None], most: int = 2000) -> list[Point]:
    """What an optimiser asks, told the cost of each point."""
    asked: list[Point] = []
    while (point := optimiser.ask()) is not None and len(asked) < most:
        asked.append(point)
        optimiser.tell(point, cost(*point))
    return asked


# ── adaptive ──────────────────────────────────────────────────────────────────────────────


async def test_an_adaptive_sweep_puts_most_points_where_the_resonance_is(lab: Any) -> None:
    search, sample = searched(
        lab, "scan.adaptive", lambda x, y, z: resonance(x), points=60
    )  # fmt: skip
    lab.record(search.x, sample.out)
    run = await lab.run()
    assert run.state == "complete"
    columns = lab.columns(run)
    x, y = columns["x"], columns["out"]
    assert len(x) == len(set(x)) == 60, "a row per point, and no point twice"
    assert y == pytest.approx([resonance(each) for each in x])
    assert sum(abs(each - PEAK) < 5 * WIDTH for each in x) > 36, "60 % of the points in 20 %"
    assert max(y) > 0.97
    assert (min(x), max(x)) == (0, 1)


async def test_the_same_measurement_has_the_same_points_again(lab: Any) -> None:
    _, sample = searched(lab, "scan.adaptive", lambda x, y, z: resonance(x), points=30)
    await lab.run()
    await lab.run()
    assert len(sample.points) == 60
    assert sample.points[:30] == sample.points[30:]


async def test_an_adaptive_sweep_ends_when_the_curve_is_known_well_enough(lab: Any) -> None:
    search, sample = searched(
        lab, "scan.adaptive", lambda x, y, z: resonance(x), points=500, loss=0.1
    )
    assert search.points_total() is None, "nobody knows how many it will take"
    await lab.run()
    found = sorted((x, resonance(x)) for x, *_ in sample.points)
    gaps = [math.dist(one, other) for one, other in itertools.pairwise(found)]
    assert max(gaps) <= 0.1
    assert 20 < len(found) < 60
    search.loss.set_value(0)
    assert search.points_total() == 500


async def test_a_point_that_is_not_ok_is_recorded_and_not_counted(lab: Any) -> None:
    """R2: an overrange full of ones draws no points to itself."""
    search, sample = searched(
        lab, "scan.adaptive", lambda x, y, z: 1e6 if x < 0.3 else resonance(x), points=60
    )
    sample.quality = lambda x: "overrange" if x < 0.3 else "ok"
    lab.record(search.x, sample.out)
    run = await lab.run()
    columns = lab.columns(run)
    assert len(columns["x"]) == 60
    assert 0 < sum(x < 0.3 for x in columns["x"]) < 30
    assert search.told == sum(x >= 0.3 for x in columns["x"])


@given(st.lists(st.booleans(), min_size=60, max_size=60), st.sampled_from([1, 2]))
@settings(max_examples=25, deadline=None)
def test_whatever_points_fail_no_point_is_asked_twice_and_all_are_within(
    good: list[bool], axes: int
) -> None:
    learner = Learner([(-2.0, 5.0)] * axes, 0.0)
    asked = []
    for is_good in good:
        point = learner.ask()
        assert point is not None
        asked.append(point)
        learner.tell(point, sum(point) ** 2 if is_good else None)
    assert len(set(asked)) == len(good)
    assert all(-2 <= part <= 5 for point in asked for part in point)


async def test_a_map_is_finest_where_the_surface_has_an_edge(lab: Any) -> None:
    search, sample = searched(
        lab, "scan.adaptive_2d", lambda x, y, z: math.tanh((x + y - 300) / 5),
        points=150, x_unit="mV", x_high=200, y_high=200,
    )  # fmt: skip
    sample.x.type = search.x.type
    lab.record(search.x, search.y, sample.out)
    columns = lab.columns(await lab.run())
    near = sum(abs(x + y - 300) < 20 for x, y in zip(columns["x"], columns["y"], strict=True))
    assert len(columns["x"]) == 150
    assert near > 60, "40 % of the points in a tenth of the map"


async def test_what_is_missing_is_said_with_the_command_that_brings_it(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("adaptive.learner.learner1D", "adaptive"):
        monkeypatch.setitem(sys.modules, name, None)
    searched(lab, "scan.adaptive", lambda x, y, z: x)
    with pytest.raises(RunError, match="which is not installed") as caught:
        await lab.runner.start()
    assert "pip install 'funcnodes[adaptive]'" in caught.value.message


def test_a_search_that_is_told_nothing_does_not_start(lab: Any) -> None:
    search, sample = lab.add("scan.adaptive", x_low=2), lab.add(Sample)
    search.x.connect(sample.x)
    told = lab.runner.check()
    assert "Adaptive sweep is not told what its points give: wire that to its result." in told
    assert "Adaptive sweep: x low is to be below x high." in told


# ── optimum ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("goal", "gives", "x", "best"),
    [
        ("minimum", lambda x, y, z: (x - 0.3) ** 2 + 7, 0.3, 7),
        ("maximum", lambda x, y, z: resonance(x), PEAK, 1),
        ("target", lambda x, y, z: x**3, 0.5, 0.125),
        ("minimum", lambda x, y, z: x, 0, 0),
        ("maximum", lambda x, y, z: x, 1, 1),
    ],
)
async def test_one_value_is_found_to_the_tolerance(
    lab: Any, goal: str, gives: Function, x: float, best: float
) -> None:
    search, sample = searched(lab, "scan.optimum", gives, goal=goal, target=0.125, tolerance=1e-4)
    lab.record(search.x, sample.out)
    run = await lab.run()
    assert run.state == "complete"
    assert search.best_x.value == pytest.approx(x, abs=1e-4)
    assert search.best.value == pytest.approx(best, abs=1e-3)
    assert search.found.value is True
    assert len(lab.columns(run)["x"]) == len(sample.points) < 30
    assert search.points_total() is None


async def test_bounds_have_units_and_the_optimum_has_them_too(lab: Any) -> None:
    search, sample = searched(
        lab, "scan.optimum", lambda x, y, z: (x - 120) ** 2, x_unit="mV", x_low="-0.2 V", x_high=200
    )
    assert (search.x_low.value, search.best_x.unit) == (-200, "mV")
    await lab.run()
    assert search.best_x.value == pytest.approx(120, abs=0.4)
    assert {-200.0, 200.0} <= {x for x, *_ in sample.points}
    with pytest.raises(ValueRefusedError, match="while its value is wired"):
        search.x_unit.set_value("s")


@pytest.mark.parametrize(
    ("kind", "gives", "where"),
    [
        ("scan.optimum_2d", lambda x, y, z: (x - 0.2) ** 2 + 3 * (y - 0.7) ** 2 + x * y,
         (0.0, 0.7)),
        ("scan.optimum_2d", lambda x, y, z: (1 - 2 * x) ** 2 + 100 * (y - 4 * x * x / 2) ** 2,
         (0.5, 0.5)),
        ("scan.optimum_3d", lambda x, y, z: (x - 0.1) ** 2 + (y - 0.5) ** 2 + (z - 0.9) ** 2,
         (0.1, 0.5, 0.9)),
        ("scan.optimum_2d", lambda x, y, z: -x - y, (1, 1)),
    ],
)  # fmt: skip
async def test_several_values_are_found_together(
    lab: Any, kind: str, gives: Function, where: Point
) -> None:
    search, _ = searched(lab, kind, gives, tolerance=1e-4, points=600)
    run = await lab.run()
    assert run.state == "complete"
    assert search.found.value is True
    found = [search.outputs[f"best_{axis}"].value for axis in search.names()]
    assert found == pytest.approx(where, abs=2e-3)


async def test_it_ends_after_so_many_points_and_says_that_it_is_not_found(lab: Any) -> None:
    search, sample = searched(lab, "scan.optimum_2d", lambda x, y, z: (x - 0.3) ** 2 + y, points=12)
    await lab.run()
    assert len(sample.points) == 12
    assert search.found.value is False
    assert search.best.value == min((x - 0.3) ** 2 + y for x, y, _ in sample.points)


async def test_what_is_not_allowed_never_is_the_best(lab: Any) -> None:
    search, sample = searched(lab, "scan.optimum", lambda x, y, z: -x)
    sample.fine.connect(search.allowed)
    sample.is_fine = lambda x: x <= 0.4321
    await lab.run()
    assert search.best_x.value == pytest.approx(0.4321, abs=1e-3)
    assert search.best_x.value <= 0.4321


@pytest.mark.parametrize("doubted", [math.nan, -1e9])
async def test_what_is_not_ok_never_is_the_best(lab: Any, doubted: float) -> None:
    """A NaN, or an overrange, never becomes an ok number."""
    search, sample = searched(
        lab, "scan.optimum", lambda x, y, z: doubted if x > 0.5 else (x - 0.4) ** 2
    )
    sample.quality = lambda x: "overrange" if x > 0.5 and doubted < 0 else "ok"
    await lab.run()
    assert search.best_x.value == pytest.approx(0.4, abs=1e-3)
    assert search.best_x.quality == search.best.quality == "ok"


async def test_without_one_point_that_counts_there_is_no_optimum(lab: Any) -> None:
    _, sample = searched(lab, "scan.optimum", lambda x, y, z: x, points=8)
    sample.quality = lambda x: "compliance"
    run = await lab.run()
    assert run.state == "failed"
    assert "no point gave a result that is ok and allowed" in run.message
    assert len(sample.points) == 8


async def test_a_point_that_failed_and_was_skipped_is_no_candidate(lab: Any) -> None:
    search, sample = searched(
        lab, "scan.optimum", lambda x, y, z: x, on_failure="skip"
    )  # fmt: skip
    sample.fails = lambda x: x < 0.25
    await lab.run()
    assert search.best_x.value == pytest.approx(0.25, abs=1e-3)


async def test_an_old_result_is_not_taken_for_a_points_own(lab: Any) -> None:
    """R1: what was led back at another point is no result of this one."""
    _, sample = searched(lab, "scan.optimum", lambda x, y, z: -5.0, points=6)
    await lab.run()
    sample.muted = True
    run = await lab.run()
    assert run.state == "failed"
    assert "no point gave a result" in run.message


async def test_what_hangs_on_the_optimum_happens_once_after_the_last_point(lab: Any) -> None:
    search, _ = searched(lab, "scan.optimum", lambda x, y, z: (x - 0.3) ** 2)
    after = lab.add(Sample, "After")
    search.best_x.connect(after.x)
    await lab.run()
    assert [x for x, *_ in after.points] == [search.best_x.value]


async def test_within_another_scan_each_search_begins_anew(lab: Any) -> None:
    outer = lab.add("sweep", "where", start=0.2, stop=0.6, points=3)
    search, sample = lab.add("scan.optimum"), lab.add(Sample)
    outer.value.connect(sample.y)
    outer.point.connect(search.inputs["_triggerinput"])
    search.x.connect(sample.x)
    sample.out.connect(search.result)
    sample.gives = lambda x, y, z: (x - y) ** 2
    found: list[float] = []
    search.on("triggerdone", lambda **_: found.append(search.best_x.value))
    run = await lab.run()
    assert run.state == "complete"
    assert found == pytest.approx([0.2, 0.4, 0.6], abs=1e-3)


@given(st.floats(0, 1), st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
@settings(max_examples=60, deadline=None)
def test_golden_section_finds_any_valley_and_stays_within(
    part: float, low: float, span: float
) -> None:
    high = low + span
    where = min(low + part * span, high)
    asked = steps(golden_section([(low, high)], 1e-3), lambda x: abs(x - where))
    assert min(abs(x - where) for (x,) in asked) <= 1e-3 * (high - low) * 1.01
    assert all(low <= x <= high for (x,) in asked)
    assert len(asked) < 25


@given(st.lists(st.floats(0, 1), min_size=2, max_size=3), st.floats(0.1, 10))
@settings(max_examples=40, deadline=None)
def test_a_simplex_finds_any_bowl_and_stays_within(where: list[float], steep: float) -> None:
    def cost(*point: float) -> float:
        parts = zip(point, where, strict=True)
        return sum(steep**n * (a - b) ** 2 for n, (a, b) in enumerate(parts))

    bounds = [(0.0, 1.0)] * len(where)
    asked = steps(simplex(bounds, 1e-4), cost)
    best = min(asked, key=lambda point: cost(*point))
    assert best == pytest.approx(where, abs=5e-3)
    assert all(0 <= part <= 1 for point in asked for part in point)
    assert len(asked) < 1000


def test_a_simplex_that_begins_where_nothing_is_allowed_looks_elsewhere() -> None:
    def cost(x: float, y: float) -> float | None:
        return x + y if x > 0.7 and y > 0.7 else None

    asked = steps(simplex([(0, 1), (0, 1)], 1e-3), cost)
    best = min((x + y, x, y) for x, y in asked if cost(x, y) is not None)
    assert best[0] == pytest.approx(1.4, abs=0.02)


async def test_another_optimiser_takes_the_place_of_these(lab: Any) -> None:
    """The frame is open: whoever can be asked and told may choose the points."""

    class Halves(Optimiser):
        def __init__(self) -> None:
            self.points = iter([(1.0,), (0.5,), (0.25,)])
            self.told: list[tuple[Point, float | None]] = []

        def ask(self) -> Point | None:
            return next(self.points, None)

        def tell(self, point: Point, value: float | None) -> None:
            self.told.append((point, value))

    halves = Halves()

    class Mine(FindOptimum):
        node_id = "test.mine"

        def optimiser(self) -> Optimiser:
            return halves

    search, sample = lab.add(Mine, goal="maximum"), lab.add(Sample)
    search.x.connect(sample.x)
    sample.out.connect(search.result)
    await lab.run()
    assert halves.told == [((1.0,), -1.0), ((0.5,), -0.5), ((0.25,), -0.25)]
    assert (search.best_x.value, search.found.value) == (1.0, True)


async def test_a_search_works_without_a_run_too(lab: Any) -> None:
    search, sample = searched(lab, "scan.optimum", lambda x, y, z: (x - 0.3) ** 2)
    await search
    assert search.best_x.value == pytest.approx(0.3, abs=1e-3)
    sample.quality = lambda x: "stale"
    with pytest.raises(ExecutionError, match="no point gave"):
        await search


async def test_a_reading_with_a_unit_is_a_result_too(lab: Any, diode_class: Any) -> None:
    search = lab.add("scan.optimum", x_unit="V", goal="target", target=0.25)
    diode = lab.add(diode_class)
    search.x.connect(diode.v)
    diode.i.connect(search.result)
    await lab.run()
    assert search.best_x.value == pytest.approx(0.5, abs=1e-3)


def test_the_guides_code_does_what_the_guide_says() -> None:
    guide = Path(__file__).parents[2] / "docs" / "guides" / "scans.md"
    blocks = re.findall(r"```python\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 5
    names: dict[str, Any] = {"__name__": "guide"}
    for block in blocks:
        exec(compile(block, guide.name, "exec"), names)


async def test_a_search_that_is_stopped_gives_the_best_so_far(
    lab: Any, gate_class: type[Any]
) -> None:
    search, sample = searched(lab, "scan.optimum", lambda x, y, z: (x - 0.3) ** 2)
    gate = lab.add(gate_class)
    lab.order(sample, gate)
    run = await lab.runner.start(operator="tester")
    await gate.reached.wait()
    run.stop()
    gate.open.set()
    await run.wait()
    assert run.state == "stopped"
    assert len(sample.points) == 1
    assert (search.best_x.value, search.found.value) == (0.0, False)


async def test_a_point_that_is_tried_again_counts_once(lab: Any) -> None:
    search, sample = searched(
        lab, "scan.optimum", lambda x, y, z: (x - 0.3) ** 2, on_failure="retry"
    )
    sample.fails = lambda x: len(sample.points) == 3
    lab.record(search.x, sample.out)
    run = await lab.run()
    assert run.state == "complete"
    assert len(lab.columns(run)["x"]) == search.told == len(sample.points) - 1
    assert search.best_x.value == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize(
    ("kind", "told"), [("scan.adaptive", "goes to 30 V"), ("scan.optimum", "goes to 30 V")]
)
def test_bounds_beyond_the_limits_of_what_is_set_are_refused_at_once(
    lab: Any, kind: str, told: str
) -> None:
    class Limited(Sample):
        node_id = "test.limited_sample"
        volts = NodeInput(type=float, unit="V", value_options={"min": -20, "max": 20})

        def func(self, volts: float = 0.0, **_: Any) -> None:  # type: ignore[override]  # no x
            self.out.set(volts)

    search, target = lab.add(kind, x_unit="V", x_high=30), lab.add(Limited)
    search.x.connect(target.volts)
    target.out.connect(search.result)
    assert [sentence for sentence in lab.runner.check() if told in sentence]


async def test_virtual_time_stands_still_while_an_optimiser_thinks(lab: Any) -> None:
    """A dry run of a search lasts as long as its points, however long choosing them takes."""

    class Thinker(Optimiser):
        asked = 0

        def ask(self) -> Point | None:
            is_over.wait(0.05)
            self.asked += 1
            return (0.5,) if self.asked < 3 else None

        def tell(self, point: Point, value: float | None) -> None:
            """Learns nothing."""

    class Mine(FindOptimum):
        node_id = "test.thinks"

        def optimiser(self) -> Optimiser:
            return Thinker()

    is_over = threading.Event()
    search, sample, settle = lab.add(Mine), lab.add(Sample), lab.add("settle", time=10)
    search.x.connect(sample.x)
    sample.out.connect(search.result)
    lab.order(sample, settle)

    async def polls() -> None:
        while True:
            await clock.sleep(1)

    with clock.use(clock.VirtualClock()):
        polling = asyncio.create_task(polls())
        began = clock.monotonic()
        await search
        took = clock.monotonic() - began
        polling.cancel()
    assert took == pytest.approx(20, abs=4)
