"""A worker's log file: written by its process, rotated while that runs, read by the command line.

    logs/worker.log  worker.log.1 … worker.log.3      the newest first

Whatever the process prints, its tracebacks and those of the interpreter itself go there, too.
Guarantees that a log takes 20 MB of disk at most, give or take a second of printing.
"""

import contextlib
import faulthandler
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TextIO

NAME = "worker.log"
LOG_BYTES = 5_000_000
KEPT = 3
CHECK_S = 1.0
FOLLOW_S = 0.2
WORDS = 1800
BEGINS = "──── process"
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_CHUNK = 65536


def open_log(folder: Path) -> int:
    """A descriptor that appends to the log; for the process that is being started."""
    path = folder / NAME
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


class LogFile:
    """The log of this process, from `begin` on.

    A process whose output goes there already (it was started so) is redirected whenever the file
    is rotated; one in a terminal writes its log to both.
    """

    def __init__(self, folder: Path, *, limit: int = LOG_BYTES) -> None:
        self.path = folder / NAME
        self._folder = folder
        self._limit = limit
        self._descriptor = open_log(folder)
        self._redirected = [n for n in (1, 2) if _is_same(n, self._descriptor)]

    def begin(self, about: str) -> None:
        """Say that a process begins; log to the file from now on, and see that it stays small."""
        self.write(f"{BEGINS} {os.getpid()}, {about}\n")
        handlers: list[logging.Handler] = [_Through(self)]
        if 2 not in self._redirected:
            handlers.append(logging.StreamHandler())
            self._take_tracebacks()
        logging.basicConfig(level=logging.WARNING, format=FORMAT, handlers=handlers, force=True)
        faulthandler.enable(self._descriptor)
        threading.Thread(target=self._watch, daemon=True, name="log").start()

    def _take_tracebacks(self) -> None:
        shown, in_thread = sys.excepthook, threading.excepthook

        def take(
            kind: type[BaseException], error: BaseException, trace: TracebackType | None
        ) -> None:
            self.write("".join(traceback.format_exception(kind, error, trace)))
            shown(kind, error, trace)

        def take_in_thread(args: threading.ExceptHookArgs) -> None:
            if args.exc_value is not None:
                self.write("".join(traceback.format_exception(args.exc_value)))
            in_thread(args)

        sys.excepthook, threading.excepthook = take, take_in_thread

    def write(self, text: str) -> None:
        """Append text; from any thread."""
        with contextlib.suppress(OSError):
            os.write(self._descriptor, text.encode("utf-8", "replace"))

    def rotate(self) -> None:
        """Put the file aside, and go on in a new one; the oldest is dropped."""
        for number in range(KEPT, 0, -1):
            older = self.path.with_name(f"{NAME}.{number}")
            newer = self.path.with_name(f"{NAME}.{number - 1}") if number > 1 else self.path
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)
        fresh = open_log(self._folder)
        for number in (self._descriptor, *self._redirected):
            os.dup2(fresh, number, inheritable=number <= 2)
        os.close(fresh)

    def _watch(self) -> None:
        while True:
            time.sleep(CHECK_S)
            with contextlib.suppress(OSError):
                if os.fstat(self._descriptor).st_size > self._limit:
                    self.rotate()


class _Through(logging.Handler):
    """Python's logging into the file."""

    def __init__(self, log: LogFile) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.write(f"{self.format(record)}\n")


def last_words(folder: Path, *, limit: int = WORDS) -> str:
    """What the process before this one wrote at its end: its traceback, or its last line.

    Call it before `begin`. What is too long loses its middle.
    """
    lines = tail(folder, 400)
    begun = max((n for n, line in enumerate(lines) if line.startswith(BEGINS)), default=-1)
    said = [line for line in lines[begun + 1 :] if line.strip()]
    traces = [n for n, line in enumerate(said) if line.startswith(("Traceback ", "Fatal Python"))]
    words = "\n".join(_essence(said[traces[-1] :]) if traces else said[-1:])
    if len(words) <= limit:
        return words
    return f"{words[: limit // 2]}\n…\n{words[-limit // 2 :]}"


def _essence(trace: list[str]) -> list[str]:
    """Of an interpreter's own trace only the thread that broke it; the others are in the log."""
    heads = [n for n, line in enumerate(trace) if line.startswith(("Thread 0x", "Current thread"))]
    mine = next((n for n in heads if trace[n].startswith("Current thread")), None)
    if mine is None:
        return trace
    end = next((n for n in heads if n > mine), len(trace))
    return [trace[0], *trace[mine:end]]


def tail(folder: Path, lines: int) -> list[str]:
    """The newest lines, oldest first, of rotated files too where they are needed."""
    found: list[str] = []
    for number in range(KEPT + 1):
        if number and len(found) >= lines:
            break
        file = _opened(folder, number)
        if file is not None:
            with file:
                found = file.read().splitlines() + found
    return found[-lines:] if lines else []


def follow(folder: Path, lines: int) -> Iterator[str]:
    """The newest lines, then what is written, as it comes, also past a rotation; ends never."""
    file = _opened(folder)
    if file is not None:
        written = file.read().splitlines(keepends=True)
        older = lines - len(written)
        before = tail(folder, lines)[:older] if older > 0 else []
        yield "".join([*(f"{line}\n" for line in before), *written[-lines:]] if lines else [])
    try:
        while True:
            text = file.read(_CHUNK) if file is not None else ""
            if text:
                yield text
                continue
            newer = _opened(folder)
            if newer is not None and (file is None or not _is_same(newer.fileno(), file.fileno())):
                if file is not None:
                    yield file.read()
                    file.close()
                file = newer
                continue
            if newer is not None:
                newer.close()
            time.sleep(FOLLOW_S)
    finally:
        if file is not None:
            file.close()


def _opened(folder: Path, number: int = 0) -> TextIO | None:
    name = f"{NAME}.{number}" if number else NAME
    try:
        return (folder / name).open(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _is_same(one: int, other: int) -> bool:
    try:
        first, second = os.fstat(one), os.fstat(other)
    except OSError:
        return False
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)
