"""`run/manager.json`: how the command line and workers find the running manager.

Private to the owner (0600), since it holds the admin token. A file whose process is gone, or
whose pid belongs to another process by now, counts as none.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from funcnodes.settings import Settings
from funcnodes.workers.files import read_json, write_json
from funcnodes.workers.processes import Process

NAME = "manager.json"


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
