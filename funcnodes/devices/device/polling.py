"""Watching members: one poller a member, however many watch, at the pace of the fastest.

Nobody watching, nothing is read. Each watcher is told at its own pace, and not at all while a
number stays within its deadband and a word stays the same; what it is told is whatever the poller
read last, so that ten watchers cost one exchange. An absolute schedule: a reading that takes
longer than the period makes the ticks meanwhile missed, which are counted and never caught up (T8).
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context
from dataclasses import dataclass, field

from funcnodes.core import clock
from funcnodes.devices.declarations.members import Sample
from funcnodes.errors import DeviceError, FuncnodesError

_log = logging.getLogger(__name__)
MIN_PERIOD_S = 0.01
Samples = Mapping[str, Sample]
Read = Callable[[str], Awaitable[Samples]]
OnSamples = Callable[[Samples | FuncnodesError], None]


@dataclass(slots=True, eq=False)
class Subscription:
    """What one who watches a member wants to be told.

    Attributes:
        period: Gives how often it wants to be told at most, in seconds.
        deadband: Change below which it is not told.
        told: Called in the loop with what was read, or with why nothing could be.
        missed: Ticks at which it could not be told.
    """

    period: Callable[[], float]
    deadband: float
    told: OnSamples
    missed: int = 0
    due: float = field(default_factory=clock.monotonic)
    _before: dict[str, Sample] = field(default_factory=dict)

    @property
    def period_s(self) -> float:
        """Seconds between tellings, now."""
        return max(self.period(), MIN_PERIOD_S)

    def offer(self, found: Samples | FuncnodesError, now: float) -> None:
        """Tell it, if it is its turn and there is anything new."""
        if now < self.due - MIN_PERIOD_S / 2:
            return
        period_s = self.period_s
        behind = max(0, math.floor((now - self.due) / period_s))
        self.missed += behind
        self.due += (behind + 1) * period_s
        if isinstance(found, FuncnodesError):
            self._before = {}
            self.told(found)
        elif self._is_news(found):
            self._before = dict(found)
            self.told(found)

    def _is_news(self, found: Samples) -> bool:
        if not self.deadband or not self._before:
            return True
        return any(
            name not in self._before or _moved(self._before[name], sample, self.deadband)
            for name, sample in found.items()
        )


def _moved(before: Sample, after: Sample, deadband: float) -> bool:
    """Whether a value differs by more than the deadband, or in kind or quality."""
    if before.quality != after.quality:
        return True
    old, new = before.value, after.value
    if isinstance(old, float) and isinstance(new, float):
        return not (abs(new - old) <= deadband or (math.isnan(old) and math.isnan(new)))
    return bool(old != new)


class Poller:
    """Reads one member for all who watch it; runs while there is anybody."""

    def __init__(self, read: Callable[[], Awaitable[Samples]], name: str) -> None:
        self._read = read
        self._name = name
        self._subscriptions: list[Subscription] = []
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()  # somebody came or left
        self._has_newcomer = False  # somebody came who was not told anything yet

    @property
    def is_watched(self) -> bool:
        return bool(self._subscriptions)

    def add(self, subscription: Subscription) -> None:
        """Begin, or read more often from now on."""
        self._subscriptions.append(subscription)
        self._has_newcomer = True
        self._changed.set()
        if self._task is None or self._task.done():
            # Of nobody's wave: the first who watches is one of many.
            self._task = asyncio.get_running_loop().create_task(
                self._run(), name=self._name, context=Context()
            )

    def remove(self, subscription: Subscription) -> None:
        """Leave; with nobody left the reading ends."""
        with contextlib.suppress(ValueError):
            self._subscriptions.remove(subscription)
        self._changed.set()
        if not self._subscriptions and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while self._subscriptions:
            if await self._is_due():
                found: Samples | FuncnodesError
                try:
                    found = await self._read()
                except FuncnodesError as error:
                    found = error
                except Exception as error:  # a driver's bug must not end the watch
                    _log.exception("%s failed", self._name)
                    found = DeviceError(f"{self._name}: {type(error).__name__}: {error}")
                self._offer(found)

    def _offer(self, found: Samples | FuncnodesError) -> None:
        now = clock.monotonic()
        for subscription in tuple(self._subscriptions):
            try:
                subscription.offer(found, now)
            except Exception:  # interlocks may depend on the same reading
                _log.exception("Somebody who watches failed (%s)", self._name)

    async def _is_due(self) -> bool:
        """Wait for the turn of the fastest; a newcomer is served at once, a leaver thought over."""
        fastest = min(self._subscriptions, key=lambda each: each.period_s)
        left_s = fastest.due - clock.monotonic()
        if left_s <= 0 or self._has_newcomer:
            self._has_newcomer = False
            return True
        self._changed.clear()
        sleeping = asyncio.ensure_future(clock.sleep(left_s))
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait({sleeping, changed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (sleeping, changed):
                each.cancel()
            await asyncio.gather(sleeping, changed, return_exceptions=True)
        return False


class Pollers:
    """The pollers of one device, by member."""

    def __init__(self, name: str, read: Read) -> None:
        self._name = name
        self._read = read
        self._by_member: dict[str, Poller] = {}

    def watch(
        self, member: str, told: OnSamples, *, period: Callable[[], float], deadband: float = 0.0
    ) -> tuple[Subscription, Callable[[], None]]:
        """Have `told` called with what a member reads.

        Returns:
            The subscription, and what ends it.
        """
        poller = self._by_member.get(member)
        if poller is None:
            poller = Poller(lambda: self._read(member), f"poll {self._name}.{member}")
            self._by_member[member] = poller
        subscription = Subscription(period, deadband, told)
        poller.add(subscription)

        def forget() -> None:
            poller.remove(subscription)
            if not poller.is_watched:
                self._by_member.pop(member, None)

        return subscription, forget

    def watched(self) -> dict[str, float]:
        """What is read now, each with the seconds between readings."""
        return {
            member: min(each.period_s for each in poller._subscriptions)
            for member, poller in self._by_member.items()
            if poller.is_watched
        }
