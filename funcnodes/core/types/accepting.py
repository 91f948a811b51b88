"""Values from outside: how one becomes a value of a port's type, or a sentence why not.

Nothing is lost in silence: a number with a fraction is no whole number, a value of another
dimension is refused, and what an array would lose is said.
"""

import dataclasses
import enum
import math
import typing
from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

from funcnodes.core import units
from funcnodes.core.dataenum import DataEnum
from funcnodes.core.types.words import Described, is_long, short, words
from funcnodes.errors import UnitError, ValueRefusedError


class Expected(Described, Protocol):
    """What a value is to become: `PortType`, as far as it matters here."""

    @property
    def unit(self) -> str: ...

    @property
    def options(self) -> tuple[Any, ...]: ...

    @property
    def integer(self) -> bool: ...

    @classmethod
    def of(cls, annotation: Any) -> Self:
        """The type that an annotation means."""

    def accept_within(self, value: Any) -> Any:
        """Turn a value into one of this type, and check its limits."""


def accept_choice(port_type: Expected, value: Any) -> Any:
    """One of the options, by itself, by its value or by its name."""
    value = _unwrapped(value)
    if getattr(value, "shape", ()):
        raise ValueRefusedError(f"{short(value)} is not a single value.")
    for option in port_type.options:
        if option == value and type(option) is type(value):
            return option
    for option in port_type.options:
        if isinstance(option, enum.Enum) and option.value == value:
            return option
    text = short(value) if is_long(value) else str(value)
    for option in port_type.options:
        shown = option.name if isinstance(option, enum.Enum) else str(option)
        if text in (shown, str(option)):
            return option
    for option in port_type.options:  # a `DataEnum` is also chosen by its data
        is_meant = isinstance(option, DataEnum) and type(option.value) is type(value)
        if is_meant and option.value == value:
            return option
    choices = ", ".join(o.name if isinstance(o, enum.Enum) else str(o) for o in port_type.options)
    raise ValueRefusedError(f"{short(value)} is not one of {choices}.")


def _accept_number(port_type: Expected, given: Any) -> Any:
    if type(given) is (int if port_type.integer else float):
        return given
    value = given
    if isinstance(value, str):
        value = _parsed(value, port_type.unit)
    elif units.is_quantity(value):
        value = _magnitude(value, port_type.unit)
    value = _real(value)
    if not isinstance(value, int | float):
        raise ValueRefusedError(f"{short(given)} is not a number.")
    if isinstance(value, bool):  # as a switch that is wired here
        value = int(value)
    if isinstance(value, int):  # also beyond the range of a float
        return value if port_type.integer else _finite_float(value)
    if not port_type.integer:
        return value
    if not math.isfinite(value) or value != int(value):
        raise ValueRefusedError(f"{short(given)} is not a whole number.")
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


def _accept_bool(_: Expected, value: Any) -> bool:
    value = _unwrapped(value)
    if isinstance(value, str) and value.strip().lower() in _SWITCH:
        return _SWITCH[value.strip().lower()]
    if isinstance(value, bool) or (isinstance(value, int | float) and value in (0, 1)):
        return bool(value)
    raise ValueRefusedError(f"{short(value)} is neither on nor off.")


_SWITCH = {"on": True, "true": True, "yes": True, "1": True,
           "off": False, "false": False, "no": False, "0": False}  # fmt: skip


def _accept_text(_: Expected, value: Any) -> str:
    value = _unwrapped(value)
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not is_long(value):
        return str(value)
    raise ValueRefusedError(f"{short(value)} is not text.")


def accept_other(port_type: Expected, value: Any) -> Any:
    """A value of the class, or what JSON has for one: a list for a set, an object for a record."""
    base = port_type.base
    if base is None:
        return value
    if base in (list, tuple) and hasattr(value, "dtype") and value.shape:
        value = value.tolist()  # an array
    if base in _FROM_LIST and isinstance(value, list | tuple | set | frozenset):
        return _accept_elements(port_type, base, value)
    if base is dict and isinstance(value, Mapping):
        return _accept_mapping(port_type, value)
    if base is complex and isinstance(value, int | float) and not isinstance(value, bool):
        return complex(_finite_float(value))
    if isinstance(value, base):
        return value
    if dataclasses.is_dataclass(base) and isinstance(value, Mapping):
        return _accept_record(port_type, base, value)
    raise ValueRefusedError(f"{short(value)} is not {words(port_type)}.")


_FROM_LIST: tuple[type, ...] = (list, tuple, set, frozenset)


def _accept_elements(port_type: Expected, base: Any, value: Any) -> Any:
    if isinstance(value, set | frozenset) and base in (list, tuple):
        raise ValueRefusedError(f"{short(value)} is not {words(port_type)}: it has no order.")
    args = port_type.args
    if not args:
        return value if isinstance(value, base) else base(value)
    if base is tuple and len(args) > 1:
        if len(value) != len(args):
            raise ValueRefusedError(f"{short(value)} has {len(value)} elements, not {len(args)}.")
        pairs = list(zip(args, value, strict=True))
    else:
        pairs = [(args[0], item) for item in value]
    try:
        return base(_each(pairs))
    except TypeError as error:
        raise ValueRefusedError(f"{short(value)} cannot be {words(port_type)}: {error}.") from error


def _each(pairs: list[tuple[Expected, Any]]) -> list[Any]:
    found = []
    for n, (kind, item) in enumerate(pairs):
        try:
            found.append(kind.accept_within(item))
        except ValueRefusedError as error:
            raise ValueRefusedError(f"element {n}: {error.message}") from error
    return found


def _accept_mapping(port_type: Expected, value: Mapping[Any, Any]) -> Any:
    if len(port_type.args) != 2:
        return value
    key, item = port_type.args
    return {key.accept_within(k): item.accept_within(v) for k, v in value.items()}


def _accept_record(port_type: Expected, base: Any, value: Mapping[Any, Any]) -> Any:
    hints = typing.get_type_hints(base, include_extras=True)
    unknown = [str(name) for name in value if name not in hints]
    if unknown:
        raise ValueRefusedError(f"A {base.__name__} has no {', '.join(unknown)}.")
    given = {}
    for name, item in value.items():
        try:
            given[name] = type(port_type).of(hints[name]).accept_within(item)
        except ValueRefusedError as error:
            raise ValueRefusedError(f"{name}: {error.message}") from error
    try:
        return base(**given)
    except (TypeError, ValueError) as error:
        raise ValueRefusedError(f"{short(value)} makes no {base.__name__}: {error}.") from error


def accept_member(port_type: Expected, value: Any) -> Any:
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
    raise ValueRefusedError(f"{short(value)} is neither {words(port_type)}: {reasons[0]}")


def _is_same(found: Any, value: Any) -> bool:
    try:
        return type(found) is type(value) and bool(found == value)
    except ValueError:  # arrays compare by element
        return False


def _accept_array(port_type: Expected, value: Any) -> Any:
    if units.is_quantity(value):
        value = _magnitude(value, port_type.unit)
    if isinstance(value, str | bytes | Mapping | set | frozenset):
        raise ValueRefusedError(f"{short(value)} is not an array.")
    if not port_type.dtype and port_type.shape is None:
        return value
    import numpy as np

    try:
        found = np.asarray(value)
    except ValueError as error:
        raise ValueRefusedError(f"{short(value)} is not an array.") from error
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


ACCEPT: dict[str, Callable[[Expected, Any], Any]] = {
    "number": _accept_number,
    "quantity": _accept_number,
    "bool": _accept_bool,
    "text": _accept_text,
    "array": _accept_array,
}
