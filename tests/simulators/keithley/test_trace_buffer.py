"""The data store of the source-measure unit and its statistics."""

import struct

import numpy as np
import pytest
import pyvisa
from hypothesis import given, settings, strategies as st

from funcnodes_simulators import SimulatedBench
from funcnodes_simulators.keithley.smu2400 import Keithley2400
from funcnodes_simulators.physics import DeviceUnderTest, ManualClock, Resistor, World

NO_ERROR = '0,"No error"'
NAN = 9.91e37
FULL, AVAILABLE = 512, 256


@pytest.fixture
def filled(smu):
    """Ten readings of voltage, current and resistance."""
    smu(":SENS:CURR:PROT 0.1;:SENS:CURR:NPLC 0.1;:SENS:FUNC:ALL;:SOUR:VOLT 0.6;:OUTP ON")
    smu(":TRAC:POIN 10;FEED SENS;FEED:CONT NEXT;:TRIG:COUN 10;:INIT")
    assert smu(":SYST:ERR?") == NO_ERROR
    return smu


def table(smu) -> np.ndarray:
    return np.array(smu.floats(":TRAC:DATA?")).reshape(-1, 5)


def test_it_is_empty_and_off_at_first(smu) -> None:
    assert smu(":TRAC:POIN?;POIN:ACT?;:TRAC:FEED?;FEED:CONT?;:TRAC:TST:FORM?;:TRAC:FREE?") == (
        "100;0;SENS;NEV;ABS;50000,0"
    )
    assert smu(":TRAC:POIN? MIN;POIN? MAX;POIN? DEF;:CALC3:FORM?") == "1;2500;100;MEAN"
    for query in (":TRAC:DATA?", ":CALC3:DATA?"):
        assert smu(query) is None
        assert smu(":SYST:ERR?") == '-230,"Data corrupt or stale"'


def test_it_fills_and_stops(filled) -> None:
    assert filled(":TRAC:POIN:ACT?;:TRAC:FEED:CONT?;:TRAC:FREE?") == "10;NEV;49800,200"
    before = filled(":TRAC:DATA?")
    filled(":READ?")
    assert filled(":TRAC:DATA?") == before


def test_it_may_be_called_data_too(filled) -> None:
    assert filled(":DATA:POIN:ACT?;:DATA:FEED:CONT?") == "10;NEV"
    assert filled(":DATA:DATA?") == filled(":TRAC:DATA?")
    assert len(filled.floats(":DATA?")) == 5


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MEAN", lambda a: a.mean(axis=0)),
        ("SDEViation", lambda a: a.std(axis=0, ddof=1)),
        ("MAX", lambda a: a.max(axis=0)),
        ("MINimum", lambda a: a.min(axis=0)),
        ("PKPK", lambda a: np.ptp(a, axis=0)),
    ],
)
def test_statistics_are_numpys(filled, name: str, expected) -> None:
    found = filled.floats(f":CALC3:FORM {name};DATA?")
    # Seven digits of each reading are on the wire, and the spread is in the last of them.
    assert found == pytest.approx(expected(table(filled)[:, :3]), rel=1e-5, abs=2e-6)
    assert filled(":SYST:ERR?") == NO_ERROR


def test_statistics_are_those_of_what_was_measured(smu) -> None:
    smu(":SENS:CURR:PROT 0.1;:SOUR:VOLT 0.6;:OUTP ON;:TRAC:FEED:CONT NEXT;:INIT")
    assert len(smu.floats(":CALC3:DATA?")) == 1
    assert smu.floats(":CALC3:FORM SDEV;DATA?") == [NAN]


def test_an_overflow_leaves_no_statistic(smu) -> None:
    """What a diode lets through in reverse makes more ohms than the highest range holds."""
    smu(":SENS:FUNC:ALL;:SOUR:VOLT -20;:OUTP ON;:TRAC:FEED:CONT NEXT;:TRIG:COUN 2;:INIT")
    volt, curr, res = smu.floats(":CALC3:DATA?")
    assert volt == pytest.approx(-20, rel=1e-3)
    assert curr == pytest.approx(-2.52e-9, rel=0.1)
    assert res == NAN


def test_time_stamps_begin_at_zero(filled) -> None:
    times = table(filled)[:, 3]
    assert times[0] == 0
    assert np.diff(times) == pytest.approx([0.005] * 9, abs=1e-6)
    filled(":TRAC:TST:FORM DELT")
    assert table(filled)[:, 3] == pytest.approx([0, *np.diff(times)], abs=1e-6)


def test_elements_and_format_are_those_of_readings(filled) -> None:
    filled(":FORM:ELEM STAT;:FORM REAL,32")
    raw = filled.raw(":TRAC:DATA?")
    status = struct.unpack(">10f", raw[2:])
    assert all(int(word) & 7 << 11 == 7 << 11 for word in status)
    assert filled.raw(":CALC3:DATA?").count(b",") == 2


def test_math_is_off_and_feeds_no_numbers(filled) -> None:
    filled(":TRAC:FEED CALC1;FEED:CONT NEXT;:INIT")
    assert filled(":TRAC:FEED?") == "CALC"
    assert filled.floats(":TRAC:DATA?") == [NAN] * 10
    assert filled.floats(":CALC3:DATA?") == [NAN]
    filled(":TRAC:FEED CALC2")
    assert filled(":TRAC:FEED?;:SYST:ERR?") == f"CALC2;{NO_ERROR}"


def test_a_new_filling_overwrites_and_clearing_empties(filled) -> None:
    filled(":TRAC:FEED:CONT NEXT")
    assert filled(":TRAC:POIN:ACT?") == "10"
    filled(":TRIG:COUN 3;:INIT")
    assert filled(":TRAC:POIN:ACT?;:TRAC:FEED:CONT?;:STAT:MEAS:COND?") == f"3;NEXT;{AVAILABLE}"
    filled(":TRAC:CLE")
    assert filled(":TRAC:POIN:ACT?;:TRAC:FEED:CONT?;:STAT:MEAS:COND?") == "0;NEXT;0"


def test_what_is_being_filled_keeps_its_size_and_its_feed(filled) -> None:
    filled(":TRAC:FEED:CONT NEXT;:TRIG:COUN 3;:INIT;:TRAC:POIN 5;:TRAC:FEED CALC")
    assert filled(":SYST:ERR:ALL?") == ",".join(['+800,"Illegal with storage active"'] * 2)
    filled(":TRAC:FEED:CONT NEV;:TRAC:POIN 5")
    assert filled(":TRAC:POIN?;POIN:ACT?;:SYST:ERR?") == f"5;3;{NO_ERROR}"


@pytest.mark.parametrize("lose", ["*RST", ":SYST:PRES", "power"])
def test_neither_a_reset_nor_a_loss_of_power_empties_it(filled, lose: str) -> None:
    before = filled(":TRAC:DATA?")
    filled(":CALC3:FORM MAX;:TRAC:TST:FORM ABS")
    if lose == "power":
        filled.instrument.power_cycle()
    else:
        filled(lose)
    assert filled(":TRAC:DATA?;POIN?;:CALC3:FORM?") == f"{before};10;MEAN"


def test_a_full_buffer_is_an_event_that_asks_for_service(filled) -> None:
    byte = filled.instrument.status_byte
    filled("*CLS;*SRE 1;:STAT:MEAS:ENAB 512")
    assert byte(has_output=False) == 0
    filled(":TRAC:CLE;FEED:CONT NEXT;:TRIG:COUN 9;:INIT")
    assert byte(has_output=False) == 0
    filled(":TRIG:COUN 1;:INIT")
    assert byte(has_output=False) == 65
    assert (
        filled("*STB?;:STAT:MEAS?;:STAT:MEAS:COND?")
        == f"65;{64 + AVAILABLE + FULL};{FULL + AVAILABLE}"
    )
    filled(":TRAC:CLE;FEED:CONT NEXT;:TRIG:COUN 10;:INIT;*CLS")
    assert byte(has_output=False) == 0
    filled(":STAT:PRES")
    assert filled(":STAT:MEAS:ENAB?") == "0"


def test_service_is_requested_the_moment_it_is_full(tmp_path) -> None:
    """Seen by a serial poll over VXI-11, while it goes on measuring and takes no messages."""
    path = tmp_path / "bench.toml"
    path.write_text(
        '[dut.r]\nkind = "resistor"\n[device.smu]\nmodel = "keithley2400"\ndut = "r"\n'
        'serve = "vxi11"\n'
    )
    manager = pyvisa.ResourceManager("@py")
    with SimulatedBench.start(str(path), seed=1) as bench:
        smu = manager.open_resource(bench.resources["smu"], read_termination="\n", timeout=5000)
        try:
            smu.write("*CLS;*SRE 1;:STAT:MEAS:ENAB 512;:SENS:CURR:NPLC 0.1;:OUTP ON")
            smu.write(":TRAC:POIN 5;FEED:CONT NEXT;:TRIG:COUN 2500")
            smu.write(":INIT")
            byte = 0
            while not byte & 64:
                byte = smu.read_stb()
            assert byte & 1
            smu.clear()
            assert smu.query(":TRAC:POIN:ACT?;:TRAC:FEED:CONT?;:SYST:ERR?") == f"5;NEV;{NO_ERROR}"
        finally:
            smu.close()
            manager.close()


WORDS = st.sampled_from(
    [
        ":TRAC:POIN 2", ":TRAC:POIN 3", ":TRAC:FEED:CONT NEXT", ":TRAC:FEED:CONT NEV", ":TRAC:CLE",
        ":TRAC:FEED CALC", ":TRAC:FEED SENS", ":TRIG:COUN 2", ":TRIG:COUN 1", ":INIT", "*RST",
        ":OUTP ON", ":CALC3:FORM SDEV", ":CALC3:DATA?", ":TRAC:DATA?", ":TRAC:TST:FORM DELT",
        ":SENS:FUNC:OFF:ALL", ":SENS:FUNC 'RES'", "*CLS", "*SAV 0", "*RCL 0",
    ]
)  # fmt: skip


@settings(max_examples=100)
@given(st.lists(WORDS, max_size=20))
def test_whatever_is_done_the_conditions_are_true(messages: list[str]) -> None:
    clock = ManualClock()
    smu = Keithley2400(World(clock, seed=1), DeviceUnderTest(Resistor(1e4)))

    def say(message: str) -> str:
        execution = smu.execute(message)
        while True:
            try:
                clock.advance(next(execution))
            except StopIteration as end:
                return (end.value or b"").decode()

    for message in messages:
        say(message)
        held, size = int(say(":TRAC:POIN:ACT?")), int(say(":TRAC:POIN?"))
        assert held <= size
        condition = int(say(":STAT:MEAS:COND?"))
        assert bool(condition & FULL) == (held == size)
        assert bool(condition & AVAILABLE) == (held >= 2)
        if held == 0:
            assert say(":TRAC:DATA?") == ""
