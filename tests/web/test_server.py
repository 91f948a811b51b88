"""The server's commands as a user types them: manager, workers, links, E-STOP."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from funcnodes.settings import Settings
from funcnodes.workers.manager import address_file, client
from funcnodes.workers.workspace import Workspace

from ..waiting import patience


class Terminal:
    """A folder and the commands run in it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.env = {**os.environ, "FUNCNODES_CONFIG_DIR": str(settings.config_dir)}

    def start(self, *command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "funcnodes", *command],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "funcnodes", *command],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=30,
        )


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(Settings(tmp_path / "config"))


@pytest.fixture
def manager(terminal: Terminal) -> Iterator["subprocess.Popen[str]"]:
    """A manager alone, in a process of its own."""
    process = terminal.start("startworkermanager", "--port", "0")
    with process:
        assert process.stdout is not None
        assert "The manager is at http://127.0.0.1:" in process.stdout.readline()
        yield process
        for workspace in Workspace.all(terminal.settings):
            worker = workspace.process()
            if worker is not None:
                worker.send(signal.SIGKILL)
        process.kill()


def test_a_worker_s_life_by_command(terminal: Terminal, manager: "subprocess.Popen[str]") -> None:
    created = json.loads(terminal.run("worker", "new", "bench one", "--json").stdout)
    assert created["state"] == "stopped"
    assert terminal.run("worker", "start", "bench one").returncode == 0
    workspace = Workspace(terminal.settings.workers_dir / created["uuid"])
    stopped = terminal.run("worker", "stop", "bench one")
    assert stopped.returncode == 0, stopped.stderr
    assert workspace.process() is None
    listed = json.loads(terminal.run("worker", "list", "--json").stdout)
    assert [(each["name"], each["state"]) for each in listed] == [("bench one", "stopped")]
    twice = terminal.run("worker", "new", "bench one", "--uuid", created["uuid"])
    assert (twice.returncode, twice.stdout) == (1, "")
    assert "already a worker with the id" in twice.stderr
    nobody = terminal.run("worker", "start", "nobody")
    assert nobody.returncode == 1
    assert "There is no worker 'nobody'" in nobody.stderr


def test_estop_by_command_latches_every_worker(
    terminal: Terminal, manager: "subprocess.Popen[str]"
) -> None:
    uuid = client.worker_new(terminal.settings, "bench one")["uuid"]
    client.worker_start(terminal.settings, uuid)
    pressed: list[dict[str, object]] = []
    for _ in range(100):
        pressed = json.loads(terminal.run("estop", "--json").stdout)
        if pressed and not pressed[0]["problem"]:
            break
    latch = pressed[0]["latch"]
    assert isinstance(latch, dict)
    assert latch["latched"] is True
    assert (terminal.settings.workers_dir / uuid / "latch.json").exists()


def test_a_second_manager_names_the_first(
    terminal: Terminal, manager: "subprocess.Popen[str]"
) -> None:
    second = terminal.run("startworkermanager")
    assert second.returncode == 1
    assert str(manager.pid) in second.stderr
    assert "Traceback" not in second.stderr


def test_without_a_manager_commands_say_what_to_start(terminal: Terminal) -> None:
    for command in (["link"], ["runserver", "--no-manager"]):
        done = terminal.run(*command)
        assert (done.returncode, done.stdout) == (1, "")
        assert "manager" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_manager_that_was_killed_counts_as_none(
    terminal: Terminal, manager: "subprocess.Popen[str]"
) -> None:
    assert address_file.read(terminal.settings) is not None
    manager.kill()
    manager.wait()
    assert (terminal.settings.run_dir / "manager.json").exists()
    assert address_file.read(terminal.settings) is None


def test_a_bind_that_others_can_reach_is_warned_of_and_still_asks_for_a_token(
    terminal: Terminal,
) -> None:
    """Authentication is never off."""
    with terminal.start("runserver", "--host", "0.0.0.0", "--port", "0", "--no-browser") as server:
        assert server.stdout is not None
        assert "Other machines can reach 0.0.0.0" in server.stdout.readline()
        link = server.stdout.readline().split()[-1]
        port = int(link.partition("/#")[0].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(
                f"GET /api/workers HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
            )
            assert connection.recv(100).startswith(b"HTTP/1.1 401")
        server.send_signal(signal.SIGTERM)
        assert server.wait(patience()) == 0
        assert server.stderr is not None
        assert server.stderr.read() == ""


def test_the_browser_is_opened_by_a_private_file_that_forwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No token in any argument list."""
    import threading
    import webbrowser

    from funcnodes.web import browser

    opened: list[str] = []
    done = threading.Event()

    def remember(url: str) -> bool:
        opened.append(url)
        done.set()
        return True

    monkeypatch.setattr(webbrowser, "open", remember)
    monkeypatch.setattr(browser, "KEPT_S", 0.05)
    browser.open_privately("http://127.0.0.1:1/#token=s3cret&x", tmp_path)
    assert done.wait(patience())
    path = tmp_path / "open.html"
    assert opened == [path.as_uri()]
    if path.exists():
        assert path.stat().st_mode & 0o077 == 0
        assert "#token=s3cret&amp;x" in path.read_text()
    for thread in threading.enumerate():
        if thread.name == "browser":
            thread.join(patience())
    assert not path.exists()
