"""Channels without a cable: a scripted dialogue, a function that answers, a simulator in memory.

`ScriptedTransport` holds driver tests to the exact bytes, in order, nothing left over.
`MemoryTransport` carries what is written to a function and its answers back. `PortTransport`
reaches an instrument that is simulated in this process and takes its time by our clock: on a
virtual one an experiment of hours runs in seconds.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from funcnodes.core import clock
from funcnodes.devices.addresses.forms import Address
from funcnodes.devices.transports.base import BLOCK_LIMIT, LIMIT, Transport
from funcnodes.errors import DeviceClosed, DeviceConnectError, ReplyError

Responder = Callable[[bytes], bytes | None]


class MemoryTransport(Transport):
    """Hands each write to `answer` and keeps what it returns for reading."""

    kind = "memory"

    def __init__(self, answer: Responder, address: str = "memory") -> None:
        super().__init__(address)
        self._answer = answer
        self._buffer = bytearray()
        self._open = False

    @property
    def is_open(self) -> bool:
        return self._open

    async def open(self) -> None:
        self._open = True
        self._buffer.clear()

    async def close(self) -> None:
        self._open = False

    async def write(self, data: bytes) -> None:
        self._check_open()
        self._buffer += self._answer(data) or b""

    async def read_until(self, terminator: bytes, *, limit: int = LIMIT) -> bytes:
        found = self._buffer.find(terminator)
        return self._take(found + len(terminator) if found >= 0 else limit + 1)

    async def read_exactly(self, count: int) -> bytes:
        return self._take(count)

    def discard_input(self) -> int:
        dropped = bytes(self._buffer)
        self._buffer.clear()
        return self._drop(dropped)

    async def interrupt(self) -> None:
        self.discard_input()

    def emergency_write(self, data: bytes) -> bool:
        if not self._open:
            return False
        self._buffer += self._answer(data) or b""
        return True

    def _take(self, count: int) -> bytes:
        """Nothing else can ever come, so a reply that is not there is an end of the channel."""
        self._check_open()
        if len(self._buffer) < count:
            raise DeviceClosed(f"{self.address}: no reply is left to read.", address=self.address)
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _check_open(self) -> None:
        if not self._open:
            raise DeviceClosed(f"{self.address}: it is not open.", address=self.address)


class SimulatorPort(Protocol):
    """A simulator in memory, as seen by its one client; callable from any thread.

    `funcnodes_simulators.MemoryPort` is one. Its clock must be ours: see `BenchClock`.
    """

    @property
    def is_open(self) -> bool:
        """Whether it has not hung up."""

    def open(self) -> None:
        """Connect anew; raises ConnectionError where it refuses."""

    def close(self) -> None:
        """Hang up."""

    def write(self, data: bytes) -> None:
        """Hand it bytes; raises ConnectionError once it has hung up."""

    def read(self) -> bytes:
        """What has come by now and was not read yet."""

    def due_in_s(self) -> float | None:
        """In how many seconds to look again; None if nothing will come by itself."""


class BenchClock:
    """The current clock, as a simulated bench wants it."""

    def now(self) -> float:
        """Seconds that never run backwards."""
        return clock.monotonic()


class PortTransport(Transport):
    """A simulator in this process."""

    kind = "memory"
    hears_unasked = True

    def __init__(self, address: Address, port: SimulatorPort | None) -> None:
        super().__init__(address.resource)
        self._name = address.port_name
        self._port = port
        self._buffer = bytearray()
        self._is_open = False
        self._written = asyncio.Event()

    @property
    def is_open(self) -> bool:
        return self._is_open and self._port is not None and self._port.is_open

    def has_input(self) -> bool:
        if not self._buffer and self._is_open and self._port is not None:
            self._buffer += self._port.read()
        return bool(self._buffer)

    async def open(self) -> None:
        if self._port is None:
            raise DeviceConnectError(
                f"{self.address}: no simulator named {self._name!r} runs in this process.",
                address=self.address,
                hint="Only a script that opens the bench itself can hand one over.",
            )
        await self.close()
        try:
            self._port.open()
        except ConnectionError as error:
            raise DeviceConnectError(f"{self.address}: {error}.", address=self.address) from error
        self._is_open = True

    async def close(self) -> None:
        self._drop(self._take(len(self._buffer)))
        if self._is_open and self._port is not None:
            self._port.close()
        self._is_open = False

    async def write(self, data: bytes) -> None:
        try:
            self._opened().write(data)
        except ConnectionError as error:
            raise self._closed() from error
        self._written.set()

    async def read_until(self, terminator: bytes, *, limit: int = LIMIT) -> bytes:
        while (found := self._buffer.find(terminator, 0, limit)) < 0:
            if len(self._buffer) >= limit:
                raise ReplyError(f"{self.address}: {limit} bytes came without {terminator!r}.")
            await self._more()
        return self._take(found + len(terminator))

    async def read_exactly(self, count: int) -> bytes:
        if count > BLOCK_LIMIT:
            raise ReplyError(f"{self.address}: {count} bytes are more than {BLOCK_LIMIT}.")
        while len(self._buffer) < count:
            await self._more()
        return self._take(count)

    def discard_input(self) -> int:
        self._buffer += self._opened().read()
        return self._drop(self._take(len(self._buffer)))

    async def interrupt(self) -> None:
        self._buffer.clear()

    def emergency_write(self, data: bytes) -> bool:
        if not self._is_open or self._port is None:
            return False
        try:
            self._port.write(data)
        except ConnectionError:
            return False
        return True

    async def _more(self) -> None:
        """Wait for more bytes; our caller's deadline ends it where none will come."""
        port = self._opened()
        self._written.clear()
        if data := port.read():
            self._buffer += data
            return
        if not port.is_open:
            raise self._closed()
        wait_s = port.due_in_s()
        if wait_s is None:
            # No time need pass for that: a clock that jumps must not be made to.
            await self._written.wait()
        else:
            await clock.sleep(wait_s)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _opened(self) -> SimulatorPort:
        if not self._is_open or self._port is None:
            raise DeviceClosed(f"{self.address}: it is not open.", address=self.address)
        return self._port

    def _closed(self) -> DeviceClosed:
        return DeviceClosed(f"{self.address}: the instrument hung up.", address=self.address)


class ScriptedTransport(MemoryTransport):
    """A script of (what must be written, what it is answered with).

    channel = ScriptedTransport([(b"*IDN?\\n", b"ACME,1,2,3\\n"), (b":OUTP OFF\\n", None)])
    ...
    channel.finish()
    """

    def __init__(self, script: Iterable[tuple[bytes, bytes | None]]) -> None:
        super().__init__(self._next, "dialogue")
        self._script = deque(script)

    def expect(self, *lines: tuple[bytes, bytes | None]) -> None:
        """Put more at the end of the script."""
        self._script.extend(lines)

    def finish(self) -> None:
        """Assert that the whole script was played and every answer read."""
        assert not self._script, f"never written: {self._script[0][0]!r}"
        assert not self._buffer, f"never read: {bytes(self._buffer)!r}"

    def _next(self, data: bytes) -> bytes | None:
        assert self._script, f"written beyond the script: {data!r}"
        expected, answer = self._script.popleft()
        assert data == expected, f"written {data!r} where {expected!r} was expected"
        return answer
