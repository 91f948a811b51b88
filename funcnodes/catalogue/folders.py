"""Which folders have runs: those that people added are named in one file beside the workers."""

import json
from dataclasses import dataclass
from pathlib import Path

from funcnodes.durable import write_private
from funcnodes.errors import RunError

FILE_NAME = "run-folders.json"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder of runs.

    Attributes:
        owner: Name of the worker, or of the folder that was added.
        is_added: Somebody else's: any name of a run file is one there.
    """

    path: Path
    owner: str
    is_added: bool = False


class AddedFolders:
    """The folders that people added, in the order in which they did."""

    def __init__(self, config_dir: Path) -> None:
        self._file = config_dir / FILE_NAME

    def all(self) -> list[RunFolder]:
        """Every one, also where it is not there just now.

        Raises:
            RunError: The file that names them cannot be read.
        """
        return [RunFolder(path, path.name or str(path), is_added=True) for path in self._read()]

    def add(self, path: Path) -> RunFolder:
        """Name one more; twice is once.

        Raises:
            RunError: It is no folder, or cannot be kept.
        """
        path = path.expanduser().absolute()
        if not path.is_dir():
            raise RunError(f"{path} is no folder.")
        known = self._read()
        if path not in known:
            self._write([*known, path])
        return RunFolder(path, path.name, is_added=True)

    def remove(self, path: Path) -> None:
        """Look into one no more; its files are left alone.

        Raises:
            RunError: It was not added, or that cannot be kept.
        """
        path = path.expanduser().absolute()
        known = self._read()
        if path not in known:
            raise RunError(f"{path} is not among the folders that were added.")
        self._write([each for each in known if each != path])

    def _read(self) -> list[Path]:
        try:
            found = json.loads(self._file.read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise RunError(f"{self._file} cannot be read: {error}.") from error
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise RunError(f"{self._file} is to be a list of folders.")
        return [Path(each) for each in found]

    def _write(self, paths: list[Path]) -> None:
        try:
            write_private(self._file, json.dumps([str(path) for path in paths]).encode())
        except OSError as error:
            raise RunError(f"{self._file} cannot be written: {error.strerror}.") from error
