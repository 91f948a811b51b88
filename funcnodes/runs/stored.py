"""Rows as they lie in a run file, column by column, and what was recorded of them.

Numbers are taken as SQLite keeps them; everything else is decoded cell by cell (see `cells`).
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from funcnodes.core.values import Quality
from funcnodes.runs import cells, schema
from funcnodes.runs.records import RowPage, TableSpec


class Stored:
    """Rows as they lie in the file, column by column."""

    def __init__(
        self, spec: TableSpec, start: int, found: list[Any], connection: sqlite3.Connection
    ) -> None:
        end = 3 + 2 * len(spec.columns)
        self.start = start
        self.words = schema.read_qualities(connection)
        self._columns = list(zip(*found, strict=True)) or [()] * (end + len(spec.axes))
        self._blocks = Blocks(connection)
        self.wall, self.mono = self._columns[1], self._columns[2]
        self.places = self._columns[end:]

    def cells(self, i: int) -> Sequence[Any]:
        """Of column `i`, as SQLite keeps them."""
        return self._columns[3 + 2 * i]

    def codes(self, i: int) -> Sequence[int]:
        """Of the quality of column `i`."""
        return self._columns[4 + 2 * i]

    def quality(self, i: int) -> list[Quality]:
        """Of column `i`, in words."""
        words = self.words
        return [words[code] for code in self.codes(i)]

    def values(self, i: int) -> list[Any]:
        """Of column `i`, as they were recorded."""
        blocks = self._blocks
        return [
            cell if type(cell) is float else cells.decode(cell, mark, blocks)
            for cell, mark in zip(self.cells(i), self.quality(i), strict=True)
        ]


def page_of(
    spec: TableSpec, start: int, found: list[Any], connection: sqlite3.Connection
) -> RowPage:
    """Rows that a query of all columns found, from row `start` on, as a page."""
    rows = Stored(spec, start, found, connection)
    every = range(len(spec.columns))
    return RowPage(
        table=spec, start=start, wall=rows.wall, mono=rows.mono, places=rows.places,
        values=[rows.values(i) for i in every], quality=[rows.quality(i) for i in every],
    )  # fmt: skip


class Blocks:
    """Arrays of a run, read by number."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, array: Any) -> int:
        """Never called: a reader writes nothing."""
        raise NotImplementedError("blocks are written through RunWriter")

    def get(self, number: int) -> Any:
        import numpy as np

        found = self._connection.execute(
            "SELECT dtype, shape, data FROM blobs WHERE id = ?", (number,)
        ).fetchone()
        dtype, shape, data = found
        lengths = tuple(int(length) for length in shape.split(",") if length)
        return np.frombuffer(data, dtype=np.dtype(dtype)).reshape(lengths)
