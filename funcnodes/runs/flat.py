"""Rows on their way to a run file: one list of cells, row after row, instead of a list per row.

So few objects are made that the garbage collector has nothing to look through, and many rows go
into the file with one statement: between two statements the interpreter may serve others.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import repeat
from typing import Any

from funcnodes.runs import schema

MARKS_AT_ONCE = 999
"""Parameters in one statement: as many as every SQLite takes, and more of them gain nothing."""


@dataclass(slots=True)
class FlatRows:
    """Rows of recorder `k`, all `width` cells wide."""

    k: int
    width: int
    cells: list[Any] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.cells) // self.width

    def by_row(self) -> Iterator[tuple[Any, ...]]:
        """Row by row."""
        return zip(*repeat(iter(self.cells), self.width), strict=True)

    def insert(self, connection: sqlite3.Connection) -> None:
        """Add them to their table, within the transaction that is open."""
        at_once = max(MARKS_AT_ONCE // self.width, 1)
        full = len(self) // at_once * at_once
        connection.executemany(_insertion(self.k, self.width, at_once), self._by(at_once, 0, full))
        connection.executemany(_insertion(self.k, self.width, 1), self._by(1, full, len(self)))

    def _by(self, rows: int, start: int, stop: int) -> Iterator[list[Any]]:
        """The cells of so many rows at a time."""
        cells, step = self.cells, self.width * rows
        return (cells[at : at + step] for at in range(self.width * start, self.width * stop, step))


_insertion = lru_cache(maxsize=256)(schema.insertion)
