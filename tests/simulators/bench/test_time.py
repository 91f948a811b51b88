"""How long things take: on slow serial lines, on scaled benches, and at the end of a server."""

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable

import pytest
import serial

from funcnodes_simulators import BenchError, SimulatedBench
from funcnodes_simulators.bench.layout import load_layout
from funcnodes_simulators.physics import ScaledClock

from ...waiting import eventually

Limit = Callable[[float], float]

TC = '[stage.s]\n[device.tc]\nmodel = "lakeshore335"\nstage = "s"\nserve = "pty"\ngap_s = 0\n'
IDENTITY = b"LSCI,MODEL335,SIM0001/#######,1.0\r\n"


@pytest.fixture
def slow(tmp_path):
    """A temperature controller at 2400 baud: a byte takes 4.2 ms."""
    path = tmp_path / "bench.toml"
    path.write_text(TC + "baud = 2400\n")
    with SimulatedBench.start(str(path)) as bench:
        yield bench


def terminal(bench: SimulatedBench) -> str:
    return bench.resources["tc"].removeprefix("ASRL").removesuffix("::INSTR")


def test_bytes_take_their_time_each_way(slow, limit: Limit) -> None:
    with serial.Serial(terminal(slow), timeout=5) as port:
        began = time.monotonic()
        port.write(b"*IDN?\r\n")
        assert port.read(1) == b"L"
        first_s = time.monotonic() - began
        assert port.read_until(b"\n") == IDENTITY[1:]
        whole_s = time.monotonic() - began
    byte_s = 10 / 2400
    assert 8 * byte_s * 0.95 <= first_s < limit(8 * byte_s + 0.2)
    assert (
        (7 + len(IDENTITY)) * byte_s * 0.95 <= whole_s < limit((7 + len(IDENTITY)) * byte_s + 0.3)
    )


def test_a_reply_comes_evenly_not_all_at_its_end(slow) -> None:
    fd = os.open(terminal(slow), os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(fd, b"*IDN?\r\n")
        pieces = []
        while not b"".join(pieces).endswith(b"\n"):
            assert select.select([fd], [], [], 5)[0]
            pieces.append(os.read(fd, 1000))
    finally:
        os.close(fd)
    assert b"".join(pieces) == IDENTITY
    assert len(pieces) > len(IDENTITY) // 4


def test_a_slow_line_hears_a_client_that_is_gone(slow) -> None:
    fd = os.open(terminal(slow), os.O_RDWR | os.O_NOCTTY)
    os.write(fd, b"RANGE 1,1\r\nSETP 1,300\r\n")
    os.close(fd)
    slow.wait("tc", "heater_range", 1)
    slow.wait("tc", "target_k", 300.0)
    slow.wait("tc", "clients", 0)
    with serial.Serial(terminal(slow), timeout=5) as port:
        port.write(b"RANGE? 1\r\n")
        assert port.read_until(b"\n") == b"1\r\n"


def test_a_flood_on_a_slow_line_waits_in_the_client(slow) -> None:
    """As much as the terminal holds is taken, no more: nothing piles up in the instrument."""
    fd = os.open(terminal(slow), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    taken = 0
    try:
        for _ in range(100):
            try:
                taken += os.write(fd, b"*CLS\r\n" * 500)
            except BlockingIOError:
                break
        assert taken < 100_000
    finally:
        os.close(fd)


def test_a_scaled_bench_warms_up_in_a_fraction_of_the_time(tmp_path) -> None:
    """The stage's time constant is 20 s, on this bench 0.2 s."""
    path = tmp_path / "bench.toml"
    path.write_text(TC)
    with SimulatedBench.start(str(path), time_scale=100) as bench:
        fd = os.open(terminal(bench), os.O_RDWR | os.O_NOCTTY)
        outer = time.monotonic()
        began_s, inner = bench.state()["now"], time.monotonic()
        os.write(fd, b"OUTMODE 1,3,0,0;MOUT 1,100;RANGE 1,2\r\n")
        os.close(fd)
        bench.wait("tc", "heater_percent", 100.0)
        eventually(lambda: bench.state()["tc"]["temperature_k"] >= 307.0)
        least = time.monotonic() - inner
        took_s, most = bench.state()["now"] - began_s, time.monotonic() - outer
    assert 100 * least * 0.99 <= took_s <= 100 * most * 1.01
    assert took_s > 20.0, "12.5 K at the end, 12 K after more than three time constants"


def test_an_instrument_is_busy_for_scaled_time_and_a_fault_is_not(
    tmp_path, connect, limit: Limit
) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(
        '[dut.r]\nkind = "resistor"\n'
        '[device.smu]\nmodel = "keithley2400"\ndut = "r"\nserve = "tcp"\n'
    )
    with SimulatedBench.start(str(path), time_scale=1000) as bench:
        smu = connect(bench.resources["smu"])
        smu.write(":OUTP ON;:SENS:CURR:NPLC 10;:TRIG:COUN 100")
        began = time.monotonic()
        assert smu.query(":READ?").count(",") >= 99
        assert time.monotonic() - began < limit(2), "20 s and more on the bench"
        bench.fault("smu", "delay", seconds=0.2)
        began = time.monotonic()
        smu.query("*OPC?")
        assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("scale", [0.0, -1.0, 1e9, float("nan")])
def test_a_scale_out_of_range_is_one_sentence(scale) -> None:
    with pytest.raises(BenchError, match=r"a time scale of .* is outside 0.1 to 1000"):
        SimulatedBench.start("demo", time_scale=scale)


def test_a_scaled_clock_starts_at_the_present_and_runs_faster() -> None:
    before = time.monotonic()
    clock = ScaledClock(1000)
    first = clock.now()
    assert first == pytest.approx(before, abs=60)
    time.sleep(0.002)
    assert clock.now() - first >= 2.0


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("baud = 49", "device.tc.baud is 49; it must be a number from 50 to 4000000"),
        ('baud = "fast"', "device.tc.baud is 'fast'"),
        ("port = 5025", "device.tc has no place for 'port'; it takes baud, gap_s, left, link"),
    ],
)
def test_a_bad_line_is_one_sentence(tmp_path, line, complaint) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(f"{TC}{line}\n")
    with pytest.raises(BenchError) as caught:
        load_layout(str(path))
    assert complaint in str(caught.value)


def test_a_bench_that_stops_while_clients_connect_leaves_nothing_behind(tmp_path) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(
        '[dut.r]\nkind = "resistor"\n[dut.q]\nkind = "resistor"\n[stage.s]\n'
        '[device.raw]\nmodel = "keithley2400"\ndut = "q"\nserve = "tcp"\nclients = 2\n'
        '[device.smu]\nmodel = "keithley2400"\ndut = "r"\nserve = "hislip"\n'
        '[device.tc]\nmodel = "lakeshore335"\nstage = "s"\nserve = "vxi11"\n'
    )
    for _ in range(10):
        bench = SimulatedBench.start(str(path), control=True)
        ports = [
            int(bench.resources["smu"].split(",")[1].split("::")[0]),
            int(bench.resources["tc"].split(",")[1].split("::")[0]),
            int(bench.resources["raw"].split("::")[2]),
            int(bench.control.split(":")[1]),
        ]
        clients = [socket.create_connection(("127.0.0.1", port), timeout=5) for port in ports * 3]
        bench.close()
        for client in clients:
            with contextlib.suppress(ConnectionError):
                assert client.recv(1) == b""
            client.close()
