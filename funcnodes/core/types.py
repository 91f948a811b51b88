"""What kind of value a port carries, and which ports fit together.

A type comes from an annotation; `Annotated[float, Unit("V"), Range(0, 30)]` gives it a unit and
limits. Each type belongs to one of ten *kinds*, which is what a person sees as shape and colour.
"""

import enum
import math
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args, get_origin

from funcnodes.core import units
from funcnodes.errors import PortMismatchError, UnitError, ValueRefusedError

Kind = Literal[
    "number", "quantity", "bool", "text", "array", "table", "device", "image", "trigger", "any"
]
_WORDS: dict[str, str] = {
    "number": "a number", "quantity": "a quantity", "bool": "an on/off value", "text": "text",
    "array": "an array", "table": "a table", "device": "a device", "image": "an image",
    "trigger": "a trigger", "any": "anything",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unit:
    """Annotation: the unit of a number, e.g. `Annotated[float, Unit("V")]`."""

    symbol: str


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


class Trigger:
    """Annotation of a ▶ port: carries no data, only order."""


class Rows:
    """Annotation of a table port: a handle to append-only rows, never a growing copy (R3)."""


class DeviceRef:
    """Annotation of a port that names a device of the bench."""


class Image:
    """Annotation of a picture."""


@dataclass(frozen=True, slots=True)
class PortType:
    """The type of a port.

    Attributes:
        kind: What a person sees of it.
        name: Readable name, e.g. "float".
        unit: Unit of a quantity, "" otherwise.
        limits: Range that comes with the type.
        options: The only values allowed, or ().
        integer: Whether numbers must be whole.
        optional: Whether None is a value of it.
    """

    kind: Kind
    name: str
    unit: str = ""
    limits: Range = field(default_factory=Range)
    options: tuple[Any, ...] = ()
    integer: bool = False
    optional: bool = False

    @classmethod
    def of(cls, annotation: Any, *, unit: str = "") -> "PortType":
        """Read an annotation, a class, or a type's name as older files spell it.

        Raises:
            UnitError: The unit is put on something that is no number.
        """
        limits = Range()
        while get_origin(annotation) is Annotated:
            annotation, *notes = get_args(annotation)
            unit = next((n.symbol for n in notes if isinstance(n, Unit)), unit)
            limits = next((n for n in notes if isinstance(n, Range)), limits)
        found = _read(annotation)
        if unit and found.kind not in ("number", "quantity", "array", "any"):
            raise UnitError(f"{_WORDS[found.kind].capitalize()} cannot have the unit {unit!r}.")
        kind: Kind = "quantity" if unit and found.kind in ("number", "any") else found.kind
        return cls(kind, found.name, unit, limits, found.options, found.integer, found.optional)

    def accept(self, value: Any) -> Any:
        """Turn a value set from outside into one of this type.

        Text with a number and a unit is read as a quantity.

        Raises:
            ValueRefusedError: It is none; the sentence says why (without naming the port).
        """
        if value is None and self.optional:
            return None
        if self.options and self.kind != "bool":
            return self._choose(value)
        return _ACCEPT.get(self.kind, _accept_any)(self, value)

    def _choose(self, value: Any) -> Any:
        for option in self.options:
            if option == value and type(option) is type(value):
                return option
        for option in self.options:
            shown = option.name if isinstance(option, enum.Enum) else str(option)
            if shown == str(value):
                return option
        choices = ", ".join(o.name if isinstance(o, enum.Enum) else str(o) for o in self.options)
        raise ValueRefusedError(f"{value!r} is not one of {choices}.")


def conversion(source: PortType, target: PortType) -> Callable[[Any], Any] | None:
    """How a value of one port becomes a value of another; None where it stays as it is.

    Raises:
        PortMismatchError: The types or dimensions do not fit.
    """
    if target.kind in ("any", "trigger") or source.kind == "any":
        return None
    if source.unit and target.unit:
        return _convert_units(source, target)
    if source.kind == target.kind or (source.kind, target.kind) in _FITS:
        return None
    raise PortMismatchError(
        f"{_capital(_WORDS[source.kind])} does not fit into {_WORDS[target.kind]}."
    )


_FITS = {
    ("number", "quantity"), ("quantity", "number"), ("bool", "number"), ("bool", "quantity"),
    ("number", "array"), ("quantity", "array"), ("array", "table"),
}  # fmt: skip


def _convert_units(source: PortType, target: PortType) -> units.Affine | None:
    try:
        found = units.affine(source.unit, target.unit)
    except UnitError as error:
        raise PortMismatchError(error.message) from error
    return None if found == units.IDENTITY else found


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


# ── reading annotations ───────────────────────────────────────────────────────────────────

_BY_CLASS: dict[Any, PortType] = {
    bool: PortType("bool", "bool"),
    int: PortType("number", "int", integer=True),
    float: PortType("number", "float"),
    complex: PortType("any", "complex"),
    str: PortType("text", "str"),
    type(None): PortType("any", "None", optional=True),
    Trigger: PortType("trigger", "trigger"),
    Rows: PortType("table", "rows"),
    DeviceRef: PortType("device", "device"),
    Image: PortType("image", "image"),
    Any: PortType("any", "any"),
    list: PortType("any", "list"),
    dict: PortType("any", "dict"),
}
_BY_NAME = {kind.name: kind for kind in _BY_CLASS.values()} | {
    "string": _BY_CLASS[str],
    "number": _BY_CLASS[float],
    "ndarray": PortType("array", "ndarray"),
    "array": PortType("array", "ndarray"),
    "table": _BY_CLASS[Rows],
    "DataFrame": PortType("table", "DataFrame"),
}


def _read(annotation: Any) -> PortType:
    if isinstance(annotation, PortType):
        return annotation
    if isinstance(annotation, str):
        return _BY_NAME.get(annotation.rsplit(".", 1)[-1], PortType("any", annotation or "any"))
    origin = get_origin(annotation)
    if origin is Literal:
        return _choice(get_args(annotation), "choice")
    if origin in (typing.Union, types.UnionType):
        return _union(get_args(annotation))
    base = origin or annotation
    if isinstance(base, type) and issubclass(base, enum.Enum):
        return _choice(tuple(base), base.__name__)
    try:
        known = _BY_CLASS.get(base)
    except TypeError:
        known = None
    return known or _by_class_name(base, annotation)


def _by_class_name(base: Any, annotation: Any) -> PortType:
    """Classes of numpy and pandas are known by name, so that neither needs to be imported."""
    name = getattr(base, "__name__", str(annotation))
    module = str(getattr(base, "__module__", "")).partition(".")[0]
    if module in ("numpy", "pandas") and name in _BY_NAME:
        return _BY_NAME[name]
    return PortType("any", name)


def _choice(options: tuple[Any, ...], name: str) -> PortType:
    kind: Kind = "text"
    if all(isinstance(option, bool) for option in options):
        kind = "bool"
    elif all(isinstance(o, int | float) and not isinstance(o, enum.Enum) for o in options):
        kind = "number"
    return PortType(kind, name, options=options)


def _union(members: tuple[Any, ...]) -> PortType:
    optional = type(None) in members
    found = [_read(member) for member in members if member is not type(None)]
    kinds = {each.kind for each in found}
    name = " | ".join(each.name for each in found)
    if len(kinds) != 1:
        return PortType("any", name or "None", optional=optional)
    options = tuple(option for each in found for option in each.options)
    integer = all(each.integer for each in found)
    return PortType(found[0].kind, name, "", Range(), options, integer, optional)


# ── accepting values from outside ─────────────────────────────────────────────────────────


def _accept_number(port_type: PortType, value: Any) -> Any:
    if isinstance(value, str):
        value = _parsed(value, port_type.unit)
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise ValueRefusedError(f"{_short(value)} is not a number.")
    if isinstance(value, int):  # also beyond the range of a float
        return value if port_type.integer else _finite_float(value)
    if not port_type.integer:
        return value
    if not math.isfinite(value) or value != int(value):
        raise ValueRefusedError(f"{_short(value)} is not a whole number.")
    return int(value)


def _parsed(text: str, unit: str) -> float:
    try:
        return units.parse(text, unit)
    except UnitError as error:
        raise ValueRefusedError(error.message) from error


def _finite_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise ValueRefusedError("The number is too large.") from error


def _accept_bool(_: PortType, value: Any) -> bool:
    if isinstance(value, str) and value.strip().lower() in _SWITCH:
        return _SWITCH[value.strip().lower()]
    if isinstance(value, bool) or (isinstance(value, int | float) and value in (0, 1)):
        return bool(value)
    raise ValueRefusedError(f"{_short(value)} is neither on nor off.")


_SWITCH = {"on": True, "true": True, "yes": True, "1": True,
           "off": False, "false": False, "no": False, "0": False}  # fmt: skip


def _accept_text(_: PortType, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value)
    raise ValueRefusedError(f"{_short(value)} is not text.")


def _accept_any(_: PortType, value: Any) -> Any:
    return value


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"


_ACCEPT: dict[str, Callable[[PortType, Any], Any]] = {
    "number": _accept_number,
    "quantity": _accept_number,
    "bool": _accept_bool,
    "text": _accept_text,
}
