"""Whether what a port shows is so: on the device, at present, and at all.

A value is *applied* when the device, or the world, has it. A reading is *stale* when its source
fails, is out of reach or was switched off since. Looks only at what is in memory.
"""

from typing import Any

from funcnodes.core import Node, NodeInput
from funcnodes.core.nodes import Port
from funcnodes.core.subgraphs.passages import OuterInput
from funcnodes.devices.bench import Bench
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.device import Device
from funcnodes.devices.device.switching import declared, switched_since
from funcnodes.devices.nodes import DeviceMonitor, DeviceNode, DeviceSet
from funcnodes.devices.nodes.ports import VALUE

SWITCHED = {"": "", "off": "output off", "on": "earlier"}
"""What a reading is marked with whose output was switched since."""


def is_stale(port: Port) -> bool:
    """Whether the value can no longer be trusted to be the present one."""
    if isinstance(port, NodeInput):
        return any(is_stale(source) for source in port.sources)
    if port.quality == "stale" or port.node.state == "error" or _device_is_away(port.node):
        return True
    return note_of(port) != ""


def note_of(port: Port) -> str:
    """Why a reading is of no present state, in two words; "" where it is, or nobody knows."""
    if isinstance(port, NodeInput):
        return next((note for source in port.sources if (note := note_of(source))), "")
    node = port.node
    device = device_of(node)
    if device is None or not isinstance(node, DeviceNode) or port.wave is None:
        return ""
    path = node.member if port.id == VALUE else f"{node.member}.{port.id}"
    return SWITCHED[switched_since(device, path)]


def period_of(port: Port) -> float | None:
    """How often a value is to be renewed: of a monitor's, unless it tells of changes only."""
    if isinstance(port, NodeInput):
        periods = (period_of(source) for source in port.sources)
        return next((period for period in periods if period is not None), None)
    node, device = port.node, device_of(port.node)
    if not isinstance(node, DeviceMonitor) or device is None:
        return None
    member = declared(device.kind)[0].get(node.member)
    if getattr(member, "deadband", 0.0):  # what hardly changes is not told again
        return None
    return float(node.inputs["period"].value)


def is_applied(port: Port) -> bool:
    """Whether a value that a device or the world is to have is there.

    Of a control it is known: by what the device was last set to, or read as.
    """
    if isinstance(port, OuterInput):
        return all(is_applied(inp) for inp in port.inner)
    if not isinstance(port, NodeInput) or not port.node.effect:
        return True
    known = _as_on_the_device(port)
    return port.applied if known is None else known


def device_of(node: Node) -> Device | None:
    """The device that a node talks to, where it is on the bench."""
    name = getattr(node, "device", None)
    if not name or node.nodespace is None:
        return None
    bench = node.nodespace.services.get(Bench)
    return bench.devices.get(str(name)) if bench is not None else None


def _as_on_the_device(port: NodeInput) -> bool | None:
    """Whether the device has what a Set node holds; None where that is not known."""
    node, device = port.node, device_of(port.node)
    if not isinstance(node, DeviceSet) or port.id != VALUE or device is None:
        return None
    sample, member = device.newest(node.member), declared(device.kind)[0].get(node.member)
    if sample is None or not isinstance(member, Control) or not device.is_online:
        return None
    return _same(member, port.value, sample.value)


def _same(member: Control[Any], wanted: Any, found: Any) -> bool:
    try:
        return member.same(wanted, found) or member.label(wanted) == member.label(found)
    except (TypeError, ValueError):
        return False


def _device_is_away(node: Node) -> bool:
    if not getattr(node, "device", None) or node.nodespace is None:
        return False
    device = device_of(node)
    return device is None or device.state in ("offline", "fault", "unanswered")
