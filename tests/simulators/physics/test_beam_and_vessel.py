"""What pumps pour into, and what coils steer."""

import pytest
from hypothesis import given, strategies as st

from funcnodes_simulators.mettler.sics import MettlerSics
from funcnodes_simulators.newera.ne1000 import NewEraNe1000
from funcnodes_simulators.physics import (
    Beam,
    DeviceUnderTest,
    ManualClock,
    OperatingPoint,
    Resistor,
    Vessel,
    World,
)

from ..conftest import Dialogue


def beam_at(x_a: float, y_a: float) -> float:
    coils = [
        DeviceUnderTest(Resistor(10.0), max_current_a=5.0, max_power_w=100.0) for _ in range(2)
    ]
    for coil, current_a in zip(coils, (x_a, y_a), strict=True):
        coil.suffer(OperatingPoint(10 * current_a, current_a))
    return Beam(*coils).volts()


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_detector_gives_most_where_its_formula_says(x_a: float, y_a: float) -> None:
    best = beam_at((0.3 - 0.1 * 0.2) / 0.99, (0.2 - 0.1 * 0.3) / 0.99)
    assert best == pytest.approx(1.0)
    assert beam_at(x_a, y_a) <= best + 1e-12


def test_a_pump_pours_its_volume_in_its_time_and_stops() -> None:
    clock, vessel = ManualClock(), Vessel()
    pump = Dialogue(NewEraNe1000(World(clock, 1), vessel), clock)
    for command in ("RAT6MM", "VOL1", "RUN"):
        assert pump(command) in ("\x0200S\x03", "\x0200I\x03")
    clock.advance(5.0)
    assert pump("DIS") == "\x0200II0.500W0.000ML\x03"
    assert pump("DIA20") == "\x0200I?NA\x03"
    clock.advance(60.0)
    assert pump("") == "\x0200S\x03"
    assert vessel.volume_ml == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("command", "answer"),
    [("RAT9999MM", "S?OOR"), ("RAT1.2345MM", "S?OOR"), ("XYZ", "S?"), ("STP", "S?NA")],
)
def test_a_pump_says_why_it_does_not_take_a_command(command: str, answer: str) -> None:
    clock = ManualClock()
    assert Dialogue(NewEraNe1000(World(clock, 1)), clock)(command) == f"\x0200{answer}\x03"


def test_a_pump_that_lost_power_stands_and_says_so_once() -> None:
    clock, vessel = ManualClock(), Vessel()
    pump = Dialogue(NewEraNe1000(World(clock, 1), vessel), clock)
    pump("RUN")
    clock.advance(1.0)
    pump.instrument.power_cycle()
    clock.advance(60.0)
    assert pump("RAT") == "\x0200A?R\x03"
    assert pump("RAT") == "\x0200S10.00MM\x03"
    assert vessel.volume_ml == pytest.approx(10 / 60)


def test_a_balance_waits_for_rest_and_tells_when_it_is_not() -> None:
    clock, vessel = ManualClock(), Vessel()
    world = World(clock, 1)
    balance = Dialogue(MettlerSics(world, vessel), clock)
    assert balance("SI") == "S S       0.00 g" or balance("SI").startswith("S S")
    clock.advance(0.2)
    world.step()
    vessel.pour(5.0)
    assert balance("SI").startswith("S D")
    assert float(balance("S").split()[2]) == pytest.approx(4.991, abs=0.03)
    assert balance("T").startswith("T S")
    vessel.pour(1000.0)
    assert balance("SI") == "S +"
    assert balance("HELLO") == "ES"
