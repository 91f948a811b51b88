"""Benches in memory, on a clock that only the test moves."""

import random
import threading
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from funcnodes_simulators import BenchError, MemoryBench
from funcnodes_simulators.faults import Fault
from funcnodes_simulators.lines.memory import MemoryPort, Timeline
from funcnodes_simulators.physics import ManualClock

from ...waiting import patience

IDENTITY = b"LSCI,MODEL335,SIM0002/#######,1.0\r\n"


@pytest.fixture
def bench(clock: ManualClock) -> MemoryBench:
    return MemoryBench("demo", clock=clock, seed=1)


@pytest.fixture
def patient(clock: ManualClock, tmp_path: Path) -> MemoryBench:
    """A controller that hears whatever comes, however soon."""
    file = tmp_path / "bench.toml"
    file.write_text(
        '[dut.d]\nkind = "diode"\n[device.smu]\nmodel = "keithley2400"\ndut = "d"\nserve = "tcp"\n'
        '[stage.s]\n[device.tc]\nmodel = "lakeshore335"\nstage = "s"\nserve = "pty"\ngap_s = 0\n'
    )
    return MemoryBench(str(file), clock=clock, seed=1)


@pytest.fixture
def tc(bench: MemoryBench) -> MemoryPort:
    port = bench.ports["tc"]
    port.open()
    return port


def wait(port: MemoryPort, clock: ManualClock) -> bytes:
    """Let time pass until there is nothing more to come."""
    data = port.read()
    while (due_s := port.due_in_s()) is not None:
        clock.advance(due_s)
        data += port.read()
    return data


def test_a_reply_takes_the_instruments_time_and_not_ours(tc, clock) -> None:
    tc.write(b"*ID")
    tc.write(b"N?\r\n")
    assert tc.read() == b""
    assert tc.due_in_s() == pytest.approx(0.002)
    clock.advance(0.0019)
    assert tc.read() == b""
    clock.advance(0.0001)
    assert tc.read() == IDENTITY
    assert tc.due_in_s() is None


def test_messages_are_answered_in_order_whenever_they_are_read(patient, clock) -> None:
    tc = patient.ports["tc"]
    tc.open()
    tc.write(b"*IDN?\r\nRANGE? 1\r\nSETP 1,300\r\nSETP? 1\r\n")
    clock.advance(3600)
    assert tc.read() == IDENTITY + b"0\r\n+300.000\r\n"
    assert [text for _, text in patient.commands("tc")][-1] == "SETP? 1"


def test_every_instrument_has_an_address_of_its_own(bench) -> None:
    assert bench.resources == {"smu": "memory:smu", "tc": "memory:tc"}


def test_faults_happen_in_memory_too(patient, clock) -> None:
    bench, tc = patient, patient.ports["tc"]
    tc.open()
    bench.fault("tc", Fault("late", seconds=5, match="*IDN"))
    tc.write(b"*IDN?\r\nRANGE? 1\r\n")
    assert wait(tc, clock) == b"0\r\n" + IDENTITY
    bench.fault("tc", Fault("delay", seconds=5, match="*IDN"))
    tc.write(b"*IDN?\r\nRANGE? 1\r\n")
    began_s = clock.now()
    assert wait(tc, clock) == IDENTITY + b"0\r\n"
    assert clock.now() - began_s >= 5
    bench.fault("tc", Fault("close"))
    tc.write(b"*IDN?\r\n")
    assert IDENTITY.startswith(wait(tc, clock))
    assert not tc.is_open
    with pytest.raises(ConnectionError, match="tc has hung up"):
        tc.write(b"*IDN?\r\n")
    bench.fault("tc", Fault("refuse"))
    with pytest.raises(ConnectionRefusedError, match="tc refuses"):
        tc.open()
    tc.open()
    tc.write(b"*IDN?\r\n")
    assert wait(tc, clock) == IDENTITY


def test_a_new_connection_finds_nothing_old(bench, tc, clock) -> None:
    bench.fault("tc", Fault("late", seconds=5))
    tc.write(b"*IDN?\r\nRANGE? 1\r\n")
    clock.advance(1)
    tc.open()
    clock.advance(10)
    assert tc.read() == b""
    bench.fault("tc", Fault("mute"))
    bench.clear()
    tc.write(b"RANGE? 1\r\n")
    assert wait(tc, clock) == b"0\r\n"


def test_a_power_cycle_throws_the_client_off_and_forgets_what_was_under_way(bench, clock) -> None:
    smu = bench.ports["smu"]
    smu.open()
    smu.write(b":OUTP ON;:TRIG:COUN 2500;:READ?\n")
    assert bench.state()["smu"]["output"] is True
    clock.advance(1)
    bench.power_cycle("smu")
    assert not smu.is_open
    assert bench.state()["smu"]["output"] is False
    smu.open()
    smu.write(b":OUTP?\n")
    assert wait(smu, clock) == b"0\n"


def test_a_query_that_never_ends_is_aborted(bench, clock) -> None:
    smu = bench.ports["smu"]
    smu.open()
    smu.write(b":OUTP ON;:TRIG:COUN 2500;:SENS:CURR:NPLC 10;:READ?\n")
    clock.advance(10)
    smu.write(b":ABOR;:OUTP OFF\n:SYST:ERR?\n")
    assert wait(smu, clock) == b'-410,"Query INTERRUPTED"\n'
    assert bench.state()["smu"]["output"] is False


def test_an_hour_of_a_heater_is_the_same_in_any_steps(clock) -> None:
    """Polling often or seldom changes nothing that happens."""
    temperatures = []
    for step_s in (3600.0, 60.0, 0.7):
        clock = ManualClock()
        bench = MemoryBench("demo", clock=clock, seed=1)
        port = bench.ports["tc"]
        port.open()
        port.write(b"SETP 1,320;RANGE 1,3\r\n")
        while clock.now() < 3600:
            clock.advance(min(step_s, 3600 - clock.now()))
            port.read()
        temperatures.append(bench.state()["tc"]["temperature_k"])
    assert temperatures == pytest.approx([320.0] * 3, abs=1e-3)
    assert temperatures == pytest.approx([temperatures[0]] * 3, abs=1e-9)


def test_ports_may_be_used_from_many_threads(bench, clock) -> None:
    """An emergency stop comes from a thread of its own."""
    bench.ports["smu"].open()
    stop = threading.Event()

    def measure() -> None:
        while not stop.is_set():
            bench.ports["smu"].write(b"*OPC?\n")
            bench.ports["smu"].read()

    threads = [threading.Thread(target=measure) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        bench.ports["smu"].write(b"\n:OUTP OFF\n")
    stop.set()
    for thread in threads:
        thread.join(patience())
    bench.ports["smu"].read()
    bench.ports["smu"].write(b":SYST:ERR?\n")
    assert bench.ports["smu"].read().endswith(b'0,"No error"\n')


def test_no_such_bench_is_one_sentence(clock) -> None:
    with pytest.raises(BenchError, match="neither a bench file nor one of the built-in benches"):
        MemoryBench("nowhere", clock=clock)


@given(
    dues=st.lists(st.floats(0, 100), max_size=20),
    steps=st.lists(st.floats(0, 50), min_size=1, max_size=10),
    seed=st.integers(0, 1000),
)
def test_a_timeline_never_runs_backwards_and_forgets_nothing(dues, steps, seed) -> None:
    clock = ManualClock()
    timeline = Timeline(clock)
    happened: list[tuple[float, float]] = []
    events = [
        timeline.call_at(due, lambda due=due: happened.append((due, timeline.now())))
        for due in dues
    ]
    off = set(random.Random(seed).sample(range(len(dues)), len(dues) // 3))
    for index in off:
        events[index].cancel()
    for step in steps:
        clock.advance(step)
        timeline.catch_up()
    expected = sorted(
        due for index, due in enumerate(dues) if index not in off and due <= clock.now() + 1e-6
    )
    assert [due for due, _ in happened] == expected
    assert all(now == pytest.approx(due, abs=1e-6) for due, now in happened)
