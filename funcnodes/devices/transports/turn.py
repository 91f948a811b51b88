"""A lock that is taken in the order of asking, with one way to go first: an emergency.

`Turn` is one device's. `Share` is one device's share of a lock that all devices of a bus hold: the
shares take turns, so that one that asks much keeps nobody else waiting for more than one exchange.
"""

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
        """Whether whoever asks now has to wait."""
        return self._taken

    @property
    def is_held(self) -> bool:
        """Whether one of its own callers holds it."""
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


class Rounds:
    """What the shares of one bus take turns at.

    Invariant: a share stands in `_order` once while anybody waits in it, else not at all.
    """

    def __init__(self) -> None:
        self.holder: Share | None = None
        self._urgent: deque[tuple[Share, asyncio.Future[None]]] = deque()
        self._order: deque[Share] = deque()

    def share(self) -> "Share":
        """One more device's share."""
        return Share(self)

    def wait(self, share: "Share", waiter: "asyncio.Future[None]", *, first: bool) -> None:
        """Line up, behind the shares that wait already or in front of all."""
        if first:
            self._urgent.append((share, waiter))
            return
        if share not in self._order:
            self._order.append(share)
        share.waiting.append(waiter)

    def pass_on(self) -> None:
        """Hand the lock to whose turn it is, or to nobody."""
        self.holder = None
        while self._urgent:
            share, waiter = self._urgent.popleft()
            if not waiter.done():
                self._hand(share, waiter)
                return
        while self._order:
            share = self._order.popleft()
            waiting = _next(share.waiting)
            if waiting is None:
                continue
            if share.waiting:
                self._order.append(share)
            self._hand(share, waiting)
            return

    def _hand(self, share: "Share", waiter: "asyncio.Future[None]") -> None:
        self.holder = share
        waiter.set_result(None)


class Share(Turn):
    """One device's share of a bus's lock; used like a lock of its own."""

    def __init__(self, rounds: Rounds) -> None:
        super().__init__()
        self._rounds = rounds
        self.waiting: deque[asyncio.Future[None]] = deque()

    @property
    def is_taken(self) -> bool:
        return self._rounds.holder is not None

    @property
    def is_held(self) -> bool:
        return self._rounds.holder is self

    def take(self) -> None:
        assert self._rounds.holder is None
        self._rounds.holder = self

    async def acquire(self, *, first: bool = False) -> None:
        if self._rounds.holder is None:
            self._rounds.holder = self
            return
        waiter = asyncio.get_running_loop().create_future()
        self._rounds.wait(self, waiter, first=first)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release()  # it was handed over just before: hand it on
            raise

    def release(self) -> None:
        self._rounds.pass_on()


def _next(waiting: "deque[asyncio.Future[None]]") -> "asyncio.Future[None] | None":
    """The first that still waits."""
    while waiting:
        waiter = waiting.popleft()
        if not waiter.done():
            return waiter
    return None
