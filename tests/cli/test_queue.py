"""`funcnodes queue …` with a real worker: the guide as it stands, and a worker that is killed."""

import json
import os
import re
import shlex
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import funcnodes
from funcnodes.settings import Settings
from funcnodes.workers.workspace import Workspace
from funcnodes_simulators import SimulatedBench

from ..waiting import eventually, patience

DIODE = Path(funcnodes.__file__).parent / "examples" / "diode_iv.json"
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "queue.md"


@pytest.fixture
def settings(config_dir: Path) -> Iterator[Settings]:
    """Of the test's own folder; workers that still run in the end are killed."""
    settings = Settings(config_dir)
    yield settings
    for workspace in Workspace.all(settings):
        process = workspace.process()
        if process is not None:
            process.send(signal.SIGKILL)


def begin(here: Any, bench: Path, tmp_path: Path) -> int:
    """The worker `lab` on that bench, in a process of its own; its pid."""
    shutil.copy(DIODE, tmp_path / "diode.json")
    assert here("worker", "new", "lab", "--bench", bench).returncode == 0
    started = json.loads(here("worker", "start", "lab", "--detach", "--json").stdout)
    return int(started["pid"])


def listed(here: Any) -> dict[str, Any]:
    done = here("queue", "list", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def states(here: Any) -> dict[int, str]:
    return {each["id"]: each["state"] for each in listed(here)["entries"]}


def test_the_guide_to_the_queue_does_what_it_says(
    here: Any, settings: Settings, bench_file: Path, tmp_path: Path
) -> None:
    text = GUIDE.read_text()
    (table,) = re.findall(r"```toml\n(.*?)```", text, re.S)
    bench = tmp_path / "bench.toml"
    bench.write_text(bench_file.read_text() + table)
    begin(here, bench, tmp_path)
    said = {}
    for line in re.findall(r"^    funcnodes (.*)$", text, re.M):
        done = here(*shlex.split(line))
        assert done.returncode == 0, (line, done.stderr)
        said[line] = done.stdout
        if line == "queue arm":
            assert set(states(here).values()) == {"waiting"}  # nobody has approved them
        if line.startswith("queue approve"):
            assert states(here)[1] == "queued"
            assert here("queue", "arm").returncode == 0
            eventually(lambda: states(here)[1] == "done")
    table = said["queue list"].splitlines()
    assert table[0] == "The queue is not armed."
    assert [row.split()[:3] for row in table[2:]] == [["2", "waiting", "fine"],
                                                     ["1", "waiting", "coarse"]]  # fmt: skip
    assert "if it fails  go on" in said["queue show 2"]
    assert said["queue priority 2 0"] == "Entry 2 (fine) waits for an approval, place 2.\n"
    assert said["queue move 2 1"] == "Entry 2 (fine) waits for an approval, place 1.\n"
    assert said["queue disarm"].startswith("The queue is not armed. Disarmed by ")
    assert listed(here)["entries"] == []
    (run,) = json.loads(here("runs", "list", "--worker", "lab", "--json").stdout)
    assert (run["rows"], run["sample"], run["state"]) == (3, "D1", "complete")

    refused = here("run", "diode.json", "--bench", bench, "--yes")
    assert refused.returncode == 1
    assert "asks that every run is approved before it starts" in refused.stderr
    again = here("queue", "add", "diode.json", "--set", "sweep.points=3", "--evidence", "seen.json")
    assert again.stderr.startswith("The evidence of this dry run was used already")


def test_a_killed_worker_has_its_queue_again_disarmed_and_names_the_run_that_was_on(
    here: Any, settings: Settings, simulated: SimulatedBench, bench_file: Path, tmp_path: Path
) -> None:
    """R4, A1: kill -9 in the middle of a run; and what makes no sense is refused in a sentence."""
    pid = begin(here, bench_file, tmp_path)
    long = ("queue", "add", "diode.json", "--set", "sweep.points=100000", "--json")
    first = json.loads(here(*long).stdout)
    assert (first["id"], first["state"], first["place"]) == (1, "queued", 1)
    assert here(*long, "--name", "next").returncode == 0
    assert json.loads(here("queue", "arm", "--json").stdout)["armed"]
    on = eventually(lambda: next((e for e in listed(here)["entries"] if e["run"]), None))
    assert (on["id"], on["state"]) == (1, "running")
    simulated.wait("smu", "output", True, timeout_s=patience())
    os.kill(pid, signal.SIGKILL)
    simulated.wait("smu", "output", False, timeout_s=patience())  # by the guardian
    eventually(lambda: here("queue", "list").returncode == 1)
    assert here("queue", "list").stderr.startswith("No worker is running.")

    assert here("worker", "start", "lab", "--detach").returncode == 0
    queue = listed(here)
    assert (queue["armed"], queue["why"]) == (False, "The worker was started again.")
    assert states(here) == {1: "interrupted", 2: "queued"}
    assert next(e["run"] for e in queue["entries"] if e["id"] == 1) == on["run"]
    (run,) = json.loads(here("runs", "list", "--worker", "lab", "--json").stdout)
    assert (run["id"], run["state"]) == (on["run"], "interrupted")

    bare = tmp_path / "bare.json"
    bare.write_text(DIODE.read_text().replace('"device": "smu"', '"device": "psu"'))
    for arguments, status, sentence in (
        (("add", bare), 1, "Set compliance: The bench 'own' has no device 'psu'"),
        (("add", tmp_path / "none.json"), 1, "There is no such file."),
        (("add", "diode.json", "--set", "points"), 2, "is not of the form node.port=VALUE."),
        (("add", "diode.json", "--on-failure", "cry"), 2, "stop or go-on, not 'cry'."),
        (("add", "diode.json", "--evidence", "diode.json"), 1, "is no evidence of a dry run"),
        (("remove", "9"), 1, "The queue has no entry 9."),
        (("show", "9"), 1, "The queue has no entry 9."),
        (("move", "2", "0"), 1, "Places in the queue are counted from 1."),
        (("approve", "2"), 1, "Entry 2 (next) does not wait for an approval."),
        (("list", "--worker", "nobody"), 1, "no worker"),
    ):
        done = here("queue", *arguments)
        assert (done.returncode, sentence in done.stderr) == (status, True), done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert json.loads(here("queue", "remove", "2", "--json").stdout)["state"] == "cancelled"
