"""What the source-measure unit waits for between its readings, on a clock that only tests move."""

import math

import numpy as np
import pytest

IDLE = "1024"


def began(smu, message: str):
    """Begin a message that waits, and return what carries it on."""
    execution = smu.instrument.execute(message)
    assert next(execution) == math.inf
    return execution


def go_on(execution, clock) -> bytes | None:
    """Let an execution go on until it waits for a trigger, or return its reply at its end."""
    while True:
        try:
            pause_s = next(execution)
        except StopIteration as end:
            return end.value
        if pause_s == math.inf:
            return None
        clock.advance(pause_s)


@pytest.fixture
def on(smu):
    smu(":SENS:CURR:NPLC 0.1;:FORM:ELEM TIME;:SOUR:VOLT 0.1;:OUTP ON")
    return smu


def test_reset_defaults_are_the_manuals(smu) -> None:
    smu(":ARM:SOUR BUS;:ARM:TIM 3;:ARM:ILIN 4;:TRIG:OLIN 3;:ARM:OUTP TEX;:TRIG:INP NONE;*RST")
    assert smu(":ARM:SOUR?;COUN?;TIM?;DIR?;ILIN?;OLIN?;OUTP?") == (
        "IMM;1;1.000000E-01;ACC;1;2;NONE"
    )
    assert smu(":TRIG:SOUR?;COUN?;DEL?;DIR?;ILIN?;OLIN?;INP?;OUTP?") == (
        "IMM;1;0.000000E+00;ACC;1;2;SOUR;NONE"
    )
    assert smu(":STAT:OPER:COND?;:SYST:ERR?") == f'{IDLE};0,"No error"'


def test_event_lists_are_told_in_the_order_of_the_layer(smu) -> None:
    smu(":TRIG:OUTP SENSe,SOUR;:ARM:SEQ1:LAY1:TCON:ASYN:OUTP TEX,TENT")
    assert smu(":TRIGGER:OUTPUT?;:ARM:OUTPUT?") == "SOUR,SENS;TENT,TEX"
    smu(":TRIG:OUTP NONE,SOUR")
    assert smu(":TRIG:OUTP?;:SYST:ERR?") == 'SOUR,SENS;-221,"Settings conflict"'


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (":TRIG:SOUR TIM", -224), (":ARM:SOUR NOPE", -224), (":ARM:ILIN 5", -222),
        (":TRIG:OLIN 0", -222), (":ARM:TIM 0.0001", -222), (":TRIG:OUTP TENT", -224),
        (":ARM:COUN 50;:TRIG:COUN 51", -221), ("*TRG", -211),
    ],
)  # fmt: skip
def test_what_the_instrument_refuses_it_names(smu, message: str, error: int) -> None:
    smu(message)
    assert smu(":SYST:ERR?").startswith(f"{error},")


def test_a_timer_arms_at_once_and_then_at_its_interval(on) -> None:
    stamps = on.floats(":ARM:SOUR TIM;TIM 0.5;COUN 4;:READ?")
    assert np.diff(stamps) == pytest.approx([0.5] * 3)
    assert on.busy_s == pytest.approx(1.5 + 0.005)


def test_a_timer_shorter_than_a_reading_holds_nothing_up(on) -> None:
    on(":ARM:SOUR TIM;TIM 0.001;COUN 4;:READ?")
    assert on.busy_s == pytest.approx(4 * 0.005)


def test_a_bus_trigger_lets_one_pass_of_the_arm_layer_go_on(on, clock) -> None:
    execution = began(on, ":ARM:SOUR BUS;COUN 2;:TRIG:COUN 3;:READ?")
    for _ in range(2):
        clock.advance(10)
        assert next(execution) == math.inf
        on.instrument.trigger()
        reply = go_on(execution, clock)
    assert reply is not None
    stamps = [float(stamp) for stamp in reply.split(b",")]
    assert len(stamps) == 6
    assert stamps[3] - stamps[2] == pytest.approx(10.005)
    assert on(":STAT:OPER:COND?;:SYST:ERR?") == f'{IDLE};0,"No error"'


def test_a_trigger_that_nothing_waits_for_is_an_error(on) -> None:
    execution = began(on, ":TRIG:SOUR TLIN;:INIT")
    on.instrument.trigger()
    assert next(execution) == math.inf
    execution.close()
    assert on(":SYST:ERR?") == '-211,"Trigger ignored"'


@pytest.mark.parametrize("source", ["TLIN", "MAN", "BUS", "NST", "PST", "BST"])
def test_who_waits_to_be_armed_says_so_and_can_be_given_up(on, source: str) -> None:
    on(":STAT:OPER:ENAB 64;*SRE 128")
    execution = began(on, f":ARM:SOUR {source};:INIT")
    assert on.instrument.status_byte(has_output=False) == 128 + 64
    assert on.instrument.interrupts(":ABOR")
    execution.close()
    assert on(":STAT:OPER:COND?;:SYST:ERR?") == f'{IDLE};0,"No error"'
    assert on(":ARM:SOUR?") == source


def test_a_bypass_lets_the_first_pass_go_by(on, clock) -> None:
    on(":STAT:OPER:ENAB 32;*SRE 128;:TRIG:SOUR TLIN;DIR SOUR;COUN 2;:TRAC:FEED:CONT NEXT")
    execution = on.instrument.execute(":INIT")
    assert go_on(execution, clock) is None
    execution.close()
    assert on(":TRAC:POIN:ACT?;:STAT:OPER?") == "1;1056"


def test_without_input_events_the_trigger_link_is_not_waited_for(on) -> None:
    assert len(on.floats(":TRIG:SOUR TLIN;INP NONE;COUN 3;:READ?")) == 3


def test_configure_waits_for_nothing(on) -> None:
    on(":ARM:SOUR BUS;COUN 2;TIM 3;:TRIG:SOUR TLIN;COUN 9;DEL 4;:CONF:CURR")
    assert on(":ARM:SOUR?;COUN?;TIM?;:TRIG:SOUR?;COUN?;DEL?") == (
        "IMM;1;3.000000E+00;IMM;1;0.000000E+00"
    )


def test_a_saved_setup_has_the_trigger_model_too(smu) -> None:
    smu(":ARM:SOUR BUS;:TRIG:COUN 7;*SAV 1;*RST;*RCL 1")
    assert smu(":ARM:SOUR?;:TRIG:COUN?") == "BUS;7"
    smu(":TRIG:COUN 8;*RCL 1")
    assert smu(":TRIG:COUN?") == "7"


def test_triggers_and_aborts_come_through_on_a_wire_whenever_they_are_sent(bench, connect) -> None:
    """Also when they arrive in one piece with what they are for, before it has begun."""
    smu = connect(bench.resources["smu"])
    smu.write(":SENS:CURR:NPLC 0.01;:FORM:ELEM CURR;:OUTP ON;:ARM:SOUR BUS")
    smu.socket.sendall(b":READ?\n*TRG\n")
    float(smu.read())
    smu.write(":READ?")
    while bench.state()["smu"]["log"][-1] != ":READ?":
        pass
    smu.write("*TRG")
    float(smu.read())
    smu.socket.sendall(b":INIT\n:INIT\n:ABOR\n")
    assert smu.query(":SYST:ERR?") == '0,"No error"'
    smu.socket.sendall(b":INIT\n*TRG\n*TRG\n")
    assert smu.query(":SYST:ERR?") == '-211,"Trigger ignored"'


def test_a_client_that_left_while_it_waited_hangs_nobody(bench, connect) -> None:
    first = connect(bench.resources["smu"])
    first.write(":OUTP ON;:ARM:SOUR BUS;:INIT")
    bench.wait("smu", "output", True)
    first.close()
    second = connect(bench.resources["smu"])
    second.write("*RST")
    assert second.query(":ARM:SOUR?;:SYST:ERR?") == 'IMM;0,"No error"'
