"""The runs of one worker: a folder with one SQLite file per run.

Numbers runs (R5), finds them by number, ULID or `latest`, and tidies up after a writer that was
killed. Several processes may use one folder at once.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from funcnodes.core import clock
from funcnodes.durable import sync_folder
from funcnodes.errors import RunError
from funcnodes.runs.disk import HINT, unfit
from funcnodes.runs.reader import RunReader
from funcnodes.runs.records import RunHead, StorageError, TableSpec
from funcnodes.runs.seal import keep, sealed
from funcnodes.runs.ulid import is_beginning, new_ulid, normalised
from funcnodes.runs.writer import (
    RunWriter,
    finish,
    fold,
    is_being_written,
    is_unfolded,
    lock_path,
    storage_error,
)
from funcnodes.settings import private_dir

SUFFIX = ".sqlite"
BIN = ".bin"


class RunStore:
    """A folder of runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"<RunStore {self.folder}>"

    def create(
        self,
        *,
        graph: dict[str, Any],
        specs: Sequence[TableSpec],
        frames: Sequence[tuple[str, bool]] = (),
        on_commit: Callable[[], None] = lambda: None,
        on_failure: Callable[[StorageError], None] = lambda _: None,
        id: str = "",
        **about: Any,
    ) -> RunWriter:
        """Begin a run: a new number, a new ULID, a new file.

        The file is there once the writer's `opened` is done.

        Args:
            graph: The nodespace, as `NodeSpace.serialize` gives it.
            specs: The recorders.
            frames: Ids of the frames by which points are named, each with whether its points are
                counted.
            on_commit: Called from the writer's thread after rows were committed.
            on_failure: Called from the writer's thread when nothing more can be written.
            id: ULID, where that was settled before.
            about: Further fields of `RunHead`.

        Raises:
            StorageError: The folder cannot be written, or is on a network share.
        """
        started = clock.now()
        why = unfit(self.folder)
        if why:
            raise StorageError(why, hint=HINT, path=str(self.folder))
        try:
            number = self._next_number()
        except OSError as error:
            raise storage_error(self.folder, error) from error
        head = RunHead(
            id=id or new_ulid(started), number=number, state="running",
            started=started, started_mono=clock.monotonic(),
            streams=tuple(spec.stream for spec in specs if spec.kind != "scan"), **about,
        )  # fmt: skip
        text = msgspec.json.encode(graph, enc_hook=repr).decode()
        path = self._path(head)
        return RunWriter(
            path, head, graph=text, specs=specs, frames=frames,
            on_commit=on_commit, on_failure=on_failure,
        )  # fmt: skip

    def paths(self) -> list[Path]:
        """The run files, newest first."""
        found = [path for path in self.folder.glob(f"*{SUFFIX}") if _number(path)]
        return sorted(found, key=lambda path: (_number(path), path.name), reverse=True)

    def list(self, limit: int | None = None) -> list[RunHead]:
        """The newest runs, newest first; files that cannot be read are left out."""
        heads: list[RunHead] = []
        for path in self.paths():
            if limit is not None and len(heads) >= limit:
                break
            head = _readable(path)
            if head is not None:
                heads.append(head)
        return heads

    def reader_of(self, head: RunHead) -> RunReader:
        """The run of a head, without a look for its file."""
        return RunReader(self._path(head))

    def _path(self, head: RunHead) -> Path:
        return self.folder / f"{head.number:05d}-{head.id}{SUFFIX}"

    def find(self, name: str) -> RunReader:
        """A run by `latest`, its number, its ULID, or an unambiguous beginning of that.

        Raises:
            RunError: There is none, or more than one.
        """
        paths = self.paths()
        wanted = name.strip().removeprefix("#")
        if wanted.lower() == "latest":
            return _opened(self._one(paths[:1], "There is no run yet."))
        by_number = [path for path in paths if str(_number(path)) == wanted]
        if by_number:
            return _opened(by_number[0])
        beginning = normalised(wanted)
        by_id = [path for path in paths if _ulid(path).startswith(beginning)]
        if not is_beginning(beginning) or not by_id:
            raise RunError(f"There is no run {name!r} in {self.folder}.", run=name)
        if len(by_id) > 1:
            numbers = ", ".join(str(_number(path)) for path in by_id[:5])
            raise RunError(f"{name!r} begins the ids of {len(by_id)} runs: {numbers}.", run=name)
        return _opened(by_id[0])

    def children(self, run: RunReader) -> Sequence[RunHead]:
        """The runs here that go on with it, the oldest first; deleted ones do not count."""
        said = [each.text for each in run.annotations() if each.kind == "continued"]
        found = [path for ulid in said for path in self.folder.glob(f"*-{ulid}{SUFFIX}")]
        return [head for path in found if (head := _readable(path)) is not None]

    @property
    def bin(self) -> "RunStore":
        """Where deleted runs lie until they are restored."""
        return RunStore(self.folder / BIN)

    def delete(self, name: str) -> RunHead:
        """Put a run into the bin; its number is not given again.

        Raises:
            RunError: There is no such run, it is being written, a program has it open, or
                another run goes on with it.
            StorageError: It cannot be moved.
        """
        run = self.find(name)
        for child in self.children(run):
            raise RunError(
                f"Run {child.number} goes on with run {run.head.number}, and is half without it.",
                hint=f"Delete run {child.number} first.",
            )
        return self._move(run, self.bin.folder)

    def delete_file(self, path: Path) -> RunHead:
        """The same by its file.

        Raises:
            RunError: As `delete`.
            StorageError: It cannot be moved.
        """
        return self._move(RunReader(path), self.bin.folder)

    def restore(self, name: str) -> RunHead:
        """Take a run out of the bin.

        Raises:
            RunError: There is no such run in the bin.
            StorageError: It cannot be moved.
        """
        return self._move(self.bin.find(name), self.folder)

    def _move(self, run: RunReader, folder: Path) -> RunHead:
        head = run.head
        if is_being_written(run.path):
            raise RunError(f"Run {head.number} is still being written; stop it first.")
        if is_unfolded(run.path) and not finish(run.path):
            raise RunError(f"Run {head.number} is open in another program; close that first.")
        try:
            private_dir(folder)
            os.rename(run.path, folder / run.path.name)
            sync_folder(folder)
            sync_folder(run.path.parent)
        except OSError as error:
            raise storage_error(run.path, error) from error
        return head

    def recover(self) -> Sequence[RunHead]:
        """Mark runs whose writer was killed as interrupted, and fold what files are not yet (R6).

        Called when a worker starts. Runs that another process is writing are left alone.

        Returns:
            The runs that were found interrupted, newest first.
        """
        return [head for path in self.paths() if (head := _recover(path)) is not None]

    def _one(self, paths: Sequence[Path], otherwise: str) -> Path:
        if not paths:
            raise RunError(f"{otherwise} Looked in {self.folder}.")
        return paths[0]

    def _next_number(self) -> int:
        """One more than any number given before, also where files were deleted since."""
        private_dir(self.folder)
        with _locked(self.folder / ".numbers") as fd:
            last = os.read(fd, 32).strip()
            newest = max((_number(path) for path in self.paths()), default=0)
            number = max(int(last) if last.isdigit() else 0, newest) + 1
            os.pwrite(fd, b"%d\n" % number, 0)
        return number


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


def is_run_name(name: str) -> bool:
    """Whether a file is a run of a worker, by its name."""
    stem, suffix, _ = name.rpartition(SUFFIX)
    number, _, ulid = stem.partition("-")
    return suffix == SUFFIX and number.isdecimal() and int(number) > 0 and is_beginning(ulid)


def _number(path: Path) -> int:
    """The run's number by its file name; 0 where the name is not one of ours."""
    number, dash, ulid = path.stem.partition("-")
    return int(number) if dash and number.isdecimal() and is_beginning(ulid) else 0


def _ulid(path: Path) -> str:
    return path.stem.partition("-")[2]


def _opened(path: Path) -> RunReader:
    """A run to be read; what another program kept from being folded is folded now (R6)."""
    if is_unfolded(path) and not is_being_written(path):
        reader = RunReader(path)
        if reader.head.state != "interrupted":  # which is for `recover` to say
            finish(path)
    return RunReader(path)


def _readable(path: Path) -> RunHead | None:
    try:
        return RunReader(path).head
    except RunError:
        return None


def _recover(path: Path) -> RunHead | None:
    is_left = lock_path(path).exists() or path.with_name(path.name + "-wal").exists()
    if not (is_left or is_unfolded(path)) or is_being_written(path):
        return None
    head = _readable(path)
    if head is None:
        return None
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            if head.state == "interrupted":
                for key in ("state", "rows", "ended", "message"):
                    text = msgspec.json.encode(getattr(head, key)).decode()
                    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, text))
                keep(connection, sealed(connection))
            fold(connection)  # a program that has it open keeps nobody from starting
    except sqlite3.Error as error:
        raise storage_error(path, error) from error
    lock_path(path).unlink(missing_ok=True)
    return head if head.state == "interrupted" else None
