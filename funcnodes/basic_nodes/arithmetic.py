"""Arithmetic on numbers: the four operations and their relatives."""

import math
from typing import Annotated

from funcnodes.basic_nodes.define import basic_node
from funcnodes.core import Range, Shelf
from funcnodes.core.uncertain import nominal, uncertain, uncertainty_of
from funcnodes.errors import ExecutionError


@basic_node("value_node", name="Value", icon="number", words=("number", "constant"))
def value_node(value: float) -> float:
    """A number, passed on as it is."""
    return value


@basic_node("add_node", name="Add", icon="plus", words=("sum", "+"))
def add_node(a: float, b: float) -> float:
    """The sum of two numbers."""
    return a + b


@basic_node("sub_node", name="Subtract", icon="minus", words=("difference", "-"))
def sub_node(a: float, b: float) -> float:
    """The first number less the second."""
    return a - b


@basic_node("mul_node", name="Multiply", icon="times", words=("product", "*"))
def mul_node(a: float, b: float) -> float:
    """The product of two numbers."""
    return a * b


@basic_node("div_node", name="Divide", icon="divide", words=("quotient", "ratio", "/"))
def div_node(a: float, b: float) -> float:
    """The first number divided by the second; dividing by zero is an error."""
    return a / _divisor(b)


@basic_node("floor_div_node", name="Divide and round down", icon="divide", words=("floor", "//"))
def floor_div_node(a: float, b: float) -> float:
    """How often the second number goes wholly into the first."""
    return a // _divisor(b)


@basic_node("mod_node", name="Remainder", icon="divide", words=("modulo", "rest", "%"))
def mod_node(a: float, b: float) -> float:
    """What is left of the first number after dividing; it has the sign of the second."""
    return a % _divisor(b)


@basic_node("power_node", name="Power", icon="power", words=("exponent", "**"))
def power_node(a: float, b: float = 2.0) -> float:
    """The first number raised to the second, the square where nothing else is given."""
    return math.pow(a, b)


@basic_node("pow_node", name="Raise to a power", icon="power", words=("exponent", "**"))
def pow_node(a: float, b: float) -> float:
    """The first number raised to the second."""
    return math.pow(a, b)


@basic_node("abs_node", name="Absolute value", words=("magnitude", "abs"))
def abs_node(a: float) -> float:
    """The number without its sign."""
    return abs(a)


@basic_node("neg_node", name="Negate", icon="minus", words=("sign", "minus"))
def neg_node(a: float) -> float:
    """The number with its sign turned over."""
    return -a


@basic_node("pos_node", name="Plus", icon="plus", words=("sign", "identity"))
def pos_node(a: float) -> float:
    """The number as it is."""
    return +a


@basic_node("round_node", name="Round", words=("digits", "decimals"))
def round_node(a: float, ndigits: Annotated[int, Range(-300, 300)] = 0) -> float:
    """The number rounded to so many digits after the point; halves go to the even neighbour."""
    return float(round(a, ndigits))


@basic_node("math.clamp", name="Clamp", words=("limit", "clip", "range"))
def clamp_node(a: float, low: float = 0.0, high: float = 1.0) -> float:
    """The number, held between two limits."""
    if low > high:
        raise ExecutionError(f"low is to be at most high, but {low:g} is more than {high:g}.")
    return min(max(a, low), high)


@basic_node("math.scale", name="Scale", words=("gain", "offset", "linear", "calibrate"))
def scale_node(a: float, gain: float = 1.0, offset: float = 0.0) -> float:
    """The number times a gain, plus an offset: a sensor's straight-line calibration."""
    return a * gain + offset


@basic_node("math.map_range", name="Map range", words=("scale", "rescale", "normalise"))
def map_range_node(
    a: float, from_low: float = 0.0, from_high: float = 1.0, to_low: float = 0.0,
    to_high: float = 1.0,
) -> float:  # fmt: skip
    """The number carried over from one range to another, in proportion."""
    if from_low == from_high:
        raise ExecutionError(f"from_low and from_high are both {from_low:g}: that is no range.")
    return to_low + (a - from_low) / (from_high - from_low) * (to_high - to_low)


@basic_node("math.decibel", name="Decibels", words=("dB", "ratio", "log"))
def decibel_node(a: float, reference: float = 1.0) -> float:
    """The ratio of two powers in decibels: ten times its decimal logarithm."""
    if a <= 0 or reference <= 0:
        raise ExecutionError(
            "a and reference are to be powers above zero, for a ratio in decibels."
        )
    return 10.0 * math.log10(a / reference)


@basic_node("math.uncertain", name="With uncertainty", icon="number", hands_on=True,
            words=("error", "tolerance", "accuracy", "±", "standard uncertainty"))  # fmt: skip
def uncertain_node(
    a: float, u: Annotated[float, Range(0.0)] = 0.0, percent: Annotated[float, Range(0.0)] = 0.0,
    limits: bool = False,
) -> float:  # fmt: skip
    """The number ± a standard uncertainty: u, and percent of the number, which add up as squares.

    With `limits`, both are the most that it can be off, as in a data sheet; that over √3 is the
    standard uncertainty (JCGM 100:2008, 4.3.7).
    """
    if u < 0 or percent < 0:
        raise ExecutionError("u and percent are to be at least 0.", port="u")
    off = (u, abs(a) * percent / 100)
    return uncertain(nominal(a), sum(off) / math.sqrt(3) if limits else math.hypot(*off))


@basic_node("math.uncertainty", name="Uncertainty of", icon="number", hands_on=True,
            words=("error", "accuracy", "±", "standard uncertainty"),
            uncertainties={"value": "u"}, tells_uncertainty={"u": "a"},
            outputs=[{"id": "value"}, {"id": "u"}, {"id": "relative"}])  # fmt: skip
def uncertainty_node(a: float) -> tuple[float, float, float]:
    """A number without its uncertainty, its standard uncertainty, and that as a part of it.

    Both are NaN, and `missing`, of a number that carries none.
    """
    found = uncertainty_of(a)
    u = math.nan if found is None else found
    return float(a), u, u / abs(a) if a else math.nan


def _divisor(b: float) -> float:
    if b == 0:
        raise ExecutionError("b is zero, and nothing can be divided by it.", port="b")
    return b


NODE_SHELF = Shelf(
    [
        value_node, add_node, sub_node, mul_node, div_node, floor_div_node, mod_node, power_node,
        pow_node, abs_node, neg_node, pos_node, round_node, clamp_node, scale_node,
        map_range_node, decibel_node, uncertain_node, uncertainty_node,
    ],
    name="Arithmetic",
    description="Sums, products, remainders and scales.",
)  # fmt: skip
