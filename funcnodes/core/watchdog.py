"""The watchdog: notices within a second that something holds the event loop, and names the node.

While the loop is held nothing else of the nodespace moves, not even cancelling. A thread asks the
loop for a sign of life; where none comes it reads which node's function is executing. It stops
nothing: that is a person's decision, or `run_in="thread"`'s. A node that is queued while nobody
drains the queue is named too, and the loop told to drain it.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Self

from funcnodes.core.running.engine import Engine
from funcnodes.core.running.surface import Runnable

HELD_S = 0.5
TICK_S = 0.1
OnHeld = Callable[[str, float], None]

_log = logging.getLogger(__name__)


def warn(who: str, held_s: float) -> None:
    """Log one sentence: a warning if it is a node, which somebody can do something about."""
    what = f"The node {who!r}" if who else "Something that is no node"
    level = logging.WARNING if who else logging.INFO
    _log.log(level, "%s has held the event loop for %.1f s.", what, held_s)


class Watchdog:
    """Watches the loop it is started on, as a context: `with Watchdog(space.engine): ...`.

    Args:
        engine: Whose nodes may be the culprit.
        told: Called once each time the loop is held, in the watchdog's thread, with the node's
            name ("" if it is no node) and for how many seconds; logs a warning by default.
        held_s: After how long.
    """

    def __init__(self, engine: Engine, told: OnHeld = warn, *, held_s: float = HELD_S) -> None:
        self._engine = engine
        self._told = told
        self._held_s = held_s
        self._ending = threading.Event()
        self._seen = 0.0  # time.monotonic() of the loop's last sign of life
        self._stranded: Runnable | None = None  # at the last look
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to watch; call on the loop."""
        loop = asyncio.get_running_loop()
        self._seen = time.monotonic()
        self._ending.clear()
        self._thread = threading.Thread(
            target=self._watch, args=(loop,), name="funcnodes watchdog", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End; returns when its thread has."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _look_after_queue(self, loop: asyncio.AbstractEventLoop) -> None:
        """What is stranded for a whole interval is named, and run."""
        node = self._engine.stranded
        if node is None or node is not self._stranded:
            self._stranded = node
            return
        self._stranded = None
        _log.warning("The node %r is queued, and nobody drained the queue until now.", node.name)
        loop.call_soon_threadsafe(self._engine.arm)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        has_told = False
        tick_s = min(TICK_S, self._held_s / 2)
        while not self._ending.wait(tick_s):
            held_s = time.monotonic() - self._seen
            if held_s < self._held_s:
                has_told = False
            elif not has_told:
                has_told = True
                self._tell(self._culprit(loop), held_s)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._sign)
                self._look_after_queue(loop)

    def _sign(self) -> None:
        self._seen = time.monotonic()

    def _culprit(self, loop: asyncio.AbstractEventLoop) -> str:
        node = self._engine.inline
        if node is not None:
            return node.name
        task = asyncio.current_task(loop)
        name = task.get_name() if task is not None else ""
        return name.removeprefix("node ") if name.startswith("node ") else ""

    def _tell(self, who: str, held_s: float) -> None:
        try:
            self._told(who, held_s)
        except Exception:
            _log.exception("Nobody could be told that the event loop is held")
