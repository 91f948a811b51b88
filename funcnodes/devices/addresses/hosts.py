"""Which host a name leads to, so that an instrument has one owner however its host is called.

Names are looked up only where they are about to be opened, and nobody is waited for long: one
that leads nowhere cannot be opened either.
"""

import asyncio
import ipaddress
import socket
from dataclasses import replace

from funcnodes.devices.addresses.pieces import Address, canonical_host

WITHIN_S = 1.0


async def lease_key(address: Address) -> str:
    """What is locked for an address: its `key`, with a host's name replaced by where it leads."""
    if not address.host or _is_number(canonical_host(address.host)):
        return address.key
    try:
        async with asyncio.timeout(WITHIN_S):
            found = await asyncio.get_running_loop().getaddrinfo(
                address.host, None, type=socket.SOCK_STREAM
            )
    except (OSError, UnicodeError, TimeoutError):
        return address.key
    hosts = sorted({str(where[0]) for *_, where in found}, key=lambda host: (":" in host, host))
    return replace(address, host=hosts[0]).key if hosts else address.key


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
