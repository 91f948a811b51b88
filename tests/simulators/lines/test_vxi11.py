"""VXI-11 on real sockets: calls byte by byte, and whatever else a client may send."""

import contextlib
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from funcnodes_simulators.faults import Fault
from funcnodes_simulators.lines.vxi11 import Vxi11Server

from ...waiting import patience

MEGABYTE = bytes(range(256)) * 4096
CORE, ABORT = 0x0607AF, 0x0607B0
END, TERMCHAR, WAIT = 8, 128, 1
TIMEOUT_MS = 5000


def xdr(*values: int | bytes) -> bytes:
    """Whole numbers of four bytes, and opaque data with its length and padding."""
    return b"".join(
        struct.pack("!I", value & 0xFFFFFFFF)
        if isinstance(value, int)
        else struct.pack("!I", len(value)) + value + b"\0" * (-len(value) % 4)
        for value in values
    )


class Rpc:
    """A connection that makes calls."""

    def __init__(self, port: int, program: int = CORE) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.program = program
        self._numbers = itertools.count(1)

    def send(self, procedure: int, arguments: bytes, **other: int) -> int:
        number = next(self._numbers)
        program, version = other.get("program", self.program), other.get("version", 1)
        call = xdr(number, 0, other.get("rpc", 2), program, version, procedure, 0, 0, 0, 0)
        self.record(call + arguments)
        return number

    def record(self, data: bytes, *, is_last: bool = True) -> None:
        self.socket.sendall(struct.pack("!I", len(data) | (is_last << 31)) + data)

    def answer(self) -> bytes:
        """The next record, whatever it is."""
        mark = struct.unpack("!I", self._exactly(4))[0]
        assert mark >> 31
        return self._exactly(mark & 0x7FFFFFFF)

    def call(self, procedure: int, arguments: bytes, **other: int) -> bytes:
        """Call and return the results after a header that says all is well."""
        number = self.send(procedure, arguments, **other)
        answer = self.answer()
        assert answer[:24] == xdr(number, 1, 0, 0, 0, 0)
        return answer[24:]

    def is_ended(self) -> bool:
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)


class Client(Rpc):
    """A core channel with a link."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.error, self.link, self.abort_port, self.largest = self.create()

    def create(self, name: bytes = b"inst0", *, locked: int = 0) -> tuple[int, int, int, int]:
        return struct.unpack("!IiII", self.call(10, xdr(1, locked, 0, name)))

    def write(self, data: bytes, flags: int = END) -> tuple[int, int]:
        arguments = xdr(self.link, TIMEOUT_MS, 0, flags, data)
        return struct.unpack("!II", self.call(11, arguments))

    def read(
        self, size: int = 1 << 24, *, timeout_ms: int = TIMEOUT_MS, termchar: int | None = None
    ) -> tuple[int, int, bytes]:
        flags = 0 if termchar is None else TERMCHAR
        arguments = xdr(self.link, size, timeout_ms, 0, flags, termchar or 0)
        result = self.call(12, arguments)
        error, reason, length = struct.unpack("!III", result[:12])
        return error, reason, result[12 : 12 + length]

    def query(self, text: bytes) -> bytes:
        assert self.write(text) == (0, len(text))
        error, reason, data = self.read()
        assert (error, reason) == (0, 4)
        return data

    def generic(self, procedure: int, flags: int = 0, lock_timeout_ms: int = 0) -> tuple[int, ...]:
        """The error code, and the status byte of a poll."""
        result = self.call(procedure, xdr(self.link, flags, lock_timeout_ms, TIMEOUT_MS))
        return struct.unpack(f"!{len(result) // 4}I", result)

    def lock(self, flags: int = 0, timeout_ms: int = 0) -> int:
        return struct.unpack("!I", self.call(18, xdr(self.link, flags, timeout_ms)))[0]

    def unlock(self) -> int:
        return struct.unpack("!I", self.call(19, xdr(self.link)))[0]


@pytest.fixture
def wired(wire_up: Callable[..., Any]) -> Any:
    return wire_up(Vxi11Server, clients=3)


@pytest.fixture
def port(wired: Any) -> int:
    return int(wired.resource.split("::")[1].split(",")[1])


@pytest.fixture
def connect(port: int) -> Iterator[Callable[[], Client]]:
    clients: list[Client] = []

    def open_client() -> Client:
        clients.append(Client(port))
        return clients[-1]

    yield open_client
    for client in clients:
        client.socket.close()


@pytest.fixture
def rpc(port: int) -> Iterator[Callable[..., Rpc]]:
    opened: list[Rpc] = []

    def open_rpc(at: int = port, program: int = CORE) -> Rpc:
        opened.append(Rpc(at, program))
        return opened[-1]

    yield open_rpc
    for each in opened:
        each.socket.close()


def test_a_link_is_made_and_ended(connect) -> None:
    client = connect()
    assert client.error == 0
    assert client.largest == 1 << 20
    assert client.query(b"*IDN?\n") == b"ACME,SCOPE,SIM1,1.0\n"
    assert client.call(23, xdr(client.link)) == xdr(0)
    assert client.write(b"*IDN?")[0] == 4, "there is no such link any more"
    assert client.call(23, xdr(client.link)) == xdr(4)


def test_a_message_in_parts_ends_with_end(connect) -> None:
    client = connect()
    assert client.write(b"*ID", flags=0) == (0, 3)
    assert client.query(b"N?") == b"ACME,SCOPE,SIM1,1.0\n"


def test_a_response_is_read_in_parts_and_each_says_why_it_ends(connect) -> None:
    client = connect()
    client.write(b"*IDN?;*OPC?")
    assert client.read(4) == (0, 1, b"ACME")
    assert client.read(termchar=ord(",")) == (0, 2, b",")
    assert client.read(termchar=ord(",")) == (0, 2, b"SCOPE,")
    assert client.read(termchar=ord("\n")) == (0, 2 | 4, b"SIM1,1.0;1\n")


def test_a_read_with_nothing_to_read_times_out(connect) -> None:
    client = connect()
    began = time.monotonic()
    assert client.read(timeout_ms=50) == (15, 0, b"")
    assert time.monotonic() - began >= 0.05
    assert client.query(b"*OPC?") == b"1\n"


def test_who_writes_before_reading_gets_an_error_and_only_the_new_response(connect) -> None:
    client = connect()
    client.write(b"*IDN?")
    assert client.query(b"*OPC?;:SYST:ERR?") == b'1;-410,"Query INTERRUPTED"\n'


def test_a_waveform_of_a_megabyte_is_read(connect) -> None:
    client = connect()
    assert client.query(b":WAV:DATA?") == b"#71048576" + MEGABYTE + b"\n"


def test_mav_shows_while_a_response_waits(wired, connect) -> None:
    client = connect()
    assert client.generic(13) == (0, 0)
    client.write(b"*OPC?")
    wired.has_received("*OPC?")
    wired.until(lambda: any(c.line.has_output for c in wired.station.connections))
    assert client.generic(13) == (0, 16)
    assert client.read()[2] == b"1\n"
    assert client.generic(13) == (0, 0)


def test_clear_ends_a_long_query_and_the_next_reply_is_right(wired, connect) -> None:
    client = connect()
    client.write(b":LONG?")
    assert client.read(timeout_ms=20)[0] == 15
    assert client.generic(15) == (0,)
    assert client.query(b"*OPC?;:SYST:ERR?") == b'1;0,"No error"\n'


def test_trigger_remote_and_local(wired, connect) -> None:
    client = connect()
    assert client.generic(14) == (0,)
    assert client.query(b":TRIG:COUN?") == b"1\n"
    assert client.generic(16) == (0,)
    assert wired.station.state()["interface"]["remote"] is True
    assert client.generic(17) == (0,)
    assert wired.station.state()["interface"] == {"remote": False, "lockout": False, "locks": 0}


def test_a_lock_shuts_others_out_unless_they_wait(connect) -> None:
    first, second = connect(), connect()
    assert (first.lock(), first.lock(), second.lock()) == (0, 11, 11)
    assert second.write(b"*OPC?")[0] == 11
    assert second.generic(13)[0] == 11
    assert first.query(b"*OPC?") == b"1\n"
    second.send(18, xdr(second.link, WAIT, TIMEOUT_MS))
    assert first.unlock() == 0
    assert first.unlock() == 12
    assert second.answer()[-4:] == xdr(0)
    second.socket.close()
    third = connect()
    assert third.lock(WAIT, TIMEOUT_MS) == 0


def test_a_link_may_be_made_locked(connect) -> None:
    first, second = connect(), connect()
    assert first.create(locked=1)[0] == 0
    assert second.create(locked=1)[0] == 9, "three clients are all it takes"
    assert second.write(b"*OPC?")[0] == 11
    first.socket.close()
    assert second.lock(WAIT, TIMEOUT_MS) == 0


def test_abort_ends_a_read_that_waits(connect, rpc) -> None:
    client = connect()
    client.write(b":LONG?")
    client.send(12, xdr(client.link, 100, 60_000, 0, 0, 0))
    aborting = rpc(client.abort_port, ABORT)
    deadline = time.monotonic() + patience()
    client.socket.settimeout(0.05)
    answer = b""
    while not answer and time.monotonic() < deadline:
        # The read may not have begun yet when it is first aborted.
        assert aborting.call(1, xdr(client.link)) == xdr(0)
        with contextlib.suppress(TimeoutError):
            answer = client.answer()
    assert answer[24:] == xdr(23, 0, b"")
    assert aborting.call(1, xdr(999)) == xdr(4)


def test_a_service_request_calls_back(connect) -> None:
    client = connect()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)
        port = listening.getsockname()[1]
        where = xdr(0x7F000001, port, 0x0607B1, 1, 0)
        assert client.call(25, where) == xdr(0)
        assert client.call(25, where) == xdr(29)
        called, _ = listening.accept()
    with called:
        called.settimeout(5)
        assert client.call(20, xdr(client.link, 1, b"mine!")) == xdr(0)
        client.write(b"*SRE 4;:NONSENSE")
        call = called.recv(1000)
        assert call[8:32] == xdr(0, 2, 0x0607B1, 1, 30, 0)
        assert call.endswith(xdr(b"mine!"))
        assert client.generic(13) == (0, 64 | 4)
        assert client.call(26, b"") == xdr(0)
        assert called.recv(1) == b""
    assert client.call(26, b"") == xdr(6)


@pytest.mark.parametrize(
    ("where", "code"),
    [
        (xdr(0x08080808, 80, 1, 1, 0), 5),
        (xdr(0x7F000001, 0, 1, 1, 0), 5),
        (xdr(0x7F000001, 1, 1, 1, 0), 6),
        (xdr(0x7F000001, 80, 1, 1, 1), 8),
    ],
    ids=["another host", "no port", "nobody listens", "UDP"],
)
def test_it_calls_back_nobody_but_the_client(connect, where, code) -> None:
    assert connect().call(25, where) == xdr(code)


def test_what_it_has_not_got_is_an_error_code(connect) -> None:
    client = connect()
    assert client.create(b"gpib0,5")[0] == 3
    assert client.call(22, xdr(client.link, 0, 0, 0, 0, 0, 0, b"")) == xdr(8, b"")
    assert client.write(bytes((1 << 20) + 1))[0] == 5
    assert client.query(b"*OPC?") == b"1\n"


def test_one_link_too_many_and_one_that_comes_straight_back(wire_up) -> None:
    wired = wire_up(Vxi11Server)
    first = Client(wired.port)
    late = Client(wired.port)
    assert (first.error, late.error) == (0, 9)
    late.socket.close()
    for _ in range(10):
        first.socket.close()
        first = Client(wired.port)
        assert first.query(b"*OPC?") == b"1\n"
    first.socket.close()


def test_wrong_calls_are_told_what_is_wrong(rpc) -> None:
    """RFC 5531, section 9."""
    client = rpc()
    assert client.call(0, b"") == b"", "procedure 0 does nothing"
    wrong = [
        ({"procedure": 99}, xdr(1, 0, 0, 0, 3)),
        ({"procedure": 10}, xdr(1, 0, 0, 0, 4)),
        ({"procedure": 10, "program": 1}, xdr(1, 0, 0, 0, 1)),
        ({"procedure": 10, "version": 7}, xdr(1, 0, 0, 0, 2, 1, 1)),
        ({"procedure": 10, "rpc": 3}, xdr(1, 1, 0, 2, 2)),
    ]
    for call, answer in wrong:
        number = client.send(arguments=b"", **call)
        assert client.answer() == xdr(number) + answer


def test_a_record_may_come_in_fragments(rpc) -> None:
    client = rpc()
    call = xdr(7, 0, 2, CORE, 1, 0, 0, 0, 0, 0)
    for byte in call[:-1]:
        client.record(bytes([byte]), is_last=False)
    client.record(b"", is_last=False)
    client.record(call[-1:])
    assert client.answer() == xdr(7, 1, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x20\x00\x00" + bytes(1 << 21),
        b"\x80\x00\x00\x00",
        b"\x80\x00\x00\x08" + xdr(1, 1),
        b"\x80\x00\x00\x28" + xdr(7, 0, 2, CORE, 1, 0, 0, 0xFFFFFFFF, 0, 0),
    ],
    ids=["huge last fragment", "huge record", "empty", "a reply", "endless credentials"],
)
def test_what_is_no_call_ends_the_connection(rpc, connect, data) -> None:
    client = rpc()
    with contextlib.suppress(ConnectionError):
        client.socket.sendall(data)
    assert client.is_ended()
    assert connect().query(b"*OPC?") == b"1\n"


def test_half_a_call_holds_up_nobody_else(rpc, connect) -> None:
    half, client = rpc(), connect()
    call = xdr(7, 0, 2, CORE, 1, 0, 0, 0, 0, 0)
    half.socket.sendall(struct.pack("!I", len(call) | 1 << 31) + call[:-1])
    assert client.query(b"*OPC?") == b"1\n"
    half.socket.sendall(call[-1:])
    assert half.answer() == xdr(7, 1, 0, 0, 0, 0)


def test_a_client_that_leaves_in_the_middle_of_a_read_is_let_go(wired, connect) -> None:
    client = connect()
    client.send(12, xdr(client.link, 100, 3_600_000, 0, 0, 0))
    client.socket.close()
    wired.until(lambda: not wired.station.connections)


def test_faults_happen_on_this_wire_too(wired, connect, rpc) -> None:
    client = connect()
    plan = wired.station.faults
    plan.add(Fault("drop", match="*IDN"))
    client.write(b"*IDN?")
    assert client.read(timeout_ms=20)[0] == 15
    plan.add(Fault("truncate", match="*IDN"))
    client.write(b"*IDN?")
    assert client.read(timeout_ms=50)[0] == 15, "without its end it is not complete"
    plan.add(Fault("delay", seconds=0.05, match="*IDN"))
    began = time.monotonic()
    assert client.query(b"*IDN?") == b"ACME,SCOPE,SIM1,1.0\n"
    assert time.monotonic() - began >= 0.05
    plan.add(Fault("split", seconds=0.01, match="*IDN"))
    assert client.query(b"*IDN?") == b"ACME,SCOPE,SIM1,1.0\n"
    plan.add(Fault("garbage", match="*IDN"))
    assert client.query(b"*IDN?") != b"ACME,SCOPE,SIM1,1.0\n"
    plan.add(Fault("close", match="*IDN"))
    client.send(11, xdr(client.link, TIMEOUT_MS, 0, END, b"*IDN?"))
    client.answer()
    assert client.is_ended()
    plan.add(Fault("refuse"))
    with contextlib.suppress(ConnectionResetError):  # which may overtake the connect itself
        assert rpc().is_ended()
    assert connect().query(b"*OPC?") == b"1\n"


def test_two_threads_with_links_of_their_own_never_mix(port) -> None:
    wrong: list[bytes] = []

    def ask(text: bytes, expected: bytes) -> None:
        client = Client(port)
        for _ in range(50):
            if (got := client.query(text)) != expected:
                wrong.append(got)
        client.socket.close()

    threads = [
        threading.Thread(target=ask, args=(b"*OPC?", b"1\n")),
        threading.Thread(target=ask, args=(b"*IDN?", b"ACME,SCOPE,SIM1,1.0\n")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience())
    assert wrong == []


CALLS = st.builds(
    lambda procedure, arguments, tail: (
        xdr(7, 0, 2, CORE, 1, procedure, 0, 0, 0, 0, *arguments) + tail
    ),
    st.integers(0, 30),
    st.lists(st.integers(0, 20) | st.just(0xFFFFFFFF) | st.binary(max_size=20), max_size=8),
    st.binary(max_size=12),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(CALLS | st.binary(max_size=60), max_size=8), tail=st.binary(max_size=8))
def test_nothing_that_a_client_sends_breaks_the_server(wired, port, records, tail) -> None:
    client = Client(port)
    with contextlib.suppress(OSError):  # it may have hung up on us
        for record in records:
            client.record(record)
        client.socket.sendall(tail)
        client.socket.shutdown(socket.SHUT_WR)
    client.socket.close()
    wired.until(lambda: not wired.station.connections)
    healthy = Client(port)
    assert healthy.query(b"*CLS;*SRE 0;*OPC?") == b"1\n"
    healthy.socket.close()
