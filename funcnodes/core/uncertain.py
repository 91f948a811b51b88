"""Numbers that carry a standard uncertainty, and where it comes from.

An `Uncertain` is a float, so whatever takes numbers takes it; arithmetic with it gives another one.
What it holds are contributions by source, each its sensitivity times the standard uncertainty of
the source: so x − x is exactly 0, and what two values have in common is not counted twice
(JCGM 100:2008, 5.1.2 and 5.2.2, to first order). Functions that know nothing of it are carried by
`propagate`, which differs them numerically.
"""

import itertools
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeGuard

Source = int | str
Parts = Mapping[Source, float]

MOST_SOURCES = 256
"""Contributions that one value keeps apart; beyond, it becomes a source of its own."""
MOST_DIFFERED = 4_096
"""Uncertain numbers in one list: each costs two calls more of the function that takes the list."""


class Uncertain(float):
    """A number ± its standard uncertainty.

    Attributes:
        parts: What each source contributes, with its sign; their squares sum up to that of `u`.
        exist: Whether there has been one in this process: else nobody need look for them.
    """

    __slots__ = ("parts",)
    parts: Parts
    exist: ClassVar[bool] = False

    def __new__(cls, value: float, parts: Parts) -> Self:
        self = super().__new__(cls, value)
        self.parts = _bounded(parts)
        Uncertain.exist = True
        return self

    @property
    def u(self) -> float:
        """Standard uncertainty, in the unit of the value."""
        return math.hypot(*self.parts.values())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (float(self), dict(self.parts))

    def __repr__(self) -> str:
        return f"{float(self)!r} ± {self.u:.3g}"

    __str__ = __repr__

    def __add__(self, other: Any) -> Any:
        return _linear(self, other, lambda a, b: (a + b, 1.0, 1.0))

    def __radd__(self, other: Any) -> Any:
        return _linear(other, self, lambda a, b: (a + b, 1.0, 1.0))

    def __sub__(self, other: Any) -> Any:
        return _linear(self, other, lambda a, b: (a - b, 1.0, -1.0))

    def __rsub__(self, other: Any) -> Any:
        return _linear(other, self, lambda a, b: (a - b, 1.0, -1.0))

    def __mul__(self, other: Any) -> Any:
        return _linear(self, other, lambda a, b: (a * b, b, a))

    def __rmul__(self, other: Any) -> Any:
        return _linear(other, self, lambda a, b: (a * b, b, a))

    def __truediv__(self, other: Any) -> Any:
        return _linear(self, other, lambda a, b: (a / b, 1 / b, -a / b / b))

    def __rtruediv__(self, other: Any) -> Any:
        return _linear(other, self, lambda a, b: (a / b, 1 / b, -a / b / b))

    def __pow__(self, other: Any, modulo: None = None) -> Any:
        return _linear(self, other, _power)

    def __rpow__(self, other: Any, modulo: None = None) -> Any:
        return _linear(other, self, _power)

    def __neg__(self) -> "Uncertain":
        return Uncertain(-float(self), {key: -part for key, part in self.parts.items()})

    def __pos__(self) -> "Uncertain":
        return self

    def __abs__(self) -> "Uncertain":
        return -self if self < 0 else self


def uncertain(value: float, u: float, source: Source | None = None) -> float:
    """A number with a standard uncertainty; a plain one where that is 0 or no number.

    Args:
        u: Standard uncertainty, at least 0.
        source: What all values have in common that are wrong together, such as an instrument;
            else the value is independent of every other.
    """
    value, u = float(value), abs(float(u))
    if not (math.isfinite(u) and math.isfinite(value)) or u == 0:
        return value
    return Uncertain(value, {_new_source() if source is None else source: u})


def uncertainty_of(value: Any) -> float | None:
    """The standard uncertainty of a value, None where it carries none."""
    return value.u if isinstance(value, Uncertain) else None


def nominal(value: Any) -> Any:
    """A value without its uncertainty; within lists and dictionaries, too."""
    kind = type(value)
    if kind is Uncertain:
        return float(value)
    if kind is list or kind is tuple:
        return kind(map(nominal, value)) if carries(value) else value
    if kind is dict:
        return {key: nominal(item) for key, item in value.items()} if carries(value) else value
    return value


def carries(value: Any) -> bool:
    """Whether a value, or one in a list or dictionary, is uncertain."""
    kind = type(value)
    if kind is list or kind is tuple:
        return any(type(item) is Uncertain for item in value)
    if kind is dict:
        return any(type(item) is Uncertain for item in value.values())
    return kind is Uncertain


def propagate(function: Callable[..., Any], args: Sequence[Any]) -> Any:
    """What a function of plain numbers gives for uncertain ones, its numbers as uncertain ones.

    It is called once with the values, and twice more per uncertain number, a standard uncertainty
    to either side where that is small, so that it has to give the same for the same. Numbers,
    tuples, lists and arrays of one axis come back with what each contributes; what is no number,
    and what does not change smoothly, as it is.
    """
    values = [nominal(arg) for arg in args]
    result = function(*values)
    places = list(_places(args))
    if not places or len(places) > MOST_DIFFERED or not _has_numbers(result):
        return result
    slopes = []
    for n, key, arg in places:
        step = max(arg.u * 1e-3, abs(float(arg)) * 1e-8)
        slopes.append((arg, _slope(function, values, n, key, step, float(arg))))
    return _joined(result, slopes)


def correlated(values: Sequence[float], covariance: Any) -> list[float]:
    """Numbers that hang together, as the parameters of a fit do; plain where that is no number.

    Args:
        covariance: A numpy array, of each with each.
    """
    import numpy as np

    if not np.isfinite(covariance).all():
        return [float(value) for value in values]
    variances, axes = np.linalg.eigh(covariance)
    by_source = axes * np.sqrt(np.maximum(variances, 0.0))
    sources = [_new_source() for _ in variances]
    return [
        combined(float(value), [(1.0, Uncertain(0.0, dict(zip(sources, row, strict=True))))])
        for value, row in zip(values, by_source.tolist(), strict=True)
    ]


# ── how contributions come together ───────────────────────────────────────────────────────


def combined(value: float, terms: Sequence[tuple[float, Uncertain]]) -> float:
    """A number that depends on uncertain ones, each with the sensitivity to it."""
    parts: dict[Source, float] = {}
    for slope, arg in terms:
        for source, part in arg.parts.items():
            parts[source] = parts.get(source, 0.0) + slope * part
    parts = {source: part for source, part in parts.items() if part}
    if not math.isfinite(value) or not all(map(math.isfinite, parts.values())):
        return float(value)
    return Uncertain(value, parts) if parts else float(value)


def _bounded(parts: Parts) -> Parts:
    if len(parts) <= MOST_SOURCES:
        return parts
    return {_new_source(): math.hypot(*parts.values())}


def _new_source() -> int:
    """A source that nothing else has, in this process or another."""
    return int.from_bytes(os.urandom(8))


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not hasattr(value, "dtype")


def _linear(a: Any, b: Any, rule: Callable[[float, float], tuple[float, float, float]]) -> Any:
    if not _is_real(a) or not _is_real(b):
        return NotImplemented
    value, by_a, by_b = rule(float(a), float(b))
    sides = ((by_a, a), (by_b, b))
    return combined(value, [(slope, side) for slope, side in sides if _is(side)])


def _power(a: float, b: float) -> tuple[float, float, float]:
    value: Any = a**b
    if isinstance(value, complex):
        raise ValueError(f"{a:g} has no real power of {b:g}")
    slope = b * a ** (b - 1) if a or b >= 1 else math.inf
    return value, slope, value * math.log(a) if a > 0 else 0.0


def _is(value: Any) -> TypeGuard[Uncertain]:
    return type(value) is Uncertain


# ── functions that know nothing of it ─────────────────────────────────────────────────────

Place = tuple[int, Any, Uncertain]


def _places(args: Sequence[Any]) -> Iterator[Place]:
    """Each uncertain number: number of the argument, place in it or None, and itself."""
    for n, arg in enumerate(args):
        if _is(arg):
            yield n, None, arg
        elif isinstance(arg, list | tuple):
            yield from ((n, at, item) for at, item in enumerate(arg) if _is(item))
        elif isinstance(arg, dict):
            yield from ((n, at, item) for at, item in arg.items() if _is(item))


def _moved(values: Sequence[Any], n: int, key: Any, value: float) -> list[Any]:
    moved = list(values)
    if key is None:
        moved[n] = value
    else:
        within = dict(moved[n]) if isinstance(moved[n], dict) else list(moved[n])
        within[key] = value
        moved[n] = within
    return moved


def _slope(
    function: Callable[..., Any], values: Sequence[Any], n: int, key: Any, step: float, at: float
) -> tuple[float, ...]:
    """How the numbers that it gives change with one argument; from one side at an edge."""
    sides = []
    for moved in (at + step, at - step):
        try:
            sides.append((moved, _numbers(function(*_moved(values, n, key, moved)))))
        except (ArithmeticError, ValueError, LookupError):
            sides.append((at, _numbers(function(*values))))
    (above, high), (below, low) = sides
    if len(high) != len(low) or above == below:
        return ()
    return tuple((a - b) / (above - below) for a, b in zip(high, low, strict=True))


def _has_numbers(result: Any) -> bool:
    return bool(_numbers(result))


def _numbers(result: Any) -> tuple[float, ...]:
    """The real numbers of a result in order; () where there is none that could be uncertain."""
    if type(result) is float or (hasattr(result, "dtype") and getattr(result, "ndim", 1) == 0):
        kind = getattr(getattr(result, "dtype", None), "kind", "f")
        return (float(result),) if kind == "f" else ()
    if type(result) is tuple or (type(result) is list and len(result) <= MOST_DIFFERED):
        return tuple(itertools.chain.from_iterable(_numbers(item) for item in result))
    if type(result) is dict:
        return tuple(itertools.chain.from_iterable(_numbers(item) for item in result.values()))
    return ()


def _joined(result: Any, slopes: Sequence[tuple[Uncertain, tuple[float, ...]]]) -> Any:
    at = itertools.count()
    count = len(_numbers(result))
    smooth = [(arg, by) for arg, by in slopes if len(by) == count]

    def join(part: Any) -> Any:
        if type(part) is tuple or type(part) is list:
            return type(part)(join(item) for item in part)
        if type(part) is dict:
            return {key: join(item) for key, item in part.items()}
        if not _numbers(part):
            return part
        n = next(at)
        return combined(float(part), [(by[n], arg) for arg, by in smooth])

    return join(result)
