"""What a plot needs of a long run: few rows, no peak lost."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from funcnodes.errors import RunError
from funcnodes.runs import RunReader
from funcnodes.runs.records import Cell, Column

from .test_export import recorded

COLUMNS = (Column(name="V", kind="number"), Column(name="I", kind="number"))


def a_long_run(folder: Path, rows: int) -> RunReader:
    """V counts rows; I is 0 but for one peak, one hole, and one row that is not to be trusted."""
    run = recorded(folder, COLUMNS, [[Cell(0.0), Cell(0.0)], [Cell(1.0), Cell(9e9, "compliance")]])
    with closing(sqlite3.connect(run.path)) as connection, connection:
        connection.execute(
            "INSERT INTO rows_0 WITH RECURSIVE c(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM c "
            f"WHERE n < {rows - 1}) SELECT c.n, r.wall, r.mono, c.n * 1.0, r.q0, "
            "CASE c.n WHEN 7777 THEN 5.0 WHEN 8888 THEN -5.0 WHEN 9999 THEN NULL ELSE 0.0 END, "
            "r.q1 FROM c, rows_0 r WHERE r.n = 0"
        )
    return run


@pytest.mark.parametrize("rows", [100_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_however_many_rows_become_five_thousand_with_every_peak(tmp_path: Path, rows: int) -> None:
    page, stop = a_long_run(tmp_path, rows).thinned(0, 5_000)
    volts, amps = page.numbers()
    assert len(page) <= 5_002
    assert stop == rows
    assert volts == sorted(volts, key=lambda v: v or 0)
    assert (volts[0], volts[-1]) == (0.0, rows - 1.0)
    assert (max(a for a in amps if a is not None), min(a for a in amps if a is not None)) == (5, -5)
    assert volts[amps.index(5.0)] == 7777.0


def test_a_short_run_comes_as_it_is_and_goes_on_where_it_ended(tmp_path: Path) -> None:
    run = recorded(tmp_path, COLUMNS, [[Cell(float(n)), Cell(0.0)] for n in range(10)])
    page, stop = run.thinned(0, 100)
    assert (list(page.values[0]), stop) == ([float(n) for n in range(10)], 10)
    page, stop = run.thinned(8, 100)
    assert (list(page.values[0]), page.start, stop) == ([8.0, 9.0], 8, 10)
    page, stop = run.thinned(10, 100)
    assert (len(page), stop) == (0, 10)
    with pytest.raises(RunError, match="no recorder 1"):
        run.thinned(0, 100, k=1)
