"""An instrument behind HiSLIP: two TCP connections per client, messages in both directions.

Source: IVI-6.1, High-Speed LAN Instrument Protocol, revision 2.0; sections are cited where they are
followed. Version 1.0 of the protocol in synchronized mode, which a server may insist on (6.12.1);
no secure connections. Nothing that a client sends makes it fail: what is not understood is answered
with an error as the standard says, and bytes of a message beyond `LARGEST_MESSAGE` are dropped as
they come.
"""

import asyncio
from collections.abc import Awaitable, Callable

from funcnodes_simulators.lines.connections import MOST_UNREAD_BYTES
from funcnodes_simulators.lines.exchange import Exchange, has_room
from funcnodes_simulators.lines.hislip_messages import (
    FIRST_VENDOR_KIND,
    HEADER_BYTES,
    BadHeader,
    Complaint,
    Fatal,
    Header,
    Kind,
    message,
)
from funcnodes_simulators.lines.locks import LONGEST_KEY, Released
from funcnodes_simulators.lines.station import Station
from funcnodes_simulators.lines.streams import Stream, StreamServer

VERSION = 0x0100  # 1.0: major and minor, a byte each
VENDOR = int.from_bytes(b"FN")
SUB_ADDRESS = "hislip0"
LARGEST_MESSAGE = 1 << 20  # bytes of one message, header and payload
SMALLEST_MESSAGE = 256  # what every client takes, also before it says how much it does
FIRST_MESSAGE_ID = 0xFFFFFF00
RMT_DELIVERED = 1
INITIALIZE_WITHIN_S = 10.0
MOST_SESSIONS = 0xFFFF
SYNCHRONIZED = 0
FATAL_TEXT = {
    Fatal.POORLY_FORMED_HEADER: "poorly formed message header",
    Fatal.BOTH_CHANNELS_NEEDED: "both connections have to be established first",
    Fatal.INVALID_INITIALIZATION: "invalid initialization sequence",
    Fatal.TOO_MANY_CLIENTS: "the instrument has as many clients as it takes",
}

_Answer = Callable[[Header, bytes], Awaitable[None]]


class FatalError(Exception):
    """The client is told why, and then its connections end (IVI-6.1, table 14)."""

    def __init__(self, code: Fatal) -> None:
        super().__init__(code)
        self.code = code


class Refused(Exception):
    """One message is not taken; the connection goes on (IVI-6.1, table 16)."""

    def __init__(self, code: Complaint, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


class HislipServer:
    """One instrument on a TCP port of the loopback interface, as `hislip0`."""

    def __init__(self, station: Station, *, port: int = 0) -> None:
        self.station = station
        self._server = StreamServer(self._serve, port=port)
        self._sessions: dict[int, Session] = {}
        self._latest_id = 0

    @property
    def resource(self) -> str:
        """The VISA resource string that reaches this instrument."""
        return f"TCPIP0::127.0.0.1::{SUB_ADDRESS},{self._server.port}::INSTR"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The port is taken or not allowed.
        """
        await self._server.start()

    async def stop(self) -> None:
        """Close the port and every connection."""
        await self._server.stop()

    async def _serve(self, stream: Stream) -> None:
        if self.station.refuses_connect():
            stream.reset()
            return
        try:
            async with asyncio.timeout(INITIALIZE_WITHIN_S):
                session, is_sync = await self._introduce(stream)
        except FatalError as error:
            _send_fatal(stream, error.code)
            return
        except TimeoutError:
            return
        await (session.serve_sync() if is_sync else session.serve_async())

    async def _introduce(self, stream: Stream) -> "tuple[Session, bool]":
        """Take the first message: it says which of the two connections this is."""
        header, payload = await _read(stream, lambda _: None)
        if header.kind == Kind.INITIALIZE:
            return await self._open(stream, payload), True
        if header.kind != Kind.ASYNC_INITIALIZE:
            raise FatalError(Fatal.INVALID_INITIALIZATION)
        session = self._sessions.get(header.parameter)
        if session is None or session.is_complete:
            raise FatalError(Fatal.INVALID_INITIALIZATION)
        session.complete(stream)
        return session, False

    async def _open(self, stream: Stream, sub_address: bytes) -> "Session":
        if sub_address.lower() not in (b"", SUB_ADDRESS.encode()):
            raise FatalError(Fatal.INVALID_INITIALIZATION)
        if not await has_room(self.station) or len(self._sessions) >= MOST_SESSIONS:
            raise FatalError(Fatal.TOO_MANY_CLIENTS)
        number = self._free_id()
        session = Session(self.station, stream, lambda: self._sessions.pop(number, None))
        self._sessions[number] = session
        parameter = VERSION << 16 | number
        stream.write(message(Kind.INITIALIZE_RESPONSE, SYNCHRONIZED, parameter))
        return session

    def _free_id(self) -> int:
        while True:
            self._latest_id = self._latest_id % MOST_SESSIONS + 1
            if self._latest_id not in self._sessions:
                return self._latest_id


class Session:
    """One client with its two connections; both end when one does."""

    def __init__(self, station: Station, sync: Stream, closed: Callable[[], object]) -> None:
        self._station = station
        self._sync = sync
        self._async: Stream | None = None
        self._closed = closed
        self._exchange = Exchange(station, self)
        self._client_message = SMALLEST_MESSAGE
        self._newest_id = FIRST_MESSAGE_ID
        self._has_output = False
        self._is_clearing = False
        sync.ended.add_done_callback(lambda _: station.locks.reconsider())
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(INITIALIZE_WITHIN_S, self.hang_up)

    @property
    def is_complete(self) -> bool:
        """Whether the asynchronous connection was made too."""
        return self._async is not None

    def complete(self, stream: Stream) -> None:
        """Take the asynchronous connection on."""
        self._async = stream
        stream.ended.add_done_callback(lambda _: self._station.locks.reconsider())
        self._patience.cancel()
        stream.write(message(Kind.ASYNC_INITIALIZE_RESPONSE, 0, VENDOR))

    async def serve_sync(self) -> None:
        """Serve the synchronous connection until it ends."""
        await self._serve(self._sync, self._answer_sync)

    async def serve_async(self) -> None:
        """Serve the asynchronous connection until it ends."""
        assert self._async is not None
        await self._serve(self._async, self._answer_async)

    async def _serve(self, stream: Stream, answer: _Answer) -> None:
        try:
            while True:
                header, payload = await _read(stream, lambda r: _send_refusal(stream, r))
                if self._async is None:
                    raise FatalError(Fatal.BOTH_CHANNELS_NEEDED)
                try:
                    await answer(header, payload)
                except Refused as refused:
                    _send_refusal(stream, refused)
                await stream.drain()
        except FatalError as error:
            _send_fatal(stream, error.code)
        finally:
            self._close()

    def _close(self) -> None:
        self._patience.cancel()
        if self._exchange.is_open:
            self._exchange.closed()
            self._closed()
        self.hang_up()

    # What a station asks of a line

    @property
    def has_output(self) -> bool:
        return self._has_output

    def send(self, data: bytes) -> None:
        """Send bytes that belong to the newest message."""
        self.respond(data, is_end=False, tag=self._newest_id)

    def respond(self, data: bytes, *, is_end: bool, tag: int) -> None:
        """Send part of a response, in as many messages as the client's size asks for."""
        if self._is_clearing:
            return
        self._has_output = True
        room = self._client_message - HEADER_BYTES
        for start in range(0, len(data), room):
            part = data[start : start + room]
            is_last = is_end and start + room >= len(data)
            self._sync.write(message(Kind.DATA_END if is_last else Kind.DATA, 0, tag, part))

    def drop_output(self, *, is_told: bool) -> None:
        """Void what the client has not read (3.1.1).

        It is told only where a response was ready while more had come in, not where it sent more
        without having read: then it knows the old response by its message's number.
        """
        self._has_output = False
        if is_told:
            self._sync.write(message(Kind.INTERRUPTED, 0, self._newest_id))
            self._notify(Kind.ASYNC_INTERRUPTED, 0, self._newest_id)

    def request_service(self, status_byte: int) -> None:
        """Tell the client (6.13)."""
        self._notify(Kind.ASYNC_SERVICE_REQUEST, status_byte)

    def unread_bytes(self) -> int:
        return self._sync.unread_bytes()

    def hang_up(self, *, at_once: bool = False) -> None:
        for stream in (self._sync, self._async):
            if stream is not None and at_once:
                stream.abort()
            elif stream is not None:
                stream.close()

    # The synchronous connection

    async def _answer_sync(self, header: Header, payload: bytes) -> None:
        if self._is_clearing and header.kind != Kind.DEVICE_CLEAR_COMPLETE:
            return
        match header.kind:
            case Kind.DATA | Kind.DATA_END:
                if await self._begin(header):
                    is_end = header.kind == Kind.DATA_END
                    self._exchange.message(payload, is_end=is_end, tag=header.parameter)
            case Kind.TRIGGER:
                if await self._begin(header):
                    self._exchange.trigger(tag=header.parameter)
            case Kind.DEVICE_CLEAR_COMPLETE:
                self._is_clearing = False
                self._newest_id = FIRST_MESSAGE_ID
                self._sync.write(message(Kind.DEVICE_CLEAR_ACKNOWLEDGE, SYNCHRONIZED))
            case Kind.FATAL_ERROR:
                self.hang_up()
            case Kind.ERROR:
                pass
            case _:
                raise _unknown(header)

    async def _begin(self, header: Header) -> bool:
        """Wait while others hold a lock, then note what the client has read (3.1.1).

        Returns:
            Whether the message is still wanted.
        """
        locks = self._station.locks

        def may_go_on() -> bool:
            is_ended = self._is_clearing or self._sync.ended.done()
            return is_ended or locks.admits(self._exchange)

        await locks.wait(may_go_on, None)
        if not locks.admits(self._exchange):
            return False
        if header.control & RMT_DELIVERED:
            self._has_output = False
        self._newest_id = header.parameter
        return True

    # The asynchronous connection

    async def _answer_async(self, header: Header, payload: bytes) -> None:
        match header.kind:
            case Kind.ASYNC_MAX_MSG_SIZE:
                self._set_size(payload)
            case Kind.ASYNC_STATUS_QUERY:
                # The message's number is not compared (6.14): pyvisa-py sends that of its next one.
                if header.control & RMT_DELIVERED:
                    self._has_output = False
                self._notify(Kind.ASYNC_STATUS_RESPONSE, self._exchange.poll())
            case Kind.ASYNC_DEVICE_CLEAR:
                self._is_clearing, self._has_output = True, False
                self._exchange.clear()
                self._station.locks.reconsider()
                self._notify(Kind.ASYNC_DEVICE_CLEAR_ACKNOWLEDGE, SYNCHRONIZED)
            case Kind.ASYNC_LOCK:
                control = await self._lock(header, payload)
                self._notify(Kind.ASYNC_LOCK_RESPONSE, control)
            case Kind.ASYNC_LOCK_INFO:
                locks = self._station.locks
                self._notify(Kind.ASYNC_LOCK_INFO_RESPONSE, locks.is_exclusive, locks.holders)
            case Kind.ASYNC_REMOTE_LOCAL_CONTROL:
                self._set_remote(header)
                self._notify(Kind.ASYNC_REMOTE_LOCAL_RESPONSE)
            case Kind.FATAL_ERROR:
                self.hang_up()
            case Kind.ERROR:
                pass
            case _:
                raise _unknown(header)

    def _notify(self, kind: Kind, control: int = 0, parameter: int = 0) -> None:
        if self._async is None:
            return
        self._async.write(message(kind, control, parameter))
        if self._async.unread_bytes() > MOST_UNREAD_BYTES:
            self.hang_up(at_once=True)  # it never reads what it is told

    def _set_size(self, payload: bytes) -> None:
        """Agree on sizes: each side says what it takes."""
        if len(payload) != 8:
            raise Refused(Complaint.UNIDENTIFIED, "a message size has eight bytes")
        size = int.from_bytes(payload)
        self._client_message = max(SMALLEST_MESSAGE, min(size, LARGEST_MESSAGE))
        assert self._async is not None
        answer = LARGEST_MESSAGE.to_bytes(8)
        self._async.write(message(Kind.ASYNC_MAX_MSG_SIZE_RESPONSE, payload=answer))

    async def _lock(self, header: Header, payload: bytes) -> int:
        """Request or give back a lock (tables 19 to 22).

        Returns:
            0 not in time, 1 granted or exclusive lock released, 2 shared lock released, 3 error.
        """
        locks, me = self._station.locks, self._exchange
        if header.control == 0:
            return {Released.NOTHING: 3, Released.EXCLUSIVE: 1, Released.SHARED: 2}[
                locks.release(me)
            ]
        if header.control != 1:
            raise Refused(Complaint.UNKNOWN_CONTROL_CODE, "a lock is released (0) or requested (1)")
        key = payload.decode("latin-1")
        if len(key) > LONGEST_KEY or (locks.has(me) if key else locks.has_exclusive(me)):
            return 3

        assert self._async is not None
        ended = self._async.ended

        def is_granted() -> bool:
            tried = locks.try_shared(me, key) if key else locks.try_exclusive(me)
            return tried or ended.done()

        return int(await locks.wait(is_granted, header.parameter / 1000))

    def _set_remote(self, header: Header) -> None:
        """Go to remote or local: the codes are those of viGpibControlREN."""
        remote = self._station.remote
        match header.control:
            case 0 | 6:
                remote.go_to_local()
            case 1:
                pass
            case 2:
                remote.go_to_local(ends_lockout=True)
            case 3:
                remote.go_to_remote()
            case 4:
                remote.is_locked_out = True
            case 5:
                remote.go_to_remote(with_lockout=True)
            case _:
                raise Refused(Complaint.UNKNOWN_CONTROL_CODE, "remote and local have codes 0 to 6")


async def _read(stream: Stream, refuse: Callable[[Refused], None]) -> tuple[Header, bytes]:
    """Return the next message that is not too large; one that is gets refused and dropped.

    Raises:
        FatalError: What came is no header.
    """
    while True:
        try:
            header = Header.parse(await stream.read_exactly(HEADER_BYTES))
        except BadHeader:
            raise FatalError(Fatal.POORLY_FORMED_HEADER) from None
        if header.length <= LARGEST_MESSAGE:
            return header, await stream.read_exactly(header.length)
        refuse(Refused(Complaint.TOO_LARGE, f"a message has at most {LARGEST_MESSAGE} bytes"))
        await stream.skip(header.length)


def _unknown(header: Header) -> Refused:
    if header.kind >= FIRST_VENDOR_KIND:
        return Refused(Complaint.UNKNOWN_VENDOR_MESSAGE, "no vendor's messages are known")
    return Refused(Complaint.UNKNOWN_KIND, f"message type {header.kind} has no meaning here")


def _send_fatal(stream: Stream, code: Fatal) -> None:
    stream.write(message(Kind.FATAL_ERROR, code, payload=FATAL_TEXT[code].encode()))


def _send_refusal(stream: Stream, refused: Refused) -> None:
    stream.write(message(Kind.ERROR, refused.code, payload=refused.why.encode()))
