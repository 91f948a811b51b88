"""GPIB through a Prologix-style adapter, on TCP or a serial port, with one owner for all on it.

The adapter reads only when it is told to (`++auto 0`), so that an instrument which has nothing to
say is never asked to talk; what is sent goes out exactly as written, escaped, with EOI on its last
byte. Each message names its instrument anew in the same write, so that bytes of an emergency, from
whatever thread, cannot come between the two. While the adapter waits for an instrument it takes no
command, at most `READ_MS` at a time: a longer reply is read by asking again.

Commands: Prologix GPIB-ETHERNET Controller User Manual 1.6.6.0, sections 8 and 9; AR488 takes
the same ones.
"""

import asyncio
import re
from typing import ClassVar

from funcnodes.devices.transports.base import LIMIT, TransportKind
from funcnodes.devices.transports.bus import Bus, BusChannel
from funcnodes.devices.transports.descriptor import DescriptorTransport
from funcnodes.errors import DeviceClosed, DeviceConnectError, ReplyError

READ_MS = 500
_AGAIN_S = READ_MS / 1000 + 0.25  # when the adapter has certainly given up reading
_MARK_S = READ_MS / 1000 + 0.75
_MARK_LINES = 10_000  # of late replies before the mark
_AT_FIRST = (
    "++savecfg 0",  # keep the adapter's flash memory as it is
    "++ifc",  # take charge of the bus
)
_SETTINGS = (
    "++mode 1",
    "++auto 0",
    "++eoi 1",
    "++eos 3",  # append nothing
    "++eot_enable 0",
    f"++read_tmo_ms {READ_MS}",
)
_VERSION = re.compile(rb"prologix|gpib|ar488|version|ver\b", re.IGNORECASE)
_TO_ESCAPE = re.compile(rb"[\r\n\x1b+]")


class PrologixBus(Bus):
    """The adapter."""

    def __init__(self, inner: DescriptorTransport) -> None:
        super().__init__(inner)
        self._version = b""  # what it calls itself, which no instrument says

    async def settle(self) -> None:
        """Set the adapter up, then read until it has said its version: nothing older can follow.

        It carries out its commands one after the other, a read that is still under way first.
        """
        if self.inner.is_open:
            try:
                await self._set_up()
            except (DeviceConnectError, DeviceClosed):
                await self.hang_up()
            else:
                return
        await self.inner.open()
        try:
            await self._set_up(*_AT_FIRST)
        except BaseException:
            await self.inner.close()
            raise

    async def _set_up(self, *first: str) -> None:
        self.inner.discard_input()
        lines = ["", *first, *_SETTINGS, "++ver", ""]
        await self.inner.write("\n".join(lines).encode("ascii"))
        try:
            async with asyncio.timeout(_MARK_S):
                for _ in range(_MARK_LINES):
                    if self._is_mark(await self._line()):
                        return
        except TimeoutError:
            pass
        raise DeviceConnectError(
            f"{self.inner.address}: no GPIB adapter answers '++ver' there.",
            address=self.inner.address,
            hint="Is it a Prologix-style adapter, and is nobody else connected to it?",
        )

    async def _line(self) -> bytes:
        try:
            return (await self.inner.read_until(b"\n")).strip()
        except ReplyError:
            self.inner.discard_input()
            return b""

    def _is_mark(self, line: bytes) -> bool:
        if self._version:
            return line.endswith(self._version)
        if not _VERSION.search(line):
            return False
        self._version = line
        return True


class PrologixChannel(BusChannel):
    """One instrument behind the adapter."""

    kind: ClassVar[TransportKind] = "prologix"
    bus: PrologixBus

    def __init__(self, bus: PrologixBus, address: str, unit: str, eol: str = "\n") -> None:
        super().__init__(bus, address, unit)
        self._eol = eol.encode("ascii")
        self._is_reading = False  # whether the adapter was told to read and has not ended that
        self.interrupt_s = bus.inner.interrupt_s + READ_MS / 1000

    async def open(self) -> None:
        self._is_reading = False
        await super().open()

    async def write(self, data: bytes) -> None:
        await self.guarded(self._write(escaped(data) + b"\n"))

    async def read_until(self, terminator: bytes, *, limit: int = LIMIT) -> bytes:
        return await self.guarded(self._read_until(terminator, limit))

    async def read_exactly(self, count: int) -> bytes:
        return await self.guarded(self._read_exactly(count))

    async def interrupt(self) -> None:
        """Selected device clear (IEEE 488.1)."""
        await self.guarded(self._write(b"++clr\n"))

    async def status_byte(self) -> int | None:
        """Serial poll (IEEE 488.1)."""
        await self.guarded(self._write(b"++spoll\n"))
        answer = (await self.guarded(self.bus.inner.read_until(b"\n", limit=64))).strip()
        if not answer.isdigit() or int(answer) > 255:
            raise ReplyError(f"{self.address}: {answer!r} is no status byte.", address=self.address)
        return int(answer)

    def emergency_write(self, data: bytes) -> bool:
        self.bus.doubt()
        return self.bus.inner.emergency_write(self._emergency(data))

    def on_line(self, data: bytes) -> list[bytes]:
        setup = "\n".join(("", *_AT_FIRST, *_SETTINGS, "")).encode("ascii")
        read = b"++read eoi\n" if b"?" in data else b""
        return [setup + self._emergency(data) + read]

    def _emergency(self, data: bytes) -> bytes:
        """Each command as a message of its own, after the end of whatever was half written."""
        commands = [line for line in data.split(self._eol) if line]
        messages = b"".join(escaped(line + self._eol) + b"\n" for line in commands)
        return b"\n" + addressing(self.unit) + messages

    async def _write(self, line: bytes) -> None:
        await self.bus.ready()
        self._is_reading = False
        await self.bus.inner.write(addressing(self.unit) + line)

    async def _read_until(self, terminator: bytes, limit: int) -> bytes:
        while True:
            await self._have_it_read()
            try:
                async with asyncio.timeout(_AGAIN_S):
                    line = await self.bus.inner.read_until(terminator, limit=limit)
            except TimeoutError:
                self._is_reading = self.bus.inner.unread > 0
                continue
            self._is_reading = self.bus.inner.unread > 0
            return line

    async def _read_exactly(self, count: int) -> bytes:
        while True:
            await self._have_it_read()
            try:
                async with asyncio.timeout(_AGAIN_S):
                    return await self.bus.inner.read_exactly(count)
            except TimeoutError:
                self._is_reading = self.bus.inner.unread > 0

    async def _have_it_read(self) -> None:
        if not self._is_reading:
            self._is_reading = True
            await self.bus.inner.write(addressing(self.unit) + b"++read eoi\n")


def addressing(unit: str) -> bytes:
    """The command that makes the adapter speak to `unit`: "22", or "22/101"."""
    return f"++addr {unit.replace('/', ' ')}\n".encode("ascii")


def escaped(data: bytes) -> bytes:
    """Instrument bytes that the adapter passes on as they are: CR, LF, ESC and + behind an ESC."""
    return _TO_ESCAPE.sub(lambda found: b"\x1b" + found[0], data)
