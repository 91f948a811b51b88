"""`run/manager.json`: how the command line and workers find the running manager.

Private to the owner (0600), since it holds the admin token. A file whose process is gone, or
whose pid belongs to another process by now, counts as none. That there is one manager per config
folder is held by a lock beside it, which ends with the manager however that ends.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from funcnodes.errors import WorkerError
from funcnodes.machine.files import read_json, write_json
from funcnodes.machine.locks import LockHeld, is_held, locked
from funcnodes.settings import Settings
from funcnodes.workers.processes import Process

NAME = "manager.json"
LOCK = "manager.lock"
START_S = 20.0
POLL_S = 0.05


class ManagerRuns(WorkerError):
    """Another process is the manager of this config folder."""


@dataclass(frozen=True, slots=True)
class ManagerAddress:
    """Where the manager of a config folder is.

    Attributes:
        url: Such as `http://127.0.0.1:8000`, without a slash at the end.
        token: The admin token, for the command line alone.
        editor: Whether it serves the page, too.
        folder: Where the file is; private.
    """

    url: str
    process: Process
    token: str
    editor: bool
    folder: Path


def read(settings: Settings) -> ManagerAddress | None:
    """The running manager, or None."""
    saved = read_json(settings.run_dir / NAME) or {}
    process = Process.from_saved(saved)
    url, token = saved.get("url"), saved.get("token")
    if process is None or not isinstance(url, str) or not isinstance(token, str):
        return None
    return ManagerAddress(url, process, token, saved.get("editor") is True, settings.run_dir)


def write(settings: Settings, *, url: str, token: str, editor: bool) -> None:
    """Say that this process is the manager."""
    mine = Process.mine().to_saved()
    write_json(settings.run_dir / NAME, {"url": url, **mine, "token": token, "editor": editor})


def remove(settings: Settings) -> None:
    """Take the file away if it is ours."""
    saved = read_json(settings.run_dir / NAME)
    if saved is not None and saved.get("pid") == Process.mine().pid:
        with contextlib.suppress(FileNotFoundError):
            (settings.run_dir / NAME).unlink()


@contextlib.contextmanager
def claimed(settings: Settings) -> Iterator[None]:
    """Be the only manager of the config folder within the block.

    Raises:
        ManagerRuns: Another one is, or is just starting.
    """
    try:
        with locked(settings.run_dir / LOCK):
            yield
    except LockHeld:
        found = read(settings)
        where = f" at {found.url} (process {found.process.pid})" if found else ""
        raise ManagerRuns(f"A manager is already running{where}.") from None


def settled(settings: Settings) -> ManagerAddress | None:
    """The running manager, once one that is just starting has said where it is; or None.

    Raises:
        WorkerError: One is starting, or ending, for over 20 s.
    """
    until = time.monotonic() + START_S
    while (found := read(settings)) is None and is_held(settings.run_dir / LOCK):
        if time.monotonic() > until:
            raise WorkerError(
                f"A manager of {settings.config_dir} has been starting for {START_S:g} s.",
                hint="End it and try again.",
            )
        time.sleep(POLL_S)
    return found
