"""An instrument has one owner on a machine, whatever the config folder (D1)."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import funcnodes
from funcnodes_simulators import SimulatedBench

DIODE = Path(funcnodes.__file__).parent / "examples" / "diode_iv.json"

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
