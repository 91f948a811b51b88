"""Which rows of a long run a plot needs: of each stretch the lowest and the highest of every curve.

No peak is lost and a hysteresis stays one. SQLite does it, off the event loop and without the
interpreter's lock.
"""

import sqlite3
from typing import Any

FEWEST = 100
"""Stretches at least, however many columns there are."""
ASKED_AT_ONCE = 500


def rows_to_draw(
    connection: sqlite3.Connection, k: int, columns: int, start: int, points: int
) -> list[tuple[Any, ...]]:
    """Rows of recorder `k` from `start` on, about `points` of them at most, in order.

    Args:
        columns: How many the recorder has.
    """
    (last,) = connection.execute(f"SELECT max(n) FROM rows_{k}").fetchone()
    count = 0 if last is None else last + 1 - start
    if count <= points:
        return connection.execute(
            f"SELECT * FROM rows_{k} WHERE n >= ? ORDER BY n", (start,)
        ).fetchall()
    stretches = max(FEWEST, points // (2 * max(columns, 1)))
    width = -(-count // stretches)
    wanted = {start, last}
    for i in range(columns):
        wanted |= _extremes(connection, k, i, start, width)
    return _rows(connection, k, sorted(wanted))


def _extremes(connection: sqlite3.Connection, k: int, i: int, start: int, width: int) -> set[int]:
    """Of each stretch the rows with the lowest and the highest good number of a column."""
    found: set[int] = set()
    for extreme in ("min", "max"):  # `n` is that of the row which has the extreme, says SQLite
        found.update(
            n
            for n, _ in connection.execute(
                f"SELECT n, {extreme}(v{i}) FROM rows_{k} WHERE n >= ? AND typeof(v{i}) IN "
                f"('real', 'integer') AND q{i} = (SELECT code FROM quality WHERE word = 'ok') "
                "GROUP BY (n - ?) / ?",
                (start, start, width),
            )
        )
    return found


def _rows(connection: sqlite3.Connection, k: int, numbers: list[int]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for begin in range(0, len(numbers), ASKED_AT_ONCE):
        some = numbers[begin : begin + ASKED_AT_ONCE]
        marks = ", ".join("?" * len(some))
        rows += connection.execute(
            f"SELECT * FROM rows_{k} WHERE n IN ({marks}) ORDER BY n", some
        ).fetchall()
    return rows
