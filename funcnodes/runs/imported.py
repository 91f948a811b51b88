"""What every import does: a new run with a word on where it came from, or nothing at all."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from funcnodes.core import clock, units
from funcnodes.errors import UnitError
from funcnodes.runs.records import Column, Event, LogEntry, TableSpec
from funcnodes.runs.store import RunStore
from funcnodes.runs.writer import RunWriter

FLUSH_ROWS = 5_000
_PLAIN_UNIT = re.compile(  # no powers of powers, which take for ever to work out
    r"(?:1/)?(?:[^\W\d_]|[%°·/ *.-]|\^-?\d(?![\d^])|(?<=[^\W\d_])-?\d(?!\d)){1,20}"
)


@contextmanager
def new_run(
    store: RunStore, path: Path, spec: TableSpec, said: dict[str, Any]
) -> Iterator[RunWriter]:
    """A run that is being made of the file `path`, to be closed within the block; where that
    fails, there is none.

    Args:
        said: What else the file says, kept as the event `imported`.

    Raises:
        StorageError: The run cannot be written.
    """
    checksum = sha256(path)
    writer = store.create(graph={}, specs=[spec])
    now = clock.now()
    source = {"file": path.name, "sha256": checksum, **said}
    writer.event(Event(wall=now, mono=clock.monotonic(), kind="imported", data=source))
    text = f"Imported from {path.name}, sha256 {checksum}"
    writer.log(LogEntry(wall=now, level="info", source="import", text=text))
    try:
        yield writer
    except BaseException:
        writer.close(writer.head).exception()
        writer.path.unlink(missing_ok=True)
        raise


def column(name: str, unit: str, *, kind: str = "any") -> Column:
    """A column; what is no unit that anything could be done with stays in its name."""
    if not unit or is_unit(unit):
        return Column(name=name, unit=unit, kind=kind)
    return Column(name=f"{name} ({unit})", kind=kind)


def is_unit(text: str) -> bool:
    """Whether this is a unit."""
    if not _PLAIN_UNIT.fullmatch(text):
        return False
    try:
        units.check(text)
    except UnitError:
        return False
    return True


def sha256(path: Path) -> str:
    """The checksum of a file.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
