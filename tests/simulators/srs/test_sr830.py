"""Dialogues with the lock-in amplifier on a clock that only the test moves."""

import cmath
import math

import pytest

from funcnodes_simulators.physics import ManualClock, Network, World
from funcnodes_simulators.srs.sr830 import Sr830

from ..conftest import Dialogue


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def lockin(clock: ManualClock) -> Dialogue:
    network = Network(resistance_ohm=10e3, capacitance_f=15.9e-9)
    return Dialogue(Sr830(World(clock, 1), network), clock)


def settled(lockin: Dialogue, clock: ManualClock, *commands: str) -> complex:
    """X + jY once the low-passes have come to rest."""
    lockin(";".join(commands))
    clock.advance(100.0)
    r, theta = map(float, lockin("SNAP?3,4").split(","))
    return cmath.rect(r, math.radians(theta))


@pytest.mark.parametrize("hertz", [10.0, 1000.0, 1001.0, 50e3])
def test_what_comes_back_is_the_network_s_gain(lockin, clock, hertz: float) -> None:
    found = settled(lockin, clock, f"FREQ {hertz}", "SLVL 0.5")
    expected = 0.5 / (1 + 2j * math.pi * hertz * 10e3 * 15.9e-9)
    assert abs(found - expected) < 1e-4 * abs(expected) + 1e-6


def test_a_resonator_is_real_and_whole_where_its_reactances_cancel(clock: ManualClock) -> None:
    network = Network(20.0, 2.533e-9, 10e-3)
    lockin = Dialogue(Sr830(World(clock, 1), network), clock)
    top = 1 / (2 * math.pi * math.sqrt(10e-3 * 2.533e-9))
    assert settled(lockin, clock, f"FREQ {top:.5g}", "SLVL 0.1").real == pytest.approx(
        0.1, rel=1e-3
    )
    half_width = 20.0 / (4 * math.pi * 10e-3)
    beside = settled(lockin, clock, f"FREQ {top + half_width:.5g}")
    assert abs(beside) == pytest.approx(0.1 / math.sqrt(2), rel=0.01)


def test_the_output_takes_its_time_constant_once_for_each_pole(lockin, clock) -> None:
    settled(lockin, clock, "FREQ 10", "SLVL 0.004", "OFLT 10", "OFSL 0")  # 1 s, 6 dB
    lockin("SLVL 1")
    clock.advance(1.0)
    one_pole = float(lockin("OUTP? 3"))
    assert one_pole == pytest.approx(1 - math.exp(-1), abs=0.01)
    settled(lockin, clock, "SLVL 0.004", "OFSL 3")  # 24 dB
    lockin("SLVL 1")
    clock.advance(1.0)
    assert float(lockin("OUTP? 3")) < 0.1 * one_pole


def test_what_is_too_large_is_cut_off_and_said_once(lockin, clock) -> None:
    settled(lockin, clock, "FREQ 1", "SLVL 1", "SENS 20")  # 10 mV
    lockin("LIAS?")
    assert lockin("SNAP?1,3") == "0.011,0.011"
    assert (lockin("LIAS?"), lockin("LIAS?")) == ("4", "0")


def test_settings_are_read_back_and_the_frequency_has_five_digits(lockin) -> None:
    lockin("FREQ 12345.678;SLVL 0.1234;PHAS 190;SENS 17;OFLT 9;OFSL 2;ISRC 1;AUXV 2,-1.5")
    assert lockin("FREQ?;SLVL?;PHAS?") == "12346\n0.124\n-170.00"
    assert lockin("SENS?;OFLT?;OFSL?;ISRC?;AUXV? 2") == "17\n9\n2\n1\n-1.500"


@pytest.mark.parametrize(
    "message",
    [
        "NOPE", "FREQ 0", "FREQ 1e6", "FREQ abc", "SLVL 6", "SLVL 0", "SENS 27", "OFLT -1",
        "PHAS 800", "AUXV 5,1", "AUXV 1", "AUXV 1,11", "SNAP? 1", "SNAP? 1,12", "OUTP? 0",
        "HARM 2", "\xff",
    ],
)  # fmt: skip
def test_what_it_does_not_take_changes_nothing_and_sets_the_event_bit(lockin, message: str) -> None:
    asked = "FREQ?;SLVL?;PHAS?;SENS?;OFLT?;AUXV? 1"
    before = lockin(asked)
    assert lockin(message) is None
    assert lockin(asked) == before
    assert lockin("*ESR?") == "32"


def test_a_reset_brings_it_to_a_volt_at_a_kilohertz(lockin) -> None:
    lockin("FREQ 5;SLVL 0.1;AUXV 1,3;*RST")
    assert lockin("FREQ?;SLVL?;AUXV? 1") == "1000\n1.000\n0.000"
