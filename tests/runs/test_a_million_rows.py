"""10⁶ rows: none is lost, and a page of them is read as quickly as of a hundred."""

import time
from pathlib import Path

import msgspec
import pytest

from funcnodes.runs.records import Cell, Column, TableSpec
from funcnodes.runs.store import RunStore

from ..waiting import within

ROWS = 1_000_000
SPEC = TableSpec(
    recorder="rec",
    name="Recorder",
    columns=(Column(name="n", kind="quantity", node="count", port="n"),),
)


@pytest.mark.soak
@pytest.mark.timeout(120)
def test_a_million_rows_are_all_there(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    writer = store.create(graph={}, specs=(SPEC,), nodespace="long")
    writer.opened.result()
    for number in range(ROWS):
        writer.append(0, [Cell(float(number))], wall=float(number), mono=float(number))
    writer.close(msgspec.structs.replace(writer.head, state="complete", ended=0.0)).result()
    run = store.find("latest")
    assert run.count() == ROWS
    for start in (0, ROWS // 2, ROWS - 100):
        began = time.monotonic()
        (page,) = run.rows(start, 100).values
        assert time.monotonic() - began < within(0.25)
        assert list(page) == [float(start + n) for n in range(100)]
