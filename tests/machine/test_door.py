"""Doors: one question, its answers, nobody else's; and entries of processes that live."""

import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from funcnodes.machine.door import Door, Say, ask
from funcnodes.machine.locks import LockHeld, is_held, locked
from funcnodes.machine.place import doors_dir, leases_dir
from funcnodes.machine.presence import Presence, present


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, runtime_dir: Path) -> Path:
    """A place of the test's own; short, as paths of sockets are."""
    mine = runtime_dir / f"t{time.monotonic_ns() % 10**9}"
    monkeypatch.setenv("FUNCNODES_RUNTIME_DIR", str(mine))
    return mine


def answer(question: dict[str, Any], say: Say) -> None:
    if question["do"] == "count":
        for number in range(3):
            say({"number": number})
    elif question["do"] == "wait":
        say({"heard": True})
        time.sleep(0.3)
        say({"late": True})


def test_one_question_has_as_many_answers_as_it_takes(folder: Path) -> None:
    door = Door(doors_dir() / "d", answer)
    door.open()
    found = list(ask(door.path, {"do": "count"}, within_s=5))
    assert found == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert door.path.stat().st_mode & 0o777 == 0o600
    door.close()
    door.close()
    assert not door.path.exists()
    with pytest.raises(FileNotFoundError):
        list(ask(door.path, {"do": "count"}, within_s=5))


def test_nobody_waits_for_a_conversation_that_goes_on(folder: Path) -> None:
    door = Door(doors_dir() / "d", answer)
    door.open()
    waiting = ask(door.path, {"do": "wait"}, within_s=5)
    assert next(waiting) == {"heard": True}
    began = time.monotonic()
    assert len(list(ask(door.path, {"do": "count"}, within_s=5))) == 3
    assert time.monotonic() - began < 0.3
    assert list(waiting) == [{"late": True}]
    hasty = ask(door.path, {"do": "wait"}, within_s=5, then_s=0.05)
    assert next(hasty) == {"heard": True}
    with pytest.raises(TimeoutError):
        next(hasty)
    door.close()


@pytest.mark.parametrize("sent", [b"", b"\n", b"nonsense\n", b"[1]\n", b'{"do": 1}\n', b"\xff\n"])
def test_what_is_not_understood_ends_that_conversation_alone(folder: Path, sent: bytes) -> None:
    door = Door(doors_dir() / "d", answer)
    door.open()
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(5)
        caller.connect(str(door.path))
        caller.sendall(sent)
        caller.shutdown(socket.SHUT_WR)
        assert caller.recv(100) == b""
    assert len(list(ask(door.path, {"do": "count"}, within_s=5))) == 3
    door.close()


def test_a_path_too_long_for_a_socket_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long for a socket"):
        Door(tmp_path / ("x" * 120), answer).open()


def test_a_process_is_found_from_beginning_to_end(folder: Path) -> None:
    mine = Presence("program", "measure.py", answer, bench="own")
    mine.begin()
    (entry,) = present()
    assert (entry.pid, entry.name, entry.bench) == (os.getpid(), "measure.py", "own")
    assert len(list(ask(entry.door, {"do": "count"}, within_s=5))) == 3
    mine.say(targets=[{"device": "smu"}])
    assert present()[0].targets == [{"device": "smu"}]
    mine.end()
    mine.say(bench="late")
    assert present() == []
    assert list(doors_dir().iterdir()) == []


def test_what_is_in_use_is_touched_lest_it_be_cleaned_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leases too: with its file gone, an instrument could be taken twice."""
    monkeypatch.setattr("funcnodes.machine.presence.TOUCH_S", 0.0)
    monkeypatch.setattr("funcnodes.machine.door.LEISURE_S", 0.02)
    lease = leases_dir() / "smu.lock"
    lease.touch()
    mine = Presence("program", "x", answer)
    mine.begin()
    for path in (lease, *doors_dir().iterdir()):
        os.utime(path, (1, 1))
    deadline = time.monotonic() + 5
    while any(path.stat().st_mtime < 2 for path in (lease, *doors_dir().glob("*.json"))):
        assert time.monotonic() < deadline
        time.sleep(0.01)  # a thread of its own
    mine.end()


def test_entries_of_the_dead_and_of_pids_used_again_are_swept(folder: Path) -> None:
    mine = Presence("program", "x", answer)
    mine.begin()
    (path,) = doors_dir().glob("*.json")
    text = path.read_text()
    gone = doors_dir() / "99999999-0-aa.json"
    gone.write_text(text.replace(f'"pid":{os.getpid()}', '"pid":99999999'))
    reused = doors_dir() / f"{os.getpid()}-9-bb.json"
    reused.write_text(text.replace(mine.entry.started, "1"))
    socket_left = doors_dir() / "99999999-0-cc"
    socket_left.touch()
    assert [each.name for each in present()] == ["x"]
    assert {p.name for p in doors_dir().iterdir()} == {path.name, path.stem}
    mine.end()


def test_a_lock_has_one_holder_and_is_free_after_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(path):
            inside.set()
            leave.wait(5)

    holder = threading.Thread(target=hold)
    holder.start()
    assert inside.wait(5)
    assert is_held(path)
    with pytest.raises(LockHeld), locked(path):
        pass
    leave.set()
    holder.join()
    with locked(path):
        pass
    assert path.stat().st_mode & 0o777 == 0o600
