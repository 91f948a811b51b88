"""Emergency bytes keep the instrument's own gap, in every layer (S3, S3a)."""

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from funcnodes.devices.bench import Bench
from funcnodes.devices.declarations.drivers import Idn, Instrument, driver
from funcnodes.devices.declarations.words import control
from funcnodes.devices.estop.emergency import Target, strike_all
from funcnodes.devices.link.strike import Strike

GAP_S = 0.05


class Listener:
    """A TCP instrument that notes when each chunk came."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.chunks: list[tuple[float, bytes]] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        peer, _ = self._server.accept()
        with peer:
            while data := peer.recv(4096):
                self.chunks.append((time.monotonic(), data))

    def close(self) -> None:
        self._thread.join(5)
        self._server.close()

    def target(self, name: str, *pieces: bytes) -> Target:
        return Target(
            device=name, address=f"TCPIP0::127.0.0.1::{self.port}::SOCKET", transport="tcp",
            data=pieces[0], more=list(pieces[1:]), gap_s=GAP_S,
        )  # fmt: skip


@pytest.fixture
def listeners() -> Iterator[list[Listener]]:
    found = [Listener(), Listener()]
    yield found
    for each in found:
        each.close()


@driver(
    "test.slow", title="Slow", match=Idn("T", "SLOW"), gap_s=GAP_S, estop=("A OFF", "B OFF"),
)  # fmt: skip
class Slow(Instrument):
    a = control(bool, "A?", "A {v}", safe=False, title="A")
    b = control(bool, "B?", "B {v}", safe=False, title="B")


def test_a_driver_with_a_gap_has_its_emergency_bytes_in_pieces() -> None:
    assert Slow.spec.emergency_pieces() == (b"\nA OFF\n", b"B OFF\n")
    assert Slow.spec.emergency_bytes() == b"\nA OFF\nB OFF\n"


def test_pieces_are_written_one_by_one_and_nobody_waits_for_the_second() -> None:
    written: list[tuple[float, bytes]] = []

    def write(data: bytes) -> bool:
        written.append((time.monotonic(), data))
        return True

    strike = Strike(write, [b"a", b"b"], pause_s=lambda _: GAP_S)
    began = time.monotonic()
    strike.begin()
    assert [data for _, data in written] == [b"a"]
    assert time.monotonic() - began < GAP_S
    assert strike.wait(5)
    (first, _), (second, _) = written
    assert second - first >= GAP_S


def test_one_that_does_not_hear_yet_is_left_alone_and_then_told_again() -> None:
    written: list[float] = []

    def write(_: bytes) -> bool:
        written.append(time.monotonic())
        return True

    began = time.monotonic()
    strike = Strike(write, [b"a"], pause_s=lambda _: GAP_S, rounds=2, rests_s=GAP_S)
    strike.begin()
    assert strike.wait(5)
    assert written[0] - began >= GAP_S
    assert written[1] - written[0] >= GAP_S


def test_a_line_that_takes_nothing_ends_the_strike() -> None:
    strike = Strike(lambda _: False, [b"a", b"b"], pause_s=lambda _: GAP_S)
    strike.begin()
    assert not strike.wait(5)


def test_the_guardian_keeps_the_gap_and_strikes_side_by_side(listeners: list[Listener]) -> None:
    targets = [each.target(f"d{n}", b"\nA OFF\n", b"B OFF\n") for n, each in enumerate(listeners)]
    struck = strike_all(targets)
    assert [(each.device, each.sent, each.message) for each in struck] == [
        ("d0", True, ""), ("d1", True, ""),
    ]  # fmt: skip
    for each in listeners:
        times = [at for at, _ in each.chunks]
        assert {data for _, data in each.chunks} == {b"\nA OFF\n", b"B OFF\n"}
        assert min(b - a for a, b in itertools.pairwise(times)) >= GAP_S * 0.9
    # One after the other, the second would begin where the first has ended.
    assert listeners[1].chunks[0][0] < listeners[0].chunks[-1][0]


async def test_a_slow_heater_is_off_although_it_was_asked_just_now(simulator: object) -> None:
    """The guard thread's way, amid a query of the loop's; the truth is the instrument's."""
    async with Bench.builtin("demo", simulator.resources) as bench:  # type: ignore[attr-defined]  # a fixture of conftest
        tc = bench.devices["tc"]
        await tc.member_set("loop1.heater_range", "high")
        asking = asyncio.create_task(tc.member_get("a.kelvin"))
        await asyncio.sleep(0.03)  # into the gap before the question, or behind it
        fired = await asyncio.to_thread(bench.emergency.fire)
        assert {each.device: each.ms is not None for each in fired}["tc"]
        await asyncio.to_thread(simulator.wait, "tc", "heater_range", 0)  # type: ignore[attr-defined]  # a fixture of conftest
        await asyncio.gather(asking, return_exceptions=True)
