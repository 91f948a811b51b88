"""Deadlines of what is under way on a link: one timer for all of them, and a way to end it now."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

_CLOCK_GRAIN_S = 1e-3


class Span(Protocol):
    """What is under way: until when, in the loop's time, and how to end it."""

    when: float

    def expire(self) -> None:
        """End it now."""


class Deadlines:
    """The deadline of what is under way on one link.

    Invariant: the timer is due no later than the current deadline. One timer serves many
    exchanges: it is moved only when it would come too late.
    """

    def __init__(self) -> None:
        self._current: Span | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._cut_short: Callable[[], None] | None = None  # ends what is under way, if anything

    def begin(self, span: Span) -> None:
        """Have `span` expire at its time, unless it ends before."""
        self._current, self._cut_short = span, span.expire
        timer = self._timer
        if timer is None or timer.when() > span.when:
            self._look_at(span.when)

    def end(self) -> None:
        """Nothing is under way any more."""
        self._current = self._cut_short = None

    @asynccontextmanager
    async def bounded(self, seconds: float) -> AsyncIterator[None]:
        """A deadline for what is no transaction, opening the channel for instance.

        Raises:
            TimeoutError: It took longer, or was cut short.
        """
        async with asyncio.timeout(seconds) as limit:
            self._cut_short = lambda: limit.reschedule(0.0)
            try:
                yield
            finally:
                self._cut_short = None

    def cut_short(self) -> None:
        """End what is under way, if anything, now: an emergency."""
        if self._cut_short is not None:
            self._cut_short()

    def close(self) -> None:
        """Let the timer go."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at(self, when: float) -> None:
        self.close()
        self._timer = asyncio.get_running_loop().call_at(when, self._look)

    def _look(self) -> None:
        self._timer = None
        current = self._current
        if current is not None:
            if asyncio.get_running_loop().time() >= current.when - _CLOCK_GRAIN_S:
                current.expire()
            else:
                self._look_at(current.when)
