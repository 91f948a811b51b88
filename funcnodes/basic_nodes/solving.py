"""Who finds the least squares of a model: lmfit, or scipy where that is not there."""

import importlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from funcnodes.basic_nodes.arraylike import Array
from funcnodes.errors import ExecutionError

MOST_STEPS = 2_000


@dataclass(frozen=True, slots=True)
class Solved:
    """Where the least squares are.

    Attributes:
        values: Of the free parameters.
        at_bound: Of each, whether it ended at a bound.
        covariance: Of those that did not, for residuals of variance 1.
    """

    values: Array
    at_bound: Array
    covariance: Array


_UNTIL = {"xtol": 1e-12, "ftol": 1e-12, "gtol": 1e-12}
Residuals = Callable[[Array], Array]
Solve = Callable[[Residuals, Array, Array, Array], Solved]


def solver() -> Solve:
    """By lmfit, else by scipy.

    Raises:
        ExecutionError: There is neither; the sentence names the pip command.
    """
    for package, solve in (("lmfit", _by_lmfit), ("scipy.optimize", _by_scipy)):
        with suppress(ModuleNotFoundError):
            importlib.import_module(package)
            return solve
    raise ExecutionError(
        "Fits of models need the library lmfit, or scipy, and neither is installed: "
        "pip install 'funcnodes[lmfit]'"
    )


def _by_scipy(residuals: Residuals, first: Array, low: Array, high: Array) -> Solved:
    import numpy as np
    from scipy import optimize

    try:
        end = optimize.least_squares(
            residuals, first, bounds=(low, high), x_scale="jac", max_nfev=MOST_STEPS, **_UNTIL
        )
    except ValueError as error:
        raise ExecutionError(f"The fit came to no result: {error}") from error
    if end.status <= 0:
        raise ExecutionError(f"The fit came to no result within {MOST_STEPS} steps: set start.")
    at_bound = end.active_mask != 0
    inverse = np.linalg.pinv(end.jac[:, ~at_bound])
    return Solved(end.x, at_bound, inverse @ inverse.T)


def _by_lmfit(residuals: Residuals, first: Array, low: Array, high: Array) -> Solved:
    """Those that end at a bound are held there, and the others fitted once more."""
    import lmfit
    import numpy as np

    at_bound = np.zeros(len(first), dtype=bool)
    values = first
    for _ in range(len(first) + 1):
        parameters = lmfit.Parameters()
        for n, value in enumerate(values):
            parameters.add(
                f"p{n}", float(value), min=low[n], max=high[n], vary=not at_bound[n]
            )  # fmt: skip
        if at_bound.all():
            return Solved(values, at_bound, np.zeros((0, 0)))
        try:
            end = lmfit.minimize(
                lambda now: residuals(np.array(list(now.valuesdict().values()))),
                parameters, method="least_squares", scale_covar=False, max_nfev=MOST_STEPS,
                x_scale="jac", **_UNTIL,
            )  # fmt: skip
        except (ValueError, TypeError) as error:
            raise ExecutionError(f"The fit came to no result: {error}") from error
        if not end.success:
            raise ExecutionError(f"The fit came to no result within {MOST_STEPS} steps: set start.")
        values = np.array(list(end.params.valuesdict().values()))
        new = ~at_bound & (_near(values, low) | _near(values, high))
        if not new.any():
            break
        at_bound |= new
        values = np.where(new, np.where(_near(values, low), low, high), values)
    inverse = np.linalg.pinv(end.jac)
    return Solved(values, at_bound, inverse @ inverse.T)


def _near(values: Array, bound: Array) -> Array:
    import numpy as np

    within = 1e-7 * np.maximum(abs(bound), 1e-12)
    return np.isfinite(bound) & (abs(values - bound) <= np.where(np.isfinite(within), within, 0))
