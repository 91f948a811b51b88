"""One device's single owner: every byte to an instrument passes here, in order.

Guarantees that two callers never interleave on the line, that no caller ever gets a reply that
was meant for another, and that no write is ever repeated. A call that timed out, was cancelled,
or met a closed channel or garbage *poisons* the link: before anybody else speaks, it is opened
anew (or, on lines where a late reply would survive that, read out up to a known mark), and the
instrument proves by `*IDN?` that it is the same one. What commands mean is the driver's, what a
device may be told is the device's.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, NoReturn, TypeVar

from funcnodes.core.running.crossing import ended
from funcnodes.devices.link.contact import Contact
from funcnodes.devices.link.deadlines import Deadlines
from funcnodes.devices.link.ear import Ear
from funcnodes.devices.link.readback import ReadBack, read_back
from funcnodes.devices.link.strike import ROUNDS, Strike, pause_s, takes_s
from funcnodes.devices.link.talk import Talk
from funcnodes.devices.link.transaction import Transaction
from funcnodes.devices.link.words import (
    instrument_error,
    offline_error,
    unreachable_error,
    waiting_words,
)
from funcnodes.devices.messages.framing import Refused
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.messages.replies import Identity
from funcnodes.devices.messages.traffic import Traffic
from funcnodes.devices.transports import Transport
from funcnodes.errors import (
    DeviceClosed,
    DeviceConnectError,
    DeviceError,
    DeviceTimeout,
    IdentityError,
    InstrumentError,
    NotTakenError,
    ReplyError,
)

T = TypeVar("T")
BACKOFF_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
OnConnected = Callable[[Talk, Identity | None], Awaitable[None]]


class Link:
    """The owner of one instrument's channel; see the module's text.

    Attributes:
        name: The device's name, for messages.
        contact: The channel, opened and proved.
        deadlines: Of what is under way.
        strikes: How many times emergency bytes were written so far; any thread counts up.
        trouble: Why it cannot be reached now, or "".
        is_ready: Whether the next caller can speak at once.
        waited_s: How long the last caller waited for its turn, apart from its deadline (D4).
    """

    def __init__(
        self,
        name: str,
        transport: Transport,
        protocol: Protocol,
        *,
        traffic: Traffic | None = None,
        setup: OnConnected | None = None,
        gate: Callable[[str], None] | None = None,
        on_state: Callable[[], None] | None = None,
        expected: Identity | None = None,
    ) -> None:
        """Args:
        setup: Called with the talk after each (re)connection, before anybody else speaks.
        gate: Called under the lock before each write; raises to refuse it.
        on_state: Called when `is_ready`, `is_busy` or `trouble` changed.
        expected: Identity that must answer from the first connection on.
        """
        self.name = name
        self.address = transport.address
        self.protocol = protocol
        self.traffic = traffic or Traffic()
        self.contact = Contact(name, transport, protocol, self.traffic, expected)
        self.deadlines = Deadlines()
        self.strikes = 0
        self.trouble = "not connected yet"
        self.is_ready = False
        self.waited_s = 0.0
        self._talk = self.contact.talk
        self._setup = setup
        self._gate = gate
        self._on_state = on_state
        self._channel = transport  # as its bus knows it, if it shares one
        self._turn = transport.turn()
        self._is_wanted = False  # opened by the user and not closed
        self._is_lost = False  # the last recovery failed: callers are answered at once
        self._is_another = False  # it failed since another instrument answers
        self._strike: Strike | None = None  # the last one
        self._mender: asyncio.Task[None] | None = None
        self.contact.transport.on_lost = self._lost_while_idle
        if self._talk.ear.is_listening:
            self.contact.transport.on_came = self.listen

    @property
    def identity(self) -> Identity | None:
        """Who answered, None until it was reached (or where nothing identifies)."""
        return self.contact.identity

    @property
    def is_busy(self) -> bool:
        return self._turn.is_held

    @property
    def is_offline(self) -> bool:
        """Whether it is out of reach, as against being recovered just now."""
        return not self.is_ready and (self._is_lost or not self.contact.has_succeeded)

    @property
    def interrupt_s(self) -> float:
        """Within how many seconds emergency bytes are on the line at worst (D4)."""
        return self.contact.transport.interrupt_s

    @property
    def has_service_request(self) -> bool:
        """Whether the interface tells when the instrument wants to be served."""
        return self.contact.transport.has_service_request

    async def service_request(self) -> None:
        """Wait until the instrument asks for service; others may speak meanwhile."""
        await self.contact.transport.service_request()

    # ── opening and closing ───────────────────────────────────────────────────────────────

    async def open(self) -> None:
        """Connect once; when that fails, go on trying in the background.

        Raises:
            DeviceError: It cannot be reached now.
        """
        self._is_wanted = True
        try:
            async with self._turn:
                await self._recover()
        except BaseException:
            self._mend_later()
            raise

    async def close(self, farewell_command: str = "") -> None:
        """Let go of the instrument, with a last command where there is one. Idempotent."""
        self._is_wanted = False
        self.deadlines.close()
        if self._mender is not None:
            await ended(self._mender)
        async with self._turn:
            if farewell_command and self.is_ready:
                with contextlib.suppress(DeviceError, TimeoutError):
                    async with asyncio.timeout(self.protocol.connect_s):
                        await self._talk.write(farewell_command)
            self._set(ready=False, trouble="disconnected")
            await self.contact.hang_up()
        await self.contact.see_off()

    # ── exchanges ─────────────────────────────────────────────────────────────────────────

    def query(
        self, command: str, *, timeout_s: float | None = None, idempotent: bool = False
    ) -> Coroutine[Any, Any, str]:
        """Write a query, read its reply; to be awaited.

        Args:
            timeout_s: Counted from when the link is ours (D4).
            idempotent: Whether the query may be asked again after a lost connection or garbage.

        Raises:
            DeviceTimeout: No reply in time.
            DeviceClosed: The connection was lost meanwhile.
            ReplyError: What came is no text.
            DeviceConnectError: The device is offline.
            RefusedError: An emergency stop cut in.
        """
        return self.ask(command, str, timeout_s=timeout_s, idempotent=idempotent)

    async def ask(
        self,
        command: str,
        parse: Callable[[str], T],
        *,
        timeout_s: float | None = None,
        idempotent: bool = False,
    ) -> T:
        """`query`, with the reply read by `parse` while the link is still ours.

        A reply that `parse` refuses (ReplyError) may be somebody else's, so it poisons the link.
        """
        data = self._talk.encode(command)
        timeout_s = self.protocol.timeout_s if timeout_s is None else timeout_s
        try:
            return await self._exchange(command, data, parse, timeout_s)
        except (DeviceClosed, ReplyError):
            if not idempotent:
                raise
        return await self._exchange(command, data, parse, timeout_s)

    async def write(
        self, command: str, *, timeout_s: float | None = None, confirm: ReadBack | None = None
    ) -> None:
        """Write a command once, then read the error queue where the instrument has one.

        Args:
            confirm: A query that is asked then, before anybody else speaks and within as much
                time again, and what looks at its reply.

        Raises:
            InstrumentError: The instrument refused the command; the message quotes it.
            NotTakenError: `confirm` says that it reads back otherwise.
            DeviceError: As for `query`. Whether the command was carried out is then not known.
            RefusedError: The latch is engaged, or an emergency stop cut in.
        """
        data = self._talk.encode(command)
        timeout_s = self.protocol.timeout_s if timeout_s is None else timeout_s
        otherwise: NotTakenError | None = None
        await self._acquire()
        try:
            if self._gate is not None:
                self._gate(command)
            with Transaction(self, command, timeout_s):
                try:
                    await self._talk.tell(data)
                    errors = await self._talk.errors()
                except Refused as refused:
                    errors = [(refused.code, refused.text)]
            if confirm is not None and not errors:
                with Transaction(self, confirm[0], timeout_s):
                    otherwise = await read_back(self._talk, confirm)
        finally:
            self._release()
        if errors:
            raise self.refused(command, errors)
        if otherwise is not None:
            self.traffic.note(otherwise.message)
            raise otherwise

    def listen(self) -> None:
        """Hear what it says by itself, where nobody asks: who does hears for himself."""
        if self.is_ready and not self._turn.is_taken:
            self._talk.overhear()

    async def transact(
        self,
        command: str,
        work: Callable[[Talk], Awaitable[T]],
        *,
        timeout_s: float | None = None,
        writes: bool = False,
    ) -> T:
        """Several exchanges as one: nobody else speaks between them.

        Args:
            command: What it is about, for messages.
            work: Speaks to the instrument, without a deadline of its own.
            timeout_s: Time for all of it.
            writes: Whether it is more than questions, so that the latch may refuse it.

        Raises:
            InstrumentError: The instrument refused one of its commands.
            DeviceError: As for `query`.
            RefusedError: As for `write`.
        """
        timeout_s = self.protocol.timeout_s if timeout_s is None else timeout_s
        await self._acquire()
        try:
            if writes and self._gate is not None:
                self._gate(command)
            with Transaction(self, command, timeout_s):
                try:
                    return await work(self._talk)
                except Refused as refused:
                    error = [(refused.code, refused.text)]
        finally:
            self._release()
        raise self.refused(command, error)

    async def _exchange(
        self, command: str, data: bytes, parse: Callable[[str], T], timeout_s: float
    ) -> T:
        if self._turn.is_taken or not self.is_ready or self._channel.is_shared:
            await self._acquire()
        else:
            self._turn.take()
            self.waited_s = 0.0
            if self._on_state is not None:
                self._on_state()
        errors = None
        try:
            with Transaction(self, command, timeout_s):
                try:
                    text = await self._talk.query(command, data)
                    if self.protocol.checks_queries:
                        errors = await self._talk.errors()
                except Refused as refused:  # a whole exchange: nothing to recover from
                    errors = [(refused.code, refused.text)]
                if not errors:
                    return parse(text)
        finally:
            self._turn.release()
            if self._on_state is not None:
                self._on_state()
        raise self.refused(command, errors)

    async def _acquire(self) -> None:
        """Wait for our turn, on a link that is fit to speak on."""
        if self._turn.is_taken:
            began = time.monotonic()
            await self._turn.acquire()
            self.waited_s = time.monotonic() - began
        else:
            self._turn.take()
            self.waited_s = 0.0
        try:
            if not self.is_ready:
                if self._is_lost or not self._is_wanted:
                    raise self.offline()
                await self._recover()
                if not self.is_ready:
                    raise self.offline()
            if self._channel.is_shared:
                await self._settle()
        except BaseException:
            self._turn.release()
            raise
        self._tell()

    async def _settle(self) -> None:
        """See that the bus is fit to speak on; that is no part of a command's time (D4)."""
        try:
            async with self.deadlines.bounded(self.protocol.connect_s):
                await self._channel.settle()
        except TimeoutError:
            self.poison(f"its bus was not free in {self.protocol.connect_s:.1f} s")
            raise self.offline() from None
        except DeviceError as error:
            self.poison(self.contact.without(error.message))
            raise self.offline() from error

    def _release(self) -> None:
        self._turn.release()
        self._tell()

    # ── poison and recovery ───────────────────────────────────────────────────────────────

    def poison(self, why: str, latency_ms: float | None = None) -> None:
        """Nobody may speak before the link was recovered, which begins at once."""
        if self.is_ready:
            self.traffic.note(why, latency_ms)
        self._set(ready=False, trouble=why)
        self._channel.poison()
        self._mend_later()

    def _lost_while_idle(self, error: Exception) -> None:
        if self.is_ready:
            self.poison(str(error))

    def _mend_later(self) -> None:
        if self._is_wanted and (self._mender is None or self._mender.done()):
            self._mender = asyncio.create_task(self._mend(), name=f"reconnect {self.name}")

    async def _mend(self) -> None:
        """Reconnect, at once and then with longer and longer pauses."""
        attempt, took_s = 0, 0.0
        while self._is_wanted and not self.is_ready:
            if self._is_lost or attempt:
                pause_s = max(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)], self.contact.hold_s)
                # One that does not answer may not hold up the others on its bus.
                await asyncio.sleep(max(pause_s, took_s * _BUS_SHARE))
            attempt += 1
            async with self._turn:
                began = time.monotonic()
                if self._is_wanted and not self.is_ready:
                    with contextlib.suppress(DeviceError):
                        await self._recover()
                took_s = time.monotonic() - began if self._channel.is_shared else 0.0

    async def _recover(self, *, with_setup: bool = True) -> None:
        """Make the link fit to speak on; the caller holds the turn.

        Raises:
            DeviceError: It cannot be reached; `trouble` says why.
        """
        if self._strike is not None:
            await self._strike.over()
        contact, strikes = self.contact, self.strikes
        if contact.hold_s:
            self._keep_waiting()
        before = contact.identity
        self._talk.under_way = ""
        try:
            if not contact.is_fresh:
                async with self.deadlines.bounded(contact.renew_s):
                    await contact.renew()
            contact.is_fresh = not with_setup
            if with_setup and self._setup is not None:
                async with self.deadlines.bounded(contact.setup_s):
                    await self._setup(self._talk, contact.identity)
        except TimeoutError:
            contact.owe("silent", contact.setup_s)
            await self._give_up(*contact.silence(), keeps_line=contact.may_answer_yet)
        except Refused as refused:
            await self._give_up(f"it answered {refused.text!r}{contact.during}")
        except DeviceError as error:
            contact.identity = before
            if isinstance(error, ReplyError):
                contact.owe("garbled", self.protocol.timeout_s)
            await self._give_up(f"{error.message.rstrip('.')}{contact.during}", error)
        except BaseException:
            contact.owe("cut", self.protocol.timeout_s)
            await contact.hang_up()
            raise
        self._is_lost = False
        if with_setup and strikes == self.strikes:
            contact.has_succeeded = True
            self._set(ready=True, trouble="")

    def _keep_waiting(self) -> NoReturn:
        """Stay silent as long as a late reply may come; the line stays open for a strike (D9)."""
        self._is_lost = True
        self._set(ready=False, trouble=waiting_words(self.contact, self.trouble))
        self._mend_later()
        raise self.offline()

    async def _give_up(
        self, why: str, error: DeviceError | None = None, *, keeps_line: bool = False
    ) -> NoReturn:
        if not keeps_line:
            await self.contact.hang_up()
        self._is_lost = True
        self._is_another = isinstance(error, IdentityError)
        self._set(ready=False, trouble=why)
        self._mend_later()
        raise unreachable_error(self.contact, why, error, self._talk.under_way) from error

    # ── emergency ─────────────────────────────────────────────────────────────────────────

    def strike(self, *pieces: bytes) -> bool:
        """`begin_strike`, and block until all was written; whether it was handed over."""
        return self.begin_strike(*pieces).wait()

    def begin_strike(self, *pieces: bytes, beside: bool = False) -> Strike:
        """Put emergency bytes on the line, from any thread, past any queue.

        What is under way afterwards is given up by its owner; see `after_strike`.

        Args:
            pieces: Messages that need the protocol's pause between.
            beside: Whether the caller does not wait for the first piece either. It never does
                where an interface may be slow.
        """
        awaits_reply = bool(self.protocol.gap_s) and self.is_busy
        self.strikes += 1
        strike = Strike(
            self._write_past, pieces, rounds=ROUNDS if awaits_reply else 1,
            pause_s=partial(pause_s, self.protocol), rests_s=self._talk.rests_s,
        )  # fmt: skip
        self._strike = strike
        strike.begin(beside=beside or self.interrupt_s > _QUICK_S)
        return strike

    def _write_past(self, data: bytes) -> bool:
        is_written = self.contact.transport.emergency_write(data)
        self._talk.rest()
        return is_written

    def after_strike(self) -> None:
        """In the loop, after `strike`: cut short what is under way."""
        self.deadlines.cut_short()
        self._set(ready=False, trouble="emergency stop")  # `confirm` sees to the rest
        self._channel.poison()

    async def confirm(
        self,
        check: Callable[[Talk], Awaitable[bool]],
        *pieces: bytes,
        within_s: float,
        repeat: bool = False,
    ) -> bool:
        """Find out, on a fresh state of the link and before anybody else, whether it worked.

        Args:
            check: Reads back; true when the device is safe.
            pieces: Emergency bytes, written again before a second look.
            within_s: When to give up, apart from pauses that the instrument needs.
            repeat: Write them before the first look, too.

        Raises:
            DeviceError: The instrument cannot be reached, or does not answer in time.
        """
        if self._mender is not None:
            self._mender.cancel()
        pauses_s = _PAUSES * self.protocol.gap_s + self.contact.reopens_s
        within_s += pauses_s + takes_s(self.protocol, pieces)
        try:
            patience = within_s * (_BUS_PATIENCE if self._channel.is_shared else 1)
            async with asyncio.timeout(patience) as limit:
                await self._turn.acquire(first=True)
                if self._channel.is_shared:  # others of the bus were confirmed meanwhile
                    limit.reschedule(asyncio.get_running_loop().time() + within_s)
                try:
                    return await self._confirmed(check, pieces, repeat)
                finally:
                    self._release()
        except TimeoutError:
            raise DeviceTimeout(
                f"{self.contact.who}: no answer to the emergency stop in {within_s:.1f} s.",
                device=self.name,
                address=self.address,
            ) from None
        finally:
            self._mender = None
            self._mend_later()

    async def _confirmed(
        self, check: Callable[[Talk], Awaitable[bool]], pieces: tuple[bytes, ...], repeat: bool
    ) -> bool:
        self.contact.is_fresh = False
        if self._strike is not None:
            await self._strike.over()
            repeat = repeat or self._strike.sent_at is None
        if repeat:
            await self._strike_blindly(pieces)
        await self._recover(with_setup=False)
        self._set(ready=False, trouble="emergency stop")
        for attempt in range(_LOOKS):
            if attempt or repeat:
                await self._repeat(pieces)
                await self._talk.settle()  # an acknowledgement is no read-back
            if await check(self._talk):
                return True
        return False

    async def _repeat(self, pieces: tuple[bytes, ...]) -> None:
        for piece in pieces:
            await self._talk.send(piece)

    async def _strike_blindly(self, pieces: tuple[bytes, ...]) -> None:
        """Emergency bytes for an instrument that may only listen: it hangs, and takes commands.

        One that says within a moment that it is another gets none; one that says who it is gets
        them from `_confirmed`, and so does one that cannot be reached now.
        """
        try:
            async with self.deadlines.bounded(_SILENCE_S):
                await self.contact.renew()
            self.contact.is_fresh = True
        except IdentityError:
            await self.contact.hang_up()
        except (DeviceError, TimeoutError):
            if self.contact.transport.is_open:
                with contextlib.suppress(DeviceError):
                    await self._repeat(pieces)

    # ── words ─────────────────────────────────────────────────────────────────────────────

    def offline(self) -> DeviceError:
        """The error of whoever wants to speak while it is out of reach."""
        is_another = self._is_lost and self._is_another
        kind = IdentityError if is_another else DeviceConnectError
        return offline_error(self.contact, self.trouble, kind, is_wanted=self._is_wanted)

    @property
    def ear(self) -> Ear:
        """What it says by itself."""
        return self._talk.ear

    def refused(self, command: str, errors: list[tuple[int, str]]) -> InstrumentError:
        """The error for what the instrument said, or put into its queue, after a command."""
        code, text = errors[0]
        self.traffic.note(f"{code}, {text!r} after {command!r}")
        return instrument_error(self.contact, command, errors)

    def _set(self, *, ready: bool, trouble: str) -> None:
        if (ready, trouble) != (self.is_ready, self.trouble):
            self.is_ready, self.trouble = ready, trouble
            self._tell()

    def _tell(self) -> None:
        if self._on_state is not None:
            self._on_state()


_BUS_PATIENCE = 10  # how many times as long an emergency waits for its turn on a bus
_BUS_SHARE = 3  # a device that cannot be reached takes a quarter of its bus's time
_SILENCE_S = 0.3  # how long an instrument may take to say who it is before it is struck blindly
_QUICK_S = 0.15  # an interface that takes emergency bytes later than that does so from a thread
_PAUSES = 12  # within a confirmation: who is there, then each output, with a mark behind each
_LOOKS = 3  # read-backs at most in one confirmation
