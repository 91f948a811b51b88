"""The ports of device nodes: from a driver's declaration, and in the form in which they are saved.

A graph opens with them on a bench that lacks the device.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from funcnodes.core import NodeInput, PortType
from funcnodes.core.nodes import Port
from funcnodes.core.nodes.refused import OlderEdge
from funcnodes.core.types import Range
from funcnodes.devices.declarations.blocks import Block
from funcnodes.devices.declarations.members import Member
from funcnodes.devices.declarations.records import Record, Together
from funcnodes.devices.declarations.values import Value
from funcnodes.devices.device.acquisition import members_of
from funcnodes.devices.device.device import Device
from funcnodes.devices.nodes.titles import lowered
from funcnodes.errors import PortMismatchError, SavedGraphError

VALUE = "value"
MAX_PORTS = 100


@dataclass(frozen=True, slots=True)
class PortPlan:
    """A port that a device node has, as its declaration, or its saved form, says."""

    id: str
    type: Any
    name: str = ""
    unit: str = ""
    limits: Range = field(default_factory=Range)
    doc: str = ""

    def port_type(self) -> PortType:
        return PortType.of(self.type, unit=self.unit)


def value_plan(device: Device, path: str, member: Value[Any]) -> PortPlan:
    """The port of a single value, with the limits of the bench."""
    limits = device.limits(path) or Range()
    return PortPlan(VALUE, _annotation(member), lowered(member.title), member.unit, limits)


def output_plans(member: Member) -> list[PortPlan]:
    """The outputs of what can be read: one per field of a record."""
    if isinstance(member, Record):
        return [
            PortPlan(each.name, int if each.status else float, each.title, each.unit)
            for each in member.fields
        ]
    if isinstance(member, Together):
        pairs = zip(member.names, member.parts, strict=True)
        return [PortPlan(n, _annotation(p), lowered(p.title), p.unit) for n, p in pairs]
    if isinstance(member, Block):
        axis = [PortPlan("x", "ndarray", "axis", member.axis_unit)] if member.axis else []
        title = lowered(member.title)
        values = [PortPlan(n, "ndarray", n if member.parts else title, member.unit)
                  for n in member.names]  # fmt: skip
        return [*values, *axis]
    if isinstance(member, Value):
        return [PortPlan(VALUE, _annotation(member), lowered(member.title), member.unit)]
    return []


def acquired_plans(device: Device) -> list[PortPlan]:
    """The outputs for everything that can be fetched from a device."""
    return [
        replace(plan, id=port_id(device.name, path, plan.id), name=f"{device.name} {plan.name}")
        for path, member in members_of(device, "fetch")
        for plan in output_plans(member)
    ]


def port_id(device: str, path: str, part: str) -> str:
    """What the port of a part of a member is called on a node of several devices."""
    return f"{device}_{path.replace('.', '_')}_{part}"


def _annotation(member: Value[Any]) -> Any:
    return Literal[member.options] if member.choices else member.type


def bring_in_line(plan: PortPlan, port: Port) -> None:
    """Bring a port, new or old, in line with its plan."""
    before, port.type = port.type, plan.port_type()
    port._name = plan.name or None
    port.description = plan.doc
    for key, bound in (("min", plan.limits.low), ("max", plan.limits.high)):
        if bound is None:
            port.value_options.pop(key, None)
        else:
            port.value_options[key] = bound
    if port.type != before:
        _retyped(port, before)


def _retyped(port: Port, before: PortType) -> None:
    """Have edges convert as the port is now; one that fits no more is kept aside, and told.

    A number in the unit of before is no value any more.
    """
    ins: list[NodeInput] = [port] if isinstance(port, NodeInput) else list(port.targets)
    edges = [(source, inp) for inp in ins for source in inp.sources if port in (source, inp)]
    if port.unit != before.unit:
        for each in (port, *(inp for inp in ins if inp.sources)):
            each.unset()  # type: ignore[attr-defined]  # inputs and outputs have it
    for source, inp in edges:
        try:
            source.refit(inp)
        except PortMismatchError as error:
            inp.disconnect(source)
            inp.refuse(OlderEdge(source.node.uuid, source.id, error.message))
        else:
            inp.follow()


# ── the saved form of ports ───────────────────────────────────────────────────────────────


def saved_port(port: Port) -> dict[str, Any]:
    """The saved form of a port."""
    data: dict[str, Any] = {"id": port.id, "is_input": port.is_input, "type": port.type.name}
    if port.type.options:
        data["options"] = list(port.type.options)
    if port.unit:
        data["unit"] = port.unit
    if port.name != port.id:
        data["name"] = port.name
    return data


def saved_ports(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The ports of a saved node, still in their saved form; raises SavedGraphError."""
    ports = data.get("ports", [])
    ok = isinstance(ports, list) and len(ports) <= MAX_PORTS
    if not ok or not all(isinstance(each, Mapping) and _is_id(each.get("id")) for each in ports):
        raise SavedGraphError("The ports of a device node are not a list of named ports.")
    return list(ports)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and value.isidentifier() and len(value) <= 80


def saved_text(data: Mapping[str, Any], key: str) -> str:
    """A name in a saved node, "" where there is none; raises SavedGraphError."""
    value = data.get(key, "")
    if not isinstance(value, str) or len(value) > 200 or not value.isprintable():
        raise SavedGraphError(f"The {key} of a device node is not a name but {value!r:.60}.")
    return value


def saved_plans(saved: Iterable[Mapping[str, Any]], is_input: bool) -> Iterator[PortPlan]:
    """The inputs, or the outputs, that a saved node had."""
    for each in saved:
        if bool(each.get("is_input")) == is_input:
            options = each.get("options")
            kind: Any = Literal[tuple(options)] if options else str(each.get("type", "any"))
            yield PortPlan(
                each["id"], kind, str(each.get("name") or ""), str(each.get("unit") or "")
            )
