"""Strict mode: what a client does wrong is put down, shown, and fails in the end."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pyvisa

from funcnodes_simulators import SimulatedBench, StrictError
from funcnodes_simulators.strict import StrictLog, Violation, advance, not_understood

from ..waiting import eventually, patience


@pytest.fixture
def bench() -> Iterator[SimulatedBench]:
    """A strict bench whose violations a test has to forgive."""
    running = SimulatedBench.start("demo", seed=1, strict=True, control=True)
    yield running
    running.close()


def problems(bench: SimulatedBench, *, at_least: int = 1) -> list[str]:
    """Wait for violations, then forgive them."""
    eventually(lambda: len(bench.violations) >= at_least)
    found = [str(violation) for violation in bench.violations]
    bench.forgive()
    return found


def test_an_unknown_command_is_named_with_the_nearest_known_one(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    smu.write(":SOUR:VOLT 1;:SOUR:VLOT 2")
    smu.write("*IDM")
    assert smu.query("*OPC?") == "1"
    level = ":SOURce#:VOLTage[:LEVel][:IMMediate][:AMPLitude]"
    assert problems(bench) == [
        f"smu: ':SOUR:VLOT 2': -113, Undefined header; the nearest known one is {level}",
        "smu: '*IDM': -113, Undefined header; the nearest known one is *IDN?",
    ]


def test_a_command_that_is_malformed_counts_and_a_value_out_of_range_does_not(bench, connect):
    smu = connect(bench.resources["smu"])
    smu.write(":SOUR:VOLT 999")
    smu.write(":SOUR:VOLT")
    smu.write(":OUTP 'ON")
    assert smu.query("*OPC?") == "1"
    assert problems(bench) == [
        "smu: ':SOUR:VOLT': -109, Missing parameter",
        'smu: ":OUTP \'ON": -151, Invalid string data',
    ]


def test_an_instrument_that_ignores_in_silence_tells_too(bench) -> None:
    fd = os.open(bench.resources["tc"][4:-7], os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(fd, b"KRDQ? A\n")
        assert problems(bench) == [
            "tc: 'KRDQ? A': the instrument ignores it; the nearest known one is KRDG?"
        ]
    finally:
        os.close(fd)


def test_a_query_whose_reply_is_not_awaited_is_put_down(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    smu.write(":SENS:CURR:NPLC 10;:OUTP ON")
    smu.write(":READ?\n:SOUR:VOLT 1")
    assert smu.read().count(b",") == 4
    assert problems(bench) == ["smu: ':READ?': its reply was not awaited before ':SOUR:VOLT 1'"]


def test_breaking_a_measurement_off_is_no_mistake(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    smu.write(":SENS:CURR:NPLC 10;:OUTP ON")
    smu.write(":READ?")
    bench.wait("smu", "log", [":SENS:CURR:NPLC 10;:OUTP ON", ":READ?"])
    smu.write(":ABOR")
    smu.write(":OUTP OFF")
    assert smu.query("*OPC?") == "1"
    assert bench.violations == []


def test_leaving_with_a_reply_unread_is_put_down(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    smu.write("*IDN?")
    assert smu.socket.recv(5) == b"KEITH"
    smu.close()
    assert problems(bench) == ["smu: '*IDN?': the client left without reading its reply"]


def test_leaving_a_terminal_with_a_reply_unread_is_put_down(bench) -> None:
    fd = os.open(bench.resources["tc"][4:-7], os.O_RDWR | os.O_NOCTTY)
    os.write(fd, b"*IDN?\n")
    assert os.read(fd, 4) == b"LSCI"
    os.close(fd)
    assert problems(bench) == ["tc: '*IDN?': the client left without reading its reply"]


def test_a_message_without_an_end_is_put_down(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    smu.socket.sendall(b"*OPC?\n:OUTP?")
    assert smu.read() == b"1\n"
    smu.close()
    assert problems(bench) == ["smu: ':OUTP?': the client left before its end"]


def test_a_message_beyond_the_input_is_put_down(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    smu.write(":OUTP " + " " * 3000)
    assert smu.query("*OPC?") == "1"
    assert problems(bench) == ["smu: '': a message was longer than the 2048 bytes of the input"]


def test_what_a_fault_has_part_in_is_nobodys_mistake(bench, connect) -> None:
    bench.fault("smu", "late", seconds=0.05)
    smu = connect(bench.resources["smu"])
    smu.write("*IDN?")
    assert smu.socket.recv(5) == b"KEITH"
    smu.close()
    other = connect(bench.resources["smu"])
    other.socket.sendall(b":OUTP")
    bench.wait("smu", "clients", 1)
    bench.power_cycle("smu")
    assert other.is_cut_off()
    assert bench.violations == []


def test_a_fault_excuses_no_wrong_command(bench, connect) -> None:
    bench.fault("smu", "split", seconds=0)
    smu = connect(bench.resources["smu"])
    assert smu.query("*OPC?") == "1"
    smu.write(":NOPE")
    assert smu.query("*OPC?") == "1"
    assert problems(bench) == ["smu: ':NOPE': -113, Undefined header"]


def test_a_clean_client_passes(bench, connect) -> None:
    smu = connect(bench.resources["smu"])
    assert smu.query(":SOUR:VOLT 1;:OUTP ON;:READ?").count(",") == 4
    smu.write("*RST")
    assert smu.query("*OPC?") == "1"
    smu.close()
    bench.wait("smu", "clients", 0)
    assert bench.violations == []


def test_closing_raises_with_every_line(connect) -> None:
    bench = SimulatedBench.start("demo", strict=True)
    smu = connect(bench.resources["smu"])
    smu.write(":NOPE 1")
    smu.write(":NOPE 2")
    assert smu.query("*OPC?") == "1"
    with pytest.raises(StrictError, match=r"(?s)smu: ':NOPE 1'.*\n.*smu: ':NOPE 2'"):
        bench.close()
    bench.close()


def test_a_failing_test_keeps_its_own_error_and_gets_a_note(connect) -> None:
    def fail() -> None:
        with SimulatedBench.start("demo", strict=True) as bench:
            smu = connect(bench.resources["smu"])
            smu.write(":NOPE 1")
            assert smu.query("*OPC?") == "1"
            raise KeyError("mine")

    with pytest.raises(KeyError) as caught:
        fail()
    assert ":NOPE 1" in caught.value.__notes__[0]


BOX = '[dut.r]\nkind = "resistor"\n[device.smu]\nmodel = "keithley2400"\ndut = "r"\n'
LINES = {"read_termination": "\n", "write_termination": "\n", "timeout": 5000}
MESSAGES = pytest.mark.parametrize("wire", ["hislip", "vxi11"])


@pytest.fixture
def smu_over(tmp_path: Path) -> Iterator[Callable[[str], tuple[SimulatedBench, Any]]]:
    """Serve one instrument over a wire that keeps messages apart, and open it by pyvisa."""
    manager = pyvisa.ResourceManager("@py")
    benches: list[SimulatedBench] = []

    def serve(wire: str) -> tuple[SimulatedBench, Any]:
        path = tmp_path / "bench.toml"
        path.write_text(f'{BOX}serve = "{wire}"\n')
        benches.append(SimulatedBench.start(str(path), strict=True))
        return benches[-1], manager.open_resource(benches[-1].resources["smu"], **LINES)

    yield serve
    manager.close()
    for bench in benches:
        bench.close()


@MESSAGES
def test_a_reply_that_a_newer_message_pushes_out_is_put_down(smu_over, wire: str) -> None:
    bench, smu = smu_over(wire)
    smu.write(":OUTP?")
    bench.wait("smu", "log", [":OUTP?"])
    assert smu.query("*OPC?") == "1"
    assert problems(bench) == ["smu: ':OUTP?': its reply was not read before the next message"]
    smu.close()


@MESSAGES
def test_a_clean_client_passes_on_every_wire(smu_over, wire: str) -> None:
    bench, smu = smu_over(wire)
    assert smu.query(":SOUR:VOLT 1;:OUTP ON;:READ?").count(",") == 4
    smu.write("*RST")
    assert smu.query("*OPC?") == "1"
    smu.close()
    bench.wait("smu", "clients", 0)
    assert bench.violations == []


def test_reading_without_a_query_is_put_down(smu_over) -> None:
    bench, smu = smu_over("vxi11")
    smu.timeout = 50
    with pytest.raises(pyvisa.VisaIOError, match="Timeout"):
        smu.read()
    assert problems(bench) == ["smu: '': a reply was asked for, and there was no query"]
    smu.timeout = 5000
    assert smu.query(":SYST:ERR?") == '-420,"Query UNTERMINATED"'
    smu.close()


def test_leaving_a_link_with_a_reply_unread_is_put_down(smu_over) -> None:
    bench, smu = smu_over("vxi11")
    smu.write("*OPC?")
    bench.wait("smu", "log", ["*OPC?"])
    smu.close()
    assert problems(bench) == ["smu: '*OPC?': the client left without reading its reply"]


@MESSAGES
def test_a_half_open_line_is_silent_on_every_wire(smu_over, wire: str) -> None:
    bench, smu = smu_over(wire)
    assert smu.query("*OPC?") == "1"
    bench.fault("smu", "half_open")
    smu.timeout = 50
    smu.write("*OPC?")
    with pytest.raises(pyvisa.VisaIOError, match="Timeout"):
        smu.read()
    assert bench.commands("smu") == ["*OPC?", "*OPC?"]
    smu.close()


def test_without_strict_it_is_put_down_and_passes(connect) -> None:
    with SimulatedBench.start("demo") as bench:
        smu = connect(bench.resources["smu"])
        smu.write(":NOPE 1")
        assert smu.query("*OPC?") == "1"
        assert len(bench.violations) == 1


def test_a_bench_file_may_ask_for_it(tmp_path: Path, connect) -> None:
    path = tmp_path / "bench.toml"
    text = '[stage.s]\n[device.tc]\nmodel = "lakeshore335"\nstage = "s"\nserve = "tcp"\n'
    path.write_text(f"strict = true\n{text}")
    bench = SimulatedBench.start(str(path))
    tc = connect(bench.resources["tc"])
    tc.write("NOPE")
    time.sleep(0.06)
    assert tc.query("*IDN?").startswith("LSCI")
    with pytest.raises(StrictError, match="tc: 'NOPE': the instrument ignores it"):
        bench.close()


def test_the_control_socket_shows_and_forgives(bench, connect) -> None:
    control = connect(bench.control)
    smu = connect(bench.resources["smu"])
    smu.write(":OUTPT ON")
    assert smu.query("*OPC?") == "1"
    answer = json.loads(control.query('{"do": "strict"}'))
    assert answer["count"] == 1
    assert answer["violations"][0]["device"] == "smu"
    assert answer["violations"][0]["nearest"] == ":OUTPut#[:STATe]"
    assert json.loads(control.query('{"do": "forgive"}')) == {"ok": True}
    assert json.loads(control.query('{"do": "strict"}')) == {"violations": [], "count": 0}


def test_the_program_exits_1_and_names_the_command(connect) -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "funcnodes_simulators", "demo", "--json", "--strict"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    smu = connect(json.loads(program.stdout.readline())["resources"]["smu"])
    smu.write(":SOUR:VLOT 2")
    assert smu.query("*OPC?") == "1"
    _, errors = program.communicate(timeout=patience())
    assert program.returncode == 1
    assert errors.startswith("smu: ':SOUR:VLOT 2': -113")
    assert errors.count("\n") == 1


def test_the_log_is_bounded() -> None:
    log = StrictLog()
    for number in range(5000):
        log.note(Violation("smu", str(number), "bad"))
    assert (log.count, len(log.violations), log.violations[-1].command) == (5000, 1000, "4999")


def test_nobody_hears_outside_of_an_execution() -> None:
    def execution():
        not_understood("A", "bad")
        yield 0.5
        not_understood("B", "bad")

    heard: list[str] = []
    running = execution()
    assert advance(running, lambda command, problem, nearest: heard.append(command)) == 0.5
    assert next(running, None) is None
    assert heard == ["A"]
