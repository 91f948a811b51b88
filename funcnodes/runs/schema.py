"""How a run lies in its SQLite file. Version 2; version 1 is read as well.

`meta` holds the head as key and JSON value. Each recorder, and each stream beside it, has a table
`rows_<k>`, `k` from 0, with `n` (row, from 0), both clocks, per column `i` a value `v<i>` (see
`cells`) and a quality `q<i>` (index into `quality`), and per axis `j` the place `a<j>` along it.
`columns` says what each column is, `axes` what the rows are points of. `recorders` names them.
`frames` and `points` say which points were taken to their end (see `points`).

Version 1 had neither streams nor axes, nor the last three words about a column.
"""

import sqlite3
import sys
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from funcnodes.core.values import Quality
from funcnodes.runs.records import QUALITIES, Column, ScanAxis, TableSpec

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE graph (json TEXT NOT NULL);
CREATE TABLE recorders (k INTEGER PRIMARY KEY, node TEXT NOT NULL, name TEXT NOT NULL,
    stream TEXT NOT NULL, kind TEXT NOT NULL);
CREATE TABLE columns (k INTEGER NOT NULL, i INTEGER NOT NULL, name TEXT NOT NULL,
    unit TEXT NOT NULL, kind TEXT NOT NULL, node TEXT NOT NULL, port TEXT NOT NULL,
    device TEXT NOT NULL, member TEXT NOT NULL, uncertainty TEXT NOT NULL,
    PRIMARY KEY (k, i)) WITHOUT ROWID;
CREATE TABLE axes (k INTEGER NOT NULL, j INTEGER NOT NULL, name TEXT NOT NULL,
    unit TEXT NOT NULL, kind TEXT NOT NULL, node TEXT NOT NULL, length INTEGER,
    step REAL NOT NULL, relative INTEGER NOT NULL, labels TEXT NOT NULL, points BLOB NOT NULL,
    PRIMARY KEY (k, j)) WITHOUT ROWID;
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
    recorder = (k, spec.recorder, spec.name, spec.stream, spec.kind)
    yield "INSERT INTO recorders VALUES (?, ?, ?, ?, ?)", recorder
    for i, c in enumerate(spec.columns):
        source = (c.node, c.port, c.device, c.member)
        column = (k, i, c.name, c.unit, c.kind, *source, c.uncertainty)
        yield f"INSERT INTO columns VALUES ({_marks(len(column))})", column
    for j, axis in enumerate(spec.axes):
        yield f"INSERT INTO axes VALUES ({_marks(11)})", _axis_row(k, j, axis)
    cells = "".join(f", v{i}, q{i} INTEGER" for i in range(len(spec.columns)))
    places = "".join(f", a{j} INTEGER" for j in range(len(spec.axes)))
    yield f"CREATE TABLE rows_{k} (n INTEGER PRIMARY KEY, wall REAL, mono REAL{cells}{places})", ()


def width(spec: TableSpec) -> int:
    """Cells of one row: its number, both clocks, a value and a quality per column, its places."""
    return 3 + 2 * len(spec.columns) + len(spec.axes)


def insertion(k: int, width: int, rows: int = 1) -> str:
    """The statement that adds so many rows of recorder `k`, each `width` cells wide."""
    marks = ", ".join([f"({_marks(width)})"] * rows)
    return f"INSERT INTO rows_{k} VALUES {marks}"  # only numbers of ours are put in


def read_specs(connection: sqlite3.Connection) -> list[TableSpec]:
    """The recorders of a file, in order."""
    if not has_streams(connection):
        found = connection.execute("SELECT k, node, name FROM recorders ORDER BY k").fetchall()
        return [
            TableSpec(recorder=node, name=name, columns=_read_old_columns(connection, k))
            for k, node, name in found
        ]
    known = connection.execute("SELECT k, node, name, stream, kind FROM recorders ORDER BY k")
    return [
        TableSpec(
            recorder=node, name=name, stream=stream, kind=kind,
            columns=_read_columns(connection, k), axes=_read_axes(connection, k),
        )
        for k, node, name, stream, kind in known.fetchall()
    ]  # fmt: skip


def has_streams(connection: sqlite3.Connection) -> bool:
    """Whether the file is of version 2 at least."""
    found = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'axes'").fetchone()
    return found is not None


def read_qualities(connection: sqlite3.Connection) -> list[Quality]:
    """The words behind the codes, as this file has them."""
    words = connection.execute("SELECT word FROM quality ORDER BY code").fetchall()
    return [msgspec.convert(word, Quality) for (word,) in words]


def _read_old_columns(connection: sqlite3.Connection, k: int) -> tuple[Column, ...]:
    found = connection.execute(
        "SELECT name, unit, kind, node, port FROM columns WHERE k = ? ORDER BY i", (k,)
    )
    return tuple(
        Column(name=name, unit=unit, kind=kind, node=node, port=port)
        for name, unit, kind, node, port in found
    )


def _read_columns(connection: sqlite3.Connection, k: int) -> tuple[Column, ...]:
    found = connection.execute(
        "SELECT name, unit, kind, node, port, device, member, uncertainty FROM columns "
        "WHERE k = ? ORDER BY i",
        (k,),
    )
    names = ("name", "unit", "kind", "node", "port", "device", "member", "uncertainty")
    return tuple(Column(**dict(zip(names, row, strict=True))) for row in found)


def _axis_row(k: int, j: int, axis: ScanAxis) -> tuple[Any, ...]:
    labels = msgspec.json.encode(axis.labels).decode()
    points = array("d", axis.points)
    if sys.byteorder == "big":
        points.byteswap()
    about = (axis.name, axis.unit, axis.kind, axis.node, axis.length, axis.step + 0.0)
    return (k, j, *about, axis.is_relative, labels, points.tobytes())


def _read_axes(connection: sqlite3.Connection, k: int) -> tuple[ScanAxis, ...]:
    found = connection.execute(
        "SELECT name, unit, kind, node, length, step, relative, labels, points FROM axes "
        "WHERE k = ? ORDER BY j",
        (k,),
    )
    return tuple(
        ScanAxis(
            name=name, unit=unit, kind=kind, node=node, length=length, step=step,
            is_relative=bool(relative), labels=tuple(msgspec.json.decode(labels)),
            points=_numbers(points),
        )
        for name, unit, kind, node, length, step, relative, labels, points in found
    )  # fmt: skip


def _numbers(data: bytes) -> tuple[float, ...]:
    """Little-endian doubles."""
    numbers = array("d", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return tuple(numbers)


def _marks(count: int) -> str:
    return ", ".join("?" * count)
