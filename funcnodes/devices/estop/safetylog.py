"""What was done for safety's sake, and by whom: one line of JSON for each event, kept for good.

    logs/safety.log  safety.log.1 … safety.log.3      the newest first, 4 MB in all

Several processes write to the log of one worker: itself, its guardian, its manager, the command
line. Guarantees that noting something neither raises nor waits: a thread of its own brings it to
disk, a moment later, since outputs come first (S3a). What a full disk does not take is said, and
written once there is room again.
"""

import atexit
import contextlib
import fcntl
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from funcnodes.core import clock
from funcnodes.core.events import unsubscriber
from funcnodes.settings import private_dir

SafetyKind = Literal[
    "estop", "stopped", "reset", "refused", "interlock", "parked", "guardian", "death"
]
"""An E-STOP, what became of a device by it, a reset, a switch-on or reset that was refused, an
interlock that tripped, a device brought down without one, what a guardian or a manager did, an end
out of order."""

NAME = "safety.log"
LOG_BYTES = 1_000_000
KEPT = 3
SOON_S = 0.05
WAITING = 1000  # events that wait for room on disk at most
FLUSH_S = 1.0

SAID = {"is_in_safety_log": True}
"""`extra` of a line of Python's logging about what is noted here, too."""

_log = logging.getLogger(__name__)
_unwritten: "weakref.WeakSet[SafetyLog]" = weakref.WeakSet()


class SafetyEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event, as its line says."""

    t: float
    """Seconds since the epoch."""
    kind: SafetyKind
    text: str
    """A sentence for people."""
    by: str = ""
    device: str = ""
    pid: int = 0
    """The process that noted it."""


class SafetyLog:
    """The safety log of a worker, as one process writes it.

    Args:
        folder: Where it is kept; None keeps nothing, and listeners hear of it all the same.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._listeners: list[Callable[[SafetyEvent], None]] = []
        self._waiting: deque[SafetyEvent] = deque(maxlen=WAITING)
        self._lock = threading.Lock()
        self._written = threading.Event()
        self._written.set()
        self._thread: threading.Thread | None = None
        self._is_failing = False

    def on_event(self, callback: Callable[[SafetyEvent], None]) -> Callable[[], None]:
        """Call `callback` with each event of this process, in its thread; returns what ends it."""
        return unsubscriber(self._listeners, callback)

    def note(self, kind: SafetyKind, text: str, *, by: str = "", device: str = "") -> None:
        """Note an event; from any thread. Never raises, waits for nothing."""
        event = SafetyEvent(
            t=clock.now(), kind=kind, text=text, by=by, device=device, pid=os.getpid()
        )
        if self.folder is not None:
            with self._lock:
                self._waiting.append(event)
                self._written.clear()
                _unwritten.add(self)
                self._begin()
        for callback in tuple(self._listeners):
            try:
                callback(event)
            except Exception:  # whoever listens must not be in the way of an E-STOP
                _log.exception("A listener to the safety log failed")

    def flush(self, within_s: float = FLUSH_S) -> bool:
        """Have it on disk by now. Returns whether it is."""
        with self._lock:
            if self._waiting:
                self._begin()
        return self._written.wait(within_s) and not self._waiting

    def _begin(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._write, daemon=True, name="safety log")
            with contextlib.suppress(RuntimeError):  # no more threads: with the next event
                thread.start()
                self._thread = thread

    def _write(self) -> None:
        time.sleep(SOON_S)
        while True:
            with self._lock:
                event = self._waiting[0] if self._waiting else None
                if event is None or self.folder is None:
                    self._thread = None
                    self._written.set()
                    return
            try:
                append(self.folder, event)
            except OSError as error:
                self._failed(error)
                return
            self._is_failing = False
            with self._lock:
                if self._waiting and self._waiting[0] is event:
                    self._waiting.popleft()

    def _failed(self, error: OSError) -> None:
        with self._lock:
            self._thread = None
            self._written.set()  # nobody need wait for it
        if not self._is_failing:
            self._is_failing = True
            _log.error("The safety log is not kept on disk: %s.", error.strerror or error)


def append(folder: Path, event: SafetyEvent) -> None:
    """Write one line, and see that it outlives a loss of power.

    Raises:
        OSError: It cannot be written.
    """
    path = private_dir(folder) / NAME
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        line = (b"\n" if torn else b"") + msgspec.json.encode(event) + b"\n"
        if os.write(descriptor, line) < len(line):
            raise OSError(28, "No space left on device", str(path))
        os.fsync(descriptor)
        if size > LOG_BYTES:
            _rotate(path, descriptor)
    finally:
        os.close(descriptor)


def read(folder: Path, lines: int = 200) -> list[SafetyEvent]:
    """The newest events, oldest first, also of rotated files where they are needed."""
    found: list[SafetyEvent] = []
    for number in range(KEPT + 1):
        if len(found) >= lines:
            break
        found = _read(folder / (f"{NAME}.{number}" if number else NAME)) + found
    return found[-lines:] if lines else []


def _read(path: Path) -> list[SafetyEvent]:
    try:
        data = path.read_bytes()
    except OSError:
        return []
    found = []
    for line in data.splitlines():
        with contextlib.suppress(msgspec.DecodeError):  # torn by a full disk, or of a later version
            found.append(msgspec.json.decode(line, type=SafetyEvent))
    return found


def _rotate(path: Path, descriptor: int) -> None:
    """Put the file aside, unless another process is at it or has done so."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino != path.stat().st_ino:
            return
        for number in range(KEPT, 0, -1):
            newer = path.with_name(f"{NAME}.{number - 1}") if number > 1 else path
            with contextlib.suppress(FileNotFoundError):
                newer.replace(path.with_name(f"{NAME}.{number}"))
    except OSError:
        return


@atexit.register
def _flush_all() -> None:
    until = time.monotonic() + FLUSH_S
    for each in list(_unwritten):
        each.flush(max(0.0, until - time.monotonic()))
