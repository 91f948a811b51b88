"""Functions of numbers, one node each: those of Python's `math`, under their names there.

Angles are in radians, and say so on the port: a wire from degrees converts.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

from funcnodes.basic_nodes.arraylike import Degrees, Radians
from funcnodes.basic_nodes.define import describe, formula
from funcnodes.core import Node, Shelf
from funcnodes.errors import ExecutionError

LARGEST_FACTORIAL = 5_000
LARGEST_CHOICE = 100_000

_formula = functools.partial(formula, module=__name__)


def _constant(name: str, title: str, value: float, doc: str) -> type[Node]:
    return _formula(f"math.{name}", title, lambda: value, doc, inputs={}, words=("constant",))


def _of_one(name: str, title: str, doc: str, *words: str, **annotations: Any) -> type[Node]:
    function = getattr(math, name)
    inputs = {"a": annotations.get("a", float)}
    out = annotations.get("out", float)
    return _formula(
        f"math.{name}", title, function, doc, inputs=inputs, out=out, words=(name, *words)
    )


def _of_two(name: str, title: str, doc: str, *words: str, **annotations: Any) -> type[Node]:
    function = annotations.get("function") or getattr(math, name)
    inputs = {port: annotations.get(port, float) for port in ("a", "b")}
    out = annotations.get("out", float)
    return _formula(
        f"math.{name}", title, function, doc, inputs=inputs, out=out, words=(name, *words)
    )


def _bounded(function: Callable[..., int], name: str, limit: int) -> Callable[..., int]:
    """`function` of whole numbers from 0 to `limit`: beyond, its result would fill the memory."""

    def run(*values: int) -> int:
        for port, value in zip("ab", values, strict=False):
            if not 0 <= value <= limit:
                raise ExecutionError(
                    f"{port} is to be a whole number from 0 to {limit} for {name}, "
                    f"not {describe(value)}.",
                    port=port,
                )
        return function(*values)

    return run


def _modf(a: float) -> tuple[float, float]:
    return math.modf(a)


def _prod(a: list[float]) -> float:
    return float(math.prod(a))


def _sumprod(a: list[float], b: list[float]) -> float:
    if len(a) != len(b):
        raise ExecutionError(f"a and b are to be of one length, but have {len(a)} and {len(b)}.")
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def _dist(a: list[float], b: list[float]) -> float:
    if len(a) != len(b):
        raise ExecutionError(f"a and b are to have as many axes, but have {len(a)} and {len(b)}.")
    return math.dist(a, b)


def _isqrt(a: int) -> int:
    if a < 0:
        raise ExecutionError(
            f"a is to be zero or more for a square root, not {describe(a)}.", port="a"
        )
    return math.isqrt(a)


CONSTANTS = [
    _constant("pi", "π", math.pi, "The ratio of a circle's circumference to its diameter."),
    _constant("e", "e", math.e, "The base of the natural logarithm."),
    _constant("tau", "τ", math.tau, "A full turn in radians, twice π."),
    _constant("inf", "Infinity", math.inf, "Larger than every number."),
    _constant("nan", "Not a number", math.nan, "NaN: the number that stands for a missing one."),
]
ANGLES = [
    _of_one("sin", "Sine", "The sine of an angle.", "trigonometry", a=Radians),
    _of_one("cos", "Cosine", "The cosine of an angle.", "trigonometry", a=Radians),
    _of_one("tan", "Tangent", "The tangent of an angle.", "trigonometry", a=Radians),
    _of_one("asin", "Arcsine", "The angle whose sine is a, −1 to 1.", "inverse", out=Radians),
    _of_one("acos", "Arccosine", "The angle whose cosine is a, −1 to 1.", "inverse", out=Radians),
    _of_one("atan", "Arctangent", "The angle whose tangent is a.", "inverse", out=Radians),
    _of_two("atan2", "Angle of a point", "The angle of the point x = b, y = a.", out=Radians),
    _of_one("degrees", "To degrees", "An angle in degrees.", "angle", a=Radians, out=Degrees),
    _of_one("radians", "To radians", "An angle in radians.", "angle", a=Degrees, out=Radians),
    _of_one("sinh", "Hyperbolic sine", "The hyperbolic sine of a number."),
    _of_one("cosh", "Hyperbolic cosine", "The hyperbolic cosine of a number."),
    _of_one("tanh", "Hyperbolic tangent", "The hyperbolic tangent of a number."),
    _of_one("asinh", "Inverse hyperbolic sine", "The number whose hyperbolic sine is a."),
    _of_one("acosh", "Inverse hyperbolic cosine", "The number, 0 or more, whose hyperbolic cosine "
            "is a; a is 1 or more."),
    _of_one("atanh", "Inverse hyperbolic tangent", "The number whose hyperbolic tangent is a, "
            "between −1 and 1."),
]  # fmt: skip
POWERS = [
    _of_one("exp", "Exponential", "e raised to the number.", "power"),
    _of_one("exp2", "Power of two", "2 raised to the number.", "power"),
    _of_one("expm1", "Exponential less 1", "e raised to the number, less 1; exact near zero."),
    _of_one("log", "Natural logarithm", "The natural logarithm of a number above zero.", "ln"),
    _of_one("log10", "Decimal logarithm", "The decimal logarithm of a number above zero."),
    _of_one("log2", "Binary logarithm", "The binary logarithm of a number above zero."),
    _of_one("log1p", "Logarithm of 1 +", "The natural logarithm of 1 + a; exact near zero."),
    _of_one("sqrt", "Square root", "The square root of a number, zero or more.", "√"),
    _of_one("cbrt", "Cube root", "The cube root of a number.", "∛"),
    _of_two("pow", "Power of floats", "a raised to b, both as floating-point numbers."),
    _of_two("hypot", "Hypotenuse", "The length of the vector (a, b).", "pythagoras", "norm"),
    _of_two("ldexp", "Times a power of two", "a times 2 raised to the whole number b.", b=int),
    _formula("math.isqrt", "Whole square root", _isqrt, "The square root, rounded down.",
             inputs={"a": int}, out=int, words=("isqrt",)),
]  # fmt: skip
ROUNDING = [
    _of_one("ceil", "Round up", "The least whole number that is not below a.", out=float),
    _of_one("floor", "Round down", "The greatest whole number that is not above a.", out=float),
    _of_one("trunc", "Cut off", "The number without its digits after the point.", out=int),
    _of_one("fabs", "Magnitude", "The number without its sign, as a float.", "abs"),
    _formula("math.modf", "Split number", _modf, "The part after the point, and the whole part.",
             inputs={"a": float}, out=tuple[float, float],
             outputs=[{"id": "out", "name": "fraction"}, {"id": "whole"}], words=("modf",)),
    _of_two("fmod", "Remainder towards zero", "What is left of a after dividing by b, with the "
            "sign of a.", "modulo"),
    _of_two("remainder", "Nearest remainder", "The distance of a from the nearest multiple of b."),
    _of_two("copysign", "Copy sign", "The magnitude of a with the sign of b."),
    _of_two("nextafter", "Next number", "The floating-point number next to a on the way to b."),
]  # fmt: skip
TESTS = [
    _of_one("isfinite", "Is finite", "Whether it is neither infinite nor NaN.", out=bool),
    _of_one("isinf", "Is infinite", "Whether it is infinite, of either sign.", out=bool),
    _of_one("isnan", "Is NaN", "Whether it is no number: a reading that is missing.", out=bool),
    _of_two("isclose", "Is close", "Whether two numbers agree to nine digits.", out=bool),
]
WHOLE = [
    _formula("math.factorial", "Factorial", _bounded(math.factorial, "a factorial",
             LARGEST_FACTORIAL), "a × (a−1) × … × 1.", inputs={"a": int}, out=int,
             words=("factorial", "!")),
    _of_two("gcd", "Greatest common divisor", "The greatest number that divides both.",
            a=int, b=int, out=int),
    _of_two("lcm", "Least common multiple", "The least number that both divide.",
            a=int, b=int, out=int),
    _of_two("comb", "Combinations", "In how many ways b of a things can be chosen.", "binomial",
            a=int, b=int, out=int, function=_bounded(math.comb, "combinations", LARGEST_CHOICE)),
    _of_two("perm", "Permutations", "In how many ways b of a things can be lined up.",
            a=int, b=int, out=int, function=_bounded(math.perm, "permutations", LARGEST_FACTORIAL)),
]  # fmt: skip
SPECIAL = [
    _of_one("erf", "Error function", "The error function: the normal distribution's integral."),
    _of_one("erfc", "Complementary error function", "1 less the error function; exact far out."),
    _of_one("gamma", "Gamma function", "The gamma function: (a − 1)! between whole numbers too."),
    _of_one("lgamma", "Logarithm of gamma", "The natural logarithm of |gamma(a)|."),
]
OF_LISTS = [
    _of_one("fsum", "Exact sum", "The sum of a list of numbers, rounded once.", a=list[float]),
    _formula("math.prod", "Product of a list", _prod, "All numbers of a list multiplied.",
             inputs={"a": list[float]}, words=("prod", "multiply")),
    _formula("math.dist", "Distance", _dist, "The distance of two points, given by coordinates.",
             inputs={"a": list[float], "b": list[float]}, words=("dist", "norm")),
    _formula("math.sumprod", "Sum of products", _sumprod, "The sum of a[i] × b[i].",
             inputs={"a": list[float], "b": list[float]}, words=("sumprod", "dot", "scalar")),
]  # fmt: skip

NODE_SHELF = Shelf(
    [*CONSTANTS, *ANGLES, *POWERS, *ROUNDING, *TESTS, *WHOLE, *SPECIAL, *OF_LISTS],
    name="Functions",
    description="Angles, powers, logarithms, rounding and other functions of a number.",
)
