"""Fits of a curve by least squares, with the uncertainties of what they find.

With `sigma`, the uncertainty of each y, the errors follow from it; without, they are estimated
from how far the points lie off the curve. Points with NaN are left out.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any

from funcnodes.basic_nodes.arraylike import UNSET, Array, one_dimensional, same_length
from funcnodes.basic_nodes.define import basic_node
from funcnodes.core import Node, Range
from funcnodes.core.uncertain import correlated
from funcnodes.errors import ExecutionError


@basic_node(
    "stat.linear_fit", name="Linear fit", icon="chart", words=("regression", "line", "slope"),
    uncertainties={"slope": "slope_error", "intercept": "intercept_error"},
    outputs=[{"id": "slope"}, {"id": "intercept"}, {"id": "slope_error"},
             {"id": "intercept_error"}, {"id": "r_squared"}, {"id": "fitted"}],
)  # fmt: skip
def linear_fit_node(
    x: Array, y: Array, sigma: Array = UNSET
) -> tuple[float, float, float, float, float, Array]:
    """The straight line that fits points best, y = slope · x + intercept, with standard errors.

    `fitted` is the line at each x; two points without sigma have no errors: NaN.
    """
    fit = least_squares(x, y, sigma, degree=1)
    (intercept, slope), (intercept_error, slope_error) = fit.coefficients, fit.errors
    intercept, slope = correlated([intercept, slope], fit.covariance)
    return (
        slope, intercept, float(slope_error), float(intercept_error),
        fit.r_squared, fit.at(x),
    )  # fmt: skip


@basic_node(
    "stat.polynomial_fit", name="Polynomial fit", icon="chart", words=("regression", "parabola"),
    outputs=[{"id": "coefficients"}, {"id": "errors"}, {"id": "r_squared"}, {"id": "fitted"}],
)  # fmt: skip
def polynomial_fit_node(
    x: Array, y: Array, sigma: Array = UNSET, degree: Annotated[int, Range(0, 12)] = 2
) -> tuple[Array, Array, float, Array]:
    """The polynomial that fits points best, c0 + c1·x + c2·x² + …, with standard errors.

    The coefficients begin with c0; `fitted` is the polynomial at each x.
    """
    fit = least_squares(x, y, sigma, degree=degree)
    return fit.coefficients, fit.errors, fit.r_squared, fit.at(x)


@basic_node("stat.polynomial", name="Polynomial", icon="fx", words=("evaluate", "calibration"))
def polynomial_node(coefficients: Array, x: Array) -> Any:
    """The value of c0 + c1·x + c2·x² + … at one x, or at each of an array."""
    import numpy as np

    values = np.polynomial.polynomial.polyval(x, one_dimensional("coefficients", coefficients))
    return values if np.ndim(x) else float(values)


@dataclass(frozen=True, slots=True)
class Fit:
    """A polynomial found by least squares.

    Attributes:
        coefficients: From the constant one on.
        errors: Standard error of each; NaN where there are no points to spare.
        covariance: Of each coefficient with each.
        r_squared: Part of the variance of y that it explains, 1 at best.
    """

    coefficients: Array
    errors: Array
    covariance: Array
    r_squared: float
    _centred: Array
    _middle: float
    _spread: float

    def at(self, x: Array) -> Array:
        """Its value at each x."""
        import numpy as np

        place = (np.asarray(x, dtype=float) - self._middle) / self._spread
        result: Array = np.polynomial.polynomial.polyval(place, self._centred)
        return result


def least_squares(x: Array, y: Array, sigma: Array, *, degree: int) -> Fit:
    """Fit a polynomial; solved around the middle of x, so that far-off x lose no digits.

    Raises:
        ExecutionError: Too few points, or lengths that differ; a sentence says which.
    """
    import numpy as np

    x, y, weights = _points(x, y, sigma)
    distinct = len(np.unique(x))
    if distinct <= degree:
        raise ExecutionError(
            f"x has {distinct} different values; a fit of degree {degree} needs {degree + 1}."
        )
    middle, spread = float((x.min() + x.max()) / 2), float(np.ptp(x) / 2) or 1.0
    powers = np.vander((x - middle) / spread, degree + 1, increasing=True)
    weighted = powers * weights[:, None]
    centred, *_ = np.linalg.lstsq(weighted, y * weights, rcond=None)
    residuals = (y - powers @ centred) * weights
    inverse = np.linalg.pinv(weighted)
    covariance = inverse @ inverse.T * _scale(residuals, degree, given=sigma is not UNSET)
    back = _expansion(degree, middle, spread)
    covariance = back @ covariance @ back.T
    return Fit(
        back @ centred,
        np.sqrt(np.diag(covariance)),
        covariance,
        _r_squared(y, residuals, weights),
        centred,
        middle,
        spread,
    )


def _points(x: Array, y: Array, sigma: Array) -> tuple[Array, Array, Array]:
    import numpy as np

    x, y = one_dimensional("x", x), one_dimensional("y", y)
    same_length("x", x, "y", y)
    weights = np.ones(len(y))
    if sigma is not UNSET:
        sigma = np.broadcast_to(sigma, y.shape) if np.ndim(sigma) == 0 else sigma
        same_length("sigma", one_dimensional("sigma", sigma), "y", y)
        if not (sigma > 0).all():
            raise ExecutionError("sigma is to be above zero for every point.", port="sigma")
        weights = 1 / sigma
    whole = np.isfinite(x) & np.isfinite(y) & np.isfinite(weights)
    return x[whole], y[whole], weights[whole]


def _scale(residuals: Array, degree: int, *, given: bool) -> float:
    """What the covariance is multiplied by: the points' variance, where sigma did not say it."""
    spare = len(residuals) - degree - 1
    if given:
        return 1.0
    return float(residuals @ residuals) / spare if spare > 0 else math.nan


def _r_squared(y: Array, residuals: Array, weights: Array) -> float:
    import numpy as np

    mean = np.average(y, weights=weights**2)
    total = float(np.sum(((y - mean) * weights) ** 2))
    left = float(residuals @ residuals)
    if total == 0:
        return 1.0 if left < 1e-24 else math.nan
    return 1 - left / total


def _expansion(degree: int, middle: float, spread: float) -> Array:
    """Coefficients around the middle → coefficients of x: each ((x − m)/s)ʲ written out."""
    import numpy as np

    matrix = np.zeros((degree + 1, degree + 1))
    for j in range(degree + 1):
        for k in range(j + 1):
            matrix[k, j] = math.comb(j, k) * (-middle) ** (j - k) / spread**j
    return matrix


NODES: list[type[Node]] = [linear_fit_node, polynomial_fit_node, polynomial_node]
