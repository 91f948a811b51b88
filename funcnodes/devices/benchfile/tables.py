"""Reading the tables of a bench file: what is there has the shape that is asked for, or is named.

Knows TOML's types and nothing of devices. Every refusal is a BenchError that begins with the file
and names table and key.
"""

import difflib
from collections.abc import Collection
from typing import Any

from funcnodes.core import units
from funcnodes.errors import BenchError, UnitError


class Tables:
    """Checks the tables of a parsed document; `where` begins every message.

    A table is named as in the file: "devices.smu", or "[[alarm]] 2" for the second of several.
    """

    def __init__(self, where: str) -> None:
        self._where = where

    def keys(self, table: str, data: dict[str, Any], known: Collection[str]) -> None:
        """Refuse a key that means nothing, with the one that was probably meant."""
        for key in data:
            if key not in known:
                close = difflib.get_close_matches(key, known, 1)
                meant = f", did you mean {close[0]!r}?" if close else ""
                raise self.wrong(table, key, f"there is no such key{meant}")

    def table(self, table: str, data: dict[str, Any], key: str) -> dict[str, Any]:
        """A table within one, empty where it is missing."""
        value = data.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(table, key, f"a table is expected, not {value!r}")
        return value

    def several(self, data: dict[str, Any], key: str) -> list[tuple[str, dict[str, Any]]]:
        """The tables `[[key]]` with their names for messages."""
        found = data.get(key, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.wrong("", key, f"tables [[{key}]] are expected")
        return [(f"[[{key}]] {number}", each) for number, each in enumerate(found, 1)]

    def text(self, table: str, data: dict[str, Any], key: str, default: str | None = None) -> str:
        """Text; None as default asks for some that is not empty."""
        if key not in data and default is None:
            raise self.wrong(table, key, "it is missing")
        value = data.get(key, default)
        if not isinstance(value, str) or (default is None and not value):
            raise self.wrong(table, key, f"text is expected, not {value!r}")
        return value

    def texts(self, table: str, data: dict[str, Any], key: str) -> list[str]:
        """A list of texts, empty where it is missing."""
        value = data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.wrong(table, key, f"a list of texts is expected, not {value!r}")
        return value

    def flag(self, table: str, data: dict[str, Any], key: str, default: bool) -> bool:
        """True or false."""
        value = data.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(table, key, f"true or false is expected, not {value!r}")
        return value

    def choice(
        self, table: str, data: dict[str, Any], key: str, known: Collection[str], default: str
    ) -> str:
        """One of some words."""
        value = data.get(key, default)
        if not isinstance(value, str) or value not in known:
            *most, last = known
            options = f"{', '.join(most)} or {last}"
            raise self.wrong(table, key, f"{options} is expected, not {value!r}")
        return value

    def seconds(
        self,
        table: str,
        data: dict[str, Any],
        key: str,
        default: float,
        *,
        least: float = 0.0,
        most: float = 86_400.0,
    ) -> float:
        """Seconds, as a number or as text with a unit ("500 ms")."""
        value = data.get(key, default)
        if isinstance(value, str):
            try:
                value = units.parse(value, "s")
            except UnitError as error:
                raise self.wrong(table, key, error.message.rstrip(".")) from error
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not least <= value <= most:
            raise self.wrong(
                table, key, f"seconds from {least:g} to {most:g} are expected, not {value!r}"
            )
        return float(value)

    def wrong(self, table: str, key: str, why: str) -> BenchError:
        """The error that names file, table and key."""
        shown = table if table.startswith("[") or not table else f"[{table}]"
        place = f"{shown} {key}" if table else key
        end = "" if why.endswith(("?", ".")) else "."
        return BenchError(
            f"{self._where}: {place}: {why}{end}", path=self._where, table=table, key=key
        )
