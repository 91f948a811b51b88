"""Rows: what becomes one, and what is in its cells (R1 to R3)."""

from typing import Any

import pytest

import funcnodes.basic_nodes  # noqa: F401  # nodes of arithmetic and fits are known by it
from funcnodes.core import NodeDecorator, NodeSpace, PortType, make_subgraph
from funcnodes.errors import SavedGraphError
from funcnodes.runs import Recorder, Table, XYPlot
from funcnodes.runs.export import csv_text
from funcnodes.runs.records import Cell, Column, TableSpec


@NodeDecorator("test.recorder.zeroed")
def zeroed(x: float) -> float:
    """Where there is no number, a zero."""
    return 0.0 if x == 1 else x + 1


async def test_a_row_per_point_with_set_point_and_reading_side_by_side(
    lab: Any, diode_class: Any
) -> None:
    """R1, R2."""
    sweep, diode = lab.add("sweep", unit="mV", stop=200, points=3), lab.add(diode_class)
    sweep.value.connect(diode.v)
    recorder = lab.record(sweep.value, diode.i)
    run = await lab.run()
    assert lab.columns(run) == {"value": [0.0, 100.0, 200.0], "i": pytest.approx([0, 0.01, 0.04])}
    spec = lab.store.find(run.id).specs[0]
    assert [column.unit for column in spec.columns] == ["mV", "A"]
    assert [column.node for column in spec.columns] == [sweep.uuid, diode.uuid]
    assert spec.recorder == recorder.uuid


async def test_recorders_in_two_copies_of_a_subgraph_keep_rows_of_their_own(
    lab: Any, diode_class: Any
) -> None:
    """R3: the id of a node is unique within its subgraph only."""
    sweep, diode = lab.add("sweep", points=2, stop=2), lab.add(diode_class)
    recorder = lab.record(diode.i, name="Inner")
    sweep.value.connect(diode.v)
    one = make_subgraph(lab.space, [diode, recorder])
    two = lab.space.add_saved_node({**one.serialize(), "id": "copy"})
    sweep.value.connect(next(port for port in two.inputs.values() if port.type.kind == "quantity"))
    run = await lab.run()
    names = [spec.recorder for spec in lab.store.find(run.id).specs]
    assert names == [f"{one.uuid}/{recorder.uuid}", f"copy/{recorder.uuid}"]
    assert set(run.tables) == set(names)
    assert [list(table.page().values[0]) for table in run.tables.values()] == [[0, 4], [0, 4]]


async def test_a_row_has_both_clocks(lab: Any) -> None:
    """R2."""
    sweep = lab.add("sweep", points=3)
    lab.record(sweep.value)
    run = await lab.run()
    head, page = lab.store.find(run.id).head, lab.store.find(run.id).rows()
    assert head.started <= page.wall[0] <= page.wall[1] <= page.wall[2] <= head.ended
    assert list(page.mono) == sorted(page.mono)
    assert page.mono[0] >= head.started_mono


async def test_quality_goes_with_the_value(lab: Any, diode_class: Any) -> None:
    """R2."""
    sweep, diode = lab.add("sweep", points=2), lab.add(diode_class)
    diode.quality = "compliance"
    sweep.value.connect(diode.v)
    lab.record(sweep.value, diode.i)
    run = await lab.run()
    page = lab.store.find(run.id).rows()
    assert page.quality == [["ok", "ok"], ["compliance", "compliance"]]


async def test_what_is_computed_from_a_cell_that_is_not_ok_is_not_ok(
    lab: Any, diode_class: Any
) -> None:
    """R2, D3: in the row, in the file, in what is exported and in what is drawn."""
    sweep, diode, zero = lab.add("sweep", points=3, stop=2), lab.add(diode_class), zeroed()
    lab.space.add_node_instance(zero)
    diode.fails = lambda _, v: setattr(diode, "quality", "overrange" if v == 1 else "ok") or False
    sweep.value.connect(diode.v)
    diode.i.connect(zero.inputs["x"])
    recorder = lab.record(diode.i, zero.outputs["out"])
    run = await lab.run()
    reader = lab.store.find(run.id)
    page = reader.rows()
    assert page.values[1] == [1.0, 0.0, 5.0]
    assert page.quality == [["ok", "overrange", "ok"]] * 2
    assert page.numbers() == [[0.0, None, 4.0], [1.0, None, 5.0]]
    assert recorder.rows.quality == "overrange"
    rows = [line.split(",") for line in csv_text(reader).splitlines() if line[:1].isdigit()]
    assert [row[4] for row in rows] == [row[6] for row in rows] == ["ok", "overrange", "ok"]


async def test_what_was_set_outside_the_scan_is_no_part_of_a_row(
    lab: Any, diode_class: Any
) -> None:
    """R1: an old value of a source that the scan does not touch is null, not repeated."""
    sweep, other = lab.add("sweep", points=2), lab.add(diode_class, "Elsewhere")
    other.v.set_value(3.0)
    await other
    lab.record(sweep.value, other.i)
    run = await lab.run()
    assert lab.columns(run)["i"] == [None, None]
    assert lab.store.find(run.id).rows().quality[1] == ["missing", "missing"]


async def test_inner_points_carry_the_value_of_the_outer_point(lab: Any, gate_class: Any) -> None:
    """R1, R3: a cell may come from the loop around; outer points write no rows of their own.

    Columns say which sweep they are of.
    """
    outer = lab.add("sweep", "Outer", start=1, stop=2, points=2)
    gate = lab.add(gate_class)
    gate.open.set()
    inner = lab.add("sweep", "Inner", start=10, stop=30, points=3)
    outer.value.connect(gate.x)
    lab.order(gate, inner)
    lab.record(outer.value, inner.value)
    run = await lab.run()
    assert run.state == "complete", run.message
    assert lab.columns(run) == {
        "Outer": [1.0, 1.0, 1.0, 2.0, 2.0, 2.0],
        "Inner": [10.0, 20.0, 30.0, 10.0, 20.0, 30.0],
    }
    assert (run.done, run.total) == (6, 6)


async def test_nothing_is_recorded_outside_a_run(lab: Any) -> None:
    sweep = lab.add("sweep", points=3)
    recorder = lab.record(sweep.value)
    await sweep
    assert recorder.table is None
    await lab.run()
    assert len(recorder.table) == 3
    await sweep
    assert len(recorder.table) == 3


async def test_the_table_is_one_growing_handle_and_tells_each_row(lab: Any) -> None:
    """R3: a wire of rows never carries a copy."""
    sweep, plot = lab.add("sweep", points=4), lab.add("plot.xy")
    recorder = lab.record(sweep.value)
    recorder.rows.connect(plot.rows)
    told: list[tuple[int, int, int]] = []
    lab.runner.on_rows(lambda table, start, stop: told.append((len(table), start, stop)))
    run = await lab.run()
    assert told == [(1, 0, 1), (2, 1, 2), (3, 2, 3), (4, 3, 4)]
    assert plot.rows.value is recorder.table is run.tables[recorder.uuid]
    assert run.tables[recorder.uuid].committed == 4, "R4: the mark is published"


async def test_two_recorders_of_a_run_are_two_tables_of_its_file(lab: Any) -> None:
    sweep = lab.add("sweep", points=2)
    lab.record(sweep.value, name="Values")
    lab.record(sweep.index, name="Numbers")
    run = await lab.run()
    assert lab.columns(run, 0) == {"value": [0.0, 1.0]}
    assert lab.columns(run, 1) == {"index": [0, 1]}
    assert lab.store.find(run.id).head.rows == 4


def test_a_wire_makes_a_column_named_after_its_port_and_unique(lab: Any, diode_class: Any) -> None:
    one, other = lab.add(diode_class), lab.add(diode_class)
    recorder = lab.record(one.i, other.i)
    third = recorder.grow_input(other.i)
    assert [column.name for column in recorder.columns()] == ["i", "i_2"]
    assert (third.id, third.name, third.unit) == ("i_3", "i_3", "A")


def test_a_column_takes_the_source_s_type_without_its_limits(lab: Any) -> None:
    """What was measured is recorded, however far outside it lies."""
    settle = lab.add("settle")
    recorder = lab.add("recorder")
    grown = recorder.grow_input(lab.add("sweep", unit="mV").value)
    assert grown.type == PortType("quantity", "float", "mV")
    assert settle.time.limits.high is not None
    assert grown.limits.low is None


def test_columns_come_back_from_the_saved_form(lab: Any, diode_class: Any) -> None:
    diode = lab.add("sweep", unit="mV")
    lab.record(diode.value, diode.index)
    saved = lab.space.serialize()
    again = NodeSpace(lab.space.lib)
    again.deserialize(saved)
    recorder = next(node for node in again.nodes if isinstance(node, Recorder))
    assert [(c.name, c.unit, c.kind) for c in recorder.columns()] == [
        ("value", "mV", "quantity"), ("index", "", "number"),
    ]  # fmt: skip
    assert again.serialize() == saved


@pytest.mark.parametrize(
    "columns",
    ["x", [1], [{"name": "x"}], [{"id": "a", "kind": "text", "unit": "V"}],
     [{"id": "a"}, {"id": "a"}]],
)  # fmt: skip
def test_columns_that_make_no_sense_are_refused_with_the_file(lab: Any, columns: Any) -> None:
    data = {"nodes": [{"id": "r", "node_id": "recorder", "columns": columns}], "edges": []}
    with pytest.raises(SavedGraphError, match="Recorder"):
        lab.space.deserialize(data)


# ── the table in memory ───────────────────────────────────────────────────────────────────


def table(*kinds: str) -> Table:
    columns = tuple(Column(name=f"c{n}", kind=kind) for n, kind in enumerate(kinds))
    return Table(TableSpec(recorder="r", name="R", columns=columns), run="id", number=1)


def test_a_page_is_what_was_appended() -> None:
    rows = table("quantity", "any")
    for n in range(5):
        rows.append([Cell(n * 0.5), Cell(f"t{n}")], wall=n, mono=n)
    page = rows.page(2, 2)
    assert (page.start, len(page)) == (2, 2)
    assert page.values == [[1.0, 1.5], ["t2", "t3"]]
    assert rows.page(4, 100).values == [[2.0], ["t4"]]
    assert len(rows.page(5)) == 0
    assert page.numbers() == [[1.0, 1.5], [None, None]]


def test_cells_of_a_number_column_may_turn_out_to_be_something_else() -> None:
    rows = table("number")
    cells: list[Any] = [1.0, None, float("nan"), 2**70, "text"]
    qualities: list[Any] = ["ok", "missing", "overrange", "ok", "ok"]
    for value, quality in zip(cells, qualities, strict=True):
        rows.append([Cell(value, quality)], wall=0, mono=0)
    found = rows.page().values[0]
    assert found[:2] == [1.0, None]
    assert found[2] != found[2]
    assert found[3:] == [2**70, "text"]
    assert rows.page().numbers() == [[1.0, None, None, float(2**70), None]]


def test_who_stops_watching_is_told_no_more() -> None:
    rows, told = table("number"), []
    unwatch = rows.watch(lambda _table, start, stop: told.append((start, stop)))
    rows.append([Cell(1.0)], wall=0, mono=0)
    unwatch()
    unwatch()
    rows.append([Cell(2.0)], wall=0, mono=0)
    assert told == [(0, 1)]


# ── what a plot draws ─────────────────────────────────────────────────────────────────────


def test_a_plot_draws_the_first_column_against_those_like_the_last(
    lab: Any, diode_class: Any
) -> None:
    sweep, diode, plot = lab.add("sweep", unit="mV"), lab.add(diode_class), lab.add("plot.xy")
    assert plot.choice().recorder == ""
    recorder = lab.record(sweep.value, diode.i, lab.add(diode_class).i)
    recorder.rows.connect(plot.rows)
    choice = plot.choice()
    assert (choice.recorder, choice.x, choice.y) == (recorder.uuid, "value", ("i", "i_2"))
    assert (choice.x_label, choice.y_label) == ("value (mV)", "i, i_2 (A)")


def test_a_plot_keeps_what_was_chosen(lab: Any, diode_class: Any) -> None:
    sweep, diode, plot = lab.add("sweep", unit="mV"), lab.add(diode_class), lab.add("plot.xy")
    lab.record(sweep.value, diode.i).rows.connect(plot.rows)
    plot.choose("i", ["value"])
    again = NodeSpace(lab.space.lib)
    again.deserialize(lab.space.serialize())
    restored = next(node for node in again.nodes if isinstance(node, XYPlot))
    assert (restored.choice().x, restored.choice().y) == ("i", ("value",))
    restored.choose("", [])
    assert restored.choice().x == "value"


async def test_a_cell_holds_the_number_and_another_column_what_it_is_uncertain_by(lab: Any) -> None:
    """So that files, tables and exports have numbers; linked where a node tells them apart."""
    sweep, known, split = (lab.add(each) for each in
                           ("sweep", "math.uncertain", "math.uncertainty"))  # fmt: skip
    fit = lab.add("stat.linear_fit", x=[0.0, 1.0, 2.0], y=[1.0, 2.0, 4.0])
    sweep.inputs["points"].set_value(3)
    known.inputs["u"].set_value(0.25)
    sweep.outputs["value"].connect(known.inputs["a"])
    known.outputs["out"].connect(split.inputs["a"])
    recorder = lab.record(
        known.outputs["out"], split.outputs["u"], fit.outputs["slope"], fit.outputs["slope_error"]
    )
    links = {column.name: column.uncertainty for column in recorder.columns()}
    assert links == {"out": "u", "u": "", "slope": "slope_error", "slope_error": ""}
    run = await lab.run()
    columns = lab.columns(run)
    assert [type(value) for value in columns["out"]] == [float] * 3
    assert columns["out"] == [0.0, 0.5, 1.0]
    assert columns["u"] == [0.25] * 3
