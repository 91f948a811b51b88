"""Analysis of curves: peaks in a table, moving statistics, lock-in, background, calibration.

A NaN never becomes a number that is ok: it goes through as NaN, or, where a node can only leave it
out, everything that the node gives is `missing`.
"""

import math
from typing import Annotated, Any, Literal

from funcnodes.basic_nodes.arraylike import UNSET, Array, one_dimensional, same_length
from funcnodes.basic_nodes.define import basic_node
from funcnodes.basic_nodes.fits import least_squares
from funcnodes.basic_nodes.judged import give, without_nan
from funcnodes.basic_nodes.models import NODES as MODELS
from funcnodes.basic_nodes.signals import SampleTime, axis_of, maxima, prominence
from funcnodes.core import Node, Quality, Range, Shelf, Unit
from funcnodes.core.quality import worst
from funcnodes.core.uncertain import correlated, uncertain
from funcnodes.errors import ExecutionError

Frequency = Annotated[float, Unit("Hz"), Range(1e-15)]
MOST_WORK = 300_000_000
"""Samples times window, or times peaks: more would take many seconds."""


@basic_node(
    "signal.peak_table", name="Peak table", icon="table", returns_none=False,
    words=("maxima", "lines", "width", "fwhm", "area", "spectrum", "chromatogram"),
    outputs=[{"id": "table"}, {"id": "count"}, {"id": "position"}, {"id": "height"},
             {"id": "width"}, {"id": "area"}],
)  # fmt: skip
def peak_table_node(
    node: Node,
    y: Array,
    x: Array = UNSET,
    min_prominence: Annotated[float, Range(0.0)] = 0.0,
    most: Annotated[int, Range(1, 10_000)] = 100,
) -> tuple[dict[str, Any], int, float, float, float, float]:
    """The peaks of a curve as a table, the most prominent first: position, height, prominence,
    width and area.

    Width is full width at half prominence, on straight lines between samples; area lies above half
    prominence's foot line within that width. The other outputs are those of the first peak, NaN
    without one. Samples with NaN are left out, and all results are then `missing`.
    """
    import numpy as np

    y = one_dimensional("y", y)
    (axis, y), quality = without_nan(axis_of(x, y), y)
    order = np.argsort(axis, kind="stable")
    axis, y = axis[order], y[order]
    tops = maxima(y)
    if len(tops) * len(y) > MOST_WORK:
        raise ExecutionError(f"y has {len(tops)} peaks, which are too many: smooth it first.")
    found = [(prominence(y, peak), int(peak)) for peak in tops]
    best = sorted((each for each in found if each[0] >= min_prominence), reverse=True)[:most]
    table: dict[str, list[float]] = {
        name: [] for name in ("position", "height", "prominence", "width", "area")
    }
    for above, peak in best:
        left, right = _flanks(axis, y, peak, y[peak] - above / 2)
        inside = (axis > left) & (axis < right)
        places = np.concatenate([[left], axis[inside], [right]])
        heights = np.interp(places, axis, y) - (y[peak] - above)
        area = float(np.sum(np.diff(places) * (heights[1:] + heights[:-1]) / 2))
        row = (axis[peak], y[peak], above, right - left, area)
        for column, value in zip(table.values(), row, strict=True):
            column.append(float(value))
    first = {
        name: table[name][0] if best else math.nan
        for name in ("position", "height", "width", "area")
    }
    give(node, quality, table=table, count=len(best), **first)
    return None  # type: ignore[return-value]  # its outputs are set


def _flanks(axis: Array, y: Array, peak: int, level: float) -> tuple[float, float]:
    """Where a peak comes down to a level, to the left and to the right."""
    import numpy as np

    below_left = np.flatnonzero(y[:peak] < level)
    below_right = np.flatnonzero(y[peak:] < level)
    left = float(axis[0])
    if len(below_left):
        n = below_left[-1]
        left = float(np.interp(level, [y[n], y[n + 1]], [axis[n], axis[n + 1]]))
    right = float(axis[-1])
    if len(below_right):
        n = peak + below_right[0]
        right = float(np.interp(level, [y[n], y[n - 1]], [axis[n], axis[n - 1]]))
    return left, right


@basic_node(
    "signal.moving", name="Moving statistics", icon="chart",
    words=("rolling", "running", "window", "noise", "average", "deviation"),
    outputs=[{"id": "mean"}, {"id": "deviation"}, {"id": "minimum"}, {"id": "maximum"},
             {"id": "median"}],
)  # fmt: skip
def moving_node(
    y: Array, window: Annotated[int, Range(2, 1_000_001)] = 11
) -> tuple[Array, Array, Array, Array, Array]:
    """Mean, standard deviation (n − 1), minimum, maximum and median around each sample.

    At the ends they are of the part of the window that is there. An even window is made one
    larger. A NaN makes NaN of every window that it is in.
    """
    import numpy as np

    y = one_dimensional("y", y, least=2)
    window += 1 - window % 2
    if window > len(y):
        raise ExecutionError(f"window is {window}, but y has only {len(y)} samples.", port="window")
    _check_work(window, y)
    half = window // 2
    views = [np.lib.stride_tricks.sliding_window_view(y, window)]
    starts = [y[None, : half + 1 + n] for n in range(half)]
    ends = [y[None, len(y) - window + 1 + n :] for n in range(half)]
    pieces = [*starts, *views, *ends]

    def each(function: Any, **named: Any) -> Array:
        return np.concatenate([function(piece, axis=1, **named) for piece in pieces])

    return each(np.mean), each(np.std, ddof=1), each(np.min), each(np.max), each(np.median)


@basic_node(
    "signal.lock_in", name="Lock-in", icon="wave",
    words=("demodulate", "phase", "quadrature", "amplitude", "reference", "harmonic"),
    outputs=[{"id": "amplitude"}, {"id": "phase", "unit": "rad"}, {"id": "in_phase"},
             {"id": "quadrature"}, {"id": "time", "unit": "s"}, {"id": "amplitudes"},
             {"id": "phases", "unit": "rad"}],
)  # fmt: skip
def lock_in_node(
    y: Array,
    frequency: Frequency = 1.0,
    sample_time: SampleTime = 0.01,
    harmonic: Annotated[int, Range(1, 1000)] = 1,
    periods: Annotated[int, Range(1, 1_000_000)] = 10,
) -> tuple[float, float, float, float, Array, Array, Array]:
    """The part of a signal at a known frequency, or at a harmonic of it: A·cos(2πft + φ).

    Least squares, together with an offset, so that the signal need not hold whole periods. The
    amplitude is that of the peak: divided by √2 it is rms. The arrays are of one piece after the
    other, so many periods long; the numbers are of the whole signal. A NaN gives NaN.
    """
    import numpy as np

    y = one_dimensional("y", y, least=4)
    turn = 2 * math.pi * frequency * harmonic
    time = np.arange(len(y)) * sample_time
    if frequency * harmonic * sample_time >= 0.5:
        raise ExecutionError(
            f"{frequency * harmonic:g} Hz cannot be told with a sample every {sample_time:g} s."
        )
    whole = _at_frequency(time, y, turn)
    length = max(round(periods / (frequency * sample_time)), 4)
    starts = range(0, len(y) - length + 1, length)
    pieces = [_at_frequency(time[n : n + length], y[n : n + length], turn) for n in starts]
    parts = np.array(pieces, dtype=complex)
    middles = np.array([time[n : n + length].mean() for n in starts])
    return (
        abs(whole), math.atan2(whole.imag, whole.real), whole.real, whole.imag,
        middles, np.abs(parts), np.angle(parts),
    )  # fmt: skip


def _check_work(window: int, y: Array) -> None:
    if window * len(y) > MOST_WORK:
        raise ExecutionError(f"A window of {window} over {len(y)} samples would take too long.")


def _at_frequency(time: Array, y: Array, turn: float) -> complex:
    """Amplitude and phase of A·cos(ωt + φ), as a complex number."""
    import numpy as np

    if not np.isfinite(y).all():
        return complex(math.nan, math.nan)
    angle = turn * time
    parts = np.stack([np.cos(angle), -np.sin(angle), np.ones(len(y))], axis=1)
    (real, imaginary, _), *_ = np.linalg.lstsq(parts, y, rcond=None)
    return complex(real, imaginary)


@basic_node(
    "signal.background", name="Subtract background", icon="wave",
    words=("baseline", "offset", "snip", "polynomial", "blank", "dark"),
    outputs=[{"id": "corrected"}, {"id": "background"}],
)  # fmt: skip
def background_node(
    y: Array,
    x: Array = UNSET,
    measured: Array = UNSET,
    method: Literal["ends", "polynomial", "clipping"] = "polynomial",
    degree: Annotated[int, Range(0, 8)] = 2,
    window: Annotated[int, Range(1, 100_000)] = 50,
) -> tuple[Array, Array]:
    """A curve less its background, and the background.

    Where `measured` is wired, that is the background. Else it is the line through both **ends**; a
    **polynomial** of the degree that passes below peaks, since what rises above it by more than the
    noise is left out and it is fitted anew; or found by **clipping** whatever is narrower than the
    window, in samples (SNIP: Ryan et al., Nucl. Instr. Meth. B 34 (1988) 396). NaN stays NaN.
    """
    import numpy as np

    y = one_dimensional("y", y, least=2)
    axis = axis_of(x, y)
    if measured is not UNSET:
        background = one_dimensional("measured", measured)
        same_length("measured", background, "y", y)
        return y - background, background
    whole = np.isfinite(y) & np.isfinite(axis)
    if whole.sum() < 2:
        raise ExecutionError("y has fewer than two numbers: there is no background.", port="y")
    at, left = axis[whole], y[whole]
    if method == "ends":
        found = np.interp(at, at[[0, -1]], left[[0, -1]]) if at[0] < at[-1] else None
        if found is None:
            found = np.interp(-at, -at[[0, -1]], left[[0, -1]])
    elif method == "polynomial":
        found = _below_peaks(at, left, degree)
    else:
        _check_work(window, left)
        found = _clipped(left, window)
    background = np.full(len(y), np.nan)
    background[whole] = found
    return y - background, background


def _below_peaks(x: Array, y: Array, degree: int) -> Array:
    """A polynomial through what does not rise above it by more than the noise below it."""
    import numpy as np

    keep = np.ones(len(y), dtype=bool)
    smallest = 1e-9 * float(np.ptp(y))
    for _ in range(100):
        fitted = least_squares(x[keep], y[keep], UNSET, degree=degree).at(x)
        above = y - fitted
        below = above[keep & (above < 0)]
        noise = math.sqrt(float(np.mean(below**2))) if len(below) else 0.0
        new = above <= max(3 * noise, smallest)
        if (new == keep).all() or len(np.unique(x[new])) <= degree:
            break
        keep = new
    result: Array = fitted
    return result


def _clipped(y: Array, window: int) -> Array:
    import numpy as np

    left = y.copy()
    for half in range(min(window, (len(y) - 1) // 2), 0, -1):
        middle = (left[: -2 * half] + left[2 * half :]) / 2
        left[half:-half] = np.minimum(left[half:-half], middle)
    return left


@basic_node(
    "stat.calibration", name="Calibration curve", icon="chart", returns_none=False,
    words=("standards", "concentration", "inverse", "detection limit", "sensor", "transfer"),
    uncertainties={"value": "error", "slope": "slope_error", "intercept": "intercept_error"},
    outputs=[{"id": "value"}, {"id": "error"}, {"id": "slope"}, {"id": "slope_error"},
             {"id": "intercept"}, {"id": "intercept_error"}, {"id": "detection_limit"}],
)  # fmt: skip
def calibration_node(
    node: Node,
    standards: Array,
    readings: Array,
    reading: Array,
    outside: Literal["refuse", "extrapolate"] = "refuse",
) -> tuple[Any, Any, float, float, float, float, float]:
    """What a reading stands for, by a straight line through the readings of known standards.

    `error` is the standard error of the value, of one reading as scattered as those of the
    standards (inverse regression). The detection limit is 3.3 deviations over the slope. A reading
    beyond those of the standards gives NaN and is `overrange`, unless it is to extrapolate;
    standards with NaN are left out, and all results are then `missing`.
    """
    import numpy as np

    x, y = one_dimensional("standards", standards), one_dimensional("readings", readings)
    same_length("standards", x, "readings", y)
    (x, y), quality = without_nan(x, y)
    fit = least_squares(x, y, UNSET, degree=1)
    (intercept, slope), (intercept_error, slope_error) = fit.coefficients, fit.errors
    if slope == 0 or not math.isfinite(slope):
        raise ExecutionError("The readings do not depend on the standards: there is no curve.")
    spare = len(x) - 2
    scatter = math.sqrt(float(np.sum((y - fit.at(x)) ** 2)) / spare) if spare else math.nan
    value = (reading - intercept) / slope
    spread = float(np.sum((x - x.mean()) ** 2))
    error = abs(scatter / slope) * np.sqrt(1 + 1 / len(x) + (value - x.mean()) ** 2 / spread)
    beyond = (reading < y.min()) | (reading > y.max())
    if outside == "refuse" and np.any(beyond):
        value, error = np.where(beyond, np.nan, value), np.where(beyond, np.nan, error)
    if not np.all(np.isfinite(value)):
        beyond_is = "overrange" if outside == "refuse" and np.any(beyond) else "missing"
        quality_of_value: Quality = worst((quality, beyond_is))  # type: ignore[arg-type]  # of two
    else:
        quality_of_value = quality
    single = np.ndim(reading) == 0
    give(
        node, quality_of_value,
        value=uncertain(value, error) if single else value,
        error=float(error) if single else error,
    )  # fmt: skip
    intercept, slope = correlated([intercept, slope], fit.covariance)
    give(
        node, quality, slope=slope, slope_error=float(slope_error),
        intercept=intercept, intercept_error=float(intercept_error),
        detection_limit=float(3.3 * scatter / abs(slope)),
    )  # fmt: skip
    return None  # type: ignore[return-value]  # its outputs are set


NODE_SHELF = Shelf(
    [
        peak_table_node, moving_node, lock_in_node, background_node, calibration_node, *MODELS,
    ],
    name="Analysis",
    description="Peaks, moving statistics, lock-in, background, calibration and fits of models.",
)  # fmt: skip
