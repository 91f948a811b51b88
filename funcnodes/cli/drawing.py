"""Rows and curves of a run, as lines of text for a terminal."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from funcnodes.cli.output import can_draw, width
from funcnodes.cli.textplot import text_plot
from funcnodes.core import units
from funcnodes.runs.about import CLOCKS, ELAPSED, TIME
from funcnodes.runs.plot import columns_to_draw

if TYPE_CHECKING:
    from funcnodes.runs import RunReader

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
    spec = reader.specs[k]
    x, ys = (choice[0], tuple(choice[1:])) if choice else columns_to_draw(spec)
    units_of = dict.fromkeys(CLOCKS, "s") | {column.name: column.unit for column in spec.columns}
    if x not in units_of or not ys or ys[0] not in units_of:
        return []
    numbers = numbers_of(reader, k=k)
    return text_plot(
        numbers[x],
        numbers[ys[0]],
        x_unit=units_of[x],
        y_unit=units_of[ys[0]],
        title=f"{ys[0]} against {x}",
        width=width(),
        braille=can_draw(),
    )


def numbers_of(reader: "RunReader", *, k: int = 0) -> dict[str, list[float | None]]:
    """What curves are drawn through, by name of the column or clock: None where it is not ok."""
    page, began = reader.thinned(0, POINTS, k=k)[0], reader.head.started_mono
    found: dict[str, list[float | None]] = {
        TIME: list(page.wall),
        ELAPSED: [mono - began for mono in page.mono],
    }
    names = (column.name for column in page.table.columns)
    return found | dict(zip(names, page.numbers(), strict=True))


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:23]}…"
