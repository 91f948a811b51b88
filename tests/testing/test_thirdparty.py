"""A driver package of somebody else's: installed by pip, found by its entry points, tested by the
plugin, in processes of their own."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from funcnodes_simulators import SimulatedBench

PACKAGE = Path(__file__).parent / "thirdparty"
PROGRAM = [sys.executable, "-W", "error", "-c", "from funcnodes.cli import main; main()"]

Install = Callable[[Path], dict[str, str]]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy, since building leaves files behind."""
    return Path(shutil.copytree(PACKAGE, tmp_path / "package"))


def run_pytest(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=50,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.soak
def test_its_tests_run_with_the_plugin_and_its_driver_is_found(
    package: Path, install: Install
) -> None:
    environment = install(package)
    shutil.rmtree(package / "acme_supply")  # what is imported is what was installed
    out = run_pytest(package, environment)
    assert "6 passed, 1 skipped" in out
    assert "it needs the instrument: --instrument ADDRESS" in out
    listed = subprocess.run(
        [*PROGRAM, "device", "drivers", "--json"],
        env=environment, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    found = {each["name"]: each for each in json.loads(listed.stdout)}
    assert (found["acme.psu1"]["maker"], found["acme.psu1"]["safe_state"]) == ("ACME", "output off")
    assert "keithley.smu2400" in found


@pytest.mark.soak
def test_tests_on_hardware_run_where_an_address_is_given(
    package: Path, install: Install, tmp_path: Path
) -> None:
    """The simulator stands in for the instrument, on a real socket of another process."""
    environment = install(package)
    bench = tmp_path / "bench.toml"
    bench.write_text('[device.psu]\nmodel = "acme.psu1"\nserve = "tcp"\n')
    simulator = subprocess.Popen(
        [sys.executable, "-m", "funcnodes_simulators", str(bench), "--json"],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert simulator.stdout is not None
    address = json.loads(simulator.stdout.readline())["resources"]["psu"]
    out = run_pytest(package, environment, "-k", "instrument_itself", "--instrument", address)
    assert "1 passed" in out
    simulator.communicate(timeout=10)


def test_a_model_that_nobody_brought_is_named(tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    bench.write_text('[device.psu]\nmodel = "acme.psu1"\nserve = "tcp"\n')
    with pytest.raises(Exception, match=r"acme\.psu1"):
        SimulatedBench.start(str(bench))
