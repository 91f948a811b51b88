"""Bayesian optimisation: a model of what is known so far says where the best may be.

Gaussian processes and expected improvement by the library `bayesian-optimization`; constraints by
the probability that they hold (Gardner et al., ICML 2014). Several goals are drawn together by
weights that change from point to point, so that all of the trade-off is found (ParEGO: Knowles,
IEEE Trans. Evol. Comput. 10 (2006) 50). Deterministic: told the same, it asks the same.
"""

import importlib.util
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from funcnodes.errors import ExecutionError
from funcnodes.runs.scans.optimisers import Choice, GoalOptimiser, PointResult, spread_out
from funcnodes.runs.scans.spaces import Factor, Value

PACKAGE = "bayes_opt"
MISSING = (
    "Bayesian optimisation needs the library bayesian-optimization, which is not installed: "
    "pip install 'funcnodes[bayes]'"
)
_XI = 0.005  # improvement that counts, as a part of the range of costs seen
_MOST_LOOKED = 20_000  # points of steps and choices that are looked at for a free one
_RHO = 0.05  # ParEGO's: how much all goals count beside the worst


def is_there() -> bool:
    """Whether the library is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


class Bayesian(GoalOptimiser):
    """Asks where a model expects the most; begins with points that are spread out.

    Args:
        weights: Of each goal.
        constraints: How many there are.
        first: Points before the model is asked.
        seed: Another one asks for other points.
    """

    def __init__(
        self,
        space: Sequence[Factor],
        weights: Sequence[float],
        constraints: int,
        *,
        first: int,
        seed: int = 0,
    ) -> None:
        if not is_there():
            raise ExecutionError(MISSING)
        self._space = tuple(space)
        self._weights = tuple(weights)
        self._constraints = constraints
        self._first = first
        self._seed = seed
        bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)[: len(self._space)]
        self._spread = zip(*(spread_out(base) for base in bases), strict=True)
        self._told: list[tuple[Choice, PointResult | None]] = []

    def ask(self) -> Choice | None:
        """The next point; None once each of a few possible ones has been taken."""
        taken = {point for point, _ in self._told}
        if self._is_exhausted(len(taken)):
            return None
        known = [result for _, result in self._told if result is not None]
        allowed = any(result.is_allowed for result in known)
        if len(self._told) < self._first or len(known) < 2 or not allowed:
            return self._fresh(taken)
        point = self._suggested()
        return self._nearest(point, taken) if point in taken else point

    def tell(self, point: Choice, result: PointResult | None) -> None:
        self._told.append((point, result))

    def _is_exhausted(self, taken: int) -> bool:
        counts = [parameter.count for parameter in self._space]
        return all(counts) and taken >= math.prod(counts)

    def _fresh(self, taken: set[Choice]) -> Choice:
        """A point that is not taken, spread out; in the end any."""
        for parts in itertools.islice(self._spread, 200):
            point = tuple(p.at(part) for p, part in zip(self._space, parts, strict=True))
            if point not in taken:
                return point
        return next((point for point in self._every() if point not in taken), self._told[-1][0])

    def _nearest(self, wanted: Choice, taken: set[Choice]) -> Choice:
        """The point nearest to one that has been taken: a model of steps says the same again."""
        free = [point for point in itertools.islice(self._every(), _MOST_LOOKED) if
                point not in taken]  # fmt: skip
        if not free:
            return self._fresh(taken)
        at = self._coded(wanted)
        return min(free, key=lambda point: math.dist(at.values(), self._coded(point).values()))

    def _every(self) -> Iterator[Choice]:
        """All points, where there is no number but those of steps and choices; else none."""
        if not all(parameter.count for parameter in self._space):
            return iter(())
        return itertools.product(*(map(p.nth, range(p.count)) for p in self._space))

    def _coded(self, point: Choice) -> dict[str, float]:
        """As the model takes it: parts of ranges, and for each choice of words whether it is it."""
        found: dict[str, float] = {}
        for p, value in zip(self._space, point, strict=True):
            if isinstance(value, str):
                found |= {f"{p.name}|{word}": float(word == value) for word in p.choices}
            else:
                low, high = p.ends() or (0.0, 1.0)
                found[p.name] = (value - low) / (high - low)
        return found

    def _decoded(self, found: Mapping[str, Any]) -> Choice:
        return tuple(self._value(p, found) for p in self._space)

    def _value(self, p: Factor, found: Mapping[str, Any]) -> Value:
        if not p.is_number:
            return max(p.choices, key=lambda word: float(found[f"{p.name}|{word}"]))
        low, high = p.ends() or (0.0, 1.0)
        number = min(max(low + (high - low) * float(found[p.name]), low), high)
        if p.choices:
            return min(p.choices, key=lambda choice: abs(float(choice) - number))
        return p.nth(p.index(number)) if p.step else number

    def _suggested(self) -> Choice:
        from bayes_opt import BayesianOptimization
        from threadpoolctl import threadpool_limits

        model = BayesianOptimization(
            f=None,
            pbounds=dict.fromkeys(self._coded(self._told[0][0]), (0.0, 1.0)),
            acquisition_function=_improvement(),
            constraint=self._constraint(),
            random_state=self._seed + len(self._told),
            verbose=0,
            allow_duplicate_points=True,
        )
        targets = self._targets()
        for (point, result), target in zip(self._told, targets, strict=True):
            excess = (1.0,) * self._constraints if result is None else result.excess
            model.register(
                self._coded(point),
                target,
                *([list(excess)] if self._constraints > 1 else list(excess)),
            )
        model.set_gp_params(n_restarts_optimizer=1)
        with threadpool_limits(1):  # small matrices: more threads only wait for one another
            return self._decoded(model.suggest())

    def _constraint(self) -> Any:
        if not self._constraints:
            return None
        import numpy as np
        from scipy.optimize import NonlinearConstraint

        if self._constraints == 1:
            return NonlinearConstraint(None, -np.inf, 0.0)
        size = self._constraints
        return NonlinearConstraint(None, np.full(size, -np.inf), np.zeros(size))

    def _targets(self) -> list[float]:
        """What is to be as great as possible, from −1 to 0; of what failed the worst of all."""
        import numpy as np

        known = np.array([result.costs for _, result in self._told if result is not None])
        low, high = known.min(axis=0), known.max(axis=0)
        span = np.where(high > low, high - low, 1.0)
        weights = np.array(self._weights, dtype=float)
        if len(weights) > 1:
            random = np.random.default_rng([self._seed, len(self._told)])
            weights = weights * random.dirichlet(np.ones(len(weights)))
        weights = weights / weights.sum()
        scaled = [
            None if result is None else weights * (np.array(result.costs) - low) / span
            for _, result in self._told
        ]
        found = [
            None if each is None else float(-each.max() - _RHO * each.sum()) for each in scaled
        ]
        worst = min(each for each in found if each is not None)
        return [worst if each is None else each for each in found]


def _improvement() -> Any:
    """What a point is expected to improve; looked for at fewer places than the library does."""
    from bayes_opt.acquisition import ExpectedImprovement

    class Improvement(ExpectedImprovement):
        def suggest(  # type: ignore[no-untyped-def]  # its own types change with its versions
            self, gp, target_space, *_, fit_gp=True, random_state=None, **__
        ):
            return super().suggest(
                gp, target_space, n_random=2000, n_smart=3, fit_gp=fit_gp, random_state=random_state
            )

    return Improvement(xi=_XI)
