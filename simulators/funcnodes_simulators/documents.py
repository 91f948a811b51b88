"""Parts of a document that somebody wrote by hand, taken out with complaints that say where.

TOML, JSON and YAML all give tables, lists and scalars. Each function returns a part of the right
kind or raises ValueError with one sentence that begins with its place.
"""

from collections.abc import Collection, Mapping
from typing import Any, TypeGuard

LARGEST = 9.9e37


def table_of(value: object, where: str) -> dict[str, Any]:
    """Return a table whose keys are texts."""
    if not isinstance(value, dict):
        raise ValueError(f"{where} is not a table")
    for key in value:
        if not isinstance(key, str):
            raise ValueError(f"{where} has a key that is no text")
    return value


def list_of(value: object, where: str) -> list[Any]:
    """Return a list."""
    if not isinstance(value, list):
        raise ValueError(f"{where} is not a list")
    return value


def text_of(value: object, where: str) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise ValueError(f"{where} is {value!r:.100}, not text")
    return value


def only_keys(table: Mapping[str, object], keys: Collection[str], where: str) -> None:
    """Refuse a table with keys that nobody knows."""
    for key in table:
        if key not in keys:
            raise ValueError(
                f"{where} has no place for {key!r}; it takes {', '.join(sorted(keys))}"
            )


def text_at(table: Mapping[str, object], key: str, where: str, default: str | None = None) -> str:
    """Return the text at a key, which may be left out if there is a default."""
    if key not in table:
        if default is None:
            raise ValueError(f"{where}.{key} is missing")
        return default
    return text_of(table[key], f"{where}.{key}")


def number_at(
    table: Mapping[str, object], key: str, where: str, *, default: float, low: float, high: float
) -> float:
    """Return the number at a key, within limits."""
    value = table.get(key, default)
    if not is_number(value) or not low <= value <= high:
        raise ValueError(f"{where}.{key} is {value!r:.100}, not a number from {low:g} to {high:g}")
    return float(value)


def flag_at(table: Mapping[str, object], key: str, where: str, *, default: bool) -> bool:
    """Return the truth value at a key."""
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise ValueError(f"{where}.{key} is {value!r:.100}; it must be true or false")
    return value


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a finite number that an instrument could hold; no boolean is."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
