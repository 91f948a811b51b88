"""Any parameters, goals and constraints, by a Bayesian model or a simplex, behind one interface."""

import math
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from funcnodes.core import Library, Node, NodeSpace, PortType
from funcnodes.core.nodes import NodeInput, NodeOutput
from funcnodes.errors import NodeTriggerError, ValueRefusedError
from funcnodes.runs import NODE_SHELF
from funcnodes.runs.scans import spaces
from funcnodes.runs.scans.bayes import Bayesian
from funcnodes.runs.scans.optimisers import GoalOptimiser, OfOneCost, PointResult, simplex


class Reactor(Node):
    """Answers a recipe; what it gives is said by the test."""

    node_id = "test.reactor"
    default_policy = "settled"

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.gives: Callable[..., dict[str, Any]] = dict
        self.qualities: Callable[..., str] = lambda **_: "ok"
        self.points: list[dict[str, Any]] = []

    def func(self, **recipe: Any) -> None:
        self.points.append(recipe)
        for name, value in self.gives(**recipe).items():
            self.outputs[name].set(value, quality=self.qualities(**recipe))  # type: ignore[arg-type]


def optimised(lab: Any, gives: Callable[..., dict[str, Any]], **values: Any) -> tuple[Any, Reactor]:
    """The node with a reactor that is set all parameters, and leads all results back."""
    node, reactor = lab.add("scan.optimise", **values), lab.add(Reactor)
    reactor.gives = gives
    chosen, aims, limits = node._plan()
    for each in chosen:
        port = reactor.add_input(NodeInput(each.name, float if each.is_number else str))
        port.type = node.outputs[each.name].type
        node.outputs[each.name].connect(port)
    for name in dict.fromkeys(each.name for each in (*aims, *limits)):
        inp = node.inputs[name]
        out = reactor.add_output(NodeOutput(name, bool if inp.type.kind == "bool" else float))
        out.type = PortType.of(bool if inp.type.kind == "bool" else float, unit=inp.unit)
        out.connect(inp)
    return node, reactor


def hill(x: float, y: float) -> float:
    """One peak of height 1 at (0.7, 0.2), and a lower, wider one at (0.2, 0.8)."""
    near = math.exp(-(((x - 0.7) / 0.18) ** 2) - ((y - 0.2) / 0.18) ** 2)
    return near + 0.6 * math.exp(-(((x - 0.2) / 0.3) ** 2) - ((y - 0.8) / 0.3) ** 2)


@pytest.mark.formats
async def test_a_bayesian_search_finds_the_higher_of_two_peaks_in_few_points(lab: Any) -> None:
    node, reactor = optimised(
        lab, lambda x, y: {"yield_": hill(x, y)},
        parameters="x: 0 to 1; y: 0 to 1", goals="yield_: maximum", points=30,
    )  # fmt: skip
    lab.record(node.outputs["x"], node.outputs["y"], reactor.outputs["yield_"])
    run = await lab.run()
    assert (run.state, run.message) == ("complete", "")
    assert len(reactor.points) == 30
    assert node.outputs["best_x"].value == pytest.approx(0.7, abs=0.05)
    assert node.outputs["best_y"].value == pytest.approx(0.2, abs=0.05)
    columns = lab.columns(run)
    assert len(columns["x"]) == 30, "a row per point"
    assert node.outputs["best_yield_"].value == pytest.approx(max(columns["yield_"]))
    assert node.told == 30
    first = list(reactor.points)
    reactor.points.clear()
    await lab.run()
    assert reactor.points == first, "the same measurement has the same points again"


@pytest.mark.formats
async def test_choices_steps_and_constraints_are_kept(lab: Any) -> None:
    """R2: a point that breaks a constraint, or is not ok, is recorded and never the best."""

    def gives(power: float, gas: str) -> dict[str, Any]:
        best = {"Ar": 5.0, "N2": 8.0, "He": 2.0}[gas]
        return {"speed": -abs(power - best), "temperature": 10 * power, "clean": gas != "He"}

    node, reactor = optimised(
        lab, gives, parameters="power: 1 to 10 W step 0.5; gas: Ar | N2 | He",
        goals="speed: maximum", constraints="temperature <= 70 degC; clean", points=16, first=11,
    )  # fmt: skip
    reactor.qualities = lambda power, gas: "overrange" if power < 2 else "ok"
    run = await lab.run()
    assert (run.state, run.message) == ("complete", "")
    assert all((point["power"] / 0.5).is_integer() for point in reactor.points)
    assert all(1 <= point["power"] <= 10 for point in reactor.points)
    taken = [tuple(point.values()) for point in reactor.points]
    assert len(set(taken)) == len(taken), "no point twice while there are others"
    best = node.outputs["best_power"].value, node.outputs["best_gas"].value
    ok = [
        (p["power"], p["gas"]) for p in reactor.points if 2 <= p["power"] <= 7 and p["gas"] != "He"
    ]
    assert best == max(ok, key=lambda each: gives(*each)["speed"])
    assert gives(*best)["speed"] >= -1.0
    assert node.outputs["power"].unit == "W"
    assert node.inputs["temperature"].unit == "degC"


@pytest.mark.formats
async def test_of_several_goals_the_trade_off_is_found(lab: Any) -> None:
    """Schaffer's: x² against (x − 2)²; every x from 0 to 2 is a best one."""
    node, _ = optimised(
        lab, lambda x: {"a": x * x, "b": (x - 2) ** 2},
        parameters="x: -3 to 5", goals="a: minimum; b: minimum weight 1", points=24,
    )  # fmt: skip
    run = await lab.run()
    assert (run.state, run.message) == ("complete", "")
    table = node.outputs["best_points"].value
    assert list(table) == ["x", "a", "b"]
    assert len(table["x"]) >= 6
    assert all(-0.2 <= x <= 2.2 for x in table["x"])
    assert max(table["x"]) - min(table["x"]) > 1.0, "not one end of it alone"
    assert node.outputs["best_x"].value == table["x"][0]
    assert node.outputs["best_x"].value == pytest.approx(1.0, abs=0.5)


async def test_without_the_library_nothing_moves_and_its_command_is_said(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, reactor = optimised(
        lab, lambda x: {"r": x}, parameters="x: 0 to 1", goals="r: maximum", points=5
    )
    monkeypatch.setitem(sys.modules, "bayes_opt", None)
    monkeypatch.setitem(sys.modules, "adaptive", None)
    assert any("pip install 'funcnodes[bayes]'" in why for why in node.check_run())
    with pytest.raises(NodeTriggerError, match=r"pip install 'funcnodes\[bayes\]'"):
        await node
    assert reactor.points == []
    adaptive = lab.add("scan.adaptive")
    assert any("pip install 'funcnodes[adaptive]'" in why for why in adaptive.check_run())
    node.inputs["method"].set_value("simplex")
    assert node.check_run() == []
    await node
    assert node.outputs["best_x"].value == pytest.approx(1, abs=0.01)


async def test_a_simplex_keeps_constraints_and_refuses_choices(lab: Any) -> None:
    node, _ = optimised(
        lab, lambda x, y: {"cost": (x - 3) ** 2 + (y + 1) ** 2, "total": x + y},
        parameters="x: 0 to 5 mm; y: -4 to 4", goals="cost: minimum", constraints="total <= 1.5",
        method="simplex", points=400,
    )  # fmt: skip
    run = await lab.run()
    assert (run.state, run.message) == ("complete", "")
    assert node.outputs["best_x"].value == pytest.approx(2.75, abs=0.1)
    assert node.outputs["best_y"].value == pytest.approx(-1.25, abs=0.1)
    words = lab.add("scan.optimise", parameters="gas: a | b", method="simplex")
    assert any("gas is none" in why for why in words.check_run())


async def test_limits_of_what_is_set_are_checked_before(lab: Any) -> None:
    node = lab.add("scan.optimise", parameters="v: 100 mV to 2 V; n: 1 | 2 | 5; gas: a | b")
    assert node.extremes() == {"v": (0.1, 2.0), "n": (1.0, 5.0)}
    assert node.outputs["v"].unit == "V"


def test_ports_follow_the_text_and_are_there_after_loading() -> None:
    space = NodeSpace(Library(NODE_SHELF))
    node = space.add_node_by_id("scan.optimise")
    node.inputs["parameters"].set_value("a: 0 to 1; b: 0 to 2")
    node.inputs["goals"].set_value("yield_: maximum")
    assert {"a", "b", "best_a", "best_b", "best_yield_"} <= set(node.outputs)
    assert "x" not in node.outputs
    sink = space.add_node_instance(Reactor())
    port = sink.add_input(NodeInput("b", float))
    node.outputs["b"].connect(port)
    node.inputs["parameters"].set_value("a: 0 to 1")
    assert "b" in node.outputs, "a wire keeps what it holds on to"
    assert any("has no b any more" in why for why in node.check_run())
    node.outputs["b"].disconnect()
    node.inputs["parameters"].set_value("a: 0 to 3")
    assert "b" not in node.outputs
    again = NodeSpace(Library(NODE_SHELF))
    saved = space.serialize()
    saved["nodes"] = [each for each in saved["nodes"] if each["node_id"] == "scan.optimise"]
    again.deserialize(saved)
    (loaded,) = again.nodes
    assert set(loaded.outputs) == set(node.outputs)
    assert set(loaded.inputs) == set(node.inputs)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1 to 12, not 0"),
        ("x", "is no parameter"),
        ("x: 5", "is no range"),
        ("x: 3 to 1", "from a lower to a higher"),
        ("x: 0 to 1; x: 0 to 2", "more than once"),
        ("x: 1 V to 2 s", "x: "),
        ("x: a | a", "no different choices"),
        ("index: 0 to 1", "index cannot name a parameter"),
        ("result: 0 to 1", "cannot be a result, too"),
        ("x: 0 to 1 frobs", "x: "),
    ],
)
async def test_parameters_that_cannot_be_are_said(lab: Any, text: str, told: str) -> None:
    node = lab.add("scan.optimise")
    node.inputs["parameters"].set_value(text)
    assert any(told in why for why in node.check_run()), node.check_run()


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (spaces.aims, "yield"), (spaces.aims, "ph: target"), (spaces.aims, "y: maximum weight 0"),
        (spaces.constraints, "t <= hot"), (spaces.constraints, "2 < 3"),
    ],
)  # fmt: skip
def test_goals_and_constraints_that_cannot_be_are_refused(read: Any, text: str) -> None:
    with pytest.raises(ValueRefusedError):
        read(text)


def test_constraints_say_how_far_they_are_broken() -> None:
    hot, fast, clean = spaces.constraints("t <= 80 degC; v >= 2; clean")
    assert (hot.excess(85.0), hot.excess(70.0)) == (5.0, -10.0)
    assert (fast.excess(1.5), fast.excess(3.0)) == (0.5, -1.0)
    assert (clean.excess(True), clean.excess(False), clean.excess(1.0)) == (0.0, 1.0, 1.0)


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused_in_a_sentence(text: str) -> None:
    for read in (spaces.parameters, spaces.aims, spaces.constraints):
        with suppress(ValueRefusedError):
            read(text)


@pytest.mark.formats
@given(st.data())
@settings(max_examples=3, deadline=None)
def test_whatever_points_give_all_asked_are_within_and_few_choices_end(data: Any) -> None:
    """Failed points, all alike, ties, infinite costs: it asks on, within its space."""
    space = spaces.parameters("x: 0 to 1; n: 0 to 3 step 1; c: a | b")
    optimiser: GoalOptimiser = Bayesian(space, [1.0], 1, first=4)
    for _ in range(7):
        point = optimiser.ask()
        assert point is not None
        x, n, c = point
        assert 0 <= float(x) <= 1
        assert n in (0.0, 1.0, 2.0, 3.0)
        assert c in ("a", "b")
        outcome = data.draw(st.sampled_from(["failed", "broken", "same", "good"]))
        cost = 1.0 if outcome == "same" else float(x) + float(n)
        excess = 1.0 if outcome == "broken" else -1.0
        optimiser.tell(point, None if outcome == "failed" else PointResult((cost,), (excess,)))
    few = Bayesian(spaces.parameters("n: 1 | 2; c: a | b"), [1.0], 0, first=3)
    asked = []
    while (point := few.ask()) is not None:
        asked.append(point)
        few.tell(point, PointResult((float(point[0]),)))
    assert sorted(asked) == [(1.0, "a"), (1.0, "b"), (2.0, "a"), (2.0, "b")]


def test_an_optimiser_of_one_cost_serves_several_goals() -> None:
    of_one = OfOneCost(simplex([(0.0, 4.0), (0.0, 4.0)], 0.001), [1.0, 2.0])
    best = math.inf
    while (point := of_one.ask()) is not None:
        x, y = map(float, point)
        costs = ((x - 1) ** 2, (y - 2) ** 2)
        best = min(best, costs[0] + 2 * costs[1])
        of_one.tell(point, PointResult(costs))
    assert best < 1e-4
