"""Nodes for the devices of a bench, and what the palette offers of them (D6)."""

from funcnodes.devices.nodes.nodes import (
    NODE_IDS,
    NODE_SHELF,
    DeviceAcquire,
    DeviceCommand,
    DeviceGet,
    DeviceMonitor,
    DeviceNode,
    DeviceRead,
    DeviceSet,
    rebind,
)
from funcnodes.devices.nodes.palette import DeviceEntry, EntryPort, library_entries
from funcnodes.devices.nodes.ports import VALUE, PortPlan, acquired_plans, output_plans, value_plan
from funcnodes.devices.nodes.titles import icon_of, title_of

__all__ = [
    "NODE_IDS", "NODE_SHELF", "VALUE", "DeviceAcquire", "DeviceCommand", "DeviceEntry",
    "DeviceGet", "DeviceMonitor", "DeviceNode", "DeviceRead", "DeviceSet", "EntryPort",
    "PortPlan", "acquired_plans", "icon_of", "library_entries", "output_plans", "rebind",
    "title_of", "value_plan",
]  # fmt: skip
