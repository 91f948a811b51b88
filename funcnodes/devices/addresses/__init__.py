"""Where instruments are, in words, and who may open what is there.

Forms of an address, the pieces they share, VISA resource strings; leases on instruments, and which
process holds a port.
"""

from funcnodes.devices.addresses.forms import (
    MAX_LENGTH,
    MODBUS_PORT,
    Address,
    AddressKind,
    AllowList,
    Options,
    Parity,
    SerialOptions,
    Sharing,
    TalkOptions,
    is_pty,
    parse,
    with_beneath,
    written_with,
)

__all__ = [
    "MAX_LENGTH",
    "MODBUS_PORT",
    "Address",
    "AddressKind",
    "AllowList",
    "Options",
    "Parity",
    "SerialOptions",
    "Sharing",
    "TalkOptions",
    "is_pty",
    "parse",
    "with_beneath",
    "written_with",
]  # fmt: skip
