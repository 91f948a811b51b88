"""Processes by pid *and* start time, so that a pid used again is never mistaken for the old one.

Watching works for children and for processes somebody else started, without a thread.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POLL_S = 0.1
_PROC = Path("/proc/self/stat")


@dataclass(frozen=True, slots=True)
class Process:
    """One process, for as long as it lives.

    Attributes:
        started: When it started, in whatever the system tells it by; compared, never computed.
    """

    pid: int
    started: str

    @classmethod
    def mine(cls) -> "Process":
        return cls(os.getpid(), start_time(os.getpid()) or "")

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """The living process with this pid, or None."""
        started = start_time(pid)
        return cls(pid, started) if started else None

    @classmethod
    def from_saved(cls, saved: dict[str, Any]) -> "Process | None":
        """The process that a file names, if it still lives."""
        pid, started = saved.get("pid"), saved.get("started")
        if not isinstance(pid, int) or not isinstance(started, str) or pid <= 0:
            return None
        process = cls(pid, started)
        return process if process.alive() else None

    def to_saved(self) -> dict[str, Any]:
        return {"pid": self.pid, "started": self.started}

    def alive(self) -> bool:
        return start_time(self.pid) == self.started

    def send(self, number: signal.Signals) -> bool:
        """Send a signal. Returns whether the process was there to get it."""
        if not self.alive():
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
            return True
        return False

    async def ended(self) -> None:
        """Return once the process has ended (a zombie counts as ended)."""
        while self.alive():
            await asyncio.sleep(POLL_S)

    def gone_within(self, seconds: float) -> bool:
        """Wait for its end, in this thread. Returns whether it has ended."""
        until = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() >= until:
                return False
            time.sleep(POLL_S / 5)
        return True


def start_time(pid: int) -> str | None:
    """What the system says of when `pid` started; None where it does not run (any more)."""
    return _linux_start_time(pid) if _PROC.is_file() else _ps_start_time(pid)


def _linux_start_time(pid: int) -> str | None:
    """Field 22 of /proc/<pid>/stat (ticks since boot); state Z or X counts as gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _ps_start_time(pid: int) -> str | None:
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = shown.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None
