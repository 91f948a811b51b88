"""The queue on disk: `queue/queue.json`, and the graphs as they were submitted, by their hash.

Guarantees that the queue is the one before a change or the one after it, never a mix, that a graph
is there before an entry names it, and that a file which cannot be read is put aside, not lost.
"""

import contextlib
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import msgspec

from funcnodes.core.codec.strict import parse
from funcnodes.durable import write_private
from funcnodes.errors import RunError, SavedGraphError, WorkerError
from funcnodes.runs.runqueue import RunQueue

VERSION = 1


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    queue: RunQueue


class QueueFolder:
    """The folder of one queue."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._file = root / "queue.json"
        self._graphs = root / "graphs"

    def load(self) -> tuple[RunQueue, str]:
        """The queue as it was kept, and what the user must know about it ("" for nothing)."""
        try:
            data = self._file.read_bytes()
        except FileNotFoundError:
            return RunQueue(), ""
        except OSError as error:
            return RunQueue(), f"{self._file} cannot be read: {error.strerror}."
        try:
            kept = msgspec.json.decode(data, type=_Kept)
        except (msgspec.MsgspecError, RecursionError) as error:
            return RunQueue(), self._put_aside(f"is no queue ({error})")
        if kept.version != VERSION:
            return RunQueue(), self._put_aside(f"is of version {kept.version}, not {VERSION}")
        return kept.queue, ""

    def save(self, queue: RunQueue) -> None:
        """Replace the file whole, then drop graphs that no entry names any more.

        Raises:
            WorkerError: It cannot be written; what was there is as it was.
        """
        kept = _Kept(version=VERSION, queue=queue)
        try:
            write_private(self._file, msgspec.json.format(msgspec.json.encode(kept), indent=1))
        except OSError as error:
            raise WorkerError(f"The queue cannot be kept: {error.strerror}.") from error
        self._tidy({entry.order.graph for entry in queue.entries})

    def keep_graph(self, data: bytes) -> str:
        """Keep a graph; returns the name to find it by.

        Raises:
            WorkerError: It cannot be written.
        """
        name = hashlib.sha256(data).hexdigest()
        try:
            write_private(self._graph(name), data)
        except OSError as error:
            raise WorkerError(f"The graph cannot be kept: {error.strerror}.") from error
        return name

    def graph(self, name: str) -> tuple[dict[str, Any], int]:
        """A graph that was kept, and its size in bytes.

        Raises:
            RunError: It is gone, or another than was kept.
        """
        try:
            data = self._graph(name).read_bytes()
        except OSError as error:
            raise RunError(f"Its graph cannot be read: {error.strerror}.") from error
        if hashlib.sha256(data).hexdigest() != name:
            raise RunError("Its graph is damaged: it is another than was submitted.")
        try:
            graph: dict[str, Any] = parse(data, what="Its graph")
        except SavedGraphError as error:
            raise RunError(error.message) from error
        return graph, len(data)

    def _graph(self, name: str) -> Path:
        return self._graphs / f"{name}.json"

    def _tidy(self, named: set[str]) -> None:
        with contextlib.suppress(OSError):
            for path in self._graphs.glob("*.json"):
                if path.stem not in named:
                    path.unlink()

    def _put_aside(self, why: str) -> str:
        """The whole folder, graphs too."""
        stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**9:09d}"
        aside = self._root.with_name(f"{self._root.name}.{stamp}.corrupt")
        try:
            os.rename(self._root, aside)
        except OSError as error:
            return f"{self._file} {why}, and cannot be put aside: {error.strerror}."
        return f"{self._file} {why}. It was put aside as {aside.name!r}; the queue is empty."
