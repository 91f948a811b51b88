"""Rows and curves of a run, as lines of text for a terminal."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from funcnodes.cli.output import can_draw, width
from funcnodes.cli.textplot import text_plot
from funcnodes.core import units
from funcnodes.errors import RunError
from funcnodes.runs.plot import choose_columns

if TYPE_CHECKING:
    from funcnodes.runs import Column, RunReader

POINTS = 2_000
"""About so many points are drawn, with every peak."""


def row_lines(reader: "RunReader", numbers: Iterable[int], *, k: int = 0) -> list[str]:
    """A table of these rows of recorder `k`, with titles."""
    columns = reader.specs[k].columns
    rows = [["row", *(column.name for column in columns)]]
    rows += [row_texts(reader, n, k=k) for n in numbers]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.rjust(wide) for cell, wide in zip(row, widths, strict=True)) for row in rows
    ]


def row_texts(reader: "RunReader", number: int, *, k: int = 0) -> list[str]:
    """One row: its number, and each cell with its unit, and its quality unless that is ok."""
    page = reader.rows(number, 1, k=k)
    cells = [str(number)]
    for column, values, marks in zip(page.table.columns, page.values, page.quality, strict=True):
        value, mark = values[0], marks[0]
        is_number = isinstance(value, float | int) and not isinstance(value, bool)
        text = units.text(value, column.unit, digits=6) if is_number else _short(value)
        cells.append(text if mark == "ok" else f"{text} ({mark})".strip())
    return cells


def curve_lines(reader: "RunReader", choice: Sequence[str] = (), *, k: int = 0) -> list[str]:
    """The curve of two columns; [] where there is nothing to draw.

    Args:
        choice: Names of the columns x and y; else what the plot chooses.
    """
    columns = reader.specs[k].columns
    x_name, y_names = (choice[0], choice[1:]) if choice else choose_columns(columns)
    names = [column.name for column in columns]
    if x_name not in names or not y_names or y_names[0] not in names:
        return []
    x, y = columns[names.index(x_name)], columns[names.index(y_names[0])]
    numbers = reader.thinned(0, POINTS, k=k)[0].numbers()
    return text_plot(
        numbers[names.index(x.name)],
        numbers[names.index(y.name)],
        x_unit=x.unit,
        y_unit=y.unit,
        title=f"{y.name} against {x.name}",
        width=width(),
        braille=can_draw(),
    )


def named(reader: "RunReader", name: str, *, k: int = 0) -> "Column":
    """The column of this name.

    Raises:
        RunError: There is none.
    """
    columns = reader.specs[k].columns
    for column in columns:
        if column.name == name:
            return column
    names = ", ".join(column.name for column in columns)
    raise RunError(f"{reader.specs[k].name} has no column {name!r}; it has {names}.")


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:23]}…"
