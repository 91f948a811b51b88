"""What is connected here, and what answers on the network; opens nothing that nobody named."""

from funcnodes.devices.discovery.identifying import (
    ANSWER_S,
    BAUDS,
    TERMINATORS,
    Identified,
    identify,
)
from funcnodes.devices.discovery.instruments import (
    USB,
    USBTMC,
    Attached,
    attached,
    by_visa,
    on_network,
)

__all__ = [
    "ANSWER_S", "BAUDS", "TERMINATORS", "USB", "USBTMC", "Attached", "Identified",
    "attached", "by_visa", "identify", "on_network",
]  # fmt: skip
