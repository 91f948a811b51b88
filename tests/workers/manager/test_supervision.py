"""Keeping a worker process alive, with programs in its place that live and die as told."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from funcnodes.devices import Bench
from funcnodes.devices.addresses import parse
from funcnodes.devices.estop import unfinished
from funcnodes.devices.estop.unfinished import Unfinished
from funcnodes.errors import WorkerError
from funcnodes.machine.files import write_json
from funcnodes.settings import Settings
from funcnodes.workers.manager import supervision
from funcnodes.workers.manager.manager import Manager
from funcnodes.workers.manager.supervision import DEATHS_ALLOWED, Supervisor
from funcnodes.workers.processes import Process
from funcnodes.workers.workspace import Workspace
from funcnodes_simulators import SimulatedBench

from ...waiting import patience, until

LIVES = "exec sleep 60"
MADE = list[Supervisor]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(Settings(tmp_path / "config"), "bench one")


@pytest.fixture
async def supervise(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[str], Supervisor]]:
    """A supervisor of a worker whose "Python" is a shell script; the backoff is a tenth."""
    monkeypatch.setattr(supervision, "BACKOFF_S", tuple(s / 50 for s in supervision.BACKOFF_S))
    monkeypatch.setattr(supervision, "STOP_S", 0.5)
    made: MADE = []

    def make(script: str) -> Supervisor:
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\necho started >> {tmp_path}/starts\n{script}\n")
        program.chmod(0o755)
        workspace.record = replace(workspace.record, python=str(program))
        made.append(Supervisor(workspace))
        return made[-1]

    yield make
    for each in made:
        await each.stop()


async def is_in(supervisor: Supervisor, state: str) -> None:
    await until(lambda: supervisor.state == state)


async def process_of(supervisor: Supervisor, other_than: int = 0) -> Process:
    def found() -> Process | None:
        process = supervisor.process
        return process if process is not None and process.pid != other_than else None

    process: Process = await until(found)
    return process


def gone() -> Process:
    """A process that was killed."""
    with subprocess.Popen(["sleep", "60"]) as program:
        found = Process.of(program.pid)
        program.kill()
    assert found is not None
    return found


def starts(tmp_path: Path) -> int:
    return len((tmp_path / "starts").read_text().splitlines())


async def test_a_worker_killed_is_started_again(
    supervise: Callable[[str], Supervisor],
) -> None:
    supervisor = supervise(LIVES)
    supervisor.start()
    first = await process_of(supervisor)
    os.kill(first.pid, signal.SIGKILL)
    second = await process_of(supervisor, other_than=first.pid)
    assert second.alive()
    assert "SIGKILL" in supervisor.message or supervisor.message == ""


async def test_five_deaths_within_a_minute_are_failure_until_somebody_starts_it(
    supervise: Callable[[str], Supervisor], tmp_path: Path
) -> None:
    """A worker that dies 5 times in 60 s: FAILED, visible, with its last words; reset by hand."""
    supervisor = supervise("echo the disk is on fire >&2; exit 3")
    supervisor.start()
    await is_in(supervisor, "failed")
    assert starts(tmp_path) == DEATHS_ALLOWED
    assert "died 5 times within 60 s" in supervisor.message
    assert "ended with code 3" in supervisor.message
    assert "the disk is on fire" in supervisor.message
    supervisor.start()
    assert supervisor.state == "starting"
    await is_in(supervisor, "failed")
    assert starts(tmp_path) == 2 * DEATHS_ALLOWED


async def test_what_a_worker_that_is_given_up_and_its_guardian_left_on_is_struck(
    supervise: Callable[[str], Supervisor],
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The manager alone is left: nobody opens the instrument any more (S1)."""
    monkeypatch.setattr(supervision, "GUARDIAN_S", 0.05)
    with SimulatedBench.start("demo", seed=1) as simulated:
        path = workspace.root / "bench.toml"
        path.write_text(
            'name = "lab"\n[devices.smu]\ndriver = "keithley.smu2400"\n'
            f'address = "{simulated.resources["smu"]}"\n'
        )
        async with Bench.load(path) as bench:
            await bench.device("smu").member_set("output", True)
            target = bench.device("smu").target()
        dead = gone()
        entry = Unfinished(
            pid=dead.pid, started=dead.started, owner="lab", device="smu", t=0.0, target=target
        )
        address = parse(simulated.resources["smu"])
        unfinished.keep(address, entry)
        write_json(workspace.root / "process.json", dead.to_saved())
        supervise("exit 3").start()
        await asyncio.to_thread(simulated.wait, "smu", "output", False, timeout_s=patience())
        unfinished.clear(address)


def test_the_pauses_between_restarts_grow_from_half_a_second_to_thirty() -> None:
    assert supervision.BACKOFF_S[0] == 0.5
    assert supervision.BACKOFF_S[-1] == 30
    assert list(supervision.BACKOFF_S) == sorted(supervision.BACKOFF_S)


async def test_an_orderly_end_is_no_death(
    supervise: Callable[[str], Supervisor], tmp_path: Path
) -> None:
    supervisor = supervise("exit 0")
    supervisor.start()
    await is_in(supervisor, "stopped")
    assert starts(tmp_path) == 1
    assert supervisor.message == ""


async def test_stopping_ends_even_a_worker_that_does_not_listen(
    supervise: Callable[[str], Supervisor], tmp_path: Path
) -> None:
    supervisor = supervise("trap '' TERM; exec sleep 60")
    supervisor.start()
    process = await process_of(supervisor)
    await supervisor.stop()
    assert not process.alive()
    assert supervisor.state == "stopped"
    assert starts(tmp_path) == 1


async def test_a_worker_in_a_session_of_its_own_outlives_its_supervisor(
    supervise: Callable[[str], Supervisor], workspace: Workspace
) -> None:
    supervisor = supervise(LIVES)
    supervisor.start()
    process = await process_of(supervisor)
    assert os.getsid(process.pid) != os.getsid(0)
    await supervisor.release()
    assert process.alive()
    write_json(workspace.root / "process.json", {**process.to_saved(), "session": "s"})
    other = Supervisor(workspace)
    assert other.adopt()
    assert (await process_of(other)).pid == process.pid
    await other.stop()
    assert not process.alive()


async def test_a_python_that_is_gone_is_told(
    supervise: Callable[[str], Supervisor], workspace: Workspace, tmp_path: Path
) -> None:
    supervisor = supervise(LIVES)
    (tmp_path / "python").unlink()
    supervisor.start()
    await is_in(supervisor, "failed")
    assert str(tmp_path / "python") in supervisor.message


async def test_a_pid_used_again_is_not_taken_for_the_old_process(workspace: Workspace) -> None:
    mine = Process.mine()
    write_json(workspace.root / "process.json", {"pid": mine.pid, "started": "long ago"})
    assert workspace.process() is None
    assert not Process(mine.pid, "long ago").send(signal.SIGTERM)
    for nonsense in ({}, {"pid": "x", "started": "1"}, {"pid": -1, "started": "1"}):
        assert Process.from_saved(nonsense) is None


async def test_a_manager_knows_workers_by_name_and_refuses_a_second_of_it(tmp_path: Path) -> None:
    manager = Manager(Settings(tmp_path / "config"))
    await manager.open()
    view = manager.create(" bench one ")
    assert manager.worker("bench one").workspace.record.uuid == view.uuid
    with pytest.raises(WorkerError, match="already a worker named"):
        manager.create("bench one")
    with pytest.raises(WorkerError, match="no worker 'nobody'"):
        manager.hub("nobody")
    assert manager.default() == view.uuid
    other = Manager(Settings(tmp_path / "config"))
    await other.open()
    assert [each.name for each in other.views()] == ["bench one"]
    late = Workspace.create(Settings(tmp_path / "config"), "late")
    assert other.enrolled(late.credential()) == late.record.uuid
    assert other.enrolled("guess") is None
    await manager.close()
    await other.close()
