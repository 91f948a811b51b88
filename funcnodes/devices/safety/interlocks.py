"""Interlocks: what a bench does by itself when a condition on its measurements comes true.

A trip to estop, park or hold takes the same path as E-STOP: it latches, runs end, and the cause
names the interlock; the latch cannot be reset while the condition still holds. An interlock that
refuses keeps writes from reaching the line while it holds; a safe value always passes. Fail-safe:
a source that is lost, or gives no number, counts as tripped after its grace, unless the bench
says `on_lost = "ignore"`; and so does one of which nothing was heard for longer than reading it
could take. How devices are stopped is the bench's, when sources are read `watching`'s.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from funcnodes.core import clock
from funcnodes.core.events import unsubscriber
from funcnodes.devices.benchfile.file import SafeAction
from funcnodes.devices.benchfile.rules import InterlockConfig, Then, placed
from funcnodes.devices.declarations.drivers import Instrument, NoDriver
from funcnodes.devices.declarations.words import Command, Control
from funcnodes.devices.estop.latch import Latch, LatchState
from funcnodes.devices.safety.conditions import Condition, parse_condition
from funcnodes.devices.safety.sources import Kinds, Observation, find_source
from funcnodes.devices.safety.watching import Watching
from funcnodes.errors import BenchError, RefusedError

LOOK_S = 0.25  # how often an interlock of which nothing is heard is judged all the same
MISSES = 5  # readings left out before a source counts as lost
FIRST_S = 5.0  # what a device may take to be reached for the first time before it counts as lost

_log = logging.getLogger(__name__)


class InterlockState(msgspec.Struct, frozen=True, kw_only=True):
    """How one interlock stands; JSON-ready."""

    name: str
    when: str
    then: Then
    devices: tuple[str, ...]
    """Which it stops, or whose writes it refuses."""
    tripped: bool
    holds: bool
    """Whether the condition holds now; it may be tripped without."""
    why: str = ""
    """What it was tripped by, or what its sources say, in words."""
    t: float | None = None
    """Seconds since the epoch at which it tripped."""


class Interlock:
    """One interlock, as a machine that is fed with observations.

    Attributes:
        tripped: Whether it acts.
        holds: Whether its condition holds now, long enough.
        why: What made it trip, in words.
    """

    def __init__(self, config: InterlockConfig, condition: Condition, devices: Iterable[str]):
        self.config = config
        self.condition = condition
        self.devices = tuple(devices)
        self.tripped = False
        self.holds = False
        self.why = ""
        self.t: float | None = None
        self._seen: dict[str, Observation] = {}
        self._heard: dict[str, float] = {}  # when each source was heard of last
        self._reached: set[str] = set()  # sources that had a value once
        self._since: float | None = None  # when the condition came true without a break
        self._lost_since: float | None = None
        self._began: float | None = None

    @property
    def is_stop(self) -> bool:
        """Whether it stops devices, rather than refusing writes."""
        return self.config.then != "refuse"

    @property
    def action(self) -> SafeAction | Literal["on_estop"]:
        """What is done with each of `devices`.

        Devices that it names get what it says; all others what an E-STOP would do to them, so
        that a magnet that is held at an E-STOP is not dropped by an interlock either (S1).
        """
        then = self.config.then
        assert then != "refuse", "an interlock that refuses stops nothing"
        return "on_estop" if then == "estop" and not self.config.devices else then

    def note(self, observation: Observation, now: float) -> bool:
        """Take the newest of one source.

        Args:
            now: Seconds that never step.

        Returns:
            Whether it trips by this.
        """
        name = observation.source.name
        self._seen[name], self._heard[name] = observation, now
        if observation.value is not None:
            self._reached.add(name)
        return self.look(now)

    def look(self, now: float) -> bool:
        """Judge by what is known; whether it trips by this."""
        self._began = now if self._began is None else self._began
        self._drop_stale(now)
        self.holds = self._judged(now)
        if self.holds:
            trips = not self.tripped
            if trips:
                self.tripped, self.t, self.why = True, clock.now(), self.text
            return trips
        if self.tripped and not self.config.latching:
            self.release()
        return False

    def release(self) -> None:
        """Not tripped any more; it trips again as soon as it is fed with what holds."""
        self.tripped, self.t, self.why = False, None, ""

    @property
    def text(self) -> str:
        """What its sources say now."""
        return ", ".join(
            self._seen[name].text if name in self._seen else f"{name} was not read yet"
            for name in self.condition.sources
        )

    @property
    def state(self) -> InterlockState:
        return InterlockState(
            name=self.config.name, when=self.config.when, then=self.config.then,
            devices=self.devices, tripped=self.tripped, holds=self.holds,
            why=self.why or self.text, t=self.t,
        )  # fmt: skip

    def refusal(self, device: str, member: str) -> str:
        """Why that member must not be written to now, or ""."""
        if self.is_stop or not self.covers(device, member):
            return ""
        if self.tripped:
            return f"interlock {self.config.name!r} holds ({self.why})"
        unread = [name for name in self.condition.sources if not self._is_known(name)]
        if not unread or self.config.on_lost == "ignore":
            return ""
        return f"interlock {self.config.name!r} has not read {unread[0]} yet"

    def _is_known(self, name: str) -> bool:
        """Whether a source was ever read, or is known to rest."""
        return name in self._reached or (name in self._seen and self._seen[name].rests)

    def covers(self, device: str, member: str) -> bool:
        """Whether it has a say in writes to that member."""
        if self.config.writes:
            return f"{device}.{member}" in self.config.writes
        return device in self.devices

    def _judged(self, now: float) -> bool:
        held = self.condition.holds(self._seen)
        if held is None:
            lost = self._lost()
            if lost:
                return self._judged_lost(lost, now)
            held = False  # what rests, such as a reading while the output is off, trips nothing
        self._lost_since = None
        if not held:
            self._since = None
            return False
        return self._has_lasted(now)

    def _drop_stale(self, now: float) -> None:
        """What was last read too long ago is not known any more."""
        for name, source in self.condition.sources.items():
            patience_s = MISSES * self.config.every_s + 2 * source.timeout_s
            if name in self._seen and now - self._heard[name] > patience_s:
                why = f"nothing was heard of it for {patience_s:g} s"
                self._seen[name] = Observation(source, None, why)

    def _lost(self) -> list[str]:
        """Sources without a value for no good reason."""
        seen = self._seen
        return [
            name
            for name in self.condition.sources
            if name not in seen or (seen[name].value is None and not seen[name].rests)
        ]

    def _judged_lost(self, lost: list[str], now: float) -> bool:
        """Within the grace, what was true before goes on being counted."""
        self._lost_since = now if self._lost_since is None else self._lost_since
        assert self._began is not None
        waits = [self._lost_since + self.config.grace_s]
        if not self._reached.issuperset(lost):
            waits.append(self._began + FIRST_S)
        if self.config.on_lost == "trip" and now >= max(waits):
            return True
        return self._since is not None and self._has_lasted(now)

    def _has_lasted(self, now: float) -> bool:
        self._since = now if self._since is None else self._since
        return now - self._since >= self.condition.for_s


class Interlocks:
    """The interlocks of a bench.

    `trip` is called, in the loop, for each that trips and stops devices.
    """

    def __init__(
        self,
        configs: Iterable[InterlockConfig],
        kinds: Kinds,
        *,
        latch: Latch,
        trip: Callable[[Interlock], None],
    ) -> None:
        """Raises BenchError where one names what there is not, or a unit does not fit."""
        self._all = {each.name: _built(each, kinds) for each in configs}
        self._latch = latch
        self._trip = trip
        self._watchers: list[Callable[[InterlockState], None]] = []
        self._endings: list[Callable[[], object]] = []

    def __iter__(self) -> Iterator[Interlock]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def states(self) -> list[InterlockState]:
        """How each stands, in the order of the file."""
        return [each.state for each in self._all.values()]

    def find(self, name: str) -> Interlock:
        """Raises BenchError where there is none of that name."""
        if name not in self._all:
            known = ", ".join(self._all) or "none"
            raise BenchError(f"The bench has no interlock {name!r}; it has {known}.")
        return self._all[name]

    def on_change(self, callback: Callable[[InterlockState], None]) -> Callable[[], None]:
        """Call `callback(state)` in the loop when one trips or is released.

        Returns:
            Call it to end that.
        """
        return unsubscriber(self._watchers, callback)

    def refusal(self, device: str, member: str) -> str:
        """Why that member must not be written to now, in words, or ""."""
        for each in self._all.values():
            why = each.refusal(device, member)
            if why:
                return why
        return ""

    def reset(self, name: str, *, by: str) -> None:
        """Release one that latches and refuses; those that stop are released with the E-STOP.

        Raises:
            BenchError: There is none of that name.
            RefusedError: Its condition still holds, or it stopped devices.
        """
        interlock = self.find(name)
        if interlock.is_stop and interlock.tripped:
            raise RefusedError(
                f"Interlock {name!r} stopped devices, so it is released with the E-STOP.",
                hint="Reset the E-STOP.",
            )
        if interlock.holds:
            raise RefusedError(f"Interlock {name!r} was not reset: {interlock.text}.")
        if interlock.tripped:
            interlock.release()
            _log.info("Interlock %r was reset by %s.", name, by)
            self._tell(interlock)

    def start(self, watching: Watching) -> None:
        """Have the sources read, and hold the latch while what tripped it goes on. Idempotent."""
        if self._endings or not self._all:
            return
        for each in self._all.values():
            for source in each.condition.sources.values():
                self._endings.append(
                    watching.watch(source, self._noting(each), every_s=each.config.every_s)
                )
        looking = asyncio.get_running_loop().create_task(self._look(), name="interlocks")
        self._endings.append(looking.cancel)
        self._endings.append(self._latch.guard(self._held))
        self._endings.append(self._latch.on_change(self._latch_changed))

    def stop(self) -> None:
        """Watch no more. Idempotent."""
        while self._endings:
            self._endings.pop()()

    def _noting(self, interlock: Interlock) -> Callable[[Observation], None]:
        def note(observation: Observation) -> None:
            before = interlock.tripped
            self._judged(interlock, before, interlock.note(observation, clock.monotonic()))

        return note

    async def _look(self) -> None:
        while True:
            await clock.sleep(LOOK_S)
            for each in self._all.values():
                before = each.tripped
                try:
                    self._judged(each, before, each.look(clock.monotonic()))
                except Exception:
                    _log.exception("Interlock %r failed", each.config.name)

    def _judged(self, interlock: Interlock, before: bool, trips: bool) -> None:
        if trips:
            _log.warning("Interlock %r tripped: %s.", interlock.config.name, interlock.why)
            if interlock.is_stop:
                self._trip(interlock)
        if interlock.tripped != before:
            self._tell(interlock)

    def _held(self) -> str:
        """Why the E-STOP cannot be reset now, or ""."""
        for each in self._all.values():
            if each.is_stop and each.tripped and each.holds:
                return f"interlock {each.config.name!r} still holds: {each.text}"
        return ""

    def _latch_changed(self, state: LatchState) -> None:
        if state.latched:
            return
        for each in self._all.values():
            if each.is_stop and each.tripped:
                each.release()
                self._tell(each)

    def _tell(self, interlock: Interlock) -> None:
        for callback in tuple(self._watchers):
            try:
                callback(interlock.state)
            except Exception:
                _log.exception("A listener to interlocks failed")


def _built(config: InterlockConfig, kinds: Kinds) -> Interlock:
    try:
        condition = parse_condition(config.when, lambda name: find_source(kinds, name))
    except BenchError as error:
        raise placed(config.place, "when", error) from error
    for device in config.devices:
        if device not in kinds:
            known = ", ".join(kinds) or "none"
            missing = BenchError(f"there is no device {device!r}; there is {known}.")
            raise placed(config.place, "devices", missing)
    for write in config.writes:
        _check_write(config, kinds, write)
    named = dict.fromkeys(write.partition(".")[0] for write in config.writes)
    return Interlock(config, condition, config.devices or named or kinds)


def _check_write(config: InterlockConfig, kinds: Kinds, write: str) -> None:
    device, _, path = write.partition(".")
    if issubclass(kinds.get(device, Instrument), NoDriver):
        return  # nothing is known of what it has, and nothing of it can be written
    members: Mapping[str, Any] = dict(kinds[device].walk()) if device in kinds else {}
    if not isinstance(members.get(path), Control | Command):
        what = f"{device} has nothing to write named {path!r}" if members else "no such device"
        raise placed(config.place, "writes", BenchError(f"{write!r}: {what}."))
