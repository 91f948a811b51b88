"""Reads a history, also while its worker writes it. Holds nothing open between calls."""

import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from funcnodes.core.values import QUALITIES
from funcnodes.errors import RunError
from funcnodes.history import file
from funcnodes.history.series import HistorySeries, Known, python_value

MOST_TICKS = 1_000_000
MOST_VALUES = 2_000_000
"""What is taken into memory at once."""
_HELD = 2.0  # times the longest interval between notes: then nobody looked meanwhile
_EVERY_S = 600.0

Row = tuple[float, Any, int, int]
"""Time, value, code of its quality, row of its parameter."""


class HistoryReader:
    """One history file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"<HistoryReader {self.path}>"

    def known(self) -> list[Known]:
        """Every parameter with a history, by name; of several units of one the newest first.

        Raises:
            RunError: The file cannot be read.
        """
        with self._open() as connection:
            return [] if file.is_new(connection) else _known(connection)

    def find(self, name: str, *, unit: str = "") -> Known:
        """A parameter by its name, as "smu.voltage"; of several units the one noted last.

        Raises:
            RunError: There is no history of it; the sentence says of what there is.
        """
        known = self.known()
        for each in known:
            if each.name == name and (not unit or each.unit == unit):
                return each
        names = ", ".join(dict.fromkeys(each.name for each in known)) or "nothing"
        of = f"{name!r}{f' in {unit}' if unit else ''}"
        raise RunError(f"There is no history of {of}; there is one of {names}.", parameter=name)

    def series(
        self, name: str, *, since: float = -math.inf, until: float = math.inf, unit: str = ""
    ) -> HistorySeries:
        """All that was noted from `since` (and what stood then) to before `until`.

        Args:
            since: Seconds since the epoch, as `until`.

        Raises:
            RunError: There is no history of it, that are too many values, or the file cannot be
                read.
        """
        known = self.find(name, unit=unit)
        with self._open() as connection:
            count = _count(connection, known, since, until)
            if count > MOST_VALUES:
                raise RunError(
                    f"That would be {count:,} values of {name}, more than {MOST_VALUES:,}.",
                    hint="Take a shorter time, or what it stood at every so often.",
                )
            return _series(known, _rows(connection, known, since, until))

    def thinned(
        self, name: str, *, since: float, until: float, points: int, unit: str = ""
    ) -> HistorySeries:
        """The same as a plot needs it: about `points` values at most, with every peak and gap.

        Raises:
            RunError: As `series`.
        """
        known = self.find(name, unit=unit)
        with self._open() as connection:
            begin, end = max(since, known.first), min(until, known.last + 1e-6)
            count = _count(connection, known, begin, end)
            if count <= points or end <= begin:
                return _series(known, _rows(connection, known, since, until))
            width = (end - begin) / max(1, points // 3)  # a lowest, a highest, and gaps
            stood = _rows(connection, known, begin, begin)
            return _series(known, stood + _to_draw(connection, known, begin, end, width))

    def sampled(
        self, name: str, *, since: float, until: float, every_s: float, unit: str = ""
    ) -> HistorySeries:
        """What it stood at, every `every_s` seconds of the clock.

        A value stands for twice the longest interval between notes; then nobody has looked, and
        it is "stale", and nothing.

        Raises:
            RunError: As `series`, or that are too many.
        """
        known = self.find(name, unit=unit)
        with self._open() as connection:
            held_s = _HELD * _longest(connection)
            begin, end = max(since, known.first), min(until, known.last + held_s)
            first = math.ceil(begin / every_s)
            count = math.floor(end / every_s) - first + 1
            if count > MOST_TICKS:
                raise RunError(f"Every {every_s:g} s would be {count:,} values of {name}.")
            ticks = [(first + n) * every_s for n in range(max(count, 0))]
            return _series(known, list(_held(connection, known, ticks, held_s)))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if not self.path.is_file():
            raise RunError(f"There is no history {self.path}.")
        try:
            with closing(file.open_to_read(self.path)) as connection:
                if not file.is_new(connection):
                    file.check_version(connection)
                yield connection
        except (sqlite3.Error, file.NewerHistory, ValueError) as error:
            raise RunError(f"The history {self.path} cannot be read: {error}.") from error


def _known(connection: sqlite3.Connection) -> list[Known]:
    found: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    rows = connection.execute(
        "SELECT device, member, unit, kind, origin, id, "
        "(SELECT min(t) FROM samples WHERE p = id), (SELECT max(t) FROM samples WHERE p = id) "
        "FROM parameters ORDER BY device, member"
    )
    for row in rows.fetchall():
        if row[6] is not None:
            found.setdefault(row[:4], []).append(row)
    listed = [_one(connection, key, rows) for key, rows in found.items()]
    return sorted(listed, key=lambda each: (each.device, each.member, -each.last))


def _one(
    connection: sqlite3.Connection, key: tuple[str, ...], rows: list[tuple[Any, ...]]
) -> Known:
    device, member, unit, kind = key
    newest = max(rows, key=lambda row: row[7])
    value, code = connection.execute(
        "SELECT value, quality FROM samples WHERE p = ? AND t = ?", (newest[5], newest[7])
    ).fetchone()
    return Known(
        device, member, unit, kind,  # type: ignore[arg-type]  # as it was written
        min(row[6] for row in rows), newest[7], python_value(kind, value),  # type: ignore[arg-type]  # likewise
        QUALITIES[code], tuple(row[5] for row in rows), tuple(row[4] for row in rows),
    )  # fmt: skip


def _rows(connection: sqlite3.Connection, known: Known, since: float, until: float) -> list[Row]:
    """In order, from what stood at `since` on."""
    rows: list[Row] = []
    for p in known.ids:
        before = connection.execute(
            "SELECT t, value, quality, p FROM samples WHERE p = ? AND t < ? "
            "ORDER BY t DESC LIMIT 1",
            (p, since),
        ).fetchall()
        rows += before
        rows += connection.execute(
            "SELECT t, value, quality, p FROM samples WHERE p = ? AND t >= ? AND t < ? ORDER BY t",
            (p, since, until),
        )
    rows.sort(key=lambda row: row[0])
    return _from_the_last_before(rows, since)


def _from_the_last_before(rows: list[Row], since: float) -> list[Row]:
    early = sum(row[0] < since for row in rows[:32])  # one of each id at most
    begins_then = len(rows) > early and rows[early][0] == since
    return rows[early if begins_then else max(early - 1, 0) :]


def _count(connection: sqlite3.Connection, known: Known, since: float, until: float) -> int:
    return sum(
        connection.execute(
            "SELECT count(*) FROM samples WHERE p = ? AND t >= ? AND t < ?", (p, since, until)
        ).fetchone()[0]
        for p in known.ids
    )


def _to_draw(
    connection: sqlite3.Connection, known: Known, since: float, until: float, width: float
) -> list[Row]:
    """Of each stretch the lowest and the highest value, and the first that is none."""
    rows: set[Row] = set()
    for p in known.ids:
        for pick, which in (
            ("t, min(value)", "value IS NOT NULL"),
            ("t, max(value)", "value IS NOT NULL"),
            ("min(t), value", "value IS NULL"),
        ):
            rows.update(
                connection.execute(
                    f"SELECT {pick}, quality, p FROM samples WHERE p = ? AND t >= ? AND t < ? "
                    f"AND {which} GROUP BY CAST((t - ?) / ? AS INTEGER)",
                    (p, since, until, since, width),
                )
            )
    return sorted(rows, key=lambda row: row[0])


def _held(
    connection: sqlite3.Connection, known: Known, ticks: Sequence[float], held_s: float
) -> Iterator[Row]:
    """What stood at each tick; nothing of those before the first value."""
    stale = QUALITIES.index("stale")
    for tick in ticks:
        stood = _stood(connection, known, tick)
        if stood is not None:
            t, value, code, p = stood
            is_held = tick - t <= held_s
            yield (tick, value, code, p) if is_held else (tick, None, stale, p)


def _stood(connection: sqlite3.Connection, known: Known, tick: float) -> Row | None:
    found: list[Row] = []
    for p in known.ids:
        found += connection.execute(
            "SELECT t, value, quality, p FROM samples WHERE p = ? AND t <= ? "
            "ORDER BY t DESC LIMIT 1",
            (p, tick),
        ).fetchall()
    return max(found, key=lambda row: row[0], default=None)


def _longest(connection: sqlite3.Connection) -> float:
    found = connection.execute("SELECT value FROM meta WHERE key = 'every_s'").fetchone()
    return float(found[0]) if found is not None else _EVERY_S


def _series(known: Known, rows: Sequence[Row]) -> HistorySeries:
    origins = dict(zip(known.ids, known.origins, strict=True))
    return HistorySeries(
        known.name, known.unit, known.kind,
        [row[0] for row in rows],
        [python_value(known.kind, row[1]) for row in rows],
        [QUALITIES[row[2]] for row in rows],
        [origins[row[3]] for row in rows],
    )  # fmt: skip
