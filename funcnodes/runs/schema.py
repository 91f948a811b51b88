"""How a run lies in its SQLite file. Version 1.

`meta` holds the head as key and JSON value. Each recorder has a table `rows_<k>`, `k` from 0, with
`n` (row, from 0), both clocks, and per column `i` a value `v<i>` (see `cells`) and a quality
`q<i>` (index into `quality`). `columns` says what each column is. `recorders` names them. `frames`
and `points` say which points were taken to their end (see `points`).
"""

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from funcnodes.core.values import Quality
from funcnodes.runs.records import QUALITIES, Column, TableSpec

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE graph (json TEXT NOT NULL);
CREATE TABLE recorders (k INTEGER PRIMARY KEY, node TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE columns (k INTEGER NOT NULL, i INTEGER NOT NULL, name TEXT NOT NULL,
    unit TEXT NOT NULL, kind TEXT NOT NULL, node TEXT NOT NULL, port TEXT NOT NULL,
    PRIMARY KEY (k, i)) WITHOUT ROWID;
CREATE TABLE quality (code INTEGER PRIMARY KEY, word TEXT NOT NULL);
CREATE TABLE blobs (id INTEGER PRIMARY KEY, dtype TEXT NOT NULL, shape TEXT NOT NULL,
    data BLOB NOT NULL);
CREATE TABLE events (id INTEGER PRIMARY KEY, wall REAL NOT NULL, mono REAL NOT NULL,
    kind TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE log (id INTEGER PRIMARY KEY, wall REAL NOT NULL, level TEXT NOT NULL,
    source TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE snapshots (moment TEXT NOT NULL, device TEXT NOT NULL, wall REAL NOT NULL,
    parameters TEXT NOT NULL, PRIMARY KEY (moment, device)) WITHOUT ROWID;
CREATE TABLE frames (f INTEGER PRIMARY KEY, node TEXT NOT NULL, inner INTEGER NOT NULL);
CREATE TABLE points (id INTEGER PRIMARY KEY, wall REAL NOT NULL, path TEXT NOT NULL,
    rows TEXT NOT NULL, facts TEXT NOT NULL);
"""


def create(
    connection: sqlite3.Connection,
    graph: str,
    specs: Iterable[TableSpec],
    frames: Iterable[tuple[str, bool]] = (),
) -> None:
    """Lay out an empty run file, within the transaction that is open."""
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    connection.executemany("INSERT INTO quality VALUES (?, ?)", enumerate(QUALITIES))
    connection.execute("INSERT INTO graph VALUES (?)", (graph,))
    for f, (node, is_inner) in enumerate(frames):
        connection.execute("INSERT INTO frames VALUES (?, ?, ?)", (f, node, is_inner))
    for k, spec in enumerate(specs):
        for sql, parameters in addition(k, spec):
            connection.execute(sql, parameters)


def addition(k: int, spec: TableSpec) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The statements that lay out recorder `k`."""
    yield "INSERT INTO recorders VALUES (?, ?, ?)", (k, spec.recorder, spec.name)
    for i, c in enumerate(spec.columns):
        column = (k, i, c.name, c.unit, c.kind, c.node, c.port)
        yield "INSERT INTO columns VALUES (?, ?, ?, ?, ?, ?, ?)", column
    cells = "".join(f", v{i}, q{i} INTEGER" for i in range(len(spec.columns)))
    yield f"CREATE TABLE rows_{k} (n INTEGER PRIMARY KEY, wall REAL, mono REAL{cells})", ()


def insertion(k: int, spec: TableSpec) -> str:
    """The statement that adds one row of recorder `k`."""
    marks = ", ".join("?" * (3 + 2 * len(spec.columns)))
    return f"INSERT INTO rows_{k} VALUES ({marks})"  # only numbers of ours are put in


def read_specs(connection: sqlite3.Connection) -> list[TableSpec]:
    """The recorders of a file, in order."""
    found = connection.execute("SELECT k, node, name FROM recorders ORDER BY k").fetchall()
    return [
        TableSpec(recorder=node, name=name, columns=_read_columns(connection, k))
        for k, node, name in found
    ]


def read_qualities(connection: sqlite3.Connection) -> list[Quality]:
    """The words behind the codes, as this file has them."""
    words = connection.execute("SELECT word FROM quality ORDER BY code").fetchall()
    return [msgspec.convert(word, Quality) for (word,) in words]


def _read_columns(connection: sqlite3.Connection, k: int) -> tuple[Column, ...]:
    found = connection.execute(
        "SELECT name, unit, kind, node, port FROM columns WHERE k = ? ORDER BY i", (k,)
    )
    return tuple(
        Column(name=name, unit=unit, kind=kind, node=node, port=port)
        for name, unit, kind, node, port in found
    )
