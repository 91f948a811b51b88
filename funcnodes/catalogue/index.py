"""The catalogue's own file: one row per run file, its words, and a full-text index (FTS5).

Holds nothing that the run files do not say, so one that cannot be read is built anew.
"""

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from funcnodes.catalogue.card import RunCard
from funcnodes.runs.records import RunHead

VERSION = 1
BUSY_S = 10.0
UNREADABLE = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
_WORD = re.compile(r"\S+")
_TABLES = """
CREATE TABLE IF NOT EXISTS files (id INTEGER PRIMARY KEY, path TEXT UNIQUE NOT NULL,
    folder TEXT NOT NULL, binned INTEGER NOT NULL, mark TEXT NOT NULL, broken TEXT NOT NULL,
    started REAL, state TEXT, sample TEXT COLLATE NOCASE, project TEXT COLLATE NOCASE,
    head TEXT, tags TEXT);
CREATE INDEX IF NOT EXISTS files_in ON files (folder);
CREATE INDEX IF NOT EXISTS files_when ON files (started);
CREATE TABLE IF NOT EXISTS words (kind TEXT NOT NULL, word TEXT NOT NULL COLLATE NOCASE,
    file INTEGER NOT NULL, PRIMARY KEY (kind, word, file)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS words_of ON words (file);
CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5 (text, tokenize = 'unicode61');
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What runs are looked for; all of it has to fit.

    Attributes:
        search: Words, or their beginnings, anywhere in what is known of a run.
        since, until: Between these it began, seconds since the epoch.
        tag, sample, project, device: Exactly, but for upper and lower case.
        parameter: "smu.voltage", "voltage", or a recorder's column.
        binned: Those that were deleted, in place of the others.
    """

    search: str = ""
    since: float | None = None
    until: float | None = None
    tag: str = ""
    sample: str = ""
    project: str = ""
    device: str = ""
    parameter: str = ""
    state: str = ""
    binned: bool = False
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """A run that was found."""

    path: Path
    folder: Path
    head: RunHead
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What is known of a file: its row, and by what is seen that it is another now."""

    id: int
    mark: str
    is_over: bool


def opened(path: Path | None) -> sqlite3.Connection:
    """The index, made where it is missing; in memory where there is no path.

    Raises:
        sqlite3.Error: It cannot be used.
    """
    if path is not None and not path.exists():
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(
        ":memory:" if path is None else path, timeout=BUSY_S, isolation_level=None
    )
    try:
        if path is not None:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            _lay_out(connection)
        connection.execute("SELECT count(*) FROM files").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _lay_out(connection: sqlite3.Connection) -> None:
    """Make the tables anew, once, whoever else does so at the moment."""
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == VERSION:  # another process was first
        connection.execute("COMMIT")
        return
    for name in ("files", "words", "texts"):  # of another version
        connection.execute(f"DROP TABLE IF EXISTS {name}")
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def known(connection: sqlite3.Connection, folder: Path) -> dict[str, KnownFile]:
    """What is known of the files of a folder, bin included, by path."""
    found = connection.execute(
        "SELECT path, id, mark, ended FROM (SELECT *, state NOT IN "
        "('running', 'paused', 'stopping') AS ended FROM files WHERE folder = ?)",
        (str(folder),),
    )
    return {path: KnownFile(id, mark, ended != 0) for path, id, mark, ended in found}


def put(
    connection: sqlite3.Connection, folder: Path, path: Path, mark: str, *,
    binned: bool, card: RunCard | None, broken: str = "",
) -> None:  # fmt: skip
    """A file is new, or another now."""
    forget(connection, [str(path)])
    head = card.head if card else None
    id = connection.execute(
        "INSERT INTO files (path, folder, binned, mark, broken, started, state, sample, project, "
        "head, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            str(path), str(folder), binned, mark, broken,
            head and head.started, head and head.state, head and head.sample,
            head and head.project, head and msgspec.json.encode(head).decode(),
            json.dumps(card.tags if card else ()),
        ),
    ).lastrowid  # fmt: skip
    if card is None:
        return
    words = [
        (kind, word, id)
        for kind, several in (
            ("tag", card.tags), ("device", card.devices), ("parameter", card.parameters),
            ("parameter", [each.partition(".")[2] for each in card.parameters]),
        )
        for word in several
        if word
    ]  # fmt: skip
    connection.executemany("INSERT OR IGNORE INTO words VALUES (?, ?, ?)", words)
    connection.execute("INSERT INTO texts (rowid, text) VALUES (?, ?)", (id, card.text))


def forget(connection: sqlite3.Connection, paths: Iterable[str]) -> None:
    """Files that are gone."""
    for path in paths:
        found = connection.execute("SELECT id FROM files WHERE path = ?", (path,)).fetchone()
        if found is not None:
            connection.execute("DELETE FROM texts WHERE rowid = ?", found)
            connection.execute("DELETE FROM words WHERE file = ?", found)
            connection.execute("DELETE FROM files WHERE id = ?", found)


def folders(connection: sqlite3.Connection) -> list[str]:
    """Every folder of which something is known."""
    return [folder for (folder,) in connection.execute("SELECT DISTINCT folder FROM files")]


def broken(connection: sqlite3.Connection, folders: Sequence[Path]) -> list[str]:
    """Why files of these folders cannot be read, one sentence each."""
    found = connection.execute(
        f"SELECT broken FROM files WHERE broken <> '' AND folder IN ({_marks(folders)}) "
        "ORDER BY path",
        [str(folder) for folder in folders],
    )
    return [text for (text,) in found]


def find(connection: sqlite3.Connection, asked: Asked, folders: Sequence[Path]) -> list[Listed]:
    """The runs of these folders that fit, newest first."""
    where = ["broken = ''", "binned = ?", f"folder IN ({_marks(folders)})"]
    given: list[Any] = [asked.binned, *(str(folder) for folder in folders)]

    def narrow(condition: str, value: Any) -> None:
        where.append(condition)
        given.append(value)

    words = [word for word in _WORD.findall(asked.search) if any(c.isalnum() for c in word)]
    if asked.search.strip() and not words:
        return []  # signs alone, which nothing is found by
    if words:
        narrow("id IN (SELECT rowid FROM texts WHERE texts MATCH ?)", _query(words))
    if asked.since is not None:
        narrow("started >= ?", asked.since)
    if asked.until is not None:
        narrow("started < ?", asked.until)
    for column in ("sample", "project", "state"):
        if value := getattr(asked, column):
            narrow(f"{column} = ?", value)
    for kind in ("tag", "device", "parameter"):
        if value := getattr(asked, kind):
            where.append("id IN (SELECT file FROM words WHERE kind = ? AND word = ?)")
            given += [kind, value]
    rows = connection.execute(
        f"SELECT path, folder, head, tags FROM files WHERE {' AND '.join(where)} "
        "ORDER BY started DESC, path DESC LIMIT ?",
        [*given, asked.limit],
    )
    return [
        Listed(
            Path(path), Path(folder), msgspec.json.decode(head, type=RunHead),
            tuple(json.loads(tags)),
        )
        for path, folder, head, tags in rows
    ]  # fmt: skip


def _query(words: Sequence[str]) -> str:
    """Each word by its beginning, whatever signs are in it."""
    quoted = ('"' + word.replace('"', '""').replace("\0", "") + '"*' for word in words)
    return " ".join(quoted)


def _marks(several: Sequence[object]) -> str:
    return ", ".join("?" * len(several))
