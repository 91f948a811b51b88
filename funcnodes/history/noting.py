"""What is worth noting of one parameter: changes beyond its deadband, and now and then that it is
as it was.

Guarantees that between two values that are noted nothing was seen beyond the deadband, but within
`least_s`; that an edge is one: the last value before it is noted with its own time; and that what
is noted last is, after `settle`, what was seen last. Knows neither files nor devices.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from funcnodes.core.values import Quality

Plain = float | int | str | None


class Note(NamedTuple):
    """A value at a time.

    Attributes:
        t: Seconds since the epoch.
        value: None where there was no number, or nothing was there to be read.
    """

    t: float
    value: Plain
    quality: Quality = "ok"


@dataclass(slots=True)
class Noting:
    """One parameter.

    Attributes:
        deadband: Change up to which nothing is noted, in its unit.
        every_s: An unchanged value is noted again after so many seconds.
        least_s: Two values are noted at least so many seconds apart, but for an edge's.
    """

    deadband: float = 0.0
    every_s: float = 600.0
    least_s: float = 0.1
    _noted: Note | None = None
    _seen: Note | None = None  # since then, and not noted

    @property
    def is_held(self) -> bool:
        """Whether something changed that came too soon to be noted."""
        return self._seen is not None and self._is_news(self._seen)

    def offer(self, note: Note) -> Iterator[Note]:
        """A value was seen: what of it, and of those before, is to be noted."""
        last, seen = self._noted, self._seen
        if last is None or note.t < last.t:  # the first, or the clock was set back
            yield self._take(note)
        elif not self._is_news(note):
            if note.t - last.t >= self.every_s:
                yield self._take(note)
            else:
                self._seen = note
        elif note.t - last.t < self.least_s:
            self._seen = note
        else:
            if seen is not None and not self._is_news(seen) and last.t < seen.t < note.t:
                yield seen
            yield self._take(note)

    def settle(self, now: float, *, is_end: bool = False) -> Iterator[Note]:
        """Time has passed: what was held is to be noted.

        Args:
            is_end: Nothing more is seen for now; then that it was so until the last look, too.
        """
        seen, last = self._seen, self._noted
        if seen is None or last is None:
            return
        is_news = self._is_news(seen)
        is_due = is_news and not 0 <= now - last.t < self.least_s
        if is_due or (is_end and (is_news or seen.t > last.t)):
            yield self._take(seen)

    def lose(self, now: float) -> Iterator[Note]:
        """From now on nobody knows."""
        yield from self.settle(now, is_end=True)
        last = self._noted
        if last is not None and last.quality != "missing":
            yield self._take(Note(max(now, last.t), None, "missing"))

    def _take(self, note: Note) -> Note:
        self._noted, self._seen = note, None
        return note

    def _is_news(self, note: Note) -> bool:
        last = self._noted
        if last is None or note.quality != last.quality:
            return True
        old, new = last.value, note.value
        if isinstance(old, float | int) and isinstance(new, float | int):
            return old != new and not abs(new - old) <= self.deadband
        return old != new
