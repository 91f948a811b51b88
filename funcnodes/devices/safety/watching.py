"""What interlocks and alarms hear: observations of sources, from the pollers that all share.

Guarantees that every watcher hears of its source in time, be it that there is nothing to hear,
that a device that does not answer delays no other, and that a watcher that raises stops nobody.
Reading is `polling`'s, one question for all who watch a member, nodes included. Reads only, also
while the E-STOP is latched.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass

from funcnodes.core import clock
from funcnodes.core.events import unsubscriber
from funcnodes.devices.declarations.members import Sample
from funcnodes.devices.device.device import Device
from funcnodes.devices.device.polling import Samples
from funcnodes.devices.safety.sources import Observation, WatchedSource
from funcnodes.errors import DeviceError, FuncnodesError, RefusedError

_log = logging.getLogger(__name__)

Observer = Callable[[Observation], None]


@dataclass(slots=True, eq=False)
class _Watch:
    """One who watches a source; `end` while it is read."""

    source: WatchedSource
    device: Device
    every_s: float
    tell: Observer
    end: Callable[[], object] | None = None

    def begin(self) -> None:
        if self.end is not None:
            return
        if self.source.member:
            _, self.end = self.device.watch(
                self.source.member, self.hear, period_s=self.every_s, deadband=0.0
            )
        else:
            loop = asyncio.get_running_loop()
            self.end = loop.create_task(self._follow_device(), context=Context()).cancel

    def finish(self) -> None:
        end, self.end = self.end, None
        if end is not None:
            end()

    def hear(self, found: Samples | FuncnodesError) -> None:
        try:
            self.tell(self._observed(found))
        except Exception:
            _log.exception("Whoever watches %s failed", self.source.name)

    def _observed(self, found: Samples | FuncnodesError) -> Observation:
        if isinstance(found, FuncnodesError):
            return Observation(self.source, None, found.message, isinstance(found, RefusedError))
        return Observation(self.source, found.get(self.source.field))

    async def _follow_device(self) -> None:
        """For who watches no member: whether the device is reached, of which nothing is asked."""
        while True:
            if self.device.state in ("offline", "fault", "unanswered"):
                self.hear(DeviceError(self.device.message))
            else:
                self.hear({"value": Sample(True, t=clock.now())})
            await clock.sleep(self.every_s)


class Watching:
    """The watchers of a bench; see the module's text. Nothing is read before `start`."""

    def __init__(self, devices: Mapping[str, Device]) -> None:
        self._devices = devices
        self._watches: list[_Watch] = []
        self._is_on = False
        self._late: set[asyncio.Task[None]] = set()  # first readings that took longer

    def watch(self, source: WatchedSource, tell: Observer, *, every_s: float) -> Callable[[], None]:
        """Call `tell(observation)` in the loop every `every_s` while on.

        Later where the device takes longer to answer.

        Returns:
            Call it to end that.
        """
        watch = _Watch(source, self._devices[source.device], every_s, tell)
        leave = unsubscriber(self._watches, watch)
        if self._is_on:
            watch.begin()

        def forget() -> None:
            watch.finish()
            leave()

        return forget

    def start(self) -> None:
        """Begin to read; the loop must run."""
        self._is_on = True
        for watch in self._watches:
            watch.begin()

    async def look(self, *, within_s: float) -> None:
        """Read everything now, and wait for it that long; what takes longer is told later."""
        members: dict[tuple[Device, str], list[_Watch]] = {}
        for watch in self._watches:
            if watch.source.member:
                members.setdefault((watch.device, watch.source.member), []).append(watch)
        loop = asyncio.get_running_loop()
        tasks = {loop.create_task(_read(*each)) for each in members.items()}
        if tasks:
            _, self._late = await asyncio.wait(tasks, timeout=within_s)

    async def stop(self) -> None:
        """Read no more. Idempotent."""
        self._is_on = False
        for watch in self._watches:
            watch.finish()
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)


async def _read(member: tuple[Device, str], watches: list[_Watch]) -> None:
    device, name = member
    found: Samples | FuncnodesError
    try:
        found = await device.member_read(name)
    except FuncnodesError as error:
        found = error
    for watch in watches:
        watch.hear(found)
