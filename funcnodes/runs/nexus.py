"""A run as NeXus: NXroot → NXentry → NXinstrument, NXsample, NXuser and an NXdata per recorder.

Columns of numbers are fields of the NXdata, with `units`; what NeXus allows no place among data
(text, quality) lies in an NXcollection beside it. What a scan measured has the dimensions of its
axes (see `grids`), each with its AXISNAME field; a list of rows has one dimension. Names are as
NeXus wants them, `long_name` is the name that the column had.
Source: NeXus manual, base classes and "Rules for Data Item Names".
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from funcnodes.runs.about import ELAPSED, TIME, identity_of, iso, values_of
from funcnodes.runs.chain import RUN_NUMBER
from funcnodes.runs.extras import extra
from funcnodes.runs.forms import Form, Titled, shaped_texts
from funcnodes.runs.grids import Grid, axis_facts, holds_all
from funcnodes.runs.hdf5 import codes, fill_column, put_column, put_facts
from funcnodes.runs.reader import RunReader
from funcnodes.runs.records import QUALITIES, RunHead

_UNSAFE = re.compile(r"[^a-zA-Z0-9_]+")
_REAL = Form("real")


def write_nexus(run: RunReader, path: Path) -> None:
    """Write all recorders of `run` to `path`, which is replaced.

    Raises:
        RunError: The run recorded nothing, or h5py is missing.
        OSError: `path` cannot be written.
    """
    h5py = extra("h5py", what="NeXus files", name="hdf5")
    run.recorder()
    head = run.head
    with h5py.File(path, "w") as file:
        file.attrs.update(NX_class="NXroot", default="entry", creator="funcnodes")
        entry = _group(file, "entry", "NXentry")
        _fill_entry(entry, head)
        _put_instrument(entry, run)
        for k, spec in enumerate(run.specs):
            name = _name(entry, spec.name)
            if k == 0:
                entry.attrs["default"] = name
            _put_data(entry, name, run, k)


def _fill_entry(entry: Any, head: RunHead) -> None:
    entry["title"] = head.title or head.nodespace or head.name
    entry["entry_identifier"] = head.id
    entry["start_time"] = iso(head.started)
    if head.ended is not None:
        entry["end_time"] = iso(head.ended)
    entry["program_name"] = "funcnodes"
    entry["program_name"].attrs["version"] = head.versions.get("funcnodes", "")
    user = _group(entry, "user", "NXuser")
    user["name"] = head.operator or "unknown"
    sample = _group(entry, "sample", "NXsample")
    sample["name"] = head.sample or "unknown"
    if head.project:
        entry["experiment_identifier"] = head.project
    if head.notes:
        notes = _group(entry, "notes", "NXnote")
        notes["type"] = "text/plain"
        notes["description"] = head.notes


def _put_instrument(entry: Any, run: RunReader) -> None:
    """The bench with its devices (D7: each says whether it is simulated)."""
    instrument = _group(entry, "instrument", "NXinstrument")
    instrument["name"] = run.head.bench or "no bench"
    devices: dict[str, Any] = {}
    for snapshot in run.snapshots():
        if snapshot.device not in devices:
            device = _group(instrument, _name(instrument, snapshot.device), "NXcollection")
            devices[snapshot.device] = device
            for key, text in identity_of(snapshot).items():
                device[_name(device, key)] = text
        moment = _group(devices[snapshot.device], snapshot.moment, "NXcollection")
        for key, text in values_of(snapshot.parameters).items():
            moment[_name(moment, key)] = text
    about = _group(entry, "about", "NXcollection")
    put_facts(about, list(run.facts(0)))
    about["simulated"] = run.head.simulated or "no"
    about["replayed"] = run.head.replayed or "no"


def _put_data(entry: Any, name: str, run: RunReader, k: int) -> None:
    """An NXdata: by cell of the scan where each was measured once, else by row."""
    rows = run.count(k)
    data = _group(entry, name, "NXdata")
    beside = _group(entry, _name(entry, f"{name}_quality"), "NXcollection")
    if holds_all(run.specs[k].axes, run.places(k, rows)):
        _put_grid(data, beside, run.grid(run.specs[k].recorder))
    else:
        _put_rows(data, beside, run, k, rows)
    data[TIME].attrs["start"] = "1970-01-01T00:00:00Z"


def _put_rows(data: Any, beside: Any, run: RunReader, k: int, rows: int) -> None:
    columns = run.columns(k, rows)
    placed = _fields(data, beside, columns, (rows,))
    quality = [_put_quality(beside, column, (rows,)) for column in columns]
    numbers = [made for c, made in placed if c.form.is_number and c.name != RUN_NUMBER]
    _choose(data, numbers)
    start = 0
    for batch in run.batches(columns, k, rows):
        stop = start + len(batch[TIME])
        for column, made in placed:
            fill_column(made, column, batch, start)
        for column, made in zip(columns, quality, strict=True):
            made[start:stop] = codes(batch[column.quality])
        start = stop


def _put_grid(data: Any, beside: Any, grid: Grid) -> None:
    names = []
    for number, each in enumerate(grid.coordinates):
        name = _name(data, each.name)
        made = data.create_dataset(name, data=_numbers(each.values))
        made.attrs.update(axis_facts(each.axis))
        if each.axis.labels:
            made.attrs["labels"] = ", ".join(each.axis.labels)
        names.append(name)
        data.attrs[f"{name}_indices"] = number
    placed = _fields(data, beside, grid.columns, grid.shape)
    for column, made in placed:
        cells = grid.arrays[column.title]
        is_text = column.form.kind in ("text", "other")
        made[...] = shaped_texts(cells) if is_text else cells
    for column in grid.columns:
        made = _put_quality(beside, column, grid.shape)
        made[...] = codes(grid.arrays[column.quality])
    numbers = [made for c, made in placed if c.form.is_number and c.name != RUN_NUMBER]
    data.attrs["signal"] = numbers[-1].name.rpartition("/")[2]
    data.attrs["axes"] = names


def _fields(
    data: Any, beside: Any, columns: Sequence[Titled], shape: tuple[int, ...]
) -> list[tuple[Titled, Any]]:
    """Empty datasets for both clocks and the columns: numbers as data, the rest beside them."""
    clocks = [Titled(each, "", each, "s", _REAL) for each in (TIME, ELAPSED)]
    placed: list[tuple[Titled, Any]] = []
    for column in [*clocks, *columns]:
        is_data = column.form.is_number or column.form.kind == "array"
        home = data if is_data else beside
        made = put_column(home, _name(home, column.title), column.form, shape)
        made.attrs["long_name"] = f"{column.name} ({column.unit})" if column.unit else column.name
        about = {"units": column.unit, "source": column.source, "uncertainty": column.uncertainty}
        made.attrs.update({key: text for key, text in about.items() if text})
        placed.append((column, made))
    return placed


def _numbers(values: Any) -> Any:
    """Places along an axis as numbers: words by their order."""
    import numpy as np

    return np.arange(len(values)) if values.dtype.kind == "U" else values


def _put_quality(group: Any, column: Titled, shape: tuple[int, ...]) -> Any:
    made = group.create_dataset(_name(group, column.quality), shape=shape, dtype="u1")
    made.attrs.update(long_name=f"quality of {column.name}", words=", ".join(QUALITIES))
    return made


def _choose(data: Any, numbers: list[Any]) -> None:
    """What a viewer draws: the last column against the first, or against time."""
    signal = numbers[-1]
    axis = numbers[2] if len(numbers) > 3 else numbers[1]
    names = {each: each.name.rpartition("/")[2] for each in (signal, axis)}
    data.attrs["signal"] = names[signal]
    data.attrs["axes"] = [names[axis]]
    data.attrs[f"{names[axis]}_indices"] = 0


def _group(parent: Any, name: str, kind: str) -> Any:
    made = parent.create_group(name)
    made.attrs["NX_class"] = kind
    return made


def _name(group: Any, text: str) -> str:
    """`text` as a name that NeXus takes, and not taken in `group`."""
    safe = _UNSAFE.sub("_", text).strip("_") or "unnamed"
    safe = f"_{safe}"[:60] if safe[0].isdigit() else safe[:60]
    free, number = safe, 2
    while free in group:
        free, number = f"{safe}_{number}", number + 1
    return free
