"""The README that funcnodes began with (0.2.17), line by line: its commands and its Python.

Each runs in a process of its own, in a folder where nothing else runs. What it leaves to the
reader ("call async main function") is filled in and marked; slips of the pen (`Adadd_nodedNode`)
are written as they were meant.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes.settings import DEFAULT_PORT, Settings
from funcnodes.workers.manager import address_file
from funcnodes.workers.workspace import Workspace

from ..waiting import eventually, patience

ROOT = Path(__file__).parents[2]

TRIGGERING = """
from funcnodes import NodeDecorator  # "Imagine this function as a Node"
import asyncio
calls = []

@NodeDecorator("add")
def add(a,b=1):
    calls.append((a, b))
    return a + b

async def main():  # "setting a (as 2) and directly b (as 3) would result in"
    node = add()
    node.inputs["a"].value = 2
    node.inputs["b"].value = 3
    await node
    for a, b in calls:
        print(f"add({a},{b})")

asyncio.run(main())
"""

PROGRAMMATICALLY = """
from funcnodes.basic_nodes.math import add_node

async def main():
    add_node_ins = add_node() # generate Node instance that does a, b: a+b

    add_node_ins.inputs["a"].value = 1 # sets the input of a to 1

    # since add_node requires both inputs to be set, nothing happens
    # node is not ready to trigger:
    print("ready2trigger,", add_node_ins.ready_to_trigger())
    # an is also not currently in trigger:
    print("in_trigger,", add_node_ins.in_trigger)

    add_node_ins.inputs["b"].value = 3

    # node is not ready to trigger:
    print("ready2trigger,", add_node_ins.ready_to_trigger())
    # since it is currently in trigger:
    print("in_trigger,", add_node_ins.in_trigger)

    # since it is still triggering the output is not set:
    print("out", add_node_ins.outputs["out"].value)

    # wait fot the actuall trigger process
    await add_node_ins

    # now the output is as expected
    print("out", add_node_ins.outputs["out"].value == 1 + 3)

import asyncio  # call async main function.
asyncio.run(main())
"""
PRINTED = """
ready2trigger, False
in_trigger, False
ready2trigger, False
in_trigger, True
out <NoValue>
out True
"""

CONNECTIONS = """
from funcnodes import MultipleConnectionsError
from funcnodes.basic_nodes.math import add_node

add_node1 = add_node()
add_node2 = add_node()

add_node1.outputs["out"].connect(add_node2.inputs["a"])

# or short via:
add_node1.o["out"].c(add_node2.i["a"])

# or shorter:
add_node1.o["out"] > add_node2.i["a"]

# "direction invariant"
add_node2.i["a"].connect(add_node1.o["out"])
# "If a connection already exists between an output and an input, nothing happens."
print(len(add_node2.i["a"].connections))
# "if input is already occupied, an error will be raised by default"
try:
    add_node().o["out"] > add_node2.i["a"]
except MultipleConnectionsError:
    print("occupied")
# "or the existing connection will be removed if connect is called with the replace=True argument"
other = add_node()
other.o["out"].connect(add_node2.i["a"], replace=True)
print(add_node2.i["a"].connections == [other.o["out"]], add_node1.o["out"].is_connected())
"""

DEFINING_CLASSES = """
from funcnodes import Node, NodeInput, NodeOutput

class MyCustomNode(Node):
    node_id = "my_custom_node"
    node_name = "My Custom Node"
    # Define inputs
    input1 = NodeInput(id="input1", type="float")
    input2 = NodeInput(id="input2", type="float")
    # Define outputs
    output = NodeOutput(id="output", type="float")
    # Define the computation performed by the node
    async def func(self, input1: float, input2: float) -> None:
        result = input1 + input2  # Example operation
        self.outputs['output'].value = result

from funcnodes import NodeSpace
ns = NodeSpace()
custom_node = MyCustomNode()
# Add the node to the node space
ns.add_node_instance(custom_node)

import asyncio

async def main():
    custom_node.inputs["input1"].value = 1.5
    custom_node.inputs["input2"].value = 2
    await custom_node
    print(custom_node.outputs["output"].value, ns.nodes == [custom_node])

asyncio.run(main())
"""

DECORATORS = """
from funcnodes import NodeSpace
ns = NodeSpace()
from funcnodes.nodemaker import NodeDecorator

# "takes the node ID as an argument"
@NodeDecorator("addition")
def addition(a: float, b: float) -> float:
    return a + b

addition_node = addition()  # Instantiate the node
ns.add_node_instance(addition_node)  # Add to the node space
print(addition_node.node_id, [*addition_node.inputs][-2:], ns.nodes == [addition_node])
"""

ADDING = """
from funcnodes import NodeSpace, get_nodeclass
# Create a new node space
ns = NodeSpace()
# Get a node class and instantiate it
AddNode = get_nodeclass('add_node')
add_node = AddNode()
# Add the node to the node space
ns.add_node_instance(add_node)
# Assuming add_node and another node (output_node) are already instantiated
output_node = AddNode()
ns.add_node_instance(output_node)
add_node.outputs["out"].connect(output_node.inputs["a"])
print(len(ns.nodes), len(ns.edges))
"""


def python(program: str, environment: dict[str, str]) -> list[str]:
    """What the program prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True, text=True, timeout=50, env=environment,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


# ── Use funcnodes programmatically ────────────────────────────────────────────────────────


def test_the_function_is_called_once_for_each_input_that_is_set(
    environment: dict[str, str],
) -> None:
    """ "the Node will (try) to run twice" (T1)."""
    assert python(TRIGGERING, environment) == ["add(2,1)", "add(2,3)"]


def test_use_funcnodes_programmatically(environment: dict[str, str]) -> None:
    assert python(PROGRAMMATICALLY, environment) == PRINTED.strip().splitlines()


def test_connections(environment: dict[str, str]) -> None:
    assert python(CONNECTIONS, environment) == ["1", "occupied", "True False"]


def test_defining_node_classes(environment: dict[str, str]) -> None:
    assert python(DEFINING_CLASSES, environment) == ["3.5 True"]


def test_using_decorators(environment: dict[str, str]) -> None:
    assert python(DECORATORS, environment) == ["addition ['a', 'b'] True"]


def test_adding_nodes_programmatically(environment: dict[str, str]) -> None:
    """The built-in nodes are known without an import of theirs."""
    assert python(ADDING, environment) == ["2 1"]


# ── Installation, configuration, tests ────────────────────────────────────────────────────


def test_pip_install_funcnodes(environment: dict[str, str]) -> None:
    """It is installed already, which pip sees without asking anybody."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "funcnodes"],
        capture_output=True, text=True, timeout=50,
        env=environment | {"PIP_NO_INDEX": "1", "PIP_QUIET": "0"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Requirement already satisfied: funcnodes" in done.stdout


def test_configuration_comes_from_the_environment_or_from_env_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """ "FUNCNODES_CONFIG_DIR (defaults to ~/.funcnodes), FUNCNODES_PORT (defaults to 8000)" """
    monkeypatch.chdir(tmp_path)
    for name in ("FUNCNODES_CONFIG_DIR", "FUNCNODES_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert Settings.load() == Settings(Path("~/.funcnodes").expanduser(), DEFAULT_PORT)
    assert DEFAULT_PORT == 8000
    (tmp_path / ".env").write_text("FUNCNODES_CONFIG_DIR=/tmp/nodes\nFUNCNODES_PORT=8123\n")
    assert Settings.load() == Settings(Path("/tmp/nodes"), 8123)
    monkeypatch.setenv("FUNCNODES_PORT", "8124")
    assert Settings.load() == Settings(Path("/tmp/nodes"), 8124)


@pytest.mark.timeout(180)  # it looks at every module of the tests
def test_pytest_tests() -> None:
    """ "pytest tests/" """
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/", "--collect-only", "-q", "-n0"],
        capture_output=True, text=True, timeout=170, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert "tests/cli/test_founding_readme.py::test_pytest_tests" in done.stdout


# ── Web interface and workers ─────────────────────────────────────────────────────────────


class Shell:
    """A folder with a `.env`, and commands typed in it, each letter as the README has it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.folder = folder
        self.settings = Settings(folder / "nodes", self.port)
        text = f"FUNCNODES_CONFIG_DIR={self.settings.config_dir}\nFUNCNODES_PORT={self.port}\n"
        (folder / ".env").write_text(text)
        (folder / "funcnodes").write_text(f'#!/bin/sh\nexec {sys.executable} -m funcnodes "$@"\n')
        (folder / "funcnodes").chmod(0o755)
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        self.environment = environment | {"PATH": path, "BROWSER": "/bin/true"}
        del self.environment["FUNCNODES_CONFIG_DIR"]
        self.started: list[subprocess.Popen[str]] = []

    def run(self, line: str) -> str:
        """What a command prints; it must succeed."""
        done = subprocess.run(
            line.split(), capture_output=True, text=True, timeout=50,
            cwd=self.folder, env=self.environment,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), line
        return done.stdout

    def start(self, line: str) -> "subprocess.Popen[str]":
        """A command that goes on; returns once it has said something."""
        process = subprocess.Popen(
            line.split(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=self.folder, env=self.environment, start_new_session=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def workers(self) -> dict[str, dict[str, Any]]:
        return {w["uuid"]: w for w in json.loads(self.run("funcnodes worker list --json"))}

    def end(self) -> None:
        for process in reversed(self.started):
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=patience())
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        for workspace in Workspace.all(self.settings):
            worker = workspace.process()
            if worker is not None:
                worker.send(signal.SIGKILL)


@pytest.fixture
def shell(tmp_path: Path, environment: dict[str, str]) -> Iterator[Shell]:
    shell = Shell(tmp_path, environment)
    yield shell
    shell.end()


def test_starting_the_server_starts_the_manager_and_shows_the_page(shell: Shell) -> None:
    """ "Open http://localhost:8000 in a web browser", "automatically started when the server
    starts and it is not already running"."""
    shell.start("funcnodes runserver")
    eventually(lambda: address_file.read(shell.settings))
    with urllib.request.urlopen(f"http://localhost:{shell.port}", timeout=5) as page:
        assert page.status == 200
        assert b"funcnodes" in page.read()
    made = shell.run("funcnodes worker new --name=lab --uuid=w1")
    assert made == "Worker lab created (stopped), id w1.\n"
    assert shell.run("funcnodes worker start --name=lab").startswith("Worker lab started (running)")
    assert shell.workers()["w1"]["guarded"] is True


def test_the_manager_run_separately_is_the_one_that_the_server_uses(shell: Shell) -> None:
    """ "It can be seperatly run via: funcnodes startworkermanager" """
    manager = shell.start("funcnodes startworkermanager")
    eventually(lambda: address_file.read(shell.settings))
    said = shell.run("funcnodes runserver")
    assert f"already running (process {manager.pid})" in said
    with urllib.request.urlopen(f"http://localhost:{shell.port}", timeout=5) as page:
        assert page.status == 200


def test_new_workers_with_nothing_else_running(shell: Shell) -> None:
    """ "Where the uuid is created automatically if not provided and the name falls back to the
    uuid if not provided." "optional non unique name" """
    shell.run("funcnodes worker new")
    shell.run("funcnodes worker new --name=lab")
    shell.run("funcnodes worker new --uuid=w1")
    shell.run("funcnodes worker new --name=lab --uuid=w2")
    found = list(shell.workers().values())
    assert [each["name"] for each in found] == [found[0]["uuid"], "lab", "w1", "lab"]
    assert all(re.fullmatch("[0-9a-f]{32}", each["uuid"]) for each in found[:2])
    assert {each["python"] for each in found} == {sys.executable}


@pytest.mark.parametrize(
    ("line", "uuid"),
    [
        ("funcnodes worker start --name=lab", "w1"),
        ("funcnodes worker start --uuid=w2", "w2"),
        ("funcnodes worker start --name=lab --uuid=w2", "w2"),
    ],
)
def test_starting_a_worker_with_nothing_else_running(shell: Shell, line: str, uuid: str) -> None:
    """ "If uuid is provided it will start the respective worker. Otherwise it will start the first
    worker with the matching name." Each is a process, in the Python it was created in."""
    shell.run("funcnodes worker new --name=lab --uuid=w1")
    shell.run("funcnodes worker new --name=lab --uuid=w2")
    worker = shell.start(line)
    running = eventually(lambda: [w for w in shell.workers().values() if w["state"] == "running"])
    assert [(each["uuid"], each["pid"]) for each in running] == [(uuid, worker.pid)]
    arguments = Path(f"/proc/{worker.pid}/cmdline").read_bytes().split(b"\0")
    assert arguments[0] == sys.executable.encode()
    worker.send_signal(signal.SIGINT)
    assert worker.wait(10) == 0
    assert {each["state"] for each in shell.workers().values()} == {"stopped"}


def test_a_name_or_an_id_has_to_be_provided(shell: Shell) -> None:
    """ "either name or uuid have to be provided" """
    done = subprocess.run(
        ["funcnodes", "worker", "start"], capture_output=True, text=True, timeout=50,
        cwd=shell.folder, env=shell.environment,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "Invalid value: Say which worker, by --name or --uuid.\n"
