"""Recordings of traffic, under the name by which programs know them."""

from funcnodes.devices.bench.recorder import (
    PENDING_BYTES,
    SYNC_S,
    TrafficRecorder as Recorder,
    device_head,
    export,
    recorded_bench,
    replayed,
)
from funcnodes.devices.messages.recorded import (
    FORMAT,
    MAX_BYTES,
    DeviceHead,
    Head,
    Recorded,
    RecordedDevice,
    encoded,
    exchange_line,
)

__all__ = [
    "FORMAT", "MAX_BYTES", "PENDING_BYTES", "SYNC_S", "DeviceHead", "Head", "Recorded",
    "RecordedDevice", "Recorder", "device_head", "encoded", "exchange_line", "export",
    "recorded_bench", "replayed",
]  # fmt: skip
