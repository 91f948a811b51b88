"""The rows of a run as a map: one column as colour over two others, thinned where it is too fine.

Each place of a scan is a cell. Where the places are more than can be drawn, several share one, and
of those it shows the value that is farthest from the mean of all, so that no peak is lost. SQLite
does the work, off the event loop and without the interpreter's lock.
"""

import itertools
import math
import sqlite3
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from funcnodes.core.values import Quality
from funcnodes.errors import RunError
from funcnodes.runs.records import Column, TableSpec

MOST_LINES = 400
"""Cells along an axis that may be asked for."""
_DISTINCT = 20_000  # values along an axis that are looked at one by one
_SAME = 1e-9  # part of the range by which computed places of one line differ


@dataclass(frozen=True, slots=True)
class MapAxis:
    """A column as an axis: the places of its cells, in rising order.

    Attributes:
        edges: Where each cell begins, and the last one ends; one more than there are cells.
    """

    column: Column
    values: tuple[float, ...]
    edges: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RunMap:
    """A map.

    Attributes:
        values: Row by row along x, from the lowest y on; None where there is no number.
        quality: Of each cell; "" where no point was taken.
        low, high: Of the values that are ok; None where there is none.
        rows: Of the run, that it stands for.
        is_thinned: Whether a cell may stand for several places.
    """

    x: MapAxis
    y: MapAxis
    z: Column
    values: list[float | None]
    quality: list[Quality | str]
    low: float | None
    high: float | None
    rows: int
    is_thinned: bool


def read_map(
    connection: sqlite3.Connection, k: int, spec: TableSpec, names: tuple[str, str, str], cells: int
) -> RunMap:
    """The map of recorder `k`.

    Args:
        names: Columns of x, y and colour.
        cells: Most along each axis.

    Raises:
        RunError: There is no such column.
    """
    cells = max(2, min(cells, MOST_LINES))
    (x, i), (y, j), (z, m) = (_column(spec, name) for name in names)
    x_axis, x_exact = _axis(connection, k, i, x, cells)
    y_axis, y_exact = _axis(connection, k, j, y, cells)
    (rows,) = connection.execute(f"SELECT count(*) FROM rows_{k}").fetchone()
    found = _Cells(connection, k, (i, j, m), x_axis, y_axis)
    if x_exact and y_exact:
        found.put_newest()
    else:
        found.put_extremes()
    good = [v for v, q in zip(found.values, found.quality, strict=True) if q == "ok" and v == v
            and v is not None]  # fmt: skip
    return RunMap(
        x_axis, y_axis, z, found.values, found.quality, min(good, default=None),
        max(good, default=None), rows, not (x_exact and y_exact),
    )  # fmt: skip


def map_columns(
    columns: Sequence[Column], x: str = "", y: str = "", z: str = "", *, axes: Sequence[str] = ()
) -> tuple[str, str, str]:
    """Names of the columns to draw: those asked for, else the two fastest axes of the scan, where
    these are recorded, or the first two columns; and the last column.

    Args:
        axes: Names of the axes, the slowest first.
    """
    known = {column.name for column in columns}
    recorded = [name for name in reversed(axes) if name in known and name not in (x, y, z)]
    if len(recorded) > 1 and not (x and y):
        x = x or recorded.pop(0)
        y = y or recorded.pop(0)
    free = [c.name for c in columns if c.kind in ("number", "quantity", "any")]
    free = [name for name in free if name not in (x, y, z)]
    x = x or (free.pop(0) if free else "")
    y = y or (free.pop(0) if free else "")
    return x, y, z or (free[-1] if free else "")


def _column(spec: TableSpec, name: str) -> tuple[Column, int]:
    for i, column in enumerate(spec.columns):
        if column.name == name:
            return column, i
    names = ", ".join(column.name for column in spec.columns)
    raise RunError(f"{spec.name} has no column {name!r}; it has {names}.")


_NUMBER = "typeof({0}) IN ('real', 'integer') AND abs({0}) < 1e308"


def _axis(
    connection: sqlite3.Connection, k: int, i: int, column: Column, cells: int
) -> tuple[MapAxis, bool]:
    """The places along an axis, and whether each is a line of the scan."""
    number = _NUMBER.format(f"v{i}")
    found = [
        float(value)
        for (value,) in connection.execute(
            f"SELECT DISTINCT v{i} FROM rows_{k} WHERE {number} LIMIT {_DISTINCT + 1}"
        )
    ]
    if len(found) <= _DISTINCT:
        lines = _lines(sorted(found))
        if len(lines) <= cells:
            return MapAxis(column, tuple(lines), tuple(_between(lines))), True
        low, high = lines[0], lines[-1]
    else:
        low, high = connection.execute(
            f"SELECT min(v{i}), max(v{i}) FROM rows_{k} WHERE {number}"
        ).fetchone()
    width = (high - low) / cells
    edges = [low + n * width for n in range(cells)] + [high]
    middles = [low + (n + 0.5) * width for n in range(cells)]
    return MapAxis(column, tuple(middles), tuple(edges)), False


def _lines(values: list[float]) -> list[float]:
    """Values without those that only rounding tells apart."""
    near = (values[-1] - values[0]) * _SAME if values else 0.0
    lines: list[float] = []
    for value in values:
        if not lines or value - lines[-1] > near:
            lines.append(value)
    return lines


def _between(lines: Sequence[float]) -> list[float]:
    """Borders half-way between neighbours, and as far beyond the first and the last."""
    if not lines:
        return [0.0, 1.0]
    if len(lines) == 1:
        half = abs(lines[0]) / 2 or 0.5
        return [lines[0] - half, lines[0] + half]
    inner = [(a + b) / 2 for a, b in itertools.pairwise(lines)]
    return [lines[0] - (inner[0] - lines[0]), *inner, lines[-1] + (lines[-1] - inner[-1])]


class _Cells:
    """Cells being filled."""

    def __init__(
        self, connection: sqlite3.Connection, k: int, columns: tuple[int, int, int],
        x: MapAxis, y: MapAxis,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._k = k
        self._columns = columns
        self._x, self._y = x, y
        self._words = dict(connection.execute("SELECT code, word FROM quality").fetchall())
        size = len(x.values) * len(y.values)
        self.values: list[float | None] = [None] * size
        self.quality: list[Quality | str] = [""] * size

    def put_newest(self) -> None:
        """Each line of the scan is a cell; of a place that was visited again, the last visit."""
        i, j, m = self._columns
        for x, y, value, code, _ in self._connection.execute(
            f"SELECT v{i}, v{j}, v{m}, q{m}, max(n) FROM rows_{self._k} "
            f"WHERE {self._placed()} GROUP BY v{i}, v{j} ORDER BY max(n)"
        ):
            self._put(self._place(x, y), value, code)

    def put_extremes(self) -> None:
        """Several places share a cell: first how good they are, then the best that is there."""
        i, j, m = self._columns
        cell = f"{_bin(f'v{i}', self._x)}, {_bin(f'v{j}', self._y)}"
        good = f"{_NUMBER.format(f'v{m}')} AND q{m} = (SELECT code FROM quality WHERE word = 'ok')"
        for a, b, code in self._connection.execute(
            f"SELECT {cell}, max(q{m}) FROM rows_{self._k} WHERE {self._placed()} GROUP BY 1, 2"
        ):
            self._put(b * len(self._x.values) + a, None, code)
        (mean,) = self._connection.execute(
            f"SELECT avg(v{m}) FROM rows_{self._k} WHERE {good}"
        ).fetchone()
        for a, b, low, high in self._connection.execute(
            f"SELECT {cell}, min(v{m}), max(v{m}) FROM rows_{self._k} "
            f"WHERE {self._placed()} AND {good} GROUP BY 1, 2"
        ):
            farthest = high if high - mean >= mean - low else low
            self._put(b * len(self._x.values) + a, farthest, 0)

    def _placed(self) -> str:
        i, j, _ = self._columns
        return f"{_NUMBER.format(f'v{i}')} AND {_NUMBER.format(f'v{j}')}"

    def _place(self, x: float, y: float) -> int:
        column, row = (_nearest(axis.edges, value) for axis, value in ((self._x, x), (self._y, y)))
        return row * len(self._x.values) + column

    def _put(self, place: int, value: object, code: int) -> None:
        is_number = isinstance(value, int | float) and math.isfinite(value)
        self.values[place] = float(value) if is_number else None  # type: ignore[arg-type]  # it is
        quality = self._words.get(code, "missing")
        self.quality[place] = quality if is_number or quality != "ok" else "missing"


def _nearest(edges: Sequence[float], value: float) -> int:
    return min(max(bisect_right(edges, value) - 1, 0), len(edges) - 2)


def _bin(column: str, axis: MapAxis) -> str:
    """The number of a value's cell, in SQL; only numbers of ours are put in."""
    low, high, cells = axis.edges[0], axis.edges[-1], len(axis.values)
    if not axis_is_even(axis):
        inner = axis.edges[1:-1]
        return " + ".join([f"({column} >= {edge!r})" for edge in inner]) or "0"
    scale = cells / (high - low) if high > low else 0.0
    return f"min({cells - 1}, max(0, CAST(({column} - {low!r}) * {scale!r} AS INTEGER)))"


def axis_is_even(axis: MapAxis) -> bool:
    """Whether all of its cells are of one width."""
    widths = [b - a for a, b in itertools.pairwise(axis.edges)]
    return max(widths) - min(widths) <= 1e-6 * max(widths)
