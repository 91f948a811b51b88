"""Functions in processes: real ones, which crash, hang, and are many."""

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from funcnodes.core import Library, Node, NodeSpace, Shelf
from funcnodes.core.running import processes
from funcnodes.errors import NodeCancelled, NodeProcessError, NodeTimeout, NodeTriggerError

from ..waiting import patience

_spec = importlib.util.spec_from_file_location(
    "funcnodes_test_process_nodes", Path(__file__).with_name("process_nodes.py")
)
assert _spec is not None
assert _spec.loader is not None
nodes: Any = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = nodes
_spec.loader.exec_module(nodes)


async def gone(pid: int) -> None:
    """Wait until the process is no more."""
    async with asyncio.timeout(patience()):
        while psutil.pid_exists(pid):
            await asyncio.sleep(0.01)


async def pid_in(sign: Path) -> int:
    """Wait until a function has said which process it is in."""
    async with asyncio.timeout(patience()):
        while not (text := _read(sign)):
            await asyncio.sleep(0.01)
    return int(text)


def _read(sign: Path) -> str:
    return sign.read_text() if sign.exists() else ""


async def test_a_decorated_function_runs_in_another_process_and_gives_its_result() -> None:
    """T13: it is looked up there by module and node id."""
    node = nodes.where()
    node.inputs["x"].value = 7
    await node
    assert node.outputs["out0"].value not in (os.getpid(), None)
    assert node.outputs["out1"].value == 7


async def test_a_process_is_kept_for_the_next_call() -> None:
    node = nodes.where()
    pids = set()
    for x in range(5):
        node.inputs["x"].value = x
        await node
        pids.add(node.outputs["out0"].value)
    assert len(pids) <= 2


async def test_an_idle_process_that_was_killed_is_replaced_without_a_word() -> None:
    node = nodes.where()
    for x in range(3):
        node.inputs["x"].value = x
        await node
        pid = node.outputs["out0"].value
        os.kill(pid, signal.SIGKILL)
        node.inputs["x"].value = 10 + x
        await node
        assert node.outputs["out0"].value != pid
        assert node.outputs["out1"].value == 10 + x


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("kill", "Its process was ended by SIGKILL (signal 9)."),
        ("segfault", "Its process was ended by SIGSEGV (signal 11)."),
        ("exit", "Its process ended with exit code 3."),
        ("sys.exit", "The function asked to end its process (4)."),
        ("odd", "OddError: 1 and 3 are odd"),
        ("error", "no such thing"),
        ("result", "The result cannot be sent from its process"),
    ],
)
async def test_a_function_that_dies_is_an_error_of_its_node_only(how: str, sentence: str) -> None:
    bad, good = nodes.crash(name="bad"), nodes.where()
    bad.inputs["how"].value = how
    good.inputs["x"].value = 1
    with pytest.raises(NodeTriggerError) as raised:
        await bad
    assert sentence in str(raised.value)
    await good
    assert good.outputs["out1"].value == 1
    bad.inputs["how"].value = "not at all"
    await bad
    assert bad.outputs["out"].value == 1


async def test_a_kill_says_what_it_often_means() -> None:
    node = nodes.crash()
    with pytest.raises(NodeTriggerError):
        await node
    assert isinstance(node.error, NodeProcessError)
    assert "memory" in node.error.hint


async def test_an_error_tells_where_in_the_process_it_was_raised() -> None:
    node = nodes.crash()
    node.inputs["how"].value = "error"
    with pytest.raises(NodeTriggerError):
        await node
    assert isinstance(node.error, ValueError)
    assert "process_nodes.py" in "".join(node.error.__notes__)


async def test_an_endless_loop_is_killed_when_it_is_cancelled(tmp_path: Path) -> None:
    """T10: a process execution does not outlive its cancellation."""
    node = nodes.forever()
    node.inputs["sign"].value = str(tmp_path / "pid")
    pid = await pid_in(tmp_path / "pid")
    waiting = asyncio.ensure_future(node)
    await asyncio.sleep(0)  # so that it waits for this execution
    node.cancel("enough")
    with pytest.raises(NodeCancelled):
        await waiting
    await gone(pid)


async def test_an_endless_loop_is_killed_after_its_timeout(tmp_path: Path) -> None:
    """T10"""
    node = nodes.forever()
    node.timeout_s = 2.0
    node.inputs["sign"].value = str(tmp_path / "pid")
    pid = await pid_in(tmp_path / "pid")
    with pytest.raises(NodeTimeout):
        await node
    await gone(pid)


async def test_what_is_cancelled_before_it_began_never_begins(tmp_path: Path) -> None:
    pool = processes.ProcessPool(limit=1, idle_s=0.05)
    endless, later = nodes.forever(), nodes.forever()
    done: asyncio.Queue[Any] = asyncio.Queue()

    def ended(*what: Any) -> None:
        done.put_nowait(what)

    first = processes.submit(endless, (str(tmp_path / "a"),), print, ended, pool=pool)
    await pid_in(tmp_path / "a")
    second = processes.submit(later, (str(tmp_path / "b"),), print, ended, pool=pool)
    second.cancel()
    first.cancel()
    processes.submit(nodes.double(), (4,), print, ended, pool=pool)
    assert await asyncio.wait_for(done.get(), patience()) == (8, None)
    assert not (tmp_path / "b").exists()


async def test_idle_processes_end() -> None:
    pool = processes.ProcessPool(limit=2, idle_s=0.05)
    done: asyncio.Queue[Any] = asyncio.Queue()
    processes.submit(nodes.where(), (1,), print, lambda *r: done.put_nowait(r), pool=pool)
    (pid, _), _ = await asyncio.wait_for(done.get(), patience())
    await gone(pid)
    async with asyncio.timeout(patience()):
        while pool.pids:
            await asyncio.sleep(0.01)


async def test_big_arrays_come_and_go() -> None:
    node = nodes.total()
    node.inputs["values"].value = np.arange(3_000_000, dtype="<f8")
    await node
    result = node.outputs["out"].value
    assert result.shape == (3_000_000,)
    assert result[-1] == 3_000_000
    result[0] = 5.0


async def test_many_at_once_all_end() -> None:
    many = [nodes.double(name=str(n)) for n in range(40)]
    for n, node in enumerate(many):
        node.inputs["x"].value = n
    await asyncio.gather(*(node._await_done() for node in many))
    assert [node.outputs["out"].value for node in many] == [2 * n for n in range(40)]


async def test_progress_comes_back() -> None:
    node = nodes.steps()
    heard: list[Any] = []

    def hear(*, progress: Any, **_: Any) -> None:
        heard.append((progress.done, progress.total, progress.text))

    node.on("progress", hear)
    await node
    assert node.outputs["out"].value == 3
    assert heard[-1] == (3, 3, "step 3")


async def test_coroutines_and_classes_run_in_processes_too() -> None:
    waits, splits = nodes.waits(), nodes.Splits()
    splits.inputs["text"].value = "abc"
    await waits
    await splits
    assert waits.outputs["out"].value != os.getpid()
    assert (splits.outputs["first"].value, splits.outputs["rest"].value) == ("a", "bc")


async def test_arguments_that_cannot_be_sent_are_an_error_of_the_node() -> None:
    node = nodes.double()
    node.inputs["x"].value = lambda: 1
    with pytest.raises(NodeTriggerError, match="cannot be sent to a process"):
        await node


async def test_a_function_inside_a_function_is_said_not_to_be_found() -> None:
    with pytest.raises(NodeTriggerError, match="when a process imports it"):
        await nodes.hidden()


def test_where_a_node_runs_is_saved_and_restored() -> None:
    space = NodeSpace(Library(Shelf([nodes.double, nodes.sleeps])))
    ids = {}
    for run_in in ("auto", "loop", "thread", "process"):
        node: Node = space.add_node_by_id("test.process.double")
        node.run_in = run_in  # type: ignore[assignment]  # one of the four
        ids[node.uuid] = run_in
    moved = space.add_node_by_id("test.process.sleeps")
    moved.run_in, moved.moved = "thread", True
    again = NodeSpace(space.lib)
    again.deserialize(space.serialize())
    assert {uuid: again.get_node_by_id(uuid).run_in for uuid in ids} == ids
    assert again.get_node_by_id(moved.uuid).run_in == "auto"


SCRIPT = """
import asyncio, os, sys
from pathlib import Path
from funcnodes.core import NodeDecorator

@NodeDecorator("script.pid", separate_process=True)
def pid(x: int = 1) -> int:
    return os.getpid()

@NodeDecorator("script.endless", separate_process=True)
def endless(sign: str) -> int:
    Path(sign).write_text(str(os.getpid()))
    while True:
        pass

async def main():
    node = pid()
    await node
    print(node.outputs["out"].value, flush=True)
    busy = endless()
    busy.inputs["sign"].value = sys.argv[1]
    sign = Path(sys.argv[1])
    while not (sign.exists() and sign.read_text()):
        await asyncio.sleep(0.01)
    if sys.argv[2] == "die":
        os.kill(os.getpid(), 9)

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["end", "die"])
async def test_a_script_ends_at_once_and_takes_its_processes_along(
    how: str, tmp_path: Path
) -> None:
    """However it ends: nothing keeps it from exiting, and nothing is left behind."""
    (tmp_path / "script.py").write_text(SCRIPT)
    sign = tmp_path / "sign"
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "error", "script.py", str(sign), how],
        cwd=tmp_path, timeout=30, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == (-signal.SIGKILL if how == "die" else 0), ended.stderr
    assert ended.stderr == ""
    await gone(int(sign.read_text()))
    await gone(int(ended.stdout))
