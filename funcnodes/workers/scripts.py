"""Scripts that use a worker's bench: one at a time, by way of the worker's door.

    open      the script gets the controls; the conversation lasts as long as the script does
    get, set, do, park, query        as people do by hand, see `setting`
    begin, table, rows, log, note, wait, verb, end       a run of the script

Guarantees that the worker stays the one owner of its devices: the script has its limits, its
interlocks, its latch and its log, and its runs are runs like any other. Where the script goes,
however it goes, what it wrote to is parked, its run is closed, and the controls are given back.
"""

import asyncio
import contextlib
import json
import logging
import secrets
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import msgspec

from funcnodes.devices.declarations.commands import Command
from funcnodes.devices.declarations.members import Member, Sample
from funcnodes.devices.declarations.records import Record
from funcnodes.devices.device import Device
from funcnodes.errors import FuncnodesError, RefusedError, RunError, WorkerError
from funcnodes.machine.door import Say
from funcnodes.runs.records import Cell, Column, TableSpec
from funcnodes.runs.scripted import Append, ScriptedRun
from funcnodes.runs.table import Table
from funcnodes.workers import schema
from funcnodes.workers.problems import problem_of
from funcnodes.workers.shown import views

if TYPE_CHECKING:
    from funcnodes.workers.worker import Worker

PULSE_S = 0.5
"""How often a script is told that the worker is there; so the worker knows that the script is."""
CALL_S = 3600.0
WAIT_S = 20.0
ROWS_PER_EVENT = 5_000

_log = logging.getLogger("funcnodes.worker")


class Session:
    """A script that has the bench.

    Attributes:
        actor: As whom it acts.
        written: Devices that it wrote to.
        run: Its run, if one is on.
    """

    def __init__(self, by: str) -> None:
        self.id = secrets.token_hex(8)
        self.actor = schema.Actor(id=f"script {self.id}", name=f"{by}'s script", role="admin")
        self.by = by
        self.written: set[str] = set()
        self.run: ScriptedRun | None = None
        self.tables: list[tuple[Table, Append]] = []
        self.why_over = ""
        self.over = threading.Event()


class Scripts:
    """The scripts at one worker."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._session: Session | None = None
        self._sent: dict[str, int] = {}
        self._ops: dict[str, Callable[[Session, dict[str, Any]], Awaitable[Any]]] = {
            "get": self._get, "set": self._set, "do": self._do, "park": self._park,
            "query": self._query, "estop": self._estop,
            "begin": self._begin, "table": self._table, "rows": self._rows, "log": self._log_line,
            "note": self._note, "wait": self._wait, "verb": self._verb, "end": self._end,
            "close": self._close,
        }  # fmt: skip

    @property
    def is_open(self) -> bool:
        """Whether a script has the bench."""
        return self._session is not None

    @property
    def run(self) -> ScriptedRun | None:
        """The run of a script that is on, if any."""
        run = self._session.run if self._session is not None else None
        return run if run is not None and not run.is_over else None

    def check_no_run(self) -> None:
        """Raise RefusedError while a script's run is on."""
        if self.run is not None and self._session is not None:
            raise RefusedError(
                f"Run {self.run.number} of {self._session.actor.name} is on.",
                hint="Stop it first.",
            )

    async def aclose(self, why: str) -> None:
        """The worker ends: so does the script's use of it."""
        if self._session is not None:
            await self._leave(self._session, why)

    # ── in the threads of whoever asks ──

    def answer(self, question: dict[str, Any], say: Say) -> None:
        """What a script asks by the door."""
        if question.get("op") == "open":
            self._converse(question, say)
            return
        asking = asyncio.run_coroutine_threadsafe(self._carry_out(question), self._loop)
        self._say(asking, say)

    def _say(self, asking: "Future[Any]", say: Say) -> Any:
        """Tell what came of it; returns it, or None where that was a problem."""
        try:
            found = asking.result(CALL_S)
        except Exception as error:
            problem = problem_of(error)
            told = f"{problem.detail} {problem.hint}".strip()
            say({"problem": told, "title": problem.title})
            return None
        say({"result": found})
        return found

    def _converse(self, question: dict[str, Any], say: Say) -> None:
        """Lasts as long as the script uses the bench; that it is gone shows here."""
        by = str(question.get("by") or "somebody")
        found = self._say(asyncio.run_coroutine_threadsafe(self._open(by), self._loop), say)
        session = self._session
        if found is None or session is None or session.id != found["session"]:
            return
        while say({"states": self._device_states()}) and not session.over.wait(PULSE_S):
            pass
        if session.over.is_set():
            say({"over": session.why_over})
            return
        why = f"The connection to {session.actor.name} was lost."
        leaving = asyncio.run_coroutine_threadsafe(self._leave(session, why), self._loop)
        try:
            leaving.result(CALL_S)
        except Exception:
            _log.exception("what a script wrote to could not be parked")

    def _device_states(self) -> dict[str, str]:
        devices = self._worker.bench.devices if self._worker.bench is not None else {}
        return {name: device.state for name, device in devices.items()}

    # ── on the loop ──

    async def _open(self, by: str) -> dict[str, Any]:
        worker = self._worker
        await worker.ready.wait()
        if worker.bench is None:
            raise WorkerError(f"Worker {worker.workspace.record.name!r} has no bench.")
        if self._session is not None:
            raise RefusedError(f"{self._session.actor.name} has this bench already.")
        worker.latch.check("The script")
        worker.needs_no_run()
        worker.queue.needs_idle("A script")
        session = Session(by)
        worker.controls.require(session.actor)
        worker.controls.come(session.actor)
        self._session = session
        worker.logbook.add("info", "script", f"{session.actor.name} has the bench.")
        return {
            "session": session.id, "bench": worker.bench.name,
            "worker": worker.workspace.record.name,
            "devices": [described(each) for each in worker.bench.devices.values()],
        }  # fmt: skip

    async def _leave(self, session: Session, why: str) -> None:
        """Close its run, park what it wrote to, give the controls back. Idempotent."""
        if self._session is not session or session.over.is_set():
            return
        session.why_over = why
        session.over.set()
        try:
            if session.run is not None and not session.run.is_over:
                session.run.abort(why)
                await session.run.end()
            await self._park_written(session)
        finally:
            self._session = None
            self._worker.queue.poke()
            self._worker.controls.go(session.actor)
            text = f"{session.actor.name} has left the bench. {why}".strip()
            self._worker.logbook.add("warning" if why else "info", "script", text)

    async def _park_written(self, session: Session) -> None:
        names, session.written = sorted(session.written), set()
        if names and not self._worker.latch.latched:
            await self._worker.by_hand.park(names, by=session.actor.name)

    async def _carry_out(self, question: dict[str, Any]) -> Any:
        session, op = self._session, self._ops.get(str(question.get("op")))
        if session is None or session.id != question.get("session"):
            raise WorkerError("This script has the bench no longer.")
        if op is None:
            raise WorkerError("The worker does not understand that; it may be of another version.")
        return await op(session, question)

    # ── devices ──

    async def _get(self, session: Session, asked: dict[str, Any]) -> Any:
        samples = await self._worker.by_hand.read(asked["device"], asked["member"])
        return {field: plain(sample) for field, sample in samples.items()}

    async def _set(self, session: Session, asked: dict[str, Any]) -> Any:
        name, member, value = asked["device"], asked["member"], asked["value"]
        self._admit(session, schema.MemberSet(name=name, member=member, value=value))
        session.written.add(name)
        sample = await self._worker.by_hand.set(name, member, value, by=session.actor.name)
        return plain(sample)

    async def _do(self, session: Session, asked: dict[str, Any]) -> None:
        name, member = asked["device"], asked["member"]
        self._admit(session, schema.MemberDo(name=name, member=member))
        session.written.add(name)
        await self._worker.by_hand.do(name, member, by=session.actor.name)

    async def _park(self, session: Session, asked: dict[str, Any]) -> dict[str, str]:
        names = [str(each) for each in asked.get("devices", [])]
        self._admit(session, schema.DevicePark(names=names))
        found = await self._worker.by_hand.park(names, by=session.actor.name)
        session.written -= {name for name, state in found.items() if state != "failed"}
        return found

    async def _query(self, session: Session, asked: dict[str, Any]) -> str:
        assert self._worker.bench is not None, "it was there when the script came"
        return await self._worker.bench.device(asked["device"]).query(str(asked["command"]))

    async def _estop(self, session: Session, asked: dict[str, Any]) -> Any:
        state = await self._worker.estop(str(asked.get("cause") or "E-STOP"), session.actor.name)
        return msgspec.to_builtins(views.latch_view(state))

    def _admit(self, session: Session, body: schema.WorkerCommand) -> None:
        """Roles and controls as of anybody else; its own run may have been stopped for good."""
        self._worker.admit(session.actor, body)
        if session.run is not None and not session.run.is_over:
            session.run.check()

    # ── its run ──

    async def _begin(self, session: Session, asked: dict[str, Any]) -> dict[str, Any]:
        worker = self._worker
        worker.needs_no_run()
        worker.queue.needs_idle("A run")
        if self.run is not None:
            raise RunError(f"Run {self.run.number} is on: a bench has one run at a time.")
        assert worker.bench is not None, "it was there when the script came"
        operator = str(asked.get("operator") or session.by)
        run = ScriptedRun(worker.bench, worker.runs, str(asked["name"]), operator=operator)
        await run.open()
        session.run, session.tables = run, []
        run.on_change(self._tell)
        if asked.get("script"):
            run.note("script", **asked["script"])
        self._tell()
        return {"id": run.id, "number": run.number, "path": str(run.path)}

    async def _table(self, session: Session, asked: dict[str, Any]) -> int:
        run = self._run_of(session)
        columns = tuple(msgspec.convert(each, Column) for each in asked["columns"])
        spec = TableSpec(recorder=asked["recorder"], name=asked["name"], columns=columns)
        session.tables.append(run.begin_table(spec))
        return len(session.tables) - 1

    async def _rows(self, session: Session, asked: dict[str, Any]) -> None:
        run = self._run_of(session)
        run.progress(int(asked.get("done", 0)), asked.get("total"))
        for k, cells, wall, mono in asked["rows"]:
            table, append = session.tables[k]
            row = [Cell(unplain(value), quality) for value, quality in cells]
            append(row, wall, mono)
            start = table.append(row, wall=wall, mono=mono)
            self._appended(table, start)
        self._tell()

    async def _log_line(self, session: Session, asked: dict[str, Any]) -> None:
        text, level = str(asked["text"]), asked.get("level", "info")
        self._run_of(session).log(text, level=level)
        self._worker.logbook.add(level, "script", text)

    async def _note(self, session: Session, asked: dict[str, Any]) -> None:
        self._run_of(session).note(str(asked["kind"]), **asked["data"])

    async def _wait(self, session: Session, asked: dict[str, Any]) -> dict[str, Any]:
        """Before a point: while it is paused, for a while; what the script is to do then."""
        run = self._run_of(session)
        run.progress(int(asked.get("done", 0)), asked.get("total"))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(run.checkpoint(), WAIT_S)
        self._tell()
        return {"state": run.state, "message": run.message}

    async def _verb(self, session: Session, asked: dict[str, Any]) -> dict[str, Any]:
        run = self._run_of(session)
        match asked["verb"]:
            case "pause":
                run.pause()
            case "resume":
                run.resume()
            case "stop":
                run.stop(str(asked.get("cause") or ""))
        return {"state": run.state, "message": run.message}

    async def _end(self, session: Session, asked: dict[str, Any]) -> dict[str, Any]:
        run = session.run
        if run is None:
            raise RunError("No run is on.")
        await run.end(_as_ended(str(asked.get("how", "")), str(asked.get("why", ""))))
        session.written -= {name for name, state in run.parked.items() if state != "failed"}
        self._worker.last_run = views.scripted_view(run)
        self._tell()
        return {
            "state": run.state, "message": run.message, "parked": run.parked, "rows": run.rows,
            "kept": run.kept,
        }  # fmt: skip

    async def _close(self, session: Session, asked: dict[str, Any]) -> None:
        if asked.get("park") is False:
            session.written = set()
        await self._leave(session, "")

    def _run_of(self, session: Session) -> ScriptedRun:
        if session.run is None or session.run.is_over:
            raise RunError("The run of this script is over.")
        return session.run

    # ── what pages are told ──

    def _tell(self) -> None:
        self._worker.publisher.mark("run", self._events)
        self._worker.announce()

    def _events(self) -> list[schema.PatchEvent]:
        view = self._worker.run_view()
        return [schema.RunPut(run=view)] if view is not None else []

    def _appended(self, table: Table, start: int) -> None:
        key = f"{table.run}/{table.spec.recorder}"
        self._sent.setdefault(key, start)
        self._worker.publisher.mark(("rows", key), lambda: self._rows_events(table, key))

    def _rows_events(self, table: Table, key: str) -> list[schema.PatchEvent]:
        start, stop = self._sent[key], len(table)
        self._sent[key] = stop
        return [
            views.rows_event(table.run, table.page(begin, ROWS_PER_EVENT))
            for begin in range(start, stop, ROWS_PER_EVENT)
        ]


# ── as JSON ───────────────────────────────────────────────────────────────────────────────


def described(device: Device) -> dict[str, Any]:
    """A device as a script is told of it."""
    return {
        "name": device.name, "driver": device.driver, "model": device.identity.model,
        "state": device.state, "simulated": device.simulated,
        "members": [_described(device, path, member) for path, member in device.members()],
    }  # fmt: skip


def _described(device: Device, path: str, member: Member) -> dict[str, Any]:
    limits = device.limits(path)
    fields = {f.name: f.unit for f in member.fields} if isinstance(member, Record) else {}
    return {
        "path": path, "title": member.title, "unit": str(getattr(member, "unit", "") or ""),
        "is_command": isinstance(member, Command), "fields": fields,
        "low": limits.low if limits is not None else None,
        "high": limits.high if limits is not None else None,
    }  # fmt: skip


def plain(sample: Sample) -> list[Any]:
    """A sample: value, unit, quality, when."""
    value = sample.value
    if hasattr(value, "tolist") and getattr(value, "ndim", False):
        value = {"array": value.tolist(), "dtype": str(value.dtype)}
    return [value if _is_json(value) else str(value), sample.unit, sample.quality, sample.t]


def unplain(value: Any) -> Any:
    """The value of a cell as it was before it went over the door."""
    if isinstance(value, dict) and "array" in value:
        import numpy as np

        return np.array(value["array"], dtype=value["dtype"])
    return value


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


class _Interrupted(BaseException):
    """A script was interrupted."""


def _as_ended(how: str, why: str) -> BaseException | None:
    """What `ScriptedRun.end` is told."""
    if how == "failed":
        return FuncnodesError(why)
    return _Interrupted() if how == "interrupted" else None
