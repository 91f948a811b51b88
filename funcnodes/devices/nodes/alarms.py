"""Alarms and interlocks in a graph: `alarm.limits`, `alarm.interlock`, `alarm.acknowledge`.

An Alarm node judges any value and is among the bench's alarms while it is in the graph, so that
it is acknowledged, shelved and told of like those of the bench file. Interlocks stay the bench's:
a node only sees how one stands, since a graph may be disarmed and an interlock must not be.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

from funcnodes.core import Node, NodeInput, NodeOutput, Shelf, clock
from funcnodes.core.uncertain import nominal
from funcnodes.devices.bench.bench import Bench
from funcnodes.devices.benchfile.rules import LIMITS, AlarmConfig, Severity
from funcnodes.devices.declarations.words import Sample
from funcnodes.devices.safety.alarms import Alarm
from funcnodes.devices.safety.interlocks import InterlockState
from funcnodes.devices.safety.sources import Observation, WatchedSource
from funcnodes.errors import BenchError, ExecutionError

SeverityName = Literal["NO_ALARM", "MINOR", "MAJOR", "INVALID"]


def _limit(description: str, *, hidden: bool = False) -> NodeInput:
    return NodeInput(
        type=float | None, default=None, required=False, does_trigger=False, live=True,
        hidden=hidden, description=description,
    )  # fmt: skip


class AlarmNode(Node):
    """Judges a number by limits, and raises an alarm on the bench.

    Beyond `low` or `high` it is MINOR, beyond `lolo` or `hihi` MAJOR, no number at all is INVALID.
    It falls once a limit is left by the hysteresis. The delay is looked at when a value comes.
    """

    node_id = "alarm.limits"
    node_name = "Alarm"
    description = __doc__ or ""
    icon = "alert"
    words = ("limit", "warning", "threshold", "severity", "watch")
    default_policy = "settled"
    default_run_in = "loop"

    value = NodeInput(type=float, description="What is judged.")
    lolo = _limit("At or below it the alarm is MAJOR.", hidden=True)
    low = _limit("At or below it the alarm is MINOR.")
    high = _limit("At or above it the alarm is MINOR.")
    hihi = _limit("At or above it the alarm is MAJOR.", hidden=True)
    hysteresis = NodeInput(
        type=float, default=0.0, does_trigger=False, hidden=True, value_options={"min": 0.0},
        description="By how much a limit must be left before the alarm falls.",
    )  # fmt: skip
    delay = NodeInput(
        type=float, unit="s", default=0.0, does_trigger=False, hidden=True,
        value_options={"min": 0.0, "max": 86_400.0},
        description="How long it must last before it is raised.",
    )  # fmt: skip
    severity = NodeOutput(type=SeverityName, description="How grave it is.")
    message = NodeOutput(type=str, description="Why, in words; empty without an alarm.")

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._alarm: Alarm | None = None
        self._leave: Callable[[], None] | None = None

    def func(self, value: Any, **limits: Any) -> None:
        alarm = self._judge(limits)
        quality = self.quality_taken
        known = (
            nominal(value) if quality == "ok" else math.nan
        )  # what is not ok is no number to judge
        sample = Sample(known, alarm.source.unit, quality, clock.now())
        observation = Observation(alarm.source, sample)
        bench = _bench_or_none(self)
        if bench is not None:
            bench.alarms.note(alarm, observation)
        else:
            alarm.note(observation, mono=clock.monotonic(), wall=clock.now())
        self.severity.set(alarm.severity.name)
        self.message.set(alarm.message)

    def on_removed(self) -> None:
        if self._leave is not None:
            self._leave()
            self._leave = None

    def _judge(self, given: dict[str, Any]) -> Alarm:
        """The alarm by the present limits; a new one takes the old one's place and its state."""
        before = self._alarm
        name = before.name if before is not None else self._free_name()
        config = AlarmConfig(
            name=name,
            source=self.name,
            limits={key: float(given[key]) for key in LIMITS if given.get(key) is not None},
            hysteresis=float(given["hysteresis"]),
            delay_s=float(given["delay"]),
        )
        if before is not None and before.config == config:
            return before
        try:
            alarm = Alarm(config, self._source())
        except BenchError as error:
            raise ExecutionError(f"{self.name}: {error.message}") from error
        if before is not None:
            alarm.take_over(before)
        self._alarm = alarm
        self._adopt(alarm)
        return alarm

    def _source(self) -> WatchedSource:
        ports = self.value.sources
        name = f"{ports[0].node.name} {ports[0].name}" if ports else self.name
        return WatchedSource(name, "", self.uuid, "value", float, ports[0].unit if ports else "")

    def _adopt(self, alarm: Alarm) -> None:
        bench = _bench_or_none(self)
        if self._leave is not None:
            self._leave()
        self._leave = bench.alarms.adopt(alarm) if bench is not None else None

    def _free_name(self) -> str:
        bench = _bench_or_none(self)
        taken = {alarm.name for alarm in bench.alarms} if bench is not None else set()
        return self.name if self.name not in taken else f"{self.name} ({self.uuid[:6]})"


class InterlockNode(Node):
    """Tells how an interlock of the bench stands, whenever that changes and when it is asked."""

    node_id = "alarm.interlock"
    node_name = "Interlock"
    description = __doc__ or ""
    icon = "lock"
    words = ("safety", "trip", "door", "protection")
    default_run_in = "loop"

    interlock = NodeInput(type=str, description="Its name in the bench file.")
    tripped = NodeOutput(type=bool, description="Whether it has tripped.")
    why = NodeOutput(type=str, description="What it was tripped by, or what its sources say.")

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._forget: Callable[[], None] | None = None

    def on_added(self) -> None:
        bench = _bench_or_none(self)
        if bench is not None:
            self._forget = bench.interlocks.on_change(self._changed)

    def on_removed(self) -> None:
        if self._forget is not None:
            self._forget()
            self._forget = None

    def func(self, interlock: str) -> None:
        state = _bench(self).interlocks.find(interlock).state
        self.tripped.set(state.tripped)
        self.why.set(state.why)

    def _changed(self, state: InterlockState) -> None:
        space = self.nodespace
        if space is None or space.arming == "disarmed" or state.name != self.interlock.value:
            return
        wave = space.root_wave(self.name)
        self.request(wave)
        wave.close()


class AcknowledgeNode(Node):
    """Acknowledges an alarm of the bench, or all of them, in the name of this node."""

    node_id = "alarm.acknowledge"
    node_name = "Acknowledge"
    description = __doc__ or ""
    icon = "check"
    words = ("alarm", "confirm", "seen", "clear")
    default_run_in = "loop"
    effect = True
    shows_order = True

    alarm = NodeInput(type=str, default="", description="Its name; empty for all.")
    up_to = NodeInput(
        type=Literal["MINOR", "MAJOR", "INVALID"], default="INVALID", hidden=True,
        description="Something graver than this stays.",
    )  # fmt: skip
    count = NodeOutput(type=int, description="How many it was effective for.")

    def func(self, alarm: str, up_to: str) -> None:
        alarms = _bench(self).alarms
        names = [alarm] if alarm else [each.name for each in alarms]
        by, severity = self.name, Severity[up_to]
        done = [alarms.acknowledge(name, by=by, severity=severity) for name in names]
        self.count.set(sum(done))


SHELF = Shelf(
    [AlarmNode, InterlockNode, AcknowledgeNode],
    name="Alarms",
    description="What people are to be told, and what the bench watches by itself.",
)


def _bench_or_none(node: Node) -> Bench | None:
    return node.nodespace.services.get(Bench) if node.nodespace is not None else None


def _bench(node: Node) -> Bench:
    bench = _bench_or_none(node)
    if bench is None:
        raise BenchError(
            "There is no bench here, so there are no alarms and interlocks.",
            hint="Open the nodespace on a bench.",
        )
    return bench
