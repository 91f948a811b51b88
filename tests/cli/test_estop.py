"""`funcnodes estop` reaches what has a bench on this machine: workers, runs, scripts, no server."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import funcnodes
from funcnodes.devices.estop.latch import Latch
from funcnodes.machine.presence import present
from funcnodes.machine.processes import Process
from funcnodes.settings import Settings
from funcnodes.workers.workspace import Workspace
from funcnodes_simulators import SimulatedBench

from ..waiting import eventually, patience, within

pytestmark = pytest.mark.faults

DIODE = Path(funcnodes.__file__).parent / "examples" / "diode_iv.json"

SCRIPT = """
import asyncio, sys, time
from funcnodes.devices import Bench

async def main():
    async with Bench.load(sys.argv[1]) as bench:
        smu = bench.device("smu")
        await smu.member_set("compliance", 1e-3)
        await smu.member_set("output", True)
        print("on", flush=True)
        {then}

asyncio.run(main())
"""
WAITS = "await asyncio.sleep(60)"
BLOCKS = "time.sleep(60)"


@pytest.fixture
def simulators() -> Iterator[Callable[[], SimulatedBench]]:
    """Makes simulated benches."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(SimulatedBench.start("demo", seed=3))


def write_bench(path: Path, simulated: SimulatedBench) -> Path:
    path.write_text(
        f'name = "{path.stem}"\n[devices.smu]\ndriver = "keithley.smu2400"\n'
        f'address = "{simulated.resources["smu"]}"\n'
    )
    return path


@pytest.fixture
def script(
    tmp_path: Path, environment: dict[str, str]
) -> Iterator[Callable[[str, SimulatedBench], "subprocess.Popen[str]"]]:
    """Starts a plain Python program that switches an output on."""
    started: list[subprocess.Popen[str]] = []

    def start(then: str, simulated: SimulatedBench) -> "subprocess.Popen[str]":
        number = len(started)
        path = tmp_path / f"measure{number}.py"
        path.write_text(textwrap.dedent(SCRIPT).format(then=then))
        bench = write_bench(tmp_path / f"bench{number}.toml", simulated)
        process = subprocess.Popen(
            [sys.executable, str(path), str(bench)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def worker(environment: dict[str, str]) -> Iterator[Callable[[Path, str, SimulatedBench], Any]]:
    """Starts a worker of a config folder, without any manager, and switches its output on."""
    started: list[subprocess.Popen[bytes]] = []

    def start(
        folder: Path, name: str, simulated: SimulatedBench, **more: str
    ) -> "subprocess.Popen[bytes]":
        switch_on(simulated)
        workspace = Workspace.create(Settings(folder), name)
        write_bench(workspace.bench_path, simulated)
        process = subprocess.Popen(
            [sys.executable, "-m", "funcnodes.workers.process", "--dir", str(workspace.root)],
            env=environment | more, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        started.append(process)
        doors = Path((environment | more)["FUNCNODES_RUNTIME_DIR"]) / "doors"
        eventually(
            lambda: any(b"targets" in p.read_bytes() for p in doors.glob(f"{process.pid}-*.json"))
        )
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def switch_on(simulated: SimulatedBench) -> None:
    """By hand, before anybody connects."""
    _, host, port, _ = simulated.resources["smu"].split("::")
    with socket.create_connection((host, int(port))) as panel:
        panel.sendall(b":OUTP ON\n")
        simulated.wait("smu", "output", True)


def is_on(simulated: SimulatedBench) -> bool:
    return bool(simulated.state()["smu"]["output"])


def test_one_command_stops_workers_runs_and_scripts_of_every_config_folder(
    command: Any, start: Any, script: Any, worker: Any, simulators: Any, tmp_path: Path
) -> None:
    """No server runs. Each device is read back off, and the exit status says so (S3)."""
    benches = [simulators() for _ in range(4)]
    worker(tmp_path / "config", "lab", benches[0])
    worker(tmp_path / "another", "lab two", benches[1])
    run = start(
        "run", DIODE, "--bench", demo_bench(tmp_path / "run.toml", benches[2]),
        "--set", "sweep.points=100000", "--json",
    )  # fmt: skip
    benches[2].wait("smu", "output", True, timeout_s=30)
    script(WAITS, benches[3])
    assert all(map(is_on, benches))
    began = time.monotonic()
    done = command("estop", "--json")
    took = time.monotonic() - began
    assert done.returncode == 0, done.stdout + done.stderr
    assert not any(map(is_on, benches))
    found = {each["name"]: each for each in json.loads(done.stdout)}
    assert set(found) == {"lab", "lab two", "local", "measure0.py"}
    for each in found.values():
        assert each["latch"]["latched"]
        assert all(ack["state"] == "off" for ack in each["latch"]["acks"])
    assert took < within(6)
    run.communicate(timeout=patience())
    kept = json.loads(command("estop", "--log", "--json").stdout)
    assert {each["worker"] for each in kept} == {"lab", "local"}  # of this config folder
    assert {each["kind"] for each in kept if each["worker"] == "lab"} == {"estop", "stopped"}
    shown = command("estop", "--log", "lab", "-n", "1").stdout
    assert "lab: smu is off, read back after" in shown
    assert "There is no worker 'nobody'" in command("estop", "--log", "nobody").stderr
    again = command("estop", "lab")
    assert again.returncode == 0
    assert again.stdout.splitlines() == [
        line for line in again.stdout.splitlines() if "lab" in line
    ]


def demo_bench(path: Path, simulated: SimulatedBench) -> Path:
    path.write_text(
        f'name = "own"\n[devices.smu]\ndriver = "keithley.smu2400"\n'
        f'address = "{simulated.resources["smu"]}"\n[devices.tc]\ndriver = "lakeshore.model335"\n'
        f'address = "{simulated.resources["tc"]}"\n'
    )
    return path


def test_a_script_whose_loop_is_held_is_stopped_past_it(
    command: Any, script: Any, simulators: Any
) -> None:
    """S3: sent, not confirmed, for nobody can read back; the exit status is 1."""
    simulated = simulators()
    process = script(BLOCKS, simulated)
    done = command("estop")
    assert not is_on(simulated)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"measure0.py (process {process.pid}): smu was told to stop: ")
    assert "sent, not confirmed" in line
    assert process.poll() is None


def test_a_frozen_script_is_ended_and_its_devices_are_told_in_its_place(
    command: Any, script: Any, simulators: Any
) -> None:
    """An instrument may take one client only, and the frozen one must not write later."""
    simulated = simulators()
    process = script(WAITS, simulated)
    eventually(lambda: any(e.pid == process.pid and e.targets for e in present()))
    os.kill(process.pid, signal.SIGSTOP)
    done = command("estop")
    assert not is_on(simulated)
    assert done.returncode == 1
    assert "sent, not confirmed" in done.stdout
    assert process.wait(5) == -signal.SIGKILL


def test_what_a_killed_script_left_on_is_switched_off_too(
    command: Any, script: Any, simulators: Any
) -> None:
    """It had no guardian, and nobody has opened its instrument since."""
    simulated = simulators()
    process = script(WAITS, simulated)
    process.kill()
    process.wait()
    assert is_on(simulated)
    done = command("estop", "measure0.py")
    assert not is_on(simulated)
    assert done.returncode == 1
    assert f"measure0.py (process {process.pid}): smu was told to stop: sent" in done.stdout


def test_a_worker_that_says_nothing_of_itself_is_ended_by_a_signal_and_latched(
    command: Any, worker: Any, simulators: Any, tmp_path: Path
) -> None:
    """It was started where processes find each other in another folder."""
    simulated = simulators()
    elsewhere = {"FUNCNODES_RUNTIME_DIR": str(tmp_path / "run")}
    process = worker(tmp_path / "config", "lab", simulated, **elsewhere)
    done = command("estop")
    assert not is_on(simulated)
    assert done.returncode == 1
    assert done.stdout.startswith("lab: It was told to end, and makes its devices safe by that")
    assert process.wait(10) == 0
    (workspace,) = Workspace.all(Settings(tmp_path / "config"))
    assert Latch(workspace.latch_path).latched


def test_only_those_named_are_stopped_and_a_wrong_name_stops_nobody_else(
    command: Any, script: Any, simulators: Any
) -> None:
    first, second = simulators(), simulators()
    script(WAITS, first)
    script(WAITS, second)
    done = command("estop", "measure1.py")
    assert done.returncode == 0
    assert (is_on(first), is_on(second)) == (True, False)
    wrong = command("estop", "nobody")
    assert wrong.returncode == 1
    assert "'nobody' is no worker, program or bench that is running here." in wrong.stderr
    assert is_on(first)
    assert command("estop", "bench0").returncode == 0
    assert not is_on(first)


def test_where_nothing_has_a_bench_it_says_so(command: Any) -> None:
    done = command("estop")
    assert (done.returncode, done.stdout) == (
        0,
        "Nothing of yours on this machine has a bench open.\n",
    )
    assert command("estop", "--json").stdout == "[]\n"
    assert command("estop", "--log").stdout == "Nothing is in the safety log yet.\n"


def test_what_a_killed_program_left_is_swept(
    script: Any, simulators: Any, runtime_dir: Path
) -> None:
    process = script(WAITS, simulators())
    mine = f"{process.pid}-*"
    assert len(list((runtime_dir / "doors").glob(mine))) == 2
    process.kill()
    process.wait()
    assert all(each.process != Process(process.pid, "") for each in present())
    assert not list((runtime_dir / "doors").glob(mine))


def test_doors_are_for_their_user_alone(script: Any, simulators: Any, runtime_dir: Path) -> None:
    process = script(WAITS, simulators())
    assert (runtime_dir / "doors").stat().st_mode & 0o777 == 0o700
    for path in (runtime_dir / "doors").glob(f"{process.pid}-*"):
        assert path.stat().st_mode & 0o777 == 0o600
