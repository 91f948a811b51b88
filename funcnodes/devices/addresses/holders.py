"""Which program has a device file open, as far as the kernel tells (Linux)."""

import os
from pathlib import Path

_PROC = Path("/proc")


def who_has(path: str) -> str:
    """Who has the file open, in words: "process 4242 (minicom)".

    Processes of other users are not told of without the right to look; it is "another program"
    then, as it is where there is no /proc.
    """
    wanted = os.path.realpath(path)
    for folder in _PROC.glob("[0-9]*"):
        if _has_open(folder, wanted):
            if int(folder.name) == os.getpid():
                return "this program"
            return f"process {folder.name} ({_name(folder)})"
    return "another program"


def _has_open(folder: Path, wanted: str) -> bool:
    try:
        with os.scandir(folder / "fd") as descriptors:
            return any(os.readlink(each.path) == wanted for each in descriptors)
    except OSError:  # it has ended, or is another user's
        return False


def _name(folder: Path) -> str:
    try:
        return (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "?"
