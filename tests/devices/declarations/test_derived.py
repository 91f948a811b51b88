"""Schema, first test and simulator table follow from declarations alone, and hold what they say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from funcnodes.devices.declarations import drivers
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.dialogues import connect_lines, dialogue_skeleton, example
from funcnodes.devices.declarations.records import Record, Together
from funcnodes.devices.declarations.schemas import driver_schema
from funcnodes.devices.declarations.stand_in import driver_table
from funcnodes.devices.declarations.values import Value
from funcnodes.testing.benches import bench_of
from funcnodes.testing.conversation import Conversation
from funcnodes_drivers.pfeiffer.tc400 import Tc400
from funcnodes_simulators import SimulatedBench

from ...waiting import patience

IN_LINES = [
    name for name in drivers.names()
    if drivers.find(name).spec.protocol.framing is None and name not in ("scpi", "mettler.sics")
]  # fmt: skip


@pytest.mark.parametrize("name", drivers.names())
def test_a_schema_says_types_units_limits_and_what_is_safe(name: str) -> None:
    kind = drivers.find(name)
    schema = json.loads(json.dumps(driver_schema(kind)))
    assert schema["x-driver"] == name
    said = {**schema["properties"], **schema["x-commands"]}
    assert set(said) == {path for path, _ in kind.walk()}
    for path, member in kind.walk():
        about = said[path]
        assert about["x-kind"] == member.kind
        if isinstance(member, Value):
            assert "enum" in about or member.choices is None
            assert about.get("readOnly", False) == (not isinstance(member, Control))
    assert {p for p, about in said.items() if "x-safe" in about} == set(kind.outputs())


def test_a_schema_in_full() -> None:
    schema = driver_schema(drivers.find("keysight.e36312a"))
    assert schema["properties"]["out1.voltage"] | {"description": ""} == {
        "title": "Voltage", "description": "", "x-kind": "control", "type": "number",
        "x-unit": "V", "minimum": 0, "maximum": 6.18, "x-park": 0.0,
    }  # fmt: skip
    assert schema["properties"]["out2.output"]["x-safe"] is False
    assert schema["properties"]["out2.reading"]["properties"] == {
        "volts": {"type": "number", "x-unit": "V"}, "amps": {"type": "number", "x-unit": "A"},
    }  # fmt: skip
    meter = driver_schema(drivers.find("keysight.dmm34461a"))["properties"]
    assert meter["voltage_nplc"]["enum"] == [0.02, 0.2, 1, 10, 100]
    scope = driver_schema(drivers.find("rigol.ds1054z"))["properties"]
    assert scope["trigger_slope"]["enum"] == ["rising", "falling", "either"]
    assert scope["ch1.waveform"]["properties"]["y"]["items"]["x-unit"] == "V"
    assert scope["ch1.waveform"]["x-role"] == "fetch"


@pytest.mark.parametrize("name", IN_LINES)
async def test_a_driver_connects_by_the_words_that_were_derived(name: str) -> None:
    kind = drivers.find(name)
    async with Conversation(kind, connect_lines(kind)) as wire:
        assert wire.device.identity.serial == "SIM0001"
        if kind.spec.local:
            wire.expect(kind.spec.local)


def test_a_first_test_of_a_driver_passes_as_it_was_written(tmp_path: Path) -> None:
    """By somebody else's pytest, in a process of its own."""
    for name in ("rigol.ds1054z", "keysight.e36312a"):
        text = dialogue_skeleton(drivers.find(name))
        (tmp_path / f"test_{name.replace('.', '_')}.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-o", "asyncio_mode=auto", "."],
        cwd=tmp_path, capture_output=True, text=True, timeout=patience(50), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert "passed" in done.stdout


@pytest.mark.parametrize("name", IN_LINES)
async def test_a_generic_simulator_of_a_table_stands_in_for_the_instrument(
    name: str, tmp_path: Path
) -> None:
    """Every control is set and read back, everything else is read, and E-STOP works."""
    kind = drivers.find(name)
    table = tmp_path / "table.json"
    table.write_text(json.dumps(driver_table(kind)))
    layout = tmp_path / "bench.toml"
    layout.write_text('[device.d]\nmodel = "table"\nserve = "tcp"\ntable = "table.json"\n')
    with SimulatedBench.start(str(layout)) as simulated:
        async with bench_of({"d": (kind, simulated.resources["d"])}) as bench:
            device = bench.devices["d"]
            assert device.state == "idle", device.message
            for path, member in kind.walk():
                if isinstance(member, Control):
                    label = member.label(example(member))
                    await device.member_set(path, label)
                    assert (await device.member_get(path)).value == label
                elif isinstance(member, Value | Record | Together) and not member.needs:
                    assert await device.member_read(path)
            acks = await bench.estop("test", "test")
            assert acks[0].state == ("off" if kind.outputs() else "held")


def test_what_acknowledges_its_commands_has_no_plain_lines() -> None:
    for derive in (connect_lines, dialogue_skeleton):
        with pytest.raises(ValueError, match=r"mettler\.sics is more talkative than plain lines"):
            derive(drivers.find("mettler.sics"))


def test_what_speaks_in_frames_has_neither_table_nor_lines() -> None:
    for derive in (driver_table, connect_lines, dialogue_skeleton):
        with pytest.raises(ValueError, match=r"pfeiffer\.tc400 speaks in frames"):
            derive(Tc400)
