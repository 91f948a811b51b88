"""Dialogues with the temperature controller on a clock that only the test moves."""

import pytest
from hypothesis import given, strategies as st

from funcnodes_simulators.lakeshore.model335 import LakeShore335
from funcnodes_simulators.physics import ManualClock, ThermalStage, World


def test_identity_and_defaults(tc) -> None:
    assert tc("*IDN?") == "LSCI,MODEL335,SIM0002/#######,1.0"
    assert tc("SETP? 1;RANGE? 1;PID? 1") == "+000.000;0;+0050.0,+0020.0,+0000.0"
    assert tc("RAMP? 1;RAMPST? 1;MOUT? 1;HTR? 1") == "0,+000.0;0;+000.00;+000.0"
    assert tc("OUTMODE? 1;RDGST? A;HTRST? 1") == "1,1,0;000;0"


def test_readings_scatter_around_the_stage(tc, stage) -> None:
    readings = [float(tc("KRDG? A")) for _ in range(50)]
    assert sum(readings) / 50 == pytest.approx(295.0, abs=0.002)
    assert len(set(readings)) > 3
    assert float(tc("CRDG? B")) == pytest.approx(21.85, abs=0.02)
    assert float(tc("SRDG? A")) == pytest.approx(100 * (1 + 3.85e-3 * 21.85), abs=0.02)


def test_settings_are_read_back_as_written(tc) -> None:
    tc("PID 1,10.5,30,25;RAMP 1,1,12.5;MOUT 1,33.3;OUTMODE 1,3,2,1;RANGE 1,2")
    assert tc("PID? 1;RAMP? 1;MOUT? 1") == "+0010.5,+0030.0,+0025.0;1,+012.5;+033.30"
    assert tc("OUTMODE? 1;RANGE? 1;RANGE? 2") == "3,2,1;2;0"


@pytest.mark.parametrize(
    "message",
    [
        "", ";;", "NOPE", "NOPE?", "SETP 3,300", "SETP 1", "SETP 1,abc", "SETP 1,-5", "SETP 1,nan",
        "RANGE 1,4", "PID 1,2", "PID 1,0,1,1", "MOUT 1,101", "KRDG? C", "SETP?", "RAMP 1,2,3",
        "SETP 1,1e999", "*IDN", "\xff\x00", "OUTMODE 1,9,1,0", ":SYST:ERR?",
    ],
)  # fmt: skip
def test_what_it_does_not_understand_it_ignores_in_silence(tc, message: str) -> None:
    asked = "SETP? 1;RANGE? 1;PID? 1;RAMP? 1;MOUT? 1;OUTMODE? 1"
    before = tc(asked)
    assert tc(message) is None
    assert tc(asked) == before


def test_the_loop_brings_the_stage_to_its_setpoint(tc, clock, stage) -> None:
    tc("SETP 1,310;RANGE 1,3")
    clock.advance(300.0)
    assert float(tc("KRDG? A")) == pytest.approx(310.0, abs=0.05)
    assert float(tc("HTR? 1")) == pytest.approx(12.0, abs=0.3)
    state = tc.instrument.state()
    assert state["output"] is True
    assert state["heater_w"] == pytest.approx(0.4 * 15.0, rel=0.02)
    tc("RANGE 1,0")
    clock.advance(300.0)
    assert stage.temperature_k == pytest.approx(310.0, abs=0.1)
    tc("*IDN?")
    assert stage.temperature_k == pytest.approx(295.0, abs=0.1)
    assert tc.instrument.state()["output"] is False


def test_a_range_too_low_saturates_and_does_not_wind_up(tc, clock, stage) -> None:
    tc("SETP 1,320;RANGE 1,2")
    clock.advance(600.0)
    assert tc("HTR? 1") == "+100.0"
    assert stage.temperature_k == pytest.approx(307.5, abs=0.1)
    tc("SETP 1,300")
    clock.advance(120.0)
    assert float(tc("KRDG? A")) == pytest.approx(300.0, abs=0.2)


def test_open_loop_heats_with_what_is_asked(tc, clock, stage) -> None:
    tc("OUTMODE 1,3,0,0;MOUT 1,50;RANGE 1,2")
    clock.advance(400.0)
    assert tc("HTR? 1") == "+050.0"
    assert stage.temperature_k == pytest.approx(295 + 2.5 / 0.4, abs=0.01)


def test_the_setpoint_ramps_at_its_rate(tc, clock) -> None:
    tc("SETP 1,295;RAMP 1,1,6;RANGE 1,3")
    clock.advance(1.0)
    tc("SETP 1,301")
    assert tc("RAMPST? 1") == "1"
    clock.advance(30.0)
    assert float(tc("SETP? 1")) == pytest.approx(298.0, abs=0.05)
    clock.advance(31.0)
    assert tc("SETP? 1;RAMPST? 1") == "+301.000;0"


def test_power_cycle_leaves_the_heater_off(tc, clock) -> None:
    tc("SETP 1,310;RANGE 1,3")
    tc.instrument.power_cycle()
    assert tc("RANGE? 1;SETP? 1") == "0;+310.000"


@given(st.text(st.characters(max_codepoint=255)) | st.from_regex(r"[A-Z]{2,7}\??[ 0-9,.;A-E-]*"))
def test_no_message_upsets_the_instrument(message: str) -> None:
    controller = LakeShore335(World(ManualClock(), seed=1), ThermalStage())
    list(controller.execute(message))
    controller.state()
