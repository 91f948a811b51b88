"""Fits of models to a curve: by least squares, with errors, bounds and fixed parameters.

Each parameter and its standard error is an output of its own, and so a column of a run. With
`sigma`, the uncertainty of each y, the errors follow from it; without, from how far the points lie
off the curve. A parameter that ended at a bound has no error: NaN. Parameters carry their errors
and how they hang together, so that what is worked out of several is uncertain as it should be.
Points with NaN are left out, and all results are then `missing`. By lmfit, or by scipy where that
is not there: `pip install 'funcnodes[lmfit]'`, `pip install 'funcnodes[fits]'`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from funcnodes.basic_nodes.arraylike import UNSET, Array, one_dimensional, same_length
from funcnodes.basic_nodes.define import basic_node, describe
from funcnodes.basic_nodes.expression import evaluate
from funcnodes.basic_nodes.judged import give, without_nan
from funcnodes.basic_nodes.solving import Solved, solver
from funcnodes.core import Node
from funcnodes.core.uncertain import correlated
from funcnodes.errors import ExecutionError

Function = Callable[..., Array]
Guess = Callable[[Array, Array], Sequence[float]]
FIRST_SAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """What a fit found.

    Attributes:
        values: Of each parameter, uncertain by its error where it has one.
        errors: Standard error of each; 0 where it was fixed, NaN where it ended at a bound.
        r_squared: Part of the variance of y that the model explains.
        reduced_chi_squared: Of the residuals; about 1 where sigma and the model are right.
        fitted: The model at each x that was given.
    """

    values: dict[str, float]
    errors: dict[str, float]
    r_squared: float
    reduced_chi_squared: float
    fitted: Array


@dataclass(frozen=True, slots=True)
class Hold:
    """What is held of the parameters of a fit, by their names."""

    start: Mapping[str, Any]
    fixed: Mapping[str, Any]
    low: Mapping[str, Any]
    high: Mapping[str, Any]

    def check(self, names: Sequence[str]) -> None:
        """Raise ExecutionError where there is no such parameter, or no such number."""
        for port, given in zip(("start", "fixed", "low", "high"), self._all(), strict=True):
            for name, value in given.items():
                if name not in names:
                    raise ExecutionError(
                        f"{port} names {name}, but the parameters are {', '.join(names)}.",
                        port=port,
                    )
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise ExecutionError(
                        f"{port}: {name} is to be a number, not {describe(value)}.", port=port
                    )
        for name in names:
            if not self.bounds(name)[0] < self.bounds(name)[1]:
                raise ExecutionError(f"low is to be below high for {name}.", port="low")

    def bounds(self, name: str) -> tuple[float, float]:
        """Lowest and highest value of a parameter."""
        return float(self.low.get(name, -math.inf)), float(self.high.get(name, math.inf))

    def _all(self) -> tuple[Mapping[str, Any], ...]:
        return self.start, self.fixed, self.low, self.high


def fit_model(
    function: Function, guess: Mapping[str, float], x: Array, y: Array, sigma: Array, hold: Hold
) -> Found:
    """Fit a model; arrays without NaN.

    Args:
        function: Called with x, and the parameters by name.
        guess: Where each parameter starts, if `hold` does not say otherwise.
        sigma: Uncertainty of each y, or UNSET.

    Raises:
        ExecutionError: Too few points, no result, or no library that fits is installed.
    """
    import numpy as np

    solve = solver()
    hold.check(list(guess))
    held = {name: float(value) for name, value in hold.fixed.items()}
    free = [name for name in guess if name not in held]
    if len(x) <= len(free):
        raise ExecutionError(f"{len(x)} points are too few for {len(free)} free parameters.")
    weight = 1.0 if sigma is UNSET else 1 / sigma

    def model(values: Array) -> Array:
        return function(x, **dict(zip(free, map(float, values), strict=True)), **held)

    def residuals(values: Array) -> Array:
        return np.asarray((model(values) - y) * weight, dtype=float)

    low, high = np.array([hold.bounds(name) for name in free]).T.reshape(2, len(free))
    first = np.array([float(hold.start.get(name, guess[name])) for name in free])
    first = np.clip(first, low, high)
    if not np.isfinite(residuals(first)).all():
        raise ExecutionError("The model gives no numbers where the fit starts: set start.")
    end = solve(residuals, first, low, high) if free else Solved(first, first == first, first)
    off = residuals(end.values)
    spare = len(x) - int((~end.at_bound).sum())
    reduced = float(off @ off) / spare
    covariance = end.covariance * (reduced if sigma is UNSET else 1.0)
    errors = np.full(len(free), np.nan)
    errors[~end.at_bound] = np.sqrt(np.diag(covariance))
    values = np.array(end.values, dtype=object)
    values[~end.at_bound] = correlated(list(end.values[~end.at_bound]), covariance)
    by_name = {**dict(zip(free, values, strict=True)), **held}
    error_of = dict(zip(free, map(float, errors), strict=True))
    mean = np.average(y, weights=np.broadcast_to(weight, y.shape) ** 2)
    total = float(np.sum(((y - mean) * weight) ** 2))
    return Found(
        {name: by_name[name] for name in guess},
        {name: error_of.get(name, 0.0) for name in guess},
        1 - float(off @ off) / total if total else math.nan,
        reduced,
        model(end.values),
    )


# ── nodes ─────────────────────────────────────────────────────────────────────────────────


def _run(
    node: Node, function: Function, guess: Guess | Mapping[str, float], names: Sequence[str],
    x: Array, y: Array, sigma: Array, hold: Hold,
) -> Found:  # fmt: skip
    """Fit what a node was given, and set what all fits have in common."""
    import numpy as np

    x, y = one_dimensional("x", x), one_dimensional("y", y)
    same_length("x", x, "y", y)
    given = [x, y]
    if sigma is not UNSET:
        sigma = np.broadcast_to(sigma, y.shape) if np.ndim(sigma) == 0 else sigma
        same_length("sigma", one_dimensional("sigma", sigma), "y", y)
        if (sigma <= 0).any():
            raise ExecutionError("sigma is to be above zero for every point.", port="sigma")
        given.append(sigma)
    whole, quality = without_nan(*given)
    if not len(whole[0]):
        raise ExecutionError("There is no point without NaN.", port="y")
    errors = whole[2] if sigma is not UNSET else UNSET
    start = guess if isinstance(guess, Mapping) else dict(
        zip(names, guess(whole[0], whole[1]), strict=True)
    )  # fmt: skip
    found = fit_model(function, start, whole[0], whole[1], errors, hold)
    fitted = np.full(len(x), np.nan)
    fitted[np.logical_and.reduce([np.isfinite(each) for each in given])] = found.fitted
    give(
        node, quality, r_squared=found.r_squared, fitted=fitted,
        reduced_chi_squared=found.reduced_chi_squared,
    )  # fmt: skip
    if isinstance(guess, Mapping):
        give(node, quality, values=found.values, errors=found.errors)
    else:
        give(node, quality, **found.values)
        give(node, quality, **{f"{name}_error": each for name, each in found.errors.items()})
    return found


def _model_node(
    node_id: str, name: str, function: Function, guess: Guess, doc: str, *, words: tuple[str, ...]
) -> type[Node]:
    """A node that fits one model; its parameters are those of `function` after x."""
    names = list(function.__code__.co_varnames[1 : function.__code__.co_argcount])

    def run(
        node: Node, x: Array, y: Array, sigma: Array = UNSET,
        start: dict[str, Any] = {}, fixed: dict[str, Any] = {},  # noqa: B006  # never changed
        low: dict[str, Any] = {}, high: dict[str, Any] = {},  # noqa: B006
    ) -> Any:  # fmt: skip
        floor = {"width": 0.0} if "width" in names else {}  # its sign would say nothing
        _run(node, function, guess, names, x, y, sigma, Hold(start, fixed, floor | low, high))

    run.__name__ = run.__qualname__ = node_id.replace(".", "_")
    run.__doc__ = (
        f"{doc}\n\nEach parameter with its standard error. `start`, `fixed`, `low` and `high` are "
        'dictionaries by parameter, e.g. {"offset": 0}. Points with NaN are left out, and all '
        "results are then `missing`. Needs lmfit, or scipy: `pip install 'funcnodes[lmfit]'`."
    )
    outputs = [{"id": each, "type": float} for name in names for each in (name, f"{name}_error")]
    common = [
        {"id": "r_squared", "type": float}, {"id": "reduced_chi_squared", "type": float},
        {"id": "fitted", "type": Array},
    ]  # fmt: skip
    return basic_node(
        node_id, name=name, icon="chart", returns_none=False,
        words=("fit", "model", "regression", "least squares", *words),
        outputs=[*outputs, *common], uncertainties={each: f"{each}_error" for each in names},
    )(run)  # fmt: skip


def _gaussian(x: Array, amplitude: float, centre: float, width: float, offset: float) -> Array:
    import numpy as np

    result: Array = offset + amplitude * np.exp(-((x - centre) ** 2) / (2 * width**2))
    return result


def _lorentzian(x: Array, amplitude: float, centre: float, width: float, offset: float) -> Array:
    result: Array = offset + amplitude / (1 + ((x - centre) / width) ** 2)
    return result


def _decay(x: Array, amplitude: float, tau: float, offset: float) -> Array:
    import numpy as np

    with np.errstate(over="ignore"):
        result: Array = offset + amplitude * np.exp(-x / tau)
    return result


def _sine(x: Array, amplitude: float, frequency: float, phase: float, offset: float) -> Array:
    import numpy as np

    result: Array = offset + amplitude * np.sin(2 * np.pi * frequency * x + phase)
    return result


def _peak_guess(x: Array, y: Array) -> Sequence[float]:
    import numpy as np

    offset = float(np.median(y))
    at = int(np.argmax(np.abs(y - offset)))
    amplitude = float(y[at] - offset) or 1.0
    inside = np.abs(y - offset) > abs(amplitude) / 2
    width = float(np.ptp(x)) * max(float(inside.mean()), 1 / len(x)) / 2
    return amplitude, float(x[at]), width or 1.0, offset


def _decay_guess(x: Array, y: Array) -> Sequence[float]:
    import numpy as np

    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    offset = float(y[-1])
    part = np.abs(y - offset) < abs(y[0] - offset) / math.e
    tau = float(x[np.argmax(part)] - x[0]) if part.any() else float(np.ptp(x))
    tau = tau or 1.0
    return float(y[0] - offset) * math.exp(min(float(x[0]) / tau, 50.0)) or 1.0, tau, offset


def _sine_guess(x: Array, y: Array) -> Sequence[float]:
    """The best of evenly spaced frequencies over the first samples, then finer over more."""
    import numpy as np

    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    count = min(len(x), FIRST_SAMPLES)
    span = float(x[count - 1] - x[0]) or 1.0
    frequencies = np.arange(1, 2 * count) / (4 * span)
    while True:
        _, frequency, terms = min(
            (_sine_at(x[:count], y[:count], float(each)) for each in frequencies),
            key=lambda found: found[0],
        )
        if count == len(x):
            break
        count = min(2 * count, len(x))
        step = 1 / (8 * (float(x[count - 1] - x[0]) or 1.0))
        frequencies = np.maximum(frequency + step * np.arange(-4, 5), step / 8)
    sine, cosine, offset = map(float, terms)
    return math.hypot(sine, cosine), frequency, math.atan2(cosine, sine), offset


def _sine_at(x: Array, y: Array, frequency: float) -> tuple[float, float, Array]:
    """What is left of y when the best sine of a frequency is taken away; that, and its terms."""
    import numpy as np

    angle = 2 * np.pi * frequency * x
    parts = np.stack([np.sin(angle), np.cos(angle), np.ones(len(x))], axis=1)
    terms, *_ = np.linalg.lstsq(parts, y, rcond=None)
    return float(np.sum((parts @ terms - y) ** 2)), frequency, terms


@basic_node(
    "fit.formula", name="Fit formula", icon="fx", returns_none=False,
    words=("fit", "model", "regression", "least squares", "expression", "curve"),
    outputs=[{"id": "values", "type": dict}, {"id": "errors", "type": dict},
             {"id": "r_squared", "type": float}, {"id": "reduced_chi_squared", "type": float},
             {"id": "fitted", "type": Array}],
)  # fmt: skip
def formula_node(
    node: Node, x: Array, y: Array, sigma: Array = UNSET, formula: str = "a * x + b",
    start: dict[str, Any] = {"a": 1.0, "b": 0.0}, fixed: dict[str, Any] = {},  # noqa: B006
    low: dict[str, Any] = {}, high: dict[str, Any] = {},  # noqa: B006
) -> Any:  # fmt: skip
    """A formula of x and parameters, fitted to a curve; `start` names the parameters.

    Knows what *Expression* knows. The values and standard errors come as dictionaries by parameter;
    `fixed`, `low` and `high` are such dictionaries, too. Points with NaN are left out, and all
    results are then `missing`. Needs lmfit, or scipy: `pip install 'funcnodes[lmfit]'`.
    """

    def function(x: Array, **parameters: float) -> Array:
        import numpy as np

        result: Array = np.broadcast_to(evaluate(formula, {"x": x, **parameters}), x.shape)
        return result

    hold = Hold(start, fixed, low, high)
    hold.check(list(start))
    guess = {name: float(value) for name, value in start.items()}
    _run(node, function, guess, list(start), x, y, sigma, hold)


NODES: list[type[Node]] = [
    _model_node("fit.gaussian", "Fit Gaussian", _gaussian, _peak_guess,
                "A Gaussian peak: offset + amplitude · exp(−(x − centre)² / 2 width²).",
                words=("peak", "normal", "bell")),
    _model_node("fit.lorentzian", "Fit Lorentzian", _lorentzian, _peak_guess,
                "A Lorentzian peak: offset + amplitude / (1 + ((x − centre) / width)²); width is "
                "half of that at half height.", words=("peak", "resonance", "cauchy")),
    _model_node("fit.decay", "Fit decay", _decay, _decay_guess,
                "An exponential: offset + amplitude · exp(−x / tau).",
                words=("exponential", "lifetime", "relaxation", "time constant")),
    _model_node("fit.sine", "Fit sine", _sine, _sine_guess,
                "A sine: offset + amplitude · sin(2π · frequency · x + phase).",
                words=("oscillation", "frequency", "phase")),
    formula_node,
]  # fmt: skip
