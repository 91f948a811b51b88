"""What is to be written so that devices stand as they did at the moment a run is gone on with.

What was written during the run, else what was there before it, against what is there now. What the
graph sets again by itself before its next point is left to it, and told. Reads; writes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from funcnodes.core import Frame, Node, units
from funcnodes.core.running import topology
from funcnodes.devices.bench import Bench
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.device import Device
from funcnodes.devices.nodes import DeviceNode, DeviceSet
from funcnodes.devices.nodes.ports import VALUE
from funcnodes.errors import DeviceError
from funcnodes.runs.plan import Plan
from funcnodes.runs.points import Past
from funcnodes.runs.records import DeviceSnapshot

Member = tuple[str, str]
"""A device and the full name of a member of it."""


class RestoringWrite(msgspec.Struct, frozen=True, kw_only=True):
    """One write.

    Attributes:
        value: In the member's own unit.
        text: In words: "smu.nplc: 1 (now 0.1)".
    """

    device: str
    member: str
    value: Any
    text: str


@dataclass(frozen=True, slots=True)
class Restoration:
    """How devices are brought back.

    Attributes:
        writes: In order; outputs come last.
        remarks: What is otherwise than it was, and left so.
        objections: Why something cannot be brought back.
    """

    writes: tuple[RestoringWrite, ...]
    remarks: tuple[str, ...]
    objections: tuple[str, ...]


# ── what the graph does by itself ─────────────────────────────────────────────────────────────


def done_again(plan: Plan, past: Past) -> list[Node]:
    """The nodes that run again at or before the next point; who sets others off comes first."""
    numbers = {frame: n for n, frame in enumerate(plan.frames)}
    over = {frame for frame, n in numbers.items() if past.ended(n)}
    over -= {f for f in over if any(f in plan.bodies[o] and o not in over for o in plan.frames)}
    left = [frame for frame in plan.inner_frames if frame not in over]
    newest = [frame for frame in left if past.newest.rpartition("/")[2] == str(numbers[frame])]
    leaves = newest or left
    around = {f for f in plan.frames for leaf in leaves if leaf in plan.bodies[f] or f is leaf}
    passed = frozenset[Node]().union(*(plan.bodies[frame] for frame in over)) if over else set()
    found = set().union(*(plan.bodies[leaf] for leaf in leaves)) if leaves else set()
    for node in plan.nodes - passed - around:
        if any(frame in topology.downstream(node) for frame in around):
            found.add(node)
    for frame in around:
        entering = frame.members("enter")
        found.update(entering, *(topology.downstream(node) for node in entering))
    return sorted(found, key=lambda node: (len(topology.ancestors(node)), node.name, node.uuid))


def set_again(nodes: Iterable[Node]) -> set[Member]:
    """What those nodes set."""
    return {
        (node.device, node.member)
        for node in nodes
        if isinstance(node, DeviceSet) and not node.muted
    }


def effects(nodes: Iterable[Node]) -> Iterator[str]:
    """What those nodes do to the world, a line each."""
    for node in nodes:
        if not node.effect or node.muted or isinstance(node, Frame):
            continue
        if isinstance(node, DeviceSet):
            yield f"{node.name}: {node.device}.{node.member} = {_given(node)}"
        elif isinstance(node, DeviceNode):
            yield f"{node.name}: {node.device}.{node.member}"
        else:
            yield node.name


def _given(node: DeviceSet) -> str:
    port = node.inputs[VALUE]
    if port.is_connected():
        return f"what {port.sources[0].node.name} gives"
    value = port.value
    if isinstance(value, bool):
        return "on" if value else "off"
    return units.text(value, port.unit) if isinstance(value, int | float) else str(value)


# ── what is otherwise ─────────────────────────────────────────────────────────────────────────


async def settings(
    bench: Bench,
    devices: Iterable[str],
    past: Past,
    before: Sequence[DeviceSnapshot],
    again: set[Member],
) -> Restoration:
    """Compare what was with what is; asks the devices.

    Args:
        devices: Those that the graph uses: they are brought back, others are only told of.
        before: Taken before the first run.
        again: What the graph sets by itself.
    """
    known = {snapshot.device: snapshot for snapshot in before if snapshot.moment == "before"}
    writes: list[tuple[int, int, RestoringWrite]] = []
    objections: list[str] = []
    for name in sorted(devices):
        device = bench.devices.get(name)
        if device is None:
            continue
        wanted = _wanted(device, past.sets, known.get(name))
        for place, (member, value) in enumerate(wanted.items()):
            if (name, member) in again:
                continue
            try:
                write = await _write(device, member, value)
            except DeviceError as error:
                objections.append(f"{name}.{member} cannot be compared: {error.message}")
                continue
            if isinstance(write, str):
                objections.append(write)
            elif write is not None:
                writes.append((_rank(device, write), place, write))
    writes.sort(key=lambda each: each[:2])
    others = [device for name, device in bench.devices.items() if name not in set(devices)]
    remarks = [text for device in others for text in _told(device, known.get(device.name))]
    return Restoration(tuple(each[2] for each in writes), tuple(remarks), tuple(objections))


def _wanted(
    device: Device, sets: Mapping[Member, Any], before: DeviceSnapshot | None
) -> dict[str, Any]:
    """What each control stood at: as the run left it, else as it was before."""
    controls = {path: each for path, each in device.members() if isinstance(each, Control)}
    found = {
        name: value
        for name, value in _kept(before).items()
        if name in controls and not controls[name].drifts
    }
    for (name, member), value in sets.items():
        if name == device.name and member in controls:
            found.pop(member, None)
            found[member] = value
    return found


def _kept(before: DeviceSnapshot | None) -> dict[str, Any]:
    parameters = before.parameters.get("parameters") if before is not None else None
    return {
        name: sample["value"]
        for name, sample in (parameters if isinstance(parameters, dict) else {}).items()
        if isinstance(sample, dict) and sample.get("quality") == "ok"
    }


async def _write(device: Device, member: str, value: Any) -> RestoringWrite | str | None:
    """The write that brings one control back; why that cannot be; None where it is so."""
    control = _control(device, member)
    sample = await device.member_get(member)
    if sample.quality == "ok" and control.same(value, sample.value):
        return None
    what = f"{device.name}.{member}"
    limits = device.limits(member)
    if limits is not None and isinstance(value, int | float) and not limits.holds(value):
        return f"{what} was {control.text(value)}, which is outside its limits now."
    text = f"{what}: {control.text(value)} (now {control.text(sample.value)})"
    return RestoringWrite(device=device.name, member=member, value=value, text=text)


def _rank(device: Device, write: RestoringWrite) -> int:
    """How to measure first, then what is put out, at last the outputs themselves."""
    control = _control(device, write.member)
    if control.is_setting:
        return 0
    is_output = not control.makes_safe(write.value) and control.makes_safe(control.safe)
    return 2 if is_output else 1


def _told(device: Device, before: DeviceSnapshot | None) -> Iterator[str]:
    controls = {path: each for path, each in device.members() if isinstance(each, Control)}
    for member, value in _kept(before).items():
        control, now = controls.get(member), device.newest(member)
        if control is None or control.drifts:
            continue
        if now is not None and now.quality == "ok" and not control.same(value, now.value):
            yield (
                f"{device.name}.{member} was {control.text(value)} and is "
                f"{control.text(now.value)}: the graph does not use {device.name}, so it stays."
            )


def _control(device: Device, member: str) -> Control[Any]:
    found = device.member(member)
    assert isinstance(found, Control)
    return found
