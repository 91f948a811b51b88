"""What annotations say of a port beyond its class: kinds, units, arrays, and types without data."""

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "number", "quantity", "bool", "text", "array", "table", "device", "image", "trigger", "any"
]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Unit:
    """Annotation: the unit of a number, e.g. `Annotated[float, Unit("V")]`."""

    symbol: str


@dataclass(frozen=True, slots=True)
class DType:
    """Annotation: the element type of an array, e.g. `Annotated[np.ndarray, DType("float64")]`."""

    name: str


class Shape:
    """Annotation: the shape of an array, None where any length will do: `Shape(None, 3)`."""

    __slots__ = ("lengths",)

    def __init__(self, *lengths: int | None) -> None:
        self.lengths = lengths

    def __repr__(self) -> str:
        return f"Shape{self.lengths!r}"


class Trigger:
    """Annotation of a ▶ port: carries no data, only order."""


class Rows:
    """Annotation of a table port: a handle to append-only rows, never a growing copy (R3)."""


class DeviceRef:
    """Annotation of a port that names a device of the bench."""


class Image:
    """Annotation of a picture."""
