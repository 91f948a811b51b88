"""The conversation of a script with the worker whose bench it uses, by the worker's door.

One question stays open for as long as the script has the bench: by it each side knows that the
other one is there. All others are asked and answered beside it.
"""

import asyncio
import threading
from contextlib import suppress
from typing import Any, NoReturn

from funcnodes import errors
from funcnodes.core import clock
from funcnodes.errors import FuncnodesError, RefusedError, WorkerError
from funcnodes.machine import presence
from funcnodes.machine.door import ask
from funcnodes.settings import Settings
from funcnodes.workers.local import roster

ANSWER_S = 70.0
"""For how long an answer is waited for; bringing devices down may take longer."""
LONG_S = 3600.0
PULSE_S = 20.0
"""After so long without a sign of life the worker is taken to be gone."""


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


def _error(title: str, text: str) -> FuncnodesError:
    """What the worker raised, by its name, where that is one of ours."""
    kind = getattr(errors, title, RefusedError)
    is_ours = isinstance(kind, type) and issubclass(kind, FuncnodesError)
    return kind(text) if is_ours else RefusedError(text)
