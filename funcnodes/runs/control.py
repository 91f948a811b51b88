"""Run control: one recorded execution of a nodespace, from the checks to the closed file.

    checks → open the file → arm → snapshot → entries, one after the other
           → park what was written → snapshot → close the file → the former arming

Guarantees that whatever a run wrote to is parked at every end of it, an E-STOP excepted, after
which nothing is written; that the graph is locked meanwhile and gets its former arming back; and
that at most one run is on in a nodespace. Verbs are pause, resume, stop and abort; none of them
is an exception to who waits. Points are the frames' business, bytes the devices'.
"""

import asyncio
import logging
import platform
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

import msgspec

from funcnodes.core import Frame, Node, NodeSpace, Outcome, Wave, clock
from funcnodes.devices.bench import Bench
from funcnodes.devices.safety import Latch, LatchState
from funcnodes.errors import FuncnodesError, RefusedError, RunError
from funcnodes.runs.checks import problems
from funcnodes.runs.plan import Plan, plan
from funcnodes.runs.recorder import Recorder
from funcnodes.runs.records import (
    ENDED,
    Cell,
    Event,
    LogEntry,
    RunHead,
    RunState,
    Snapshot,
    StorageError,
)
from funcnodes.runs.store import RunStore
from funcnodes.runs.table import Table
from funcnodes.runs.writer import RunWriter

_log = logging.getLogger(__name__)

Level = Literal["debug", "info", "warning", "error"]
_STOPPED = "the run was stopped"


class Runner:
    """Starts runs of one nodespace, and tells what becomes of them.

    Reaches the bench and its latch through the nodespace's services. Frames find it there too.

    Attributes:
        run: The run that is on, or else the last one.
    """

    def __init__(self, space: NodeSpace, store: RunStore, *, nodespace: str = "") -> None:
        self.space = space
        self.store = store
        self.nodespace = nodespace
        self.run: Run | None = None
        self._on_change: list[Callable[[Run], None]] = []
        self._on_rows: list[Callable[[Table, int, int], None]] = []
        self._on_log: list[Callable[[LogEntry], None]] = []
        self._starting = False
        space.services.provide(Runner, self)

    @property
    def active(self) -> "Run | None":
        """The run that is on, if any."""
        return self.run if self.run is not None and not self.run.is_over else None

    def on_change(self, callback: "Callable[[Run], None]") -> Callable[[], None]:
        """Call `callback(run)` at each change of state or progress; returns how to end that."""
        return _subscribe(self._on_change, callback)

    def on_rows(self, callback: Callable[[Table, int, int], None]) -> Callable[[], None]:
        """Call `callback(table, start, stop)` for rows just appended; returns how to end that."""
        return _subscribe(self._on_rows, callback)

    def on_log(self, callback: Callable[[LogEntry], None]) -> Callable[[], None]:
        """Call `callback(entry)` for each line of a run's log; returns how to end that."""
        return _subscribe(self._on_log, callback)

    def check(self) -> list[str]:
        """Why a run cannot start now, in plain sentences; none where it can."""
        found = problems(self.space, plan(self.space), self.space.services.get(Bench))
        latch = self._latch()
        if latch is not None and latch.latched:
            found.insert(0, _latched(latch.state))
        return found

    async def start(self, *, operator: str = "") -> "Run":
        """Check, arm, open the file, and begin; returns while the run is on.

        Raises:
            RefusedError: A run is on, or the E-STOP is latched.
            RunError: A check failed; `context["problems"]` has all sentences.
            StorageError: The run file cannot be written.
        """
        active = self.active
        if active is not None or self._starting:
            number = f"Run {active.number}" if active is not None else "A run"
            raise RefusedError(f"{number} is on; a nodespace has one run at a time.")
        latch = self._latch()
        if latch is not None:
            latch.check("The run")
        found = self.check()
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise RunError(found[0] + more, problems=found)
        self._starting = True
        try:
            run = Run(self, plan(self.space), operator=operator)
            try:
                await run.open()
            except BaseException:
                run.discard()
                raise
        finally:
            self._starting = False
        self.run = run
        run.begin()
        return run

    async def aclose(self, cause: str = "the worker ends") -> None:
        """Abort the run that is on, and wait until its devices are safe and its file is closed."""
        run = self.active
        if run is not None:
            run.abort(cause)
            await run.wait()
        self.space.services.withdraw(Runner)

    def _latch(self) -> Latch | None:
        bench = self.space.services.get(Bench)
        return self.space.services.get(Latch) or (bench.latch if bench is not None else None)


class Run:
    """One run.

    Attributes:
        plan: What it does.
        tables: Its rows in memory, by id of the recorder.
        message: Why it ended otherwise than complete, or "".
        parked: What became of the devices it wrote to, by name.
    """

    def __init__(self, runner: Runner, plan: Plan, *, operator: str) -> None:
        self.runner = runner
        self.space = runner.space
        self.plan = plan
        self.operator = operator
        self.tables: dict[str, Table] = {}
        self.message = ""
        self.parked: dict[str, str] = {}
        self.done = 0
        self.total = plan.points_total()
        self.bench = self.space.services.get(Bench)
        self._latch = runner._latch()
        self._arming = self.space.arming
        self._recorders = [n for n in self.space.nodes if isinstance(n, Recorder) and not n.muted]
        self._state: RunState = "running"
        self._outcome: RunState = "complete"
        self._wave = self.space.root_wave("run")
        self._go = asyncio.Event()
        self._go.set()
        self._inner = frozenset(plan.inner_frames)
        self._ran: set[Frame] = set()
        self._finishing = False
        self._writer: RunWriter | None = None
        self._failure: StorageError | None = None
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
    def path(self) -> Any:
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
        """Rows so far, of all recorders."""
        return sum(len(table) for table in self.tables.values())

    @property
    def wave(self) -> Wave:
        """The wave that everything of this run belongs to."""
        return self._wave

    @property
    def left_s(self) -> float | None:
        """Seconds it may still take, by its pace so far; None while that is not known."""
        if self._state in ENDED or not self.done or self.total is None:
            return None
        return self.elapsed_s / self.done * max(self.total - self.done, 0)

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
        """Go on after a pause."""
        if self._state == "paused":
            self._end_pause()
            self._enter("running")

    def stop(self, cause: str = "") -> None:
        """End after the point under way, then park. Repeating is harmless."""
        if self._state in ("running", "paused") and not self._finishing:
            self._conclude("stopped", cause or "Stopped by the operator.")
            self._wave.cancelled = _STOPPED  # what is under way ends; nothing new begins
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

    async def checkpoint(self, frame: Frame) -> bool:
        """Called by a frame before each point: waits while paused; False when it is to end."""
        self._ran.add(frame)
        await self._go.wait()
        return self._state == "running"

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

    def log(self, level: Level, source: str, text: str) -> None:
        """Add a line to the run's log."""
        entry = LogEntry(wall=clock.now(), level=level, source=source, text=text)
        self.writer.log(entry)
        for callback in tuple(self.runner._on_log):
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
        self._writer = self.runner.store.create(
            graph=self.space.serialize(),
            specs=specs,
            on_commit=lambda: _from_thread(loop, self._committed),
            on_failure=lambda error: _from_thread(loop, self._storage_failed, error),
            nodespace=self.runner.nodespace,
            title=self.space.title,
            operator=self.operator,
            bench=self.bench.name if self.bench is not None else "",
            simulated=_simulated(self.bench),
            versions=versions(),
            total=self.total,
        )
        await asyncio.wrap_future(self._writer.opened)
        for k, (recorder, spec) in enumerate(zip(self._recorders, specs, strict=True)):
            table = Table(spec, run=self.id, number=self.number)
            table.watch(self._appended)
            self.tables[recorder.uuid] = table
            recorder.begin(self._wave, table, self._sink(k))

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
                written = stack.enter_context(self.bench.track_writes()) if self.bench else set()
                self._snapshot("before")
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

    async def _execute(self) -> None:
        self.log("info", "run", f"Run {self.number} started by {self.operator or 'a script'}.")
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
        self._wave.cancel(reason)

    async def _make_safe(self, written: set[str]) -> None:
        """Park what was written to, whatever happened; after an E-STOP write nothing."""
        if self._state not in ENDED and self._outcome != "complete":
            self._enter("stopping")
        if self.bench is None or not written or self._is_latched():
            return
        for result in await self.bench.park(sorted(written)):
            self.parked[result.device] = result.state
            if result.state == "failed":
                text = f"{result.device} could not be parked: {result.message}"
                self.log("error", result.device, text)
                if not self._is_latched():
                    self._conclude("failed", f"{self.message} {text}".strip(), force=True)
            else:
                self.log("info", result.device, f"{result.device} was {result.state}.")

    async def _close(self) -> None:
        for recorder in self._recorders:
            recorder.end()
        state = self._outcome
        if state != "complete":
            level: Level = "error" if state == "failed" else "warning"
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
        self._committed()
        self.space.arming = "disarmed" if self._is_latched() else self._arming
        self._enter(state)

    # ── what happens meanwhile ────────────────────────────────────────────────────────────

    def _sink(self, k: int) -> "_Sink":
        return _Sink(self.writer, k)

    def _appended(self, table: Table, start: int, stop: int) -> None:
        for callback in tuple(self.runner._on_rows):
            callback(table, start, stop)

    def _committed(self) -> None:
        for k, table in enumerate(self.tables.values()):
            table.committed = self.writer.committed(k)

    def _storage_failed(self, error: StorageError) -> None:
        """Going on would be measuring into the void."""
        if self._state in ENDED:
            return
        self._conclude("failed", error.message, force=True)
        self._end_pause()
        self._give_up(error.message)

    def _latch_changed(self) -> None:
        if self._is_latched() and self._latch is not None and not self.is_over:
            cause = _latched(self._latch.state)
            self._conclude("aborted", cause, force=True)
            self._end_pause()
            self._give_up(cause)

    def _is_latched(self) -> bool:
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
                Snapshot(moment=moment, device=name, wall=now, parameters=parameters)
            )

    def _enter(self, state: RunState) -> None:
        if state != self._state:
            self._state = state
            if state not in ENDED:
                self.note("state", state=state)
                self.writer.write_head(self.head)
        self._tell()

    def _tell(self) -> None:
        for callback in tuple(self.runner._on_change):
            callback(self)


class _Sink:
    """Takes the rows of one recorder to the file."""

    __slots__ = ("_k", "_writer")

    def __init__(self, writer: RunWriter, k: int) -> None:
        self._writer, self._k = writer, k

    def __call__(self, cells: list[Cell], *, wall: float, mono: float) -> None:
        self._writer.append(self._k, cells, wall=wall, mono=mono)


def active_run(node: Node) -> Run | None:
    """The run that the present execution of `node` is part of, if any."""
    runner = node.nodespace.services.get(Runner) if node.nodespace is not None else None
    run = runner.active if runner is not None else None
    return run if run is not None and run.is_recorded(node.wave) else None


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


def _simulated(bench: Bench | None) -> str:
    """D7: "" on real instruments, "all", or "1 of 2"."""
    if bench is None:
        return ""
    simulated, total = bench.simulated
    if not simulated:
        return ""
    return "all" if simulated == total else f"{simulated} of {total}"


def _latched(state: LatchState) -> str:
    why = f" ({state.cause})" if state.cause else ""
    return f"Stopped by {state.by or 'E-STOP'}{why}."


def _from_thread(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(call, *args)
    except RuntimeError:
        _log.debug("The loop has ended; nobody hears of %s any more", call)


def _subscribe(callbacks: list[Any], callback: Any) -> Callable[[], None]:
    callbacks.append(callback)

    def unsubscribe() -> None:
        if callback in callbacks:
            callbacks.remove(callback)

    return unsubscribe
