"""Writes one run into one SQLite file, from a thread of its own.

Guarantees: a row below `committed(k)` survives `kill -9` and power loss (WAL, synchronous=FULL);
any row is below it at most 100 ms after `append`; readers never block it, nor it them. Closing
folds the write-ahead log into the file, so that the one file can be copied and opened anywhere
(R6); where another program has it open that is done once that lets go. While it writes, a hidden
file beside the run is locked: without that lock the run is over. That file also reserves some
disk, so that a run which filled the disk can still say so.
"""

import fcntl
import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from funcnodes.devices.addresses.holders import who_has
from funcnodes.durable import sync_folder
from funcnodes.runs import schema
from funcnodes.runs.cells import encode
from funcnodes.runs.flat import FlatRows
from funcnodes.runs.records import (
    QUALITIES,
    Cell,
    DeviceSnapshot,
    Event,
    LogEntry,
    RunHead,
    StorageError,
    TableSpec,
)
from funcnodes.runs.seal import SealAside, keep

COMMIT_S = 0.09
"""From the first row to its commit; what is left of 100 ms is for the commit itself."""

RESERVE_BYTES = 256 * 1024
BATCH_BYTES = 32 * 1024 * 1024
"""Of arrays in one transaction: larger ones are slower, and keep who waits for a flush waiting."""

ARRAY_PAGE_BYTES = 8192
"""Of a file with arrays, which are cut into pages: fewer and larger ones take a third less time."""

_LOCKED_FOR_MS = 5000  # a reader may hold the file for the length of one page
_FOLD_FOR_MS = 500  # so that no reader holds up the end of a run
FOLD_AGAIN_S = 2.0

_MODE_AT = 18  # in the header: 2 for WAL (SQLite's file format, 1.3)
_log = logging.getLogger(__name__)

_CODE = {quality: code for code, quality in enumerate(QUALITIES)}

_INSERT_POINT = "INSERT INTO points (wall, path, rows, facts) VALUES (?, ?, ?, ?)"
_INSERT_BLOCK = "INSERT INTO blobs VALUES (?, ?, ?, ?)"

Statement = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Flush:
    done: Future[None]


@dataclass(frozen=True, slots=True)
class _Close:
    head: RunHead
    done: Future[None]


_Item = FlatRows | Statement | _Flush | _Close


class RunWriter:
    """The only writer of a run file.

    Methods may be called from one thread, the loop's; none of them blocks. The callbacks are
    called from the writer's own thread.
    """

    def __init__(
        self,
        path: Path,
        head: RunHead,
        *,
        graph: str = "{}",
        specs: Sequence[TableSpec] = (),
        frames: Sequence[tuple[str, bool]] = (),
        on_commit: Callable[[], None] = lambda: None,
        on_failure: Callable[[StorageError], None] = lambda _: None,
        commit_s: float = COMMIT_S,
    ) -> None:
        self.path = path
        self.head = head
        self.specs = self.first_specs = tuple(specs)
        self.snapshots: list[DeviceSnapshot] = []  # those of before
        self.failure: StorageError | None = None
        self.kept_open = ""  # why it is not one file yet, though the run is over
        self.opened: Future[None] = Future()
        self._graph, self._frames = graph, tuple(frames)
        self._on_commit, self._on_failure = on_commit, on_failure
        self._commit_s = commit_s
        self._appended = [0] * len(self.specs)
        self._committed = [0] * len(self.specs)
        self._widths = [schema.width(spec) for spec in self.specs]
        self._axes = [len(spec.axes) for spec in self.specs]
        self._blobs = 0
        self._seal = SealAside()
        self._items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._growing: FlatRows | None = None  # the last item, as long as rows may be added to it
        self._taking = threading.Lock()  # held while rows are added, or are said to be complete
        self._hurry = threading.Event()
        self._closing: Future[None] | None = None
        self._is_behind = False  # whether what is queued is due at once
        self._ended = False  # set before the last look at the queue, so that nobody waits for ever
        self._thread = threading.Thread(target=self._serve, name=f"writer {path.name}", daemon=True)
        self._thread.start()

    # ── called from the loop ──────────────────────────────────────────────────────────────

    def append(
        self,
        k: int,
        cells: Sequence[Cell],
        *,
        wall: float,
        mono: float,
        places: Sequence[int | None] = (),
    ) -> int:
        """Queue one row of recorder `k`; returns its index.

        Args:
            places: Where it belongs, one per axis; () for nowhere.

        Raises:
            ValueError: These are not as many cells as columns, or places as axes.
        """
        n = self._appended[k]
        row: list[Any] = [n, wall + 0.0, mono + 0.0]  # SQLite knows no -0.0 there
        add = row.append
        for cell in cells:
            value = cell.value
            add(value if type(value) is float and value == value else encode(value, self))
            add(_CODE[cell.quality])
        axes = self._axes[k]
        if axes:
            row += places or (None,) * axes
        if len(row) != self._widths[k]:
            raise ValueError(f"{len(row)} cells are no row of recorder {k}: {self._widths[k]} are.")
        self._appended[k] = n + 1
        with self._taking:
            rows = self._growing
            if rows is None or rows.k != k:
                self._growing = rows = FlatRows(k, self._widths[k])
                self._items.put(rows)
            rows.cells += row
        return n

    def add(self, spec: TableSpec) -> int:
        """Queue a recorder beside those that were there from the beginning; returns its `k`."""
        k = len(self.specs)
        self.specs = (*self.specs, spec)
        self._axes.append(len(spec.axes))
        self._appended.append(0)
        self._committed.append(0)
        self._widths.append(schema.width(spec))
        for sql, parameters in schema.addition(k, spec):
            self._execute(sql, parameters)
        return k

    def committed(self, k: int) -> int:
        """How many rows of recorder `k` are on disk for good (R4)."""
        return self._committed[k]

    def point(self, wall: float, path: str, rows: str, facts: str) -> None:
        """Queue a point that was taken; what was appended before it is on disk with it, or first.

        See `points` for what the texts mean.
        """
        self._execute(_INSERT_POINT, (wall, path, rows, facts))

    def event(self, event: Event) -> None:
        """Queue an event of the run."""
        data = msgspec.json.encode(event.data, enc_hook=repr).decode()
        row = (event.wall, event.mono, event.kind, data)
        self._execute("INSERT INTO events (wall, mono, kind, data) VALUES (?, ?, ?, ?)", row)

    def log(self, entry: LogEntry) -> None:
        """Queue a line of the run's log."""
        row = (entry.wall, entry.level, entry.source, entry.text)
        self._execute("INSERT INTO log (wall, level, source, text) VALUES (?, ?, ?, ?)", row)

    def snapshot(self, snapshot: DeviceSnapshot) -> None:
        """Queue the parameters of one device."""
        if snapshot.moment == "before":
            self.snapshots.append(snapshot)
        data = msgspec.json.encode(snapshot.parameters, enc_hook=repr).decode()
        row = (snapshot.moment, snapshot.device, snapshot.wall, data)
        self._execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)", row)

    def write_head(self, head: RunHead) -> None:
        """Queue what has changed of the head."""
        self.head = head
        for sql, parameters in _head_statements(head):
            self._execute(sql, parameters)

    def flush(self) -> Future[None]:
        """Done once everything queued so far is on disk; fails with StorageError."""
        done: Future[None] = Future()
        self._urge(_Flush(done))
        return done

    def close(self, head: RunHead) -> Future[None]:
        """Write the last head, fold the file into one, end the thread. Repeating is harmless."""
        if self._closing is None:
            self._closing = Future()
            self._urge(_Close(head, self._closing))
        return self._closing

    @property
    def progress(self) -> tuple[int, ...]:
        """Changes as long as its thread gets anywhere."""
        return (*self._committed, self._items.qsize(), self._thread.is_alive())

    @property
    def is_turning(self) -> bool:
        """Whether its file is just being opened or closed, in its thread."""
        return not self.opened.done() or (self._closing is not None and not self._closing.done())

    # ── ArrayStore ────────────────────────────────────────────────────────────────────────

    def put(self, array: Any) -> int:
        """Queue an array as a block; returns the number by which its cell finds it."""
        self._blobs += 1
        shape = ",".join(str(length) for length in array.shape)
        row = (self._blobs, array.dtype.str, shape, array.tobytes())
        self._execute(_INSERT_BLOCK, row)
        return self._blobs

    def get(self, number: int) -> Any:
        """Never called: a writer reads nothing back."""
        raise NotImplementedError(f"block {number} is read through RunReader")

    def _urge(self, item: _Item) -> None:
        self._put(item)
        self._hurry.set()
        if self._ended:
            self._refuse_rest()

    def _execute(self, sql: str, parameters: tuple[Any, ...]) -> None:
        self._put((sql, parameters))

    def _put(self, item: _Item) -> None:
        """Queue what comes after all rows so far."""
        self._growing = None
        self._items.put(item)

    # ── the writer's thread ───────────────────────────────────────────────────────────────

    def _serve(self) -> None:
        """Ends by itself only; whoever waits for it hears of whatever ends it."""
        try:
            self._write_all()
        except BaseException as error:
            self.failure = self.failure or storage_error(self.path, error)
            if not self.opened.done():
                self.opened.set_exception(self.failure)
            else:
                _log.exception("The writer of %s was lost", self.path)
                self._on_failure(self.failure)
        finally:
            self._ended = True
            self._seal.close()
            if self._closing is not None:
                self._answer(self._closing)
            self._refuse_rest()

    def _write_all(self) -> None:
        reserve: _Reserve | None = None
        try:
            reserve = _Reserve(self.path)
            connection = self._create()
            self.opened.set_result(None)
            last: _Close | None = None
            while last is None:
                batch, began = self._next_batch(), time.monotonic()
                last = self._commit(connection, batch, reserve)
                self._is_behind |= time.monotonic() - began > self._commit_s
            self._finish(connection, last, reserve)
        finally:
            if reserve is not None:
                reserve.release()

    def _create(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute(f"PRAGMA busy_timeout = {_LOCKED_FOR_MS}")
        if any(column.kind == "array" for spec in self.first_specs for column in spec.columns):
            connection.execute(f"PRAGMA page_size = {ARRAY_PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        with _transaction(connection):
            schema.create(connection, self._graph, self.first_specs, self._frames)
            for sql, parameters in _head_statements(self.head):
                connection.execute(sql, parameters)
        sync_folder(self.path.parent)
        return connection

    def _next_batch(self) -> list[_Item]:
        """The next item, and all that comes until its commit is due, but not too many bytes."""
        batch = [self._items.get()]
        if not self._is_behind:
            self._hurry.wait(self._commit_s)
            self._hurry.clear()
        left, take = BATCH_BYTES, self._items.get_nowait
        try:
            while left > 0:
                item = take()
                batch.append(item)
                if type(item) is tuple and item[0] is _INSERT_BLOCK:
                    left -= len(item[1][3])
        except queue.Empty:
            pass
        self._is_behind = left <= 0
        with self._taking:
            self._growing = None
        return batch

    def _commit(
        self, connection: sqlite3.Connection, batch: list[_Item], reserve: "_Reserve"
    ) -> _Close | None:
        if self.failure is None:
            try:
                self._write(connection, batch)
            except (sqlite3.Error, ValueError, OverflowError) as error:
                reserve.give_up()
                self.failure = storage_error(self.path, error)
                self._on_failure(self.failure)
        for item in batch:
            if isinstance(item, _Flush):
                self._answer(item.done)
        return next((item for item in batch if isinstance(item, _Close)), None)

    def _write(self, connection: sqlite3.Connection, batch: list[_Item]) -> None:
        rows: dict[int, FlatRows] = {}
        blocks: list[tuple[Any, ...]] = []
        points: list[tuple[Any, ...]] = []
        with _transaction(connection):
            for item in batch:
                if isinstance(item, FlatRows):
                    if rows.setdefault(item.k, item) is not item:
                        rows[item.k].cells += item.cells
                elif isinstance(item, tuple):
                    sql, parameters = item
                    if sql is _INSERT_POINT:
                        points.append(parameters)
                        continue
                    connection.execute(sql, parameters)
                    if sql is _INSERT_BLOCK:
                        blocks.append(parameters)
            for each in rows.values():
                each.insert(connection)
            if points:
                connection.executemany(_INSERT_POINT, points)
        for point in points:
            self._seal.point(point)
        self._seal.blocks(blocks)
        for k, each in rows.items():
            self._seal.rows(k, each.by_row())
            self._committed[k] += len(each)
        if rows:
            self._on_commit()

    def _finish(self, connection: sqlite3.Connection, last: _Close, reserve: "_Reserve") -> None:
        reserve.give_up()
        is_folded = True
        head = msgspec.structs.replace(last.head, rows=sum(self._committed))
        try:
            with _transaction(connection):
                for sql, parameters in _head_statements(head):
                    connection.execute(sql, parameters)
                keep(connection, self._seal.text(connection))
            self.head = head
            is_folded = fold(connection)
        except sqlite3.Error as error:
            self.failure = self.failure or storage_error(self.path, error)
        finally:
            connection.close()
            reserve.release()
        sync_folder(self.path.parent)
        self.kept_open = "" if is_folded else _in_two_parts(self.path)
        self._ended = True
        self._answer(last.done)
        self._refuse_rest()
        while not is_folded:
            time.sleep(FOLD_AGAIN_S)
            is_folded = finish(self.path)

    def _answer(self, done: Future[None]) -> None:
        """Once; nobody may wait any more."""
        with suppress(InvalidStateError):
            if self.failure is not None:
                done.set_exception(self.failure)
            else:
                done.set_result(None)

    def _refuse_rest(self) -> None:
        """What comes after the end is dropped; who waits is told."""
        while True:
            try:
                item = self._items.get_nowait()
            except queue.Empty:
                return
            if isinstance(item, _Close):
                self._answer(item.done)
            elif isinstance(item, _Flush):
                with suppress(InvalidStateError):
                    item.done.set_exception(
                        self.failure or StorageError(f"The run file {self.path} is closed.")
                    )


class _transaction:
    """Commit at the end of the block, roll back where it raises."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self._connection.execute("COMMIT")
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


class _Reserve:
    """The hidden file beside a run: locked while it is written, and some disk kept back."""

    def __init__(self, run: Path) -> None:
        self._path = lock_path(run)
        self._fd = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            os.posix_fallocate(self._fd, 0, RESERVE_BYTES)
        except OSError:
            self.release()
            raise

    def give_up(self) -> None:
        """Let the last words of the run have the disk that was kept back."""
        os.ftruncate(self._fd, 0)

    def release(self) -> None:
        """Repeating is harmless."""
        if self._fd >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1


def lock_path(run: Path) -> Path:
    """The hidden file that is locked while `run` is being written."""
    return run.with_name(f".{run.name}.writing")


def is_being_written(run: Path) -> bool:
    """Whether some process, this one included, is writing `run` now."""
    try:
        fd = os.open(lock_path(run), os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def fold(connection: sqlite3.Connection) -> bool:
    """Fold the write-ahead log into the file and leave WAL mode (R6).

    Returns:
        Whether that is done; not while another program has the file open. As much of the log is
        in the file then as that one lets, and all of it is kept.
    """
    connection.execute(f"PRAGMA busy_timeout = {_FOLD_FOR_MS}")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError as error:
        if not _is_locked(error):
            raise
        return False
    return bool(mode == "delete")


def _in_two_parts(run: Path) -> str:
    return (
        f"All rows are kept, but {who_has(str(run))} has the run file open: part of it stays in "
        f"{run.name}-wal until that program closes it. Copy both files, or wait."
    )


def is_unfolded(run: Path) -> bool:
    """Whether the file of a run is in WAL mode still."""
    try:
        with run.open("rb") as file:
            return os.pread(file.fileno(), 1, _MODE_AT) == b"\2"
    except OSError:
        return False


def finish(run: Path) -> bool:
    """Fold the file of a run that has ended; false while another program has it open."""
    if not is_unfolded(run):
        return True
    try:
        with closing(sqlite3.connect(run, isolation_level=None)) as connection:
            return fold(connection)
    except sqlite3.Error as error:
        _log.warning("%s", storage_error(run, error))
        return not _is_locked(error)


def _is_locked(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def storage_error(path: Path, error: BaseException) -> StorageError:
    """Say in one sentence why `path` cannot be written."""
    full = getattr(error, "sqlite_errorname", "") == "SQLITE_FULL"
    if full or (isinstance(error, OSError) and error.errno == 28):
        return StorageError(
            f"The run file {path} cannot be written: the disk is full.",
            hint="Free some space; the rows recorded so far are kept.",
            path=str(path),
        )
    if isinstance(error, sqlite3.Error) and _is_locked(error):
        return StorageError(
            f"The run file {path} cannot be written: {who_has(str(path))} keeps it locked.",
            hint="Programs that only read it are no hindrance.",
            path=str(path),
        )
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return StorageError(f"The run file {path} cannot be written: {why}.", path=str(path))


def _head_statements(head: RunHead) -> list[Statement]:
    return [
        ("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, msgspec.json.encode(value).decode()))
        for key, value in msgspec.structs.asdict(head).items()
    ]
