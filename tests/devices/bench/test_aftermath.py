"""What a process leaves that is killed together with its guardian is made safe by the next (S1)."""

import asyncio
import errno
import logging
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes.devices import Bench, Latch
from funcnodes.devices.addresses import parse
from funcnodes.devices.bench import aftermath
from funcnodes.devices.estop import unfinished
from funcnodes.devices.estop.unfinished import Unfinished
from funcnodes.errors import RefusedError
from funcnodes.machine.place import leases_dir, unfinished_dir
from funcnodes.machine.processes import Process
from funcnodes_simulators import SimulatedBench

from ...waiting import patience, until

SCRIPT = """
import asyncio, sys
from funcnodes.devices import Bench

async def main():
    async with Bench.load(sys.argv[1]) as bench:
        await bench.device("smu").member_set("voltage", float(sys.argv[2]))
        await bench.device("smu").member_set("output", True)
        print("on", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def simulated() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=5) as bench:
        yield bench


@pytest.fixture(autouse=True)
def own_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where these tests find what they left, and nothing that others did."""
    with tempfile.TemporaryDirectory(prefix="fn-", dir="/tmp") as folder:
        monkeypatch.setenv("FUNCNODES_RUNTIME_DIR", folder)
        yield


def bench_file(folder: Path, simulated: SimulatedBench, *, more: str = "") -> Path:
    path = folder / "bench.toml"
    path.write_text(
        f'name = "lab"\n[devices.smu]\ndriver = "keithley.smu2400"\n'
        f'address = "{simulated.resources["smu"]}"\n{more}\n'
    )
    return path


def killed_while_on(
    folder: Path, path: Path, simulated: SimulatedBench, *, volts: float = 0.0
) -> int:
    """A script without a guardian switches the output on and is killed. Its pid."""
    script = folder / "measure.py"
    script.write_text(textwrap.dedent(SCRIPT))
    with subprocess.Popen(
        [sys.executable, str(script), str(path), str(volts)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        process.kill()
    assert simulated.state()["smu"]["output"] is True
    return process.pid


async def test_whoever_opens_the_instrument_next_switches_it_off_and_says_whose_it_was(
    tmp_path: Path, simulated: SimulatedBench, caplog: pytest.LogCaptureFixture
) -> None:
    path = bench_file(tmp_path, simulated)
    pid = killed_while_on(tmp_path, path, simulated)
    with caplog.at_level(logging.WARNING):
        async with Bench.load(path) as bench:
            assert simulated.state()["smu"]["output"] is False
            assert not bench.latch.latched
            await bench.device("smu").member_set("output", True)
    assert (
        f"measure.py (process {pid}) did not end in order: smu was made safe and reads back as off."
        in caplog.text
    )
    assert not list(unfinished_dir().iterdir())


async def test_until_then_nobody_else_writes_to_it(
    tmp_path: Path, simulated: SimulatedBench
) -> None:
    path = bench_file(tmp_path, simulated, more='on_worker_death = "park"')
    killed_while_on(tmp_path, path, simulated, volts=2.0)  # the way down takes its time
    bench = Bench.load(path)
    opening = asyncio.create_task(bench.open())
    device = bench.device("smu")
    await until(lambda: device.is_online or opening.done())
    refused = bench._aftermath.refusal("smu")
    assert "did not end in order" in refused
    with pytest.raises(RefusedError, match="it is made safe first"):
        await device.member_set("compliance", 0.02)
    await opening
    await until(lambda: not bench._aftermath.refusal("smu"))
    assert simulated.state()["smu"]["output"] is False
    await device.member_set("voltage", 1.0)
    await bench.close()


async def test_what_the_bench_says_to_hold_is_left_as_it_is(
    tmp_path: Path, simulated: SimulatedBench, caplog: pytest.LogCaptureFixture
) -> None:
    path = bench_file(tmp_path, simulated, more='on_worker_death = "hold"')
    killed_while_on(tmp_path, path, simulated)
    with caplog.at_level(logging.WARNING):
        async with Bench.load(path):
            pass
    assert simulated.state()["smu"]["output"] is True
    assert "smu is left as it is, as its bench says" in caplog.text


async def test_one_that_cannot_be_reached_latches_and_is_switched_off_once_it_can(
    tmp_path: Path, simulated: SimulatedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3, S4: latched and named until somebody resets it; tried again meanwhile."""
    path = bench_file(tmp_path, simulated)
    pid = killed_while_on(tmp_path, path, simulated)
    monkeypatch.setattr(aftermath, "CONNECT_S", 0.3)
    monkeypatch.setattr(aftermath, "SAFE_S", 0.3)
    simulated.fault("smu", "mute")
    latch = Latch(tmp_path / "latch.json")
    bench = Bench.load(path, latch=latch)
    await bench.open()
    await until(lambda: latch.latched and latch.state.acks)
    assert latch.state.cause == (
        f"smu was left by measure.py (process {pid}) and is not confirmed off"
    )
    assert latch.unconfirmed() == ["smu"]
    simulated.clear()
    await until(lambda: not latch.unconfirmed())
    assert simulated.state()["smu"]["output"] is False
    assert latch.latched
    await bench.close()
    assert not list(unfinished_dir().iterdir())


async def test_an_orderly_end_leaves_nothing_behind_whatever_is_on(
    tmp_path: Path, simulated: SimulatedBench
) -> None:
    """Closing a bench leaves outputs as they are, as a script wants it: that is no accident."""
    path = bench_file(tmp_path, simulated)
    async with Bench.load(path) as bench:
        await bench.device("smu").member_set("voltage", 1.0)
        (kept,) = unfinished_dir().glob("*.json")
        assert kept.stat().st_mode & 0o777 == 0o600
        await bench.device("smu").member_set("output", True)
    assert not list(unfinished_dir().iterdir())
    async with Bench.load(path):
        assert simulated.state()["smu"]["output"] is True


async def test_reading_and_switching_off_are_no_writes_that_anybody_must_know_of(
    tmp_path: Path, simulated: SimulatedBench
) -> None:
    async with Bench.load(bench_file(tmp_path, simulated)) as bench:
        await bench.device("smu").member_get("voltage")
        await bench.device("smu").member_set("output", False)
        assert not list(unfinished_dir().iterdir())


async def test_a_full_disk_is_said_and_refuses_no_write(
    tmp_path: Path,
    simulated: SimulatedBench,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(unfinished, "write_private", full)
    async with Bench.load(bench_file(tmp_path, simulated)) as bench:
        with caplog.at_level(logging.ERROR):
            await bench.device("smu").member_set("voltage", 1.0)
    assert "That smu is written to is not kept on disk: No space left on device." in caplog.text


@pytest.fixture
def left(tmp_path: Path, simulated: SimulatedBench) -> Callable[..., Process]:
    """Makes it look as if a process had died that wrote to the smu."""

    def leave(**more: Any) -> Process:
        with subprocess.Popen(["sleep", "60"]) as process:
            gone = Process.of(process.pid)
            process.kill()
        assert gone is not None
        entry = Unfinished(
            pid=gone.pid, started=gone.started, owner="lab", device="smu", t=0.0, **more
        )
        unfinished.keep(parse(simulated.resources["smu"]), entry)
        return gone

    return leave


async def test_without_anybody_to_open_it_it_is_struck_once(
    tmp_path: Path, simulated: SimulatedBench, left: Callable[..., Process]
) -> None:
    """By a manager whose worker is given up; what was struck stays to be read back."""
    path = bench_file(tmp_path, simulated)
    async with Bench.load(path) as bench:
        await bench.device("smu").member_set("output", True)
        target = bench.device("smu").target()
    gone = left(target=target)
    (struck,) = await asyncio.to_thread(unfinished.strike_left, gone)
    assert (struck.device, struck.sent) == ("smu", True)
    simulated.wait("smu", "output", False, timeout_s=patience())
    assert unfinished.strike_left(gone) == []
    async with Bench.load(path) as bench:
        assert not bench.latch.latched
    assert not list(unfinished_dir().iterdir())


async def test_an_instrument_that_another_process_has_by_now_is_left_to_that_one(
    tmp_path: Path, simulated: SimulatedBench, left: Callable[..., Process]
) -> None:
    path = bench_file(tmp_path, simulated)
    async with Bench.load(path, lock_dir=leases_dir()):
        left()
        other = Bench.load(path, lock_dir=leases_dir())
        await other.open()
        assert not other.latch.latched
        await other.close()
