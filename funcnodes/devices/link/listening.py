"""Waiting for what an instrument sends by itself, while others may ask it."""

from funcnodes.core import clock
from funcnodes.devices.link.ear import Overheard
from funcnodes.devices.link.link import Link
from funcnodes.errors import DeviceTimeout

LOOK_S = 0.01


async def overheard(link: Link, kind: str, *, timeout_s: float | None = None) -> Overheard:
    """The newest line of a kind that it sends by itself (`Manners.sends`), however old.

    Where none has come on this connection, one is waited for.

    Raises:
        DeviceTimeout: None came in time.
        DeviceConnectError: The device is offline.
    """
    timeout_s = link.protocol.timeout_s if timeout_s is None else timeout_s
    until = clock.monotonic() + timeout_s
    while True:
        if link.is_offline:
            raise link.offline()
        link.listen()
        heard = link.ear.newest(kind) if link.is_ready else None
        if heard is not None:
            return heard
        if clock.monotonic() > until:
            raise DeviceTimeout(
                f"{link.contact.who}: no line like {kind!r} came by itself in {timeout_s:.1f} s.",
                device=link.name,
                address=link.address,
            )
        await clock.sleep(LOOK_S)
