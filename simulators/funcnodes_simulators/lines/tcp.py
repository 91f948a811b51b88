"""An instrument on a TCP port of the loopback interface, with raw socket traffic.

It takes as many clients as its station allows and resets the connection of any other.
"""

import asyncio
import socket
from collections.abc import Callable

from funcnodes_simulators.lines.connections import Connection
from funcnodes_simulators.lines.station import GRACE_S, Station
from funcnodes_simulators.lines.streams import LINGER_OFF

EARLY_BYTES = 1 << 16  # of a client that waits to be let in


class TcpServer:
    """One instrument on a TCP port of the loopback interface."""

    def __init__(self, station: Station, *, port: int = 0) -> None:
        self.station = station
        self._port = port
        self._server: asyncio.Server | None = None
        self._is_stopped = False
        self._lines: set[_TcpLine] = set()  # those too that wait to be admitted

    @property
    def resource(self) -> str:
        """The VISA resource string that reaches this instrument."""
        return f"TCPIP0::127.0.0.1::{self._port}::SOCKET"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The port is taken or not allowed.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _TcpLine(self.station, self._made, self._lines.discard),
            "127.0.0.1",
            self._port,
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection, also one that is just being accepted."""
        self._is_stopped = True
        if self._server is not None:
            self._server.close()
        for line in list(self._lines):
            line.hang_up(at_once=True)

    def _made(self, line: "_TcpLine") -> None:
        self._lines.add(line)
        if self._is_stopped:
            line.hang_up(at_once=True)


class _TcpLine(asyncio.Protocol):
    """One TCP connection; a client too many is kept waiting for a moment, then reset."""

    def __init__(
        self,
        station: Station,
        made: Callable[["_TcpLine"], None],
        lost: Callable[["_TcpLine"], None],
    ) -> None:
        self._station = station
        self._made = made
        self._lost = lost
        self._connection: Connection | None = None
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._made(self)
        peer: socket.socket = transport.get_extra_info("socket")
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if transport.is_closing():
            return
        if self._station.refuses_connect():
            self.reset()
        elif not self._station.is_full:
            self._connection = self._station.connect(self)
        else:
            asyncio.get_running_loop().call_later(GRACE_S, self._admit_or_reset)

    def data_received(self, data: bytes) -> None:
        if self._connection is None:
            self._early = (self._early + data)[-EARLY_BYTES:]
        else:
            self._connection.received(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._lost(self)
        if self._connection is not None:
            # A client that closes with bytes unread resets the connection instead of ending it.
            self._connection.closed(has_unread=isinstance(error, ConnectionResetError))

    def send(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def unread_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    def hang_up(self, *, at_once: bool = False) -> None:
        if at_once:
            self._transport.abort()
        else:
            self._transport.close()

    def _admit_or_reset(self) -> None:
        if self._transport.is_closing():
            return
        if self._station.is_full:
            self.reset()
            return
        self._connection = self._station.connect(self)
        self._connection.received(self._early)

    def reset(self) -> None:
        peer: socket.socket = self._transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_OFF)
        self._transport.abort()
