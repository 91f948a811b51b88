"""How long a run may still take: by the points that it has measured, and by schedules.

Honest: nothing is guessed. The time of a point is the mean of the last ones that were taken; before
the first is done it is known only of scans on a schedule. A scan around others takes what those
take. Pauses, and waiting for instruments that are away, count for nothing. What happens once, and
making devices safe in the end, is not in it.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from funcnodes.core import Frame, clock
from funcnodes.runs.plan import Plan

LAST = 64
"""Points of a scan of which the mean is taken."""


class Stopwatch:
    """Seconds of a run, without those in which it was held; by the current clock."""

    def __init__(self) -> None:
        self._began = clock.monotonic()
        self._held_s = 0.0
        self._held_at: float | None = None
        self._holders: set[str] = set()

    def start(self) -> None:
        """Count from now on."""
        self._began, self._held_s = clock.monotonic(), 0.0

    def hold(self, who: str) -> None:
        """Stand still until everybody who held it lets go."""
        self._holders.add(who)
        if self._held_at is None:
            self._held_at = clock.monotonic()

    def let_go(self, who: str) -> None:
        """That one holds it no more. Repeating is harmless."""
        self._holders.discard(who)
        if self._held_at is not None and not self._holders:
            self._held_s += clock.monotonic() - self._held_at
            self._held_at = None

    @property
    def seconds(self) -> float:
        now = self._held_at if self._held_at is not None else clock.monotonic()
        return now - self._began - self._held_s


@dataclass(frozen=True, slots=True)
class TimeToGo:
    """How long something may still take.

    Attributes:
        seconds: None where nobody knows.
        is_most: Whether it may end earlier: it ends when what it looks for is found.
    """

    seconds: float | None
    is_most: bool = False


UNKNOWN = TimeToGo(None)


@dataclass(slots=True)
class _Course:
    """How far a frame has come, and what its points took."""

    wave: Any = None  # of the present execution
    taken: int = 0
    began: float = 0.0  # of the point under way, or of the wait for it
    is_over: bool = False
    lasted: deque[float] = field(default_factory=lambda: deque(maxlen=LAST))

    @property
    def mean_s(self) -> float | None:
        return sum(self.lasted) / len(self.lasted) if self.lasted else None


class Timing:
    """The time of one run."""

    def __init__(self, plan: Plan, watch: Stopwatch) -> None:
        self._watch = watch
        self._outer = plan.outer_frames
        self._inside = {frame: plan.directly_inside(frame) for frame in plan.frames}
        self._around = {frame: plan.around(frame) for frame in plan.frames}
        self._courses = {frame: _Course() for frame in plan.frames}

    def point_begins(self, frame: Frame, *, again: bool = False, taken: int = 0) -> None:
        """Called before each point.

        Args:
            again: It was begun before, and given up: that time was nobody's.
            taken: Points of this execution that a run before has taken.
        """
        course = self._courses.get(frame)
        if course is None:
            return
        now = self._watch.seconds
        if course.wave is not frame.wave or course.is_over:
            course.wave, course.taken, course.is_over = frame.wave, taken, False
            course.began = now - frame.lead_s()
            for inner in self._inside[frame]:
                self._courses[inner].is_over = True
            self._end_others(frame)
        elif again:
            course.began = now

    def point_ends(self, frame: Frame) -> None:
        """Called after each point."""
        course = self._courses.get(frame)
        if course is None:
            return
        now = self._watch.seconds
        course.lasted.append(now - course.began)
        course.taken, course.began = course.taken + 1, now
        for inner in self._inside[frame]:
            self._courses[inner].is_over = True

    def _end_others(self, frame: Frame) -> None:
        """One begins that is not inside of them: those before it are over."""
        around = self._around[frame]
        siblings = self._inside[around[0]] if around else self._outer
        for other in siblings:
            if other is not frame and self._courses[other].wave is not None:
                self._courses[other].is_over = True

    # ── what is left ──────────────────────────────────────────────────────────────────────

    def to_go(self) -> TimeToGo:
        """Of the whole run."""
        return _sum(self._left(frame) for frame in self._outer)

    def _left(self, frame: Frame) -> TimeToGo:
        """Of a frame: what it has begun, or all of it."""
        course = self._courses[frame]
        if course.wave is None:
            return self._whole(frame)
        if course.is_over:
            return TimeToGo(0.0)
        total, is_most = points_of(frame)
        if total is None:
            return UNKNOWN
        points = max(total - course.taken - 1, 0)
        here = self._point_left(frame) if course.taken < total else TimeToGo(0.0)
        if points == 0:
            return TimeToGo(here.seconds, here.is_most or is_most)
        one = self._point(frame)
        if here.seconds is None or one.seconds is None:
            return UNKNOWN
        seconds = here.seconds + points * one.seconds
        return TimeToGo(seconds, is_most or here.is_most or one.is_most)

    def _whole(self, frame: Frame) -> TimeToGo:
        """Of a frame that has not begun."""
        total, is_most = points_of(frame)
        one = self._point(frame)
        if total is None or one.seconds is None:
            return UNKNOWN
        return TimeToGo(total * one.seconds, is_most or one.is_most)

    def _point(self, frame: Frame) -> TimeToGo:
        """Of one point."""
        mean_s, period_s = self._courses[frame].mean_s, frame.period_s()
        if mean_s is not None:
            return TimeToGo(max(mean_s, period_s))
        inner = _sum(self._whole(each) for each in self._inside[frame])
        if self._inside[frame] and inner.seconds is not None:
            return TimeToGo(max(inner.seconds, period_s), inner.is_most)
        return TimeToGo(period_s) if period_s > 0 else UNKNOWN

    def _point_left(self, frame: Frame) -> TimeToGo:
        """Of the point under way."""
        course = self._courses[frame]
        spent = self._watch.seconds - course.began
        one = self._point(frame)
        begun = [each for each in self._inside[frame] if self._is_on(each)]
        inner = _sum(self._left(each) for each in begun)
        if course.mean_s is None and begun:
            rest = (each for each in self._inside[frame] if not self._is_begun(each))
            return _sum([inner, *map(self._whole, rest)])
        if one.seconds is None:
            return UNKNOWN
        return TimeToGo(max(one.seconds - spent, inner.seconds or 0.0, 0.0), one.is_most)

    def _is_on(self, frame: Frame) -> bool:
        course = self._courses[frame]
        return course.wave is not None and not course.is_over

    def _is_begun(self, frame: Frame) -> bool:
        """In the first point of what is around it."""
        return self._courses[frame].wave is not None


def points_of(frame: Frame) -> tuple[int | None, bool]:
    """How many points a frame makes, and whether that is the most that it makes."""
    total = frame.points_total()
    if total is not None:
        return total, False
    return frame.points_at_most(), True


def _sum(each: Iterable[TimeToGo]) -> TimeToGo:
    seconds, is_most = 0.0, False
    for one in each:
        if one.seconds is None:
            return UNKNOWN
        seconds, is_most = seconds + one.seconds, is_most or one.is_most
    return TimeToGo(seconds, is_most)
