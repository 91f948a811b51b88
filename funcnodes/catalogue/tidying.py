"""What becomes of runs that nobody wants: the bin is emptied in time, nothing else is.

A run lies in the bin since its file was moved there (the file's ctime); copied or restored from a
backup it lies there anew.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from funcnodes.catalogue.index import Listed
from funcnodes.core import clock
from funcnodes.errors import RunError
from funcnodes.runs.records import ENDED
from funcnodes.runs.store import BIN, RunStore, is_run_name

DAY_S = 86_400.0


@dataclass(slots=True)
class Tidied:
    """What was done, or would be.

    Attributes:
        deleted: Files that are gone for good.
        binned: Files that were put into the bin.
        bytes: What that frees on disk.
        taken: What the runs and bins that are left take.
        over: Folders that take too much all the same, and how much.
        failed: Why something could not be done, one sentence each.
    """

    deleted: list[Path] = field(default_factory=list)
    binned: list[Path] = field(default_factory=list)
    bytes: int = 0
    taken: int = 0
    over: list[tuple[Path, int]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def empty_bins(
    folders: Iterable[Path],
    *,
    bin_days: float,
    max_bytes: float | None = None,
    dry: bool = False,
    into: Tidied | None = None,
) -> Tidied:
    """Delete for good what has lain in the bins of these folders for too long.

    Args:
        bin_days: For how long it may.
        max_bytes: What the runs of a folder may take, bin included; where they take more, what
            lies in the bin goes before its time, oldest first. Nothing else ever does.
        dry: Only tell.
    """
    done = into or Tidied()
    for folder in folders:
        _empty_bin(folder, done, bin_days * DAY_S, max_bytes, dry=dry)
    return done


def _empty_bin(
    folder: Path, done: Tidied, bin_s: float, max_bytes: float | None, *, dry: bool
) -> None:
    binned = sorted(_files(folder / BIN), key=lambda each: each[1])
    taken = sum(size for _, _, size in [*_files(folder), *binned])
    now = clock.now()
    for path, since, size in binned:
        is_too_much = max_bytes is not None and taken > max_bytes
        if now - since < bin_s and not is_too_much:
            continue
        if dry or _delete(path, done):
            done.deleted.append(path)
            done.bytes += size
            taken -= size
    done.taken += taken
    if max_bytes is not None and taken > max_bytes:
        done.over.append((folder, taken))


def put_into_bin(runs: Sequence[Listed], *, dry: bool = False) -> Tidied:
    """Put these runs into the bins of their folders, but for those that are going on."""
    done = Tidied()
    for run in runs:
        if run.head.state not in ENDED:
            continue
        try:
            if not dry:
                RunStore(run.folder).delete_file(run.path)
            done.binned.append(run.path)
        except RunError as error:
            done.failed.append(error.message)
    return done


def _files(folder: Path) -> list[tuple[Path, float, int]]:
    """Run files with since when they lie there, and their size."""
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if is_run_name(entry.name):
                with suppress(OSError):
                    seen = entry.stat()
                    since = max(seen.st_ctime, seen.st_mtime)
                    found.append((Path(entry.path), since, seen.st_size))
    return found


def _delete(path: Path, done: Tidied) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:  # another process did it
        return False
    except OSError as error:
        done.failed.append(f"{path} cannot be deleted: {error.strerror}.")
        return False
    for suffix in ("-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + suffix).unlink()
    return True
