"""An open channel for whoever holds the link: exchanges without lock, limit or retry.

Turns commands into bytes and replies into text, keeps the pauses an instrument needs, reads its
error queue, finds out who it is. Where a late reply may come in at any time, it holds each reply
against the instrument's own identification. Keeps no deadline: the link does.
"""

import asyncio
import time
from dataclasses import dataclass, field

from funcnodes.core import clock
from funcnodes.devices import replies
from funcnodes.devices.addresses import SerialOptions
from funcnodes.devices.replies import Identity
from funcnodes.devices.traffic import Traffic
from funcnodes.devices.transports.base import Transport
from funcnodes.errors import IdentityError, ReplyError, ValueRefusedError

ERRORS_AT_ONCE = 20  # entries of an error queue read after one command at most
WARY_S = 10.0  # how late a late reply may come on a line that cannot be opened afresh
STALE_LINES = 64  # late replies dropped while waiting for the instrument's identification


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a model is spoken to.

    Attributes:
        eol: Terminator written after each command.
        reply_eol: Terminator of a reply; a carriage return before it is dropped.
        identify: Query that names the instrument, or "" where there is none.
        errors: Query of the error queue, or "" where there is none.
        timeout_s: Time for a reply unless a member says otherwise.
        connect_s: Time to connect and to say who it is.
        gap_s: Least time between a command and the next message.
        serial: Settings of a serial line.
    """

    eol: str = "\n"
    reply_eol: str = "\n"
    identify: str = "*IDN?"
    errors: str = ":SYST:ERR?"
    timeout_s: float = 2.0
    connect_s: float = 2.0
    gap_s: float = 0.0
    serial: SerialOptions = field(default_factory=SerialOptions)


class Wire:
    """An open channel for whoever holds the link: exchanges without lock, limit or retry."""

    def __init__(
        self, name: str, transport: Transport, protocol: Protocol, traffic: Traffic
    ) -> None:
        self.name = name
        self.transport = transport
        self.protocol = protocol
        self.traffic = traffic
        self._eol = protocol.eol.encode("ascii")
        self._reply_eol = protocol.reply_eol.encode("ascii")
        self._speak_at = 0.0  # time on the clock before which the instrument must be left alone
        self._wary_until = 0.0  # monotonic time until which a late reply may still come in
        self._identity: Identity | None = None  # who answered last
        self.is_half_sent = False

    def encode(self, command: str) -> bytes:
        """The bytes of one command; nothing in it may end it early.

        Raises:
            ValueRefusedError: It holds a line break or anything else outside printable ASCII.
        """
        if not (command.isascii() and command.isprintable() and command):
            raise ValueRefusedError(
                f"{self.name}: the command {replies.shown(command)} holds a line break or a "
                "character outside printable ASCII, so nothing was sent.",
                device=self.name,
            )
        return command.encode("ascii") + self._eol

    async def send(self, data: bytes) -> None:
        """Write encoded bytes."""
        if self._speak_at:
            wait = self._speak_at - clock.monotonic()
            if wait > 0:
                await clock.sleep(wait)
        self.traffic.out(data)
        self.is_half_sent = True
        await self.transport.write(data)
        self.is_half_sent = False
        if self.protocol.gap_s:
            self._speak_at = clock.monotonic() + self.protocol.gap_s

    async def receive(self, began: float) -> str:
        """The next reply as text, without terminator.

        Raises:
            ReplyError: It holds bytes outside ASCII.
        """
        data = await self.transport.read_until(self._reply_eol)
        self.traffic.come(data, (time.monotonic() - began) * 1000)
        try:
            return data[: -len(self._reply_eol)].decode("ascii").rstrip("\r")
        except UnicodeDecodeError as error:
            raise ReplyError(f"{data[:40]!r} holds bytes that are no text.") from error

    async def query(self, command: str, data: bytes = b"") -> str:
        """Write a query (`data` where it is encoded already) and read its reply.

        The caller keeps the deadline.

        Raises:
            ReplyError: While wary, another count of replies than one came.
        """
        began = time.monotonic()
        if self._wary_until > began and command != self.protocol.identify:
            return await self._query_warily(command, began)
        await self.send(data or self.encode(command))
        return await self.receive(began)

    def be_wary(self) -> None:
        """For a while, hold each reply against the instrument's own identification.

        For a line on which a late reply may come in at any time, opened anew or not.
        """
        if self.protocol.identify:
            self._wary_until = time.monotonic() + WARY_S

    async def _query_warily(self, command: str, began: float) -> str:
        """Ask, then ask who is there: exactly one line may come before the answer to that."""
        self.transport.discard_input()
        await self.send(self.encode(command))
        await self.send(self.encode(self.protocol.identify))
        lines: list[str] = []
        while len(lines) < STALE_LINES:
            line = await self.receive(began)
            found = _identity_or_none(line)
            if found is not None and (self._identity is None or found.same_unit(self._identity)):
                break
            lines.append(line)
        if len(lines) != 1:
            raise ReplyError(f"{len(lines)} replies came to one query, an earlier one's perhaps.")
        return lines[0]

    async def write(self, command: str) -> None:
        """Write a command; see `errors` for what the instrument thought of it."""
        await self.send(self.encode(command))

    async def errors(self) -> list[tuple[int, str]]:
        """Empty the error queue; nothing where the instrument has none."""
        found: list[tuple[int, str]] = []
        while self.protocol.errors and len(found) < ERRORS_AT_ONCE:
            code, text = replies.error_entry(await self.query(self.protocol.errors))
            if code == 0:
                break
            found.append((code, text))
        return found

    async def identify(self, expected: Identity | None) -> Identity:
        """Ask who is there, dropping late replies of earlier queries that come in before.

        Raises:
            IdentityError: Another instrument than `expected` answers.
        """
        began = time.monotonic()
        await self.send(self.encode(self.protocol.identify))
        other: Identity | None = None
        try:
            for _ in range(STALE_LINES):
                async with asyncio.timeout(None if other is None else 0.2):
                    found = _identity_or_none(await self._line(began))
                if found is not None and (expected is None or found.same_unit(expected)):
                    self._identity = found
                    return found
                other = found or other
        except TimeoutError:
            if other is None:
                raise
        if other is None:
            raise ReplyError(f"{self.name}: {STALE_LINES} replies came, none an identification.")
        raise IdentityError(
            f"{self.name}: another instrument answers, serial number {other.serial or '(none)'} "
            f"({other.model}), expected was {_serial(expected)}.",
            hint="If it was exchanged on purpose, connect the device anew.",
            found=str(other),
        )

    async def _line(self, began: float) -> str:
        try:
            return await self.receive(began)
        except ReplyError:
            return ""  # garbage before the mark is dropped like a late reply


def _identity_or_none(line: str) -> Identity | None:
    try:
        return replies.identity(line) if line.count(",") >= 2 else None
    except ReplyError:
        return None


def _serial(identity: Identity | None) -> str:
    return f"{identity.serial or '(none)'} ({identity.model})" if identity else "any"
