"""Whom the guardian strikes when a worker dies: those that the bench gives up, and nobody else."""

from pathlib import Path
from typing import get_args

import pytest

from funcnodes.devices import Bench
from funcnodes.devices.benchfile import Cause

DEVICES = """
[devices.source]
driver = "keithley.smu2400"
address = "tcp:127.0.0.1:5001"
{source}
[devices.magnet]
driver = "keithley.smu2400"
address = "tcp:127.0.0.1:5002"
{magnet}
[devices.cryostat]
driver = "lakeshore.model335"
address = "tcp:127.0.0.1:5003"
{cryostat}
"""
CAUSES = [cause for cause in get_args(Cause) if cause != "at_end"]


def bench(tmp_path: Path, *, top: str = "", **devices: str) -> Bench:
    """A bench that is not opened: what is declared is enough to know whom to strike."""
    chosen = {"source": "", "magnet": "", "cryostat": "", **devices}
    path = tmp_path / "bench.toml"
    path.write_text(top + DEVICES.format(**chosen))
    return Bench.load(path)


def struck(bench: Bench, cause: str = "on_worker_death") -> list[str]:
    return [target.device for target in bench.emergency.targets(cause)]


def test_by_default_every_device_is_struck_when_its_worker_dies(tmp_path: Path) -> None:
    found = bench(tmp_path)
    assert struck(found) == ["source", "magnet", "cryostat"]
    assert [target.device for target in found.emergency.targets()] == struck(found)


@pytest.mark.parametrize("cause", CAUSES)
def test_a_device_told_to_park_or_hold_is_never_struck_from_outside(
    tmp_path: Path, cause: str
) -> None:
    """S1: a magnet is brought down by ramps, which only a worker can do; dropped, it quenches."""
    found = bench(
        tmp_path,
        source=f"{cause} = 'estop'",
        magnet=f"{cause} = 'park'",
        cryostat=f"{cause} = 'hold'",
    )
    assert struck(found, cause) == ["source"]


@pytest.mark.parametrize("action", ["park", "hold"])
def test_a_devices_own_choice_goes_before_the_benchs(tmp_path: Path, action: str) -> None:
    found = bench(
        tmp_path, top=f"on_worker_death = '{action}'\n", magnet="on_worker_death = 'estop'"
    )
    assert struck(found) == ["magnet"]


def test_another_causes_choice_says_nothing_about_a_dead_worker(tmp_path: Path) -> None:
    others = "on_estop = 'hold'\nat_end = 'estop'\non_operator_lost = 'estop'"
    found = bench(tmp_path, magnet=f"{others}\non_worker_death = 'park'", source=others)
    assert struck(found) == ["source", "cryostat"]
    assert struck(found, "on_estop") == ["cryostat"]
    assert struck(found, "on_operator_lost") == ["source", "magnet"]


def test_they_are_struck_in_stop_order(tmp_path: Path) -> None:
    found = bench(tmp_path, top="stop_order = ['cryostat', 'magnet']\n")
    assert struck(found) == ["cryostat", "magnet", "source"]


def test_what_is_written_is_what_the_driver_declares_after_a_terminator(tmp_path: Path) -> None:
    """S3: it cannot complete somebody's half-written command."""
    targets = bench(tmp_path).emergency.targets()
    assert {target.device: target.data for target in targets} == {
        "source": b"\n:ABOR\n:OUTP OFF\n",
        "magnet": b"\n:ABOR\n:OUTP OFF\n",
        "cryostat": b"\r\nRANGE 1,0\r\nRANGE 2,0\r\n",
    }
    assert [target.address for target in targets] == [
        f"TCPIP0::127.0.0.1::{port}::SOCKET" for port in (5001, 5002, 5003)
    ]
