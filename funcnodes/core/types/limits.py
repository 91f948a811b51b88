"""Limits of numbers: inclusive, in the port's own unit. NaN is inside none, and is no violation."""

from dataclasses import dataclass
from typing import Any

from funcnodes.core import units
from funcnodes.core.types.words import short
from funcnodes.errors import ValueRefusedError


@dataclass(frozen=True, slots=True)
class Range:
    """Annotation: inclusive limits in the port's own unit; None leaves a side open."""

    low: float | None = None
    high: float | None = None

    def holds(self, value: float) -> bool:
        """Whether `value` lies inside; NaN never does."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def within(self, outer: "Range") -> bool:
        """Whether this range lies wholly inside `outer`."""
        low = outer.low is None or (self.low is not None and self.low >= outer.low)
        return low and (outer.high is None or (self.high is not None and self.high <= outer.high))

    def text(self, unit: str = "") -> str:
        """Write it for people: "1 µA to 20 mA"."""
        if self.low is None and self.high is None:
            return "any value"
        if self.low is None:
            return f"up to {units.text(self.high or 0.0, unit, digits=9)}"
        if self.high is None:
            return f"{units.text(self.low, unit, digits=9)} or more"
        low, high = units.text(self.low, unit, digits=9), units.text(self.high, unit, digits=9)
        if low.partition(" ")[2] == high.partition(" ")[2]:
            low = low.partition(" ")[0]
        return f"{low} to {high}"


def check_range(value: Any, limits: Range, unit: str) -> None:
    """Raise ValueRefusedError where a number, or an element of an array, is outside `limits`."""
    if limits.low is None and limits.high is None:
        return
    if hasattr(value, "dtype") and value.shape and value.dtype.kind in "iuf":
        known = value[value == value]  # NaN means that there is no number
        worst = [known.min(), known.max()] if known.size else []
    else:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        worst = [value] if is_number else []
    for number in worst:
        if not limits.holds(number):
            shown = f"{_digits(number)} {unit}".replace("-", "−").strip()
            raise ValueRefusedError(f"{shown} is outside {limits.text(unit)}.")


def _digits(number: Any) -> str:
    try:
        return f"{number:.9g}"
    except OverflowError:  # a whole number beyond the range of a float
        return short(number)
