"""An instrument on a socket or a terminal that says what a test wants, when the test wants it."""

import asyncio
import os
import tty
from collections.abc import Callable
from dataclasses import dataclass, field

Said = bytes | None | list[tuple[float, bytes]]
"""An answer: bytes, nothing, or pieces each with how many seconds after its question it comes."""


@dataclass
class Talker:
    """See the module's text.

    Attributes:
        answer: Gives what is said to a message.
        end: What ends a message to it.
        greeting: Said when a socket is opened; a terminal is greeted by whoever tests.
        heard: Every message, in order.
    """

    answer: Callable[[str], Said] = lambda _: None
    end: bytes = b"\n"
    greeting: bytes = b""
    heard: list[str] = field(default_factory=list)
    address: str = ""
    connections: int = 0
    _rest: bytes = b""
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _master: int = -1
    _slave: int = -1

    async def start(self, line: str) -> None:
        """Begin on a "tcp" socket or a "pty"."""
        if line == "tcp":
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.address = f"tcp:127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        self.address = f"serial:{os.ttyname(self._slave)}"
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._writers):
                writer.close()
            await self._server.wait_closed()
        if self._master >= 0:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            os.close(self._slave)
            self._master = -1

    def say(self, data: bytes) -> None:
        """Say something now, asked or not."""
        if self._master >= 0:
            os.write(self._master, data)
        for writer in self._writers:
            if not writer.is_closing():
                writer.write(data)

    def hear(self, data: bytes, say: Callable[[bytes], object]) -> None:
        """Take bytes that were said to it, and answer where they came from."""
        *messages, self._rest = (self._rest + data).split(self.end)
        for message in messages:
            text = message.decode("latin-1")
            self.heard.append(text)
            said = self.answer(text)
            for after_s, piece in [(0.0, said)] if isinstance(said, bytes) else said or []:
                if after_s:
                    asyncio.get_running_loop().call_later(after_s, say, piece)
                else:
                    say(piece)

    def _readable(self) -> None:
        self.hear(os.read(self._master, 4096), self.say)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._rest = b""
        self._writers.add(writer)
        try:
            writer.write(self.greeting)
            while data := await reader.read(4096):
                self.hear(data, lambda said: writer.is_closing() or writer.write(said))
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
