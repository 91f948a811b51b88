"""Runs as CSV: every number exact, and a header with which the file stands alone.

Lines that begin with `#` are the header. Times are ISO 8601 in UTC beside both clocks. A cell that
a spreadsheet would take for a formula is quoted by an apostrophe.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funcnodes.errors import RunError
from funcnodes.runs.forms import composite
from funcnodes.runs.reader import RunReader
from funcnodes.runs.records import RowPage, RunHead, TableSpec
from funcnodes.runs.verdicts import judged, tree

MEDIA_TYPE = "text/csv; charset=utf-8"
PIECE_BYTES = 1024 * 1024
FEW_ROWS = 1_000
PLACE_LENGTH = 40
MOST_ANSWERS = 100
_FORMULA = re.compile(r"'* *[=+\-@\t\r]")
_UNSAFE_NAME = re.compile(r"[^\w.-]+", re.ASCII)


def csv_name(head: RunHead, stream: str = "") -> str:
    """A file name for the export of a run, or of a stream of it, safe anywhere."""
    what = _UNSAFE_NAME.sub("-", stream).strip("-.").lower()[:60]
    return f"{safe_name(head)}{f'-{what}' if what else ''}.csv"


def safe_name(head: RunHead) -> str:
    """What a run is called among files, without a suffix."""
    what = _UNSAFE_NAME.sub("-", head.title or head.nodespace).strip("-.").lower()
    return f"run-{head.number:05d}{f'-{what[:60]}' if what else ''}"


@dataclass(frozen=True, slots=True)
class CsvPiece:
    """Part of a run as CSV.

    Attributes:
        next: From where to go on; None after the last piece.
    """

    data: bytes
    next: str | None


def csv_piece(
    run: RunReader, after: str = "", *, limit: int = PIECE_BYTES, recorder: str = ""
) -> CsvPiece:
    """The run as CSV, piece by piece: all of them in order are what `csv_lines` gives.

    Rows are read few at a time, so that memory stays within a few pieces however long the run is;
    a row that is longer than a piece is cut.

    Args:
        after: `next` of the piece before, or "" for the first.
        limit: Bytes of a piece, at most.
        recorder: Which one, or which stream, as for `csv_lines`.

    Raises:
        RunError: The run recorded nothing, has no such recorder, or `after` is no place in it.
    """
    line, skip = _place(after)
    data = bytearray()
    for number, text in _numbered(run, line, run.recorder(recorder)):
        rest = text[skip:]
        if len(data) + len(rest) <= limit:
            data += rest
            skip = 0
        elif data:
            return CsvPiece(bytes(data), f"{number}:0")
        else:
            return CsvPiece(rest[:limit], f"{number}:{skip + limit}")
    return CsvPiece(bytes(data), None)


def _numbered(run: RunReader, line: int, k: int) -> Iterator[tuple[int, bytes]]:
    """The header as line 0, then each row as a line, from `line` on."""
    began = run.head.started_mono
    if line == 0:
        yield 0, "".join(_preamble(run, k)).encode()
    start = max(line - 1, 0)
    while len(page := run.rows(start, FEW_ROWS, k=k)):
        for number, row in enumerate(_rows(page, began), start + 1):
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
    k = run.recorder(recorder)
    began = run.head.started_mono
    yield from _preamble(run, k)
    for page in run.pages(k=k):
        yield _written(_rows(page, began))


def page_lines(facts: Iterable[tuple[str, str]], page: RowPage) -> Iterator[str]:
    """Rows that are of no run as CSV, in the same form: header, titles, rows."""
    yield from (_header_line(key, value) for key, value in facts)
    yield _written([_titles(page.table)])
    yield _written(_rows(page, page.mono[0] if len(page) else 0.0))


def write_csv(run: RunReader, path: Path, *, recorder: str = "") -> None:
    """Write `csv_lines` to `path`.

    Raises:
        RunError: As there.
        OSError: `path` cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(csv_lines(run, recorder=recorder))


def csv_text(run: RunReader, *, recorder: str = "") -> str:
    """The whole of `csv_lines`."""
    return "".join(csv_lines(run, recorder=recorder))


def _preamble(run: RunReader, k: int) -> Iterator[str]:
    """What stands before the rows."""
    spec = run.specs[k]
    yield from (_header_line(key, value) for key, value in [*run.facts(k), *_happened(run)])
    for column in run.columns(k, run.count(k)):
        yield _header_line(f"form of {column.name}", column.form.kind)
    yield _written([_titles(spec)])


def _happened(run: RunReader) -> Iterator[tuple[str, str]]:
    """What people answered during the run, and what its steps found."""
    events = run.events()
    answers = [event.data for event in events if event.kind == "answer"]
    for said in answers[:MOST_ANSWERS]:
        text = f"{composite(said.get('answer'))} {said.get('unit') or ''}".strip()
        by = f" by {said['by']}" if said.get("by") else ""
        yield f"answer to {said.get('node')}", f"{text}{by}, {said.get('how')}"
    if len(answers) > MOST_ANSWERS:
        yield "answers", f"{len(answers) - MOST_ANSWERS} more in the run file"
    head = run.head
    result = judged(tree(events), head.state, head.message)
    if result.steps and result.verdict is not None:
        yield "verdict", result.verdict
    for path, step in result.walk():
        serial = f", serial number {step.serial}" if step.serial else ""
        why = f": {step.text}" if step.text else ""
        yield f"step {' / '.join((*path, step.name))}", f"{step.verdict}{serial}{why}"


def _written(rows: Iterable[list[Any]]) -> str:
    buffer = io.StringIO()
    plain = csv.writer(buffer, lineterminator="\n")
    quoted = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:  # before 3.13 a carriage return alone gets no quotes, and would end the row
        has_return = any(isinstance(cell, str) and "\r" in cell for cell in row)
        (quoted if has_return else plain).writerow(row)
    return buffer.getvalue()


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


def _rows(page: RowPage, began: float) -> Iterator[list[Any]]:
    cells = [
        part
        for values, quality in zip(page.values, page.quality, strict=True)
        for part in (values, quality)
    ]
    for n, (wall, mono, *row) in enumerate(zip(page.wall, page.mono, *cells, strict=True)):
        clocks = [page.start + n, _exact(wall), _exact(mono - began)]
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
    return _safe(value if isinstance(value, str) else composite(value))


def _exact(number: float) -> str:
    """The shortest text that reads back as the same float; "nan" and "inf" as they are."""
    return repr(float(number))


def _safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula; `unquoted` gives it back."""
    return f"'{text}" if _FORMULA.match(text) else text


def unquoted(text: str) -> str:
    """A text cell of such a file as it was recorded."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
