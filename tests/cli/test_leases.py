"""An instrument has one owner on a machine, whatever the config folder (D1)."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import funcnodes
from funcnodes_simulators import SimulatedBench

from ..waiting import patience

pytestmark = pytest.mark.faults

DIODE = Path(funcnodes.__file__).parent / "examples" / "diode_iv.json"

HOLD = """
import asyncio, sys
from funcnodes.devices import Bench

async def main():
    async with Bench.load(sys.argv[1]) as bench:
        print(bench.device("it").message or "connected", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""

SCRIPT = """
import asyncio, sys
from funcnodes.devices import Bench

async def main():
    async with Bench.load(sys.argv[1]) as bench:
        print(bench.device("smu").message or "connected", flush=True)

asyncio.run(main())
"""


def test_of_two_config_folders_one_gets_the_instrument_and_the_other_is_told_who_has_it(
    start: Any, command: Any, bench_file: Path, simulated: SimulatedBench, tmp_path: Path,
    environment: dict[str, str],
) -> None:  # fmt: skip
    """Both drove it together once, and recorded each other's data."""
    points = ("--set", "sweep.points=100000", "--json")
    first = start("--dir", tmp_path / "one", "run", DIODE, "--bench", bench_file, *points)
    simulated.wait("smu", "output", True, timeout_s=30)
    second = command("--dir", tmp_path / "two", "run", DIODE, "--bench", bench_file, "--json")
    assert second.returncode == 1
    assert f"process {first.pid}" in second.stdout + second.stderr
    assert "holds it as 'smu'" in second.stdout + second.stderr
    (tmp_path / "script.py").write_text(SCRIPT)
    third = subprocess.run(
        [sys.executable, str(tmp_path / "script.py"), str(bench_file)],
        capture_output=True, text=True, timeout=30, env=environment, check=True,
    )  # fmt: skip
    assert third.stdout == f"worker 'local' (process {first.pid}) holds it as 'smu'.\n"
    os.kill(first.pid, signal.SIGKILL)
    first.communicate(timeout=20)
    simulated.wait("smu", "output", False, timeout_s=5)
    shorter = ("--set", "sweep.points=3", "--json")
    after = command("--dir", tmp_path / "two", "run", DIODE, "--bench", bench_file, *shorter)
    assert after.returncode == 0, after.stderr
    assert json.loads(after.stdout.splitlines()[-1])["rows"] == 3


def names_of_this_machine() -> list[str]:
    """Names under which 127.0.0.1 is known here, `localhost` at least."""
    return [name for name in ("localhost", "LOCALHOST.", socket.gethostname())
            if leads_to_loopback(name)]  # fmt: skip


def leads_to_loopback(name: str) -> bool:
    try:
        return socket.gethostbyname(name) == "127.0.0.1"
    except OSError:
        return False


def test_neither_a_link_by_id_nor_a_name_of_the_host_is_a_way_around_the_owner(
    simulated: SimulatedBench, tmp_path: Path, environment: dict[str, str]
) -> None:
    """D1: per machine and instrument, by two programs with a config folder each."""
    port = simulated.resources["smu"].split("::")[2]
    terminal = simulated.resources["tc"].removeprefix("ASRL").removesuffix("::INSTR")
    link = tmp_path / "usb-ACME_335-if00"
    link.symlink_to(os.path.realpath(terminal))
    script = tmp_path / "hold.py"
    script.write_text(HOLD)
    ways = {
        "keithley.smu2400": ["tcp:127.0.0.1:" + port]
        + [f"tcp:{name}:{port}" for name in names_of_this_machine()],
        "lakeshore.model335": [f"serial:{link}", f"serial:{os.path.realpath(terminal)}"],
    }

    def bench(number: int, driver: str, address: str) -> list[str]:
        path = tmp_path / f"{number}.toml"
        path.write_text(f'[devices.it]\ndriver = "{driver}"\naddress = "{address}"\n')
        return [sys.executable, str(script), str(path)]

    with ExitStack() as stack:
        for number, (driver, (first, *others)) in enumerate(ways.items()):
            holder = stack.enter_context(
                subprocess.Popen(
                    bench(number, driver, first), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    text=True, env={**environment, "FUNCNODES_CONFIG_DIR": str(tmp_path / "a")},
                )
            )  # fmt: skip
            assert holder.stdin is not None
            assert holder.stdout is not None
            stack.callback(holder.stdin.close)
            assert holder.stdout.readline() == "connected\n"
            for more, other in enumerate(others):
                told = subprocess.run(
                    bench(10 * number + more + 10, driver, other), input="\n",
                    capture_output=True, text=True, timeout=patience(), check=True,
                    env={**environment, "FUNCNODES_CONFIG_DIR": str(tmp_path / "b")},
                )  # fmt: skip
                assert f"(process {holder.pid}) holds it as 'it'." in told.stdout, other
