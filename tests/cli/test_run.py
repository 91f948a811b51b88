"""`funcnodes run`: the example on a simulated bench, by the real command."""

import csv
import json
import math
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from scipy.optimize import curve_fit
from scipy.special import lambertw

import funcnodes
from funcnodes.cli.run import _left, _standing
from funcnodes.errors import SavedGraphError
from funcnodes.runs import RunReader, RunStore, local
from funcnodes.runs.timing import UNKNOWN, TimeToGo
from funcnodes_simulators import SimulatedBench

from ..waiting import eventually, patience

Limit = Callable[[float], float]

DIODE = Path(funcnodes.__file__).parent / "examples" / "diode_iv.json"

# Of the demo bench's diode, as `funcnodes_simulators.physics` documents it.
I_S, N, R_S, T = 2.52e-9, 1.752, 0.568, 300.0
V_T = 1.380649e-23 * T / 1.602176634e-19


def last_json(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found


def test_the_example_runs_on_the_bench_it_names_and_leaves_its_data(
    command: Any, config_dir: Path
) -> None:
    done = command("run", DIODE, "--json")
    assert done.returncode == 0, done.stderr
    result = last_json(done.stdout)
    assert result["state"] == "complete"
    assert result["rows"] == 51
    assert result["simulated"] == "all"
    head = RunReader(Path(result["path"])).head
    assert (head.id, head.bench, head.simulated) == (result["run"], "demo", "all")
    assert RunStore(config_dir / "workers" / "local" / "runs").find("latest").head == head


def test_a_device_that_cannot_be_used_is_in_nobody_else_s_way(
    command: Any, bench_file: Path
) -> None:
    """A missing package, and a mistake in the table of a device."""
    more = "[devices.{}]\ndriver = '{}'\naddress = 'tcp:127.0.0.1:1'\n{}\n"
    odd = more.format("odd", "acme.none", "") + more.format("typo", "scpi", "bauds = 9600")
    bench_file.write_text(bench_file.read_text() + odd)
    done = command("run", DIODE, "--bench", bench_file, "--set", "sweep.points=3", "--json")
    assert done.returncode == 0, done.stderr
    assert last_json(done.stdout)["rows"] == 3
    checked = json.loads(command("device", "check", "--bench", bench_file, "--json").stdout)
    said = {each["name"]: (each["state"], each["message"]) for each in checked}
    assert said["smu"] == ("idle", "")
    assert said["odd"][0] == said["typo"][0] == "offline"
    assert "There is no driver 'acme.none'" in said["odd"][1]
    assert "[devices.typo] bauds: there is no such key" in said["typo"][1]


def test_people_see_what_was_understood_a_table_and_the_curve(command: Any) -> None:
    done = command("run", DIODE, "--set", "sweep.stop=0.8V", "--set", "Sweep.points=11")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == ["Sweep: stop = 800 mV", "Sweep: points = 11"]
    assert re.search(r"row +setpoint +V +I\n", done.stdout)
    assert re.search(r"10 +800 mV +— \(compliance\) +— \(compliance\)", done.stdout)
    assert "I against V" in done.stdout
    assert any("\u2800" < letter <= "\u28ff" for letter in done.stdout)
    assert re.search(r"Run 1 complete: 11 rows in \d+\.\d s, simulated\.", done.stdout)


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ("sweep.stop=800", "Sweep: stop = 800 mV"),
        ("SWEEP.stop=0.5 V", "Sweep: stop = 500 mV"),
        ("set_voltage.value=1", None),
        ("set_compliance.compliance=10mA", "Set compliance: compliance = 0.01 A"),
        ("Set compliance.value=1 mA", "Set compliance: compliance = 0.001 A"),
        ("sweep.both_ways=on", "Sweep: both ways = on"),
        ("settle.time=5ms", "Settle: time = 0.005 s"),
    ],
)
def test_a_value_is_understood_in_the_input_s_unit(
    here: Any, given: str, understood: str | None
) -> None:
    """Those that are understood come before the one that ends the command."""
    done = here("run", DIODE, "--set", given, "--set", "sweep.points=0")
    assert done.returncode == 1
    if understood is None:
        assert "it is wired to Sweep: value" in done.stderr
    else:
        assert done.stdout.splitlines() == [understood]


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["missing.json"], 1, "missing.json cannot be read: There is no such file."),
        (["text.json"], 1, "text.json is not JSON: Expecting value at line 1, column 1."),
        (["list.json"], 1, "list.json is not a nodespace: it holds no JSON object."),
        (["unknown.json"], 1, "There is no node of type 'no.such' here."),
        (["dangling.json"], 1, "A wire in the file leads to a node 'b' that is not in it."),
        (["elsewhere.json"], 1, "There is no bench 'elsewhere'"),
        (["empty.json"], 1, "There is nothing to run"),
        (["empty.json", "--bench", "missing.toml"], 1, "missing.toml"),
        (["empty.json", "--bench", "text.json"], 1, "is not TOML"),
        ([DIODE, "--set", "sweep.stop"], 2, "'sweep.stop' is not of the form node.port=VALUE."),
        ([DIODE, "--set", "swep.stop=1"], 2, "There is no node 'swep'; there are Set compliance,"),
        ([DIODE, "--set", "sweep.stp=1"], 2, "Sweep has no input 'stp'; it has"),
        ([DIODE, "--set", "sweep.stop=1 s"], 1, "Sweep: stop cannot be set: "),
        ([DIODE, "--set", "sweep.stop=big"], 1, "'big' is not a number of mV"),
        ([DIODE, "--set", "set_compliance.value=1 A"], 1, "1 A is outside 1 µA to 20 mA"),
        ([DIODE, "--out", "text.json"], 1, "text.json cannot be made a folder: File exists."),
        ([], 2, "Missing argument 'FILE'."),
        ([DIODE, "--nonsense"], 2, "No such option: --nonsense"),
    ],
)
def test_bad_input_gets_one_plain_sentence(
    here: Any, tmp_path: Path, arguments: list[str], status: int, sentence: str
) -> None:
    files = {
        "text.json": "this is text",
        "list.json": "[]",
        "unknown.json": json.dumps({"nodes": [{"id": "a", "node_id": "no.such"}]}),
        "dangling.json": json.dumps(
            {"nodes": [{"id": "a", "node_id": "sweep"}], "edges": [["a", "value", "b", "x"]]}
        ),
        "elsewhere.json": json.dumps({"requires": {"bench": "elsewhere"}}),
        "empty.json": "{}",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = here("run", *arguments)
    assert done.returncode == status, done.stderr
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(command: Any) -> None:
    done = command("--debug", "run", "missing.json")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_bench_whose_instrument_is_not_there_is_told_by_address_and_cause(
    command: Any, bench_file: Path, simulated: SimulatedBench
) -> None:
    simulated.close()
    done = command("run", DIODE, "--bench", bench_file)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert simulated.resources["smu"] in done.stderr
    assert "refused" in done.stderr


def test_out_gets_the_run_file_and_the_worker_keeps_it(
    command: Any, tmp_path: Path, config_dir: Path
) -> None:
    out = tmp_path / "new" / "folder"
    result = last_json(
        command("run", DIODE, "--set", "sweep.points=3", "--out", out, "--json").stdout
    )
    path = Path(result["path"])
    assert path.parent == out
    assert [each.name for each in out.iterdir()] == [path.name]
    assert RunReader(path).head.rows == 3
    kept = RunStore(config_dir / "workers" / "local" / "runs").find("latest")
    assert kept.path.read_bytes() == path.read_bytes()


@pytest.mark.formats
def test_the_curve_is_left_as_a_picture(command: Any, tmp_path: Path) -> None:
    done = command("run", DIODE, "--plot", tmp_path / "iv.svg", "--json")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "iv.svg").read_text()
    assert "[simulated]" in text
    assert " (V)<" in text
    assert " (A)<" in text


def test_a_picture_that_cannot_be_is_refused_before_anything_is_measured(
    command: Any, config_dir: Path
) -> None:
    done = command("run", DIODE, "--plot", "iv.bmp")
    assert (done.returncode, done.stderr) == (
        1, "iv.bmp is to be a picture: its name ends in .png, .svg or .pdf.\n",
    )  # fmt: skip
    assert RunStore(config_dir / "workers" / "local" / "runs").paths() == []


def test_the_documented_diode_is_found_in_the_exported_curve(
    command: Any, bench_file: Path, tmp_path: Path
) -> None:
    """I_s, n and R_s within 4 standard errors; points in compliance are left out."""
    done = command("run", DIODE, "--bench", bench_file, "--set", "sweep.stop=0.8V")
    assert done.returncode == 0, done.stderr
    done = command("runs", "export", "latest", "--format", "csv", "--out", "curve.csv")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "curve.csv").read_text().splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("# ")))
    assert {row["I quality"] for row in rows} == {"ok", "compliance"}
    good = [row for row in rows if row["I quality"] == row["V quality"] == "ok"]
    v, i = (np.array([float(row[name]) for row in good]) for name in ("V (V)", "I (A)"))
    assert len(v) >= 40
    found, errors = fit(v, i)
    for name, documented, value, error in zip(
        ("I_s", "n", "R_s"), (math.log(I_S), N, R_S), found, errors, strict=True
    ):
        assert abs(value - documented) < 4 * error, f"{name}: {value} ± {error}, not {documented}"
        assert error < 0.01 * abs(documented), f"{name} is hardly determined: ± {error}"


def fit(v: np.ndarray, i: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ln I_s, n and R_s with their standard errors, by weighted least squares.

    Each current is as uncertain as the meter's noise (2 ppm of its range, which is taken as the
    next decade above) together with that of the voltage (2 ppm of 2 V) times the slope.
    """
    decade = 10.0 ** np.ceil(np.log10(np.maximum(np.abs(i), 1e-6)))
    conductance = np.maximum(i, 0) / (N * V_T + np.maximum(i, 0) * R_S)
    sigma = np.hypot(2e-6 * decade, 4e-6 * conductance)
    found, covariance = curve_fit(shockley, v, i, p0=(-20.0, 1.7, 0.5), sigma=sigma)
    return found, np.sqrt(np.diag(covariance))


def shockley(v: np.ndarray, log_i_s: float, n: float, r_s: float) -> np.ndarray:
    """The current of a diode with series resistance, solved by Lambert's W."""
    i_s, nv = math.exp(log_i_s), n * V_T
    exponent = (v + i_s * r_s) / nv + math.log(i_s * r_s / nv)
    return nv / r_s * np.real(lambertw(np.exp(exponent))) - i_s


def test_a_terminal_without_these_characters_gets_others_not_an_error(
    command: Any, environment: dict[str, str]
) -> None:
    """As with LC_ALL=C, or a legacy code page: a minus must not turn into a complaint."""
    environment["PYTHONIOENCODING"] = "ascii"
    done = command(
        "run",
        DIODE,
        "--set",
        "sweep.start=-10mV",
        "--set",
        "sweep.stop=0",
        "--set",
        "sweep.points=3",
    )
    assert done.returncode == 0, done.stderr
    assert "Sweep: start = -10 mV" in done.stdout
    assert "I against V" in done.stdout
    assert done.stderr == ""


# ── stopping ──────────────────────────────────────────────────────────────────────────────


def test_ctrl_c_stops_in_order_and_a_second_one_is_harmless(
    start: Any, bench_file: Path, simulated: SimulatedBench, config_dir: Path
) -> None:
    process = start("run", DIODE, "--bench", bench_file, "--set", "sweep.points=100000", "--json")
    simulated.wait("smu", "output", True, timeout_s=patience())
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=patience())
    assert process.returncode == 130, err
    assert simulated.state()["smu"]["output"] is False
    assert last_json(out)["state"] == "stopped"
    assert "Stopping after Ctrl-C: devices are made safe first." in err
    assert "Traceback" not in err
    run = RunStore(config_dir / "workers" / "local" / "runs").find("latest")
    assert run.head.state == "stopped"
    assert "smu was parked." in [entry.text for entry in run.log()]


def test_sigterm_does_the_same(
    start: Any, bench_file: Path, simulated: SimulatedBench, limit: Limit
) -> None:
    process = start("run", DIODE, "--bench", bench_file, "--set", "sweep.points=100000", "--json")
    simulated.wait("smu", "output", True, timeout_s=patience())
    began = time.monotonic()
    process.terminate()
    out, err = process.communicate(timeout=patience())
    assert process.returncode == 143, err
    assert time.monotonic() - began < limit(5)
    assert simulated.state()["smu"]["output"] is False
    assert last_json(out)["state"] == "stopped"


def test_a_point_that_does_not_end_is_given_up_after_ctrl_c(
    start: Any, bench_file: Path, simulated: SimulatedBench
) -> None:
    process = start("run", DIODE, "--bench", bench_file, "--set", "settle.time=1 h", "--json")
    wait_for_command(simulated, ":SOUR:VOLT 0")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=patience())
    assert process.returncode == 130, err
    assert simulated.state()["smu"]["output"] is False
    assert last_json(out)["state"] == "aborted"


def test_ctrl_c_at_the_terminal_reaches_the_devices_before_the_simulator(
    start: Any, config_dir: Path
) -> None:
    """A terminal signals the whole group; the simulator must still be there to be parked."""
    process = start("run", DIODE, "--set", "sweep.points=100000", "--json")
    store = RunStore(config_dir / "workers" / "local" / "runs")
    simulator = wait_for_rows(process, store)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=patience())
    assert process.returncode == 130, err
    assert last_json(out)["state"] == "stopped"
    assert "smu was parked." in [entry.text for entry in store.find("latest").log()]
    psutil.wait_procs([simulator], timeout=patience())
    assert not simulator.is_running()


def wait_for_rows(process: Any, store: RunStore) -> psutil.Process:
    """Wait until the run has rows on disk; returns the simulator's process."""
    eventually(lambda: process.poll() is not None or (store.list(1) and store.list(1)[0].rows))
    assert process.poll() is None
    (simulator,) = psutil.Process(process.pid).children()
    return simulator


def test_ctrl_c_before_the_run_began_ends_it_quietly(
    start: Any, bench_file: Path, simulated: SimulatedBench
) -> None:
    simulated.fault("smu", "mute")
    process = start("run", DIODE, "--bench", bench_file)
    wait_for_command(simulated, "*IDN?")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=patience())
    assert process.returncode == 130
    assert err.splitlines() == ["Stopped by Ctrl-C before the run began."]


def wait_for_command(simulated: SimulatedBench, text: str) -> None:
    eventually(lambda: text in simulated.commands("smu"))


def test_a_file_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "MOST_BYTES", 2**20)
    with pytest.raises(SavedGraphError, match="is larger than 1 MB, or never ends"):
        local.read_nodespace(Path("/dev/zero"))


def test_a_run_that_is_suspended_says_why_and_what_came_of_it(
    command: Any, bench_file: Path, config_dir: Path
) -> None:
    """Declared in the bench file; here the signal stays out until the deadline."""
    bench_file.write_text(
        f"{bench_file.read_text()}\n[[suspender]]\nname = 'cold head'\nsource = 'tc.a.kelvin'\n"
        "high = '4 K'\ndeadline_s = 0.2\nevery_s = 0.05\n"
    )
    done = command("run", DIODE, "--bench", bench_file)
    assert done.returncode == 1
    why = r"cold head is 29\d(\.\d+)? K, above 4 K"
    assert re.search(rf"Paused: {why}\.", done.stdout), done.stdout
    assert re.search(rf"cold head did not come back in 0\.2 s: {why}\.", done.stderr)
    reader = RunStore(config_dir / "workers" / "local" / "runs").find("latest")
    assert (reader.head.state, reader.head.rows) == ("stopped", 0)
    kinds = [event.kind for event in reader.events() if event.kind != "state"]
    assert kinds == ["suspended", "given up"]


def test_the_bar_says_why_a_run_stands_still_in_its_own_letters() -> None:
    """A kelvin is no k; of a run that is over nothing is left to be known."""
    run: Any = SimpleNamespace(state="paused", message="cold head is 7 K, above 5 K", waiting="")
    assert _standing(run) == "Paused: cold head is 7 K, above 5 K"
    assert _left(run) == ""
    run.state, run.to_go = "running", TimeToGo(3723.4, is_most=True)
    assert (_standing(run), _left(run)) == ("Running", ", at most 1:02:03 left")
    run.to_go, run.waiting = UNKNOWN, "waiting for DMM"
    assert (_standing(run), _left(run)) == ("Waiting for DMM", ", time left unknown")
