"""Raw TCP sockets, natively on the event loop.

Names are resolved here, every address they resolve to is held against the allow-list, and the
connection goes to an address that was checked, so that a name cannot change its mind between.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine
from typing import ClassVar

from funcnodes.devices.addresses.forms import Address, AllowList
from funcnodes.devices.transports.base import TransportKind, describe
from funcnodes.devices.transports.descriptor import DescriptorTransport
from funcnodes.errors import DeviceConnectError

_LINGER_S = 10.0


class TcpTransport(DescriptorTransport):
    """One connection to `address`; opening again makes a new one."""

    kind: ClassVar[TransportKind] = "tcp"

    def __init__(self, address: Address, allow: AllowList | None = None) -> None:
        super().__init__(address.resource)
        self._target = address
        self._allow = allow or AllowList()
        self._socket: socket.socket | None = None

    async def open(self) -> None:
        await self.close()
        where = await resolve(self._target, self._allow)
        error: OSError | None = None
        for family, ip in where:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.setblocking(False)
                await asyncio.get_running_loop().sock_connect(sock, ip)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            except OSError as failed:
                sock.close()
                error = failed
                continue
            except BaseException:
                sock.close()
                raise
            self._socket = sock
            self._attach(sock.fileno())
            return
        raise DeviceConnectError(
            f"{self.address}: no connection to {self._target.host} port {self._target.port}: "
            f"{describe(error) if error else 'no address'}.",
            address=self.address,
            hint="Is the instrument switched on and its network port enabled?",
        ) from error

    async def close(self) -> None:
        self._detach()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def part(self) -> Coroutine[None, None, None] | None:
        """Closing a socket with unread input resets the connection, and a reset may overtake bytes
        the instrument has not read yet, emergency bytes among them; see `farewell`.
        """
        self._detach()
        sock, self._socket = self._socket, None
        return farewell(sock, self._drop) if sock is not None else None


async def farewell(
    sock: socket.socket, dropped: Callable[[bytes], object], *, within_s: float = _LINGER_S
) -> None:
    """End a connection so that everything written to it arrives: half-close, read out, close.

    Args:
        dropped: Called with what still comes.
    """
    loop = asyncio.get_running_loop()
    try:
        with contextlib.suppress(OSError, TimeoutError):
            sock.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(within_s):
                while late := await loop.sock_recv(sock, 1 << 16):
                    dropped(late)
    finally:
        sock.close()


async def resolve(
    address: Address, allow: AllowList
) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """The (family, (ip, port)) to connect to, all of them allowed.

    Raises:
        AddressError: One of them is not allowed.
        DeviceConnectError: The name is not known.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            address.host, address.port or None, type=socket.SOCK_STREAM
        )
    except OSError as error:
        raise DeviceConnectError(
            f"{address.resource}: the host {address.host!r} is not known.",
            address=address.resource,
            hint="Check the spelling, or use the instrument's IP address.",
        ) from error
    where: list[tuple[socket.AddressFamily, tuple[str, int]]] = [
        (family, (str(name[0]), int(name[1]))) for family, _, _, _, name in found
    ]
    allow.check(address, [ip for _, (ip, _) in where])
    return where
