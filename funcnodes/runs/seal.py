"""The checksum of what was measured, taken while it is written and kept in the file at its end.

It is over all rows and arrays, and over the head, the columns, the nodespace, the snapshots, the
events, the log, and the points that were taken; what people say of the run afterwards lies outside
of it. It tells a disk or a program that changed something; who wants to deceive can seal anew.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import msgspec

from funcnodes.runs.schema import has_streams

KEY = "seal"
"""Of the checksum in the table `meta`, which is the only entry there that is not sealed."""

_REST = (
    f"SELECT key, value FROM meta WHERE key != '{KEY}' ORDER BY key",
    "SELECT json FROM graph",
    "SELECT k, node, name FROM recorders ORDER BY k",
    "SELECT k, i, name, unit, kind, node, port FROM columns ORDER BY k, i",
    "SELECT code, word FROM quality ORDER BY code",
    "SELECT id, wall, mono, kind, data FROM events ORDER BY id",
    "SELECT id, wall, level, source, text FROM log ORDER BY id",
    "SELECT moment, device, wall, parameters FROM snapshots ORDER BY moment, device",
)
_FRAMES = "SELECT f, node, inner FROM frames ORDER BY f"
_POINTS = "SELECT wall, path, rows, facts FROM points ORDER BY id"
_STREAMS = (  # since version 2 of the file
    "SELECT k, stream, kind FROM recorders ORDER BY k",
    "SELECT k, i, device, member, uncertainty FROM columns ORDER BY k, i",
    "SELECT k, j, name, unit, kind, node, length, step, relative, labels, points FROM axes "
    "ORDER BY k, j",
)
_BLOCKS = "SELECT id, dtype, shape, data FROM blobs ORDER BY id"


ROWS_AT_ONCE = 1_000
"""Few enough that they stay in the processor's cache."""


class Seal:
    """Rows and arrays as they are committed, in order; then the rest of the file at its end."""

    def __init__(self) -> None:
        self._rows: dict[int, Any] = {}
        self._blocks = hashlib.sha256()
        self._points = hashlib.sha256()
        self._encode = msgspec.msgpack.Encoder().encode

    def rows(self, k: int, rows: Iterable[Sequence[Any]]) -> None:
        """The next rows of recorder `k`, as they lie in its table; one without any leaves none."""
        left = iter(rows)
        while some := list(islice(left, ROWS_AT_ONCE)):
            digest = self._rows.get(k)
            if digest is None:
                digest = self._rows[k] = hashlib.sha256()
            encoded = memoryview(self._encode(some))
            digest.update(encoded[_head_bytes(len(some)) :])  # the same, however many at a time

    def block(self, cells: tuple[Any, ...]) -> None:
        """The next array, as it lies in its table; its bytes, which come last, are not copied."""
        *about, data = cells
        if not isinstance(data, bytes):  # somebody put something else into the file
            self._blocks.update(self._encode(cells))
            return
        self._blocks.update(self._encode((*about, b""))[: -len(_bytes_head(0))])
        self._blocks.update(_bytes_head(len(data)))
        self._blocks.update(data)

    def point(self, cells: tuple[Any, ...]) -> None:
        """The next point that was taken, as it lies in its table."""
        self._points.update(self._encode(cells))

    def text(self, connection: sqlite3.Connection) -> str:
        """The checksum, now that everything is in the file."""
        whole = hashlib.sha256()
        has_points = _has_points(connection)
        rest = (*_REST, *(_STREAMS if has_streams(connection) else ()))
        for sql in (*rest, *((_FRAMES,) if has_points else ())):
            for cells in connection.execute(sql):
                whole.update(self._encode(cells))
            whole.update(b"\n")
        for k, rows in sorted(self._rows.items()):
            whole.update(self._encode((k, rows.digest())))
        whole.update(self._blocks.digest())
        if has_points:
            whole.update(self._points.digest())
        return f"sha256:{whole.hexdigest()}"


class SealAside(Seal):
    """A seal that takes arrays in a thread of its own, while the disk takes the next ones."""

    def __init__(self) -> None:
        super().__init__()
        self._thread: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None

    def blocks(self, blocks: Sequence[tuple[Any, ...]]) -> None:
        """The next arrays; waits for those of the call before, so that not many are kept."""
        self._wait()
        if not blocks:
            return
        self._thread = self._thread or ThreadPoolExecutor(1, "seal")
        try:
            self._last = self._thread.submit(self._take, blocks)
        except RuntimeError:  # the interpreter is about to end: it starts no thread any more
            self._take(blocks)

    def text(self, connection: sqlite3.Connection) -> str:
        self._wait()
        return super().text(connection)

    def close(self) -> None:
        """End the thread. Repeating is harmless."""
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    def _take(self, blocks: Sequence[tuple[Any, ...]]) -> None:
        for block in blocks:
            self.block(block)

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()
        self._last = None


def _bytes_head(size: int) -> bytes:
    """What msgpack puts before so many bytes."""
    if size < 2**8:
        return b"\xc4" + size.to_bytes(1, "big")
    if size < 2**16:
        return b"\xc5" + size.to_bytes(2, "big")
    return b"\xc6" + size.to_bytes(4, "big")


def _head_bytes(count: int) -> int:
    """Bytes before the first of so many items in a list of msgpack."""
    return 1 if count < 16 else 3 if count < 2**16 else 5


def sealed(connection: sqlite3.Connection) -> str:
    """The checksum by what the file holds now; reads all of it, row by row."""
    seal = Seal()
    recorders = connection.execute("SELECT k FROM recorders ORDER BY k").fetchall()
    for (k,) in recorders:
        found = connection.execute(f"SELECT * FROM rows_{k} ORDER BY n")
        seal.rows(k, found)
    for cells in connection.execute(_BLOCKS):
        seal.block(cells)
    for cells in connection.execute(_POINTS) if _has_points(connection) else ():
        seal.point(cells)
    return seal.text(connection)


def _has_points(connection: sqlite3.Connection) -> bool:
    """Runs of earlier versions have none."""
    sql = "SELECT 1 FROM sqlite_schema WHERE name = 'points'"
    return connection.execute(sql).fetchone() is not None


def keep(connection: sqlite3.Connection, text: str) -> None:
    """Write the checksum into the file, within the transaction that is open."""
    value = msgspec.json.encode(text).decode()
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (KEY, value))


def kept(connection: sqlite3.Connection) -> str:
    """The checksum that was written at the end of the run; "" where there is none."""
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (KEY,)).fetchone()
    return "" if found is None else msgspec.json.decode(found[0], type=str)
