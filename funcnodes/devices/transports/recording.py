"""A channel that tells of every byte that passes it, whatever is beneath.

Guarantees that each byte written, read, dropped or sent in an emergency is told exactly once, in
the order in which it passed, and that opening, closing and losing the channel are told too. Adds
nothing to what goes over the line and delays nobody: emergency bytes go first and are told after.
"""

import asyncio
from collections.abc import Coroutine

from funcnodes.devices.messages.traffic import Traffic
from funcnodes.devices.transports.base import LIMIT, Transport
from funcnodes.devices.transports.turn import Turn
from funcnodes.errors import DeviceClosed, DeviceError

_DRAINED = 64  # pieces that are kept until somebody asks what was dropped


class Recording(Transport):
    """Wraps `inner`; what passes goes to `traffic` as well."""

    kind = "recording"

    def __init__(self, inner: Transport, traffic: Traffic) -> None:
        super().__init__(inner.address)
        self._inner = inner
        self._traffic = traffic
        self._is_told_open = False
        self.interrupt_s = inner.interrupt_s
        self.fresh_on_open = inner.fresh_on_open
        self.is_shared = inner.is_shared
        self.hears_unasked = inner.hears_unasked
        self.has_marker = inner.has_marker
        self.has_service_request = inner.has_service_request
        inner.on_lost = self._lost
        inner.on_dropped = self._dropped
        inner.on_came = self._came
        self._drained: list[bytes] = []
        self.has_input = inner.has_input  # type: ignore[method-assign]  # asked before each question

    @property
    def is_open(self) -> bool:
        return self._inner.is_open

    def has_input(self) -> bool:
        return self._inner.has_input()

    @property
    def at_end(self) -> bool:
        return self._inner.at_end

    async def open(self) -> None:
        self._tell_closed("")
        self._drained.clear()
        try:
            await self._inner.open()
        except DeviceError as error:
            self._traffic.note(f"not opened: {error.message}")
            raise
        self._is_told_open = True
        self._traffic.opened(self.address)
        if self.has_service_request:
            self._traffic.service_request()

    async def close(self) -> None:
        await self._inner.close()
        self._tell_closed("")

    def part(self) -> Coroutine[None, None, None] | None:
        farewell = self._inner.part()
        if farewell is not None:
            self._tell_closed("")
        return farewell

    async def write(self, data: bytes) -> None:
        self._traffic.out(data)
        try:
            await self._inner.write(data)
        except DeviceClosed as error:
            self._tell_failure(error)
            raise

    async def read_until(self, terminator: bytes, *, limit: int = LIMIT) -> bytes:
        try:
            data = await self._inner.read_until(terminator, limit=limit)
        except BaseException as error:
            self._tell_failure(error)
            raise
        self._traffic.come(data)
        return data

    async def read_exactly(self, count: int) -> bytes:
        try:
            data = await self._inner.read_exactly(count)
        except BaseException as error:
            self._tell_failure(error)
            raise
        self._traffic.come(data)
        return data

    def turn(self) -> Turn:
        return self._inner.turn()

    def poison(self) -> None:
        self._inner.poison()

    async def settle(self) -> None:
        await self._inner.settle()

    def on_line(self, data: bytes) -> list[bytes]:
        return self._inner.on_line(data)

    async def read_into(self, buffer: memoryview) -> None:
        try:
            await self._inner.read_into(buffer)
        except BaseException as error:
            self._tell_failure(error)
            raise
        self._traffic.come(buffer)

    def discard_input(self) -> int:
        count = self._inner.discard_input()
        self._drained.clear()
        return count

    def drain(self) -> bytes:
        """Drop what has come and was not read; what that was, opening included."""
        self._inner.discard_input()
        drained = b"".join(self._drained)
        self._drained.clear()
        return drained

    @property
    def owed_until(self) -> float:  # type: ignore[override]  # asked beneath each time
        return self._inner.owed_until

    def owe(self, until: float) -> None:
        self._inner.owe(until)

    async def pause(self) -> None:
        await self._inner.pause()

    async def interrupt(self) -> None:
        await self._inner.interrupt()

    async def service_request(self) -> None:
        try:
            await self._inner.service_request()
        finally:
            self._traffic.service_request()

    async def status_byte(self) -> int | None:
        byte = await self._inner.status_byte()
        if byte is not None:
            self._traffic.polled(byte)
        return byte

    def emergency_write(self, data: bytes) -> bool:
        is_written = self._inner.emergency_write(data)
        if is_written:
            self._traffic.stop(data)
        return is_written

    def _tell_failure(self, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            self._traffic.silent()
        elif isinstance(error, DeviceClosed):
            self._tell_closed(error.message)

    def _dropped(self, data: bytes) -> None:
        self._traffic.dropped(data)
        self._drained.append(data)
        del self._drained[:-_DRAINED]

    def _came(self) -> None:
        if self.on_came is not None:
            self.on_came()

    def _lost(self, error: Exception) -> None:
        self._tell_closed(str(error))
        if self.on_lost is not None:
            self.on_lost(error)

    def _tell_closed(self, why: str) -> None:
        if self._is_told_open:
            self._is_told_open = False
            self._traffic.closed(why)
