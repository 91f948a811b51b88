"""The one source of time of a simulated bench, so that a test can own it.

Guarantees seconds that never run backwards. Knows no wall clock.
"""

import time
from typing import Protocol

SLOWEST, FASTEST = 0.1, 1000.0  # seconds of a bench per second


class Clock(Protocol):
    """Tells the bench what time it is."""

    def now(self) -> float:
        """Return seconds since an arbitrary origin, never decreasing."""
        ...


class RealClock:
    """The machine's monotonic clock: what benches behind real lines run on."""

    def now(self) -> float:
        return time.monotonic()


class ScaledClock:
    """Bench time that runs faster or slower than the machine's, so that a ramp takes seconds."""

    def __init__(self, scale: float) -> None:
        """Args:
        scale: Seconds of the bench per second, `SLOWEST` to `FASTEST`.
        """
        self._scale = scale
        self._start_s = time.monotonic()

    def now(self) -> float:
        return self._start_s + (time.monotonic() - self._start_s) * self._scale


class ManualClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s

    def now(self) -> float:
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Move time forward.

        Args:
            seconds: How far, 0 or more.

        Raises:
            ValueError: Time was asked to run backwards.
        """
        if not seconds >= 0:
            raise ValueError(f"a clock cannot advance by {seconds} s")
        self._now_s += seconds
