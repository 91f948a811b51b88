"""Comparison of numbers: on or off."""

from typing import Annotated, Any

from funcnodes.basic_nodes.arraylike import is_array
from funcnodes.basic_nodes.define import basic_node
from funcnodes.core import Range, Shelf


@basic_node("greater_node", name="Greater than", icon="greater", words=("compare", ">"))
def greater_node(a: float, b: float = 0.0) -> bool:
    """Whether the first number is greater than the second."""
    return bool(a > b)


@basic_node("greater_equal_node", name="At least", icon="greater", words=("compare", ">="))
def greater_equal_node(a: float, b: float = 0.0) -> bool:
    """Whether the first number is greater than the second, or equal to it."""
    return bool(a >= b)


@basic_node("less_node", name="Less than", icon="less", words=("compare", "<"))
def less_node(a: float, b: float = 0.0) -> bool:
    """Whether the first number is less than the second."""
    return bool(a < b)


@basic_node("less_equal_node", name="At most", icon="less", words=("compare", "<="))
def less_equal_node(a: float, b: float = 0.0) -> bool:
    """Whether the first number is less than the second, or equal to it."""
    return bool(a <= b)


@basic_node("equal_node", name="Equal", words=("compare", "same", "=="))
def equal_node(a: float, b: float = 0.0) -> bool:
    """Whether two numbers are exactly equal; measured ones seldom are, see Close to."""
    return bool(a == b)


@basic_node("not_equal_node", name="Not equal", icon="not", words=("compare", "differ", "!="))
def not_equal_node(a: float, b: float = 0.0) -> bool:
    """Whether two numbers differ."""
    return bool(a != b)


@basic_node("logic.within", name="Within", words=("between", "range", "window", "limits"))
def within_node(a: float, low: float = 0.0, high: float = 1.0) -> bool:
    """Whether the number lies between two limits, both included; NaN never does."""
    return bool(low <= a <= high)


@basic_node("logic.near", name="Close to", words=("equal", "tolerance", "about", "isclose"))
def near_node(a: float, b: float = 0.0, tolerance: Annotated[float, Range(0.0)] = 1e-9) -> bool:
    """Whether two numbers differ by no more than a tolerance, given in their own unit."""
    return bool(abs(a - b) <= tolerance)


@basic_node("logic.same", name="Same", words=("equal", "compare", "text", "is"))
def same_node(a: Any, b: Any) -> bool:
    """Whether two values of any kind are equal; arrays where all of their elements are."""
    return are_same(a, b)


def are_same(a: Any, b: Any) -> bool:
    """Whether two values are equal: arrays where shape and all elements are."""
    if is_array(a) or is_array(b):
        import numpy as np

        return bool(np.array_equal(a, b))
    return bool(a == b)


NODE_SHELF = Shelf(
    [
        greater_node, greater_equal_node, less_node, less_equal_node, equal_node, not_equal_node,
        within_node, near_node, same_node,
    ],
    name="Comparison",
    description="Which number is greater, and whether two are the same.",
)  # fmt: skip
