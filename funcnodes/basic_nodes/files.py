"""The folder that nodes may read and write, and nothing beside it.

A worker lends one `Files` to its nodespace. Names are relative to its root; whatever leads out of
it, by `..`, as an absolute path or over a symbolic link, is refused. A file is replaced whole: a
reader sees the old content or the new one.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal

from funcnodes.durable import replace_file
from funcnodes.errors import ExecutionError

LARGEST_READ = 256 * 2**20
MOST_LISTED = 10_000
LONGEST_NAME = 1_000
_NO_FILE = "it is a pipe or a device, and no file"

Mode = Literal["replace", "append", "new"]


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What is known of a file.

    Attributes:
        name: Relative to the root, with `/`.
        size: Bytes.
        modified: Seconds since the epoch.
    """

    name: str
    size: int
    modified: float


class Files:
    """Access to one folder and what is inside it.

    Attributes:
        root: The folder, absolute and without symbolic links; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def path(self, name: str) -> Path:
        """Where a file of that name is, or would be.

        Raises:
            ExecutionError: The name is empty, or leads out of the folder.
        """
        if not name or name != name.strip() or "\0" in name or len(name) > LONGEST_NAME:
            raise ExecutionError(f"{_shown(name)} is no name of a file.")
        parts = PurePosixPath(name.replace("\\", "/")).parts
        is_absolute = name[0] in "/\\" or bool(PureWindowsPath(name).drive)
        if is_absolute or ".." in parts or name[0] == "~":
            raise ExecutionError(f"{_shown(name)} leads out of the folder for files.")
        with _said(name):
            found = self.root.joinpath(*parts).resolve()
        if found == self.root or not found.is_relative_to(self.root):
            raise ExecutionError(f"{_shown(name)} leads out of the folder for files.")
        return found

    def read(self, name: str) -> bytes:
        """All of a file.

        Raises:
            ExecutionError: There is none, it cannot be read, or it is larger than 256 MB.
        """
        path = self.path(name)
        with _said(name), open(_opened(path, os.O_RDONLY), "rb") as file:
            data = file.read(LARGEST_READ + 1)
        if len(data) > LARGEST_READ:
            raise ExecutionError(f"{_shown(name)} is larger than {LARGEST_READ // 2**20} MB.")
        return data

    def write(self, name: str, data: bytes, mode: Mode = "replace") -> Path:
        """Write a file, and the folders that its name asks for.

        Args:
            mode: Replace what is there, add to its end, or refuse where something is there.

        Raises:
            ExecutionError: It exists already and is to be new, or it cannot be written; what was
                there is as it was.
        """
        path = self.path(name)
        with _said(name):
            path.parent.mkdir(parents=True, exist_ok=True)
            if mode == "append":
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
                with open(_opened(path, flags), "ab") as file:
                    file.write(data)
            else:
                if path.is_dir():
                    raise IsADirectoryError
                if path.exists() and not path.is_file():
                    raise OSError(_NO_FILE)
                replace_file(path, data, is_private=True, is_new=mode == "new")
        return path

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return self.path(name).is_file()

    def info(self, name: str) -> FileInfo:
        """Size and age of a file.

        Raises:
            ExecutionError: There is none.
        """
        path = self.path(name)
        with _said(name):
            found = path.stat()
        return FileInfo(path.relative_to(self.root).as_posix(), found.st_size, found.st_mtime)

    def listed(self, pattern: str = "*") -> list[FileInfo]:
        """Files whose names fit a pattern: `*.csv`, `runs/*`, or `**/*` for all; by name.

        Raises:
            ExecutionError: The pattern leads out of the folder.
        """
        if ".." in PurePosixPath(pattern).parts or pattern[:1] in ("/", "~", "\\") or not pattern:
            raise ExecutionError(f"{_shown(pattern)} leads out of the folder for files.")
        with _said(pattern):
            found = [
                path
                for path in self.root.glob(pattern)
                if path.is_file() and path.resolve().is_relative_to(self.root)
            ]
        names = sorted(path.relative_to(self.root).as_posix() for path in found)
        return [self.info(name) for name in names[:MOST_LISTED]]

    def delete(self, name: str) -> None:
        """Remove a file.

        Raises:
            ExecutionError: There is none, or it cannot be removed.
        """
        path = self.path(name)
        with _said(name):
            path.unlink()


def _opened(path: Path, flags: int) -> int:
    """A descriptor of a plain file: a pipe would be waited for, a device might never end.

    Raises:
        OSError: It is none, or cannot be opened.
    """
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a pipe that nobody reads
            raise OSError(_NO_FILE) from error
        raise
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    raise IsADirectoryError if stat.S_ISDIR(mode) else OSError(_NO_FILE)


@contextmanager
def _said(name: str) -> Iterator[None]:
    """Errors of the operating system as one sentence about the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise ExecutionError(f"There is no file {_shown(name)} in the folder for files.") from error
    except FileExistsError as error:
        raise ExecutionError(f"There is a file {_shown(name)} already.") from error
    except IsADirectoryError as error:
        raise ExecutionError(f"{_shown(name)} is a folder, and no file.") from error
    except NotADirectoryError as error:
        raise ExecutionError(f"Part of {_shown(name)} is a file, and no folder.") from error
    except PermissionError as error:
        raise ExecutionError(f"{_shown(name)} may not be accessed.") from error
    except (OSError, ValueError, NotImplementedError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ExecutionError(f"{_shown(name)} cannot be accessed: {why}.") from error


def _shown(name: str) -> str:
    shown = repr(name)
    return shown if len(shown) <= 80 else f"{shown[:77]}…"
