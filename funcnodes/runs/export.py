"""Runs as CSV: every number exact, and a header with which the file stands alone.

Lines that begin with `#` are the header. Times are ISO 8601 in UTC beside both clocks. A cell that
a spreadsheet would take for a formula is quoted by an apostrophe.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from funcnodes.errors import RunError
from funcnodes.runs.reader import RunReader
from funcnodes.runs.records import RowPage, RunHead, TableSpec

MEDIA_TYPE = "text/csv; charset=utf-8"
PIECE_BYTES = 1024 * 1024
FEW_ROWS = 1_000
PLACE_LENGTH = 40
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_UNSAFE_NAME = re.compile(r"[^\w.-]+", re.ASCII)


def csv_name(head: RunHead) -> str:
    """A file name for the export of a run, safe anywhere."""
    what = _UNSAFE_NAME.sub("-", head.title or head.nodespace).strip("-.").lower()
    return f"run-{head.number:05d}{f'-{what[:60]}' if what else ''}.csv"


@dataclass(frozen=True, slots=True)
class CsvPiece:
    """Part of a run as CSV.

    Attributes:
        next: From where to go on; None after the last piece.
    """

    data: bytes
    next: str | None


def csv_piece(run: RunReader, after: str = "", *, limit: int = PIECE_BYTES) -> CsvPiece:
    """The run as CSV, piece by piece: all of them in order are what `csv_lines` gives.

    Rows are read few at a time, so that memory stays within a few pieces however long the run is;
    a row that is longer than a piece is cut.

    Args:
        after: `next` of the piece before, or "" for the first.
        limit: Bytes of a piece, at most.

    Raises:
        RunError: The run recorded nothing, or `after` is no place in it.
    """
    line, skip = _place(after)
    data = bytearray()
    for number, text in _numbered(run, line):
        rest = text[skip:]
        if len(data) + len(rest) <= limit:
            data += rest
            skip = 0
        elif data:
            return CsvPiece(bytes(data), f"{number}:0")
        else:
            return CsvPiece(rest[:limit], f"{number}:{skip + limit}")
    return CsvPiece(bytes(data), None)


def _numbered(run: RunReader, line: int) -> Iterator[tuple[int, bytes]]:
    """The header as line 0, then each row as a line, from `line` on."""
    k = _pick(run, "")
    head, spec = run.head, run.specs[k]
    if line == 0:
        yield 0, "".join(_preamble(head, spec)).encode()
    start = max(line - 1, 0)
    while len(page := run.rows(start, FEW_ROWS, k=k)):
        for number, row in enumerate(_rows(page, head), start + 1):
            yield number, _written([row]).encode()
        start += len(page)


def _place(after: str) -> tuple[int, int]:
    line, _, skip = (after or "0:0").partition(":")
    if not (line.isdecimal() and skip.isdecimal()) or len(after) > PLACE_LENGTH:
        raise RunError(f"There is no place {after[:PLACE_LENGTH]!r} in an export.")
    return int(line), int(skip)


def csv_lines(run: RunReader, *, recorder: str = "") -> Iterator[str]:
    """The run as CSV, line by line, each with its line end.

    Args:
        run: Finished, interrupted, or going on (then as far as it has come).
        recorder: Name or node id of the recorder, where the run has several; else the first.

    Raises:
        RunError: The run recorded nothing, or has no such recorder.
    """
    k = _pick(run, recorder)
    spec = run.specs[k]
    head = run.head
    yield from _preamble(head, spec)
    for page in run.pages(k=k):
        yield _written(_rows(page, head))


def csv_text(run: RunReader, *, recorder: str = "") -> str:
    """The whole of `csv_lines`."""
    return "".join(csv_lines(run, recorder=recorder))


def _pick(run: RunReader, recorder: str) -> int:
    specs = run.specs
    if not specs:
        raise RunError(f"The run {run.path.name} has no recorder, so there are no rows to export.")
    for k, spec in enumerate(specs):
        if not recorder or recorder in (spec.recorder, spec.name):
            return k
    names = ", ".join(spec.name for spec in specs)
    raise RunError(f"The run {run.path.name} has no recorder {recorder!r}; it has {names}.")


def _preamble(head: RunHead, spec: TableSpec) -> Iterator[str]:
    """What stands before the rows."""
    yield from (_header_line(key, value) for key, value in _header(head, spec))
    yield _written([_titles(spec)])


def _written(rows: Iterable[list[Any]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def _header(head: RunHead, spec: TableSpec) -> Iterator[tuple[str, str]]:
    yield "funcnodes run", str(head.number)
    yield "id", head.id
    yield "state", f"{head.state}{f': {head.message}' if head.message else ''}"
    yield "title", head.title
    yield "nodespace", head.nodespace
    yield "operator", head.operator
    yield from (each for each in _said(head) if each[1])
    yield "bench", head.bench
    yield "simulated", head.simulated or "no"
    yield "replayed", head.replayed or "no"
    yield "started", _iso(head.started)
    yield "ended", _iso(head.ended) if head.ended is not None else ""
    for name, version in head.versions.items():
        yield f"version of {name}", version
    yield "recorder", spec.name
    yield "rows", str(head.rows)
    yield "time", "seconds since the epoch (UTC)"
    yield "elapsed", "seconds since the run began, by a clock that never steps"
    for column in spec.columns:
        yield f"column {column.name}", f"unit {column.unit or 'none'}"
    yield "quality", "ok, or why not to trust the cell beside it"


def _said(head: RunHead) -> Iterator[tuple[str, str]]:
    """What was said of it before it began."""
    yield "sample", head.sample
    yield "project", head.project
    yield "notes", head.notes


def _header_line(key: str, value: str) -> str:
    """One line whatever the value holds."""
    return f"# {_one_line(key)}: {_one_line(value)}\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _titles(spec: TableSpec) -> list[str]:
    titles = ["row", "time (s)", "elapsed (s)"]
    for column in spec.columns:
        titles += [_safe(column.label), _safe(f"{column.name} quality")]
    return titles


def _rows(page: RowPage, head: RunHead) -> Iterator[list[Any]]:
    cells = [
        part
        for values, quality in zip(page.values, page.quality, strict=True)
        for part in (values, quality)
    ]
    for n, (wall, mono, *row) in enumerate(zip(page.wall, page.mono, *cells, strict=True)):
        clocks = [page.start + n, _exact(wall), _exact(mono - head.started_mono)]
        yield [*clocks, *map(_cell, row)]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return _exact(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return _safe(value if isinstance(value, str) else _composite(value))


def _exact(number: float) -> str:
    """The shortest text that reads back as the same float; "nan" and "inf" as they are."""
    return repr(float(number))


def _composite(value: Any) -> str:
    """Arrays and the like as JSON."""
    plain = value.tolist() if hasattr(value, "tolist") else value
    return json.dumps(plain, default=repr)


def _safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _iso(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
