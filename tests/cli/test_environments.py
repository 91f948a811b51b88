"""Workers in an environment of their own, and what is installed for them; no registry is asked."""

import json
import shutil
import signal
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes.settings import Settings
from funcnodes.workers.local import environment
from funcnodes.workers.workspace import Workspace

pytestmark = pytest.mark.faults

BACKEND = '''
"""Builds the one wheel there is; needs nothing."""
import pathlib, zipfile

TEXTS = {
    "METADATA": "Metadata-Version: 2.1\\nName: tiny-nodes\\nVersion: 1.0\\n",
    "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "entry_points.txt": "[funcnodes.module]\\ntiny = tiny_nodes:SHELF\\n",
    "RECORD": "",
}

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "tiny_nodes-1.0-py3-none-any.whl"
    info = "tiny_nodes-1.0.dist-info"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        wheel.writestr("tiny_nodes.py", pathlib.Path("tiny_nodes.py").read_text())
        for file, text in TEXTS.items():
            wheel.writestr(f"{info}/{file}", text)
    return name
'''
NODES = '''
from funcnodes.core import NodeDecorator, Shelf

@NodeDecorator("tiny.double", name="Double")
def double(v: float) -> float:
    """Twice as much."""
    return 2 * v

SHELF = Shelf([double], name="Tiny")
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The folder of a node library that pip can build without asking anybody."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "tiny-nodes"\nversion = "1.0"\n'
    )
    (folder / "backend.py").write_text(BACKEND)
    (folder / "tiny_nodes.py").write_text(NODES)
    return folder


@pytest.fixture
def own(command: Any, config_dir: Path) -> Iterator[Workspace]:
    """A worker `lab` with an environment of its own."""
    done = command("worker", "new", "--name", "lab", "--uuid", "u1", "--venv")
    assert done.returncode == 0, done.stderr
    workspace = Workspace(Settings(config_dir).workers_dir / "u1")
    yield workspace
    process = workspace.process()
    if process is not None:
        process.send(signal.SIGKILL)


def listed(command: Any, *more: str) -> dict[str, dict[str, Any]]:
    done = command("worker", "modules", "list", "lab", "--json", *more)
    assert done.returncode == 0, done.stderr
    return {each["name"]: each for each in json.loads(done.stdout)["modules"]}


def test_what_is_installed_for_a_worker_is_there_after_a_restart_and_nowhere_else(
    command: Any, own: Workspace, package: Path
) -> None:
    """The environment sees all that this one has: funcnodes is the same in both."""
    assert own.record.python == str(own.root / "venv" / "bin" / "python")
    before = listed(command)
    assert before["funcnodes"]["own"] is False
    assert "tiny-nodes" not in before
    started = command("worker", "start", "lab", "--detach")
    assert started.returncode == 0, started.stderr
    done = command("worker", "modules", "add", package, "--name", "lab")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"Installed for worker lab: {package}.",
        "It is running: 'funcnodes worker restart lab' makes it take notice.",
    ]
    assert listed(command)["tiny-nodes"] == {
        "name": "tiny-nodes", "version": "1.0", "own": True, "origin": package.as_uri(),
        "contributes": ["nodes: tiny"],
    }  # fmt: skip
    assert own.requirements() == (f"tiny-nodes @ {package.as_uri()}",)
    assert own.requirements_path.stat().st_mode & 0o777 == 0o600
    assert f"requires   tiny-nodes @ {package.as_uri()}" in command("worker", "show", "lab").stdout
    assert command("worker", "restart", "lab").returncode == 0
    made = command("worker", "command", "lab", "new_space", "name=S")
    assert made.returncode == 0, made.stderr
    added = command("worker", "command", "lab", "add_node", "key=tiny.double", "x=0", "y=0")
    assert added.returncode == 0, added.stderr
    running = Path(f"/proc/{json.loads(command('worker', 'show', 'lab', '--json').stdout)['pid']}")
    assert running.joinpath("cmdline").read_bytes().startswith(own.record.python.encode())
    with pytest.raises(ImportError):
        __import__("tiny_nodes")
    gone = command("worker", "modules", "remove", "tiny_nodes", "--name", "lab")
    assert gone.returncode == 0, gone.stderr
    assert "tiny-nodes" not in listed(command)
    assert own.requirements() == ()


def test_what_cannot_be_installed_is_one_sentence_and_changes_nothing(
    command: Any, own: Workspace, tmp_path: Path
) -> None:
    broken = tmp_path / "broken-1.0-py3-none-any.whl"
    with zipfile.ZipFile(broken, "w") as wheel:
        wheel.writestr("nothing.txt", "")
    before = listed(command, "--full")
    for what, sentence in (
        (broken, f"{broken} could not be installed in {own.venv_dir}: "),
        (tmp_path / "missing.whl", f"There is no '{tmp_path}/missing.whl' to install."),
        ("--index-url=x", "'--index-url=x' is nothing that could be installed."),
    ):
        done = command("worker", "modules", "add", "--uuid", "u1", "--", what)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(sentence), done.stderr
        assert len(done.stderr.splitlines()) == 1
    done = command("worker", "modules", "remove", "--uuid", "u1", "numpy")
    assert done.returncode == 1
    assert "'numpy' is not in the environment of worker 'lab'." in done.stderr
    assert listed(command, "--full") == before
    assert own.requirements() == ()


def test_an_environment_that_is_broken_or_gone_is_told_of_at_the_start(
    command: Any, own: Workspace
) -> None:
    (link,) = own.venv_dir.glob(f"lib/*/site-packages/{environment.LINK}")
    link.unlink()
    done = command("worker", "start", "lab")
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"The Python of worker 'lab', {own.record.python}, has no funcnodes."
    )
    shutil.rmtree(own.venv_dir)
    done = command("worker", "start", "lab", "--detach")
    assert done.returncode == 1
    assert done.stderr.startswith(f"The Python of worker 'lab', {own.record.python}, is gone.")


def test_an_environment_that_cannot_be_made_leaves_no_worker(
    here: Any, config_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'ensurepip is not available' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("PATH", "/bin")
    done = here("worker", "new", "lab", "--venv")
    assert done.returncode == 1
    assert "No environment could be made in " in done.stderr
    assert "ensurepip is not available." in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(Settings(config_dir).workers_dir.iterdir()) == []


def test_uv_is_used_where_it_is_installed(
    here: Any, config_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: Path
) -> None:
    """A program that writes down what it is asked for, and has venv and pip do it."""
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n'
        f'if [ "$1" = venv ]; then exec {sys.executable} -m venv "$5"; fi\n'
        'exec "$5" -m pip install --quiet "$6"\n'
    )
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{uv.parent}:/usr/bin:/bin")
    done = here("worker", "new", "--uuid", "u1", "--venv")
    assert done.returncode == 0, done.stderr
    workspace = Workspace(Settings(config_dir).workers_dir / "u1")
    done = here("worker", "modules", "add", package, "--uuid", "u1")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "asked").read_text().splitlines() == [
        f"venv --quiet --python {sys.executable} {workspace.venv_dir}",
        f"pip install --quiet --python {workspace.record.python} {package}",
    ]
    assert workspace.requirements() == (f"tiny-nodes @ {package.as_uri()}",)
