"""What people say of a run afterwards lies in a table of its own, outside of what is sealed."""

import sqlite3

import msgspec

from funcnodes.runs.records import Annotation

_TABLE = """CREATE TABLE IF NOT EXISTS annotations (id INTEGER PRIMARY KEY, wall REAL NOT NULL,
    kind TEXT NOT NULL, text TEXT NOT NULL, author TEXT NOT NULL)"""


def read(connection: sqlite3.Connection) -> list[Annotation]:
    """Oldest first; none where nobody said anything."""
    found = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'annotations'").fetchone()
    if found is None:
        return []
    rows = connection.execute("SELECT wall, kind, text, author FROM annotations ORDER BY id")
    return [
        msgspec.convert(dict(zip(Annotation.__struct_fields__, row, strict=True)), Annotation)
        for row in rows
    ]


def add(connection: sqlite3.Connection, annotation: Annotation) -> None:
    """Keep what somebody says, within the transaction that is open."""
    connection.execute(_TABLE)
    connection.execute(
        "INSERT INTO annotations (wall, kind, text, author) VALUES (?, ?, ?, ?)",
        msgspec.structs.astuple(annotation),
    )
