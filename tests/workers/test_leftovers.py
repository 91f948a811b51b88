"""What killed processes left half-written is swept, and nothing else."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from funcnodes.settings import Settings
from funcnodes.workers.local.leftovers import sweep_config, sweep_worker
from funcnodes.workers.workspace import Workspace

SAVES = """
import os
import sys
from pathlib import Path
from funcnodes import durable
from funcnodes.workers.workspace import Workspace

def die(*_):
    os._exit(9)

durable.os.replace = die  # killed between writing and renaming
Workspace(Path(sys.argv[1])).set_last_open("Diode")
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "config")


@pytest.fixture
def workspace(settings: Settings) -> Workspace:
    return Workspace.create(settings, "lab")


def aged(path: Path) -> Path:
    """As if it had lain there for a day."""
    then = time.time() - 86_400
    os.utime(path, (then, then))
    return path


def test_a_process_killed_while_saving_leaves_a_file_that_the_next_start_sweeps(
    workspace: Workspace,
) -> None:
    done = subprocess.run([sys.executable, "-c", SAVES, str(workspace.root)], timeout=30)
    assert done.returncode == 9
    (left,) = workspace.root.glob(".open.json.*.tmp")
    assert sweep_worker(workspace.root) == [left]
    assert not left.exists()
    assert (workspace.root / "worker.json").exists()


def test_files_of_a_living_process_and_of_people_are_left_alone(workspace: Workspace) -> None:
    root = workspace.root
    kept = [
        root / f".latch.json.{os.getpid()}",
        root / "nodespaces" / ".hidden.json",
        root / "nodespaces" / "2024.12.31.json",
        root / "files" / ".cache.99999999.tmp",  # a node's own, and fresh
        root / "nodespaces" / ".fresh.json.partial",
    ]
    gone = [
        root / ".latch.json.99999999",
        root / "nodespaces" / ".Diode.json.99999999.tmp",
        root / "subgraphs" / ".plus.subgraph.json.99999999.partial",
        aged_file(root / "runs" / ".export.csv.partial"),
        aged_file(root / "files" / "notes" / ".a1b2c3.tmp"),
    ]
    for path in (*kept, *gone):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(exist_ok=True)
    for path in gone[3:]:
        aged(path)
    assert set(sweep_worker(root)) == set(gone)
    assert all(path.exists() for path in kept)


def aged_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_folders_of_imports_and_new_workers_that_were_given_up_are_swept_after_an_hour(
    settings: Settings, workspace: Workspace
) -> None:
    old = [settings.run_dir / "import-abc", settings.workers_dir / ".new-x1",
           settings.workers_dir / ".removed-0a1b"]  # fmt: skip
    fresh = settings.run_dir / "import-def"
    for folder in (*old, fresh):
        folder.mkdir()
        (folder / "file").touch()
    token = settings.run_dir / ".manager.json.99999999.tmp"
    token.touch()
    for folder in old:
        aged(folder)
    assert set(sweep_config(settings)) == {*old, token}
    assert fresh.is_dir()
    assert workspace.root.is_dir()
