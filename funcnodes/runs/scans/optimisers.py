"""Who chooses the next point: `ask` for it, measure there, `tell` what came of it.

Points are numbers within bounds, one per axis. Everything here is deterministic: told the same, it
asks the same. A point that gave nothing, or nothing that is ok, is told as None: it is no candidate
and is not asked again.

Libraries with models of their own (Bayesian optimisation, for instance) fit behind `Optimiser`.
"""

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from funcnodes.errors import ExecutionError

Point = tuple[float, ...]
Bounds = Sequence[tuple[float, float]]

Steps = Generator[Point, float, None]
"""A method written down from top to bottom: it yields a point, each axis from 0 to 1, and is sent
its cost; infinite where there is none. It returns when it has found what it looks for."""

GOLDEN = (math.sqrt(5) - 1) / 2
FIRST = 5
"""Points, both bounds among them, with which a golden section begins."""
FIRST_EDGE = 0.25
"""Of the first simplex, as a part of the range."""
WITHOUT_ADAPTIVE = (
    "Adaptive sweeps need the library adaptive, which is not installed: "
    "pip install 'funcnodes[adaptive]'"
)
_BASES = (2, 3, 5, 7, 11, 13)


class Optimiser(ABC):
    """Asked for points and told their values, in turn."""

    @abstractmethod
    def ask(self) -> Point | None:
        """The next point, within the bounds; None when it has found what it looks for."""

    @abstractmethod
    def tell(self, point: Point, value: float | None) -> None:
        """What the point gave: None where that is no number that can be trusted.

        Where an optimum is looked for, `value` is a cost: the smaller, the better.
        """


class Stepwise(Optimiser):
    """Carries out a method that is written as steps, within bounds."""

    def __init__(self, bounds: Bounds, steps: Steps) -> None:
        self._bounds = bounds
        self._steps = steps
        self._next: Point | None = next(steps)

    def ask(self) -> Point | None:
        if self._next is None:
            return None
        return tuple(
            min(max(low + (high - low) * part, low), high)
            for part, (low, high) in zip(self._next, self._bounds, strict=True)
        )

    def tell(self, point: Point, value: float | None) -> None:
        try:
            self._next = self._steps.send(math.inf if value is None else value)
        except StopIteration:
            self._next = None


def golden_section(bounds: Bounds, tolerance: float) -> Optimiser:
    """The least value on one axis, if there is one valley between neighbours of the first points.

    Args:
        bounds: Of the one axis.
        tolerance: How near the optimum is to be found, as a part of the range.
    """
    return Stepwise(bounds, _golden_section(tolerance))


def simplex(bounds: Bounds, tolerance: float) -> Optimiser:
    """A least value on several axes (Nelder and Mead, The Computer Journal 7 (1965) 308).

    It begins in the middle, and again, smaller, where it ended, until that changes nothing: so
    that one that was crushed against a constraint opens up once more. Beyond a bound it goes on in
    the mirror, so that bounds do not crush it.

    Args:
        bounds: Of each axis.
        tolerance: How near the optimum is to be found, as a part of each range.
    """
    return Stepwise(bounds, _mirrored(_simplex(len(bounds), tolerance)))


def _golden_section(tolerance: float) -> Steps:
    cost: dict[float, float] = {}
    for part in itertools.chain((n / (FIRST - 1) for n in range(FIRST)), spread_out(2)):
        if len(cost) >= FIRST and min(cost.values()) < math.inf:
            break
        cost[part] = yield (part,)
    best = min(cost, key=cost.__getitem__)
    low = max((part for part in cost if part < best), default=best)
    high = min((part for part in cost if part > best), default=best)
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left = yield (left,)
    at_right = yield (right,)
    while high - low > tolerance:
        is_left = at_left < at_right
        if at_left == at_right:  # both out of bounds, perhaps: towards the best that is known
            is_left = best <= (left + right) / 2
        if is_left:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = yield (left,)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = yield (right,)


def _mirrored(steps: Steps) -> Steps:
    """Steps that know no bounds, folded into 0 to 1."""
    point = next(steps)
    with suppress(StopIteration):
        while True:
            point = steps.send((yield tuple(map(_folded, point))))


def _folded(part: float) -> float:
    part %= 2
    return part if part <= 1 else 2 - part


def _simplex(axes: int, tolerance: float) -> Steps:
    best: Point = (0.5,) * axes
    cost = yield best
    others = zip(*(spread_out(base) for base in _BASES[:axes]), strict=True)
    while cost == math.inf:
        best = next(others)
        cost = yield best
    edge = FIRST_EDGE
    while True:
        began = best
        best, cost = yield from _descent(best, cost, edge, tolerance)
        if _distance(best, began) <= tolerance:
            return
        edge = max(edge / 4, 2 * tolerance)


Corner = tuple[Point, float]


def _descent(
    start: Point, cost: float, edge: float, tolerance: float
) -> Generator[Point, float, Corner]:
    """One simplex, from its first corners until all of them are near one another."""
    corners: list[Corner] = [(start, cost)]
    for axis in range(len(start)):
        corner = tuple(part + edge * (n == axis) for n, part in enumerate(start))
        corners.append((corner, (yield corner)))
    while True:
        corners.sort(key=lambda corner: corner[1])
        best = corners[0]
        if max(_distance(best[0], corner) for corner, _ in corners) <= tolerance:
            return best
        *kept, (worst, at_worst) = corners
        centre = tuple(sum(parts) / len(kept) for parts in zip(*(c for c, _ in kept), strict=True))
        found = yield from _replacement(centre, worst, at_worst, best[1], kept[-1][1])
        if found is not None:
            corners = [*kept, found]
            continue
        shrunk = [best]
        for corner, _ in corners[1:]:
            nearer = _along(best[0], corner, 0.5)
            shrunk.append((nearer, (yield nearer)))
        corners = shrunk


def _replacement(
    centre: Point, worst: Point, at_worst: float, at_best: float, at_second: float
) -> Generator[Point, float, Corner | None]:
    """A better corner than the worst, on the line through it and the centre of the others."""
    reflected = _along(centre, worst, -1)
    at_reflected = yield reflected
    if at_reflected < at_best:
        expanded = _along(centre, worst, -2)
        at_expanded = yield expanded
        nearest = (reflected, at_reflected)
        return (expanded, at_expanded) if at_expanded < at_reflected else nearest
    if at_reflected < at_second:
        return reflected, at_reflected
    is_outside = at_reflected < at_worst
    contracted = _along(centre, worst, -0.5 if is_outside else 0.5)
    at_contracted = yield contracted
    if at_contracted < min(at_reflected, at_worst):
        return contracted, at_contracted
    return None


def _along(start: Point, end: Point, part: float) -> Point:
    """So far from start to end."""
    return tuple(a + part * (b - a) for a, b in zip(start, end, strict=True))


def _distance(one: Point, other: Point) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def spread_out(base: int) -> Generator[float, None, None]:
    """Parts of 1 that leave no gap for long (van der Corput)."""
    for n in itertools.count(1):
        part, weight = 0.0, 1.0
        while n:
            weight /= base
            n, digit = divmod(n, base)
            part += digit * weight
        yield part


@dataclass(frozen=True, slots=True)
class PointResult:
    """What a point gave.

    Attributes:
        costs: Of each goal: the smaller, the better.
        excess: How far each constraint is broken: at most 0 where it holds.
    """

    costs: tuple[float, ...]
    excess: tuple[float, ...] = ()

    @property
    def is_allowed(self) -> bool:
        return all(each <= 0 for each in self.excess)


Choice = tuple[float | str, ...]
"""A point of which some values may be words."""


class GoalOptimiser(ABC):
    """Asked for points of any parameters, and told what they gave for goals and constraints."""

    @abstractmethod
    def ask(self) -> Choice | None:
        """The next point; None when there is nothing left to find."""

    @abstractmethod
    def tell(self, point: Choice, result: PointResult | None) -> None:
        """What the point gave: None where that is nothing that can be trusted."""


class OfOneCost(GoalOptimiser):
    """An optimiser of one cost, for several goals: their costs by weight, added up."""

    def __init__(self, optimiser: Optimiser, weights: Sequence[float]) -> None:
        self._optimiser = optimiser
        self._weights = tuple(weights)

    def ask(self) -> Choice | None:
        return self._optimiser.ask()

    def tell(self, point: Choice, result: PointResult | None) -> None:
        counts = result is not None and result.is_allowed
        costs = result.costs if result is not None else ()
        cost = sum(w * c for w, c in zip(self._weights, costs, strict=False))
        self._optimiser.tell(tuple(map(float, point)), cost if counts else None)


class AdaptiveLearner(Protocol):
    """What is used of a learner of the library `adaptive`."""

    def ask(self, n: int) -> tuple[list[Any], list[float]]: ...

    def tell(self, x: Any, y: float) -> None: ...

    def loss(self) -> float: ...


class Learner(Optimiser):
    """Points where a curve, or a surface, is known least, by the library `adaptive`.

    The loss is the greatest distance from one point to the next, where the curve is drawn 1 wide
    and 1 high. A point that gave nothing stays asked for; where that is an end of the range, the
    loss stays infinite.
    """

    def __init__(self, bounds: Bounds, goal: float) -> None:
        self._goal = goal
        self._is_curve = len(bounds) == 1
        self._learner = _learner(bounds)

    def ask(self) -> Point | None:
        if self._goal > 0 and self._learner.loss() <= self._goal:
            return None
        (point,), _ = self._learner.ask(1)
        return (float(point),) if self._is_curve else (float(point[0]), float(point[1]))

    def tell(self, point: Point, value: float | None) -> None:
        if value is not None:
            self._learner.tell(point[0] if self._is_curve else point, value)


def _learner(bounds: Bounds) -> AdaptiveLearner:
    try:
        from adaptive.learner.learner1D import Learner1D
        from adaptive.learner.learner2D import Learner2D
    except ModuleNotFoundError as error:
        raise ExecutionError(WITHOUT_ADAPTIVE) from error
    learner: AdaptiveLearner
    if len(bounds) == 1:
        learner = Learner1D(None, tuple(bounds[0]))
    else:
        learner = Learner2D(None, [tuple(each) for each in bounds])
    return learner
