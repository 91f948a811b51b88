"""Device nodes: `device.set`, `device.get`, `device.read`, `device.monitor`, `device.command` (D6).

Their ports come from the driver's declaration, narrowed by the bench. Saved with top-level keys
`device` and `member`; where the bench lacks the device the ports come from the saved form.
"""

from dataclasses import dataclass, field
from typing import Any

from funcnodes.devices.bench import Bench

NODE_IDS = ("device.set", "device.get", "device.read", "device.monitor", "device.command")


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
    """What the palette offers for the devices of `bench`, device by device."""
    raise NotImplementedError
