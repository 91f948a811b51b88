"""Every other address, through pyvisa, on one daemon thread per open channel.

pyvisa blocks, so each opening has a thread of its own that alone touches the resource. A call
that is given up leaves its thread behind to end by itself: the thread closes its own resource
when the call returns, and whatever that call still brings reaches nobody. Waiting is cut into
slices where that can be (see `slices`): there a channel is given up, and emergency bytes are
written, within 60 ms; at worst, when a HiSLIP or VXI-11 instrument stalls in the midst of a
message or call, within about a second. On USB and GPIB the cap is VISA's call under way, at most
`CALL_S`. What goes away while nobody speaks, other than USB and GPIB, is noticed within `IDLE_S`.
PXI and VXI are reached by no library that comes with this program.
"""

import asyncio
import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from funcnodes.devices.addresses.forms import Address, AllowList, SerialOptions, is_pty
from funcnodes.devices.transports.base import BLOCK_LIMIT, LIMIT, Transport, close_leftovers
from funcnodes.devices.transports.slices import (
    CALL_S,
    CHUNK,
    SLICE_S,
    HislipReader,
    Reader,
    SerialReader,
    Slice,
    Vxi11Reader,
    close_quietly,
    have_ends_noticed,
    is_stream,
    reader_for,
    refused,
)
from funcnodes.devices.transports.tcp import resolve
from funcnodes.devices.transports.turn import Rounds, Turn
from funcnodes.errors import DeviceClosed, DeviceConnectError, DeviceError, ReplyError

IDLE_S = 0.25
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
        rounds: Rounds | None = None,
    ) -> None:
        """Args:
        rounds: The lock of the bus that it shares with others, if it does.
        """
        super().__init__(address.resource)
        self._rounds = rounds
        self.is_shared = rounds is not None
        self._target = address
        self._allow = allow or AllowList()
        self._serial = address.serial.over(serial or SerialOptions())
        self._library = library
        self._session: _Session | None = None
        self._ended: DeviceError | None = None
        self._buffer = bytearray()
        self.interrupt_s = _cap_s(address)
        self.fresh_on_open = not _is_line(address)
        self.has_service_request = library == "@py" and _is_hislip(address)

    @property
    def is_open(self) -> bool:
        return self._session is not None and self._ended is None

    def has_input(self) -> bool:
        return bool(self._buffer)

    @property
    def at_end(self) -> bool:
        session = self._session
        return session is not None and session.message_ended and not self._buffer

    async def open(self) -> None:
        await self.close()
        _check_reachable(self._target, self._library)
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
        session.on_gone = lambda: self._gone_while_idle(session)

    def _gone_while_idle(self, session: "_Session") -> None:
        """In the loop; a session that was left meanwhile does not count."""
        if session is self._session and self._ended is None:
            self._ended = DeviceClosed(
                f"{self.address}: the instrument closed the connection.", address=self.address
            )
            if self.on_lost is not None:
                self.on_lost(self._ended)

    async def close(self) -> None:
        session, self._session = self._session, None
        self._drop(self._take(len(self._buffer)))
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
        count = self._drop(self._take(len(self._buffer)))
        if self._session is not None:
            self._session.post(_Job(lambda session: session.discard(), lambda _v, _e: None))
        return count

    async def interrupt(self) -> None:
        """Send a device clear where the interface has one."""
        if not is_stream(self._target):
            with contextlib.suppress(DeviceError):
                await self._call(lambda session: session.clear())

    async def status_byte(self) -> int | None:
        """Read the status byte where the interface has one beside its messages."""
        if is_stream(self._target):
            return None
        return await self._call(lambda session: session.status_byte())

    async def service_request(self) -> None:
        """Wait until something comes beside the messages: a request, or the end of both.

        Takes nothing: `status_byte` does. Its answer to somebody else ends the wait, too.
        """
        session = self._session
        if session is None:
            raise DeviceClosed(f"{self.address}: it is not open.", address=self.address)
        loop, has_come = asyncio.get_running_loop(), asyncio.Event()
        with session.beside() as channel:
            loop.add_reader(channel, has_come.set)
            try:
                await has_come.wait()
            finally:
                loop.remove_reader(channel)

    def turn(self) -> Turn:
        return Turn() if self._rounds is None else self._rounds.share()

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
        self._reader: Reader | None = None
        self._jobs: deque[_Job] = deque()
        self._wakeup = threading.Condition()
        self._leaving = False
        self._loop = asyncio.get_running_loop()
        self._closed = self._loop.create_future()
        self.message_ended = False
        self.on_gone: Callable[[], None] | None = None
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

    def beside(self) -> socket.socket:
        """A copy of HiSLIP's second connection.

        Raises:
            DeviceClosed: It is closed.
        """
        assert isinstance(self._reader, HislipReader)
        try:
            return self._reader.beside()
        except OSError as error:
            raise DeviceClosed(
                f"{self._address.resource}: it is not open.", address=self._address.resource
            ) from error

    # ── in the thread ─────────────────────────────────────────────────────────────────────

    _urgent = False
    _job: _Job | None = None

    def _work(self) -> None:
        try:
            while True:
                with self._wakeup:
                    self._wait_for_job()
                    if not self._jobs:
                        return
                    self._job = job = self._jobs.popleft()
                    self._urgent = False
                self._carry_out(job)
        finally:
            self._close()
            self._tell(lambda: None if self._closed.done() else self._closed.set_result(None))

    def _wait_for_job(self) -> None:
        """Under the lock; meanwhile see whether the other end is still there."""
        is_gone = False
        while not self._jobs and not self._leaving:
            if not self._wakeup.wait(None if is_gone else IDLE_S) and self.on_gone is not None:
                is_gone = self._reader is not None and self._reader.is_gone()
                if is_gone:
                    self._tell(self.on_gone)

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

        if self._library == "@py":
            have_ends_noticed()
        manager = pyvisa.ResourceManager(self._library)
        try:
            resource: Any = manager.open_resource(
                self._address.resource, open_timeout=int(CALL_S * 1000)
            )
        except Exception as error:
            close_leftovers(error)
            raise
        self._resource = resource
        resource.timeout = int(CALL_S * 1000)
        if self._address.resource.upper().startswith("ASRL"):
            self._set_line(resource)
        elif is_stream(self._address):
            resource.read_termination = "\n"
        try:
            self._reader = reader_for(resource, self._address)
        except BaseException:
            self._close()
            raise

    def _set_line(self, resource: Any) -> None:
        from pyvisa import constants

        parities = {name: getattr(constants.Parity, name) for name in _PARITY_NAMES}
        options = self._serial
        on_pty = is_pty(self._address.path)
        if options.baud is not None:
            resource.baud_rate = options.baud
        if options.flow is not None:
            resource.flow_control = getattr(constants.ControlFlow, _FLOWS[options.flow])
        interface = resource.visalib.sessions[resource.session].interface
        for line, wanted in (("dtr", options.dtr), ("rts", options.rts)):
            if wanted in ("high", "low"):
                with contextlib.suppress(Exception):  # a line that has none
                    setattr(interface, line, wanted == "high")
        if not on_pty:
            resource.data_bits = options.bits or 8
            resource.parity = parities[options.parity or "none"]
            resource.stop_bits = constants.StopBits(int((options.stop or 1) * 10))

    def write(self, data: bytes) -> None:
        if self._reader is not None:
            self._reader.write(data)
        else:
            self._resource.write_raw(data)

    def read_some(self) -> bytes:
        """Whatever comes next, at least one byte unless the job is given up meanwhile.

        Waits in slices, and carries out what is urgent between them.
        """
        self.message_ended = False
        while True:
            part = self._reader.read() if self._reader is not None else self._read_message()
            if part.data:
                self.message_ended = part.is_end
                return part.data
            if (self._job is not None and self._job.given_up.is_set()) or self._leaving:
                return b""
            if self._urgent:
                self._do_urgent()

    def discard(self) -> None:
        if is_stream(self._address):
            with contextlib.suppress(Exception):
                self._resource.flush(_discard_mask())

    def clear(self) -> None:
        self._resource.clear()

    def status_byte(self) -> int:
        if self._reader is not None:
            return self._reader.status_byte()
        return int(self._resource.read_stb())

    def _do_urgent(self) -> None:
        """Carry out what was put first, in the midst of waiting for a reply."""
        with self._wakeup:
            job = self._jobs.popleft()
            self._urgent = False
        self._carry_out(job)

    def _read_message(self) -> Slice:
        """One read of the interface by VISA's own call; END tells that the message is over."""
        from pyvisa import constants, errors

        try:
            data, status = self._resource.visalib.read(self._resource.session, CHUNK)
        except errors.VisaIOError as error:
            if error.error_code == constants.StatusCode.error_timeout:
                return Slice(b"")
            raise
        return Slice(bytes(data), status == constants.StatusCode.success)

    def _translated(self, error: Exception) -> Exception:
        resource = self._address.resource
        if isinstance(error, DeviceError):
            return error
        if self._resource is None:
            return self._not_opened(error)
        return DeviceClosed(
            f"{resource}: the connection broke: {_first_line(error)}.", address=resource
        )

    def _not_opened(self, error: Exception) -> DeviceConnectError:
        """Why it could not be opened: the cause beneath what pyvisa says of it."""
        causes: list[BaseException] = [error]
        while (beneath := causes[-1].__cause__ or causes[-1].__context__) is not None:
            causes.append(beneath)
        if self._address.lan_device:
            broken = next((each for each in causes if isinstance(each, OSError)), None)
            return refused(self._address, broken or OSError(_first_line(causes[-1]).lower()))
        return DeviceConnectError(
            f"{self._address.resource}: pyvisa could not open it: {_first_line(error)}.",
            address=self._address.resource,
        )

    def _close(self) -> None:
        resource, self._resource = self._resource, None
        if resource is not None:
            close_quietly(resource)


_FLOWS = {"none": "none", "xonxoff": "xon_xoff", "rtscts": "rts_cts"}
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


def _cap_s(address: Address) -> float:
    """Within how long emergency bytes are on the line at worst."""
    if is_stream(address):
        return SerialReader.cap_s
    if _is_hislip(address):
        return HislipReader.cap_s
    return Vxi11Reader.cap_s if address.lan_device else CALL_S


def _is_hislip(address: Address) -> bool:
    return address.lan_device.lower().startswith("hislip")


def _is_line(address: Address) -> bool:
    """Whether it is a serial line of this machine, not one that a URL names."""
    return address.resource.upper().startswith("ASRL") and "://" not in address.resource


def _check_reachable(address: Address, library: str) -> None:
    """Say at once what would fail in pyvisa's words or not at all."""
    upper = address.resource.upper()
    why = hint = ""
    if upper.startswith(("PXI", "VXI")) and library == "@py":
        why = f"{upper[:3]} is not reachable here, pyvisa-py knows no such interface"
        hint = "Use the instrument's own vendor library, or a network interface of its chassis."
    elif upper.endswith("INTFC"):
        why = "it names an adapter, not an instrument behind it"
        hint = "Name the instrument: GPIB0::22::INSTR, or prologix:HOST/22."
    if why:
        raise DeviceConnectError(f"{address.resource}: {why}.", address=address.resource, hint=hint)


def _discard_mask() -> Any:
    from pyvisa import constants

    return constants.BufferOperation.discard_read_buffer


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__).rstrip(".")
