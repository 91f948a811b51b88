"""What processes that were killed left behind: swept, and what they last said, passed on.

Guarantees that only files are removed which a killed process had not finished: those named as
temporary ones are named, of a process that is gone, or an hour old where the name tells no process.
"""

import contextlib
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from funcnodes.machine.processes import Process
from funcnodes.settings import Settings
from funcnodes.workers.local import logs
from funcnodes.workers.workspace import Workspace

OLD_S = 3600.0
_OF_PROCESS = re.compile(r"\..+?\.(\d+)(?:\.\d+)?(\.tmp|\.partial)?")  # as durable.py names them
_NAMELESS = re.compile(r"\..+\.(tmp|partial)")
_FOLDER = re.compile(r"import-\w+|\.fnw-\w+|\.new-\w+|\.removed-\w+")
_LEFT_ALONE = ("venv", "files")


def sweep_worker(root: Path) -> list[Path]:
    """Remove what was left in a worker's folder. Returns what that was.

    What its nodes wrote is theirs, but for what was being replaced.
    """
    swept = [path for path in _files(root) if _is_left(path) and _unlinked(path)]
    files = root / "files"
    swept += [p for p in files.rglob(".*.tmp") if _is_old(p) and p.is_file() and _unlinked(p)]
    return swept


def sweep_config(settings: Settings) -> list[Path]:
    """Remove what was left beside the workers. Returns what that was."""
    swept = []
    for folder in (settings.run_dir, settings.workers_dir):
        for path in folder.iterdir():
            if _FOLDER.fullmatch(path.name) and path.is_dir() and _is_old(path):
                shutil.rmtree(path, ignore_errors=True)
                swept.append(path)
            elif path.is_file() and _is_left(path) and _unlinked(path):
                swept.append(path)
    return swept


def last_crash(workspace: Workspace) -> str:
    """What people should know of how the last process of a worker ended, or "".

    Call it before the folder is claimed anew.
    """
    process = workspace.died()
    if process is None:
        return ""
    words = logs.last_words(workspace.logs_dir)
    before = f"The process before this one ({process.pid})"
    text = f"{before} did not end in order: it crashed or was killed."
    return f"{text} Its last words:\n{words}" if words else text


def _files(root: Path) -> Iterator[Path]:
    for path in root.iterdir():
        if path.is_symlink():
            continue
        if path.is_file():
            yield path
        elif path.name not in _LEFT_ALONE and path.is_dir():
            yield from (each for each in path.rglob("*") if each.is_file())


def _is_left(path: Path) -> bool:
    found = _OF_PROCESS.fullmatch(path.name)
    if found:
        return Process.of(int(found.group(1))) is None
    return bool(_NAMELESS.fullmatch(path.name)) and _is_old(path)


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > OLD_S
    except OSError:
        return False


def _unlinked(path: Path) -> bool:
    with contextlib.suppress(OSError):
        path.unlink()
        return True
    return False
