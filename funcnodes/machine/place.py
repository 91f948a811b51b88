"""Where the processes of one user on one machine find each other: leases, doors, who is there.

One place whatever config folder, working directory or session a process has: `/tmp/funcnodes-UID`.
Not below XDG_RUNTIME_DIR, which goes away while processes of a user who has logged out go on, and
is not there for services; nor below TMPDIR, which differs between processes.
"""

import os
import stat
from pathlib import Path

from funcnodes.errors import FuncnodesError

VARIABLE = "FUNCNODES_RUNTIME_DIR"
_PARENTS = ("/tmp", "/var/tmp")


def machine_dir() -> Path:
    """The folder, for this user alone.

    Raises:
        FuncnodesError: It cannot be made, or is somebody else's.
    """
    given = os.environ.get(VARIABLE)
    if given:
        return _private(Path(given).absolute())
    found = [Path(parent) / f"funcnodes-{os.getuid()}" for parent in _PARENTS]
    for path in found[:-1]:
        try:
            return _private(path)
        except FuncnodesError:
            continue
    return _private(found[-1])


def leases_dir() -> Path:
    """Where leases of instruments are kept, see `devices.lease`.

    Raises:
        FuncnodesError: It cannot be made.
    """
    return _private(machine_dir() / "leases")


def doors_dir() -> Path:
    """Where processes that have a bench say so, and can be spoken to.

    Raises:
        FuncnodesError: It cannot be made.
    """
    return _private(machine_dir() / "doors")


def _private(path: Path) -> Path:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError(0, "it belongs to somebody else")
        if found.st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise FuncnodesError(
            f"{path} cannot be used, by which processes find each other: {error.strerror}.",
            hint=f"{VARIABLE} may name another folder, the same one for every process.",
        ) from error
    return path
