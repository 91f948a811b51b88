"""Why a run cannot start, in plain sentences, each naming the nodes and the fix.

Looks at the graph and at the bench; does nothing, asks no instrument.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Protocol, runtime_checkable

from funcnodes.core import Frame, Node, NodeInput, NodeOutput, NodeSpace, NoValue, units
from funcnodes.core.nodes import TRIGGER_IN
from funcnodes.core.running import topology
from funcnodes.core.subgraphs.passages import InputPassage
from funcnodes.devices.bench import Bench
from funcnodes.errors import UnitError, ValueRefusedError
from funcnodes.runs import foreseen, holding, outage
from funcnodes.runs.plan import Plan, onward


@runtime_checkable
class ChecksLasting(Protocol):
    """A node whose `check_run` says also what may pass, such as an interlock."""

    def check_lasting(self) -> list[str]:
        """The sentences without that."""


def problems(
    space: NodeSpace, plan: Plan, bench: Bench | None, *, is_open: bool = True
) -> list[str]:
    """All sentences; none where the run may start.

    Args:
        space: What is to be run.
        plan: How it would go.
        bench: What it would run on.
        is_open: Whether the bench was opened; else nobody knows yet which devices are reachable.
    """
    return list(
        dict.fromkeys(
            sentence
            for sentence in [
                *(sentence for node in space.nodes for sentence in node.check_run()),
                *(_unreachable_devices(plan, bench) if is_open else ()),
                *holding.unmet(plan.nodes, bench),
                *outage.changed(outage.used(plan.nodes), bench),
                *_of_the_graph(space, plan, bench),
            ]
            if sentence
        )
    )


def lasting(space: NodeSpace, plan: Plan, bench: Bench | None) -> list[str]:
    """Those of the sentences that will be as true at any later time: devices that the bench does
    not have, and what is wrong with the graph. Who is reachable just now does not matter."""
    own = (
        sentence
        for node in space.nodes
        for sentence in (
            node.check_lasting() if isinstance(node, ChecksLasting) else node.check_run()
        )
    )
    return list(dict.fromkeys(filter(None, [*own, *_of_the_graph(space, plan, bench)])))


def _of_the_graph(space: NodeSpace, plan: Plan, bench: Bench | None) -> Iterator[str]:
    yield from _no_frame(plan)
    yield from _loose_frames(plan)
    yield from _missing_values(plan)
    yield from _refused_wires(space)
    yield from _unchecked_writes(space)
    yield from _beyond_limits(plan)
    yield from foreseen.interlocked(plan, bench)
    yield from foreseen.untimely(plan)
    yield from _unordered_writes(plan)
    yield from _device_cycles(space)


def device_of(node: Node) -> str:
    """Name of the device that a node talks to, or ""."""
    name = getattr(node, "device", "")
    return name if isinstance(name, str) else ""


def _no_frame(plan: Plan) -> Iterator[str]:
    if not plan.frames:
        yield "There is nothing to run: add a Sweep and wire what it should set."


def _unreachable_devices(plan: Plan, bench: Bench | None) -> Iterator[str]:
    named = {device_of(node) for node in plan.nodes} - {""}
    for name in sorted(named | outage.used(plan.nodes)):
        device = bench.devices.get(name) if bench is not None else None
        if device is not None and device.state in ("offline", "fault"):
            why = device.message.removeprefix(f"{device.address}: ").rstrip(".")
            yield f"{name} ({device.address}) is {device.state}{f': {why}' if why else ''}."


def _loose_frames(plan: Plan) -> Iterator[str]:
    """A frame in another's body must be started by it, else its points have no order."""
    for inner in plan.frames:
        for outer in plan.frames:
            inside = inner is not outer and inner in plan.bodies[outer] and inner.frame is None
            if inside and not inner.inputs[TRIGGER_IN].is_connected():
                yield (
                    f"{inner.name} depends on {outer.name}, but nothing starts it: "
                    f"wire ▶ of a node that {outer.name} sets to ▶ of {inner.name}."
                )


def _missing_values(plan: Plan) -> Iterator[str]:
    for node in plan.nodes:
        border = [node.port] if isinstance(node, InputPassage) and node.port is not None else []
        for port in (*node.inputs.values(), *border):
            unset = port.required and not port.is_connected() and port.value is NoValue
            if unset and not node.muted:
                yield f"{port.node.name}: {port.name} has no value; set it or wire it."


def _refused_wires(space: NodeSpace) -> Iterator[str]:
    """What an older file wired and this version does not: a default must not slip in instead."""
    for node in space.walk():
        for port in node.inputs.values():
            if port.lacks_edges and not node.muted:
                whys = " ".join(wire.why for wire in port.refused)
                yield f"{node.name}: {port.name} lost its wire; set it or wire it anew. {whys}"


def _unchecked_writes(space: NodeSpace) -> Iterator[str]:
    """What an older file wired and nobody checked may pass, but not to an instrument or a file."""
    for node in space.walk():
        for port in node.inputs.values() if node.effect and not node.muted else ():
            for why in filter(None, map(port.why_unchecked, port.sources)):
                yield f"{node.name}: the wire to {port.name} is not checked; wire it anew. {why}"


def _beyond_limits(plan: Plan) -> Iterator[str]:
    """The whole of a scan against the limits of what it sets, before anything moves."""
    for frame in plan.frames:
        for output, ends in frame.extremes().items():
            out = frame.outputs[output]
            for inp in out.targets:
                if not inp.node.muted:
                    yield from (_beyond(out, inp, value) for value in sorted(set(ends)))


def _beyond(out: NodeOutput, inp: NodeInput, value: float) -> str:
    """Why an input would refuse a value that comes from there, or ""."""
    try:
        inp.check_limits(units.conversion(out.unit, inp.unit)(value) if inp.unit else value)
    except ValueRefusedError as error:
        return f"{out.node.name} goes to {units.text(value, out.unit)}. {error.message}"
    except UnitError:
        return ""  # the edge itself is refused, or says so
    return ""


def _unordered_writes(plan: Plan) -> Iterator[str]:
    """T7: two writes to one device in one wave need an order between them."""
    places = [plan.chain, *(plan.bodies[frame] for frame in plan.outer_frames)]
    for place in places:
        writers = sorted(
            (node for node in place if node.effect and device_of(node) and not node.muted),
            key=lambda node: (node.name, node.uuid),
        )
        for one, other in combinations(writers, 2):
            if device_of(one) == device_of(other) and not _ordered(one, other):
                yield (
                    f"{one.name} and {other.name} both write to {device_of(one)} with no order "
                    f"between them: wire ▶ done of the one that comes first to ▶ of the other."
                )


def _ordered(one: Node, other: Node) -> bool:
    if other in topology.downstream(one) or one in topology.downstream(other):
        return True
    return _by_frames(one, other) or _after_frame(one, other) or _after_frame(other, one)


def _by_frames(one: Node, other: Node) -> bool:
    """Whether a frame has them in different sections, which follow each other."""
    sections = dict(_held(one))
    return any(sections.get(frame, section) != section for frame, section in _held(other))


def _after_frame(one: Node, other: Node) -> bool:
    """Whether `other` comes after a frame that holds `one` and not itself."""
    around = dict(_held(other))
    return any(
        frame not in around and other in topology.downstream(frame) for frame, _ in _held(one)
    )


def _held(node: Node) -> Iterator[tuple[Node, str]]:
    """The frames around `node`, each with the section that it is in."""
    frame = node.frame
    while frame is not None and node.place is not None:
        yield frame, node.place.section
        node, frame = frame, frame.frame


def _device_cycles(space: NodeSpace) -> Iterator[str]:
    """T8: a cycle through a device would never let its wave come to rest."""
    told: set[Node] = set()
    nodes = list(space.walk())
    for node in nodes:
        if node in told or not (device_of(node) or isinstance(node, Frame)):
            continue
        below = onward(node)
        if node not in below:
            continue
        members = [other for other in nodes if other in below and node in onward(other)]
        told.update(members)
        yield (
            f"{', '.join(o.name for o in members)} form a cycle through "
            f"{device_of(node) or node.name}, which would never end: put a Previous node into it, "
            "or take one of its wires away."
        )
