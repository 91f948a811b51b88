"""Where the processes of one user on one machine find each other: leases, doors, who is there.

One place whatever config folder, working directory or session a process has: `/tmp/funcnodes-UID`.
Not below XDG_RUNTIME_DIR, which goes away while processes of a user who has logged out go on, and
is not there for services; nor below TMPDIR, which differs between processes. What has to outlive a
restart of the machine is in `/var/tmp/funcnodes-UID`, which systems leave alone.
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
    return _first_of(_PARENTS)


def lasting_dir() -> Path:
    """The same, where it outlives a restart of the machine.

    Raises:
        FuncnodesError: It cannot be made, or is somebody else's.
    """
    return machine_dir() if os.environ.get(VARIABLE) else _first_of(_PARENTS[::-1])


def unfinished_dir() -> Path:
    """Where it is kept which instruments were written to, see `devices.estop.unfinished`.

    Raises:
        FuncnodesError: It cannot be made.
    """
    return _private(lasting_dir() / "unfinished")


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


def _first_of(parents: tuple[str, ...]) -> Path:
    found = [Path(parent) / f"funcnodes-{os.getuid()}" for parent in parents]
    for path in found[:-1]:
        try:
            return _private(path)
        except FuncnodesError:
            continue
    return _private(found[-1])


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
