"""Many rows at a time: what reaches the file, its order, and its seal."""

import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest

from funcnodes.runs import RunReader
from funcnodes.runs.records import Cell, Column, RunHead, TableSpec
from funcnodes.runs.seal import Seal
from funcnodes.runs.store import RunStore
from funcnodes.runs.writer import ARRAY_PAGE_BYTES, RunWriter

from ..waiting import patience


def spec(*names: str, kind: str = "quantity") -> TableSpec:
    columns = tuple(Column(name=name, kind=kind) for name in names)
    return TableSpec(recorder=names[0], name=names[0], columns=columns)


def opened(folder: Path, *specs: TableSpec) -> RunWriter:
    writer = RunStore(folder).create(graph={}, specs=specs)
    writer.opened.result(patience())
    return writer


def ended(writer: RunWriter) -> RunReader:
    head: RunHead = msgspec.structs.replace(writer.head, state="complete", ended=0.0)
    writer.close(head).result(patience())
    return RunReader(writer.path)


@pytest.mark.parametrize("width", [1, 8, 60, 600])
def test_rows_of_any_width_and_number_come_back_sealed(tmp_path: Path, width: int) -> None:
    """R4: one statement takes many rows, and the rest one by one, whatever does not fit."""
    writer = opened(tmp_path, spec(*(f"c{i}" for i in range(width))))
    for n in range(334):
        writer.append(0, [Cell(n + i / 1000) for i in range(width)], wall=n, mono=n)
        if n in (0, 1, 100):
            writer.flush().result(patience())
    assert writer.committed(0) == 101
    run = ended(writer)
    page = run.rows()
    assert list(page.values[width - 1]) == [n + (width - 1) / 1000 for n in range(334)]
    assert list(page.mono) == list(range(334))
    assert run.verify() == "intact"


def test_rows_that_come_while_others_are_taken_are_neither_lost_nor_doubled(
    tmp_path: Path,
) -> None:
    """Two recorders in turn and in bursts, an event between them, a thread that urges."""
    writer, is_over = opened(tmp_path, spec("a"), spec("b", "c")), threading.Event()

    def urge() -> None:
        while not is_over.is_set():
            writer._hurry.set()  # as a flush does, but from anywhere
            is_over.wait(0.001)

    urging, switching = threading.Thread(target=urge), sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    urging.start()
    try:
        for n in range(6_000):
            writer.append(0, [Cell(float(n))], wall=n, mono=n)
            if n % 7 == 0 or 2_000 < n < 3_000:
                writer.append(1, [Cell(float(n)), Cell(None, "missing")], wall=n, mono=n)
            if n % 500 == 0:
                writer.write_head(writer.head)
    finally:
        sys.setswitchinterval(switching)
        is_over.set()
        urging.join()
    run = ended(writer)
    assert list(run.column("a")) == list(range(6_000))
    beside = [n for n in range(6_000) if n % 7 == 0 or 2_000 < n < 3_000]
    assert list(run.rows(k=1).values[0]) == beside
    assert run.verify() == "intact"


@pytest.mark.parametrize("cells", [[], [Cell(1.0)], [Cell(1.0)] * 3])
def test_a_row_of_another_width_is_refused_and_the_others_are_kept(
    tmp_path: Path, cells: list[Cell]
) -> None:
    writer = opened(tmp_path, spec("a", "b"))
    writer.append(0, [Cell(1.0), Cell(2.0)], wall=0, mono=0)
    with pytest.raises(ValueError, match="no row of recorder 0"):
        writer.append(0, cells, wall=1, mono=1)
    assert writer.append(0, [Cell(3.0), Cell(4.0)], wall=2, mono=2) == 1
    assert list(ended(writer).column("b")) == [2.0, 4.0]


def test_arrays_are_sealed_beside_their_writing_in_their_order(tmp_path: Path) -> None:
    """Also where several batches are under way, and in pages that suit them."""
    writer = opened(tmp_path, spec("wave", kind="array"))
    waves = [np.arange(size, dtype="f8") for size in (0, 1, 31, 32, 8_191, 8_192, 70_000)]
    for n, wave in enumerate(waves):
        writer.append(0, [Cell(wave)], wall=n, mono=n)
        writer.flush().result(patience())
    run = ended(writer)
    for found, wave in zip(run.rows().values[0], waves, strict=True):
        np.testing.assert_array_equal(found, wave)
    assert run.verify() == "intact"
    assert int.from_bytes(run.path.read_bytes()[16:18], "big") == ARRAY_PAGE_BYTES


@pytest.mark.parametrize("size", [0, 255, 256, 2**16 - 1, 2**16])
def test_an_array_is_hashed_without_a_copy_as_with_one(size: int) -> None:
    """So that runs of earlier versions keep the checksum that they were given."""
    block = (7, "<f8", "3,4", bytes(size))
    piecewise, whole = Seal(), Seal()
    piecewise.block(block)
    whole._blocks.update(msgspec.msgpack.encode(block))
    assert piecewise._blocks.digest() == whole._blocks.digest()
