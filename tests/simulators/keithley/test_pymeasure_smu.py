"""Every property of PyMeasure's Keithley 2400 against the simulated one, and longer uses of it."""

import inspect
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from funcnodes_simulators import SimulatedBench

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it says of its own dependencies while it is imported
    from pymeasure.instruments.keithley import Keithley2400

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

RESISTANCE_OHM = 1000.0
PROPERTIES = {
    name: member
    for name, member in inspect.getmembers(Keithley2400)
    if isinstance(member, property)
}
# It reads back 1 and 0 for what it writes as ON and OFF, of the instrument too.
WRITTEN_OTHERWISE = {"filter_state": "ON"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedBench]:
    path: Path = tmp_path_factory.mktemp("bench") / "bench.toml"
    path.write_text(
        f'[dut.r]\nkind = "resistor"\nresistance_ohm = {RESISTANCE_OHM}\n'
        '[device.smu]\nmodel = "keithley2400"\ndut = "r"\nserve = "tcp"\n'
    )
    with SimulatedBench.start(str(path), seed=1, time_scale=10, strict=True) as bench:
        yield bench


@pytest.fixture(scope="module")
def connected(bench: SimulatedBench) -> Iterator[Any]:
    smu = Keithley2400(
        bench.resources["smu"],
        visa_library="@py",
        read_termination="\n",
        write_termination="\n",
        timeout=5000,
    )
    yield smu
    smu.adapter.close()


def prepare(smu: Any) -> None:
    smu.write(":ABOR")
    smu.reset()
    smu.clear()
    smu.reset_data_format()


def fill(smu: Any) -> None:
    """Take ten readings of everything into its buffer."""
    smu.resistance_mode_auto_enabled = False
    smu.write(":SENSE:FUNCTION:ALL")
    smu.compliance_current, smu.source_voltage, smu.current_nplc = 0.01, 1.0, 0.1
    smu.enable_source()
    smu.config_buffer(10)
    smu.start_buffer()
    smu.wait_for_buffer(timeout=5, interval=0.001)


@pytest.fixture(scope="module")
def walked(connected: Any) -> Any:
    prepare(connected)
    fill(connected)
    return connected


@pytest.fixture
def smu(connected: Any) -> Iterator[Any]:
    prepare(connected)
    yield connected
    assert errors(connected) == []


@pytest.fixture
def filled(smu: Any) -> Any:
    fill(smu)
    return smu


def errors(smu: Any) -> list[str]:
    found = []
    while not (entry := smu.ask(":SYST:ERR?").strip()).startswith("0,"):
        found.append(entry)
    return found


@pytest.mark.parametrize("name", sorted(PROPERTIES))
def test_a_property_is_read_and_written_back(walked: Any, name: str) -> None:
    value = getattr(walked, name)
    assert value is not None
    if (PROPERTIES[name].__doc__ or "").lstrip().startswith("Control"):
        setattr(walked, name, WRITTEN_OTHERWISE.get(name, value))
        assert getattr(walked, name) == value or name in WRITTEN_OTHERWISE
    assert errors(walked) == []


def test_statistics_are_those_of_its_data(filled: Any) -> None:
    data = filled.buffer_data.reshape(10, 5)
    assert data[:, 0] == pytest.approx(1.0, rel=1e-3)
    assert data[:, 2] == pytest.approx(RESISTANCE_OHM, rel=1e-3)
    assert filled.means == pytest.approx(list(data[:, :3].mean(axis=0)), rel=1e-6)
    assert filled.maximums == pytest.approx(list(data[:, :3].max(axis=0)), rel=1e-6)
    assert filled.minimums == pytest.approx(list(data[:, :3].min(axis=0)), rel=1e-6)
    spread = data[:, :3].std(axis=0, ddof=1)
    assert filled.standard_devs == pytest.approx(list(spread), rel=0.05)
    assert filled.mean_resistance == pytest.approx(RESISTANCE_OHM, rel=1e-3)
    assert filled.min_current < filled.mean_current < filled.max_current


def test_a_buffer_is_filled_again(filled: Any) -> None:
    first = filled.buffer_data
    filled.reset_buffer()
    filled.write("*SRE 1;:STAT:MEAS:ENAB 512")
    assert not filled.is_buffer_full()
    filled.start_buffer()
    filled.wait_for_buffer(timeout=5, interval=0.001)
    assert not np.array_equal(filled.buffer_data, first)
    filled.disable_buffer()
    assert filled.ask(":TRAC:FEED:CONT?").strip() == "NEV"


def test_a_buffer_can_be_given_up(filled: Any) -> None:
    filled.config_buffer(1000)
    filled.trigger_delay = 100
    filled.start_buffer()
    filled.stop_buffer()
    assert not filled.is_buffer_full()
    filled.sample_continuously()


@pytest.mark.timing
def test_a_timed_arm_spaces_readings(filled: Any) -> None:
    filled.set_timed_arm(0.2)
    filled.set_trigger_counts(5, 1)
    filled.config_buffer(5)
    filled.trigger_count = 1
    filled.start_buffer()
    filled.wait_for_buffer(timeout=5, interval=0.001)
    stamps = filled.buffer_data.reshape(5, 5)[:, 3]
    # Bench time runs ten times as fast here, and so does what the machine is late by.
    assert np.diff(stamps) == pytest.approx([0.2] * 4, abs=0.15)
    assert stamps[-1] == pytest.approx(0.8, abs=0.15)


def test_a_trigger_by_bus_takes_each_point(filled: Any) -> None:
    filled.trigger_on_bus()
    filled.trigger_count = 1
    for level in (0.5, 1.5):
        filled.source_voltage = level
        filled.write(":READ?")
        filled.trigger()
        voltage, current, *_ = (float(part) for part in filled.read().split(","))
        assert voltage == pytest.approx(level, rel=1e-3)
        assert current == pytest.approx(level / RESISTANCE_OHM, rel=1e-3)
    filled.trigger_immediately()


def test_a_trigger_from_outside_is_waited_for_until_reset(filled: Any) -> None:
    filled.trigger_on_external(3)
    assert (filled.arm_input_line, filled.trigger_input_line) == (3, 3)
    filled.output_trigger_on_external(line=2, after="DEL")
    assert (filled.trigger_output_line, filled.trigger_output_event) == (2, "delay")
    filled.disable_output_triggers()
    filled.clear_trigger()
    filled.start_buffer()
    filled.reset_trigger()
    assert filled.arm_source == "trigger_link"
    filled.trigger_immediately()


def test_a_sweep_is_stepped_through_into_the_buffer(filled: Any) -> None:
    levels = np.linspace(-1, 1, 11)
    filled.config_buffer(len(levels))
    filled.trigger_count = 1
    for level in levels:
        filled.source_voltage = float(level)
        filled.start_buffer()
    filled.wait_for_buffer(timeout=5, interval=0.001)
    data = filled.buffer_data.reshape(-1, 5)
    assert data[:, 0] == pytest.approx(levels, abs=1e-3)
    slope, offset = np.polyfit(data[:, 1], data[:, 0], 1)
    assert slope == pytest.approx(RESISTANCE_OHM, rel=1e-3)
    assert offset == pytest.approx(0, abs=1e-3)


def test_a_current_is_sourced_and_ohms_are_measured(smu: Any) -> None:
    smu.apply_current(current_range=1e-3, compliance_voltage=5)
    smu.measure_resistance(nplc=0.1)
    smu.wires = 4
    smu.enable_source()
    smu.ramp_to_current(1e-3, steps=3, pause=0.001)
    assert smu.resistance == pytest.approx(RESISTANCE_OHM, rel=1e-3)
    assert smu.voltage == pytest.approx(1.0, rel=1e-3)
    everything = smu.measure_all()
    assert everything["resistance"] == pytest.approx(RESISTANCE_OHM, rel=1e-3)
    assert everything["status"] & 1 << 22
    smu.ramp_to_current(0.0, steps=3, pause=0.001)


def test_its_remaining_methods_are_understood(smu: Any) -> None:
    smu.auto_zero_once()
    assert smu.auto_zero_enabled is False
    smu.auto_zero_enabled = True
    assert smu.auto_zero_enabled is True
    smu.line_frequency = 60
    assert (smu.line_frequency, smu.line_frequency_auto_enabled) == (60, False)
    smu.line_frequency_auto_enabled = True
    assert smu.line_frequency == 50
    smu.auto_range_source()
    smu.measure_voltage(auto_range=False, voltage=2)
    smu.measure_current(auto_range=False, current=1e-4)
    smu.use_rear_terminals()
    smu.use_front_terminals()
    smu.disable_output_trigger()
    smu.triad(440, 0.001)
    assert smu.error[0] == 0
    smu.disable_source()
