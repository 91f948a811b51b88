"""Awaiting: until when one waits for a node, and what one is told then (T9).

Waiting covers what is in flight and what it sets off. It never waits for itself: where a function
awaits its own node, or one before it, that is an error and no deadlock.
"""

import asyncio
from collections.abc import Generator, Set
from typing import Self

from funcnodes.core.running.executing import Executable
from funcnodes.core.running.surface import IDLE
from funcnodes.core.running.waves import Wave
from funcnodes.errors import (
    AwaitCycleError,
    FuncnodesError,
    InTriggerError,
    NodeCancelled,
    NodeTimeout,
    NodeTriggerError,
)


class Awaited(Executable):
    """A node that can be awaited.

    Invariant: what is waited for can come to rest without the caller; whoever would wait for its
    own end is told so.
    """

    __slots__ = ()

    def __await__(self) -> Generator[None, None, Self]:
        return self._await_done().__await__()

    async def trigger(self) -> None:
        """Run it now and wait for it.

        Raises:
            InTriggerError: It is triggered already.
            NodeTriggerError: Its function raised.
        """
        if self._phase != IDLE:
            raise InTriggerError(f"{self.name} is already triggered.")
        await self

    def trigger_if_requested(self) -> bool:
        """See to it that what was asked for runs; whether anything was."""
        self.engine.arm()
        return self.in_flight

    async def settled(self) -> None:
        """Wait for what is in flight, downstream too; never triggers, never raises for it (T9)."""
        self._refuse_deadlock()
        self.engine.arm()
        await self._rest()
        if self.asked is not None and not self.asked.settled:
            await self.asked.wait_clear(self._followers())

    async def await_trigger(self) -> None:
        """Wait until its own executions have ended; never triggers.

        Raises:
            NodeTriggerError: Its function raised.
        """
        await self.wait_for_trigger_finish()
        self._raise_own_error()

    async def wait_for_trigger_finish(self) -> None:
        """Wait until its own executions have ended; never triggers, never raises for them."""
        current = self.engine.current()
        if current is self:
            raise AwaitCycleError(f"{self.name} cannot await itself from inside its function.")
        self._refuse_deadlock()
        self.engine.arm()
        while (wave := self._in_flight()) is not None:
            await wave.wait_clear({self})

    async def await_until_complete(self) -> None:
        """Wait until it and all it set off have ended; never triggers, never raises for it."""
        await self.settled()

    @property
    def in_flight(self) -> bool:
        """Whether an execution of it is waiting, queued or running."""
        return self._in_flight() is not None

    def _in_flight(self) -> Wave | None:
        """A wave in which something of this node is still to end."""
        return self._wave if self._phase != IDLE else next(iter(self.waiting_in), None)

    def _followers(self) -> Set[Executable]:
        """Itself and all that it can set off."""
        raise NotImplementedError

    async def _await_done(self) -> Self:
        """T9: what is in flight and what it sets off; triggered once first if nothing is."""
        self._refuse_deadlock()
        self.engine.arm()
        if self._in_flight() is None and self.ready():
            self.request_trigger()
        await self._rest()
        self._raise_own_error()
        return self

    async def _rest(self) -> None:
        wave = self._in_flight()
        self.engine.drain_now()
        while wave is not None:
            if not wave.settled:
                await wave.wait_clear(self._followers())
            wave = self._in_flight()

    def _refuse_deadlock(self) -> None:
        current = self.engine.current()
        if current is None or current not in self._followers():
            return
        who = "itself" if current is self else f"its ancestor {self.name}"
        raise AwaitCycleError(f"{current.name} cannot await {who} from inside its function.")

    def _raise_own_error(self) -> None:
        error = self._error
        if error is None:
            return
        if isinstance(error, NodeCancelled | NodeTimeout):
            raise error
        message = error.message if isinstance(error, FuncnodesError) else _describe(error)
        raise NodeTriggerError(f"{self.name}: {message}", node=self.uuid) from error


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def run_until_complete(*nodes: Awaited) -> None:
    """Drive nodes without a running loop until they, and all they set off, are done (T12).

    Raises:
        NodeTriggerError: The first error of one of them.
    """

    async def drive() -> None:
        for node in nodes:
            await node

    asyncio.run(drive())
