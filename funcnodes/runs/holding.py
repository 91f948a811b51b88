"""What must hold on the devices of a graph so that what it sets and reads means what it says (D8).

Looked at before anything is armed: at the start of a run, and when effects are switched on.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Protocol, runtime_checkable

from funcnodes.core import Node
from funcnodes.devices.bench import Bench
from funcnodes.devices.declarations.words import Command
from funcnodes.devices.device import Device
from funcnodes.errors import DeviceError
from funcnodes.runs import outage


@runtime_checkable
class UsesMembers(Protocol):
    """A node that acts on members of devices."""

    def members_used(self) -> Iterable[tuple[str, str]]:
        """Each device with the full name of a member of it."""


async def look(nodes: Iterable[Node], bench: Bench | None) -> None:
    """Have the devices of these nodes read what their drivers require to hold.

    A bench that was opened just now is given the time to reach them.
    """
    if bench is None:
        return
    names = outage.used(nodes)
    await bench.first_contact(names)
    for name in names:
        device = bench.devices.get(name)
        if device is not None and device.is_online:
            with suppress(DeviceError):  # what cannot be read is told by the check
                await device.read_requirements()


def unmet(nodes: Iterable[Node], bench: Bench | None) -> Iterator[str]:
    """What the members that are used require and do not have, unless the graph itself sets it."""
    used: dict[str, set[str]] = {}
    for node in nodes:
        for where, member in node.members_used() if isinstance(node, UsesMembers) else ():
            used.setdefault(where, set()).add(member)
    for name in sorted(used):
        device = bench.devices.get(name) if bench is not None else None
        if device is not None:
            yield from device.unmet(used[name], but=used[name] | set(_brought(device, used[name])))


def _brought(device: Device, used: Iterable[str]) -> Iterator[str]:
    """What commands among these see to."""
    for path, member in device.members():
        if path in used and isinstance(member, Command):
            group = path.rpartition(".")[0]
            yield from member.brings
            yield from (f"{group}.{name}" for name in member.brings if group)
