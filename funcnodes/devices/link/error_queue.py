"""Whether an instrument has the error queue that its driver, or nobody, knows of.

Many answer `*IDN?` and readings, and know no `:SYST:ERR?`. A question that is not answered would
make them unreachable. So at connecting it is put once, and then who is there is asked: an answer
that only comes now, before that one, is late, and none at all means that there is no queue.
"""

import asyncio
import contextlib

from funcnodes.devices.link.talk import Talk
from funcnodes.devices.messages import replies
from funcnodes.errors import DeviceClosed, ReplyError

PROBE_S = 0.6


async def emptied(talk: Talk) -> list[tuple[int, str]]:
    """The entries of the error queue; sets `talk.has_errors` where that was not known.

    Raises:
        DeviceError: It cannot be read, and the driver says that there is one.
    """
    protocol = talk.protocol
    is_unknown = protocol.may_lack_errors and protocol.errors and protocol.identify
    if not (is_unknown and talk.framing.is_pipelined and talk.has_errors is None):
        return await talk.errors()
    talk.under_way = protocol.errors
    lines: list[str] = []
    try:
        await talk.send(talk.encode(protocol.errors))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(PROBE_S, protocol.timeout_s)):
                lines.append(await talk.line())
        first = _entry(lines)
        if first is None:
            lines += await talk.lines_before_identity()
            first = _entry(lines)
    except DeviceClosed:
        talk.has_errors = False  # it ended the connection over the question: not again
        raise
    talk.has_errors = first is not None
    if first is None or first[0] == 0:
        return []
    return [first, *await talk.errors()]


def _entry(lines: list[str]) -> tuple[int, str] | None:
    for line in lines:
        with contextlib.suppress(ReplyError):
            return replies.error_entry(line)
    return None
