"""A run as HDF5: a group per recorder, columns as datasets with their units, and what is known.

    /                  attributes: who, when, simulated or not (D7)
    /about             (n, 2) texts: all that the run knows of itself, by name
    /<recorder>        one dataset per column, `row`, `time` and `elapsed`; quality beside each;
                       so for every stream beside the scan
    /<recorder>/axes   what its rows are points of, one dataset of places per axis; `places` says
                       for each row where along each it belongs, -1 for nowhere
    /graph  /log       JSON: the nodespace as it was, what the run said

Rows are written few at a time.
"""

from pathlib import Path
from typing import Any

import msgspec

from funcnodes.runs.about import CLOCKS, run_facts
from funcnodes.runs.extras import extra
from funcnodes.runs.forms import Batch, Form, Titled, texts
from funcnodes.runs.grids import Coordinate, axis_facts, coordinates
from funcnodes.runs.reader import RunReader
from funcnodes.runs.records import QUALITIES


def write_hdf5(run: RunReader, path: Path) -> None:
    """Write all recorders of `run` to `path`, which is replaced.

    Raises:
        RunError: The run recorded nothing, or h5py is missing.
        OSError: `path` cannot be written.
    """
    h5py = extra("h5py", what="HDF5 files", name="hdf5")
    run.recorder()
    with h5py.File(path, "w") as file:
        for key, text in run_facts(run.head):
            file.attrs[key] = text
        put_facts(file, list(run.facts(0)))
        put_text(file, "graph", msgspec.json.encode(run.graph()).decode())
        put_text(file, "log", msgspec.json.encode(run.log()).decode())
        for k, spec in enumerate(run.specs):
            group = file.create_group(free_name(file, spec.name))
            put_facts(group, list(run.facts(k)))
            _put_table(h5py, run, k, group)


def put_text(group: Any, name: str, text: str) -> Any:
    """A text of any length as a dataset."""
    h5py = extra("h5py", what="HDF5 files", name="hdf5")
    return group.create_dataset(name, data=text, dtype=h5py.string_dtype())


def put_facts(group: Any, facts: list[tuple[str, str]]) -> Any:
    """What is known, as pairs of texts; attributes have no room for it all."""
    h5py = extra("h5py", what="HDF5 files", name="hdf5")
    return group.create_dataset("about", data=facts, dtype=h5py.string_dtype())


def free_name(group: Any, name: str) -> str:
    """`name` as HDF5 takes it (no slash, not a dot), and not taken in `group`."""
    safe = name.replace("/", "∕").replace("\0", "").strip(".") or "unnamed"
    free, number = safe, 2
    while free in group:
        free, number = f"{safe} ({number})", number + 1
    return free


def put_column(group: Any, name: str, form: Form, shape: tuple[int, ...]) -> Any:
    """An empty dataset for so many cells of a form."""
    h5py = extra("h5py", what="HDF5 files", name="hdf5")
    types = {"real": "<f8", "integer": "<i8", "truth": "?", "array": form.dtype}
    return group.create_dataset(
        name, shape=(*shape, *form.shape), dtype=types.get(form.kind) or h5py.string_dtype()
    )


def fill_column(dataset: Any, column: Titled, batch: Batch, start: int) -> None:
    """Cells of one batch."""
    cells = batch[column.title]
    data = texts(cells) if column.form.kind in ("text", "other") else cells
    dataset[start : start + len(data)] = data


def codes(quality: Any) -> Any:
    """The words of a batch as their codes."""
    import numpy as np

    found = np.zeros(quality.shape, dtype=np.uint8)
    for code, word in enumerate(QUALITIES):
        found[quality == word] = code
    return found


def _put_table(h5py: Any, run: RunReader, k: int, group: Any) -> None:
    rows = run.count(k)
    columns = run.columns(k, rows)
    words = h5py.enum_dtype({word: code for code, word in enumerate(QUALITIES)}, basetype="u1")
    clocks = {"row": "<i8"} | dict.fromkeys(CLOCKS, "<f8")
    for clock, dtype in clocks.items():
        made = group.create_dataset(clock, shape=(rows,), dtype=dtype)
        made.attrs.update({"unit": "s", "meaning": CLOCKS[clock]} if clock in CLOCKS else {})
    values: list[tuple[Titled, Any, Any]] = []
    for column in columns:
        name, beside = free_name(group, column.title), free_name(group, column.quality)
        dataset = put_column(group, name, column.form, (rows,))
        dataset.attrs.update(unit=column.unit, name=column.name, quality=beside)
        dataset.attrs.update(source=column.source, uncertainty=column.uncertainty)
        quality = group.create_dataset(beside, shape=(rows,), dtype=words)
        values.append((column, dataset, quality))
    _put_axes(run, k, group, rows)
    start = 0
    for batch in run.batches(columns, k, rows):
        stop = start + len(batch["row"])
        for clock in clocks:
            group[clock][start:stop] = batch[clock]
        for column, dataset, quality in values:
            fill_column(dataset, column, batch, start)
            quality[start:stop] = codes(batch[column.quality])
        start = stop


def _put_axes(run: RunReader, k: int, group: Any, rows: int) -> None:
    """What the rows are points of, and where each belongs."""
    axes = run.specs[k].axes
    if not axes:
        return
    places = run.places(k, rows)
    home = group.create_group(free_name(group, "axes"))
    for number, each in enumerate(coordinates(axes, places, set())):
        made = put_coordinate(home, free_name(home, each.name), each)
        made.attrs["axis"] = number
    name = free_name(group, "places")
    group.create_dataset(name, data=places, dtype="<i8")
    group.attrs.update(axes=home.name.rpartition("/")[2], places=name)


def put_coordinate(group: Any, name: str, each: Coordinate) -> Any:
    """The places along an axis as a dataset."""
    h5py = extra("h5py", what="HDF5 files", name="hdf5")
    if each.values.dtype.kind == "U":
        made = group.create_dataset(name, data=each.values.tolist(), dtype=h5py.string_dtype())
    else:
        made = group.create_dataset(name, data=each.values)
    made.attrs.update(axis_facts(each.axis))
    return made
