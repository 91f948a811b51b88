"""Emergency bytes to instruments as they are: their terminators, deaf after opening (S3)."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from funcnodes.devices.declarations.controls import control
from funcnodes.devices.declarations.drivers import ScpiDevice, driver
from funcnodes.devices.estop.emergency import strike
from funcnodes.testing.benches import bench_of

from ...waiting import patience, until


@driver("acme.source", title="Source", errors="", manual="m")
class Source(ScpiDevice):
    """Has an output; ends its lines by a line feed, as far as it knows."""

    output = control(bool, ":OUTP?", ":OUTP {v:d}", safe=False)


class Board:
    """Ends lines by a carriage return, and is deaf for a while after each opening."""

    def __init__(self) -> None:
        self.deaf_s = 0.0
        self.identity = b"ACME,SOURCE \xb5,7,1"
        self.heard: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.02)
        self.port = self._listener.getsockname()[1]
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._is_ending.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._is_ending.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            with connection:
                self._carry(connection, time.monotonic() + self.deaf_s)

    def _carry(self, connection: socket.socket, hears_at: float) -> None:
        connection.settimeout(0.02)
        got = b""
        while not self._is_ending.is_set():
            try:
                data = connection.recv(1024)
            except TimeoutError:
                continue
            except ConnectionError:
                return
            if not data:
                return
            if time.monotonic() < hears_at:
                continue
            *lines, got = (got + data).split(b"\r")
            self.heard += lines
            for line in lines:
                reply = {b"*IDN?": self.identity, b":OUTP?": b"0"}.get(line)
                if reply is not None:
                    connection.sendall(reply + b"\r")


@pytest.fixture
def board() -> Iterator[Board]:
    found = Board()
    yield found
    found.close()


def bench_on(board: Board, options: str = "") -> Any:
    address = f"127.0.0.1:{board.port}?eol=cr&encoding=latin-1{options}"
    return bench_of({"it": (Source, address)})


async def test_they_end_as_the_address_says(board: Board) -> None:
    async with bench_on(board) as bench:
        assert bench.device("it").emergency_bytes() == b"\r:OUTP 0\r"
        (ack,) = await bench.estop("test", by="test")
        assert ack.state == "off"
        assert b":OUTP 0" in board.heard


async def test_the_guardian_speaks_as_the_address_says_and_knows_who_is_there(
    board: Board,
) -> None:
    async with bench_on(board) as bench:
        (target,) = bench.emergency.targets("on_estop")
    struck = await asyncio.to_thread(strike, target, within_s=patience())
    assert struck.sent, struck.message
    await until(lambda: board.heard.count(b":OUTP 0") == 1)
    board.identity = b"ACME,SOURCE \xb5,8,1"
    struck = await asyncio.to_thread(strike, target, within_s=patience())
    assert not struck.sent
    assert "another instrument answers" in struck.message
    assert "its serial number is '8', not '7'" in struck.message
    assert board.heard.count(b":OUTP 0") == 1


async def test_the_guardian_says_it_again_once_a_board_hears(board: Board) -> None:
    """What it opened may have started anew, and lost the first ones."""
    async with bench_on(board, "&wait_s=0.8") as bench:
        (target,) = bench.emergency.targets("on_estop")
    board.deaf_s = 0.7
    before = board.heard.count(b":OUTP 0")
    struck = await asyncio.to_thread(strike, target)
    assert struck.sent, struck.message
    await until(lambda: board.heard.count(b":OUTP 0") == before + 1)
