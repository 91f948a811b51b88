"""Bringing a line to rest before a question (D9): to the end of a frame, and to silence.

Guarantees that after `settle` nothing that had begun to come before can answer what is asked next.
What is declared as said by itself goes to the ear and needs no silence. A line that never comes to
rest is an error in words, after `MOST_NOISE_S` at most.
"""

import asyncio

from funcnodes.core import clock
from funcnodes.devices.link.ear import Ear
from funcnodes.devices.messages import traffic
from funcnodes.devices.transports.base import Transport
from funcnodes.errors import ReplyError

SILENCE_S = 0.05  # on a line where something came unasked; bytes of one frame come closer together
MOST_NOISE_S = 1.0
LOOK_S = 0.005
SHOWN = 60


class Noise:
    """What came unasked; the last of it is kept for words.

    Attributes:
        count: How many bytes.
    """

    def __init__(self) -> None:
        self.count = 0
        self._last = b""

    def add(self, data: bytes) -> None:
        """Note more of it."""
        self.count += len(data)
        self._last = (self._last + data)[-SHOWN:]

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        plural = "byte" if self.count == 1 else "bytes"
        which = "" if self.count <= SHOWN else ", the last of them"
        return f"{self.count} {plural} came unasked{which} '{traffic.shown(self._last)}'"


async def settle(
    transport: Transport,
    ear: Ear,
    *,
    end: bytes,
    silence_s: float = SILENCE_S,
    begun: bytes = b"",
    was_strange: bool = True,
) -> Noise:
    """Drop what comes until a frame has ended and the line is silent.

    Args:
        ear: Takes the lines that are said by itself.
        end: What every frame ends with; b"" where only silence tells.
        begun: What has come of a line already.
        was_strange: Whether anything came that is not said by itself, so that silence is needed.

    Raises:
        ReplyError: It did not come to rest; says what to declare.
    """
    noise, rest, began = Noise(), begun, clock.monotonic()
    last = began if was_strange else began - silence_s
    while True:
        strange, rest = ear.sift(rest + transport.drain(), end)
        if not end:
            strange, rest = rest, b""
        noise.add(strange)
        now = clock.monotonic()
        if strange:
            last = now
        if now - began > MOST_NOISE_S:
            raise _restless(transport.address, noise, rest)
        if rest:
            rest += await _end_of_line(transport, end, noise, rest)
        elif now - last >= silence_s:
            return noise
        else:
            await clock.sleep(LOOK_S)


async def _end_of_line(transport: Transport, end: bytes, noise: Noise, rest: bytes) -> bytes:
    """What is still to come of a line that has begun."""
    try:
        async with asyncio.timeout(MOST_NOISE_S):
            return await transport.read_until(end)
    except TimeoutError:
        raise _restless(transport.address, noise, rest) from None


def _restless(address: str, noise: Noise, rest: bytes) -> ReplyError:
    noise.add(rest)
    if rest:
        why, hint = f"{noise}, and no end of it", ""
    else:
        why = f"{noise} in {MOST_NOISE_S:.1f} s, and it goes on"
        hint = "If it sends by itself, its driver says so: unasked(…)."
    return ReplyError(f"{address}: {why}.", address=address, hint=hint)
