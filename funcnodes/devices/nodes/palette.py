"""What the palette offers for the devices of a bench."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from funcnodes.devices.bench.bench import Bench
from funcnodes.devices.declarations.blocks import Block
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.drivers import describe_member
from funcnodes.devices.declarations.members import Member
from funcnodes.devices.declarations.records import Record, Together
from funcnodes.devices.declarations.values import Measurement, Value
from funcnodes.devices.device.acquisition import members_of
from funcnodes.devices.device.device import Device
from funcnodes.devices.nodes.nodes import DeviceAcquire
from funcnodes.devices.nodes.ports import (
    PortPlan,
    acquired_plans,
    output_plans,
    value_plan,
)
from funcnodes.devices.nodes.titles import icon_of, title_of


@dataclass(frozen=True, slots=True)
class EntryPort:
    """A port that the node of an entry would have."""

    id: str
    kind: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """One thing the palette offers for a device.

    Add it with `space.add_node_by_id(entry.node_id, name=entry.title, extra=entry.extra)`.
    """

    key: str
    """E.g. "device.set:smu.voltage"."""
    node_id: str
    title: str
    path: tuple[str, ...]
    icon: str = ""
    doc: str = ""
    words: tuple[str, ...] = ()
    inputs: tuple[EntryPort, ...] = ()
    outputs: tuple[EntryPort, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    """{"device": "smu", "member": "voltage"}"""


def library_entries(bench: Bench) -> list[DeviceEntry]:
    """What the palette offers for the devices of `bench`, device by device.

    Of each device first what is set, then what is read, then what acts or repeats.
    """
    found = []
    for device in bench.devices.values():
        offers = [
            (node_id, path, member)
            for path, member in device.members()
            for node_id in _offered(member)
        ]
        offers.sort(key=lambda offer: _ORDER.index(offer[0]))
        found += [_entry(device, *offer) for offer in offers]
    return found + list(_acquisitions(bench))


def _acquisitions(bench: Bench) -> Iterator[DeviceEntry]:
    """Each device that can be fetched from, and all of them together."""
    able = [d for d in bench.devices.values() if next(members_of(d, "fetch"), None)]
    groups = [[device] for device in able] + ([able] if len(able) > 1 else [])
    for devices in groups:
        names = [device.name for device in devices]
        plans = [plan for device in devices for plan in acquired_plans(device)]
        yield DeviceEntry(
            key=f"device.acquire:{'+'.join(names)}",
            node_id="device.acquire",
            title=f"Acquire {' and '.join(names)}",
            path=(names[0],) if len(names) == 1 else ("Together",),
            icon="pulse",
            doc=DeviceAcquire.__doc__ or "",
            words=(*names, "arm", "trigger", "fetch"),
            outputs=tuple(_entry_port(plan) for plan in plans),
            extra={"device": names[0], "member": "", "devices": names},
        )


_ORDER = ("device.set", "device.read", "device.get", "device.command", "device.monitor")


def _offered(member: Member) -> tuple[str, ...]:
    if isinstance(member, Control):
        monitored = () if member.is_setting else ("device.monitor",)
        return ("device.set", "device.get", *monitored)
    if isinstance(member, Measurement | Record | Together | Block):
        return ("device.read", "device.monitor")
    return ("device.command",)


def _entry(device: Device, node_id: str, path: str, member: Member) -> DeviceEntry:
    head, dot, _ = path.partition(".")
    shelf = (device.name, device.kind.channels[head].title or head) if dot else (device.name,)
    inputs: list[PortPlan] = []
    if node_id == "device.set" and isinstance(member, Value):
        inputs = [value_plan(device, path, member)]
    if node_id == "device.monitor":
        inputs = [PortPlan("period", float, unit="s")]
    outputs = output_plans(member) if node_id not in ("device.set", "device.command") else []
    return DeviceEntry(
        key=f"{node_id}:{device.name}.{path}",
        node_id=node_id,
        title=title_of(node_id, device, path),
        path=shelf,
        icon=icon_of(node_id, member),
        doc=describe_member(member, device.kind.spec.manual),
        words=(device.name, device.kind.spec.title, path, member.kind),
        inputs=tuple(_entry_port(plan) for plan in inputs),
        outputs=tuple(_entry_port(plan) for plan in outputs),
        extra={"device": device.name, "member": path},
    )


def _entry_port(plan: PortPlan) -> EntryPort:
    kind = plan.port_type()
    return EntryPort(plan.id, kind.kind, kind.unit)
