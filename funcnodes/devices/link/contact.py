"""Contact with one instrument: its channel opened, opened anew, and the proof of who is there.

Guarantees that after `renew` no reply of before can be taken for one to come, and that the same
instrument answers. An old connection is let end gently, so that what was written to it arrives.
Whoever calls holds the link and keeps the deadline.
"""

import asyncio
import contextlib
import time

from funcnodes.devices.link.introduction import Introduction, wakes_s
from funcnodes.devices.link.talk import Talk
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.messages.replies import Identity
from funcnodes.devices.messages.traffic import Traffic
from funcnodes.devices.transports import Transport
from funcnodes.devices.transports.recording import Recording
from funcnodes.errors import DeviceBusyError, DeviceConnectError, DeviceError

_FAREWELL_S = 0.2
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
        self.talk = Talk(name, self.transport, protocol)
        self.has_succeeded = False
        self.is_fresh = False
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
        protocol, began = self.protocol, time.monotonic()
        if not self.may_answer_yet:
            await self._reopen()
        if not protocol.identify:
            return
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
        return 3 * self.protocol.connect_s + wakes_s(self.protocol)

    @property
    def reopens_s(self) -> float:
        """How long it is left alone, by what its driver says, where recovering opens it anew."""
        return wakes_s(self.protocol) if self.transport.fresh_on_open else 0.0

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
        transport = self.transport
        if not transport.fresh_on_open and self.has_succeeded:
            self.talk.be_wary()
        if transport.fresh_on_open or not transport.is_open:
            self._part()
            if self._introduction is not None:
                self._silent_openings += 1
            self._introduction = None
            async with asyncio.timeout(self.protocol.connect_s):
                await self._connect()
                if self.has_succeeded:
                    await transport.interrupt()
            self._introduction = Introduction(
                self.talk, silent_before=self._silent_openings, asks_again=self._asks_again
            )
            await self._introduction.wait()
            self.talk.rest()  # somebody may have spoken to it just now
            return
        if self.talk.is_half_sent:
            await self.talk.send(self.talk.framing.mark)
        transport.discard_input()

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
