"""Messages of HiSLIP: a header of sixteen bytes, and what follows it.

Source: IVI-6.1, High-Speed LAN Instrument Protocol, revision 2.0: message types in table 4, fatal
errors in table 14, errors in table 16. Sans-I/O.
"""

import enum
import struct
from dataclasses import dataclass

_HEADER = struct.Struct("!2sBBIQ")
HEADER_BYTES = _HEADER.size
PROLOGUE = b"HS"


class Kind(enum.IntEnum):
    """Message types (IVI-6.1, table 4), without those of secure connections."""

    INITIALIZE = 0
    INITIALIZE_RESPONSE = 1
    FATAL_ERROR = 2
    ERROR = 3
    ASYNC_LOCK = 4
    ASYNC_LOCK_RESPONSE = 5
    DATA = 6
    DATA_END = 7
    DEVICE_CLEAR_COMPLETE = 8
    DEVICE_CLEAR_ACKNOWLEDGE = 9
    ASYNC_REMOTE_LOCAL_CONTROL = 10
    ASYNC_REMOTE_LOCAL_RESPONSE = 11
    TRIGGER = 12
    INTERRUPTED = 13
    ASYNC_INTERRUPTED = 14
    ASYNC_MAX_MSG_SIZE = 15
    ASYNC_MAX_MSG_SIZE_RESPONSE = 16
    ASYNC_INITIALIZE = 17
    ASYNC_INITIALIZE_RESPONSE = 18
    ASYNC_DEVICE_CLEAR = 19
    ASYNC_SERVICE_REQUEST = 20
    ASYNC_STATUS_QUERY = 21
    ASYNC_STATUS_RESPONSE = 22
    ASYNC_DEVICE_CLEAR_ACKNOWLEDGE = 23
    ASYNC_LOCK_INFO = 24
    ASYNC_LOCK_INFO_RESPONSE = 25


FIRST_VENDOR_KIND = 128


class Fatal(enum.IntEnum):
    """Why a connection ends (IVI-6.1, table 14)."""

    POORLY_FORMED_HEADER = 1
    BOTH_CHANNELS_NEEDED = 2
    INVALID_INITIALIZATION = 3
    TOO_MANY_CLIENTS = 4


class Complaint(enum.IntEnum):
    """Why one message was not taken (IVI-6.1, table 16)."""

    UNIDENTIFIED = 0
    UNKNOWN_KIND = 1
    UNKNOWN_CONTROL_CODE = 2
    UNKNOWN_VENDOR_MESSAGE = 3
    TOO_LARGE = 4


class BadHeader(Exception):
    """Sixteen bytes that are no header: where the next one begins is lost."""


@dataclass(frozen=True, slots=True)
class Header:
    """The head of a message; its payload of `length` bytes follows."""

    kind: int
    control: int = 0
    parameter: int = 0
    length: int = 0

    @classmethod
    def parse(cls, data: bytes) -> "Header":
        """Read sixteen bytes.

        Raises:
            BadHeader: They do not begin as a message does.
        """
        prologue, kind, control, parameter, length = _HEADER.unpack(data)
        if prologue != PROLOGUE:
            raise BadHeader
        return cls(kind, control, parameter, length)


def message(kind: Kind, control: int = 0, parameter: int = 0, payload: bytes = b"") -> bytes:
    """Return a whole message as it is sent."""
    return _HEADER.pack(PROLOGUE, kind, control, parameter, len(payload)) + payload
