"""One manager per config folder, whoever starts first, however the last one ended."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from funcnodes.machine.processes import Process
from funcnodes.settings import Settings
from funcnodes.web.auth import ATTEMPTS
from funcnodes.workers.manager import address_file

pytestmark = pytest.mark.faults

URL = re.compile(r"http://127\.0\.0\.1:\d+")


@pytest.fixture
def settings(config_dir: Path) -> Settings:
    return Settings(config_dir)


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def running(settings: Settings) -> address_file.ManagerAddress:
    deadline = time.monotonic() + 20
    while (found := address_file.read(settings)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)  # another process: nothing to await
    return found


def page(url: str) -> int:
    """HTTP status of the page."""
    try:
        with urllib.request.urlopen(f"{url}/", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_four_servers_that_start_at_once_are_one(start: Any, settings: Settings) -> None:
    """Each of the other three says where the one is, and ends with 0."""
    four = [start("runserver", "--port", "0", "--no-browser") for _ in range(4)]
    found = running(settings)
    said = {}
    for process in four:
        line = first_line(process)
        said[process.pid] = (line, URL.findall(line))
    assert {urls[0] for _, urls in said.values()} == {found.url}
    others = [process for process in four if process.pid != found.process.pid]
    assert len(others) == 3
    for process in others:
        _, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        line, _ = said[process.pid]
        assert line.startswith(f"funcnodes is already running (process {found.process.pid}): ")
    assert found.process.alive()


@pytest.mark.parametrize("second", ["runserver", "startworkermanager"])
@pytest.mark.parametrize("first", ["runserver", "startworkermanager"])
def test_the_second_uses_the_first(
    start: Any, command: Any, settings: Settings, first: str, second: str
) -> None:
    more = {"runserver": ["--no-browser"], "startworkermanager": []}
    process = start(first, "--port", "0", *more[first])
    found = running(settings)
    assert page(found.url) == (200 if first == "runserver" else 404)
    done = command(second, *more[second], "--port", "0")
    assert address_file.read(settings) is not None
    assert process.poll() is None
    if second == "runserver":
        assert done.returncode == 0, done.stderr
        assert f"{found.url}/#token=" in done.stdout
        assert page(found.url) == 200
    else:
        assert done.returncode == 1
        assert done.stderr == (
            f"A manager is already running at {found.url} (process {process.pid}).\n"
        )


def test_a_manager_killed_locks_nobody_out_and_its_pid_used_again_means_nothing(
    start: Any, settings: Settings
) -> None:
    process = start("startworkermanager", "--port", "0")
    found = running(settings)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    file = settings.run_dir / address_file.NAME
    saved = json.loads(file.read_text())
    saved["pid"] = os.getpid()  # ours has another start time
    file.write_text(json.dumps(saved))
    assert address_file.read(settings) is None
    start("startworkermanager", "--port", "0")
    again = running(settings)
    assert again.process not in (found.process, Process.mine())


def test_a_port_that_is_taken_is_told_in_a_sentence(
    start: Any, command: Any, tmp_path: Path
) -> None:
    start("--dir", tmp_path / "one", "runserver", "--port", "0", "--no-browser")
    port = running(Settings(tmp_path / "one")).url.rpartition(":")[2]
    done = command("--dir", tmp_path / "two", "runserver", "--port", port, "--no-browser")
    assert done.returncode == 1
    assert done.stderr == (
        f"Cannot listen on 127.0.0.1:{port}: it is already in use. "
        "Choose another port with '--port', or 0 for any free one.\n"
    )


def test_twenty_bad_tokens_from_here_do_not_shut_the_command_line_out(
    start: Any, command: Any, settings: Settings
) -> None:
    start("startworkermanager", "--port", "0")
    url = running(settings).url
    answers = []
    for _ in range(ATTEMPTS + 2):
        guess = urllib.request.Request(
            f"{url}/api/workers", headers={"Authorization": "Bearer guess"}
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(guess, timeout=5)
        with caught.value as error:
            answers.append(error.code)
    assert answers == [401] * ATTEMPTS + [429] * 2
    done = command("link")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_a_link_signs_in_with_the_role_that_was_asked_for(
    start: Any, command: Any, settings: Settings, role: str
) -> None:
    start("startworkermanager", "--port", "0")
    url = running(settings).url
    token = command("link", "--role", role).stdout.strip().partition("#token=")[2]
    request = urllib.request.Request(
        f"{url}/api/sign-in", json.dumps({"token": token}).encode(),
        {"Content-Type": "application/json", "Origin": url},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert json.load(answer)["you"]["role"] == role
    wrong = command("link", "--role", "owner")
    assert wrong.returncode == 2
    assert "owner" in wrong.stderr
    assert len(wrong.stderr.splitlines()) == 1
