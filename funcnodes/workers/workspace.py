"""The folder of a worker: who it is, its bench, its nodespaces, its runs.

    <config>/workers/<uuid>/
      worker.json     uuid, name, hash of its credential, the Python it was created in
      credential      the credential itself, for the worker alone
      process.json    the process that now has this folder (pid, start time, session)
      lock            held by that process
      samples.json    the list of its samples
      history.sqlite  what its parameters were, see `funcnodes.history`
      bench.toml  latch.json  nodespaces/  subgraphs/  files/  queue/  runs/  logs/

Guarantees that a nodespace on disk is a whole one (old or new, never a mix), that its last good
versions are kept, and that a corrupt file is put aside and never overwritten. What a nodespace
means is left to `core`: loading takes a function that judges the data.
"""

import contextlib
import fcntl
import hashlib
import hmac
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
import uuid as uuids
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from funcnodes.core.codec.gradual import read_gradually, write_gradually
from funcnodes.core.graph.subgraph_files import SUFFIX
from funcnodes.durable import sync_folder, write_private
from funcnodes.errors import FuncnodesError, RefusedError, SavedGraphError, WorkerError
from funcnodes.history.file import FILE_NAME
from funcnodes.machine.files import read_json, write_json
from funcnodes.runs.samples import FILE_NAME as SAMPLES_NAME
from funcnodes.settings import Settings, private_dir
from funcnodes.workers.large import is_large_file
from funcnodes.workers.processes import Process

VERSIONS_KEPT = 5
NAME_LENGTH = 100
_NAME = re.compile(r"[^\W_][\w \-.,()+=°µ]*")
_UUID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LOCAL = "local"  # the folder of `funcnodes run`


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """What `worker.json` says.

    Attributes:
        credential_sha256: Hex digest; the credential itself is in a file of its own.
        python: Interpreter that the worker was created in and is started with.
        manager_url: Where to dial, or "" for the manager of the same config folder.
        autostart: Whether a manager starts it when it begins.
    """

    uuid: str
    name: str
    credential_sha256: str
    python: str
    created: float
    manager_url: str = ""
    autostart: bool = False

    def owns(self, credential: str) -> bool:
        """Whether `credential` is this worker's."""
        digest = hashlib.sha256(credential.encode()).hexdigest()
        return hmac.compare_digest(digest, self.credential_sha256)


@dataclass(frozen=True, slots=True)
class LoadedSpace:
    """A nodespace read from disk, and what the user must know about it ("" for nothing)."""

    name: str
    data: dict[str, Any]
    notice: str = ""
    saved: float | None = None


class Workspace:
    """One worker's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.record = _read_record(root)
        try:
            self.spaces = SpaceStore(private_dir(root / "nodespaces"))
            self.subgraphs = SubgraphStore(private_dir(root / "subgraphs"))
        except OSError as error:
            raise WorkerError(f"{root} cannot be written: {error.strerror}.") from error

    @classmethod
    def create(
        cls,
        settings: Settings,
        name: str,
        *,
        uuid: str | None = None,
        python: str = "",
        autostart: bool = False,
    ) -> "Workspace":
        """Make the folder of a new worker: all of it, or nothing.

        Args:
            python: Interpreter to start it with, if not the present one.

        Raises:
            RefusedError: The name is empty, too long or unprintable, or the id is taken or cannot
                be one.
            WorkerError: The folder cannot be written.
        """
        name = checked_name(name, what="A worker")
        uuid = checked_uuid(uuid) if uuid else uuids.uuid4().hex
        root = settings.workers_dir / uuid
        if root.exists():
            raise _taken(uuid)
        credential = secrets.token_urlsafe(32)
        digest = hashlib.sha256(credential.encode()).hexdigest()
        record = WorkerRecord(
            uuid, name, digest, python or sys.executable, time.time(), autostart=autostart
        )
        try:
            with _made_at_once(root) as folder:
                write_private(folder / "credential", credential.encode())
                _write_record(folder, record)
        except OSError as error:
            if root.exists():
                raise _taken(uuid) from error
            raise WorkerError(
                f"The worker {name!r} cannot be made in {root.parent}: {error.strerror}.",
                hint="FUNCNODES_CONFIG_DIR, or --dir, says where everything is kept.",
            ) from error
        return cls(root)

    @classmethod
    def all(cls, settings: Settings) -> list["Workspace"]:
        """Every worker of the config folder, oldest first; unreadable folders are left out."""
        found = []
        for folder in settings.workers_dir.iterdir():
            if not folder.name.startswith("."):
                with contextlib.suppress(WorkerError):
                    found.append(cls(folder))
        return sorted(found, key=lambda each: each.record.created)

    def reload(self) -> None:
        """Read the record anew: the command line may have written it.

        Raises:
            WorkerError: It is gone.
        """
        self.record = _read_record(self.root)

    def rename(self, name: str) -> None:
        """Give the worker another name.

        Raises:
            RefusedError: It cannot be one.
            WorkerError: It cannot be written.
        """
        self._change(name=checked_name(name, what="A worker"))

    def set_python(self, python: str) -> None:
        """Have the worker start in another Python. Raises WorkerError where it cannot be kept."""
        self._change(python=python)

    def _change(self, **changes: str) -> None:
        record = replace(self.record, **changes)  # type: ignore[arg-type]  # of text fields only
        try:
            _write_record(self.root, record)
        except OSError as error:
            path = self.root / "worker.json"
            raise WorkerError(f"{path} cannot be written: {error.strerror}.") from error
        self.record = record

    @property
    def config_dir(self) -> Path:
        return self.root.parent.parent

    @property
    def bench_path(self) -> Path:
        return self.root / "bench.toml"

    @property
    def files_dir(self) -> Path:
        """What its nodes may read and write."""
        return self.root / "files"

    @property
    def latch_path(self) -> Path:
        return self.root / "latch.json"

    @property
    def queue_dir(self) -> Path:
        """The queue of runs, and what was submitted to it."""
        return self.root / "queue"

    @property
    def runs_dir(self) -> Path:
        return private_dir(self.root / "runs")

    @property
    def samples_path(self) -> Path:
        """The list of its samples."""
        return self.root / SAMPLES_NAME

    @property
    def history_path(self) -> Path:
        return self.root / FILE_NAME

    @property
    def logs_dir(self) -> Path:
        return private_dir(self.root / "logs")

    @property
    def venv_dir(self) -> Path:
        """The virtual environment of its own, where it has one."""
        return self.root / "venv"

    @property
    def has_own_python(self) -> bool:
        """Whether it runs in an environment of its own."""
        return Path(self.record.python).is_relative_to(self.venv_dir)

    @property
    def requirements_path(self) -> Path:
        return self.root / "requirements.txt"

    def requirements(self) -> tuple[str, ...]:
        """What was installed into its own environment, as it was asked for."""
        try:
            lines = self.requirements_path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return ()
        return tuple(line.strip() for line in lines if line.strip())

    def credential(self) -> str:
        """The worker's own secret.

        Raises:
            WorkerError: The file is missing or cannot be read.
        """
        try:
            return (self.root / "credential").read_text().strip()
        except OSError as error:
            raise WorkerError(
                f"The credential of worker {self.record.name!r} cannot be read: {error.strerror}."
            ) from error

    def process(self) -> Process | None:
        """The living process that has this folder, or None."""
        saved = read_json(self.root / "process.json")
        return Process.from_saved(saved) if saved else None

    def left_cleanly(self) -> bool:
        """Whether the last process that had this folder ended in order."""
        return not (self.root / "process.json").exists()

    def died(self) -> Process | None:
        """The last process, where it has ended, and not in order; else None."""
        saved = read_json(self.root / "process.json") or {}
        pid, started = saved.get("pid"), saved.get("started")
        if not isinstance(pid, int) or not isinstance(started, str) or self.process() is not None:
            return None
        return Process(pid, started)

    @contextlib.contextmanager
    def claimed(self, session: str) -> Iterator[None]:
        """Own the folder for the life of this process.

        Raises:
            WorkerError: Another process has it.
        """
        lock = self.root / "lock"
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise WorkerError(f"{lock} cannot be written: {error.strerror}.") from error
        try:
            self._lock(descriptor)
            mine = Process.mine()
            write_json(self.root / "process.json", {**mine.to_saved(), "session": session})
            yield
            self.leave()
        finally:
            os.close(descriptor)

    def leave(self) -> None:
        """This process ends in order."""
        with contextlib.suppress(OSError):
            (self.root / "process.json").unlink()

    def last_open(self) -> str:
        """Name of the nodespace that was open last, or ""."""
        saved = read_json(self.root / "open.json") or {}
        name = saved.get("nodespace", "")
        return name if isinstance(name, str) else ""

    def set_last_open(self, name: str) -> None:
        write_json(self.root / "open.json", {"nodespace": name})

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = self.process()
            who = f"process {holder.pid}" if holder else "another process"
            raise WorkerError(
                f"Worker {self.record.name!r} is already running in {who}."
            ) from error


def encode(data: dict[str, Any]) -> bytes:
    """A saved form as the bytes of its file; of this very moment, whatever is edited later."""
    return write_gradually(data)


@dataclass(slots=True)
class SpaceStore:
    """The nodespaces of a worker, one JSON file each, with the last good versions beside them."""

    folder: Path
    clock: Callable[[], float] = field(default=time.time)

    def names(self) -> list[str]:
        """Every nodespace, by name."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def is_large(self, name: str) -> bool:
        """Whether reading it would hold the loop for long."""
        return is_large_file(self._path(name))

    def exists(self, name: str) -> bool:
        return self._path(name).is_file()

    def unused_name(self, wanted: str) -> str:
        """`wanted`, or the first of `wanted 2`, `wanted 3` … that is free."""
        wanted = checked_name(wanted, what="A nodespace")
        name, number = wanted, 1
        while self.exists(name):
            number += 1
            name = f"{wanted[: NAME_LENGTH - 5]} {number}"
        return name

    def save(self, name: str, data: bytes) -> float:
        """Replace the file whole, keeping the one before it as a version.

        Args:
            data: As `encode` gives it.

        Returns:
            When it was saved, in seconds since the epoch.

        Raises:
            OSError: The disk is full or cannot be written; the file is as it was.
        """
        path = self._path(name)
        self._keep_version(path)
        write_private(path, data)
        return self.clock()

    def load(
        self, name: str, judge: Callable[[dict[str, Any]], None] = lambda data: None
    ) -> LoadedSpace:
        """Read a nodespace; where it is corrupt, put it aside and read the last good version.

        Args:
            judge: Raises a FuncnodesError where the data is no valid nodespace.

        Raises:
            SavedGraphError: No such nodespace, or neither it nor any version of it is valid.
        """
        path = self._path(name)
        if not path.is_file():
            raise SavedGraphError(f"There is no nodespace named {name!r}.", name=name)
        try:
            return LoadedSpace(name, _read_space(path, judge), "", path.stat().st_mtime)
        except FuncnodesError as error:
            return self._last_good(path, judge, error)

    def rename(self, old: str, new: str) -> None:
        """Give a nodespace another name, its versions too.

        Raises:
            RefusedError: The new name is taken or cannot be one.
        """
        source, target = self._path(old), self._path(checked_name(new, what="A nodespace"))
        if target.exists():
            raise RefusedError(f"There is already a nodespace named {new!r}.")
        if source.exists():
            os.rename(source, target)
        if self._versions(source).is_dir():
            os.rename(self._versions(source), self._versions(target))
        sync_folder(self.folder)

    def versions(self, name: str) -> list[Path]:
        """Earlier versions of a nodespace, newest first."""
        folder = self._versions(self._path(name))
        return sorted(folder.glob("*.json"), reverse=True) if folder.is_dir() else []

    def _path(self, name: str) -> Path:
        return self.folder / f"{checked_name(name, what='A nodespace')}.json"

    def _versions(self, path: Path) -> Path:
        return self.folder / ".versions" / path.stem

    def _keep_version(self, path: Path) -> None:
        if not path.is_file():
            return
        folder = private_dir(self._versions(path))
        with contextlib.suppress(FileExistsError):
            os.link(path, folder / f"{time.time_ns():020d}.json")
        for old in sorted(folder.glob("*.json"), reverse=True)[VERSIONS_KEPT:]:
            old.unlink(missing_ok=True)

    def _last_good(
        self, path: Path, judge: Callable[[dict[str, Any]], None], error: FuncnodesError
    ) -> LoadedSpace:
        for version in self.versions(path.stem):
            with contextlib.suppress(FuncnodesError):
                data, saved = _read_space(version, judge), version.stat().st_mtime
                aside = self._put_aside(path)
                write_private(path, version.read_bytes())
                when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(saved))
                notice = (
                    f"The file of this nodespace was corrupt; the version of {when} was loaded "
                    f"and the corrupt file kept as {aside.name!r}."
                )
                return LoadedSpace(path.stem, data, notice, saved)
        raise SavedGraphError(
            f"Nodespace {path.stem!r} cannot be opened: {error.message}",
            hint="The file is left as it is.",
            name=path.stem,
        ) from error

    def _put_aside(self, path: Path) -> Path:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        aside = self.folder / f"{path.stem}.{stamp}.corrupt"
        number = 1
        while aside.exists():
            number += 1
            aside = self.folder / f"{path.stem}.{stamp}-{number}.corrupt"
        os.rename(path, aside)
        return aside


@dataclass(frozen=True, slots=True)
class SubgraphStore:
    """The subgraphs of a worker that were saved as files; the library reads them."""

    folder: Path

    def free_name(self, wanted: str, *, own: str = "", replace: bool = False) -> str:
        """`wanted`, trimmed, if a file of that name may be written.

        Args:
            own: The name that the subgraph has been saved under.
            replace: Whether a file of another one may be replaced.

        Raises:
            RefusedError: It cannot be a name, or is another subgraph's.
        """
        name = checked_name(wanted, what="A subgraph")
        if name != own and not replace and self._path(name).exists():
            raise RefusedError(
                f"There is already a subgraph named {name!r}.",
                hint="Save it under another name, or replace that one.",
            )
        return name

    def save(self, name: str, template: dict[str, Any]) -> None:
        """Write a file, old or new and never half of it.

        Raises:
            WorkerError: It cannot be written; what was there is as it was.
        """
        try:
            write_private(self._path(name), encode(template))
        except OSError as error:
            raise WorkerError(
                f"The subgraph {name!r} cannot be saved: {error.strerror}."
            ) from error

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"


_RECORD_FIELDS = tuple(each.name for each in fields(WorkerRecord))


def checked_name(name: str, *, what: str) -> str:
    """`name`, trimmed, if it can be a file's name on every system.

    Raises:
        RefusedError: It is empty, longer than 100 characters, or has characters in it that a
            file name may not have.
    """
    name = name.strip()
    if len(name) > NAME_LENGTH:
        raise RefusedError(
            f"{what} cannot have a name of {len(name)} characters; the limit is {NAME_LENGTH}."
        )
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise RefusedError(
            f"{what} cannot be named {name!r}.",
            hint="Begin with a letter or digit; then letters, digits, spaces and - _ . , ( ) + =.",
        )
    return name


def checked_uuid(uuid: str) -> str:
    """`uuid`, trimmed, if it can be a worker's.

    Raises:
        RefusedError: It cannot be a folder's name everywhere, or stands for something else.
    """
    uuid = uuid.strip()
    if not _UUID.fullmatch(uuid) or uuid == _LOCAL:
        raise RefusedError(
            f"A worker cannot have the id {uuid[:NAME_LENGTH]!r}.",
            hint="An id has 1 to 64 letters, digits, - and _, and begins with a letter or digit.",
        )
    return uuid


def _taken(uuid: str) -> RefusedError:
    return RefusedError(
        f"There is already a worker with the id {uuid!r}.",
        hint="Leave the id out, and one is made.",
    )


@contextlib.contextmanager
def _made_at_once(root: Path) -> Iterator[Path]:
    """A folder beside `root` to fill, which becomes `root` at the end of the block."""
    making = Path(tempfile.mkdtemp(prefix=".new-", dir=root.parent))
    try:
        yield making
        os.rename(making, root)
        sync_folder(root.parent)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise


def _write_record(root: Path, record: WorkerRecord) -> None:
    write_json(root / "worker.json", asdict(record))


def _read_record(root: Path) -> WorkerRecord:
    saved = read_json(root / "worker.json")
    try:
        if saved is None:
            raise TypeError
        record = WorkerRecord(**{key: saved[key] for key in _RECORD_FIELDS if key in saved})
    except TypeError:
        raise WorkerError(f"{root / 'worker.json'} is no worker's file.") from None
    texts = (record.uuid, record.name, record.credential_sha256, record.python, record.manager_url)
    if not isinstance(record.created, int | float) or not all(isinstance(t, str) for t in texts):
        raise WorkerError(f"{root / 'worker.json'} is no worker's file.")
    return record


def _read_space(path: Path, judge: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    try:
        data = read_gradually(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise SavedGraphError(f"{path.name!r} is not readable JSON ({error}).") from error
    if not isinstance(data, dict) or not isinstance(data.get("nodes"), list):
        raise SavedGraphError(f"{path.name!r} is no saved nodespace.")
    judge(data)
    return data
