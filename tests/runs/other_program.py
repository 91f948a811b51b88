"""Another program that has a run file open, as a viewer of SQLite files does."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from ..waiting import patience

READER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
print(connection.execute("SELECT count(*) FROM rows_0").fetchone()[0], flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
connection.close()
print("closed", flush=True)
sys.stdin.readline()
"""


@contextlib.contextmanager
def read_by_another_program(path: Path) -> Iterator[Callable[[], None]]:
    """Another process holds a read transaction on the file; call what is given to end it."""
    process = subprocess.Popen(
        [sys.executable, "-c", READER, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()

    def let_go() -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "closed\n"

    try:
        yield let_go
    finally:
        process.stdin.close()
        process.wait(timeout=patience())
        process.stdout.close()
