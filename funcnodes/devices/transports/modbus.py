"""Modbus TCP and RTU, as a line of text per request; pymodbus makes and reads the PDUs.

    holding:40,2?        41ba 0000      registers in hexadecimal; also input:
    coil:3,4?            1 0 0 1        also discrete:
    holding:40 41ba 0000                writes; one register by function 6, more by function 16
    holdings:40 41ba                    by function 16 in any case
    coil:3 1                            one coil by function 5, more by function 15
    identify?            maker,model,,revision     function 43/14
    errors?              0,"no error"   what the last write was answered with

Addresses count from 0, as on the line. One transaction runs from request to reply, so that all of
the link's discipline applies. A reply to another transaction (TCP) or from another unit (RTU) is
dropped; an exception is a reply that begins with `!`. After a time-out on a serial line, where
nothing tells a late reply from the right one, the unit is made to echo a number first.

Sources: Modbus Application Protocol V1.1b3; Modbus Messaging on TCP/IP V1.0b; Modbus over Serial
Line V1.02.
"""

import asyncio
import itertools
import re
import secrets
import struct
import time
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from funcnodes.devices.transports.base import LIMIT, PIECE_PAUSE_S, TransportKind
from funcnodes.devices.transports.bus import Bus, BusChannel
from funcnodes.devices.transports.descriptor import DescriptorTransport
from funcnodes.devices.transports.line import LineBus
from funcnodes.errors import DeviceConnectError, DeviceTimeout, ReplyError

if TYPE_CHECKING:
    from pymodbus.pdu import ModbusPDU

MOST_REGISTERS = 123  # writing takes the fewest (V1.1b3, 6.12), reading 125
MOST_COILS = 1968  # V1.1b3, 6.11
ECHO_S = 0.5  # how long a unit may take to echo a number before it counts as unable to
EXCEPTIONS = {  # V1.1b3, section 7
    1: "illegal function: the unit does not do this with such registers",
    2: "illegal data address: the unit has no such register",
    3: "illegal data value: the unit does not take this value or count",
    4: "the unit failed while it did this",
    5: "accepted, but it takes long: ask again later",
    6: "the unit is busy: try again in a moment",
    8: "the unit's memory is damaged",
}
NO_PATH, NO_ANSWER = 10, 11  # what only a gateway says
NO_COMMAND = -1
_OWN_WORDS = ("", "identify?", "errors?")
_COMMAND = re.compile(r"(holdings?|input|coil|discrete):(\d{1,5})(?:,(\d{1,4}))?(\?| .+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """One command as read.

    Attributes:
        table: "holding", "holdings", "input", "coil" or "discrete".
        address: Of its first register, from 0.
        count: How many are read or written.
        values: What is written; () reads.
    """

    table: str
    address: int
    count: int
    values: tuple[int, ...] = ()

    @property
    def has_bits(self) -> bool:
        return self.table in ("coil", "discrete")

    @classmethod
    def read(cls, text: str) -> "Request":
        """Read a command.

        Raises:
            ValueError: It is none; says why.
        """
        found = _COMMAND.fullmatch(text)
        if found is None:
            raise ValueError(f"{text[:40]!r} is no Modbus request, such as holding:40,2?")
        table, address, count, rest = found[1], int(found[2]), int(found[3] or 1), found[4]
        values = () if rest == "?" else _values(table, rest.split())
        if values and (table in ("input", "discrete") or found[3]):
            raise ValueError(f"{text[:40]!r} cannot be written")
        if table == "holdings" and not values:
            raise ValueError(f"{text[:40]!r} is only for writing")
        count = len(values) or count
        most = MOST_COILS if table in ("coil", "discrete") else MOST_REGISTERS
        if not 1 <= count <= most or address + count > 65536:
            raise ValueError(f"{text[:40]!r} is out of range: {most} at once, addresses to 65535")
        return cls(table, address, count, values)

    def pdu(self) -> "ModbusPDU":
        """What pymodbus sends for it."""
        from pymodbus.pdu import bit_message as bits, register_message as registers

        if self.values and self.has_bits:
            states = [bool(value) for value in self.values]
            several = bits.WriteMultipleCoilsRequest if len(states) > 1 else None
            return (several or bits.WriteSingleCoilRequest)(address=self.address, bits=states)
        if self.values:
            one = self.table == "holding" and len(self.values) == 1
            kind = registers.WriteSingleRegisterRequest if one else (
                registers.WriteMultipleRegistersRequest
            )  # fmt: skip
            return kind(address=self.address, registers=list(self.values))
        kinds: dict[str, type[ModbusPDU]] = {
            "holding": registers.ReadHoldingRegistersRequest,
            "input": registers.ReadInputRegistersRequest,
            "coil": bits.ReadCoilsRequest,
            "discrete": bits.ReadDiscreteInputsRequest,
        }
        return kinds[self.table](address=self.address, count=self.count)

    def answer(self, reply: "ModbusPDU") -> str:
        """The reply as text; "" for what a write is acknowledged with.

        Raises:
            ReplyError: It answers another request.
        """
        if self.values:
            if reply.address != self.address:
                raise ReplyError(
                    f"The write of {self.table}:{self.address} was acknowledged for "
                    f"{reply.address}."
                )
            return ""
        if self.has_bits:
            if not self.count <= len(reply.bits) < self.count + 8:
                raise ReplyError(f"{len(reply.bits)} bits came where {self.count} were asked for.")
            return " ".join(str(int(bit)) for bit in reply.bits[: self.count])
        if len(reply.registers) != self.count:
            raise ReplyError(
                f"{len(reply.registers)} registers came where {self.count} were asked for."
            )
        return " ".join(f"{register:04x}" for register in reply.registers)


def _values(table: str, words: list[str]) -> tuple[int, ...]:
    what = r"[01]" if table == "coil" else r"[0-9a-fA-F]{4}"
    if not words or not all(re.fullmatch(what, word) for word in words):
        kind = "bits 0 and 1" if table == "coil" else "registers of four hexadecimal digits"
        raise ValueError(f"{' '.join(words)[:40]!r} are no {kind}")
    return tuple(int(word, 16) for word in words)


class ModbusChannel(BusChannel):
    """One unit; subclasses say how frames look."""

    kind: ClassVar[TransportKind] = "modbus"

    def __init__(self, bus: Bus, address: str, unit: str) -> None:
        super().__init__(bus, address, unit)
        self._unit = int(unit)
        self._replies = bytearray()  # lines of text, not read yet
        self._refusal = ""  # what the last write was answered with, as an error queue says it

    @abstractmethod
    def frame(self, pdu: "ModbusPDU") -> bytes:
        """A request as it goes out."""

    @abstractmethod
    async def exchange(self, pdu: "ModbusPDU") -> "ModbusPDU":
        """Send a request on a bus that is ready, and give its reply."""

    async def open(self) -> None:
        self._replies.clear()
        self._refusal = ""
        await super().open()

    async def write(self, data: bytes) -> None:
        for line in data.decode("ascii").split("\n"):
            if line:
                await self._carry_out(line)

    async def read_until(self, terminator: bytes, *, limit: int = LIMIT) -> bytes:
        found = self._replies.find(terminator)
        if found < 0:
            raise ReplyError(f"{self.address}: nothing was asked, so no reply will come.")
        return self._take(found + len(terminator))

    async def read_exactly(self, count: int) -> bytes:
        if len(self._replies) < count:
            raise ReplyError(f"{self.address}: nothing was asked, so no reply will come.")
        return self._take(count)

    def discard_input(self) -> int:
        count = len(self._replies)
        self._replies.clear()
        return count

    def emergency_write(self, data: bytes) -> bool:
        self.bus.doubt()
        frames = self.on_line(data)
        for frame in frames:
            if frame is not frames[0]:
                time.sleep(PIECE_PAUSE_S)
            if not self.bus.inner.emergency_write(frame):
                return False
        return True

    def on_line(self, data: bytes) -> list[bytes]:
        """Requests as frames; `identify?` is none, since its answer is no line of text."""
        lines = [line for line in data.decode("ascii").split("\n") if line not in _OWN_WORDS]
        return [self.frame(Request.read(line).pdu()) for line in lines]

    async def _carry_out(self, line: str) -> None:
        if line == "errors?":
            self._reply(self._refusal or '0,"no error"')
            self._refusal = ""
        elif line == "identify?":
            self._reply(await self.guarded(self._identify()))
        else:
            await self.guarded(self._request(line))

    async def _request(self, line: str) -> None:
        try:
            request = Request.read(line)
        except ValueError as error:
            self._refuse(line, NO_COMMAND, str(error))
            return
        reply = await self._transact(request.pdu())
        if reply.isError():
            self._refuse(line, reply.exception_code, self._exception(reply))
        elif not request.values:
            self._reply(request.answer(reply))
        else:
            request.answer(reply)

    async def _identify(self) -> str:
        from pymodbus.pdu.mei_message import ReadDeviceInformationRequest

        reply: Any = await self._transact(ReadDeviceInformationRequest())
        if reply.isError():
            return f"!{reply.exception_code} {self._exception(reply)}"
        texts = [_text(reply.information.get(each, b"")) for each in range(3)]
        return f"{texts[0]},{texts[1]},,{texts[2]}"

    async def _transact(self, pdu: "ModbusPDU") -> "ModbusPDU":
        await self.bus.ready()
        reply = await self.exchange(pdu)
        if reply.function_code & 0x7F != pdu.function_code:
            raise ReplyError(
                f"{self.address}: function {reply.function_code} answers to {pdu.function_code}."
            )
        return reply

    def _exception(self, reply: "ModbusPDU") -> str:
        """What an exception means in words; what a gateway says of the way there is raised."""
        code = reply.exception_code
        if code == NO_PATH:
            raise DeviceConnectError(
                f"{self.address}: the gateway has no way to unit {self.unit}.",
                hint="Does the gateway know this unit?",
            )
        if code == NO_ANSWER:
            raise DeviceTimeout(
                f"{self.address}: the gateway got no answer from unit {self.unit}.",
                hint="Is the unit switched on, and does it have this number?",
            )
        return EXCEPTIONS.get(code, f"exception {code}")

    def _refuse(self, line: str, code: int, why: str) -> None:
        if line.endswith("?"):
            self._reply(f"!{code} {why}")
        else:
            self._refusal = f'{code},"{why}"'

    def _reply(self, text: str) -> None:
        self._replies += text.encode("ascii", "replace") + b"\n"

    def _take(self, count: int) -> bytes:
        taken = bytes(self._replies[:count])
        del self._replies[:count]
        return taken

    def _prepared(self, pdu: "ModbusPDU", transaction: int) -> "ModbusPDU":
        pdu.dev_id, pdu.transaction_id = self._unit, transaction
        return pdu

    def _decoded(self, body: bytes) -> "ModbusPDU":
        pdu: ModbusPDU | None = _decoder().decode(body)
        if pdu is None:
            raise ReplyError(f"{self.address}: {body[:40].hex(' ')} is no Modbus reply.")
        return pdu


# ── over TCP ──────────────────────────────────────────────────────────────────────────────


class ModbusTcpBus(Bus):
    """A server or gateway; a late reply has the number of an older transaction."""

    def __init__(self, inner: DescriptorTransport) -> None:
        super().__init__(inner)
        self.transactions = itertools.count(1)  # any thread takes the next

    async def settle(self) -> None:
        if self.inner.is_open:
            await self.hang_up()
        await self.inner.open()


class ModbusTcpChannel(ModbusChannel):
    """One unit of a server or gateway."""

    bus: ModbusTcpBus

    def frame(self, pdu: "ModbusPDU") -> bytes:
        from pymodbus.framer import FramerSocket

        transaction = next(self.bus.transactions) & 0xFFFF
        return FramerSocket(_decoder()).buildFrame(self._prepared(pdu, transaction))

    async def exchange(self, pdu: "ModbusPDU") -> "ModbusPDU":
        await self.bus.inner.write(self.frame(pdu))
        while True:
            head = await self.bus.inner.read_exactly(7)
            transaction, protocol, length, unit = struct.unpack(">HHHB", head)
            if protocol != 0 or not 2 <= length <= 254:  # V1.0b, section 3.1.3
                raise ReplyError(f"{self.address}: {head.hex(' ')} begins no Modbus TCP reply.")
            body = await self.bus.inner.read_exactly(length - 1)
            if transaction != pdu.transaction_id:
                continue
            if unit != self._unit:
                raise ReplyError(f"{self.address}: unit {unit} answers for unit {self.unit}.")
            return self._decoded(body)


# ── over a serial line ────────────────────────────────────────────────────────────────────


class ModbusRtuChannel(ModbusChannel):
    """One unit on a line."""

    bus: LineBus
    has_marker = True

    def frame(self, pdu: "ModbusPDU") -> bytes:
        from pymodbus.framer import FramerRTU

        return FramerRTU(_decoder()).buildFrame(self._prepared(pdu, 0))

    async def exchange(self, pdu: "ModbusPDU") -> "ModbusPDU":
        await self.bus.pause()
        await self.bus.quiet()
        await self.bus.speak(self.frame(pdu))
        while True:
            unit, body = await self._received()
            if unit == self._unit:
                return self._decoded(body)

    async def interrupt(self) -> None:
        """Have the unit echo a number: what it was still to answer comes before.

        A unit that knows no function 8 refuses it, which serves as well.

        Raises:
            DeviceTimeout: It did neither in `ECHO_S`, so that a late answer may still come.
        """
        try:
            async with asyncio.timeout(ECHO_S):
                await self.guarded(self._echo())
        except TimeoutError:
            self.bus.doubt()
            raise DeviceTimeout(
                f"{self.address}: no echo of a number (function 8) in {ECHO_S:.1f} s, so a late "
                "answer may still come."
            ) from None

    async def _echo(self) -> None:
        from pymodbus.pdu.diag_message import ReturnQueryDataRequest

        number = secrets.token_bytes(2)
        await self.bus.ready()
        await self.bus.speak(self.frame(ReturnQueryDataRequest(number)))
        while True:
            unit, body = await self._received()
            is_echo = body == b"\x08\x00\x00" + number
            if unit == self._unit and (is_echo or body[0] == 0x88):
                return

    async def _received(self) -> tuple[int, bytes]:
        """The next frame: its unit, and what it holds."""
        from pymodbus.framer import FramerRTU

        data = await self.bus.inner.read_exactly(5)  # the shortest there is: an exception
        while (missing := self._length(data) - len(data)) > 0:
            data += await self.bus.inner.read_exactly(missing)
        self.bus.heard()
        if not FramerRTU.check_CRC(data[:-2], int.from_bytes(data[-2:], "big")):
            raise ReplyError(f"{self.address}: {data[:40].hex(' ')} has a wrong checksum.")
        return data[0], data[1:-2]

    def _length(self, data: bytes) -> int:
        """How long the frame is that begins so, as far as that can be told from it."""
        kind = _decoder().lookupPduClass(data)
        if kind is None:
            raise ReplyError(f"{self.address}: {data[:40].hex(' ')} begins no Modbus RTU reply.")
        try:
            size = kind.calculateRtuFrameSize(data)
        except (IndexError, struct.error):
            size = 0
        return size if 5 <= size <= 256 else len(data) + 1


_made: list[Any] = []


def _decoder() -> Any:
    """pymodbus's reader of replies."""
    if not _made:
        from pymodbus.pdu import DecodePDU

        _made.append(DecodePDU(is_server=False))
    return _made[0]


def _text(value: bytes | list[bytes]) -> str:
    """A text that a unit gives of itself, as one field of an identification."""
    data = value[0] if isinstance(value, list) else value
    return re.sub(r"[^ -+.-~-]", "?", data.decode("ascii", "replace")).replace(",", " ")
