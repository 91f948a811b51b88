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
    Parity,
    SerialOptions,
    Sharing,
    is_pty,
    parse,
)

__all__ = [
    "MAX_LENGTH",
    "MODBUS_PORT",
    "Address",
    "AddressKind",
    "AllowList",
    "Parity",
    "SerialOptions",
    "Sharing",
    "is_pty",
    "parse",
]  # fmt: skip
