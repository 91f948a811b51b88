"""A lock that is taken in the order of asking, with one way to go first: an emergency."""

import asyncio
from collections import deque
from types import TracebackType


class Turn:
    """First come, first served; `first=True` goes before everybody who waits.

    Invariant: `_taken` is true while somebody holds it or it has been handed to a waiter that
    has not woken yet, so nobody can slip in between.
    """

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def is_taken(self) -> bool:
        return self._taken

    def take(self) -> None:
        """Take it at once; only where `is_taken` is false."""
        assert not self._taken
        self._taken = True

    async def acquire(self, *, first: bool = False) -> None:
        if not self._taken:
            self._taken = True
            return
        waiter = asyncio.get_running_loop().create_future()
        if first:
            self._waiting.appendleft(waiter)
        else:
            self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release()  # it was handed over just before: hand it on
            raise

    def release(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._taken = False

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
