"""Arrays on ports, without importing numpy before one is there.

`Array` annotates a port that carries an array; a function that takes one gets a numpy array of
numbers, whatever list came in. numpy is imported when the first array is made.
"""

import math
from typing import TYPE_CHECKING, Annotated, Any

from funcnodes.core import NoValue, PortType, Unit
from funcnodes.errors import ExecutionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
else:
    Array = PortType.of("ndarray")

UNSET: Any = NoValue
"""Default of an array that need not be given."""

Seconds = Annotated[float, Unit("s")]
Radians = Annotated[float, Unit("rad")]
Degrees = Annotated[float, Unit("deg")]

LARGEST = 20_000_000
"""Most elements of an array that a node makes by itself."""


def is_array(value: Any) -> bool:
    """Whether it is a numpy array, or something that behaves like one."""
    return hasattr(value, "dtype") and hasattr(value, "ndim") and hasattr(value, "tolist")


def to_array(port: str, value: Any) -> Any:
    """Turn a list, a number or an array into an array of numbers.

    Whole numbers become floats, so that nothing overflows silently; complex ones stay complex.

    Raises:
        ExecutionError: It is no list of numbers; the sentence names the input.
    """
    import numpy as np

    if isinstance(value, str | bytes | dict) or value is None:
        raise ExecutionError(f"{port} is to be an array of numbers, not {_what(value)}.", port=port)
    try:
        array = np.asarray(value)
        if array.dtype.kind in "biuf":
            return array.astype(float) if array.dtype != float else array
        if array.dtype.kind == "c":
            return array
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise ExecutionError(
            f"{port} is to be an array of numbers, not {_what(value)}.", port=port
        ) from error


def check_shapes(*values: Any) -> None:
    """Let values be calculated with one another, element by element, if that ends soon.

    Raises:
        ExecutionError: The result would be larger than any array that is made here.
        ValueError: The shapes do not fit.
    """
    import numpy as np

    shape = np.broadcast_shapes(*[np.shape(value) for value in values])
    if math.prod(shape) > LARGEST:
        raise ExecutionError(f"The result would have the shape {shape}, which is too large.")


def one_dimensional(port: str, value: Any, *, least: int = 1) -> Any:
    """An array of real numbers along one axis, with at least so many of them.

    Raises:
        ExecutionError: Another shape, complex numbers, or too few.
    """
    array = to_array(port, value)
    if array.ndim != 1:
        raise ExecutionError(
            f"{port} is to have one axis, but its shape is {tuple(array.shape)}.", port=port
        )
    if array.dtype.kind == "c":
        raise ExecutionError(f"{port} is to hold real numbers, but it is complex.", port=port)
    if len(array) < least:
        few = f"has only {len(array)} of them" if len(array) else "is empty"
        needed = "1 value is" if least == 1 else f"{least} values are"
        raise ExecutionError(f"{port} {few}; at least {needed} needed.", port=port)
    return array


def same_length(first: str, a: Any, second: str, b: Any) -> None:
    """Raise ExecutionError where two arrays that belong together differ in length."""
    if len(a) != len(b):
        raise ExecutionError(
            f"{first} and {second} are to have the same length, but have {len(a)} and {len(b)}."
        )


def _what(value: Any) -> str:
    if value is None:
        return "nothing"
    shown = repr(value)
    return f"the text {shown[:60]}" if isinstance(value, str) else f"a {type(value).__name__}"
