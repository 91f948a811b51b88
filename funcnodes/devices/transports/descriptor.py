"""A byte channel over a file descriptor that the event loop watches: sockets and serial lines.

One reader callback per channel, bytes taken straight from the descriptor: an exchange costs two
system calls and two turns of the loop. A duplicate of the descriptor, kept under a lock, is what
another thread writes emergency bytes to, so that it can never meet a number that was reused.
"""

import asyncio
import os
import select
import threading
import time
from collections.abc import Callable
from fcntl import ioctl as _ioctl
from termios import FIONREAD as _FIONREAD

from funcnodes.devices.transports.base import BLOCK_LIMIT, LIMIT, Transport, describe
from funcnodes.errors import DeviceClosed, ReplyError

_CHUNK = 1 << 15  # small enough that the allocator keeps it at hand
_BEHIND = 1 << 12  # bytes taken along behind a block: its terminator
_NOTHING = bytes(4)  # how many bytes wait in the system, as FIONREAD tells it
_FILLS = 64  # reads into a block before others have their turn


class DescriptorTransport(Transport):
    """Reading and writing; subclasses say how the descriptor comes and goes."""

    hears_unasked = True

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._fd = -1
        self._buffer = bytearray()
        self._waiting = bytearray(_NOTHING)  # what FIONREAD writes into
        self._searched = 0  # bytes of the buffer known to hold no terminator
        self._lost: Exception | None = None  # why nothing more will come; set once per opening
        self._waiter: asyncio.Future[bytes | None] | None = None  # the one reader, while it waits
        self._until = b""  # what that reader's bytes end with, if it is to get them at once
        self._paused = False  # the descriptor is unwatched because the buffer is full
        self._wanted = LIMIT  # bytes to hold before pausing
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sink: memoryview | None = None  # what is still to be filled of a long block
        self._spare_fd = -1  # duplicate for other threads; guarded by _spare_lock
        self._spare_lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        return self._fd >= 0 and self._lost is None

    def has_input(self) -> bool:
        if self._buffer:
            return True
        if self._fd < 0:
            return False
        try:
            _ioctl(self._fd, _FIONREAD, self._waiting)
        except OSError:  # the line is gone, which reading will tell
            return False
        return self._waiting != _NOTHING

    @property
    def unread(self) -> int:
        """Bytes that came and were not read yet."""
        return len(self._buffer)

    def _attach(self, fd: int) -> None:
        """Begin to watch `fd`, non-blocking and owned by the subclass."""
        self._loop = asyncio.get_running_loop()
        self._fd, self._lost, self._paused, self._wanted = fd, None, False, LIMIT
        self._buffer.clear()
        self._searched = 0
        with self._spare_lock:
            self._spare_fd = os.dup(fd)
        self._loop.add_reader(fd, self._readable)

    def _detach(self) -> None:
        """Stop watching; a reader that waits is told."""
        if self._fd < 0:
            return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
        self._fd = -1
        with self._spare_lock:
            os.close(self._spare_fd)
            self._spare_fd = -1
        if self._lost is None:
            self._lost = DeviceClosed(f"{self.address}: it was closed.", address=self.address)
        self._drop(self._take(len(self._buffer)))
        self._wake()

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        if self._lost is None and self._fd >= 0:
            try:
                sent = os.write(self._fd, data)
                if sent == len(data):
                    return
                view = view[sent:]
            except BlockingIOError:
                pass
            except OSError as error:
                self._lose(describe(error))
        while view:
            if self._lost is not None or self._fd < 0:
                raise self._gone()
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:
                await self._writable()
            except OSError as error:
                self._lose(describe(error))

    async def read_until(self, terminator: bytes, *, limit: int = LIMIT) -> bytes:
        while True:
            if self._buffer:
                start = max(0, self._searched - len(terminator) + 1)
                found = self._buffer.find(terminator, start)
                if found >= 0:
                    return self._take(found + len(terminator))
            self._searched = len(self._buffer)
            if self._searched >= limit:
                raise ReplyError(
                    f"{self.address}: {len(self._buffer)} bytes came without an end of line.",
                    address=self.address,
                )
            waiter = self._more(limit, until=terminator)
            try:
                whole = await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._buffer[:0] = waiter.result() or b""  # given up just when it came
                raise
            if whole is not None:
                return whole

    async def read_exactly(self, count: int) -> bytes:
        if count > BLOCK_LIMIT:
            raise ReplyError(
                f"{self.address}: a block of {count} bytes was announced, {BLOCK_LIMIT} fit.",
                address=self.address,
            )
        while len(self._buffer) < count:
            await self._more(count)
        return self._take(count)

    async def read_into(self, buffer: memoryview) -> None:
        have = min(len(self._buffer), len(buffer))
        buffer[:have] = self._take(have)
        self._sink = buffer[have:]
        try:
            while self._sink:
                await self._more(LIMIT)
        finally:
            missing = len(self._sink) if self._sink else 0
            self._sink = None
            if missing:
                self._drop(bytes(buffer[: len(buffer) - missing]))

    def discard_input(self) -> int:
        if self._fd >= 0 and self._lost is None:
            self._readable()
        return self._drop(self._take(len(self._buffer)))

    def put_back(self, data: bytes) -> None:
        """Have bytes that were read be the next ones again."""
        self._buffer[:0] = data
        self._searched = 0

    async def interrupt(self) -> None:
        """Sockets and serial lines know no device clear; opening anew is the way."""

    def emergency_write(self, data: bytes) -> bool:
        deadline = time.monotonic() + self.interrupt_s
        with self._spare_lock:
            return self._spare_fd >= 0 and write_all(self._spare_fd, data, deadline)

    def _readable(self) -> None:
        if self._sink:
            self._fill(self._sink)
            return
        try:
            chunk = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(describe(error))
            return
        if not chunk:
            self._lose("")
            return
        chunk = self._plain(chunk)
        if self._until and not self._buffer and self._ends(chunk):
            self._wake(chunk)
            return
        self._buffer += chunk
        if len(self._buffer) > self._wanted + _CHUNK and not self._paused:
            self._paused = True
            assert self._loop is not None
            self._loop.remove_reader(self._fd)
        is_waited_for = self._waiter is not None
        self._wake()
        if self.on_came is not None and not is_waited_for:
            self.on_came()

    def _plain(self, chunk: bytes) -> bytes:
        """What came, without what a protocol beneath puts between; b"" where that was all."""
        return chunk

    def _ends(self, chunk: bytes) -> bool:
        """Whether it is just what a reader waits for, as most replies are."""
        waits = self._waiter is not None and not self._waiter.done()
        return waits and chunk.find(self._until) == len(chunk) - len(self._until) >= 0

    def _fill(self, sink: memoryview) -> None:
        """Have the system write into what waits for a block; what comes behind is kept."""
        behind = bytearray(_BEHIND)
        for _ in range(_FILLS):
            try:
                count = os.readv(self._fd, [sink, behind])
            except BlockingIOError:
                break
            except OSError as error:
                self._lose(describe(error))
                return
            if not count:
                self._lose("")
                return
            self._buffer += memoryview(behind)[: max(0, count - len(sink))]
            sink = sink[count:]
            if not sink:
                self._sink = None
                self._wake()
                return
        self._sink = sink

    def _lose(self, why: str) -> None:
        """The peer is gone: note why, stop watching, tell whoever waits, else the link."""
        if self._lost is not None:
            return
        what = f"the connection broke: {why}" if why else "the instrument closed the connection"
        self._lost = DeviceClosed(f"{self.address}: {what}.", address=self.address)
        if self._loop is not None and self._fd >= 0:
            self._loop.remove_reader(self._fd)
        waited_for = self._waiter is not None and not self._waiter.done()
        self._wake()
        if not waited_for and self.on_lost is not None:
            self.on_lost(self._lost)

    def _gone(self) -> Exception:
        if self._lost is None:
            return DeviceClosed(f"{self.address}: it is not open.", address=self.address)
        return DeviceClosed(str(self._lost), address=self.address)

    def _take(self, count: int) -> bytes:
        if count == len(self._buffer):
            taken = bytes(self._buffer)
            self._buffer.clear()
        else:
            taken = bytes(memoryview(self._buffer)[:count])
            del self._buffer[:count]
        self._searched = 0
        self._wanted = LIMIT
        if self._paused and self._loop is not None and self.is_open:
            self._paused = False
            self._loop.add_reader(self._fd, self._readable)
        return taken

    def _more(self, wanted: int, *, until: bytes = b"") -> "asyncio.Future[bytes | None]":
        """What is done once something came, or will come no more.

        Gives the bytes themselves where they are a whole message that ends with `until`.
        """
        if self._lost is not None or self._fd < 0:
            raise self._gone()
        assert self._loop is not None
        self._wanted = max(wanted, LIMIT)
        if self._paused and len(self._buffer) <= self._wanted:
            self._paused = False
            self._loop.add_reader(self._fd, self._readable)
        self._until = until
        waiter = self._waiter = self._loop.create_future()
        return waiter

    async def _writable(self) -> None:
        """Wait until the system takes bytes again."""
        assert self._loop is not None
        ready = self._loop.create_future()
        fd = self._fd
        self._loop.add_writer(fd, _resolve(ready))
        try:
            await ready
        finally:
            if self._fd == fd:
                self._loop.remove_writer(fd)

    def _wake(self, whole: bytes | None = None) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(whole)


def _resolve(future: "asyncio.Future[None]") -> Callable[[], None]:
    return lambda: None if future.done() else future.set_result(None)


def write_all(fd: int, data: bytes, deadline: float) -> bool:
    """Write all of `data` to a non-blocking descriptor until `deadline` (monotonic)."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select((), (fd,), (), left)[1]:
                return False
        except OSError:
            return False
    return True
