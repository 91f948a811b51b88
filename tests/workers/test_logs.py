"""Logs stay small while they are written, and keep what a process said when it broke."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from funcnodes.workers.local import logs
from funcnodes.workers.local.logs import KEPT, NAME, last_words, tail

PRINTS = """
import logging, pathlib, sys, time
from funcnodes.workers.local import logs
logs.CHECK_S = 0.05
logs.LogFile(pathlib.Path(sys.argv[1]), limit=20_000).begin("a test")
for number in range(3000):
    print(f"line {number}", flush=True)
    if number % 100 == 0:
        logging.getLogger("x").warning("warning %s", number)
        time.sleep(0.02)
time.sleep(0.3)
print("the end", flush=True)
"""

BREAKS = """
import pathlib, sys, threading
from funcnodes.workers.local import logs
logs.LogFile(pathlib.Path(sys.argv[1])).begin("a test")
thread = threading.Thread(target=lambda: [][0])
thread.start()
thread.join()
raise ZeroDivisionError("over")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


def run(program: str, folder: Path, *, redirected: bool) -> "subprocess.CompletedProcess[bytes]":
    """The program, its output going to the log as that of a worker in the background does."""
    out = logs.open_log(folder) if redirected else subprocess.PIPE
    try:
        return subprocess.run(
            [sys.executable, "-c", program, str(folder)], stdout=out, stderr=out, timeout=50
        )
    finally:
        if redirected:
            os.close(out)


def test_a_log_is_rotated_while_its_process_prints(folder: Path) -> None:
    done = run(PRINTS, folder, redirected=True)
    assert done.returncode == 0
    files = sorted(path.name for path in folder.iterdir())
    assert files == [NAME, *(f"{NAME}.{number}" for number in range(1, len(files)))]
    assert 2 <= len(files) <= KEPT + 1
    text = tail(folder, 100_000)
    assert text[-1] == "the end"
    numbers = [int(line.split()[1]) for line in text if line.startswith("line ")]
    assert numbers == list(range(numbers[0], 3000))
    assert any("WARNING x: warning 2900" in line for line in text)
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_what_goes_to_a_terminal_is_in_the_log_too(folder: Path) -> None:
    done = run(BREAKS, folder, redirected=False)
    assert done.returncode == 1
    assert b"ZeroDivisionError: over" in done.stderr
    text = (folder / NAME).read_text()
    assert "IndexError" in text
    assert last_words(folder).startswith("Traceback (most recent call last):")
    assert last_words(folder).endswith("ZeroDivisionError: over")


def test_the_last_words_are_of_the_last_process_alone(folder: Path) -> None:
    assert last_words(folder) == ""
    log = folder / NAME
    log.write_text(f"{logs.BEGINS} 1\nTraceback (most recent call last):\nOops: 1\n")
    assert last_words(folder) == "Traceback (most recent call last):\nOops: 1"
    log.write_text(f"{log.read_text()}{logs.BEGINS} 2\nfirst\n\nthe disk is full\n")
    assert last_words(folder) == "the disk is full"
    long = "\n".join(f"  File {n}" for n in range(300))
    log.write_text(f"Traceback (most recent call last):\n{long}\nOops: 2\n")
    words = last_words(folder, limit=200)
    assert words.startswith("Traceback ")
    assert "\n…\n" in words
    assert words.endswith("Oops: 2")
    assert len(words) < 210


def test_followers_see_what_is_written_between_showing_and_following(folder: Path) -> None:
    (folder / NAME).write_text("one\ntwo\n")
    (folder / f"{NAME}.1").write_text("zero\n")
    following = logs.follow(folder, 3)
    assert next(following) == "zero\none\ntwo\n"
    with (folder / NAME).open("a") as file:
        file.write("three\n")
    assert next(following) == "three\n"
    (folder / NAME).rename(folder / f"{NAME}.1")
    (folder / NAME).write_text("four\n")
    deadline = time.monotonic() + 10
    seen = ""
    while "four\n" not in seen:
        assert time.monotonic() < deadline
        seen += next(following)
    following.close()
