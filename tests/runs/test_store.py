"""One SQLite file per run: kept, found, read while it grows, and after a kill."""

import contextlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from funcnodes.errors import RunError
from funcnodes.runs.records import (
    Cell,
    Column,
    DeviceSnapshot,
    Event,
    LogEntry,
    StorageError,
    TableSpec,
)
from funcnodes.runs.store import RunStore
from funcnodes.runs.writer import RunWriter, is_being_written, storage_error

from ..waiting import eventually, patience
from .other_program import read_by_another_program

Limit = Callable[[float], float]


SPEC = TableSpec(
    recorder="rec",
    name="Recorder",
    columns=(
        Column(name="V", unit="V", kind="quantity", node="read", port="v"),
        Column(name="I", unit="A", kind="quantity", node="read", port="i"),
    ),
)
ANY = TableSpec(recorder="any", name="Anything", columns=(Column(name="x"),))


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@contextlib.contextmanager
def writing(store: RunStore, *specs: TableSpec) -> Iterator[RunWriter]:
    writer = store.create(graph={"nodes": []}, specs=specs or (SPEC,), nodespace="diode")
    writer.opened.result()
    try:
        yield writer
    finally:
        close(writer)


def close(writer: RunWriter, state: str = "complete") -> None:
    head = msgspec.structs.replace(writer.head, state=state, ended=time.time())
    writer.close(head).result()


def append(writer: RunWriter, *rows: tuple[float, float]) -> None:
    for v, i in rows:
        writer.append(0, [Cell(v), Cell(i)], wall=time.time(), mono=time.monotonic())


def test_a_run_comes_back_as_it_was_written(store: RunStore) -> None:
    with writing(store) as writer:
        append(writer, (0.1, 1e-9), (0.2, 2e-9))
        writer.event(Event(wall=1.0, mono=2.0, kind="state", data={"state": "paused"}))
        writer.log(LogEntry(wall=1.0, level="info", source="run", text="begun"))
        snapshot = DeviceSnapshot(
            moment="before", device="smu", wall=1.0, parameters={"output": True}
        )
        writer.snapshot(snapshot)
    run = store.find("latest")
    page = run.rows()
    assert page.table == SPEC
    assert [list(column) for column in page.values] == [[0.1, 0.2], [1e-9, 2e-9]]
    assert page.quality == [["ok", "ok"], ["ok", "ok"]]
    assert (run.head.state, run.head.rows, run.head.nodespace) == ("complete", 2, "diode")
    assert run.graph() == {"nodes": []}
    assert [event.data for event in run.events()] == [{"state": "paused"}]
    assert [entry.text for entry in run.log()] == ["begun"]
    assert run.snapshots() == [snapshot]


@pytest.mark.parametrize(
    "value",
    [0.1, -0.0, 1e308, float("inf"), 7, 2**63 - 1, 2**65, True, "text", "", "=1+1", [1, "a"],
     {"k": [1.5]}, b"\x00\xff", 1 + 2j],
)  # fmt: skip
def test_a_cell_of_any_type_comes_back_as_it_was(store: RunStore, value: object) -> None:
    with writing(store, ANY) as writer:
        writer.append(0, [Cell(value)], wall=0.0, mono=0.0)
    (found,) = store.find("1").rows().values[0]
    expected = repr(value) if isinstance(value, complex) else value
    assert found == expected
    assert type(found) is type(expected)


def test_not_a_number_and_nothing_are_told_apart_by_quality(store: RunStore) -> None:
    """D3, R2: NaN with a quality is a reading; null is none."""
    with writing(store, ANY) as writer:
        for cell in (Cell(float("nan"), "overrange"), Cell(None, "missing"), Cell(float("nan"))):
            writer.append(0, [cell], wall=0.0, mono=0.0)
    page = store.find("1").rows()
    first, second, third = page.values[0]
    assert first != first
    assert second is None
    assert third != third
    assert page.quality == [["overrange", "missing", "ok"]]


def test_arrays_are_kept_as_blocks_beside_the_rows(store: RunStore) -> None:
    wave = np.arange(12, dtype=np.int16).reshape(3, 4)
    with writing(store, ANY) as writer:
        writer.append(0, [Cell(wave)], wall=0.0, mono=0.0)
        writer.append(0, [Cell(np.float64(2.5))], wall=0.0, mono=0.0)
        wave[:] = 0  # what was appended is not changed by what happens to the array later
    block, scalar = store.find("1").rows().values[0]
    assert block.dtype == np.int16
    assert block.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert (scalar, type(scalar)) == (2.5, float)


def test_a_recorder_that_is_added_at_once_is_laid_out_once(store: RunStore) -> None:
    """Also before the file is there: what was asked for first is laid out first."""
    writer = store.create(graph={}, specs=[SPEC])
    assert writer.add(msgspec.structs.replace(SPEC, recorder="more")) == 1
    writer.append(1, [Cell(1.0)] * len(SPEC.columns), wall=1.0, mono=1.0)
    writer.close(writer.head).result(patience())
    reader = store.find("latest")
    assert [spec.recorder for spec in reader.specs] == ["rec", "more"]
    assert (reader.count(0), reader.count(1)) == (0, 1)


def test_rows_are_read_while_the_run_is_being_written(store: RunStore) -> None:
    """R4: what is below the high-water mark is there for every reader."""
    with writing(store) as writer:
        append(writer, *[(n * 1.0, 0.0) for n in range(1000)])
        writer.flush().result()
        assert writer.committed(0) == 1000
        run = store.find("latest")
        assert run.head.state == "running"
        assert run.head.rows == 1000
        assert list(run.rows(990, 5).values[0]) == [990.0, 991.0, 992.0, 993.0, 994.0]
        assert len(run.rows(1000, 5)) == 0
        append(writer, (5.0, 5.0))
    assert store.find("latest").head.rows == 1001


def test_rows_are_committed_without_asking_within_100_ms(store: RunStore) -> None:
    """The mark is published by the writer itself."""
    from threading import Event as Flag

    committed = Flag()
    writer = store.create(graph={}, specs=[SPEC], on_commit=committed.set)
    writer.opened.result()
    append(writer, (1.0, 2.0))
    assert committed.wait(patience())
    assert writer.committed(0) == 1
    close(writer)


def test_a_closed_run_is_one_file_out_of_wal_mode(store: RunStore) -> None:
    """R6."""
    with writing(store) as writer:
        append(writer, (1.0, 2.0))
        assert is_being_written(writer.path)
    assert not is_being_written(writer.path)
    beside = {path.name for path in store.folder.iterdir()} - {".numbers"}
    assert beside == {writer.path.name}
    with contextlib.closing(sqlite3.connect(writer.path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_copied_run_opens_in_a_folder_that_cannot_be_written(store: RunStore) -> None:
    """R6: copied anywhere, by anybody, read-only too."""
    with writing(store) as writer:
        append(writer, (1.0, 2.0))
    with read_only_copy(writer.path) as copy:
        assert list(RunStore(copy.parent).find("1").rows().values[1]) == [2.0]


def test_an_interrupted_run_opens_in_a_folder_that_cannot_be_written(store: RunStore) -> None:
    killed = killed_writer(store.folder, rows=50)
    with read_only_copy(killed, "-wal") as copy:
        run = RunStore(copy.parent).find("latest")
        assert run.head.state == "interrupted"
        assert run.head.rows >= 50


def test_a_killed_writer_loses_at_most_the_last_100_ms(store: RunStore, limit: Limit) -> None:
    """R4: acknowledged rows are kept, and none older than a commit period is missing."""
    killed = killed_writer(store.folder, rows=300)
    acknowledged, moment = killed_writer.last  # type: ignore[attr-defined]
    run = store.find("latest")
    assert run.path == killed
    assert run.head.state == "interrupted"
    assert run.head.message
    rows = run.rows()
    assert len(rows) >= acknowledged > 0
    assert list(rows.values[0]) == [float(n) for n in range(len(rows))]
    assert moment - rows.mono[-1] < limit(0.1 + 0.1)  # the second for what else the machine does


def test_recovery_marks_what_was_killed_and_folds_its_file(store: RunStore) -> None:
    killed = killed_writer(store.folder, rows=20)
    with writing(store) as alive:
        append(alive, (1.0, 2.0))
        found = store.recover()
        assert [head.number for head in found] == [1]
        assert is_being_written(alive.path)
    assert not killed.with_name(killed.name + "-wal").exists()
    assert store.find("1").head.state == "interrupted"
    assert store.recover() == []
    assert store.find("2").head.state == "complete"


def test_runs_are_found_by_number_by_id_and_by_its_beginning(store: RunStore) -> None:
    """R5."""
    for _ in range(3):
        with writing(store):
            pass
    first, second, third = reversed(store.list())
    assert [first.number, second.number, third.number] == [1, 2, 3]
    assert store.find("latest").head == third
    assert store.find("2").head == second
    assert store.find("#2").head == second
    assert store.find(first.id).head == first
    assert store.find(third.id.lower()).head == third
    assert [head.number for head in store.list(2)] == [3, 2]
    with pytest.raises(RunError, match="begins the ids of 3 runs"):
        store.find(third.id[:6])
    with pytest.raises(RunError, match=r"There is no run '17'"):
        store.find("17")
    with pytest.raises(RunError, match="There is no run"):
        store.find("../../etc/passwd")


def test_a_number_is_never_given_twice(store: RunStore) -> None:
    """R5: also not after the newest run was deleted, nor by two stores at once."""
    with writing(store) as first, writing(RunStore(store.folder)) as second:
        assert (first.head.number, second.head.number) == (1, 2)
    second.path.unlink()
    with writing(store) as third:
        assert third.head.number == 3


def test_files_that_are_no_runs_are_left_out_of_the_list(store: RunStore) -> None:
    with writing(store) as writer:
        pass
    good = writer.path
    (store.folder / f"00002-{'0' * 26}.sqlite").write_bytes(b"not a database, but long enough" * 99)
    (store.folder / f"00003-{'1' * 26}.sqlite").touch()
    (store.folder / "notes.sqlite").touch()
    assert [head.number for head in store.list()] == [1]
    with pytest.raises(RunError, match="is not a run file that can be read"):
        store.find("2").rows()
    newer = sqlite3.connect(good)
    newer.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    newer.commit()
    newer.close()
    with pytest.raises(RunError, match="format 99"):
        _ = store.find("1").head


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="is no folder"):
        RunStore(tmp_path / "file" / "runs").create(graph={}, specs=[SPEC])


def test_a_file_that_can_grow_no_more_fails_the_run_and_keeps_what_was_committed(
    store: RunStore,
) -> None:
    """Reliability: disk full while recording."""
    script = FULL.replace("FOLDER", str(store.folder))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    told, committed, at_close = done.stdout.splitlines()
    assert "cannot be written" in told
    assert "cannot be written" in at_close
    run = store.find("1")
    assert run.head.rows == int(committed) > 0
    assert [len(page) for page in run.pages(page_rows=10**6)] == [int(committed)]


def test_after_closing_flush_is_refused_and_closing_again_is_harmless(store: RunStore) -> None:
    with writing(store) as writer:
        pass
    with pytest.raises(StorageError, match="is closed"):
        writer.flush().result()
    close(writer)


FULL = """
import pathlib, resource, time, msgspec
from funcnodes.runs.records import Cell, Column, TableSpec
from funcnodes.runs.store import RunStore
told = []
writer = RunStore(pathlib.Path("FOLDER")).create(
    graph={}, specs=[TableSpec(recorder="r", name="R", columns=(Column(name="x"),))],
    on_failure=told.append,
)
writer.opened.result()
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
n = 0
while writer.failure is None:
    for _ in range(200):
        writer.append(0, [Cell(n * 1.0)], wall=0.0, mono=0.0)
        n += 1
    try:
        writer.flush().result()
    except Exception:
        break
print(told[0])
print(writer.committed(0))
try:
    writer.close(msgspec.structs.replace(writer.head, state="failed")).result()
except Exception as error:
    print(error)
"""

CHILD = """
import pathlib, sys, time
from funcnodes.runs.records import Cell, Column, TableSpec
from funcnodes.runs.store import RunStore
columns = (Column(name="n", kind="number"), Column(name="t", kind="number"))
spec = TableSpec(recorder="r", name="R", columns=columns)
writer = RunStore(pathlib.Path(sys.argv[1])).create(graph={}, specs=[spec])
writer.opened.result()
n = 0
while True:
    writer.append(0, [Cell(float(n)), Cell(0.0)], wall=time.time(), mono=time.monotonic())
    n += 1
    print(writer.path, writer.committed(0), flush=True)
    time.sleep(0.001)
"""


def killed_writer(folder: Path, *, rows: int) -> Path:
    """A run file whose writer was killed after at least `rows` rows were acknowledged."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child, child.stdout:
        for line in child.stdout:
            path, _, committed = line.strip().rpartition(" ")
            if int(committed) >= rows:
                break
        moment = time.monotonic()
        child.send_signal(signal.SIGKILL)
        child.wait()
    killed_writer.last = (int(committed), moment)  # type: ignore[attr-defined]
    return Path(path)


@contextlib.contextmanager
def read_only_copy(run: Path, *suffixes: str) -> Iterator[Path]:
    """The run in a folder, and as a user, that may only read."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        for suffix in ("", *suffixes):
            copy = folder / (run.name + suffix)
            shutil.copyfile(run.with_name(run.name + suffix), copy)
            copy.chmod(0o444)
        folder.chmod(0o555)
        with unprivileged():
            with pytest.raises(OSError, match="denied"):
                (folder / "new").touch()
            yield folder / run.name
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Root may write anywhere; nobody may not."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if before == 0:
            os.seteuid(before)


# ── a program that has the file open (R6) ─────────────────────────────────────────────────


def journal_mode(path: Path) -> str:
    return "wal" if path.read_bytes()[18] == 2 else "delete"


def test_a_run_whose_file_another_program_reads_ends_complete_and_is_folded_later(
    store: RunStore,
) -> None:
    with writing(store) as writer:
        append(writer, (0.1, 1e-9))
        writer.flush().result()
        with read_by_another_program(writer.path) as let_go:
            append(writer, (0.2, 2e-9))
            close(writer)
            assert writer.failure is None
            assert "has the run file open: part of it stays in" in writer.kept_open
            assert re.search(r"process \d+ \(python", writer.kept_open)
            assert journal_mode(writer.path) == "wal"
            head = store.find("latest").head
            assert (head.state, head.rows) == ("complete", 2)
            let_go()
            eventually(lambda: journal_mode(writer.path) == "delete")
    assert sorted(each.name for each in store.folder.iterdir()) == [".numbers", writer.path.name]
    assert len(store.find("latest").rows()) == 2


def test_a_start_of_the_worker_folds_what_a_program_kept_open(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where that program checkpointed by itself, so that only the header is left."""
    monkeypatch.setattr("funcnodes.runs.writer.finish", lambda _: True)  # it leaves it to others
    with writing(store) as writer:
        append(writer, (0.1, 1e-9))
        writer.flush().result()
        with read_by_another_program(writer.path) as let_go:
            append(writer, (0.2, 2e-9))
            close(writer)
            assert store.recover() == []
            assert journal_mode(writer.path) == "wal"
            let_go()
            wal = writer.path.with_name(writer.path.name + "-wal")
            assert not wal.exists()  # SQLite's own, by whoever was the last to close it
            assert store.recover() == []
            assert journal_mode(writer.path) == "delete"
    assert store.find("latest").head.state == "complete"


def test_the_next_look_at_a_run_folds_it(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("funcnodes.runs.writer.finish", lambda _: True)  # it leaves it to others
    with writing(store) as writer:
        append(writer, (0.1, 1e-9))
        writer.flush().result()
        with read_by_another_program(writer.path):
            close(writer)
            assert journal_mode(writer.path) == "wal"
    assert len(store.find("1").rows()) == 1
    assert journal_mode(writer.path) == "delete"


def test_a_file_that_another_program_keeps_locked_is_named(store: RunStore) -> None:
    with writing(store) as writer:
        blocker = sqlite3.connect(writer.path, isolation_level=None)
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorname = "SQLITE_BUSY"
        said = storage_error(writer.path, error)
        blocker.close()
    assert said.message.endswith("this program keeps it locked.")
