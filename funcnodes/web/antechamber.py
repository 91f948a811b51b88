"""Connections that have shown no credential yet: few at a time, and served in small portions.

Guarantees that however many of them there are, the loop is theirs for a few milliseconds at a
time, so that E-STOP and whoever is signed in are not kept waiting. Where there are too many, the
one that has been here longest gives way: an honest client shows its credential at once, and is let
through at sight of it. It has a quarter of a second for that, however many come after it, short of
`CROWD`. Whether it may do what it asks is the gate's to say.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable
from itertools import islice

MOST = 64
CROWD = 256
"""So many at the very most: beyond it the oldest gives way however young it is."""
YOUNG_S = 0.25
"""How long an honest client may take from connecting to showing its credential."""
PORTION = 3
"""Messages of strangers that are read before everybody else has a turn."""
PAUSE_S = 0.005
LOOKED_AT = 16 * 1024
TOKENS = 4
_TOKEN = re.compile(rb"(?:[Bb]earer |funcnodes_\d+=)([\w-]{20,100})", re.ASCII)


class Guest:
    """One connection, until it is known whose it is."""

    def __init__(self, chamber: "Antechamber", transport: asyncio.Transport) -> None:
        self._chamber = chamber
        self._transport = transport

    @property
    def is_stranger(self) -> bool:
        return self in self._chamber.guests

    def leave(self) -> None:
        """It has shown its credential, or is gone."""
        self._chamber.guests.pop(self, None)

    def send_away(self) -> None:
        """Close the connection without a word, which costs nothing."""
        self.leave()
        self._transport.abort()

    def in_turn(self, data: bytes, read: Callable[[], None]) -> None:
        """Have `read` called: at once where `data` shows a credential, else when it is its turn.

        Nothing more is taken in before.
        """
        if self._chamber.shows_credential(data):
            self.leave()
            read()
        else:
            self._chamber.wait(self, read)

    def hold(self) -> None:
        self._transport.pause_reading()

    def go_on(self, read: Callable[[], None]) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()
            read()


class Antechamber:
    """All strangers of one server, the one that has been here longest first.

    Args:
        knows: Whether a token is a credential of somebody here.
    """

    def __init__(self, knows: Callable[[str], bool]) -> None:
        self._knows = knows
        self.guests: dict[Guest, float] = {}
        """With when each came, by the monotonic clock."""
        self._waiting: deque[tuple[Guest, Callable[[], None]]] = deque()
        self._read = 0  # in this turn
        self._pausing: asyncio.TimerHandle | None = None

    def enter(self, transport: asyncio.Transport) -> Guest:
        """Somebody has connected."""
        guest = Guest(self, transport)
        self.guests[guest] = now = time.monotonic()
        while len(self.guests) > MOST:
            oldest, came = next(iter(self.guests.items()))
            if now - came < YOUNG_S and len(self.guests) <= CROWD:
                break
            oldest.send_away()
        return guest

    def shows_credential(self, data: bytes) -> bool:
        """Whether there is a token in it that somebody here has."""
        found = _TOKEN.finditer(data, 0, LOOKED_AT)
        return any(self._knows(each[1].decode()) for each in islice(found, TOKENS))

    def wait(self, guest: Guest, read: Callable[[], None]) -> None:
        """Read what a stranger says, now or when it is its turn."""
        if self._read < PORTION and not self._waiting:
            self._count()
            read()
        else:
            guest.hold()
            self._waiting.append((guest, read))

    def _count(self) -> None:
        self._read += 1
        if self._pausing is None:
            self._pausing = asyncio.get_running_loop().call_later(PAUSE_S, self._turn)

    def _turn(self) -> None:
        self._read, self._pausing = 0, None
        while self._waiting and self._read < PORTION:
            guest, read = self._waiting.popleft()
            self._count()
            guest.go_on(read)
