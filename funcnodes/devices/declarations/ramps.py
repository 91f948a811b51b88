"""Ramps: from where the instrument reads back to a target, in small steps, one per member.

A ramp that ends early, by cancelling, an error, or E-STOP, leaves the instrument where it is; the
next begins at what it reads back then, never at what was asked for. Parking takes the member over
from a ramp that is under way.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from funcnodes.core import clock
from funcnodes.devices.declarations.members import Access, Group, Member, Progress
from funcnodes.errors import RefusedError, ReplyError

RAMP_TICK_S = 0.05


@dataclass(slots=True)
class Lane:
    """The one way along which a member is ramped; whoever holds `lock` is on it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    parking: int = 0  # how many want to bring it down: others leave the lane


class Ramped(Protocol):
    """What a ramp needs of a control."""

    path: str
    title: str
    group: Group

    @property
    def access(self) -> Access: ...
    @property
    def member(self) -> Member: ...
    async def get(self) -> Any: ...
    async def write(
        self, value: Any, *, is_last: bool = True, since: int | None = None
    ) -> None: ...


@asynccontextmanager
async def ramp_lock(group: Group, member: str, *, is_safety: bool) -> AsyncIterator[Lane]:
    """Hold the lane of a member; on the way to a safe state others are made to leave it."""
    lane: Lane = group.ramps.setdefault(member, Lane())
    lane.parking += is_safety
    try:
        async with lane.lock:
            yield lane
    finally:
        lane.parking -= is_safety


async def ramped(control: Ramped, target: float, rate: float, lane: Lane) -> None:
    """Bring a control to `target` at `rate` per second; the caller holds its lane.

    Raises:
        ReplyError: It reads back as no number, so no ramp can begin.
        RefusedError: E-STOP, or it was parked or lost its settings meanwhile.
        DeviceError: A step was not taken; it stays where it is.
    """
    access = control.access
    since, start = access.losses, float(await control.get())
    if not math.isfinite(start):
        raise ReplyError(
            f"{access.name}: {control.title.lower()} reads back as no number, so no ramp can "
            "begin there.",
            device=access.name,
        )
    step, began, ticks, position = rate * RAMP_TICK_S, clock.monotonic(), 0, start
    unit = str(getattr(control.member, "unit", ""))
    try:
        while abs(target - position) > step * (1 + 1e-9):
            position += math.copysign(step, target - position)
            await control.write(position, is_last=False, since=since)
            access.ramping(control.path, Progress(start, position, target, rate, unit))
            ticks += 1
            await access.pause(began + ticks * RAMP_TICK_S - clock.monotonic())
            _give_way(control, lane)
        await control.write(target, since=since)
    finally:
        access.ramping(control.path, None)


def _give_way(control: Ramped, lane: Lane) -> None:
    if lane.parking and not control.access.is_safety:
        raise RefusedError(
            f"{control.access.name}: the ramp of {control.title.lower()} was given up, since the "
            "device is being brought down.",
            device=control.access.name,
        )
