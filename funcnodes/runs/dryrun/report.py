"""What a dry run found, for people and for programs: JSON-ready.

Times are seconds of the run by the virtual clock. What the graph itself computes takes no time in
them; what instruments and waits take does.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from funcnodes.core import units

DryState = Literal["complete", "stopped", "aborted", "failed", "refused"]


class DeviceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One device of the bench."""

    device: str
    driver: str
    simulated: str
    """What answers in its place, and what its readings are worth; "" where nothing does."""
    trouble: str = ""
    """Why nothing does."""


class WriteReport(msgspec.Struct, frozen=True, kw_only=True):
    """One write, or the same write in all rounds of a loop."""

    began: float
    ended: float
    device: str
    member: str
    title: str
    unit: str = ""
    first: Any = None
    """None for a command, which has no value."""
    last: Any = None
    lowest: float | None = None
    highest: float | None = None
    count: int = 1
    makes_safe: bool = False
    """Whether it is part of bringing the device down, at the end say."""

    @property
    def text(self) -> str:
        what = f"{self.device}.{self.member}"
        if self.first is None:
            return f"{what}{self._times}"
        values = _shown(self.first, self.unit)
        if self.count > 1:
            values += f" … {_shown(self.last, self.unit)}"
            ends = {self.lowest, self.highest} - {self.first, self.last, None}
            if ends:
                low, high = _shown(self.lowest, self.unit), _shown(self.highest, self.unit)
                values += f" (between {low} and {high})"
        return f"{what} = {values}{self._times}{', to make it safe' if self.makes_safe else ''}"

    @property
    def _times(self) -> str:
        return f", {self.count} times" if self.count > 1 else ""


class RangeReport(msgspec.Struct, frozen=True, kw_only=True):
    """The extremes that a member was set to, against its limits."""

    device: str
    member: str
    title: str
    unit: str = ""
    lowest: float
    highest: float
    low: float | None = None
    """Lowest that it may be set to, None where it has no such limit."""
    high: float | None = None
    limits: str = ""
    """The limits in words."""

    @property
    def text(self) -> str:
        low, high = _shown(self.lowest, self.unit), _shown(self.highest, self.unit)
        span = low if self.lowest == self.highest else f"{low} to {high}"
        return f"{self.device}.{self.member}: {span}; limits: {self.limits or 'none'}"


class ColumnReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a recorder's column held."""

    name: str
    unit: str = ""
    lowest: float | None = None
    highest: float | None = None
    not_ok: int = 0
    """Cells whose quality is not ok."""


class RecorderReport(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one recorder."""

    recorder: str
    rows: int
    columns: tuple[ColumnReport, ...] = ()

    def lines(self) -> Iterator[str]:
        yield f"{self.recorder}: {self.rows} rows"
        for column in self.columns:
            text = f"  {column.name}"
            if column.lowest is not None and column.highest is not None:
                low, high = _shown(column.lowest, column.unit), _shown(column.highest, column.unit)
                text += f": {low} to {high}"
            yield text + (f", {column.not_ok} not ok" if column.not_ok else "")


class EndReport(msgspec.Struct, frozen=True, kw_only=True):
    """What something stands at in the end, after parking."""

    device: str
    member: str
    unit: str = ""
    value: Any = None
    """None where it could not be read."""
    is_output: bool = False
    is_safe: bool | None = None
    """Whether an output stands at its safe value; None for what is no output."""
    error: str = ""

    @property
    def text(self) -> str:
        if self.error:
            return f"{self.device}.{self.member}: not known: {self.error}"
        on = ", which is not its safe state" if self.is_safe is False else ""
        return f"{self.device}.{self.member} = {_shown(self.value, self.unit)}{on}"


class DryReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        state: How the run ended; "refused" where it could not begin.
        refused: Why the real run would be refused, in its own sentences.
        duration_s: By the virtual clock, parking included.
        took_s: By the real one.
        points: Points that were done.
        total: Points that were planned, None where that cannot be known.
        writes: What was written, in order.
        written: How many writes there were.
        files: Names of files that the graph would write in the worker's folder.
        hashes: Of graph, bench and limits; see `evidence`.
    """

    nodespace: str
    title: str = ""
    bench: str = ""
    sets: tuple[str, ...] = ()
    state: DryState
    message: str = ""
    refused: tuple[str, ...] = ()
    duration_s: float = 0.0
    took_s: float = 0.0
    points: int = 0
    total: int | None = None
    recorders: tuple[RecorderReport, ...] = ()
    devices: tuple[DeviceReport, ...] = ()
    writes: tuple[WriteReport, ...] = ()
    written: int = 0
    ranges: tuple[RangeReport, ...] = ()
    end: tuple[EndReport, ...] = ()
    files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    hashes: dict[str, str] = {}

    @property
    def is_fine(self) -> bool:
        """Whether the real run would be let begin, and would complete as far as can be seen."""
        return self.state == "complete" and not self.refused

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"Dry run of {self.title or self.nodespace}: {self._outcome()}"
        yield from _part("Refused", self.refused)
        yield from _part("Errors", self.errors)
        yield from _part("Warnings", self.warnings)
        if self.state != "refused":
            yield f"It takes {duration(self.duration_s)}: {self._points()}."
            yield from _part("Rows", [line for each in self.recorders for line in each.lines()])
            yield from _part("Writes, in order", self._timed())
            yield from _part("Extremes", [each.text for each in self.ranges])
            yield from _part("At the end", [each.text for each in self.end])
            yield from _part("Files it would write", self.files)
        yield from _part(
            "Simulated", [f"{d.device}: {d.simulated}" for d in self.devices if d.simulated]
        )
        yield from _part(
            "Not simulated", [f"{d.device}: {d.trouble}" for d in self.devices if not d.simulated]
        )
        yield "Nothing was opened, written to or kept."

    def _outcome(self) -> str:
        if self.state == "refused":
            return "the run would be refused."
        if self.state == "complete":
            return "complete." if not self.refused else "complete, but the run would be refused."
        return f"{self.state}: {self.message}"

    def _points(self) -> str:
        of = f" of {self.total}" if self.total not in (None, self.points) else ""
        return f"{self.points}{of} points, {self.written} writes"

    def _timed(self) -> list[str]:
        times = [f"{duration(each.began)}" for each in self.writes]
        wide = max(map(len, times), default=0)
        return [
            f"{time.rjust(wide)}  {each.text}"
            for time, each in zip(times, self.writes, strict=True)
        ]


def duration(seconds: float) -> str:
    """For people: "0.25 s", "12 min 30 s", "8 h 0 min"."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _part(title: str, lines: Any) -> Iterator[str]:
    lines = list(lines)
    if lines:
        yield f"{title}:"
        yield from (f"  {line}" for line in lines)


def _shown(value: Any, unit: str) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return units.text(value, unit, digits=6)
    return "—" if value is None else str(value)
