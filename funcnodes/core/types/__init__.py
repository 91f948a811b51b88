"""What kind of value a port carries, and which ports fit together."""

from funcnodes.core.types.porttype import (
    KINDS,
    DeviceRef,
    DType,
    Image,
    Kind,
    PortType,
    Range,
    Rows,
    Shape,
    Trigger,
    Unit,
    add_type,
    check_range,
    conversion,
    words,
)

__all__ = [
    "KINDS", "DType", "DeviceRef", "Image", "Kind", "PortType", "Range", "Rows", "Shape",
    "Trigger", "Unit", "add_type", "check_range", "conversion", "words",
]  # fmt: skip
