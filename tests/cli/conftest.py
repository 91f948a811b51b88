"""The `funcnodes` command as a process of its own, and benches for it to run on."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes.cli.app import execute
from funcnodes_simulators import SimulatedBench

from ..waiting import patience

PROGRAM = [sys.executable, "-W", "error", "-c", "from funcnodes.cli import main; main()"]

Completed = subprocess.CompletedProcess[str]
Command = Callable[..., Completed]


@pytest.fixture
def environment(config_dir: Path) -> dict[str, str]:
    """Of the process: its own configuration folder, a narrow and colourless terminal."""
    return {**os.environ, "FUNCNODES_CONFIG_DIR": str(config_dir), "PYTHONIOENCODING": "utf-8"}


@pytest.fixture
def command(environment: dict[str, str], tmp_path: Path) -> Command:
    """`command("run", "x.json")` runs to its end; returns status and what was printed."""

    def run(*arguments: object, **options: Any) -> Completed:
        return subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            capture_output=True, text=True, timeout=patience(50), cwd=tmp_path, env=environment,
            **options,
        )  # fmt: skip

    return run


@pytest.fixture
def here(
    config_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """The same as `command` within this process: quicker, and its leftovers are noticed."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Completed:
        capsys.readouterr()
        status = execute([str(argument) for argument in arguments])
        return Completed(arguments, status, *capsys.readouterr())

    return run


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """`start("run", …)` in a process group of its own, as a terminal does it; ended at the end."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
            env=environment, start_new_session=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def simulated() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=7) as bench:
        yield bench


@pytest.fixture
def bench_file(simulated: SimulatedBench, tmp_path: Path) -> Path:
    """A bench with the simulated instruments' real addresses."""
    path = tmp_path / "own.toml"
    path.write_text(
        f"""
name = "own"
[devices.smu]
driver = "keithley.smu2400"
address = "{simulated.resources["smu"]}"
[devices.tc]
driver = "lakeshore.model335"
address = "{simulated.resources["tc"]}"
"""
    )
    return path
