"""Frames of Modbus: RTU with its checksum, and TCP with its head. Sans-I/O.

Source: MODBUS Application Protocol Specification V1.1b3, section 4.2 (byte order) and chapter 6
(functions); MODBUS over Serial Line V1.02, section 2.5.1 (RTU) and appendix B (CRC); MODBUS
Messaging on TCP/IP V1.0b, section 3.1.3 (MBAP).
"""

from dataclasses import dataclass

from funcnodes_simulators.scpi import Overrun

LONGEST_RTU_BYTES = 256
LONGEST_PDU_BYTES = 253
SHORTEST_RTU_BYTES = 4
HEAD_BYTES = 7
FIXED_BYTES = 8  # an RTU request of these functions: unit, function, two words, checksum
FIXED_FUNCTIONS = frozenset(range(1, 7))
COUNTED_FUNCTIONS = frozenset((15, 16))  # their data is as long as the seventh byte says


@dataclass(frozen=True, slots=True)
class Frame:
    """One request or answer.

    Attributes:
        unit: Whom it is for; 0 for everybody.
        pdu: Function code and data.
        transaction: What the TCP head calls it.
    """

    unit: int
    pdu: bytes
    transaction: int = 0


def crc16(data: bytes) -> bytes:
    """Return the checksum of an RTU frame, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


def rtu(frame: Frame) -> bytes:
    """Return a frame as it goes over a serial line."""
    body = bytes([frame.unit]) + frame.pdu
    return body + crc16(body)


def tcp(frame: Frame) -> bytes:
    """Return a frame as it goes over TCP."""
    head = frame.transaction.to_bytes(2) + bytes(2) + (len(frame.pdu) + 1).to_bytes(2)
    return head + bytes([frame.unit]) + frame.pdu


def parse_rtu(data: bytes) -> Frame:
    """Read a whole RTU frame whose checksum is right."""
    return Frame(data[0], data[1:-2])


def parse_tcp(data: bytes) -> Frame:
    """Read a whole TCP frame."""
    return Frame(data[6], data[7:], int.from_bytes(data[:2]))


class RtuBuffer:
    """Cuts bytes into RTU requests by their length and checksum; the time between plays no part."""

    def __init__(self) -> None:
        self._pending = bytearray()

    @property
    def partial(self) -> bytes:
        return bytes(self._pending)

    def feed(self, data: bytes) -> list[str | Overrun]:
        self._pending += data
        messages: list[str | Overrun] = []
        while len(self._pending) >= SHORTEST_RTU_BYTES:
            length = self._length()
            if length is None:
                break
            if length:
                messages.append(self._pending[:length].decode("latin-1"))
            del self._pending[: length or 1]
        return messages

    def clear(self) -> None:
        self._pending.clear()

    def _length(self) -> int | None:
        """How long the request is that is there; 0 if there is none, None if more has to come."""
        function = self._pending[1]
        if function in FIXED_FUNCTIONS:
            return self._checked(FIXED_BYTES)
        if function in COUNTED_FUNCTIONS:
            if len(self._pending) < 7:
                return None
            return self._checked(9 + self._pending[6])
        lengths = range(SHORTEST_RTU_BYTES, min(len(self._pending), LONGEST_RTU_BYTES) + 1)
        found = next((each for each in lengths if self._checked(each)), None)
        is_hopeless = len(self._pending) >= LONGEST_RTU_BYTES
        return 0 if found is None and is_hopeless else found

    def _checked(self, length: int) -> int | None:
        if len(self._pending) < length:
            return None
        body, crc = self._pending[: length - 2], self._pending[length - 2 : length]
        return length if crc16(bytes(body)) == crc else 0


class TcpBuffer:
    """Cuts bytes into TCP requests; what is no head of Modbus is dropped."""

    def __init__(self) -> None:
        self._pending = bytearray()

    @property
    def partial(self) -> bytes:
        return bytes(self._pending)

    def feed(self, data: bytes) -> list[str | Overrun]:
        self._pending += data
        messages: list[str | Overrun] = []
        while len(self._pending) >= HEAD_BYTES:
            length = int.from_bytes(self._pending[4:6])
            if self._pending[2:4] != b"\0\0" or not 2 <= length <= LONGEST_PDU_BYTES + 1:
                self._pending.clear()
                messages.append(Overrun())
                break
            if len(self._pending) < 6 + length:
                break
            messages.append(self._pending[: 6 + length].decode("latin-1"))
            del self._pending[: 6 + length]
        return messages

    def clear(self) -> None:
        self._pending.clear()
