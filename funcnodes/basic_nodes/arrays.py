"""Arrays: making, cutting, joining and calculating. An array that comes in is never changed."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from funcnodes.basic_nodes.analysis import NODE_SHELF as ANALYSIS
from funcnodes.basic_nodes.arraylike import LARGEST, Array, check_shapes, one_dimensional
from funcnodes.basic_nodes.define import basic_node, describe
from funcnodes.basic_nodes.signals import NODE_SHELF as SIGNALS
from funcnodes.core import Range, Shelf
from funcnodes.errors import ExecutionError

Count = Annotated[int, Range(1, LARGEST)]
Operation = Literal["+", "−", "×", "÷", "power", "minimum", "maximum", "remainder"]
Elementwise = Literal[
    "absolute", "square root", "square", "reciprocal", "exponential", "natural logarithm",
    "decimal logarithm", "sine", "cosine", "tangent", "round", "sign",
]  # fmt: skip


@basic_node(
    "array.of", hands_on=True, name="To array", icon="wave", words=("list", "convert", "numpy")
)
def of_node(values: Array) -> Array:
    """An array of the numbers in a list."""
    return values


@basic_node("array.to_list", hands_on=True, name="Array to list", icon="table", words=("convert",))
def to_list_node(array: Array) -> list[Any]:
    """The numbers of an array as a list, nested where it has several axes."""
    return list(array.tolist()) if array.ndim else [array.item()]


@basic_node("array.linspace", name="Even steps", icon="wave", words=("linspace", "range", "axis"))
def linspace_node(start: float = 0.0, stop: float = 1.0, count: Count = 101) -> Array:
    """So many numbers at even distances, the first and the last included."""
    import numpy as np

    return np.linspace(start, stop, count)


@basic_node("array.logspace", name="Logarithmic steps", icon="wave", words=("logspace", "decades"))
def logspace_node(start: float = 1.0, stop: float = 1000.0, count: Count = 31) -> Array:
    """So many numbers at even ratios, the first and the last included."""
    import numpy as np

    if start * stop <= 0:
        raise ExecutionError("start and stop are to have the same sign, and neither may be zero.")
    return np.geomspace(start, stop, count)


@basic_node("array.range", name="Steps of a size", icon="wave", words=("arange", "sequence"))
def range_node(start: float = 0.0, stop: float = 1.0, step: float = 0.1) -> Array:
    """Numbers from start on by a step, up to stop, which is included where a step hits it."""
    import numpy as np

    if step == 0 or (stop - start) / step < 0:
        raise ExecutionError(f"No step of {describe(float(step))} leads from start to stop.")
    count = int(np.floor((stop - start) / step * (1 + 1e-12) + 1e-9)) + 1
    if count > LARGEST:
        raise ExecutionError(f"There would be {count} numbers; {LARGEST} are possible.")
    return start + step * np.arange(count)


@basic_node("array.full", name="Constant array", icon="wave", words=("zeros", "ones", "fill"))
def full_node(value: float = 0.0, count: Count = 100) -> Array:
    """The same number so many times."""
    import numpy as np

    return np.full(count, float(value))


@basic_node(
    "array.noise", name="Random numbers", icon="wave", words=("normal", "gauss", "simulate")
)
def noise_node(
    count: Count = 100, mean: float = 0.0, deviation: Annotated[float, Range(0.0)] = 1.0,
    seed: Annotated[int, Range(0)] = 0,
) -> Array:  # fmt: skip
    """Numbers of a normal distribution; the same seed gives the same numbers."""
    import numpy as np

    return np.random.default_rng(seed).normal(mean, deviation, count)


@basic_node(
    "array.length",
    hands_on=True,
    name="Array length",
    icon="wave",
    words=("size", "count", "shape"),
)
def length_node(array: Array) -> int:
    """How many numbers an array has along its first axis."""
    return len(array) if array.ndim else 1


@basic_node(
    "array.shape",
    hands_on=True,
    name="Array shape",
    icon="wave",
    words=("size", "dimensions", "axes"),
)
def shape_node(array: Array) -> list[int]:
    """How many numbers an array has along each axis."""
    return list(array.shape)


@basic_node(
    "array.get", hands_on=True, name="Number at", icon="wave", words=("index", "element", "row")
)
def get_node(array: Array, index: int = -1) -> Any:
    """What an array has at a position of its first axis: a number, or an array."""
    _check_index(array, index)
    found = array[index]
    return found if found.ndim else found.item()


@basic_node(
    "array.slice",
    hands_on=True,
    name="Part of array",
    icon="wave",
    words=("slice", "cut", "decimate"),
)
def slice_node(
    array: Array, start: int = 0, end: int | None = None, step: Annotated[int, Range(1)] = 1
) -> Array:
    """The numbers from start up to end, not included, by a step; positions count from 0."""
    _check_axes(array)
    return array[start:end:step].copy()


@basic_node(
    "array.join", hands_on=True, name="Join arrays", icon="wave", words=("concatenate", "append")
)
def join_node(a: Array, b: Array) -> Array:
    """Two arrays, one after the other."""
    import numpy as np

    return np.concatenate([np.atleast_1d(a), np.atleast_1d(b)])


@basic_node(
    "array.stack",
    hands_on=True,
    name="Stack arrays",
    icon="table",
    words=("columns", "matrix", "2d"),
)
def stack_node(a: Array, b: Array) -> Array:
    """Two arrays of one shape as the rows of a new one."""
    import numpy as np

    if a.shape != b.shape:
        raise ExecutionError(f"a has the shape {a.shape}, but b has {b.shape}.")
    return np.stack([a, b])


@basic_node(
    "array.reshape",
    hands_on=True,
    name="Reshape",
    icon="table",
    words=("rows", "columns", "matrix"),
)
def reshape_node(array: Array, rows: Count = 1) -> Array:
    """The numbers in rows of equal length."""
    if array.size % rows:
        raise ExecutionError(f"{array.size} numbers do not fill {rows} rows evenly.", port="rows")
    return array.reshape(rows, -1)


@basic_node(
    "array.transpose",
    hands_on=True,
    name="Transpose",
    icon="table",
    words=("rows", "columns", "turn"),
)
def transpose_node(array: Array) -> Array:
    """Rows as columns, and columns as rows."""
    return array.T


@basic_node(
    "array.reverse", hands_on=True, name="Reverse array", icon="wave", words=("turn", "flip")
)
def reverse_node(array: Array) -> Array:
    """The array from its end to its start."""
    _check_axes(array)
    return array[::-1].copy()


@basic_node("array.sort", hands_on=True, name="Sort array", icon="wave", words=("order", "argsort"),
            outputs=[{"id": "sorted"}, {"id": "order"}])  # fmt: skip
def sort_node(array: Array, descending: bool = False) -> tuple[Array, Array]:
    """The numbers in ascending order, NaN last, and the positions that they had."""
    import numpy as np

    array = one_dimensional("array", array, least=0)
    order = np.argsort(-array if descending else array, kind="stable")
    return array[order], order


@basic_node("array.select", name="Select numbers", icon="filter", words=("mask", "filter", "where"))
def select_node(array: Array, low: float | None = None, high: float | None = None) -> Array:
    """The numbers that lie between two limits, both included; NaN never does."""
    kept = array == array  # not NaN
    if low is not None:
        kept &= array >= low
    if high is not None:
        kept &= array <= high
    selected: Array = array[kept]
    return selected


@basic_node("array.drop_nan", name="Drop NaN", icon="filter", words=("missing", "clean", "finite"))
def drop_nan_node(array: Array) -> Array:
    """The numbers that are finite."""
    import numpy as np

    return array[np.isfinite(array)]


@basic_node("array.calculate", name="Calculate arrays", icon="fx", words=("add", "subtract",
            "multiply", "divide", "arithmetic"))  # fmt: skip
def calculate_node(a: Array, b: Array, operation: Operation = "+") -> Array:
    """Two arrays, or an array and a number, element by element.

    Division by zero gives infinity or NaN at that element.
    """
    import numpy as np

    functions = {
        "+": np.add, "−": np.subtract, "×": np.multiply, "÷": np.divide, "power": np.power,
        "minimum": np.minimum, "maximum": np.maximum, "remainder": np.mod,
    }  # fmt: skip
    try:
        check_shapes(a, b)
        with np.errstate(all="ignore"):
            result: Array = functions[operation](a, b)
    except ValueError as error:
        raise ExecutionError(f"a has the shape {a.shape}, but b has {b.shape}.") from error
    return result


@basic_node("array.apply", name="Function of array", icon="fx", words=("sqrt", "log", "exp", "abs"))
def apply_node(array: Array, function: Elementwise = "absolute") -> Array:
    """A function of each element; where it is not defined, the element becomes NaN.

    Angles are in radians.
    """
    import numpy as np

    functions: dict[str, Callable[[Array], Array]] = {
        "absolute": np.abs, "square root": np.sqrt, "square": np.square,
        "reciprocal": np.reciprocal, "exponential": np.exp, "natural logarithm": np.log,
        "decimal logarithm": np.log10, "sine": np.sin, "cosine": np.cos, "tangent": np.tan,
        "round": np.round, "sign": np.sign,
    }  # fmt: skip
    with np.errstate(all="ignore"):
        result: Array = functions[function](array)
    return result


@basic_node("array.scale", name="Scale array", icon="wave", words=("gain", "offset", "calibrate"))
def scale_node(array: Array, gain: float = 1.0, offset: float = 0.0) -> Array:
    """Each element times a gain, plus an offset."""
    return array * gain + offset


@basic_node("array.clip", name="Clip array", icon="wave", words=("limit", "clamp"))
def clip_node(array: Array, low: float = 0.0, high: float = 1.0) -> Array:
    """Each element, held between two limits."""
    if low > high:
        raise ExecutionError(f"low is to be at most high, but {low:g} is more than {high:g}.")
    return array.clip(low, high)


@basic_node("array.complex", name="Magnitude and phase", icon="wave", words=("complex", "angle"),
            outputs=[{"id": "magnitude"}, {"id": "phase", "unit": "rad"}])  # fmt: skip
def complex_node(array: Array) -> tuple[Array, Array]:
    """The magnitude of each complex number, and its angle from −π to π."""
    import numpy as np

    return np.abs(array), np.angle(array)


def _check_axes(array: Array) -> None:
    if not array.ndim:
        raise ExecutionError("array is to be an array, not a single number.", port="array")


def _check_index(array: Array, index: int) -> None:
    _check_axes(array)
    if not -len(array) <= index < len(array):
        raise ExecutionError(
            f"array has {len(array)} entries: there is none at position {describe(index)}.",
            port="index",
        )


NODE_SHELF = Shelf(
    [
        of_node, to_list_node, linspace_node, logspace_node, range_node, full_node, noise_node,
        length_node, shape_node, get_node, slice_node, join_node, stack_node, reshape_node,
        transpose_node, reverse_node, sort_node, select_node, drop_nan_node, calculate_node,
        apply_node, scale_node, clip_node, complex_node,
    ],
    [SIGNALS, ANALYSIS],
    name="Arrays",
    description="Rows of numbers: making them, cutting them, calculating with them.",
)  # fmt: skip
