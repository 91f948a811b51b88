"""A run that an interlock ends, and the reset that lets the next one begin."""

import json
from pathlib import Path
from typing import Any

import pytest

import funcnodes
from funcnodes.devices import find_bench
from funcnodes.devices.estop.latch import Latch, StopAck
from funcnodes_simulators import SimulatedBench

DIODE = Path(funcnodes.__file__).parent / "examples" / "diode_iv.json"


@pytest.fixture
def bench_file(tmp_path: Path) -> Path:
    """The demo's bench, which trips once more than 1 mA flows; no scan tells that beforehand."""
    path = tmp_path / "watched.toml"
    text = find_bench("demo").read_text("utf-8")
    path.write_text(
        f"{text}\n[[interlock]]\nname = 'too high'\nwhen = 'smu.reading.i > 1 mA'\nevery_s = 0.01\n"
    )
    return path


def test_a_run_ends_by_the_interlock_and_the_next_waits_for_the_reset(
    here: Any, bench_file: Path, config_dir: Path
) -> None:
    done = here("run", DIODE, "--bench", bench_file, "--json")
    assert done.returncode == 1
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["state"] == "aborted"
    assert "Stopped by interlock 'too high' (smu.reading.i is 1" in result["message"]
    latch = Latch(config_dir / "workers" / "local" / "latch.json")
    assert {ack.device: ack.state for ack in latch.state.acks} == {"smu": "off", "tc": "off"}
    refused = here("run", DIODE)
    assert refused.returncode == 1
    assert "interlock 'too high'" in refused.stderr
    assert here("reset").stdout.startswith("The stop by interlock 'too high' (smu.reading.i is 1")
    assert here("reset").stdout == "Nothing was stopped.\n"
    again = here("run", DIODE, "--set", "sweep.stop=0.1 V", "--set", "sweep.points=3", "--json")
    assert again.returncode == 0, again.stderr


def test_a_device_that_did_not_answer_is_confirmed_by_name(here: Any, config_dir: Path) -> None:
    """S4."""
    latch = Latch(config_dir / "workers" / "local" / "latch.json")
    latch.engage("smoke", "anna")
    latch.acknowledge(StopAck(device="hv", state="unanswered"))
    refused = here("reset")
    assert refused.returncode == 1
    assert "hv did not acknowledge the E-STOP" in refused.stderr
    done = here("reset", "--confirm", "hv", "--json")
    assert json.loads(done.stdout) == {"was_latched": True, "by": "anna", "cause": "smoke"}


def test_what_will_happen_is_said_before_a_run_on_real_instruments(
    here: Any, tmp_path: Path
) -> None:
    """S1, S5."""
    with SimulatedBench.start("demo", seed=1) as simulated:
        path = tmp_path / "real.toml"
        path.write_text(
            "".join(
                f"[devices.{name}]\ndriver='{kind}'\naddress='{simulated.resources[name]}'\n"
                "simulated=false\n"
                for name, kind in (("smu", "keithley.smu2400"), ("tc", "lakeshore.model335"))
            )
        )
        done = here("run", DIODE, "--bench", path, "--set", "sweep.points=3", "--yes")
        assert done.returncode == 0, done.stderr
        assert "On E-STOP:\n  1. smu: output off, within 100 ms\n" in done.stdout
        assert "Warning: tc has outputs, and no protection of its own" in done.stdout
        checked = here("device", "check", "--bench", path)
        assert "At the end of a run, what it wrote to:" in checked.stdout
        (smu, _) = json.loads(here("device", "check", "--bench", path, "--json").stdout)
        assert smu["safety"]["at_end"]["words"] == "voltage to 0 V at 5 V/s, then output off"
