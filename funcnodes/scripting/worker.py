"""A worker's bench from a script: the worker stays its owner, the script speaks through its door.

    async with open_bench("worker:Furnace") as bench:
        await bench.tc.loop1.setpoint.set("350 K")

Limits, interlocks, latch, log and run files are the worker's; its pages show what the script does,
and may pause, stop or abort its run. Where the connection ends, what the script wrote to is parked
by the worker.
"""

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import msgspec

from funcnodes import errors
from funcnodes.core import clock
from funcnodes.core.types import Range
from funcnodes.devices.declarations.members import Sample
from funcnodes.errors import BenchError, FuncnodesError, RefusedError, RunError, WorkerError
from funcnodes.machine import presence
from funcnodes.machine.door import ask
from funcnodes.runs.records import Cell, LogLevel, RunState, TableSpec
from funcnodes.runs.scripted import Append, whole
from funcnodes.runs.table import Table
from funcnodes.scripting.members import ScriptDevice
from funcnodes.scripting.points import Points
from funcnodes.scripting.runs import RECORDER, script_text
from funcnodes.scripting.tables import ScriptTable
from funcnodes.settings import Settings
from funcnodes.workers.local import roster
from funcnodes.workers.scripts import plain, unplain

ANSWER_S = 70.0
"""For how long an answer is waited for; bringing devices down may take longer."""
LONG_S = 3600.0
PULSE_S = 5.0
"""After so long without a sign of life the worker is taken to be gone."""
ROWS_AT_ONCE = 2_000


class WorkerLink:
    """The conversation with a worker.

    Attributes:
        worker: Its name.
        told: What it said when it let the script in.
    """

    def __init__(self, worker: str, door: str) -> None:
        self.worker = worker
        self.told: dict[str, Any] = {}
        self.states: dict[str, str] = {}
        self._door = door
        self._session = ""
        self._over = ""  # why, once it is
        self._in = threading.Event()
        self._problem: Exception | None = None

    async def open(self, by: str) -> None:
        """Be let in.

        Raises:
            RefusedError: Somebody else has the bench, or a run is on.
            WorkerError: It cannot be spoken with, or has no bench.
        """
        thread = threading.Thread(target=self._listen, args=(by,), daemon=True, name="worker")
        thread.start()
        with clock.standing_still():
            await asyncio.to_thread(self._in.wait, ANSWER_S)
        if self._problem is not None:
            raise self._problem
        if not self._session:
            raise WorkerError(f"Worker {self.worker!r} does not answer.")

    async def call(self, op: str, *, within_s: float = ANSWER_S, **more: Any) -> Any:
        """Ask for something; its answer.

        Raises:
            FuncnodesError: It refused, with its own sentence; or the connection is lost.
        """
        if self._over:
            self._lost(self._over)
        question = {"do": "script", "op": op, "session": self._session, **more}
        with clock.standing_still():
            answer = await asyncio.to_thread(self._asked, question, within_s)
        if answer.get("problem"):
            raise _error(str(answer.get("title", "")), str(answer["problem"]))
        return answer.get("result")

    def _asked(self, question: dict[str, Any], within_s: float) -> dict[str, Any]:
        try:
            answer = next(ask(self._door, question, within_s=within_s), None)
        except OSError as error:
            self._lost(error.strerror or "it does not answer")
        if answer is None:
            self._lost("it has ended")
        return answer

    def _listen(self, by: str) -> None:
        """In a thread: let in, and then a sign of life every moment."""
        question = {"do": "script", "op": "open", "by": by}
        try:
            for answer in ask(self._door, question, within_s=ANSWER_S, then_s=PULSE_S):
                self._heard(answer)
            self._over = self._over or "it has ended"
        except OSError as error:
            self._over = error.strerror or "it does not answer"
            if not self._session:
                text = f"Worker {self.worker!r} cannot be spoken to: {self._over}."
                self._problem = WorkerError(text)
        finally:
            self._in.set()

    def _heard(self, answer: dict[str, Any]) -> None:
        if "problem" in answer:
            self._problem = _error(str(answer.get("title", "")), str(answer["problem"]))
        elif "result" in answer:
            self.told, self._session = answer["result"], answer["result"]["session"]
            self._in.set()
        elif "over" in answer:
            self._over = str(answer["over"]) or "the script has left it"
        self.states |= answer.get("states", {})

    def _lost(self, why: str) -> NoReturn:
        raise WorkerError(
            f"The connection to worker {self.worker!r} is lost: {why.rstrip('.')}.",
            hint="What the script wrote to is parked by the worker.",
        )


class WorkerReach:
    """A device of a worker."""

    def __init__(self, link: WorkerLink, about: Mapping[str, Any]) -> None:
        self.name = str(about["name"])
        self._link = link
        self._about = about
        self._members = {str(each["path"]): each for each in about["members"]}
        self._newest: dict[str, Sample] = {}

    @property
    def model(self) -> str:
        return str(self._about["model"] or self._about["driver"])

    @property
    def state(self) -> str:
        return self._link.states.get(self.name, str(self._about["state"]))

    def paths(self) -> Iterator[str]:
        return iter(self._members)

    def title(self, path: str) -> str:
        return str(self._members[path]["title"])

    def unit(self, path: str, field: str = "") -> str:
        about = self._members[path]
        return str(about["fields"].get(field, about["unit"]))

    def is_command(self, path: str) -> bool:
        return bool(self._members[path]["is_command"])

    def limits(self, path: str) -> Range | None:
        about = self._members[path]
        low, high = about["low"], about["high"]
        return Range(low, high) if low is not None or high is not None else None

    def newest(self, path: str) -> Sample | None:
        return self._newest.get(path)

    async def read(self, path: str) -> Mapping[str, Sample]:
        found = await self._link.call("get", device=self.name, member=path)
        samples = {field: _sample(each) for field, each in found.items()}
        if set(samples) == {"value"}:
            self._newest[path] = samples["value"]
        return samples

    async def set(self, path: str, value: Any) -> Sample:
        given = str(value) if not isinstance(value, bool | int | float | str) else value
        given = float(given) if isinstance(given, float) else given
        found = await self._link.call(
            "set", device=self.name, member=path, value=given, within_s=LONG_S
        )
        self._newest[path] = sample = _sample(found)
        return sample

    async def do(self, path: str) -> None:
        await self._link.call("do", device=self.name, member=path, within_s=LONG_S)

    async def query(self, command: str) -> str:
        return str(await self._link.call("query", device=self.name, command=command))

    async def park(self) -> None:
        await _parked(self._link, [self.name])

    def watch(
        self, path: str, told: Callable[[Mapping[str, Sample]], None], every_s: float
    ) -> Callable[[], None]:
        async def read_on() -> None:
            while True:
                told(await self.read(path))
                await clock.sleep(every_s)

        task = asyncio.ensure_future(read_on())

        def forget() -> None:
            task.cancel()

        return forget


class WorkerBench:
    """The bench of a worker; its devices are attributes, or items by name."""

    closing: Any = None  # what closes it, where it is open for longer than a block

    def __init__(self, link: WorkerLink, *, operator: str = "") -> None:
        self.link = link
        self._operator = operator
        self._devices = {d["name"]: WorkerReach(link, d) for d in link.told["devices"]}

    @property
    def name(self) -> str:
        """As its file calls it."""
        return str(self.link.told["bench"])

    def __getattr__(self, name: str) -> ScriptDevice:
        if name.startswith("_") or name not in self._devices:
            raise AttributeError(
                f"The bench {self.name!r} has no device {name!r}; it has "
                f"{', '.join(self._devices) or 'none'}."
            )
        return ScriptDevice(self._devices[name])

    def __getitem__(self, name: str) -> ScriptDevice:
        if name not in self._devices:
            raise BenchError(f"The bench {self.name!r} has no device {name!r}.")
        return ScriptDevice(self._devices[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._devices)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._devices})

    def __repr__(self) -> str:
        lines = [f"<bench {self.name!r} of worker {self.link.worker!r}>"]
        return "\n".join([*lines, *(f"  {self[name]!r}" for name in self)])

    def _repr_html_(self) -> str:
        from funcnodes.scripting.shown import bench_html

        return bench_html(f"{self.name} · worker {self.link.worker}", self._devices.values())

    async def close(self) -> None:
        """Give it back: what was written to is parked; a second time is harmless."""
        if self.closing is not None:
            await self.closing.__aexit__(None, None, None)

    def run(self, name: str, *, operator: str = "") -> "WorkerRun":
        """A run of that name, for `async with`; the worker keeps it."""
        return WorkerRun(self.link, name, operator=operator or self._operator)

    async def park(self, *devices: str) -> None:
        """Bring devices down in order, all of them by default.

        Raises:
            BenchError: One could not be brought down; the others were.
        """
        await _parked(self.link, devices)

    async def estop(self, cause: str = "") -> None:
        """Press E-STOP: outputs off now, and nothing is written until it is reset."""
        await self.link.call("estop", cause=cause)


class WorkerRun(Points):
    """A run of a script that its worker keeps; `async with bench.run("I-V") as run`.

    Attributes:
        parked: What became of the devices it wrote to, by name.
    """

    def __init__(self, link: WorkerLink, name: str, *, operator: str = "") -> None:
        self.name = name
        self.parked: dict[str, str] = {}
        self._link = link
        self._operator = operator
        self._about: dict[str, Any] = {}
        self._state: RunState = "running"
        self._message = ""
        self._tables: list[Table] = []
        self._rows = ScriptTable(RECORDER, name, self._begin_table)
        self._outbox: deque[tuple[str, Any]] = deque()
        self._sending = asyncio.Lock()
        self._sender: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    def __repr__(self) -> str:
        if not self._about:
            return f"<run {self.name!r}, not begun>"
        return f"<run {self.number} {self.name!r}: {self._state}, {self.rows} rows>"

    def _repr_html_(self) -> str:
        from funcnodes.scripting.shown import run_html

        return run_html(self)

    @property
    def number(self) -> int:
        return int(self._known["number"])

    @property
    def id(self) -> str:
        """ULID."""
        return str(self._known["id"])

    @property
    def path(self) -> Path:
        """Where the worker keeps its file."""
        return Path(self._known["path"])

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
    def _known(self) -> Mapping[str, Any]:
        if not self._about:
            raise RunError(f"The run {self.name!r} has not begun: use it in `async with`.")
        return self._about

    # ── rows and log ──────────────────────────────────────────────────────────────────────

    def record(self, cells: Mapping[str, Any] | None = None, /, **named: Any) -> int:
        """Add a row; see `ScriptRun.record`. It is with the worker at the next point."""
        self._check()
        index = self._rows.record(cells, **named)
        self.tell_shown()
        return index

    def recorder(
        self, name: str, said: Mapping[str, Any] | None = None, /, **columns: Any
    ) -> ScriptTable:
        """Rows of their own beside those of the run; see `ScriptRun.recorder`."""
        self._check()
        return ScriptTable(name, name, self._begin_table, {**(said or {}), **columns})

    def log(self, text: str, *, level: LogLevel = "info") -> None:
        """Add a line to its log."""
        self._put("log", {"text": text, "level": level})

    def note(self, kind: str, **data: Any) -> None:
        """Keep an event."""
        self._put("note", {"kind": kind, "data": data})

    def node(self, *_: Any, **__: Any) -> NoReturn:
        """Nodes need the bench in this process."""
        raise RunError(
            "Nodes and frames of a run need the bench in this process, and this one is a worker's.",
            hint="Use sweep, values, repeat and the members of devices.",
        )

    frame = adaptive = optimum = step = devices = point = node

    # ── verbs ─────────────────────────────────────────────────────────────────────────────

    async def checkpoint(self) -> bool:
        """Called between points: waits while paused; False once it is to end.

        Raises:
            RefusedError: An E-STOP stopped it.
            RunError: It was aborted.
            WorkerError: The connection to the worker is lost.
        """
        while True:
            await self._flush()
            self._check()
            found = await self._link.call("wait", done=self._done, total=self._total)
            self._take(found)
            if self._state != "paused":
                return self._state == "running"

    async def pause(self) -> None:
        """Hold before the next point; outputs stay as they are."""
        self._take(await self._link.call("verb", verb="pause"))

    async def resume(self) -> None:
        """Go on after a pause."""
        self._take(await self._link.call("verb", verb="resume"))

    async def stop(self, cause: str = "") -> None:
        """End after the point under way."""
        self._take(await self._link.call("verb", verb="stop", cause=cause))

    def _take(self, found: Mapping[str, Any]) -> None:
        self._state, self._message = found["state"], found["message"]

    # ── its course ────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        self._about = await self._link.call(
            "begin", name=self.name, operator=self._operator, script=script_text()
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        how = "" if error is None else "failed" if isinstance(error, Exception) else "interrupted"
        why = (str(error) or type(error).__name__) if error is not None else ""
        try:
            await whole(self._end(how, why))
        except WorkerError:
            if error is None:
                raise
            self._state, self._message = "aborted", "The connection to the worker is lost."
        finally:
            self.tell_shown(final=True)

    async def _end(self, how: str, why: str) -> None:
        with suppress(RefusedError, RunError):
            await self._flush()
        found = await self._link.call("end", how=how, why=why, within_s=LONG_S)
        self._take(found)
        self.parked = found["parked"]
        for table in self._tables:
            table.committed = len(table)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    # ── what waits to be sent ─────────────────────────────────────────────────────────────

    def _begin_table(self, spec: TableSpec) -> tuple[Table, Append]:
        table, k = Table(spec, run=self.id, number=self.number), len(self._tables)
        self._tables.append(table)
        self._put("table", msgspec.to_builtins(spec))

        def append(cells: list[Cell], wall: float, mono: float) -> None:
            sent = [[plain(Sample(cell.value))[0], cell.quality] for cell in cells]
            self._put("row", [k, sent, wall, mono])

        return table, append

    def _put(self, op: str, what: Any) -> None:
        self._known  # noqa: B018  # says that it has not begun
        self._outbox.append((op, what))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.ensure_future(self._send())

    async def _send(self) -> None:
        try:
            await self._flush()
        except FuncnodesError as error:
            self._failure = error

    async def _flush(self) -> None:
        """Everything that waits, in order."""
        async with self._sending:
            while self._outbox:
                op, what = self._outbox[0]
                if op != "row":
                    await self._link.call(op, **what)
                    self._outbox.popleft()
                    continue
                rows = [each for kind, each in list(self._outbox)[:ROWS_AT_ONCE] if kind == "row"]
                first = next((n for n, e in enumerate(self._outbox) if e[0] != "row"), len(rows))
                rows = rows[:first]
                await self._link.call("rows", rows=rows, done=self._done, total=self._total)
                for _ in rows:
                    self._outbox.popleft()


async def worker_link(settings: Settings, name: str, by: str) -> WorkerLink:
    """A worker of that name, or id, that has let this script in.

    Raises:
        WorkerError: There is none, it does not run, or cannot be spoken with.
        RefusedError: Somebody else has its bench.
    """
    workspace = roster.find(settings, name=name)
    entry = presence.of_worker(workspace.record.uuid, workspace.root)
    if workspace.process() is None or entry is None:
        raise WorkerError(
            f"Worker {workspace.record.name!r} is not running.",
            hint=f"'funcnodes worker start {workspace.record.name}' starts it.",
        )
    link = WorkerLink(workspace.record.name, str(entry.door))
    await link.open(by)
    return link


async def leave(link: WorkerLink, *, park: bool) -> None:
    """Give the bench back; what was written to is parked, or left as it is."""
    with suppress(WorkerError):  # it is gone, and parks by itself
        await link.call("close", park=park, within_s=LONG_S)


async def _parked(link: WorkerLink, names: Any) -> None:
    found = await link.call("park", devices=list(names), within_s=LONG_S)
    failed = [name for name, state in found.items() if state == "failed"]
    if failed:
        raise BenchError(f"{' and '.join(failed)} could not be parked.")


def _sample(told: list[Any]) -> Sample:
    value, unit, quality, t = told
    value = unplain(value)
    if value is None and quality != "ok":
        value = math.nan
    return Sample(value, unit, quality, t)


def _error(title: str, text: str) -> FuncnodesError:
    """What the worker raised, by its name, where that is one of ours."""
    kind = getattr(errors, title, RefusedError)
    is_ours = isinstance(kind, type) and issubclass(kind, FuncnodesError)
    return kind(text) if is_ours else RefusedError(text)
