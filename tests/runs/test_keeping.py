"""What was measured stays as it was: checksums, words said afterwards, the bin."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import pytest

from funcnodes.errors import RunError
from funcnodes.runs import RunReader, RunStore
from funcnodes.runs.export import csv_text
from funcnodes.runs.records import Cell, Column, LogEntry, TableSpec, tags_of

from .recorded import diode, recorded


@pytest.fixture
def run(tmp_path: Path) -> RunReader:
    return diode(tmp_path)


def change(run: RunReader, sql: str) -> None:
    with closing(sqlite3.connect(run.path)) as connection, connection:
        assert connection.execute(sql).rowcount == 1


def test_a_closed_run_is_intact(run: RunReader) -> None:
    assert run.verify() == "intact"


@pytest.mark.parametrize(
    "value",
    [0.0, -0.0, 1e308, float("inf"), float("nan"), None, 2**63 - 1, -(2**63), 2**70, "", "µ\n",
     b"\0", True, [1, {"a": None}], np.zeros((2, 0)), np.float32(0.1), "\ud800"],
)  # fmt: skip
def test_every_cell_is_sealed_as_it_lies_in_the_file(tmp_path: Path, value: object) -> None:
    spec = TableSpec(recorder="r", name="R", columns=(Column(name="x"),))
    writer = RunStore(tmp_path).create(graph={}, specs=[spec])
    writer.opened.result()
    writer.append(0, [Cell(value)], wall=-0.0, mono=3)
    writer.log(LogEntry(wall=0.0, level="info", source="s", text="t"))
    k = writer.add(msgspec.structs.replace(spec, name="late"))
    writer.append(k, [Cell(value)], wall=1.5, mono=-0.0)
    writer.close(msgspec.structs.replace(writer.head, state="complete")).result()
    assert RunReader(writer.path).verify() == "intact"


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE rows_0 SET v0 = v0 + 1e-15 WHERE n = 1",
        "UPDATE rows_0 SET q0 = 1 WHERE n = 0",
        "DELETE FROM rows_0 WHERE n = 2",
        "UPDATE rows_0 SET mono = mono + 1 WHERE n = 2",
        "UPDATE blobs SET data = zeroblob(24) WHERE id = 2",
        "UPDATE columns SET unit = 'mV' WHERE i = 0",
        "UPDATE meta SET value = '\"no\"' WHERE key = 'simulated'",
        "UPDATE snapshots SET parameters = '{}' WHERE device = 'smu'",
        "UPDATE graph SET json = '[]'",
        "INSERT INTO events (wall, mono, kind, data) VALUES (0, 0, 'x', '{}')",
        "INSERT INTO log (wall, level, source, text) VALUES (0, 'info', 'x', 'y')",
    ],
)
def test_whatever_is_changed_afterwards_is_found(run: RunReader, sql: str) -> None:
    change(run, sql)
    assert run.verify() == "changed"


def test_a_recorder_without_rows_leaves_the_run_intact(tmp_path: Path) -> None:
    assert recorded(tmp_path, (Column(name="x"),), []).verify() == "intact"


def test_a_run_of_an_earlier_version_has_no_checksum(run: RunReader) -> None:
    change(run, "DELETE FROM meta WHERE key = 'seal'")
    assert run.verify() == "unsealed"


def test_words_said_afterwards_leave_what_was_measured_intact(run: RunReader) -> None:
    before = run.rows()
    run.annotate("tag", "good")
    run.annotate("tag", "paper")
    run.annotate("note", "Contact 3 was loose.", "ada")
    run.annotate("untag", "good")
    assert tags_of(run.annotations()) == ["paper"]
    assert run.verify() == "intact"
    assert run.rows().values[0] == before.values[0]
    text = csv_text(run)
    assert "# tags: paper\n" in text
    assert " by ada: Contact 3 was loose.\n" in text


def test_a_run_that_goes_on_is_neither_verified_annotated_nor_deleted(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    writer = store.create(graph={}, specs=[])
    writer.opened.result()
    run = RunReader(writer.path)
    for refused in (run.verify, lambda: run.annotate("tag", "x"), lambda: store.delete("1")):
        with pytest.raises(RunError, match="still being written"):
            refused()
    writer.close(writer.head).result()


def test_nothing_is_said_by_an_empty_note(run: RunReader) -> None:
    with pytest.raises(RunError, match="says nothing"):
        run.annotate("note", "  ")


def test_a_file_that_is_no_run_is_not_written_to(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    other.write_bytes(b"")
    with pytest.raises(RunError, match="not a run file"):
        RunReader(other).annotate("tag", "x")
    assert other.read_bytes() == b""


def test_an_interrupted_run_is_sealed_when_it_is_found(tmp_path: Path) -> None:
    """R6: what a killed writer left, as it is found."""
    run = diode(tmp_path)
    change(run, "DELETE FROM meta WHERE key = 'seal'")
    change(run, "UPDATE meta SET value = '\"running\"' WHERE key = 'state'")
    with closing(sqlite3.connect(run.path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    assert [head.state for head in RunStore(tmp_path).recover()] == ["interrupted"]
    assert run.verify() == "intact"


# ── the bin ───────────────────────────────────────────────────────────────────────────────────


def test_a_deleted_run_lies_in_the_bin_until_it_is_restored(tmp_path: Path) -> None:
    """R5: its number is not given again."""
    run = diode(tmp_path)
    store, text, head = RunStore(tmp_path), csv_text(run), run.head
    store.delete("1")
    assert (store.list(), [head.id for head in store.bin.list()]) == ([], [head.id])
    other = recorded(tmp_path, (Column(name="x"),), [])
    assert other.head.number == 2
    store.restore(head.id)
    assert [head.number for head in store.list()] == [2, 1]
    assert csv_text(store.find("1")) == text
    assert store.find("1").verify() == "intact"


def test_what_is_not_there_is_neither_deleted_nor_restored(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run"):
        RunStore(tmp_path).delete("1")
    with pytest.raises(RunError, match="no run"):
        RunStore(tmp_path).restore("1")


def test_a_run_that_another_program_reads_in_two_parts_stays(tmp_path: Path) -> None:
    """Half of a run is never moved."""
    run = diode(tmp_path)
    with closing(sqlite3.connect(run.path)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN")
        other.execute("SELECT * FROM meta").fetchone()
        with pytest.raises(RunError, match="open in another program"):
            RunStore(tmp_path).delete("1")
    assert os.path.exists(run.path)
