"""What goes wrong on a bench: faults, the plan that lets them happen, and files of them."""

from funcnodes_simulators.faults.deliveries import Delivery, GoDead, HangUp, Hold, LosePower, Send
from funcnodes_simulators.faults.fault import (
    BEFORE_KINDS,
    KINDS,
    LARGEST_REPLY_BYTES,
    LINE_KINDS,
    Fault,
    FaultKind,
)
from funcnodes_simulators.faults.plan import FaultPlan, Strike

__all__ = [
    "BEFORE_KINDS",
    "KINDS",
    "LARGEST_REPLY_BYTES",
    "LINE_KINDS",
    "Delivery",
    "Fault",
    "FaultKind",
    "FaultPlan",
    "GoDead",
    "HangUp",
    "Hold",
    "LosePower",
    "Send",
    "Strike",
]
