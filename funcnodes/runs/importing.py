"""CSV files as runs: our own exports with all that their header says, and those of others.

Others' are any table of columns with one line of titles: `,`, `;` or tabs between them, a decimal
comma beside `;`, "Voltage (V)" or "Voltage [V]" for a unit, and lines that begin with `#` before
it, such as PyMeasure writes. What they say is kept with the run. The new run has a number and an
id of its own, and says that it was imported.
"""

import csv
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import msgspec

from funcnodes.core import clock, units
from funcnodes.core.values import Quality
from funcnodes.errors import RunError, UnitError
from funcnodes.runs.about import ROW
from funcnodes.runs.export import unquoted
from funcnodes.runs.records import (
    NOTHING,
    QUALITIES,
    Cell,
    Column,
    Event,
    LogEntry,
    RunHead,
    TableSpec,
)
from funcnodes.runs.store import RunStore
from funcnodes.runs.writer import RunWriter

FLUSH_ROWS = 5_000
_OURS = "funcnodes run"
_CLOCKS = 3  # row and both clocks stand before the columns of our own files
_UNIT = re.compile(r"(?P<name>.+?)\s*[(\[](?P<unit>[^()\[\]]+)[)\]]")
_PLAIN_UNIT = re.compile(  # no powers of powers, which take for ever to work out
    r"(?:1/)?(?:[^\W\d_]|[%°·/ *.-]|\^-?\d(?![\d^])|(?<=[^\W\d_])-?\d(?!\d)){1,20}"
)
_CELL_LIMIT = 2**31 - 1  # an array is one cell


class _Table(msgspec.Struct, frozen=True):
    """What stands before the rows of a file.

    Attributes:
        lines: How many lines that is.
    """

    header: dict[str, str]
    columns: tuple[Column, ...]
    separator: str
    lines: int

    @property
    def is_ours(self) -> bool:
        return _OURS in self.header


def import_csv(store: RunStore, path: Path, *, title: str = "") -> RunHead:
    """Make a run of a CSV file. Rows are read few at a time.

    Args:
        title: Of the new run; else what the file says, else its name.

    Raises:
        RunError: The file cannot be read, or is no table; the sentence names the line.
        StorageError: The run cannot be written.
    """
    csv.field_size_limit(_CELL_LIMIT)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = _table(path, file)
            source = {"file": path.name, "sha256": _checksum(path), "header": table.header}
            return _recorded(store, path, file, table, source, title)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path} is no CSV file in UTF-8: {error}.") from error


def _recorded(
    store: RunStore, path: Path, file: TextIO, table: _Table, source: dict[str, Any], title: str
) -> RunHead:
    spec = TableSpec(
        recorder=table.header.get("recorder", "imported"),
        name=table.header.get("recorder", "Imported"),
        columns=table.columns,
    )
    writer = store.create(graph={}, specs=[spec])
    head = _head(writer.head, table, path, title)
    now = clock.now()
    writer.event(Event(wall=now, mono=clock.monotonic(), kind="imported", data=source))
    text = f"Imported from {path.name}, sha256 {source['sha256']}"
    writer.log(LogEntry(wall=now, level="info", source="import", text=text))
    try:
        _append(writer, head, _rows(path, file, table), table)
    except BaseException:
        writer.close(writer.head).exception()
        writer.path.unlink(missing_ok=True)
        raise
    writer.close(head).result()
    return writer.head


def _append(writer: RunWriter, head: RunHead, rows: Iterable[list[str]], table: _Table) -> None:
    forms = [table.header.get(f"form of {column.name}", "") for column in table.columns]
    for n, row in enumerate(rows, 1):
        if table.is_ours:
            wall, mono = float(row[1]), float(row[2]) + head.started_mono
            pairs = zip(forms, row[_CLOCKS::2], row[_CLOCKS + 1 :: 2], strict=True)
            cells = [_our_cell(*each) for each in pairs]
        else:
            wall, mono = head.started, head.started_mono
            cells = [_cell(text, table.separator) for text in row]
        writer.append(0, cells, wall=wall, mono=mono)
        if n % FLUSH_ROWS == 0:
            writer.flush().result()


def _head(new: RunHead, table: _Table, path: Path, title: str) -> RunHead:
    """The head of the new run, with what the header of the file says."""
    said = table.header if table.is_ours else {}

    def share(key: str) -> str:
        return "" if said.get(key, "no") == "no" else said[key]

    began = _wall(said.get("started", ""))
    started = new.started if began is None else began
    versions = {
        key.removeprefix("version of "): text
        for key, text in said.items()
        if key.startswith("version of ")
    }
    return msgspec.structs.replace(
        new, state="complete", started=started, ended=_wall(said.get("ended", "")) or started,
        started_mono=float(said.get("started, steady clock (s)", new.started_mono)),
        title=title or said.get("title") or path.stem, nodespace=said.get("nodespace", ""),
        operator=said.get("operator", ""), sample=said.get("sample", ""),
        sample_row={
            key.removeprefix("sample, "): text
            for key, text in said.items()
            if key.startswith("sample, ")
        },
        project=said.get("project", ""), notes=said.get("notes", ""), bench=said.get("bench", ""),
        simulated=share("simulated"), replayed=share("replayed"), versions=versions,
        message=_message(said, path),
    )  # fmt: skip


def _message(said: dict[str, str], path: Path) -> str:
    state = said.get("state", "complete")
    before = "" if state == "complete" else f"; it was {state}"
    of = f", run {said[_OURS]} ({said['id']})" if "id" in said else ""
    return f"Imported from {path.name}{of}{before}."


def _wall(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


# ── the file ──────────────────────────────────────────────────────────────────────────────────


def _table(path: Path, file: TextIO) -> _Table:
    """Header and titles; `file` stands at the first row afterwards."""
    header: dict[str, str] = {}
    lines = 0
    for line in iter(file.readline, ""):
        lines += 1
        if line.startswith("#"):
            key, colon, value = line.lstrip("#").strip().partition(":")
            header |= {key: value.strip()} if colon and key else {}
        elif line.strip():
            break
    else:
        raise RunError(f"{path} has no line of titles, so there is nothing to import.")
    separator = max(",;\t", key=line.count)
    titles = next(csv.reader([line], delimiter=separator))
    if _OURS in header:
        return _Table(header, tuple(_our_columns(path, header, titles)), separator, lines)
    columns = _unique([_column(title, n) for n, title in enumerate(titles, 1)])
    return _Table(header, tuple(columns), separator, lines)


def _our_columns(path: Path, header: dict[str, str], titles: Sequence[str]) -> Iterator[Column]:
    if len(titles) % 2 != _CLOCKS % 2 or titles[0] != ROW:
        raise RunError(f"{path} has lost columns since funcnodes wrote it.")
    for title in titles[_CLOCKS + 1 :: 2]:
        name = unquoted(title).removesuffix(" quality")
        unit = header.get(f"column {name}", "unit none").removeprefix("unit ")
        yield Column(name=name, unit="" if unit == "none" else unit)


def _column(title: str, number: int) -> Column:
    """ "Voltage (V)" is a name and a unit, where that is one."""
    name = " ".join(title.split()) or f"column {number}"
    found = _UNIT.fullmatch(name)
    if found is None or not _PLAIN_UNIT.fullmatch(found["unit"]):
        return Column(name=name)
    try:
        units.check(found["unit"])
    except UnitError:
        return Column(name=name)
    return Column(name=found["name"], unit=found["unit"])


def _unique(columns: Iterable[Column]) -> Iterator[Column]:
    taken: set[str] = set()
    for column in columns:
        numbered = (f"{column.name} ({number})" for number in itertools.count(2))
        free = next(n for n in itertools.chain([column.name], numbered) if n not in taken)
        taken.add(free)
        yield msgspec.structs.replace(column, name=free)


def _rows(path: Path, file: TextIO, table: _Table) -> Iterator[list[str]]:
    wanted = _CLOCKS + 2 * len(table.columns) if table.is_ours else len(table.columns)
    reader = csv.reader(file, delimiter=table.separator)
    for row in reader:
        if not row:
            continue
        if len(row) != wanted:
            line = table.lines + reader.line_num
            raise RunError(
                f"{path}, line {line}: {len(row)} cells where there are {wanted} titles."
            )
        yield row


def _our_cell(form: str, text: str, quality: str) -> Cell:
    known: Quality = quality if quality in QUALITIES else "ok"
    if text == "" and form != "text":
        return Cell(None, known)
    return Cell(_our_value(form, text), known)


def _our_value(form: str, text: str) -> Any:
    if form == "text":
        return unquoted(text)
    if form == "real":
        return float(text)
    try:
        return json.loads(text)
    except ValueError:
        return _number(text) if _number(text) is not None else unquoted(text)


def _cell(text: str, separator: str) -> Cell:
    """A number where it is one, nothing where nothing is, else text."""
    text = text.strip()
    if not text:
        return NOTHING
    plain = text.replace(",", ".") if separator == ";" and "." not in text else text
    number = _number(plain)
    return Cell(text if number is None else number)


def _number(text: str) -> float | None:
    if "_" in text:  # which Python takes for a number
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
