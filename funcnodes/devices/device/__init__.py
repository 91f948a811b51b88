"""One instrument of a bench: told, asked, shown, polled, acquired from and brought down."""

from funcnodes.devices.device.device import (
    ASKABLE,
    AUTO,
    LEASE_RETRY_S,
    POLL_S,
    RAW_LIMIT,
    Device,
    DeviceState,
    Parameter,
    ParkResult,
    Rack,
    Sample,
    is_safe,
)

__all__ = [
    "ASKABLE",
    "AUTO",
    "LEASE_RETRY_S",
    "POLL_S",
    "RAW_LIMIT",
    "Device",
    "DeviceState",
    "Parameter",
    "ParkResult",
    "Rack",
    "Sample",
    "is_safe",
]  # fmt: skip
