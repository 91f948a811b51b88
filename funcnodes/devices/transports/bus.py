"""One channel that several instruments share, with one owner (D1).

A `Bus` owns the adapter's or line's own channel, hands out turns among its instruments, and knows
whether the bytes on it can be trusted. After a time-out, a cancellation or an emergency it cannot;
whoever speaks next first brings it back to a known state, before a byte of his own. A `BusChannel`
is what one instrument's link sees: a transport like any other, addressed.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, TypeVar

from funcnodes.devices.transports.base import LIMIT, Transport
from funcnodes.devices.transports.descriptor import DescriptorTransport
from funcnodes.devices.transports.turn import Rounds, Turn
from funcnodes.errors import DeviceClosed

T = TypeVar("T")
_FAREWELL_S = 0.2


class Bus(ABC):
    """The owner of a shared channel; see the module's text.

    Invariant: the channel can be trusted while `_trusted` equals `_doubts`. Any thread counts
    `_doubts` up, so that an emergency in the midst of `settle` is not forgotten.
    """

    def __init__(self, inner: DescriptorTransport) -> None:
        self.inner = inner
        self.rounds = Rounds()
        self._members: set[BusChannel] = set()
        self._doubts = 1
        self._trusted = 0
        inner.on_lost = self._lost_while_idle

    @property
    def is_open(self) -> bool:
        return self.inner.is_open

    @property
    def is_trusted(self) -> bool:
        return self._trusted == self._doubts

    @abstractmethod
    async def settle(self) -> None:
        """Bring the channel into a known state, opened first where it is not.

        Raises:
            DeviceError: It cannot be opened, or does not answer.
        """

    async def join(self, channel: "BusChannel") -> None:
        """Take a channel on; the bus is fit to speak on afterwards."""
        self._members.add(channel)
        await self.ready()

    async def leave(self, channel: "BusChannel") -> None:
        """Let a channel go; the last closes the bus."""
        self._members.discard(channel)
        if not self._members:
            await self.hang_up()

    async def ready(self) -> None:
        """See that the next bytes are understood."""
        if self.is_trusted and self.inner.is_open:
            return
        doubts = self._doubts
        await self.settle()
        self._trusted = doubts

    def doubt(self) -> None:
        """Trust the channel no more until it was settled. Any thread."""
        self._doubts += 1

    def lost(self, error: Exception, *, noticed_by: "BusChannel | None" = None) -> None:
        """Tell every instrument but who knows already that the channel is gone."""
        self.doubt()
        for channel in tuple(self._members):
            if channel is not noticed_by and channel.on_lost is not None:
                channel.on_lost(error)

    async def hang_up(self) -> None:
        """Close the channel; what was written to it still arrives."""
        farewell = self.inner.part()
        if farewell is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    await farewell
        await self.inner.close()

    def _lost_while_idle(self, error: Exception) -> None:
        self.lost(error)


class BusChannel(Transport):
    """One instrument on a bus. Used by one link, which holds the bus's turn."""

    is_shared = True

    def __init__(self, bus: Bus, address: str, unit: str) -> None:
        super().__init__(address)
        self.bus = bus
        self.unit = unit
        self.interrupt_s = bus.inner.interrupt_s
        self._is_joined = False

    @property
    def is_open(self) -> bool:
        return self._is_joined and self.bus.is_open

    async def open(self) -> None:
        self._is_joined = True
        self.bus.inner.on_dropped = self.on_dropped
        try:
            await self.bus.join(self)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        if self._is_joined:
            self._is_joined = False
            self.bus.doubt()
            await self.bus.leave(self)

    def turn(self) -> Turn:
        return self.bus.rounds.share()

    def poison(self) -> None:
        self.bus.doubt()

    async def settle(self) -> None:
        await self.guarded(self.bus.ready())

    async def read_until(self, terminator: bytes, *, limit: int = LIMIT) -> bytes:
        return await self.guarded(self.bus.inner.read_until(terminator, limit=limit))

    async def read_exactly(self, count: int) -> bytes:
        return await self.guarded(self.bus.inner.read_exactly(count))

    def discard_input(self) -> int:
        self.bus.inner.on_dropped = self.on_dropped
        return self.bus.inner.discard_input()

    async def interrupt(self) -> None:
        """Nothing: most buses know no device clear."""

    async def guarded(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the channel; where that is gone, the others learn of it too."""
        if not self._is_joined:
            work.close()
            raise DeviceClosed(f"{self.address}: it is not open.", address=self.address)
        try:
            return await work
        except DeviceClosed as error:
            self.bus.lost(error, noticed_by=self)
            raise
        except asyncio.CancelledError:
            self.bus.doubt()
            raise
