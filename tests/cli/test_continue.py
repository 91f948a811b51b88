"""`funcnodes runs continue`: after a kill at any moment, and what it says and refuses."""

import json
import os
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcnodes
from funcnodes.cli import runs_continuing
from funcnodes.runs import RunStore
from funcnodes.settings import Settings
from funcnodes.workers.workspace import Workspace
from funcnodes_simulators import SimulatedBench

from ..runs.recorded import diode
from ..runs.test_continuing import cut_short
from ..waiting import eventually, patience

Command = Callable[..., Any]
DIODE = Path(funcnodes.__file__).parent / "examples" / "diode_iv.json"
POINTS = 60
AFTER = "settle.time=0.01"


@pytest.fixture
def store(config_dir: Path) -> RunStore:
    return RunStore(config_dir / "workers" / "local" / "runs")


def killed(process: Any, store: RunStore, number: int, after_s: float) -> None:
    """End it as no program can prevent it, so long after a row of its run is on disk."""
    eventually(
        lambda: (
            process.poll() is not None
            or any(head.number == number and head.rows for head in store.list(3))
        )
    )
    time.sleep(after_s)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=patience())


def test_killed_at_random_moments_it_goes_on_to_the_rows_of_an_uninterrupted_run(
    here: Command,
    start: Any,
    store: RunStore,
    bench_file: Path,
    simulated: SimulatedBench,
) -> None:
    """R4: at most what was not committed is taken again, and no point is there twice."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    sets = ["--set", f"sweep.points={POINTS}", "--set", AFTER]
    killed(start("run", DIODE, "--bench", bench_file, *sets, "--json"), store, 1,
           moments.uniform(0, 0.15))  # fmt: skip
    simulated.wait("smu", "output", False, timeout_s=patience())
    killed(start("runs", "continue", "latest", "--yes"), store, 2, moments.uniform(0, 0.15))
    simulated.wait("smu", "output", False, timeout_s=patience())
    done = here("runs", "continue", "latest", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["number"], said["state"], said["continues"]) == (
        3, "complete", store.find("2").head.id,
    )  # fmt: skip
    assert simulated.state()["smu"]["output"] is False
    found = store.find("3").to_numpy()
    assert here("run", DIODE, "--bench", bench_file, *sets, "--json").returncode == 0
    uninterrupted = store.find("4").to_numpy()
    assert found["setpoint"].tolist() == uninterrupted["setpoint"].tolist()
    assert found["V"] == pytest.approx(uninterrupted["V"], abs=1e-4)
    is_large = uninterrupted["I"] > 1e-6
    assert found["I"][is_large] == pytest.approx(uninterrupted["I"][is_large], rel=0.05)
    assert (np.diff(found["run number"]) >= 0).all()
    assert here("runs", "verify", "1", "2", "3").returncode == 0
    for number in ("1", "2"):
        run = store.find(number)
        taken = sum(record.is_leaf for record in run.point_records())
        assert 0 <= run.count() - taken <= 1  # at most the point under way is half there
        assert run.head.state == "interrupted"
    shown = here("runs", "show", "3").stdout
    assert "continues  run 2 at point " in shown
    assert "continued  by run 2" in here("runs", "show", "1").stdout
    lines = here("runs", "export", "3").stdout.splitlines()
    assert sum(not line.startswith("#") for line in lines) == POINTS + 1
    alone = here("runs", "export", "3", "--only-this").stdout.splitlines()
    assert sum(not line.startswith("#") for line in alone) == store.find("3").count() + 1
    assert "continued already, by run 2" in here("runs", "continue", "1").stderr


def test_what_is_no_run_of_this_machine_is_not_continued(
    here: Command, store: RunStore, tmp_path: Path
) -> None:
    diode(store.folder)
    assert here("runs", "continue", "latest").stderr == (
        "Run 1 is complete: there is nothing to go on with.\n"
    )
    copy = diode(tmp_path / "copy").path
    assert (
        "a copy is not continued, since its original would not know"
        in here("runs", "continue", copy).stderr
    )
    assert here("runs", "continue", "7").returncode == 1


@pytest.fixture
def worker(here: Command, command: Command, config_dir: Path, bench_file: Path) -> Iterator[Any]:
    """A worker without a manager, with the example open."""
    assert here("worker", "new", "--name", "lab", "--create-only").returncode == 0
    (workspace,) = Workspace.all(Settings(config_dir))
    workspace.bench_path.write_text(bench_file.read_text())
    data = json.loads(DIODE.read_text())
    data["requires"] = {}
    (workspace.root / "nodespaces" / "Diode.json").write_text(json.dumps(data))
    started = command("worker", "start", "lab", "--detach")
    assert started.returncode == 0, started.stderr
    yield workspace
    process = workspace.process()
    if process is not None:
        process.send(signal.SIGKILL)
        assert process.gone_within(patience())


def test_a_run_of_a_worker_goes_on_in_that_worker(
    here: Command, worker: Any, simulated: SimulatedBench
) -> None:
    """One owner: the worker keeps its devices, and is asked."""

    def ask(*words: str) -> Any:
        done = here("worker", "command", "lab", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    store = RunStore(worker.runs_dir)
    ask("open_space", "name=Diode")
    ask("run_start")
    eventually(lambda: store.list(1) and store.list(1)[0].rows > 2)
    assert "Run 1 is still going on" in here("runs", "continue", "1", "--worker", "lab").stderr
    ask("run_stop")
    eventually(lambda: store.list(1)[0].state == "stopped")
    said = here("runs", "continue", "latest", "--yes")
    assert "Set compliance: smu.compliance = 20 mA\n" in said.stdout, said.stderr
    assert "It goes on in worker lab as run " in said.stdout
    eventually(lambda: store.list(1)[0].number == 2 and store.list(1)[0].state == "complete")
    assert len(store.find("2").to_numpy()["V"]) == 51
    assert simulated.state()["smu"]["output"] is False


def test_the_guide_to_continuing_does_what_it_says(
    here: Command, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commands and its script, on the simulated bench that they name."""
    guide = (Path(__file__).parents[2] / "docs/guides/continuing.md").read_text()
    commands = re.findall(r"^    funcnodes (runs continue .*)$", guide, re.MULTILINE)
    (block,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    assert here("run", DIODE, "--set", "sweep.points=6", "--set", "settle.time=0").returncode == 0
    cut_short(store.find("1").path, 5)
    plain, later, agreed = (command.split() for command in commands)
    with monkeypatch.context() as patched:
        patched.setattr(runs_continuing, "_agreed", lambda: False)
        done = here(*plain)
        assert (done.returncode, done.stderr) == (1, "The run was not started.\n")
        assert len(store.paths()) == 1
    done = here(*plain)
    assert done.returncode == 0, done.stderr
    assert "goes on at point 4 of 6.\nNothing has to be written first.\n" in done.stdout
    cut_short(store.find("2").path, 3)
    assert later[2:] == ["12", "--from", "30"]
    assert here("runs", "continue", "2", "--from", "3").returncode == 0
    found = store.find("3").to_numpy()
    assert found["run number"].tolist() == [1, 1, 3, 3, 3, 3]
    cut_short(store.find("3").path, 3)
    assert json.loads(here(*agreed[:2], "3", *agreed[3:]).stdout.splitlines()[-1])["from"] == 4
    cut_short(store.find("4").path, 3)
    names: dict[str, Any] = {"__name__": "guide"}
    exec(compile(block, "continuing.md", "exec"), names)
    assert names["table"]["setpoint"].tolist() == pytest.approx([0, 140, 280, 420, 560, 700])
    assert len(names["alone"]["V"]) == names["run"].count()
