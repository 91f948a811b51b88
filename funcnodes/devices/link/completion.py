"""Waiting until an overlapped command is carried out, as IEEE 488.2 (12.5) lets an instrument say.

`opc`: `*OPC?` behind the command; its answer comes when all is done, and the link is held until
then. `stb`: `*OPC` behind it and the status byte looked at again and again, by serial poll where
the interface has one, else by `*STB?`; others may speak meanwhile. `srq`: the same, told by the
interface's service request where it has one. Cancelling, or too long a wait, sends the command's
`abort`, if it has one.
"""

import asyncio
import contextlib
import time

from funcnodes.devices.link.link import Link
from funcnodes.devices.link.talk import Talk
from funcnodes.devices.messages.protocol import Completes
from funcnodes.devices.messages.replies import integer
from funcnodes.errors import DeviceError, DeviceTimeout, RefusedError

OPERATION_COMPLETE = 1 << 0  # of the standard event status register (IEEE 488.2, 11.5.1.2)
EVENT_SUMMARY = 1 << 5  # of the status byte (11.2.2)
FIRST_LOOK_S = 0.005
LONGEST_LOOK_S = 0.1
SAFETY_LOOK_S = 1.0  # with a service request: should one be lost


async def carry_out(
    link: Link, command: str, completes: Completes, *, within_s: float | None, abort: str = ""
) -> None:
    """Write a command and return when it is carried out.

    Raises:
        InstrumentError: The instrument refused it.
        DeviceTimeout: It was not complete within `within_s`.
        DeviceError, RefusedError: As for `Link.write`.
    """
    within_s = link.protocol.timeout_s if within_s is None else within_s
    try:
        if completes == "opc":
            await _answered(link, command, within_s)
        else:
            await _looked_for(link, command, completes, within_s)
    except (asyncio.CancelledError, DeviceTimeout):
        if abort:
            await _aborted(link, abort)
        raise


async def _answered(link: Link, command: str, within_s: float) -> None:
    async def work(talk: Talk) -> list[tuple[int, str]]:
        await talk.write(command)
        errors = await talk.errors()
        if not errors:  # what was refused need not be waited for
            integer(await talk.query("*OPC?"))
            errors = await talk.errors()
        return errors

    errors = await link.transact(command, work, timeout_s=within_s, writes=True)
    if errors:
        raise link.refused(command, errors)


async def _looked_for(link: Link, command: str, completes: Completes, within_s: float) -> None:
    began, strikes = time.monotonic(), link.strikes
    by_request = completes == "srq" and link.has_service_request

    async def begin(talk: Talk) -> list[tuple[int, str]]:
        await talk.query("*ESR?")  # an earlier completion is not this one's
        await talk.write(f"*ESE {OPERATION_COMPLETE}")
        if by_request:
            await talk.write(f"*SRE {EVENT_SUMMARY}")
        await talk.write(command)
        await talk.write("*OPC")
        return await talk.errors()

    errors = await link.transact(command, begin, timeout_s=within_s, writes=True)
    if errors:
        raise link.refused(command, errors)
    try:
        async with asyncio.timeout(max(0.0, within_s - (time.monotonic() - began))):
            while not await link.transact("*STB?", _is_complete):
                await _next_look(link, time.monotonic() - began, by_request)
                if link.strikes != strikes:
                    raise RefusedError(
                        f"{link.name} ({link.address}): {command!r} was given up for an emergency "
                        "stop.",
                        device=link.name,
                    )
    except TimeoutError:
        raise DeviceTimeout(
            f"{link.name} ({link.address}): {command!r} was not complete in {within_s:.1f} s.",
            device=link.name,
            address=link.address,
            command=command,
        ) from None
    errors = await link.transact(command, lambda talk: talk.errors())
    if errors:
        raise link.refused(command, errors)


async def _is_complete(talk: Talk) -> bool:
    byte = await talk.status_byte()
    if byte is None:
        byte = integer(await talk.query("*STB?"))
    return bool(byte & EVENT_SUMMARY) and bool(
        integer(await talk.query("*ESR?")) & OPERATION_COMPLETE
    )


async def _next_look(link: Link, waited_s: float, by_request: bool) -> None:
    """Wait for the next look: short at first, a tenth of what was waited later."""
    pause_s = min(LONGEST_LOOK_S, max(FIRST_LOOK_S, waited_s / 10))
    if not by_request:
        await asyncio.sleep(pause_s)
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SAFETY_LOOK_S):
            await link.service_request()


async def _aborted(link: Link, abort: str) -> None:
    """Send the abort, whatever becomes of whoever waited; a failure of it adds nothing."""
    with contextlib.suppress(DeviceError):
        await asyncio.shield(asyncio.ensure_future(link.write(abort)))
