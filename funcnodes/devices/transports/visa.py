"""Every other address, through pyvisa, on one daemon thread per open channel.

pyvisa blocks, so each opening has a thread of its own that alone touches the resource. A call
that is given up leaves its thread behind to end by itself: the thread closes its own resource
when the call returns, and whatever that call still brings reaches nobody. Waiting is cut into
slices where the interface keeps partial input between reads (sockets, serial lines), so that a
channel can be given up, and emergency bytes written, within `SLICE_S`; on USB, GPIB, VXI-11 and
HiSLIP the cap is the time-out of the call under way, at most `CALL_S`.

Works around pyvisa-py 0.8 by asking its socket itself: there, a refused port shows only at the
first exchange, a peer that closed looks like a time-out at full load, and a peer that does not
read blocks a write for ever.
"""

import asyncio
import contextlib
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from funcnodes.devices.addresses import Address, AllowList, SerialOptions, is_pty
from funcnodes.devices.transports.base import BLOCK_LIMIT, LIMIT, Transport, describe
from funcnodes.devices.transports.descriptor import write_all
from funcnodes.devices.transports.tcp import resolve
from funcnodes.errors import DeviceClosed, DeviceConnectError, DeviceError, ReplyError

SLICE_S = 0.02
CALL_S = 2.0
T = TypeVar("T")


@dataclass(slots=True)
class _Job:
    """One call for the thread; `done` gets its outcome in the loop unless it was given up."""

    call: Callable[["_Session"], Any]
    done: Callable[[Any, BaseException | None], None]
    given_up: threading.Event = field(default_factory=threading.Event)


class VisaTransport(Transport):
    """A pyvisa resource behind its thread."""

    kind = "visa"

    def __init__(
        self,
        address: Address,
        *,
        allow: AllowList | None = None,
        serial: SerialOptions | None = None,
        library: str = "@py",
    ) -> None:
        super().__init__(address.resource)
        self._target = address
        self._allow = allow or AllowList()
        self._serial = address.serial.over(serial or SerialOptions())
        self._library = library
        self._session: _Session | None = None
        self._ended: DeviceError | None = None
        self._buffer = bytearray()
        is_stream = _is_stream(address)
        self.interrupt_s = SLICE_S * 3 if is_stream else CALL_S
        self.fresh_on_open = not address.resource.upper().startswith("ASRL/")

    @property
    def is_open(self) -> bool:
        return self._session is not None and self._ended is None

    async def open(self) -> None:
        await self.close()
        if self._target.host:
            await resolve(self._target, self._allow)
        session = _Session(self._target, self._serial, self._library)
        try:
            await session.run(lambda opened: opened.connect())
        except BaseException:
            session.leave()
            raise
        self._session, self._ended = session, None
        self._buffer.clear()

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            closed = session.leave()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SLICE_S * 5):
                    await closed

    async def write(self, data: bytes) -> None:
        await self._call(lambda session: session.write(data))

    async def read_until(self, terminator: bytes, *, limit: int = LIMIT) -> bytes:
        searched = 0
        while True:
            found = self._buffer.find(terminator, max(0, searched - len(terminator) + 1))
            if found >= 0:
                return self._take(found + len(terminator))
            searched = len(self._buffer)
            if searched >= limit:
                raise ReplyError(
                    f"{self.address}: {searched} bytes came without an end of line.",
                    address=self.address,
                )
            chunk = await self._call(lambda session: session.read_some())
            self._buffer += chunk
            if self._message_ended(terminator):
                return self._take(len(self._buffer)) + terminator

    async def read_exactly(self, count: int) -> bytes:
        if count > BLOCK_LIMIT:
            raise ReplyError(
                f"{self.address}: a block of {count} bytes was announced, {BLOCK_LIMIT} fit.",
                address=self.address,
            )
        while len(self._buffer) < count:
            self._buffer += await self._call(lambda session: session.read_some())
        return self._take(count)

    def discard_input(self) -> int:
        count = len(self._buffer)
        self._buffer.clear()
        if self._session is not None:
            self._session.post(_Job(lambda session: session.discard(), lambda _v, _e: None))
        return count

    async def interrupt(self) -> None:
        """Send a device clear where the interface has one."""
        if not _is_stream(self._target):
            with contextlib.suppress(DeviceError):
                await self._call(lambda session: session.clear())

    async def status_byte(self) -> int | None:
        if _is_stream(self._target):
            return None
        return await self._call(lambda session: session.serial_poll())

    def emergency_write(self, data: bytes) -> bool:
        session = self._session
        if session is None:
            return False
        written = threading.Event()
        outcome: list[bool] = []

        def done(_value: Any, error: BaseException | None) -> None:
            outcome.append(error is None)
            written.set()

        session.post(_Job(lambda opened: opened.write(data), done), first=True, here=True)
        return written.wait(self.interrupt_s) and outcome[0]

    def _message_ended(self, terminator: bytes) -> bool:
        """Whether END came on an interface with message boundaries, without the terminator."""
        session = self._session
        return (
            session is not None
            and session.message_ended
            and bool(self._buffer)
            and not self._buffer.endswith(terminator)
            and terminator not in self._buffer
        )

    async def _call(self, call: Callable[["_Session"], T]) -> T:
        session = self._session
        if session is None:
            raise DeviceClosed(f"{self.address}: it is not open.", address=self.address)
        if self._ended is not None:
            raise DeviceClosed(str(self._ended), address=self.address)
        try:
            return await session.run(call)
        except DeviceClosed as error:
            self._ended = error
            raise

    def _take(self, count: int) -> bytes:
        taken = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        return taken


class _Session:
    """The thread and the resource that only it touches."""

    def __init__(self, address: Address, serial: SerialOptions, library: str) -> None:
        self._address = address
        self._serial = serial
        self._library = library
        self._resource: Any = None  # pyvisa's types are not exported as such
        self._is_stream = _is_stream(address)
        self._jobs: deque[_Job] = deque()
        self._wakeup = threading.Condition()
        self._leaving = False
        self._loop = asyncio.get_running_loop()
        self._closed = self._loop.create_future()
        self.message_ended = False
        self._thread = threading.Thread(
            target=self._work, name=f"visa {address.resource}", daemon=True
        )
        self._thread.start()

    async def run(self, call: Callable[["_Session"], T]) -> T:
        """Have the thread carry out `call`; giving up leaves its result to nobody."""
        future: asyncio.Future[T] = self._loop.create_future()
        job = _Job(call, _settle(future))
        self.post(job)
        try:
            return await future
        except asyncio.CancelledError:
            job.given_up.set()
            raise

    def post(self, job: _Job, *, first: bool = False, here: bool = False) -> None:
        """Queue a call; `here` has its outcome told in the thread rather than in the loop."""
        if not here:
            told = job.done
            job.done = lambda value, error: self._tell(lambda: told(value, error))
        with self._wakeup:
            if first:
                self._jobs.appendleft(job)
                self._urgent = True
            else:
                self._jobs.append(job)
            self._wakeup.notify()

    def leave(self) -> "asyncio.Future[None]":
        """End the thread as soon as its present call lets it; resolves when it has closed."""
        with self._wakeup:
            self._leaving = True
            self._wakeup.notify()
        return self._closed

    # ── in the thread ─────────────────────────────────────────────────────────────────────

    _urgent = False
    _job: _Job | None = None

    def _work(self) -> None:
        try:
            while True:
                with self._wakeup:
                    while not self._jobs and not self._leaving:
                        self._wakeup.wait()
                    if not self._jobs:
                        return
                    self._job = job = self._jobs.popleft()
                    self._urgent = False
                self._carry_out(job)
        finally:
            self._close()
            self._tell(lambda: None if self._closed.done() else self._closed.set_result(None))

    def _carry_out(self, job: _Job) -> None:
        if job.given_up.is_set():
            return
        try:
            value, error = job.call(self), None
        except Exception as failed:
            value, error = None, self._translated(failed)
        job.done(value, error)

    def _tell(self, callback: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(callback)

    def connect(self) -> None:
        import pyvisa

        manager = pyvisa.ResourceManager(self._library)
        resource: Any = manager.open_resource(
            self._address.resource, open_timeout=int(CALL_S * 1000)
        )
        self._resource = resource
        resource.timeout = int(CALL_S * 1000)
        if self._address.resource.upper().startswith("ASRL"):
            self._set_line(resource)
        elif self._is_stream:
            resource.read_termination = "\n"
            _check_connected(_interface(resource), self._address)

    def _set_line(self, resource: Any) -> None:
        from pyvisa import constants

        parities = {name: getattr(constants.Parity, name) for name in _PARITY_NAMES}
        options = self._serial
        on_pty = is_pty(self._address.path)
        if options.baud is not None:
            resource.baud_rate = options.baud
        if not on_pty:
            resource.data_bits = options.bits or 8
            resource.parity = parities[options.parity or "none"]

    def write(self, data: bytes) -> None:
        interface = _interface(self._resource)
        if isinstance(interface, socket.socket):
            interface.setblocking(False)
            if not write_all(interface.fileno(), data, time.monotonic() + CALL_S):
                raise DeviceClosed(
                    f"{self._address.resource}: the instrument takes no more bytes.",
                    address=self._address.resource,
                )
        else:
            self._resource.write_raw(data)

    def read_some(self) -> bytes:
        """Whatever comes next, at least one byte."""
        self.message_ended = False
        if self._is_stream:
            return self._read_slices()
        return self._read_message()

    def discard(self) -> None:
        if self._is_stream:
            with contextlib.suppress(Exception):
                self._resource.flush(_discard_mask())

    def clear(self) -> None:
        self._resource.clear()

    def serial_poll(self) -> int:
        return int(self._resource.read_stb())

    def _read_slices(self) -> bytes:
        """Read with short time-outs until bytes come, the job is given up, or it is urgent."""
        while True:
            data = self._read_available(SLICE_S)
            if data:
                return data
            if (self._job is not None and self._job.given_up.is_set()) or self._leaving:
                return b""
            if self._urgent:
                self._do_urgent()

    def _do_urgent(self) -> None:
        """Carry out what was put first, in the midst of waiting for a reply."""
        with self._wakeup:
            job = self._jobs.popleft()
            self._urgent = False
        self._carry_out(job)

    def _read_available(self, within_s: float) -> bytes:
        interface = _interface(self._resource)
        if isinstance(interface, socket.socket):
            return _received(interface, within_s, self._address.resource)
        if interface is not None and hasattr(interface, "in_waiting"):
            interface.timeout = within_s
            data: bytes = interface.read(1)
            return data + interface.read(interface.in_waiting) if data else b""
        self._resource.timeout = int(within_s * 1000)
        return self._read_message()

    def _read_message(self) -> bytes:
        """One read of the interface; END tells that the message is over."""
        from pyvisa import constants, errors

        try:
            data, status = self._resource.visalib.read(self._resource.session, 1 << 16)
        except errors.VisaIOError as error:
            if error.error_code == constants.StatusCode.error_timeout:
                return b""
            raise
        self.message_ended = status == constants.StatusCode.success
        return bytes(data)

    def _translated(self, error: Exception) -> Exception:
        resource = self._address.resource
        if isinstance(error, DeviceError):
            return error
        if self._resource is None:
            return DeviceConnectError(
                f"{resource}: pyvisa could not open it: {_first_line(error)}.", address=resource
            )
        return DeviceClosed(
            f"{resource}: the connection broke: {_first_line(error)}.", address=resource
        )

    def _close(self) -> None:
        resource, self._resource = self._resource, None
        if resource is not None:
            with contextlib.suppress(Exception):
                resource.close()


_PARITY_NAMES = ("none", "odd", "even", "mark", "space")


def _settle(future: "asyncio.Future[T]") -> Callable[[Any, BaseException | None], None]:
    def settle(value: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)

    return settle


def _is_stream(address: Address) -> bool:
    """Whether the interface is a stream of bytes without message boundaries."""
    upper = address.resource.upper()
    return upper.startswith("ASRL") or upper.endswith("SOCKET")


def _interface(resource: Any) -> Any:
    """pyvisa-py's own socket or pyserial port under a resource, or None with another library."""
    sessions = getattr(resource.visalib, "sessions", None)
    return getattr(sessions.get(resource.session), "interface", None) if sessions else None


def _check_connected(interface: Any, address: Address) -> None:
    if not isinstance(interface, socket.socket):
        return
    code = interface.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise DeviceConnectError(
            f"{address.resource}: no connection to {address.host} port {address.port}: "
            f"{describe(OSError(code, ''))}.",
            address=address.resource,
            hint="Is the instrument switched on and its network port enabled?",
        )


def _received(sock: socket.socket, within_s: float, address: str) -> bytes:
    if not select.select((sock,), (), (), within_s)[0]:
        return b""
    data = sock.recv(1 << 16)
    if not data:
        raise DeviceClosed(f"{address}: the instrument closed the connection.", address=address)
    return data


def _discard_mask() -> Any:
    from pyvisa import constants

    return constants.BufferOperation.discard_read_buffer


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__).rstrip(".")
