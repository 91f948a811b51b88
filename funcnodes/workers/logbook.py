"""The worker's log as people see it: the newest lines in memory, every line to browsers.

Lines come from nodes, devices, runs and from Python's logging (warnings and worse), from any
thread.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable

from funcnodes.core import clock
from funcnodes.devices.estop.safetylog import SAID, SafetyEvent, SafetyKind
from funcnodes.runs.records import LogLevel
from funcnodes.workers import schema

LINES_KEPT = 500
TEXT_LENGTH = 2000
_LEVELS: dict[SafetyKind, LogLevel] = {
    "estop": "error", "stopped": "warning", "reset": "warning", "refused": "warning",
    "interlock": "error", "parked": "info", "guardian": "error", "death": "error",
}  # fmt: skip
_SOURCES: dict[SafetyKind, str] = {
    "estop": "E-STOP", "reset": "E-STOP", "interlock": "interlock", "guardian": "guardian",
}  # fmt: skip


class Logbook(logging.Handler):
    """Collects lines and hands each on, on the loop.

    Args:
        tell: Called with each line.
    """

    def __init__(self, tell: Callable[[schema.LogLine], None]) -> None:
        super().__init__(logging.WARNING)
        self.lines: deque[schema.LogLine] = deque(maxlen=LINES_KEPT)
        self._tell = tell
        self._loop = asyncio.get_running_loop()

    def add(
        self,
        level: LogLevel,
        source: str,
        text: str,
        *,
        t: float | None = None,
        safety: bool = False,
    ) -> None:
        """Add a line; on the loop only."""
        when = clock.now() if t is None else t
        line = schema.LogLine(
            t=when, level=level, source=source, text=text[:TEXT_LENGTH], safety=safety
        )
        self.lines.append(line)
        self._tell(line)

    def add_event(self, event: SafetyEvent) -> None:
        """A line of the safety log, from any thread."""
        source = event.device or _SOURCES.get(event.kind, "worker")
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(
                lambda: self.add(_LEVELS[event.kind], source, event.text, t=event.t, safety=True)
            )

    def emit(self, record: logging.LogRecord) -> None:
        """A line of Python's logging, from any thread; of what is in the safety log, nothing."""
        if getattr(record, next(iter(SAID)), False):
            return
        level: LogLevel = "error" if record.levelno >= logging.ERROR else "warning"
        text, source = record.getMessage(), record.name.removeprefix("funcnodes.")
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            text = f"{text}: {type(error).__name__}: {error}"
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self.add, level, source, text)
