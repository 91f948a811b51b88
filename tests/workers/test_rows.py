"""Rows of a run that goes on: what a page fetches ends where the next patch begins."""

from types import SimpleNamespace

import pytest

from funcnodes.runs import Table
from funcnodes.runs.records import Cell, Column
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
