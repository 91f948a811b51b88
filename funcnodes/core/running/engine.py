"""The engine: one ready queue on the event loop, drained in slices so that the loop stays live.

A synchronous node costs a function call, not a task. Coroutines run as tasks, slow functions in
our own daemon threads, so that nothing left over can hold the process open (T10, T12).
The engine knows when something runs; what it means is said by nodes and waves, and all that it
touches of them is listed in `surface` and at `Wave`.

Calls are most of what a quick function costs, so the fast path repeats what others say. For each
place the comments name what it repeats; the two must be changed together, and
`tests/core/test_short_way.py` holds them against each other.
"""

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from time import perf_counter
from typing import Any

from funcnodes.core.quality import Judged
from funcnodes.core.running.crossing import Ferry
from funcnodes.core.running.pace import SLOW_CPU_S
from funcnodes.core.running.surface import (
    IDLE,
    QUEUED,
    RUNNING,
    Convert,
    Inlet,
    Outlet,
    Runnable,
    push,
)
from funcnodes.core.running.waves import Wave
from funcnodes.core.values import NoValue, shared

SLICE_S = 0.005  # how long one drain may keep the loop
MAX_THREADS = 32

_in_task: ContextVar[Runnable | None] = ContextVar("funcnodes_node", default=None)


class Engine:
    """Runs triggered nodes, first come first served.

    Attributes:
        inline: The node whose function holds the loop right now, else None. Read by watchdogs
            from other threads.
        ready: Triggered nodes, first come first served; whoever appends calls `arm` unless
            `draining`.
    """

    def __init__(self) -> None:
        self.inline: Runnable | None = None
        self.ready: deque[Runnable] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn_ends = 0.0  # until when this turn of the loop may execute nodes
        self._cpu_read = (0.0, 0.0)  # this thread's time lately, and when it was looked at
        self.draining = False
        self._scheduled: asyncio.AbstractEventLoop | None = None
        self._ferry = Ferry()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.meet()

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop it runs on, once it has met one that is still open."""
        return None if self._loop is None or self._loop.is_closed() else self._loop

    def meet(self) -> None:
        """Remember the caller's loop as its own, where it has none that is open."""
        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio._get_running_loop()

    def arm(self) -> None:
        """See to it that the queue is drained, as soon as there is a loop (T12)."""
        loop = asyncio._get_running_loop()
        if not self.ready or (loop is not None and self._scheduled is loop):
            return
        if loop is not self._loop and self.post(self.arm):
            return
        if loop is not None:
            self._loop = self._scheduled = loop
            loop.call_soon(self._drain)

    def elsewhere(self) -> asyncio.AbstractEventLoop | None:
        """The engine's loop if it runs in another thread than the caller's, else None."""
        loop = self._loop
        if loop is None or asyncio._get_running_loop() is loop or not loop.is_running():
            return None
        return loop

    def post(self, call: Callable[..., object], *arguments: object) -> bool:
        """Have the loop make a call at its next turn, if it runs in another thread than this.

        Returns:
            Whether it does; else it is for the caller to make the call.
        """
        loop = self.elsewhere()
        if loop is not None:
            with suppress(RuntimeError):  # it has ended meanwhile
                loop.call_soon_threadsafe(call, *arguments)
                return True
        return False

    def carry(self, call: Callable[[], object]) -> bool:
        """`post`, and return once it is done; raises what the call raises. See `Ferry`."""
        loop = self.elsewhere()
        if loop is None:
            return False
        self._ferry.carry(loop, call)
        return True

    @property
    def stranded(self) -> Runnable | None:
        """A node that is queued while nothing is going to drain the queue; else None."""
        if self.draining or (self._scheduled is not None and not self._scheduled.is_closed()):
            return None
        return next(iter(tuple(self.ready)), None)

    def spawn(self, node: Runnable, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run `work` of `node` as a task that knows whose it is."""
        loop = self._loop or asyncio.get_running_loop()
        outside = _in_task.set(node)  # for the context that the task takes a copy of
        try:
            task = loop.create_task(work, name=f"node {node.name}")
        finally:
            _in_task.reset(outside)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def submit(
        self,
        node: Runnable,
        call: Callable[[], Any],
        done: Callable[[Any, BaseException | None], None],
    ) -> None:
        """Run `call` in a daemon thread; `done(result, error)` is called on the loop."""
        loop = self._loop or asyncio.get_running_loop()
        context = copy_context()
        context.run(_in_task.set, node)
        _threads.submit(_Job(call, context, loop, done))

    def current(self) -> Runnable | None:
        """The node whose function is executing in the caller's context, else None."""
        return self.inline if self.draining else _in_task.get()

    async def aclose(self) -> None:
        """Forget the queue and end the tasks."""
        self.ready.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drain_now(self) -> None:
        """Run what is queued in the caller's own turn of the loop.

        Spares an awaiter two turns. Not where this turn has lasted a slice already: the loop has
        to stay live, and whoever awaits in a tight loop would never let it go.
        """
        if not self.ready or self.draining or perf_counter() >= self._turn_ends:
            return
        if asyncio._get_running_loop() is self._loop:
            self._run_ready()

    def drain_here(self) -> None:
        """Run what is queued at once, for as long as one drain may last."""
        if self.ready and not self.draining and asyncio._get_running_loop() is self._loop:
            self._turn_ends = perf_counter() + SLICE_S
            self._run_ready()

    def _drain(self) -> None:
        self._scheduled = None
        self._turn_ends = perf_counter() + SLICE_S
        self._run_ready()
        if self.ready:
            self.arm()

    def _run_ready(self) -> None:
        """Execute until nothing is ready or the slice is over."""
        ready, end = self.ready, self._turn_ends
        self.draining = True
        now = perf_counter()
        if now - self._cpu_read[1] > SLICE_S:
            self._cpu_read = (time.thread_time(), now)
        try:
            while ready and now < end:
                node = self.inline = ready.popleft()
                function, args, began = node._plain, node._args, now
                if function is None or node._phase != QUEUED or args.__class__ is not tuple:
                    node.execute(now)
                    now = perf_counter()
                    if node._errand is not None:
                        continue
                else:
                    # A plain node (see `Triggered._choose_way`): `Executable.execute`, written
                    # out for a function that is called by position in this very turn.
                    node._phase = RUNNING
                    node._began = now
                    if node.listeners is not None:
                        node.tell_plainly("triggerstart")
                    try:
                        result = function(*args) if node._only is None else function(args[0])
                    except BaseException as error:  # a KeyboardInterrupt too is the node's
                        if node._phase == RUNNING:
                            node.end_failed(error)
                    else:
                        wave = node._wave
                        kind = result.__class__
                        if node._phase != RUNNING or wave is None:
                            pass  # given up from within
                        elif result != result if kind is float else kind is Judged:
                            node._end_ok(result)  # NaN, or worth less than what was taken
                        else:
                            # `Executable._end_ok`, for one output and without an aftermath;
                            # of it `NodeOutput.emit`.
                            if result is not None or node.returns_none:
                                output: Outlet = node._single  # type: ignore[assignment]
                                output._value = result
                                output.wave = wave
                                output.quality = "ok"
                                if node.changes is not None:
                                    node.changes.note_port(output)
                                if output._edges:
                                    if output.shares:
                                        result = shared(result)
                                    self._pass_on(output._edges, result, wave)
                            # `Executable._end`: nothing of it is elsewhere, no backlog waits.
                            node._error = None
                            node.runs += 1
                            node._phase = IDLE
                            node._wave = None
                            if (
                                node._later
                                or node.changes is not None
                                or node.listeners is not None
                            ):
                                node.end_heard(wave)
                            else:  # `Wave.leave`
                                active = wave.active
                                active.discard(node)
                                if not active or wave.waiting:
                                    wave.look_again(node)
                                elif wave.watchers:
                                    wave.wake()
                    now = perf_counter()
                node.took_s = took = now - began
                if took > SLOW_CPU_S or node._pace is not None:
                    node.took_inline(took, self._cpu_lately)
        finally:
            self.draining = False
            self.inline = None

    def _pass_on(
        self, edges: Sequence[tuple[Inlet, Convert | None]], value: Any, wave: Wave
    ) -> None:
        """Hand a value to inputs; those of plain nodes that are idle queue them at once.

        What `NodeOutput.emit` does with its edges. An input that is `straight` belongs to a plain
        node of this engine as its only parameter, so that the whole way from `NodeInput.receive`
        over `Triggered.request` and `run_in_wave` to `_trigger` comes to these assignments.
        """
        passes = wave.cancelled is None and value is not NoValue
        args = (value,)
        enter, queue = wave.active.add, self.ready.append
        for inp, convert in edges:
            target = inp.node
            if convert is None and inp.straight is self and passes and not target._phase:
                inp._value = value
                inp.wave = target.asked = target._wave = wave
                inp.quality = "ok"
                inp.applied = True
                target._phase = QUEUED
                target._args = args
                enter(target)
                queue(target)
                if target.changes is not None:
                    target.changes.note_port(inp)
            else:
                if convert is None:
                    inp.receive(value, wave)
                else:
                    push(inp, convert, value, wave, "ok")
                passes = wave.cancelled is None and value is not NoValue

    def _cpu_lately(self) -> float:
        """Thread time since it was last looked at: at most a slice more than the last call's."""
        return time.thread_time() - self._cpu_read[0]


class _Job:
    """One function call for a thread."""

    __slots__ = ("call", "context", "done", "loop")

    def __init__(
        self,
        call: Callable[[], Any],
        context: Context,
        loop: asyncio.AbstractEventLoop,
        done: Callable[[Any, BaseException | None], None],
    ) -> None:
        self.call, self.context, self.loop, self.done = call, context, loop, done

    def run(self) -> None:
        result, error = None, None
        try:
            result = self.context.run(self.call)
        except BaseException as raised:  # a thread must outlive whatever a function raises
            error = raised
        with suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
            self.loop.call_soon_threadsafe(self.done, result, error)


class _DaemonThreads:
    """As many daemon threads as are busy at once, at most MAX_THREADS, kept for reuse."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._unclaimed = 0  # jobs submitted and not ended: more than threads means grow

    def submit(self, job: _Job) -> None:
        with self._lock:
            self._unclaimed += 1
            grow = self._unclaimed > self._threads and self._threads < MAX_THREADS
            self._threads += grow
        self._jobs.put(job)
        if grow:
            threading.Thread(target=self._serve, name="funcnodes node", daemon=True).start()

    def _serve(self) -> None:
        while True:
            self._jobs.get().run()
            with self._lock:
                self._unclaimed -= 1


_threads = _DaemonThreads()
_default = Engine()


def default_engine() -> Engine:
    """The engine of nodes that belong to no nodespace."""
    return _default
