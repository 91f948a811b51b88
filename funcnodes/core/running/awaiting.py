"""Awaiting: until when one waits for a node, and what one is told then (T9).

Waiting covers what is in flight and what it sets off. It never waits for itself: where a function
awaits its own node, or one before it, that is an error and no deadlock.
"""

import asyncio
from collections.abc import Awaitable, Generator, Iterator, Mapping, Set
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Self

from funcnodes.core.running import topology
from funcnodes.core.running.crossing import over
from funcnodes.core.running.executing import Executable
from funcnodes.core.running.surface import IDLE, Runnable
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

    def trigger(self) -> "Awaitable[Awaited]":
        """Run it now; await what is returned to wait for it, as for the node itself (T9).

        Raises:
            InTriggerError: It is triggered already.
            NodeTriggerError: Its function raised; told to whoever awaits it.
        """
        if self._phase != IDLE:
            raise InTriggerError(f"{self.name} is already triggered.")
        if self.ready():
            self.request_trigger()
        return _Begun(self)

    def trigger_if_requested(self) -> bool:
        """See to it that what was asked for runs; whether anything was."""
        self.engine.arm()
        return self.in_flight

    async def settled(self) -> None:
        """Wait for what is in flight, downstream too; never triggers, never raises for it (T9)."""
        home = self.engine.elsewhere()
        if home is not None:
            await over(home, self.settled())
            return
        with self._awaited():
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
        home = self.engine.elsewhere()
        if home is not None:
            await over(home, self.wait_for_trigger_finish())
            return
        with self._awaited():
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
        engine = self.engine
        if asyncio._get_running_loop() is not engine._loop:
            home = engine.elsewhere()
            if home is not None:
                return await over(home, self._await_done())
        waiter = engine.current()
        if waiter is not None:
            with self._awaited_by(waiter):
                await self._run_to_rest()
        else:  # `_run_to_rest`, written out
            engine.arm()
            if self._in_flight() is None and self.ready():
                self.request_trigger()
            await self._rest()
        self._raise_own_error()
        return self

    async def _run_to_rest(self) -> None:
        self.engine.arm()
        if self._in_flight() is None and self.ready():
            self.request_trigger()
        await self._rest()

    async def _ended(self) -> Self:
        """What was triggered has ended, and what that set off."""
        await self.settled()
        self._raise_own_error()
        return self

    async def _rest(self) -> None:
        wave = self._in_flight()
        self.engine.drain_now()
        while wave is not None:
            if not wave.settled:
                await wave.wait_clear(self._followers())
            wave = self._in_flight()

    def _awaited(self) -> AbstractContextManager[None]:
        """Around waiting for it; raises AwaitCycleError where that would never end."""
        current = self.engine.current()
        return _UNHELD if current is None else self._awaited_by(current)

    @contextmanager
    def _awaited_by(self, waiter: Runnable) -> Iterator[None]:
        """`waiter` waits for this node, and so for whomever that waits for."""
        self._refuse_deadlock(waiter)
        mine = _waiting.setdefault(waiter, [])
        mine.append(self)
        try:
            yield
        finally:
            mine.remove(self)
            if not mine:
                del _waiting[waiter]

    def _refuse_deadlock(self, waiter: Runnable) -> None:
        """Raise AwaitCycleError where the end of `waiter` would be among what it waits for."""
        todo: list[Awaited] = [self]
        seen: set[Awaited] = {self}
        for node in todo:  # which grows
            followers = node._followers()
            if waiter in followers:
                who = "itself" if node is waiter else f"its ancestor {node.name}"
                if node is not self:
                    who = f"{self.name}, which waits for {waiter.name} in turn,"
                raise AwaitCycleError(f"{waiter.name} cannot await {who} from inside its function.")
            for other, awaited in _waiting.items():
                if other in followers:
                    todo += [each for each in awaited if each not in seen]
                    seen.update(awaited)

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


_UNHELD = nullcontext()
_waiting: dict[Runnable, list[Awaited]] = {}  # whose function waits for whom


class _Begun:
    """What `trigger` gives to whoever wants to wait."""

    def __init__(self, node: Awaited) -> None:
        self._node = node

    def __await__(self) -> Generator[None, None, Awaited]:
        return self._node._ended().__await__()


class _Done:
    """What there is to await where nothing is left to wait for."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


def run_until_complete(*nodes: Awaited) -> Awaitable[None]:
    """Drive nodes until they, and all they set off, are done; each runs once (T12).

    Without a running loop it returns when they are. Inside one, as in a notebook, it runs at once
    what can be run at once, and returns what is to be awaited for the rest. In a thread beside the
    loop in which they run, it waits for that loop.

    Raises:
        NodeTriggerError: The first error of one of them.
    """
    before = {node: node.runs for node in sorted(nodes, key=_depth)}
    home = next(filter(None, (node.engine.elsewhere() for node in nodes)), None)
    if asyncio._get_running_loop() is not None:
        return _begun(before)
    if home is not None:
        asyncio.run_coroutine_threadsafe(_complete(before), home).result()
    else:
        asyncio.run(_complete(before))
    return _Done()


def _depth(node: Awaited) -> int:
    """More than that of its ancestors."""
    return len(topology.upstream(node))


def _begun(before: dict[Awaited, int]) -> Awaitable[None]:
    for node, runs in before.items():
        is_due = node.runs == runs and not node.in_flight and node.ready()
        if is_due and not any(other.in_flight for other in before if other is not node):
            node.request_trigger()
        node.engine.drain_here()
    if any(node.in_flight or node.runs == runs for node, runs in before.items()):
        task = asyncio.ensure_future(_complete(before))
        _driving.add(task)
        task.add_done_callback(_driving.discard)
        return task
    for node in before:
        node._raise_own_error()
    return _Done()


async def _complete(before: Mapping[Awaited, int]) -> None:
    """Await nodes, ancestors first; what one of them has set off is not run again.

    Args:
        before: How often each had run.
    """
    for node, runs in before.items():
        if node.in_flight or node.runs == runs:
            await node
        else:
            node._raise_own_error()


_driving: set["asyncio.Future[None]"] = set()  # the loop itself keeps no task
