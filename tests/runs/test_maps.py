"""One column as colour over two others: each place of a scan once, no peak lost, none made up."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from funcnodes.errors import RunError
from funcnodes.runs import HeatMap, RunReader
from funcnodes.runs.maps import _between, map_columns
from funcnodes.runs.records import NOTHING, Cell, Column

from .conftest import Diode
from .recorded import recorded

COLUMNS = (
    Column(name="x", unit="mm", kind="quantity"), Column(name="y", kind="number"),
    Column(name="I", unit="A", kind="quantity"),
)  # fmt: skip


def grid(folder: Path, rows: list[tuple[float, float, Cell]]) -> RunReader:
    return recorded(folder, COLUMNS, [[Cell(x), Cell(y), z] for x, y, z in rows])


def test_each_place_of_a_grid_is_a_cell_whatever_the_order(tmp_path: Path) -> None:
    """A snake; one point twice, one missing, one not ok, one without a number (R2)."""
    rows = [
        (x / 10, float(y), Cell(x + 10.0 * y))
        for y in range(3)
        for x in (range(4) if y % 2 == 0 else range(3, -1, -1))
        if (x, y) != (2, 1)
    ]
    rows[0] = (0.0, 0.0, Cell(99.0, "overrange"))
    rows[1] = (0.1, 0.0, NOTHING)
    rows.append((0.3, 2.0, Cell(-5.0)))
    rows.append((0.1 + 0.2, 2.0, Cell(-7.0)))  # the same place, but for rounding
    found = grid(tmp_path, rows).map()
    assert found.x.values == (0.0, 0.1, 0.2, 0.3)
    assert found.y.values == (0.0, 1.0, 2.0)
    assert found.values == [99.0, None, 2.0, 3.0, 10.0, 11.0, None, 13.0, 20.0, 21.0, 22.0, -7.0]
    assert found.quality[:2] == ["overrange", "missing"]
    assert found.quality[6] == ""
    assert set(found.quality[2:6] + found.quality[7:]) == {"ok"}
    assert (found.low, found.high) == (-7.0, 22.0), "what is not ok stretches no colour"
    assert (found.rows, found.is_thinned) == (13, False)
    assert found.x.edges == pytest.approx((-0.05, 0.05, 0.15, 0.25, 0.35))
    assert (found.x.column.unit, found.z.unit) == ("mm", "A")


def test_a_fine_map_shares_cells_and_keeps_its_peaks(tmp_path: Path) -> None:
    """90,000 places, 60 cells a side; one peak, one hole, one place that is not ok."""
    run = grid(tmp_path, [(0.0, 0.0, Cell(1.0)), (299.0, 299.0, Cell(1.0))])
    with closing(sqlite3.connect(run.path)) as connection, connection:
        connection.execute("DELETE FROM rows_0")
        connection.execute(
            "INSERT INTO rows_0 WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c "
            "WHERE n < 89999) SELECT n, n, n, (n % 300) * 1.0, 0, (n / 300) * 1.0, 0, "
            "CASE n WHEN 12345 THEN 50.0 WHEN 54321 THEN -40.0 WHEN 4 THEN 1e9 ELSE 1.0 END, "
            "CASE WHEN n = 4 OR (n % 300 >= 295 AND n / 300 >= 295) THEN 2 ELSE 0 END FROM c"
        )
    found = run.map(cells=60)
    assert (len(found.x.values), len(found.y.values)) == (60, 60)
    assert (found.low, found.high) == (-40.0, 50.0)
    assert found.values[(12345 // 300 // 5) * 60 + 12345 % 300 // 5] == 50.0
    assert found.values[(54321 // 300 // 5) * 60 + 54321 % 300 // 5] == -40.0
    assert found.values[0] == 1.0, "of what is ok in it"
    assert (found.values[-1], found.quality[-1]) == (None, "overrange")
    assert found.is_thinned
    whole = run.map(cells=300)
    assert not whole.is_thinned
    assert whole.values[4] == 1e9
    assert whole.quality[4] == "overrange"


def test_a_grid_in_equal_ratios_keeps_its_lines(tmp_path: Path) -> None:
    rows = [(10.0**x, float(y), Cell(float(x))) for y in range(2) for x in range(-3, 6)]
    found = grid(tmp_path, rows).map()
    assert found.x.values == tuple(10.0**x for x in range(-3, 6))
    assert found.values[:9] == [float(x) for x in range(-3, 6)]


def test_columns_are_chosen_by_name_and_what_is_missing_is_said(tmp_path: Path) -> None:
    run = grid(tmp_path, [(0.0, 1.0, Cell(2.0))])
    found = run.map("y", "x", "I")
    assert (found.x.column.name, found.y.column.name) == ("y", "x")
    with pytest.raises(RunError, match="no column 'power'; it has x, y, I"):
        run.map("power")
    with pytest.raises(RunError, match="no recorder 3"):
        run.map(k=3)
    (tmp_path / "two").mkdir()
    two = recorded(tmp_path / "two", COLUMNS[:2], [[Cell(0.0), Cell(1.0)]])
    with pytest.raises(RunError, match="needs three columns of numbers"):
        two.map()
    text = (*COLUMNS, Column(name="why", kind="text"))
    assert map_columns(text) == ("x", "y", "I")
    assert map_columns(text, z="x") == ("y", "I", "x")
    assert map_columns(text, axes=["x", "y"]) == ("y", "x", "I"), "the fastest axis across"
    assert map_columns(text, axes=["x", "z"]) == ("x", "y", "I"), "an axis is not recorded"


def test_a_run_without_rows_is_an_empty_map(tmp_path: Path) -> None:
    found = grid(tmp_path, []).map()
    assert (found.values, found.low, found.rows) == ([], None, 0)


@given(
    st.lists(
        st.tuples(
            st.floats(-1e6, 1e6), st.floats(-1, 1), st.one_of(st.none(), st.floats(-5, 5)),
            st.sampled_from(["ok", "compliance", "missing"]),
        ),
        max_size=40,
    ),
    st.integers(2, 12),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_whatever_was_recorded_no_cell_is_made_up(
    rows: list[tuple[float, float, float | None, str]], cells: int
) -> None:
    """Every ok value of the map is one that was measured; the extremes are there if thinned."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        run = grid(Path(folder), [(x, y, Cell(z, q)) for x, y, z, q in rows])  # type: ignore[arg-type]
        found = run.map(cells=cells)
    ok = [z for _, _, z, q in rows if q == "ok" and z is not None]
    shown = [v for v, q in zip(found.values, found.quality, strict=True) if q == "ok"]
    assert len(found.x.values) <= cells
    assert len(found.y.values) <= cells
    assert set(shown) <= set(ok)
    assert all(v is None for v, q in zip(found.values, found.quality, strict=True) if q == "")
    if found.is_thinned and ok:
        mean = sum(ok) / len(ok)
        farthest = max(ok, key=lambda z: abs(z - mean))
        assert max(abs(v - mean) for v in shown if v is not None) == pytest.approx(
            abs(farthest - mean)
        )


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9, unique=True))
def test_borders_lie_between_their_lines(values: list[float]) -> None:
    lines = sorted(values)
    edges = _between(lines)
    assert len(edges) == len(lines) + 1
    assert all(a <= line <= b for a, line, b in zip(edges, lines, edges[1:], strict=False))


async def test_the_node_draws_the_columns_that_it_is_told(lab: Any) -> None:
    node = lab.add("plot.heat")
    assert isinstance(node, HeatMap)
    assert node.choice().recorder == ""
    sweep, diode = lab.add("sweep"), lab.add(Diode)
    sweep.outputs["value"].connect(diode.v)
    recorder = lab.record(sweep.outputs["index"], sweep.outputs["value"], diode.i)
    recorder.outputs["rows"].connect(node.inputs["rows"])
    first, second, last = (column.name for column in recorder.columns())
    choice = node.choice()
    assert (choice.recorder, choice.x, choice.y) == (recorder.uuid, "", ("", "")), "as the run says"
    node.choose(last, [first, second])
    assert (node.choice().x, node.choice().y) == (last, (first, second))
    assert node.choice().x_label == f"{last} (A)"
    recorder.rename_column(recorder.inputs["index"], "count")
    assert node.choice().y == ("count", second)


async def test_a_nested_scan_is_drawn_with_its_fastest_axis_across(lab: Any) -> None:
    """Whatever the order of the columns."""
    outer, inner, diode = lab.add("sweep", points=3), lab.add("sweep", points=4), lab.add(Diode)
    outer.outputs["point"].connect(inner.inputs["_triggerinput"])
    inner.outputs["value"].connect(diode.v)
    recorder = lab.record(outer.outputs["value"], inner.outputs["value"], diode.i)
    run = await lab.run()
    found = RunReader(run.path).map()
    slow, fast, _ = (column.name for column in recorder.columns())
    assert (found.x.column.name, found.y.column.name) == (fast, slow)
    assert (len(found.x.values), len(found.y.values)) == (4, 3)
