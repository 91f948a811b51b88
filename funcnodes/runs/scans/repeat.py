"""Points on a schedule: time series, and repeating until something is so."""

import math
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from funcnodes.core import NodeInput, NodeOutput, Trigger, Wave, clock
from funcnodes.core.naming import name_of
from funcnodes.runs.foreseen import LATE as LATE
from funcnodes.runs.points import NO_PAST, FramePast
from funcnodes.runs.records import AxisKind, ScanAxis
from funcnodes.runs.scans.scan import MAX_POINTS, Scan
from funcnodes.runs.shape import Place


class Repeat(Scan):
    """Makes a point every so often: the clock of a time series.

    The schedule is absolute: a point that comes late does not move the others. Points that
    could not be made in time are left out and counted as missed (T8). Wired to **until**, a
    condition that the points themselves work out ends it; **count** is then the most there will be.
    A run that is continued goes on by the same schedule, and counts what was due meanwhile.
    """

    node_id = "repeat"
    node_name = "Repeat"
    description = __doc__ or ""
    icon = "clock"
    words = ("time", "series", "interval", "period", "log", "timer", "every", "loop", "until")
    takes_back = True

    every = NodeInput(
        type=float,
        unit="s",
        default=1.0,
        does_trigger=False,
        value_options={"min": 0.0, "max": 86_400.0},
        description="From one point to the next.",
    )
    count = NodeInput(
        type=int,
        default=60,
        does_trigger=False,
        value_options={"min": 1, "max": MAX_POINTS},
        description="How many points.",
    )
    until = NodeInput(
        type=bool,
        default=False,
        required=False,
        does_trigger=False,
        hidden=True,
        description="Ends it after the point at which this is on.",
    )
    time = NodeOutput(type=float, unit="s", description="Since the first point, at this point.")
    point = NodeOutput(type=Trigger, description="▶ once per point.")
    missed = NodeOutput(type=int, description="Points left out so far.", hidden=True)

    _first_at: float | None = None  # on `clock.monotonic`
    _missed = 0  # before the point under way
    _before: Wave | None = None  # in which `until` was set before it
    _slot = 0  # of the schedule, at the point under way

    def dimensions(self) -> tuple[ScanAxis, ...]:
        every_s = float(self.every.value)
        kind: AxisKind = "time" if every_s > 0 else "points"
        name = "t" if every_s > 0 else "point"
        name = self.name if self.name != self.node_name else name
        unit = "s" if every_s > 0 else ""
        return (ScanAxis(name=name, unit=unit, kind=kind, node=name_of(self), step=every_s),)

    def place_of(self, index: int) -> Place:
        return (self._slot,)

    def points_total(self) -> int | None:
        return None if self.until.is_connected() else int(self.count.value)

    def points_at_most(self) -> int | None:
        return int(self.count.value)

    def period_s(self) -> float:
        return float(self.every.value)

    def as_taken(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        now = clock.monotonic()
        if self._first_at is None:
            self._first_at = now
        return {"time": now - self._first_at, **values}

    def facts_of_point(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"missed": self._missed} if self._missed else {}
        return {**facts, "until": True} if self._ends_here() else facts

    def course(self) -> AsyncGenerator[dict[str, Any], None]:
        return self.course_after(NO_PAST)

    async def course_after(self, past: FramePast) -> AsyncGenerator[dict[str, Any], None]:
        last = past.facts[-1] if past.facts else {}
        if past.has_ended or last.get("until"):
            return
        every_s = float(self.every.value)
        began = clock.monotonic()
        self._first_at = None
        missed = int(last.get("missed", 0))
        slot = past.done + missed
        if "began" in past.begin:
            began -= clock.now() - float(past.begin["began"])
            self._first_at = began if past.done else None
        else:
            self.remember(began=clock.now())
        for _ in range(past.done, int(self.count.value)):
            late = (clock.monotonic() - began) / every_s - slot if every_s > 0 else 0.0
            if late > LATE:
                skipped = math.ceil(late - LATE)
                slot, missed = slot + skipped, missed + skipped
            await self.wait_between(began + slot * every_s - clock.monotonic())
            self._before, self._missed, self._slot = self.until.wave, missed, slot
            yield {"missed": missed}
            if self._ends_here():
                return
            slot += 1

    def _ends_here(self) -> bool:
        """Whether the point just taken is the one that was waited for."""
        return self.until.wave is not self._before and self.until.value is True
