"""Contact with one instrument: its channel opened, opened anew, and the proof of who is there.

Guarantees that after `renew` no reply of before can be taken for one to come, and that the same
instrument answers. An old connection is let end gently, so that what was written to it arrives.
Whoever calls holds the link and keeps the deadline.
"""

import asyncio
import contextlib
import time
from typing import Literal

from funcnodes.core import clock
from funcnodes.devices.link.introduction import Introduction, wakes_s
from funcnodes.devices.link.quiet import LOOK_S, Noise
from funcnodes.devices.link.talk import Talk
from funcnodes.devices.messages.protocol import LATE_S, Protocol
from funcnodes.devices.messages.replies import Identity
from funcnodes.devices.messages.traffic import Traffic
from funcnodes.devices.transports import Transport
from funcnodes.devices.transports.recording import Recording
from funcnodes.errors import (
    DeviceBusyError,
    DeviceConnectError,
    DeviceError,
    DeviceTimeout,
)

Ending = Literal["silent", "cut", "garbled", "lost"]
"""How an exchange ended that was not whole: nothing came in its time, it was cut short, something
came that is no answer, the connection was lost."""
_FAREWELL_S = 0.2
_LONGEST_S = 3600.0  # between looks at a line on which a late reply may come at any time
_SETUP_PAUSES = 60  # three with each of twenty settings, while late replies may come in


class Contact:
    """Contact with one instrument; see the module's text.

    Attributes:
        name: The device's, for messages.
        address: Where the channel leads.
        transport: The channel, with its traffic recorded.
        talk: What is said on it.
        identity: Who answered, None until it was reached (or where nothing identifies).
        has_succeeded: Whether it was ever set up whole.
        is_fresh: Whether it was renewed already and only the setting up is to be done.
        unasked: What came without a question when it was connected, as a sentence, or "".
    """

    def __init__(
        self,
        name: str,
        transport: Transport,
        protocol: Protocol,
        traffic: Traffic,
        expected: Identity | None,
    ) -> None:
        self.name = name
        self.address = transport.address
        self.protocol = protocol
        self.identity = expected
        self.transport = Recording(transport, traffic)
        self._traffic = traffic
        self.talk = Talk(name, self.transport, protocol)
        self.has_succeeded = False
        self.is_fresh = False
        self.unasked = ""
        self._owed_until = 0.0  # on the clock that never steps: till then a late reply may come
        self._is_cut = False  # that reply is late since nobody waited for it any more
        self._introduction: Introduction | None = None  # of this opening, while it is one
        self._silent_openings = 0
        # A bus is kept free for others; a recording knows what was asked.
        self._asks_again = not transport.is_shared and transport.kind != "replay"
        self._farewells: set[asyncio.Task[None]] = set()

    async def renew(self) -> None:
        """Open it anew, or read it out up to a known mark, and prove who is there.

        Raises:
            IdentityError: Another instrument answers.
            DeviceError: It cannot be reached.
        """
        talk = self.talk
        talk.noise = Noise()
        await self._renew()
        self.owe_nothing()
        if not self.has_succeeded:
            self.unasked = self._about_unasked(talk.noise)

    async def _renew(self) -> None:
        if not self.may_answer_yet:
            await self._reopen()
        if self.protocol.identify:
            await self._identify()
            await self._hear_more()

    async def _hear_more(self) -> None:
        """Hear whether it says more than a reply; from then on each question waits for that."""
        if not self.transport.hears_unasked or self.transport.is_shared:
            return
        noise, talk = await self.talk.drop_unasked(listens=True), self.talk
        talk.noise.add(noise.last)
        talk.listens_before = 1 if noise else 0

    async def _identify(self) -> None:
        protocol, began = self.protocol, time.monotonic()
        self.talk.under_way = protocol.identify
        introduction = self._introduction
        if introduction is None or not self.talk.framing.is_pipelined:
            self._introduction = None
            async with asyncio.timeout(protocol.connect_s):
                self.identity = await self.talk.identify(self.identity)
            return
        took_s = 0.0 if wakes_s(protocol) else time.monotonic() - began
        async with asyncio.timeout(max(0.1, protocol.connect_s - took_s)):
            self.identity = await introduction.take_place(self.identity)
        self._introduction, self._silent_openings = None, 0
        self.talk.know(self.identity)
        await introduction.wait_out(protocol.connect_s)

    @property
    def may_answer_yet(self) -> bool:
        """Whether nobody answered on this opening yet, and it is too early to open anew."""
        introduction, transport = self._introduction, self.transport
        if introduction is None or not self.protocol.identify:
            return False
        return introduction.holds and transport.is_open and not transport.is_shared

    @property
    def renew_s(self) -> float:
        """How long `renew` may take at most, with what late answers may take then."""
        return 3 * self.protocol.connect_s + wakes_s(self.protocol) + self.left_s

    @property
    def reopens_s(self) -> float:
        """How long it is left alone, by what its driver says, where recovering opens it anew."""
        return wakes_s(self.protocol) if self.transport.fresh_on_open else 0.0

    # ── late replies ──────────────────────────────────────────────────────────────────────

    def owe(self, ending: Ending, timeout_s: float) -> None:
        """Note that the answer to the last question may still come, and until when at most.

        Args:
            ending: How its exchange ended.
            timeout_s: The time that it was given.
        """
        talk, late_s = self.talk, self.protocol.late_s
        if not talk.is_asked or (ending == "lost" and late_s is None):
            return
        if late_s is None:
            late_s = LATE_S if ending == "silent" else timeout_s
        self._owed_until = max(self._owed_until, self._traffic.sent_at + late_s)
        self._is_cut = ending == "cut"
        self.transport.owe(self._owed_until)

    @property
    def survives(self) -> bool:
        """Whether a late reply may come in on a channel that was opened anew, too."""
        return not self.transport.fresh_on_open or self.protocol.late_s is not None

    @property
    def left_s(self) -> float:
        """For how long a late reply may still come, where only time tells; infinity: for ever."""
        until, protocol = self.transport.owed_until, self.protocol
        if protocol.identify:  # which each reply is held against
            return 0.0
        if self.survives and protocol.marker is None:
            until = max(until, self._owed_until)
        return max(0.0, until - clock.monotonic())

    @property
    def hold_s(self) -> float:
        """For how long there is no use in trying: all of that but the time to connect."""
        return min(max(0.0, self.left_s - self.protocol.connect_s), _LONGEST_S)

    async def _wait_out(self) -> None:
        """Let late replies come in, and drop them, where only time tells.

        One to a question that was cut short is no later than it ever is: once it has come whole,
        nothing more will.
        """
        while (left_s := self.left_s) > 0:
            self.talk.overhear()
            if self._is_cut and self.talk.has_heard and not self.transport.owed_until:
                return
            await clock.sleep(min(left_s, LOOK_S))

    def owe_nothing(self) -> None:
        """Nothing late can come any more."""
        self._owed_until = 0.0
        self.transport.owe(0.0)

    def _about_unasked(self, noise: Noise) -> str:
        if not noise or noise.last == self.talk.framing.prompt:
            return ""
        return (
            f"{self.who}: {noise} when it was connected. Its driver can say that it greets "
            "(greets=) or sends by itself (unasked)."
        )

    async def hang_up(self) -> None:
        """Close it; idempotent."""
        self.is_fresh = False
        self._introduction = None
        self._part()
        await self.transport.close()

    async def see_off(self) -> None:
        """Give old connections a moment to end, then cut them short."""
        for task in tuple(self._farewells):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    await asyncio.shield(task)
        await self._cut_farewells_short()

    async def _reopen(self) -> None:
        """Open it anew, or stay on a line that stays the same; at rest in either case (D9)."""
        transport, talk = self.transport, self.talk
        if self.survives and self.has_succeeded:
            talk.be_wary()
        is_anew = transport.fresh_on_open or not transport.is_open
        if is_anew:
            self._part()
            if self._introduction is not None:
                self._silent_openings += 1
            self._introduction = None
            async with asyncio.timeout(self.protocol.connect_s):
                await self._connect()
                talk.forget_unasked()
                if self.has_succeeded or (transport.has_marker and self._owed_until):
                    await self._interrupt()
            self._introduction = Introduction(
                self.talk, silent_before=self._silent_openings, asks_again=self._asks_again
            )
            await self._introduction.wait()
            talk.rest()  # somebody may have spoken to it just now
            if self.protocol.greets:
                await talk.greeted()
        elif talk.is_half_sent:
            await talk.send(talk.framing.mark)
        await self._wait_out()
        if self.protocol.marker is not None and self._owed_until:
            await talk.find_mark(self.protocol.marker)
        if transport.hears_unasked and not self.protocol.identify:
            talk.noise = await talk.drop_unasked(listens=True)
        elif not is_anew:
            transport.discard_input()
            talk.forget_unasked()

    async def _interrupt(self) -> None:
        """Have it give up what it was to answer; where it has a marker, that tells."""
        try:
            await self.transport.interrupt()
        except DeviceTimeout:
            if self.left_s:
                raise
        else:
            if self.transport.has_marker:
                self.owe_nothing()

    async def _connect(self) -> None:
        """Open; where an old connection is still closing and in the way, cut it short."""
        try:
            async with asyncio.timeout(self.protocol.connect_s / 4 if self._farewells else None):
                await self.transport.open()
        except (TimeoutError, DeviceConnectError, DeviceBusyError):
            if not self._farewells:
                raise
            await self._cut_farewells_short()
            await self.transport.open()

    def _part(self) -> None:
        """Let the old connection end gently, so that what was written to it arrives."""
        farewell = self.transport.part()
        if farewell is not None:
            task = asyncio.create_task(farewell, name=f"farewell {self.name}")
            self._farewells.add(task)
            task.add_done_callback(self._farewells.discard)

    async def _cut_farewells_short(self) -> None:
        for task in tuple(self._farewells):
            task.cancel()
        await asyncio.gather(*self._farewells, return_exceptions=True)

    # ── words ─────────────────────────────────────────────────────────────────────────────

    @property
    def who(self) -> str:
        """Name and address, as messages begin."""
        return f"{self.name} ({self.address})"

    @property
    def setup_s(self) -> float:
        """How long it may take to be set up and read, with the pauses that it needs."""
        protocol = self.protocol
        return protocol.connect_s + protocol.timeout_s + _SETUP_PAUSES * protocol.gap_s

    @property
    def during(self) -> str:
        """What was asked when setting up failed, where it was more than who is there."""
        command = self.talk.under_way
        return f" (during {command!r})" if command not in ("", self.protocol.identify) else ""

    @property
    def remark(self) -> str:
        """That it lacks what its driver thought that it might have, as a sentence, or ""."""
        errors = self.protocol.errors
        if not errors or self.talk.has_errors is not False:
            return ""
        return f"It has no error queue, {errors} is not answered: what is set is read back."

    def without(self, text: str) -> str:
        """A message without the device and address it may begin with."""
        for start in (f"{self.who}: ", f"{self.address}: ", f"{self.name}: "):
            text = text.removeprefix(start)
        return text

    def silence(self) -> tuple[str, DeviceError | None]:
        """Why it took too long, and the error that tells more of it where there is one."""
        seconds = f"in {self.protocol.connect_s:.1f} s"
        if not self.transport.is_open:
            return f"no connection {seconds}", None
        if self.during:
            seconds = f"in {self.setup_s:.1f} s"
            return f"no reply to {self.talk.under_way!r} {seconds}", None
        why = f"no reply to {self.protocol.identify!r} {seconds}"
        noise = self.transport.discard_input()
        if noise == 0:
            return why, None
        hint = "Is the line's speed (baud), and are its bits and parity, the instrument's?"
        return f"{why}, but {noise} bytes that are none", DeviceConnectError("", hint=hint)


def sentence(text: str) -> str:
    """A text that ends as a sentence does."""
    return text if text.endswith(".") else f"{text}."
