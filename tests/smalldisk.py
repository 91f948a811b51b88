"""A disk that a test fills: a small tmpfs where one can be mounted, else a limit on file sizes."""

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILLER = "filler"


@dataclass
class SmallDisk:
    """A folder on it.

    Attributes:
        is_mounted: Whether it is a file system of its own, rather than a limit.
    """

    folder: Path
    is_mounted: bool

    def fill(self, *pids: int) -> None:
        """Leave no room: for everybody on a disk of its own, else for these processes."""
        if not self.is_mounted:
            for pid in pids:
                _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
            return
        with (self.folder / FILLER).open("wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"\0" * size)

    def empty(self, *pids: int) -> None:
        """Have room again."""
        (self.folder / FILLER).unlink(missing_ok=True)
        for pid in () if self.is_mounted else pids:
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextlib.contextmanager
def small_disk(folder: Path, *, megabytes: int = 4) -> Iterator[SmallDisk]:
    """Make one in `folder`, which must not be there yet."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None
    if mounted:
        options = f"size={megabytes}m,mode=0700"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "funcnodes-test", str(folder)],
            capture_output=True,
        )
        mounted = done.returncode == 0  # not in every container
    try:
        yield SmallDisk(folder, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
