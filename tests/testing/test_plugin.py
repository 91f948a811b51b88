"""The pytest plugin, used as somebody who writes a driver elsewhere uses it."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ..waiting import patience

DRIVER = '''
"""A supply of a maker that funcnodes does not know."""

from funcnodes.devices import Idn, Range, ScpiDevice, control, driver


@driver("acme.psu1", title="ACME PSU 1", match=Idn("ACME", "PSU1"))
class Psu1(ScpiDevice):
    voltage = control(float, ":VOLT?", ":VOLT {v:g}", unit="V", limits=Range(0, 30))
    output = control(bool, ":OUTP?", ":OUTP {v:d}", safe=False)
'''

GOOD = """
import pytest
from acme_drivers import Psu1
from funcnodes.errors import DeviceError, LimitError
from funcnodes_drivers.keithley.smu2400 import Smu2400

NO_ERROR = ':SYST:ERR? -> 0,"No error"'
CONNECT = ["*IDN? -> ACME,PSU1,7,1.0", NO_ERROR, ":VOLT? -> 0", ":OUTP? -> 0"]


async def test_it_says_what_the_manual_says(dialogue):
    async with dialogue(Psu1, connect=CONNECT) as wire:
        wire.expect(":VOLT 1.5", NO_ERROR, ":VOLT? -> 1.5")
        await wire.instrument.voltage.set(1.5)
        assert await wire.instrument.voltage.get() == 1.5


async def test_it_refuses_what_is_too_much(dialogue):
    async with dialogue(Psu1, connect=CONNECT) as wire:
        with pytest.raises(LimitError):
            await wire.instrument.voltage.set(31)


async def test_a_bench_on_a_real_wire_and_what_goes_wrong_there(simulate, open_bench, faults):
    simulated = simulate()
    async with open_bench({"smu": (Smu2400, simulated.resources["smu"])}) as bench:
        smu = bench.devices["smu"].instrument
        await smu.voltage.set(0.5)
        assert ":SOUR:VOLT 0.5" in simulated.commands("smu")
        breaks = faults(simulated, "smu")
        breaks("garbage", match=":SOUR:VOLT?", count=20)
        with pytest.raises(DeviceError, match="smu"):
            await smu.voltage.get()
        breaks.clear()
        assert await smu.voltage.get() == 0.5
"""

BAD = """
from acme_drivers import Psu1

CONNECT = ["*IDN? -> ACME,PSU1,7,1.0", ':SYST:ERR? -> 0,"No error"', ":VOLT? -> 0", ":OUTP? -> 0"]


async def test_too_little_is_said(dialogue):
    async with dialogue(Psu1, connect=CONNECT) as wire:
        wire.expect(":VOLT 1.5")


async def test_something_else_is_said(dialogue):
    async with dialogue(Psu1, connect=CONNECT) as wire:
        wire.expect(":VOLT 2.5")
        await wire.instrument.voltage.set(1.5)
"""


STRICT = """
import pytest
from acme_drivers import Psu1
from funcnodes.errors import DeviceError

TABLE = '''
[device.psu]
model = "table"
serve = "tcp"
table.identity = "ACME,PSU1,{serial},1.0"

[[device.psu.table.entry]]
name = "voltage"
query = ":VOLT?"
command = ":VOLT {v:g}"

[[device.psu.table.entry]]
name = "output"
query = ":OUTP?"
type = "bool"
'''


async def test_a_command_that_the_instrument_has_not(simulate, open_bench):
    simulated = simulate(TABLE, strict=True)
    async with open_bench({"psu": (Psu1, simulated.resources["psu"])}) as bench:
        with pytest.raises(DeviceError):
            await bench.devices["psu"].instrument.output.set(True)
"""

BENCH = """
[dut.r]
kind = "resistor"

[device.smu]
model = "keithley2400"
dut = "r"
serve = "tcp"
"""


def run(folder: Path, tests: str) -> "subprocess.CompletedProcess[str]":
    """pytest in a process of its own, on a package that is not installed."""
    (folder / "acme_drivers.py").write_text(DRIVER)
    (folder / "test_psu1.py").write_text(textwrap.dedent(tests))
    (folder / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
        "pythonpath = .\nfilterwarnings = error\n"
    )
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder, capture_output=True, text=True, timeout=patience(50),
    )  # fmt: skip


def test_a_driver_of_another_package_is_tested_with_it(tmp_path: Path) -> None:
    ran = run(tmp_path, GOOD)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout


def test_a_driver_that_keeps_not_to_the_script_fails_with_the_words(tmp_path: Path) -> None:
    ran = run(tmp_path, BAD)
    assert "2 failed" in ran.stdout
    assert "never written: b':VOLT 1.5" in ran.stdout
    assert "written b':VOLT 1.5\\n' where b':VOLT 2.5\\n' was expected" in ran.stdout


def test_what_a_driver_does_wrong_to_a_strict_bench_fails_the_test(tmp_path: Path) -> None:
    ran = run(tmp_path, STRICT)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "StrictError: psu: ':OUTP 1': -113, Undefined header" in ran.stdout


def test_pytest_starts_without_the_heavy_parts() -> None:
    """The plugin is loaded by every pytest of whoever has funcnodes installed."""
    heavy = {"numpy", "pint", "litestar", "pyvisa", "serial", "msgspec", "funcnodes.core"}
    code = f"import sys, funcnodes.testing.plugin; print(sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=patience(50)
    )
    assert ran.stdout == "[]\n", ran.stdout + ran.stderr


def test_a_simulated_bench_can_be_written_in_the_test(simulate: object) -> None:
    assert callable(simulate)
    bench = simulate(BENCH)
    assert bench.resources["smu"].startswith("TCPIP0::127.0.0.1::")


def test_what_is_asked_for_wrongly_is_said(simulate: object) -> None:
    assert callable(simulate)
    with pytest.raises(Exception, match="nowhere"):
        simulate("nowhere")


def test_a_test_on_hardware_is_left_out_without_an_address(tmp_path: Path) -> None:
    ran = run(tmp_path, "def test_it(hardware):\n    assert hardware\n")
    assert "1 skipped" in ran.stdout
