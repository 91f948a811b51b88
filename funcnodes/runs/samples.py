"""The samples of a workspace: a list that people import or write, for the runs to name.

One JSON file, replaced whole; several processes may change it at once. A CSV brings an id, a name
and whatever columns it has; rows that are none are named by their line.
"""

import csv
import fcntl
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from funcnodes.durable import write_private
from funcnodes.errors import RunError
from funcnodes.runs.records import NAME_LENGTH

FILE_NAME = "samples.json"
MOST = 100_000
MOST_BYTES = 50_000_000
VALUE_LENGTH = 2_000
_IDS = ("id", "sample", "sample id", "sample_id", "sampleid")
_NAMES = ("name", "sample name", "sample_name", "title")


class SampleEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One sample.

    Attributes:
        id: What runs name it by, one line.
        more: Further columns, as text.
    """

    id: str
    name: str = ""
    more: dict[str, str] = {}

    @property
    def row(self) -> dict[str, str]:
        """What is kept of it with a run."""
        return {**({"name": self.name} if self.name else {}), **self.more}


class _Saved(msgspec.Struct):
    format: int = 1
    samples: list[SampleEntry] = []


@dataclass(frozen=True, slots=True)
class ReadSamples:
    """What a CSV brings.

    Attributes:
        bad: What is wrong with rows that are none, each with its line.
    """

    entries: list[SampleEntry]
    bad: list[str]


class SampleList:
    """The samples in one file, in the order in which they came."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[SampleEntry]:
        """Every sample.

        Raises:
            RunError: The file cannot be read.
        """
        try:
            saved = msgspec.json.decode(self.path.read_bytes(), type=_Saved)
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError) as error:
            raise RunError(f"The samples in {self.path} cannot be read: {error}.") from error
        if saved.format > 1:
            raise RunError(f"{self.path} was written by a later version of funcnodes.")
        return saved.samples

    def find(self, id: str) -> SampleEntry | None:
        """The sample of that id; case matters only where two differ by it."""
        wanted = id.strip()
        entries = self.all()
        exact = next((each for each in entries if each.id == wanted), None)
        alike = [each for each in entries if each.id.casefold() == wanted.casefold()]
        return exact or (alike[0] if len(alike) == 1 else None)

    def put(self, entries: Iterable[SampleEntry]) -> int:
        """Add samples; one whose id is there takes the other's place. Returns how many are new.

        Raises:
            RunError: One cannot be kept, they are too many, or the file cannot be written.
        """
        with self._changing() as known:
            before = len(known)
            for each in entries:
                known[each.id] = _checked(each)
            if len(known) > MOST:
                raise RunError(f"That are more than the {MOST:,} samples that a list may have.")
            return len(known) - before

    def remove(self, ids: Iterable[str]) -> None:
        """Take samples out; runs that name them keep what they know.

        Raises:
            RunError: One is not there, and none was taken out; or the file cannot be written.
        """
        with self._changing() as known:
            for id in ids:
                if known.pop(id, None) is None:
                    raise RunError(f"There is no sample {id!r} on the list.", sample=id)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, SampleEntry]]:
        try:
            fd = os.open(self.path.with_name(".samples.lock"), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise RunError(f"{self.path} cannot be written: {error.strerror}.") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            known = {each.id: each for each in self.all()}
            yield known
            write_private(self.path, msgspec.json.encode(_Saved(samples=[*known.values()])))
        except OSError as error:
            raise RunError(f"{self.path} cannot be written: {error.strerror}.") from error
        finally:
            os.close(fd)


def read_csv(path: Path) -> ReadSamples:
    """The samples in a CSV file: `,`, `;` or tabs, one line of titles with an "id" among them.

    Raises:
        RunError: It cannot be read, or has no such titles.
    """
    text = _text(path)
    lines = text.splitlines()
    first = next((n for n, line in enumerate(lines) if _says(line)), None)
    if first is None:
        raise RunError(f"{path} is empty.")
    separator = max(",;\t", key=lines[first].count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    entries: dict[str, SampleEntry] = {}
    lines_of: dict[str, int] = {}
    bad: list[str] = []
    titles: list[str] | None = None
    try:
        for cells in rows:
            cells = [cell.strip() for cell in cells]
            if not any(cells) or (titles is None and cells[0].startswith("#")):
                continue
            if titles is None:
                titles = _titles(path, cells)
                continue
            why = _bad(titles, cells) or _twice(titles, cells, lines_of)
            if why:
                bad.append(f"line {rows.line_num}: {why}")
                continue
            entry = _entry(titles, cells)
            entries[entry.id], lines_of[entry.id] = entry, rows.line_num
    except csv.Error as error:
        raise RunError(f"{path}, line {rows.line_num}: {error}.") from error
    return ReadSamples([*entries.values()], bad)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RunError(f"{path} is larger than {MOST_BYTES // 10**6} MB.")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RunError(f"{path} is no UTF-8 text.") from error
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _titles(path: Path, cells: Sequence[str]) -> list[str]:
    """The titles, the id's as "id" and the name's as "name"."""
    folded = [cell.casefold() for cell in cells]
    id = next((folded.index(word) for word in _IDS if word in folded), None)
    if id is None:
        raise RunError(f"{path} has no column 'id'; it has {', '.join(filter(None, cells))}.")
    titles = list(cells)
    titles[id] = "id"
    name = next((folded.index(word) for word in _NAMES if word in folded), None)
    if name is not None:
        titles[name] = "name"
    twice = {title for title in titles if title and titles.count(title) > 1}
    if twice:
        raise RunError(f"{path} has two columns named {min(twice)!r}.")
    return titles


def _bad(titles: Sequence[str], cells: Sequence[str]) -> str:
    extra = [cell for cell in cells[len(titles) :] if cell]
    if extra:
        return f"there are {len(cells)} cells for {len(titles)} columns"
    found = dict(zip(titles, cells, strict=False))
    return _why_not(SampleEntry(id=found.get("id", ""), name=found.get("name", ""), more=found))


def _twice(titles: Sequence[str], cells: Sequence[str], lines_of: dict[str, int]) -> str:
    id = cells[titles.index("id")]
    return f"the id {id!r} stands in line {lines_of[id]}, too" if id in lines_of else ""


def _entry(titles: Sequence[str], cells: Sequence[str]) -> SampleEntry:
    found = {t: c for t, c in zip(titles, cells, strict=False) if t and c}
    id, name = found.pop("id"), found.pop("name", "")
    return SampleEntry(id=id, name=name, more=found)


def _checked(entry: SampleEntry) -> SampleEntry:
    why = _why_not(entry)
    if why:
        raise RunError(f"The sample {entry.id[:40]!r} cannot be kept: {why}.")
    return entry


def _why_not(entry: SampleEntry) -> str:
    """Why it is no sample, or ""."""
    if not entry.id.strip():
        return "there is no id"
    for what, text in (("id", entry.id), ("name", entry.name)):
        if len(text) > NAME_LENGTH or "\n" in text:
            return f"the {what} is to be one line of {NAME_LENGTH} letters at most"
    for title, text in entry.more.items():
        if len(text) > VALUE_LENGTH:
            return f"{title!r} has more than {VALUE_LENGTH:,} letters"
    return ""
