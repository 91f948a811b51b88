"""An instrument behind VXI-11: links made by remote calls, responses fetched by the client.

Source: VXI-11, TCP/IP Instrument Protocol, revision 1.0, sections B (what procedures do, and error
codes) and C (their numbers and arguments). Serves the core and the abort channel, and calls back on
the interrupt channel. There is no portmapper: the client names the port,
`TCPIP0::127.0.0.1,PORT::inst0::INSTR`.
"""

import asyncio
import enum
import itertools
from collections import deque
from collections.abc import Callable

from funcnodes_simulators.lines.connections import MOST_UNREAD_BYTES
from funcnodes_simulators.lines.exchange import Exchange, has_room
from funcnodes_simulators.lines.locks import Released
from funcnodes_simulators.lines.onc_rpc import (
    Procedure,
    Program,
    XdrReader,
    one_way_call,
    packed,
    serve_calls,
)
from funcnodes_simulators.lines.station import Station
from funcnodes_simulators.lines.streams import Stream, StreamServer

CORE_PROGRAM, ABORT_PROGRAM = 0x0607AF, 0x0607B0
INTERRUPT_SRQ = 30
VERSION = 1
DEVICE = "inst0"
LARGEST_WRITE = 1 << 20  # bytes of one device_write, told to the client by create_link
LARGEST_RECORD = LARGEST_WRITE + 1024
LONGEST_NAME = 256
LONGEST_HANDLE = 40
CALL_BACK_WITHIN_S = 2.0
TCP_FAMILY = 0

FLAG_WAIT_FOR_LOCK, FLAG_END, FLAG_TERMCHAR = 1, 8, 128
REASON_COUNT, REASON_CHARACTER, REASON_END = 1, 2, 4


class Code(enum.IntEnum):
    """Device_ErrorCode (VXI-11, section B)."""

    OK = 0
    NOT_ACCESSIBLE = 3
    INVALID_LINK = 4
    PARAMETER = 5
    NO_CHANNEL = 6
    NOT_SUPPORTED = 8
    OUT_OF_RESOURCES = 9
    LOCKED_BY_ANOTHER = 11
    NO_LOCK_HELD = 12
    IO_TIMEOUT = 15
    ABORTED = 23
    CHANNEL_THERE = 29


class Failed(Exception):
    """A call that returns an error code."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code


class Vxi11Server:
    """One instrument on a TCP port of the loopback interface, as `inst0`."""

    def __init__(self, station: Station, *, port: int = 0) -> None:
        self.station = station
        self._core = StreamServer(self._serve_core, port=port)
        self._abort = StreamServer(self._serve_abort)
        self._links: dict[int, Link] = {}
        self._numbers = itertools.count(1)

    @property
    def resource(self) -> str:
        """The VISA resource string that reaches this instrument."""
        return f"TCPIP0::127.0.0.1,{self._core.port}::{DEVICE}::INSTR"

    @property
    def abort_port(self) -> int:
        """Where the abort channel is, as `create_link` tells."""
        return self._abort.port

    async def start(self) -> None:
        """Listen on both ports.

        Raises:
            OSError: One is taken or not allowed.
        """
        await self._core.start()
        await self._abort.start()

    async def stop(self) -> None:
        """Close both ports and every connection."""
        await self._core.stop()
        await self._abort.stop()

    def add(self, stream: Stream) -> "Link":
        """Make a link for a client."""
        number = next(self._numbers) & 0x7FFFFFFF
        self._links[number] = Link(self.station, stream, number)
        return self._links[number]

    def remove(self, link: "Link") -> None:
        """End a link."""
        if self._links.pop(link.number, None) is not None:
            link.exchange.closed(has_unread=link.has_output)

    async def _serve_core(self, stream: Stream) -> None:
        if self.station.refuses_connect():
            stream.reset()
            return
        client = _CoreClient(self, stream)
        try:
            await serve_calls(stream, client.program, largest=LARGEST_RECORD)
        finally:
            client.close()

    async def _serve_abort(self, stream: Stream) -> None:
        program = Program(ABORT_PROGRAM, VERSION, {1: self._abort_link})
        await serve_calls(stream, program, largest=LARGEST_RECORD)

    async def _abort_link(self, arguments: XdrReader) -> bytes:
        link = self._links.get(arguments.signed())
        if link is None:
            return packed(Code.INVALID_LINK)
        link.abort()
        return packed(Code.OK)


class Link:
    """One link: an output queue that the client reads when it likes.

    Attributes:
        number: The link's identifier.
        exchange: Its message exchange with the instrument.
        call_back: Called when the instrument requests service, if the client wants to know.
    """

    def __init__(self, station: Station, stream: Stream, number: int) -> None:
        self.number = number
        self.call_back: Callable[[], None] | None = None
        self._station = station
        self._stream = stream
        self._output = bytearray()
        self._ends: deque[int] = deque()  # where responses end, counted from the queue's beginning
        self._changed = asyncio.Event()
        self._is_aborted = False
        stream.ended.add_done_callback(lambda _: self._stir())
        self.exchange = Exchange(station, self)

    # What a station asks of a line

    @property
    def has_output(self) -> bool:
        return bool(self._output)

    def send(self, data: bytes) -> None:
        """Queue bytes that end nothing."""
        self.respond(data, is_end=False, tag=0)

    def respond(self, data: bytes, *, is_end: bool, tag: int) -> None:
        """Queue part of a response."""
        self._output += data
        if is_end:
            self._ends.append(len(self._output))
        self._stir()

    def drop_output(self, *, is_told: bool) -> None:
        self._output.clear()
        self._ends.clear()

    def request_service(self, status_byte: int) -> None:
        if self.call_back is not None:
            self.call_back()

    def unread_bytes(self) -> int:
        return len(self._output)

    def hang_up(self, *, at_once: bool = False) -> None:
        if at_once:
            self._stream.abort()
        else:
            self._stream.close()

    # What a client asks

    def abort(self) -> None:
        """Have the call under way return at once (device_abort)."""
        self._is_aborted = True
        self._stir()

    def begin(self) -> None:
        """Start a call: what was aborted is past."""
        self._is_aborted = False

    async def admitted(self, flags: int, lock_timeout_ms: int) -> None:
        """Wait, if the client wants to, until no other link holds the lock.

        Raises:
            Failed: One does, or the call was aborted.
        """
        locks = self._station.locks

        def may_go_on() -> bool:
            return self._is_given_up() or locks.admits(self.exchange)

        await locks.wait(may_go_on, _lock_timeout_s(flags, lock_timeout_ms))
        self._fail_if_aborted()
        if not locks.admits(self.exchange):
            raise Failed(Code.LOCKED_BY_ANOTHER)

    async def lock(self, flags: int, lock_timeout_ms: int) -> None:
        """Take the exclusive lock.

        Raises:
            Failed: Another link has it, this one has it already, or the call was aborted.
        """
        locks = self._station.locks
        if locks.has_exclusive(self.exchange):
            raise Failed(Code.LOCKED_BY_ANOTHER)

        def is_granted() -> bool:
            return self._is_given_up() or locks.try_exclusive(self.exchange)

        await locks.wait(is_granted, _lock_timeout_s(flags, lock_timeout_ms))
        self._fail_if_aborted()
        if not locks.has_exclusive(self.exchange):
            raise Failed(Code.LOCKED_BY_ANOTHER)

    async def read(self, size: int, termchar: int | None, timeout_s: float) -> tuple[int, bytes]:
        """Return a part of a response and why it ends there.

        Raises:
            Failed: Nothing that ends came in time, or the call was aborted.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not (found := self._find(size, termchar))[0]:
                    self._changed.clear()
                    await self._changed.wait()
                    self._fail_if_aborted()
        except TimeoutError:
            self.exchange.asked_for_nothing()
            raise Failed(Code.IO_TIMEOUT) from None
        reason, count = found
        data = bytes(self._output[:count])
        del self._output[:count]
        self._ends = deque(end - count for end in self._ends if end > count)
        self.exchange.look()
        return reason, data

    def _find(self, size: int, termchar: int | None) -> tuple[int, int]:
        """Reason and length of what can be read now; no reason if more has to come."""
        end = self._ends[0] if self._ends else None
        count = min(size, len(self._output) if end is None else end)
        found = -1 if termchar is None else self._output.find(termchar, 0, count)
        if found >= 0:
            count = found + 1
        reason = REASON_CHARACTER if found >= 0 else 0
        reason |= REASON_END if count == end else 0
        reason |= REASON_COUNT if count == size else 0
        return reason, count

    def _is_given_up(self) -> bool:
        return self._is_aborted or self._stream.ended.done()

    def _fail_if_aborted(self) -> None:
        if self._is_given_up():
            raise Failed(Code.ABORTED)

    def _stir(self) -> None:
        self._changed.set()
        self._station.locks.reconsider()


class _CoreClient:
    """One core channel: its links and its interrupt channel, which end with it."""

    def __init__(self, server: Vxi11Server, stream: Stream) -> None:
        self._server = server
        self._station = server.station
        self._stream = stream
        self._links: dict[int, Link] = {}
        self._interrupts: asyncio.Transport | None = None
        self._interrupt_program = (0, 0)
        self._calls = itertools.count(1)
        self.program = Program(CORE_PROGRAM, VERSION, self._procedures())

    def close(self) -> None:
        for link in self._links.values():
            self._server.remove(link)
        self._links.clear()
        self._close_interrupts()

    def _procedures(self) -> dict[int, Procedure]:
        """The core channel's procedures by number (VXI-11, section C)."""
        return {
            10: self._create_link,
            11: _with_code(self._write, packed(0)),
            12: _with_code(self._read, packed(0, b"")),
            13: _with_code(self._read_status, packed(0)),
            14: _with_code(self._generic(lambda link: link.exchange.trigger())),
            15: _with_code(self._generic(_clear)),
            16: _with_code(self._generic(lambda _: self._station.remote.go_to_remote(
                with_lockout=True))),
            17: _with_code(self._generic(lambda _: self._station.remote.go_to_local(
                ends_lockout=True))),
            18: _with_code(self._lock),
            19: _with_code(self._unlock),
            20: _with_code(self._enable_service_request),
            22: _with_code(self._do_command, packed(b"")),
            23: _with_code(self._destroy_link),
            25: _with_code(self._create_interrupt_channel),
            26: _with_code(self._destroy_interrupt_channel),
        }  # fmt: skip

    async def _create_link(self, arguments: XdrReader) -> bytes:
        arguments.signed()  # the client's identification, of no use to a device
        is_locked, lock_timeout_ms = arguments.flag(), arguments.unsigned()
        name = arguments.opaque(LONGEST_NAME)
        if name.decode("latin-1").lower() not in ("", DEVICE):
            return packed(Code.NOT_ACCESSIBLE, 0, 0, 0)
        if not await has_room(self._station):
            return packed(Code.OUT_OF_RESOURCES, 0, 0, 0)
        link = self._server.add(self._stream)
        self._links[link.number] = link
        try:
            if is_locked:
                await link.lock(FLAG_WAIT_FOR_LOCK, lock_timeout_ms)
        except Failed as failed:
            self._end_link(link)
            return packed(failed.code, 0, 0, 0)
        return packed(Code.OK, link.number, self._server.abort_port, LARGEST_WRITE)

    async def _destroy_link(self, arguments: XdrReader) -> bytes:
        self._end_link(self._link(arguments))
        return b""

    def _end_link(self, link: Link) -> None:
        del self._links[link.number]
        self._server.remove(link)

    async def _write(self, arguments: XdrReader) -> bytes:
        link = self._link(arguments)
        arguments.unsigned()  # time for the transfer, which takes none
        lock_timeout_ms, flags = arguments.unsigned(), arguments.signed()
        data = arguments.opaque(LARGEST_RECORD)
        if len(data) > LARGEST_WRITE:
            raise Failed(Code.PARAMETER)
        await link.admitted(flags, lock_timeout_ms)
        link.exchange.message(data, is_end=bool(flags & FLAG_END))
        return packed(len(data))

    async def _read(self, arguments: XdrReader) -> bytes:
        link = self._link(arguments)
        size, io_timeout_ms = arguments.unsigned(), arguments.unsigned()
        lock_timeout_ms, flags = arguments.unsigned(), arguments.signed()
        termchar = arguments.unsigned() & 0xFF
        await link.admitted(flags, lock_timeout_ms)
        reason, data = await link.read(
            size, termchar if flags & FLAG_TERMCHAR else None, io_timeout_ms / 1000
        )
        return packed(reason, data)

    async def _read_status(self, arguments: XdrReader) -> bytes:
        link = await self._generic_arguments(arguments)
        return packed(link.exchange.poll())

    def _generic(self, action: Callable[[Link], object]) -> Procedure:
        async def procedure(arguments: XdrReader) -> bytes:
            action(await self._generic_arguments(arguments))
            return b""

        return procedure

    async def _generic_arguments(self, arguments: XdrReader) -> Link:
        link = self._link(arguments)
        flags, lock_timeout_ms = arguments.signed(), arguments.unsigned()
        arguments.unsigned()  # time for the transfer, which takes none
        await link.admitted(flags, lock_timeout_ms)
        return link

    async def _lock(self, arguments: XdrReader) -> bytes:
        link = self._link(arguments)
        await link.lock(arguments.signed(), arguments.unsigned())
        return b""

    async def _unlock(self, arguments: XdrReader) -> bytes:
        link = self._link(arguments)
        if self._station.locks.release(link.exchange) is Released.NOTHING:
            raise Failed(Code.NO_LOCK_HELD)
        return b""

    async def _do_command(self, arguments: XdrReader) -> bytes:
        self._link(arguments)
        raise Failed(Code.NOT_SUPPORTED)

    def _link(self, arguments: XdrReader) -> Link:
        link = self._links.get(arguments.signed())
        if link is None:
            raise Failed(Code.INVALID_LINK)
        link.begin()
        return link

    # Service requests

    async def _enable_service_request(self, arguments: XdrReader) -> bytes:
        link, is_enabled = self._link(arguments), arguments.flag()
        handle = arguments.opaque(LONGEST_HANDLE)
        link.call_back = (lambda: self._call_back(handle)) if is_enabled else None
        return b""

    async def _create_interrupt_channel(self, arguments: XdrReader) -> bytes:
        """Connect back to the client, on this machine only."""
        address, port = arguments.unsigned(), arguments.unsigned()
        program = arguments.unsigned(), arguments.unsigned()
        family = arguments.signed()
        if self._interrupts is not None:
            raise Failed(Code.CHANNEL_THERE)
        if family != TCP_FAMILY:
            raise Failed(Code.NOT_SUPPORTED)
        host = ".".join(str(byte) for byte in address.to_bytes(4))
        if host != self._stream.peer_host or not 0 < port < 65536:
            raise Failed(Code.PARAMETER)
        try:
            async with asyncio.timeout(CALL_BACK_WITHIN_S):
                transport, _ = await asyncio.get_running_loop().create_connection(
                    asyncio.Protocol, host, port
                )
        except (OSError, TimeoutError):
            raise Failed(Code.NO_CHANNEL) from None
        self._interrupts, self._interrupt_program = transport, program
        return b""

    async def _destroy_interrupt_channel(self, arguments: XdrReader) -> bytes:
        if self._interrupts is None:
            raise Failed(Code.NO_CHANNEL)
        self._close_interrupts()
        return b""

    def _call_back(self, handle: bytes) -> None:
        stream = self._interrupts
        if stream is not None and stream.get_write_buffer_size() <= MOST_UNREAD_BYTES:
            xid = next(self._calls) & 0xFFFFFFFF
            call = one_way_call(xid, *self._interrupt_program, INTERRUPT_SRQ, packed(handle))
            stream.write(call)

    def _close_interrupts(self) -> None:
        if self._interrupts is not None:
            self._interrupts.close()
            self._interrupts = None


def _with_code(procedure: Procedure, nothing: bytes = b"") -> Procedure:
    """Put the error code before what a procedure returns; `nothing` stands for it on failure."""

    async def answer(arguments: XdrReader) -> bytes:
        try:
            return packed(Code.OK) + await procedure(arguments)
        except Failed as failed:
            return packed(failed.code) + nothing

    return answer


def _clear(link: Link) -> None:
    link.exchange.clear()
    link.drop_output(is_told=False)


def _lock_timeout_s(flags: int, lock_timeout_ms: int) -> float:
    return lock_timeout_ms / 1000 if flags & FLAG_WAIT_FOR_LOCK else 0.0
