"""A small lock-in that keeps what it is told, and loses it with the mains.

It speaks over a real socket, or a real pseudo-terminal. `control` and `setting` of it are `v` and
`gain`; what it reads is their product, so that a gain that was lost is seen in every number.
"""

import asyncio
import os
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Self

from funcnodes.devices import Instrument, Range, control, driver, measurement, setting


@driver("test.lockin", title="Lock-in", errors="", timeout_s=0.5, manual="its tests")
class Lockin(Instrument):
    v = control(float, "V?", "V {v:.9g}", unit="V", limits=Range(-10, 10), safe=0.0)
    gain = setting(float, "G?", "G {v:.9g}", limits=Range(1, 1e6))
    level = control(float, "L?", "L {v:.9g}", unit="V", rate=2.0, limits=Range(0, 10))
    i = measurement(float, "I?", unit="A")


class Bare(Lockin):
    """The same without an identity."""


Bare = driver(  # type: ignore[misc]  # the decorated class
    "test.bare", title="Bare lock-in", identify="", errors="", timeout_s=0.5
)(Bare)


class Mains:
    """The instrument at its socket.

    Attributes:
        heard: Every command, in order.
        ignores: Commands that begin like this are not carried out.
        identity: What it answers to `*IDN?`.
        on_command: Called with each command before it is answered.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.ignores = "-"
        self.identity = "ACME,LIA,1,1"
        self.on_command: Callable[[str], object] = lambda _: None
        self.port = 0
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.lose()

    @property
    def address(self) -> str:
        return f"tcp:127.0.0.1:{self.port}"

    def lose(self) -> None:
        """Its settings are those of power-on."""
        self.v, self.gain, self.level = 0.0, 1.0, 0.0

    def drop(self) -> None:
        """Its connections break."""
        for writer in tuple(self._writers):
            writer.close()

    def dip(self) -> None:
        """The mains dip: it is there again at once, with the settings of power-on."""
        self.lose()
        self.drop()

    async def off(self) -> None:
        """It goes away; nobody answers."""
        assert self._server is not None
        self._server.close()
        self.drop()
        await self._server.wait_closed()
        self._server = None

    async def on(self) -> None:
        """It is there again, under the same address."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def __aenter__(self) -> Self:
        await self.on()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            await self.off()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.connections += 1
        try:
            while line := await reader.readline():
                command = line.decode().strip()
                self.heard.append(command)
                self.on_command(command)
                reply = self._answer(command)
                if reply:
                    writer.write(reply.encode() + b"\n")
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    def _answer(self, command: str) -> str:
        asked = {
            "*IDN?": self.identity, "V?": f"{self.v}", "G?": f"{self.gain}", "L?": f"{self.level}",
            "I?": f"{self.v * self.gain:.6e}",
        }  # fmt: skip
        name, _, value = command.partition(" ")
        if value and not command.startswith(self.ignores):
            setattr(self, {"V": "v", "G": "gain", "L": "level"}[name], float(value))
        return asked.get(command, "")


class SerialMains(Mains):
    """The same at the end of a serial line: a pseudo-terminal under a name that stays.

    A dip leaves the line as it is, as that of an adapter that has its power from the computer:
    what was being asked is not answered, and nothing else tells of it.
    """

    def __init__(self, link: Path) -> None:
        super().__init__()
        self._link = link
        self._ends: tuple[int, int] | None = None
        self._half = b""
        self._is_dumb = False

    @property
    def address(self) -> str:
        return f"serial:{self._link}"

    def dip(self) -> None:
        self.lose()
        self._is_dumb = True

    def drop(self) -> None:
        """Its adapter is pulled out."""
        ends, self._ends = self._ends, None
        if ends is not None:
            asyncio.get_running_loop().remove_reader(ends[0])
            self._link.unlink()
            for end in ends:
                os.close(end)

    async def off(self) -> None:
        self.drop()

    async def on(self) -> None:
        self._ends = master, slave = os.openpty()
        tty.setraw(slave)
        self._link.symlink_to(os.ttyname(slave))
        self._half = b""
        asyncio.get_running_loop().add_reader(master, self._readable, master)

    async def __aexit__(self, *_: object) -> None:
        await self.off()

    def _readable(self, master: int) -> None:
        *lines, self._half = (self._half + os.read(master, 1000)).split(b"\n")
        for line in lines:
            command = line.decode().strip()
            self.heard.append(command)
            self.on_command(command)
            if self._is_dumb:
                self._is_dumb = False
                continue
            reply = self._answer(command)
            if reply:
                os.write(master, reply.encode() + b"\n")
