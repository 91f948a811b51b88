"""HiSLIP on real sockets: the dialogue byte by byte, and whatever else a client may send."""

import contextlib
import socket
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from funcnodes_simulators.faults import Fault
from funcnodes_simulators.lines import hislip
from funcnodes_simulators.lines.hislip import HislipServer
from funcnodes_simulators.lines.hislip_messages import Kind, message

MEGABYTE = bytes(range(256)) * 4096
HEADER = struct.Struct("!2sBBIQ")


@dataclass
class Received:
    """One message from the server."""

    kind: int
    control: int
    parameter: int
    payload: bytes


class Wire:
    """One TCP connection to the server, in messages."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)

    def send(self, kind: int, control: int = 0, parameter: int = 0, payload: bytes = b"") -> None:
        header = HEADER.pack(b"HS", kind, control, parameter, len(payload))
        self.socket.sendall(header + payload)

    def read(self) -> Received:
        prologue, kind, control, parameter, length = HEADER.unpack(self._exactly(16))
        assert prologue == b"HS"
        return Received(kind, control, parameter, self._exactly(length))

    def ask(
        self, kind: int, control: int = 0, parameter: int = 0, payload: bytes = b""
    ) -> Received:
        self.send(kind, control, parameter, payload)
        return self.read()

    def is_ended(self) -> bool:
        """Wait for the next byte or the end of the connection, and tell which it was."""
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


class Client:
    """Both connections of one client, initialized."""

    def __init__(self, port: int, *, size: int = 1 << 20) -> None:
        self.sync = Wire(port)
        self.hello = self.sync.ask(Kind.INITIALIZE, 0, 0x0100_7878, b"hislip0")
        assert self.hello.kind == Kind.INITIALIZE_RESPONSE
        self.async_ = Wire(port)
        session = self.hello.parameter & 0xFFFF
        assert self.async_.ask(Kind.ASYNC_INITIALIZE, 0, session).kind == 18
        self.async_.ask(Kind.ASYNC_MAX_MSG_SIZE, payload=struct.pack("!Q", size))
        self.id = 0xFFFFFF00
        self.read_it_all = 0

    def write(self, text: bytes) -> int:
        """Send a whole message; returns its number."""
        number, self.id = self.id, (self.id + 2) & 0xFFFFFFFF
        self.sync.send(Kind.DATA_END, self.read_it_all, number, text)
        self.read_it_all = 0
        return number

    def query(self, text: bytes) -> bytes:
        number = self.write(text)
        whole = b""
        while True:
            part = self.sync.read()
            assert part.kind in (Kind.DATA, Kind.DATA_END)
            assert part.parameter == number
            whole += part.payload
            if part.kind == Kind.DATA_END:
                self.read_it_all = 1
                return whole

    def status(self) -> int:
        flag, self.read_it_all = self.read_it_all, 0
        answer = self.async_.ask(Kind.ASYNC_STATUS_QUERY, flag, self.id)
        assert answer.kind == Kind.ASYNC_STATUS_RESPONSE
        return answer.control

    def clear(self) -> None:
        """Do a device clear, as 6.12 says."""
        assert self.async_.ask(Kind.ASYNC_DEVICE_CLEAR).kind == Kind.ASYNC_DEVICE_CLEAR_ACKNOWLEDGE
        self.sync.send(Kind.DEVICE_CLEAR_COMPLETE)
        while self.sync.read().kind != Kind.DEVICE_CLEAR_ACKNOWLEDGE:
            pass
        self.id, self.read_it_all = 0xFFFFFF00, 0

    def close(self) -> None:
        self.sync.socket.close()
        self.async_.socket.close()


@pytest.fixture
def wired(wire_up: Callable[..., Any]) -> Any:
    return wire_up(HislipServer, clients=3)


@pytest.fixture
def connect(wired: Any) -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def open_client(**options: int) -> Client:
        clients.append(Client(wired.port, **options))
        return clients[-1]

    yield open_client
    for client in clients:
        client.close()


@pytest.fixture
def wire(wired: Any) -> Iterator[Callable[[], Wire]]:
    wires: list[Wire] = []

    def open_wire() -> Wire:
        wires.append(Wire(wired.port))
        return wires[-1]

    yield open_wire
    for each in wires:
        each.socket.close()


def test_a_session_opens_as_the_standard_says(wired, wire) -> None:
    sync = wire()
    sync.socket.sendall(b"HS\x00\x00\x01\x00xx" + (7).to_bytes(8) + b"hislip0")
    hello = sync.read()
    assert (hello.kind, hello.control) == (1, 0), "synchronized mode is preferred"
    assert hello.parameter >> 16 == 0x0100
    asynchronous = wire()
    answer = asynchronous.ask(17, 0, hello.parameter & 0xFFFF)
    assert (answer.kind, answer.control, answer.payload) == (18, 0, b"")
    size = asynchronous.ask(15, 0, 0, (4096).to_bytes(8))
    assert (size.kind, size.payload) == (16, (1 << 20).to_bytes(8))


def test_a_response_carries_the_number_of_its_message(connect) -> None:
    client = connect()
    assert client.query(b"*IDN?\n") == b"ACME,SCOPE,SIM1,1.0\n"
    assert client.query(b"*OPC?") == b"1\n", "END alone ends a message"


def test_a_message_in_parts_is_answered_once_at_its_end(connect) -> None:
    client = connect()
    client.sync.send(Kind.DATA, 0, client.id, b"*ID")
    client.id += 2
    assert client.query(b"N?") == b"ACME,SCOPE,SIM1,1.0\n"


def test_a_response_comes_in_messages_no_larger_than_the_client_takes(connect) -> None:
    client = connect(size=1000)
    number = client.write(b":WAV:DATA?")
    sizes, data = set(), b""
    while True:
        part = client.sync.read()
        assert part.parameter == number
        sizes.add(len(part.payload))
        data += part.payload
        if part.kind == Kind.DATA_END:
            break
    assert data == b"#71048576" + MEGABYTE + b"\n"
    assert max(sizes) == 1000 - 16


def test_mav_shows_until_the_client_says_that_it_has_read(connect) -> None:
    client = connect()
    assert client.status() == 0
    assert client.query(b"*OPC?") == b"1\n"
    client.read_it_all = 0
    assert client.status() == 16
    client.read_it_all = 1
    assert client.status() == 0


def test_who_writes_before_reading_gets_an_error_and_only_the_new_response(wired, connect) -> None:
    """IVI-6.1, 3.1.1: with a response sent already, the client is not told."""
    client = connect()
    client.write(b"*IDN?")
    assert client.sync.read().payload.startswith(b"ACME")
    assert client.query(b":SYST:ERR?") == b'-410,"Query INTERRUPTED"\n'


def test_a_response_overtaken_by_the_next_message_is_void(wired, connect) -> None:
    """IVI-6.1, 3.1.1: with more input waiting, both connections hear of it."""
    client = connect()
    client.sync.send(Kind.DATA_END, 0, client.id, b"*IDN?")
    # In one piece with the next message, so that this one is in when the response is ready.
    client.sync.socket.sendall(
        message(Kind.DATA_END, 0, client.id, b"*OPC?")
        + message(Kind.DATA_END, 0, client.id + 2, b"*OPC?")
    )
    kinds = [client.async_.read().kind]
    assert kinds == [Kind.ASYNC_INTERRUPTED]
    while (got := client.sync.read()).kind != Kind.DATA_END or got.parameter != client.id + 2:
        kinds.append(got.kind)
    assert Kind.INTERRUPTED in kinds
    assert got.payload == b"1\n"


def test_device_clear_ends_a_long_query_and_the_next_reply_is_right(wired, connect) -> None:
    client = connect()
    client.write(b":LONG?")
    wired.has_received(":LONG?")
    client.clear()
    assert client.query(b"*OPC?") == b"1\n"
    assert client.query(b":SYST:ERR?") == b'0,"No error"\n', "a clear is no error"


def test_device_clear_forgets_half_a_message(connect) -> None:
    client = connect()
    client.sync.send(Kind.DATA, 0, client.id, b":GARBAGE ")
    client.clear()
    assert client.query(b"*OPC?;:SYST:ERR?") == b'1;0,"No error"\n'


def test_a_trigger_message_triggers(connect) -> None:
    client = connect()
    client.sync.send(Kind.TRIGGER, 0, client.id)
    client.id += 2
    assert client.query(b":TRIG:COUN?") == b"1\n"


def test_a_service_request_is_told_once_and_cleared_by_the_poll(connect) -> None:
    client = connect()
    client.write(b"*CLS;*ESE 32;*SRE 32;:NONSENSE")
    request = client.async_.read()
    assert (request.kind, request.control) == (Kind.ASYNC_SERVICE_REQUEST, 0x60 | 4)
    assert client.status() == 0x60 | 4
    assert client.status() == 0x20 | 4, "RQS goes with the poll, the event stays"
    client.write(b"*CLS")
    client.write(b":NONSENSE")
    assert client.async_.read().kind == Kind.ASYNC_SERVICE_REQUEST


def test_a_service_request_for_mav(connect) -> None:
    client = connect()
    client.write(b"*SRE 16")
    client.write(b"*OPC?")
    assert client.async_.read().control == 16 | 64
    assert client.sync.read().payload == b"1\n"


def test_an_exclusive_lock_holds_others_up_until_it_is_given_back(wired, connect) -> None:
    first, second = connect(), connect()
    assert first.async_.ask(Kind.ASYNC_LOCK, 1, 0).control == 1
    assert first.async_.ask(Kind.ASYNC_LOCK, 1, 0).control == 3, "twice is an error"
    assert second.async_.ask(Kind.ASYNC_LOCK, 1, 0).control == 0
    info = second.async_.ask(Kind.ASYNC_LOCK_INFO)
    assert (info.kind, info.control, info.parameter) == (25, 1, 1)
    second.write(b"*OPC?")
    assert first.query(b"*IDN?").startswith(b"ACME")
    assert [text for _, text in wired.station.commands] == ["*IDN?"]
    assert first.async_.ask(Kind.ASYNC_LOCK, 0, 0).control == 1
    assert second.sync.read().payload == b"1\n"
    assert second.async_.ask(Kind.ASYNC_LOCK, 0, 0).control == 3


def test_a_lock_is_waited_for_and_goes_with_its_owner(wired, connect) -> None:
    first, second, third = connect(), connect(), connect()
    assert first.async_.ask(Kind.ASYNC_LOCK, 1, 0, b"key").control == 1
    assert second.async_.ask(Kind.ASYNC_LOCK, 1, 0, b"key").control == 1
    assert second.async_.ask(Kind.ASYNC_LOCK_INFO).parameter == 2
    third.async_.send(Kind.ASYNC_LOCK, 1, 10_000)
    first.close()
    assert second.async_.ask(Kind.ASYNC_LOCK, 0).control == 2
    assert third.async_.read().control == 1


def test_who_leaves_while_waiting_for_a_lock_is_let_go(wired, connect) -> None:
    first, second = connect(), connect()
    assert first.async_.ask(Kind.ASYNC_LOCK, 1, 0).control == 1
    second.async_.send(Kind.ASYNC_LOCK, 1, 3_600_000)
    second.write(b"*OPC?")
    second.close()
    wired.until(lambda: len(wired.station.connections) == 1)


def test_remote_and_local(wired, connect) -> None:
    client = connect()
    shown = []
    for code in (3, 5, 6, 2):
        assert client.async_.ask(Kind.ASYNC_REMOTE_LOCAL_CONTROL, code).kind == 11
        shown.append(wired.station.state()["interface"])
    assert [(each["remote"], each["lockout"]) for each in shown] == [
        (True, False), (True, True), (False, True), (False, False),
    ]  # fmt: skip


def test_one_client_too_many_is_told_so(connect, wire) -> None:
    clients = [connect() for _ in range(3)]
    late = wire()
    refusal = late.ask(Kind.INITIALIZE, 0, 0x01000000, b"hislip0")
    assert (refusal.kind, refusal.control) == (Kind.FATAL_ERROR, 4)
    assert late.is_ended()
    clients[0].close()
    assert connect().query(b"*OPC?") == b"1\n"


def test_a_client_that_comes_straight_back_is_let_in(wire_up) -> None:
    wired = wire_up(HislipServer)
    for _ in range(10):
        client = Client(wired.port)
        assert client.query(b"*OPC?") == b"1\n"
        client.close()


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 1),
        (message(Kind.DATA_END, 0, 0, b"*IDN?"), 3),
        (message(Kind.INITIALIZE, 0, 0x01000000, b"hislip7"), 3),
        (message(Kind.ASYNC_INITIALIZE, 0, 999), 3),
        (message(Kind.INITIALIZE) + message(Kind.DATA_END, 0, 0, b"*IDN?"), 2),
    ],
    ids=["no header", "no initialize", "no such device", "no such session", "one channel only"],
)
def test_a_bad_beginning_is_a_fatal_error(wire, connect, first, code) -> None:
    bad = wire()
    bad.socket.sendall(first)
    answers = [bad.read()]
    if answers[-1].kind == Kind.INITIALIZE_RESPONSE:
        answers.append(bad.read())
    assert (answers[-1].kind, answers[-1].control) == (Kind.FATAL_ERROR, code)
    assert answers[-1].payload.isascii()
    assert bad.is_ended()
    assert connect().query(b"*OPC?") == b"1\n"


@pytest.mark.parametrize(("kind", "code"), [(99, 1), (200, 3), (Kind.INITIALIZE, 1)])
def test_an_unknown_message_is_an_error_and_the_next_one_is_answered(connect, kind, code) -> None:
    client = connect()
    for channel in (client.sync, client.async_):
        answer = channel.ask(kind, 0, 0, b"with a payload")
        assert (answer.kind, answer.control) == (Kind.ERROR, code)
    assert client.query(b"*OPC?") == b"1\n"


def test_unknown_control_codes_are_errors(connect) -> None:
    client = connect()
    for kind in (Kind.ASYNC_LOCK, Kind.ASYNC_REMOTE_LOCAL_CONTROL):
        answer = client.async_.ask(kind, 77)
        assert (answer.kind, answer.control) == (Kind.ERROR, 2)
    assert client.async_.ask(Kind.ASYNC_MAX_MSG_SIZE, payload=b"abc").kind == Kind.ERROR


def test_too_large_a_message_is_dropped_and_the_connection_goes_on(connect) -> None:
    client = connect()
    client.sync.send(Kind.DATA, 0, client.id, bytes((1 << 20) + 1))
    answer = client.sync.read()
    assert (answer.kind, answer.control) == (Kind.ERROR, 4)
    assert client.query(b"*OPC?") == b"1\n"


def test_an_endless_message_is_never_kept(wired, connect) -> None:
    client = connect()
    client.sync.socket.sendall(HEADER.pack(b"HS", Kind.DATA, 0, 0, (1 << 64) - 1))
    megabyte = bytes(1 << 20)
    tracemalloc.start()
    try:
        for _ in range(32):
            client.sync.socket.sendall(megabyte)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2 << 20
    assert client.sync.read().control == 4
    assert client.status() == 0, "the other connection goes on"


def test_half_a_message_holds_up_nobody_else(wired, connect, wire) -> None:
    half, client = wire(), connect()
    half.socket.sendall(message(Kind.INITIALIZE, payload=b"hislip0")[:7])
    unfinished = connect()
    unfinished.sync.socket.sendall(message(Kind.DATA_END, 0, unfinished.id, b"*IDN?")[:-1])
    assert client.query(b"*OPC?") == b"1\n"
    unfinished.sync.socket.sendall(b"?")
    assert unfinished.sync.read().payload == b"ACME,SCOPE,SIM1,1.0\n"


def test_who_does_not_finish_the_beginning_is_let_go(wired, wire, monkeypatch) -> None:
    monkeypatch.setattr(hislip, "INITIALIZE_WITHIN_S", 0.05)
    silent, half = wire(), wire()
    assert half.ask(Kind.INITIALIZE, 0, 0x01000000, b"hislip0").kind == Kind.INITIALIZE_RESPONSE
    assert silent.is_ended()
    assert half.is_ended()
    wired.until(lambda: not wired.station.connections)


def test_one_connection_takes_the_other_along(connect) -> None:
    client = connect()
    client.async_.socket.close()
    assert client.sync.is_ended()


def test_faults_happen_on_this_wire_too(wired, connect) -> None:
    client = connect()
    plan = wired.station.faults
    plan.add(Fault("drop", match="*IDN"))
    client.write(b"*IDN?")
    assert client.query(b"*OPC?") == b"1\n"
    plan.add(Fault("truncate", match="*IDN"))
    client.write(b"*IDN?")
    half = client.sync.read()
    assert (half.kind, half.payload) == (Kind.DATA, b"ACME,SCOPE")
    plan.add(Fault("late", seconds=0.05, match="*IDN"))
    client.write(b"*IDN?")
    assert client.query(b"*OPC?;*ESR?").startswith(b"1;")
    late = client.sync.read()
    assert (late.parameter, late.payload[:4]) == (client.id - 4, b"ACME"), "a number of its own"
    plan.add(Fault("garbage", match="*IDN"))
    assert client.query(b"*IDN?") != b"ACME,SCOPE,SIM1,1.0\n"
    plan.add(Fault("split", seconds=0.01, match="*IDN"))
    assert client.query(b"*IDN?") == b"ACME,SCOPE,SIM1,1.0\n"
    plan.add(Fault("close", match="*IDN"))
    client.write(b"*IDN?")
    assert client.sync.read().kind == Kind.DATA
    assert client.sync.is_ended()
    assert client.async_.is_ended()


def test_refused_connects_and_power_cycles_cut_clients_off(wired, connect, wire) -> None:
    client = connect()
    wired.power_cycle()
    assert client.sync.is_ended()
    wired.until(lambda: not wired.station.connections)
    wired.station.faults.add(Fault("refuse"))
    with contextlib.suppress(ConnectionResetError):  # which may overtake the connect itself
        assert wire().is_ended()
    assert connect().query(b"*OPC?") == b"1\n"


HEADERS = st.builds(
    lambda kind, control, parameter, payload, lie: (
        HEADER.pack(b"HS", kind, control, parameter, max(0, len(payload) + lie)) + payload
    ),
    st.integers(0, 255) | st.integers(0, 26),
    st.integers(0, 255) | st.integers(0, 7),
    st.integers(0, 50) | st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=40) | st.sampled_from([b"*IDN?", b"*SRE 16;*OPC?", b"hislip0"]),
    st.sampled_from([0] * 8 + [-1, 1, 1 << 40]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sync=st.lists(HEADERS | st.binary(max_size=40), max_size=8),
    asynchronous=st.lists(HEADERS | st.binary(max_size=40), max_size=8),
)
def test_nothing_that_a_client_sends_breaks_the_server(wired, sync, asynchronous) -> None:
    client, stranger = Client(wired.port), Wire(wired.port)
    for channel, pieces in (
        (client.sync, sync), (client.async_, asynchronous), (stranger, sync)
    ):  # fmt: skip
        with contextlib.suppress(OSError):  # it may have hung up on us
            channel.socket.sendall(b"".join(pieces))
            channel.socket.shutdown(socket.SHUT_WR)
    client.close()
    stranger.socket.close()
    wired.until(lambda: not wired.station.connections)
    healthy = Client(wired.port)
    assert healthy.query(b"*CLS;*SRE 0;*OPC?") == b"1\n"
    healthy.close()
