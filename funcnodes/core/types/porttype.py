"""What kind of value a port carries, read from an annotation.

`Annotated[float, Unit("V"), Range(0, 30)]` gives a type its unit and limits. Each type belongs to
one of ten *kinds*, which is what a person sees as shape and colour. Lists, tuples and mappings know
their elements, arrays their dtype and shape, as far as the annotation tells. What an annotation
leaves open is checked when a value comes.
"""

import dataclasses
import enum
import inspect
import types
import typing
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args, get_origin

from funcnodes.core import codec
from funcnodes.core.types.accepting import ACCEPT, accept_choice, accept_member, accept_other
from funcnodes.core.types.annotations import (
    DeviceRef,
    DType,
    Image,
    Kind,
    Rows,
    Shape,
    Trigger,
    Unit,
)
from funcnodes.core.types.limits import Range, check_range
from funcnodes.core.types.words import WORDS
from funcnodes.errors import UnitError


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
            raise UnitError(f"{WORDS[found.kind].capitalize()} cannot have the unit {unit!r}.")
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
            return accept_member(self, value)
        if self.options and self.kind != "bool":
            return accept_choice(self, value)
        return ACCEPT.get(self.kind, accept_other)(self, value)

    def accept_within(self, value: Any) -> Any:
        """`accept`, and the limits too; for elements, whose port has limits of its own."""
        value = self.accept(value)
        check_range(value, self.limits, self.unit)
        return value


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
