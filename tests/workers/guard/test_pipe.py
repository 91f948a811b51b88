"""The worker's end of its guardian's pipe: one guardian while there is something to guard."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from funcnodes.devices.estop.emergency import Target
from funcnodes.workers.guard import pipe
from funcnodes.workers.guard.guardian import Word
from funcnodes.workers.guard.pipe import GuardianProcess
from funcnodes.workers.processes import Process

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
        made.append(GuardianProcess())
        return made[-1]

    yield make
    for each in made:
        each.stand_down()


def heard(tmp_path: Path) -> list[list[Word]]:
    """What each process was told, in the order of their beginning."""
    files = sorted(tmp_path.glob("heard.*"), key=lambda path: path.stat().st_ctime_ns)
    lines = [path.read_bytes().splitlines() for path in files]
    return [[msgspec.json.decode(line, type=Word) for line in each] for each in lines]


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
    guardian: Callable[[str], GuardianProcess], tmp_path: Path
) -> None:
    watcher = guardian(LISTENS)
    watcher.plan([TARGET])
    eventually(lambda: heard(tmp_path) and heard(tmp_path)[0])
    (first,) = psutil.Process().children()
    first.kill()
    eventually(lambda: first.status() == psutil.STATUS_ZOMBIE)
    watcher.beat()
    watcher.stand_down()
    assert [words[0].targets for words in heard(tmp_path)] == [[TARGET], [TARGET]]


def test_after_an_orderly_end_nobody_is_started_again(
    guardian: Callable[[str], GuardianProcess], tmp_path: Path
) -> None:
    """A heart that beats once more, or a device that comes late, must not call a striker."""
    watcher = guardian(LISTENS)
    watcher.plan([TARGET])
    watcher.stand_down()
    watcher.beat()
    watcher.plan([TARGET, TARGET])
    watcher.beat()
    assert len(heard(tmp_path)) == 1
    assert psutil.Process().children() == []


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
