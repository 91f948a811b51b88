"""What a run knows of itself, as names and texts: the same words in every export.

Says who measured what with which instruments, in which state and version, by both clocks, and
whether any of it was simulated or replayed (D7).
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from funcnodes.runs.records import (
    Annotation,
    DeviceSnapshot,
    RunHead,
    ScanAxis,
    TableSpec,
    tags_of,
)

Facts = Iterator[tuple[str, str]]

ROW, TIME, ELAPSED = "row", "time", "elapsed"
"""What stands before the columns of every row."""

CLOCKS = {
    TIME: "seconds since the epoch (UTC)",
    ELAPSED: "seconds since the run began, by a clock that never steps",
}
SHOWN_LABELS = 10
_ROWS_BY = {"monitor": "the monitor's own clock", "fly": "the instrument's own clock"}
_OLD = {"recorder", "rows", "stream", *CLOCKS, "quality", "tags"}
"""What the header of a file says of the file."""
_OF_COLUMNS = ("column ", "form of ", "source of ", "uncertainty of ")
_IDENTITY = ("manufacturer", "model", "serial number", "firmware")


def run_facts(head: RunHead) -> Facts:
    """What the head knows."""
    yield "funcnodes run", str(head.number)
    yield "id", head.id
    yield "state", f"{head.state}{f': {head.message}' if head.message else ''}"
    if head.continues is not None:
        before = head.continues
        yield "continues", f"run {before.number} ({before.run}) at point {before.points + 1}"
    yield "title", head.title
    yield "nodespace", head.nodespace
    yield "operator", head.operator
    for key in ("sample", "project", "notes"):
        if said := getattr(head, key):
            yield key, said
    for column, text in head.sample_row.items():
        yield f"sample, {column}", text
    yield "bench", head.bench
    yield "simulated", head.simulated or "no"
    yield "replayed", head.replayed or "no"
    yield "started", iso(head.started)
    yield "ended", iso(head.ended) if head.ended is not None else ""
    yield "started, steady clock (s)", repr(float(head.started_mono))
    for name, version in head.versions.items():
        yield f"version of {name}", version


def annotation_facts(annotations: Sequence[Annotation]) -> Facts:
    """What people said of the run afterwards."""
    tags = tags_of(annotations)
    if tags:
        yield "tags", ", ".join(tags)
    notes = [each for each in annotations if each.kind == "note"]
    for number, note in enumerate(notes, 1):
        by = f" by {note.author}" if note.author else ""
        yield f"note {number}, {iso(note.wall)}{by}", note.text


def device_facts(snapshots: Sequence[DeviceSnapshot]) -> Facts:
    """Who the devices are, then their parameters before and after."""
    seen: set[str] = set()
    for snapshot in snapshots:
        if snapshot.device not in seen:
            seen.add(snapshot.device)
            for key, text in identity_of(snapshot).items():
                yield f"device {snapshot.device} {key}", text
    for snapshot in snapshots:
        for key, text in values_of(snapshot.parameters).items():
            yield f"device {snapshot.device} {snapshot.moment}, {key}", text


def imported_facts(header: Mapping[str, Any], said: Container[str]) -> Facts:
    """What a file said of itself that the run which was made of it does not say by other means.

    Args:
        header: Of the file, as its import kept it.
        said: Names that mean something else by now.
    """
    for key, text in header.items():
        if key not in said and key not in _OLD and not key.startswith(_OF_COLUMNS):
            yield key, str(text)


def identity_of(snapshot: DeviceSnapshot) -> dict[str, str]:
    """Make, model, serial number and firmware of a device, and how it was reached."""
    known = snapshot.parameters
    found = {key: str(known[key]) for key in ("driver", "address", "identity") if known.get(key)}
    fields = [field.strip() for field in found.get("identity", "").split(",", 3)]
    found |= {key: field for key, field in zip(_IDENTITY, fields, strict=False) if field}
    if known.get("serial"):
        found["serial number"] = str(known["serial"])
    for key in ("simulated", "replayed"):
        if key in known:
            found[key] = "yes" if known[key] else "no"
    return found


def values_of(snapshot: dict[str, Any]) -> dict[str, str]:
    """State and parameters of a device as text."""
    values: dict[str, str] = {
        key: str(snapshot[key]) for key in ("state", "output_on") if key in snapshot
    }
    parameters = snapshot.get("parameters")
    for name, sample in (parameters if isinstance(parameters, dict) else {}).items():
        if isinstance(sample, dict):
            values[name] = sample_text(sample)
    return values


def sample_text(sample: dict[str, Any]) -> str:
    """A value with its unit; why there is none, as in "— (compliance)"."""
    value, quality = sample.get("value"), sample.get("quality") or "ok"
    text = "—" if value is None else f"{value} {sample.get('unit') or ''}".strip()
    return text if quality == "ok" else f"{text} ({quality})"


def table_facts(spec: TableSpec, rows: int) -> Facts:
    """What the columns of a recorder mean."""
    yield "recorder", spec.name
    if spec.kind != "scan":
        yield "stream", spec.stream
        yield "rows by", _ROWS_BY[spec.kind]
    yield "rows", str(rows)
    yield from CLOCKS.items()
    for axis in spec.axes:
        yield f"axis {axis.name}", axis_text(axis)
    for column in spec.columns:
        yield f"column {column.name}", f"unit {column.unit or 'none'}"
        if column.source:
            yield f"source of {column.name}", column.source
        if column.uncertainty:
            yield f"uncertainty of {column.name}", column.uncertainty
    yield "quality", "ok, or why not to trust the cell beside it"


def axis_text(axis: ScanAxis) -> str:
    """An axis in words: "linear, 11 points from 0 to 1 V"."""
    length = f"{axis.length} " if axis.length is not None else ""
    text = f"{axis.kind}, {length}{'places' if axis.labels or not axis.points else 'points'}"
    if axis.points:
        text += f" from {axis.points[0]:.9g} to {axis.points[-1]:.9g} {axis.unit}".rstrip()
    elif axis.labels:
        shown = ", ".join(axis.labels[:SHOWN_LABELS])
        text += f": {shown}{', …' if len(axis.labels) > SHOWN_LABELS else ''}"
    elif axis.step:
        text += f" every {axis.step:.9g} {axis.unit}".rstrip()
    return f"{text}, relative" if axis.is_relative else text


def iso(wall: float) -> str:
    """A time as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
