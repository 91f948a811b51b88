"""Every property of PyMeasure's Lake Shore controller against the simulated Model 335."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from pyvisa import VisaIOError

from funcnodes_simulators import SimulatedBench

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it says of its own dependencies while it is imported
    from pymeasure.instruments.lakeshore import LakeShore3xx

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

SHORT_MS, LONG_MS = 150, 5000
INPUT = ("kelvin", "celsius", "celcius", "sensor")
OUTPUT = ("output", "mout", "range", "setpoint")
SCPI = {"id": "LSCI,MODEL335,SIM0002/#######,1.0", "status": "000", "complete": "1"}


@pytest.fixture(scope="module")
def bench() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("demo", seed=1) as bench:
        yield bench


@pytest.fixture(scope="module")
def tc(bench: SimulatedBench, keep_gap: Any) -> Iterator[Any]:
    tc = LakeShore3xx(
        bench.resources["tc"],
        visa_library="@py",
        write_termination="\n",
        baud_rate=57600,
        timeout=LONG_MS,
    )
    keep_gap(tc.adapter)
    yield tc
    tc.adapter.close()


@pytest.mark.parametrize("name", INPUT)
@pytest.mark.parametrize("which", ["input_A", "input_B"])
def test_an_input_is_read_in_every_unit(tc: Any, which: str, name: str) -> None:
    value = getattr(getattr(tc, which), name)
    expected = {"kelvin": 295.0, "celsius": 21.85, "celcius": 21.85, "sensor": 108.4}[name]
    assert value == pytest.approx(expected, abs=0.5)


@pytest.mark.parametrize("name", OUTPUT)
@pytest.mark.parametrize("which", ["output_1", "output_2"])
def test_an_output_is_read_and_written_back(tc: Any, which: str, name: str) -> None:
    output = getattr(tc, which)
    value = getattr(output, name)
    if name != "output":
        setattr(output, name, value)
        assert getattr(output, name) == value


@pytest.mark.parametrize("name", SCPI)
def test_common_queries_are_answered(tc: Any, name: str) -> None:
    assert "".join(getattr(tc, name)).replace(",", "") == SCPI[name].replace(",", "")


@pytest.mark.parametrize(
    "query",
    [
        lambda tc: tc.input_C.kelvin,
        lambda tc: tc.input_D5.celsius,
        lambda tc: tc.input_C1.sensor,
        lambda tc: tc.output_3.setpoint,
        lambda tc: tc.output_4.range,
        lambda tc: tc.options,
        lambda tc: tc.next_error,
    ],
)
def test_what_a_335_does_not_have_gets_no_answer(tc: Any, query: Any) -> None:
    """It has inputs A and B, outputs 1 and 2, no options to tell of and no error queue."""
    tc.adapter.connection.timeout = SHORT_MS
    try:
        with pytest.raises(VisaIOError, match="Timeout"):
            query(tc)
    finally:
        tc.adapter.connection.timeout = LONG_MS
    assert tc.input_A.kelvin == pytest.approx(295, abs=1)


def test_writing_to_an_output_it_does_not_have_changes_nothing(tc: Any) -> None:
    tc.output_1.setpoint = 300.0
    tc.output_3.setpoint = 310.0
    tc.output_4.mout = 10
    assert tc.output_1.setpoint == 300.0
    assert tc.output_1.mout == 0


def test_a_temperature_is_waited_for(tc: Any) -> None:
    tc.clear()
    tc.input_A.wait_for_temperature(295, accuracy=1, interval=0.001, timeout=5)


def test_a_manual_output_heats(tc: Any) -> None:
    tc.reset()
    tc.output_1.mout = 12.5
    tc.output_1.range = "high"
    assert (tc.output_1.mout, tc.output_1.range) == (12.5, "high")
    tc.output_1.range = "off"
    assert tc.output_1.output == pytest.approx(0)
