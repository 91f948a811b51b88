"""Crossing over: what another thread asks of nodes is done on their loop, in the order of asking.

A graph belongs to the thread in which its loop runs (T12). What changes nodes, edges or values from
elsewhere is handed to that loop; so is waiting, whose result is handed back.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

CARRY_S = 0.5  # how long a thread waits for the loop to do what it asks
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Ferry:
    """Carries calls of other threads over to the loop of one engine."""

    def __init__(self) -> None:
        self._is_late = False  # the loop has yet to take up something that nobody waits for

    def carry(self, loop: asyncio.AbstractEventLoop, call: Callable[[], Any]) -> None:
        """Make `call` on the loop, and return once it is done; raises what it raises.

        A loop that is held, perhaps because it waits for this very thread, makes it as soon as it
        is free. The thread goes on then after `CARRY_S`, and an error is logged.
        """
        carried = _Carried(call)
        loop.call_soon_threadsafe(self._arrived, carried)
        if not carried.wait(0.0 if self._is_late else CARRY_S):
            self._is_late = True

    def _arrived(self, carried: "_Carried") -> None:
        self._is_late = False
        carried.make()


class _Carried:
    """One call on its way."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._is_awaited = True
        self._error: BaseException | None = None

    def make(self) -> None:
        """On the loop."""
        try:
            self._call()
        except BaseException as error:  # it is the other thread's, and must not end the loop
            self._error = error
        with self._lock:
            self._done.set()
            if self._error is not None and not self._is_awaited:
                _log.error("What another thread asked for failed: %s", self._error)

    def wait(self, seconds: float) -> bool:
        """In the other thread; whether it was made, and raises what it raised."""
        self._done.wait(seconds)
        with self._lock:
            self._is_awaited = False
            if self._error is not None:
                raise self._error
            return self._done.is_set()


async def over(home: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """Await `work` on the loop of another thread, from the caller's own."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, home))


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end; one of a loop that has ended has ended with it."""
    if task.get_loop() is asyncio.get_running_loop():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
