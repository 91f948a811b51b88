"""One run of a nodespace: its course, its verbs, and how it ends.

    open the file → arm → snapshot → entries, one after the other
          → park what was written → snapshot → close the file → the former arming

Guarantees that whatever a run wrote to is parked at every end of it, and that the graph is locked
meanwhile. After a stop only what that leaves as it is is written to: nothing, after an E-STOP.
Verbs are pause, resume, stop and abort; none is an exception to who waits.
"""

import asyncio
import logging
import platform
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from funcnodes.core import Frame, NodeSpace, Outcome, Wave, clock
from funcnodes.core.naming import name_of
from funcnodes.devices.bench import Bench
from funcnodes.devices.device.kept import OutageNotice
from funcnodes.devices.estop.latch import Latch, LatchState
from funcnodes.errors import FuncnodesError, RefusedError
from funcnodes.runs import outage
from funcnodes.runs.basis import BASIS, basis_of, members_set
from funcnodes.runs.plan import Plan
from funcnodes.runs.points import NOTHING_PAST, FramePast, Past, PointLog
from funcnodes.runs.recorder import Recorder
from funcnodes.runs.records import (
    ENDED,
    Cell,
    Continuation,
    DeviceSnapshot,
    Event,
    LogEntry,
    LogLevel,
    RunAbout,
    RunHead,
    RunState,
    StorageError,
)
from funcnodes.runs.store import RunStore
from funcnodes.runs.table import Table
from funcnodes.runs.writer import RunWriter

_log = logging.getLogger(__name__)
_STOPPED = "the run was stopped"


@dataclass(frozen=True, slots=True)
class RunListeners:
    """Who is told of a run: of its state and progress, of new rows, of lines of its log."""

    changed: "list[Callable[[Run], None]]" = field(default_factory=list)
    rows: list[Callable[[Table, int, int], None]] = field(default_factory=list)
    log: list[Callable[[LogEntry], None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RunSurroundings:
    """What a run happens in.

    Attributes:
        nodespace: The graph's name, as the file will say.
        going_on: Where it goes on, or None.
    """

    space: NodeSpace
    store: RunStore
    nodespace: str
    bench: Bench | None
    latch: Latch | None
    listeners: RunListeners
    going_on: "GoingOn | None" = None


class GoingOn(Protocol):
    """Where a run goes on that another one left unfinished."""

    @property
    def past(self) -> Past: ...
    @property
    def continuation(self) -> Continuation: ...
    @property
    def id(self) -> str: ...
    def claimed(self, store: RunStore, by: str) -> AbstractContextManager[None]:
        """Around the making of its file: nobody else goes on with the same run."""

    async def restore(self, run: "Run") -> None:
        """Write what has to be as it was before its first point; ends early with the run."""


class Run:
    """One run.

    Attributes:
        plan: What it does.
        tables: Its rows in memory, by id of the recorder.
        message: Why it ended otherwise than complete, or "".
        parked: What became of the devices it wrote to, by name.
        waiting: What holds it up, such as "waiting for dmm", or "".
        done: Points that were taken, those before it included where it goes on with another run.
        points: Which they are.
    """

    def __init__(self, around: RunSurroundings, plan: Plan, about: RunAbout) -> None:
        past = around.going_on.past if around.going_on is not None else NOTHING_PAST
        self.space = around.space
        self.plan = plan
        self.about = about
        self.tables: dict[str, Table] = {}
        self.message = ""
        self.parked: dict[str, str] = {}
        self.waiting = ""
        self.done = self._done_before = past.points
        self.total = plan.points_total()
        self.bench = around.bench
        self._around = around
        self._latch = around.latch
        self._arming = self.space.arming
        self._recorders = [n for n in self.space.walk() if isinstance(n, Recorder) and not n.muted]
        self._state: RunState = "running"
        self._outcome: RunState = "complete"
        self._wave = self.space.root_wave("run")
        self._go = asyncio.Event()
        self._go.set()
        self._inner = frozenset(plan.inner_frames)
        self._ran: set[Frame] = set()
        self._used = outage.used(plan.nodes)
        self._points: list[Wave] = []  # under way, outer ones first
        self._held: set[Wave] = set()  # given up by a pause, to be taken again
        self._finishing = False
        own = members_set(node for f in plan.inner_frames for node in plan.bodies[f])
        self.points = PointLog(plan.frames, past, self._keep_point_record, self._row_counts, own)
        self._writer: RunWriter | None = None
        self._restoring: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._paused_s = 0.0
        self._paused_at: float | None = None
        self._began = clock.monotonic()

    # ── what is known of it ───────────────────────────────────────────────────────────────

    @property
    def writer(self) -> RunWriter:
        assert self._writer is not None, "a run has its file from open() on"
        return self._writer

    @property
    def head(self) -> RunHead:
        """All that is known of it, as the file will say."""
        return msgspec.structs.replace(
            self.writer.head,
            state=self._state, message=self.message, rows=self.rows, total=self.total,
        )  # fmt: skip

    @property
    def id(self) -> str:
        """ULID."""
        return self.writer.head.id

    @property
    def number(self) -> int:
        return self.writer.head.number

    @property
    def path(self) -> Path:
        """Where its file is."""
        return self.writer.path

    @property
    def state(self) -> RunState:
        return self._state

    @property
    def is_over(self) -> bool:
        """Whether its devices are safe and its file is closed."""
        return self._state in ENDED

    @property
    def rows(self) -> int:
        """Rows so far, of all recorders; once it is over, those that its file holds."""
        if self.is_over:
            return self.kept
        return sum(len(table) for table in self.tables.values())

    @property
    def kept(self) -> int:
        """Rows on disk for good, of all recorders: the committed high-water mark (R4)."""
        return sum(table.committed for table in self.tables.values())

    @property
    def wave(self) -> Wave:
        """The wave that everything of this run belongs to."""
        return self._wave

    @property
    def left_s(self) -> float | None:
        """Seconds it may still take, by its pace so far; None while that is not known."""
        done = self.done - self._done_before
        if self._state in ENDED or not done or self.total is None:
            return None
        return self.elapsed_s / done * max(self.total - self.done, 0)

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began, without its pauses."""
        now = self._paused_at if self._paused_at is not None else clock.monotonic()
        return now - self._began - self._paused_s

    def is_recorded(self, wave: Wave | None) -> bool:
        """Whether `wave` is part of this run, and the run is on."""
        return wave is not None and not self.is_over and wave.within(self._wave)

    # ── verbs ─────────────────────────────────────────────────────────────────────────────

    def pause(self) -> None:
        """Hold before the next point; outputs stay as they are."""
        if self._state == "running":
            self._go.clear()
            self._paused_at = clock.monotonic()
            self._enter("paused")

    def resume(self) -> None:
        """Go on after a pause.

        Raises:
            RefusedError: A device that it uses lost its settings, which nobody has accepted.
        """
        if self._state == "paused":
            for sentence in outage.changed(self._used, self.bench):
                raise RefusedError(
                    f"Run {self.number} cannot go on: {sentence}",
                    hint="Set what was lost again, or accept the settings as they are.",
                )
            self.message = ""
            self._end_pause()
            self._enter("running")

    def stop(self, cause: str = "") -> None:
        """End after the point under way, then park. Repeating is harmless."""
        if self._state in ("running", "paused") and not self._finishing:
            self._conclude("stopped", cause or "Stopped by the operator.")
            self._wave.refuse(_STOPPED)
            self._end_pause()
            self._enter("stopping")

    def abort(self, cause: str = "") -> None:
        """Give up what is under way, then park. Repeating is harmless."""
        if self._finishing or self._outcome in ("aborted", "failed"):
            return
        self._conclude("aborted", cause or "Aborted by the operator.")
        self._end_pause()
        self._give_up(self.message)

    async def wait(self) -> RunState:
        """Wait until its devices are safe and its file is closed; how it ended."""
        if self._task is not None:
            await asyncio.shield(self._task)
        return self._state

    # ── for frames and workers ────────────────────────────────────────────────────────────

    def begin_frame(self, frame: Frame) -> FramePast:
        """Called by a frame when it begins: what a run before has done of it."""
        self._ran.add(frame)
        past = self.points.begin(frame)
        if past.done and frame.wave is not None:
            for recorder in self._recorders:
                recorder.leave_out(frame.wave)
        return past

    async def checkpoint(self, frame: Frame) -> bool:
        """Called by a frame before each point: waits while paused; False when it is to end."""
        self._ran.add(frame)
        await self._go.wait()
        return self._state == "running"

    @property
    def is_going_on(self) -> bool:
        """Whether it is on and is not being brought to an end; a pause does not matter."""
        return self._state in ("running", "paused")

    def wait_for(self, text: str) -> None:
        """Called by whoever waits for a device: why the run is held up, or ""."""
        if text != self.waiting:
            self.waiting = text
            if text:
                self.log("warning", "run", f"The run is {text}.")
            self._tell()

    @contextmanager
    def point(self, wave: Wave) -> Iterator[None]:
        """Called by a frame around a point."""
        self._points.append(wave)
        try:
            yield
        finally:
            self._points.remove(wave)

    def is_held(self, wave: Wave) -> bool:
        """Whether a point was given up by a pause, and is to be taken again after it."""
        return wave in self._held

    def point_done(self, frame: Frame) -> None:
        """Called by a frame after each point."""
        if frame in self._inner:
            self.done += 1
            self._tell()

    def keep_point(self, frame: Frame, wave: Wave) -> None:
        """Called by a frame whose point failed and is to have its row all the same (T11)."""
        for node in self.plan.bodies.get(frame, ()):
            if isinstance(node, Recorder):
                node.record(wave)

    def log(self, level: LogLevel, source: str, text: str) -> None:
        """Add a line to the run's log."""
        entry = LogEntry(wall=clock.now(), level=level, source=source, text=text)
        self.writer.log(entry)
        for callback in tuple(self._around.listeners.log):
            callback(entry)

    def note(self, kind: str, **data: Any) -> None:
        """Keep an event: a live input changed, a manual write to a device (A2)."""
        event = Event(wall=clock.now(), mono=clock.monotonic(), kind=kind, data=data)
        self.writer.event(event)

    # ── its course ────────────────────────────────────────────────────────────────────────

    async def open(self) -> None:
        """Open the file; nothing is armed before that has succeeded."""
        loop = asyncio.get_running_loop()
        specs = [recorder.spec() for recorder in self._recorders]
        self._writer = self._around.store.create(
            graph=self.space.serialize(),
            specs=specs,
            frames=[(name_of(frame), frame in self._inner) for frame in self.plan.frames],
            on_commit=lambda: _from_thread(loop, self._committed),
            on_failure=lambda error: _from_thread(loop, self._storage_failed, error),
            nodespace=self._around.nodespace,
            title=self.space.title,
            **msgspec.structs.asdict(self.about),
            bench=self.bench.name if self.bench is not None else "",
            simulated=share(self.bench.simulated if self.bench else None),
            replayed=share(self.bench.replayed if self.bench else None),
            versions=versions(),
            total=self.total,
            **self._continued(),
        )
        await asyncio.wrap_future(self._writer.opened)
        for k, (recorder, spec) in enumerate(zip(self._recorders, specs, strict=True)):
            table = Table(spec, run=self.id, number=self.number)
            table.watch(self._appended)
            self.tables[name_of(recorder)] = table
            recorder.begin(self._wave, table, self._sink(k))

    def _continued(self) -> dict[str, Any]:
        going_on = self._around.going_on
        if going_on is None:
            return {}
        return {"id": going_on.id, "continues": going_on.continuation}

    def discard(self) -> None:
        """It will not begin after all: its file says so."""
        for recorder in self._recorders:
            recorder.end()
        self._state = "aborted"
        if self._writer is not None:
            message = "It was given up before it began."
            self._writer.close(msgspec.structs.replace(self.head, message=message))

    def begin(self) -> None:
        """Arm, lock, and set it going."""
        self._began = clock.monotonic()
        self.space.arming = "running"
        self._task = asyncio.create_task(self._drive(), name=f"run {self.number}")
        self._tell()

    async def _drive(self) -> None:
        try:
            with ExitStack() as stack:
                self._follow_latch(stack)
                self._follow_devices(stack)
                written = stack.enter_context(self.bench.track_writes()) if self.bench else set()
                self._snapshot("before")
                self._note_basis()
                await self._guarded(self._restore())
                await self._guarded(self._execute())
                self._finishing = True
                await self._guarded(self._make_safe(written))
                self._snapshot("after")
        finally:
            await self._close()

    async def _guarded(self, step: Coroutine[Any, Any, None]) -> None:
        """Carry out one step; neither a bug nor the end of the program may skip the next ones."""
        try:
            await step
        except asyncio.CancelledError:
            self._conclude("aborted", "The program that ran it ended.")
            self._give_up(self.message)
        except Exception as error:
            _log.exception("Run %s failed", self.number)
            self._conclude("failed", f"The run failed: {type(error).__name__}: {error}")
            self._give_up(self.message)

    def _follow_latch(self, stack: ExitStack) -> None:
        if self._latch is not None:
            loop = asyncio.get_running_loop()
            watch = self._latch.on_change(lambda _: _from_thread(loop, self._latch_changed))
            stack.callback(watch)
            self._latch_changed()

    def _follow_devices(self, stack: ExitStack) -> None:
        if self.bench is not None:
            loop = asyncio.get_running_loop()
            stack.callback(self.bench.on_write(self.points.wrote))
            # After the set-up in which it was found, and before whoever speaks to it next.
            stack.callback(self.bench.on_notice(lambda n: _from_thread(loop, self._noticed, n)))

    def _note_basis(self) -> None:
        found = basis_of(self.bench, self._used, self.plan)
        if found["devices"]:
            self.note(BASIS, **found)

    async def _restore(self) -> None:
        """The settings of the moment at which it goes on; given up with the run."""
        going_on = self._around.going_on
        self.log("info", "run", f"Run {self.number} started by {self.about.who}.")
        if going_on is not None:
            task = self._restoring = asyncio.create_task(going_on.restore(self))
            try:
                await asyncio.wait([task])
            finally:
                task.cancel()
                await asyncio.wait([task])
            error = None if task.cancelled() else task.exception()
            if isinstance(error, FuncnodesError):
                why = f"Settings could not be brought back: {error.message}"
                self._conclude("failed", why)
                self._give_up(why)
            elif error is not None:
                raise error

    async def _execute(self) -> None:
        for node in self.plan.entries:
            if self._state in ("stopping", *ENDED) or self._outcome != "complete":
                return
            await self._go.wait()
            node.request_trigger(wave=self._wave)
            outcome = await self._wave.wait()
            if outcome.state not in ("ok", "superseded"):
                self._judge(outcome)
                return
        self._miss_frames()

    def _judge(self, outcome: Outcome) -> None:
        """The wave did not end well; what the user asked for explains it first."""
        if self._outcome != "complete":
            return
        if outcome.state == "cancelled":
            who = outcome.node.name if outcome.node is not None else "The run"
            self._conclude("aborted", f"{who} was cancelled: {outcome.reason or 'no reason'}.")
        else:
            self._conclude("failed", describe(outcome))

    def _miss_frames(self) -> None:
        """A frame that was never reached is a failure that nothing else would tell."""
        missed = [f.name for f in self.plan.outer_frames if f not in self._ran]
        if missed and self._outcome == "complete":
            self._conclude("failed", f"{', '.join(missed)} never began: nothing set it off.")

    def _give_up(self, reason: str) -> None:
        if self._state not in ENDED:
            self._enter("stopping")
        if self._restoring is not None:
            self._restoring.cancel()
        self._wave.cancel(reason)

    async def _make_safe(self, written: set[str]) -> None:
        """Park what was written to, whatever happened; after an E-STOP write nothing."""
        if self._state not in ENDED and self._outcome != "complete":
            self._enter("stopping")
        if self.bench is not None and self._is_stopped():
            written = written & self.bench.spared  # an interlock may stop some devices only
        if self.bench is None or not written:
            return
        for result in await self.bench.park(sorted(written)):
            self.parked[result.device] = result.state
            if result.state == "failed":
                text = f"{result.device} could not be parked: {result.message}"
                self.log("error", result.device, text)
                if not self._is_stopped():
                    self._conclude("failed", f"{self.message} {text}".strip(), force=True)
            else:
                self.log("info", result.device, f"{result.device} was {result.state}.")

    async def _close(self) -> None:
        for recorder in self._recorders:
            recorder.end()
        state = self._outcome
        if state != "complete":
            level: LogLevel = "error" if state == "failed" else "warning"
            self.log(level, "run", f"Run {self.number} {state}: {self.message}")
        else:
            self.log("info", "run", f"Run {self.number} complete: {self.rows} rows.")
        head = msgspec.structs.replace(
            self.head, state=state, message=self.message,
            ended=clock.now(), ended_mono=clock.monotonic(),
        )  # fmt: skip
        try:
            await asyncio.wrap_future(self.writer.close(head))
        except StorageError as error:
            self._conclude("failed", error.message, force=True)
            state = "failed"
        if self.writer.kept_open:
            self.log("warning", "run", self.writer.kept_open)
        self._committed()
        self.space.arming = "disarmed" if self._is_stopped() else self._arming
        self._enter(state)

    # ── what happens meanwhile ────────────────────────────────────────────────────────────

    def _keep_point_record(self, wall: float, path: str, rows: str, facts: str) -> None:
        self.writer.point(wall, path, rows, facts)

    def _row_counts(self) -> Iterator[int]:
        return map(len, self.tables.values())

    def _sink(self, k: int) -> "_Sink":
        return _Sink(self.writer, k)

    def _appended(self, table: Table, start: int, stop: int) -> None:
        for callback in tuple(self._around.listeners.rows):
            callback(table, start, stop)

    def _committed(self) -> None:
        """More rows are on disk for good (R4)."""
        for k, table in enumerate(self.tables.values()):
            table.committed = self.writer.committed(k)
        if not self.is_over:
            self._tell()

    def _storage_failed(self, error: StorageError) -> None:
        """Going on would be measuring into the void."""
        if self._state in ENDED:
            return
        self._conclude("failed", error.message, force=True)
        self._end_pause()
        self._give_up(error.message)

    def _noticed(self, notice: OutageNotice) -> None:
        """A device was away, and is not what it was (D8)."""
        if self.is_over or notice.device not in self._used or self.bench is None:
            return
        self.log("warning", notice.device, notice.text)
        if not notice.is_change or self._finishing:
            return
        if outage.policy(self.plan, self.bench, notice.device) == "pause":
            self._hold(notice.text)
        else:
            self._conclude("failed", notice.text)
            self._end_pause()
            self._give_up(notice.text)

    def _hold(self, why: str) -> None:
        """Pause at once: the point under way is given up, and taken again after the pause."""
        if self._outcome != "complete":
            return
        self.message = why
        self.pause()
        if self._points:
            wave = self._points[-1]
            self._held.add(wave)
            wave.cancel(why)

    def _latch_changed(self) -> None:
        if self._is_stopped() and self._latch is not None and not self.is_over:
            cause = stopped_by(self._latch.state)
            self._conclude("aborted", cause, force=True)
            self._end_pause()
            self._give_up(cause)

    def _is_stopped(self) -> bool:
        return self._latch is not None and self._latch.latched

    def _conclude(self, outcome: RunState, message: str, *, force: bool = False) -> None:
        """How it will have ended. The first reason stays, unless a graver one is forced."""
        if self._outcome == "complete" or self._outcome == "stopped" or force:
            self._outcome, self.message = outcome, message

    def _end_pause(self) -> None:
        if self._paused_at is not None:
            self._paused_s += clock.monotonic() - self._paused_at
            self._paused_at = None
        self._go.set()

    def _snapshot(self, moment: Literal["before", "after"]) -> None:
        if self.bench is None:
            return
        now = clock.now()
        for name, device in self.bench.devices.items():
            parameters = device.snapshot()
            self.writer.snapshot(
                DeviceSnapshot(moment=moment, device=name, wall=now, parameters=parameters)
            )

    def _enter(self, state: RunState) -> None:
        if state != self._state:
            self._state = state
            if state not in ENDED:
                self.note("state", state=state)
                self.writer.write_head(self.head)
        self._tell()

    def _tell(self) -> None:
        for callback in tuple(self._around.listeners.changed):
            callback(self)


class _Sink:
    """Takes the rows of one recorder to the file."""

    __slots__ = ("_k", "_writer")

    def __init__(self, writer: RunWriter, k: int) -> None:
        self._writer, self._k = writer, k

    def __call__(self, cells: list[Cell], *, wall: float, mono: float) -> None:
        self._writer.append(self._k, cells, wall=wall, mono=mono)


def describe(outcome: Outcome) -> str:
    """How a wave failed, in one sentence that names the node."""
    error = outcome.error
    if isinstance(error, FuncnodesError):
        text = error.message
    else:
        text = f"{type(error).__name__}: {error}" if error is not None else outcome.state
    name = outcome.node.name if outcome.node is not None else ""
    return text if not name or text.startswith(name) else f"{name}: {text}"


@cache
def versions() -> dict[str, str]:
    """Of everything that has a say in what is recorded."""
    try:
        own = version("funcnodes")
    except PackageNotFoundError:
        own = "unknown"
    return {"funcnodes": own, "python": platform.python_version()}


def share(devices: tuple[int, int] | None) -> str:
    """D7: "" where it is none of the devices, "all", or "1 of 2"."""
    some, total = devices or (0, 0)
    if not some:
        return ""
    return "all" if some == total else f"{some} of {total}"


def stopped_by(state: LatchState) -> str:
    """How an E-STOP is named in a sentence."""
    why = f" ({state.cause})" if state.cause else ""
    return f"Stopped by {state.by or 'E-STOP'}{why}."


def _from_thread(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(call, *args)
    except RuntimeError:
        _log.debug("The loop has ended; nobody hears of %s any more", call)
