"""Functions in processes of their own: a crash, or running out of memory, ends one call only.

Processes are started fresh (nothing is forked), kept for the next call, and ended when idle; one
call at a time runs in each. A function is named by its module and node id and looked up there,
since a decorated function does not pickle (T13); so a node that needs its nodespace, its edges or
its device stays out of them. Giving a call up kills its process at once (T10). They end with the
process that started them, however that ends, and keep no interpreter from exiting.

Arguments and results travel by pickle: both ends are the same user's, start from the same code,
and talk over a socket pair that nobody else can reach. What comes from files never does.
"""

import asyncio
import atexit
import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, ClassVar, Protocol

from funcnodes.errors import NodeProcessError

SERVES = "funcnodes.core.nodes.serving"  # what a process runs: it knows nodes, which we do not
IDLE_S = 30.0  # after which a process that has nothing to do is ended
END_S = 2.0  # how long a process may take to end by itself

Done = Callable[[Any, BaseException | None], None]
Report = Callable[[float, float | None, str], None]


class Portable(Protocol):
    """A node whose function can be found by its class's module and node id."""

    node_id: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Call:
    """What a process is asked to do.

    Attributes:
        module: Where the node class is found.
        file: The module's file, for one that is not on the path, or "".
        arguments: By position or by name, as the node takes them.
    """

    module: str
    file: str
    node_id: str
    arguments: Any


class Job:
    """One call, from being queued to its end; `report` and `done` are called on the loop."""

    def __init__(
        self, call: Call, loop: asyncio.AbstractEventLoop, report: Report, done: Done
    ) -> None:
        self.call = call
        self._loop = loop
        self._report = report
        self._done = done
        self._lock = threading.Lock()
        self._cancelled = False
        self._child: Child | None = None

    def cancel(self) -> None:
        """Give it up: it never begins, or its process is killed. Its result is not told."""
        with self._lock:
            self._cancelled = True
            if self._child is not None:
                self._child.kill()

    @property
    def is_cancelled(self) -> bool:
        """Whether it was given up."""
        return self._cancelled

    def begin(self, child: "Child") -> bool:
        """It is about to run in `child`; False if it was given up meanwhile."""
        with self._lock:
            self._child = None if self._cancelled else child
        return not self._cancelled

    def end(self, result: Any, error: BaseException | None) -> None:
        """Tell what came of it, unless it was given up."""
        with self._lock:
            self._child = None  # from now on it is somebody else's
        if not self._cancelled:
            self._tell(self._done, result, error)

    def report(self, done: float, total: float | None, text: str) -> None:
        self._tell(self._report, done, total, text)

    def _tell(self, callback: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(callback, *arguments)


class ProcessPool:
    """As many processes as are busy at once, at most `limit`.

    Args:
        limit: Processes; as many as the machine has processors by default, two at least.
        idle_s: A process is ended after so many seconds without a call.
    """

    def __init__(self, *, limit: int | None = None, idle_s: float = IDLE_S) -> None:
        self._limit = limit or max(2, os.cpu_count() or 1)
        self._idle_s = idle_s
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._owners = 0
        self._idle = 0
        self._children: set[Child] = set()

    @property
    def pids(self) -> list[int]:
        """The processes that are alive."""
        with self._changed:
            return [child.pid for child in self._children]

    def submit(self, job: Job) -> None:
        """Run it as soon as a process is free."""
        with self._changed:
            self._jobs.append(job)
            if len(self._jobs) <= self._idle or self._owners >= self._limit:
                self._changed.notify()
                return
            if not self._owners:
                atexit.unregister(self.kill)
                atexit.register(self.kill)
            self._owners += 1
        threading.Thread(target=self._own, name="funcnodes process", daemon=True).start()

    def kill(self) -> None:
        """End every process now."""
        with self._changed:
            children = list(self._children)
        for child in children:
            child.kill()
            child.reap()

    def _own(self) -> None:
        """The thread of one process: call after call, until there has been none for a while."""
        child: Child | None = None
        while (job := self._next()) is not None:
            if child is None:
                child = self._started(job)
            while child is not None and not child.run(job):
                self._forget(child)
                child = self._started(job) if child.is_unbegun else None
        if child is not None:
            child.close()
            self._forget(child)

    def _next(self) -> Job | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._jobs, self._idle_s)
            self._idle -= 1
            if self._jobs:
                return self._jobs.popleft()
            self._owners -= 1
            return None

    def _started(self, job: Job) -> "Child | None":
        try:
            child = Child()
        except OSError as error:
            job.end(None, NodeProcessError(f"No process could be started: {error.strerror}."))
            return None
        with self._changed:
            self._children.add(child)
        return child

    def _forget(self, child: "Child") -> None:
        with self._changed:
            self._children.discard(child)


class Child:
    """A process, seen from the one that started it."""

    def __init__(self) -> None:
        here, there = socket.socketpair()
        with there:
            code = (
                f"import sys; sys.path[:] = {[p for p in sys.path if isinstance(p, str)]!r}\n"
                f"from {SERVES} import serve; serve({there.fileno()})"
            )
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                pass_fds=[there.fileno()],
                start_new_session=True,  # Ctrl-C is for the one that started it
            )
        self._connection = Connection(here.detach())
        self._calls = 0
        self._has_begun = False
        self.is_unbegun = False  # it was gone before the last call began: another may have it

    @property
    def pid(self) -> int:
        return self._process.pid

    def run(self, job: Job) -> bool:
        """Carry one call out; False if the process is gone after it.

        One that had been killed while it was idle is no fault of the call: see `is_unbegun`.
        """
        has_served, self._has_begun = self._calls > 0, False
        self._calls += 1
        if not job.begin(self):
            return True
        try:
            request = pickle.dumps(job.call, protocol=5)
        except Exception as error:  # somebody else's class: anything can happen
            job.end(None, NodeProcessError(f"An argument cannot be sent to a process: {error}"))
            return True
        try:
            self._connection.send_bytes(request)
            answer = self._answer(job)
        except (EOFError, OSError):
            self.is_unbegun = has_served and not self._has_begun and not job.is_cancelled
            death = self._death()
            if not self.is_unbegun:
                job.end(None, death)
            return False
        job.end(*answer)
        return True

    def kill(self) -> None:
        """End it at once, and what it has started."""
        if self._process.returncode is None:  # else its number may be somebody else's by now
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let it end, as it does when nobody can ask it any more."""
        self._connection.close()
        self.reap()

    def reap(self) -> int:
        """Wait for its end; returns the exit code, a signal as negative number."""
        try:
            return self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()

    def _answer(self, job: Job) -> tuple[Any, BaseException | None]:
        while True:
            data = self._connection.recv_bytes()
            try:
                kind, content = pickle.loads(data)
            except Exception as error:  # of a class that cannot be made here
                return None, NodeProcessError(f"The result cannot be read here: {error}")
            if kind == "begun":
                self._has_begun = True
            elif kind == "progress":
                job.report(*content)
            elif kind == "result":
                return content, None
            else:
                return None, content

    def _death(self) -> NodeProcessError:
        self._connection.close()
        code = self.reap()
        if code >= 0:
            return NodeProcessError(f"Its process ended with exit code {code}.", exit_code=code)
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "a signal"
        hint = "It may have run out of memory." if -code == signal.SIGKILL else ""
        return NodeProcessError(
            f"Its process was ended by {name} (signal {-code}).", hint=hint, signal=-code
        )


_pool = ProcessPool()


def submit(
    node: Portable,
    arguments: Any,
    report: Report,
    done: Done,
    *,
    pool: ProcessPool | None = None,
) -> Job:
    """Call the function of `node` in a process.

    Args:
        arguments: By position or by name, as the node's `func` takes them.
        report: Called on the running loop with what the function reports.
        done: Called on it with the result or the error.
    """
    kind = type(node)
    file = getattr(sys.modules.get(kind.__module__), "__file__", None) or ""
    call = Call(kind.__module__, os.path.abspath(file) if file else "", kind.node_id, arguments)
    job = Job(call, asyncio.get_running_loop(), report, done)
    (pool or _pool).submit(job)
    return job
