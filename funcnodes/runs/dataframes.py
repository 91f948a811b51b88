"""A run in memory: as arrays, and as the tables of pandas, polars and xarray.

Every column has its quality beside it; units and all that the run knows of itself are kept where
the library has a place for it (`attrs`).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from funcnodes.runs.about import CLOCKS, ROW
from funcnodes.runs.extras import extra
from funcnodes.runs.forms import Batch, Titled, texts
from funcnodes.runs.records import QUALITIES


class Columns(msgspec.Struct, frozen=True):
    """All rows of a recorder.

    Attributes:
        columns: Titles, units and forms, in order.
        about: What the run knows of itself.
        arrays: By title.
    """

    columns: Sequence[Titled]
    about: dict[str, str]
    arrays: Batch

    @property
    def units(self) -> dict[str, str]:
        """Unit by title, clocks included."""
        clocks = dict.fromkeys(CLOCKS, "s")
        return clocks | {column.title: column.unit for column in self.columns if column.unit}


def gathered(
    columns: Sequence[Titled], about: dict[str, str], batches: Iterable[Batch], empty: Batch
) -> Columns:
    """All batches as one; `empty` says what there is where there are none."""
    import numpy as np

    found = [empty, *batches]
    arrays = {title: np.concatenate([each[title] for each in found]) for title in empty}
    return Columns(columns, about, arrays)


def to_pandas(table: Columns) -> Any:
    """A DataFrame with the row number as index and the quality as categories."""
    pandas = extra("pandas", what="DataFrames")
    words = pandas.CategoricalDtype(list(QUALITIES))
    data = {title: _flat(array) for title, array in table.arrays.items() if title != ROW}
    frame = pandas.DataFrame(data, index=pandas.Index(table.arrays[ROW], name=ROW))
    frame = frame.astype({column.quality: words for column in table.columns})
    frame.attrs = {"units": table.units, "about": table.about}
    return frame


def to_polars(table: Columns) -> Any:
    """A DataFrame of polars, which has no place for units: see `RunReader.about`. Cells of no one
    kind are text, composites as JSON."""
    polars = extra("polars", what="Polars frames")
    data = dict(table.arrays)
    for column in table.columns:
        cells = data[column.title]
        if column.form.kind == "other":  # of which polars makes no column
            data[column.title] = texts(cells)
        elif column.form.kind in ("text", "array"):
            data[column.title] = cells.tolist()
    return polars.DataFrame(data)


def to_xarray(table: Columns) -> Any:
    """A Dataset along `row`; each variable knows its unit, and which one is its quality."""
    xarray = extra("xarray", what="Datasets")
    units = table.units
    variables = {
        title: (_dimensions(title, array), array, {"units": units[title]} if title in units else {})
        for title, array in table.arrays.items()
        if title != ROW
    }
    for column in table.columns:
        variables[column.title][2]["ancillary_variables"] = column.quality
        if column.uncertainty:
            variables[column.title][2]["uncertainty"] = column.uncertainty
    coordinates = {ROW: table.arrays[ROW]}
    coordinates |= {clock: variables.pop(clock) for clock in CLOCKS}
    return xarray.Dataset(variables, coordinates, attrs=table.about)


def _dimensions(title: str, array: Any) -> tuple[str, ...]:
    return (ROW, *(f"{title} {axis}" for axis in range(1, array.ndim)))


def _flat(array: Any) -> Any:
    """One cell per row, also where a cell is an array."""
    return array if array.ndim == 1 else list(array)
