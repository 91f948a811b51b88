"""Dialogues with the source-measure unit on a clock that only the test moves."""

import itertools
import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import curve_fit

from funcnodes_simulators import BenchError, MemoryBench
from funcnodes_simulators.bench.layout import load_layout
from funcnodes_simulators.keithley.smu2400 import Keithley2400
from funcnodes_simulators.physics import DeviceUnderTest, Diode, ManualClock, Resistor, World

NO_ERROR = '0,"No error"'


def energise(smu, volts: float = 0.6, limit_a: float = 0.1) -> None:
    smu(f":SENS:CURR:PROT {limit_a};:SOUR:VOLT {volts};:OUTP ON")
    assert smu(":SYST:ERR?") == NO_ERROR


def test_reset_defaults_are_the_manuals(smu) -> None:
    smu(":SOUR:FUNC CURR;:SENS:CURR:PROT 1;:FORM:ELEM CURR;:OUTP ON;*RST")
    asked = ":OUTP?;:SOUR:FUNC?;:SOUR:VOLT?;:SENS:CURR:PROT?;:SENS:VOLT:PROT?"
    assert smu(asked) == "0;VOLT;0.000000E+00;1.050000E-04;2.100000E+01"
    assert smu(":FORM:ELEM?;:SENS:FUNC?;:SENS:FUNC:CONC?") == (
        'VOLT,CURR,RES,TIME,STAT;"CURR:DC";1'
    )
    assert smu(":SENS:CURR:NPLC?;:TRIG:COUN?;:SYST:RSEN?;:ROUT:TERM?") == "1.000000E+00;1;0;FRON"
    assert smu(":SENS:CURR:RANG:AUTO?;:SOUR:VOLT:RANG:AUTO?;:SOUR:DEL:AUTO?") == "1;1;1"


def test_identity_is_a_2400_with_a_simulated_serial_number(smu) -> None:
    maker, model, serial, _ = smu("*IDN?").split(",")
    assert (maker, model, serial) == ("KEITHLEY INSTRUMENTS INC.", "MODEL 2400", "SIM0001")


def test_reading_with_the_output_off_is_refused_without_a_reply(smu) -> None:
    assert smu(":READ?") is None
    assert smu(":SYST:ERR?") == '+803,"Not permitted with OUTPUT off"'
    assert smu(":INIT") is None
    assert smu(":FETC?") is None
    assert smu(":SYST:ERR:ALL?") == (
        '+803,"Not permitted with OUTPUT off",-230,"Data corrupt or stale"'
    )


def test_a_reading_has_five_fields(smu, clock) -> None:
    energise(smu)
    clock.advance(0.02)
    reply = smu(":READ?")
    assert [len(field) for field in reply.split(",")] == [13] * 5
    volt, curr, res, time_s, status = (float(field) for field in reply.split(","))
    assert volt == 0.6
    assert curr == pytest.approx(Diode().current_a(0.6), rel=1e-4)
    assert res == 9.91e37
    assert time_s == pytest.approx(0.043)
    assert int(status) == 21508


def test_status_word_names_functions_source_and_limits(smu) -> None:
    energise(smu)
    smu(":SENS:FUNC 'VOLT','RES';:SYST:RSEN ON;:ROUT:TERM REAR;:SENS:RES:MODE MAN")
    *_, status = smu.floats(":READ?")
    assert int(status) == (1 << 11) | (1 << 12) | (1 << 13) | (1 << 14) | (1 << 22)
    smu(":SOUR:FUNC CURR;:SOUR:CURR 1e-3;:OUTP ON")
    assert int(smu.floats(":READ?")[-1]) & ((1 << 14) | (1 << 15)) == 1 << 15


def test_resistance_is_voltage_over_current(smu) -> None:
    energise(smu)
    smu(":SENS:FUNC 'VOLT','RES'")
    volt, curr, res, *_ = smu.floats(":READ?")
    assert res == pytest.approx(volt / curr, rel=1e-5)


def test_compliance_clamps_and_flags(smu, clock, dut) -> None:
    energise(smu, volts=1.0, limit_a=0.01)
    smu(":SENS:FUNC 'VOLT'")
    clock.advance(0.02)
    volt, curr, _, _, status = smu.floats(":READ?")
    assert curr == pytest.approx(0.01, rel=1e-3)
    assert volt == pytest.approx(Diode().voltage_v(0.01), rel=1e-3)
    assert int(status) & 1 << 3
    assert smu(":SENS:CURR:PROT:TRIP?;:SENS:VOLT:PROT:TRIP?;:STAT:MEAS:COND?") == "1;0;16384"
    smu(":SOUR:VOLT 0.3")
    clock.advance(0.02)
    assert not int(smu.floats(":READ?")[-1]) & 1 << 3
    assert smu(":SENS:CURR:PROT:TRIP?") == "0"
    assert not dut.is_damaged


def test_a_current_source_stops_at_its_voltage_limit(smu, clock) -> None:
    smu(":SOUR:FUNC CURR;:SOUR:CURR -1e-4;:SENS:VOLT:PROT 2;:SENS:FUNC 'VOLT';:OUTP ON")
    clock.advance(0.02)
    volt, curr, *_, status = smu.floats(":READ?")
    assert volt == pytest.approx(-2.0, rel=1e-3)
    assert curr == pytest.approx(-2.52e-9, abs=1e-9)
    assert int(status) & 1 << 3
    assert smu(":SENS:VOLT:PROT:TRIP?") == "1"


def test_a_fixed_measuring_range_below_compliance_clamps_too(smu, clock) -> None:
    energise(smu, volts=0.8, limit_a=0.1)
    smu(":SENS:CURR:RANG 1e-3")
    clock.advance(0.02)
    _, curr, *_, status = smu.floats(":READ?")
    assert curr == pytest.approx(1.05e-3, rel=1e-3)
    assert (int(status) & 1 << 16, int(status) & 1 << 3) == (1 << 16, 0)


COMPLIANCE, OVER_VOLTAGE, RANGE_COMPLIANCE = 1 << 3, 1 << 4, 1 << 16
LIMITS = COMPLIANCE | OVER_VOLTAGE | RANGE_COMPLIANCE


def limited_by(status: float) -> int:
    return int(status) & LIMITS


def test_a_fixed_voltage_range_stops_a_current_source(smu, clock) -> None:
    """Bit 16 is for a range that limits, bit 3 for the limit itself (page 18-51)."""
    smu(":SOUR:FUNC CURR;:SOUR:CURR -1e-5;:SENS:VOLT:PROT 10;:SENS:FUNC 'VOLT';:OUTP ON")
    smu(":SENS:VOLT:RANG 2")
    clock.advance(0.02)
    volt, *_, status = smu.floats(":READ?")
    assert volt == pytest.approx(-2.1, rel=1e-3)
    assert limited_by(status) == RANGE_COMPLIANCE
    smu(":SENS:VOLT:RANG:AUTO ON")
    clock.advance(0.02)
    volt, *_, status = smu.floats(":READ?")
    assert volt == pytest.approx(-10, rel=1e-3)
    assert limited_by(status) == COMPLIANCE
    smu(":SOUR:CURR 1e-5")
    clock.advance(0.02)
    assert limited_by(smu.floats(":READ?")[-1]) == 0


@pytest.mark.parametrize("range_a", [1e-5, 1e-4, 1e-3, 1e-2])
def test_a_range_that_ends_at_the_limit_is_no_range_compliance(smu, clock, range_a) -> None:
    energise(smu, volts=1.5, limit_a=1.05 * range_a)
    smu(f":SENS:CURR:RANG {range_a}")
    clock.advance(0.02)
    assert limited_by(smu.floats(":READ?")[-1]) == COMPLIANCE


def test_the_range_that_was_found_stays_when_finding_one_is_switched_off(smu, clock) -> None:
    energise(smu, volts=0.55, limit_a=0.1)
    clock.advance(0.02)
    found = smu.floats(":READ?")[1]
    assert 1.05e-4 < found < 1.05e-3
    smu(":SENS:CURR:RANG:AUTO OFF")
    assert smu(":SENS:CURR:RANG?") == "1.050000E-03"
    assert limited_by(smu.floats(":READ?")[-1]) == 0
    smu(":SOUR:VOLT 0.7")
    clock.advance(0.02)
    _, current, *_, status = smu.floats(":READ?")
    assert current == pytest.approx(1.05e-3, rel=1e-3)
    assert limited_by(status) == RANGE_COMPLIANCE


def test_over_voltage_protection_stops_a_current_source_as_itself(smu, clock) -> None:
    smu(":SOUR:VOLT 30;:SOUR:FUNC CURR;:SOUR:CURR -1e-5;:SENS:VOLT:PROT 100;:SOUR:VOLT:PROT 20")
    smu(":SENS:FUNC 'VOLT';:OUTP ON")
    clock.advance(0.02)
    volt, *_, status = smu.floats(":READ?")
    assert volt == pytest.approx(-20, rel=1e-3)
    assert limited_by(status) == OVER_VOLTAGE
    smu(":SOUR:CURR 1e-3")
    clock.advance(0.02)
    assert limited_by(smu.floats(":READ?")[-1]) == 0


LEFT = [":SOUR:FUNC CURR;:SOUR:CURR 1e-3;:SENS:VOLT:PROT 5", ":SENS:FUNC 'VOLT'", ":OUTP ON"]


def bench_left(tmp_path, left: object) -> str:
    path = tmp_path / "bench.toml"
    path.write_text(
        '[dut.d]\nkind = "diode"\n[device.smu]\nmodel = "keithley2400"\ndut = "d"\n'
        f'serve = "tcp"\nleft = {left}\n'
    )
    return str(path)


def test_a_current_source_that_another_program_left_is_found_and_goes_on(tmp_path, clock) -> None:
    memory = MemoryBench(bench_left(tmp_path, LEFT), clock=clock, seed=1)
    clock.advance(1)
    state = memory.state()["smu"]
    assert (state["source"], state["output"], state["limit_v"]) == ("CURR", True, 5.0)
    assert state["current_a"] == pytest.approx(1e-3)
    assert state["voltage_v"] == pytest.approx(Diode().voltage_v(1e-3))
    port = memory.ports["smu"]
    port.open()
    port.write(b":SOUR:FUNC?;:SENS:VOLT:PROT:TRIP?;:SYST:ERR?\n")
    assert port.read() == b'CURR;0;0,"No error"\n'
    assert memory.commands("smu")[0][1].startswith(":SOUR:FUNC?")
    port.write(b":READ?\n")
    clock.advance(0.1)
    volt, current, *_ = (float(each) for each in port.read().split(b","))
    assert (volt, current) == pytest.approx((Diode().voltage_v(1e-3), 1e-3), rel=1e-3)
    port.write(b":SOUR:FUNC VOLT;:OUTP?\n")
    assert port.read() == b"0\n"
    memory.power_cycle("smu")
    assert memory.state()["smu"]["source"] == "VOLT"


def test_what_was_left_takes_no_time_and_may_wait_for_nothing(tmp_path, clock) -> None:
    left = [":OUTP ON;:TRIG:SOUR BUS;:READ?", ":SOUR:VOLT 0.1"]
    memory = MemoryBench(bench_left(tmp_path, left), clock=clock)
    assert (clock.now(), memory.state()["smu"]["source_v"]) == (0.0, 0.1)


@pytest.mark.parametrize(
    ("left", "complaint"),
    [('":OUTP ON"', "device.smu.left is not a list"), ("[1]", "device.smu.left is 1, not text")],
)
def test_what_was_left_is_a_list_of_messages(tmp_path, left: str, complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint):
        load_layout(bench_left(tmp_path, left))


def test_the_output_settles_with_a_time_constant_of_a_millisecond(smu, clock) -> None:
    smu(":SOUR:VOLT 1")
    smu(":OUTP ON")
    for elapsed_ms in range(1, 6):
        clock.advance(1e-3)
        state = smu.instrument.state()
        expected = 1.0 - math.exp(-elapsed_ms)
        limited = min(expected, Diode().voltage_v(105e-6))
        assert state["voltage_v"] == pytest.approx(limited, rel=1e-6)
    smu(":SOUR:VOLT 0.2")
    clock.advance(0.02)
    assert smu.instrument.state()["voltage_v"] == pytest.approx(0.2, abs=1e-8)


@pytest.mark.parametrize("nplc", [0.01, 0.1, 1, 10])
def test_a_reading_takes_its_power_line_cycles(smu, nplc: float) -> None:
    energise(smu)
    smu(f":SENS:CURR:NPLC {nplc}")
    smu(":READ?")
    assert nplc * 0.02 < smu.busy_s <= nplc * 0.02 + 0.004


def test_a_filter_and_a_count_multiply_the_time(smu) -> None:
    energise(smu)
    smu(":TRIG:COUN 3;:SENS:AVER:COUN 4;:SENS:AVER ON;:FORM:ELEM CURR")
    assert len(smu.floats(":READ?")) == 3
    assert smu.busy_s == pytest.approx(3 * (4 * 0.02 + 0.003))
    assert len(smu.floats(":SENS:DATA?")) == 1


def test_source_delay_and_trigger_delay_come_before_a_reading(smu) -> None:
    energise(smu)
    smu(":SOUR:DEL 0.5;:TRIG:DEL 0.25")
    smu(":READ?")
    assert smu.busy_s == pytest.approx(0.5 + 0.25 + 0.022)
    assert smu(":SOUR:DEL:AUTO?") == "0"


def test_noise_falls_with_integration_time() -> None:
    def scatter(nplc: float) -> float:
        clock = ManualClock()
        meter = Keithley2400(World(clock, seed=3), DeviceUnderTest(Resistor(1e4)))
        said = f":SENS:CURR:NPLC {nplc};:FORM:ELEM CURR;:SENS:CURR:PROT 1e-3;:SOUR:VOLT 1;:OUTP ON"
        list(meter.execute(said))
        clock.advance(1)
        readings = []
        for _ in range(300):
            execution = meter.execute(":READ?")
            try:
                while True:
                    clock.advance(next(execution))
            except StopIteration as end:
                readings.append(float(end.value))
        assert np.mean(readings) == pytest.approx(1e-4, rel=1e-5)
        return float(np.std(readings))

    fast, slow = scatter(0.1), scatter(10)
    assert slow == pytest.approx(2e-6 * 1e-4 / math.sqrt(10), rel=0.25)
    assert fast / slow == pytest.approx(10, rel=0.25)


def test_a_fit_of_the_curve_gives_the_documented_diode_back(smu, clock, dut) -> None:
    smu(":SENS:CURR:PROT 0.1;:SENS:FUNC 'VOLT';:FORM:ELEM VOLT,CURR,STAT;:OUTP ON")
    rows = []
    for level in np.linspace(0.0, 1.0, 51):
        smu(f":SOUR:VOLT {level:.6g}")
        clock.advance(0.02)
        rows.append(smu.floats(":READ?"))
    curve = np.array([row for row in rows if not int(row[2]) & 1 << 3])
    assert 30 < len(curve) < 51

    def voltage(current, log_i_s, n, r_s):
        scale = n * Diode().thermal_voltage_v / Diode().ideality
        return scale * np.log1p(current / np.exp(log_i_s)) + current * r_s

    usable = curve[curve[:, 1] > 2e-8]
    fitted, covariance = curve_fit(voltage, usable[:, 1], usable[:, 0], p0=(-19.0, 1.5, 1.0))
    truth = (math.log(2.52e-9), 1.752, 0.568)
    errors = np.sqrt(np.diag(covariance))
    assert np.all(np.abs(fitted - truth) < 4 * errors)
    assert errors[2] < 0.01
    assert not dut.is_damaged


def test_too_much_current_destroys_the_device(smu, clock, dut) -> None:
    energise(smu, volts=2.0, limit_a=1.0)
    clock.advance(0.02)
    smu("*OPC?")
    assert dut.is_damaged
    smu(":OUTP OFF;*RST")
    smu.instrument.power_cycle()
    assert dut.is_damaged


def test_the_output_state_is_kept_with_its_history(smu, clock) -> None:
    energise(smu)
    clock.advance(1.0)
    smu(":OUTP OFF")
    smu(":OUTP OFF")
    assert smu(":OUTP?") == "0"
    state = smu.instrument.state()
    assert state["output_transitions"] == [[0.0, True], [1.0, False]]
    assert (state["voltage_v"], state["current_a"], state["source_v"]) == (0.0, 0.0, 0.6)


def test_changing_the_source_function_switches_off(smu) -> None:
    energise(smu)
    smu(":SOUR:FUNC VOLT")
    assert smu(":OUTP?") == "1"
    smu(":SOUR:FUNC CURR")
    assert smu(":OUTP?") == "0"


def test_measure_switches_the_output_on_and_auto_off_switches_it_back(smu) -> None:
    smu(":SENS:CURR:PROT 0.01;:SOUR:VOLT 0.4")
    assert smu(":MEAS:CURR?") is not None
    assert smu(":OUTP?") == "1"
    smu(":OUTP OFF;:SOUR:CLE:AUTO ON")
    assert smu(":READ?") is not None
    assert smu(":OUTP?;:SYST:ERR?") == f"0;{NO_ERROR}"


def test_elements_come_in_the_instruments_order(smu) -> None:
    energise(smu)
    smu(":FORM:ELEM STAT,CURRent,VOLT")
    assert smu(":FORM:ELEM?") == "VOLT,CURR,STAT"
    volt, curr, status = smu.floats(":READ?")
    assert (volt, status) == (0.6, 21508.0)
    assert smu.floats(":FETC?") == [volt, curr, status]


def test_binary_readings_are_single_precision(smu) -> None:
    energise(smu)
    smu(":FORM:ELEM VOLT,STAT;:FORM REAL,32")
    assert smu.raw(":READ?") == b"#0" + struct.pack(">2f", 0.6, 21508.0)
    smu(":FORM:BORD SWAP")
    assert smu.raw(":FETC?") == b"#0" + struct.pack("<2f", 0.6, 21508.0)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (":SOUR:VOLT 211", '-222,"Parameter data out of range"'),
        (":SOUR:VOLT:RANG 2;:SOUR:VOLT 3", '-222,"Parameter data out of range"'),
        (":SOUR:VOLT 5;:SOUR:VOLT:RANG 2", '-221,"Settings conflict"'),
        (":SENS:CURR:RANG 0.01", '+824,"Cannot exceed compliance range"'),
        (":SENS:CURR:PROT 1;:SENS:CURR:RANG 1;:SENS:CURR:PROT 1e-6",
         '+822,"Too small for sense range"'),
        (":SENS:CURR:PROT 1;:SOUR:VOLT 100", '+826,"Attempt to exceed power limit"'),
        (":SOUR:VOLT 100;:SENS:CURR:PROT 1", '+826,"Attempt to exceed power limit"'),
        (":SENS:CURR:PROT 0", '-222,"Parameter data out of range"'),
        (":SENS:FUNC:CONC OFF;:SENS:FUNC 'VOLT','CURR'", '-221,"Settings conflict"'),
        (":TRIG:COUN 2500;:ARM:COUN 2", '-221,"Settings conflict"'),
        (":SOUR:VOLTS 1", '-113,"Undefined header"'),
        (":OUTP 1,2", '-108,"Parameter not allowed"'),
        (":SOUR:VOLT", '-109,"Missing parameter"'),
    ],
)  # fmt: skip
def test_what_the_instrument_refuses_it_names(smu, message: str, error: str) -> None:
    smu(message)
    assert smu(":SYST:ERR?") == error
    assert smu(":SYST:ERR:COUN?") == "0"


@pytest.mark.parametrize(
    "message",
    [
        ":SOURCE:VOLTAGE:LEVEL 1", "OUTPUT ON", "OUTPUT OFF", ":SOURce:FUNCtion:MODE VOLTage",
        ":SENS:FUNC 'CURR';:SENS:CURR:NPLC 1.000000;:FORM:ELEM CURR;",
        ":SENS:CURR:RANG:AUTO 0;:SENS:CURR:RANG 1e-05", ":SENS:CURR:RANG:AUTO 1;",
        ":SENS:FUNC 'RES';:SENS:RES:MODE MAN;:SENS:RES:NPLC 1;:FORM:ELEM RES;",
        ":SYSTEM:RSENSE 0", ":SYST:BEEP 440, 0.1", ":SYST:BEEP:STAT 0", ":TRIG:SEQ:DEL 0",
        ":DISP:ENAB OFF", ":SYST:AZER:STAT ON", ":OUTP:SMOD HIMP", ":SENS:AVER:TCON MOV",
        ":SOUR:VOLT:PROT 20", ":TRIG:SOUR IMM", ":ARM:SOUR IMM", ":SOUR:VOLT:MODE FIX", ":ABOR",
        "*RST;:STAT:PRES;:*CLS;".replace(":*", "*"), ":SYST:LOC", ":SYST:REM", ":STAT:QUE:CLEAR",
        ":SOUR:CLE:AUTO OFF", ":SYST:TIME:RES", ":CONF:CURR:DC", ":TRIG:CLE", ":SYST:PRES",
    ],
)  # fmt: skip
def test_what_common_drivers_send_is_understood(smu, message: str) -> None:
    smu(message)
    assert smu(":SYSTEM:ERROR?") == NO_ERROR


def test_settings_can_be_asked_for_their_limits(smu) -> None:
    assert smu(":SOUR:VOLT? MAX;:SOUR:VOLT? MIN") == "2.100000E+02;-2.100000E+02"
    assert smu(":SENS:CURR:PROT? DEF;:SENS:CURR:NPLC? MINimum") == "1.050000E-04;1.000000E-02"


def test_ranges_are_the_lowest_that_hold_a_value(smu) -> None:
    smu(":SENS:CURR:PROT 0.1;:SENS:CURR:RANG 2e-4;:SOUR:VOLT:RANG 3")
    assert smu(":SENS:CURR:RANG?;:SOUR:VOLT:RANG?") == "1.050000E-03;2.100000E+01"
    assert smu(":SENS:CURR:RANG:AUTO?;:SOUR:VOLT:RANG:AUTO?") == "0;0"
    smu(":SENS:CURR:PROT 1 mA")
    assert smu(":SENS:CURR:RANG?") == "1.050000E-03"


def test_overvoltage_protection_holds_the_source_back(smu, clock) -> None:
    smu(":SOUR:VOLT:PROT 15;:SOUR:VOLT -100;:SENS:FUNC 'VOLT';:OUTP ON")
    assert smu(":SOUR:VOLT:PROT?") == "2.000000E+01"
    clock.advance(0.02)
    volt, *_, status = smu.floats(":READ?")
    assert volt == pytest.approx(-20.0, rel=1e-3)
    assert int(status) & 1 << 4


def test_abort_and_reset_break_into_a_measurement(smu) -> None:
    interrupts = smu.instrument.interrupts
    assert all(interrupts(m) for m in (":ABOR", "abort;:OUTP OFF", "*RST", " ; :ABOR"))
    assert not any(interrupts(m) for m in (":OUTP OFF", ":READ?", "'", "", ":OUTP OFF;:ABOR"))


def test_power_cycle_forgets_everything_but_the_past(smu, clock) -> None:
    energise(smu)
    clock.advance(3)
    smu.instrument.power_cycle()
    assert smu(":OUTP?;:SENS:CURR:PROT?;*ESR?") == "0;1.050000E-04;128"
    assert smu.instrument.state()["output_transitions"] == [[0.0, True], [3.0, False]]


WORDS = st.sampled_from(
    [
        ":SOUR:VOLT", ":SOUR:CURR", ":SENS:CURR:PROT", ":SENS:VOLT:PROT", ":OUTP ON", ":READ?",
        ":SOUR:FUNC", "CURR", "VOLT", "RES", ":SENS:CURR:RANG", ":RANG", ":AUTO", " ", ";", "?",
        "1e-3", "0.7", "-200", "MAX", "MIN", "'", ",", ":MEAS?", ":FORM REAL,32", "*RST", "*CLS",
        ":SENS:FUNC", ":SENS:FUNC:OFF:ALL", ":SENS:CURR:NPLC 0.01", ":SOUR:CLE:AUTO 1", "\xff",
    ]
)  # fmt: skip


@settings(max_examples=150)
@given(st.one_of(st.text(st.characters(max_codepoint=255)), st.lists(WORDS).map("".join)))
def test_no_message_upsets_the_instrument(message: str) -> None:
    clock = ManualClock()
    meter = Keithley2400(World(clock, seed=1), DeviceUnderTest(Diode()))
    for pause_s in itertools.islice(meter.execute(message), 20000):
        assert 0 <= pause_s < 2000
        clock.advance(pause_s)
    meter.state()
    list(meter.execute("*CLS"))
    assert meter.state()["errors"] == 0


def test_a_saved_setup_comes_back_with_the_output_off(smu) -> None:
    smu(":SOUR:VOLT 1.5;:SENS:CURR:PROT 0.01;:FORM:ELEM CURR;:OUTP ON;*SAV 4")
    smu("*RST;*RCL 4")
    assert smu(":OUTP?;:SOUR:VOLT?;:FORM:ELEM?") == "0;1.500000E+00;CURR"
    smu.instrument.power_cycle()
    assert smu(":SOUR:VOLT?;*RCL 4;:SOUR:VOLT?") == "0.000000E+00;1.500000E+00"
    smu("*RCL 3")
    assert smu(":SYST:ERR?") == '-314,"Save/recall memory lost"'
