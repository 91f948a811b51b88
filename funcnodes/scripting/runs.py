"""A run in plain Python: points from the run, rows into the run, and a safe end whatever happens.

What the script wrote to is parked at every end, an E-STOP excepted, after which nothing is
written; the file is like that of any other run. Columns are those of the first row.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from funcnodes.core import clock, units
from funcnodes.core.values import Quality
from funcnodes.devices.bench import Bench
from funcnodes.devices.declarations.words import Sample
from funcnodes.errors import RefusedError, RunError, UnitError
from funcnodes.runs import Column, ListSweep, LogarithmicSweep, RunHead, RunState, RunStore, Sweep
from funcnodes.runs.documents import Subscriber
from funcnodes.runs.records import (
    NOTHING,
    Cell,
    DeviceSnapshot,
    Event,
    LogEntry,
    LogLevel,
    StorageError,
    TableSpec,
)
from funcnodes.runs.run import share, stopped_by, versions
from funcnodes.runs.scans import SteppedScan
from funcnodes.runs.subscriptions import RunDocuments
from funcnodes.runs.table import Table
from funcnodes.runs.writer import RunWriter
from funcnodes.scripting.measured import Measured

_RECORDER = "script"


class ScriptRun:
    """One run of a script; `async with bench.run("I-V") as run`.

    Attributes:
        name: What it is called.
        table: Its rows, once there is one.
        parked: What became of the devices it wrote to, by name.
    """

    def __init__(self, bench: Bench, store: RunStore, name: str, *, operator: str = "") -> None:
        self.name = name
        self.table: Table | None = None
        self.parked: dict[str, str] = {}
        self._bench = bench
        self._store = store
        self._operator = operator
        self._writer: RunWriter | None = None
        self._documents: RunDocuments | None = None
        self._state: RunState = "running"
        self._message = ""
        self._go = asyncio.Event()
        self._go.set()
        self._total: int | None = None
        self._done = 0
        self._began = 0.0
        self._around = ExitStack()
        self._written: set[str] = set()
        self._failure: StorageError | None = None

    def __repr__(self) -> str:
        if self._writer is None:
            return f"<run {self.name!r}, not begun>"
        return f"<run {self.number} {self.name!r}: {self._state}, {self.rows} rows>"

    # ── what is known of it ───────────────────────────────────────────────────────────────

    @property
    def number(self) -> int:
        return self._file.head.number

    @property
    def id(self) -> str:
        """ULID."""
        return self._file.head.id

    @property
    def path(self) -> Path:
        """Where its file is."""
        return self._file.path

    @property
    def state(self) -> RunState:
        return self._state

    @property
    def message(self) -> str:
        """Why it ended otherwise than complete, or ""."""
        return self._message

    @property
    def rows(self) -> int:
        """Rows so far."""
        return len(self.table) if self.table is not None else 0

    @property
    def left_s(self) -> float | None:
        """Seconds its points may still take, by the pace so far; None while nobody knows."""
        if self._total is None or not self._done or self._state != "running":
            return None
        return (clock.monotonic() - self._began) / self._done * max(self._total - self._done, 0)

    @property
    def _file(self) -> RunWriter:
        if self._writer is None:
            raise RunError(f"The run {self.name!r} has not begun: use it in `async with`.")
        return self._writer

    def subscribe(self, tell: Subscriber) -> Callable[[], None]:
        """Call `tell(name, document)` with its Bluesky documents: those so far, and each as it
        comes. A subscriber that raises is told no more; the run goes on.

        Returns:
            Call it to end that.

        Raises:
            RunError: It has not begun.
        """
        if self._documents is None:
            raise RunError(f"The run {self.name!r} has not begun: use it in `async with`.")
        return self._documents.subscribe(tell)

    # ── points ────────────────────────────────────────────────────────────────────────────

    def sweep(
        self, start: float | str, stop: float | str, *, points: int, both_ways: bool = False
    ) -> AsyncIterator[Measured]:
        """Values from start to stop in equal steps, both included; the unit is that of `start`.

        Raises:
            UnitError: The two have units of different dimensions.
        """
        return self._steps(_ends(Sweep(), start, stop, points, both_ways))

    def logarithmic(
        self, start: float | str, stop: float | str, *, points: int, both_ways: bool = False
    ) -> AsyncIterator[Measured]:
        """Values from start to stop in equal ratios."""
        return self._steps(_ends(LogarithmicSweep(), start, stop, points, both_ways))

    def values(self, values: Sequence[float] | str, *, unit: str = "") -> AsyncIterator[Measured]:
        """The values of a list, also as text (`0:1:0.25`), in the unit."""
        scan = ListSweep()
        scan.unit.set_value(unit)
        scan.listed.set_value(list(values) if not isinstance(values, str) else values)
        return self._steps(scan)

    async def repeat(self, count: int, *, every_s: float = 0.0) -> AsyncIterator[float]:
        """Seconds since the first point, on an absolute schedule: a late one moves no other."""
        began, self._total, self._done = clock.monotonic(), count, 0
        for number in range(count):
            await clock.sleep(began + number * every_s - clock.monotonic())
            if not await self.checkpoint():
                return
            yield clock.monotonic() - began
            self._done += 1

    async def _steps(self, scan: SteppedScan) -> AsyncIterator[Measured]:
        self._total, self._done, self._began = scan.points_total(), 0, clock.monotonic()
        for value in scan.values():
            if not await self.checkpoint():
                return
            yield Measured(value, scan.value.unit)
            self._done += 1

    async def checkpoint(self) -> bool:
        """Called between points: waits while paused; False once it is to end.

        Raises:
            RefusedError: An E-STOP stopped it.
            StorageError: Its file cannot be written any more.
        """
        await self._go.wait()
        self._check()
        return self._state == "running"

    # ── verbs ─────────────────────────────────────────────────────────────────────────────

    def pause(self) -> None:
        """Hold before the next point; outputs stay as they are."""
        if self._state == "running":
            self._go.clear()
            self._enter("paused")

    def resume(self) -> None:
        """Go on after a pause."""
        if self._state == "paused":
            self._enter("running")
            self._go.set()

    def stop(self, cause: str = "") -> None:
        """End after the point under way: what goes through its points comes to their end."""
        if self._state in ("running", "paused"):
            self._message = cause or "Stopped by the operator."
            self._enter("stopping")
            self._go.set()

    # ── rows ──────────────────────────────────────────────────────────────────────────────

    def record(self, **cells: Any) -> int:
        """Add a row. Numbers keep unit and quality; what a row leaves out is missing.

        Returns:
            Its index, from 0.

        Raises:
            RunError: It has a column that the first row had not, or nothing at all.
            UnitError: A number's unit cannot be turned into that of its column.
            RefusedError, StorageError: It was stopped by E-STOP, or cannot be written.
        """
        self._check()
        if not cells:
            raise RunError("There is nothing to record: name the values, as in record(volts=v).")
        table = self.table or self._begin_table(cells)
        names = [column.name for column in table.columns]
        unknown = [name for name in cells if name not in names]
        if unknown:
            raise RunError(
                f"The first row of {self.name!r} had no {unknown[0]!r}; its columns are "
                f"{', '.join(names)}."
            )
        row = [_cell(cells.get(each.name), each) for each in table.columns]
        wall, mono = clock.now(), clock.monotonic()
        self._file.append(0, row, wall=wall, mono=mono)
        return table.append(row, wall=wall, mono=mono)

    def log(self, text: str, *, level: LogLevel = "info") -> None:
        """Add a line to its log."""
        self._file.log(LogEntry(wall=clock.now(), level=level, source="script", text=text))

    def note(self, kind: str, **data: Any) -> None:
        """Keep an event."""
        event = Event(wall=clock.now(), mono=clock.monotonic(), kind=kind, data=data)
        self._file.event(event)

    def _begin_table(self, cells: Mapping[str, Any]) -> Table:
        columns = tuple(Column(name=n, unit=_unit(v), kind=_kind(v)) for n, v in cells.items())
        spec = TableSpec(recorder=_RECORDER, name=self.name, columns=columns)
        self._file.add(spec)
        self.table = Table(spec, run=self.id, number=self.number)
        if self._documents is not None:
            self._documents.follow(self.table)
        return self.table

    # ── its course ────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        self._bench.latch.check("The run")
        loop = asyncio.get_running_loop()
        self._writer = self._store.create(
            graph={"nodes": [], "edges": []},
            specs=(),
            on_commit=lambda: _from_thread(loop, self._committed),
            on_failure=lambda error: _from_thread(loop, self._storage_failed, error),
            nodespace=self.name,
            title=self.name,
            operator=self._operator,
            bench=self._bench.name,
            simulated=share(self._bench.simulated),
            replayed=share(self._bench.replayed),
            versions=versions(),
        )
        await asyncio.wrap_future(self._writer.opened)
        self._documents = RunDocuments(self._writer)
        self._written = self._around.enter_context(self._bench.track_writes())
        self._around.callback(
            self._bench.latch.on_change(lambda _: _from_thread(loop, self._latch_changed))
        )
        self._began = clock.monotonic()
        self._keep_script()
        self._snapshot("before")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        state = self._judged(error)
        await whole(self._end(state))

    def _judged(self, error: BaseException | None) -> RunState:
        """How it ended, and why."""
        latch = self._bench.latch
        if latch.latched:
            self._message = stopped_by(latch.state)
            return "aborted"
        if isinstance(error, Exception):
            self._message = str(error) or type(error).__name__
            return "failed"
        if error is not None:
            self._message = "The script was interrupted."
            return "aborted"
        return "stopped" if self._state == "stopping" else "complete"

    async def _end(self, state: RunState) -> None:
        """Park, look at everything once more, close the file; each whatever became of the last."""
        try:
            state = await self._make_safe(state)
        finally:
            self._around.close()
            self._snapshot("after")
            if state != "complete":
                level: LogLevel = "error" if state == "failed" else "warning"
                self.log(f"Run {self.number} {state}: {self._message}", level=level)
            head = msgspec.structs.replace(
                self._head(state), ended=clock.now(), ended_mono=clock.monotonic()
            )
            await asyncio.wrap_future(self._file.close(head))
            self._committed()
            self._state = state
            if self._documents is not None:
                self._documents.stop(self._head(state))

    async def _make_safe(self, state: RunState) -> RunState:
        if not self._written or self._bench.latch.latched:
            return state
        for result in await self._bench.park(sorted(self._written)):
            self.parked[result.device] = result.state
            if result.state == "failed":
                text = f"{result.device} could not be parked: {result.message}"
                self._message = f"{self._message} {text}".strip()
                state = "failed"
        return state

    def _check(self) -> None:
        latch = self._bench.latch
        if latch.latched:
            raise RefusedError(stopped_by(latch.state))
        if self._failure is not None:
            raise self._failure

    def _latch_changed(self) -> None:
        self._go.set()  # whoever waits finds out why

    def _storage_failed(self, error: StorageError) -> None:
        self._failure = error
        self._go.set()

    def _committed(self) -> None:
        if self.table is not None:
            self.table.committed = self._file.committed(0)

    def _enter(self, state: RunState) -> None:
        self._state = state
        self.note("state", state=state)
        self._file.write_head(self._head(state))

    def _head(self, state: RunState) -> RunHead:
        return msgspec.structs.replace(
            self._file.head, state=state, message=self._message, rows=self.rows, total=self._total
        )

    def _snapshot(self, moment: Literal["before", "after"]) -> None:
        now = clock.now()
        for name, device in self._bench.devices.items():
            parameters = device.snapshot()
            self._file.snapshot(
                DeviceSnapshot(moment=moment, device=name, wall=now, parameters=parameters)
            )

    def _keep_script(self) -> None:
        """What was run, where there is a file of it."""
        path = getattr(sys.modules.get("__main__"), "__file__", None)
        if path is not None and Path(path).suffix == ".py":
            try:
                text = Path(path).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                return
            self.note("script", file=str(path), text=text)


# ── cells ─────────────────────────────────────────────────────────────────────────────────


def _cell(value: Any, column: Column) -> Cell:
    quality: Quality = "ok"
    if value is None:
        return NOTHING
    if isinstance(value, Sample):
        return Cell(value.value, value.quality)
    if isinstance(value, Measured):
        quality = value.quality
        number = float(value)
        if value.unit and value.unit != column.unit:
            number = _in_unit(number, value.unit, column)
        return Cell(number, quality)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(float(value) if column.kind in ("number", "quantity") else value, quality)
    return Cell(value, quality)


def _in_unit(number: float, unit: str, column: Column) -> float:
    try:
        return float(units.conversion(unit, column.unit)(number))
    except UnitError as error:
        raise UnitError(
            f"{column.name} is recorded in {column.unit or 'plain numbers'}; {unit} does not fit."
        ) from error


def _unit(value: Any) -> str:
    return value.unit if isinstance(value, Measured) else ""


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, Measured | int | float):
        return "quantity" if _unit(value) else "number"
    if isinstance(value, str):
        return "text"
    return "array" if hasattr(value, "dtype") else "any"


# ── points ────────────────────────────────────────────────────────────────────────────────


def _ends(
    scan: Sweep | LogarithmicSweep,
    start: float | str,
    stop: float | str,
    points: int,
    both_ways: bool,
) -> SteppedScan:
    """The scan between two ends, in the unit of the first."""
    unit = units.split(start)[1] if isinstance(start, str) else getattr(start, "unit", "")
    scan.unit.set_value(unit)
    scan.start.set_value(start)
    scan.stop.set_value(stop)
    scan.points.set_value(points)
    scan.both_ways.set_value(both_ways)
    return scan


# ── ending ────────────────────────────────────────────────────────────────────────────────


async def whole(ending: Coroutine[Any, Any, Any]) -> None:
    """Carry it out to its end; a cancel that comes meanwhile is raised after it."""
    task = asyncio.ensure_future(ending)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as again:
            cancelled = again
    task.result()
    if cancelled is not None:
        raise cancelled


def _from_thread(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(call, *args)
    except RuntimeError:  # the loop has ended, and with it whoever would care
        return
