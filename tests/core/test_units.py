"""Units: what converts, by which rule, and what only looks alike and is refused with the reason."""

import math
import subprocess
import sys
from typing import Annotated

import numpy as np
import pytest
from hypothesis import given, strategies as st

from funcnodes.core import NodeDecorator, Unit, units
from funcnodes.errors import PortMismatchError, UnitError, ValueRefusedError

POWERS = ("W", "mW", "µW", "kW", "dBm", "dBW", "dBµW")
LEVELS = ("dBm", "dBW", "dBm/Hz", "dBV", "dBµV", "dBµA")
FAMILIES = (
    POWERS,
    ("Vrms", "mVrms", "dBV", "dBmV", "dBµV"),
    ("Hz", "rpm", "rad/s", "deg/s", "turn/min"),
    ("K", "°C", "°F", "mK"),
    ("Δ°C", "ΔK", "Δ°F"),
    ("Pa", "mbar", "Torr", "mTorr", "bar(a)"),
    ("bar(g)", "mbar(g)", "psi(g)", "kPa(g)"),
    ("sccm", "slm"),
    ("T", "mT", "G", "kG"),
    ("A/m", "Oe"),
    ("%", "ppm", "ppb"),
    ("Ah", "mAh", "C"),
    ("Ω", "Ohm", "kΩ"),
    ("dB", "Np"),
)


@pytest.mark.parametrize(
    ("number", "source", "target", "right"),
    [
        (-30, "dBm", "mW", 0.001), (0, "dBm", "mW", 1), (10, "dBm", "mW", 10),
        (20, "dBm", "W", 0.1), (30, "dBm", "dBW", 0), (100, "mW", "dBm", 20),
        (0, "mW", "dBm", -math.inf), (60, "dBµV", "mVrms", 1), (2, "Vrms", "dBV", 6.0205999),
        (-174, "dBm/Hz", "dBm/MHz", -114), (-30, "dBm/Hz", "W/Hz", 1e-6),
        (60, "rpm", "Hz", 1), (1, "Hz", "rpm", 60), (2 * math.pi, "rad/s", "Hz", 1),
        (360, "deg/s", "rpm", 60), (100, "cps", "Hz", 100), (60, "1/min", "Hz", 1),
        (25, "°C", "K", 298.15), (5, "Δ°C", "ΔK", 5), (9, "Δ°F", "Δ°C", 5),
        (60, "°C/min", "K/s", 1), (2, "V/°C", "V/K", 2), (760, "Torr", "Pa", 101325),
        (1000, "sccm", "slm", 1), (1, "kΩ", "Ohm", 1000), (1, "Vpp", "mVpp", 1000),
        (10_000, "G", "T", 1), (1, "Oe", "A/m", 1000 / (4 * math.pi)), (10_000, "ppm", "%", 1),
        (1, "Ah", "C", 3600), (1, "bar(g)", "mbar(g)", 1000), (1, "bar(a)", "bar", 1),
        (3, "dB/m", "dB/km", 3000), (1, "Np", "dB", 8.6858896), (40, "%RH", "% r.H.", 40),
        (1, "decade", "octave", math.log2(10)), (1, "kVA", "VA", 1000), (1, "kB", "bit", 8000),
    ],
)  # fmt: skip
def test_a_number_becomes_what_it_is_in_the_other_unit(
    number: float, source: str, target: str, right: float
) -> None:
    assert units.conversion(source, target)(number) == pytest.approx(right, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(
    ("source", "target", "why"),
    [
        ("Vpp", "Vrms", "waveform"), ("Vrms", "V", "waveform"), ("V", "Vpp", "waveform"),
        ("App", "A", "waveform"), ("dBV", "V", "reference"), ("dBm", "dBV", "reference"),
        ("dBm", "dB", "reference"), ("dB", "%", "powers or amplitudes"),
        ("°C", "Δ°C", "no temperature"), ("Δ°C", "°C", "no temperature"),
        ("Δ°C", "K", "no temperature"), ("K", "ΔK", "no temperature"),
        ("sccm", "m**3/s", "standard conditions"), ("l/min", "slm", "standard conditions"),
        ("bar(g)", "bar", "pressure around"), ("psi", "psi(g)", "pressure around"),
        ("Oe", "G", "material"), ("T", "A/m", "material"), ("%RH", "%", "air"),
        ("VA", "W", "phase"), ("var", "VA", "phase"), ("Bq", "Hz", "decay"), ("Sv", "Gy", "radi"),
        ("count", "%", ""), ("rad", "%", ""), ("baud", "Hz", ""), ("cps", "rpm", ""),
        ("V", "A", ""), ("dBm", "Vrms", ""), ("dBm/Hz", "W", ""), ("mW", "dBm/Hz", ""),
    ],
)  # fmt: skip
def test_what_only_looks_alike_is_refused_with_the_reason(
    source: str, target: str, why: str
) -> None:
    with pytest.raises(UnitError, match=f"do not fit into .*{why}"):
        units.conversion(source, target)


@pytest.mark.parametrize(
    "unit", ["10**9**9", "2^9999999999", "(10)**(99999999999)", "((10)**99)**99", "m" * 10_000]
)
def test_a_unit_that_would_never_be_worked_out_is_not_known(unit: str) -> None:
    with pytest.raises(UnitError, match="not a known unit"):
        units.check(unit)


@pytest.mark.parametrize("unit", ["m**-2", "kg*m^2/s^3", "(V/Hz)**2", "1/cm^3", "V/Hz**0.5"])
def test_powers_of_units_are_known(unit: str) -> None:
    units.check(unit)


@pytest.mark.parametrize("unit", ["foo", "dBfoo", "dBm/foo", "dBu", "dBA"])
def test_a_unit_of_no_or_of_several_meanings_is_not_known(unit: str) -> None:
    with pytest.raises(UnitError, match="known unit"):
        units.check(unit)
    with pytest.raises(UnitError, match="known unit"):
        units.conversion("V", unit)


@pytest.mark.parametrize("unit", ["dBm", "dBm/Hz", "dB", "%RH", "bar(g)", "Vpp", "Torr", "G", "Oe"])
def test_the_units_of_a_laboratory_are_known(unit: str) -> None:
    units.check(unit)
    assert units.conversion(unit, unit) is units.IDENTITY


pairs = st.sampled_from(FAMILIES).flatmap(
    lambda family: st.tuples(st.sampled_from(family), st.sampled_from(family))
)


@given(pairs, st.floats(-150, 150))
def test_there_and_back_is_where_it_began(pair: tuple[str, str], number: float) -> None:
    source, target = pair
    if "dB" in target and "dB" not in source:
        number = 10.0 ** (number / 10)  # what has a level is above zero
    there, back = units.conversion(source, target), units.conversion(target, source)
    # 0 mK are −459.67 °F, which are some 10⁻⁸ mK off zero again.
    assert back(there(number)) == pytest.approx(number, rel=1e-9, abs=1e-7)


@given(pairs, st.lists(st.floats(-150, 150), max_size=8))
def test_an_array_converts_as_its_numbers_do(pair: tuple[str, str], numbers: list[float]) -> None:
    source, target = pair
    if "dB" in target and "dB" not in source:
        numbers = [10.0 ** (number / 10) for number in numbers]
    convert = units.conversion(source, target)
    found = convert(np.array(numbers))
    assert found == pytest.approx([convert(number) for number in numbers], rel=1e-12)


@given(pairs, st.floats(-150, 150).map(lambda number: round(number, 3)))
def test_text_is_read_as_its_number_converts(pair: tuple[str, str], number: float) -> None:
    source, target = pair
    if "dB" in target and "dB" not in source:
        number = abs(number) + 0.001
    right = units.conversion(source, target)(number)
    assert units.parse(f"{number} {source}", target) == pytest.approx(right, rel=1e-9, abs=1e-9)


@given(
    st.sampled_from(POWERS), st.sampled_from(POWERS), st.sampled_from(POWERS), st.floats(-60, 60)
)
def test_a_way_by_a_third_unit_leads_to_the_same(a: str, b: str, c: str, level: float) -> None:
    number = units.conversion("dBm", a)(level)
    by_way = units.conversion(b, c)(units.conversion(a, b)(number))
    assert by_way == pytest.approx(units.conversion(a, c)(number), rel=1e-9, abs=1e-9)


def test_what_is_below_zero_has_no_level() -> None:
    to_level = units.conversion("mW", "dBm")
    for below in (-1.0, np.array([1.0, -1.0])):
        with pytest.raises(UnitError, match="below zero has no level"):
            to_level(below)
    assert to_level(np.array([0.0, 1.0])).tolist() == [-math.inf, 0.0]
    assert math.isnan(to_level(math.nan))
    assert units.conversion("dBm", "mW")(1e9) == math.inf


def test_a_straight_line_is_asked_for_where_only_that_will_do() -> None:
    assert units.affine("rpm", "Hz").factor == pytest.approx(1 / 60)
    assert units.affine("dBW", "dBm") == units.Affine(1.0, 30.0)
    with pytest.raises(UnitError, match="no straight line"):
        units.affine("dBm", "mW")


@NodeDecorator("test.units.level", outputs=[{"name": "level", "unit": "dBm"}])
def level_of(number: float) -> float:
    return number


@NodeDecorator("test.units.power")
def power_of(power: Annotated[float, Unit("mW")]) -> float:
    return power


@NodeDecorator("test.units.temperature")
def temperature_of(kelvin: Annotated[float, Unit("K")]) -> float:
    return kelvin


async def test_a_wire_from_a_level_says_so_and_converts_exactly() -> None:
    source, sink = level_of(), power_of()
    wire = source.outputs["level"]
    wire.connect(sink.inputs["power"])
    assert wire.edge_note(sink.inputs["power"]) == "dBm → mW"
    source.inputs["number"].value = 20
    await source
    assert sink.outputs["out"].value == 100


async def test_text_on_a_port_is_read_by_the_same_rule() -> None:
    sink = power_of()
    sink.inputs["power"].value = "10 dBm"
    assert sink.inputs["power"].value == 10
    with pytest.raises(ValueRefusedError, match="no temperature"):
        temperature_of().inputs["kelvin"].value = "5 Δ°C"


def test_a_wire_between_kinds_names_both_ends_and_the_reason() -> None:
    with pytest.raises(PortMismatchError, match=r"dBm do not fit into kelvins"):
        level_of().outputs["level"].connect(temperature_of().inputs["kelvin"])


def test_a_quantity_of_levels_enters_by_the_same_rule() -> None:
    sink = power_of()
    sink.inputs["power"].value = units.quantity(10.0, "decibelmilliwatt")
    assert sink.inputs["power"].value == 10


def test_units_are_loaded_by_the_first_that_is_looked_at() -> None:
    code = "import sys, funcnodes.core; assert 'pint' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
