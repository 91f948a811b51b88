"""Blocking work off the event loop, on daemon threads that hold no process open."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from funcnodes.errors import RefusedError

T = TypeVar("T")


async def in_thread(call: Callable[[], T], *, name: str = "worker") -> T:
    """Run `call` in a thread of its own and wait for it.

    Cancelling leaves the thread to itself; it ends with the process at the latest.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only where T allows it

    def work() -> None:
        result, failure = None, None
        try:
            result = call()
        except BaseException as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(deliver, result, failure)

    threading.Thread(target=work, daemon=True, name=name).start()
    return await future


class FewThreads:
    """Work that may take long, for whoever asks: a few at a time, some more in turn.

    Args:
        at_once: Threads at most.
        waiting: How many may wait for one.
    """

    def __init__(self, *, at_once: int = 2, waiting: int = 30) -> None:
        self._turn = asyncio.Semaphore(at_once)
        self._room = at_once + waiting

    async def run(self, call: Callable[[], T], *, name: str) -> T:
        """Run `call` in a thread when it is its turn.

        Raises:
            RefusedError: Too many wait already; nothing was done.
        """
        if self._room <= 0:
            raise RefusedError("The worker is busy reading for others; try again in a moment.")
        self._room -= 1
        try:
            async with self._turn:
                return await in_thread(call, name=name)
        finally:
            self._room += 1
