"""Commands that come too late are not done: no clock of another machine has to be right for that.

Each hop knows the next one's clock from what that last told of it. A message takes time, so such
an estimate is behind the clock itself, never ahead: whatever is held on its way, a process that
was stopped included, is found late at the end of it, and at worst a little too early.
"""

import math
import time
from collections import deque
from collections.abc import Callable

from funcnodes.errors import RefusedError
from funcnodes.workers import schema

KEPT = 5
"""Times told of a clock that are looked at: enough for one that came quickly, too few to drift."""


class TooLate(RefusedError):
    """A command was held on its way; it was not done."""


class PeerClock:
    """Another process's clock, as it is known here."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._offsets: deque[float] = deque(maxlen=KEPT)

    def heard(self, clock_s: float) -> None:
        """It has told its time."""
        self._offsets.append(clock_s - self._clock())

    def forget(self) -> None:
        """Another process is at the other end now."""
        self._offsets.clear()

    def at(self, here_s: float) -> float | None:
        """The other's time at `here_s` of our own; None where that is endless or not known."""
        if not self._offsets or math.isinf(here_s):
            return None
        return here_s + max(self._offsets)


def until_s(body: schema.WorkerCommand, sent_s: float | None, now_s: float) -> float:
    """Until when, by our own clock, a command is good that was sent then; `inf` for ever."""
    return (now_s if sent_s is None else min(sent_s, now_s)) + body.good_for_s


def check_in_time(body: schema.WorkerCommand, expires_s: float | None, now_s: float) -> None:
    """Let a command pass that is still good.

    Raises:
        TooLate: It is not.
    """
    if expires_s is None or now_s <= expires_s:
        return
    late_s = now_s - expires_s + body.good_for_s
    raise TooLate(
        f"This came {late_s:.1f} s after it was sent: too late, so it was not done.",
        hint="Do it again if it is still wanted.",
        late_s=round(late_s, 3),
    )
