"""Errands: executions that are under way elsewhere than in the engine's own turn.

A coroutine is a task on the loop; a function goes to a daemon thread or to a process of its own.
A node has at most one errand, that of its present execution. What comes back from another one is
nobody's business any more, such as the late result of a thread that could not be stopped (T10).
"""

import asyncio
from typing import Any, Protocol

from funcnodes.core.running.waves import Outcome


class Sender(Protocol):
    """What an errand needs of the node that sent it."""

    _errand: "Errand | None"

    def _call(self, args: Any) -> Any:
        """Its function, with these arguments."""

    def report(self, done: float, total: float | None = None, text: str = "") -> None:
        """The function tells how far it has come."""

    def _end_ok(self, result: Any) -> None: ...

    def end_failed(self, error: BaseException) -> None: ...

    def _end_given_up(self, outcome: Outcome | None) -> None: ...

    def _end_overtime(self) -> None:
        """It has taken longer than it may."""


class Cancellable(Protocol):
    """What can be told to stop at once: a call in a process."""

    def cancel(self) -> None: ...


class Errand:
    """One execution under way elsewhere.

    Attributes:
        timer: Gives it up when it takes too long, if it is to.
        task: The coroutine's, if it is one.
        job: The call in a process, if it is one.
        given_up: What it will have ended as, once it is given up and has yet to unwind.
    """

    __slots__ = ("_node", "given_up", "job", "task", "timer")

    def __init__(self, node: Sender) -> None:
        self._node = node
        self.task: asyncio.Task[None] | None = None
        self.job: Cancellable | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.given_up: Outcome | None = None

    async def run(self, args: Any) -> None:
        """The function, where it is a coroutine: the body of `task`."""
        node = self._node
        try:
            result = await node._call(args)
        except BaseException as error:  # a KeyboardInterrupt too is the node's
            if isinstance(error, GeneratorExit) and not self._is_under_way():
                raise  # nobody runs it any more
            if node._errand is not self:
                return
            if self.given_up is not None or self._is_cancelled(error):
                node._end_given_up(self.given_up)
            else:
                node.end_failed(error)
        else:
            if node._errand is self:
                node._end_ok(result)

    def _is_under_way(self) -> bool:
        """Whether the loop is just running the task."""
        loop = asyncio._get_running_loop()
        return loop is not None and asyncio.current_task(loop) is self.task

    def _is_cancelled(self, error: BaseException) -> bool:
        """Whether the task was told to stop; else the function raised that by itself."""
        is_told = self.task is not None and self.task.cancelling() > 0
        return is_told and isinstance(error, asyncio.CancelledError)

    def done(self, result: Any, error: BaseException | None) -> None:
        """What came of it in a thread or process; called on the loop."""
        if self._node._errand is not self:
            return
        if error is not None:
            self._node.end_failed(error)
        else:
            self._node._end_ok(result)

    def report(self, so_far: float, total: float | None, text: str) -> None:
        """How far it has come in a process; called on the loop."""
        if self._node._errand is self:
            self._node.report(so_far, total, text)

    def expires_in(self, seconds: float) -> None:
        """Give it up unless it has ended by then."""
        self.timer = asyncio.get_running_loop().call_later(seconds, self._expire)

    def give_up(self, outcome: Outcome) -> None:
        """End it now where it can be left, or as soon as its coroutine has unwound."""
        if self.given_up is not None:
            return
        self.given_up = outcome
        if self.task is None:
            if self.job is not None:
                self.job.cancel()
            self._node._end_given_up(outcome)
        else:
            self.task.add_done_callback(self._unwound)
            self.task.cancel(outcome.reason)

    def _unwound(self, _: Any) -> None:
        if self._node._errand is self:
            self._node._end_given_up(self.given_up)  # it was cancelled before its first step

    def _expire(self) -> None:
        if self._node._errand is self:
            self._node._end_overtime()
