"""What a bench file says, and where it is: devices, limits, rules; nothing is opened."""

from funcnodes.devices.benchfile.approval import ApprovalRule
from funcnodes.devices.benchfile.file import (
    DEFAULT_ACTIONS,
    MAX_BYTES,
    OPERATOR_LOST_S,
    BenchConfig,
    BenchFile,
    Cause,
    DeviceConfig,
    SafeAction,
    StatedLimit,
)
from funcnodes.devices.benchfile.find import builtin_benches, find_bench

__all__ = [
    "DEFAULT_ACTIONS",
    "MAX_BYTES",
    "OPERATOR_LOST_S",
    "ApprovalRule",
    "BenchConfig",
    "BenchFile",
    "Cause",
    "DeviceConfig",
    "SafeAction",
    "StatedLimit",
    "builtin_benches",
    "find_bench",
]  # fmt: skip
