"""Asking at one address who is there, and finding out how it has to be asked.

Nothing but the question is sent, under the address's lease: with one terminator after the other,
with 7 data bits and a parity, and on a serial line whose speed nobody gave at one speed after the
other. A line is opened once for each speed, since many a board starts anew when it is opened; one
that says something only then is asked again. What is found out is what the driver that fits has to
be told to be understood (`Identified.options`).
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from funcnodes.core import clock
from funcnodes.devices.addresses.forms import (
    Address,
    AllowList,
    Options,
    Parity,
    SerialOptions,
    TalkOptions,
    is_pty,
    with_beneath,
)
from funcnodes.devices.addresses.lease import Lease
from funcnodes.devices.declarations import drivers
from funcnodes.devices.declarations.drivers import Instrument
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.framing import likely_encoding
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.messages.replies import Identity
from funcnodes.devices.transports.base import Transport
from funcnodes.devices.transports.choose import MakeTransport, transport_for
from funcnodes.devices.transports.serial import DEFAULTS
from funcnodes.errors import DeviceConnectError, DeviceError, DeviceTimeout, ReplyError

TERMINATORS = ("\n", "\r\n", "\r")
BAUDS = (9600, 115200, 57600, 19200, 38400, 4800)
ANSWER_S = 0.5
_LONGEST_LINE = 1024
_WAKES = 2  # how many answers' time a line that was just opened may stay silent besides
_PAIR_S = 0.05  # for the line feed behind a carriage return
_STREAMS = ("tcp", "serial", "rfc2217", "memory")


@dataclass(frozen=True, slots=True)
class Identified:
    """Who answered, and how it had to be asked.

    Attributes:
        driver: Name of the driver that says it fits, or "".
        eol: The terminator that it understood.
        baud: The speed that it understood, where several were tried.
        place: Its address, with what was found out.
        options: What was found out and its driver does not know: terminators, speed, bits,
            encoding.
    """

    address: str
    identity: Identity
    driver: str
    eol: str
    baud: int | None
    place: Address
    options: Options = field(default_factory=Options)


class _Heard(NamedTuple):
    """A line, what ended it, and the parity of its bytes where they have 7 bits."""

    text: str
    eol: str = "\n"
    encoding: str = "ascii"
    parity: Parity = "none"


class _Manner(NamedTuple):
    """How an instrument was asked, and heard to answer."""

    eol: str
    parity: Parity
    answer: _Heard


async def identify(
    address: Address,
    *,
    locks: Path | None = None,
    allow: AllowList | None = None,
    timeout_s: float | None = None,
    owner: str = "identify",
    make_transport: MakeTransport = transport_for,
    driver: str = "",
) -> Identified:
    """Ask who is there; nothing but `*IDN?` is sent.

    Args:
        locks: Where leases are kept; the address is taken for as long.
        timeout_s: How long to wait for each answer, `ANSWER_S` by default.
        make_transport: How the address is opened.
        driver: Which driver is to speak to it, rather than the one that fits.

    Raises:
        BenchError: There is no such driver.
        DeviceBusyError: Somebody else has it.
        DeviceConnectError: It cannot be opened.
        DeviceTimeout: It answered to nothing that was tried; the message lists that.
    """
    lease = None
    if locks is not None:
        lease = Lease.acquire(locks, address, device=address.text, worker=owner)
    try:
        kind = drivers.find(driver) if driver else None
        seconds = ANSWER_S if timeout_s is None else timeout_s
        return await _ask_around(address, allow or AllowList(), seconds, make_transport, kind)
    finally:
        if lease is not None:
            lease.release()


async def _ask_around(
    address: Address,
    allow: AllowList,
    timeout_s: float,
    make_transport: MakeTransport,
    kind: type[Instrument] | None,
) -> Identified:
    question, terminators = _question(address)
    heard: list[str] = []
    for baud in _bauds(address):
        # What is on a bus is told by its adapter where a message ends: one opening for each.
        for eols in [(eol,) for eol in terminators] if address.is_on_bus else [terminators]:
            protocol = Protocol(eol=eols[0], serial=SerialOptions(baud=baud))
            transport = make_transport(address, protocol, allow)
            asking = _Asking(address, transport, question, timeout_s, heard)
            try:
                await transport.open()
                found = await asking.find(eols)
                if found is not None:
                    fitting = kind or drivers.for_identity(found[0])
                    return await _known(address, asking, baud, *found, fitting)
            finally:
                await transport.close()
    raise _silent(address, question, terminators, heard)


async def _known(
    address: Address, asking: "_Asking", baud: int | None, identity: Identity, manner: _Manner,
    kind: type[Instrument] | None,
) -> Identified:  # fmt: skip
    protocol = (kind or drivers.ANYTHING).spec.protocol
    talk = TalkOptions()
    if protocol.framing is None and address.kind != "modbus":
        talk = await _to_be_said(protocol, asking, identity, manner)
    line = _line_to_be_said(address, protocol, baud, manner.parity)
    found = Options(serial=line, talk=talk)
    return Identified(
        address.text, identity, kind.spec.name if kind is not None else "", manner.eol, baud,
        with_beneath(address, found), found,
    )  # fmt: skip


async def _to_be_said(
    protocol: Protocol, asking: "_Asking", identity: Identity, manner: _Manner
) -> TalkOptions:
    """Terminators and encoding, as far as a driver has them otherwise, and is not understood so."""
    answer, said = manner.answer, TalkOptions()
    await asyncio.sleep(protocol.gap_s)
    if asking.told_end:  # the address says it, and nobody else would
        pass
    elif protocol.eol != manner.eol and not await asking.is_understood(protocol.eol, identity):
        eol = manner.eol
        if answer.eol != eol and await asking.is_understood(answer.eol, identity):
            eol = answer.eol  # what it ends its own lines by
        said = TalkOptions(eol=eol, reply_eol=None if answer.eol == eol else answer.eol)
    elif answer.eol != protocol.reply_eol and (answer.eol, protocol.reply_eol) != ("\r\n", "\n"):
        said = TalkOptions(reply_eol=answer.eol)
    if answer.encoding not in ("ascii", protocol.encoding):
        said = replace(said, encoding=answer.encoding)
    return said


def _line_to_be_said(
    address: Address, protocol: Protocol, baud: int | None, parity: Parity
) -> SerialOptions:
    """Speed where it was tried; bits and parity as far as a driver has them otherwise."""
    said = SerialOptions(baud=baud)
    if parity != "none":
        return replace(said, bits=7, parity=parity)
    if not address.is_line or address.is_on_bus or is_pty(address.path):
        return said
    asked, own = address.serial.over(DEFAULTS), protocol.serial.over(DEFAULTS)
    if (asked.bits, asked.parity) != (own.bits, own.parity):
        said = replace(said, bits=asked.bits, parity=asked.parity)
    if asked.baud != own.baud and baud is None:
        said = replace(said, baud=asked.baud)
    return said


class _Asking:
    """The question, put on one opening of a line again and again."""

    def __init__(
        self, address: Address, transport: Transport, question: str, timeout_s: float,
        heard: list[str],
    ) -> None:  # fmt: skip
        """Args:
        heard: Gets what was heard and names nobody.

        Attributes:
            told_end: What lines end with where the address says so and it is neither a line feed
                nor a carriage return; else "".
        """
        end = address.talk.reply_eol or address.talk.eol or ""
        self.told_end = end if end.strip("\r\n") else ""
        self._transport = transport
        self._question = question
        self._timeout_s = timeout_s
        self._heard = heard
        self._talk = address.talk
        self._is_stream = address.kind in _STREAMS
        self._may_wake = self._is_stream and address.kind != "memory"
        is_line = address.kind in ("serial", "rfc2217") and not _is_bare_pty(address)
        is_open_how = address.serial.bits is None and address.serial.parity is None
        self._may_have_parity = is_line and is_open_how
        self._is_only_speed = _bauds(address) == (None,)
        self._parity: Parity | None = "none"  # with which is asked; None: with either
        self._came = bytearray()  # all that came, as it came

    async def find(self, eols: Sequence[str]) -> tuple[Identity, _Manner] | None:
        """Who is there, and how it was asked; None where nobody says."""
        await self._wait()
        before = len(self._heard)
        found = await self._each_way(eols)
        if found is None and self._may_wake and not self._is_noise():
            until = time.monotonic() + _WAKES * self._timeout_s
            if not self._is_only_speed:  # there are others to try
                until = 0.0
            while len(self._heard) == before and time.monotonic() < until:
                line = await self._line(until - time.monotonic())
                if line is not None:
                    self._heard.append(replies.shown(line.text))
            if len(self._heard) > before:
                self._timeout_s *= 2  # it is there, and may only be slow
                found = await self._each_way(eols)
            elif self._is_only_speed:
                found = await self._ask(eols[0], is_first=False)
        return found

    async def is_understood(self, eol: str, identity: Identity) -> bool:
        """Whether the question is answered with that terminator, too."""
        found = await self._ask(eol, is_first=False)
        return found is not None and found[0] == identity

    async def _wait(self) -> None:
        """As the address says, leave it alone once it was opened."""
        talk = self._talk
        if talk.banner:
            until = time.monotonic() + (talk.wait_s or 10.0)
            line: _Heard | None = _Heard("")
            while line is not None and talk.banner not in line.text:
                line = await self._line(until - time.monotonic())
        elif talk.wait_s:
            await clock.sleep(talk.wait_s)
            self._transport.discard_input()

    async def _each_way(self, eols: Sequence[str]) -> tuple[Identity, _Manner] | None:
        self._parity = "none"
        for number, eol in enumerate(eols):
            found = await self._ask(eol, is_first=number == 0)
            if found is not None:
                return found
            if self._is_noise():
                break
        if self._may_have_parity and not self._is_noise(but_parity=True):
            self._parity = None
            return await self._ask("\r\n", is_first=False)
        return None

    def _is_noise(self, *, but_parity: bool = False) -> bool:
        """Whether what came is nothing that anybody says: the speed is another."""
        came = bytes(each & 0x7F for each in self._came) if but_parity else bytes(self._came)
        came = came.translate(None, b"\r\n\0")
        return bool(came) and not (came.isascii() and came.decode("ascii").isprintable())

    async def _ask(self, eol: str, *, is_first: bool) -> tuple[Identity, _Manner] | None:
        """Ask once; again where the answer might be anything, which counts when it comes twice.

        What was asked before with another terminator is ended first.
        """
        candidate: Identity | None = None
        for lead in ("" if is_first else eol, ""):
            said = f"{lead}{self._question}{eol}".encode("ascii")
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._transport.write(_with_parity(said, self._parity))
            except TimeoutError:
                return None
            async for line in self._lines():
                found = self._identity(line)
                if found is None:
                    continue
                if found == candidate or line.text.count(",") >= 2 or not self._is_stream:
                    self._parity = self._parity or line.parity
                    return found, _Manner(eol, self._parity, line)
                candidate = found
                break
            else:
                break
        return None

    def _identity(self, line: _Heard) -> Identity | None:
        if line.text.strip() == self._question:  # it hears itself
            return None
        try:
            found = replies.identity(line.text)
            if line.encoding == "ascii" or line.text.count(",") >= 2:
                return found
        except ReplyError:
            pass
        self._heard.append(replies.shown(line.text))
        return None

    async def _lines(self) -> AsyncIterator[_Heard]:
        until = time.monotonic() + self._timeout_s
        while (line := await self._line(until - time.monotonic())) is not None:
            yield line

    async def _line(self, within_s: float) -> _Heard | None:
        """The next line that is not empty, or None where none comes."""
        read = self._stream_line if self._is_stream else self._message
        try:
            async with asyncio.timeout(max(0.0, within_s)) as limit:
                while True:
                    data, eol = await read(limit)
                    if data.strip(b"\r\n\0 "):
                        return self._decoded(data, eol)
        except (TimeoutError, DeviceTimeout, ReplyError, DeviceError) as error:
            if isinstance(error, DeviceConnectError):
                raise
            return None

    async def _message(self, _: asyncio.Timeout) -> tuple[bytes, str]:
        data = await self._transport.read_until(b"\n", limit=_LONGEST_LINE)
        return data.rstrip(b"\r\n"), "\n"

    async def _stream_line(self, limit: asyncio.Timeout) -> tuple[bytes, str]:
        """A line that ends in a line feed, a carriage return, or both; else as it is said to."""
        if self.told_end:
            end = self.told_end.encode("ascii")
            line = await self._transport.read_until(end, limit=_LONGEST_LINE)
            self._came += line
            return line.removesuffix(end), self.told_end
        data = bytearray()
        while len(data) < _LONGEST_LINE:
            byte = await self._byte()
            if byte == b"\n":
                return bytes(data), self._talk.reply_eol or "\n"
            if byte != b"\r":
                data += byte
                continue
            limit.reschedule(asyncio.get_running_loop().time() + 2 * _PAIR_S)  # it has come in time
            try:
                async with asyncio.timeout(_PAIR_S):
                    behind = await self._byte()
            except TimeoutError:
                return bytes(data), "\r"
            if behind == b"\n":
                return bytes(data), "\r\n"
            return bytes(data), "\r"
        raise ReplyError(f"{self._transport.address}: more than a line came.")

    async def _byte(self) -> bytes:
        byte = await self._transport.read_exactly(1)
        self._came += byte
        return byte if self._parity == "none" else bytes((byte[0] & 0x7F,))

    def _decoded(self, data: bytes, eol: str) -> _Heard:
        wanted = self._talk.encoding
        if self._parity != "none":
            odd = [each.bit_count() % 2 for each in self._came[-len(data) :]]
            parity: Parity = "odd" if sum(odd) > len(odd) / 2 else "even"
            return _Heard(data.decode("ascii"), eol, parity=parity)
        if wanted is not None:
            return _Heard(data.decode(wanted, errors="replace"), eol, wanted)
        if data.isascii():
            return _Heard(data.decode("ascii"), eol)
        encoding = likely_encoding(data)
        text = data.decode(encoding)
        if text.isprintable() and text.count(",") >= 2:
            return _Heard(text, eol, encoding)
        return _Heard(data.decode("ascii", errors="replace"), eol)


def _with_parity(data: bytes, parity: Parity | None) -> bytes:
    """Bytes of 7 bits, their parity as the eighth: on a line of 8 bits the same. None is both."""
    if parity is None:
        return _with_parity(data, "even") + _with_parity(data, "odd")
    if parity == "none":
        return data
    odd = parity == "odd"
    return bytes(each | 0x80 if (each.bit_count() % 2 == 1) != odd else each for each in data)


def _question(address: Address) -> tuple[str, Sequence[str]]:
    """What asks who is there, and the terminators to try.

    Raises:
        DeviceConnectError: Only a driver knows how to address this instrument.
    """
    if address.kind == "modbus":
        return "identify?", ("\n",)
    if address.kind == "rs485":
        raise DeviceConnectError(
            f"{address.text}: how a unit of a shared line is addressed is known to its driver "
            "only.",
            address=address.resource,
            hint="Put it into a bench file with its driver, and use `funcnodes device check`.",
        )
    given = address.talk.eol
    return "*IDN?", TERMINATORS if given is None else (given,)


def _bauds(address: Address) -> Sequence[int | None]:
    """Speeds to be tried: of a real line whose speed nobody gave."""
    if address.kind not in ("serial", "rfc2217") or address.serial.baud is not None:
        return (None,)
    return (None,) if _is_bare_pty(address) else BAUDS


def _is_bare_pty(address: Address) -> bool:
    """A pseudo-terminal by its own name: one that bears another stands for a real line."""
    return bool(re.match(r"/dev/pts/", address.path))


def _silent(
    address: Address, question: str, terminators: Sequence[str], heard: Sequence[str]
) -> DeviceTimeout:
    tried = " and ".join(repr(eol) for eol in terminators)
    speeds = [baud for baud in _bauds(address) if baud is not None]
    at = f" at {', '.join(map(str, speeds))} baud" if speeds else ""
    said = f" It said {heard[0]}." if heard else ""
    return DeviceTimeout(
        f"{address.text}: no answer to {question!r} ended by {tried}{at}.{said}",
        address=address.resource,
        hint=f"Is it switched on, and is it this address? Not every instrument knows {question}.",
    )
