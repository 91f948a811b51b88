"""What an instrument says by itself: the newest whole line of each kind, with its time.

Guarantees that only whole lines count, that the newest wins, and that a line which is said by
itself is never the answer to a question. Which lines count is declared (`unasked` in a driver).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from funcnodes.core import clock

LONGEST_LINE = 1 << 12


@dataclass(frozen=True, slots=True)
class Overheard:
    """A line that was said by itself.

    Attributes:
        t: When, in seconds since the epoch.
        since: The same moment on the clock that never steps.
    """

    text: str
    t: float
    since: float


class Ear:
    """Listens for lines of some kinds; see the module's text.

    Attributes:
        is_listening: Whether there are any kinds.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._kinds = [(pattern, re.compile(pattern)) for pattern in patterns]
        self._newest: dict[str, Overheard] = {}
        self.is_listening = bool(patterns)

    def newest(self, pattern: str) -> Overheard | None:
        """The newest line of that kind since `forget`; None where there was none."""
        return self._newest.get(pattern)

    def forget(self) -> None:
        """A new connection begins: what was said on the old one is over."""
        self._newest.clear()

    def takes(self, line: str) -> bool:
        """Take a line if it is of any kind; whether it is."""
        line = line.strip()
        fitting = [pattern for pattern, kind in self._kinds if kind.fullmatch(line)]
        if fitting:
            t, since = clock.both()
            self._newest.update(dict.fromkeys(fitting, Overheard(line, t, since)))
        return bool(fitting)

    def sift(self, data: bytes, end: bytes) -> tuple[bytes, bytes]:
        """Take the whole lines of what came.

        Returns:
            Whole lines of no kind, and what has no end yet.
        """
        *lines, rest = data.split(end) if end else [data]
        strange = [line + end for line in lines if not self.takes(line.decode("latin-1"))]
        return b"".join(strange), rest
