"""What of a whole scan can be foreseen before anything moves: interlocks, and its times.

An interlock that the scan itself would trip on its way, and a schedule that what hangs on it cannot
keep. What depends on what is measured is left to the run.
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from funcnodes.core import Frame, Node, NodeOutput, clock, units
from funcnodes.devices.bench import Bench
from funcnodes.devices.declarations.members import Sample
from funcnodes.devices.nodes.nodes import DeviceSet
from funcnodes.devices.nodes.ports import VALUE
from funcnodes.devices.safety.interlocks import Interlock
from funcnodes.devices.safety.sources import Observation
from funcnodes.errors import UnitError
from funcnodes.runs.plan import Plan

LATE = 0.1
"""Part of its period that a point on a schedule may be late; one that is later is left out (T8)."""


@runtime_checkable
class TakesTime(Protocol):
    """A node that takes a time that is known beforehand."""

    def least_s(self) -> float:
        """Seconds that it takes at least, by what it was told."""


# ── interlocks ────────────────────────────────────────────────────────────────────────────


def interlocked(plan: Plan, bench: Bench | None) -> Iterator[str]:
    """Interlocks that the ends of a scan would trip; those that hold now each node tells of."""
    if bench is not None:
        for frame in plan.frames:
            yield from _tripped_on_the_way(frame, bench)


def _tripped_on_the_way(frame: Frame, bench: Bench) -> Iterator[str]:
    for output, ends in frame.extremes().items():
        out = frame.outputs[output]
        for target in (inp.node for inp in out.targets):
            if isinstance(target, DeviceSet) and not target.muted:
                for value in sorted(set(ends)):
                    yield from _tripped_at(out, target, value, bench)


def _tripped_at(out: NodeOutput, node: DeviceSet, value: float, bench: Bench) -> Iterator[str]:
    unit = node.inputs[VALUE].unit
    try:
        there = units.conversion(out.unit, unit)(value) if unit else value
    except UnitError:
        return  # the edge says so
    for each in bench.interlocks:
        if _holds_at(each, f"{node.device}.{node.member}", there, unit):
            yield (
                f"{out.node.name} goes to {units.text(value, out.unit)}, where interlock "
                f"{each.config.name!r} {_does(each)}: {each.condition.text}."
            )


def _holds_at(interlock: Interlock, name: str, value: float, unit: str) -> bool:
    source = interlock.condition.sources.get(name)
    if source is None:
        return False
    seen = {name: Observation(source, Sample(value, unit, t=clock.now()))}
    return interlock.condition.holds(seen) is True


def _does(interlock: Interlock) -> str:
    return "trips" if interlock.is_stop else "refuses what is written"


# ── times ─────────────────────────────────────────────────────────────────────────────────


def untimely(plan: Plan) -> Iterator[str]:
    """Schedules that cannot be kept."""
    for frame in plan.frames:
        period_s, least_s = frame.period_s(), _body_s(plan, frame)
        if 0 < period_s * (1 + LATE) < least_s:
            yield (
                f"{frame.name} makes a point every {period_s:g} s, but one takes {least_s:g} s at "
                "least: make that longer, or what its points wait for shorter."
            )


def _whole_s(plan: Plan, frame: Frame) -> float:
    points = frame.points_total()
    one_s = max(frame.lead_s() + _body_s(plan, frame), 0.0)
    if points is None:
        return one_s
    if frame.period_s() > 0:
        return max(points - 1, 0) * max(frame.period_s(), one_s) + one_s
    return points * one_s


def _body_s(plan: Plan, frame: Frame) -> float:
    """Of one point: the longest of what is in it; things may happen beside each other."""
    inner = plan.directly_inside(frame)
    own = plan.bodies[frame].difference(*(plan.bodies[each] for each in inner), (frame,))
    return max((_node_s(plan, node) for node in own), default=0.0)


def _node_s(plan: Plan, node: Node) -> float:
    if node.muted:
        return 0.0
    if isinstance(node, Frame) and node in plan.bodies:
        return _whole_s(plan, node)
    return node.least_s() if isinstance(node, TakesTime) else 0.0
