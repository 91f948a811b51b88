"""The SCPI core: headers, messages, parameters, errors and status, without any instrument."""

import pytest
from hypothesis import given, strategies as st

from funcnodes_simulators.scpi import (
    Boolean,
    Choice,
    Execution,
    Integer,
    LineBuffer,
    ListOf,
    Number,
    Optional,
    Overrun,
    QuotedChoice,
    ScpiError,
    ScpiInterpreter,
    String,
    definite_block,
)
from funcnodes_simulators.scpi.headers import HeaderTree


class Recorder:
    """An instrument that remembers what it was told."""

    def __init__(self) -> None:
        self.got: list[object] = []
        self.scpi = ScpiInterpreter("MAKER,MODEL,SIM,1", reset=lambda: self.got.append("reset"))
        declare = self.scpi.declare
        level = "[:SOURce#2]:VOLTage[:LEVel][:IMMediate][:AMPLitude]"
        declare(level, self._take("level"), Number(-10, 10, 1, "V"))
        declare(f"{level}?", lambda: "5")
        declare("[:SOURce#2]:VOLTage:RANGe", self._take("range"), Number(0, 100))
        declare("[:SOURce#2]:CURRent", self._take("current"), Number(0, 1, 0, "A"))
        declare(":TRIGger:COUNt", self._take("count"), Integer(1, 10))
        declare(":OUTPut", self._take("output"), Boolean())
        declare(":MODE", self._take("mode"), Choice("FIXed", "SWEep"))
        declare(":TEXT", self._take("text"), String())
        declare(":LIST", self._take("list"), ListOf(Number(0, 9)))
        declare(":FUNCtion", self._take("function"), QuotedChoice("VOLTage", "CURRent"))
        declare(":PAIR", self._take("pair"), Number(0, 9), Optional(Number(0, 9)))
        declare(":LOAD", self._take("load"), Number(0, 1e9, 0, "OHM"))
        declare(":DATA?", lambda: definite_block(b"a;\n1"))
        declare(":SLOW?", self._slow)

    def _take(self, name: str):
        return lambda *values: self.got.append((name, *values))

    def _slow(self):
        yield 0.5
        yield 0.25
        return "done"

    def say(self, message: str) -> str | None:
        reply = drain(self.scpi.execute(message))[1]
        return None if reply is None else reply.decode("latin-1")

    def errors(self) -> list[int]:
        return [error.code for error in self.scpi.status.errors.drain()]


def drain(execution: Execution) -> tuple[list[float], bytes | None]:
    pauses: list[float] = []
    while True:
        try:
            pauses.append(next(execution))
        except StopIteration as end:
            return pauses, end.value


@pytest.fixture
def box() -> Recorder:
    return Recorder()


@pytest.mark.parametrize(
    "header",
    [
        "VOLT", "volt", ":VOLTage", "SOUR:VOLT", ":SOURCE:VOLTAGE", "SOUR1:VOLT", ":SOUR2:VOLT",
        "VOLT:LEV", "VOLT:IMM:AMPL", "SOUR:VOLT:LEV:IMM:AMPL", ":SOURce1:VOLTage:AMPLitude",
    ],
)  # fmt: skip
def test_every_spelling_of_a_header_is_the_same_command(box: Recorder, header: str) -> None:
    box.say(f"{header} 2")
    assert box.got == [("level", 2.0)]
    assert box.errors() == []


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("VOLTA 2", -113), ("VOL 2", -113), ("SOURC:VOLT 2", -113), ("VOLT:AMPL:LEV 2", -113),
        ("SOUR3:VOLT 2", -114), ("SOUR0:VOLT 2", -114), ("VOLT1 2", -113), ("IDN?", -113),
        ("*NOPE", -113), ("TRIG:COUN?", -113), ("DATA", -113), ("VERYLONGMNEMONIC 1", -112),
        ("VOLT@ 2", -111), ("(", -102), ("\x80", -101), ("VOLT", -109), ("VOLT 1,2", -108),
        ("VOLT ,", -109), ("PAIR ,1", -103), ("OUTP? 1;*IDN?", -113),
    ],
)  # fmt: skip
def test_a_wrong_header_or_count_is_named(box: Recorder, header: str, code: int) -> None:
    assert box.say(header) is None
    assert box.errors() == [code]
    assert box.got == []


def test_the_next_header_starts_beside_the_last_one(box: Recorder) -> None:
    box.say(":SOUR:VOLT 1;CURR 0.5;:SOUR:VOLT:RANG 3;LEV 4;*CLS;RANG 5;:OUTP ON")
    assert box.got == [
        ("level", 1.0), ("current", 0.5), ("range", 3.0), ("level", 4.0), ("range", 5.0),
        ("output", True),
    ]  # fmt: skip
    assert box.errors() == []


def test_a_path_does_not_outlive_its_message(box: Recorder) -> None:
    box.say(":SOUR:VOLT:RANG 3")
    box.say("RANG 5")
    assert box.errors() == [-113]


def test_replies_of_one_message_are_joined(box: Recorder) -> None:
    assert box.say("*IDN?;:VOLT?;*OPC?;") == "MAKER,MODEL,SIM,1;5;1"


def test_a_command_error_drops_the_rest_and_an_execution_error_does_not(box: Recorder) -> None:
    assert box.say("VOLT?;:NOPE 1;:OUTP ON") == "5"
    assert box.say("VOLT 11;:OUTP ON") is None
    assert box.got == [("output", True)]
    assert box.errors() == [-113, -222]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5 mV", 1.5e-3), ("1.5MV", 1.5e-3), ("2e-3V", 2e-3), ("+.5", 0.5), ("-1.E1", -10.0),
        ("300 uv", 300e-6), ("0.001 kV", 1.0), ("1e-6 MAV", 1.0), ("MIN", -10.0),
        ("MAXimum", 10.0), ("def", 1.0), ("#HA", 10.0), ("#b11", 3.0), ("#Q7", 7.0),
        ("1 E 0", 1.0),
    ],
)  # fmt: skip
def test_numbers_take_units_multipliers_and_words(box: Recorder, text: str, value: float) -> None:
    box.say(f"VOLT {text}")
    assert box.errors() == []
    assert box.got == [("level", pytest.approx(value))]


def test_m_before_ohm_is_mega(box: Recorder) -> None:
    box.say("LOAD 1.5 MOHM;LOAD 2 KOHM")
    assert box.got == [("load", 1.5e6), ("load", 2e3)]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("VOLT 1 A", -131), ("VOLT 1 xV", -131), ("TRIG:COUN 1 V", -138), ("VOLT 1..2", -121),
        ("VOLT 'a'", -104), ("VOLT 1E99999999", -123), ("VOLT 1e32001", -123),
        ("VOLT " + "1" * 300, -124), ("VOLT INF", -222), ("VOLT ABC", -148), ("VOLT 1e400", -222),
        ("TRIG:COUN 0", -222), ("OUTP MAYBE", -224), ("MODE FIXE", -224), ("MODE 'FIX'", -158),
        ("MODE 1", -104), ("TEXT abc", -104), ("TEXT 'abc", -151), ("FUNC 'RES'", -224),
        ("FUNC VOLT", -104), ("LIST 1,10", -222), ("LIST", -109), ("VOLT #HXX", -121),
        ("TEXT 'a'b'", -151), ("VOLT #B2", -121), ("VOLT (@1)", -104),
    ],
)  # fmt: skip
def test_a_wrong_value_gets_its_own_number(box: Recorder, command: str, code: int) -> None:
    box.say(command)
    assert box.errors() == [code]
    assert box.got == []


def test_values_arrive_as_their_types(box: Recorder) -> None:
    box.say('OUTP 1;OUTP off;MODE sweep;TRIG:COUN 2.6;:TEXT "a;\'b,""c";LIST 1,2,3')
    box.say("FUNC 'voltage:dc';PAIR 1;PAIR 1,2")
    assert box.got == [
        ("output", True), ("output", False), ("mode", "SWE"), ("count", 3),
        ("text", "a;'b,\"c"), ("list", 1.0, 2.0, 3.0), ("function", "VOLT"),
        ("pair", 1.0), ("pair", 1.0, 2.0),
    ]  # fmt: skip


def test_the_error_queue_is_bounded_and_says_so(box: Recorder) -> None:
    for _ in range(30):
        box.say("NOPE")
    assert box.say("SYST:ERR:COUN?") == "10"
    assert [box.say("SYST:ERR?") for _ in range(9)] == ['-113,"Undefined header"'] * 9
    assert box.say(":SYSTem:ERRor:NEXT?") == '-350,"Queue overflow"'
    assert box.say(":SYST:ERR?") == '0,"No error"'


def test_each_class_of_error_sets_its_event_bit(box: Recorder) -> None:
    assert box.say("*ESR?") == "128"
    box.say("NOPE")
    assert box.say("*ESR?") == "32"
    box.say("VOLT 99")
    assert box.say("*ESR?") == "16"
    box.scpi.overrun()
    assert box.say("*ESR?") == "8"
    box.scpi.interrupted()
    box.say("*OPC")
    assert box.say("*ESR?;*ESR?") == "5;0"


def test_the_status_byte_sums_up_what_is_enabled(box: Recorder) -> None:
    box.say("*CLS;*ESE 32;*SRE 36")
    assert box.say("*STB?") == "0"
    box.say("NOPE")
    assert box.say("*STB?") == str(4 + 32 + 64)
    assert box.say("*ESE?;*SRE?") == "32;36"
    box.say("*CLS")
    assert box.say("*STB?") == "0"
    assert box.say("VOLT?;*STB?") == "5;16"


def test_condition_registers_latch_rising_bits(box: Recorder) -> None:
    register = box.scpi.status.operation
    box.say(":STAT:OPER:ENAB 16")
    register.set_condition(16)
    register.set_condition(0)
    assert box.say("*STB?;:STAT:OPER:COND?;:STAT:OPER?;:STAT:OPER:EVEN?") == "128;0;16;0"
    box.say(":STAT:PRES")
    assert box.say(":STAT:OPER:ENAB?;:STAT:QUES?") == "0;0"


def test_the_common_commands_do_what_488_2_says(box: Recorder) -> None:
    assert box.say("*TST?;*OPC?;*WAI;*IDN?") == "0;1;MAKER,MODEL,SIM,1"
    box.say("*RST")
    assert box.got == ["reset"]


def test_a_slow_query_says_how_long_it_is_busy(box: Recorder) -> None:
    assert drain(box.scpi.execute("SLOW?;*OPC?")) == ([0.5, 0.25], b"done;1")


def test_blocks_carry_their_length(box: Recorder) -> None:
    assert box.say("DATA?") == "#14a;\n1"
    assert definite_block(bytes(1234)).startswith(b"#41234\0")


def test_a_header_cannot_be_declared_twice() -> None:
    tree: HeaderTree[int] = HeaderTree()
    tree.declare(":A[:B]", 1)
    with pytest.raises(ValueError, match="twice"):
        tree.declare(":A", 2)
    with pytest.raises(ValueError, match="not a SCPI header"):
        tree.declare(":a", 3)


def test_messages_are_cut_wherever_the_bytes_were(box: Recorder) -> None:
    buffer = LineBuffer(100)
    pieces = [b"*ID", b"N?\r", b"\n\n*OPC", b"?\nre", b"st"]
    assert [m for piece in pieces for m in buffer.feed(piece)] == ["*IDN?", "", "*OPC?"]


def test_a_message_beyond_the_buffer_is_dropped_whole() -> None:
    buffer = LineBuffer(8)
    assert buffer.feed(b"12345678\n") == ["12345678"]
    assert buffer.feed(b"123456") == []
    assert buffer.feed(b"789") == []
    assert buffer.feed(b"0\nok\n") == [Overrun(), "ok"]


@given(st.binary(max_size=300), st.integers(1, 64))
def test_no_bytes_upset_the_line_buffer(data: bytes, limit: int) -> None:
    whole, pieces = LineBuffer(limit), LineBuffer(limit)
    expected = whole.feed(data)
    assert [m for i in range(len(data)) for m in pieces.feed(data[i : i + 1])] == expected


SCPI_WORDS = st.sampled_from(
    [
        "*IDN?", ":SOUR", ":VOLT", "VOLT", "?", " ", ";", ":", ",", "'", '"', "1", "-1e3", "MIN",
        "MAX", "#H", "#1", "SYST:ERR?", "LIST", "1.5 mV", "\t", "*", "(@1:2)", "E", "\xb2", "PAIR",
        "TEXT", "FUNC", "OUTP", "ON", "*ESE", "999999999999", "e", ".", "\x00", "DATA?",
    ]
)  # fmt: skip


@given(st.one_of(st.text(st.characters(max_codepoint=255)), st.lists(SCPI_WORDS).map("".join)))
def test_no_text_upsets_the_interpreter(text: str) -> None:
    """Whatever arrives, the instrument lives, answers the next query, and its queue is bounded."""
    box = Recorder()
    drain(box.scpi.execute(text))
    assert len(box.scpi.status.errors) <= 10
    assert box.say("*OPC?") == "1"


def test_an_unknown_number_has_no_wording_of_its_own() -> None:
    assert ScpiError(803, "Not permitted").response() == '+803,"Not permitted"'
