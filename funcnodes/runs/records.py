"""What a run is made of, as plain data: its head, its columns, pages of its rows.

Shared by writer, reader, export and run control; knows neither SQLite nor nodes.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from funcnodes.core.values import QUALITIES as QUALITIES, Quality
from funcnodes.errors import RunError

FORMAT_VERSION = 2
NAME_LENGTH = 200
NOTES_LENGTH = 10_000

AnnotationKind = Literal["tag", "untag", "note", "continued"]
RunState = Literal[
    "running", "paused", "stopping", "complete", "stopped", "aborted", "failed", "interrupted"
]
LogLevel = Literal["debug", "info", "warning", "error"]
ENDED: frozenset[RunState] = frozenset({"complete", "stopped", "aborted", "failed", "interrupted"})

EMPTY: frozenset[Quality] = frozenset({"missing", "stale"})
"""Qualities of a cell that holds nothing. A null of any other quality was not a number (D3)."""


class StorageError(RunError):
    """The run file cannot be written: disk full, or an error of the file system."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a recorder.

    Attributes:
        name: Unique within the recorder.
        unit: Of every number in it, or "".
        kind: Kind of the port that feeds it, as in `PortType.kind`.
        node: Id of the node that feeds it, or "" while nothing does.
        port: Id of that node's output.
        device: Name of the instrument that the values come from, or "".
        member: What of that instrument, by full name.
        uncertainty: Name of the column that holds the standard uncertainty of this one, or "".
    """

    name: str
    unit: str = ""
    kind: str = "any"
    node: str = ""
    port: str = ""
    device: str = ""
    member: str = ""
    uncertainty: str = ""

    @property
    def source(self) -> str:
        """Instrument and member, as "smu.reading", or ""."""
        return f"{self.device}.{self.member}" if self.device else ""

    @property
    def label(self) -> str:
        return f"{self.name} ({self.unit})" if self.unit else self.name


AxisKind = Literal["linear", "logarithmic", "list", "direction", "time", "points"]
StreamKind = Literal["scan", "monitor", "fly"]
PRIMARY = "primary"


class ScanAxis(msgspec.Struct, frozen=True, kw_only=True):
    """One dimension of what a scan measures: a scan around the recorder, or the way it went.

    Attributes:
        name: Unique among the axes of the recorder.
        unit: Of the points, or "".
        kind: How the points lie; `direction` is forward and backward of the axis before it, `time`
            a schedule of which the points are the slots.
        node: Id of the scan.
        points: The set points, in the order of the axis; none where there is nothing but a number.
        labels: Instead of points, where they are words.
        step: From one place to the next, where only that is known.
        length: How many there are; None where the rows themselves say so.
        is_relative: Whether the points are added to what the instrument stood at.
    """

    name: str
    unit: str = ""
    kind: AxisKind = "list"
    node: str = ""
    points: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    step: float = 0.0
    length: int | None = None
    is_relative: bool = False


class TableSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One recorder, or one stream of it: its columns, fixed for the length of a run.

    Attributes:
        recorder: Id of the node; of a stream beside the scan, unique in the run.
        stream: `primary` for the points of the scan, else what was sampled beside it.
        kind: What makes its rows: a scan, a monitor on its own clock, or an instrument in flight.
        axes: What the rows are points of, the outermost first; none where they are only a list.
    """

    recorder: str
    name: str
    columns: tuple[Column, ...]
    stream: str = PRIMARY
    kind: StreamKind = "scan"
    axes: tuple[ScanAxis, ...] = ()


class Cell(msgspec.Struct, frozen=True):
    """A value with the quality it was measured with (R2)."""

    value: Any
    quality: Quality = "ok"


NOTHING = Cell(None, "missing")


class RowPage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows `start` … of one recorder, column by column.

    Attributes:
        wall: Seconds since the epoch, one per row.
        mono: Seconds of the monotonic clock, one per row; only differences mean anything.
        values: One list per column; None where a cell is empty.
        quality: One list per column.
        places: One list per axis: where along it each row belongs, from 0; None where it is in no
            cell.
    """

    table: TableSpec
    start: int
    wall: Sequence[float]
    mono: Sequence[float]
    values: Sequence[Sequence[Any]]
    quality: Sequence[Sequence[Quality]]
    places: Sequence[Sequence[int | None]] = ()

    def __len__(self) -> int:
        return len(self.wall)

    def numbers(self) -> list[list[float | None]]:
        """The values as a plot needs them: None for what is no number, or is not `ok`."""
        return [
            [as_number(v) if q == "ok" else None for v, q in zip(values, quality, strict=True)]
            for values, quality in zip(self.values, self.quality, strict=True)
        ]


def as_number(value: Any) -> float | None:
    """`value` as a float, or None for text, arrays, empty cells and NaN."""
    if not isinstance(value, bool | int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return None if number != number else number


class RunAbout(msgspec.Struct, frozen=True, kw_only=True):
    """Who begins a run, and what is said of it before, for whoever looks for it later."""

    operator: str = ""
    sample: str = ""
    project: str = ""
    notes: str = ""
    sample_row: dict[str, str] = {}
    """What the list of samples says of it, by column."""

    @property
    def who(self) -> str:
        """The operator in a sentence."""
        return self.operator or "a script"

    def checked(self) -> "RunAbout":
        """The same, without space around it.

        Raises:
            RunError: A name is longer than a line, or the notes are longer than `NOTES_LENGTH`.
        """
        for name, text in (("sample", self.sample), ("project", self.project)):
            if len(text.strip()) > NAME_LENGTH or "\n" in text.strip():
                raise RunError(f"The {name} is to be one line of {NAME_LENGTH} letters at most.")
        if len(self.notes) > NOTES_LENGTH:
            raise RunError(f"The notes are longer than the {NOTES_LENGTH:,} letters that are kept.")
        return msgspec.structs.replace(
            self,
            sample=self.sample.strip(),
            project=self.project.strip(),
            notes=self.notes.strip(),
        )


NOTHING_SAID = RunAbout()


class Continuation(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run goes on that another one left unfinished.

    Attributes:
        run: ULID of the other.
        number: Its number.
        points: Points of the whole that were taken before; its own begin with the next one.
        rows: Rows that count of all that was recorded before, by recorder: what a point left
            behind that was not taken to its end is no part of the whole.
    """

    run: str
    number: int
    points: int
    rows: dict[str, int]


class RunApproval(msgspec.Struct, frozen=True, kw_only=True):
    """Who approved a run before it began.

    Attributes:
        at: Seconds since the epoch.
        token: Of the dry run whose evidence was looked at, or "".
    """

    by: str
    at: float
    token: str = ""


class RunHead(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run without reading its rows.

    Attributes:
        id: ULID.
        number: Counts within the worker, from 1.
        started: Seconds since the epoch.
        started_mono: The monotonic clock at that moment.
        ended: Seconds since the epoch, None while it is running. Of an interrupted run, the time
            of its last row.
        rows: Committed rows of all recorders.
        total: Points that were planned, None where that cannot be known.
        simulated: "" on real instruments, "all", or e.g. "1 of 2" (D7).
        replayed: The same for devices that a recording answered for.
        sample, project, notes, sample_row: What was said of it before it began, see `RunAbout`.
        versions: Of funcnodes, Python and each driver, by name.
        message: Why it ended otherwise than complete.
        continues: The run that it goes on with, or None.
        streams: What was sampled beside the scan, by name.
    """

    id: str
    number: int
    state: RunState
    started: float
    started_mono: float = 0.0
    ended: float | None = None
    ended_mono: float | None = None
    rows: int = 0
    total: int | None = None
    nodespace: str = ""
    title: str = ""
    operator: str = ""
    sample: str = ""
    project: str = ""
    notes: str = ""
    sample_row: dict[str, str] = {}
    bench: str = ""
    simulated: str = ""
    replayed: str = ""
    versions: dict[str, str] = {}
    message: str = ""
    continues: Continuation | None = None
    streams: tuple[str, ...] = ()
    format: int = FORMAT_VERSION

    @property
    def name(self) -> str:
        """How people call it: its number, and what was run."""
        return f"run {self.number}"

    @property
    def origin(self) -> str:
        """What was no real instrument, in words (D7): "simulated, 1 of 2 replayed", or ""."""
        shares = {"simulated": self.simulated, "replayed": self.replayed}
        words = [w if share == "all" else f"{share} {w}" for w, share in shares.items() if share]
        return ", ".join(words)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened during a run: a state, a live input changed, a manual write."""

    wall: float
    mono: float
    kind: str
    data: dict[str, Any] = {}


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    wall: float
    level: LogLevel
    source: str
    text: str


class DeviceSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of one device, read `before` or `after` the run."""

    moment: Literal["before", "after"]
    device: str
    wall: float
    parameters: dict[str, Any]


class Annotation(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said of a run afterwards; what was measured stays as it is.

    Attributes:
        wall: When, in seconds since the epoch.
        kind: `untag` takes back an earlier tag of the same text; `continued` names the run, by
            its ULID, that goes on with this one.
        author: Who, or "".
    """

    wall: float
    kind: AnnotationKind
    text: str
    author: str = ""


def tags_of(annotations: Sequence[Annotation]) -> list[str]:
    """The tags that hold, in the order in which they were given."""
    tags: dict[str, None] = {}
    for each in annotations:
        if each.kind == "tag":
            tags[each.text] = None
        elif each.kind == "untag":
            tags.pop(each.text, None)
    return list(tags)
