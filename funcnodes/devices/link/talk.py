"""An open channel for whoever holds the link: exchanges without lock, limit or retry.

Has a framing turn commands into bytes and replies into text, keeps the pauses an instrument
needs, reads its error queue, finds out who it is. Where a late reply may come in at any time, it
holds each reply against the instrument's own identification. Keeps no deadline: the link does.
"""

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from funcnodes.core import clock
from funcnodes.devices.link import quiet
from funcnodes.devices.link.block_reading import read_blocks, read_numbers
from funcnodes.devices.link.ear import Ear
from funcnodes.devices.messages import replies, traffic
from funcnodes.devices.messages.framing import Refused
from funcnodes.devices.messages.manners import Marker
from funcnodes.devices.messages.protocol import LATE_S, Protocol
from funcnodes.devices.messages.replies import Identity
from funcnodes.devices.transports.base import Transport
from funcnodes.errors import DeviceConnectError, IdentityError, ReplyError, ValueRefusedError

P = ParamSpec("P")
T = TypeVar("T")

ERRORS_AT_ONCE = 20  # entries of an error queue read after one command at most
WARY_S = LATE_S  # how late a late reply may come unless declared
STALE_LINES = 64  # late replies dropped while waiting for the instrument's identification
_LONGEST_S = 86400.0
_GREETING = 0.75  # of the time to connect
TRIES = 4  # questions after an identification in frames, where the answer may be damaged


class Talk:
    """An open channel for whoever holds the link: exchanges without lock, limit or retry.

    Attributes:
        ear: What the instrument says by itself.
        is_asked: Whether an answer is to come to what went out last.
        listens_before: Before so many questions the line has to be silent for a while, so that
            what comes behind a reply is seen, and answers nothing.
    """

    def __init__(self, name: str, transport: Transport, protocol: Protocol) -> None:
        self.name = name
        self.transport = transport
        self.protocol = protocol
        self.read_until = self._then_rest(transport.read_until)
        self.read_exactly = self._then_rest(transport.read_exactly)
        self.framing = protocol.frames()
        self._speak_at = 0.0  # time on the clock before which the instrument must be left alone
        self._wary_until = 0.0  # monotonic time until which a late reply may still come in
        self._identity: Identity | None = None  # who answered last
        self.ear = Ear(protocol.manners.sends)
        self.overhears = self.ear.takes
        self.is_asked = False
        self.noise = quiet.Noise()  # what came before it said who it is
        self._begun = b""  # of a line that the ear has heard the beginning of
        self._has_strange = False  # something came while nobody asked that the ear did not take
        self.listens_before = 0
        self._needs_pause = transport.is_shared or bool(protocol.gap_s)
        self._is_wakeful = self._needs_pause or self.ear.is_listening
        self._has_input = transport.has_input
        self.has_errors: bool | None = None if protocol.may_lack_errors else bool(protocol.errors)
        """Whether there is an error queue; None while that is to be found out."""
        self.is_half_sent = False
        self.under_way = ""  # what is asked while the instrument is set up, for messages

    def encode(self, command: str) -> bytes:
        """The bytes of one command; nothing in it may end it early.

        Raises:
            ValueRefusedError: It holds a line break or anything else that no frame may hold.
        """
        try:
            return self.framing.encode(command)
        except ValueError as error:
            raise ValueRefusedError(
                f"{self.name}: the command {replies.shown(command)} {error}, so nothing was sent.",
                device=self.name,
            ) from error

    async def send(self, data: bytes) -> None:
        """Write encoded bytes."""
        if self._speak_at:
            wait = self._speak_at - clock.monotonic()
            if wait > 0:
                await clock.sleep(wait)
        self.is_half_sent = True
        await self.transport.write(data)
        self.is_half_sent = False
        self.rest()

    def query(self, command: str, data: bytes = b"") -> Coroutine[Any, Any, str]:
        """Write a query (`data` where it is encoded already) and read its reply; to be awaited.

        The caller keeps the deadline.

        Raises:
            ReplyError: A damaged reply; while wary, another count of replies than one.
            Refused: The instrument says no.
        """
        if self._wary_until and self._is_wary() and command != self.protocol.identify:
            if self.framing.is_pipelined:
                return self._query_warily(command)
            return self._query_settled(data or self.encode(command))
        if self._is_wakeful or self.listens_before or self._has_input():
            return self._query_at_rest(data or self.encode(command))
        self.is_asked = True
        return self.framing.ask(self, data or self.encode(command))

    async def _query_settled(self, data: bytes) -> str:
        await self.settle()
        return await self._query_at_rest(data)

    async def _query_at_rest(self, data: bytes) -> str:
        await self.come_to_rest()
        self.is_asked = True
        return await self.framing.ask(self, data)

    async def tell(self, data: bytes) -> None:
        """Write a command that is encoded already, and take its acknowledgement; see `write`."""
        await self.come_to_rest()
        self.is_asked = self.framing.hears_sets
        await self.framing.tell(self, data)

    async def come_to_rest(self) -> None:
        """See that nothing which came without a question can answer the next one (D9).

        Raises:
            ReplyError: The line does not come to rest.
        """
        self.is_asked = False
        if self._needs_pause:
            await self._pause()
        listens = self.listens_before > 0
        if self._begun or self._has_strange or listens or self.transport.has_input():
            noise = await self._drop_unasked(was_strange=listens)
            self.listens_before = max(self.listens_before - 1, 1 if noise else 0)

    async def drop_unasked(self, *, listens: bool = False) -> quiet.Noise:
        """Drop what has come, up to a frame's end and to a silence; what that was.

        Args:
            listens: Wait for a silence even where nothing has come, and let pass what has no end.
        """
        return await self._drop_unasked(was_strange=listens, is_lenient=listens)

    async def _drop_unasked(self, *, was_strange: bool, is_lenient: bool = False) -> quiet.Noise:
        begun, self._begun = self._begun, b""
        was_strange = was_strange or self._has_strange or not self.ear.is_listening
        self._has_strange = False
        return await quiet.settle(
            self.transport, self.ear, end=self.framing.end, prompt=self.framing.prompt,
            begun=begun, is_lenient=is_lenient, was_strange=was_strange,
            silence_s=max(quiet.SILENCE_S, self.framing.silence_s),
        )  # fmt: skip

    def overhear(self) -> None:
        """Listen to what has come while nobody asks."""
        strange, self._begun = self.ear.sift(self._begun + self.transport.drain(), self.framing.end)
        self._has_strange = self._has_strange or bool(strange)

    @property
    def has_heard(self) -> bool:
        """Whether the ear heard something whole that is not said by itself."""
        return self._has_strange or bool(self._begun and not self.framing.end)

    def forget_unasked(self) -> None:
        """A new connection begins."""
        self.ear.forget()
        self._begun, self._has_strange = b"", False

    async def _pause(self) -> None:
        wait_s = self._speak_at - clock.monotonic() if self._speak_at else 0.0
        if wait_s > 0:
            await clock.sleep(wait_s)
        await self.transport.pause()

    async def query_block(self, command: str, *, limit: int) -> bytes | bytearray:
        """Write a query that is answered by a block; its bytes. See `query_blocks`."""
        return (await self.query_blocks(command, limit=limit))[0]

    async def query_blocks(
        self, command: str, *, limit: int, count: int = 1, is_bare: bool = False
    ) -> list[bytes | bytearray]:
        """Write a query that is answered by blocks (IEEE 488.2, 8.7.9 and 8.7.10); their bytes.

        Args:
            limit: Bytes that each may have.
            is_bare: Whether no terminator comes behind the last one; else it is waited for.

        Raises:
            ReplyError: No block came, or one of more than `limit` bytes.
        """
        await self._ask_beside_late_replies(command)
        return await read_blocks(self, limit=limit, count=count, is_bare=is_bare)

    async def query_numbers(self, command: str, *, limit: int, is_bare: bool = False) -> str:
        """Write a query that is answered by a line of numbers, or a block that holds one.

        Raises:
            ReplyError: They are no text, or too long.
        """
        await self._ask_beside_late_replies(command)
        return await read_numbers(self, limit=limit, is_bare=is_bare)

    async def _ask_beside_late_replies(self, command: str) -> None:
        if self._is_wary():
            await self.identify(self._identity)  # a late reply would come in before its answer
        await self.come_to_rest()
        self.is_asked = True
        await self.send(self.encode(command))

    async def status_byte(self) -> int | None:
        """The status byte by serial poll; None where the interface has none."""
        return await self.transport.status_byte()

    async def settle(self) -> None:
        """Drop what comes in until the line is silent, where frames have nothing else to tell."""
        for _ in range(STALE_LINES if self.framing.silence_s else 0):
            await clock.sleep(self.framing.silence_s)
            if not self.transport.discard_input():
                return

    def _then_rest(
        self, read: Callable[P, Coroutine[Any, Any, T]]
    ) -> Callable[P, Coroutine[Any, Any, T]]:
        """An instrument that needs a pause behind a command needs one behind its reply, too."""
        if not self.protocol.gap_s:
            return read

        async def read_and_rest(*args: P.args, **options: P.kwargs) -> T:
            found = await read(*args, **options)
            self.rest()
            return found

        return read_and_rest

    @property
    def rests_s(self) -> float:
        """For how long the instrument, spoken to just now, may not hear."""
        left_s = self._speak_at - clock.monotonic() if self._speak_at else 0.0
        return min(max(0.0, left_s), self.protocol.gap_s)

    def rest(self) -> None:
        """Leave the instrument alone for a moment, where it needs that."""
        if self.protocol.gap_s:
            self._speak_at = clock.monotonic() + self.protocol.gap_s

    def _is_wary(self) -> bool:
        return self._wary_until > time.monotonic()

    def be_wary(self) -> None:
        """For a while, hold each reply against the instrument's own identification.

        For a line on which a late reply may come in at any time, opened anew or not.
        """
        if self.protocol.identify:
            self._wary_until = time.monotonic() + min(self.protocol.late_s or WARY_S, _LONGEST_S)

    async def _query_warily(self, command: str) -> str:
        """Ask, then ask who is there: exactly one line may come before the answer to that."""
        self.transport.discard_input()
        self.is_asked = True
        await self.send(self.encode(command))
        lines: list[str] = []
        if self.protocol.gap_s:  # it hears the next message only a pause after its reply
            lines.append(await self.framing.read(self))
        await self.send(self.encode(self.protocol.identify))
        while len(lines) < STALE_LINES:
            line = await self.framing.read(self)
            if self._is_mark(line):
                break
            lines.append(line)
        if len(lines) != 1:
            raise ReplyError(f"{len(lines)} replies came to one query, an earlier one's perhaps.")
        return lines[0]

    async def write(self, command: str) -> None:
        """Write a command; see `errors` for what the instrument thought of it.

        Raises:
            Refused: It says no at once.
        """
        await self.tell(self.encode(command))

    async def errors(self) -> list[tuple[int, str]]:
        """Empty the error queue; nothing where the instrument has none."""
        found: list[tuple[int, str]] = []
        self.under_way = self.protocol.errors
        if self.has_errors is False:
            return found
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
        self.is_asked = True
        if not self.framing.is_pipelined:
            return await self._identify_framed(expected)
        await self.send(self.encode(self.protocol.identify))
        other: Identity | None = None
        try:
            for _ in range(STALE_LINES):
                async with asyncio.timeout(None if other is None else 0.2):
                    line = await self.line()
                found = self.identity_in(line)
                is_sure = found is not None and self.is_surely_one(line)
                if found is not None and (is_sure if not expected else found.same_unit(expected)):
                    self._identity = found
                    return found
                other = found if is_sure else other
                self.noise.add(line.encode("latin-1", "replace"))
        except TimeoutError:
            if other is None:
                raise
        if other is None:
            raise ReplyError(f"{self.name}: {STALE_LINES} replies came, none an identification.")
        raise self.another(other, expected)

    def know(self, identity: Identity) -> None:
        """It was found out who answers."""
        self._identity = identity

    async def lines_before_identity(self) -> list[str]:
        """Ask who is there; what came in before the answer.

        Raises:
            ReplyError: Much came, and no answer.
        """
        await self.send(self.encode(self.protocol.identify))
        lines: list[str] = []
        while len(lines) < STALE_LINES:
            line = await self.line()
            if self._is_mark(line):
                return lines
            lines.append(line)
        raise ReplyError(f"{self.name}: {STALE_LINES} replies came, none an identification.")

    async def _identify_framed(self, expected: Identity | None) -> Identity:
        """Ask who is there on a line that was silent before, again where the answer is damaged."""
        for left in reversed(range(TRIES)):
            await self.settle()
            try:
                async with asyncio.timeout(self.protocol.connect_s / TRIES if left else None):
                    text = await self.framing.ask(self, self.encode(self.protocol.identify))
                found = self.protocol.identity(text)
            except (ReplyError, Refused, TimeoutError):
                if not left:
                    raise
                continue
            if expected is not None and not found.same_unit(expected):
                raise self.another(found, expected)
            break
        self._identity = found
        return found

    async def find_mark(self, marker: Marker) -> None:
        """Ask the marker: what comes before its answer is late, and behind it nothing is.

        Raises:
            ReplyError: No answer of it came among what did.
        """
        query, wanted = marker.drawn()
        data = self.encode(query)
        await self.drop_unasked()
        self.is_asked = True
        if not self.framing.is_pipelined:
            return await self._find_mark_framed(data, wanted)
        await self.send(data)
        for _ in range(STALE_LINES):
            if wanted.fullmatch((await self.line()).strip()):
                return None
        raise ReplyError(f"{self.name}: {STALE_LINES} replies came, none to {query!r}.")

    async def _find_mark_framed(self, data: bytes, wanted: re.Pattern[str]) -> None:
        """The same where the answers before it may have been cut."""
        for left in reversed(range(TRIES)):
            try:
                async with asyncio.timeout(self.protocol.connect_s / TRIES if left else None):
                    if wanted.fullmatch((await self.framing.ask(self, data)).strip()):
                        return
            except (ReplyError, Refused, TimeoutError):
                if not left:
                    raise
            await self.drop_unasked(listens=True)
        raise ReplyError(f"{self.name}: no answer to the marker came.")

    async def greeted(self) -> None:
        """Read the greeting of an instrument that was opened just now.

        One on a serial line may have been on for long: where it says nothing, it has greeted.

        Raises:
            DeviceConnectError: It did not come.
        """
        wanted, within_s = self.protocol.greets, self.protocol.connect_s * _GREETING
        try:
            async with asyncio.timeout(within_s):
                await self.transport.read_until(wanted.encode("ascii"))
        except (TimeoutError, ReplyError):
            came = self.transport.drain()
            if not came and not self.transport.fresh_on_open:
                return
            but = f"but '{traffic.shown(came)}' did" if came else "and nothing else did"
            raise DeviceConnectError(
                f"{self.name}: its greeting {wanted!r} did not come in {within_s:.1f} s, {but}."
            ) from None

    def another(self, other: Identity, expected: Identity | None) -> IdentityError:
        """The error that another instrument answers; names what differs."""
        unlike = other.unlike(expected) if expected is not None else f"it is {other}"
        return IdentityError(
            f"{self.name}: another instrument answers: {unlike}.",
            hint="If it was exchanged on purpose, connect the device anew.",
            found=str(other),
        )

    async def line(self) -> str:
        """The next line, "" where it is garbage."""
        try:
            return await self.framing.read(self)
        except ReplyError:
            return ""  # garbage before the mark is dropped like a late reply

    def identity_in(self, line: str) -> Identity | None:
        """Who a line says it is from; None where it says nothing of the kind."""
        if line.strip() == self.protocol.identify:  # heard back
            return None
        try:
            return self.protocol.identity(line)
        except ReplyError:
            return None

    def is_surely_one(self, line: str) -> bool:
        """Whether a line that names somebody can hardly be anything else."""
        return self.protocol.identity is not replies.identity or line.count(",") >= 2

    def _is_mark(self, line: str) -> bool:
        """Whether a line is the answer of whom we know to the question who is there."""
        found = self.identity_in(line)
        if found is None:
            return False
        if self._identity is None:
            return self.is_surely_one(line)
        return found.same_unit(self._identity)
