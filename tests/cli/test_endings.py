"""However `funcnodes run` ends, no output stays on: hang-up, kill -9, a node that never returns."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import funcnodes
from funcnodes.runs import RunStore
from funcnodes_simulators import SimulatedBench

from ..waiting import eventually, patience

pytestmark = pytest.mark.faults

Limit = Callable[[float], float]

DIODE = Path(funcnodes.__file__).parent / "examples" / "diode_iv.json"

NODES = '''
from funcnodes.core import NodeDecorator, Shelf

@NodeDecorator("stuck.spin", name="Spin")
def spin(v: float) -> float:
    """Never returns."""
    while True:
        pass

SHELF = Shelf([spin], name="Stuck")
'''


def wait_for_rows(config_dir: Path) -> None:
    store = RunStore(config_dir / "workers" / "local" / "runs")
    eventually(lambda: store.list(1) and store.list(1)[0].rows)


def endless(start: Any, bench_file: Path) -> "subprocess.Popen[str]":
    process: subprocess.Popen[str] = start(
        "run", DIODE, "--bench", bench_file, "--set", "sweep.points=100000", "--json"
    )
    return process


def test_a_closed_terminal_ends_the_run_in_order(
    start: Any, bench_file: Path, simulated: SimulatedBench
) -> None:
    process = endless(start, bench_file)
    simulated.wait("smu", "output", True, timeout_s=patience())
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=patience())
    assert process.returncode == 128 + signal.SIGHUP, err
    assert simulated.state()["smu"]["output"] is False
    assert json.loads(out.splitlines()[-1])["state"] == "stopped"


def test_nobody_left_to_read_what_is_said_keeps_no_output_on(
    start: Any, bench_file: Path, simulated: SimulatedBench
) -> None:
    """Behind a closed pipe or terminal every line fails to be written; devices come first."""
    process = endless(start, bench_file)
    simulated.wait("smu", "output", True, timeout_s=patience())
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stderr.close()
    process.send_signal(signal.SIGHUP)
    process.wait(patience())
    process.stdout = process.stderr = None
    assert simulated.state()["smu"]["output"] is False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_run_that_is_killed_or_frozen_leaves_its_outputs_to_the_guardian(
    start: Any,
    bench_file: Path,
    simulated: SimulatedBench,
    config_dir: Path,
    number: signal.Signals,
    limit: Limit,
) -> None:
    process = endless(start, bench_file)
    simulated.wait("smu", "output", True, timeout_s=patience())
    wait_for_rows(config_dir)
    os.kill(process.pid, number)
    simulated.wait("smu", "output", False, timeout_s=limit(3))
    _, err = process.communicate(timeout=patience())
    assert process.returncode == -signal.SIGKILL
    assert "guardian: smu: sent in" in err
    store = RunStore(config_dir / "workers" / "local" / "runs")
    store.recover()
    assert store.find("latest").head.state == "interrupted"


def test_the_guardian_leaves_a_run_that_ends_in_order_alone(
    start: Any, bench_file: Path, simulated: SimulatedBench
) -> None:
    process = start("run", DIODE, "--bench", bench_file, "--set", "sweep.points=3", "--json")
    _, err = process.communicate(timeout=patience())
    assert process.returncode == 0, err
    assert "guardian" not in err
    assert simulated.commands("smu")[-1] == ":SYST:LOC"


@pytest.fixture
def stuck(tmp_path: Path, environment: dict[str, str]) -> Path:
    """The example, with a node behind the reading that never returns; its package is installed."""
    site = tmp_path / "site"
    info = site / "stuck_nodes-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "stuck_nodes.py").write_text(NODES)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stuck_nodes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[funcnodes.module]\nstuck = stuck_nodes:SHELF\n")
    environment["PYTHONPATH"] = str(site)
    data = json.loads(DIODE.read_text())
    data["nodes"].append({"id": "spin", "node_id": "stuck.spin", "name": "Spin", "io": {}})
    data["edges"].append(["read", "v", "spin", "v"])
    path = tmp_path / "stuck.json"
    path.write_text(json.dumps(data))
    return path


def test_ctrl_c_switches_off_and_ends_a_run_whose_node_never_returns(
    start: Any, bench_file: Path, simulated: SimulatedBench, stuck: Path, limit: Limit
) -> None:
    process = start("run", stuck, "--bench", bench_file, "--json")
    simulated.wait("smu", "output", True, timeout_s=patience())
    eventually(lambda: ":READ?" in simulated.commands("smu"))
    process.send_signal(signal.SIGINT)
    simulated.wait("smu", "output", False, timeout_s=limit(2))
    _, err = process.communicate(timeout=patience())
    assert process.returncode == 130, err
    assert "Spin does not return" in err
    assert "Traceback" not in err
