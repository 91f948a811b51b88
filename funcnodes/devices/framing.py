"""Framings for drivers, under the name by which programs know them; see `messages.framing`."""

from funcnodes.devices.messages.framing import (
    LONGEST_FRAME,
    MOST_ENCODED,
    Carrier,
    Carrier as Port,
    Checksum,
    Enquiry,
    Envelope,
    Framing,
    Lines,
    Packets,
    Refused,
    as_hex,
    crc16,
    lrc8,
    printable,
    sum8,
    text_of,
    xor8,
)

__all__ = [
    "LONGEST_FRAME", "MOST_ENCODED", "Carrier", "Checksum", "Enquiry", "Envelope", "Framing",
    "Lines", "Packets", "Port", "Refused", "as_hex", "crc16", "lrc8", "printable", "sum8",
    "text_of", "xor8",
]  # fmt: skip
