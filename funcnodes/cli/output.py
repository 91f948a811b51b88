"""What commands print: tables and sentences for people, one JSON object for programs."""

import codecs
import io
import json
import math
import shutil
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from funcnodes.errors import FuncnodesError

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def complain(error: FuncnodesError | str) -> int:
    """One line on stderr; returns exit status 1."""
    text = error if isinstance(error, str) else f"{error.message} {error.hint}"
    print(" ".join(text.split()), file=sys.stderr, flush=True)
    return 1


def write_plainly() -> None:
    """Where a terminal or a pipe does not take a character, print the nearest that it takes."""
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


_PLAIN = {"−": "-", "–": "-", "—": "-", "→": "->", "…": "...", "µ": "u", "Ω": "Ohm", "°": "deg ",
          "×": "x", "²": "2", "³": "3"}  # fmt: skip


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError), "only what is printed comes here"
    text = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter, "?") for letter in text), error.end


def print_json(data: Any) -> None:
    """One line of JSON."""
    print(json_text(data), flush=True)


def json_text(data: Any) -> str:
    """JSON; times and numbers stay exact, and what is no number is null."""
    try:
        return json.dumps(data, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:  # JSON has no word for what an instrument could not measure
        return json.dumps(_finite(data), ensure_ascii=False, default=str)


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    return [_finite(each) for each in data] if isinstance(data, list | tuple) else data


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: str = "") -> None:
    """Columns as wide as they need; `right` holds an "r" for each one that is right-aligned."""
    widths = [max(len(cell) for cell in column) for column in zip(titles, *rows, strict=True)]
    for row in (titles, *rows):
        cells = [
            cell.rjust(width) if right[n : n + 1] == "r" else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def width(limit: int = 100) -> int:
    """Columns of the terminal, at most `limit`."""
    return min(shutil.get_terminal_size((80, 24)).columns, limit)


def can_draw() -> bool:
    """Whether stdout takes characters beyond ASCII."""
    try:
        "⠿─│".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
