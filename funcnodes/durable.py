"""Files that are replaced whole: old or new, never a mix, whatever happens meanwhile.

Guarantees that a reader, or a process killed at any moment, sees either the previous content or
the new one (temporary file beside it, fsync, rename, fsync of the folder), also where the system
takes less at a time than it was given, and when several write the same file at once. What is in a
file, and what an error is called, is for whoever writes it.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from funcnodes.settings import private_dir

_numbers = itertools.count()
_NAME_KEPT = 40  # characters of the name that its temporary file bears, so that any name fits


def write_private(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, for the owner alone whatever the umask; its folders are made.

    Raises:
        OSError: The disk is full or the folder cannot be written; `path` is as it was.
    """
    private_dir(path.parent)
    replace_file(path, data, is_private=True)


def replace_file(
    path: Path, data: bytes, *, is_private: bool = False, is_new: bool = False
) -> None:
    """Replace `path` by `data`.

    Args:
        is_private: Mode 0600 rather than what the umask leaves of 0666.
        is_new: Refuse where there is such a file already.

    Raises:
        FileExistsError: It was to be new.
        OSError: It cannot be written; `path` is as it was.
    """
    with _in_place_of(path, is_private, is_new) as (descriptor, _):
        write_through(descriptor, data)


@contextmanager
def replacing(path: Path, *, is_private: bool = False, is_new: bool = False) -> Iterator[BinaryIO]:
    """A file to write to; it takes the place of `path` at the end, unless something was raised.

    Raises:
        FileExistsError: It was to be new.
        OSError: It cannot be written; `path` is as it was.
    """
    with (
        _in_place_of(path, is_private, is_new) as (descriptor, _),
        os.fdopen(descriptor, "wb", closefd=False) as file,
    ):
        yield file


@contextmanager
def replacing_by_name(path: Path) -> Iterator[Path]:
    """As `replacing`, for libraries that open a file themselves: the name of an empty one.

    They may truncate it, not put another in its place.

    Raises:
        OSError: It cannot be written; `path` is as it was.
    """
    with _in_place_of(path, is_private=False, is_new=False) as (_, temporary):
        yield temporary


def write_through(descriptor: int, data: bytes) -> None:
    """Write all of `data` to a blocking descriptor, which may take less than that at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive power loss."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _in_place_of(path: Path, is_private: bool, is_new: bool) -> Iterator[tuple[int, Path]]:
    name = f".{path.name[:_NAME_KEPT]}.{os.getpid()}.{next(_numbers)}.tmp"
    temporary = path.with_name(name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600 if is_private else 0o666)
    try:
        try:
            if is_private:
                os.fchmod(descriptor, 0o600)
            yield descriptor, temporary
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            os.link(temporary, path)  # unlike a rename, refused where there is one already
            temporary.unlink()
        else:
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    with contextlib.suppress(OSError):  # the new file is there; not every file system syncs folders
        sync_folder(path.parent)
