"""A run of a script that a worker keeps: rows go there as they come, in order.

Its points, its rows and its end are those of any script's run; its verbs are the worker's, whose
pages may hold and end it too.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import msgspec

from funcnodes.devices.declarations.members import Sample
from funcnodes.errors import FuncnodesError, RefusedError, RunError, WorkerError
from funcnodes.runs.records import ENDED, Cell, LogLevel, RunState, TableSpec
from funcnodes.runs.scripted import Append, whole
from funcnodes.runs.table import Table
from funcnodes.scripting.from_file import FromFile
from funcnodes.scripting.link import LONG_S, WorkerLink
from funcnodes.scripting.points import Points
from funcnodes.scripting.runs import RECORDER, script_text
from funcnodes.scripting.tables import ScriptTable
from funcnodes.workers.scripts import plain

ROWS_AT_ONCE = 2_000


class WorkerRun(Points, FromFile):
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
        if self._state in ENDED:
            raise RunError(f"The run {self.name!r} is over: begin another one.")
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
