"""Reading files strictly: JSON and nothing else, of bounded depth, with a sentence for each fault.

A file is data that may come from anywhere; whatever is wrong with it is a `SavedGraphError`.
"""

import gc
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from funcnodes.core.codec.reading import from_json
from funcnodes.errors import SavedGraphError

MAX_DEPTH = 200


def parse(text: str | bytes, *, what: str = "The file") -> Any:
    """Read JSON text; `NaN`, `Infinity` and `-Infinity`, which older versions wrote, are numbers.

    Raises:
        SavedGraphError: It is no JSON, nested too deep, or has numbers out of range.
    """
    try:
        return json.loads(text, parse_float=_finite)
    except RecursionError as error:
        raise SavedGraphError(f"{what} is nested too deep.") from error
    except UnicodeDecodeError as error:
        raise SavedGraphError(f"{what} is not text in UTF-8.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SavedGraphError(f"{what} is not JSON: {error.msg} at {where}.") from error
    except ValueError as error:
        raise SavedGraphError(f"{what} has a number of too many digits.") from error


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise SavedGraphError(f"{text} is too large for a number.")
    return number


def check_depth(data: Any) -> None:
    """Raise SavedGraphError where it is nested deeper than anything we write."""
    level = [data] if isinstance(data, dict | list) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
    raise SavedGraphError("The file is nested too deep.")


def as_mapping(data: Any, what: str) -> Mapping[str, Any]:
    """The same object; raises SavedGraphError where it is none."""
    if not isinstance(data, Mapping):
        raise SavedGraphError(f"{what} is not an object but {short(data)}.")
    return data


def section(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object inside the file; missing and null mean empty."""
    return {} if data.get(key) is None else as_mapping(data[key], key)


def free(data: Mapping[str, Any], key: str, *, is_old: bool) -> Mapping[str, Any]:
    """An object that holds whatever somebody wants to keep."""
    found = section(data, key)
    return found if is_old else as_mapping(from_json(found), key)


def as_list(data: Any, what: str) -> list[Any]:
    """The same list; raises SavedGraphError where it is none."""
    if not isinstance(data, list):
        raise SavedGraphError(f"{what!r} in the file is not a list but {short(data)}.")
    return data


def text(data: Any) -> str:
    """One line of text; "" where it is none."""
    return re.sub(r"[\x00-\x1f\x7f]", " ", data)[:200] if isinstance(data, str) else ""


def short(data: Any) -> str:
    """What it is, in a sentence that says what is wrong with it."""
    shown = repr(data)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"


@contextmanager
def without_collecting(*, made_to_stay: bool = False) -> Iterator[None]:
    """Spare the garbage collector a look at everything for each thousand of new objects.

    Args:
        made_to_stay: Most of what is made inside is no garbage: it counts as old at once.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if made_to_stay and not gc.get_freeze_count():  # nobody's frozen objects are let go
            gc.freeze()
            gc.unfreeze()
        if was_enabled:
            gc.enable()
