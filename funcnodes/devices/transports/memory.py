"""Channels without a wire: a scripted dialogue for tests, and a function that answers.

`Dialogue` holds driver tests to the exact bytes, in order, nothing left over. `MemoryTransport`
carries what is written to a function and its answers back, for in-memory simulators.
"""

from collections import deque
from collections.abc import Callable, Iterable

from funcnodes.devices.transports.base import LIMIT, Transport
from funcnodes.errors import DeviceClosed

Answer = Callable[[bytes], bytes | None]


class MemoryTransport(Transport):
    """Hands each write to `answer` and keeps what it returns for reading."""

    kind = "memory"

    def __init__(self, answer: Answer, address: str = "memory") -> None:
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
        count = len(self._buffer)
        self._buffer.clear()
        return count

    async def interrupt(self) -> None:
        self._buffer.clear()

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


class Dialogue(MemoryTransport):
    """A script of (what must be written, what it is answered with).

    wire = Dialogue([(b"*IDN?\\n", b"ACME,1,2,3\\n"), (b":OUTP OFF\\n", None)])
    ...
    wire.finish()
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
