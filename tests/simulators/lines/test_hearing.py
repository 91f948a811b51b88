"""What an instrument does not hear, because it came too soon after a message or a reply."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from funcnodes_simulators import BenchError, MemoryBench, SimulatedBench, StrictError
from funcnodes_simulators.bench.layout import load_layout
from funcnodes_simulators.lines.hearing import PULSE_S, Hearing, Pulse
from funcnodes_simulators.lines.memory import MemoryPort
from funcnodes_simulators.physics import ManualClock
from funcnodes_simulators.scpi import LineBuffer

GAP_S = 0.05  # Lake Shore, Model 335, chapter 6: message flow control
REPLY_S = 0.002
PROBLEM = "it was lost: the instrument needs 50 ms after a message"


@pytest.fixture
def memory(clock: ManualClock) -> MemoryBench:
    return MemoryBench("demo", clock=clock, seed=1)


@pytest.fixture
def tc(memory: MemoryBench) -> MemoryPort:
    port = memory.ports["tc"]
    port.open()
    return port


def test_a_command_that_comes_too_soon_after_a_command_is_lost(memory, tc, clock) -> None:
    tc.write(b"RANGE 1,1\r\n")
    clock.advance(GAP_S - 0.001)
    tc.write(b"SETP 1,300\r\n")
    clock.advance(0.001)
    tc.write(b"MOUT 1,10\r\n")
    clock.advance(1)
    assert [text for _, text in memory.commands("tc")] == ["RANGE 1,1", "MOUT 1,10"]
    assert memory.state()["tc"]["target_k"] == 0.0
    assert memory.state()["tc"]["lost"] == {"bytes": 12, "latest": ["SETP 1,300\r\n"]}
    (violation,) = memory.violations
    assert (violation.device, violation.command) == ("tc", "SETP 1,300\r\n")
    assert violation.problem == PROBLEM


def test_after_a_query_the_gap_counts_from_its_reply(memory, tc, clock) -> None:
    tc.write(b"RANGE? 1\r\n")
    clock.advance(GAP_S)
    assert tc.read() == b"0\r\n"
    tc.write(b"RANGE 1,1\r\n")
    clock.advance(REPLY_S)
    tc.write(b"RANGE 1,2\r\n")
    clock.advance(1)
    assert memory.state()["tc"]["heater_range"] == 2
    assert memory.state()["tc"]["lost"]["latest"] == ["RANGE 1,1\r\n"]


def test_commands_sent_at_once_lose_all_but_the_first(memory, tc, clock) -> None:
    tc.write(b"RANGE 1,1\r\nRANGE 1,2\r\nSETP 1,300\r\n")
    clock.advance(1)
    state = memory.state()["tc"]
    assert (state["heater_range"], state["target_k"]) == (1, 0.0)
    assert state["lost"] == {"bytes": 23, "latest": ["RANGE 1,2\r\nSETP 1,300\r\n"]}


def test_the_rest_of_a_message_that_began_too_soon_is_heard_and_garbled(memory, tc, clock) -> None:
    tc.write(b"RANGE 1,1\r\n")
    clock.advance(GAP_S - 0.001)
    tc.write(b"SETP ")
    clock.advance(0.002)
    tc.write(b"1,300\r\n")
    clock.advance(1)
    assert [text for _, text in memory.commands("tc")][-1] == "1,300"
    assert memory.state()["tc"]["target_k"] == 0.0
    assert [violation.command for violation in memory.violations] == ["SETP ", "1,300"]


def test_a_message_may_come_in_pieces_and_line_ends_need_no_silence(memory, tc, clock) -> None:
    tc.write(b"\r\n")
    tc.write(b"\r\nRAN")
    clock.advance(0.01)
    tc.write(b"GE 1,1\r")
    tc.write(b"\n")
    clock.advance(1)
    assert memory.state()["tc"]["heater_range"] == 1
    assert memory.violations == []


def test_what_needs_no_silence_hears_whatever_comes(memory, clock) -> None:
    smu = memory.ports["smu"]
    smu.open()
    smu.write(b":SOUR:VOLT 1\n:SOUR:VOLT 2\n:SOUR:VOLT?\n")
    assert smu.read() == b"2.000000E+00\n"
    assert memory.state()["smu"]["lost"] == {"bytes": 0, "latest": []}


def test_the_gap_is_of_the_instrument_and_not_of_the_client(memory, tc, clock) -> None:
    tc.write(b"RANGE 1,1\r\n")
    tc.open()
    tc.write(b"RANGE 1,2\r\n")
    clock.advance(1)
    assert memory.state()["tc"]["heater_range"] == 1


@given(waits=st.lists(st.sampled_from([0.0, 0.049, 0.05, 0.2]), max_size=20))
def test_commands_are_heard_just_where_the_gap_was_kept(waits: list[float]) -> None:
    clock = ManualClock()
    hearing, buffer = Hearing(clock, gap_s=GAP_S), LineBuffer(255)
    lost: list[str] = []
    heard, expected, free_s = [], [], 0.0
    for number, wait_s in enumerate(waits):
        clock.advance(wait_s)
        if clock.now() >= free_s:
            expected.append(str(number))
            free_s = clock.now() + GAP_S
        message = f"{number}\n".encode()
        heard += hearing.take(message, buffer, lambda text, problem: lost.append(text))
    assert heard == expected
    assert len(lost) == len(waits) - len(heard)
    assert hearing.lost_bytes == sum(map(len, lost))


async def test_a_beat_bounds_when_bytes_came() -> None:
    """A loop that stood still for long must not take what came meanwhile for too early."""
    clock = ManualClock()
    pulse = Pulse(clock)
    assert pulse.came_s() == 0.0
    clock.advance(5)
    assert pulse.came_s() == 5.0
    beating = asyncio.create_task(pulse.beat())
    await asyncio.sleep(0)
    hearing, buffer = Hearing(clock, gap_s=GAP_S, came_s=pulse.came_s), LineBuffer(255)
    clock.advance(10)
    assert pulse.came_s() == 5.0
    assert list(hearing.take(b"one\n", buffer, lambda *_: None)) == ["one"]
    clock.advance(0.001)
    assert list(hearing.take(b"two\n", buffer, lambda *_: None)) == ["two"]
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)


# ── benches ───────────────────────────────────────────────────────────────────────────────────


def bench_file(tmp_path: Path, keys: str) -> str:
    path = tmp_path / "bench.toml"
    path.write_text(f'[stage.s]\n[device.tc]\nmodel = "lakeshore335"\nstage = "s"\n{keys}\n')
    return str(path)


def lose(bench: SimulatedBench, send: Callable[[bytes], object]) -> None:
    """Send two commands at once until one was lost: a machine that stands still lets both pass."""
    for _ in range(20):
        send(b"RANGE 1,1\r\nRANGE 1,2\r\n")
        time.sleep(4 * GAP_S)
        if bench.state()["tc"]["lost"]["bytes"]:
            return


@pytest.mark.parametrize("serve", ["tcp", "pty"])
def test_on_a_real_line_too_what_comes_at_once_is_lost(tmp_path, open_line, serve: str) -> None:
    with SimulatedBench.start(bench_file(tmp_path, f'serve = "{serve}"')) as bench:
        send = open_line(bench.resources["tc"]).send
        lose(bench, send)
        time.sleep(GAP_S + 4 * PULSE_S)
        send(b"SETP 1,300\r\n")
        bench.wait("tc", "target_k", 300.0)
        assert bench.state()["tc"]["heater_range"] == 1
        assert bench.state()["tc"]["lost"]["latest"] == ["RANGE 1,2\r\n"]


@pytest.mark.parametrize("serve", ["tcp", "pty"])
def test_who_keeps_the_gap_loses_nothing_for_as_long_as_he_likes(
    tmp_path, open_line, serve: str
) -> None:
    with SimulatedBench.start(bench_file(tmp_path, f'serve = "{serve}"'), strict=True) as bench:
        send = open_line(bench.resources["tc"]).send
        for number in range(1, 21):
            send(b"SETP 1,%d\r\n" % number)
            bench.wait("tc", "target_k", float(number))  # a slow machine hears it late
            time.sleep(GAP_S)
        assert len(bench.commands("tc")) == 20


def test_a_strict_bench_fails_on_what_was_lost(tmp_path, open_line) -> None:
    bench = SimulatedBench.start(bench_file(tmp_path, 'serve = "tcp"'), strict=True)
    lose(bench, open_line(bench.resources["tc"]).send)
    with pytest.raises(StrictError, match=PROBLEM):
        bench.close()


def test_lines_that_shake_hands_make_a_client_wait(tmp_path, visa) -> None:
    with SimulatedBench.start(bench_file(tmp_path, 'serve = "hislip"'), strict=True) as bench:
        tc = visa.open_resource(bench.resources["tc"], write_termination="\n")
        for number in range(1, 6):
            tc.write(f"SETP 1,{number}")
        assert float(tc.query("SETP? 1")) == 5.0
        tc.close()


def test_a_bench_file_may_say_another_gap(tmp_path, clock) -> None:
    memory = MemoryBench(bench_file(tmp_path, 'serve = "pty"\ngap_s = 0.5'), clock=clock)
    port = memory.ports["tc"]
    port.open()
    for _ in range(6):
        port.write(b"*CLS\r\n")
        clock.advance(0.1)
    assert len(memory.commands("tc")) == 2


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ('serve = "pty"\ngap_s = -1', "gap_s is -1, not a number from 0 to 60"),
        ('serve = "tcp"\ngap_s = "long"', "gap_s is 'long', not a number from 0 to 60"),
        ('serve = "hislip"\ngap_s = 0.1', "no place for 'gap_s'"),
    ],
)
def test_a_bad_gap_is_one_sentence(tmp_path, keys: str, complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint):
        load_layout(bench_file(tmp_path, keys))


def test_a_table_says_how_long_its_instrument_is_deaf(tmp_path, clock) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(
        '[device.box]\nmodel = "table"\nserve = "pty"\n'
        'table = {gap_s = 0.2, entry = [{name = "v", query = "V?", command = "V {v}"}]}\n'
    )
    memory = MemoryBench(str(path), clock=clock)
    port = memory.ports["box"]
    port.open()
    for value, wait_s in ((1, 0.1), (2, 0.1), (3, 0.2)):
        port.write(b"V %d\n" % value)
        clock.advance(wait_s)
    assert memory.state()["box"]["v"] == 3.0
    assert [text for _, text in memory.commands("box")] == ["V 1", "V 3"]
