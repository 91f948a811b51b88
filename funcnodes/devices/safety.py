"""The E-STOP latch, under the name by which programs know it."""

from funcnodes.devices.estop.latch import (
    CONFIRMED,
    AckState,
    Latch,
    LatchState,
    StopAck,
    replace_file,
)

__all__ = [
    "CONFIRMED", "AckState", "Latch", "LatchState", "StopAck", "replace_file",
]  # fmt: skip
