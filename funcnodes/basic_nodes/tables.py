"""Tables: columns by name, all of one length. A table is a dictionary of lists, and saved as one.

A table that comes in is never changed. A missing number is NaN.
"""

import csv
import io
import math
import operator
import statistics
from collections.abc import Callable, Mapping
from typing import Any, Literal

from funcnodes.basic_nodes.arraylike import Array, is_array
from funcnodes.basic_nodes.define import basic_node, describe, not_a, short
from funcnodes.core import Node, NodeInput, NodeOutput, NoValue, Rows, Shelf
from funcnodes.core.quality import Judged, worst
from funcnodes.core.uncertain import nominal
from funcnodes.errors import ExecutionError

Table = dict[str, Any]
Delimiter = Literal["auto", ",", ";", "tab"]
Comparison = Literal["=", "≠", "<", "≤", ">", "≥", "contains"]
Summary = Literal["mean", "sum", "minimum", "maximum", "count", "median", "deviation", "first"]


def as_table(port: str, value: Any) -> dict[str, list[Any]]:
    """A value as a table: columns as lists, under names that are text.

    Raises:
        ExecutionError: It is no dictionary of columns, or these differ in length.
    """
    if not isinstance(value, Mapping):
        raise not_a("a table", port, value)
    table = {str(name): _column(port, str(name), column) for name, column in value.items()}
    lengths = {name: len(column) for name, column in table.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} has {length}" for name, length in list(lengths.items())[:4])
        raise ExecutionError(f"The columns of {port} differ in length: {shown}.", port=port)
    return table


@basic_node("table.of", name="Make table", icon="table", words=("new", "columns", "build"))
def make_node(
    names: str = "x, y", a: Any = NoValue, b: Any = NoValue, c: Any = NoValue, d: Any = NoValue
) -> Table:
    """A table of up to four columns; their names are given in one text, with commas."""
    columns = [each for each in (a, b, c, d) if each is not NoValue]
    titles = [title.strip() for title in names.split(",") if title.strip()]
    if len(titles) != len(columns) or len(set(titles)) != len(titles):
        raise ExecutionError(
            f"names is to give {len(columns)} different names, as there are {len(columns)} "
            f"columns, not {names!r}.", port="names",
        )  # fmt: skip
    return as_table("The table", dict(zip(titles, columns, strict=True)))


@basic_node("table.from_rows", name="Table of rows", icon="table", words=("records", "list"))
def from_rows_node(rows: list[Any]) -> Table:
    """A table of a list of dictionaries, one per row; what a row does not have is nothing."""
    wrong = next((row for row in rows if not isinstance(row, Mapping)), None)
    if wrong is not None:
        raise ExecutionError(f"rows is to hold dictionaries, not {describe(wrong)}.", port="rows")
    names = dict.fromkeys(str(name) for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


@basic_node("table.to_rows", name="Rows of table", icon="table", words=("records", "list"))
def to_rows_node(table: Table) -> list[dict[str, Any]]:
    """The rows as a list of dictionaries."""
    columns = as_table("table", table)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


class FromRecorder(Node):
    """The rows that a recorder has so far in this run. Worth as much as the worst cell."""

    node_id = "table.from_recorder"
    node_name = "Table of a recorder"
    description = __doc__ or ""
    icon = "record"
    words = ("rows", "run")

    rows = NodeInput(type=Rows)
    out = NodeOutput(type=Table)

    def func(self, rows: Any) -> None:
        page = getattr(rows, "page", None)
        if page is None:
            raise not_a("rows of a recorder", "rows", rows)
        read = page()
        names = [column.name for column in read.table.columns]
        table = {name: list(values) for name, values in zip(names, read.values, strict=True)}
        cells = (quality for column in read.quality for quality in column)
        self.out.set(table, quality=worst((self.quality_taken, *cells)))


@basic_node("table.columns", name="Column names", icon="table", words=("header",))
def columns_node(table: Table) -> list[str]:
    """The names of all columns, in their order."""
    return list(as_table("table", table))


@basic_node("table.length", name="Number of rows", icon="table", words=("count", "size"))
def length_node(table: Table) -> int:
    """How many rows the table has."""
    return _length(as_table("table", table))


@basic_node("table.column", name="Get column", icon="table", words=("pick", "series"))
def column_node(table: Table, name: str) -> list[Any]:
    """One column as a list."""
    return _named(as_table("table", table), name)


@basic_node("table.to_array", name="Columns to array", icon="wave", words=("numpy", "matrix"))
def to_array_node(table: Table, name: str = "") -> Array:
    """One column as an array; all of them, one per row of a matrix, where none is named."""
    import numpy as np

    columns = as_table("table", table)
    wanted = {name: _named(columns, name)} if name else columns
    try:
        numbers = np.array([[_or_nan(v) for v in c] for c in wanted.values()], dtype=float)
    except (TypeError, ValueError) as error:
        where = f"The column {name}" if name else "table"
        raise ExecutionError(f"{where} holds something that is no number.") from error
    result: Array = numbers[0] if name else numbers
    return result


@basic_node("table.row", name="Get row", icon="table", words=("record", "index"))
def row_node(table: Table, index: int = -1) -> dict[str, Any]:
    """The row at a position from 0 as a dictionary; the last one where none is given."""
    columns = as_table("table", table)
    length = _length(columns)
    if not -length <= index < length:
        raise ExecutionError(
            f"table has {length} rows: there is none at position {describe(index)}.", port="index"
        )
    return {name: column[index] for name, column in columns.items()}


@basic_node("table.select", name="Select columns", icon="filter", words=("keep", "drop"))
def select_node(table: Table, names: list[Any], drop: bool = False) -> Table:
    """Certain columns alone, in the order named; or all others."""
    columns = as_table("table", table)
    chosen = {name: _named(columns, name) for name in names}
    return {n: c for n, c in columns.items() if n not in chosen} if drop else chosen


@basic_node("table.set_column", name="Set column", icon="table", words=("add", "replace"))
def set_column_node(table: Table, name: str, values: Any) -> Table:
    """The table with a column added, or replaced; a single value fills it."""
    columns = as_table("table", table)
    if columns and (isinstance(values, str) or not hasattr(values, "__len__")):
        values = [values] * _length(columns)
    return as_table("table", {**columns, name: values})


@basic_node("table.filter", name="Filter rows", icon="filter", words=("where", "query", "select"))
def filter_node(table: Table, column: str, comparison: Comparison = "=", value: Any = 0.0) -> Table:
    """The rows of which a column compares so with a value."""
    columns = as_table("table", table)
    test = _COMPARISONS[comparison]
    try:
        keep = [bool(test(each, value)) for each in _named(columns, column)]
    except TypeError as error:
        raise ExecutionError(
            f"The column {column} cannot be compared with {describe(value)}.", port="value"
        ) from error
    return _rows(columns, [index for index, kept in enumerate(keep) if kept])


@basic_node("table.sort", name="Sort rows", icon="table", words=("order",))
def sort_node(table: Table, column: str, descending: bool = False) -> Table:
    """The rows in the order of a column; rows without a number there come last."""
    columns = as_table("table", table)
    values = _named(columns, column)
    whole = [index for index, value in enumerate(values) if not _is_missing(value)]
    missing = [index for index, value in enumerate(values) if _is_missing(value)]
    try:
        whole.sort(key=values.__getitem__, reverse=descending)
    except TypeError as error:
        raise ExecutionError(f"The column {column} holds numbers and text, with no order.") from (
            error
        )
    return _rows(columns, whole + missing)


@basic_node("table.part", name="Part of table", icon="table", words=("head", "tail", "slice"))
def part_node(table: Table, start: int = 0, end: int | None = None) -> Table:
    """The rows from start, counted from 0, up to end, not included; negative ones from the end."""
    return {name: column[start:end] for name, column in as_table("table", table).items()}


@basic_node("table.append_row", name="Append row", icon="table", words=("add", "record"))
def append_row_node(table: Table, row: dict[str, Any]) -> Table:
    """The table with one more row; what the row does not have is nothing."""
    return _stacked(as_table("table", table), {str(name): [value] for name, value in row.items()})


@basic_node("table.join", name="Join tables", icon="table", words=("append", "stack", "concat"))
def join_node(a: Table, b: Table) -> Table:
    """The rows of two tables, one after the other; what one does not have is nothing."""
    return _stacked(as_table("a", a), as_table("b", b))


@basic_node("table.match", name="Match tables", icon="table", words=("merge", "join", "lookup"))
def match_node(a: Table, b: Table, column: str) -> Table:
    """The rows of two tables that have the same value in a column, side by side."""
    left, right = as_table("a", a), as_table("b", b)
    places: dict[Any, list[int]] = {}
    for index, key in enumerate(_named(right, column)):
        places.setdefault(key, []).append(index)
    pairs = [(i, j) for i, key in enumerate(_named(left, column)) for j in places.get(key, ())]
    added = {
        (name if name not in left else f"{name} (b)"): [values[j] for _, j in pairs]
        for name, values in right.items()
        if name != column
    }
    return {**_rows(left, [i for i, _ in pairs]), **added}


@basic_node("table.group", name="Group rows", icon="table", words=("aggregate", "pivot", "by"))
def group_node(table: Table, by: str, column: str, summary: Summary = "mean") -> Table:
    """One row per value of a column, with a summary of another column."""
    columns = as_table("table", table)
    groups: dict[Any, list[Any]] = {}
    for key, value in zip(_named(columns, by), _named(columns, column), strict=True):
        groups.setdefault(key, []).append(value)
    title = f"{summary} of {column}"
    found = {by: list(groups), title: [_summary(title, summary, each) for each in groups.values()]}
    lacks = summary != "count" and any(map(_is_missing, _named(columns, column)))
    return Judged(found, "missing") if lacks else found  # type: ignore[return-value]  # unwrapped


@basic_node("table.describe", name="Describe table", icon="table", words=("summary", "statistics"))
def describe_node(table: Table) -> Table:
    """Count, mean, deviation, minimum and maximum of each column of numbers."""
    columns = as_table("table", table)
    numbers = {
        name: [v for v in column if not _is_missing(v)]
        for name, column in columns.items()
        if all(_is_missing(v) or _is_number(v) for v in column)
    }
    found: Table = {"column": list(numbers)}
    for summary in ("count", "mean", "deviation", "minimum", "maximum"):
        found[summary] = [_summary(name, summary, column) for name, column in numbers.items()]
    lacks = any(len(numbers[name]) < len(column) for name, column in columns.items()
                if name in numbers)  # fmt: skip
    return Judged(found, "missing") if lacks else found  # type: ignore[return-value]  # unwrapped


@basic_node("table.read_csv", name="Text to table", icon="table", words=("csv", "parse", "import"))
def read_csv_node(text: str, delimiter: Delimiter = "auto", header: bool = True) -> Table:
    """The table that a text of lines stands for (CSV); columns of numbers become numbers."""
    return parse_csv(text, delimiter, header=header)


@basic_node("table.write_csv", name="Table to text", icon="table", words=("csv", "export"))
def write_csv_node(table: Table, delimiter: Delimiter = "auto", header: bool = True) -> str:
    """A table as lines of text (CSV), with full precision."""
    return format_csv(as_table("table", table), delimiter, header=header)


def parse_csv(text: str, delimiter: str = "auto", *, header: bool = True) -> dict[str, list[Any]]:
    """Read lines of delimited values; lines that begin with # are left out.

    Raises:
        ExecutionError: A line has more or fewer values than the first; its number is said.
    """
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith("#")]
    rows = list(csv.reader(io.StringIO("".join(lines)), delimiter=_delimiter(delimiter, lines)))
    rows = [row for row in rows if row]
    if not rows:
        return {}
    width = len(rows[0])
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise ExecutionError(f"Line {number} has {len(row)} values, but the first has {width}.")
    titles = _titles(rows[0]) if header else [f"column {n + 1}" for n in range(width)]
    body = rows[1:] if header else rows
    return {title: _numbers([row[n] for row in body]) for n, title in enumerate(titles)}


def format_csv(table: Table, delimiter: str = "auto", *, header: bool = True) -> str:
    """Write a table as lines of delimited values."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=_delimiter(delimiter, ()), lineterminator="\n")
    if header:
        writer.writerow(table)
    for row in zip(*table.values(), strict=True):
        writer.writerow(["" if _is_missing(value) else nominal(value) for value in row])
    return text.getvalue()


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "≠": operator.ne, "<": operator.lt, "≤": operator.le, ">": operator.gt,
    "≥": operator.ge, "contains": lambda cell, value: str(value) in str(cell),
}  # fmt: skip
_SUMMARIES: dict[str, Callable[[list[Any]], Any]] = {
    "mean": statistics.fmean, "sum": math.fsum, "minimum": min, "maximum": max,
    "median": statistics.median, "deviation": lambda v: statistics.stdev(v) if len(v) > 1 else
    math.nan, "first": lambda v: v[0],
}  # fmt: skip


def _column(port: str, name: str, column: Any) -> list[Any]:
    if is_array(column) and column.ndim == 1:
        return list(column.tolist())
    if isinstance(column, list | tuple):
        return list(column)
    raise ExecutionError(f"{port}: the column {name} is to be a list, not {describe(column)}.")


def _length(columns: Mapping[str, list[Any]]) -> int:
    return len(next(iter(columns.values()), ()))


def _named(columns: Mapping[str, list[Any]], name: Any) -> list[Any]:
    if name not in columns:
        known = ", ".join(list(columns)[:12]) or "none"
        raise ExecutionError(f"There is no column {short(name)}; there is {known}.")
    return columns[name]


def _rows(columns: Mapping[str, list[Any]], places: list[int]) -> Table:
    return {name: [column[place] for place in places] for name, column in columns.items()}


def _stacked(a: Mapping[str, list[Any]], b: Mapping[str, list[Any]]) -> Table:
    above, below = [None] * _length(a), [None] * _length(b)
    return {name: [*a.get(name, above), *b.get(name, below)] for name in dict.fromkeys([*a, *b])}


def _summary(what: str, summary: str, values: list[Any]) -> Any:
    numbers = [value for value in values if not _is_missing(value)]
    if summary == "count":
        return len(numbers)
    if not numbers:
        return math.nan
    try:
        return _SUMMARIES[summary](numbers)
    except (TypeError, ValueError, AttributeError) as error:
        raise ExecutionError(f"{what} is not possible: not all of it are numbers.") from error


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _or_nan(value: Any) -> Any:
    return math.nan if value is None else value


def _delimiter(chosen: str, lines: Any) -> str:
    if chosen != "auto":
        return "\t" if chosen == "tab" else chosen
    first = next(iter(lines), "")
    return max(",;\t", key=first.count)


def _titles(names: list[str]) -> list[str]:
    """Names that occur once each."""
    found: list[str] = []
    for name in names:
        title, number = name.strip() or "column", 2
        while title in found:
            title, number = f"{name.strip() or 'column'} {number}", number + 1
        found.append(title)
    return found


def _numbers(cells: list[str]) -> list[Any]:
    """Numbers where all cells are some, an empty one as NaN; else text."""
    try:
        numbers = [float(cell) if cell.strip() else math.nan for cell in cells]
    except ValueError:
        return list(cells)
    return numbers if any(cell.strip() for cell in cells) else list(cells)


NODE_SHELF = Shelf(
    [
        make_node, from_rows_node, to_rows_node, FromRecorder, columns_node, length_node,
        column_node, to_array_node, row_node, select_node, set_column_node, filter_node,
        sort_node, part_node, append_row_node, join_node, match_node, group_node, describe_node,
        read_csv_node, write_csv_node,
    ],
    name="Tables",
    description="Columns by name: picking, sorting, grouping, and CSV text.",
)  # fmt: skip
