"""PyMeasure's own drivers, which know nothing of these simulators, driving them over pyvisa-py."""

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from funcnodes_simulators import SimulatedBench

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it says of its own dependencies while it is imported
    from pymeasure.instruments.keithley import Keithley2400
    from pymeasure.instruments.lakeshore import LakeShore3xx

# Programs still say what its newest version calls deprecated, so it is said here too.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture(scope="module")
def bench() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=1) as bench:
        yield bench


@pytest.fixture
def smu(bench: SimulatedBench) -> Iterator[Any]:
    smu = Keithley2400(
        bench.resources["smu"],
        visa_library="@py",
        read_termination="\n",
        write_termination="\n",
        timeout=3000,
    )
    smu.clear()
    yield smu
    smu.shutdown()
    smu.adapter.close()


@pytest.fixture
def tc(bench: SimulatedBench, keep_gap: Any) -> Iterator[Any]:
    tc = LakeShore3xx(
        bench.resources["tc"], visa_library="@py", write_termination="\n", baud_rate=57600
    )
    keep_gap(tc.adapter)
    yield tc
    tc.output_1.range = "off"
    tc.adapter.close()


def truth(smu: Any, bench: SimulatedBench) -> dict[str, Any]:
    """The simulator's own state, once it has done all that it was told."""
    smu.ask("*OPC?")
    return bench.state()["smu"]


def errors(smu: Any) -> list[str]:
    """What the instrument thinks of all that it was told."""
    found = []
    while not (entry := smu.ask(":SYST:ERR?").strip()).startswith("0,"):
        found.append(entry)
    return found


def test_it_says_who_it_is(smu: Any) -> None:
    assert smu.id.startswith("KEITHLEY INSTRUMENTS INC.,MODEL 2400,SIM0001,")


def test_a_diode_curve_is_measured_by_the_program_in_its_manual(
    smu: Any, bench: SimulatedBench
) -> None:
    smu.reset()
    smu.use_front_terminals()
    smu.apply_voltage(voltage_range=2, compliance_current=0.05)
    smu.measure_current(nplc=0.1, auto_range=True)
    smu.enable_source()
    assert truth(smu, bench)["output"] is True
    volts, amps = np.linspace(0.45, 0.7, 11), []
    for volt in volts:
        smu.source_voltage = float(volt)
        amps.append(smu.current)
    assert all(np.diff(amps) > 0)
    slope = np.polyfit(volts[:6], np.log(amps[:6]), 1)[0]  # q / (n k T), little of R_s yet
    ideality = 1.602176634e-19 / (1.380649e-23 * 300 * slope)
    assert ideality == pytest.approx(1.752, rel=0.03)
    smu.shutdown()
    assert truth(smu, bench)["output"] is False
    assert errors(smu) == []


def test_a_ramp_ends_at_its_target(smu: Any, bench: SimulatedBench) -> None:
    smu.apply_voltage(voltage_range=2, compliance_current=0.01)
    smu.enable_source()
    smu.ramp_to_voltage(0.3, steps=5, pause=0.001)
    assert truth(smu, bench)["source_v"] == pytest.approx(0.3)
    smu.ramp_to_voltage(0.0, steps=5, pause=0.001)
    assert errors(smu) == []


def test_a_compliance_is_kept_and_read_back(smu: Any) -> None:
    smu.apply_voltage(voltage_range=20, compliance_current=1e-3)
    assert smu.compliance_current == pytest.approx(1e-3)
    smu.measure_current(nplc=0.1, current=1e-3, auto_range=False)
    smu.enable_source()
    smu.source_voltage = 5
    assert smu.current == pytest.approx(1e-3, rel=0.01)
    assert errors(smu) == []


def test_its_settings_come_back_as_they_were_set(smu: Any) -> None:
    """Long forms, short forms, mapped values, as its driver happens to spell them."""
    wanted = {
        "source_mode": "voltage",
        "source_delay_auto_enabled": False,
        "source_delay": 0.002,
        "filter_enabled": True,
        "repeat_filter_enabled": True,
        "filter_count": 7,
        "current_nplc": 0.5,
        "compliance_current": 0.02,  # before the range, which it bounds
        "current_range": 0.0105,
        "voltage_nplc": 0.5,
        "output_off_state": "zero",
        "auto_output_off_enabled": True,
        "wires": 4,
        "trigger_count": 3,
        "trigger_delay": 0.25,
        "display_enabled": False,
    }
    smu.reset()
    for name, value in wanted.items():
        setattr(smu, name, value)
    for name, value in wanted.items():
        found = getattr(smu, name)
        assert found == (pytest.approx(value) if isinstance(value, float) else value), name
    assert errors(smu) == []
    smu.reset()


def test_a_reset_forgets_them(smu: Any) -> None:
    smu.filter_count = 20
    smu.reset()
    assert smu.filter_count == 10
    assert smu.source_enabled is False


def test_temperatures_are_read_in_every_unit(tc: Any) -> None:
    kelvin, celsius = tc.input_A.kelvin, tc.input_A.celsius
    assert kelvin == pytest.approx(295, abs=2)
    assert celsius == pytest.approx(kelvin - 273.15, abs=0.1)
    assert math.isfinite(tc.input_A.sensor)


def test_a_heater_is_set_and_warms_the_stage(tc: Any, bench: SimulatedBench) -> None:
    tc.output_1.setpoint = 320.0
    assert tc.output_1.setpoint == pytest.approx(320.0)
    tc.output_1.range = "high"
    assert tc.output_1.range == "high"
    assert bench.state()["tc"]["heater_range"] == 3 or tc.output_1.output > 0
    tc.output_1.range = "off"
    assert tc.output_1.range == "off"
