"""Columns as other programs want them: one type for all cells, found without reading them all.

A batch is a page of rows as numpy arrays by title: row number, both clocks, then each column with
its quality beside it. Every export but CSV is made of batches.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Protocol

import msgspec

from funcnodes.runs.about import ELAPSED, ROW, TIME
from funcnodes.runs.records import QUALITIES, RowPage, TableSpec

_CODE = {quality: code for code, quality in enumerate(QUALITIES)}
Kind = Literal["real", "integer", "truth", "text", "array", "other"]
Batch = dict[str, Any]

EXACT = 2**53
"""Whole numbers up to here are floats without loss."""


class Form(msgspec.Struct, frozen=True):
    """What all cells of a column are.

    Attributes:
        kind: `other` where they are not of one kind, or of none that is named here.
        dtype: Of every array, as numpy writes it, e.g. "<f8"; else "".
        shape: Of every array; else ().
    """

    kind: Kind
    dtype: str = ""
    shape: tuple[int, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether each cell is one number."""
        return self.kind in ("real", "integer")


class Titled(msgspec.Struct, frozen=True):
    """A column with the titles of its values and of their quality, unique in the table.

    Attributes:
        source: Instrument and member that the values come from, as "smu.reading", or "".
        uncertainty: Title of the column with its standard uncertainty, or "".
    """

    title: str
    quality: str
    name: str
    unit: str
    form: Form
    source: str = ""
    uncertainty: str = ""


def merged(one: Form, other: Form) -> Form:
    """The form of a column that has cells of both."""
    if one == other:
        return one
    return Form("real") if one.is_number and other.is_number else Form("other")


def titled(spec: TableSpec, forms: Sequence[Form]) -> list[Titled]:
    """The columns of a recorder with titles that differ from each other and from the clocks."""
    taken = {ROW, TIME, ELAPSED}
    values = [_free(column.name, taken) for column in spec.columns]
    by_name = dict(zip((column.name for column in spec.columns), values, strict=True))
    return [
        Titled(
            title, _free(f"{title} quality", taken), column.name, column.unit, form,
            source=column.source, uncertainty=by_name.get(column.uncertainty, ""),
        )
        for title, column, form in zip(values, spec.columns, forms, strict=True)
    ]  # fmt: skip


class StoredRows(Protocol):
    """Rows as they lie in a file, column by column; see `schema`."""

    @property
    def start(self) -> int: ...

    @property
    def wall(self) -> Sequence[float]: ...

    @property
    def mono(self) -> Sequence[float]: ...

    def cells(self, i: int) -> Sequence[Any]:
        """Of column `i`, as SQLite keeps them."""

    def codes(self, i: int) -> Sequence[int]:
        """Of the quality of column `i`."""

    def values(self, i: int) -> Sequence[Any]:
        """Of column `i`, as they were recorded."""

    @property
    def words(self) -> Sequence[str]:
        """The qualities by code."""


def batch(page: RowPage, began: float, columns: Sequence[Titled]) -> Batch:
    """One page as arrays by title; `began` is what its monotonic clock stood at."""
    return stored_batch(_OfPage(page), began, columns)


class _OfPage:
    """A page as rows of a file would be."""

    words: Sequence[str] = QUALITIES

    def __init__(self, page: RowPage) -> None:
        self.start, self.wall, self.mono = page.start, page.wall, page.mono
        self._page = page

    def cells(self, i: int) -> Sequence[Any]:
        return self._page.values[i]

    def codes(self, i: int) -> Sequence[int]:
        return [_CODE[word] for word in self._page.quality[i]]

    def values(self, i: int) -> Sequence[Any]:
        return self._page.values[i]


def stored_batch(rows: StoredRows, began: float, columns: Sequence[Titled]) -> Batch:
    """Some rows as arrays by title; `began` as for `batch`."""
    import numpy as np

    qualities = np.array(rows.words, dtype=f"<U{max(map(len, QUALITIES))}")
    wall = np.array(rows.wall, dtype=np.float64)
    found: Batch = {
        ROW: np.arange(rows.start, rows.start + len(wall), dtype=np.int64),
        TIME: wall,
        ELAPSED: np.array(rows.mono, dtype=np.float64) - began,
    }
    for i, column in enumerate(columns):
        kind = column.form.kind
        if kind == "real":
            found[column.title] = np.array(rows.cells(i), dtype=np.float64)  # NaN for NULL
        elif kind == "integer":
            found[column.title] = np.array(rows.cells(i), dtype=np.int64)
        else:
            found[column.title] = _array(column.form, rows.values(i))
        found[column.quality] = qualities[np.array(rows.codes(i), dtype=np.intp)]
    return found


def texts(cells: Any) -> list[str]:
    """Cells of a column that is not numbers, as text: composites as JSON, nothing as ""."""
    return ["" if c is None else c if isinstance(c, str) else composite(c) for c in cells]


def shaped_texts(cells: Any) -> Any:
    """`texts` of an array of any shape, in that shape."""
    import numpy as np

    found = np.empty(cells.size, dtype=object)
    found[:] = texts(cells.ravel().tolist())
    return found.reshape(cells.shape)


def composite(value: Any) -> str:
    """Arrays and the like as JSON."""
    plain = value.tolist() if hasattr(value, "tolist") else value
    return json.dumps(plain, default=repr)


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    taken.add(free)
    return free


def _array(form: Form, values: Sequence[Any]) -> Any:
    import numpy as np

    if form.kind == "truth":
        return np.array(values, dtype=np.bool_)
    if form.kind == "array":
        stacked = np.empty((len(values), *form.shape), dtype=form.dtype)
        for n, value in enumerate(values):
            stacked[n] = np.nan if value is None else value
        return stacked
    found = np.empty(len(values), dtype=object)
    for n, value in enumerate(values):  # one by one, as lists are cells too
        found[n] = value
    return found


# ── found in the file ─────────────────────────────────────────────────────────────────────────

_KINDS = """
SELECT DISTINCT CASE typeof(v{i}) WHEN 'blob' THEN
    CASE WHEN v{i} IN (x'6a74727565', x'6a66616c7365') THEN 'truth'
    WHEN substr(v{i}, 1, 1) = x'61' THEN 'array' ELSE 'other' END
ELSE typeof(v{i}) END FROM rows_{k} WHERE n < ?
"""  # the marks of `cells`: j for JSON, a for the number of an array
_ARRAYS = """
SELECT DISTINCT dtype, shape FROM rows_{k} JOIN blobs
ON blobs.id = CAST(CAST(substr(v{i}, 2) AS TEXT) AS INTEGER) WHERE n < ? AND v{i} IS NOT NULL
"""
_RANGE = "SELECT min(v{i}), max(v{i}) FROM rows_{k} WHERE n < ? AND typeof(v{i}) = 'integer'"


def read_forms(connection: sqlite3.Connection, k: int, columns: int, stop: int) -> Iterator[Form]:
    """The form of each column of recorder `k`, by its rows before `stop`."""
    for i in range(columns):

        def ask(sql: str, i: int = i) -> list[Any]:
            return connection.execute(sql.format(i=i, k=k), (stop,)).fetchall()

        kinds = {kind for (kind,) in ask(_KINDS)}
        yield _form(kinds, ask)


def _form(kinds: set[str], ask: Any) -> Form:
    filled, has_gaps = kinds - {"null"}, "null" in kinds
    if filled == {"text"}:
        return Form("text")
    if filled == {"truth"} and not has_gaps:
        return Form("truth")
    if filled == {"array"}:
        return _array_form(ask(_ARRAYS), has_gaps)
    if filled == {"integer"} and not has_gaps:
        return Form("integer")
    if filled <= {"integer", "real"}:
        low, high = ask(_RANGE)[0]
        is_exact = low is None or -EXACT <= low <= high <= EXACT
        return Form("real" if is_exact else "other")
    return Form("other")


def _array_form(found: list[tuple[str, str]], has_gaps: bool) -> Form:
    if len(found) != 1:
        return Form("other")
    (dtype, shape) = found[0]
    kind = dtype[1:2]
    if kind not in ("fc" if has_gaps else "fcbiu"):
        return Form("other")
    return Form("array", dtype, tuple(int(length) for length in shape.split(",") if length))
