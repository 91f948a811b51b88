"""What kind of value a port carries, what it takes from outside, and which ports fit together."""

from funcnodes.core.types.annotations import (
    KINDS,
    DeviceRef,
    DType,
    Image,
    Kind,
    Rows,
    Shape,
    Trigger,
    Unit,
)
from funcnodes.core.types.fitting import conversion
from funcnodes.core.types.limits import Range, check_range
from funcnodes.core.types.porttype import PortType, add_type
from funcnodes.core.types.words import words

__all__ = [
    "KINDS", "DType", "DeviceRef", "Image", "Kind", "PortType", "Range", "Rows", "Shape",
    "Trigger", "Unit", "add_type", "check_range", "conversion", "words",
]  # fmt: skip
