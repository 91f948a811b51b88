"""A run whose points are made by a program, not by a graph: its file, its verbs, its safe end.

What the program wrote to is parked at every end, an E-STOP excepted, after which nothing is
written; the file is like that of any other run. Whoever makes the points asks `checkpoint` before
each. The same for a script in this process and for one that a worker carries it out for.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

import msgspec

from funcnodes.core import clock
from funcnodes.core.events import unsubscriber
from funcnodes.devices.bench import Bench
from funcnodes.errors import RefusedError, RunError
from funcnodes.runs import ending
from funcnodes.runs.documents import Subscriber
from funcnodes.runs.records import (
    ENDED,
    Cell,
    DeviceSnapshot,
    Event,
    LogEntry,
    LogLevel,
    RunHead,
    RunState,
    StorageError,
    TableSpec,
)
from funcnodes.runs.run import share, stopped_by, versions
from funcnodes.runs.store import RunStore
from funcnodes.runs.subscriptions import RunDocuments
from funcnodes.runs.table import Table
from funcnodes.runs.writer import RunWriter

Append = Callable[[list[Cell], float, float], None]


_ON: "WeakKeyDictionary[Bench, ScriptedRun]" = WeakKeyDictionary()
"""The run that began last on each bench."""


class ScriptedRun:
    """One run of a program.

    Attributes:
        name: What it is called.
        store: Where its file is kept.
        parked: What became of the devices it wrote to, by name.
        waiting: What holds it up; nothing that is known here.
    """

    waiting = ""
    _total: int | None = None
    _done: int = 0
    _began: float = 0.0

    def __init__(self, bench: Bench, store: RunStore, name: str, *, operator: str = "") -> None:
        self.name = name
        self.store = store
        self.parked: dict[str, str] = {}
        self._bench = bench
        self._operator = operator
        self._kept: list[tuple[int, Table]] = []
        self._writer: RunWriter | None = None
        self._state: RunState = "running"
        self._message = ""
        self._go = asyncio.Event()
        self._go.set()
        self._around = ExitStack()
        self._written: set[str] = set()
        self._failure: StorageError | RunError | None = None
        self._changed: list[Callable[[], None]] = []
        self._struck: asyncio.Future[Any] | None = None  # by a halt
        self._documents: RunDocuments | None = None

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
    def head(self) -> RunHead:
        """All that is known of it, as the file will say."""
        return self._head(self._state)

    @property
    def state(self) -> RunState:
        return self._state

    @property
    def message(self) -> str:
        """Why it ended otherwise than complete, or ""."""
        return self._message

    @property
    def tables(self) -> list[Table]:
        """Its rows in memory, in the order in which they began."""
        return [table for _, table in self._kept]

    @property
    def rows(self) -> int:
        """Rows so far, of all its tables."""
        return sum(map(len, self.tables))

    @property
    def kept(self) -> int:
        """Rows on disk for good (R4)."""
        return sum(table.committed for table in self.tables)

    @property
    def is_over(self) -> bool:
        """Whether its devices are safe and its file is closed."""
        return self._state in ENDED

    @property
    def done(self) -> int:
        """Points taken."""
        return self._done

    @property
    def total(self) -> int | None:
        """Points that there will be, where that is known."""
        return self._total

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

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call it at each change of state; returns how to end that."""
        return unsubscriber(self._changed, callback)

    def progress(self, done: int, total: int | None) -> None:
        """So many points have been taken, of so many if that is known."""
        if total != self._total or done < self._done:
            self._began = clock.monotonic()
        self._done, self._total = done, total

    async def checkpoint(self) -> bool:
        """Called between points: waits while paused; False once it is to end.

        Raises:
            RefusedError: An E-STOP stopped it.
            RunError: It was aborted.
            StorageError: Its file cannot be written any more.
        """
        await self._go.wait()
        self.check()
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

    def abort(self, cause: str = "") -> None:
        """Give up what is under way: whoever makes its points is told so at the next step."""
        if not self.is_over and self._failure is None:
            self._failure = RunError(cause or "Aborted by the operator.")
            self._go.set()

    def halt(self, cause: str = "") -> None:
        """End at once, without ramps: what it wrote to gets what the bench asks for at an E-STOP.

        Nothing is latched. Whoever makes its points is told at the next step.
        """
        if self.is_over or self._struck is not None:
            return
        self.abort(cause or "Halted by the operator.")
        names = sorted(self._written)
        self._struck = asyncio.ensure_future(ending.strike(self._bench, names))

    def check(self) -> None:
        """Raise what `checkpoint` raises; nothing is taken or kept of a run that is over."""
        if self.is_over:
            raise RunError(f"The run {self.name!r} is over: begin another one.")
        latch = self._bench.latch
        if latch.latched:
            raise RefusedError(stopped_by(latch.state))
        if self._failure is not None:
            raise self._failure

    # ── rows, log, events ─────────────────────────────────────────────────────────────────

    def log(self, text: str, *, level: LogLevel = "info", source: str = "script") -> None:
        """Add a line to its log."""
        self._file.log(LogEntry(wall=clock.now(), level=level, source=source, text=text))

    def note(self, kind: str, **data: Any) -> None:
        """Keep an event."""
        event = Event(wall=clock.now(), mono=clock.monotonic(), kind=kind, data=data)
        self._file.event(event)

    def begin_table(self, spec: TableSpec) -> tuple[Table, Append]:
        """Rows of that form from now on; gives them in memory, and what takes cells to the file."""
        k = self._file.add(spec)
        table = Table(spec, run=self.id, number=self.number)
        self._kept.append((k, table))
        if self._documents is not None:
            self._documents.follow(table)

        def append(cells: list[Cell], wall: float, mono: float) -> None:
            self.check()
            self._file.append(k, cells, wall=wall, mono=mono)

        return table, append

    # ── its course ────────────────────────────────────────────────────────────────────────

    async def open(self) -> None:
        """Open its file.

        Raises:
            RefusedError: An E-STOP is latched, or a run is on: its end would park what this one
                has written to, and the other way round.
            StorageError: The file cannot be written.
        """
        self._bench.latch.check("The run")
        other = _ON.get(self._bench)
        if other is not None and not other.is_over:
            raise RefusedError(
                f"The run {self.name!r} cannot begin: {other.name!r} is on, and a bench has one "
                "run at a time."
            )
        _ON[self._bench] = self
        try:
            await self._create()
        except BaseException:
            del _ON[self._bench]
            raise
        self._documents = RunDocuments(self._file)
        self._written = self._around.enter_context(self._bench.track_writes())
        loop = asyncio.get_running_loop()
        self._around.callback(
            self._bench.latch.on_change(lambda _: _from_thread(loop, self._latch_changed))
        )
        self._began = clock.monotonic()
        self._snapshot("before")
        self._tell()

    async def _create(self) -> None:
        loop = asyncio.get_running_loop()
        self._writer = self.store.create(
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

    async def end(self, error: BaseException | None = None) -> None:
        """Park, look at everything once more, close the file; to the end, whatever comes.

        Args:
            error: What ended it; an Exception is a failure, anything else an interruption.
        """
        if not self.is_over:
            await whole(self._end(self._judged(error)))

    def _judged(self, error: BaseException | None) -> RunState:
        """How it ended, and why."""
        latch = self._bench.latch
        if latch.latched:
            self._message = stopped_by(latch.state)
            return "aborted"
        if isinstance(self._failure, RunError) and not isinstance(self._failure, StorageError):
            self._message = self._failure.message
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
            self._tell()

    async def _make_safe(self, state: RunState) -> RunState:
        if self._struck is not None:
            await self._struck
            return state
        if not self._written or self._bench.latch.latched:
            return state
        for result in await self._bench.park(sorted(self._written)):
            self.parked[result.device] = result.state
            if result.state == "failed":
                text = f"{result.device} could not be parked: {result.message}"
                self._message = f"{self._message} {text}".strip()
                state = "failed"
        return state

    def _latch_changed(self) -> None:
        self._go.set()  # whoever waits finds out why

    def _storage_failed(self, error: StorageError) -> None:
        self._failure = error
        self._go.set()

    def _committed(self) -> None:
        for k, table in self._kept:
            table.committed = self._file.committed(k)

    def _enter(self, state: RunState) -> None:
        self._state = state
        self.note("state", state=state)
        self._file.write_head(self._head(state))
        self._tell()

    def _tell(self) -> None:
        for callback in tuple(self._changed):
            callback()

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
