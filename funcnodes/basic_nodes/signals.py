"""Signals: numbers that belong to a time or another axis. Smoothing, spectra, peaks, slopes.

`y` is the signal. Where a node takes `x`, that is its axis; without one, samples count from 0.
"""

from typing import Annotated, Any, Literal

from funcnodes.basic_nodes.arraylike import UNSET, Array, one_dimensional, same_length
from funcnodes.basic_nodes.define import basic_node
from funcnodes.core import Range, Shelf, Unit
from funcnodes.errors import ExecutionError

SampleTime = Annotated[float, Unit("s"), Range(1e-15)]
Window = Annotated[int, Range(1, 1_000_001)]


@basic_node("signal.smooth", name="Smooth", icon="wave", words=("filter", "average", "median",
            "savitzky", "golay", "noise"))  # fmt: skip
def smooth_node(
    y: Array,
    method: Literal["moving average", "median", "Savitzky–Golay"] = "moving average",
    window: Window = 5,
    order: Annotated[int, Range(0, 9)] = 2,
) -> Array:
    """A signal with its noise reduced, over a window of samples around each.

    At the ends, average and median take the part of the window that is there; Savitzky–Golay,
    which fits a polynomial of the order, takes the fit of the outermost whole window. An even
    window is made one larger.
    """
    y = one_dimensional("y", y)
    window += 1 - window % 2
    if window > len(y):
        raise ExecutionError(f"window is {window}, but y has only {len(y)} samples.", port="window")
    if method == "moving average":
        return _moving(y, window)
    return _median(y, window) if method == "median" else _savitzky_golay(y, window, order)


@basic_node("signal.fft", name="Spectrum", icon="wave", words=("fft", "fourier", "frequency"),
            outputs=[{"id": "frequency", "unit": "Hz"}, {"id": "amplitude"},
                     {"id": "phase", "unit": "rad"}])  # fmt: skip
def fft_node(
    y: Array,
    sample_time: SampleTime = 1.0,
    window: Literal["none", "Hann", "Hamming", "Blackman–Harris", "flat top"] = "none",
) -> tuple[Array, Array, Array]:
    """The amplitude and phase of a signal at each frequency, up to half the sampling rate.

    A sine of amplitude 1 at one of the frequencies gives 1 there, whatever the window; the first
    one is the mean.
    """
    import numpy as np

    y = one_dimensional("y", y, least=2)
    weights = _window(window, len(y))
    spectrum = np.fft.rfft(y * weights) / weights.sum()
    amplitude = 2 * np.abs(spectrum)
    amplitude[0] /= 2
    if len(y) % 2 == 0:
        amplitude[-1] /= 2  # half the sampling rate has no twin either
    return np.fft.rfftfreq(len(y), sample_time), amplitude, np.angle(spectrum)


@basic_node(
    "signal.peaks", name="Find peaks", icon="pulse", words=("maxima", "peak", "lines"),
    outputs=[{"id": "position"}, {"id": "height"}, {"id": "index"}, {"id": "count"}],
)  # fmt: skip
def peaks_node(
    y: Array,
    x: Array = UNSET,
    min_height: float | None = None,
    min_prominence: Annotated[float, Range(0.0)] = 0.0,
    min_distance: Annotated[int, Range(1)] = 1,
) -> tuple[Array, Array, Array, int]:
    """The maxima of a signal, in the order of the samples.

    Prominence is how far one must go down from a peak to come to a higher one. Of peaks that are
    nearer than the distance, in samples, the higher stays. The middle of a flat top counts.
    """
    y = one_dimensional("y", y)
    axis = axis_of(x, y)
    found = maxima(y)
    if min_height is not None:
        found = found[y[found] >= min_height]
    found = _apart(found, y, min_distance)
    if min_prominence > 0:
        found = found[[prominence(y, peak) >= min_prominence for peak in found]]
    return axis[found], y[found], found, len(found)


@basic_node("signal.interpolate", name="Interpolate", icon="wave", words=("resample", "lookup",
            "calibration", "table"))  # fmt: skip
def interpolate_node(
    x: Array, y: Array, at: Array, outside: Literal["NaN", "hold", "error"] = "NaN"
) -> Any:
    """The value of a curve at other places, on straight lines between its points.

    A single number at `at` gives a single number.
    """
    import numpy as np

    x, y = _curve(x, y, least=1)
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    if (np.diff(x) == 0).any():
        raise ExecutionError("x has the same value twice: the curve is not single there.", port="x")
    beyond = (at < x[0]) | (at > x[-1])
    if outside == "error" and beyond.any():
        raise ExecutionError(f"at leaves the curve, which goes from {x[0]:g} to {x[-1]:g}.")
    values = np.interp(at, x, y)
    if outside == "NaN":
        values = np.where(beyond, np.nan, values)
    return values if np.ndim(at) else float(values)


@basic_node("signal.derivative", name="Derivative", icon="fx", words=("slope", "gradient", "dy/dx"))
def derivative_node(y: Array, x: Array = UNSET) -> Array:
    """The slope of a signal at each sample, by second-order differences."""
    import numpy as np

    y = one_dimensional("y", y, least=2)
    axis = axis_of(x, y)
    _check_distinct(axis)
    result: Array = np.gradient(y, axis)
    return result


@basic_node("signal.integral", name="Integral", icon="fx", words=("area", "sum", "trapezoid"),
            outputs=[{"id": "total"}, {"id": "running"}])  # fmt: skip
def integral_node(y: Array, x: Array = UNSET) -> tuple[float, Array]:
    """The area under a signal, and how it grows from sample to sample (trapezoids)."""
    import numpy as np

    y = one_dimensional("y", y, least=2)
    steps = np.diff(axis_of(x, y)) * (y[1:] + y[:-1]) / 2
    running = np.concatenate([[0.0], np.cumsum(steps)])
    return float(running[-1]), running


@basic_node("signal.difference", name="Differences", icon="fx", words=("diff", "step", "delta"))
def difference_node(y: Array) -> Array:
    """Each sample less the one before; one fewer than the samples."""
    import numpy as np

    result: Array = np.diff(one_dimensional("y", y, least=2))
    return result


@basic_node(
    "signal.crossings", name="Crossings", icon="pulse", words=("threshold", "level", "zero")
)
def crossings_node(
    y: Array, x: Array = UNSET, level: float = 0.0,
    direction: Literal["both", "rising", "falling"] = "both",
) -> Array:  # fmt: skip
    """Where a signal crosses a level, on straight lines between its samples."""
    import numpy as np

    y = one_dimensional("y", y, least=2)
    axis = axis_of(x, y)
    above = y > level
    turns = np.diff(above.astype(int))
    wanted = {"both": turns != 0, "rising": turns > 0, "falling": turns < 0}[direction]
    before = np.flatnonzero(wanted)
    part = (level - y[before]) / (y[before + 1] - y[before])
    places: Array = axis[before] + part * (axis[before + 1] - axis[before])
    return places


@basic_node(
    "signal.detrend", name="Remove trend", icon="wave", words=("baseline", "drift", "offset")
)
def detrend_node(y: Array, kind: Literal["mean", "line"] = "line") -> Array:
    """A signal less its mean, or less the straight line that fits it best."""
    import numpy as np

    y = one_dimensional("y", y)
    centred: Array = y - y.mean()
    if kind == "mean" or len(y) < 2:
        return centred
    axis = np.arange(len(y)) - (len(y) - 1) / 2
    level: Array = centred - axis * (axis @ centred) / (axis @ axis)
    return level


@basic_node(
    "signal.normalise", name="Normalise", icon="wave", words=("scale", "normalize", "0 to 1")
)
def normalise_node(
    y: Array, to: Literal["0 to 1", "largest is 1", "deviation is 1"] = "0 to 1"
) -> Array:
    """A signal scaled to a range of 0 to 1, to a largest magnitude of 1, or to mean 0 and
    standard deviation 1.
    """
    import numpy as np

    y = one_dimensional("y", y)
    low = {"0 to 1": y.min(), "largest is 1": 0.0, "deviation is 1": y.mean()}[to]
    span = {"0 to 1": np.ptp(y), "largest is 1": np.abs(y).max(), "deviation is 1": y.std()}[to]
    if not span > 0:
        raise ExecutionError("y is the same everywhere: it cannot be scaled.", port="y")
    scaled: Array = (y - low) / span
    return scaled


@basic_node("signal.resample", name="Resample", icon="wave", words=("interpolate", "decimate"),
            outputs=[{"id": "even_x"}, {"id": "even_y"}])  # fmt: skip
def resample_node(
    x: Array, y: Array, count: Annotated[int, Range(2, 10_000_000)] = 101
) -> tuple[Array, Array]:
    """A curve at so many even places from its first x to its last."""
    import numpy as np

    x, y = _curve(x, y, least=2)
    order = np.argsort(x, kind="stable")
    even = np.linspace(x[order[0]], x[order[-1]], count)
    return even, np.interp(even, x[order], y[order])


def axis_of(x: Array, y: Array) -> Array:
    """The axis of a signal; without one, samples count from 0."""
    import numpy as np

    if x is UNSET:
        return np.arange(len(y), dtype=float)
    axis = one_dimensional("x", x)
    same_length("x", axis, "y", y)
    result: Array = axis
    return result


def _curve(x: Array, y: Array, *, least: int) -> tuple[Array, Array]:
    x, y = one_dimensional("x", x, least=least), one_dimensional("y", y, least=least)
    same_length("x", x, "y", y)
    return x, y


def _check_distinct(axis: Array) -> None:
    import numpy as np

    if (np.diff(axis) == 0).any():
        raise ExecutionError("x has the same value twice in a row: no slope there.", port="x")


def _moving(y: Array, window: int) -> Array:
    import numpy as np

    kernel = np.ones(window)
    return np.convolve(y, kernel, "same") / np.convolve(np.ones(len(y)), kernel, "same")


def _median(y: Array, window: int) -> Array:
    import numpy as np

    half = window // 2
    padded = np.concatenate([np.full(half, np.nan), y, np.full(half, np.nan)])
    result: Array = np.nanmedian(np.lib.stride_tricks.sliding_window_view(padded, window), axis=1)
    return result


def _savitzky_golay(y: Array, window: int, order: int) -> Array:
    import numpy as np

    if order >= window:
        raise ExecutionError(f"order is {order}: it is to be less than the window, {window}.")
    half = window // 2
    places = np.arange(-half, half + 1, dtype=float) / max(half, 1)
    powers = np.vander(places, order + 1, increasing=True)
    hat = powers @ np.linalg.pinv(powers)  # a window's samples → its fit at each of its places
    smooth = np.convolve(y, hat[half][::-1], "same")
    if half:
        smooth[:half] = (hat @ y[:window])[:half]
        smooth[-half:] = (hat @ y[-window:])[-half:]
    return smooth


def _window(name: str, count: int) -> Array:
    import numpy as np

    terms = {
        "none": (1.0,),
        "Hann": (0.5, 0.5),
        "Hamming": (0.54, 0.46),
        # Harris, Proc. IEEE 66 (1978) 51, minimum sidelobes with four terms
        "Blackman–Harris": (0.35875, 0.48829, 0.14128, 0.01168),
        # ISO 18431-2, flat top with five terms
        "flat top": (1.0, 1.933, 1.286, 0.388, 0.0322),
    }[name]
    angle = 2 * np.pi * np.arange(count) / count
    parts = [(-1) ** k * term * np.cos(k * angle) for k, term in enumerate(terms)]
    weights: Array = np.sum(parts, axis=0)
    return weights


def maxima(y: Array) -> Array:
    """Positions of all maxima, the middle one of each flat top; never the first or last sample."""
    import numpy as np

    starts = np.flatnonzero(np.concatenate([[True], np.diff(y) != 0]))
    ends = np.concatenate([starts[1:], [len(y)]]) - 1
    level = y[starts]
    if len(level) < 3:
        return np.zeros(0, dtype=int)
    top = 1 + np.flatnonzero((level[1:-1] > level[:-2]) & (level[1:-1] > level[2:]))
    middle: Array = (starts[top] + ends[top]) // 2
    return middle


def _apart(found: Array, y: Array, distance: int) -> Array:
    """Peaks at least so many samples apart, the higher ones first served."""
    import numpy as np

    keep = np.ones(len(found), dtype=bool)
    for nth in np.argsort(y[found], kind="stable")[::-1]:
        if keep[nth]:
            near = np.abs(found - found[nth]) < distance
            near[nth] = False
            keep &= ~near
    return found[keep]


def prominence(y: Array, peak: int) -> float:
    """How far one must go down from a peak to come to a higher one."""
    import numpy as np

    left, right = y[: peak + 1][::-1], y[peak:]
    floors = []
    for side in (left, right):
        higher = np.flatnonzero(side > y[peak])
        floors.append(side[: higher[0] if len(higher) else None].min())
    return float(y[peak] - max(floors))


NODE_SHELF = Shelf(
    [
        smooth_node, fft_node, peaks_node, interpolate_node, derivative_node, integral_node,
        difference_node, crossings_node, detrend_node, normalise_node, resample_node,
    ],
    name="Signals",
    description="Smoothing, spectra, peaks, slopes and areas.",
)  # fmt: skip
