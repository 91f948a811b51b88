"""Reads run files: finished ones, ones being written, and ones whose writer was killed.

Opens read-only, for the length of one question each, so that no reader ever stands in the way of
the writer. What a killed writer left is read from its write-ahead log, even where that log can
only be copied.
"""

import functools
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from funcnodes.core import clock
from funcnodes.errors import RunError
from funcnodes.runs import about, annotations, dataframes, forms, grids, points, schema, seal
from funcnodes.runs.documents import Composer, Document, paged
from funcnodes.runs.maps import RunMap, map_columns, read_map
from funcnodes.runs.points import PointRecord
from funcnodes.runs.records import (
    ENDED,
    FORMAT_VERSION,
    Annotation,
    AnnotationKind,
    DeviceSnapshot,
    Event,
    LogEntry,
    RowPage,
    RunHead,
    TableSpec,
)
from funcnodes.runs.stored import Stored, page_of
from funcnodes.runs.thinning import rows_to_draw
from funcnodes.runs.writer import is_being_written, storage_error

PAGE_ROWS = 20_000
BATCH_ROWS = 5_000
Verdict = Literal["intact", "changed", "unsealed"]
_BUSY_S = 5.0  # the writer folds its log at the end


class RunDigest(msgspec.Struct, frozen=True):
    """What is known of a run but for its rows, events and log, read at once."""

    head: RunHead
    specs: Sequence[TableSpec]
    annotations: Sequence[Annotation]
    snapshots: Sequence[DeviceSnapshot]
    graph: str


class RunReader:
    """One run file, for reading. Holds nothing open between calls."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"<RunReader {self.path}>"

    @property
    def head(self) -> RunHead:
        """What is known of the run now.

        Raises:
            RunError: The file is no run, or of a newer format.
        """
        with self._open() as connection:
            return self._head(connection)

    @functools.cached_property
    def specs(self) -> tuple[TableSpec, ...]:
        """The recorders and their columns, in order."""
        with self._open() as connection:
            return tuple(schema.read_specs(connection))

    def digest(self) -> RunDigest:
        """All but the rows, in one opening of the file.

        Raises:
            RunError: The file is no run, or of a newer format.
        """
        with self._open() as connection:
            (graph,) = connection.execute("SELECT json FROM graph").fetchone() or ("",)
            return RunDigest(
                self._head(connection), schema.read_specs(connection),
                annotations.read(connection), _snapshots(connection), graph,
            )  # fmt: skip

    def count(self, k: int = 0) -> int:
        """How many rows of recorder `k` are committed."""
        with self._open() as connection:
            return _count(connection, k)

    def rows(self, start: int = 0, limit: int = PAGE_ROWS, *, k: int = 0) -> RowPage:
        """At most `limit` committed rows of recorder `k`, from `start` on.

        Raises:
            RunError: The run has no such recorder.
        """
        if not 0 <= k < len(self.specs):
            raise RunError(f"The run {self.path.name} has no recorder {k}.")
        start = max(start, 0)
        with self._open() as connection:
            found = connection.execute(
                f"SELECT * FROM rows_{k} WHERE n >= ? AND n < ? ORDER BY n",
                (start, start + max(limit, 0)),
            ).fetchall()
            return page_of(self.specs[k], start, found, connection)

    def thinned(self, start: int, points: int, *, k: int = 0) -> tuple[RowPage, int]:
        """Rows from `start` on as a plot needs them: about `points` of them at most, with every
        peak of every column.

        Returns:
            The rows, and the number of the first row that they do not stand for.

        Raises:
            RunError: The run has no such recorder.
        """
        if not 0 <= k < len(self.specs):
            raise RunError(f"The run {self.path.name} has no recorder {k}.")
        start, spec = max(start, 0), self.specs[k]
        with self._open() as connection:
            found = rows_to_draw(connection, k, len(spec.columns), start, points)
            page = page_of(spec, start, found, connection)
            return page, found[-1][0] + 1 if found else start

    def map(self, x: str = "", y: str = "", z: str = "", *, cells: int = 200, k: int = 0) -> RunMap:
        """One column as colour over two others, of all committed rows of recorder `k`.

        Args:
            x, y, z: Names of columns; "" for the fastest two axes, or the first two columns, and
                the last one.
            cells: Most along each axis: what is finer shares cells.

        Raises:
            RunError: The run has no such recorder or column, or too few columns.
        """
        if not 0 <= k < len(self.specs):
            raise RunError(f"The run {self.path.name} has no recorder {k}.")
        spec = self.specs[k]
        names = map_columns(spec.columns, x, y, z, axes=[axis.name for axis in spec.axes])
        if "" in names:
            raise RunError(f"A map needs three columns of numbers; {spec.name} has fewer.")
        return self._mapped(k, names, cells)

    def _mapped(self, k: int, names: tuple[str, str, str], cells: int) -> RunMap:
        with self._open() as connection:
            return read_map(connection, k, self.specs[k], names, cells)

    def pages(self, *, k: int = 0, page_rows: int = PAGE_ROWS) -> Iterator[RowPage]:
        """All committed rows of recorder `k`, page by page; ends where there are no more."""
        start = 0
        while len(page := self.rows(start, page_rows, k=k)):
            yield page
            start += len(page)

    def graph(self) -> dict[str, Any]:
        """The nodespace as it was."""
        return msgspec.json.decode(self.graph_text(), type=dict[str, Any])

    def graph_text(self) -> str:
        """The nodespace as it was, letter by letter as the file keeps it."""
        with self._open() as connection:
            (text,) = connection.execute("SELECT json FROM graph").fetchone()
        return str(text)

    def events(self) -> list[Event]:
        """What happened, oldest first."""
        return [
            Event(wall=wall, mono=mono, kind=kind, data=msgspec.json.decode(data))
            for wall, mono, kind, data in self._all("SELECT wall, mono, kind, data FROM events")
        ]

    def log(self) -> list[LogEntry]:
        """The run's log, oldest first."""
        return [
            LogEntry(wall=wall, level=level, source=source, text=text)
            for wall, level, source, text in self._all("SELECT wall, level, source, text FROM log")
        ]

    def point_records(self) -> list[PointRecord]:
        """Which points it took itself, in order; none of a run of an earlier version."""
        with self._open() as connection:
            return points.read(connection)

    def frames(self) -> list[str]:
        """The frames by which points are named, by their number: ids of nodes."""
        with self._open() as connection:
            return points.read_frames(connection)

    def basis(self) -> dict[str, Any]:
        """On which drivers, instruments and limits it stands; {} where that was not kept."""
        with self._open() as connection:
            return points.read_basis(connection)

    @property
    def parts(self) -> "Sequence[RunReader]":
        """The run files that it reads, the oldest first."""
        return (self,)

    def whole(self) -> "RunReader":
        """The data set that it is part of: with all runs before that it goes on with.

        Raises:
            RunError: One of them is missing beside its file.
        """
        from funcnodes.runs.chain import whole

        return whole(self)

    def snapshots(self) -> list[DeviceSnapshot]:
        """The devices' parameters before and after."""
        with self._open() as connection:
            return _snapshots(connection)

    def annotations(self) -> list[Annotation]:
        """What people said of the run afterwards, oldest first."""
        with self._open() as connection:
            return annotations.read(connection)

    def recorder(self, name: str = "") -> int:
        """The number `k` of a recorder.

        Args:
            name: Its name, the id of its node or the name of its stream, where the run has
                several; "" for the first.

        Raises:
            RunError: The run recorded nothing, or has no such recorder.
        """
        if not self.specs:
            raise RunError(f"The run {self.path.name} has no recorder, so it has no rows.")
        for k, spec in enumerate(self.specs):
            if not name or name in (spec.recorder, spec.name, spec.stream):
                return k
        names = ", ".join(spec.name for spec in self.specs)
        raise RunError(f"The run {self.path.name} has no recorder {name!r}; it has {names}.")

    def about(self, recorder: str = "") -> dict[str, str]:
        """All that the run knows of itself and of one recorder, if it has any, as names and texts.

        Raises:
            RunError: The run has no such recorder.
        """
        return dict(self.facts(self.recorder(recorder) if self.specs or recorder else None))

    def facts(self, k: int | None) -> Iterator[tuple[str, str]]:
        """What `about` tells, of recorder `k`, or of a run that recorded nothing."""
        own = [*about.run_facts(self.head), *about.device_facts(self.snapshots())]
        yield from own
        yield from about.imported_facts(self._imported(), dict(own))
        yield from about.annotation_facts(self.annotations())
        if k is not None:
            yield from about.table_facts(self.specs[k], self.count(k))

    def columns(self, k: int, stop: int) -> list[forms.Titled]:
        """The columns of recorder `k` with unique titles, and what all cells before row `stop`
        are."""
        spec = self.specs[k]
        with self._open() as connection:
            found = list(forms.read_forms(connection, k, len(spec.columns), stop))
        return forms.titled(spec, found)

    def batches(self, columns: Sequence[forms.Titled], k: int, stop: int) -> Iterator[forms.Batch]:
        """The rows of recorder `k` before `stop` as arrays, few at a time."""
        began = self.head.started_mono
        for start in range(0, stop, BATCH_ROWS):
            yield self._batch(columns, k, start, min(start + BATCH_ROWS, stop), began)

    def _batch(
        self, columns: Sequence[forms.Titled], k: int, start: int, stop: int, began: float
    ) -> forms.Batch:
        with self._open() as connection:
            found = connection.execute(
                f"SELECT * FROM rows_{k} WHERE n >= ? AND n < ? ORDER BY n", (start, stop)
            ).fetchall()
            rows = Stored(self.specs[k], start, found, connection)
            return forms.stored_batch(rows, began, columns)

    def verify(self) -> Verdict:
        """Whether what was measured is as it was when the run ended; reads all of the file.

        Raises:
            RunError: The run is going on, or the file cannot be read.
        """
        if self.head.state not in ENDED:
            raise RunError(f"{self.path.name} is still being written; verify it when it has ended.")
        with self._open() as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                return "changed"
            kept = seal.kept(connection)
            if not kept:
                return "unsealed"
            return "intact" if seal.sealed(connection) == kept else "changed"

    def annotate(self, kind: AnnotationKind, text: str, author: str = "") -> None:
        """Say something of the run; what was measured is left alone. Takes effect at once.

        Raises:
            RunError: The run is going on, there is nothing to say, or the file cannot be written.
        """
        text = text.strip()
        if not text:
            raise RunError(f"A {kind} without text says nothing.")
        if is_being_written(self.path):
            raise RunError(f"{self.path.name} is still being written; annotate it afterwards.")
        said = Annotation(wall=clock.now(), kind=kind, text=text, author=author)
        _ = self.head  # raises for what is no run
        try:
            with closing(sqlite3.connect(self.path, timeout=_BUSY_S)) as connection, connection:
                annotations.add(connection, said)
        except sqlite3.Error as error:
            raise storage_error(self.path, error) from error

    def documents(self, *, page_rows: int = 0) -> Iterator[Document]:
        """The run as Bluesky documents, in order; rows are read few at a time. A run that is
        going on has no `stop` yet.

        Args:
            page_rows: Rows of an `event_page`; with 0 each row is an `event`.
        """
        found = self._documents()
        return paged(found, page_rows) if page_rows > 0 else found

    def _documents(self) -> Iterator[Document]:
        head = self.head
        composer = Composer(head, self.specs, self.snapshots)
        yield composer.start()
        for k in range(len(self.specs)):
            for page in self.pages(k=k, page_rows=BATCH_ROWS):
                yield from composer.rows(k, page)
        if head.state in ENDED:
            yield composer.stop(head, head.started)

    # ── in memory ─────────────────────────────────────────────────────────────────────────

    def grid(self, recorder: str = "") -> grids.Grid:
        """All rows by cell of the scan; what was not measured is NaN of quality `missing`.

        Raises:
            RunError: As `to_numpy`, or the recorder's rows are points of nothing with a shape.
        """
        k = self.recorder(recorder)
        spec = self.specs[k]
        if not spec.axes:
            raise RunError(f"The rows of {spec.name} have no axes: they are a list.")
        table = self._gathered(recorder)
        return grids.gridded(table, spec.axes, self.places(k, len(table.arrays[about.ROW])))

    def places(self, k: int, stop: int) -> Any:
        """Where the rows of recorder `k` before `stop` belong along its axes: whole numbers by row
        and axis, -1 where that is nowhere."""
        import numpy as np

        count = len(self.specs[k].axes)
        names = ", ".join(f"ifnull(a{j}, -1)" for j in range(count)) or "NULL"
        with self._open() as connection:
            found = connection.execute(
                f"SELECT {names} FROM rows_{k} WHERE n < ? ORDER BY n", (stop,)
            ).fetchall()
        return np.array(found, dtype=np.int64).reshape(len(found), count) if count else None

    # Of a run that goes on with another one: of the whole data set, each row with the number of
    # the run that it came from, unless `only_this` is asked for.

    def column(self, name: str, recorder: str = "", *, only_this: bool = False) -> Any:
        """One column as an array, read without the others: float64 of numbers, NaN where a cell is
        empty; other cells as `to_numpy`.

        Raises:
            RunError: The run has no such recorder, or that no such column.
        """
        run = self if only_this else self.whole()
        return run._column(name, recorder)

    def _column(self, name: str, recorder: str) -> Any:
        import numpy as np

        k = self.recorder(recorder)
        stop = self.count(k)
        spec = self.specs[k]
        names = [column.name for column in spec.columns]
        if name not in names:
            raise RunError(f"{spec.name} has no column {name!r}; it has {', '.join(names)}.")
        i = names.index(name)
        if spec.columns[i].kind in ("number", "quantity"):
            with suppress(TypeError, ValueError):
                return self._numbers(k, i, stop)
        columns = self.columns(k, stop)
        empty = self._batch(columns, k, 0, 0, self.head.started_mono)
        pieces = (each[columns[i].title] for each in self.batches(columns, k, stop))
        return np.concatenate([empty[columns[i].title], *pieces])

    def _numbers(self, k: int, i: int, stop: int) -> Any:
        """Column `i` of recorder `k` before row `stop`, float64.

        Raises:
            TypeError, ValueError: Not all of it are numbers.
        """
        import numpy as np

        with self._open() as connection:
            found = connection.execute(f"SELECT v{i} FROM rows_{k} WHERE n < ? ORDER BY n", (stop,))
            return np.fromiter(chain.from_iterable(found), np.float64, stop)

    def to_numpy(
        self, recorder: str = "", *, shaped: bool = False, only_this: bool = False
    ) -> dict[str, Any]:
        """Arrays by title: `row`, `time` and `elapsed` (both in seconds), then each column and its
        quality ("V", "V quality").

        Numbers are float64 with NaN where a cell is empty, int64 where all are whole; other cells
        are objects as they were.

        Args:
            shaped: By cell of the scan instead of by row: one dimension per axis, and the places
                along each axis by its name (see `grid`).

        Raises:
            RunError: The run recorded nothing, or has no such recorder; `shaped`, and it has no
                axes.
        """
        run = self if only_this else self.whole()
        if not shaped:
            return run._gathered(recorder).arrays
        grid = run.grid(recorder)
        return {each.name: each.values for each in grid.coordinates} | grid.arrays

    def to_pandas(self, recorder: str = "", *, only_this: bool = False) -> Any:
        """A pandas DataFrame; `attrs["units"]` and `attrs["about"]` say the rest.

        Raises:
            RunError: As `to_numpy`, or pandas is missing.
        """
        return dataframes.to_pandas(self._chosen(recorder, only_this))

    def to_polars(self, recorder: str = "", *, only_this: bool = False) -> Any:
        """A polars DataFrame; for units see `about`.

        Raises:
            RunError: As `to_numpy`, or polars is missing.
        """
        return dataframes.to_polars(self._chosen(recorder, only_this))

    def to_xarray(
        self, recorder: str = "", *, shaped: bool | None = None, only_this: bool = False
    ) -> Any:
        """An xarray Dataset with units, quality and what the run knows in `attrs`.

        Args:
            shaped: With one dimension per axis of the scan, else along `row`; None for the axes
                where there are any.

        Raises:
            RunError: As `to_numpy`, or xarray is missing.
        """
        run = self if only_this else self.whole()
        axes = run.specs[run.recorder(recorder)].axes
        if shaped or (shaped is None and axes):
            return grids.to_xarray(run.grid(recorder))
        return dataframes.to_xarray(run._gathered(recorder))

    def _chosen(self, recorder: str, only_this: bool) -> dataframes.Columns:
        run = self if only_this else self.whole()
        return run._gathered(recorder)

    def _gathered(self, recorder: str) -> dataframes.Columns:
        k = self.recorder(recorder)
        stop = self.count(k)
        columns = self.columns(k, stop)
        empty = self._batch(columns, k, 0, 0, self.head.started_mono)
        return dataframes.gathered(
            columns, dict(self.facts(k)), self.batches(columns, k, stop), empty
        )

    def _imported(self) -> dict[str, Any]:
        """What the header of the file said that the run was made of; nothing where it was not."""
        for (data,) in self._all("SELECT data FROM events WHERE kind = 'imported' LIMIT 1"):
            header = msgspec.json.decode(data).get("header")
            return header if isinstance(header, dict) else {}
        return {}

    def _all(self, sql: str) -> list[Any]:
        with self._open() as connection:
            return connection.execute(sql).fetchall()

    def _head(self, connection: sqlite3.Connection) -> RunHead:
        found = connection.execute("SELECT key, value FROM meta").fetchall()
        raw = {key: msgspec.json.decode(value) for key, value in found}
        if raw.get("format", FORMAT_VERSION) > FORMAT_VERSION:
            raise RunError(
                f"{self.path} is a run file of format {raw['format']}; this version of funcnodes "
                f"reads up to {FORMAT_VERSION}."
            )
        head = msgspec.convert(raw, RunHead)
        if head.state in ENDED:
            return head
        return self._unfinished(connection, head)

    def _unfinished(self, connection: sqlite3.Connection, head: RunHead) -> RunHead:
        """A run without an end: either it is going on, or its writer was killed."""
        count = sum(_count(connection, k) for k in range(len(schema.read_specs(connection))))
        if is_being_written(self.path):
            return msgspec.structs.replace(head, rows=count)
        return msgspec.structs.replace(
            head,
            state="interrupted",
            rows=count,
            ended=_last_wall(connection) or head.started,
            message="The process that recorded it ended without closing it.",
        )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if not self.path.is_file():
            raise RunError(f"There is no run file {self.path}.")
        try:
            with closing(_connect(self.path)) as connection:
                try:
                    connection.execute("SELECT 1 FROM meta").fetchone()
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorname not in _NEEDS_WRITING:
                        raise
                else:
                    yield connection
                    return
            with self._copied() as connection:
                yield connection
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise RunError(f"{self.path} is not a run file that can be read: {error}.") from error

    @contextmanager
    def _copied(self) -> Iterator[sqlite3.Connection]:
        """An unfolded file where nothing may be written: read a copy, log included."""
        with tempfile.TemporaryDirectory(prefix="funcnodes-") as folder:
            copy = Path(folder, self.path.name)
            for suffix in ("", "-wal"):
                source = self.path.with_name(self.path.name + suffix)
                if source.exists():
                    shutil.copyfile(source, copy.with_name(copy.name + suffix))
            with closing(_connect(copy)) as connection:
                yield connection


_NEEDS_WRITING = {"SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_READONLY_CANTINIT",
                  "SQLITE_READONLY_RECOVERY", "SQLITE_READONLY_DIRECTORY"}  # fmt: skip


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(os.fspath(path.absolute()))}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)


def _snapshots(connection: sqlite3.Connection) -> list[DeviceSnapshot]:
    rows = connection.execute(
        "SELECT moment, device, wall, parameters FROM snapshots ORDER BY moment DESC"
    )
    return [
        DeviceSnapshot(
            moment=moment, device=device, wall=wall, parameters=msgspec.json.decode(data)
        )
        for moment, device, wall, data in rows
    ]


def _count(connection: sqlite3.Connection, k: int) -> int:
    (last,) = connection.execute(f"SELECT max(n) FROM rows_{k}").fetchone()
    return 0 if last is None else int(last) + 1


def _last_wall(connection: sqlite3.Connection) -> float | None:
    walls: list[float] = []
    for k in range(len(schema.read_specs(connection))):
        row = connection.execute(f"SELECT wall FROM rows_{k} ORDER BY n DESC LIMIT 1").fetchone()
        walls += row or []
    return max(walls, default=None)
