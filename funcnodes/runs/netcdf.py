"""A run as netCDF-4: one recorder along the dimension `row`, by the conventions of CF as far as
they concern names, units and quality (`ancillary_variables`, `flag_values`, `flag_meanings`).
"""

from pathlib import Path
from typing import Any

from funcnodes.runs.about import CLOCKS, ROW
from funcnodes.runs.extras import extra
from funcnodes.runs.forms import Titled
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
    columns = run.columns(k, rows)
    with netcdf.File(path, "w") as file:
        file.dimensions = {ROW: rows}
        file.attrs["Conventions"] = "CF-1.11"
        for key, text in run.facts(k):
            file.attrs[_name(key)] = text
        for clock, meaning in CLOCKS.items():
            made = file.create_variable(clock, (ROW,), "<f8")
            made.attrs.update(units="s", long_name=meaning)
        placed = [(column, *_place(file, column)) for column in columns]
        start = 0
        for batch in run.batches(columns, k, rows):
            stop = start + len(batch[ROW])
            for clock in CLOCKS:
                file[clock][start:stop] = batch[clock]
            for column, values, quality in placed:
                fill_column(values, column, batch, start)
                quality[start:stop] = codes(batch[column.quality])
            start = stop


def _place(file: Any, column: Titled) -> tuple[Any, Any]:
    """The empty variables of a column and of its quality."""
    h5py = extra("h5py", what="netCDF files", name="netcdf")
    form, title = column.form, _name(column.title)
    axes = [f"{title} {axis}" for axis in range(1, len(form.shape) + 1)]
    for axis, length in zip(axes, form.shape, strict=True):
        file.dimensions[axis] = length
    dtype = form.dtype if form.kind == "array" else _TYPES.get(form.kind, h5py.string_dtype())
    values = file.create_variable(title, (ROW, *axes), dtype)
    values.attrs["long_name"] = column.name
    values.attrs["ancillary_variables"] = _name(column.quality)
    if column.unit:
        values.attrs["units"] = column.unit
    quality = file.create_variable(_name(column.quality), (ROW,), "u1")
    quality.attrs["long_name"] = f"quality of {column.name}"
    quality.attrs["flag_meanings"] = " ".join(QUALITIES)
    quality.attrs["flag_values"] = list(range(len(QUALITIES)))
    return values, quality


def _name(text: str) -> str:
    return text.replace("/", "∕")
