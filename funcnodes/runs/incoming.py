"""Files as runs, by what they are: the one list of what comes in."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from funcnodes.errors import RunError
from funcnodes.runs.importing import import_csv
from funcnodes.runs.qcodes import import_qcodes
from funcnodes.runs.records import RunHead
from funcnodes.runs.store import RunStore

_SQLITE = b"SQLite format 3\0"


def import_file(
    store: RunStore, path: Path, runs: Sequence[int] | None = None, *, title: str = ""
) -> list[RunHead]:
    """Make runs of a file: of a table as CSV one, of a QCoDeS database those chosen.

    Args:
        runs: Which of several in one file, by their numbers there; () for all; None where there
            is but one.
        title: Of the new runs; else what the file says.

    Raises:
        RunError: The file cannot be read or is none of these; the sentence says which.
        StorageError: A run cannot be written.
    """
    if _begins(path) == _SQLITE:
        if _is_ours(path):
            raise RunError(f"{path} is a run file: 'funcnodes runs show {path}' reads it as it is.")
        return import_qcodes(store, path, runs, title=title)
    if runs is not None:
        raise RunError(f"{path} is no database with several runs, so there is none to choose.")
    return [import_csv(store, path, title=title)]


def _begins(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE))
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error


def _is_ours(path: Path) -> bool:
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.execute("SELECT value FROM meta WHERE key = 'started_mono'").fetchone()
    except sqlite3.Error:
        return False
    return True
