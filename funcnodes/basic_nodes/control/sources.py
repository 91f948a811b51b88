"""Sources: nodes that set off waves by themselves, on a schedule (T3, T8).

Each tick opens a root wave. The schedule is absolute: a tick that comes late moves no other, and
ticks that could not be made, because what hangs on the last one was still at work, are counted
as missed and never caught up. Sources tick while their nodespace is live or in a run; they stop
when it is disarmed, when they are muted, cancelled or taken away.
"""

import asyncio
import contextvars
import math
from datetime import datetime, timedelta
from typing import Any

from funcnodes.basic_nodes.control.routes import is_on
from funcnodes.core import Node, NodeInput, NodeOutput, Wave, clock
from funcnodes.errors import ExecutionError

SHORTEST_S = 0.001
LONGEST_S = 7 * 86_400.0
LATE = 0.1
"""Part of its period that a tick may be late; one that is later is left out (T8)."""
LATE_S = 60.0
"""How late an hour of the day may be kept; after that, as after a sleep of the machine, it is
missed."""
LOOK_S = 60.0
"""How often a schedule looks at the clock on the wall, which may be set."""


class SourceNode(Node):
    """What timers share: when they tick, and that each tick is a root wave."""

    default_run_in = "loop"

    enabled = NodeInput(type=bool, default=True, description="Whether it ticks.")
    tick = NodeOutput(type=int, description="Number of the tick, from 0.")
    missed = NodeOutput(type=int, description="Ticks left out so far.")

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._ticking: asyncio.Task[None] | None = None

    async def ticks(self) -> None:
        """Tick until it is cancelled."""
        raise NotImplementedError

    @property
    def is_ticking(self) -> bool:
        """Whether its schedule is being kept."""
        return self._ticking is not None and not self._ticking.done()

    async def func(self, **inputs: Any) -> None:
        """Begin the schedule, or begin it anew with other settings."""
        self.stop()
        if is_on("enabled", inputs["enabled"]) and self._may_tick():
            self._ticking = asyncio.get_running_loop().create_task(
                self.ticks(), name=f"ticks of {self.name}", context=contextvars.Context()
            )

    def stop(self) -> None:
        """Keep the schedule no longer; what a tick has set off goes on."""
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    async def emit_tick(self, number: int, missed: int, **values: Any) -> None:
        """Set the outputs in a root wave, and wait until all that hangs on them is at rest."""
        wave = Wave(f"{self.name} {number + 1}")
        for port_id, value in ({"missed": missed} | values | {"tick": number}).items():
            self.outputs[port_id].set(value, wave=wave)
        await wave.wait()

    def update_blocked(self) -> None:
        super().update_blocked()
        if not self._may_tick():
            self.stop()
        elif self.nodespace is not None and not self.is_ticking and not self.in_flight:
            self.request_trigger()

    def on_removed(self) -> None:
        self.stop()

    def cancel(self, reason: str = "cancelled") -> None:
        self.stop()
        super().cancel(reason)

    def _may_tick(self) -> bool:
        disarmed = self.nodespace is not None and self.nodespace.arming == "disarmed"
        return not self.muted and not disarmed


class TimerNode(SourceNode):
    """Ticks at a steady interval, from the moment the nodespace goes live."""

    node_id = "control.timer"
    node_name = "Timer"
    description = __doc__ or ""
    icon = "clock"
    words = ("interval", "period", "every", "clock", "pulse", "poll")

    interval = NodeInput(
        type=float, unit="s", default=1.0,
        value_options={"min": SHORTEST_S, "max": LONGEST_S},
        description="From one tick to the next.",
    )  # fmt: skip
    time = NodeOutput(type=float, unit="s", description="Since the first tick.")

    async def ticks(self) -> None:
        interval_s = float(self.interval.value)
        began = clock.monotonic()
        slot = missed = number = 0
        while True:
            late = (clock.monotonic() - began) / interval_s - slot
            if late > LATE:
                skipped = math.ceil(late - LATE)
                slot, missed = slot + skipped, missed + skipped
            await clock.sleep(began + slot * interval_s - clock.monotonic())
            await self.emit_tick(number, missed, time=clock.monotonic() - began)
            slot, number = slot + 1, number + 1


class ScheduleNode(SourceNode):
    """Ticks at certain times of the day, local time, on certain days of the week."""

    node_id = "control.schedule"
    node_name = "Schedule"
    description = __doc__ or ""
    icon = "clock"
    words = ("time", "daily", "cron", "alarm", "calendar", "weekday")

    at = NodeInput(
        type=str, default="08:00", description='Times of the day: "08:00" or "08:00, 20:30:15".'
    )
    days = NodeInput(
        type=str, default="every day",
        description='"every day", "weekdays", "weekend", or days such as "mon, thu".',
    )  # fmt: skip
    time = NodeOutput(type=str, description="When the tick was due, local time as ISO 8601.")

    async def func(self, **inputs: Any) -> None:
        _times(inputs["at"])
        _weekdays(inputs["days"])
        await super().func(**inputs)

    async def ticks(self) -> None:
        times, days = _times(self.at.value), _weekdays(self.days.value)
        due = next_time(clock.now(), times, days)
        number = missed = 0
        while True:
            while (left_s := due - clock.now()) > 0:
                await clock.sleep(min(left_s, LOOK_S))
            if clock.now() - due > LATE_S:
                missed += 1
                self.missed.set(missed)
            else:
                shown = datetime.fromtimestamp(due).astimezone().isoformat(timespec="seconds")
                await self.emit_tick(number, missed, time=shown)
                number += 1
            due = next_time(due, times, days)


def next_time(after: float, times: tuple[timedelta, ...], days: frozenset[int]) -> float:
    """The first of `times`, on one of `days` (Monday is 0), later than `after`.

    Args:
        after: Seconds since the epoch.
        times: Since midnight, in order.

    Returns:
        Seconds since the epoch.
    """
    here = datetime.fromtimestamp(after)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    for ahead in range(9):  # a week, and the day that a change of the clocks may cost
        day = midnight + timedelta(days=ahead)
        for time in times if day.weekday() in days else ():
            due = (day + time).timestamp()
            if due > after:
                return due
    raise ExecutionError("The schedule names no day.")


def _times(text: str) -> tuple[timedelta, ...]:
    found = sorted(_time(part.strip()) for part in text.split(",") if part.strip())
    if not found:
        raise ExecutionError('at is empty; it is to be a time of the day, such as "08:00".')
    return tuple(dict.fromkeys(found))


def _time(text: str) -> timedelta:
    try:
        hours, minutes, seconds = ([int(part) for part in text.split(":")] + [0])[:3]
    except ValueError:
        hours = minutes = seconds = -1
    if text.count(":") not in (1, 2) or not (
        0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 60
    ):
        raise ExecutionError(f'at is to be times of the day such as "08:00", not {text!r}.')
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_GROUPS = {
    "every day": frozenset(range(7)), "daily": frozenset(range(7)),
    "weekdays": frozenset(range(5)), "weekend": frozenset((5, 6)),
}  # fmt: skip


def _weekdays(text: str) -> frozenset[int]:
    wanted = text.strip().lower()
    if wanted in _GROUPS:
        return _GROUPS[wanted]
    names = [name[:3] for name in wanted.replace(",", " ").split()]
    unknown = next((name for name in names if name not in _DAYS), None)
    if not names or unknown is not None:
        raise ExecutionError(
            f'days is to be "every day", "weekdays", "weekend" or days such as "mon, thu", '
            f"not {text!r}."
        )
    return frozenset(_DAYS.index(name) for name in names)


NODES: list[type[Node]] = [TimerNode, ScheduleNode]
