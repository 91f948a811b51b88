"""A run that ended early goes on at its next point; both are read as one data set."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from funcnodes.core import Node, NodeInput, NodeOutput
from funcnodes.errors import RefusedError, RunError
from funcnodes.runs import Run, RunReader
from funcnodes.runs.continuing import look_back
from funcnodes.runs.export import csv_text

from ..waiting import patience, until
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


def build(lab: Lab, shapes: list[str], diode: type[Node]) -> None:
    """Scans inside each other, the outermost first, with one column each and what is measured."""
    scans = [SHAPES[shape](lab) for shape in shapes]
    node = lab.add(diode)
    for outer, inner in zip(scans, scans[1:], strict=False):
        outer.outputs["point"].connect(inner.inputs["_triggerinput"])
    inner = scans[-1]
    value = inner.outputs.get("value") or inner.outputs["index"]
    value.connect(node.inputs["v"])
    columns = [scan.outputs.get("value") or scan.outputs["index"] for scan in scans]
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

    async def check() -> None:
        lab = Lab(tmp_path_factory.mktemp("lab"))
        build(lab, shapes, diode_class)
        run = await lab.run()
        assert run.state == "complete", run.message
        expected = table(lab.store.find("1"))
        try:
            for times in range(data.draw(st.integers(1, 3), label="times")):
                reader = lab.store.find("latest")
                records = len(reader.point_records())
                cut_short(
                    reader.path,
                    data.draw(st.integers(0, records), label="cut"),
                    half=data.draw(st.booleans(), label="half"),
                )
                try:
                    run = await go_on(lab)
                except RefusedError as error:
                    assert "has taken all" in error.message
                    break
                assert run.done == len(expected)
                assert table(lab.store.find(run.id)) == expected, times
        finally:
            await lab.runner.aclose()
            await lab.space.aclose()

    asyncio.run(check())
