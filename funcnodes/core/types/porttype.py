"""What kind of value a port carries, and which ports fit together.

A type comes from an annotation; `Annotated[float, Unit("V"), Range(0, 30)]` gives it a unit and
limits. Each type belongs to one of ten *kinds*, which is what a person sees as shape and colour.
Lists, tuples and mappings know their elements, arrays their dtype and shape, as far as the
annotation tells. What an annotation leaves open is checked when a value comes.
"""

import dataclasses
import enum
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args, get_origin

from funcnodes.core import codec, units
from funcnodes.core.dataenum import DataEnum
from funcnodes.errors import PortMismatchError, UnitError, ValueRefusedError

Kind = Literal[
    "number", "quantity", "bool", "text", "array", "table", "device", "image", "trigger", "any"
]
KINDS: tuple[str, ...] = get_args(Kind)
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
        base: The class of its values, where the kind does not say it.
        args: Types of the elements: one for a list, key and value for a mapping.
        members: The alternatives of a union.
        dtype: Element type of an array, or "".
        shape: Shape of an array, None where a length is open; None if nothing is known.
    """

    kind: Kind
    name: str
    unit: str = ""
    limits: Range = field(default_factory=Range)
    options: tuple[Any, ...] = ()
    integer: bool = False
    optional: bool = False
    base: type | None = None
    args: "tuple[PortType, ...]" = ()
    members: "tuple[PortType, ...]" = ()
    dtype: str = ""
    shape: tuple[int | None, ...] | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing is known of its values."""
        return self.kind == "any" and self.base is None and not self.members

    @classmethod
    def of(cls, annotation: Any, *, unit: str = "") -> "PortType":
        """Read an annotation, a class, or a type's name as older files spell it.

        Raises:
            UnitError: The unit is put on something that is no number.
        """
        limits, dtype, shape = Range(), None, None
        while get_origin(annotation) is Annotated:
            annotation, *notes = get_args(annotation)
            unit = next((n.symbol for n in notes if isinstance(n, Unit)), unit)
            limits = next((n for n in notes if isinstance(n, Range)), limits)
            dtype = next((n.name for n in notes if isinstance(n, DType)), dtype)
            shape = next((n.lengths for n in notes if isinstance(n, Shape)), shape)
        found = _read(annotation)
        if unit and found.kind not in ("number", "quantity", "array", "any"):
            raise UnitError(f"{_WORDS[found.kind].capitalize()} cannot have the unit {unit!r}.")
        kind: Kind = "quantity" if unit and found.kind in ("number", "any") else found.kind
        return dataclasses.replace(
            found,
            kind=kind,
            unit=unit or found.unit,
            limits=limits if limits != Range() else found.limits,
            dtype=dtype or found.dtype,
            shape=shape if shape is not None else found.shape,
        )

    def accept(self, value: Any) -> Any:
        """Turn a value set from outside into one of this type.

        Text with a number and a unit is read as a quantity.

        Raises:
            ValueRefusedError: It is none; the sentence says why (without naming the port).
        """
        if value is None and self.optional:
            return None
        if self.members:
            return _accept_member(self, value)
        if self.options and self.kind != "bool":
            return self._choose(value)
        return _ACCEPT.get(self.kind, _accept_other)(self, value)

    def accept_within(self, value: Any) -> Any:
        """`accept`, and the limits too; for elements, whose port has limits of its own."""
        value = self.accept(value)
        check_range(value, self.limits, self.unit)
        return value

    def _choose(self, value: Any) -> Any:
        value = _unwrapped(value)
        if getattr(value, "shape", ()):
            raise ValueRefusedError(f"{_short(value)} is not a single value.")
        for option in self.options:
            if option == value and type(option) is type(value):
                return option
        for option in self.options:
            if isinstance(option, enum.Enum) and option.value == value:
                return option
        text = _short(value) if _is_long(value) else str(value)
        for option in self.options:
            shown = option.name if isinstance(option, enum.Enum) else str(option)
            if text in (shown, str(option)):
                return option
        for option in self.options:  # a `DataEnum` is also chosen by its data
            is_meant = isinstance(option, DataEnum) and type(option.value) is type(value)
            if is_meant and option.value == value:
                return option
        choices = ", ".join(o.name if isinstance(o, enum.Enum) else str(o) for o in self.options)
        raise ValueRefusedError(f"{_short(value)} is not one of {choices}.")


def conversion(source: PortType, target: PortType) -> Callable[[Any], Any] | None:
    """How a value of one port becomes a value of another; None where it stays as it is.

    Raises:
        PortMismatchError: The types or dimensions do not fit.
    """
    if target.is_open or target.kind == "trigger" or source.is_open:
        return target.accept if source.is_open and _needs_look(target) else None
    if source.unit and target.unit:
        return _convert_units(source, target)
    if source.members:
        return _from_union(source, target)
    if target.members:
        return _into_union(source, target)
    if target.kind == "array":
        return _into_array(source, target)
    if source.kind == target.kind == "any":
        return _between_classes(source, target)
    if target.options and source.options and target.kind != "bool":
        return _between_choices(source, target)
    if source.kind == target.kind or (source.kind, target.kind) in _FITS:
        return target.accept if _has_enums(target) else None
    raise _mismatch(source, target)


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


def words(port_type: PortType) -> str:
    """What a type is called in a sentence: "a list of numbers", "an array of float64"."""
    if port_type.members:
        return " or ".join(words(member) for member in port_type.members)
    if port_type.kind == "array":
        of = f" of {port_type.dtype}" if port_type.dtype else ""
        shape = port_type.shape
        known = "×".join("?" if n is None else str(n) for n in shape) if shape is not None else ""
        return f"an array{of}{f' of shape {known}' if known else ''}"
    if port_type.kind != "any" or port_type.base is None:
        return port_type.name if port_type.is_open else _WORDS[port_type.kind]
    name = _PLAIN_WORDS.get(port_type.base) or f"a {port_type.base.__name__}"
    inner = [_PLURAL.get(each.kind) or words(each) for each in port_type.args]
    if port_type.base is dict and len(inner) == 2:
        return f"{name} from {inner[0]} to {inner[1]}"
    return f"{name} of {' and '.join(inner)}" if inner else name


_PLAIN_WORDS: dict[type, str] = {
    list: "a list", tuple: "a tuple", dict: "a mapping", set: "a set", frozenset: "a fixed set",
    bytes: "bytes", complex: "a complex number",
}  # fmt: skip
_PLURAL = {"number": "numbers", "quantity": "quantities", "bool": "on/off values", "text": "text"}


def _mismatch(source: PortType, target: PortType, why: str = "") -> PortMismatchError:
    return PortMismatchError(f"{_capital(words(source))} does not fit into {words(target)}{why}.")


def _needs_look(target: PortType) -> bool:
    """Whether a value of unknown type must be looked at, since functions rely on what it is."""
    return target.dtype != "" or target.shape is not None or _has_enums(target)


def _has_enums(port_type: PortType) -> bool:
    return any(isinstance(option, enum.Enum) for option in port_type.options)


def _from_union(source: PortType, target: PortType) -> Callable[[Any], Any] | None:
    """At least one alternative must fit; which one came is seen when it comes."""
    fits = [member for member in source.members if _fits(member, target)]
    if not fits:
        raise _mismatch(source, target)
    return None if len(fits) == len(source.members) or target.is_open else target.accept


def _into_union(source: PortType, target: PortType) -> Callable[[Any], Any] | None:
    for member in sorted(target.members, key=lambda each: each.kind != source.kind):
        if _fits(source, member):
            return conversion(source, member)
    raise _mismatch(source, target)


def _fits(source: PortType, target: PortType) -> bool:
    try:
        conversion(source, target)
    except PortMismatchError:
        return False
    return True


def _between_choices(source: PortType, target: PortType) -> Callable[[Any], Any] | None:
    if set(map(_choice_key, source.options)) <= set(map(_choice_key, target.options)):
        return None
    for option in source.options:
        try:
            target.accept(option)
        except ValueRefusedError:
            continue
        return target.accept
    raise _mismatch(source, target, ": they have no choice in common")


def _choice_key(option: Any) -> Any:
    return type(option), option


def _between_classes(source: PortType, target: PortType) -> Callable[[Any], Any] | None:
    """Classes fit upwards, and downwards where the value may prove to be one; then elements."""
    here, there = source.base, target.base
    if here is None or there is None:
        return None
    if {here, there} <= {list, tuple} and here is not there:
        return target.accept
    if not issubclass(here, there):
        if issubclass(there, here):
            return target.accept
        raise _mismatch(source, target)
    if not source.args or not target.args:
        return None
    if len(source.args) != len(target.args):
        raise _mismatch(source, target)
    try:
        found = [conversion(*pair) for pair in zip(source.args, target.args, strict=True)]
    except PortMismatchError as error:
        raise PortMismatchError(f"{_mismatch(source, target).message[:-1]}: {error.message}") from (
            error
        )
    return _elementwise(there, found)


def _elementwise(
    base: type, found: list[Callable[[Any], Any] | None]
) -> Callable[[Any], Any] | None:
    """Convert the elements, e.g. a list of millivolts into a list of volts."""
    if not any(found):
        return None
    each = [convert or _as_it_is for convert in found]
    if base is dict:
        return lambda value: {each[0](k): each[1](v) for k, v in value.items()}
    if base is tuple and len(each) > 1:
        return lambda value: tuple(convert(v) for convert, v in zip(each, value, strict=True))
    return lambda value: base(each[0](v) for v in value)


def _as_it_is(value: Any) -> Any:
    return value


def _into_array(source: PortType, target: PortType) -> Callable[[Any], Any] | None:
    if source.kind in ("number", "quantity", "bool"):
        return target.accept if _needs_look(target) else None
    if source.kind == "any" and source.base in (list, tuple):
        return target.accept
    if source.kind != "array":
        raise _mismatch(source, target)
    here, there = source.shape, target.shape
    if here is not None and there is not None:
        same = len(here) == len(there) and all(
            a is None or b is None or a == b for a, b in zip(here, there, strict=True)
        )
        if not same:
            raise _mismatch(source, target)
    if source.dtype and target.dtype and not _castable(source.dtype, target.dtype):
        raise _mismatch(source, target, ": something would be lost")
    is_sure = (not target.dtype or source.dtype == target.dtype) and (
        there is None or (here is not None and None not in here) or here == there
    )
    return None if is_sure else target.accept


def _castable(source: str, target: str) -> bool:
    import numpy as np

    return np.can_cast(np.dtype(source), np.dtype(target), casting="same_kind")


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
    complex: PortType("any", "complex", base=complex),
    bytes: PortType("any", "bytes", base=bytes),
    str: PortType("text", "str"),
    type(None): PortType("any", "None", optional=True),
    Trigger: PortType("trigger", "trigger"),
    Rows: PortType("table", "rows"),
    DeviceRef: PortType("device", "device"),
    Image: PortType("image", "image"),
    Any: PortType("any", "any"),
    list: PortType("any", "list", base=list),
    dict: PortType("any", "dict", base=dict),
    tuple: PortType("any", "tuple", base=tuple),
    set: PortType("any", "set", base=set),
    frozenset: PortType("any", "frozenset", base=frozenset),
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
    if origin is Annotated:
        return PortType.of(annotation)
    base = origin or annotation
    if isinstance(base, type) and issubclass(base, enum.Enum):
        codec.register(base)  # its members can be saved, and read again
        return _choice(tuple(base), base.__name__)
    try:
        known = _BY_CLASS.get(base)
    except TypeError:
        known = None
    if known is not None:
        return _with_elements(known, get_args(annotation)) if origin is not None else known
    return _by_class_name(base, annotation)


def _with_elements(known: PortType, arguments: tuple[Any, ...]) -> PortType:
    if known.base is None or not arguments:
        return known
    inner = tuple(_read(each) for each in arguments if each is not Ellipsis)
    name = f"{known.name}[{', '.join(each.name for each in inner)}]"
    return dataclasses.replace(known, name=name, args=inner)


def add_type(kind: type, port_type: PortType) -> None:
    """Give a class the port type that its annotation means, in place of none."""
    _BY_CLASS[kind] = port_type


def _by_class_name(base: Any, annotation: Any) -> PortType:
    """Classes of numpy and pandas are known by name, so that neither needs to be imported."""
    name = getattr(base, "__name__", str(annotation))
    module = str(getattr(base, "__module__", "")).partition(".")[0]
    if module in ("numpy", "pandas") and name in _BY_NAME:
        return _array_of(get_args(annotation)) if name == "ndarray" else _BY_NAME[name]
    if module == "numpy" and name in ("float64", "float32", "int64", "int32"):
        return _BY_CLASS[float if name.startswith("float") else int]
    if module == "pint" and name.endswith("Quantity"):
        return PortType("number", "quantity")
    if codec.is_record(base):
        codec.register(base)  # its values can be saved, and read again
        return PortType("any", name, base=base)
    is_plain = inspect.isclass(base) and type(base) is type and not _is_structural(base)
    return PortType("any", name, base=base if is_plain else None)


def _is_structural(base: type) -> bool:
    """Whether a class stands for whatever behaves like it."""
    return (
        base is object
        or bool(getattr(base, "_is_protocol", False))
        or (base.__module__ in ("typing", "collections.abc", "numbers", "builtins", "types"))
    )


def _array_of(arguments: tuple[Any, ...]) -> PortType:
    """`NDArray[np.float64]` and `np.ndarray[tuple[int, int], np.dtype[np.float64]]`."""
    found = _BY_NAME["ndarray"]
    if len(arguments) != 2:
        return found
    lengths, dtype = arguments
    ranks = get_args(lengths) if get_origin(lengths) is tuple else ()
    shape = tuple(_length(each) for each in ranks) if ranks and Ellipsis not in ranks else None
    element = next(iter(get_args(dtype)), None)
    name = getattr(element, "__name__", "")
    concrete = name.rstrip("0123456789_") in _DTYPES and getattr(element, "__module__", "") == (
        "numpy"
    )
    return dataclasses.replace(found, dtype=name.rstrip("_") if concrete else "", shape=shape)


def _length(annotation: Any) -> int | None:
    """`Literal[3]` is a length; `int` is any."""
    given = get_args(annotation) if get_origin(annotation) is Literal else ()
    return given[0] if len(given) == 1 and isinstance(given[0], int) else None


_DTYPES = {"float", "int", "uint", "complex", "bool"}


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
    if any(each.is_open for each in found) or not found:
        return PortType("any", name or "None", optional=optional)
    if len(found) == 1:
        return dataclasses.replace(found[0], optional=optional)
    if len(kinds) != 1 or found[0].kind in ("any", "array"):
        return PortType("any", name, optional=optional, members=tuple(found))
    if len({(each.unit, each.limits) for each in found}) != 1 or (
        any(each.options for each in found) and not all(each.options for each in found)
    ):
        return PortType(found[0].kind, name, optional=optional, members=tuple(found))
    options = tuple(option for each in found for option in each.options)
    integer = all(each.integer for each in found)
    first = found[0]
    return PortType(first.kind, name, first.unit, first.limits, options, integer, optional)


# ── accepting values from outside ─────────────────────────────────────────────────────────


def _accept_number(port_type: PortType, given: Any) -> Any:
    if type(given) is (int if port_type.integer else float):
        return given
    value = given
    if isinstance(value, str):
        value = _parsed(value, port_type.unit)
    elif units.is_quantity(value):
        value = _magnitude(value, port_type.unit)
    value = _real(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueRefusedError(f"{_short(given)} is not a number.")
    if isinstance(value, int):  # also beyond the range of a float
        return value if port_type.integer else _finite_float(value)
    if not port_type.integer:
        return value
    if not math.isfinite(value) or value != int(value):
        raise ValueRefusedError(f"{_short(given)} is not a whole number.")
    return int(value)


def _real(value: Any) -> Any:
    """A single number of numpy, a decimal or a fraction as Python's own; others as they are."""
    value = _unwrapped(value)
    is_foreign = not isinstance(value, int | float | complex) and not hasattr(value, "dtype")
    if not is_foreign or not hasattr(value, "__float__"):
        return value
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return value


def _unwrapped(value: Any) -> Any:
    """A single value of numpy as Python's own."""
    is_single = hasattr(value, "dtype") and value.shape == () and value.dtype.kind in "biufU"
    return value.item() if is_single else value


def _parsed(text: str, unit: str) -> float:
    try:
        return units.parse(text, unit)
    except UnitError as error:
        raise ValueRefusedError(error.message) from error


def _magnitude(value: Any, unit: str) -> Any:
    try:
        return units.magnitude_in(value, unit)
    except UnitError as error:
        raise ValueRefusedError(error.message) from error


def _finite_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise ValueRefusedError("The number is too large.") from error


def _accept_bool(_: PortType, value: Any) -> bool:
    value = _unwrapped(value)
    if isinstance(value, str) and value.strip().lower() in _SWITCH:
        return _SWITCH[value.strip().lower()]
    if isinstance(value, bool) or (isinstance(value, int | float) and value in (0, 1)):
        return bool(value)
    raise ValueRefusedError(f"{_short(value)} is neither on nor off.")


_SWITCH = {"on": True, "true": True, "yes": True, "1": True,
           "off": False, "false": False, "no": False, "0": False}  # fmt: skip


def _accept_text(_: PortType, value: Any) -> str:
    value = _unwrapped(value)
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not _is_long(value):
        return str(value)
    raise ValueRefusedError(f"{_short(value)} is not text.")


def _accept_other(port_type: PortType, value: Any) -> Any:
    """A value of the class, or what JSON has for one: a list for a set, an object for a record."""
    base = port_type.base
    if base is None:
        return value
    if base in _FROM_LIST and isinstance(value, list | tuple | set | frozenset):
        return _accept_elements(port_type, base, value)
    if base is dict and isinstance(value, Mapping):
        return _accept_mapping(port_type, value)
    if base is complex and isinstance(value, int | float) and not isinstance(value, bool):
        return complex(_finite_float(value))
    if isinstance(value, base):
        return value
    if dataclasses.is_dataclass(base) and isinstance(value, Mapping):
        return _accept_record(base, value)
    raise ValueRefusedError(f"{_short(value)} is not {words(port_type)}.")


_FROM_LIST: tuple[type, ...] = (list, tuple, set, frozenset)


def _accept_elements(port_type: PortType, base: Any, value: Any) -> Any:
    if isinstance(value, set | frozenset) and base in (list, tuple):
        raise ValueRefusedError(f"{_short(value)} is not {words(port_type)}: it has no order.")
    args = port_type.args
    if not args:
        return value if isinstance(value, base) else base(value)
    if base is tuple and len(args) > 1:
        if len(value) != len(args):
            raise ValueRefusedError(f"{_short(value)} has {len(value)} elements, not {len(args)}.")
        pairs = list(zip(args, value, strict=True))
    else:
        pairs = [(args[0], item) for item in value]
    try:
        return base(_each(pairs))
    except TypeError as error:
        raise ValueRefusedError(
            f"{_short(value)} cannot be {words(port_type)}: {error}."
        ) from error


def _each(pairs: list[tuple[PortType, Any]]) -> list[Any]:
    found = []
    for n, (kind, item) in enumerate(pairs):
        try:
            found.append(kind.accept_within(item))
        except ValueRefusedError as error:
            raise ValueRefusedError(f"element {n}: {error.message}") from error
    return found


def _accept_mapping(port_type: PortType, value: Mapping[Any, Any]) -> Any:
    if len(port_type.args) != 2:
        return value
    key, item = port_type.args
    return {key.accept_within(k): item.accept_within(v) for k, v in value.items()}


def _accept_record(base: Any, value: Mapping[Any, Any]) -> Any:
    hints = typing.get_type_hints(base, include_extras=True)
    unknown = [str(name) for name in value if name not in hints]
    if unknown:
        raise ValueRefusedError(f"A {base.__name__} has no {', '.join(unknown)}.")
    given = {}
    for name, item in value.items():
        try:
            given[name] = PortType.of(hints[name]).accept_within(item)
        except ValueRefusedError as error:
            raise ValueRefusedError(f"{name}: {error.message}") from error
    try:
        return base(**given)
    except (TypeError, ValueError) as error:
        raise ValueRefusedError(f"{_short(value)} makes no {base.__name__}: {error}.") from error


def _accept_member(port_type: PortType, value: Any) -> Any:
    """The first alternative that has the value as it is, else the first that can read it."""
    reasons = []
    changed: list[Any] = []
    for member in port_type.members:
        try:
            found = member.accept_within(value)
        except ValueRefusedError as error:
            reasons.append(error.message)
            continue
        if found is value or _is_same(found, value):
            return found
        changed.append(found)
    if changed:
        return changed[0]
    raise ValueRefusedError(f"{_short(value)} is neither {words(port_type)}: {reasons[0]}")


def _is_same(found: Any, value: Any) -> bool:
    try:
        return type(found) is type(value) and bool(found == value)
    except ValueError:  # arrays compare by element
        return False


def _accept_array(port_type: PortType, value: Any) -> Any:
    if units.is_quantity(value):
        value = _magnitude(value, port_type.unit)
    if not port_type.dtype and port_type.shape is None:
        return value
    import numpy as np

    try:
        found = np.asarray(value)
    except ValueError as error:
        raise ValueRefusedError(f"{_short(value)} is not an array.") from error
    if port_type.dtype and found.dtype != np.dtype(port_type.dtype):
        if not np.can_cast(found.dtype, np.dtype(port_type.dtype), casting="same_kind"):
            raise ValueRefusedError(
                f"An array of {found.dtype} is not {words(port_type)}: something would be lost."
            )
        found = found.astype(port_type.dtype)
    shape = port_type.shape
    if shape is not None and not (
        found.ndim == len(shape)
        and all(want in (None, have) for want, have in zip(shape, found.shape, strict=True))
    ):
        shown = "×".join(map(str, found.shape)) or "a single number"
        raise ValueRefusedError(f"An array of shape {shown} is not {words(port_type)}.")
    return found


def _digits(number: Any) -> str:
    try:
        return f"{number:.9g}"
    except OverflowError:  # a whole number beyond the range of a float
        return _short(number)


def _is_long(value: Any) -> bool:
    """Whether it is a whole number that nobody would read, and Python may refuse to write."""
    return isinstance(value, int) and value.bit_length() > 1000


def _short(value: Any) -> str:
    if _is_long(value):
        return f"A whole number of {value.bit_length()} bits"
    shown = " ".join(repr(value).split())
    return shown if len(shown) <= 60 else f"{shown[:57]}…"


_ACCEPT: dict[str, Callable[[PortType, Any], Any]] = {
    "number": _accept_number,
    "quantity": _accept_number,
    "bool": _accept_bool,
    "text": _accept_text,
    "array": _accept_array,
}
