"""A run that ended early goes on at its next point; both are read as one data set."""

import asyncio
import itertools
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from funcnodes.basic_nodes.control.loops import ForEachNode
from funcnodes.core import Node, NodeInput, NodeOutput
from funcnodes.errors import RefusedError, RunError
from funcnodes.runs import Run, RunReader
from funcnodes.runs.continuing import look_back
from funcnodes.runs.export import csv_text
from funcnodes.runs.exporting import SUFFIXES, export_runs

from ..waiting import patience
from .conftest import Lab


def cut_short(path: Path, after: int, *, half: bool = True) -> None:
    """What a kill leaves: the records up to `after`, and the row of a point that was under way."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM points WHERE id > ?", (after,))
        kept = connection.execute("SELECT rows FROM points ORDER BY id DESC LIMIT 1").fetchone()
        counts = [int(n) for n in kept[0].split(",")] if kept and kept[0] else [0]
        for k, count in enumerate(counts):
            connection.execute(f"DELETE FROM rows_{k} WHERE n >= ?", (count + half,))
        connection.execute("UPDATE meta SET value = '\"interrupted\"' WHERE key = 'state'")


async def go_on(lab: Lab, name: str = "latest", first: int | None = None) -> Run:
    """The next run, to its end."""
    going_on = await look_back(lab.runner, name, first=first)
    run = await lab.runner.start(operator="tester", going_on=going_on)
    await asyncio.wait_for(run.wait(), patience())
    assert run.state == "complete", run.message
    return run


def table(reader: RunReader) -> list[tuple[float, ...]]:
    """All rows, without where they came from."""
    found = reader.to_numpy()
    titles = [t for t in found if t not in ("row", "time", "elapsed", "run number")]
    columns = [found[title] for title in titles if not title.endswith("quality")]
    return [tuple(float(cell) for cell in row) for row in zip(*columns, strict=True)]


# ── which points are done ─────────────────────────────────────────────────────────────────────

SHAPES: dict[str, Callable[[Lab], Node]] = {
    "linear": lambda lab: lab.add("sweep", points=4),
    "both ways": lambda lab: lab.add("sweep", points=3, both_ways=True),
    "log": lambda lab: lab.add("scan.logarithmic", points=4),
    "list": lambda lab: lab.add("scan.list", values=[3.0, 1.0, 2.0]),
    "backward": lambda lab: lab.add("sweep", points=3, order="backward"),
    "snake": lambda lab: lab.add("sweep", points=3, order="alternating"),
    "repeat": lambda lab: lab.add("repeat", every=0.0, count=4),
}
CHOOSING = "optimum"


def build(lab: Lab, shapes: list[str], diode: type[Node]) -> None:
    """Scans inside each other, the outermost first, with one column each and what is measured."""
    scans = [SHAPES[shape](lab) for shape in shapes if shape != CHOOSING]
    node = lab.add(diode)
    if CHOOSING in shapes:
        scans.append(lab.add("scan.optimum", points=7))
        node.outputs["i"].connect(scans[-1].inputs["result"])
    for outer, inner in itertools.pairwise(scans):
        outer.outputs["point"].connect(inner.inputs["_triggerinput"])
    values = [o.get("value") or o.get("x") or o["index"] for o in (s.outputs for s in scans)]
    values[-1].connect(node.inputs["v"])
    columns = values
    lab.record(*columns, node.outputs["i"])


@given(st.data())
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_wherever_a_run_was_cut_it_goes_on_to_the_rows_of_an_uninterrupted_one(
    tmp_path_factory: pytest.TempPathFactory, diode_class: type[Node], data: st.DataObject
) -> None:
    """R1, T3: for all kinds of scans in each other, and any number of continuations."""
    shapes = data.draw(st.lists(st.sampled_from(sorted(SHAPES)), min_size=1, max_size=3))
    if data.draw(st.booleans(), label="search within"):
        shapes = [*shapes[:2], CHOOSING]

    async def check() -> None:
        lab = Lab(tmp_path_factory.mktemp("lab"))
        build(lab, shapes, diode_class)
        run = await lab.run()
        assert run.state == "complete", run.message
        expected = table(lab.store.find("1"))
        try:
            for _ in range(data.draw(st.integers(1, 3), label="times")):
                reader = lab.store.find("latest")
                records = len(reader.point_records())
                cut_short(
                    reader.path,
                    data.draw(st.integers(0, records), label="cut"),
                    half=data.draw(st.booleans(), label="half"),
                )
                try:
                    run = await go_on(lab)
                except RefusedError:
                    break  # all of its points were taken, see below
                assert run.done == len(expected)
                assert table(lab.store.find(run.id)) == expected
        finally:
            await lab.runner.aclose()
            await lab.space.aclose()

    asyncio.run(check())


# ── one after the other ───────────────────────────────────────────────────────────────────────


async def stopped_after(lab: Lab, rows: int, going_on: Any = None) -> Run:
    """A run that is stopped in order, once so many rows of its own are in."""
    run = await lab.runner.start(operator="tester", going_on=going_on)
    forget = lab.runner.on_rows(lambda _table, _start, stop: run.stop() if stop >= rows else None)
    await asyncio.wait_for(run.wait(), patience())
    forget()
    assert run.state == "stopped"
    return run


async def test_a_chain_of_runs_is_read_as_one_data_set(
    lab: Lab, diode_class: type[Node], tmp_path: Path
) -> None:
    """R1, R5: every row tells the run it came from; each file stays as it was recorded."""
    build(lab, ["linear", "both ways"], diode_class)
    await stopped_after(lab, 3)
    await stopped_after(lab, 4, await look_back(lab.runner, "1"))
    run = await go_on(lab, "2")
    assert (run.done, run.total, run.rows) == (20, 20, 13)
    first, second, third = (lab.store.find(name) for name in ("1", "2", "3"))
    assert [r.head.continues and r.head.continues.number for r in (first, second, third)] == [
        None, 1, 2,
    ]  # fmt: skip
    whole = third.whole()
    assert (whole.head.rows, whole.count(), whole.head.started) == (20, 20, first.head.started)
    assert [p.head.number for p in whole.parts] == [1, 2, 3]
    arrays = third.to_numpy()
    assert arrays["run number"].tolist() == [1] * 3 + [2] * 4 + [3] * 13
    assert arrays["value_2"].tolist() == [0, 0.5, 1, 0.5, 0] * 4
    assert arrays["row"].tolist() == list(range(20))
    assert (np.diff(arrays["elapsed"]) > 0).all()
    assert len(third.to_numpy(only_this=True)["row"]) == 13
    assert "run number" not in third.to_numpy(only_this=True)
    frame = third.to_pandas()
    assert frame["run number"].tolist() == arrays["run number"].tolist()
    assert frame.attrs["about"]["runs"] == "1, 2, 3"
    assert third.to_xarray(shaped=False).sizes["row"] == 20
    cells = third.to_xarray()
    assert dict(cells.sizes) == {"value": 4, "value_2": 3, "value_2 direction": 2}
    first_way, back = cells["row"].values[..., 0], cells["row"].values[..., 1]
    assert first_way.tolist() == [[n, n + 1, n + 2] for n in (0, 5, 10, 15)]
    assert back.tolist() == [[n + 4, n + 3, -1] for n in (0, 5, 10, 15)]
    drawn = whole.map("value_2", "value", "i")
    assert (drawn.rows, len(drawn.x.values), len(drawn.y.values)) == (20, 3, 4)
    assert drawn.values == pytest.approx([0, 0.25, 1] * 4)
    assert third.map("value_2", "value", "i").rows == 13
    with pytest.raises(RunError, match="Recorder has no column 'none'"):
        whole.map("value_2", "value", "none")
    assert whole.digest().specs[0].axes == third.specs[0].axes
    assert third.column("value_2").tolist() == arrays["value_2"].tolist()
    assert len(third.column("value_2", only_this=True)) == 13
    assert csv_text(whole).splitlines()[-1].split(",")[-2:] == ["3", "ok"]
    for kind, suffix in SUFFIXES.items():
        if kind != "parquet":  # see `test_a_chain_of_runs_is_a_frame_of_every_package`
            export_runs([whole], tmp_path / f"all{suffix}", kind)
    with h5py.File(tmp_path / "all.nxs") as file:
        assert file["entry/Recorder"].attrs["signal"] == "i"
    with zipfile.ZipFile(tmp_path / "all.eln") as archive:
        assert sum(name.endswith(".sqlite") for name in archive.namelist()) == 3
    assert [each.verify() for each in (first, second, third)] == ["intact"] * 3
    with closing(sqlite3.connect(first.path)) as connection, connection:
        connection.execute("DELETE FROM points WHERE id = 2")
    assert first.verify() == "changed"


@pytest.mark.formats
async def test_a_chain_of_runs_is_a_frame_of_every_package(
    lab: Lab, diode_class: type[Node], tmp_path: Path
) -> None:
    build(lab, ["linear"], diode_class)
    await stopped_after(lab, 1)
    run = await go_on(lab)
    whole = lab.store.find(run.id)
    numbers = whole.to_numpy()["run number"].tolist()
    assert whole.to_polars()["run number"].to_list() == numbers
    export_runs([whole.whole()], tmp_path / "all.parquet", "parquet")
    assert pandas.read_parquet(tmp_path / "all.parquet")["run number"].tolist() == numbers


async def test_runs_along_different_axes_have_no_shape_in_common(
    lab: Lab, diode_class: type[Node]
) -> None:
    """As where a live input changed an axis meanwhile: a list, and never a wrong place."""
    build(lab, ["linear"], diode_class)
    await stopped_after(lab, 1)
    run = await go_on(lab, "1")
    with closing(sqlite3.connect(lab.store.find("1").path)) as connection, connection:
        connection.execute("UPDATE axes SET unit = 'V'")
    reader = lab.store.find(run.id)
    with pytest.raises(RunError, match=r"Runs 1, 2 went along different axes, so the rows of Rec"):
        reader.to_numpy(shaped=True)
    assert reader.to_xarray().sizes["row"] == 4
    assert reader.to_xarray(only_this=True).sizes["value"] == 4


async def test_who_goes_on_with_whom_is_said(lab: Lab, diode_class: type[Node]) -> None:
    build(lab, ["linear"], diode_class)
    await stopped_after(lab, 1)
    await stopped_after(lab, 1, await look_back(lab.runner, "1"))
    with pytest.raises(RefusedError, match=r"continued already, by run 2 \(stopped\)"):
        await look_back(lab.runner, "1")
    with pytest.raises(RunError, match="Run 2 goes on with run 1"):
        lab.store.delete("1")
    lab.store.delete("2")
    assert lab.store.children(lab.store.find("1")) == []
    run = await go_on(lab, "1")
    assert [head.id for head in lab.store.children(lab.store.find("1"))] == [run.id]
    moved = lab.store.find("1").path
    moved.rename(moved.with_suffix(".away"))
    with pytest.raises(RunError, match=r"goes on with run 1 .* which is not beside it"):
        lab.store.find(run.id).to_numpy()
    assert len(lab.store.find(run.id).to_numpy(only_this=True)["row"]) == 3


async def test_it_goes_on_from_a_point_that_is_named(lab: Lab, diode_class: type[Node]) -> None:
    build(lab, ["linear"], diode_class)
    await stopped_after(lab, 3)
    for wrong in (0, 5):
        with pytest.raises(RefusedError, match="can go on at point 1 to 4, not at point"):
            await look_back(lab.runner, "1", first=wrong)
    run = await go_on(lab, "1", first=2)
    found = lab.store.find(run.id).to_numpy()
    assert found["run number"].tolist() == [1, 2, 2, 2]
    assert found["value"].tolist() == [0.0, 1 / 3, 2 / 3, 1.0]
    assert len(lab.store.find("1").to_numpy()["row"]) == 3


async def test_of_two_who_go_on_at_once_one_does(
    lab: Lab, diode_class: type[Node], tmp_path: Path
) -> None:
    """Whoever asks, in whatever process: the run before knows one that goes on."""
    other = Lab(tmp_path)
    for each in (lab, other):
        build(each, ["linear"], diode_class)
    other.space.clear()
    other.space.deserialize(lab.space.serialize())
    await stopped_after(lab, 1)
    plans = [await look_back(each.runner, "1") for each in (lab, other)]
    with plans[0].claimed(lab.store, "ada"), pytest.raises(RefusedError, match="very moment"):
        await other.runner.start(going_on=plans[1])
    run = await lab.runner.start(going_on=await look_back(lab.runner, "1"))
    await asyncio.wait_for(run.wait(), patience())
    with pytest.raises(RefusedError, match="continued already, by run 2"):
        await other.runner.start(going_on=plans[1])
    assert len(lab.store.paths()) == 2
    await other.runner.aclose()
    await other.space.aclose()


async def test_a_run_killed_while_it_goes_on_is_gone_on_with(
    lab: Lab, diode_class: type[Node]
) -> None:
    build(lab, ["snake", "snake"], diode_class)
    complete = await lab.run()
    expected = table(lab.store.find(complete.id))
    await stopped_after(lab, 4)
    for records in (0, 1, 3):
        await go_on(lab)
        cut_short(lab.store.find("latest").path, records)
    run = await go_on(lab)
    assert table(lab.store.find(run.id)) == expected


# ── scans that choose their points, and those that wait ───────────────────────────────────────


@pytest.mark.parametrize("kind", ["scan.adaptive", "scan.optimum", "scan.optimum_2d"])
async def test_a_search_is_told_again_what_is_known(
    lab: Lab, diode_class: type[Node], kind: str
) -> None:
    """T3: it asks for the points that it would have asked for, and finds the same."""
    search = lab.add(kind, points=14)
    node = lab.add(diode_class)
    search.outputs["x"].connect(node.inputs["v"])
    node.outputs["i"].connect(search.inputs["result"])
    lab.record(search.outputs["x"], node.outputs["i"])
    await lab.run()
    expected = table(lab.store.find("1"))
    best = search.outputs.get("best")
    found = best.value if best is not None else None
    cut_short(lab.store.find("1").path, 7)
    run = await go_on(lab)
    assert table(lab.store.find(run.id)) == expected
    assert best is None or best.value == found


@pytest.mark.parametrize("method", ["simplex", "bayes"])
async def test_an_optimisation_is_told_again_goals_and_constraints(
    lab: Lab, diode_class: type[Node], method: str
) -> None:
    """T3: it finds the same, of all points, whichever run took them."""
    search = lab.add("scan.optimise", points=9, method=method)
    search.inputs["parameters"].set_value("x: -1 to 2; y: 0 to 1 step 0.25")
    search.inputs["goals"].set_value("i: minimum")
    search.inputs["constraints"].set_value("i <= 3")
    node = lab.add(diode_class)
    search.outputs["x"].connect(node.inputs["v"])
    node.outputs["i"].connect(search.inputs["i"])
    lab.record(search.outputs["x"], search.outputs["y"], node.outputs["i"])
    assert (await lab.run()).state == "complete"
    expected, best = table(lab.store.find("1")), search.outputs["best_x"].value
    allowed = search.outputs["allowed_points"].value
    cut_short(lab.store.find("1").path, 6)
    run = await go_on(lab)
    assert (run.rows, table(lab.store.find(run.id))) == (4, expected)
    assert search.outputs["best_x"].value == best
    assert search.outputs["allowed_points"].value == allowed


async def test_a_search_that_would_choose_otherwise_is_refused(
    lab: Lab, diode_class: type[Node]
) -> None:
    search = lab.add("scan.optimum", points=14)
    node = lab.add(diode_class)
    search.outputs["x"].connect(node.inputs["v"])
    node.outputs["i"].connect(search.inputs["result"])
    lab.record(node.outputs["i"])
    await lab.run()
    path = lab.store.find("1").path
    cut_short(path, 7)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE points SET facts = replace(facts, '0.25', '0.26')")
    with pytest.raises(RefusedError, match="would choose other points than before, from the 2"):
        await look_back(lab.runner, "1")


async def test_a_time_series_goes_on_by_its_schedule(lab: Lab) -> None:
    """T8: what was due meanwhile is counted as missed, never caught up."""
    repeat = lab.add("repeat", every=0.05, count=6)
    lab.record(repeat.outputs["time"], repeat.outputs["missed"])
    await stopped_after(lab, 3)
    earlier = "json_set(facts, '$.began', json_extract(facts, '$.began') - 0.5)"
    with closing(sqlite3.connect(lab.store.find("1").path)) as connection, connection:
        connection.execute(f"UPDATE points SET facts = {earlier} WHERE facts LIKE '%began%'")
    run = await go_on(lab)
    found = lab.store.find(run.id).to_numpy()
    time, missed = found["time"], found["missed"]
    assert len(time) == 6
    assert missed[-1] >= 9  # half a second lies between the two runs
    assert (np.diff(time) > 0).all()
    assert (time / 0.05 - np.arange(6) - missed > -0.1).all()  # no point is before its time


async def test_what_was_waited_for_is_not_waited_for_again(
    lab: Lab, diode_class: type[Node]
) -> None:
    repeat = lab.add("repeat", every=0.0, count=50)
    enough = lab.add(Enough)
    repeat.outputs["index"].connect(enough.inputs["n"])
    enough.outputs["yes"].connect(repeat.inputs["until"])
    lab.record(repeat.outputs["index"])
    await lab.run()
    reader = lab.store.find("1")
    last = max(n for n, each in enumerate(reader.point_records(), 1) if each.is_leaf)
    assert reader.count() == 8
    cut_short(reader.path, last, half=False)
    run = await go_on(lab)
    assert (run.rows, lab.store.find(run.id).whole().count()) == (0, 8)


class Enough(Node):
    node_id = "test.continuing_enough"
    node_name = "Enough"
    default_policy = "settled"
    n = NodeInput(type=int)
    yes = NodeOutput(type=bool)

    def func(self, n: int) -> None:
        self.yes.set(n >= 7)


# ── what cannot be continued ──────────────────────────────────────────────────────────────────


async def test_what_cannot_be_continued_is_refused_with_the_reason(
    lab: Lab, diode_class: type[Node], gate_class: type[Node]
) -> None:
    build(lab, ["linear"], diode_class)
    await lab.run()
    with pytest.raises(RefusedError, match="Run 1 is complete"):
        await look_back(lab.runner, "1")
    await stopped_after(lab, 2)
    sweep = next(node for node in lab.space.nodes if node.name == "Sweep")
    sweep.inputs["stop"].set_value(2.0)
    with pytest.raises(RefusedError, match="not the one that was run: Sweep differs"):
        await look_back(lab.runner, "2")
    sweep.inputs["stop"].set_value(1.0)
    sweep.properties["pos"] = [500, 3]  # where it is drawn does not matter
    assert (await look_back(lab.runner, "2")).first == 3
    gate = lab.add(gate_class)
    sweep.outputs["value"].connect(gate.inputs["x"])
    with pytest.raises(RefusedError, match="not the one that was run: Gate, Sweep differ"):
        await look_back(lab.runner, "2")
    run = await lab.runner.start()
    await asyncio.wait_for(gate.reached.wait(), patience())
    with pytest.raises(RefusedError, match="still going on; stop it first"):
        await look_back(lab.runner, str(run.number))
    gate.open.set()
    await asyncio.wait_for(run.wait(), patience())
    path = lab.store.find("2").path
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE points")
    with pytest.raises(RefusedError, match="Nothing in its file says which points were taken"):
        await look_back(lab.runner, "2")


async def test_a_loop_whose_rounds_are_not_kept_is_refused(
    lab: Lab, diode_class: type[Node]
) -> None:
    lab.space.lib.add_node(ForEachNode, ["Test"])
    loop = lab.add("for_node", input=3)
    scan = lab.add("sweep", points=2)
    loop.outputs["_do" if "_do" in loop.outputs else "do"].connect(scan.inputs["_triggerinput"])
    lab.record(scan.outputs["value"])
    await stopped_after(lab, 1)
    with pytest.raises(RefusedError, match="For each is no scan"):
        await look_back(lab.runner, "1")


async def test_points_of_two_scans_at_once_have_no_order_to_go_on_by(
    lab: Lab, diode_class: type[Node]
) -> None:
    outer = lab.add("sweep", "Outer", points=2)
    for name in ("One", "Two"):
        inner = lab.add("sweep", name, points=3)
        outer.outputs["point"].connect(inner.inputs["_triggerinput"])
        gap = lab.add("settle", time=0.0)
        inner.outputs["point"].connect(gap.inputs["_triggerinput"])
        lab.record(inner.outputs["value"], name=f"R {name}")
    await stopped_after(lab, 2)
    with pytest.raises(RefusedError, match="made their points at the same time"):
        await look_back(lab.runner, "1")


async def test_nothing_is_left_of_a_run_that_took_all_its_points(
    lab: Lab, diode_class: type[Node]
) -> None:
    build(lab, ["linear"], diode_class)
    await lab.run()
    cut_short(lab.store.find("1").path, 100, half=False)
    with pytest.raises(RefusedError, match="Run 1 has taken all of its 4 points"):
        await look_back(lab.runner, "1")


async def test_a_point_that_was_taken_again_is_counted_once(
    lab: Lab, diode_class: type[Node]
) -> None:
    """T11: an outer point that failed was tried anew, with all of its inner points."""
    build(lab, ["linear", "list"], diode_class)
    outer = next(node for node in lab.space.nodes if node.name == "Sweep")
    outer.inputs["on_failure"].set_value("retry")
    diode = next(node for node in lab.space.nodes if node.name == "Diode")
    diode.fails = lambda count, _v: count == 5
    await stopped_after(lab, 8)
    run = await go_on(lab)
    assert (run.done, run.rows) == (12, 5)
