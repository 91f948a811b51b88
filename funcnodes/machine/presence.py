"""Which processes of this user have a bench now: one private file for each, beside its door.

Guarantees that what is read is of a process that lives: the file names it by pid and start time,
and one whose process is gone is swept by whoever looks. What a bench is, is left to `devices`.
"""

import contextlib
import itertools
import os
import secrets
import threading
import time
from pathlib import Path
from typing import Any, Literal

import msgspec

from funcnodes.errors import FuncnodesError
from funcnodes.machine.door import Answer, Door
from funcnodes.machine.place import doors_dir, leases_dir, unfinished_dir
from funcnodes.machine.processes import Process

Kind = Literal["worker", "program"]
TOUCH_S = 3600.0
_SUFFIX = ".json"
_numbers = itertools.count()


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One process, or one of its benches, as others find it."""

    pid: int
    started: str
    kind: Kind
    name: str
    """Of the worker, or of the program."""
    worker: str = ""
    """Its uuid."""
    folder: str = ""
    """Of the worker."""
    bench: str = ""
    door: str = ""
    """Path of its socket, or "" where it has none."""
    since: float = 0.0
    """Seconds since the epoch."""
    targets: list[dict[str, Any]] = []
    """How to make its devices safe from elsewhere: `devices.emergency.Target`."""

    @property
    def process(self) -> Process:
        return Process(self.pid, self.started)


class Presence:
    """This process is there, from `begin` to `end`.

    Args:
        answer: What its door does; see `door`.
    """

    def __init__(self, kind: Kind, name: str, answer: Answer, **more: str) -> None:
        mine = Process.mine()
        self.entry = Entry(
            pid=mine.pid, started=mine.started, kind=kind, name=name, since=time.time(),
            **more,  # type: ignore[arg-type]  # names of fields that hold text
        )  # fmt: skip
        self._answer = answer
        self._stem = f"{mine.pid}-{next(_numbers)}-{secrets.token_hex(3)}"
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._door: Door | None = None
        self._touched = 0.0

    def begin(self) -> None:
        """Be found from now on.

        Raises:
            FuncnodesError: There is no place to be found in.
            OSError: It cannot be written.
        """
        folder = doors_dir()
        self._path = folder / f"{self._stem}{_SUFFIX}"
        self._door = Door(folder / self._stem, self._answer, at_leisure=self._keep)
        self._door.open()
        self._say(door=str(self._door.path))

    def say(self, **changes: Any) -> None:
        """Say something else from now on; from any thread. Nothing where it is not found."""
        with contextlib.suppress(OSError):
            self._say(**changes)

    def end(self) -> None:
        """Be found no longer. Idempotent."""
        with self._lock:
            path, self._path = self._path, None
            door, self._door = self._door, None
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink()
        if door is not None:
            door.close()

    def _say(self, **changes: Any) -> None:
        with self._lock:
            self.entry = msgspec.structs.replace(self.entry, **changes)
            if self._path is not None:
                _replace(self._path, msgspec.json.encode(self.entry))
                self._touched = time.monotonic()

    def _keep(self) -> None:
        """Folders for temporary files are cleaned of what was not touched for days."""
        if time.monotonic() - self._touched < TOUCH_S:
            return
        self.say()
        with contextlib.suppress(OSError, FuncnodesError):
            mine = doors_dir().glob(f"{self._stem}*")
            for path in (*mine, *leases_dir().iterdir(), *unfinished_dir().iterdir()):
                os.utime(path)


def present() -> list[Entry]:
    """Every process of this user that has a bench, oldest first; sweeps what the dead left.

    Raises:
        FuncnodesError: There is no place to look in.
    """
    folder, found = doors_dir(), []
    for path in folder.glob(f"*{_SUFFIX}"):
        entry = _read(path)
        if entry is not None and entry.process.alive():
            found.append(entry)
        elif entry is not None or _is_old(path):
            _sweep(path)
    _sweep_doors(folder)
    return sorted(found, key=lambda entry: entry.since)


def of_worker(uuid: str, folder: Path) -> Entry | None:
    """The process of a worker, or None."""
    return next((e for e in present() if e.worker == uuid and Path(e.folder) == folder), None)


def _read(path: Path) -> Entry | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Entry)
    except (OSError, msgspec.DecodeError):
        return None


def _replace(path: Path, data: bytes) -> None:
    """Old or new, never half; it need not outlive the machine, so nothing is synced."""
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    temporary.replace(path)


def _sweep(path: Path) -> None:
    for each in (path, path.with_suffix(".new"), path.with_suffix("")):
        with contextlib.suppress(OSError):
            each.unlink()


def _sweep_doors(folder: Path) -> None:
    """What a process left that was killed before it had said who it is."""
    for path in folder.iterdir():
        pid = path.name.partition("-")[0]
        if path.suffix != _SUFFIX and pid.isdecimal() and Process.of(int(pid)) is None:
            _sweep(path.with_suffix(_SUFFIX))


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > TOUCH_S
    except OSError:
        return False
