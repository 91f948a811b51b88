"""All waiting and all timestamps go through one clock, so that a virtual one can stand in.

`now()` is for people (seconds since the epoch), `monotonic()` for intervals; only the first may
step. `use(VirtualClock())` makes hours pass in milliseconds for in-memory experiments.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from typing import Protocol


class Clock(Protocol):
    """What time it is, and waiting."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never step."""

    async def sleep(self, seconds: float) -> None:
        """Wait at least `seconds`; zero or less yields once."""


class SystemClock:
    """The machine's clocks."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0))


class VirtualClock:
    """Time that jumps to the next sleeper as soon as nothing else is ready to run.

    Attributes:
        is_held: Whether work goes on that the loop does not see, in a thread say: time stands
            still as long as it says so.
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self.is_held: Callable[[], bool] = lambda: False
        self._start = start
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._advancing: asyncio.Task[None] | None = None

    def now(self) -> float:
        return self._start + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), waiter))
        if self._advancing is None:
            self._advancing = asyncio.create_task(self._advance())
        await waiter

    async def _advance(self) -> None:
        """Let everything that is ready run, then jump; ends with the last sleeper."""
        while self._sleepers:
            await self._rest()
            if not self._sleepers:
                break
            due, _, waiter = heapq.heappop(self._sleepers)
            self._elapsed = max(self._elapsed, due)
            if not waiter.done():
                waiter.set_result(None)
        self._advancing = None

    async def _rest(self) -> None:
        """Until nothing is at work, as far as that can be seen."""
        # What asyncio's own loops have ready; others are given all of the turns.
        ready: Sized = getattr(asyncio.get_running_loop(), "_ready", _UNKNOWN)
        while True:
            empty = 0
            for _ in range(_QUIET_TURNS):
                await asyncio.sleep(0)
                empty = 0 if ready else empty + 1
                if empty == _EMPTY_TURNS:
                    break
            if not _standing and not self.is_held():
                return
            await asyncio.sleep(_HELD_LOOK_S)


_HELD_LOOK_S = 0.001
_EMPTY_TURNS = 2  # the first may have been before input was looked for
_UNKNOWN = (None,)
_QUIET_TURNS = 20  # turns of the loop after which in-memory work is taken to have come to rest

_current: Clock = SystemClock()
_standing = 0  # blocks in which virtual time stands still


def now() -> float:
    """Seconds since the epoch, for people."""
    return _current.now()


def monotonic() -> float:
    """Seconds for intervals; never steps."""
    return _current.monotonic()


def both() -> tuple[float, float]:
    """`now()` and `monotonic()`."""
    current = _current
    return current.now(), current.monotonic()


async def sleep(seconds: float) -> None:
    """Wait by the current clock."""
    await _current.sleep(seconds)


@contextmanager
def use(clock: Clock) -> Iterator[Clock]:
    """Make `clock` the current one within the block."""
    global _current
    before, _current = _current, clock
    try:
        yield clock
    finally:
        _current = before


@contextmanager
def standing_still() -> Iterator[None]:
    """Virtual time does not jump within the block: somebody waits for a thread."""
    global _standing
    _standing += 1
    try:
        yield
    finally:
        _standing -= 1
