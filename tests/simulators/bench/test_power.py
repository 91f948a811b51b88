"""A power dip: settings are those of switching on, whatever was under way, on every model."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from funcnodes_simulators import MemoryBench, SimulatedBench
from funcnodes_simulators.generic.modbus_frames import Frame, rtu, tcp
from funcnodes_simulators.instruments.models import BUILT_IN
from funcnodes_simulators.pfeiffer.tc400 import checksum
from funcnodes_simulators.physics import ManualClock

LAMP = """
spec: "1.1"
devices:
  lamp:
    eom: {ASRL INSTR: {q: "\\n", r: "\\n"}, TCPIP SOCKET: {q: "\\n", r: "\\n"}}
    properties:
      power: {default: 0, getter: {q: "POW?", r: "{:.2f}"}, setter: {q: "POW {:.2f}"}, specs: {type: float}}
resources:
  ASRL1::INSTR: {device: lamp}
"""  # noqa: E501
TURN_ON = f"0011001006111111{checksum('0011001006111111')}\r".encode()
SET_TEN = Frame(1, bytes([6, 0, 0, 0, 10]))


@dataclass(frozen=True, slots=True)
class Case:
    """A model, what changes its settings, and the part of its state that shows it."""

    model: str
    keys: str
    change: bytes
    path: str
    changed: object
    after: object


CASES = [
    Case("keithley2400", 'dut = "d"', b":SENS:CURR:NPLC 5;:OUTP ON\n", "output", True, False),
    Case("keithley2400", 'dut = "d"', b":SOUR:FUNC CURR\n", "source", "CURR", "VOLT"),
    Case("keysight_34461a", "", b":VOLT:NPLC 1;:SAMP:COUN 3\n", "samples", 3, 1),
    Case("keysight_e36312a", "", b":OUTP ON,(@2)\n", "outputs.2.on", True, False),
    Case("lakeshore335", 'stage = "s"', b"RANGE 1,2\r\n", "heater_range", 2, 0),
    Case("pfeiffer_tc400", "", TURN_ON, "on", True, False),
    Case("pfeiffer_tpg362", "", b"UNI,1\r\n", "unit", 1, 0),
    Case("rigol_ds1054z", "", b":TIM:SCAL 1e-3\n", "timebase_s", 1e-3, 1e-4),
    Case("srs_sr830", "", b"SENS 0;SNAP? 1,2\n", "lia_status", 4, 0),
    Case("newera_ne1000", "", b"RAT1MM\rRUN\r", "output", True, False),
    Case("modbus", 'registers = [{name = "v", default = 7}]', b"", "v", 10, 7),
    Case("table", 'table = "odd:acknowledging"', b"SPD 900\n", "speed", 900, 0),
    Case("table", 'table = "odd:console"', b"power 2\r", "power", 2, 0),
    Case("yaml", 'file = "lamp.yaml"', b"POW 3\n", "properties.power", 3.0, 0.0),
]


def test_no_model_is_left_out() -> None:
    """But the balance, which keeps nothing but its zero; see `tests/drivers/test_dosing.py`."""
    assert {case.model for case in CASES} | {"mettler_sics"} == set(BUILT_IN)


def bench_file(tmp_path: Path, case: Case, serve: str) -> str:
    (tmp_path / "lamp.yaml").write_text(LAMP)
    path = tmp_path / "bench.toml"
    path.write_text(
        '[stage.s]\n[dut.d]\nkind = "resistor"\nresistance_ohm = 1e4\n'
        f'[device.it]\nmodel = "{case.model}"\nserve = "{serve}"\n{case.keys}\n'
    )
    return str(path)


def change_of(case: Case, serve: str) -> bytes:
    if case.model != "modbus":
        return case.change
    return rtu(SET_TEN) if serve == "pty" else tcp(SET_TEN)


@pytest.mark.parametrize("serve", ["tcp", "pty"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.model}-{case.path}")
def test_settings_are_those_of_switching_on(tmp_path, open_line, case: Case, serve: str) -> None:
    with SimulatedBench.start(bench_file(tmp_path, case, serve), seed=1) as bench:
        bench.wait("it", case.path, case.after)
        line = open_line(bench.resources["it"])
        line.send(change_of(case, serve))
        bench.wait("it", case.path, case.changed)
        bench.power_cycle("it")
        bench.wait("it", case.path, case.after)
        if serve == "tcp":
            bench.wait("it", "clients", 0)
            line = open_line(bench.resources["it"])
        time.sleep(0.06)
        line.send(change_of(case, serve))
        bench.wait("it", case.path, case.changed)


def test_a_reading_that_was_under_way_is_never_told(tmp_path, clock: ManualClock) -> None:
    case = CASES[0]
    memory = MemoryBench(bench_file(tmp_path, case, "tcp"), clock=clock, seed=1)
    port = memory.ports["it"]
    port.open()
    port.write(b":OUTP ON;:TRIG:COUN 100;:READ?\n:SOUR:VOLT 1\n")
    clock.advance(1)
    memory.power_cycle("it")
    assert not port.is_open
    port.open()
    clock.advance(10)
    assert port.read() == b""
    assert (memory.state()["it"]["output"], memory.state()["it"]["source_v"]) == (False, 0.0)


def test_a_terminal_stays_and_what_was_half_said_is_forgotten(tmp_path, open_line) -> None:
    case = Case("table", 'table = "odd:acknowledging"', b"", "", None, None)
    with SimulatedBench.start(bench_file(tmp_path, case, "pty")) as bench:
        line = open_line(bench.resources["it"])
        assert line.ask(b"SPD 5\n") == b"OK\r\n"
        bench.fault("it", "late", seconds=0.2)
        line.send(b"SPD?\nSPD 9")
        bench.wait("it", "log", ["SPD 5", "SPD?"])
        time.sleep(0.05)
        bench.power_cycle("it")
        time.sleep(0.3)
        assert line.ask(b"SPD?\n") == b"0\r\n"
        assert bench.state()["it"]["clients"] == 1


def test_a_board_that_greets_does_so_again_when_the_power_is_back(tmp_path, open_line) -> None:
    case = Case("table", 'table = "odd:rebooting"', b"", "", None, None)
    with SimulatedBench.start(bench_file(tmp_path, case, "pty"), time_scale=20) as bench:
        line = open_line(bench.resources["it"])
        banner = b"Sensor box v1.2 ready\r\n"
        assert line.read_until(b"\n") == banner
        bench.power_cycle("it", off_s=4)
        began = time.monotonic()
        assert line.read_until(b"\n") == banner
        assert time.monotonic() - began >= (4 + 1.6) / 20 - 0.01
        assert line.ask(b"T?\n") == b"23.45\r\n"


@pytest.mark.parametrize("serve", ["tcp", "hislip"])
def test_without_power_nobody_is_let_in(tmp_path, serve: str, clock: ManualClock) -> None:
    memory = MemoryBench(bench_file(tmp_path, CASES[2], serve), clock=clock)
    port = memory.ports["it"]
    memory.power_cycle("it", off_s=3)
    with pytest.raises(ConnectionRefusedError):
        port.open()
    clock.advance(3.01)
    port.open()


def test_without_power_a_terminal_hears_nothing(tmp_path, open_line) -> None:
    case = Case("table", 'table = "odd:acknowledging"', b"", "", None, None)
    with SimulatedBench.start(bench_file(tmp_path, case, "pty"), time_scale=10) as bench:
        line = open_line(bench.resources["it"])
        assert line.ask(b"SPD 5\n") == b"OK\r\n"
        bench.power_cycle("it", off_s=3)
        line.send(b"SPD 6\n")
        bench.wait("it", "lost.latest", ["SPD 6\n"])
        time.sleep(0.35)
        assert line.ask(b"SPD?\n") == b"0\r\n"
        assert bench.violations[-1].problem == "it was lost: the instrument had no power"


@pytest.mark.parametrize(
    ("off_s", "complaint"),
    [(-1, "off_s is -1, not a number from 0 to 3600"), ("long", "off_s is 'long', not a number")],
)
def test_a_power_cycle_that_makes_no_sense_is_refused(bench, off_s: Any, complaint: str) -> None:
    request: Callable[..., Any] = bench.request
    with pytest.raises(ValueError, match=complaint):
        request("power_cycle", device="smu", off_s=off_s)
