"""Strict mode: what a client did wrong and a forgiving instrument would let pass.

An instrument tells `not_understood` about each command that it does not know, wherever it is in
the call; it is heard by the station that executes, and goes nowhere otherwise. A station adds what
only it sees: messages that never ended, and replies that nobody took. What a fault has part in is
nobody's mistake.
"""

from collections import deque
from collections.abc import Callable, Generator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

MOST_VIOLATIONS = 1000
LONGEST_SHOWN = 200

Listener = Callable[[str, str, str | None], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


class StrictError(AssertionError):
    """What a strict bench found out, one line for each thing; raised when it closes."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that a client did wrong.

    Attributes:
        device: The instrument it was done to.
        command: The message concerned.
        problem: What was wrong with it.
        nearest: The known command that looks most like it, if any does.
    """

    device: str
    command: str
    problem: str
    nearest: str | None = None

    def __str__(self) -> str:
        hint = "" if self.nearest is None else f"; the nearest known one is {self.nearest}"
        shown = repr(self.command[:LONGEST_SHOWN])
        return f"{self.device}: {shown}: {self.problem}{hint}"


class StrictLog:
    """Everything that was done wrong to the instruments of one bench, oldest first; bounded."""

    def __init__(self) -> None:
        self._violations: deque[Violation] = deque(maxlen=MOST_VIOLATIONS)
        self.count = 0

    def note(self, violation: Violation) -> None:
        self._violations.append(violation)
        self.count += 1

    @property
    def violations(self) -> list[Violation]:
        return list(self._violations)

    def clear(self) -> None:
        """Forgive everything so far."""
        self._violations.clear()
        self.count = 0

    def check(self) -> None:
        """Raise if there was anything.

        Raises:
            StrictError: Names every command concerned.
        """
        if self._violations:
            raise StrictError("\n".join(str(violation) for violation in self._violations))


def not_understood(command: str, problem: str, nearest: str | None = None) -> None:
    """Say that a command means nothing to the instrument that is executing it."""
    listener = _listener.get()
    if listener is not None:
        listener(command, problem, nearest)


def advance(execution: Generator[float, None, T], listener: Listener) -> float:
    """Resume an execution, and hear of every command that it does not understand."""
    token = _listener.set(listener)
    try:
        return next(execution)
    finally:
        _listener.reset(token)
