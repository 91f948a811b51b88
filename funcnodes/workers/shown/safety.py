"""What people are told of a bench's own safety: alarms, interlocks, and the plan for each cause.

Guarantees that whoever watches is told by events, the newest of each at most once a patch, and
only of what is different; nothing is read for it. What alarms and interlocks do, and what the plan
says, is the bench's.
"""

from collections.abc import Callable, Iterable
from typing import cast

import msgspec

from funcnodes.core import clock
from funcnodes.devices.bench import Bench
from funcnodes.devices.device import Device
from funcnodes.devices.safety.alarms import Alarm
from funcnodes.devices.safety.interlocks import Interlock
from funcnodes.runs import Run
from funcnodes.workers import schema
from funcnodes.workers.publisher import Publisher
from funcnodes.workers.shown.views import preview


class SafetyFeed:
    """Tells of one bench's alarms, interlocks and plan, from `follow` on."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._bench: Bench | None = None
        self._watch = schema.WatchView()  # what was told last
        self._plan = schema.SafetyView()

    def follow(self, bench: Bench) -> list[Callable[[], None]]:
        """Begin to tell of this bench; returns what ends that."""
        self._bench = bench
        return [
            bench.on_change(lambda _: self.touch()),
            bench.alarms.on_alarm(lambda *_: self.touch()),
            bench.interlocks.on_change(lambda _: self.touch()),
        ]

    def touch(self) -> None:
        """Something may be different now."""
        if self._bench is not None:
            self._publisher.mark("safety", self._events)

    def views(self) -> tuple[schema.WatchView, schema.SafetyView]:
        """All of it as it is now, for a Snapshot."""
        self._watch, self._plan = watch_view(self._bench), safety_view(self._bench)
        return self._watch, self._plan

    def _events(self) -> list[schema.PatchEvent]:
        watch, plan = self._watch, self._plan
        self.views()
        events: list[schema.PatchEvent] = []
        if self._watch != watch:
            events.append(schema.WatchPut(watch=self._watch))
        if self._plan != plan:
            events.append(schema.SafetyPut(safety=self._plan))
        return events


def watch_view(bench: Bench | None) -> schema.WatchView:
    """What the bench watches by itself; nothing where there is none."""
    if bench is None:
        return schema.WatchView()
    return schema.WatchView(
        alarms=[_alarm(each) for each in bench.alarms],
        interlocks=[_interlock(each) for each in bench.interlocks],
    )


def safety_view(bench: Bench | None) -> schema.SafetyView:
    """What the bench will do for each cause; nothing where there is none."""
    if bench is None:
        return schema.SafetyView()
    plan = bench.safety_plan()
    unreal = {name for name, device in bench.devices.items() if _is_unreal(device)}
    return schema.SafetyView(
        causes=[msgspec.convert(each, schema.CausePlanView, from_attributes=True)
                for each in plan.causes],
        interlocks=list(plan.interlocks),
        waits=list(plan.waits),
        unreachable=list(plan.unreachable),
        warnings=[
            schema.SafetyWarningView(name=each.name, text=each.text, asks=each.name not in unreal)
            for each in plan.warnings
        ],
        asks=[name for name, device in bench.devices.items()
              if name not in unreal and (device.kind.outputs() or device.emergency_bytes())],
    )  # fmt: skip


def note_acceptance(run: Run, bench: Bench | None, accepted: Iterable[str], by: str) -> None:
    """Keep with a run which warnings there were at its start, and which of them were accepted (S5).

    Args:
        accepted: Texts of warnings.
        by: Who accepted them.
    """
    asked = _asked(bench)
    if asked:
        run.note("safety warnings", warnings=asked, accepted=accepted_now(bench, accepted), by=by)


def accepted_now(bench: Bench | None, accepted: Iterable[str]) -> list[str]:
    """Those of the accepted texts that are warnings of the bench now."""
    texts = set(accepted)
    return [text for text in _asked(bench) if text in texts]


def _asked(bench: Bench | None) -> list[str]:
    return [each.text for each in safety_view(bench).warnings if each.asks]


def _is_unreal(device: Device) -> bool:
    return device.simulated or device.replayed


def _alarm(alarm: Alarm) -> schema.AlarmView:
    state, observation, source = alarm.state, alarm.observation, alarm.source
    sample = observation.sample if observation is not None and source.member else None
    until = None if state.shelved_s is None else round(clock.now() + state.shelved_s)
    return schema.AlarmView(
        name=state.name, source=state.source, device=source.device,
        value=None if observation is None or sample is None else preview(observation.value),
        unit=source.unit, read_t=None if sample is None else sample.t,
        severity=cast(schema.AlarmSeverity, state.severity), status=state.status,
        message=state.message, t=state.t, enabled=state.enabled, shelved_until=until,
        unacknowledged=cast(schema.AlarmSeverity, state.unacknowledged),
    )  # fmt: skip


def _interlock(interlock: Interlock) -> schema.InterlockView:
    state = interlock.state
    return schema.InterlockView(
        name=state.name, when=state.when, then=state.then, devices=list(state.devices),
        writes=list(interlock.config.writes), tripped=state.tripped, holds=state.holds,
        why=state.why, t=state.t, latching=interlock.is_stop or interlock.config.latching,
    )  # fmt: skip
