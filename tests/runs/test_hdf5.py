"""HDF5 and NeXus files: exact, in few pages, and NeXus by its own rules."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from funcnodes.runs import RunReader, RunStore
from funcnodes.runs.hdf5 import write_hdf5
from funcnodes.runs.nexus import write_nexus
from funcnodes.runs.records import Cell, Column

from .recorded import diode, recorded


@pytest.fixture
def run(tmp_path: Path) -> RunReader:
    return diode(tmp_path / "runs")


def test_hdf5_has_every_column_exactly(run: RunReader, tmp_path: Path) -> None:
    """R2: quality beside each column, and both clocks."""
    write_hdf5(run, tmp_path / "x.h5")
    arrays = run.to_numpy()
    with h5py.File(tmp_path / "x.h5") as file:
        group = file["Recorder"]
        for name in ("row", "time", "elapsed", "V", "I", "count", "on", "trace"):
            assert np.array_equal(group[name][:], arrays[name], equal_nan=name == "I")
        assert group["V"].attrs["unit"] == "V"
        assert group["range"].asstr()[:].tolist() == ["=low", "'=high, \n2", "µ"]
        assert group["mixed"].asstr()[:].tolist() == ["1", '[1, "a"]', ""]
        words = {c: w for w, c in h5py.check_enum_dtype(group["I quality"].dtype).items()}
        assert [words[c] for c in group["I quality"][:]] == ["ok", "overrange", "missing"]


def test_hdf5_says_who_measured_what(run: RunReader, tmp_path: Path) -> None:
    """D7: simulated is said."""
    write_hdf5(run, tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5") as file:
        assert file.attrs["simulated"] == "1 of 2"
        assert dict(file["about"].asstr()[:].tolist()) == run.about()
        assert file["graph"].asstr()[()] == "{}"


def test_names_with_slashes_and_many_rows(tmp_path: Path) -> None:
    columns = (Column(name="a/b"), Column(name="a∕b"))
    rows = [[Cell(float(n)), Cell(-float(n))] for n in range(7_000)]
    write_hdf5(recorded(tmp_path / "runs", columns, rows), tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5") as file:
        assert np.array_equal(file["Recorder/a∕b"][:], np.arange(7_000.0))
        assert np.array_equal(file["Recorder/a∕b (2)"][:], -np.arange(7_000.0))


# ── NeXus ─────────────────────────────────────────────────────────────────────────────────────

NAME = re.compile(r"[a-zA-Z0-9_]([a-zA-Z0-9_.]*[a-zA-Z0-9_])?")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
MAY_HOLD = {
    "NXroot": {"NXentry"},
    "NXentry": {"NXinstrument", "NXsample", "NXdata", "NXuser", "NXnote", "NXcollection"},
    "NXinstrument": {"NXcollection"},
    "NXcollection": {"NXcollection"},
    "NXdata": set(),
    "NXsample": set(),
    "NXuser": set(),
    "NXnote": set(),
}
FIELDS = {
    "NXroot": set(),
    "NXentry": {
        "title", "entry_identifier", "start_time", "end_time", "program_name",
        "experiment_identifier",
    },
    "NXinstrument": {"name"},
    "NXsample": {"name"},
    "NXuser": {"name"},
    "NXnote": {"type", "description"},
}  # fmt: skip


def faults(group: Any) -> Iterator[str]:
    """What in a file breaks the rules of NeXus, one sentence each."""
    kind = group.attrs.get("NX_class")
    if kind not in MAY_HOLD:
        yield f"{group.name}: no class, or an unknown one: {kind}"
        return
    if group.attrs.get("default", next(iter(group), "")) not in group and len(group):
        yield f"{group.name}: its default is not there"
    for name, each in group.items():
        if not NAME.fullmatch(name) or len(name) > 63:
            yield f"{each.name}: not a name"
        if isinstance(each, h5py.Group):
            if each.attrs.get("NX_class") not in MAY_HOLD[kind]:
                yield f"{each.name}: {each.attrs.get('NX_class')} may not be in {kind}"
            yield from faults(each)
        elif name not in FIELDS.get(kind, {name}):
            yield f"{each.name}: {kind} has no such field"
        elif name.endswith("_time") and not TIME.fullmatch(each.asstr()[()]):
            yield f"{each.name}: not a time of ISO 8601 with its zone"
    if kind == "NXdata":
        yield from data_faults(group)


def data_faults(group: Any) -> Iterator[str]:
    """The rules of NXdata: a signal, an axis per dimension of it, of its length; numbers only."""
    signal = group.get(group.attrs.get("signal", ""))
    if signal is None:
        yield f"{group.name}: no signal"
        return
    axes = group.attrs.get("axes", [])
    if len(axes) != signal.ndim:
        yield f"{group.name}: {len(axes)} axes for {signal.ndim} dimensions"
    for axis in axes:
        if axis not in group:
            yield f"{group.name}: no axis {axis}"
        elif group[axis].shape != (signal.shape[int(group.attrs[f"{axis}_indices"])],):
            yield f"{group.name}: {axis} is not as long as the signal"
    for name, field in group.items():
        if field.dtype.kind not in "fiuc":
            yield f"{group.name}/{name}: not numbers"
        if "units" in field.attrs and not isinstance(field.attrs["units"], str):
            yield f"{group.name}/{name}: units are no text"


def test_nexus_keeps_the_rules(run: RunReader, tmp_path: Path) -> None:
    write_nexus(run, tmp_path / "x.nxs")
    with h5py.File(tmp_path / "x.nxs") as file:
        assert list(faults(file)) == []
        assert file.attrs["default"] == "entry"
        assert file["entry"].attrs["default"] == "Recorder"


def test_the_rules_find_what_breaks_them(run: RunReader, tmp_path: Path) -> None:
    """The validator can fail: each of these is one fault."""
    write_nexus(run, tmp_path / "x.nxs")
    with h5py.File(tmp_path / "x.nxs", "r+") as file:
        file["entry"].create_group("two words").attrs["NX_class"] = "NXcollection"
        file["entry"].create_group("unclassed")
        file["entry/Recorder/notes"] = "text"
        del file["entry/Recorder"].attrs["axes"]
        assert len(list(faults(file))) == 5


def test_nexus_has_columns_devices_and_origin(run: RunReader, tmp_path: Path) -> None:
    """D7 in NeXus: of the run, and of each device."""
    write_nexus(run, tmp_path / "x.nxs")
    arrays = run.to_numpy()
    with h5py.File(tmp_path / "x.nxs") as file:
        entry = file["entry"]
        data = entry["Recorder"]
        for name in ("time", "elapsed", "V", "I", "count", "trace"):
            assert np.array_equal(data[name][:], arrays[name], equal_nan=name == "I")
        assert (data.attrs["signal"], list(data.attrs["axes"])) == ("count", ["V"])
        assert (data["I"].attrs["units"], data["I"].attrs["long_name"]) == ("A", "I (A)")
        assert entry["Recorder_quality/range"].asstr()[0] == "=low"
        assert entry["Recorder_quality/I_quality"][:].tolist() == [0, 2, 4]
        assert entry["instrument/smu/serial_number"].asstr()[()] == "1234567"
        assert entry["instrument/dmm/simulated"].asstr()[()] == "yes"
        assert entry["instrument/smu/before/voltage"].asstr()[()] == "0.5 V"
        assert entry["about/simulated"].asstr()[()] == "1 of 2"
        assert entry["entry_identifier"].asstr()[()] == run.head.id
        assert entry["user/name"].asstr()[()] == "ada"
        assert entry["sample/name"].asstr()[()] == "D-17"
        assert entry["experiment_identifier"].asstr()[()] == "diodes"
        assert entry["notes/description"].asstr()[()] == "Contact 3 is loose."


@pytest.mark.parametrize("rows", [[], [[Cell("text")]], [[Cell(1.0)]]])
def test_nexus_of_little_keeps_the_rules_too(tmp_path: Path, rows: list[list[Cell]]) -> None:
    write_nexus(recorded(tmp_path / "runs", (Column(name="1. x"),), rows), tmp_path / "x.nxs")
    with h5py.File(tmp_path / "x.nxs") as file:
        assert list(faults(file)) == []


def test_a_run_that_goes_on_is_written_as_far_as_it_has_come(tmp_path: Path) -> None:
    from funcnodes.runs.records import TableSpec

    spec = TableSpec(recorder="rec", name="Recorder", columns=(Column(name="x"),))
    writer = RunStore(tmp_path / "runs").create(graph={}, specs=[spec])
    writer.append(0, [Cell(1.0)], wall=0.0, mono=0.0)
    writer.flush().result()
    write_nexus(RunReader(writer.path), tmp_path / "x.nxs")
    writer.close(writer.head).result()
    with h5py.File(tmp_path / "x.nxs") as file:
        assert file["entry/Recorder/x"][:].tolist() == [1.0]
        assert "end_time" not in file["entry"]
