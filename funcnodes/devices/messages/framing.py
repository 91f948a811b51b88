"""Framings: how a command and its reply stand in bytes, where that is more than a line.

A driver declares one (`@driver(..., framing=Enquiry())`) or brings its own. Commands and replies
stay texts, so that declarations read the same for every instrument; a framing turns them into
bytes, with lengths, checksums and handshakes. A frame that is damaged is a `ReplyError`, after
which the link finds back to the beginning of a frame before anybody else speaks. A frame that
says no is `Refused`: a whole exchange, after which the channel is fit to speak on.
"""

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from funcnodes.devices.messages import replies
from funcnodes.errors import ReplyError

Checksum = Callable[[bytes], bytes]
LONGEST_FRAME = 1 << 16


class Refused(Exception):
    """The instrument answered that it does not take the command.

    Attributes:
        code: Its number for that.
        text: What it means.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Carrier(Protocol):
    """What a framing needs of the channel; keeps pauses and logs the traffic."""

    async def send(self, data: bytes) -> None:
        """Write encoded bytes."""

    async def read_until(self, terminator: bytes) -> bytes:
        """The next bytes up to and including `terminator`."""

    async def read_exactly(self, count: int) -> bytes:
        """The next `count` bytes."""

    def overhears(self, line: str) -> bool:
        """Take a line that the instrument sends by itself; whether it is one."""


class Framing(ABC):
    """One way of putting messages into bytes. Holds no state of an exchange.

    Attributes:
        mark: Ends what may have been half-written before; emergency bytes begin with it (S3).
        end: What every frame of the instrument ends with, b"" where nothing plain does: what
            nobody asked for is dropped up to there (D9).
        prompt: What may stand behind a frame without an end, b"" where nothing does.
        silence_s: Pause on the line that separates frames where nothing in them does: input is
            dropped until it was silent for so long before the line is used again.
        is_pipelined: Whether a second command may be written before the reply to the first.
    """

    mark: bytes = b""
    end: bytes = b""
    prompt: bytes = b""
    silence_s: float = 0.05
    is_pipelined: bool = False

    def for_unit(self, unit: int) -> "Framing":
        """The same for one unit on a shared line; itself where frames carry no address."""
        return self

    @abstractmethod
    def encode(self, command: str) -> bytes:
        """The bytes of a command.

        Raises:
            ValueError: It cannot stand in a frame; says why in half a sentence.
        """

    @abstractmethod
    async def read(self, port: Carrier) -> str:
        """The next reply.

        Raises:
            ReplyError: The frame is damaged, or holds no text.
            Refused: The instrument says no.
        """

    async def ask(self, port: Carrier, data: bytes) -> str:
        """Send a query that is encoded already, and give its reply; raises as `read`."""
        await port.send(data)
        return await self.read(port)

    async def tell(self, port: Carrier, data: bytes) -> None:
        """Send a command that is encoded already, and take its acknowledgement if there is one."""
        await port.send(data)

    @property
    def hears_sets(self) -> bool:
        """Whether a command is answered, too."""
        return type(self).tell is not Framing.tell


def printable(command: str, encoding: str = "ascii") -> bytes:
    """A command as bytes; raises ValueError where anything in it could end or begin a frame."""
    with suppress(UnicodeEncodeError):
        if command.isprintable() and command:
            return command.encode(encoding)
    letters = "ASCII" if encoding == "ascii" else f"characters of {encoding}"
    raise ValueError(f"holds a line break or a character outside printable {letters}")


def text_of(data: bytes, encoding: str = "ascii") -> str:
    """A reply's bytes as text.

    Raises:
        ReplyError: They are none in this encoding.
    """
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        likely = likely_encoding(data)
        hint = f"Its address or bench file may name another: encoding={likely}."
        raise ReplyError(
            f"{data[:40]!r} holds bytes that are no text in {encoding}.", hint=hint
        ) from error


def likely_encoding(data: bytes) -> str:
    """What bytes beyond ASCII are text in, most likely: they hardly ever fit UTF-8 by chance."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


MOST_ENCODED = 100

# ── checksums ─────────────────────────────────────────────────────────────────────────────


def sum8(data: bytes) -> bytes:
    """The sum of all bytes modulo 256."""
    return bytes((sum(data) & 0xFF,))


def xor8(data: bytes) -> bytes:
    """All bytes by exclusive or: a block check character."""
    total = 0
    for each in data:
        total ^= each
    return bytes((total,))


def lrc8(data: bytes) -> bytes:
    """The two's complement of the sum: Modbus over Serial Line 1.02, 2.5.2.2."""
    return bytes((-sum(data) & 0xFF,))


def crc16(data: bytes) -> bytes:
    """CRC-16 with polynomial 0xA001, low byte first: Modbus over Serial Line 1.02, 2.5.1.2."""
    crc = 0xFFFF
    for each in data:
        crc ^= each
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return struct.pack("<H", crc)


def as_hex(checksum: Checksum) -> Checksum:
    """The same checksum, written as upper-case hexadecimal digits."""
    return lambda data: checksum(data).hex().upper().encode("ascii")


def _check(data: bytes, given: bytes, checksum: Checksum) -> None:
    right = checksum(data)
    if given.upper() != right.upper():
        raise ReplyError(
            f"The checksum {given!r} of {data[:40]!r} is wrong, {right!r} would be right."
        )


# ── framings ──────────────────────────────────────────────────────────────────────────────


class Lines(Framing):
    """Text that ends in a terminator: SCPI, and most of what is not."""

    silence_s = 0.0
    is_pipelined = True

    def __init__(self, eol: str = "\n", reply_eol: str = "\n", *, encoding: str = "ascii") -> None:
        self.mark = eol.encode("ascii")
        self.end = self._end = reply_eol.encode("ascii")
        self._encoding = encoding
        self._encoded: dict[str, bytes] = {}  # the first few commands, mostly queries

    def encode(self, command: str) -> bytes:
        data = self._encoded.get(command)
        if data is None:
            data = printable(command, self._encoding) + self.mark
            if len(self._encoded) < MOST_ENCODED:
                self._encoded[command] = data
        return data

    async def read(self, port: Carrier) -> str:
        data = await port.read_until(self._end)
        return text_of(data[: -len(self._end)], self._encoding).rstrip("\r")

    async def ask(self, port: Carrier, data: bytes) -> str:
        await port.send(data)  # spelled out, since most exchanges there are pass here
        reply = await port.read_until(self._end)
        text = text_of(reply[: -len(self._end)], self._encoding).rstrip("\r")
        if text.endswith("?") and text.encode(self._encoding) + self.mark == data:
            raise ReplyError(
                f"{text!r} came back in place of an answer.",
                hint="If it repeats what it is told, its driver says so: echoes=True.",
            )
        return text


@dataclass(frozen=True)
class Envelope(Framing):
    """Text between two control characters with a checksum behind: `STX text ETX check`.

    Attributes:
        start: What a frame begins with; whatever comes before it is dropped.
        end: What its text ends with.
        checksum: Of everything from `start` (or after it) to `end`.
        from_start: Whether `start` itself is summed.
        ack: Sent by the instrument for a command that it takes; b"" where it sends nothing.
        nak: Sent for one that it does not take.
    """

    start: bytes = b"\x02"
    end: bytes = b"\x03"
    checksum: Checksum | None = None
    from_start: bool = False
    ack: bytes = b""
    nak: bytes = b"\x15"
    mark: bytes = b"\x04"  # EOT: back to the beginning (ISO 1745)

    def encode(self, command: str) -> bytes:
        framed = self.start + printable(command) + self.end
        return framed + self._sum(framed)

    async def read(self, port: Carrier) -> str:
        await port.read_until(self.start)
        body = await port.read_until(self.end)
        framed = self.start + body
        if self.checksum is not None:
            summed = self._sum(framed)
            _check(framed, await port.read_exactly(len(summed)), lambda _: summed)
        return text_of(body[: -len(self.end)])

    async def tell(self, port: Carrier, data: bytes) -> None:
        await port.send(data)
        if self.ack:
            answer = await port.read_exactly(len(self.ack))
            if answer == self.nak:
                raise Refused(-1, "negative acknowledgement")
            if answer != self.ack:
                raise ReplyError(f"{answer!r} came where an acknowledgement belongs.")

    def _sum(self, framed: bytes) -> bytes:
        if self.checksum is None:
            return b""
        return self.checksum(framed if self.from_start else framed[len(self.start) :])


class Enquiry(Framing):
    """Lines with a handshake: command, `ACK`, `ENQ`, reply; or `NAK`, `ENQ`, error word.

    A command that sets something is acknowledged too, and its reply, the new value, is left
    unread, as the protocol allows. Source: Pfeiffer BG 5510 BEN, section 1.1.
    """

    mark = b"\x03"  # ETX empties the instrument's input buffer

    def __init__(self, eol: str = "\r\n", *, errors: dict[str, str] | None = None) -> None:
        self._eol = eol.encode("ascii")
        self._errors = errors or {}

    def encode(self, command: str) -> bytes:
        return printable(command) + self._eol

    async def tell(self, port: Carrier, data: bytes) -> None:
        await port.send(data)
        answer = await self._line(port)
        if answer == b"\x15":
            await port.send(b"\x05")
            word = text_of(await self._line(port))
            code = int(word) if word.isdecimal() else -1
            raise Refused(code, self._errors.get(word, word))
        if answer != b"\x06":
            raise ReplyError(f"{answer[:40]!r} came where an acknowledgement belongs.")

    async def ask(self, port: Carrier, data: bytes) -> str:
        await self.tell(port, data)
        await port.send(b"\x05")
        return await self.read(port)

    async def read(self, port: Carrier) -> str:
        return text_of(await self._line(port))

    async def _line(self, port: Carrier) -> bytes:
        return (await port.read_until(self._eol))[: -len(self._eol)]


@dataclass(frozen=True)
class Packets(Framing):
    """Binary frames: of one length, or with a length in front; with a checksum behind, or none.

    A command is written as hexadecimal digits, spaces for the eye: "01 04 00 10". A reply becomes
    its numbers, separated by commas, as a record reads them.

    Attributes:
        layout: Fields of a reply's payload, as `struct` spells them: ">BHf".
        prefix: Field that holds the length of what follows it up to the checksum, as `struct`
            spells it: ">H"; "" where every reply has the length of `layout`.
        checksum: Behind the payload, of all before it; None where there is none.
    """

    layout: str
    prefix: str = ""
    checksum: Checksum | None = None

    def encode(self, command: str) -> bytes:
        try:
            payload = bytes.fromhex(command)
        except ValueError:
            raise ValueError("is no row of hexadecimal digits") from None
        if not payload or len(payload) > LONGEST_FRAME:
            raise ValueError(f"has {len(payload)} bytes, 1 to {LONGEST_FRAME} fit")
        framed = (struct.pack(self.prefix, len(payload)) if self.prefix else b"") + payload
        return framed + (self.checksum(framed) if self.checksum is not None else b"")

    async def read(self, port: Carrier) -> str:
        head, count = b"", struct.calcsize(self.layout)
        if self.prefix:
            head = await port.read_exactly(struct.calcsize(self.prefix))
            (announced,) = struct.unpack(self.prefix, head)
            if announced != count:
                raise ReplyError(f"A frame of {announced} bytes was announced, not of {count}.")
        payload = await port.read_exactly(count)
        if self.checksum is not None:
            size = len(self.checksum(b""))
            _check(head + payload, await port.read_exactly(size), self.checksum)
        fields = struct.unpack(self.layout, payload)
        return ",".join(replies.spelled(field) for field in fields)
