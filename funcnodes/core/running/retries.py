"""Retries: an execution that failed is queued again as long as some are left.

It keeps its wave and the arguments that it had. What acts on the world is never repeated, nor what
was given up, since it may still be at work.
"""

import asyncio
from typing import Protocol


class Retried(Protocol):
    """What retries ask of the node whose execution failed."""

    runs: int
    retry_delay_s: float
    _retries: "Retries | None"

    @property
    def max_attempts(self) -> int: ...

    def _queued_again(self, error: BaseException, attempt: int) -> None:
        """Its execution is triggered as it was before; the engine gets it next, or later."""

    def _requeue(self) -> None:
        """Hand it to the engine."""


class Retries:
    """The attempts of one execution, from its first failure on."""

    __slots__ = ("_failed", "_of", "_timer")

    def __init__(self, execution: int) -> None:
        self._of = execution  # by `runs`
        self._failed = 0
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def left(cls, node: Retried) -> "Retries | None":
        """Those of the present execution, if another one may follow."""
        known = node._retries
        if known is None or known._of != node.runs:
            known = node._retries = cls(node.runs)
        return known if known._failed + 1 < node.max_attempts else None

    def begin(self, node: Retried, error: BaseException) -> None:
        """Queue the next one, at once or after the node's delay."""
        self._failed += 1
        node._queued_again(error, self._failed)
        if node.retry_delay_s > 0:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(node.retry_delay_s, node._requeue)
        else:
            node._requeue()

    def stop(self) -> None:
        """Begin no further one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
