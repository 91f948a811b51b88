"""One instrument of a bench: told, asked, shown, polled, acquired from and brought down."""

from funcnodes.devices.declarations.members import Sample
from funcnodes.devices.device.connection import LEASE_RETRY_S
from funcnodes.devices.device.descent import ParkResult
from funcnodes.devices.device.device import ASKABLE, POLL_S, Device, DeviceState
from funcnodes.devices.device.fitting import AUTO
from funcnodes.devices.device.panel import Parameter
from funcnodes.devices.device.rack import Rack
from funcnodes.devices.device.raw import RAW_LIMIT

__all__ = [
    "ASKABLE", "AUTO", "LEASE_RETRY_S", "POLL_S", "RAW_LIMIT", "Device", "DeviceState",
    "Parameter", "ParkResult", "Rack", "Sample",
]  # fmt: skip
