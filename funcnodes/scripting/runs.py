"""A run in plain Python: points from the run, rows into the run, and a safe end whatever happens.

What the script wrote to is parked at every end, an E-STOP excepted, after which nothing is
written; the file is like that of any other run. Columns are those of the first row.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from funcnodes.basic_nodes.files import Files
from funcnodes.core import Frame, Node, clock, units
from funcnodes.devices.bench import Bench
from funcnodes.errors import RefusedError, RunError
from funcnodes.runs import RunHead, RunState, RunStore
from funcnodes.runs.assignments import Assigned, same_name
from funcnodes.runs.people import AskingNode, give_answers
from funcnodes.runs.prompts import Prompts
from funcnodes.runs.records import (
    ENDED,
    Cell,
    DeviceSnapshot,
    Event,
    LogEntry,
    LogLevel,
    StorageError,
    TableSpec,
)
from funcnodes.runs.run import share, stopped_by, versions
from funcnodes.runs.scans.searches import Goal
from funcnodes.runs.sequences.step import OnFail
from funcnodes.runs.table import Table
from funcnodes.runs.terminal import Terminal, is_there
from funcnodes.runs.writer import RunWriter
from funcnodes.scripting.frames import ScriptBody, ScriptFrame, ScriptPoint
from funcnodes.scripting.nodes import ScriptNode, ScriptSpace
from funcnodes.scripting.points import Number, Points
from funcnodes.scripting.tables import Append, ScriptTable

_RECORDER = "script"


class ScriptRun(Points):
    """One run of a script; `async with bench.run("I-V") as run`.

    Attributes:
        name: What it is called.
        store: Where its file is kept.
        parked: What became of the devices it wrote to, by name.
        bodies: Where the script is within frames, the innermost last.
    """

    def __init__(
        self,
        bench: Bench,
        store: RunStore,
        name: str,
        *,
        operator: str = "",
        answers: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.store = store
        self.parked: dict[str, str] = {}
        self.bodies: list[ScriptBody] = []
        self._bench = bench
        self._operator = operator
        self._answers = dict(answers or {})
        self._scope: ScriptSpace | None = None
        self._rows = ScriptTable(_RECORDER, name, self._begin_table)
        self._tables = [self._rows]
        self._kept: list[tuple[int, Table]] = []
        self._writer: RunWriter | None = None
        self._state: RunState = "running"
        self._message = ""
        self._go = asyncio.Event()
        self._go.set()
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
        """Rows so far, of all its tables."""
        return sum(map(len, self._tables))

    @property
    def table(self) -> Table | None:
        """Its rows, once there is one."""
        return self._rows.table

    @property
    def is_over(self) -> bool:
        """Whether its devices are safe and its file is closed."""
        return self._state in ENDED

    @property
    def devices_used(self) -> list[str]:
        """The devices of its bench: a script may speak to any of them."""
        return list(self._bench.devices)

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

    # ── points that are chosen, tried again, or judged ────────────────────────────────────

    def frame(
        self, node_id: str, name: str = "", saved: Mapping[str, Any] | None = None, /, **inputs: Any
    ) -> ScriptFrame:
        """The points of any frame that a graph can have, by its node id; see `node`."""
        scope = self._scope_of_nodes()
        frame = scope.add(node_id, name, inputs, saved)
        if not isinstance(frame, Frame):
            raise RunError(f"{node_id} makes no points: use run.node({node_id!r}).")
        return ScriptFrame(self, scope, frame)

    def adaptive(
        self, low: Number, high: Number, *, points: int = 100, loss: float = 0.0
    ) -> ScriptFrame:
        """Points where the curve is known least: `tell` what each gave. Needs `adaptive`."""
        return self.frame("scan.adaptive", **_range("x", low, high), points=points, loss=loss)

    def optimum(
        self,
        low: Number,
        high: Number,
        *,
        goal: Goal = "minimum",
        target: float = 0.0,
        tolerance: float = 0.001,
        points: int = 200,
    ) -> ScriptFrame:
        """Points that close in on the least, greatest or wanted result: `tell` what each gave.

        Afterwards `["best_x"]`, `["best"]` and `["found"]` say what was found.
        """
        return self.frame(
            "scan.optimum", **_range("x", low, high),
            goal=goal, target=target, tolerance=tolerance, points=points,
        )  # fmt: skip

    def step(
        self, name: str, *, retries: int = 0, on_fail: OnFail = "go on", run_if: bool = True
    ) -> ScriptFrame:
        """The attempts at a step of a test, until it passes; `["verdict"]` says how it ended.

        What its checks find, and what fails in `async with run.point()`, is its verdict.
        """
        return self.frame("step", name, retries=retries, on_fail=on_fail, run_if=run_if)

    def devices(self, serials: Sequence[str], name: str = "") -> ScriptFrame:
        """The devices under test, one after the other, by their serial numbers."""
        return self.frame("for_each_device_under_test", name, serials=list(serials))

    def point(self, table: ScriptTable | None = None) -> ScriptPoint:
        """A point of the frame around it, for `async with`; what fails in it is that frame's.

        What is put in the row that it gives is recorded, in `table` or else in the run's.
        """
        return ScriptPoint(self, self.record if table is None else table.record)

    def node(
        self, node_id: str, name: str = "", saved: Mapping[str, Any] | None = None, /, **inputs: Any
    ) -> ScriptNode:
        """Any node by its id, to be called: `mean = run.node("average", source="smu.i")`.

        Args:
            name: What it is called, in the log and by those it asks.
            saved: What a saved graph holds of it beside its inputs.
            inputs: What its inputs are set to, for all calls.
        """
        scope = self._scope_of_nodes()
        node = scope.add(node_id, name, inputs, saved)
        self._answer(scope, node)
        return ScriptNode(scope, node)

    def _answer(self, scope: ScriptSpace, node: Node) -> None:
        """Give what was answered in advance to what it will ask."""
        prompts = scope.space.services.get(Prompts)
        name = next((each for each in self._answers if same_name(each, node.name)), None)
        if isinstance(node, AskingNode) and prompts is not None and name is not None:
            given = [Assigned(node.uuid, self._answers[name])]
            for line in give_answers(scope.space, prompts, given, by=self._operator):
                self.log(line)

    def _scope_of_nodes(self) -> ScriptSpace:
        self._check()
        if self._scope is None:
            self._file  # noqa: B018  # says that it has not begun
            self._scope = ScriptSpace(self, self._lent())
        return self._scope

    def _lent(self) -> dict[type, Any]:
        """What its nodes can use: the bench, files, and whoever answers."""
        files = Files(self.store.folder.parent / "files")
        lent: dict[type, Any] = {Bench: self._bench, Files: files}
        if self._answers:
            prompts = Prompts(asks=is_there())
            self._around.callback(Terminal(prompts, by=self._operator).close)
            lent[Prompts] = prompts
        return lent

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

    def record(self, cells: Mapping[str, Any] | None = None, /, **named: Any) -> int:
        """Add a row. Numbers keep unit and quality; what a row leaves out is missing.

        Returns:
            Its index, from 0.

        Raises:
            RunError: It has a column that the first row had not, or nothing at all.
            UnitError: A number's unit cannot be turned into that of its column.
            RefusedError, StorageError: It was stopped by E-STOP, or cannot be written.
        """
        self._check()
        return self._rows.record(cells, **named)

    def recorder(
        self, name: str, said: Mapping[str, Any] | None = None, /, **columns: Any
    ) -> ScriptTable:
        """Rows of their own beside those of the run, with columns that are said beforehand.

        Args:
            columns: By name the unit of each, "" for plain numbers, or `str`, `bool`, `list`.
        """
        self._check()
        table = ScriptTable(name, name, self._begin_table, {**(said or {}), **columns})
        self._tables.append(table)
        return table

    def log(self, text: str, *, level: LogLevel = "info", source: str = "script") -> None:
        """Add a line to its log."""
        self._file.log(LogEntry(wall=clock.now(), level=level, source=source, text=text))

    def note(self, kind: str, **data: Any) -> None:
        """Keep an event."""
        event = Event(wall=clock.now(), mono=clock.monotonic(), kind=kind, data=data)
        self._file.event(event)

    def _begin_table(self, spec: TableSpec) -> tuple[Table, Append]:
        k = self._file.add(spec)
        table = Table(spec, run=self.id, number=self.number)
        self._kept.append((k, table))

        def append(cells: list[Cell], wall: float, mono: float) -> None:
            self._check()
            self._file.append(k, cells, wall=wall, mono=mono)

        return table, append

    # ── its course ────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        self._bench.latch.check("The run")
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
            if self._scope is not None:
                await self._scope.aclose()
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
        for k, table in self._kept:
            table.committed = self._file.committed(k)

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


def _range(axis: str, low: Number, high: Number) -> dict[str, Any]:
    """The inputs of a search that say where it may look; the unit is that of `low`."""
    unit = units.split(low)[1] if isinstance(low, str) else getattr(low, "unit", "")
    return {f"{axis}_unit": unit, f"{axis}_low": low, f"{axis}_high": high}


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
