"""The worker's end of its guardian's pipe: one guardian while there is something to guard."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from funcnodes.devices.estop.emergency import Target
from funcnodes.devices.estop.safetylog import SafetyLog
from funcnodes.workers.guard import pipe
from funcnodes.workers.guard.guardian import Word
from funcnodes.workers.guard.pipe import GuardianProcess
from funcnodes.workers.processes import Process
from funcnodes_simulators import SimulatedBench

from ...waiting import eventually, patience

TARGET = Target(
    device="smu", address="TCPIP0::127.0.0.1::1::SOCKET", transport="tcp", data=b"\n:OUTP OFF\n"
)
LISTENS = "exec cat > {heard}.$$"
DEAF = "trap '' TERM INT HUP; echo $$ > {heard}.$$; exec sleep 60"


@pytest.fixture
def guardian(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], GuardianProcess]]:
    """Make one whose process is a small script in place of a guardian."""
    monkeypatch.setattr(pipe, "STAND_DOWN_S", patience())
    made: list[GuardianProcess] = []

    def make(script: str) -> GuardianProcess:
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{script.format(heard=tmp_path / 'heard')}\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        made.append(GuardianProcess(SafetyLog(None)))
        return made[-1]

    yield make
    for each in made:
        each.stand_down()


def heard(tmp_path: Path) -> list[list[Word]]:
    """What each process was told, in the order of their beginning."""
    files = sorted(tmp_path.glob("heard.*"), key=lambda path: path.stat().st_ctime_ns)
    lines = [path.read_bytes().splitlines() for path in files]
    return [[msgspec.json.decode(line, type=Word) for line in each] for each in lines]


@pytest.fixture
def started() -> Callable[[], list[psutil.Process]]:
    """The processes begun by a test; the one it runs in has children of other tests."""
    before = set(psutil.Process().children())
    return lambda: [each for each in psutil.Process().children() if each not in before]


def test_without_anything_to_guard_no_process_is_started(
    guardian: Callable[[str], GuardianProcess], tmp_path: Path
) -> None:
    watcher = guardian(LISTENS)
    watcher.plan([])
    watcher.beat()
    watcher.stand_down()
    assert heard(tmp_path) == []


def test_it_is_told_whom_to_watch_and_each_new_plan_once(
    guardian: Callable[[str], GuardianProcess], tmp_path: Path
) -> None:
    watcher = guardian(LISTENS)
    watcher.plan([TARGET])
    watcher.plan([TARGET])
    watcher.beat()
    watcher.plan([])
    watcher.stand_down()
    (words,) = heard(tmp_path)
    mine = Process.mine()
    assert words == [
        Word(pid=mine.pid, started=mine.started, targets=[TARGET]),
        Word(),
        Word(targets=[]),
        Word(stand_down=True),
    ]


def test_one_that_died_is_replaced_and_told_the_plan_as_it_is(
    started: Callable[[], list[psutil.Process]],
    guardian: Callable[[str], GuardianProcess],
    tmp_path: Path,
) -> None:
    watcher = guardian(LISTENS)
    watcher.plan([TARGET])
    eventually(lambda: heard(tmp_path) and heard(tmp_path)[0])
    (first,) = started()
    first.kill()
    eventually(lambda: first.status() == psutil.STATUS_ZOMBIE)
    watcher.beat()
    watcher.stand_down()
    assert [words[0].targets for words in heard(tmp_path)] == [[TARGET], [TARGET]]


def test_after_an_orderly_end_nobody_is_started_again(
    started: Callable[[], list[psutil.Process]],
    guardian: Callable[[str], GuardianProcess],
    tmp_path: Path,
) -> None:
    """A heart that beats once more, or a device that comes late, must not call a striker."""
    watcher = guardian(LISTENS)
    watcher.plan([TARGET])
    watcher.stand_down()
    watcher.beat()
    watcher.plan([TARGET, TARGET])
    watcher.beat()
    assert len(heard(tmp_path)) == 1
    assert started() == []


def test_one_that_does_not_end_by_itself_is_ended(
    guardian: Callable[[str], GuardianProcess],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipe, "STAND_DOWN_S", 0.1)
    watcher = guardian(DEAF)
    watcher.plan([TARGET])
    eventually(lambda: any(path.read_text() for path in tmp_path.glob("heard.*")))
    process = watcher._process
    watcher.stand_down()
    assert process is not None
    assert process.returncode == -signal.SIGKILL


WORKER = """
import sys, time
import msgspec
from funcnodes.devices.estop.emergency import Target
from funcnodes.devices.estop.safetylog import SafetyLog
from funcnodes.workers.guard import pipe

pipe.DEAF_S = 0.5
log = SafetyLog(None)
log.on_event(lambda event: print(event.text, flush=True))
guardian = pipe.GuardianProcess(log)
guardian.plan([msgspec.json.decode(sys.argv[1], type=Target)])
shown = 0
while True:
    guardian.beat()
    if guardian._process.pid != shown and guardian._patience_s == pipe.DEAF_S:
        shown = guardian._process.pid
        print(shown, flush=True)
    time.sleep(0.05)
"""


def test_one_that_does_not_read_is_replaced_and_can_do_no_harm_afterwards() -> None:
    """Frozen, and continued later: it neither writes nor kills the worker; the new one guards."""
    with SimulatedBench.start("demo", seed=1) as simulated:
        target = msgspec.structs.replace(TARGET, address=simulated.resources["smu"])
        switch_on(simulated)
        with subprocess.Popen(
            [sys.executable, "-c", WORKER, msgspec.json.encode(target).decode()],
            stdout=subprocess.PIPE, text=True,
        ) as worker:  # fmt: skip
            assert worker.stdout is not None
            first = int(worker.stdout.readline())
            os.kill(first, signal.SIGSTOP)
            assert worker.stdout.readline() == (
                "The guardian has not read for 0.5 s and was replaced.\n"
            )
            with contextlib.suppress(ProcessLookupError):
                os.kill(first, signal.SIGCONT)
            second = int(worker.stdout.readline())
            assert second != first
            assert Process.of(first) is None
            assert worker.poll() is None
            assert simulated.state()["smu"]["output"] is True
            worker.kill()
            simulated.wait("smu", "output", False, timeout_s=patience())


def switch_on(simulated: SimulatedBench) -> None:
    """By hand."""
    _, host, port, _ = simulated.resources["smu"].split("::")
    with socket.create_connection((host, int(port))) as panel:
        panel.sendall(b":OUTP ON\n")
        simulated.wait("smu", "output", True, timeout_s=patience())


def test_a_long_plan_reaches_it_whole_although_the_pipe_takes_it_in_pieces(
    guardian: Callable[[str], GuardianProcess], tmp_path: Path
) -> None:
    watcher = guardian("sleep 0.3; exec cat > {heard}.$$")
    plan = [msgspec.structs.replace(TARGET, device=f"smu{n}") for n in range(2000)]
    watcher.plan(plan)

    def arrived() -> bool:
        watcher.beat()
        return len(heard_whole(tmp_path)) > 1

    eventually(arrived)
    watcher.stand_down()
    (words,) = heard(tmp_path)
    assert words[0].targets == plan


def heard_whole(tmp_path: Path) -> list[bytes]:
    """Lines that have come to their end."""
    return [
        line for path in tmp_path.glob("heard.*") for line in path.read_bytes().split(b"\n")[:-1]
    ]


def test_without_memory_for_a_guardian_that_is_said_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, guardian: Callable[[str], GuardianProcess], tmp_path: Path
) -> None:
    guardian(LISTENS)  # a script in place of the real one
    told: list[str] = []
    log = SafetyLog(None)
    log.on_event(lambda event: told.append(event.text))
    watcher = GuardianProcess(log)
    begin = subprocess.Popen

    def refuse(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(pipe, "AGAIN_S", 0.0)
    watcher.plan([TARGET])
    assert told == ["There is no guardian, since none can be started: Cannot allocate memory."]
    monkeypatch.setattr(subprocess, "Popen", begin)
    watcher.beat()
    watcher.stand_down()
    assert [words[0].targets for words in heard(tmp_path)] == [[TARGET]]
