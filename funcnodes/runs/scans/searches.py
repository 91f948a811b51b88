"""Scans that choose each point by what the points before it gave (T3).

What the body makes of a point is led back to **result**, which starts nothing anew. A result counts
where it belongs to this very point, is a finite number, is `ok`, and the point is allowed.
"""

import math
from collections.abc import AsyncGenerator, Iterable
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

from funcnodes.core import NodeInput, NodeOutput
from funcnodes.core.nodes import TRIGGER_OUT
from funcnodes.errors import ExecutionError
from funcnodes.runs.points import NO_PAST, FramePast
from funcnodes.runs.scans.axes import Axis
from funcnodes.runs.scans.choosing import MAX_CHOSEN, ChoosingScan, in_thread
from funcnodes.runs.scans.optimisers import (
    Bounds,
    Learner,
    Optimiser,
    Point,
    golden_section,
    simplex,
)
from funcnodes.runs.unitinput import UnitInput

Goal = Literal["minimum", "maximum", "target"]


def _low(axis: str) -> NodeInput:
    return NodeInput(
        f"{axis}_low",
        float,
        f"{axis} low",
        default=0.0,
        does_trigger=False,
        description=f"Lowest {axis}.",
    )


def _high(axis: str) -> NodeInput:
    return NodeInput(
        f"{axis}_high",
        float,
        f"{axis} high",
        default=1.0,
        does_trigger=False,
        description=f"Highest {axis}.",
    )


def _unit(axis: str) -> NodeInput:
    return UnitInput(
        f"{axis}_unit",
        str,
        f"{axis} unit",
        default="",
        required=False,
        does_trigger=False,
        hidden=True,
        description=f'Unit of {axis}, e.g. "mV"; empty for plain numbers.',
    )


def _value(axis: str) -> NodeOutput:
    return NodeOutput(axis, float, description=f"The {axis} of this point.")


def _best(axis: str) -> NodeOutput:
    return NodeOutput(
        f"best_{axis}", float, f"best {axis}", f"The {axis} of the best point, after the last one."
    )


def _points(default: int) -> NodeInput:
    return NodeInput(
        type=int,
        default=default,
        does_trigger=False,
        value_options={"min": 1, "max": MAX_CHOSEN},
        description="How many points at most.",
    )


def _axes(*names: str, best: bool = False) -> dict[str, Axis]:
    """By the input of each axis that says its unit."""
    return {
        f"{name}_unit": Axis(
            (name, f"best_{name}") if best else (name,), (f"{name}_low", f"{name}_high")
        )
        for name in names
    }


class Search(ChoosingScan):
    """What scans share that are told one number a point; subclasses say who chooses them."""

    own_inputs = ("result", "allowed")

    result = NodeInput(
        type=float,
        required=False,
        does_trigger=False,
        description="What a point gave: led back here from what hangs on it.",
    )
    allowed = NodeInput(
        type=bool,
        default=True,
        required=False,
        does_trigger=False,
        hidden=True,
        description="Whether the point may count: off where it breaks a constraint.",
    )

    def optimiser(self) -> Optimiser:
        """Who chooses the points; made anew each time.

        Raises:
            ExecutionError: A library that it needs is not installed.
        """
        raise NotImplementedError

    def points_at_most(self) -> int | None:
        return int(self.inputs["points"].value)

    def as_told(self, value: float) -> float:
        """What the optimiser is told of a result."""
        return value

    def bounds(self) -> Bounds:
        """Lowest and highest value of each axis, in its unit."""
        return [
            (float(self.inputs[low].value), float(self.inputs[high].value))
            for low, high in (axis.inputs for axis in self.axes.values())
        ]

    def names(self) -> list[str]:
        """The outputs that make a point."""
        return [axis.outputs[0] for axis in self.axes.values()]

    def extremes(self) -> dict[str, tuple[float, float]]:
        return dict(zip(self.names(), self.bounds(), strict=True))

    def course(self) -> AsyncGenerator[dict[str, Any], None]:
        return self.course_after(NO_PAST)

    async def course_after(self, past: FramePast) -> AsyncGenerator[dict[str, Any], None]:
        optimiser = await in_thread(self.optimiser)  # it may load a library
        self.told = 0
        await in_thread(lambda: self._tell_again(optimiser, past))
        for _ in range(past.done, int(self.inputs["points"].value)):
            point = await in_thread(optimiser.ask)
            if point is None:
                self.on_found()
                return
            self._point_of = point
            yield dict(zip(self.names(), point, strict=True))
            value = self._what_it_gave()
            if value is not None:
                self.told += 1
                self.on_result(point, value)
            optimiser.tell(point, None if value is None else self.as_told(value))

    def check_past(self, past: FramePast) -> None:
        self._tell_again(self.optimiser(), past)

    def facts_of_point(self) -> dict[str, Any]:
        return {"at": self._point_of, "gave": self._what_it_gave()}

    def _tell_again(self, optimiser: Optimiser, past: FramePast) -> None:
        """What the points gave that a run before has taken.

        Raises:
            ExecutionError: It asks for others now: a library that it needs is another one.
        """
        for number, facts in enumerate(past.facts, 1):
            taken, value = tuple(map(float, facts["at"])), facts["gave"]
            self.check_same(number, optimiser.ask(), taken)
            if value is not None:
                self.told += 1
                self.on_result(taken, value)
            optimiser.tell(taken, None if value is None else self.as_told(value))

    def on_result(self, point: Point, value: float) -> None:
        """A point gave a result that counts."""

    def on_found(self) -> None:
        """It ended because what it looked for was found, not for its number of points."""

    def _what_it_gave(self) -> float | None:
        """The result of the point just taken; None where it does not count."""
        if not self.point_was_taken():
            return None
        if self.allowed.is_connected() and not (
            self.is_of_point(self.allowed) and self.allowed.value is True
        ):
            return None
        if not self.is_of_point(self.result):
            return None
        value = float(self.result.value)
        return value if math.isfinite(value) else None

    def library(self) -> str:
        """What it needs beyond what is always there, by the name of its extra; "" for nothing."""
        return ""

    def why_not(self) -> Iterable[str]:
        lacking = self.library()
        if lacking and find_spec(lacking) is None:
            yield (
                f"{self.name} needs the library {lacking}, which is not installed: "
                f"pip install 'funcnodes[{lacking}]'"
            )
        if not self.result.is_connected():
            yield f"{self.name} is not told what its points give: wire that to its result."
        for name, (low, high) in zip(self.names(), self.bounds(), strict=True):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                yield f"{self.name}: {name} low is to be below {name} high."


class AdaptiveSweep(Search):
    """Takes points where the curve is known least: many where it bends, few where it is straight.

    Wire **x** to what it should set and what is measured back to **result**. It ends after
    **points**, or once no two neighbours are farther apart than **loss**, on a curve that is drawn
    1 wide and 1 high. Results that are not ok are recorded, but not counted. Needs the library
    `adaptive`: `pip install 'funcnodes[adaptive]'`.
    """

    node_id = "scan.adaptive"
    node_name = "Adaptive sweep"
    description = __doc__ or ""
    icon = "sweep"
    words = ("scan", "resonance", "peak", "refine", "learn", "smart", "curve")
    axes = _axes("x")

    x_low = _low("x")
    x_high = _high("x")
    x_unit = _unit("x")
    points = _points(100)
    loss = NodeInput(
        type=float,
        default=0.0,
        does_trigger=False,
        value_options={"min": 0.0},
        description="Ends where the curve is known as well as this, e.g. 0.05; 0 takes all points.",
    )
    x = _value("x")

    def points_total(self) -> int | None:
        return None if float(self.loss.value) > 0 else int(self.points.value)

    def library(self) -> str:
        return "adaptive"

    def optimiser(self) -> Optimiser:
        return Learner(self.bounds(), float(self.loss.value))


class AdaptiveSweep2D(AdaptiveSweep):
    """Takes points where a surface over x and y is known least: many at its edges and peaks.

    Wire **x** and **y** to what they should set and what is measured back to **result**. It ends
    after **points**, or once every part of the surface is known as well as **loss** says. Results
    that are not ok are recorded, but not counted. Needs the library `adaptive`:
    `pip install 'funcnodes[adaptive]'`.
    """

    node_id = "scan.adaptive_2d"
    node_name = "Adaptive 2-D sweep"
    description = __doc__ or ""
    words = ("scan", "map", "image", "refine", "learn", "smart", "surface")
    axes = _axes("x", "y")

    y_low = _low("y")
    y_high = _high("y")
    y_unit = _unit("y")
    y = _value("y")


class FindOptimum(Search):
    """Looks for the x at which a result is least, greatest, or nearest to a target.

    Wire **x** to what it should set and what is measured back to **result**. Between bounds, by
    golden section: it takes five points in equal steps, then closes in on the best of them, until x
    is known to the **tolerance**, or after **points**. What is not ok, or not **allowed**, never is
    the best.
    """

    node_id = "scan.optimum"
    node_name = "Find optimum"
    description = __doc__ or ""
    icon = "sweep"
    words = (
        "minimum",
        "maximum",
        "target",
        "tune",
        "golden section",
        "optimise",
        "optimize",
        "fit",
    )
    axes = _axes("x", best=True)
    after_last: ClassVar[tuple[str, ...]] = (TRIGGER_OUT, "best_x", "best", "found")

    goal = NodeInput(
        type=Goal, default="minimum", does_trigger=False, description="What is looked for."
    )
    target = NodeInput(
        type=float,
        default=0.0,
        does_trigger=False,
        description="With the goal target: the result that is wanted.",
    )
    x_low = _low("x")
    x_high = _high("x")
    x_unit = _unit("x")
    tolerance = NodeInput(
        type=float,
        default=0.001,
        does_trigger=False,
        value_options={"min": 1e-9, "max": 0.5},
        description="How near the optimum is to be found, as a part of the range.",
    )
    points = _points(200)
    x = _value("x")
    best_x = _best("x")
    best = NodeOutput(type=float, description="The result there.")
    found = NodeOutput(type=bool, description="On where the tolerance was reached.")

    _best_point: Point | None = None
    _best_value = 0.0
    _is_found = False

    def optimiser(self) -> Optimiser:
        bounds, tolerance = self.bounds(), float(self.tolerance.value)
        method = golden_section if len(bounds) == 1 else simplex
        return method(bounds, tolerance)

    def as_told(self, value: float) -> float:
        goal: Goal = self.goal.value
        if goal == "target":
            return abs(value - float(self.target.value))
        return value if goal == "minimum" else -value

    async def func(self, **named: Any) -> None:
        self._forget()
        await super().func(**named)
        if self._best_point is None:
            raise ExecutionError(f"{self.name}: no point gave a result that is ok and allowed.")
        for name, part in zip(self.names(), self._best_point, strict=True):
            self.outputs[f"best_{name}"].set(part, quality=self.quality_of_point())
        self.best.set(self._best_value, quality=self.quality_of_point())
        self.found.set(self._is_found, quality=self.quality_of_point())

    def _forget(self) -> None:
        self._best_point, self._is_found = None, False

    def on_result(self, point: Point, value: float) -> None:
        if self._best_point is None or self.as_told(value) < self.as_told(self._best_value):
            self._best_point, self._best_value = point, value

    def on_found(self) -> None:
        self._is_found = True


class FindOptimum2D(FindOptimum):
    """Looks for the x and y at which a result is least, greatest, or nearest to a target.

    Wire **x** and **y** to what they should set and what is measured back to **result**. Between
    bounds, by a simplex (Nelder–Mead) that begins in the middle, until both are known to the
    **tolerance**, or after **points**. What is not ok, or not **allowed**, never is the best.
    """

    node_id = "scan.optimum_2d"
    node_name = "Find optimum 2-D"
    description = __doc__ or ""
    words = ("minimum", "maximum", "target", "tune", "simplex", "nelder", "optimise", "optimize")
    axes = _axes("x", "y", best=True)
    after_last: ClassVar[tuple[str, ...]] = (TRIGGER_OUT, "best_x", "best_y", "best", "found")

    y_low = _low("y")
    y_high = _high("y")
    y_unit = _unit("y")
    y = _value("y")
    best_y = _best("y")


class FindOptimum3D(FindOptimum2D):
    """Looks for the x, y and z at which a result is least, greatest, or nearest to a target.

    As *Find optimum 2-D*, with a third value.
    """

    node_id = "scan.optimum_3d"
    node_name = "Find optimum 3-D"
    description = __doc__ or ""
    axes = _axes("x", "y", "z", best=True)
    after_last: ClassVar[tuple[str, ...]] = (
        TRIGGER_OUT,
        "best_x",
        "best_y",
        "best_z",
        "best",
        "found",
    )

    z_low = _low("z")
    z_high = _high("z")
    z_unit = _unit("z")
    z = _value("z")
    best_z = _best("z")
