"""A run and those that it goes on with, read as one data set.

Rows are in the order of their points. What a point left behind that was not taken to its end is no
part of it, since a later run has taken that point again. Every row tells the number of the run
that it came from, in a column of its own. A clock that never steps does not run while nothing is
recorded: from one run to the next, elapsed time is that of the other clock.
"""

import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from funcnodes.errors import RunError
from funcnodes.runs import about, forms, schema
from funcnodes.runs.grids import Grid
from funcnodes.runs.maps import RunMap, read_map
from funcnodes.runs.names import unique
from funcnodes.runs.points import PointRecord, Tally
from funcnodes.runs.reader import PAGE_ROWS, RunDigest, RunReader
from funcnodes.runs.records import (
    QUALITIES,
    Annotation,
    Column,
    DeviceSnapshot,
    Event,
    LogEntry,
    RowPage,
    RunHead,
    TableSpec,
)

RUN_NUMBER = "run number"
"""The column that tells which run a row came from."""


def whole(run: RunReader) -> RunReader:
    """The data set that ends with `run`: itself where it goes on with no other.

    Raises:
        RunError: A run that it goes on with is missing, or its columns are others.
    """
    if len(run.parts) > 1 or run.head.continues is None:
        return run
    parts = [run]
    while (before := parts[0].head.continues) is not None:
        found = list(run.path.parent.glob(f"*-{before.run}.sqlite"))
        if not found:
            raise RunError(
                f"Run {parts[0].head.number} goes on with run {before.number} ({before.run}), "
                f"which is not beside it in {run.path.parent}.",
                hint="With --only-this, or only_this=True, it is read by itself.",
            )
        parts.insert(0, RunReader(found[0]))
    return RunChain(parts)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows of one recorder in one file: `start` to `stop` of the whole, `start` its own first."""

    part: int
    k: int
    start: int
    stop: int


class RunChain(RunReader):
    """Several runs as one; each of them goes on with the one before."""

    def __init__(self, parts: Sequence[RunReader]) -> None:
        super().__init__(parts[-1].path)
        self._parts = tuple(parts)
        self._heads = tuple(part.head for part in parts)

    def __repr__(self) -> str:
        return f"<RunChain {self.numbers}>"

    @property
    def parts(self) -> Sequence[RunReader]:
        return self._parts

    @property
    def numbers(self) -> str:
        """The numbers of its runs, "5, 6"."""
        return ", ".join(str(head.number) for head in self._heads)

    @property
    def head(self) -> RunHead:
        """That of the last run, begun with the first, with the rows of all."""
        first = self._heads[0]
        rows = sum(self.count(k) for k in range(len(self.specs)))
        return msgspec.structs.replace(
            self._parts[-1].head,
            started=first.started, started_mono=first.started_mono, rows=rows,
        )  # fmt: skip

    @cached_property
    def specs(self) -> tuple[TableSpec, ...]:
        """Those of the last run; with axes where all of its runs went along the same."""
        return tuple(
            msgspec.structs.replace(
                spec,
                columns=(*spec.columns, _run_column(spec)),
                axes=spec.axes if self._same_axes(spec) else (),
            )
            for spec in self._parts[-1].specs
        )

    def _same_axes(self, spec: TableSpec) -> bool:
        others = (each for part in self._parts for each in part.specs)
        return all(each.axes == spec.axes for each in others if each.recorder == spec.recorder)

    def count(self, k: int = 0) -> int:
        pieces = self._pieces(k)
        return pieces[-1].stop if pieces else 0

    def rows(self, start: int = 0, limit: int = PAGE_ROWS, *, k: int = 0) -> RowPage:
        if not 0 <= k < len(self.specs):
            raise RunError(f"The run {self.path.name} has no recorder {k}.")
        start, stop = max(start, 0), max(start, 0) + max(limit, 0)
        pages = [
            self._page(k, piece, max(start, piece.start), min(stop, piece.stop))
            for piece in self._pieces(k)
            if piece.start < stop and piece.stop > start
        ]
        return _joined(self.specs[k], start, pages)

    def digest(self) -> RunDigest:
        graph = self._parts[-1].graph_text()
        return RunDigest(self.head, self.specs, self.annotations(), self.snapshots(), graph)

    def places(self, k: int, stop: int) -> Any:
        import numpy as np

        count = len(self.specs[k].axes)
        if not count:
            return None
        found = [np.empty((0, count), dtype=np.int64)]
        for piece in self._pieces(k):
            if piece.start < stop:
                rows = min(piece.stop, stop) - piece.start
                found.append(self._parts[piece.part].places(piece.k, rows))
        return np.concatenate(found)

    def grid(self, recorder: str = "") -> Grid:
        k = self.recorder(recorder)
        if self._parts[-1].specs[k].axes and not self.specs[k].axes:
            raise RunError(
                f"Runs {self.numbers} went along different axes, so the rows of "
                f"{self.specs[k].name} have no shape in common: they are a list.",
                hint="With --only-this, or only_this=True, the last one is read by itself.",
            )
        return super().grid(recorder)

    def thinned(self, start: int, points: int, *, k: int = 0) -> tuple[RowPage, int]:
        """As many as are asked for at once: thinned is one file."""
        page = self.rows(start, max(points, 1), k=k)
        return page, start + len(page)

    def columns(self, k: int, stop: int) -> list[forms.Titled]:
        own = len(self.specs[k].columns) - 1
        found: list[forms.Form] | None = None
        for piece in self._pieces(k):
            part = self._parts[piece.part]
            if piece.start < min(piece.stop, stop):
                these = [each.form for each in part.columns(piece.k, piece.stop - piece.start)]
                found = these if found is None else list(map(forms.merged, found, these))
        empty = [forms.Form("real")] * own
        return forms.titled(self.specs[k], [*(found or empty), forms.Form("integer")])

    def facts(self, k: int | None) -> Iterator[tuple[str, str]]:
        yield from about.run_facts(self.head)
        yield "runs", self.numbers
        yield from about.device_facts(self.snapshots())
        yield from about.annotation_facts(self.annotations())
        if k is not None:
            yield from about.table_facts(self.specs[k], self.count(k))

    def snapshots(self) -> list[DeviceSnapshot]:
        """Before the first run, and after the last."""
        before = [each for each in self._parts[0].snapshots() if each.moment == "before"]
        return before + [each for each in self._parts[-1].snapshots() if each.moment == "after"]

    def events(self) -> list[Event]:
        return [each for part in self._parts for each in part.events()]

    def log(self) -> list[LogEntry]:
        return [each for part in self._parts for each in part.log()]

    def annotations(self) -> list[Annotation]:
        """What was said of any of its runs, but for who goes on with whom."""
        said = [each for part in self._parts for each in part.annotations()]
        return sorted((s for s in said if s.kind != "continued"), key=lambda each: each.wall)

    def point_records(self) -> list[PointRecord]:
        """The points of the whole: of each run up to where the next one goes on."""
        frames = self._parts[-1].frames()
        found: list[PointRecord] = []
        for part, head in zip(self._parts, self._heads, strict=True):
            own = renumbered(part.point_records(), part.frames(), frames)
            if head.continues is not None:
                found = cut(found, head.continues.points)
                rows = head.continues.rows
                own = [msgspec.structs.replace(each, before=rows) for each in own]
            found += own
        return found

    def _pieces(self, k: int) -> list[_Piece]:
        recorder = self.specs[k].recorder
        pieces: list[_Piece] = []
        stop: int | None = None
        for n in range(len(self._parts) - 1, -1, -1):
            part, head = self._parts[n], self._heads[n]
            start = head.continues.rows.get(recorder, 0) if head.continues is not None else 0
            own = next((i for i, s in enumerate(part.specs) if s.recorder == recorder), None)
            end = start + (part.count(own) if own is not None else 0)
            end = end if stop is None else min(end, stop)
            if own is not None and end > start:
                pieces.insert(0, _Piece(n, own, start, end))
            stop = start if stop is None else min(start, stop)
        return pieces

    def _page(self, k: int, piece: _Piece, start: int, stop: int) -> RowPage:
        """Rows `start` to `stop` of the whole, from one file, with its run and clock."""
        head, first = self._heads[piece.part], self._heads[0]
        page = self._parts[piece.part].rows(start - piece.start, stop - start, k=piece.k)
        since = head.started - first.started
        later = since - (head.started_mono - first.started_mono)
        values = list(page.values)
        if page.table.kind != "scan" and since:  # their first column counts from the run's begin
            values[0] = [None if each is None else each + since for each in values[0]]
        return msgspec.structs.replace(
            page,
            mono=[each + later for each in page.mono] if later else page.mono,
            values=[*values, [head.number] * len(page)],
            quality=[*page.quality, ["ok"] * len(page)],
            places=page.places if self.specs[k].axes else (),
        )

    def _batch(
        self, columns: Sequence[forms.Titled], k: int, start: int, stop: int, began: float
    ) -> forms.Batch:
        return forms.batch(self.rows(start, stop - start, k=k), began, columns)

    def _mapped(self, k: int, names: tuple[str, str, str], cells: int) -> RunMap:
        """By a table in memory that has the three columns only."""
        whole = self.specs[k]
        known = [column.name for column in whole.columns]
        drawn = [known.index(name) if name in known else -1 for name in names]
        if -1 in drawn:
            raise RunError(f"{whole.name} has no column {names[drawn.index(-1)]!r}.")
        spec = TableSpec(
            recorder="", name=whole.name, columns=tuple(whole.columns[i] for i in drawn)
        )
        with closing(sqlite3.connect(":memory:")) as connection:
            schema.create(connection, "", [spec])
            for page in self.pages(k=k):
                parts = (part(page, i) for i in drawn for part in (_plain, _codes))
                numbers = range(page.start, page.start + len(page))
                rows = zip(numbers, page.wall, page.mono, *parts, strict=True)
                connection.executemany(schema.insertion(0, schema.width(spec)), rows)
            return read_map(connection, 0, spec, names, cells)

    def _numbers(self, k: int, i: int, stop: int) -> Any:
        import numpy as np

        cells = (each for page in self.pages(k=k) for each in page.values[i])
        return np.array([math.nan if each is None else float(each) for each in cells])


def _plain(page: RowPage, i: int) -> list[float | None]:
    """The numbers of a column; None for anything else."""
    return [float(each) if isinstance(each, int | float) else None for each in page.values[i]]


def _codes(page: RowPage, i: int) -> list[int]:
    return [QUALITIES.index(word) for word in page.quality[i]]


def cut(records: Sequence[PointRecord], points: int) -> list[PointRecord]:
    """The records up to the one of the point after so many, that one left out."""
    left, tally = points, Tally()
    for n, record in enumerate(records):
        if record.is_leaf and tally.is_new(record):
            if left == 0:
                return list(records[:n])
            left -= 1
    return list(records)


def renumbered(
    records: Sequence[PointRecord], then: Sequence[str], now: Sequence[str]
) -> Sequence[PointRecord]:
    """Records with the numbers that frames have now, by ids of their nodes."""
    if list(then) == list(now):
        return records
    numbers = {str(n): str(now.index(node)) for n, node in enumerate(then) if node in now}
    return [
        msgspec.structs.replace(record, path=_path_in(record.path, numbers)) for record in records
    ]


def _path_in(path: str, numbers: Mapping[str, str]) -> str:
    if not path:
        return path
    pieces = [piece.partition(":") for piece in path.split("/")]
    return "/".join(f"{numbers.get(frame, frame)}{colon}{at}" for frame, colon, at in pieces)


def _run_column(spec: TableSpec) -> Column:
    return Column(name=unique(RUN_NUMBER, [c.name for c in spec.columns]), kind="number")


def _joined(spec: TableSpec, start: int, pages: Sequence[RowPage]) -> RowPage:
    columns = range(len(spec.columns))
    return RowPage(
        table=spec,
        start=start,
        wall=[each for page in pages for each in page.wall],
        mono=[each for page in pages for each in page.mono],
        values=[[cell for page in pages for cell in page.values[i]] for i in columns],
        quality=[[mark for page in pages for mark in page.quality[i]] for i in columns],
        places=[[at for page in pages for at in page.places[j]] for j in range(len(spec.axes))],
    )
