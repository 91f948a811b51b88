"""Emergency bytes by those who cannot wait: in which order, to whom, all of them, latched first."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from funcnodes.devices.estop.emergency import Emergency, Target, strike, strike_all
from funcnodes.devices.estop.latch import Latch

from ...waiting import eventually, patience

OFF = b"\n:OUTP OFF\n"


class Instrument:
    """On a socket: answers `*IDN?` unless it is mute, and keeps every piece that it hears."""

    def __init__(self, idn: str = "ACME,ONE,7,1") -> None:
        self.idn = idn
        self.pieces: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def heard(self) -> bytes:
        return b"".join(self.pieces)

    def target(self, **options: Any) -> Target:
        port = self._listener.getsockname()[1]
        return Target(
            device="one", address=f"TCPIP0::127.0.0.1::{port}::SOCKET", transport="tcp",
            **{"data": OFF, "ask": b"\n*IDN?\n", "idn": "ACME,ONE,7,1", **options},
        )  # fmt: skip

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(patience())

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                while data := connection.recv(4096):
                    self.pieces.append(data)
                    if b"*IDN?\n" in data and self.idn:
                        connection.sendall(self.idn.encode() + b"\n")


@pytest.fixture
def instrument() -> Iterator[Instrument]:
    found = Instrument()
    yield found
    found.close()


def test_one_that_was_never_reached_gets_its_bytes_without_a_question(
    instrument: Instrument,
) -> None:
    """Nobody knows who it should be; that it may be on is reason enough."""
    struck = strike(instrument.target(idn=""), within_s=patience())
    assert (struck.device, struck.sent, struck.message) == ("one", True, "")
    eventually(lambda: instrument.heard == OFF)


def test_one_that_says_nothing_gets_its_bytes_all_the_same(instrument: Instrument) -> None:
    """It may be hanging, and still carry out what it is told."""
    instrument.idn = ""
    struck = strike(instrument.target(), within_s=patience())
    assert struck.sent, struck.message
    eventually(lambda: instrument.heard == b"\n*IDN?\n" + OFF)


@pytest.mark.parametrize("idn", ["ACME,ONE,8,1", "ACME,MAGNET,7,1", "OTHER,ONE,7,1"])
def test_one_that_says_it_is_another_gets_none(instrument: Instrument, idn: str) -> None:
    instrument.idn = idn
    struck = strike(instrument.target(), within_s=patience())
    assert not struck.sent
    assert "another instrument answers" in struck.message
    assert OFF not in instrument.heard


def test_late_replies_before_it_says_who_it_is_do_not_keep_the_bytes_from_it(
    instrument: Instrument,
) -> None:
    instrument.idn = "1.5\n9.9E37\nACME,ONE,7,1"
    assert strike(instrument.target(), within_s=patience()).sent
    eventually(lambda: OFF in instrument.heard)


def test_of_several_pieces_every_one_is_sent_and_in_order(instrument: Instrument) -> None:
    """On a line where each command has its own frame: half of them switches half of it off."""
    pieces = [b"\nONE OFF\n", b"TWO OFF\n", b"THREE OFF\n"]
    target = instrument.target(data=pieces[0], more=pieces[1:], idn="")
    assert strike(target, within_s=patience()).sent
    eventually(lambda: instrument.heard == b"".join(pieces))
    assert len(instrument.pieces) == 3, "each was heard on its own"


def test_one_that_cannot_be_reached_is_told_and_keeps_no_other_from_its_bytes(
    instrument: Instrument,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = f"TCPIP0::127.0.0.1::{listener.getsockname()[1]}::SOCKET"
    away = Target(device="away", address=gone, transport="tcp", data=OFF)
    wrong = Target(device="wrong", address="no address", transport="tcp", data=OFF)
    struck = strike_all([away, wrong, instrument.target()], within_s=patience())
    assert [(each.device, each.sent) for each in struck] == [
        ("away", False), ("wrong", False), ("one", True),
    ]  # fmt: skip
    assert all(each.message for each in struck[:2])


# ── from a thread, on the connections that are open ───────────────────────────────────────


@dataclass
class Line:
    """What a bench has open to a device."""

    name: str
    log: list[str]
    latch: Latch
    interrupt_s: float = 0.1
    takes: bool = True
    data: list[bytes] = field(default_factory=list)

    def strike(self, data: bytes) -> bool:
        assert self.latch.latched, "bytes before the latch: a write may follow them"
        self.log.append(self.name)
        self.data.append(data)
        return self.takes


@pytest.fixture
def latch() -> Latch:
    return Latch()


def emergency(latch: Latch, *lines: Line, targets: tuple[Target, ...] = ()) -> Emergency:
    shots = [(line.name, OFF, line) for line in lines]

    def of(cause: str) -> list[Target]:
        return list(targets) if cause == "on_estop" else []

    return Emergency(latch, lambda: iter(shots), of)  # type: ignore[arg-type, return-value]  # lines stand for links


def test_it_latches_first_then_writes_in_stop_order(latch: Latch) -> None:
    log: list[str] = []
    lines = [Line(name, log, latch) for name in ("hv", "smu", "tc")]
    fired = emergency(latch, *lines).fire("smoke", "anna")
    assert log == ["hv", "smu", "tc"]
    assert [each.device for each in fired] == log
    assert all(each.ms is not None for each in fired)
    assert [line.data for line in lines] == [[OFF]] * 3
    assert (latch.state.cause, latch.state.by) == ("smoke", "anna")


def test_what_takes_bytes_at_once_does_not_wait_for_what_may_have_to_end_a_call(
    latch: Latch,
) -> None:
    """A VISA call may hold its bytes up for seconds: it comes last, whatever its place."""
    log: list[str] = []
    slow = [Line(name, log, latch, interrupt_s=2.0) for name in ("visa", "gpib")]
    quick = [Line(name, log, latch) for name in ("tcp", "serial")]
    emergency(latch, slow[0], quick[0], slow[1], quick[1]).fire()
    assert log == ["tcp", "serial", "visa", "gpib"]


def test_one_whose_connection_takes_no_bytes_is_dialled(
    latch: Latch, instrument: Instrument
) -> None:
    log: list[str] = []
    deaf = Line("one", log, latch, takes=False)
    lost = Line("two", log, latch, takes=False)
    fired = emergency(latch, deaf, lost, targets=(instrument.target(idn=""),)).fire()
    assert {each.device: each.ms is not None for each in fired} == {"one": True, "two": False}
    eventually(lambda: instrument.heard == OFF)
