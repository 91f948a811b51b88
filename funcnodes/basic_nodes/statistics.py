"""Statistics of numbers: of an array, between two, and of values as they come.

Readings that are missing come as NaN; they are left out unless `skip_nan` is off.
"""

import math
from typing import Annotated, Any, Literal

from funcnodes.basic_nodes.arraylike import Array, one_dimensional, same_length, to_array
from funcnodes.basic_nodes.control.arrivals import ArrivalInput, ArrivalNode
from funcnodes.basic_nodes.control.memory import is_signal
from funcnodes.basic_nodes.define import basic_node, not_a
from funcnodes.basic_nodes.fits import NODES as FITS
from funcnodes.core import Node, NodeOutput, Quality, Range, Shelf
from funcnodes.core.quality import worst
from funcnodes.errors import ExecutionError


@basic_node("stat.mean", name="Mean", icon="chart", words=("average",))
def mean_node(values: Array, skip_nan: bool = True) -> float:
    """The arithmetic mean."""
    return float(_numbers(values, skip_nan).mean())


@basic_node("stat.median", name="Median", icon="chart", words=("middle",))
def median_node(values: Array, skip_nan: bool = True) -> float:
    """The number in the middle: half of the others are below it."""
    import numpy as np

    return float(np.median(_numbers(values, skip_nan)))


@basic_node("stat.deviation", name="Standard deviation", icon="chart", words=("std", "noise",
            "spread", "sigma"))  # fmt: skip
def deviation_node(
    values: Array, of: Literal["sample", "population"] = "sample", skip_nan: bool = True
) -> float:
    """The standard deviation: of a sample (n − 1), or of a whole population (n)."""
    return math.sqrt(_variance(values, of, skip_nan))


@basic_node("stat.variance", name="Variance", icon="chart", words=("spread",))
def variance_node(
    values: Array, of: Literal["sample", "population"] = "sample", skip_nan: bool = True
) -> float:
    """The variance: of a sample (n − 1), or of a whole population (n)."""
    return _variance(values, of, skip_nan)


@basic_node("stat.standard_error", name="Standard error", icon="chart", words=("uncertainty",))
def standard_error_node(values: Array, skip_nan: bool = True) -> float:
    """The uncertainty of the mean: the sample's deviation over the root of n."""
    count = len(_numbers(values, skip_nan, least=2))
    return math.sqrt(_variance(values, "sample", skip_nan) / count)


@basic_node("stat.minimum", name="Minimum", icon="chart", words=("lowest", "least"),
            outputs=[{"id": "value"}, {"id": "index"}])  # fmt: skip
def minimum_node(values: Array) -> tuple[float, int]:
    """The least number, and its position from 0; NaN is left out."""
    import numpy as np

    _numbers(values, skip_nan=True)
    index = int(np.nanargmin(values))
    return float(np.ravel(values)[index]), index


@basic_node("stat.maximum", name="Maximum", icon="chart", words=("highest", "greatest", "peak"),
            outputs=[{"id": "value"}, {"id": "index"}])  # fmt: skip
def maximum_node(values: Array) -> tuple[float, int]:
    """The greatest number, and its position from 0; NaN is left out."""
    import numpy as np

    _numbers(values, skip_nan=True)
    index = int(np.nanargmax(values))
    return float(np.ravel(values)[index]), index


@basic_node("stat.peak_to_peak", name="Peak to peak", icon="chart", words=("range", "span"))
def peak_to_peak_node(values: Array, skip_nan: bool = True) -> float:
    """The greatest number less the least."""
    import numpy as np

    return float(np.ptp(_numbers(values, skip_nan)))


@basic_node("stat.sum", name="Sum", icon="chart", words=("total", "add"))
def sum_node(values: Array, skip_nan: bool = True) -> float:
    """All numbers added up; nothing gives 0."""
    return float(_numbers(values, skip_nan, least=0).sum())


@basic_node("stat.rms", name="RMS", icon="chart", words=("root mean square", "effective"))
def rms_node(values: Array, skip_nan: bool = True) -> float:
    """The root of the mean square: the effective value of a signal."""
    import numpy as np

    return float(np.sqrt(np.mean(np.square(_numbers(values, skip_nan)))))


@basic_node("stat.percentile", name="Percentile", icon="chart", words=("quantile", "quartile"))
def percentile_node(
    values: Array, percent: Annotated[float, Range(0.0, 100.0)] = 95.0, skip_nan: bool = True
) -> float:
    """The number below which so many percent lie, interpolated."""
    import numpy as np

    return float(np.percentile(_numbers(values, skip_nan), percent))


@basic_node("stat.describe", name="Describe numbers", icon="table", words=("summary", "overview"))
def describe_node(values: Array) -> dict[str, float]:
    """Count, missing, mean, deviation, minimum, quartiles and maximum, as a dictionary."""
    import numpy as np

    numbers = _numbers(values, skip_nan=True)
    low, first, middle, third, high = np.percentile(numbers, [0, 25, 50, 75, 100])
    return {
        "count": len(numbers),
        "missing": int(values.size - len(numbers)),
        "mean": float(numbers.mean()),
        "deviation": float(numbers.std(ddof=1)) if len(numbers) > 1 else math.nan,
        "minimum": float(low),
        "first quartile": float(first),
        "median": float(middle),
        "third quartile": float(third),
        "maximum": float(high),
    }


@basic_node("stat.histogram", name="Histogram", icon="chart", words=("distribution", "bins"),
            outputs=[{"id": "count"}, {"id": "centre"}, {"id": "edge"}])  # fmt: skip
def histogram_node(
    values: Array, bins: Annotated[int, Range(1, 1_000_000)] = 20,
    low: float | None = None, high: float | None = None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """How many numbers lie in each of so many equal bins, with the middles and edges of these.

    Without limits, the bins reach from the least number to the greatest.
    """
    import numpy as np

    numbers = _numbers(values, skip_nan=True)
    numbers = numbers[np.isfinite(numbers)]
    bottom = low if low is not None else numbers.min(initial=math.inf)
    top = high if high is not None else numbers.max(initial=-math.inf)
    if not bottom <= top:
        raise ExecutionError(f"low is to be at most high, but {bottom:g} is more than {top:g}.")
    count, edge = np.histogram(numbers, bins, (bottom, top))
    return count, (edge[1:] + edge[:-1]) / 2, edge


@basic_node("stat.correlation", name="Correlation", icon="chart", words=("pearson", "r"))
def correlation_node(a: Array, b: Array) -> float:
    """How nearly two signals follow one line: 1 or −1 where they do, 0 where not at all."""
    import numpy as np

    a, b = one_dimensional("a", a, least=2), one_dimensional("b", b, least=2)
    same_length("a", a, "b", b)
    for port, each in (("a", a), ("b", b)):
        if not np.ptp(each) > 0:
            raise ExecutionError(f"{port} is the same everywhere, or has no number.", port=port)
    return float(np.corrcoef(a, b)[0, 1])


class Running(ArrivalNode):
    """Statistics of the numbers that came so far, none left out; **reset** starts anew.

    Needs no memory for the numbers themselves; NaN is counted as missing.
    """

    node_id = "stat.running"
    node_name = "Running statistics"
    description = __doc__
    icon = "chart"
    words = ("mean", "average", "deviation", "minimum", "maximum", "live")

    input = ArrivalInput(type=float, description="Each number counts.")
    reset = ArrivalInput(
        required=False, description="Any value but off, 0 and nothing starts anew."
    )
    count = NodeOutput(type=int, description="Numbers since the start or the last reset.")
    mean = NodeOutput(type=float, description="Their mean.")
    deviation = NodeOutput(type=float, description="Their standard deviation (n − 1).")
    minimum = NodeOutput(type=float, description="The least of them.")
    maximum = NodeOutput(type=float, description="The greatest of them.")
    missing = NodeOutput(type=int, description="NaN among them.", hidden=True)

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._quality: Quality  # the worst of all that came: leaving some out is no cure
        self._forget()

    def func(self, **_: Any) -> None:
        for each in self.arrivals() or ():
            if each.port == "input":
                self._take(each.value)
                self._quality = worst((self._quality, each.quality))
            elif is_signal(each.value):
                self._forget()
        spread = math.sqrt(self._squares / (self._count - 1)) if self._count > 1 else math.nan
        found = {
            "missing": self._missing, "count": self._count, "deviation": spread,
            "mean": self._mean if self._count else math.nan,
            "minimum": self._low if self._count else math.nan,
            "maximum": self._high if self._count else math.nan,
        }  # fmt: skip
        for port_id, value in found.items():
            self.outputs[port_id].set(value, quality=self._quality)

    def _forget(self) -> None:
        self._count = self._missing = 0
        self._quality = "ok"
        self._mean = self._squares = 0.0  # Welford's: squares of the distances from the mean
        self._low, self._high = math.inf, -math.inf

    def _take(self, value: Any) -> None:
        if isinstance(value, str) or not hasattr(value, "__float__"):
            raise not_a("a number", "input", value)
        number = float(value)
        if math.isnan(number):
            self._missing += 1
            return
        self._count += 1
        distance = number - self._mean
        self._mean += distance / self._count
        self._squares += distance * (number - self._mean)
        self._low, self._high = min(self._low, number), max(self._high, number)


def _variance(values: Array, of: str, skip_nan: bool) -> float:
    least = 2 if of == "sample" else 1
    return float(_numbers(values, skip_nan, least=least).var(ddof=least - 1))


def _numbers(values: Any, skip_nan: bool, *, least: int = 1) -> Array:
    """All numbers of an array along one axis; without NaN where these are to be left out."""
    import numpy as np

    array = to_array("values", values).ravel()
    if skip_nan:
        array = array[~np.isnan(array)]
    return one_dimensional("values", array, least=least)  # type: ignore[no-any-return]  # numpy's


NODES: list[type[Node]] = [
    mean_node, median_node, deviation_node, variance_node, standard_error_node, minimum_node,
    maximum_node, peak_to_peak_node, sum_node, rms_node, percentile_node, describe_node,
    histogram_node, correlation_node, Running,
]  # fmt: skip
NODE_SHELF = Shelf(
    [*NODES, *FITS],
    name="Statistics",
    description="Means, deviations, distributions and fits.",
)
