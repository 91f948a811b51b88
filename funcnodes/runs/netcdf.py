"""A run as netCDF-4: one recorder, by the conventions of CF as far as they concern names, units,
coordinates and quality (`ancillary_variables`, `flag_values`, `flag_meanings`).

What a scan measured has the dimensions of its axes, as in `grids`; a mere list of rows, or a scan
whose cells were measured more than once, lies along the dimension `row`.
"""

from pathlib import Path
from typing import Any

from funcnodes.runs.about import CLOCKS, ROW
from funcnodes.runs.extras import extra
from funcnodes.runs.forms import Titled, shaped_texts
from funcnodes.runs.grids import Coordinate, Grid, axis_facts, holds_all
from funcnodes.runs.hdf5 import codes, fill_column
from funcnodes.runs.reader import RunReader
from funcnodes.runs.records import QUALITIES

_TYPES = {"real": "<f8", "integer": "<i8", "truth": "i1"}


def write_netcdf(run: RunReader, path: Path, *, recorder: str = "") -> None:
    """Write one recorder of `run` to `path`, which is replaced; rows few at a time.

    Raises:
        RunError: The run recorded nothing, has no such recorder, or h5netcdf is missing.
        OSError: `path` cannot be written.
    """
    netcdf = extra("h5netcdf", what="netCDF files", name="netcdf")
    k = run.recorder(recorder)
    rows = run.count(k)
    with netcdf.File(path, "w") as file:
        file.attrs["Conventions"] = "CF-1.11"
        for key, text in run.facts(k):
            file.attrs[_name(key)] = text
        if holds_all(run.specs[k].axes, run.places(k, rows)):
            _put_grid(file, run.grid(run.specs[k].recorder))
        else:
            _put_rows(file, run, k, rows)


def _put_rows(file: Any, run: RunReader, k: int, rows: int) -> None:
    """Row by row, few at a time."""
    columns = run.columns(k, rows)
    file.dimensions = {ROW: rows}
    for clock, meaning in CLOCKS.items():
        made = file.create_variable(clock, (ROW,), "<f8")
        made.attrs.update(units="s", long_name=meaning)
    placed = [(column, *_place(file, column, (ROW,))) for column in columns]
    start = 0
    for batch in run.batches(columns, k, rows):
        stop = start + len(batch[ROW])
        for clock in CLOCKS:
            file[clock][start:stop] = batch[clock]
        for column, values, quality in placed:
            fill_column(values, column, batch, start)
            quality[start:stop] = codes(batch[column.quality])
        start = stop


def _put_grid(file: Any, grid: Grid) -> None:
    """Cell by cell, with the places along each axis as coordinates."""
    dims = tuple(_name(each.name) for each in grid.coordinates)
    file.dimensions = dict(zip(dims, grid.shape, strict=True))
    for name, each in zip(dims, grid.coordinates, strict=True):
        _put_coordinate(file, name, each)
    for clock, meaning in CLOCKS.items():
        made = file.create_variable(clock, dims, "<f8", data=grid.arrays[clock])
        made.attrs.update(units="s", long_name=meaning)
    row = file.create_variable(ROW, dims, "<i8", data=grid.arrays[ROW])
    row.attrs["long_name"] = "row of the run, -1 where the cell was not measured"
    for column in grid.columns:
        values, quality = _place(file, column, dims)
        cells = grid.arrays[column.title]
        is_text = column.form.kind in ("text", "other")
        values[...] = shaped_texts(cells) if is_text else cells
        quality[...] = codes(grid.arrays[column.quality])
        for made in (values, quality):
            made.attrs["coordinates"] = " ".join((ROW, *CLOCKS))


def _put_coordinate(file: Any, name: str, each: Coordinate) -> None:
    h5py = extra("h5py", what="netCDF files", name="netcdf")
    is_text = each.values.dtype.kind == "U"
    dtype = h5py.string_dtype() if is_text else each.values.dtype
    made = file.create_variable(name, (name,), dtype)
    made[...] = shaped_texts(each.values) if is_text else each.values
    made.attrs.update(axis_facts(each.axis))


def _place(file: Any, column: Titled, dims: tuple[str, ...]) -> tuple[Any, Any]:
    """The empty variables of a column and of its quality."""
    h5py = extra("h5py", what="netCDF files", name="netcdf")
    form, title = column.form, _name(column.title)
    axes = [f"{title} {axis}" for axis in range(1, len(form.shape) + 1)]
    for axis, length in zip(axes, form.shape, strict=True):
        file.dimensions[axis] = length
    dtype = form.dtype if form.kind == "array" else _TYPES.get(form.kind, h5py.string_dtype())
    values = file.create_variable(title, (*dims, *axes), dtype)
    values.attrs["long_name"] = column.name
    values.attrs["ancillary_variables"] = _name(column.quality)
    about = {"units": column.unit, "source": column.source, "uncertainty": column.uncertainty}
    values.attrs.update({key: text for key, text in about.items() if text})
    quality = file.create_variable(_name(column.quality), dims, "u1")
    quality.attrs["long_name"] = f"quality of {column.name}"
    quality.attrs["flag_meanings"] = " ".join(QUALITIES)
    quality.attrs["flag_values"] = list(range(len(QUALITIES)))
    return values, quality


def _name(text: str) -> str:
    return text.replace("/", "∕")
