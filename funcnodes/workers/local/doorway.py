"""What a worker answers through its door (see `machine.door`), to the command line of its user.

    {"do": "estop", "by", "cause"}     E-STOP; waits for no event loop
    {"do": "who"}                      what lists of workers say of it
    {"do": "command", "by", "body"}    a command as browsers send it, `{"type": …}`
    {"do": "listen"}                   its log, the newest lines and each one that comes
    {"do": "script", "op", …}          a script that uses its bench, see `workers.scripts`

Guarantees that the command line needs no manager for any of it. Who can open the door is the
worker's own user, so that commands come with the role of an admin.
"""

import asyncio
import contextlib
import json
import logging
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from funcnodes.devices.estop.emergency import Target
from funcnodes.errors import FuncnodesError
from funcnodes.machine.door import Say
from funcnodes.machine.presence import Presence
from funcnodes.workers import schema
from funcnodes.workers.problems import problem_of
from funcnodes.workers.shown import views

if TYPE_CHECKING:
    from funcnodes.workers.worker import Worker

ACTOR = "command line"
REPORT_S = 1.5
COMMAND_S = 60.0
PULSE_S = 1.0

_log = logging.getLogger("funcnodes.worker")


class Doorway:
    """The door of one worker."""

    def __init__(self, worker: "Worker") -> None:
        record = worker.workspace.record
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._listeners: set[queue.SimpleQueue[schema.LogLine | None]] = set()
        self._presence = Presence(
            "worker", record.name, self._answer,
            worker=record.uuid, folder=str(worker.workspace.root),
        )  # fmt: skip

    def open(self) -> None:
        """Be found from now on; a worker that cannot be found works all the same."""
        try:
            self._presence.begin()
        except (OSError, FuncnodesError) as error:
            _log.warning("the command line reaches this worker by signals only: %s", error)
            self._presence.end()

    def close(self) -> None:
        """Be found no longer; whoever listens is told that it ends. Idempotent."""
        self._presence.end()
        for each in tuple(self._listeners):
            each.put(None)

    def plan(self, targets: list[Target]) -> None:
        """How to make the devices safe, should this process not answer."""
        if self._worker.bench is not None:
            self._presence.say(bench=self._worker.bench.name, targets=msgspec.to_builtins(targets))

    def logged(self, line: schema.LogLine) -> None:
        """Tell whoever listens; from any thread."""
        for each in tuple(self._listeners):
            each.put(line)

    # ── in the threads of those who ask ──

    def _answer(self, question: dict[str, Any], say: Say) -> None:
        answers: dict[str, Callable[[dict[str, Any], Say], None]] = {
            "estop": self._estop, "who": self._who, "command": self._command,
            "listen": self._listen, "script": self._worker.scripts.answer,
        }  # fmt: skip
        answer = answers.get(str(question.get("do")))
        if answer is None:
            say({"problem": "This worker does not understand that; it may be of another version."})
            return
        answer(question, say)

    def _estop(self, question: dict[str, Any], say: Say) -> None:
        say({"heard": True})
        done = threading.Event()

        def told(final: bool) -> None:
            if final:
                done.set()

        by, cause = str(question.get("by") or "somebody"), str(question.get("cause") or "E-STOP")
        self._worker.guard.press(cause, by, told)
        done.wait(REPORT_S)
        say({"latch": msgspec.to_builtins(views.latch_view(self._worker.latch.state))})

    def _who(self, question: dict[str, Any], say: Say) -> None:
        say({"standing": msgspec.to_builtins(self._worker.standing())})

    def _command(self, question: dict[str, Any], say: Say) -> None:
        try:
            body: schema.AnyCommand = msgspec.convert(question.get("body"), schema.AnyCommand)
        except msgspec.ValidationError as error:
            say({"problem": f"The command is not understood: {error}."})
            return
        by = str(question.get("by") or ACTOR)
        actor = schema.Actor(id=ACTOR, name=by, role="admin")
        asking = asyncio.run_coroutine_threadsafe(self._carry_out(actor, body), self._loop)
        try:
            say({"result": asking.result(COMMAND_S)})
        except TimeoutError:
            asking.cancel()
            say({"problem": f"The worker has not answered within {COMMAND_S:g} s."})
        except Exception as error:
            problem = problem_of(error)
            say({"problem": f"{problem.detail} {problem.hint}".strip(), "title": problem.title})

    async def _carry_out(self, actor: schema.Actor, body: schema.AnyCommand) -> Any:
        try:
            result = await self._worker.carry_out(actor, body)
        finally:
            self._worker.controls.give_back(actor)
        return json.loads(msgspec.json.encode(result))

    def _listen(self, question: dict[str, Any], say: Say) -> None:
        mine: queue.SimpleQueue[schema.LogLine | None] = queue.SimpleQueue()
        self._listeners.add(mine)
        try:
            for line in tuple(self._worker.logbook.lines):
                if not say({"line": msgspec.to_builtins(line)}):
                    return
            while self._pass_on(mine, say):
                pass
        finally:
            self._listeners.discard(mine)

    def _pass_on(self, mine: "queue.SimpleQueue[schema.LogLine | None]", say: Say) -> bool:
        """One line, or a sign of life; returns False at the end."""
        with contextlib.suppress(queue.Empty):
            line = mine.get(timeout=PULSE_S)
            if line is None:
                say({"ended": True})
                return False
            return say({"line": msgspec.to_builtins(line)})
        return say({})
