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
END_S = 0.3  # within which a line ends that was begun
LOOK_S = 0.005
SHOWN = 60


class Noise:
    """What came unasked; the last of it is kept for words.

    Attributes:
        count: How many bytes.
        last: The last of them, as many as are shown.
    """

    def __init__(self) -> None:
        self.count = 0
        self.last = b""

    def add(self, data: bytes) -> None:
        """Note more of it."""
        self.count += len(data)
        self.last = (self.last + data)[-SHOWN:]

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        plural = "byte" if self.count == 1 else "bytes"
        which = "" if self.count <= SHOWN else ", the last of them"
        return f"{self.count} {plural} came unasked{which} '{traffic.shown(self.last)}'"


async def settle(
    transport: Transport,
    ear: Ear,
    *,
    end: bytes,
    prompt: bytes = b"",
    silence_s: float = SILENCE_S,
    begun: bytes = b"",
    was_strange: bool = True,
    is_lenient: bool = False,
) -> Noise:
    """Drop what comes until a frame has ended and the line is silent.

    Args:
        ear: Takes the lines that are said by itself.
        end: What every frame ends with; b"" where only silence tells.
        prompt: What may stand behind a frame without an end.
        begun: What has come of a line already.
        was_strange: Whether anything came that is not said by itself, so that silence is needed.
        is_lenient: Whether what has no end in `END_S` passes: adapters make a byte as they open.

    Raises:
        ReplyError: It did not come to rest; says what to declare.
    """
    noise, rest, began = Noise(), begun, clock.monotonic()
    last = began if was_strange else began - silence_s
    while True:
        strange, rest = ear.sift(rest + transport.drain(), end)
        if rest and (not end or (prompt and rest.endswith(prompt))):
            strange, rest = strange + rest, b""
        noise.add(strange)
        now = clock.monotonic()
        if strange:
            last = now
        if now - began > MOST_NOISE_S:
            raise _restless(transport.address, noise, rest)
        if rest:
            tail = await _end_of_line(transport, end, prompt, END_S if is_lenient else MOST_NOISE_S)
            if tail:
                rest += tail
            elif not is_lenient:
                raise _restless(transport.address, noise, rest)
            else:
                noise.add(rest)
                rest = b""
        elif now - last >= silence_s:
            return noise
        else:
            await clock.sleep(LOOK_S)


async def _end_of_line(transport: Transport, end: bytes, prompt: bytes, within_s: float) -> bytes:
    """What is still to come of a line that has begun; b"" where nothing comes in time."""
    try:
        async with asyncio.timeout(within_s):
            if not prompt and not transport.is_shared:
                return await transport.read_until(end)
            while not transport.has_input():  # a prompt may end it, or it is another's line
                await asyncio.sleep(LOOK_S)
            return transport.drain()
    except TimeoutError:
        return b""


def _restless(address: str, noise: Noise, rest: bytes) -> ReplyError:
    noise.add(rest)
    if rest:
        why, hint = f"{noise}, and no end of it", "If it prompts, its driver says so: prompt=…."
    else:
        why = f"{noise} in {MOST_NOISE_S:.1f} s, and it goes on"
        hint = "If it sends by itself, its driver says so: unasked(…)."
    return ReplyError(f"{address}: {why}.", address=address, hint=hint)
