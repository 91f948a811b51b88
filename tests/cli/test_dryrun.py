"""`funcnodes run FILE --dry-run`: the report for people and programs, and its exit status."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import funcnodes
from funcnodes.runs.dryrun import Evidence

from ..waiting import eventually, patience
from .conftest import PROGRAM

EXAMPLES = Path(funcnodes.__file__).parent / "examples"
DIODE, HEATER = EXAMPLES / "diode_iv.json", EXAMPLES / "heater_step.json"


def test_the_report_is_for_people(here: Any, config_dir: Path) -> None:
    done = here("run", HEATER, "--dry-run", "--set", "repeat.every=60")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "Dry run of Watch a sample warm up: complete."
    assert lines[1] == "It takes 39 min 1 s: 40 points, 4 writes."
    assert any(line.endswith("tc.loop1.heater_range = medium") for line in lines)
    assert "  tc.loop1.heater_range = off" in lines
    assert "  tc.loop1.setpoint: 305 K; limits: 0 to 1500 K" in lines
    assert lines[-1] == "Nothing was opened, written to or kept."
    assert not list(config_dir.rglob("*.sqlite*")), "no run is kept"


def test_the_report_is_for_programs(here: Any) -> None:
    done = here("run", DIODE, "--dry-run", "--set", "sweep.points=3", "--json")
    report = json.loads(done.stdout)
    assert (report["state"], report["fine"], report["points"]) == ("complete", True, 3)
    assert report["writes"][0]["member"] == "compliance"
    assert sorted(report["hashes"]) == ["bench", "graph", "limits"]


def test_what_the_run_would_be_refused_for_is_status_1(here: Any) -> None:
    done = here("run", DIODE, "--dry-run", "--set", "sweep.stop=30 V")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].endswith("the run would be refused.")
    assert "30 V" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_makes_the_run_fail_is_status_1(here: Any, tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    bench.write_text(
        'name = "demo"\n[devices.tc]\ndriver = "lakeshore.model335"\naddress = "sim:tc"\n'
        "[[interlock]]\nname = 'hot'\nwhen = 'tc.a.kelvin > \"299 K\"'\n"
    )
    done = here("run", HEATER, "--dry-run", "--bench", bench)
    assert done.returncode == 1
    assert "The run would be aborted" in done.stderr
    assert "hot" in done.stderr


def test_evidence_is_kept_where_it_is_asked_for(here: Any, tmp_path: Path) -> None:
    path = tmp_path / "evidence.json"
    assert here("run", DIODE, "--dry-run", "--evidence", path).returncode == 0
    assert Evidence.load(path).report.points == 51


def test_a_signal_ends_it_and_leaves_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    """What was found so far is told all the same."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    forever = ["--set", "repeat.every=60", "--set", "repeat.count=1000000"]
    with subprocess.Popen(
        [*PROGRAM, "run", str(HEATER), "--dry-run", *forever],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**environment, "TMPDIR": str(temporary)},
    ) as process:  # fmt: skip
        runs = "funcnodes-dry-*/runs/*-wal"  # that has rows: it is under way
        eventually(lambda: [p for p in temporary.glob(runs) if p.stat().st_size > 100_000])
        process.send_signal(signal.SIGTERM)
        told, complaint = process.communicate(timeout=patience())
    assert told, complaint
    assert told.splitlines()[0].endswith(": stopped: Stopped by SIGTERM.")
    assert (process.returncode, len(complaint.splitlines())) == (1, 1)
    assert list(temporary.iterdir()) == []


def test_options_that_do_not_go_together_are_status_2(here: Any, tmp_path: Path) -> None:
    assert here("run", DIODE, "--evidence", tmp_path / "e").returncode == 2
    assert here("run", DIODE, "--dry-run", "--out", tmp_path).returncode == 2
