"""What a dry run wrote, in order: loops are told once, with first, last, extremes and count.

A round of writes that is followed by the same round is told as one, however often it comes. So
is a write that follows itself, such as the points of a sweep or the steps of a ramp.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from funcnodes.devices.device.rack import Write

MOST_LINES = 1000  # of a graph whose rounds are never the same; what comes then has no order


@dataclass(slots=True)
class ToldWrite:
    """One or more writes to a member.

    Attributes:
        write: The first of them.
        began: Seconds of the run at the first.
        ended: The same at the last.
        last: What the last set the member to.
        lowest: Of the numbers among them; None where there are none.
    """

    write: Write
    began: float
    ended: float
    last: Any
    lowest: float | None
    highest: float | None
    count: int = 1

    @classmethod
    def of(cls, write: Write, at_s: float) -> "ToldWrite":
        number = number_of(write.value)
        return cls(write, at_s, at_s, write.value, number, number)

    @property
    def key(self) -> tuple[str, str, bool]:
        return (self.write.device, self.write.member, self.write.is_safety)

    def add(self, other: "ToldWrite") -> None:
        """Take later writes to the same member along."""
        self.ended, self.last = other.ended, other.last
        self.count += other.count
        self.lowest = _of(min, self.lowest, other.lowest)
        self.highest = _of(max, self.highest, other.highest)


class WriteLog:
    """Writes as they come; as many lines as the graph has steps, whatever the number of points.

    Attributes:
        count: Writes so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._lines: list[ToldWrite] = []
        self._rest: list[ToldWrite] = []  # may become a further round of what begins at `_start`
        self._start = 0

    def note(self, write: Write, at_s: float) -> None:
        """Something is written, so many seconds after the run began."""
        self.count += 1
        self._take(ToldWrite.of(write, at_s))

    def lines(self) -> list[ToldWrite]:
        """All so far, in order."""
        return [*self._lines, *self._rest]

    def _take(self, line: ToldWrite) -> None:
        if self._rest:
            self._go_on(line)
            return
        start = self._newest(line)
        if start is None:
            self._lines.append(line)
        elif start == len(self._lines) - 1 or len(self._lines) >= MOST_LINES:
            self._lines[start].add(line)
        else:
            self._rest, self._start = [line], start

    def _newest(self, line: ToldWrite) -> int | None:
        """Where the member was written last."""
        places = range(len(self._lines) - 1, -1, -1)
        return next((n for n in places if self._lines[n].key == line.key), None)

    def _go_on(self, line: ToldWrite) -> None:
        """It follows on what may be a further round; where it is none, that is told by itself."""
        round_ = self._lines[self._start :]
        if self._rest[-1].key == line.key:
            self._rest[-1].add(line)
        elif round_[len(self._rest)].key != line.key:
            rest, self._rest = self._rest, []
            self._lines += rest
            self._take(line)
        else:
            self._rest.append(line)
            if len(self._rest) == len(round_):
                for before, again in zip(round_, self._rest, strict=True):
                    before.add(again)
                self._rest = []


def number_of(value: Any) -> float | None:
    """The value where it is a finite number, and no truth value."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def extremes(lines: Iterable[ToldWrite]) -> dict[tuple[str, str], tuple[float, float]]:
    """Lowest and highest number that was written, by device and member."""
    found: dict[tuple[str, str], tuple[float, float]] = {}
    for line in lines:
        if line.lowest is not None and line.highest is not None:
            where = (line.write.device, line.write.member)
            low, high = found.get(where, (line.lowest, line.highest))
            found[where] = (min(low, line.lowest), max(high, line.highest))
    return found


def _of(
    choose: Callable[[float, float], float], one: float | None, other: float | None
) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)
