"""A run as it was measured: arrays with one dimension per axis of the scan.

Every row goes to its cell, in whatever order the scan went; a cell that was never measured is NaN
(nothing, where it is no number) with the quality `missing`. Where a cell was measured again, the
last row counts; `row` says which that is, -1 for none. An axis has the name of what is set; the
column that recorded it is called so too, with "(recorded)".
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from funcnodes.errors import RunError
from funcnodes.runs.about import CLOCKS, ELAPSED, ROW, TIME
from funcnodes.runs.dataframes import Columns
from funcnodes.runs.extras import extra
from funcnodes.runs.forms import EXACT, Form, Titled
from funcnodes.runs.names import unique
from funcnodes.runs.records import ScanAxis

MOST_CELLS = 50_000_000


class Coordinate(msgspec.Struct, frozen=True):
    """The places along one axis.

    Attributes:
        name: Unlike any title of the table.
        values: A number or a word for each place.
    """

    name: str
    axis: ScanAxis
    values: Any


class Grid(msgspec.Struct, frozen=True):
    """All rows of a recorder, by cell.

    Attributes:
        coordinates: One per dimension, the outermost first.
        columns: With the form that they have here: whole numbers with gaps are reals.
        arrays: By title, clocks and `row` included; dimensions of a cell's own come last.
    """

    coordinates: Sequence[Coordinate]
    columns: Sequence[Titled]
    about: dict[str, str]
    arrays: dict[str, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(each.values) for each in self.coordinates)


def gridded(table: Columns, axes: Sequence[ScanAxis], places: Any) -> Grid:
    """The rows of a table by cell.

    Args:
        table: Its rows.
        axes: What they are points of; at least one.
        places: Whole numbers by row and axis, -1 where a row is in no cell.

    Raises:
        RunError: There would be more than `MOST_CELLS` cells.
    """
    import numpy as np

    shape = _shape(axes, places)
    if math.prod(shape) > MOST_CELLS:
        size = " × ".join(map(str, shape))
        raise RunError(
            f"The scan has {size} cells, more than the {MOST_CELLS:,} that are shaped.",
            hint="Take the rows as a list instead: shaped=False.",
        )
    inside = np.flatnonzero((places >= 0).all(axis=1))
    cells = np.ravel_multi_index(tuple(places[inside].T), shape) if len(inside) else inside
    taken = np.full(math.prod(shape), -1, dtype=np.int64)
    taken[cells] = inside  # of one cell's rows the last counts
    is_empty = taken < 0
    source = np.where(is_empty, 0, taken)
    arrays: dict[str, Any] = {}
    columns: list[Titled] = []
    for title, nothing in ((ROW, -1), (TIME, np.nan), (ELAPSED, np.nan)):
        arrays[title] = _filled(table.arrays[title], source, is_empty, nothing).reshape(shape)
    titles = _recorded_titles(table.columns, axes)
    for column in table.columns:
        title = titles[column.title]
        form, cells_of = _form_with_gaps(column.form, table.arrays[column.title], is_empty)
        fill: float | None = np.nan if form.kind in ("real", "array") else None
        values = _filled(cells_of, source, is_empty, fill)
        arrays[title] = values.reshape(shape + values.shape[1:])
        quality = _filled(table.arrays[column.quality], source, is_empty, "missing")
        arrays[column.quality] = quality.reshape(shape)
        uncertainty = titles[column.uncertainty] if column.uncertainty else ""
        columns.append(
            msgspec.structs.replace(column, title=title, form=form, uncertainty=uncertainty)
        )
    along = coordinates(axes, places, set(arrays))
    return Grid(along, columns, table.about, arrays)


def coordinates(axes: Sequence[ScanAxis], places: Any, taken: set[str]) -> list[Coordinate]:
    """The places along each axis, called unlike what is `taken`."""
    found: list[Coordinate] = []
    for axis, length in zip(axes, _shape(axes, places), strict=True):
        name = axis.name if axis.name not in taken else f"{axis.name} (set)"
        name = unique(name, taken)
        taken.add(name)
        found.append(Coordinate(name, axis, _along(axis, length)))
    return found


def _recorded_titles(columns: Sequence[Titled], axes: Sequence[ScanAxis]) -> dict[str, str]:
    """What columns are called beside axes: each axis keeps the name that a column has too."""
    taken = {column.title for column in columns} | {column.quality for column in columns}
    names = {axis.name for axis in axes if not axis.is_relative}
    return {
        each.title: unique(f"{each.title} (recorded)", taken) if each.title in names else each.title
        for each in columns
    }


def to_xarray(grid: Grid) -> Any:
    """A Dataset with one dimension per axis of the scan; both clocks and `row` are coordinates."""
    xarray = extra("xarray", what="Datasets")
    dims = tuple(each.name for each in grid.coordinates)
    variables: dict[str, Any] = {}
    for column in grid.columns:
        cells = grid.arrays[column.title]
        own = tuple(f"{column.title} {n}" for n in range(1, cells.ndim - len(dims) + 1))
        about = {"ancillary_variables": column.quality}
        about |= {"units": column.unit} if column.unit else {}
        about |= {"uncertainty": column.uncertainty} if column.uncertainty else {}
        variables[column.title] = (dims + own, cells, about)
        variables[column.quality] = (dims, grid.arrays[column.quality], {})
    coordinates: dict[str, Any] = {
        each.name: (each.name, each.values, axis_facts(each.axis)) for each in grid.coordinates
    }
    for clock in (ROW, *CLOCKS):
        about = {"units": "s"} if clock in CLOCKS else {}
        coordinates[clock] = (dims, grid.arrays[clock], about)
    return xarray.Dataset(variables, coordinates, attrs=grid.about)


def axis_facts(axis: ScanAxis) -> dict[str, str]:
    """What is said of an axis beside its places."""
    facts = {"long_name": axis.name, "scan": axis.kind, "node": axis.node}
    facts |= {"units": axis.unit} if axis.unit else {}
    facts |= {"relative": "added to what the instrument stood at"} if axis.is_relative else {}
    return facts


def holds_all(axes: Sequence[ScanAxis], places: Any) -> bool:
    """Whether a file of cells holds all that there is: each measured once at most, not too many."""
    return bool(axes) and math.prod(_shape(axes, places)) <= MOST_CELLS and not has_repeats(places)


def has_repeats(places: Any) -> bool:
    """Whether a cell was measured more than once."""
    import numpy as np

    inside = places[(places >= 0).all(axis=1)]
    return len(np.unique(inside, axis=0)) < len(inside)


def _shape(axes: Sequence[ScanAxis], places: Any) -> tuple[int, ...]:
    farthest = places.max(axis=0) + 1 if len(places) else [0] * len(axes)
    return tuple(
        max(axis.length or 0, int(reached)) for axis, reached in zip(axes, farthest, strict=True)
    )


def _along(axis: ScanAxis, length: int) -> Any:
    import numpy as np

    if axis.labels:
        beyond = [str(n) for n in range(len(axis.labels), length)]
        return np.array([*axis.labels, *beyond])
    if axis.points:
        unknown = [np.nan] * (length - len(axis.points))
        return np.array([*axis.points, *unknown], dtype=np.float64)
    if axis.step:
        return np.arange(length) * axis.step
    return np.arange(length, dtype=np.int64)


def _form_with_gaps(form: Form, cells: Any, is_empty: Any) -> tuple[Form, Any]:
    """What a column is where some cells are empty, and its cells as that."""
    import numpy as np

    if not is_empty.any() or form.kind in ("real", "text", "other"):
        return form, cells
    if form.kind == "integer":
        if len(cells) == 0 or np.abs(cells).max() <= EXACT:
            return Form("real"), cells.astype(np.float64)
        return Form("other"), cells.astype(object)
    if form.kind == "array" and form.dtype[1:2] not in "fc":
        if form.dtype[1:2] in "iub":
            return Form("array", "<f8", form.shape), cells.astype(np.float64)
        return Form("other"), _each(cells)
    return (form, cells) if form.kind == "array" else (Form("other"), cells.astype(object))


def _each(cells: Any) -> Any:
    import numpy as np

    found = np.empty(len(cells), dtype=object)
    for n, cell in enumerate(cells):
        found[n] = cell
    return found


def _filled(cells: Any, source: Any, is_empty: Any, fill: Any) -> Any:
    """The cells from `source`, with `fill` where there are none."""
    import numpy as np

    if not len(cells):
        found = np.empty((len(source), *cells.shape[1:]), dtype=cells.dtype)
    else:
        found = cells[source]
    if is_empty.any():
        found[is_empty] = fill
    return found
