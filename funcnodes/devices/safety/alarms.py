"""Alarms as EPICS has them: limits and states with severities, acknowledged by people.

An alarm looks at one value and says how grave it is: LOLO, LOW, HIGH, HIHI for numbers, a
severity per state for what is on or off or one of some words, INVALID while the value cannot be
had. It is raised once that lasted for its delay, and falls only once a limit is left by the
hysteresis. What was the worst since it was last acknowledged is kept, even when it is over, if
the alarm latches. Acts on nothing (that is the interlocks'), tells whoever listens.

Sources of the semantics: EPICS base, aiRecord.c (checkAlarms: order of limits, HYST), recGbl.c
(recGblResetAlarms: ACKS rises with SEVR, and falls with it only if ACKT is NO) and dbAccess.c
(an acknowledgement of a lesser severity than ACKS is without effect).
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, Literal

import msgspec

from funcnodes.core import clock
from funcnodes.core.events import unsubscriber
from funcnodes.devices.benchfile.rules import LIMITS, AlarmConfig, Severity, placed
from funcnodes.devices.safety.sources import (
    Kinds,
    Observation,
    UnknownSource,
    WatchedSource,
    device_source,
    find_source,
)
from funcnodes.devices.safety.watching import Watching
from funcnodes.errors import BenchError

HISTORY = 1_000
LONGEST_SHELF_S = 7 * 86_400.0
Status = Literal["NO_ALARM", "HIHI", "HIGH", "LOW", "LOLO", "STATE", "COMM", "READ"]
EventKind = Literal[
    "raised", "changed", "cleared", "acknowledged", "shelved", "unshelved", "disabled", "enabled"
]

_log = logging.getLogger(__name__)


class AlarmState(msgspec.Struct, frozen=True, kw_only=True):
    """How one alarm stands; JSON-ready."""

    name: str
    source: str
    severity: str
    """NO_ALARM, MINOR, MAJOR or INVALID."""
    status: Status
    """Why: the limit, STATE, COMM (not reached) or READ (no number)."""
    message: str
    unacknowledged: str
    """The worst severity that nobody has acknowledged."""
    t: float | None
    """Seconds since the epoch of the last change of severity or status."""
    enabled: bool
    shelved_s: float | None = None
    """Seconds for which it will stay shelved; None where it is not."""


class AlarmEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to an alarm; JSON-ready."""

    kind: EventKind
    alarm: str
    source: str
    severity: str
    status: Status
    message: str
    t: float
    """Seconds since the epoch."""
    mono: float
    """Seconds that never step."""
    by: str = ""
    """Who acknowledged, shelved or disabled."""

    @property
    def text(self) -> str:
        """For people: "MAJOR: cold head: tc.a.kelvin is 325 K, above 320 K."."""
        who = f", by {self.by}" if self.by else ""
        if self.kind in ("raised", "changed"):
            return f"{self.severity}: {self.alarm}: {self.message}"
        return f"{self.alarm} was {self.kind}{who}. {self.message}".strip()


class Alarm:
    """One alarm, as a machine that is fed with observations.

    Attributes:
        severity: How grave it is now.
        unacknowledged: The worst since somebody acknowledged (EPICS's ACKS).
        enabled: Whether it is judged at all.
        observation: The newest of its source, None before the first.
    """

    def __init__(self, config: AlarmConfig, source: WatchedSource) -> None:
        """Raises BenchError where limits or states do not fit the source."""
        self.config = config
        self.source = source
        self.enabled = config.enabled
        self.observation: Observation | None = None
        self.severity = Severity.NO_ALARM
        self.status: Status = "NO_ALARM"
        self.message = ""
        self.unacknowledged = Severity.NO_ALARM
        self.t: float | None = None
        self._limits = _limits(config, source)
        self._states = {_state(config, source, word): s for word, s in config.states.items()}
        self._hysteresis = _hysteresis(config, source)
        self._level = ""  # the limit that was passed last
        self._worse_since: float | None = None
        self._shelved_until: float | None = None

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def is_quiet(self) -> bool:
        """Whether nobody is to be told of it now."""
        return not self.enabled or self._shelved_until is not None

    def note(self, observation: Observation, *, mono: float, wall: float) -> list[AlarmEvent]:
        """Take the newest of its source; what happened by it.

        Args:
            mono: Seconds that never step.
            wall: Seconds since the epoch.
        """
        self.observation = observation
        events = self._end_of_shelf(mono, wall)
        if not self.enabled:
            return events
        severity, status, message = self._judged(observation)
        if severity > self.severity:
            self._worse_since = mono if self._worse_since is None else self._worse_since
            if mono - self._worse_since < self.config.delay_s:
                return events
        self._worse_since = None
        if (severity, status) == (self.severity, self.status):
            self.message = message
            return events
        return [*events, self._change(severity, status, message, mono, wall)]

    def take_over(self, other: "Alarm") -> None:
        """Stand as another one does, whose limits this one's replace."""
        self.severity, self.status, self.message = other.severity, other.status, other.message
        self.unacknowledged, self.t = other.unacknowledged, other.t
        self.enabled, self._shelved_until = other.enabled, other._shelved_until

    def acknowledge(self, by: str, severity: Severity | None = None) -> AlarmEvent | None:
        """Somebody has seen it, up to that severity (all of it by default).

        Without effect, and None, where something graver came meanwhile, or nothing waits.
        """
        if not self.unacknowledged or (severity or Severity.INVALID) < self.unacknowledged:
            return None
        self.unacknowledged = Severity.NO_ALARM
        return self._event("acknowledged", clock.monotonic(), clock.now(), by)

    def shelve(self, for_s: float, by: str) -> AlarmEvent:
        """Tell nobody of it for that many seconds; 0 ends that."""
        mono, wall = clock.monotonic(), clock.now()
        self._shelved_until = mono + for_s if for_s > 0 else None
        return self._event("shelved" if for_s > 0 else "unshelved", mono, wall, by)

    def enable(self, enabled: bool, by: str) -> AlarmEvent:
        """Judge it, or not; a disabled alarm has no severity."""
        self.enabled = enabled
        if not enabled:
            self.severity, self.status, self.message = Severity.NO_ALARM, "NO_ALARM", ""
            self.unacknowledged, self._level, self._worse_since = Severity.NO_ALARM, "", None
        kind: EventKind = "enabled" if enabled else "disabled"
        return self._event(kind, clock.monotonic(), clock.now(), by)

    @property
    def state(self) -> AlarmState:
        left = None
        if self._shelved_until is not None:
            left = max(0.0, self._shelved_until - clock.monotonic())
        return AlarmState(
            name=self.name, source=self.source.name, severity=self.severity.name,
            status=self.status, message=self.message, unacknowledged=self.unacknowledged.name,
            t=self.t, enabled=self.enabled, shelved_s=left,
        )  # fmt: skip

    # ── judging ───────────────────────────────────────────────────────────────────────────

    def _judged(self, observation: Observation) -> tuple[Severity, Status, str]:
        if observation.rests:
            return Severity.NO_ALARM, "NO_ALARM", ""
        if observation.value is None:
            status: Status = "COMM" if observation.sample is None else "READ"
            return Severity.INVALID, status, f"{observation.text}."
        if self._limits:
            return self._judged_by_limits(observation)
        severity = self._states.get(observation.value, Severity.NO_ALARM)
        if not severity:
            return Severity.NO_ALARM, "NO_ALARM", ""
        return severity, "STATE", self._words(observation.text)

    def _judged_by_limits(self, observation: Observation) -> tuple[Severity, Status, str]:
        value = float(observation.value)
        for name, limit in self._limits.items():
            sign = 1 if name in ("hihi", "high") else -1
            slack = self._hysteresis if self._level == name else 0.0
            severity = self.config.severities[name]
            if severity and sign * value >= sign * limit - slack:
                self._level = name
                side = "at or above" if sign > 0 else "at or below"
                text = f"{observation.text}, {side} {self.source.shown(limit)}"
                status: Any = name.upper()
                return severity, status, self._words(text)
        self._level = ""
        return Severity.NO_ALARM, "NO_ALARM", ""

    def _words(self, text: str) -> str:
        return f"{text}. {self.config.message}".strip()

    def _change(
        self, severity: Severity, status: Status, message: str, mono: float, wall: float
    ) -> AlarmEvent:
        before = self.severity
        self.severity, self.status, self.message, self.t = severity, status, message, wall
        if not self.config.latch or severity >= self.unacknowledged:
            self.unacknowledged = severity
        if not severity:
            return self._event("cleared", mono, wall)
        return self._event("changed" if before else "raised", mono, wall)

    def _end_of_shelf(self, mono: float, wall: float) -> list[AlarmEvent]:
        if self._shelved_until is None or mono < self._shelved_until:
            return []
        self._shelved_until = None
        return [self._event("unshelved", mono, wall)]

    def _event(self, kind: EventKind, mono: float, wall: float, by: str = "") -> AlarmEvent:
        return AlarmEvent(
            kind=kind, alarm=self.name, source=self.source.name, severity=self.severity.name,
            status=self.status, message=self.message, t=wall, mono=mono, by=by,
        )  # fmt: skip


class Alarms:
    """The alarms of a bench, and of the nodes that bring some.

    Attributes:
        history: The newest events, oldest first.
    """

    def __init__(self, configs: Iterable[AlarmConfig], kinds: Kinds) -> None:
        """Raises BenchError where one names what there is not, or a unit does not fit."""
        self._all = {each.name: build_alarm(each, kinds) for each in configs}
        self.history: deque[AlarmEvent] = deque(maxlen=HISTORY)
        self._listeners: list[Callable[[AlarmEvent, AlarmState], None]] = []
        self._endings: list[Callable[[], None]] = []

    def __iter__(self) -> Iterator[Alarm]:
        return iter(tuple(self._all.values()))

    def states(self) -> list[AlarmState]:
        """How each stands, in the order of the file."""
        return [alarm.state for alarm in self]

    @property
    def worst(self) -> Severity:
        """The worst severity of those that are neither shelved nor disabled."""
        return max((a.severity for a in self if not a.is_quiet), default=Severity.NO_ALARM)

    def find(self, name: str) -> Alarm:
        """Raises BenchError where there is none of that name."""
        if name not in self._all:
            known = ", ".join(self._all) or "none"
            raise BenchError(f"The bench has no alarm {name!r}; it has {known}.")
        return self._all[name]

    def on_alarm(self, callback: Callable[[AlarmEvent, AlarmState], None]) -> Callable[[], None]:
        """Call `callback(event, state)` in the loop for each event, quiet alarms' too.

        Returns:
            Call it to end that.
        """
        return unsubscriber(self._listeners, callback)

    def acknowledge(self, name: str, *, by: str, severity: Severity | None = None) -> bool:
        """Somebody has seen an alarm.

        Args:
            severity: As grave as they saw it; something graver that came meanwhile stays.

        Returns:
            Whether that took effect.

        Raises:
            BenchError: There is no such alarm.
        """
        alarm = self.find(name)
        event = alarm.acknowledge(by, severity)
        if event is not None:
            self._tell(alarm, event)
        return event is not None

    def shelve(self, name: str, for_s: float, *, by: str) -> None:
        """Tell nobody of an alarm for that many seconds, up to a week; 0 ends that.

        Raises:
            BenchError: There is no such alarm, or no such time.
        """
        if not 0 <= for_s <= LONGEST_SHELF_S:
            raise BenchError(f"{name} cannot be shelved for {for_s:g} s, only for up to a week.")
        alarm = self.find(name)
        self._tell(alarm, alarm.shelve(for_s, by))

    def enable(self, name: str, enabled: bool, *, by: str) -> None:
        """Judge an alarm, or not. Raises BenchError where there is none of that name."""
        alarm = self.find(name)
        if alarm.enabled != enabled:
            self._tell(alarm, alarm.enable(enabled, by))

    def adopt(self, alarm: Alarm) -> Callable[[], None]:
        """Take in an alarm that somebody else feeds by `note`, such as a node's.

        Returns:
            Call it to take it out again.

        Raises:
            BenchError: There is one of that name.
        """
        if alarm.name in self._all:
            raise BenchError(f"There is an alarm {alarm.name!r} already.")
        self._all[alarm.name] = alarm

        def leave() -> None:
            if self._all.get(alarm.name) is alarm:
                del self._all[alarm.name]

        return leave

    def note(self, alarm: Alarm, observation: Observation) -> None:
        """Feed an alarm, and tell what happened by that."""
        for event in alarm.note(observation, mono=clock.monotonic(), wall=clock.now()):
            self._tell(alarm, event)

    def start(self, watching: Watching) -> None:
        """Have the sources read. Idempotent."""
        if self._endings:
            return
        for alarm in self:
            self._endings.append(
                watching.watch(alarm.source, self._noting(alarm), every_s=alarm.config.every_s)
            )

    def stop(self) -> None:
        """Watch no more; alarms stand as they do. Idempotent."""
        while self._endings:
            self._endings.pop()()

    def _noting(self, alarm: Alarm) -> Callable[[Observation], None]:
        return lambda observation: self.note(alarm, observation)

    def _tell(self, alarm: Alarm, event: AlarmEvent) -> None:
        self.history.append(event)
        if event.kind in ("raised", "changed") and not alarm.is_quiet:
            _log.warning("%s", event.text)
        state = alarm.state
        for callback in tuple(self._listeners):
            try:
                callback(event, state)
            except Exception:
                _log.exception("A listener to alarms failed")


def build_alarm(config: AlarmConfig, kinds: Kinds) -> Alarm:
    """An alarm from its table.

    Raises:
        BenchError: It names what there is not, or a unit does not fit.
    """
    is_device = "." not in config.source
    try:
        find = device_source if is_device else find_source
        source = find(kinds, config.source)
    except BenchError as error:
        raise placed(config.place, "source", error) from error
    return Alarm(config, source)


def _limits(config: AlarmConfig, source: WatchedSource) -> dict[str, float]:
    found = {}
    for name in LIMITS:
        if name in config.limits:
            try:
                found[name] = source.number(config.limits[name])
            except BenchError as error:
                raise placed(config.place, name, error) from error
    order = [name for name in reversed(("hihi", "high", "low", "lolo")) if name in found]
    for lower, upper in pairwise(order):
        if found[lower] > found[upper]:
            raise placed(config.place, lower, BenchError(f"it lies above {upper}."))
    if found and config.states:
        raise placed(config.place, "states", BenchError("limits or states, not both."))
    return found


def _state(config: AlarmConfig, source: WatchedSource, word: str) -> Any:
    try:
        if source.is_number and not isinstance(source, UnknownSource):
            raise BenchError(f"{source.name} is a number, which has limits.")
        return source.value(word)
    except BenchError as error:
        raise placed(config.place, "states", error) from error


def _hysteresis(config: AlarmConfig, source: WatchedSource) -> float:
    given = config.hysteresis
    if not given:
        return 0.0
    try:
        if isinstance(given, str):  # a difference: 1 °C is 1 K, without the offset
            given = source.number(given) - source.number(f"0 {_unit(given)}")
        elif not source.is_number:
            raise BenchError(f"{source.name} is no number.")
        if given < 0:
            raise BenchError("it is below zero.")
    except BenchError as error:
        raise placed(config.place, "hysteresis", error) from error
    return float(given)


def _unit(text: str) -> str:
    return text.strip().lstrip("+-−.0123456789eE").strip()
