"""What device nodes are called, and which picture is on their cards."""

from funcnodes.devices.declarations.commands import Command
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.members import Member
from funcnodes.devices.device.device import Device

_VERBS = {
    "device.set": "Set",
    "device.get": "Get",
    "device.read": "Read",
    "device.monitor": "Monitor",
}
_SOURCES = {"V", "A", "W", "Hz"}


def title_of(node_id: str, device: Device, path: str) -> str:
    """What a node of this kind is called: "Set voltage", "Read temperature (input A)"."""
    member = device.member(path)
    head, dot, _ = path.partition(".")
    channel = f" ({lowered(device.kind.channels[head].title or head)})" if dot else ""
    verb = _VERBS.get(node_id, "")
    return f"{verb} {lowered(member.title)}{channel}" if verb else f"{member.title}{channel}"


def icon_of(node_id: str, member: Member) -> str:
    """Name of the picture on its card."""
    if node_id == "device.monitor":
        return "pulse"
    if isinstance(member, Command):
        return "bolt"
    unit = getattr(member, "unit", "")
    if unit in ("K", "°C", "degC"):
        return "thermo"
    if node_id != "device.set":
        return "meter"
    if isinstance(member, Control):
        if member.is_setting:
            return "sliders"
        if "heater" in member.name:
            return "heat"
        if member.type is bool:
            return "bolt"
    return "source" if unit in _SOURCES else "sliders"


def lowered(title: str) -> str:
    """A title within a sentence: "Voltage" is "voltage", "V, I" stays."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title
