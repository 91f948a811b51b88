"""One run of a nodespace: its course, its verbs, and how it ends.

    open the file → arm → snapshot → entries, one after the other
          → park what was written → snapshot → close the file → the former arming

Guarantees that whatever a run wrote to is parked at every end of it, that the graph is locked
meanwhile, and that it comes to an end whatever happens to a node, a listener, its file or its
program. After a stop only what that leaves as it is is written to: nothing, after an E-STOP.
Verbs are pause, resume, stop, abort and halt, from any thread; none is an exception to who waits.
"""

import asyncio
import logging
import platform
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from funcnodes.core import Frame, Node, NodeSpace, Outcome, Wave, clock
from funcnodes.core.naming import name_of
from funcnodes.core.running.crossing import Ferry
from funcnodes.devices.bench import Bench
from funcnodes.devices.device import Device
from funcnodes.devices.device.kept import OutageNotice
from funcnodes.devices.estop.latch import Latch, LatchState
from funcnodes.errors import FuncnodesError, RefusedError
from funcnodes.runs import ending, outage
from funcnodes.runs.basis import basis_of, members_set
from funcnodes.runs.documents import Subscriber
from funcnodes.runs.holds import BY_HAND, CHANGED, Holds
from funcnodes.runs.plan import Plan
from funcnodes.runs.points import NOTHING_PAST, FramePast, Past, PointLog
from funcnodes.runs.recorder import Recorder, RowTarget, StreamKeeper
from funcnodes.runs.records import (
    ENDED,
    Continuation,
    DeviceSnapshot,
    Event,
    LogEntry,
    LogLevel,
    RunAbout,
    RunHead,
    RunState,
    StorageError,
    TableSpec,
)
from funcnodes.runs.shape import Place, PointPlaces, axes_around
from funcnodes.runs.store import RunStore
from funcnodes.runs.subscriptions import RunDocuments
from funcnodes.runs.suspenders import Suspending
from funcnodes.runs.table import Table
from funcnodes.runs.timing import UNKNOWN, Stopwatch, TimeToGo, Timing
from funcnodes.runs.verbs import from_any_thread, tell_all
from funcnodes.runs.writer import RunWriter

_log = logging.getLogger(__name__)
_STOPPED = "the run was stopped"
ENDED_WITH_IT = "The program that ran it ended."
Ending = Literal["", "stop", "abort", "halt"]
_LEVELS: Mapping[RunState, LogLevel] = {"complete": "info", "failed": "error"}


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
        message: Why it is paused, or ended otherwise than complete, or "".
        ending: What brings it to an end: "", or the verb that does, the gravest so far.
        parked: What became of the devices it wrote to, by name.
        loop: The loop that it belongs to.
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
        self.ending: Ending = ""
        self.loop = asyncio.get_running_loop()
        self.ferry = Ferry()
        self.done = past.points
        self.total = plan.points_total()
        self.bench = around.bench
        self._around = around
        self._latch = around.latch
        self._arming = self.space.arming
        self._recorders = [n for n in self.space.walk() if isinstance(n, Recorder) and not n.muted]
        self._keepers = [n for n in plan.nodes if isinstance(n, StreamKeeper) and not n.muted]
        self._state: RunState = "running"
        self._outcome: RunState = "complete"
        self._wave = self.space.root_wave("run")
        self._holds = Holds()
        self._halted = asyncio.Event()
        self._is_to_end = asyncio.Event()
        self._inner = frozenset(plan.inner_frames)
        self._ran: set[Frame] = set()
        self._used = outage.used(plan.nodes)
        self._points: list[tuple[Wave, bool]] = []  # under way, outer ones first
        self._is_again = False  # the next point is one that was given up
        self._places = PointPlaces()
        self._held: set[Wave] = set()  # given up by a pause, to be taken again
        self._finishing = False
        self._is_closing = False
        own = members_set(node for f in plan.inner_frames for node in plan.bodies[f])
        self.points = PointLog(plan.frames, past, self._keep_point_record, self._row_counts, own)
        self._writer: RunWriter | None = None
        self._documents: RunDocuments | None = None
        self._restoring: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._written: set[str] = set()
        self._raised: BaseException | None = None
        self._struck: asyncio.Future[Any] | None = None  # by a halt, at once
        self._watch = Stopwatch()
        self._timing = Timing(plan, self._watch)
        self._suspending = Suspending(self, self.bench, self.space.walk())

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
    def to_go(self) -> TimeToGo:
        """How long its points may still take; see `timing`."""
        if self._state in ENDED:
            return UNKNOWN
        try:
            return self._timing.to_go()
        except Exception:  # a frame of somebody else's
            _log.exception("How long run %s still takes is not known", self.number)
            return UNKNOWN

    @property
    def left_s(self) -> float | None:
        """Seconds its points may still take; None while that is not known."""
        return self.to_go.seconds

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began, without its pauses and what it waited for instruments."""
        return self._watch.seconds

    def subscribe(self, tell: Subscriber) -> Callable[[], None]:
        """Call `tell(name, document)` with its Bluesky documents: those so far, and each as it
        comes, in the run's loop.

        Returns:
            Call it to end that.
        """
        assert self._documents is not None, "a run has documents from open() on"
        return self._documents.subscribe(tell)

    def is_recorded(self, wave: Wave | None) -> bool:
        """Whether `wave` is part of this run, and the run is on."""
        return wave is not None and not self.is_over and wave.within(self._wave)

    # ── verbs ─────────────────────────────────────────────────────────────────────────────

    @from_any_thread
    def pause(self) -> None:
        """Hold at the next checkpoint; outputs stay as they are. Repeating is harmless.

        What becomes of the point under way its scan says: it is finished, or given up, and taken
        again after the pause.
        """
        self.hold(BY_HAND, again=bool(self._points) and self._points[-1][1])

    @from_any_thread
    def resume(self) -> None:
        """Go on after a pause.

        Raises:
            RefusedError: A device that it uses lost its settings, which nobody has accepted; or
                it is held by a suspender, and by nobody else.
        """
        if self._state != "paused":
            return
        for sentence in outage.changed(self._used, self.bench):
            raise RefusedError(
                f"Run {self.number} cannot go on: {sentence}",
                hint="Set what was lost again, or accept the settings as they are.",
            )
        if not (self._holds.has(BY_HAND) or self._holds.has(CHANGED)):
            raise RefusedError(
                f"Run {self.number} cannot go on: {self._holds.why}",
                hint="It goes on by itself once that is over.",
            )
        self.let_go(BY_HAND, CHANGED)

    @from_any_thread
    def stop(self, cause: str = "") -> None:
        """End after the point under way, then park. Repeating is harmless."""
        if self._state in ("running", "paused") and not self._finishing:
            self.ending = "stop"
            self._conclude("stopped", cause or "Stopped by the operator.")
            self._wave.refuse(_STOPPED)
            self._holds.clear()
            self._enter("stopping")

    @from_any_thread
    def abort(self, cause: str = "") -> None:
        """Give up what is under way, carry out each `finally`, then park. Repeating is harmless."""
        if self._finishing or self._outcome in ("aborted", "failed"):
            return
        self.ending = "abort"
        self._conclude("aborted", cause or "Aborted by the operator.")
        self._holds.clear()
        self._give_up(self.message)

    @from_any_thread
    def halt(self, cause: str = "") -> None:
        """End at once: no `finally`, no way back, no ramps. Repeating is harmless.

        What it wrote to gets what the bench asks for at an E-STOP, by default its emergency
        bytes; nothing is latched. The nodespace is disarmed then.
        """
        if self.is_over or self._is_closing or self._halted.is_set():
            return
        self.ending = "halt"
        is_graver = self._outcome == "failed" or self._is_stopped()
        self._conclude("aborted", cause or "Halted by the operator.", force=not is_graver)
        self._halted.set()
        if self.bench is not None and self._written and not self._is_stopped():
            self._struck = asyncio.ensure_future(ending.strike(self.bench, sorted(self._written)))
        self._holds.clear()
        self._enter("stopping")
        if self._restoring is not None:
            self._restoring.cancel()
        self._wave.halt(self.message)

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
        await self.hold_here()
        self._timing.point_begins(frame, again=self._is_again, taken=self.points.done_before(frame))
        self._is_again = False
        return self._state == "running"

    async def sleep(self, seconds: float) -> None:
        """Wait between points: so long, or until it is to end."""
        sleeping = asyncio.ensure_future(clock.sleep(seconds))
        told = asyncio.ensure_future(self._is_to_end.wait())
        try:
            await asyncio.wait((sleeping, told), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            told.cancel()

    async def hold_here(self) -> None:
        """A checkpoint within a point: waits while paused."""
        if self._holds.any:
            self._watch.hold("pause")
            try:
                await self._holds.over()
            finally:
                self._watch.let_go("pause")

    @property
    def is_going_on(self) -> bool:
        """Whether it is on and is not being brought to an end; a pause does not matter."""
        return self._state in ("running", "paused") and not self._finishing

    @property
    def is_halted(self) -> bool:
        """Whether nothing is to be put back, finished or written any more."""
        return self._halted.is_set()

    def hold(self, who: str, why: str = "", *, again: bool = False) -> None:
        """Pause it until `let_go`; called by whoever has a reason of its own.

        Args:
            who: Whose hold it is; it goes on when all are let go.
            why: What is shown as the reason.
            again: The point under way is given up, and taken again after the pause.
        """
        if not self.is_going_on or self._outcome != "complete":
            return
        self._holds.add(who, why)
        self.message = self._holds.why
        self._enter("paused")
        if again and self._points:
            wave = self._points[-1][0]
            self._held.add(wave)
            self.note("point given up", point=wave.label)
            wave.cancel(why or "The run was paused")

    def let_go(self, *who: str) -> None:
        """These hold it no more: it goes on, unless others do."""
        if self._state != "paused":
            return
        self._holds.take(*who)
        self.message = self._holds.why
        if self._holds.any:
            self._enter("paused")
        else:
            self._holds.clear()
            self._enter("running")

    def wait_for(self, text: str) -> None:
        """Called by whoever waits for a device: why the run is held up, or ""."""
        if text != self.waiting:
            self.waiting = text
            if text:
                self._watch.hold("waiting")
                self.log("warning", "run", f"The run is {text}.")
            else:
                self._watch.let_go("waiting")
            self._tell()

    @contextmanager
    def point(self, wave: Wave, place: Place = (), *, again: bool = False) -> Iterator[None]:
        """Called by a frame around a point.

        Args:
            place: Where it lies along the frame's axes.
            again: A pause in the middle gives it up, and it is taken again.
        """
        self._points.append((wave, again))
        self._places.put(wave, place)
        try:
            yield
        finally:
            self._points.remove((wave, again))
            self._places.drop(wave)

    def is_suspended_for(self, devices: Iterable[Device]) -> bool:
        """Whether it is held because one of these is away, by which a point has failed."""
        return self._suspending.blame(devices)

    def is_held(self, wave: Wave) -> bool:
        """Whether a point was given up by a pause, and is to be taken again after it."""
        is_held = wave in self._held
        self._is_again = self._is_again or is_held
        return is_held

    def point_done(self, frame: Frame) -> None:
        """Called by a frame after each point."""
        self._timing.point_ends(frame)
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
        tell_all(self._around.listeners.log, entry)

    def note(self, kind: str, **data: Any) -> None:
        """Keep an event: a live input changed, a manual write to a device (A2)."""
        event = Event(wall=clock.now(), mono=clock.monotonic(), kind=kind, data=data)
        self.writer.event(event)

    # ── its course ────────────────────────────────────────────────────────────────────────

    async def open(self) -> None:
        """Open the file; nothing is armed before that has succeeded."""
        loop = asyncio.get_running_loop()
        layouts = [self._layout(recorder) for recorder in self._recorders]
        specs = [spec for layout in layouts for spec in layout]
        specs += [self._stream(keeper) for keeper in self._keepers]
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
        self._documents = RunDocuments(self._writer)
        targets = [self._target(k, spec) for k, spec in enumerate(specs)]
        began, placed = self._writer.head.started_mono, self._places.of
        for recorder, layout in zip(self._recorders, layouts, strict=True):
            own, targets = targets[: len(layout)], targets[len(layout) :]
            recorder.begin(self._wave, own, began=began, placed=placed)
        for keeper, target in zip(self._keepers, targets, strict=True):
            keeper.begin_stream(self._wave, target, began=began, placed=placed)

    def _stream(self, keeper: StreamKeeper) -> TableSpec:
        around = axes_around(keeper, self.plan) if isinstance(keeper, Node) else ()
        return keeper.stream_spec(around)

    def _end_recording(self) -> None:
        for recorder in self._recorders:
            ending.whatever(recorder.end)
        for keeper in self._keepers:
            ending.whatever(keeper.end_stream)

    def _layout(self, recorder: Recorder) -> list[TableSpec]:
        """What a recorder is going to keep: its points with their axes, and streams beside them."""
        return recorder.specs(lambda columns: axes_around(recorder, self.plan, columns))

    def _target(self, k: int, spec: TableSpec) -> RowTarget:
        table = self.tables[spec.recorder] = Table(spec, run=self.id, number=self.number)
        table.watch(self._appended)
        if self._documents is not None:
            self._documents.follow(table)
        return RowTarget(table, partial(self.writer.append, k))

    def _continued(self) -> dict[str, Any]:
        going_on = self._around.going_on
        if going_on is None:
            return {}
        return {"id": going_on.id, "continues": going_on.continuation}

    def discard(self) -> None:
        """It will not begin after all: its file says so."""
        self._end_recording()
        self._state = "aborted"
        if self._writer is not None:
            message = "It was given up before it began."
            self._writer.close(msgspec.structs.replace(self.head, message=message))

    def begin(self) -> None:
        """Arm, lock, and set it going."""
        self._watch.start()
        self.space.arming = "running"
        self._task = asyncio.create_task(self._drive(), name=f"run {self.number}")
        self._task.add_done_callback(self._end)  # which it has done by itself, unless it was lost
        self._tell()

    async def _drive(self) -> None:
        """Every step is taken, whatever became of those before it."""
        try:
            with ExitStack() as stack:
                await self._guarded(self._prepare(stack))
                if self._outcome == "complete":
                    await self._guarded(self._restore())
                if self._outcome == "complete":
                    await self._guarded(self._execute())
                self._begin_to_finish()
                await self._guarded(self._make_safe())
                await self._guarded(self._look_back())
        except GeneratorExit:  # the loop was closed over it: nothing can be waited for
            self._conclude("aborted", ENDED_WITH_IT, force=True)
            self.writer.close(self._last_head())
            self._end()
            raise
        await self._close()
        if self._raised is not None:
            raise self._raised

    async def _guarded(self, step: Coroutine[Any, Any, None]) -> None:
        """Carry out one step; neither a bug nor the end of the program may skip the next ones."""
        try:
            await step
        except GeneratorExit:
            raise
        except asyncio.CancelledError:
            self._conclude("aborted", ENDED_WITH_IT)
            self._give_up(self.message)
        except BaseException as error:
            _log.exception("Run %s failed", self.number)
            self._conclude("failed", f"The run failed: {type(error).__name__}: {error}")
            self._give_up(self.message)
            if isinstance(error, KeyboardInterrupt | SystemExit):
                self._raised = error

    async def _prepare(self, stack: ExitStack) -> None:
        self._follow_latch(stack)
        self._follow_devices(stack)
        if self.bench is not None:
            self._written = stack.enter_context(self.bench.track_writes())
        self._snapshot("before")
        self._note_basis()
        stack.callback(self._suspending.end)
        await self._suspending.begin()

    async def _look_back(self) -> None:
        self._snapshot("after")

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
            self.points.stand_on(found)

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
            await self.hold_here()
            if not self.is_going_on or self._outcome != "complete":
                return
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

    def _begin_to_finish(self) -> None:
        """Nothing is left that could be held: a pause in the last point is over with it."""
        self._finishing = True
        self._holds.clear()
        if self._outcome == "complete":
            self.message = ""
        if self._state == "paused":
            self._enter("running")

    async def _make_safe(self) -> None:
        """Park what was written to, whatever happened; after an E-STOP write nothing."""
        if self._state not in ENDED and self._outcome != "complete":
            self._enter("stopping")
        if self._struck is not None:
            await asyncio.wait((self._struck,))
        names = set(self._written)
        if self.bench is not None and self._is_stopped():
            names &= self.bench.spared  # an interlock may stop some devices only
        if self.bench is None or not names:
            return
        for result in await ending.bring_down(self.bench, sorted(names), self._halted):
            self.parked[result.device] = result.state
            if result.is_failure:
                self.log("error", result.device, result.text)
                if not self._is_stopped():
                    text = f"{self.message} {result.text}".strip()
                    self._conclude("failed", text, force=True)
            else:
                self.log("info", result.device, result.text)

    async def _close(self) -> None:
        """The last step: what goes wrong here is told, and it is over all the same."""
        try:
            self._end_recording()
            self._is_closing = True
            why = await ending.closed(self.writer, self._last_head())
            if why:
                self._outcome, self.message = "failed", why
            if self.writer.kept_open:
                self.log("warning", "run", self.writer.kept_open)
            self._committed()
        except Exception as error:
            _log.exception("Run %s could not be closed", self.number)
            self._outcome, self.message = "failed", f"The run could not be closed: {error}"
        finally:
            self._end()

    def _last_head(self) -> RunHead:
        """What its file says in the end, which the log says too."""
        state, level = self._outcome, _LEVELS.get(self._outcome, "warning")
        text = f"{state}: {self.message}" if state != "complete" else f"{state}: {self.rows} rows."
        self.log(level, "run", f"Run {self.number} {text}")
        return msgspec.structs.replace(
            self.head, state=state, message=self.message,
            ended=clock.now(), ended_mono=clock.monotonic(),
        )  # fmt: skip

    def _end(self, _: object = None) -> None:
        """It is over. Repeating is harmless."""
        if self.is_over:
            return
        try:
            is_unarmed = self._is_stopped() or self.is_halted
            self.space.arming = "disarmed" if is_unarmed else self._arming
        finally:
            self._enter(self._outcome if self._outcome in ENDED else "failed")
            if self._documents is not None:
                self._documents.stop(self.head)

    # ── what happens meanwhile ────────────────────────────────────────────────────────────

    def _keep_point_record(self, wall: float, path: str, rows: str, facts: str) -> None:
        self.writer.point(wall, path, rows, facts)

    def _row_counts(self) -> Iterator[int]:
        return map(len, self.tables.values())

    def _appended(self, table: Table, start: int, stop: int) -> None:
        tell_all(self._around.listeners.rows, table, start, stop)

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
        self._holds.clear()
        self._give_up(error.message)

    def _noticed(self, notice: OutageNotice) -> None:
        """A device was away, and is not what it was (D8)."""
        if self.is_over or notice.device not in self._used or self.bench is None:
            return
        self.log("warning", notice.device, notice.text)
        if not notice.is_change or self._finishing:
            return
        if outage.policy(self.plan, self.bench, notice.device) == "pause":
            self.hold(CHANGED, notice.text, again=True)
        else:
            self._conclude("failed", notice.text)
            self._holds.clear()
            self._give_up(notice.text)

    def _latch_changed(self) -> None:
        if self._is_stopped() and self._latch is not None and not self.is_over:
            cause = stopped_by(self._latch.state)
            self._conclude("aborted", cause, force=True)
            self._holds.clear()
            self._give_up(cause)

    def _is_stopped(self) -> bool:
        return self._latch is not None and self._latch.latched

    def _conclude(self, outcome: RunState, message: str, *, force: bool = False) -> None:
        """How it will have ended. The first reason stays, unless a graver one is forced."""
        if self._is_closing:
            return  # which its file says already
        if self._outcome == "complete" or self._outcome == "stopped" or force:
            self._outcome, self.message = outcome, message

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
            if state == "stopping":
                self._is_to_end.set()
            if state not in ENDED:
                self.note("state", state=state)
                self.writer.write_head(self.head)
        self._tell()

    def _tell(self) -> None:
        tell_all(self._around.listeners.changed, self)


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
