"""A run knows what its rows are points of: axes from nested scans, and each row's cell."""

import asyncio
import json
import math
import sqlite3
from pathlib import Path
from typing import Any

import h5py
import msgspec
import numpy as np
import pytest
import xarray
from hypothesis import given, settings, strategies as st

from funcnodes.core import Node, NodeInput, NodeOutput
from funcnodes.errors import RunError
from funcnodes.runs import ListSweep, LogarithmicSweep, RunReader, RunStore, Sweep
from funcnodes.runs.dataframes import Columns
from funcnodes.runs.exporting import export_runs
from funcnodes.runs.forms import Form, Titled
from funcnodes.runs.grids import gridded, has_repeats, holds_all
from funcnodes.runs.plan import plan
from funcnodes.runs.records import Cell, Column, ScanAxis, TableSpec
from funcnodes.runs.scans import SteppedScan
from funcnodes.runs.shape import axes_around


class Sum(Node):
    """Of two values, once both of a point are there."""

    node_id = "test.axes_sum"
    node_name = "Sum"
    default_policy = "settled"
    a = NodeInput(type=float)
    b = NodeInput(type=float)
    sum = NodeOutput(type=float)

    def func(self, a: float, b: float) -> None:
        self.sum.set(10 * a + b)


def taken(scan: SteppedScan, *, backward: bool) -> list[tuple[tuple[int, ...], float]]:
    """Place and value of each point in the order in which the scan takes them."""
    scan.begin_way(backward=backward)
    values = scan.values(backward=backward)
    return [(scan.place_of(index), value) for index, value in enumerate(values)]


@given(
    kind=st.sampled_from([Sweep, LogarithmicSweep, ListSweep]),
    count=st.integers(1, 12),
    both_ways=st.booleans(),
    backward=st.booleans(),
)
def test_every_point_lies_in_the_cell_of_its_value_whichever_way_the_scan_goes(
    kind: type[SteppedScan], count: int, both_ways: bool, backward: bool
) -> None:
    """T3: one cell per point, and the value along the axis is the value that was set."""
    scan = kind()
    scan.both_ways.set_value(both_ways)
    if isinstance(scan, ListSweep):
        scan.listed.set_value([float(n * n) for n in range(count)])
    else:
        scan.start.set_value(1.0)
        scan.inputs["stop"].set_value(5.0)
        scan.inputs["points"].set_value(count)
    axes = scan.dimensions()
    points = taken(scan, backward=backward)
    assert [axes[0].points[place[0]] for place, _ in points] == [value for _, value in points]
    assert len({place for place, _ in points}) == len(points) == scan.points_total()
    for place, _ in points:
        assert all(0 <= at < (axis.length or 0) for at, axis in zip(place, axes, strict=True))
    if both_ways and count > 1:
        ways = {place[1] for place, _ in points[:count]}
        assert ways == {1 if backward else 0}
        assert {place[1] for place, _ in points[count:]} == {0 if backward else 1}


@settings(max_examples=30)
@given(data=st.data())
def test_rows_in_any_order_and_number_end_up_in_their_cells(data: st.DataObject) -> None:
    """R1: a cell that was never measured is missing, and NaN where it would be a number."""
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    every = list(np.ndindex(*shape))
    some = data.draw(st.lists(st.sampled_from(every), unique=True))
    axes = [
        ScanAxis(name=f"x{n}", points=tuple(map(float, range(length))), length=length)
        for n, length in enumerate(shape)
    ]
    column = Titled("v", "v quality", "v", "", Form("integer"))
    rows = np.arange(len(some))
    table = Columns([column], {}, {
        "row": rows, "time": rows * 1.0, "elapsed": rows * 1.0, "v": rows + 100,
        "v quality": np.array(["ok"] * len(some), dtype="<U12"),
    })  # fmt: skip
    places = np.array(some, dtype=np.int64).reshape(len(some), len(shape))
    grid = gridded(table, axes, places)
    assert grid.shape == tuple(shape)
    assert not has_repeats(places)
    for cell in every:
        if cell in some:
            assert grid.arrays["v"][cell] == 100 + some.index(cell)
            assert grid.arrays["v quality"][cell] == "ok"
        else:
            assert math.isnan(grid.arrays["v"][cell])
            assert grid.arrays["v quality"][cell] == "missing"
            assert grid.arrays["row"][cell] == -1


def nested(lab: Any, *, inner: dict[str, Any] | None = None) -> Any:
    """A sweep of `b` within a sweep of `a`, their sum recorded with what was set."""
    outer = lab.add("sweep", "a", start=0.0, stop=2.0, points=3)
    within = lab.add("sweep", "b", start=0.0, stop=3.0, points=4, **(inner or {}))
    outer.hold(within)
    total = lab.add(Sum)
    outer.value.connect(total.a)
    within.value.connect(total.b)
    return lab.record(within.value, total.sum)


@pytest.mark.parametrize("order", ["forward", "alternating", "backward"])
async def test_nested_scans_have_named_axes_and_a_snake_the_same_cells(
    lab: Any, tmp_path: Path, order: str
) -> None:
    nested(lab, inner={"order": order, "unit": "V"})
    run = await lab.run()
    assert run.state == "complete", run.message
    reader = lab.store.find(run.id)
    (spec,) = reader.specs
    assert [(axis.name, axis.unit, axis.length) for axis in spec.axes] == [
        ("a", "", 3), ("b", "V", 4),
    ]  # fmt: skip
    data = reader.to_xarray()
    assert dict(data.sizes) == {"a": 3, "b": 4}
    assert data["b (recorded)"].values.tolist() == [[0.0, 1.0, 2.0, 3.0]] * 3
    assert data["sum"].values.tolist() == [[10.0 * a + b for b in range(4)] for a in range(3)]
    assert float(data["sum"].sel(a=2.0, b=3.0)) == 23.0
    assert data["b"].attrs["units"] == "V"
    assert reader.to_xarray(shaped=False).sizes == {"row": 12}
    shaped = reader.to_numpy(shaped=True)
    assert shaped["a"].tolist() == [0.0, 1.0, 2.0]
    assert shaped["sum"].shape == (3, 4)
    assert reader.about()["axis b"] == "linear, 4 points from 0 to 3 V"
    if order != "alternating":
        return
    for kind in ("netcdf", "hdf5", "nexus"):
        export_runs([reader], tmp_path / kind, kind)  # type: ignore[arg-type]  # of three
    with xarray.open_dataset(tmp_path / "netcdf", engine="h5netcdf") as back:
        assert back["sum"].dims == ("a", "b")
        assert back["sum"].values.tolist() == data["sum"].values.tolist()
        assert back["row"].values[1].tolist() == [7, 6, 5, 4]
    with h5py.File(tmp_path / "hdf5") as file:
        group = file["Recorder"]
        home = group[group.attrs["axes"]]
        assert sorted(home) == ["a", "b"]
        assert home["b"].attrs["units"] == "V"
        places = group[group.attrs["places"]][:]
        assert [group["sum"][n] for n in range(12)] == [
            10 * home["a"][a] + home["b"][b] for a, b in places
        ]
    with h5py.File(tmp_path / "nexus") as file:
        group = file["entry/Recorder"]
        assert list(group.attrs["axes"]) == ["a", "b"]
        assert group[group.attrs["signal"]].shape == (3, 4)
        assert group["sum"][2, 3] == 23.0


async def test_there_and_back_has_a_direction_and_leaves_the_turning_point_once(lab: Any) -> None:
    """A hysteresis is two branches; what was not taken on the way back is missing."""
    sweep = lab.add("sweep", "V", stop=2.0, points=3, both_ways=True)
    lab.record(sweep.value, sweep.outputs["index"])
    run = await lab.run()
    reader = lab.store.find(run.id)
    data = reader.to_xarray()
    assert data["V direction"].values.tolist() == ["forward", "backward"]
    assert data["index"].dims == ("V", "V direction")
    found = data["index"].values
    assert found[:, 0].tolist() == [0.0, 1.0, 2.0]
    assert found[:2, 1].tolist() == [4.0, 3.0]
    assert math.isnan(found[2, 1])
    assert data["index quality"].values[2, 1] == "missing"


async def test_a_run_that_was_stopped_has_its_whole_shape_with_what_is_missing(
    lab: Any, gate_class: Any
) -> None:
    sweep = lab.add("sweep", "V", stop=4.0, points=5)
    gate = lab.add(gate_class)
    sweep.value.connect(gate.x)
    lab.record(sweep.value)
    run = await lab.runner.start()
    await gate.reached.wait()
    run.stop()
    gate.open.set()
    await asyncio.wait_for(run.wait(), 30)
    data = lab.store.find(run.id).to_xarray()
    assert dict(data.sizes) == {"V": 5}
    assert np.isnan(data["V (recorded)"].values).tolist() == [False, True, True, True, True]


async def test_a_skipped_and_a_retried_point_lie_in_their_own_cells(
    lab: Any, diode_class: Any
) -> None:
    """T11: the row of a point that was skipped is in its cell, empty."""
    sweep = lab.add("sweep", "V", unit="V", stop=3.0, points=4, on_failure="skip")
    diode = lab.add(diode_class)
    diode.fails = lambda _count, v: v == 1.0
    sweep.value.connect(diode.v)
    lab.record(diode.i)
    run = await lab.run()
    found = lab.store.find(run.id).to_numpy(shaped=True)
    assert np.isnan(found["i"]).tolist() == [False, True, False, False]
    assert found["row"].tolist() == [0, 1, 2, 3]
    assert found["V"].tolist() == [0.0, 1.0, 2.0, 3.0]


async def test_a_schedule_has_a_slot_per_period_and_a_loop_has_no_shape(lab: Any) -> None:
    """T8: a point that was left out leaves its slot empty."""
    repeat = lab.add("repeat", every=0.0, count=3)
    lab.record(repeat.outputs["index"])
    run = await lab.run()
    reader = lab.store.find(run.id)
    assert [axis.kind for axis in reader.specs[0].axes] == ["points"]
    assert reader.to_xarray()["index"].values.tolist() == [0, 1, 2]
    repeat.every.set_value(0.01)
    reader = lab.store.find((await lab.run()).id)
    (axis,) = reader.specs[0].axes
    assert (axis.kind, axis.unit, axis.step, axis.length) == ("time", "s", 0.01, None)
    data = reader.to_numpy(shaped=True)
    assert data["t"][:2].tolist() == [0.0, 0.01]
    outer = lab.add("scan.optimum", points=3)
    outer.hold(repeat)
    recorder = next(node for node in lab.space.nodes if node.node_id == "recorder")
    assert axes_around(recorder, plan(lab.space)) == ()


def test_a_cell_that_was_measured_again_has_its_last_row_and_files_keep_all(
    tmp_path: Path,
) -> None:
    """A run that went on from where an earlier one stopped may take a point again."""
    axis = ScanAxis(name="V", unit="V", kind="linear", points=(0.0, 1.0), length=2)
    spec = TableSpec(recorder="r", name="R", columns=(Column(name="I", unit="A"),), axes=(axis,))
    writer = RunStore(tmp_path / "runs").create(graph={}, specs=[spec])
    for place, value in ((0, 1.0), (1, 2.0), (1, 3.0)):
        writer.append(0, [Cell(value)], wall=1.0, mono=1.0, places=(place,))
    writer.append(0, [Cell(4.0)], wall=1.0, mono=1.0)  # of no cell
    writer.close(msgspec.structs.replace(writer.head, state="complete")).result()
    reader = RunReader(writer.path)
    assert reader.to_numpy(shaped=True)["I"].tolist() == [1.0, 3.0]
    assert reader.rows().places == [(0, 1, 1, None)]
    export_runs([reader], tmp_path / "x.nc", "netcdf")
    with xarray.open_dataset(tmp_path / "x.nc", engine="h5netcdf") as back:
        assert back["I"].values.tolist() == [1.0, 2.0, 3.0, 4.0]
    large = [msgspec.structs.replace(axis, length=10_000)] * 2
    assert not holds_all(large, np.zeros((1, 2), dtype=int)), "such a file would be too large"
    with pytest.raises(RunError, match="10000 × 10000 cells, more than the 50,000,000"):
        gridded(reader._gathered(""), large, np.zeros((4, 2), dtype=int))
    assert reader.verify() == "intact"
    with sqlite3.connect(reader.path) as connection:
        connection.execute("UPDATE axes SET unit = 'mV'")
    connection.close()
    assert reader.verify() == "changed"


def test_a_list_of_rows_has_no_shape(tmp_path: Path) -> None:
    spec = TableSpec(recorder="r", name="R", columns=(Column(name="I"),))
    writer = RunStore(tmp_path).create(graph={}, specs=[spec])
    writer.close(msgspec.structs.replace(writer.head, state="complete")).result()
    reader = RunReader(writer.path)
    with pytest.raises(RunError, match="no axes"):
        reader.to_numpy(shaped=True)
    assert reader.to_xarray().sizes == {"row": 0}


VERSION_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE graph (json TEXT NOT NULL);
CREATE TABLE recorders (k INTEGER PRIMARY KEY, node TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE columns (k INTEGER NOT NULL, i INTEGER NOT NULL, name TEXT NOT NULL,
    unit TEXT NOT NULL, kind TEXT NOT NULL, node TEXT NOT NULL, port TEXT NOT NULL,
    PRIMARY KEY (k, i)) WITHOUT ROWID;
CREATE TABLE quality (code INTEGER PRIMARY KEY, word TEXT NOT NULL);
CREATE TABLE blobs (id INTEGER PRIMARY KEY, dtype TEXT NOT NULL, shape TEXT NOT NULL,
    data BLOB NOT NULL);
CREATE TABLE events (id INTEGER PRIMARY KEY, wall REAL NOT NULL, mono REAL NOT NULL,
    kind TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE log (id INTEGER PRIMARY KEY, wall REAL NOT NULL, level TEXT NOT NULL,
    source TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE snapshots (moment TEXT NOT NULL, device TEXT NOT NULL, wall REAL NOT NULL,
    parameters TEXT NOT NULL, PRIMARY KEY (moment, device)) WITHOUT ROWID;
CREATE TABLE rows_0 (n INTEGER PRIMARY KEY, wall REAL, mono REAL, v0, q0 INTEGER);
INSERT INTO recorders VALUES (0, 'rec', 'Recorder');
INSERT INTO columns VALUES (0, 0, 'V', 'V', 'quantity', 'n1', 'out');
INSERT INTO quality VALUES (0, 'ok');
INSERT INTO graph VALUES ('{}');
INSERT INTO rows_0 VALUES (0, 1.0, 1.0, 0.5, 0), (1, 2.0, 2.0, 0.7, 0);
"""
SEAL_1 = "sha256:a88bba709c08bed2a7c9d9606571d77e28efa343a8a68f1b8e31ffb9e7173bbb"
"""What that file was sealed with, by the version of then."""


def test_a_file_of_the_first_version_is_read_verified_and_exported(tmp_path: Path) -> None:
    """Files from before have one stream, no axes, and keep the seal that they were given."""
    path = tmp_path / "00001-01HF7YAT00000000000000000A.sqlite"
    meta = {
        "id": "01HF7YAT00000000000000000A", "number": 1, "state": "complete", "started": 1.0,
        "ended": 3.0, "rows": 2, "format": 1, "seal": SEAL_1,
    }  # fmt: skip
    with sqlite3.connect(path) as connection:
        connection.executescript(VERSION_1)
        rows = [(key, json.dumps(value)) for key, value in meta.items()]
        connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
    connection.close()
    reader = RunReader(path)
    assert reader.head.streams == ()
    assert (reader.specs[0].stream, reader.specs[0].axes) == ("primary", ())
    assert reader.to_numpy()["V"].tolist() == reader.column("V").tolist() == [0.5, 0.7]
    assert reader.to_xarray().sizes == {"row": 2}
    assert reader.verify() == "intact"
    export_runs([reader], tmp_path / "x.nc", "netcdf")
    with xarray.open_dataset(tmp_path / "x.nc", engine="h5netcdf") as back:
        assert back["V"].values.tolist() == [0.5, 0.7]
