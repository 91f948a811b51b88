"""The same words without `await`: for a prompt without a loop, and for other threads.

A loop of its own runs in a thread; every call is made there, and whoever calls waits for it.
Ctrl-C gives up the waiting and the call.
"""

import asyncio
import atexit
import inspect
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any

from funcnodes.scripting.frames import ScriptFrame, ScriptPoint
from funcnodes.scripting.members import ScriptDevice, ScriptGroup, ScriptMember
from funcnodes.scripting.nodes import ScriptNode
from funcnodes.scripting.runs import ScriptRun
from funcnodes.scripting.tables import ScriptTable
from funcnodes.scripting.worker_run import WorkerRun

_OPEN = (
    ScriptDevice, ScriptFrame, ScriptGroup, ScriptMember, ScriptNode, ScriptPoint, ScriptRun,
    ScriptTable, WorkerRun,
)  # fmt: skip


ELSE = (
    "A loop is running here, in which nothing may block: write 'async with open_bench(…) as bench' "
    "and 'await' before each call. In a notebook both stand in the cell as they are."
)
"""What whoever blocks in a running loop is told."""


class LoopThread:
    """A loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bench", daemon=True)
        self._thread.start()

    def call(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Call it in the loop, await what it gives, and give what came of it.

        Raises:
            RuntimeError: Called in a running loop, which would stand still meanwhile; says what
            to write instead. Or the bench is closed.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("A call that blocks cannot be made from the bench's own loop.")
        if asyncio._get_running_loop() is not None:
            raise RuntimeError(ELSE)
        if self._loop.is_closed():
            raise RuntimeError("This bench is closed: open it again with open_bench.")

        async def called() -> Any:
            found = function(*args, **named)
            return await found if inspect.isawaitable(found) else found

        future = asyncio.run_coroutine_threadsafe(called(), self._loop)
        try:
            return future.result()
        except (KeyboardInterrupt, CancelledError):
            future.cancel()
            raise

    def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Blocking:
    """Something open, without `await`: attributes and calls are those of what it stands for."""

    def __init__(self, what: Any, thread: LoopThread) -> None:
        self._what = what
        self._thread = thread

    def __getattr__(self, name: str) -> Any:
        return self._given(getattr(self._what, name))

    def __getitem__(self, name: str) -> Any:
        return self._given(self._what[name])

    def __iter__(self) -> Iterator[Any]:
        if hasattr(self._what, "__aiter__"):
            return self._each(self._what.__aiter__())
        return iter(self._what)

    def __len__(self) -> int:
        return len(self._what)

    def __bool__(self) -> bool:
        return True

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self._given(self._thread.call(self._what, *args, **named))

    def __enter__(self) -> Any:
        return self._given(self._thread.call(self._what.__aenter__))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.call(self._what.__aexit__, kind, error, trace)

    def __dir__(self) -> list[str]:
        return dir(self._what)

    def __repr__(self) -> str:
        return repr(self._what)

    def _given(self, found: Any) -> Any:
        """What is open or asynchronous in what was found blocks too."""
        if isinstance(found, _OPEN):
            return Blocking(found, self._thread)
        if inspect.isasyncgen(found):
            return self._each(found)
        if callable(found):
            return lambda *args, **named: self._given(self._thread.call(found, *args, **named))
        return found

    def _each(self, found: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self._given(self._thread.call(found.__anext__))
                except StopAsyncIteration:
                    return
        finally:
            self._thread.call(found.aclose)


class BlockingBench(Blocking):
    """An open bench, without `await`."""

    _opening: Any = None

    def closes(self, opening: Any) -> None:
        """It is open until `close`, or until the program ends."""
        self._opening = opening
        atexit.register(self.close)

    def close(self) -> None:
        """Park what was written to, and let go of its devices; a second time is harmless."""
        opening, self._opening = self._opening, None
        if opening is not None:
            atexit.unregister(self.close)
            opening.__exit__(None, None, None)
