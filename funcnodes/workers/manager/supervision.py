"""Keeping one worker process alive: start, watch, restart with backoff, give up, stop.

Guarantees that one folder has one process at a time, that a worker which dies is back after
0.5 s, 1 s, 2 s … at most 30 s, and that one which dies five times within a minute stays down
until somebody starts it. What a dead worker and its dead guardian left on is struck from here,
unless the next worker has seen to it by then. Workers run in sessions of their own: what ends
this process (Ctrl-C, kill -9) does not reach them. A worker that is already running is watched,
not started again.
"""

import asyncio
import contextlib
import logging
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from funcnodes.devices.estop.safetylog import SafetyLog
from funcnodes.devices.estop.unfinished import strike_left
from funcnodes.errors import WorkerError
from funcnodes.workers.local import logs
from funcnodes.workers.local.starting import spawn
from funcnodes.workers.processes import Process
from funcnodes.workers.threads import in_thread
from funcnodes.workers.workspace import Workspace

WorkerState = Literal["running", "stopped", "starting", "failed"]

BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
DEATHS_ALLOWED = 5
DEATHS_WITHIN_S = 60.0
STOP_S = 6.0
GUARDIAN_S = 1.5
"""How long a guardian, or the next worker, has for a dead worker's outputs before we strike."""

_log = logging.getLogger("funcnodes.manager")


class Supervisor:
    """Watches the process of one worker.

    Attributes:
        state: `starting` from the start of the process until it is ready (see `ready`).
        message: Why it is not running, in one sentence, or "".
        deaths: When it died without being told to, monotonic seconds, within the last minute.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workspace = workspace
        self.state: WorkerState = "stopped"
        self.message = ""
        self.deaths: deque[float] = deque()
        self._changed = changed
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._process: Process | None = None
        self._stopping = False
        self._making_up: set[asyncio.Task[None]] = set()

    @property
    def process(self) -> Process | None:
        """The living process, or None."""
        return self._process if self._process and self._process.alive() else None

    def start(self) -> None:
        """Start the worker, or watch it where it runs already. A reset of `failed`, too."""
        if self._task is not None and not self._task.done():
            return
        self.deaths.clear()
        self._stopping = False
        self._set("starting")
        self._task = asyncio.get_running_loop().create_task(self._keep_alive())

    def adopt(self) -> bool:
        """Watch the worker if its process is alive. Returns whether it is."""
        if self.workspace.process() is None:
            return False
        self.start()
        return True

    def ready(self) -> None:
        """The worker has dialled in."""
        if self._task is not None and not self._stopping:
            self._set("running")

    async def stop(self, *, ask: Callable[[], bool] = lambda: False) -> None:
        """End the worker: ask it, else SIGTERM; after 6 s SIGKILL.

        Args:
            ask: Tells the worker to shut down; returns whether it could be told.
        """
        self._stopping = True
        process = self.process
        if process is not None and not ask():
            process.send(signal.SIGTERM)
        if process is not None:
            await self._end(process)
        await self._cancel_watch()
        self._set("stopped")

    async def release(self) -> None:
        """Stop watching; the process goes on."""
        await self._cancel_watch()
        if self._making_up:
            await asyncio.wait(self._making_up)

    def make_up(self) -> None:
        """Make safe what the last process left, where that did not end in order."""
        process = self.workspace.died()
        if process is None:
            return
        work = asyncio.get_running_loop().create_task(self._strike_left(process))
        self._making_up.add(work)
        work.add_done_callback(self._making_up.discard)

    async def _strike_left(self, process: Process) -> None:
        await asyncio.sleep(GUARDIAN_S)
        if self.process is not None:
            return
        log = SafetyLog(self.workspace.logs_dir)
        for each in await in_thread(lambda: strike_left(process), name="strike"):
            text = f"The manager, for process {process.pid} that is gone: {each.text}"
            log.note("guardian", text, device=each.device)
            _log.warning("%r: %s", self.workspace.record.name, text)

    async def _cancel_watch(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._reap()

    async def _keep_alive(self) -> None:
        while not self._stopping:
            try:
                self._process = self.workspace.process() or self._spawn()
            except WorkerError as error:
                self._set("failed", error.message)
                return
            await self._process.ended()
            code = self._reap()
            if self._stopping or not await self._after_death(code):
                return

    async def _after_death(self, code: int | None) -> bool:
        """Wait out the backoff. Returns False where the worker is given up."""
        if code == 0 or (code is None and self.workspace.left_cleanly()):
            self._set("stopped")
            return False
        now = self._clock()
        self.deaths.append(now)
        while self.deaths and now - self.deaths[0] > DEATHS_WITHIN_S:
            self.deaths.popleft()
        self.make_up()
        name, how = self.workspace.record.name, _how_it_ended(code)
        if len(self.deaths) >= DEATHS_ALLOWED:
            text = f"{name!r} {how}; it died {len(self.deaths)} times within 60 s and stays down."
            SafetyLog(self.workspace.logs_dir).note("death", text)
            self._set("failed", f"{text} {self._last_words()}".strip())
            return False
        pause = BACKOFF_S[min(len(self.deaths), len(BACKOFF_S)) - 1]
        self._set("starting", f"{name!r} {how} and starts again in {pause:g} s.")
        _log.warning(self.message)
        await asyncio.sleep(pause)
        return True

    def _spawn(self) -> Process:
        self._child = spawn(self.workspace)
        return Process.of(self._child.pid) or Process(self._child.pid, "")

    async def _end(self, process: Process) -> None:
        try:
            async with asyncio.timeout(STOP_S):
                await process.ended()
        except TimeoutError:
            _log.warning("%r did not end within %g s", self.workspace.record.name, STOP_S)
            process.send(signal.SIGKILL)
            await process.ended()

    def _reap(self) -> int | None:
        """Collect the ended child. Returns its code, None for a process we did not start."""
        child, self._child = self._child, None
        if child is None:
            return None
        code = child.poll()
        if code is None:
            child.returncode = 0  # It lives on without us: no ResourceWarning, no waiting.
        return code

    def _last_words(self) -> str:
        return "".join(logs.last_words(self.workspace.logs_dir).splitlines()[-1:])

    def _set(self, state: WorkerState, message: str = "") -> None:
        self.state, self.message = state, message
        self._changed()


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "ended"
    if code >= 0:
        return f"ended with code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"
