"""The physics: the diode's equation both ways, damage that stays, heat that flows."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.special import lambertw

from funcnodes_simulators.physics import (
    DeviceUnderTest,
    Diode,
    ManualClock,
    OpenCircuit,
    Resistor,
    ThermalStage,
    World,
    lambert_w_of_exp,
)


@given(st.floats(-700, 700))
def test_lambert_w_agrees_with_scipy(x: float) -> None:
    assert lambert_w_of_exp(x) == pytest.approx(float(lambertw(math.exp(x)).real), rel=1e-12)


@given(st.floats(-1e6, 1e6))
def test_lambert_w_of_any_exponent_is_finite(x: float) -> None:
    w = lambert_w_of_exp(x)
    assert math.isfinite(w)
    if w > 1e-300:
        assert w + math.log(w) == pytest.approx(x, rel=1e-12, abs=1e-9)


@given(st.floats(-210, 210))
def test_diode_current_satisfies_the_shockley_equation(voltage_v: float) -> None:
    diode = Diode()
    current_a = diode.current_a(voltage_v)
    junction_v = voltage_v - current_a * diode.series_resistance_ohm
    expected = diode.saturation_current_a * math.expm1(junction_v / diode.thermal_voltage_v)
    assert current_a == pytest.approx(expected, rel=1e-6, abs=1e-18)


@given(st.floats(1e-9, 1.0))
def test_diode_voltage_is_the_inverse_of_its_current(current_a: float) -> None:
    assert Diode().current_a(Diode().voltage_v(current_a)) == pytest.approx(current_a, rel=1e-9)


def test_no_voltage_drives_more_than_the_saturation_current_backwards() -> None:
    assert Diode().voltage_v(-1e-6) == -math.inf
    assert Diode().current_a(-20.0) == pytest.approx(-2.52e-9)


def test_compliance_clamps_either_source() -> None:
    dut = DeviceUnderTest(Diode())
    point = dut.driven_by_voltage(1.0, 0.01)
    assert (point.current_a, point.is_limited) == (0.01, True)
    assert point.voltage_v == pytest.approx(Diode().voltage_v(0.01))
    point = dut.driven_by_current(-1e-3, 5.0)
    assert (point.voltage_v, point.is_limited) == (-5.0, True)
    assert not dut.driven_by_voltage(0.5, 0.01).is_limited


@pytest.mark.parametrize(("volts", "limit_a"), [(1.2, 0.25), (20.0, 0.19)])
def test_damage_sticks_and_leaves_an_open_circuit(volts: float, limit_a: float) -> None:
    dut = DeviceUnderTest(Resistor(5.0), max_power_w=10.0 if limit_a > 0.2 else 0.15)
    dut.suffer(dut.driven_by_voltage(volts, limit_a))
    assert dut.is_damaged
    dut.suffer(dut.driven_by_voltage(0.0, limit_a))
    state = dut.state()
    assert state["damaged"] is True
    assert "more than" in str(state["damage"])
    assert isinstance(dut.element, OpenCircuit)
    assert dut.driven_by_voltage(volts, limit_a).current_a == 0.0
    assert dut.driven_by_current(1e-3, 21.0).voltage_v == 21.0


def test_stage_settles_exponentially_whatever_the_step() -> None:
    coarse, fine = ThermalStage(), ThermalStage()
    coarse.advance(20.0, 4.0)
    for _ in range(1000):
        fine.advance(0.02, 4.0)
    assert coarse.temperature_k == pytest.approx(295.0 + 10.0 * (1 - math.exp(-1)))
    assert fine.temperature_k == pytest.approx(coarse.temperature_k, rel=1e-9)


def test_resistor_follows_and_heats_its_stage() -> None:
    stage = ThermalStage(bath_k=273.15)
    dut = DeviceUnderTest(Resistor(stage=stage), stage=stage)
    dut.suffer(dut.driven_by_voltage(1.0, 1.0))
    assert stage.load_w == pytest.approx(0.01)
    stage.advance(1e6, 3.99)
    assert stage.temperature_k == pytest.approx(283.15)
    assert dut.driven_by_voltage(1.0, 1.0).current_a == pytest.approx(1 / 103.85)


def test_noise_repeats_with_its_seed() -> None:
    first, second, other = (World(ManualClock(), seed) for seed in (1, 1, 2))
    drawn = [[world.noise(1.0) for _ in range(100)] for world in (first, second, other)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert np.std(drawn[0]) == pytest.approx(1.0, rel=0.3)


def test_a_manual_clock_refuses_to_run_backwards() -> None:
    with pytest.raises(ValueError, match="advance by -1"):
        ManualClock().advance(-1)
