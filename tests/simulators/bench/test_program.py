"""The simulators as a program of their own, talked to by plain pyvisa and nothing of ours."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from funcnodes_simulators import BenchError, SimulatedBench
from funcnodes_simulators.bench.layout import load_layout

from ...waiting import patience

GAP_S = 0.06  # what the controller needs after a message and after a reply, and a little more
PROGRAM = [sys.executable, "-m", "funcnodes_simulators"]
COMMAND = [sys.executable, "-m", "funcnodes", "simulate"]  # what users type; a process of its own


class Program:
    """The running program with its first line read."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.first_line = self.process.stdout.readline()

    def end(self) -> int:
        """Close its standard input and wait for it."""
        self.process.communicate(timeout=patience())
        return self.process.returncode


@pytest.fixture
def program() -> Iterator[Program]:
    running = Program("demo", "--json", "--control", "--seed", "5")
    yield running
    assert running.end() == 0


LINES = {"read_termination": "\n", "write_termination": "\n", "timeout": 5000}


def test_pyvisa_measures_a_curve_over_tcp(program, visa) -> None:
    resources = json.loads(program.first_line)["resources"]
    smu = visa.open_resource(resources["smu"], **LINES)
    try:
        assert smu.query("*IDN?").startswith("KEITHLEY INSTRUMENTS INC.,MODEL 2400,SIM0001")
        smu.write("*RST;:SENS:CURR:PROT 0.1;:OUTP ON")
        currents = []
        start = time.monotonic()
        for step in range(11):
            smu.write(f":SOUR:VOLT {step * 0.07:.3f}")
            currents.append(smu.query_ascii_values(":READ?")[1])
        assert time.monotonic() - start >= 11 * 0.022
        assert currents == sorted(currents)
        assert 1e-3 < currents[-1] < 0.1
        smu.write(":OUTP OFF")
        assert smu.query(":OUTP?;:SYST:ERR?") == '0;0,"No error"'
    finally:
        smu.close()


def test_pyvisa_talks_over_the_terminal_and_reopens_it(program, visa) -> None:
    resources = json.loads(program.first_line)["resources"]
    for target in (300, 305, 310):
        tc = visa.open_resource(
            resources["tc"],
            baud_rate=57600,
            read_termination="\r\n",
            write_termination="\r\n",
            timeout=5000,
        )
        try:
            time.sleep(GAP_S)
            assert tc.query("*IDN?") == "LSCI,MODEL335,SIM0002/#######,1.0"
            time.sleep(GAP_S)
            tc.write(f"SETP 1,{target}")
            time.sleep(GAP_S)
            assert tc.query("SETP? 1") == f"+{target}.000"
            time.sleep(GAP_S)
            assert float(tc.query("KRDG? A")) == pytest.approx(295, abs=0.1)
        finally:
            tc.close()


def test_the_first_line_names_every_address(program, connect) -> None:
    line = json.loads(program.first_line)
    assert set(line) == {"resources", "control"}
    assert line["resources"]["smu"].startswith("TCPIP0::127.0.0.1::")
    assert line["resources"]["tc"].startswith("ASRL/dev/pts/")
    assert json.loads(connect(line["control"]).query('{"do": "resources"}')) == line["resources"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number) -> None:
    running = Program("demo", "--json")
    assert json.loads(running.first_line)["control"] is None
    running.process.send_signal(number)
    running.process.wait(patience())
    _, errors = running.process.communicate(timeout=patience())
    assert (running.process.returncode, errors) == (0, "")


def test_the_end_of_its_input_ends_it_while_a_client_is_connected(connect) -> None:
    running = Program("demo", "--json")
    smu = connect(json.loads(running.first_line)["resources"]["smu"])
    assert smu.query("*OPC?") == "1"
    assert running.end() == 0
    assert select.select([smu.socket], [], [], 5)[0]


def test_it_imports_nothing_of_the_controller_and_nothing_heavy() -> None:
    code = (
        "import sys, funcnodes_simulators.__main__;"
        "print([m for m in sys.modules if m.split('.')[0] in"
        " ('funcnodes', 'funcnodes_drivers', 'numpy', 'pyvisa', 'litestar')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=patience()
    )
    assert done.stdout.strip() == "[]"


def test_each_instrument_has_a_simulated_serial_number_of_its_own(tmp_path, connect) -> None:
    """D7: what is simulated says so."""
    path = tmp_path / "bench.toml"
    path.write_text(
        "".join(
            f'[dut.r{n}]\nkind = "resistor"\n'
            f'[device.smu{n}]\nmodel = "keithley2400"\ndut = "r{n}"\nserve = "tcp"\n'
            for n in (1, 2)
        )
    )
    with SimulatedBench.start(str(path)) as bench:
        serials = [connect(r).query("*IDN?").split(",")[2] for r in bench.resources.values()]
    assert serials == ["SIM0001", "SIM0002"]


def test_without_json_it_prints_a_list() -> None:
    running = Program("demo")
    assert running.first_line.split()[0] == "smu"
    assert running.end() == 0


def test_the_same_seed_measures_the_same_noise(connect) -> None:
    readings = []
    for _ in range(2):
        with SimulatedBench.start("demo", seed=11) as bench:
            smu = connect(bench.resources["smu"])
            smu.write(":FORM:ELEM CURR;:SOUR:DEL 0.03;:OUTP ON")
            readings.append(smu.query(":READ?"))
    assert readings[0] == readings[1]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            None,
            "is neither a bench file nor one of the built-in benches demo, beam, dosing, "
            "rc-network, resonator, thermometer",
        ),
        ("", "it has no [device.NAME]"),
        ("[device", "is not TOML"),
        ("a = " + "[" * 50000, "is not TOML"),
        ("[devices.smu]", "the file has no place for 'devices'"),
        ("device = 3", "device is not a table"),
        ("[device]\nsmu = 3", "device.smu is not a table"),
        ('[device.smu]\nmodel = "x"\nserve = "tcp"', "device.smu.model is 'x'; it must be"),
        ('[device.smu]\nmodel = "keithley2400"\nserve = "usb"', "device.smu.serve is 'usb'"),
        ('[device.smu]\nmodel = "keithley2400"\nserve = "tcp"', "device.smu.dut is missing"),
        ('[device.smu]\nmodel = "keithley2400"\nserve = "tcp"\ndut = "d"', "names 'd'; there is"),
        ('[dut.d]\nkind = "diode"\nideality = -1\n', "dut.d.ideality is -1"),
        ('[dut.d]\nkind = "diode"\nideality = "2"\n', "dut.d.ideality is '2', not a number"),
        ('[dut.d]\nkind = "diode"\nbanana = 1\n', "dut.d has no place for 'banana'"),
        ('[dut.d]\nkind = "resistor"\nstage = "s"\n', "dut.d.stage names 's'"),
        (
            '[stage.s]\n[device.tc]\nmodel = "lakeshore335"\nstage = "s"\nserve = "tcp"\n'
            "port = 99999\n",
            "device.tc.port is 99999",
        ),
        (
            '[dut.d]\nkind = "diode"\n'
            '[device.a]\nmodel = "keithley2400"\ndut = "d"\nserve = "tcp"\n'
            '[device.b]\nmodel = "keithley2400"\ndut = "d"\nserve = "tcp"\n',
            "a and b both use dut.d",
        ),
        (
            '[dut.d]\nkind = "diode"\n'
            '[device.d]\nmodel = "keithley2400"\ndut = "d"\nserve = "tcp"\n',
            "are both called d",
        ),
    ],
)
def test_a_bad_bench_is_one_sentence(tmp_path, text, complaint) -> None:
    path = tmp_path / "bench.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BenchError) as caught:
        load_layout(str(path))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_programs_time_may_be_scaled(connect) -> None:
    running = Program("demo", "--json", "--control", "--time-scale", "60")
    control = connect(json.loads(running.first_line)["control"])
    outer = time.monotonic()
    began_s = json.loads(control.query('{"do": "state"}'))["now"]
    inner = time.monotonic()
    time.sleep(0.1)  # the bench's own time, which no event tells
    least = time.monotonic() - inner
    took_s = json.loads(control.query('{"do": "state"}'))["now"] - began_s
    assert 60 * least * 0.99 <= took_s <= 60 * (time.monotonic() - outer) * 1.01
    assert running.end() == 0


@pytest.mark.parametrize("scale", ["0", "1e9", "nan"])
def test_a_time_scale_out_of_range_is_refused(scale) -> None:
    for command in (PROGRAM, COMMAND):
        done = subprocess.run(
            [*command, "demo", "--time-scale", scale],
            capture_output=True, text=True, timeout=patience(), stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("bench", ["no such bench", "/"])
def test_a_bad_bench_exits_2_with_one_line(bench) -> None:
    done = subprocess.run(
        [*PROGRAM, bench],
        capture_output=True,
        text=True,
        timeout=patience(),
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert bench in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_one_line_too(tmp_path) -> None:
    with SimulatedBench.start("demo") as bench:
        port = bench.resources["smu"].split("::")[2]
        path = tmp_path / "bench.toml"
        path.write_text(
            '[dut.r]\nkind = "resistor"\n[device.smu]\nmodel = "keithley2400"\ndut = "r"\n'
            f'serve = "tcp"\nport = {port}\n'
        )
        done = subprocess.run(
            [*PROGRAM, str(path)], capture_output=True, text=True, timeout=patience(),
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("smu cannot be served: ")
    assert done.stderr.count("\n") == 1


def test_a_link_never_replaces_a_file(tmp_path) -> None:
    taken = tmp_path / "notes"
    taken.write_text("mine")
    path = tmp_path / "bench.toml"
    path.write_text(
        '[stage.s]\n[device.tc]\nmodel = "lakeshore335"\nstage = "s"\n'
        f'serve = "pty"\nlink = "{taken}"\n'
    )
    with pytest.raises(BenchError, match=r"tc cannot be served: .*is not a link"):
        SimulatedBench.start(str(path))
    assert taken.read_text() == "mine"


def test_a_platinum_sensor_follows_the_controllers_stage(tmp_path, connect) -> None:
    """One bench: the resistor on the source-measure unit sits on the stage that is heated."""
    path = tmp_path / "bench.toml"
    path.write_text(
        "[stage.s]\ncapacity_j_k = 0.04\nconductance_w_k = 0.4\n"
        '[dut.pt]\nkind = "resistor"\nstage = "s"\n'
        '[device.smu]\nmodel = "keithley2400"\ndut = "pt"\nserve = "tcp"\n'
        '[device.tc]\nmodel = "lakeshore335"\nstage = "s"\nserve = "pty"\n'
    )
    with SimulatedBench.start(str(path), seed=1) as bench:
        smu = connect(bench.resources["smu"])
        smu.write(":SENS:FUNC 'VOLT','RES';:FORM:ELEM RES;:SENS:CURR:PROT 0.01;:SOUR:VOLT 0.1")
        smu.write(":SOUR:DEL 0.02;:OUTP ON")
        assert float(smu.query(":READ?")) == pytest.approx(100 * (1 + 3.85e-3 * 21.85), rel=1e-3)
        fd = os.open(bench.resources["tc"][4:-7], os.O_RDWR | os.O_NOCTTY)
        os.write(fd, b"OUTMODE 1,3,0,0;MOUT 1,100;RANGE 1,2\n")
        os.close(fd)
        bench.wait("tc", "heater_percent", 100.0)
        deadline = time.monotonic() + patience()
        while (ohm := float(smu.query(":READ?"))) < 113.15 and time.monotonic() < deadline:
            pass
        assert ohm == pytest.approx(100 * (1 + 3.85e-3 * (21.85 + 12.5)), rel=1e-3)
