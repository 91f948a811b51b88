"""How a history lies in its SQLite file, and how it is kept from growing. Version 1.

`parameters` names what is kept: device, member, unit, kind, and whether it was simulated or
replayed (D7); another unit or origin is another row of it. `samples` holds time, value and quality
of each, ordered by parameter and time, so that a stretch of one is read in one go. NaN and nothing
are NULL.
"""

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import Literal
from urllib.parse import quote

FILE_NAME = "history.sqlite"
VERSION = 1
STEP = 0.05
"""The part of all time that goes at once where there is too much."""
BUSY_S = 5.0

Kind = Literal["number", "switch", "text"]
Origin = Literal["", "simulated", "replayed"]

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parameters (id INTEGER PRIMARY KEY, device TEXT NOT NULL,
    member TEXT NOT NULL, unit TEXT NOT NULL, kind TEXT NOT NULL, origin TEXT NOT NULL,
    UNIQUE (device, member, unit, kind, origin));
CREATE TABLE IF NOT EXISTS samples (p INTEGER NOT NULL, t REAL NOT NULL, value,
    quality INTEGER NOT NULL, PRIMARY KEY (p, t)) WITHOUT ROWID;
"""
_UNREADABLE = ("SQLITE_NOTADB", "SQLITE_CORRUPT")


class NewerHistory(Exception):
    """The file was written by a later version."""


def open_to_write(path: Path) -> sqlite3.Connection:
    """The file, made where it is missing, for its one writer.

    Raises:
        sqlite3.Error: It cannot be opened.
        NewerHistory: A later version wrote it; it is as it was.
    """
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # whole after a power cut, too
        connection.execute("PRAGMA journal_size_limit = 4000000")
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
        check_version(connection)
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('version', ?)", (str(VERSION),))
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """The file for reading, also while it is written.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    uri = f"file:{quote(os.fspath(path.absolute()))}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)


def is_new(connection: sqlite3.Connection) -> bool:
    """Whether nothing is in it yet, not even a table: its writer has only just made it."""
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None


def check_version(connection: sqlite3.Connection) -> None:
    """Raises NewerHistory where a later version wrote it."""
    found = connection.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
    if found is not None and int(found[0]) > VERSION:
        raise NewerHistory(f"it is of format {found[0]}, and this version reads up to {VERSION}")


def is_unreadable(error: sqlite3.Error) -> bool:
    """Whether the file itself is no good, so that it has to be put aside."""
    return getattr(error, "sqlite_errorname", "") in _UNREADABLE


def put_aside(path: Path) -> Path:
    """Give a file that cannot be read another name, its log too. Returns that name."""
    aside = path.with_name(f"{path.stem}-unreadable-{time.time_ns()}{path.suffix}")
    os.replace(path, aside)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{aside}{suffix}")
    return aside


def used_bytes(connection: sqlite3.Connection) -> int:
    """What it holds; pages that are free are used again, or given back."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def prune(connection: sqlite3.Connection, *, before: float, max_bytes: int) -> int:
    """Let go of what is older than `before`, then of the oldest until the rest fits.

    Returns:
        How many values went.
    """
    gone = _forget(connection, before)
    while used_bytes(connection) > max_bytes:
        span = _span(connection)
        if span is None:
            break
        oldest, newest = span
        limit = oldest + STEP * (newest - oldest)
        more = _forget(connection, limit if limit > oldest else newest + 1)
        more = more or _forget(connection, newest + 1)  # so long as nothing moves: all of it
        gone += more
        if not more:
            break
    if gone:
        connection.execute("PRAGMA incremental_vacuum").fetchall()
    return gone


def _forget(connection: sqlite3.Connection, before: float) -> int:
    """Parameters one by one, so that whoever reads waits for none of it for long."""
    gone = 0
    for (p,) in connection.execute("SELECT id FROM parameters").fetchall():
        gone += connection.execute(
            "DELETE FROM samples WHERE p = ? AND t < ?", (p, before)
        ).rowcount
    if gone:
        connection.execute(
            "DELETE FROM parameters WHERE NOT EXISTS (SELECT 1 FROM samples WHERE p = id)"
        )
    return gone


def _span(connection: sqlite3.Connection) -> tuple[float, float] | None:
    ends = [
        connection.execute("SELECT min(t), max(t) FROM samples WHERE p = ?", (p,)).fetchone()
        for (p,) in connection.execute("SELECT id FROM parameters").fetchall()
    ]
    known = [end for end in ends if end[0] is not None]
    return (min(e[0] for e in known), max(e[1] for e in known)) if known else None
