"""Keeps the index in step with the folders, and finds runs by it.

Only files that changed are read; one that cannot be read is named and stops nothing. Several
processes may do so at once. Where the index cannot be kept on disk it is made in memory, and where
it is corrupt, anew.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from funcnodes.catalogue import index
from funcnodes.catalogue.card import RunCard, card_of
from funcnodes.catalogue.folders import RunFolder
from funcnodes.catalogue.index import Asked, KnownFile, Listed
from funcnodes.errors import RunError
from funcnodes.runs.store import BIN, SUFFIX, is_run_name

FILE_NAME = "catalogue.sqlite"
BATCH_S = 0.3
"""How long others wait for the index at most while new files are read, about."""
MANY = 500

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing:
    """What was found.

    Attributes:
        broken: Why files, or folders, could not be read, one sentence each.
    """

    runs: list[Listed]
    broken: list[str]


@dataclass(frozen=True, slots=True)
class _Found:
    """A run file that is there; `mark` changes with it."""

    path: str
    mark: str
    binned: bool


class Catalogue:
    """The catalogue of one configuration folder.

    Args:
        config_dir: Where the index is kept.
        say: Told in a sentence of what takes long.
    """

    def __init__(self, config_dir: Path, *, say: Callable[[str], None] = lambda _: None) -> None:
        self.path = config_dir / FILE_NAME
        self._say = say

    def find(self, asked: Asked, folders: Sequence[RunFolder], *, is_all: bool = False) -> Listing:
        """The runs of these folders that fit, newest first, as the files are now.

        Args:
            is_all: There are no other folders: what is known of others is forgotten.

        Raises:
            RunError: This Python's SQLite has no full-text search.
        """

        def work(connection: sqlite3.Connection) -> Listing:
            missing = self._refresh(connection, folders, is_all=is_all)
            paths = [folder.path for folder in folders]
            found = index.find(connection, asked, paths)
            return Listing(found, missing + index.broken(connection, paths))

        return self._with_index(work)

    def _with_index(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with closing(index.opened(self.path)) as connection:
                return work(connection)
        except sqlite3.Error as error:
            if "fts5" in str(error):
                raise RunError("This Python's SQLite has no full-text search (FTS5).") from error
            if getattr(error, "sqlite_errorname", "") in index.UNREADABLE:
                self._throw_away()
                with suppress(sqlite3.Error), closing(index.opened(self.path)) as connection:
                    return work(connection)
        with closing(index.opened(None)) as connection:  # a full or read-only disk, say
            return work(connection)

    def _throw_away(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                os.unlink(f"{self.path}{suffix}")

    def _refresh(
        self, connection: sqlite3.Connection, folders: Sequence[RunFolder], *, is_all: bool
    ) -> list[str]:
        """Returns which folders cannot be looked into."""
        missing: list[str] = []
        for folder in folders:
            known = index.known(connection, folder.path)  # first: what is new by then, stays
            try:
                there = {each.path: each for each in _files(folder)}
            except OSError as error:
                there = {}
                if folder.is_added:
                    missing.append(f"{folder.path} cannot be looked into: {error.strerror}.")
            self._bring_up(connection, folder, known, there)
        if is_all:
            wanted = {str(folder.path) for folder in folders}
            for other in set(index.folders(connection)) - wanted:
                self._forget(connection, index.known(connection, Path(other)))
        return missing

    def _bring_up(
        self,
        connection: sqlite3.Connection,
        folder: RunFolder,
        known: dict[str, KnownFile],
        there: dict[str, _Found],
    ) -> None:
        gone = [path for path in known if path not in there]
        new = [each for path, each in there.items() if _is_news(each, known.get(path))]
        if len(new) > MANY:
            self._say(f"{len(new)} runs are read into the catalogue; that is done once.")
        self._forget(connection, gone)
        for batch in _in_time(new):
            with _transaction(connection):
                for each, card, why in batch:
                    index.put(
                        connection, folder.path, Path(each.path), each.mark,
                        binned=each.binned, card=card, broken=why,
                    )  # fmt: skip

    def _forget(
        self, connection: sqlite3.Connection, paths: "Sequence[str] | dict[str, KnownFile]"
    ) -> None:
        if paths:
            with _transaction(connection):
                index.forget(connection, paths)


class _transaction:
    """All of it or nothing; waits for others who write."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _files(folder: RunFolder) -> Iterator[_Found]:
    """The run files of a folder, and of its bin.

    Raises:
        OSError: It is not there, or cannot be read.
    """
    yield from _files_in(folder.path, folder, binned=False)
    with suppress(OSError):
        yield from _files_in(folder.path / BIN, folder, binned=True)


def _files_in(path: Path, folder: RunFolder, *, binned: bool) -> Iterator[_Found]:
    with os.scandir(path) as entries:
        found = {entry.name: entry for entry in entries}
    for name, entry in found.items():
        if not name.endswith(SUFFIX) or not (folder.is_added or is_run_name(name)):
            continue
        if name.startswith("."):
            continue
        with suppress(OSError):  # gone meanwhile
            mark = _mark(entry)
            if (log := found.get(f"{name}-wal")) is not None:
                mark += f" {_mark(log)}"
            yield _Found(entry.path, mark, binned)


def _mark(entry: "os.DirEntry[str]") -> str:
    seen = entry.stat()
    return f"{seen.st_mtime_ns}:{seen.st_size}:{seen.st_ino}"


def _is_news(found: _Found, known: KnownFile | None) -> bool:
    """Whether it must be read: a run that was not over may have ended without a word."""
    return known is None or known.mark != found.mark or not known.is_over


def _in_time(new: Sequence[_Found]) -> Iterator[list[tuple[_Found, RunCard | None, str]]]:
    """Read the files; in batches, so that nobody waits for long."""
    batch: list[tuple[_Found, RunCard | None, str]] = []
    began = time.monotonic()
    for each in new:
        try:
            batch.append((each, card_of(Path(each.path)), ""))
        except RunError as error:
            batch.append((each, None, error.message))
        except Exception as error:  # of a file that nobody expected
            why = f"{each.path} cannot be read: {type(error).__name__}: {error}."
            batch.append((each, None, why))
        if time.monotonic() - began > BATCH_S:
            yield batch
            batch, began = [], time.monotonic()
    if batch:
        yield batch
