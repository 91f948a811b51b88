"""What a bench does and tells by itself: conditions, interlocks, alarms, notices.

The E-STOP latch, which used to be here, is in `estop`; its names are kept.
"""

from funcnodes.devices.estop.latch import CONFIRMED, AckState, Latch, LatchState, StopAck

__all__ = [
    "CONFIRMED", "AckState", "Latch", "LatchState", "StopAck",
]  # fmt: skip
