"""CSV files as runs: our own exports with all that their header says, and those of others.

Others' are any table of columns: `,`, `;` or tabs between them, decimal commas beside the latter
two, in UTF-8, UTF-16 or Windows' letters; "Voltage (V)", "Voltage [V]" or "Voltage / V" for a
unit; a column with date and time is the clock of the rows. Lines that begin with `#`, such as
PyMeasure writes, are kept with the run. The new run has a number and an id of its own, and says
that it was imported.
"""

import csv
import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import msgspec

from funcnodes.core.values import Quality
from funcnodes.errors import RunError
from funcnodes.runs.about import ROW
from funcnodes.runs.export import unquoted
from funcnodes.runs.foreign import Decimal, RowClock, decimal_of, encoding_of, number_of
from funcnodes.runs.imported import FLUSH_ROWS, column, is_unit, new_run
from funcnodes.runs.records import (
    EMPTY,
    NOTHING,
    PRIMARY,
    QUALITIES,
    Cell,
    Column,
    RunHead,
    TableSpec,
)
from funcnodes.runs.store import RunStore
from funcnodes.runs.writer import RunWriter

_OURS = "funcnodes run"
_CLOCKS = 3  # row and both clocks stand before the columns of our own files
_UNIT = re.compile(
    r"(?P<name>.+?)(?:\s*[(\[](?P<bracketed>[^()\[\]]+)[)\]]|\s+/\s+(?P<divided>[^()\[\]]+))"
)
_SEPARATOR = re.compile(r"sep=(?P<separator>[,;\t])\s*", re.IGNORECASE)  # for spreadsheets
_SAMPLE = 64 * 1024
_CELL_LIMIT = 2**31 - 1  # an array is one cell


class _Table(msgspec.Struct, frozen=True):
    """What stands before the rows of a file.

    Attributes:
        lines: How many lines that is.
        first: The first row, where that stood in the place of the titles.
    """

    header: dict[str, str]
    columns: tuple[Column, ...]
    separator: str
    lines: int
    decimal: Decimal = "."
    first: tuple[str, ...] = ()

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
        encoding = encoding_of(path)
        with path.open(encoding=encoding, newline="") as file:
            table = _table(path, file)
            return _recorded(store, path, file, table, encoding, title)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path} is no CSV file: {error}.") from error


def _recorded(
    store: RunStore, path: Path, file: TextIO, table: _Table, encoding: str, title: str
) -> RunHead:
    spec = TableSpec(
        recorder=table.header.get("recorder", "imported"),
        name=table.header.get("recorder", "Imported"),
        columns=table.columns,
        stream=table.header.get("stream", PRIMARY) if table.is_ours else PRIMARY,
        kind="monitor" if table.is_ours and "stream" in table.header else "scan",
    )
    rows = itertools.chain([list(table.first)] if table.first else [], _rows(path, file, table))
    first = next(rows, None)
    clock = RowClock(first or () if not table.is_ours else ())
    said: dict[str, Any] = {"header": table.header, "encoding": encoding}
    if not table.is_ours:
        said["decimal"] = table.decimal
    if clock.place is not None:
        said["time from"] = table.columns[clock.place].name
    with new_run(store, path, spec, said) as writer:
        head = _head(writer.head, table, path, title)
        rows = itertools.chain([first] if first is not None else [], rows)
        head = _append(writer, head, rows, table, clock)
        writer.close(head).result()
    return writer.head


def _append(
    writer: RunWriter, head: RunHead, rows: Iterable[list[str]], table: _Table, clock: RowClock
) -> RunHead:
    """Queue the rows; returns the head as they have it begin and end."""
    forms = [table.header.get(f"form of {each.name}", "") for each in table.columns]
    last: float | None = None
    for n, row in enumerate(rows, 1):
        if table.is_ours:
            wall, mono, cells = _our_row(row, forms, head)
        else:
            said = clock.of(row)
            if said is not None and last is None:
                head = msgspec.structs.replace(head, started=said)
            last = last if said is None else said  # where it says nothing, that of the row before
            wall = head.started if last is None else last
            mono = head.started_mono + (wall - head.started)
            cells = [_cell(text, table.decimal) for text in row]
        writer.append(0, cells, wall=wall, mono=mono)
        if n % FLUSH_ROWS == 0:
            writer.flush().result()
    return head if last is None else msgspec.structs.replace(head, ended=last)


def _our_row(
    row: Sequence[str], forms: Sequence[str], head: RunHead
) -> tuple[float, float, list[Cell]]:
    """Both clocks and the cells of a row that we wrote."""
    pairs = zip(forms, row[_CLOCKS::2], row[_CLOCKS + 1 :: 2], strict=True)
    try:
        cells = [_our_cell(*each) for each in pairs]
        return float(row[1]), float(row[2]) + head.started_mono, cells
    except ValueError as error:
        raise RunError(
            f"Row {row[0]} has been changed since funcnodes wrote it: {error}."
        ) from error


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
    line, lines = "", 0
    for line in iter(file.readline, ""):
        lines += 1
        if line.startswith("#"):
            key, colon, value = line.lstrip("#").strip().partition(":")
            header |= {key: value.strip()} if colon and key else {}
        elif line.strip():
            break
    if said := _SEPARATOR.fullmatch(line):
        line, lines = file.readline(), lines + 1
    separator = said["separator"] if said else max("\t,;", key=line.count)
    titles = next(csv.reader([line], delimiter=separator), [])
    if not any(map(str.strip, titles)) or line.startswith("#"):
        raise RunError(f"{path} has no line of titles, so there is nothing to import.")
    if _OURS in header:
        return _Table(header, tuple(_our_columns(path, header, titles)), separator, lines)
    sample = _sample(file, separator)
    decimal = decimal_of(itertools.chain.from_iterable(sample), separator)
    first: tuple[str, ...] = ()
    if titles and all(number_of(each.strip(), decimal) is not None for each in titles):
        first, titles = tuple(titles), [""] * len(titles)
    elif len(titles) > 1 and not titles[-1] and not any(map(str.strip, _ends(sample, titles))):
        titles.pop()  # lines that end with a separator
    columns = _unique([_column(title, n) for n, title in enumerate(titles, 1)])
    return _Table(header, tuple(columns), separator, lines, decimal, first)


def _sample(file: TextIO, separator: str) -> list[list[str]]:
    """The first rows, by which the file is judged; it stands where it stood afterwards."""
    place = file.tell()
    text = file.read(_SAMPLE)
    file.seek(place)
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


def _ends(rows: Sequence[Sequence[str]], titles: Sequence[str]) -> Iterator[str]:
    """What stands under the last title."""
    return (row[len(titles) - 1] for row in rows if len(row) >= len(titles))


def _our_columns(path: Path, header: dict[str, str], titles: Sequence[str]) -> Iterator[Column]:
    if len(titles) % 2 != _CLOCKS % 2 or titles[0] != ROW:
        raise RunError(f"{path} has lost columns since funcnodes wrote it.")
    for title in titles[_CLOCKS + 1 :: 2]:
        name = unquoted(title).removesuffix(" quality")
        said = header.get(f"column {name}", "unit none")
        unit = said.removeprefix("unit ").partition(", ")[0]
        device, _, member = header.get(f"source of {name}", "").partition(".")
        yield Column(
            name=name, unit="" if unit == "none" else unit, device=device, member=member,
            uncertainty=header.get(f"uncertainty of {name}", ""),
        )  # fmt: skip


def _column(title: str, number: int) -> Column:
    """ "Voltage (V)" is a name and a unit, where that is one."""
    name = " ".join(title.split()) or f"column {number}"
    found = _UNIT.fullmatch(name)
    unit = (found["bracketed"] or found["divided"]).strip() if found is not None else ""
    return column(found["name"], unit) if found is not None and is_unit(unit) else column(name, "")


def _unique(columns: Iterable[Column]) -> Iterator[Column]:
    taken: set[str] = set()
    for each in columns:
        numbered = (f"{each.name} ({number})" for number in itertools.count(2))
        free = next(n for n in itertools.chain([each.name], numbered) if n not in taken)
        taken.add(free)
        yield msgspec.structs.replace(each, name=free)


def _rows(path: Path, file: TextIO, table: _Table) -> Iterator[list[str]]:
    wanted = _CLOCKS + 2 * len(table.columns) if table.is_ours else len(table.columns)
    reader = csv.reader(file, delimiter=table.separator)
    for row in reader:
        if not row:
            continue
        if len(row) > wanted and not any(map(str.strip, row[wanted:])):
            row = row[:wanted]  # separators at the end of the line
        if len(row) != wanted:
            line = table.lines + reader.line_num
            raise RunError(
                f"{path}, line {line}: {len(row)} cells where there are {wanted} titles."
            )
        yield row


def _our_cell(form: str, text: str, quality: str) -> Cell:
    known: Quality = quality if quality in QUALITIES else "ok"
    if text == "" and (form != "text" or known in EMPTY):
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
        number = number_of(text, ".")
        return number if number is not None else unquoted(text)


def _cell(text: str, decimal: Decimal) -> Cell:
    """A number where it is one, nothing where nothing is, else text."""
    text = text.strip()
    if not text:
        return NOTHING
    number = number_of(text, decimal)
    return Cell(text if number is None else number)
