"""Points on a schedule: time series, and repeating until something is so."""

import math
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from funcnodes.core import NodeInput, NodeOutput, Trigger, clock
from funcnodes.core.naming import name_of
from funcnodes.runs.foreseen import LATE as LATE
from funcnodes.runs.records import AxisKind, ScanAxis
from funcnodes.runs.scans.scan import MAX_POINTS, Scan
from funcnodes.runs.shape import Place


class Repeat(Scan):
    """Makes a point every so often: the clock of a time series.

    The schedule is absolute: a point that comes late does not move the others. Points that
    could not be made in time are left out and counted as missed (T8). Wired to **until**, a
    condition that the points themselves work out ends it; **count** is then the most there will be.
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

    async def course(self) -> AsyncGenerator[dict[str, Any], None]:
        every_s = float(self.every.value)
        began = clock.monotonic()
        self._first_at = None
        slot = missed = 0
        for _ in range(int(self.count.value)):
            late = (clock.monotonic() - began) / every_s - slot if every_s > 0 else 0.0
            if late > LATE:
                skipped = math.ceil(late - LATE)
                slot, missed = slot + skipped, missed + skipped
            await self.wait_between(began + slot * every_s - clock.monotonic())
            self._slot = slot
            before = self.until.wave
            yield {"missed": missed}
            if self.until.wave is not before and self.until.value is True:
                return
            slot += 1
