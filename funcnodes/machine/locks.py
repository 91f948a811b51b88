"""A lock that one process holds, and the kernel takes back however that process ends.

It is a lock on an open file, not the file itself: what a killed process leaves behind locks
nobody out, and a pid used again means nothing.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class LockHeld(Exception):
    """Another process has the lock."""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock within the block.

    Raises:
        LockHeld: Another process has it.
        OSError: The file cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockHeld(str(path)) from None
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether somebody has the lock now."""
    try:
        with locked(path):
            return False
    except LockHeld:
        return True
    except OSError:
        return False
