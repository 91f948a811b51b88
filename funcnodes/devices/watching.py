"""One place that reads what interlocks and alarms look at: one question, many who watch.

Guarantees that every watcher hears of its source in time, that a device that does not answer
delays no other, and that a watcher that raises stops nobody. Each member is read by a task of
its own, at the shortest of the periods that are asked for; a value that somebody else has just
read is taken as it is. Reads only, also while the E-STOP is latched.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from funcnodes.core import clock
from funcnodes.devices.declare import Sample
from funcnodes.devices.device import Device
from funcnodes.devices.sources import Observation, Source
from funcnodes.errors import DeviceError, FuncnodesError, RefusedError

_log = logging.getLogger(__name__)

Watcher = Callable[[Observation], None]


@dataclass(slots=True, eq=False)
class _Watch:
    source: Source
    every_s: float
    tell: Watcher
    told: Sample | None = None  # the newest that it heard of


@dataclass(slots=True)
class _Member:
    """One member that is read, and who waits for it."""

    device: Device
    member: str
    watches: list[_Watch] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    async def look_after(self) -> None:
        due = clock.monotonic()
        while self.watches:
            await self.look()
            every_s = min((watch.every_s for watch in self.watches), default=0.0)
            due = max(due + every_s, clock.monotonic())
            await clock.sleep(due - clock.monotonic())

    async def look(self) -> None:
        """Read it once, and tell whoever watches."""
        for watch, observation in await self._look():
            watch.told = observation.sample
            _tell(watch, observation)

    async def _look(self) -> list[tuple[_Watch, Observation]]:
        known: Mapping[str, Sample] | FuncnodesError | None
        known = self._known() if self.member else self._reached()
        if known is None:
            known = await self._read()
        if isinstance(known, FuncnodesError):
            rests, why = isinstance(known, RefusedError), known.message
            return [(w, Observation(w.source, None, why, rests)) for w in tuple(self.watches)]
        return [(w, Observation(w.source, known.get(w.source.field))) for w in tuple(self.watches)]

    def _known(self) -> Mapping[str, Sample] | None:
        """What somebody else has read since each of ours last heard, if it is all there."""
        if not self.device.is_online:
            return None
        found = {}
        for watch in self.watches:
            path = watch.source.name.partition(".")[2]
            sample = self.device.newest(path)
            if sample is None or watch.told is None or sample is watch.told:
                return None
            found[watch.source.field] = sample
        return found

    def _reached(self) -> Mapping[str, Sample] | FuncnodesError:
        """Whether the device is reached, for who watches no member of it."""
        if self.device.state in ("offline", "fault", "unanswered"):
            return DeviceError(self.device.message)
        return {"value": Sample(True, t=clock.now())}

    async def _read(self) -> Mapping[str, Sample] | FuncnodesError:
        try:
            return await self.device.member_read(self.member)
        except FuncnodesError as error:
            return error
        except Exception as error:  # a driver's bug must not end the watch
            _log.exception("Reading %s.%s failed", self.device.name, self.member)
            return DeviceError(f"{type(error).__name__}: {error}")


class Watching:
    """Reads for others; see the module's text. Nothing is read before `start`."""

    def __init__(self, devices: Mapping[str, Device]) -> None:
        self._devices = devices
        self._members: dict[tuple[str, str], _Member] = {}
        self._is_on = False
        self._extra: set[asyncio.Task[None]] = set()

    def watch(self, source: Source, tell: Watcher, *, every_s: float) -> Callable[[], None]:
        """Call `tell(observation)` in the loop, at least every `every_s` while on.

        More often where others ask for more, later where the device takes longer to answer.

        Returns:
            Call it to end that.
        """
        key = (source.device, source.member)
        if key not in self._members:
            self._members[key] = _Member(self._devices[source.device], source.member)
        member, watch = self._members[key], _Watch(source, every_s, tell)
        member.watches.append(watch)
        if self._is_on:
            self._begin(member)

        def forget() -> None:
            if watch in member.watches:
                member.watches.remove(watch)

        return forget

    def start(self) -> None:
        """Begin to read; the loop must run."""
        self._is_on = True
        for member in self._members.values():
            self._begin(member)

    async def look(self, *, within_s: float) -> None:
        """Read everything now, and wait for it that long; what takes longer is told later."""
        loop = asyncio.get_running_loop()
        tasks = {loop.create_task(each.look(), name="look") for each in self._members.values()}
        if tasks:
            _, self._extra = await asyncio.wait(tasks, timeout=within_s)

    async def stop(self) -> None:
        """Read no more. A reading under way is given up. Idempotent."""
        self._is_on = False
        tasks = [member.task for member in self._members.values() if member.task is not None]
        tasks += self._extra
        for member in self._members.values():
            member.task = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, member: _Member) -> None:
        if member.task is None or member.task.done():
            name = f"watch {member.device.name}.{member.member}"
            member.task = asyncio.get_running_loop().create_task(member.look_after(), name=name)


def _tell(watch: _Watch, observation: Observation) -> None:
    try:
        watch.tell(observation)
    except Exception:
        _log.exception("Whoever watches %s failed", observation.source.name)


def unsubscriber(callbacks: list[Any], callback: Any) -> Callable[[], None]:
    """Add `callback`; returns how to take it out again."""
    callbacks.append(callback)

    def forget() -> None:
        if callback in callbacks:
            callbacks.remove(callback)

    return forget
