"""What goes wrong on a bench: faults, the plan that lets them happen, and files of them."""

from funcnodes_simulators.faults.plan import (
    BEFORE_KINDS,
    KINDS,
    LARGEST_REPLY_BYTES,
    LINE_KINDS,
    Delivery,
    Fault,
    FaultKind,
    FaultPlan,
    GoDead,
    HangUp,
    Hold,
    LosePower,
    Send,
    Strike,
)

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
