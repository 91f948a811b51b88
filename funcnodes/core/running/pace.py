"""Pace: whether a function holds the event loop for so long that it belongs into threads (T12)."""

from collections.abc import Callable

SLOW_CPU_S = 0.020  # thread time from which a call counts as slow
SLOW_WALL_S = 0.100  # a function that sleeps uses no thread time, but holds the loop all the same
SLOW_CALLS = (3, 5)  # so many of so many


class Pace:
    """The last few inline calls of one node, from the first slow one on.

    Kept until five calls have been looked at, of which fewer than three were slow; a node without
    one is quick, which is all that the engine asks.
    """

    __slots__ = ("_calls", "_slow")

    def __init__(self) -> None:
        self._calls = self._slow = 0

    def note(self, took_s: float, cpu_s: Callable[[], float]) -> None:
        """One more call.

        Args:
            took_s: How long it held the loop.
            cpu_s: Thread time lately, at least that of the call; asked once.
        """
        self._calls += 1
        self._slow += min(took_s, cpu_s()) > SLOW_CPU_S or took_s > SLOW_WALL_S

    @property
    def is_slow(self) -> bool:
        """Whether the function belongs into threads."""
        return self._slow >= SLOW_CALLS[0]

    @property
    def is_over(self) -> bool:
        """Whether it has been looked at for long enough."""
        return self._calls >= SLOW_CALLS[1]
