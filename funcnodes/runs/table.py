"""The rows of one recorder in one run, while it is in memory: append-only, watched, never copied.

This is what a wire of kind "table" carries (R3): a handle that many may hold while it grows.
Numbers lie in packed arrays, 8 bytes a cell. Keeping rows on disk is the writer's.
"""

import math
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from funcnodes.core.events import unsubscriber
from funcnodes.core.quality import worst
from funcnodes.core.values import Quality
from funcnodes.runs.records import EMPTY, QUALITIES, Cell, Column, RowPage, TableSpec

_CODE = {quality: code for code, quality in enumerate(QUALITIES)}
_NUMERIC = ("number", "quantity")

RowWatcher = Callable[["Table", int, int], None]


class Table:
    """Append-only rows, column by column.

    Attributes:
        run: ULID of the run.
        number: Number of the run.
        spec: The recorder and its columns.
        committed: Rows that are on disk for good (R4).
        quality: Of its worst cell so far.
    """

    def __init__(self, spec: TableSpec, *, run: str = "", number: int = 0) -> None:
        self.spec = spec
        self.run = run
        self.number = number
        self.committed = 0
        self.quality: Quality = "ok"
        self._wall = array("d")
        self._mono = array("d")
        self._values: list[_Column] = [_column(column) for column in spec.columns]
        self._quality = [bytearray() for _ in spec.columns]
        self._places: list[list[int | None]] = [[] for _ in spec.axes]
        self._watchers: list[RowWatcher] = []

    def __len__(self) -> int:
        return len(self._wall)

    def __repr__(self) -> str:
        return f"<Table {self.spec.name!r} of run {self.number}: {len(self)} rows>"

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.spec.columns

    def append(
        self,
        cells: Sequence[Cell],
        *,
        wall: float,
        mono: float,
        places: Sequence[int | None] = (),
    ) -> int:
        """Add one row, one cell per column, and tell the watchers. Returns its index.

        Args:
            places: Where it belongs, one per axis; () for nowhere.
        """
        start = len(self._wall)
        for values, quality, cell in zip(self._values, self._quality, cells, strict=True):
            values.append(cell.value)
            quality.append(_CODE[cell.quality])
            if cell.quality != "ok":
                self.quality = worst((self.quality, cell.quality))
        if self._places:
            found = places or (None,) * len(self._places)
            for along, place in zip(self._places, found, strict=True):
                along.append(place)
        self._mono.append(mono)
        self._wall.append(wall)
        for watcher in tuple(self._watchers):
            watcher(self, start, start + 1)
        return start

    def page(self, start: int = 0, limit: int | None = None) -> RowPage:
        """At most `limit` rows from `start` on, as they are now."""
        stop = len(self) if limit is None else min(len(self), start + max(limit, 0))
        part = slice(max(start, 0), stop)
        quality = [[QUALITIES[code] for code in codes[part]] for codes in self._quality]
        return RowPage(
            table=self.spec,
            start=part.start,
            wall=list(self._wall[part]),
            mono=list(self._mono[part]),
            values=[c.cells(part, q) for c, q in zip(self._values, quality, strict=True)],
            quality=quality,
            places=[along[part] for along in self._places],
        )

    def watch(self, watcher: RowWatcher) -> Callable[[], None]:
        """Call `watcher(table, start, stop)` at every append; returns how to end that."""
        return unsubscriber(self._watchers, watcher)


class _Column:
    """Cells of any type."""

    def __init__(self) -> None:
        self._cells: list[Any] = []

    def append(self, value: Any) -> None:
        self._cells.append(value)

    def cells(self, part: slice, quality: Sequence[Quality]) -> list[Any]:
        return self._cells[part]


class _Numbers(_Column):
    """Floats in 8 bytes each; falls back to any type at the first cell that is none."""

    def __init__(self) -> None:
        super().__init__()
        self._packed: array[float] | None = array("d")

    def append(self, value: Any) -> None:
        packed = self._packed
        if packed is None:
            self._cells.append(value)
        elif isinstance(value, float):
            packed.append(value)
        elif value is None:
            packed.append(math.nan)
        else:
            self._unpack()
            self._cells.append(value)

    def cells(self, part: slice, quality: Sequence[Quality]) -> list[Any]:
        cells = self._cells if self._packed is None else self._packed
        return [
            None if mark in EMPTY and isinstance(value, float) and math.isnan(value) else value
            for value, mark in zip(cells[part], quality, strict=True)
        ]

    def _unpack(self) -> None:
        assert self._packed is not None
        self._cells = list(self._packed)
        self._packed = None


def _column(column: Column) -> _Column:
    return _Numbers() if column.kind in _NUMERIC else _Column()
