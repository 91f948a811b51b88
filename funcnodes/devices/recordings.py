"""Recordings of traffic, under the name by which programs know them."""

from funcnodes.devices.messages.recorded import (
    FORMAT,
    MAX_BYTES,
    PENDING_BYTES,
    SYNC_S,
    DeviceHead,
    Head,
    Recorded,
    RecordedDevice,
    Recorder,
    device_head,
    exchange_line,
    export,
    recorded_bench,
    replayed,
)

__all__ = [
    "FORMAT", "MAX_BYTES", "PENDING_BYTES", "SYNC_S", "DeviceHead", "Head", "Recorded",
    "RecordedDevice", "Recorder", "device_head", "exchange_line", "export", "recorded_bench",
    "replayed",
]  # fmt: skip
