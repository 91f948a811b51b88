"""Previews: what a card or a list shows of a value, bounded in size and in work.

A preview never exceeds its limit and never asks more of a value than a few of its elements. Of an
object that nobody told how to show, it names the type and calls none of its methods.
"""

import enum
import math
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from funcnodes.core import units
from funcnodes.core.codec import Unknown, is_record
from funcnodes.core.values import NoValue

LIMIT = 200  # characters
ELEMENTS = 8  # how many of a container are looked at
DEPTH = 3

Preview = Callable[[Any], str]
Previewed = str | int | float | bool | None

_SAFE_INTEGER = 2**53
_by_class: dict[type, Preview] = {}


def add_preview(kind: type, preview: Preview) -> None:
    """Show values of `kind` and its subclasses by it, in place of an earlier one."""
    _by_class[kind] = preview


def preview(value: Any, limit: int = LIMIT) -> Previewed:
    """What to show of a value: a number, on/off or nothing as it is, anything else as text.

    Args:
        limit: Most characters, at least 1.
    """
    if value is NoValue or value is None:
        return None
    kind = type(value)
    if kind is bool or (kind is int and abs(value) <= _SAFE_INTEGER):
        return value if len(str(value)) <= limit else _cut(str(value), limit)
    if kind is float and math.isfinite(value):
        return value if len(repr(value)) <= limit else _cut(repr(value), limit)
    return _cut(value if kind is str else _text(value, limit, DEPTH), limit)


def told(value: Any, limit: int = LIMIT) -> str | None:
    """What the preview that was added for its class says of a value; None if there is none."""
    own = next((_by_class[base] for base in type(value).__mro__ if base in _by_class), None)
    return None if own is None else _cut(_told(own, value, limit), limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: max(0, limit - 1)]}…"


def _text(value: Any, limit: int, depth: int) -> str:
    """A little more than `limit` characters at most."""
    own = told(value, limit)
    if own is not None:
        return own
    if isinstance(value, enum.Enum):
        return str(value.name)
    if isinstance(value, Unknown):
        return f"<{value.type}, not known here>"
    if units.is_quantity(value):
        return f"{_text(value.magnitude, limit, depth)} {value.units}"
    if isinstance(value, str):
        return repr(value[: limit + 1])
    if isinstance(value, bool | float | complex) or value is None or value is NoValue:
        return repr(value)
    if isinstance(value, int):
        bits = value.bit_length()
        return str(int(value)) if bits < 3 * limit else f"a whole number of {bits} bits"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes" if len(value) != 1 else "1 byte"
    if _is_array(value):
        return _array(value, limit)
    if isinstance(value, list | tuple | set | frozenset | dict):
        return _container(value, limit, depth)
    if is_record(type(value)):
        return f"<{type(value).__name__}>"
    if type(value).__module__ in ("datetime", "decimal", "fractions", "uuid", "builtins"):
        return str(value)[: limit + 1]
    return f"<{type(value).__name__}>"


def _told(own: Preview, value: Any, limit: int) -> str:
    """By somebody else's code: anything can happen."""
    try:
        return str(own(value))[: limit + 1]
    except Exception:
        return f"<{type(value).__name__}>"


def _is_array(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "numpy" and hasattr(value, "dtype")


def _array(value: Any, limit: int) -> str:
    if not value.shape:
        return str(value)[: limit + 1]
    head = f"{'×'.join(map(str, value.shape))} {value.dtype}"
    if value.dtype.kind not in "biufc" or not value.size:
        return head
    first = [f"{item:.6g}" if value.dtype.kind == "f" else str(item)
             for item in islice(value.flat, ELEMENTS)]  # fmt: skip
    return f"{head}: {', '.join(first)}{', …' if value.size > ELEMENTS else ''}"


def _container(value: Any, limit: int, depth: int) -> str:
    opening, closing = _BRACKETS.get(type(value), ("[", "]"))
    if not depth:
        return f"{opening}…{len(value)}…{closing}"
    shown = list(_few(value, limit, depth))
    if len(value) > len(shown):
        shown.append(f"… {len(value) - len(shown)} more")
    return f"{opening}{', '.join(shown)}{closing}"


def _few(value: Any, limit: int, depth: int) -> Iterable[str]:
    """Elements until there is enough to show."""
    length = 0
    pairs = value.items() if isinstance(value, Mapping) else ((None, item) for item in value)
    for key, item in islice(pairs, ELEMENTS):
        text = _text(item, limit, depth - 1)
        if isinstance(value, Mapping):
            text = f"{_text(key, limit, 0)}: {text}"
        yield text
        length += len(text)
        if length > limit:
            return


_BRACKETS: dict[type, tuple[str, str]] = {
    tuple: ("(", ")"), set: ("{", "}"), frozenset: ("{", "}"), dict: ("{", "}"),
}  # fmt: skip
