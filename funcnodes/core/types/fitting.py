"""Which ports fit together, and how a value of the one becomes a value of the other.

Decided once, when two ports are connected; what an annotation leaves open is looked at when a
value comes.
"""

import enum
from collections.abc import Callable
from typing import Any

from funcnodes.core import units
from funcnodes.core.types.porttype import PortType
from funcnodes.core.types.words import capital, words
from funcnodes.errors import PortMismatchError, UnitError, ValueRefusedError


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
    if source.kind == "array" and target.base in (list, tuple):
        return target.accept
    if target.kind == "text" and not target.options and source.kind in _SAID:
        return target.accept if source.kind != "text" else None
    if source.kind == target.kind == "any":
        return _between_classes(source, target)
    if target.options and source.options and target.kind != "bool":
        return _between_choices(source, target)
    if source.kind == target.kind or (source.kind, target.kind) in _FITS:
        return target.accept if _has_enums(target) or _may_lose(source, target) else None
    raise _mismatch(source, target)


def _may_lose(source: PortType, target: PortType) -> bool:
    """Whether a number is looked at as one that is set: a fraction is no whole number."""
    is_switch = (source.kind == "bool", target.kind == "bool")
    return is_switch[0] != is_switch[1] or (target.integer and not source.integer)


def _mismatch(source: PortType, target: PortType, why: str = "") -> PortMismatchError:
    return PortMismatchError(f"{capital(words(source))} does not fit into {words(target)}{why}.")


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
    if here is not there and here in _COLLECTIONS and there in _COLLECTIONS:
        if here in (set, frozenset) and there in (list, tuple):
            raise _mismatch(source, target, ": it has no order")
        return target.accept
    if not issubclass(here, there):
        if issubclass(there, here):
            return target.accept
        raise _mismatch(source, target)
    if not source.args or not target.args:
        return target.accept if target.args else None
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


_COLLECTIONS = (list, tuple, set, frozenset)
_SAID = ("text", "number", "quantity", "bool")  # what can be written as text
_FITS = {
    ("number", "quantity"), ("quantity", "number"), ("bool", "number"), ("bool", "quantity"),
    ("number", "bool"),
    ("number", "array"), ("quantity", "array"), ("array", "table"),
}  # fmt: skip


def _convert_units(source: PortType, target: PortType) -> units.Conversion | None:
    try:
        found = units.conversion(source.unit, target.unit)
    except UnitError as error:
        raise PortMismatchError(error.message) from error
    return None if found == units.IDENTITY else found
