"""How other programs write text, numbers and times: encodings, decimal commas, dates.

Whatever is not understood stays text, as it was.
"""

import codecs
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from funcnodes.errors import RunError

Decimal = Literal[".", ",", "mixed"]

_PIECE = 1024 * 1024
_EXPONENT = r"(?:[eE][+-]?\d+)?"
_WITH_POINT = re.compile(rf"[+-]?(?:\d*\.\d+|\d+\.){_EXPONENT}")
_WITH_COMMA = re.compile(rf"[+-]?\d*,\d+{_EXPONENT}")
_POINTS = re.compile(rf"[+-]?\d{{1,3}}(?:\.\d{{3}})+(?:,\d*)?{_EXPONENT}")  # 1.234,5
_COMMAS = re.compile(rf"[+-]?\d{{1,3}}(?:,\d{{3}})+(?:\.\d*)?{_EXPONENT}")  # 1,234.5
_TIME = r"(?P<time>\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)"
_ZONE = r"(?P<zone>Z|[+-]\d\d:?\d\d)?"
_MOMENT = re.compile(
    r"(?:(?P<y>\d{4})(?P<dash>[-/])(?P<m>\d{1,2})(?P=dash)(?P<d>\d{1,2})"
    r"|(?P<D>\d{1,2})\.(?P<M>\d{1,2})\.(?P<Y>\d{4}))"
    rf"(?:[T ]+{_TIME} ?{_ZONE})?"
)
_TIME_OF_DAY = re.compile(_TIME)


def encoding_of(path: Path) -> str:
    """The encoding of a text: UTF-8, UTF-16 by its mark, or else that of Western Windows.

    Raises:
        RunError: It is no text.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(4096)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if b"\0" in start:
            raise RunError(f"{path} is no text, so there is no table in it to import.")
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        try:
            decoder.decode(start)
            while piece := file.read(_PIECE):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1" if _has_controls(path) else "cp1252"
    return "utf-8-sig"


def _has_controls(path: Path) -> bool:
    """Whether there are bytes that Windows has no letters for."""
    with path.open("rb") as file:
        return any(set(piece) & set(b"\x81\x8d\x8f\x90\x9d") for piece in iter(file.read1, b""))


def decimal_of(cells: Iterable[str], separator: str) -> Decimal:
    """How numbers are written, as far as these cells tell."""
    if separator == ",":
        return "."
    points = commas = False
    for text in map(str.strip, cells):
        commas = commas or bool(_WITH_COMMA.fullmatch(text) or ("," in text and _is_points(text)))
        points = points or bool(_WITH_POINT.fullmatch(text) or ("." in text and _is_commas(text)))
    return "mixed" if points and commas else "," if commas else "."


def number_of(text: str, decimal: Decimal) -> float | None:
    """A number, or None where it is none."""
    if "_" in text:  # which Python takes for a number
        return None
    if "," in text and decimal != ".":
        if decimal == "," and _is_points(text):
            text = text.replace(".", "").replace(",", ".")
        elif decimal == "mixed" and _is_commas(text):
            text = text.replace(",", "")
        else:
            text = text.replace(",", ".")
    elif decimal == "," and _is_points(text) and text.count(".") > 1:
        text = text.replace(".", "")
    try:
        return float(text)
    except ValueError:
        return None


def _is_points(text: str) -> bool:
    return _POINTS.fullmatch(text) is not None


def _is_commas(text: str) -> bool:
    return _COMMAS.fullmatch(text) is not None


# ── times ─────────────────────────────────────────────────────────────────────────────────────


def moment_of(text: str) -> float | None:
    """A date with or without a time as seconds since the epoch; where no zone is said, that of
    this machine. ISO 8601, `2025/01/31 …` and `31.1.2025 …`; never 1/2/2025, which is two days.
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    part = found.groupdict()
    year, month, day = (int(part[key] or part[other]) for key, other in ("yY", "mM", "dD"))
    time, zone = (part["time"] or "0:00").replace(",", "."), part["zone"] or ""
    hour, rest = time.split(":", 1)
    try:
        iso = f"{year:04}-{month:02}-{day:02}T{int(hour):02}:{rest}{zone}"
        return datetime.fromisoformat(iso).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


class RowClock:
    """The column of a table that says when each row was taken; perhaps date and time in two.

    Attributes:
        place: Number of that column, None where there is none.
        width: In how many columns it is.
    """

    def __init__(self, first: Sequence[str]) -> None:
        self.place: int | None = None
        self.width = 1
        for n, text in enumerate(first):
            if moment_of(text) is None:
                continue
            following = first[n + 1].strip() if n + 1 < len(first) else ""
            if ":" in text or _TIME_OF_DAY.fullmatch(following):
                self.place, self.width = n, 1 if ":" in text else 2
                return

    def of(self, row: Sequence[str]) -> float | None:
        """When that row was taken, in seconds since the epoch; None where it does not say."""
        if self.place is None:
            return None
        return moment_of(" ".join(row[self.place : self.place + self.width]))
