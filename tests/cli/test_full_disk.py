"""A disk that is full, really: no stop waits for it, and what was committed is kept (S3a, R4)."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import funcnodes
from funcnodes.devices.estop.latch import Latch
from funcnodes.machine.presence import present
from funcnodes.runs import RunReader, RunStore
from funcnodes.settings import Settings
from funcnodes.workers.workspace import Workspace
from funcnodes_simulators import SimulatedBench

from ..smalldisk import SmallDisk, small_disk
from ..waiting import eventually, patience

pytestmark = pytest.mark.faults

DIODE = Path(funcnodes.__file__).parent / "examples" / "diode_iv.json"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as found:
        yield found


@pytest.fixture
def config_dir(disk: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that is kept is on the small disk."""
    path = disk.folder / "config"
    monkeypatch.setenv("FUNCNODES_CONFIG_DIR", str(path))
    return path


@pytest.fixture
def worker(
    command: Any, bench_file: Path, config_dir: Path, simulated: SimulatedBench
) -> Iterator[Workspace]:
    """A worker without a manager, its output on."""
    made = command("worker", "new", "--name", "lab", "--create-only")
    assert made.returncode == 0, made.stderr
    (workspace,) = Workspace.all(Settings(config_dir))
    workspace.bench_path.write_text(bench_file.read_text())
    switch_on(simulated)
    started = command("worker", "start", "lab", "--detach")
    assert started.returncode == 0, started.stderr
    eventually(lambda: any(each.targets for each in present() if each.worker))
    yield workspace
    process = workspace.process()
    if process is not None:
        process.send(signal.SIGKILL)
        assert process.gone_within(patience())


def log_of(command: Any) -> str:
    snapshot = json.loads(command("worker", "command", "lab", "get_snapshot").stdout)
    return "\n".join(line["text"] for line in snapshot["log"])


def test_an_e_stop_goes_its_whole_way_and_is_latched_at_the_next_start(
    command: Any, worker: Workspace, disk: SmallDisk, simulated: SimulatedBench
) -> None:
    """S4: what is not kept is said; that it is latched is kept all the same."""
    process = worker.process()
    assert process is not None
    disk.fill(process.pid)
    done = command("estop", "lab")
    assert simulated.state()["smu"]["output"] is False
    assert "smu is off (read back)" in done.stdout, done.stderr
    assert "not kept on disk" in log_of(command)
    os.kill(process.pid, signal.SIGKILL)
    assert process.gone_within(patience())
    assert Latch(worker.latch_path).latched


def switch_on(simulated: SimulatedBench) -> None:
    """By hand, before anybody connects."""
    _, host, port, _ = simulated.resources["smu"].split("::")
    with socket.create_connection((host, int(port))) as panel:
        panel.sendall(b":OUTP ON\n")
        simulated.wait("smu", "output", True, timeout_s=patience())


def test_a_run_stops_with_a_clear_error_its_outputs_off_and_its_committed_rows_kept(
    start: Any,
    command: Any,
    bench_file: Path,
    disk: SmallDisk,
    simulated: SimulatedBench,
    config_dir: Path,
) -> None:
    """And once there is room it goes on where it stopped."""
    process: subprocess.Popen[str] = start(
        "run", DIODE, "--bench", bench_file, "--set", "sweep.points=150", "--json"
    )
    store = RunStore(config_dir / "workers" / "local" / "runs")
    eventually(lambda: store.list(1) and store.list(1)[0].rows > 20)
    assert simulated.state()["smu"]["output"] is True
    had = store.list(1)[0].rows
    disk.fill(process.pid)
    out, err = process.communicate(timeout=patience())
    assert simulated.state()["smu"]["output"] is False
    assert process.returncode == 1, err
    told = json.loads(out.splitlines()[-1])
    assert told["state"] == "failed"
    assert "cannot be written" in told["message"]
    assert "Traceback" not in err
    disk.empty()
    store.recover()
    reader = RunReader(store.find("latest").path)
    assert reader.count() >= had
    page = reader.rows(0, reader.count())
    assert all(value is not None for value in page.values[0])
    done = command("runs", "continue", "latest", "--yes")
    assert done.returncode == 0, done.stderr
    assert len(store.find("latest").to_numpy()["row"]) == 150
