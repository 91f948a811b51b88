"""Runs as pictures: what is on them, by the text and the marks of the SVG."""

import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from funcnodes.errors import RunError
from funcnodes.runs import RunReader
from funcnodes.runs.figures import DEFAULT, FigureChoice, check_figure, write_figure
from funcnodes.runs.records import Cell, Column
from funcnodes.runs.surfaces import surface_of

from .recorded import diode, recorded
from .test_axes import nested


def texts(path: Path) -> list[str]:
    return re.findall(r"<text [^>]*>([^<]*)</text>", path.read_text(encoding="utf-8"))


def drawn(run: RunReader, folder: Path, choice: FigureChoice = DEFAULT) -> list[str]:
    """The texts of a picture of the run."""
    write_figure(run, folder / "x.svg", choice)
    return texts(folder / "x.svg")


def grid(folder: Path, *, snake: bool = True, rows: int | None = None) -> RunReader:
    """A map of 3 fields by 4 gates, taken there and back."""
    points = [
        (field, gate)
        for n, field in enumerate([0.0, 1.0, 3.0])
        for gate in ([0.1, 0.2, 0.4, 0.8][:: -1 if snake and n % 2 else 1])
    ]
    columns = (
        Column(name="B", unit="T", kind="quantity"),
        Column(name="gate", unit="V", kind="quantity"),
        Column(name="R", unit="ohm", kind="quantity"),
    )
    cells = [[Cell(b), Cell(g), Cell(1 + b * g)] for b, g in points]
    return recorded(folder, columns, cells[:rows])


# ── which rows are a grid ─────────────────────────────────────────────────────────────────────


def test_a_snake_is_a_grid_and_so_is_one_that_was_stopped() -> None:
    slow, fast = np.repeat([0.0, 1.0, 2.0], 4), np.tile([0.0, 1, 2, 3], 3)
    fast[4:8] = fast[4:8][::-1]
    found = surface_of(slow, fast)
    assert found is not None
    assert (found.across.tolist(), found.up.tolist()) == ([0, 1, 2, 3], [0, 1, 2])
    assert found.rows.tolist() == [[0, 1, 2, 3], [7, 6, 5, 4], [8, 9, 10, 11]]
    turned = surface_of(fast[:-2], slow[:-2])
    assert turned is not None
    assert turned.rows.tolist() == [[0, 1, 2, 3], [7, 6, 5, 4], [8, 9, -1, -1]]
    assert (found.is_swapped, turned.is_swapped) == (True, False)


def test_a_curve_is_no_grid() -> None:
    volts = np.linspace(0, 1, 11)
    for other in (volts**2, volts, np.zeros(11), np.full(11, math.nan)):
        assert surface_of(volts, other) is None
    there_and_back = np.concatenate([volts, volts[::-1]])
    assert surface_of(there_and_back, there_and_back * 2) is None


def test_places_that_differ_by_rounding_are_one() -> None:
    slow, fast = np.repeat([0.1 + 0.2, 0.5], 2), np.array([1.0, 2.0, 1.0 + 1e-13, 2.0])
    slow[1] = 0.3
    found = surface_of(slow, fast)
    assert found is not None
    assert found.rows.tolist() == [[0, 1], [2, 3]]


# ── refused before anything is measured ───────────────────────────────────────────────────────


def test_what_is_missing_is_named_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(RunError, match=r"need matplotlib, which is not installed: pip install 'f"):
        check_figure(tmp_path / "x.png")


def test_names_that_are_no_picture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"ends in \.png, \.svg or \.pdf"):
        check_figure(tmp_path / "x.bmp")
    with pytest.raises(RunError, match="There is no folder"):
        check_figure(tmp_path / "none" / "x.png")
    with pytest.raises(RunError, match="Logarithmic can be x, y and z"):
        check_figure(tmp_path / "x.png", FigureChoice(log="q"))


# ── pictures ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.formats
@pytest.mark.parametrize(("name", "begin"), [("x.png", b"\x89PNG"), ("x.PDF", b"%PDF")])
def test_a_picture_has_the_format_of_its_name_and_is_replaced(
    tmp_path: Path, name: str, begin: bytes
) -> None:
    run = diode(tmp_path / "runs")
    for _ in range(2):
        write_figure(run, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(begin)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([name, "runs"])


@pytest.mark.formats
def test_a_curve_has_units_origin_and_what_was_not_drawn(tmp_path: Path) -> None:
    """R2, D7."""
    rows = [[Cell(n / 10), Cell(n * 1e-3, "compliance" if n == 4 else "ok")] for n in range(5)]
    rows += [[Cell(0.5), Cell(math.nan, "overrange")], [Cell(0.6), Cell(None, "missing")]]
    columns = (Column(name="V", unit="V"), Column(name="_I $x", unit="A"))
    run = recorded(tmp_path / "runs", columns, rows, title="I-V", operator="Ada", simulated="all")
    found = drawn(run, tmp_path)
    assert "Run 1: I-V [simulated]" in found
    assert "V (V)" in found
    assert any("_I $x (A)" in text for text in found)
    assert "compliance (1)" in found
    assert any("Ada" in text for text in found)
    assert "Not drawn: 1 missing, 1 overrange." in found
    first = (tmp_path / "x.svg").read_bytes()
    drawn(run, tmp_path)
    assert (tmp_path / "x.svg").read_bytes() == first


@pytest.mark.formats
def test_several_curves_share_a_panel_with_those_of_their_unit(tmp_path: Path) -> None:
    columns = tuple(Column(name=n, unit=u) for n, u in (("t", "s"), ("a", "V"), ("b", "V")))
    columns += (Column(name="p", unit="Pa"),)
    rows = [[Cell(float(n + 1)), Cell(n * 1.0), Cell(n * 2.0), Cell(10.0**n)] for n in range(5)]
    run = recorded(tmp_path / "runs", columns, rows)
    found = drawn(run, tmp_path, FigureChoice(x="t", y=("a", "b", "p"), log="xy"))
    assert {"a (V)", "b (V)", "(V)", "p (Pa)", "t (s)"} <= set(found)
    assert "Not drawn: 2 not above 0." in found
    found = drawn(run, tmp_path, FigureChoice(x="elapsed"))
    assert "elapsed (s)" in found
    with pytest.raises(RunError, match="has no column 'q'; it has t, a, b, p"):
        drawn(run, tmp_path, FigureChoice(y=("q",)))
    nothing = recorded(tmp_path / "runs", columns, [[Cell(-1.0)] * 4])
    with pytest.raises(RunError, match="that a logarithmic axis has room for"):
        drawn(nothing, tmp_path, FigureChoice(log="x"))
    with pytest.raises(RunError, match="There is nothing to draw"):
        drawn(recorded(tmp_path / "runs", columns, []), tmp_path)


@pytest.mark.formats
def test_one_column_is_drawn_against_the_clock(tmp_path: Path) -> None:
    run = recorded(tmp_path / "runs", (Column(name="T", unit="K"),), [[Cell(4.2)], [Cell(4.3)]])
    assert {"elapsed (s)", "T (K)"} <= set(drawn(run, tmp_path))


@pytest.mark.formats
@pytest.mark.parametrize("rows", [12, 10])
def test_a_grid_is_a_heat_map_or_a_family_of_curves(tmp_path: Path, rows: int) -> None:
    run = grid(tmp_path / "runs", rows=rows)
    found = drawn(run, tmp_path)
    assert {"B (T)", "gate (V)", "R (ohm)"} <= set(found)
    assert "Not drawn: 2 not measured." in found or rows == 12
    found = drawn(run, tmp_path, FigureChoice(x="gate"))
    assert {"B = 0 T", "B = 1 T", "B = 3 T", "gate (V)", "R (ohm)"} <= set(found)
    found = drawn(run, tmp_path, FigureChoice(x="B", log="y"))
    assert {"gate = 0.1 V", "gate = 0.8 V"} <= set(found)
    drawn(run, tmp_path, FigureChoice(log="xz"))
    with pytest.raises(RunError, match="The axis y reaches 0 or less"):
        drawn(run, tmp_path, FigureChoice(log="y"))


@pytest.mark.formats
async def test_axes_that_a_run_knows_need_not_be_recorded(lab: Any, tmp_path: Path) -> None:
    """Of nested scans, whichever way they go; there and back is no map."""
    nested(lab, inner={"order": "alternating", "unit": "V"})
    run = lab.store.find((await lab.run()).id)
    found = drawn(run, tmp_path)
    assert {"a", "b (V)", "sum"} <= set(found)
    assert {"a = 0", "a = 2", "sum"} <= set(drawn(run, tmp_path, FigureChoice(x="b")))
    assert {"b = 0 V", "b = 3 V"} <= set(drawn(run, tmp_path, FigureChoice(x="a")))


@pytest.mark.formats
def test_a_cell_that_is_not_ok_is_blank_and_marked(tmp_path: Path) -> None:
    """R2."""
    columns = tuple(Column(name=name) for name in "xyz")
    rows: list[list[Any]] = [
        [Cell(float(x)), Cell(float(y)), Cell(1.0, "overrange" if x == y == 1 else "ok")]
        for y in range(3)
        for x in range(3)
    ]
    found = drawn(recorded(tmp_path / "runs", columns, rows), tmp_path)
    assert "overrange (1)" in found


@pytest.mark.formats
def test_a_long_run_is_drawn_by_its_peaks(tmp_path: Path) -> None:
    rows = [[Cell(float(n)), Cell(float(n % 7))] for n in range(50_000)]
    run = recorded(tmp_path / "runs", (Column(name="x"), Column(name="y")), rows)
    assert "x" in drawn(run, tmp_path)
    assert (tmp_path / "x.svg").stat().st_size < 3_000_000
