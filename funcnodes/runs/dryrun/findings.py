"""What a dry run is told by: its report, gathered from the run, its rows and its bench."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from funcnodes.devices.bench import Bench
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.device.device import Device
from funcnodes.errors import FuncnodesError
from funcnodes.runs.dryrun.bench import DryBench
from funcnodes.runs.dryrun.report import (
    ColumnReport,
    DeviceReport,
    DryReport,
    DryState,
    EndReport,
    RangeReport,
    RecorderReport,
    WriteReport,
)
from funcnodes.runs.dryrun.writes import ToldWrite, WriteLog, extremes, number_of
from funcnodes.runs.records import LogEntry
from funcnodes.runs.run import Run
from funcnodes.runs.table import Table

_STATES: Mapping[str, DryState] = {
    "complete": "complete",
    "stopped": "stopped",
    "aborted": "aborted",
}


def devices(dry: DryBench | None) -> tuple[DeviceReport, ...]:
    """Each device, and what answers in its place."""
    if dry is None:
        return ()
    return tuple(
        DeviceReport(
            device=name,
            driver=device.config.driver,
            simulated=dry.worth.get(name, ""),
            trouble=device.unusable,
        )
        for name, device in dry.bench.devices.items()
    )


def refused(about: DryReport, sentences: tuple[str, ...]) -> DryReport:
    """It could not begin."""
    return msgspec.structs.replace(about, state="refused", refused=sentences)


def warned(report: DryReport, text: str) -> DryReport:
    """With one more warning."""
    return msgspec.structs.replace(report, warnings=(*report.warnings, text))


def completed(report: DryReport, *, hashes: dict[str, str], took_s: float) -> DryReport:
    """With what is known once it is over."""
    return msgspec.structs.replace(report, hashes=hashes, took_s=took_s)


def report_of(
    about: DryReport,
    run: Run,
    duration_s: float,
    writes: WriteLog,
    log: Sequence[LogEntry],
    bench: Bench | None,
    *,
    refused: tuple[str, ...],
    alarms: Sequence[str],
    end: tuple[EndReport, ...],
    files: Sequence[str],
) -> DryReport:
    """What became of it."""
    lines = writes.lines()
    return msgspec.structs.replace(
        about,
        state=_STATES.get(run.state, "failed"),
        message=run.message,
        refused=refused,
        duration_s=duration_s,
        points=run.done,
        total=run.total,
        recorders=tuple(_recorder(table) for table in run.tables.values()),
        writes=tuple(_write(line, bench) for line in lines),
        written=writes.count,
        ranges=tuple(_ranges(lines, bench)),
        end=end,
        files=tuple(files),
        warnings=(*_texts(log, "warning"), *alarms),
        errors=_texts(log, "error"),
    )


def files_in(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file, by its name in there."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


async def end_of(device: Device, member: str, outputs: Mapping[str, Control[object]]) -> EndReport:
    """What a control stands at."""
    declared = device.member(member)
    unit, is_output = getattr(declared, "unit", ""), member in outputs
    found = EndReport(device=device.name, member=member, unit=unit, is_output=is_output)
    try:
        sample = await device.member_get(member)
    except FuncnodesError as error:
        return msgspec.structs.replace(found, error=error.message)
    is_safe = outputs[member].is_off(sample.value) if is_output else None
    return msgspec.structs.replace(found, value=_plain(sample.value), is_safe=is_safe)


def _texts(log: Sequence[LogEntry], level: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.text for entry in log if entry.level == level))


def _write(line: ToldWrite, bench: Bench | None) -> WriteReport:
    write = line.write
    declared = _declared(bench, write.device, write.member)
    return WriteReport(
        began=line.began, ended=line.ended, device=write.device, member=write.member,
        title=getattr(declared, "title", ""), unit=getattr(declared, "unit", ""),
        first=_plain(write.value), last=_plain(line.last), lowest=line.lowest,
        highest=line.highest, count=line.count, makes_safe=write.is_safety,
    )  # fmt: skip


def _ranges(lines: Sequence[ToldWrite], bench: Bench | None) -> Iterator[RangeReport]:
    for (name, member), (lowest, highest) in extremes(lines).items():
        declared = _declared(bench, name, member)
        limits = bench.devices[name].limits(member) if bench is not None else None
        unit = getattr(declared, "unit", "")
        yield RangeReport(
            device=name, member=member, title=getattr(declared, "title", ""), unit=unit,
            lowest=lowest, highest=highest, low=limits.low if limits else None,
            high=limits.high if limits else None, limits=limits.text(unit) if limits else "",
        )  # fmt: skip


def _declared(bench: Bench | None, device: str, member: str) -> Any:
    return bench.devices[device].member(member) if bench is not None else None


def _recorder(table: Table) -> RecorderReport:
    page = table.page()
    columns = []
    for column, values, marks in zip(table.columns, page.values, page.quality, strict=True):
        numbers = [each for each in map(number_of, values) if each is not None]
        columns.append(
            ColumnReport(
                name=column.name, unit=column.unit,
                lowest=min(numbers, default=None), highest=max(numbers, default=None),
                not_ok=sum(mark != "ok" for mark in marks),
            )
        )  # fmt: skip
    return RecorderReport(recorder=table.spec.name, rows=len(table), columns=tuple(columns))


def _plain(value: Any) -> Any:
    """As JSON has it."""
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
