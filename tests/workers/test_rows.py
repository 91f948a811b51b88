"""Rows of a run that goes on: what a page fetches ends where the next patch begins."""

from types import SimpleNamespace

import msgspec
import pytest

from funcnodes.runs import RunStore, Table
from funcnodes.runs.records import Cell, Column, TableSpec
from funcnodes.workers import schema

from ..runs.test_export import recorded
from .conftest import Desk

COLUMNS = (Column(name="x", kind="number"),)


@pytest.mark.parametrize(("points", "most"), [(0, 30), (100, 30), (10, 210)])
async def test_rows_that_are_not_on_disk_yet_come_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, points: int, most: int
) -> None:
    """Else a page that joins in would run after the rows for ever."""
    written = [[Cell(float(n))] for n in range(25)]
    reader = recorded(desk.worker.runs.folder, COLUMNS, written)
    table = Table(reader.specs[0], run=reader.head.id)
    for n in range(30):
        table.append([Cell(float(n))], wall=float(n), mono=float(n))
    run = SimpleNamespace(id=reader.head.id, tables={"rec": table})
    monkeypatch.setattr(desk.worker, "open", SimpleNamespace(runner=SimpleNamespace(run=run)))
    command = desk.worker._commands._get_rows(
        schema.GetRows(run=reader.head.id, points=points),
        schema.Actor(id="a", name="", role="viewer"),
    )
    view = await command
    monkeypatch.undo()
    assert (view.start, view.stop) == (0, 30)
    assert view.data[0][-5:] == [25.0, 26.0, 27.0, 28.0, 29.0]
    assert len(view.data[0]) <= most


async def test_a_map_comes_with_what_is_not_ok_in_it(desk: Desk) -> None:
    """R2: cells without a point, and those that are not ok, are named apart."""
    columns = tuple(Column(name=name, kind="number", unit=unit) for name, unit in
                    (("x", "mm"), ("y", ""), ("I", "A")))  # fmt: skip
    rows = [[Cell(float(x)), Cell(float(y)), Cell(x + 10.0 * y)] for y in (0, 1) for x in (0, 1, 2)]
    rows[4][2] = Cell(7.0, "overrange")
    reader = recorded(desk.worker.runs.folder, columns, rows[:-1])
    actor = schema.Actor(id="a", name="", role="viewer")
    view = await desk.worker._commands._get_map(schema.GetMap(run=reader.head.id), actor)
    assert [each.name for each in view.columns] == ["x", "y", "I"]
    assert (view.x.values, view.y.values, view.z.unit) == ([0, 1, 2], [0, 1], "A")
    assert view.values == [0.0, 1.0, 2.0, 10.0, 7.0, None]
    assert view.bad == {"overrange": [4], "": [5]}
    assert (view.low, view.high, view.rows) == (0.0, 10.0, 5)


async def test_a_stream_beside_the_scan_is_asked_for_by_its_name(desk: Desk) -> None:
    """A page fetches every stream of a run, and offers each as a file of its own."""
    beside = TableSpec(recorder="rec~oven", name="R: Oven", columns=COLUMNS, stream="Oven",
                       kind="monitor")  # fmt: skip
    writer = RunStore(desk.worker.runs.folder).create(
        graph={}, specs=[TableSpec(recorder="rec", name="R", columns=COLUMNS), beside]
    )
    writer.append(0, [Cell(1.0)], wall=1.0, mono=1.0)
    writer.append(1, [Cell(2.0)], wall=1.0, mono=1.0)
    writer.close(msgspec.structs.replace(writer.head, state="complete")).result()
    run, actor = writer.head.id, schema.Actor(id="a", name="", role="viewer")
    commands = desk.worker._commands
    for recorder, value in (("", 1.0), ("rec~oven", 2.0)):
        view = await commands._get_rows(schema.GetRows(run=run, recorder=recorder), actor)
        assert (view.data, view.recorders) == ([[value]], ["rec", "rec~oven"])
    piece = await commands._export_run(schema.ExportRun(run=run, recorder="Oven"), actor)
    assert piece.name.endswith("-oven.csv")
    assert b"\n0,1970" not in piece.data
    assert b",2.0,ok" in piece.data
    (listed,) = await commands._list_runs(schema.ListRuns(), actor)
    assert listed.streams == ["Oven"]
