"""A bench within reach: from its opening to its closing, `funcnodes estop` finds and stops it.

Guarantees that a stop asked for by another process waits for no event loop: the loop is asked
first, and where it has not begun within 50 ms the emergency bytes are written from here, past
every queue ("sent, not confirmed"). A worker answers for its bench itself; see `Bench.reachable`.
"""

import asyncio
import contextlib
import logging
import sys
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Protocol

import msgspec

from funcnodes.devices.estop.emergency import Emergency, Target
from funcnodes.devices.estop.latch import Latch, StopAck
from funcnodes.errors import FuncnodesError
from funcnodes.machine.door import Say
from funcnodes.machine.presence import Presence

LOOP_S = 0.050
"""For how long the loop may let an E-STOP wait before the bytes are written without it."""
REPORT_S = 1.5
PLAN_S = 0.25

_log = logging.getLogger("funcnodes.devices")


class Stoppable(Protocol):
    """What is asked of a bench that others may stop."""

    name: str
    latch: Latch
    emergency: Emergency

    def estop(self, cause: str, by: str) -> Coroutine[Any, Any, Any]:
        """Stop every device; see `Bench.estop`."""


class Reach:
    """Makes one open bench findable."""

    def __init__(self, bench: Stoppable, name: str) -> None:
        self._bench = bench
        self._loop = asyncio.get_running_loop()
        self._presence = Presence("program", name, self._answer, bench=bench.name)
        self._targets: list[Target] = []
        self._stops: set[asyncio.Task[Any]] = set()
        self._soon: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """A bench that cannot be found is a bench all the same: it is said, and gone on."""
        try:
            self._presence.begin()
        except (OSError, FuncnodesError) as error:
            _log.warning("'funcnodes estop' cannot find the bench %r: %s", self._bench.name, error)
            self._presence.end()
            return
        self._plan()

    def end(self) -> None:
        """It is closed. Idempotent."""
        if self._soon is not None:
            self._soon.cancel()
        self._presence.end()

    def touch(self) -> None:
        """A device of it may have changed; on the loop."""
        if self._soon is None:
            self._soon = self._loop.call_later(PLAN_S, self._plan)

    def _plan(self) -> None:
        self._soon = None
        targets = targets_of(self._bench)
        if targets != self._targets:
            self._targets = targets
            self._presence.say(targets=msgspec.to_builtins(targets))

    def _answer(self, question: dict[str, Any], say: Say) -> None:
        if question.get("do") != "estop":
            say({"problem": "This program does not understand that."})
            return
        say({"heard": True})
        cause, by = str(question.get("cause") or "E-STOP"), str(question.get("by") or "somebody")
        self._stop(cause, by)
        say({"latch": msgspec.to_builtins(self._bench.latch.state)})

    def _stop(self, cause: str, by: str) -> None:
        begun, done = threading.Event(), threading.Event()

        def begin() -> None:
            begun.set()
            task = self._loop.create_task(self._bench.estop(cause, by), name=f"E-STOP by {by}")
            self._stops.add(task)
            task.add_done_callback(self._stops.discard)
            task.add_done_callback(lambda _: done.set())

        with contextlib.suppress(RuntimeError):  # the loop has ended: then it is on us
            self._loop.call_soon_threadsafe(begin)
        if begun.wait(LOOP_S):
            done.wait(REPORT_S)
        else:
            strike_now(self._bench, self._bench.latch, cause, by)


def strike_now(bench: Stoppable | None, latch: Latch, cause: str, by: str) -> None:
    """Write every device's emergency bytes from this thread, and latch."""
    fired = bench.emergency.fire(cause, by) if bench is not None else []
    if bench is None:
        latch.engage(cause, by)
    acks = [
        StopAck(device=each.device, state="sent", ms=each.ms, message="Sent, not confirmed.")
        if each.ms is not None
        else StopAck(device=each.device, state="unanswered", message="It took no bytes.")
        for each in fired
    ]
    latch.acknowledge(*acks)


def targets_of(bench: Stoppable) -> list[Target]:
    """Its devices that were reached, for a process that must make them safe in its place."""
    return [each for each in bench.emergency.targets("on_estop") if each.idn]


def program() -> str:
    """What others call this process: the name of the script, or "python"."""
    given = Path(sys.argv[0]).name if sys.argv and sys.argv[0] not in ("", "-c", "-m") else ""
    return given or "python"
