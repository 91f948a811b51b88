"""Numbers that know their unit and their quality."""

from typing import Any, Self

from funcnodes.core import units
from funcnodes.core.values import Quality
from funcnodes.devices.declarations.words import Sample


class Measured(float):
    """A float with what is known of it; arithmetic gives plain floats.

    Attributes:
        unit: As the driver declares it, "" where it has none.
        quality: "ok", or why it is no good number; it is NaN then where it says nothing.
        t: Seconds since the epoch, None where nobody knows.
    """

    __slots__ = ("quality", "t", "unit")

    unit: str
    quality: Quality
    t: float | None

    def __new__(
        cls, value: float, unit: str = "", quality: Quality = "ok", t: float | None = None
    ) -> Self:
        self = super().__new__(cls, value)
        self.unit, self.quality, self.t = unit, quality, t
        return self

    def __repr__(self) -> str:
        text = units.text(float(self), self.unit, digits=6)
        return text if self.quality == "ok" else f"{text} ({self.quality})"

    __str__ = __repr__

    def __reduce__(self) -> tuple[type["Measured"], tuple[Any, ...]]:
        return type(self), (float(self), self.unit, self.quality, self.t)

    def __copy__(self) -> Self:
        return self


def measured(sample: Sample, unit: str) -> Any:
    """A sample as a script has it: numbers with unit and quality, anything else as it is."""
    value = sample.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return Measured(value, unit, sample.quality, sample.t)
