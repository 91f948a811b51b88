"""The worker's end of the pipes to its guardian: starts it, beats, tells the plan, ends it.

Guarantees that there is a guardian which reads while there is something to guard: one that has
died, or answers nothing for 3 s, is replaced. The old one is killed before its pipe ends, so that
it can neither take that for the worker's death nor write later, should it go on.
"""

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time

import msgspec

from funcnodes.devices.estop.emergency import Target
from funcnodes.devices.estop.safetylog import SAID, SafetyLog
from funcnodes.workers.guard.guardian import Word
from funcnodes.workers.processes import Process

TURN_S = 0.25
"""From one beat to the next."""
STAND_DOWN_S = 1.0
"""How long a guardian that is not needed any more may take to end by itself."""
DEAF_S = 3.0
"""How long a guardian may leave it open whether it reads."""
BEGIN_S = 15.0
"""The same of one that has only just been started: on a busy machine that takes its time."""
AGAIN_S = 2.0
"""How long after one could not be started another is tried."""
BACKLOG = 100_000  # bytes that wait for a guardian before beats are left out; plans never are

_log = logging.getLogger(__name__)


class GuardianProcess:
    """A guardian, and the pipes to it. From any thread.

    Args:
        log: Where it is noted what a guardian does, and when one had to be replaced.
    """

    def __init__(self, log: SafetyLog) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._plan: list[Target] = []
        self._done = False
        self._unsent = b""
        self._patience_s = BEGIN_S
        self._again_at = 0.0
        self._unanswered: float | None = None  # since when the oldest word waits for its answer

    def plan(self, targets: list[Target]) -> None:
        """Tell the guardian what to write where; starts it when there is something to guard."""
        with self._lock:
            if targets == self._plan:
                return
            self._plan = targets
            if self._process is None and targets and not self._done:
                why = self._start()
            else:
                why = self._say(Word(targets=targets))
        if why:
            self._tell(why)

    def beat(self) -> None:
        """The worker lives. Starts another guardian where one has died, or does not read."""
        with self._lock:
            if self._done or (self._process is None and not self._plan):
                return
            why = self._kept_alive()
        if why:
            self._tell(why)

    def _kept_alive(self) -> str:
        """What had to be done for it, or ""."""
        if self._process is None:
            return self._start() if time.monotonic() >= self._again_at else ""
        self._hear()
        why = self._trouble(self._process)
        if not why:
            return self._say(Word())
        self._end_now(self._process)
        return self._start() or f"The guardian {why} and was replaced."

    def stand_down(self) -> None:
        """The worker ends in order: nothing is to be written."""
        with self._lock:
            self._done = True
            if self._process is None:
                return
            self._say(Word(stand_down=True))
            process = self._process
            if self._unsent:  # it has not heard that; the end of its pipe would be our death
                process.kill()
            self._close()
            try:
                process.wait(STAND_DOWN_S)
            except subprocess.TimeoutExpired:  # busy machine: it would do nothing any more
                process.kill()
                process.wait()

    def _tell(self, text: str) -> None:
        self._log.note("guardian", text)
        _log.warning(text, extra=SAID)

    def _trouble(self, process: "subprocess.Popen[bytes]") -> str:
        """Why it is of no use any more, or ""."""
        if process.poll() is not None:
            return "has died"
        if self._unanswered is not None and time.monotonic() - self._unanswered > self._patience_s:
            return f"has not read for {self._patience_s:g} s"
        return ""

    def _end_now(self, process: "subprocess.Popen[bytes]") -> None:
        """Killed first: frozen, it would take the end of its pipe for the worker's death."""
        process.kill()
        self._close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STAND_DOWN_S)

    def _start(self) -> str:
        """Why there is none now, or ""."""
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "funcnodes.workers.guard.guardian"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:  # no memory, no processes left
            self._again_at = time.monotonic() + AGAIN_S
            return f"There is no guardian, since none can be started: {error.strerror or error}."
        assert self._process.stdin is not None, "it was asked for"
        assert self._process.stdout is not None, "it was asked for"
        os.set_blocking(self._process.stdin.fileno(), False)
        os.set_blocking(self._process.stdout.fileno(), False)
        self._unsent, self._unanswered, self._patience_s = b"", None, BEGIN_S
        mine = Process.mine()
        folder = str(self._log.folder or "")
        return self._say(Word(pid=mine.pid, started=mine.started, targets=self._plan, log=folder))

    def _say(self, word: Word) -> str:
        """Write as much as the pipe takes; the rest goes before the next word. Nothing to tell."""
        process = self._process
        if process is None or process.stdin is None:
            return ""
        if self._unanswered is None:
            self._unanswered = time.monotonic()
        if len(self._unsent) < BACKLOG or word != Word():
            self._unsent += msgspec.json.encode(word) + b"\n"
        with contextlib.suppress(OSError):  # it has died, or does not read: see `beat`
            while self._unsent:
                self._unsent = self._unsent[os.write(process.stdin.fileno(), self._unsent) :]
        return ""

    def _hear(self) -> None:
        """Its answers: whatever it was that it read, it reads."""
        process = self._process
        if process is None or process.stdout is None:
            return
        with contextlib.suppress(OSError):  # nothing, just now
            while os.read(process.stdout.fileno(), 4096):
                self._unanswered, self._patience_s = None, DEAF_S

    def _close(self) -> None:
        process, self._process = self._process, None
        for pipe in (process.stdin, process.stdout) if process is not None else ():
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
