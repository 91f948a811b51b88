"""The worker's end of the pipe to its guardian: starts it, beats, tells the plan, ends it."""

import contextlib
import os
import subprocess
import sys
import threading

import msgspec

from funcnodes.devices.estop.emergency import Target
from funcnodes.workers.guard.guardian import Word
from funcnodes.workers.processes import Process

TURN_S = 0.25
"""From one beat to the next."""


class GuardianProcess:
    """A guardian, and the pipe to it. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._plan: list[Target] = []
        self._done = False

    def plan(self, targets: list[Target]) -> None:
        """Tell the guardian what to write where; starts it when there is something to guard."""
        with self._lock:
            if targets == self._plan:
                return
            self._plan = targets
            if self._process is None and targets and not self._done:
                self._start()
            else:
                self._say(Word(targets=targets))

    def beat(self) -> None:
        """The worker lives. Starts another guardian where one has died."""
        with self._lock:
            if self._process is None or self._done:
                return
            if self._process.poll() is not None:
                self._close()
                self._start()
            else:
                self._say(Word())

    def stand_down(self) -> None:
        """The worker ends in order: nothing is to be written."""
        with self._lock:
            self._done = True
            if self._process is None:
                return
            self._say(Word(stand_down=True))
            process = self._process
            self._close()
            try:
                process.wait(1.0)
            except subprocess.TimeoutExpired:  # still starting, say: nothing is left for it to do
                process.kill()
                process.wait()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "funcnodes.workers.guard.guardian"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdin is not None, "it was asked for"
        os.set_blocking(self._process.stdin.fileno(), False)
        mine = Process.mine()
        self._say(Word(pid=mine.pid, started=mine.started, targets=self._plan))

    def _say(self, word: Word) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError):  # it has died, or does not read: see `beat`
            os.write(process.stdin.fileno(), msgspec.json.encode(word) + b"\n")

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
