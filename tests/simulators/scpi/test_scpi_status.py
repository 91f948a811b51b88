"""The rest of SCPI: status registers, pending operations, blocks, channels, suffixes, memory."""

import pytest
from hypothesis import given, strategies as st

from funcnodes_simulators.physics import ManualClock
from funcnodes_simulators.scpi import (
    Block,
    ChannelList,
    Integer,
    LineBuffer,
    Memory,
    Number,
    Overrun,
    ScpiInterpreter,
    definite_block,
    indefinite_block,
)
from funcnodes_simulators.scpi.headers import HeaderTree, Place
from funcnodes_simulators.scpi.messages import split_message, split_unit


class Box:
    """A SCPI instrument on a clock of its own, with a bit of everything."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.got: list[object] = []
        self.level = 1.0
        self.scpi = ScpiInterpreter("MAKER,BOX,1,1", reset=self._reset, options="GPIB")
        declare = self.scpi.declare
        declare(":SWEep", self._sweep, Number(0, 100, 1, "S"))
        declare(":UPLoad", self.got.append, Block(1000))
        declare(":LIST", lambda *a: self.got.append(a), Integer(0, 9), Block(100), Integer(0, 9))
        declare(":ROUTe:CLOSe", self.got.append, ChannelList((1,), (40,), most=10))
        declare(":MATRix:CLOSe", self.got.append, ChannelList((1, 1), (4, 8)))
        declare(
            ":SOURce#3:CHANnel#0-7:VOLTage",
            lambda *a: self.got.append(a), Number(0, 9), takes_suffixes=True,
        )  # fmt: skip
        declare(
            "[:SOURce#3]:CURRent", lambda *a: self.got.append(a), Number(0, 9), takes_suffixes=True
        )
        declare(":SOURce#2:MODE", lambda: self.got.append("mode"))
        declare(":WAVE?", lambda: indefinite_block(b"\x00\xff"))
        watts = {"DBM": lambda dbm: 1e-3 * 10 ** (dbm / 10)}
        declare(":POWer", self.got.append, Number(0, 10, 0, "W", watts))
        declare(":GAIN", self.got.append, Number(-100, 100, 0, "DB"))
        declare(":SLEW", self.got.append, Number(0, 1e9, 0, "V/S"))
        level = Number(0, 10, 5, "V", step=0.5, present=lambda: self.level)
        self.scpi.declare_number(":LEVel", level, self._set, lambda: self.level)
        self.memory: Memory[float] = Memory(3, first=1)
        self.scpi.declare_memory(self.memory, lambda: self.level, self._set)

    def say(self, message: str) -> str | None:
        execution = self.scpi.execute(message)
        while True:
            try:
                self.clock.advance(next(execution))
            except StopIteration as end:
                return None if end.value is None else end.value.decode("latin-1")

    def errors(self) -> list[int]:
        return [error.code for error in self.scpi.status.errors.drain()]

    def _reset(self) -> None:
        self.level = 1.0

    def _set(self, level: float) -> None:
        self.level = level

    def _sweep(self, seconds: float) -> None:
        end_s = self.clock.now() + seconds
        self.scpi.begin(lambda: end_s - self.clock.now())


@pytest.fixture
def box() -> Box:
    return Box()


def test_opc_sets_its_bit_when_the_last_operation_is_complete(box: Box) -> None:
    box.say("*CLS;SWE 2;SWE 5;*OPC")
    box.clock.advance(4)
    assert box.say("*ESR?") == "0"
    assert box.scpi.is_busy
    box.clock.advance(1)
    assert box.say("*ESR?;*ESR?") == "1;0"


def test_opc_query_and_wai_wait_for_what_is_pending(box: Box) -> None:
    assert box.say("SWE 2;*OPC?") == "1"
    assert box.clock.now() == 2
    box.say("SWE 3;*WAI;:LEV 4")
    assert (box.clock.now(), box.level) == (5, 4.0)


@pytest.mark.parametrize("command", ["*CLS", "*RST"])
def test_cls_and_rst_cancel_an_opc_under_way(box: Box, command: str) -> None:
    box.say(f"*CLS;SWE 2;*OPC;{command}")
    box.clock.advance(3)
    assert box.say("*ESR?") == "0"


def test_rst_ends_operations_and_cls_does_not(box: Box) -> None:
    box.say("SWE 2;*CLS")
    assert box.scpi.is_busy
    box.say("*RST")
    assert not box.scpi.is_busy


def test_transition_filters_choose_the_edge_that_is_latched(box: Box) -> None:
    register = box.scpi.status.questionable
    assert box.say("STAT:QUES:PTR?;NTR?") == "32767;0"
    box.say("STAT:QUES:PTR 1;NTR #H2")
    register.set_condition(3)
    assert box.say("STAT:QUES?") == "1"
    register.set_condition(0)
    assert box.say("STAT:QUES?;:STAT:QUES:COND?") == "2;0"
    box.say("STAT:PRES")
    assert box.say("STAT:QUES:PTR?;NTR?;ENAB?") == "32767;0;0"


def test_a_waiting_response_shows_in_the_status_byte(box: Box) -> None:
    box.say("*CLS;*SRE 16")
    assert box.scpi.status_byte(has_output=True) == 16 + 64
    assert box.scpi.status_byte(has_output=False) == 0


def test_the_status_byte_knows_what_is_complete_by_now(box: Box) -> None:
    box.say("*CLS;*ESE 1;*SRE 32;SWE 2;*OPC")
    assert box.scpi.status_byte(has_output=False) == 0
    box.clock.advance(2)
    assert box.scpi.status_byte(has_output=False) == 32 + 64


def test_power_on_keeps_masks_only_if_asked_to(box: Box) -> None:
    box.say("*ESE 8;*SRE 4;*PSC 0;NOPE")
    box.scpi.power_on()
    assert box.say("*ESE?;*SRE?;*ESR?;:SYST:ERR?;*PSC?") == '8;4;128;0,"No error";0'
    box.say("*PSC 1")
    box.scpi.power_on()
    assert box.say("*ESE?;*SRE?;*PSC?") == "0;0;1"


def test_a_lost_error_is_a_device_error(box: Box) -> None:
    box.say("*CLS")
    for _ in range(11):
        box.say("NOPE")
    assert box.say("*ESR?") == str(32 + 8)


def test_the_error_queue_can_be_read_as_numbers_and_all_at_once(box: Box) -> None:
    box.say("NOPE")
    box.say("LEV 99")
    box.say("*TRG")
    assert box.say("SYST:ERR:COUN?;CODE?") == "3;-113"
    assert box.say("SYST:ERR:CODE:ALL?") == "-222,-211"
    assert box.say("SYST:ERR:ALL?;:SYST:VERS?;*OPT?") == '0,"No error";1999.0;GPIB'


def test_query_errors_have_their_numbers(box: Box) -> None:
    for note in (box.scpi.interrupted, lambda: box.scpi.fail(-420), box.scpi.deadlocked):
        note()
    assert box.errors() == [-410, -420, -430]


def test_nothing_may_follow_an_indefinite_response(box: Box) -> None:
    assert box.say("WAVE?;*OPC?") == "#0\x00\xff"
    assert box.say("*OPC?;WAVE?") == "1;#0\x00\xff"
    assert box.errors() == [-440]


def test_saved_settings_come_back_and_empty_places_do_not(box: Box) -> None:
    box.say("LEV 3;*SAV 2;:LEV 4;*RCL 2")
    assert box.level == 3
    box.say("*RCL 1;*RCL 0")
    assert box.errors() == [-314, -222]


@pytest.mark.parametrize(
    ("message", "level"),
    [("LEV UP", 1.5), ("LEV DOWN;LEV down", 0.0), ("LEV MAX", 10.0), ("LEV DEF", 5.0)],
)
def test_a_number_can_step_from_where_it_is(box: Box, message: str, level: float) -> None:
    box.say(message)
    assert (box.level, box.errors()) == (level, [])


def test_a_step_beyond_the_limit_is_out_of_range(box: Box) -> None:
    box.say("LEV MIN;LEV DOWN")
    assert (box.level, box.errors()) == (0.0, [-222])
    assert box.say("LEV? MAX;LEV? DEF;LEV?") == "1.000000E+01;5.000000E+00;0.000000E+00"


@pytest.mark.parametrize(
    ("word", "value"), [("MIN", 1), ("MAX", 10), ("0.5", 1), ("10.49", 10), ("2.5", 3)]
)
def test_whole_numbers_round_within_their_limits(word: str, value: int) -> None:
    assert Integer(1, 10).parse(word) == value


@pytest.mark.parametrize(
    ("message", "values"),
    [
        ("POW 1 W", [1.0]), ("POW 500 MW", [0.5]), ("POW 30 DBM", [1.0]), ("POW 0dBm", [1e-3]),
        ("GAIN -3 DB", [-3.0]), ("SLEW 2 KV/S", [2000.0]), ("SLEW 3 V/S", [3.0]),
    ],
)  # fmt: skip
def test_units_are_converted(box: Box, message: str, values: list[float]) -> None:
    box.say(message)
    assert box.errors() == []
    assert box.got == pytest.approx(values)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("GAIN 1 MDB", -131), ("POW 1 V", -131), ("POW 1 DBV", -131),
        ("POW 1 ABCDEFGHIJKLMNOP", -134), ("UPL 5", -104), ("UPL #15abc", -161),
        ("UPL #2", -161), ("UPL #X12", -161), ("UPL #41001" + "x" * 1001, -223),
        ("ROUT:CLOS 1", -104), ("ROUT:CLOS (1)", -171), ("ROUT:CLOS (@1", -171),
        ("ROUT:CLOS (@a)", -171), ("ROUT:CLOS (@1:2:3)", -171), ("ROUT:CLOS (@41)", -222),
        ("ROUT:CLOS (@1:40)", -223), ("ROUT:CLOS (@1!2)", -171), ("ROUT:CLOS (@1),(@2)", -108),
        ("SOUR4:CHAN:VOLT 1", -114), ("SOUR:CHAN8:VOLT 1", -114), ("SOUR3:MODE", -114),
        ("LEV NOPE", -148), ("GAIN UP", -148),
    ],
)  # fmt: skip
def test_each_mistake_has_its_number(box: Box, message: str, code: int) -> None:
    box.say(message)
    assert (box.errors(), box.got) == ([code], [])


def test_blocks_carry_any_bytes_and_end_where_they_say(box: Box) -> None:
    box.say("UPL #13a;b;UPL #210\"\n\r'#  ,;;;LIST 1,#12, , 2;UPL #0c;d ")
    assert box.errors() == []
    assert box.got == [b"a;b", b"\"\n\r'#  ,;;", (1, b", ", 2), b"c;d "]


def test_channel_lists_keep_their_order(box: Box) -> None:
    box.say("ROUT:CLOS (@1:3, 7 ,5:4);CLOS (@);:MATR:CLOS (@1!2:2!3,4!8)")
    assert box.errors() == []
    assert box.got == [(1, 2, 3, 7, 5, 4), (), ((1, 2), (1, 3), (2, 2), (2, 3), (4, 8))]


def test_suffixes_reach_the_command_and_have_defaults(box: Box) -> None:
    box.say("SOUR2:CHAN0:VOLT 1;:SOURCE:CHANNEL7:VOLTAGE 2;:CURR 3;:SOUR3:CURR 4;CHAN5:VOLT 6")
    assert box.errors() == []
    assert box.got == [((2, 0), 1.0), ((1, 7), 2.0), ((1,), 3.0), ((3,), 4.0), ((3, 5), 6.0)]


def test_common_commands_leave_the_path_alone(box: Box) -> None:
    box.say("SOUR2:CHAN3:VOLT 1;*WAI;VOLT 2")
    assert box.got == [((2, 3), 1.0), ((2, 3), 2.0)]


def test_blocks_with_line_feeds_are_one_message() -> None:
    buffer = LineBuffer(64)
    block = definite_block(b"a\nb\r\n").decode()
    assert buffer.feed(f"UPL {block}\r\n*OPC?\n".encode()) == [f"UPL {block}", "*OPC?"]
    assert buffer.feed(b"UPL #13\r\n\r\r\n") == ["UPL #13\r\n\r"]
    assert buffer.feed(b"TEXT 'a #19'\nUPL #0x#15\n") == ["TEXT 'a #19'", "UPL #0x#15"]


def test_a_block_beyond_the_buffer_is_an_overrun_at_once() -> None:
    buffer = LineBuffer(64)
    assert buffer.feed(b"UPL #9999999999\n*OPC?\n") == [Overrun(), "*OPC?"]
    assert buffer.feed(b"UPL #3") == []
    assert buffer.partial == b"UPL #3"
    buffer.clear()
    assert buffer.partial == b""


def test_a_dialect_without_blocks_ends_at_each_line_feed() -> None:
    assert LineBuffer(64, takes_blocks=False).feed(b"A #15\n\n") == ["A #15", ""]


WIRE = st.lists(
    st.sampled_from(
        [b"UPL ", b"#", b"#1", b"#15", b"#0", b"#219", b"a", b"\n", b"\r\n", b"'", b'"', b" ", b","]
    )
).map(b"".join)


@given(WIRE, st.integers(1, 32), st.booleans())
def test_messages_do_not_depend_on_the_pieces_they_came_in(data, limit, takes_blocks) -> None:
    whole = LineBuffer(limit, takes_blocks=takes_blocks)
    pieces = LineBuffer(limit, takes_blocks=takes_blocks)
    expected = whole.feed(data)
    assert [m for i in range(len(data)) for m in pieces.feed(data[i : i + 1])] == expected


@given(st.binary(max_size=200))
def test_every_block_comes_back_as_it_was_sent(data: bytes) -> None:
    box = Box()
    (message,) = LineBuffer(1000).feed(b"UPL " + definite_block(data) + b"\n")
    assert isinstance(message, str)
    box.say(f"{message};*CLS")
    assert box.got == [data]


WORDS = st.sampled_from(
    [
        "SWE", "UPL", "LIST", "ROUT:CLOS", "MATR:CLOS", "SOUR2:CHAN0:VOLT", "CURR", "POW", "LEV",
        " ", ";", ":", ",", "(@", "(@1:3)", ")", "!", "#", "#0", "#12ab", "#9", "1", "-1e3", "UP",
        "DBM", "'", '"', "?", "*OPC", "*WAI", "*SAV 1", "*RCL 2", "*PSC 0", "WAVE?", "\xb2", "\x00",
    ]
)  # fmt: skip


@given(st.lists(st.lists(WORDS, max_size=12).map("".join), max_size=4))
def test_no_dialogue_upsets_the_interpreter(messages: list[str]) -> None:
    box = Box()
    for message in messages:
        box.say(message)
    assert len(box.scpi.status.errors) <= 10
    assert 0 <= box.scpi.status_byte(has_output=True) < 256
    assert box.say("*OPC?") == "1"


HEADER = st.from_regex(r"(\[:[A-Z]{2,4}[a-z]{0,3}#?\])?(:[A-Z]{2,4}[a-z]{0,3}(#[1-9]?)?){1,3}\??")


@given(HEADER.map(str.strip))
def test_every_declaration_is_found_by_its_own_spellings(declaration: str) -> None:
    tree: HeaderTree[int] = HeaderTree()
    try:
        tree.declare(declaration, 1)
    except ValueError:
        return
    for spelling in tree.declarations[declaration]:
        unit = split_unit(split_message(spelling)[0])
        node = tree.descend(Place(tree.root), unit.mnemonics).node
        assert node.query if unit.is_query else node.command
        assert tree.nearest(spelling) == declaration


def test_two_names_that_share_a_spelling_cannot_stand_side_by_side() -> None:
    with pytest.raises(ValueError, match="AAA or AAAA already means something else"):
        HeaderTree[int]().declare("[:AAaa]:AAAa", 1)
