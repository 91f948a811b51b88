"""A run recorded on the simulated bench, then run again from the recording, by the command."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from funcnodes.devices.messages.recorded import Recorded
from funcnodes.runs import RunReader

from ..waiting import patience

Command = Callable[..., Any]
EXAMPLE = Path(__file__).parents[2] / "examples" / "diode_iv.json"
SHORT = ("--set", "sweep.points=6")


def rows(printed: str) -> tuple[Any, Any]:
    """Values and qualities of a run's rows, from what `run --json` printed."""
    reader = RunReader(Path(json.loads(printed)["path"]))
    page = reader.rows(0, 1000)
    return page.values, page.quality


@pytest.fixture
def recorded(here: Command, tmp_path: Path) -> tuple[Path, tuple[Any, Any]]:
    """A recording of a run over a real socket and terminal, and its rows."""
    file = tmp_path / "traffic.jsonl"
    ran = here("run", EXAMPLE, *SHORT, "--record-traffic", file, "--json")
    assert ran.returncode == 0, ran.stderr
    return file, rows(ran.stdout)


def test_a_replayed_run_gives_the_same_rows(
    here: Command, recorded: tuple[Path, tuple[Any, Any]]
) -> None:
    """Strictly and by matching; D7: it says that it was replayed, wherever a run says anything."""
    file, expected = recorded
    assert len(expected[0][0]) == 6
    for how in ((), ("--match",), ("--timed",)):
        ran = here("run", EXAMPLE, *SHORT, "--replay", file, *how, "--json")
        assert ran.returncode == 0, ran.stderr
        assert rows(ran.stdout) == expected
        told = json.loads(ran.stdout)
        assert (told["simulated"], told["replayed"]) == ("all", "all")
    shown = here("runs", "show", "latest").stdout
    assert "demo, simulated, replayed" in shown
    assert "(SIM) (REPLAY)" in here("runs", "list").stdout
    exported = here("runs", "export", "latest", "--out", "run.csv")
    assert exported.returncode == 0, exported.stderr
    assert "# replayed: all" in Path("run.csv").read_text()


def test_a_run_that_differs_from_the_recording_says_where(
    here: Command, recorded: tuple[Path, tuple[Any, Any]]
) -> None:
    file, _ = recorded
    ran = here("run", EXAMPLE, *SHORT, "--set", "sweep.stop=0.6V", "--replay", file)
    assert ran.returncode == 1
    assert "expected ':SOUR:VOLT 0.14', got ':SOUR:VOLT 0.12' at exchange" in ran.stderr
    assert "of traffic.jsonl" in ran.stderr
    assert "by hand" not in ran.stderr
    ran = here("run", EXAMPLE, "--set", "sweep.points=8", "--replay", file, "--match")
    assert ran.returncode == 1
    assert "the replay expected ':SOUR:VOLT 0.1" in ran.stderr


def test_replay_takes_a_recording_and_nothing_else(here: Command, tmp_path: Path) -> None:
    ran = here("run", EXAMPLE, "--match")
    assert (ran.returncode, ran.stderr) == (2, "--match and --timed go with --replay FILE.\n")
    ran = here("run", EXAMPLE, "--replay", "none.jsonl")
    assert ran.returncode == 1
    assert "none.jsonl cannot be read: no such file" in ran.stderr
    ran = here("run", EXAMPLE, "--replay", EXAMPLE)
    assert ran.returncode == 1
    assert "line 1: it is not one of a recording" in ran.stderr
    (tmp_path / "taken.jsonl").touch()
    ran = here("run", EXAMPLE, "--record-traffic", "taken.jsonl")
    assert ran.returncode == 1
    assert "is there already" in ran.stderr


# ── funcnodes device … ────────────────────────────────────────────────────────────────────


def test_traffic_is_shown_and_filtered(
    here: Command, recorded: tuple[Path, tuple[Any, Any]]
) -> None:
    file, _ = recorded
    whole = here("device", "traffic", file).stdout.splitlines()
    assert len(whole) == sum(len(d.exchanges) for d in Recorded.load(file).devices.values())
    set_lines = here("device", "traffic", file, "--match", "sour:volt 0.14", "--only", "out").stdout
    (line,) = set_lines.splitlines()
    assert line.endswith(r"smu      > :SOUR:VOLT 0.14\n")
    last = here("device", "traffic", file, "--device", "tc", "--last", "1", "--json").stdout
    assert json.loads(last)["direction"] == "close"
    for wrong, why in {
        ("--only", "sideways"): "there are open, out",
        ("--last", "x"): "int",
    }.items():
        ran = here("device", "traffic", file, *wrong)
        assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
        assert why in ran.stderr
    ran = here("device", "traffic", file, "--device", "dmm")
    assert ran.returncode == 1
    assert "holds no device 'dmm'; it has smu, tc" in ran.stderr


def test_a_recording_is_checked_and_asked(
    here: Command, recorded: tuple[Path, tuple[Any, Any]], tmp_path: Path
) -> None:
    file, _ = recorded
    ran = here("device", "replay", file, "--json")
    devices = {each["name"]: each for each in json.loads(ran.stdout)["devices"]}
    assert ran.returncode == 0
    assert devices["smu"]["problem"] == ""
    assert devices["smu"]["driver"] == "keithley.smu2400"
    assert devices["smu"]["said"] > 40
    ran = here("device", "replay", file, "--device", "tc", "--ask", "*IDN?", "--ask", "SETP? 1")
    assert ran.stdout.splitlines() == ["LSCI,MODEL335,SIM0002/#######,1.0", "+000.000"]
    ran = here("device", "replay", file, "--device", "tc", "--ask", "SETP? 3")
    assert ran.returncode == 1
    assert "expected 'SETP? " in ran.stderr
    other = tmp_path / "other.jsonl"
    other.write_text(file.read_text().replace("KEITHLEY", "ACME"))
    ran = here("device", "replay", other)
    assert ran.returncode == 1
    assert "for which the driver keithley.smu2400 is not made" in ran.stdout


def test_recording_reads_and_counts(here: Command, bench_file: Path, tmp_path: Path) -> None:
    ran = here(
        "device", "record", "lab.jsonl", "--bench", bench_file, "--read", "tc.a.kelvin",
        "--count", "3", "--every", "0.01", "--json",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["rounds"] == 3
    recorded = Recorded.load(tmp_path / "lab.jsonl")
    asked = [each.data for each in recorded.device("tc").exchanges if each.direction == "out"]
    assert asked.count(b"KRDG? A\r\n") == 3
    ran = here("device", "record", "lab.jsonl", "--bench", bench_file, "--count", "1")
    assert (ran.returncode, "is there already" in ran.stderr) == (1, True)
    ran = here(
        "device", "record", "y.jsonl", "--bench", bench_file, "--read", "kelvin", "--count", "1"
    )
    assert (ran.returncode, "say of which device, e.g. smu." in ran.stderr) == (1, True)
    ran = here("device", "record", "z.jsonl", "tcp:127.0.0.1:1", "--count", "1")
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert "connection refused" in ran.stderr
    ran = here("device", "record", "w.jsonl")
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)


def test_ctrl_c_ends_a_recording_in_order(
    start: Callable[..., Any], simulated: Any, tmp_path: Path
) -> None:
    file = tmp_path / "lab.jsonl"
    process = start(
        "device", "record", file, simulated.resources["tc"], "--read", "a.kelvin", "--every", "0.01"
    )
    simulated.request("wait", device="tc", path="model", equals="lakeshore335", timeout_s=5)
    while not [text for text in simulated.commands("tc") if text.startswith("KRDG")]:
        assert process.poll() is None, process.stderr.read()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=patience())
    assert (process.returncode, err) == (0, "")
    assert "entries of device in" in out
    assert Recorded.load(file).device().exchanges[-1].direction == "close"
