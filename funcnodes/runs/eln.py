"""Runs as one `.eln` file: a zip with an RO-Crate 1.1 that electronic lab notebooks read.

All lies in one folder with the name of the archive. Each run is a folder in it: its rows as CSV,
its run file where the run is over, the nodespace, and what it said. Each file bears its size and
SHA-256. Source: TheELNFileFormat, specification; RO-Crate 1.1.
"""

import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from funcnodes.core import clock
from funcnodes.runs.about import iso
from funcnodes.runs.export import csv_lines, safe_name
from funcnodes.runs.reader import RunReader
from funcnodes.runs.records import ENDED, RunHead, tags_of
from funcnodes.runs.writer import is_unfolded

_CRATE = "https://w3id.org/ro/crate/1.1"
_PIECE_BYTES = 1024 * 1024
_PUBLISHER = "https://pypi.org/project/funcnodes/"

Entity = dict[str, Any]


def write_eln(runs: Sequence[RunReader], path: Path, *, name: str = "") -> None:
    """Write `runs` to `path`, which is replaced; rows few at a time.

    Args:
        name: Of the folder that holds all, if not that of the file without its suffix.

    Raises:
        RunError: A run cannot be read.
        OSError: `path` cannot be written.
    """
    graph: list[Entity] = []
    folders: list[str] = []
    root = name or path.stem
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for run in runs:
            folder = f"./{_free(safe_name(run.head), folders)}/"
            folders.append(folder)
            graph += _run(archive, run, folder, root)
        people = {each["@id"]: each for each in graph if each["@type"] == "Person"}
        things = [each for each in graph if each["@type"] != "Person"]
        crate = [*_frame(folders, runs), *things, *people.values()]
        text = {"@context": f"{_CRATE}/context", "@graph": crate}
        data = msgspec.json.format(msgspec.json.encode(text), indent=2)
        archive.writestr(f"{root}/ro-crate-metadata.json", data)


def _frame(folders: Sequence[str], runs: Sequence[RunReader]) -> Iterator[Entity]:
    """The entities that every crate has: its description, its root, who made it."""
    yield {
        "@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": {"@id": "./"},
        "conformsTo": {"@id": _CRATE}, "dateCreated": iso(clock.now()), "version": "1.0",
        "sdPublisher": {"@id": _PUBLISHER},
    }  # fmt: skip
    names = ", ".join(run.head.name for run in runs)
    yield {
        "@id": "./", "@type": "Dataset", "name": f"funcnodes {names}",
        "description": f"{len(folders)} recorded by funcnodes: {names}",
        "datePublished": iso(clock.now()), "license": "Not said: ask who measured.",
        "hasPart": [{"@id": folder} for folder in folders],
    }  # fmt: skip
    yield {
        "@id": _PUBLISHER, "@type": "Organization", "name": "funcnodes", "url": _PUBLISHER,
    }  # fmt: skip


def _run(archive: zipfile.ZipFile, run: RunReader, folder: str, root: str) -> Iterator[Entity]:
    head = run.head
    files = [
        _put(archive, root, f"{folder}{name}", media, data) for name, media, data in _contents(run)
    ]
    said = run.annotations()
    notes = [f"{note.author or 'Note'}: {note.text}" for note in said if note.kind == "note"]
    facts = [
        {"@id": f"{folder}#{n}", "@type": "PropertyValue", "propertyID": key, "value": text}
        for n, (key, text) in enumerate(_facts(run).items(), 1)
    ]
    entity: Entity = {
        "@id": folder, "@type": "Dataset", "identifier": head.id,
        "name": head.title or head.nodespace or head.name,
        "description": "\n".join([_description(head), *notes]),
        "dateCreated": iso(head.started), "dateModified": iso(head.ended or head.started),
        "hasPart": [{"@id": file["@id"]} for file in files],
        "variableMeasured": [{"@id": fact["@id"]} for fact in facts],
    }  # fmt: skip
    if tags := tags_of(said):
        entity["keywords"] = ",".join(tags)
    if head.operator:
        person = f"#person-{quote(head.operator, safe='')}"  # an id is a URI
        entity["author"] = {"@id": person}
        yield {"@id": person, "@type": "Person", "name": head.operator}
    yield entity
    yield from facts
    yield from files


def _facts(run: RunReader) -> dict[str, str]:
    return run.about() if run.specs else {}


def _description(head: RunHead) -> str:
    """One sentence: what, where, when, and whether simulated (D7)."""
    origin = f" ({head.origin})" if head.origin else ""
    where = f" on bench {head.bench}{origin}" if head.bench else origin
    return f"Run {head.number}{where}, {head.state}, {head.rows} rows, begun {iso(head.started)}."


def _contents(run: RunReader) -> Iterator[tuple[str, str, Iterable[bytes]]]:
    """Name, media type and pieces of each file of a run."""
    used: list[str] = []
    for spec in run.specs:
        name = "rows.csv" if len(run.specs) == 1 else f"{_free(_plain(spec.name), used)}.csv"
        used.append(name.removesuffix(".csv"))
        yield name, "text/csv", (s.encode() for s in csv_lines(run, recorder=spec.recorder))
    as_json = "application/json"
    yield "nodespace.json", as_json, [msgspec.json.encode(run.graph())]
    yield "log.json", as_json, [msgspec.json.encode({"log": run.log(), "events": run.events()})]
    for part in run.parts:
        head = part.head
        name = "run.sqlite" if len(run.parts) == 1 else f"run-{head.number:05d}.sqlite"
        if head.state in ENDED and not is_unfolded(part.path):
            yield name, "application/vnd.sqlite3", _pieces(part.path)


def _put(
    archive: zipfile.ZipFile, root: str, name: str, media: str, pieces: Iterable[bytes]
) -> Entity:
    """Write one file of the crate; returns what the crate says of it."""
    checksum, size = hashlib.sha256(), 0
    inside = f"{root}/{name.removeprefix('./')}"
    with archive.open(inside, "w", force_zip64=True) as file:
        for piece in pieces:
            file.write(piece)
            checksum.update(piece)
            size += len(piece)
    return {
        "@id": name, "@type": "File", "name": name.rpartition("/")[2], "encodingFormat": media,
        "contentSize": str(size), "sha256": checksum.hexdigest(),
    }  # fmt: skip


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _plain(text: str) -> str:
    """A name that is safe as a file and in a crate."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in text).strip("-") or "rows"


def _free(name: str, taken: Sequence[str]) -> str:
    free, number = name, 2
    while free in taken or f"./{free}/" in taken:
        free, number = f"{name}-{number}", number + 1
    return free
