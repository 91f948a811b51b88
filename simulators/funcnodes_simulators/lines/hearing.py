"""Whether an instrument hears what comes in: some are deaf for a while, after each message say.

Decides byte by byte: what comes too early is lost, and the rest of its message is heard. Guarantees
that bytes are lost only where they surely came too early. When they came, a real line knows no
better than its event loop looks: `Pulse` bounds it, and a line in memory knows it exactly.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterator

from funcnodes_simulators.instruments.contract import InputBuffer
from funcnodes_simulators.physics import Clock
from funcnodes_simulators.scpi import Overrun

PULSE_S = 0.005
LATEST_LOST = 20
LINE_ENDS = b"\r\n"

Lost = Callable[[str, str], None]


class Pulse:
    """Bounds when bytes came that are read now: they were not there two beats ago."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beats_s: deque[float] = deque(maxlen=2)

    def came_s(self) -> float:
        """Return the earliest time at which the bytes that are read now may have come.

        Without a beat so far that is now.
        """
        return self._beats_s[0] if self._beats_s else self._clock.now()

    async def beat(self) -> None:
        """Beat until cancelled."""
        self._beats_s.append(self._clock.now())
        while True:
            self._beats_s.append(self._clock.now())
            await asyncio.sleep(PULSE_S)


class Hearing:
    """When one instrument hears, and what it lost because it did not.

    Attributes:
        gap_s: How long it is deaf after the end of a message, and of a reply.
        lost_bytes: How much was lost; line ends alone are no loss.
        latest_lost: The latest pieces of it, oldest first.
    """

    def __init__(
        self, clock: Clock, *, gap_s: float = 0.0, came_s: Callable[[], float] | None = None
    ) -> None:
        """Args:
        came_s: Returns when what is read now may have come at the earliest; now if left out.
        """
        self.gap_s = gap_s
        self.lost_bytes = 0
        self.latest_lost: deque[str] = deque(maxlen=LATEST_LOST)
        self._clock = clock
        self._came_s = came_s or clock.now
        self._hears_from_s = -math.inf
        self._why = ""

    @property
    def is_deaf(self) -> bool:
        """Whether it hears nothing at this moment."""
        return self._clock.now() < self._hears_from_s

    def deafen(self, seconds: float, why: str) -> None:
        """Have it hear nothing for a while from now on; `why` ends the sentence about a loss."""
        until_s = self._clock.now() + seconds
        if until_s > self._hears_from_s:
            self._hears_from_s, self._why = until_s, why

    def take(self, data: bytes, buffer: InputBuffer, lost: Lost) -> Iterator[str | Overrun]:
        """Yield the messages that bytes complete, as far as they are heard.

        Args:
            lost: Told of what was not heard, and why.
        """
        if not self.gap_s and not self.is_deaf:
            yield from buffer.feed(data)
            return
        unheard = bytearray()
        for byte in data:
            if self.is_deaf:
                unheard.append(byte)
                continue
            for message in buffer.feed(bytes([byte])):
                if isinstance(message, Overrun) or message.strip():
                    self._rest(self._came_s())
                yield message
        self._lose(bytes(unheard), lost)

    def replies(self) -> None:
        """Learn that a reply goes out now."""
        self._rest(self._clock.now())

    def state(self) -> dict[str, object]:
        """Return what was lost, as plain JSON values."""
        return {"bytes": self.lost_bytes, "latest": list(self.latest_lost)}

    def _rest(self, from_s: float) -> None:
        if self.gap_s and from_s + self.gap_s > self._hears_from_s:
            self._hears_from_s = from_s + self.gap_s
            self._why = f"the instrument needs {self.gap_s * 1000:g} ms after a message"

    def _lose(self, unheard: bytes, lost: Lost) -> None:
        if not unheard.strip(LINE_ENDS):
            return
        text = unheard.decode("latin-1")
        self.lost_bytes += len(unheard)
        self.latest_lost.append(text)
        lost(text, f"it was lost: {self._why}")
