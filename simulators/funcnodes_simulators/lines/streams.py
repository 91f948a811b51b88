"""TCP connections that coroutines read: for lines with a protocol of requests and answers.

A `Stream` buffers what comes in, up to a bound beyond which the client has to wait. A
`StreamServer` runs one coroutine per connection and guarantees that after `stop` no socket, task
or listening port is left, whatever was being accepted at that moment.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

INPUT_BYTES = 1 << 16
MOST_STREAMS = 200
LINGER_OFF = struct.pack("ii", 1, 0)


class StreamClosed(Exception):
    """The connection ended, from either side, before what was waited for had come."""


class Stream(asyncio.Protocol):
    """One TCP connection, read by one coroutine.

    Attributes:
        ended: Done once the client has said that it will send nothing more, or is gone.
        gone: Done once the connection is closed.
    """

    def __init__(self, made: Callable[["Stream"], None], lost: Callable[["Stream"], None]) -> None:
        self._made = made
        self._lost = lost
        self._input = bytearray()
        self._wanted: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._is_closed = False
        self._is_paused = False
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.gone: asyncio.Future[None] = loop.create_future()

    @property
    def is_open(self) -> bool:
        return not self._is_closed and not self._transport.is_closing()

    @property
    def peer_host(self) -> str:
        """The IP address of the other end."""
        return str(self._transport.get_extra_info("peername")[0])

    async def read_exactly(self, count: int) -> bytes:
        """Return the next `count` bytes.

        Raises:
            StreamClosed: They will never come.
        """
        taken = bytearray()
        while len(taken) < count:
            taken += await self._read_some(count - len(taken))
        return bytes(taken)

    async def read_line(self, limit: int) -> bytes | None:
        """Return the next line with its end, or None for one longer than `limit` bytes.

        What stands at the end of the input without a line feed is a line too.

        Raises:
            StreamClosed: There is nothing more.
        """
        line = bytearray()
        while not line.endswith(b"\n"):
            try:
                await self._fill()
            except StreamClosed:
                if not line:
                    raise
                break
            end = self._input.find(b"\n") + 1 or len(self._input)
            line += self._take(end)
            if len(line) > limit:
                del line[: len(line) - limit - 1]
        return None if len(line) > limit else bytes(line)

    async def skip(self, count: int) -> None:
        """Drop the next `count` bytes, however many that are.

        Raises:
            StreamClosed: They will never come.
        """
        while count:
            count -= len(await self._read_some(count))

    def write(self, data: bytes) -> None:
        """Send without waiting; does nothing once the connection is closed."""
        if self.is_open:
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the client has taken most of what was written.

        Raises:
            StreamClosed: It never will.
        """
        if self._drained is not None:
            await self._drained
        if self._is_closed:
            raise StreamClosed

    def unread_bytes(self) -> int:
        """How much of what was written has not left yet."""
        return 0 if self._is_closed else self._transport.get_write_buffer_size()

    def close(self) -> None:
        """Close after what was written has left."""
        if not self._is_closed:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if not self._is_closed:
            self._transport.abort()

    def reset(self) -> None:
        """Close at once, so that the client sees a reset."""
        if self.is_open:
            peer: socket.socket = self._transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_OFF)
            self._transport.abort()

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer: socket.socket = transport.get_extra_info("socket")
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._made(self)

    def data_received(self, data: bytes) -> None:
        self._input += data
        if len(self._input) > INPUT_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """Stay open: a client that says no more may still listen to answers."""
        self._end()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self._is_closed = True
        self.resume_writing()
        self._end()
        self.gone.set_result(None)
        self._lost(self)

    def pause_writing(self) -> None:
        self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        self._wake()

    async def _read_some(self, most: int) -> bytes:
        await self._fill()
        return self._take(min(most, len(self._input)))

    async def _fill(self) -> None:
        """Wait until there is input."""
        while not self._input:
            if self.ended.done():
                raise StreamClosed
            self._wanted = asyncio.get_running_loop().create_future()
            await self._wanted

    def _take(self, count: int) -> bytes:
        taken = bytes(self._input[:count])
        del self._input[:count]
        if self._is_paused and len(self._input) <= INPUT_BYTES and self.is_open:
            self._is_paused = False
            self._transport.resume_reading()
        return taken

    def _wake(self) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)
        self._wanted = None


class StreamServer:
    """A TCP port of the loopback interface, with a coroutine for each connection."""

    def __init__(self, serve: Callable[[Stream], Awaitable[None]], *, port: int = 0) -> None:
        """Args:
        serve: Run for each connection, which is closed when it ends; `StreamClosed` may leave it.
        port: A free one when 0.
        """
        self._serve = serve
        self._is_stopped = False
        self.port = port
        self._server: asyncio.Server | None = None
        self._streams: set[Stream] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The port is taken or not allowed.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Stream(self._made, self._streams.discard), "127.0.0.1", self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection, and wait until they are closed."""
        self._is_stopped = True
        if self._server is not None:
            self._server.close()
        # A connection accepted just now becomes a stream within the next turns of the loop.
        for _ in range(3):
            await asyncio.sleep(0)
        streams = list(self._streams)
        for stream in streams:
            stream.abort()
        await asyncio.gather(*(stream.gone for stream in streams))
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _made(self, stream: Stream) -> None:
        self._streams.add(stream)
        if self._is_stopped or len(self._streams) > MOST_STREAMS:
            stream.reset()
            return
        task = asyncio.get_running_loop().create_task(self._run(stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, stream: Stream) -> None:
        try:
            await self._serve(stream)
        except StreamClosed:
            pass
        finally:
            stream.close()
