"""Who is at the other end of a line that was just opened, and may not hear for a while.

Many a board starts anew whenever its line is opened: it is deaf for seconds, says a line of its
own, then answers. So what the driver declares is waited for, who is there is asked again and again
on the same opening, and the line stays open over several attempts: opening it anew would only make
it start once more. Once somebody answered, the answers to the other questions are waited out (D9).

An answer of fewer than three fields may be anything that an instrument says: it counts when it
comes twice.
"""

import asyncio
import contextlib
import time

from funcnodes.core import clock
from funcnodes.devices.link.talk import STALE_LINES, Talk
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.messages.replies import Identity
from funcnodes.errors import ReplyError

AGAIN_S = 0.6  # how long an answer may take before the question is put again
OTHER_S = 0.2  # for the right answer behind a wrong one
QUIET_S = 0.2  # silence after which no answer is owed any more, at least
BANNER_S = 10.0  # for a banner where the driver says no time
HOLDS_S = (6.0, 12.0, 30.0)  # for how long a silent line is kept open, the first time and later


def wakes_s(protocol: Protocol) -> float:
    """How long an instrument may hear nothing once its line was opened, as its driver says."""
    return protocol.wait_s or (BANNER_S if protocol.banner else 0.0)


class Introduction:
    """One opening of a line, until somebody answered on it."""

    def __init__(self, talk: Talk, *, silent_before: int, asks_again: bool) -> None:
        """Args:
        silent_before: How many openings before this one nobody answered on.
        asks_again: Whether the question is put again where no answer comes.
        """
        self._talk = talk
        self._until = time.monotonic() + HOLDS_S[min(silent_before, len(HOLDS_S) - 1)]
        self._again_s = AGAIN_S if asks_again else None
        self._asked = 0
        self._answered = 0
        self._asked_at = 0.0  # monotonic, for the first time
        self._heard: list[str] = []
        self.is_over = False

    @property
    def holds(self) -> bool:
        """Whether it may still answer on this opening."""
        return not self.is_over and time.monotonic() < self._until

    async def wait(self) -> None:
        """Leave the instrument alone as its driver, or its address, says."""
        protocol = self._talk.protocol
        self._until += wakes_s(protocol)
        if not protocol.banner:
            if protocol.wait_s:
                await clock.sleep(protocol.wait_s)
                self._talk.transport.discard_input()
            return
        with contextlib.suppress(TimeoutError):  # it did not start anew this time
            async with asyncio.timeout(wakes_s(protocol)):
                while protocol.banner not in await self._talk.line():
                    pass

    async def take_place(self, expected: Identity | None) -> Identity:
        """Ask until somebody answers; whoever calls keeps the deadline.

        Raises:
            IdentityError: Another than `expected` answers.
            ReplyError: Much came, and nothing that names anybody.
        """
        found = await self._found(expected)
        for line in self._heard:
            if self._talk.identity_in(line) != found:
                self._talk.noise.add(line.encode("latin-1", "replace"))
        self.is_over = True
        return found

    async def _found(self, expected: Identity | None) -> Identity:
        talk, candidate, other = self._talk, None, None
        await self._ask()
        for _ in range(STALE_LINES):
            line = await self._line(OTHER_S if other is not None else self._again_s)
            if line is None:
                if other is not None and expected is not None:
                    raise talk.another(other, expected)
                await self._ask()
                continue
            self._heard.append(line)
            found = talk.identity_in(line)
            if found is None:
                continue
            if expected is not None and found.same_unit(expected):
                self._answered += 1
                return found
            if not talk.is_surely_one(line) and found != candidate:
                candidate, self._answered = found, 1
                await self._ask()
            elif expected is None:
                self._answered += 1
                return found
            else:
                other = found
        raise ReplyError(f"{talk.name}: {STALE_LINES} replies came, none an identification.")

    async def wait_out(self, patience_s: float) -> None:
        """Let the answers to the other questions come, and drop them.

        One that answers slowly, in `patience_s` at most, takes about as long for each of them as
        for the first. One that was silent for longer was deaf, and answers what it has at once.
        """
        took_s = time.monotonic() - self._asked_at
        quiet_s = QUIET_S + (1.5 * took_s if took_s <= patience_s else 0.0)
        while self._answered < self._asked and await self._line(quiet_s) is not None:
            self._answered += 1

    async def _ask(self) -> None:
        talk = self._talk
        if not self._asked:
            self._asked_at = time.monotonic()
        self._asked += 1
        await talk.send(talk.encode(talk.protocol.identify))

    async def _line(self, within_s: float | None) -> str | None:
        try:
            async with asyncio.timeout(within_s):
                return await self._talk.line()
        except TimeoutError:
            return None
