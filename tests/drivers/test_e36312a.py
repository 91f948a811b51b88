"""The E36312A driver: its words, its moving limits, and its protection on the simulated supply."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from funcnodes.devices.bench import Bench
from funcnodes.errors import LimitError
from funcnodes.testing.benches import bench_of
from funcnodes.testing.conversation import Conversation
from funcnodes_drivers.keysight.e36312a import E36312a
from funcnodes_simulators import SimulatedBench

NO_ERROR = ':SYST:ERR? -> +0,"No error"'


def channel(ch: int, trip: float) -> list[str]:
    return [
        f":CURR:PROT:STAT? (@{ch}) -> 0", f":OUTP? (@{ch}) -> 0",
        f":VOLT:PROT? (@{ch}) -> +{trip:.8E}", f":VOLT? (@{ch}) -> +0.00000000E+00",
        f":CURR? (@{ch}) -> +1.00000000E-01",
    ]  # fmt: skip


CONNECT = [
    "*IDN? -> Keysight Technologies,E36312A,MY57000001,2.1.0-1.0.4-1.12", NO_ERROR,
    *channel(1, 6.6), *channel(2, 27.5), *channel(3, 27.5),
]  # fmt: skip
LAYOUT = """
[dut.load]
kind = "resistor"
resistance_ohm = 10.0
max_current_a = 5.0
max_power_w = 50.0
[device.psu]
model = "keysight_e36312a"
dut1 = "load"
serve = "tcp"
"""


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[SimulatedBench]:
    layout = tmp_path / "bench.toml"
    layout.write_text(LAYOUT)
    with SimulatedBench.start(str(layout)) as bench:
        yield bench


def supply(simulated: SimulatedBench) -> Bench:
    return bench_of({"psu": (E36312a, simulated.resources["psu"])})


async def test_its_words_name_the_channel() -> None:
    async with Conversation(E36312a, CONNECT) as wire:
        psu = wire.instrument
        wire.expect(
            ":CURR 0.5,(@2)", NO_ERROR, ":VOLT 12,(@2)", NO_ERROR, ":OUTP 1,(@2)", NO_ERROR,
            ":MEAS:VOLT? (@2);:MEAS:CURR? (@2) -> +1.20000000E+01;+2.50000000E-01",
            ":OUTP:PROT:CLE (@3)", NO_ERROR, ":OUTP 0,(@2)", NO_ERROR,
        )  # fmt: skip
        await psu.out2.current.set(0.5)
        await psu.out2.voltage.set(12.0)
        await psu.out2.output.set(True)
        assert dict(await psu.out2.reading.get()) == {"volts": 12.0, "amps": 0.25}
        await psu.out3.clear_protection()
        await psu.out2.output.set(False)


def test_one_command_switches_all_outputs_off_at_an_estop() -> None:
    """S1, S3."""
    assert E36312a.spec.emergency_bytes() == b"\n:OUTP OFF,(@1:3)\n"
    assert list(E36312a.outputs()) == ["out1.output", "out2.output", "out3.output"]


async def test_the_voltage_ends_where_over_voltage_protection_begins() -> None:
    async with Conversation(E36312a, CONNECT) as wire:
        wire.expect(":VOLT:PROT 3.5,(@1)", NO_ERROR, ":VOLT:PROT? (@1) -> 3.5")
        await wire.instrument.out1.over_voltage.set(3.5)
        with pytest.raises(LimitError, match=r"5 V.*outside 0 to 3\.5 V while over-voltage level"):
            await wire.instrument.out1.voltage.set(5.0)
        with pytest.raises(LimitError, match=r"outside 0 to 6\.18 V"):
            await wire.instrument.out1.voltage.set(7.0)


async def test_it_drives_a_load_and_protects_it(simulated: SimulatedBench) -> None:
    async with supply(simulated) as bench:
        psu = bench.devices["psu"]
        await psu.member_set("out1.current", "1 A")
        await psu.member_set("out1.voltage", 5)
        await psu.member_set("out1.output", True)
        found = await psu.member_read("out1.reading")
        assert found["volts"].value == pytest.approx(5, abs=0.01)
        assert found["amps"].value == pytest.approx(0.5, abs=0.01)
        await psu.member_set("out1.over_current", True)
        await psu.member_set("out1.current", "100 mA")
        assert (await psu.member_get("out1.output")).value is False
        assert (await psu.member_get("out1.is_over_current")).value is True
        await psu.member_command("out1.clear_protection")
        assert (await psu.member_get("out1.is_over_current")).value is False


async def test_parking_brings_every_output_to_zero_and_off(simulated: SimulatedBench) -> None:
    async with supply(simulated) as bench:
        psu = bench.devices["psu"]
        await psu.member_set("out2.voltage", 12)
        await psu.member_set("out2.output", True)
        assert psu.output_on is True
        assert (await psu.park()).state == "parked"
        truth = simulated.state()["psu"]["outputs"]["2"]
        assert (truth["on"], truth["level_v"]) == (False, 0.0)
