"""Faults: which message is hit, what becomes of it, and how that looks on a real wire."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from funcnodes_simulators import BenchError, SimulatedBench
from funcnodes_simulators.bench.layout import load_layout
from funcnodes_simulators.faults import (
    KINDS,
    Fault,
    FaultPlan,
    GoDead,
    HangUp,
    Hold,
    LosePower,
    Send,
)
from funcnodes_simulators.faults.files import read_fault, read_fault_file

REPLY = b"+1.000000E+00\n"


def plan(*faults: Fault) -> FaultPlan:
    made = FaultPlan(seed=7)
    for fault in faults:
        made.add(fault)
    return made


def test_without_faults_a_reply_goes_out_whole() -> None:
    assert plan().deliver(":READ?", REPLY) == [Send(REPLY)]
    assert plan().deliver(":OUTP ON", None) == []


@pytest.mark.parametrize(
    ("kind", "deliveries"),
    [
        ("delay", [Send(REPLY, after_s=0.5)]),
        ("late", [Send(REPLY, after_s=0.5, is_apart=True)]),
        ("drop", []),
        ("truncate", [Send(REPLY[:7])]),
        ("close", [Send(REPLY[:7]), HangUp()]),
        ("mute", []),
    ],
)
def test_each_kind_breaks_a_reply_in_its_way(kind, deliveries) -> None:
    assert plan(Fault(kind, seconds=0.5)).deliver(":READ?", REPLY) == deliveries


def test_split_pieces_make_up_the_reply() -> None:
    pieces = plan(Fault("split", seconds=0.1)).deliver(":READ?", REPLY)
    assert len(pieces) > 1
    assert b"".join(piece.data for piece in pieces) == REPLY
    assert [piece.after_s for piece in pieces] == [0.0] + [0.1] * (len(pieces) - 1)


def test_garbage_is_never_a_number_by_chance() -> None:
    faults = plan()
    for _ in range(300):
        faults.add(Fault("garbage"))
        (sent,) = faults.deliver("x", REPLY)
        with pytest.raises(ValueError):
            float(sent.data)


def test_garbage_repeats_with_its_seed() -> None:
    first, second = (plan(Fault("garbage")).deliver("x", REPLY) for _ in range(2))
    assert first == second != [Send(REPLY)]
    assert first[0].data.count(b"\n") == 1


def test_a_fault_hits_the_nth_match_and_then_count_times() -> None:
    faults = plan(Fault("drop", match=":read", nth=2, count=2))
    asked = [":READ?", "*IDN?", ":READ?", ":READ?", "*IDN?", ":READ?"]
    assert [bool(faults.deliver(message, REPLY)) for message in asked] == [
        True, True, False, False, True, True,
    ]  # fmt: skip
    assert faults.pending == []


def test_mute_and_endless_faults_last_until_cleared() -> None:
    faults = plan(Fault("mute"), Fault("drop", count=None))
    assert [faults.deliver("a", REPLY) for _ in range(50)] == [[]] * 50
    faults.clear()
    assert faults.deliver("a", REPLY) == [Send(REPLY)]


def test_close_on_a_named_command_needs_no_reply() -> None:
    faults = plan(Fault("close", match=":OUTP"))
    assert faults.deliver(":SOUR:VOLT 1", None) == []
    assert faults.deliver(":OUTP ON", None) == [HangUp()]


def test_refuse_counts_connects_and_leaves_replies_alone() -> None:
    faults = plan(Fault("refuse", count=2))
    assert faults.deliver("*IDN?", REPLY) == [Send(REPLY)]
    assert [faults.refuses_connect() for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    "details",
    [{"kind": "nope"}, {"kind": "drop", "count": 0}, {"kind": "drop", "nth": 0},
     {"kind": "delay", "seconds": -1}, {"kind": "delay", "seconds": float("nan")}],
)  # fmt: skip
def test_a_fault_that_makes_no_sense_is_refused(details) -> None:
    with pytest.raises(ValueError):
        Fault(**details)


def test_every_kind_is_known() -> None:
    kinds = {
        "delay", "drop", "late", "garbage", "truncate", "split", "slow", "coalesce", "terminator",
        "oversize", "double", "close", "reset", "half_open", "power_cycle", "refuse", "mute",
        "busy", "error",
    }  # fmt: skip
    assert set(KINDS) == kinds


@pytest.mark.parametrize(
    ("fault", "deliveries"),
    [
        (Fault("reset"), [HangUp(is_reset=True)]),
        (Fault("half_open"), [GoDead()]),
        (Fault("power_cycle"), [LosePower()]),
        (Fault("coalesce", seconds=0.3), [Hold(REPLY, 0.3)]),
        (Fault("terminator"), [Send(REPLY[:-1] + b"\r")]),
        (Fault("terminator", text=";"), [Send(REPLY[:-1] + b";")]),
        (Fault("garbage", text="nonsense"), [Send(b"nonsense\n")]),
        (Fault("oversize", size=20), [Send(b"+1.000000E+00+1.000\n")]),
        (Fault("double", seconds=0.3), [Send(REPLY), Send(REPLY, after_s=0.3, is_apart=True)]),
    ],
)
def test_the_rest_of_the_kinds_break_in_their_ways(fault, deliveries) -> None:
    assert plan(fault).deliver(":READ?", REPLY) == deliveries


def test_a_slow_reply_is_whole_and_takes_its_time() -> None:
    for reply in (REPLY, REPLY * 100):
        pieces = plan(Fault("slow", seconds=2.0)).deliver(":READ?", reply)
        assert 1 < len(pieces) <= 50
        assert b"".join(piece.data for piece in pieces) == reply
        assert sum(piece.after_s for piece in pieces) == pytest.approx(2.0)


def test_what_happens_before_execution_leaves_the_reply_alone() -> None:
    faults = plan(Fault("busy", nth=2), Fault("error", match="OUTP", code=-222))
    assert faults.before(":READ?") is None
    assert faults.before(":OUTP ON").kind == "busy"
    assert faults.before(":OUTP ON").code == -222
    assert faults.before(":OUTP ON") is None
    assert faults.deliver(":READ?", REPLY) == [Send(REPLY)]


def test_a_fault_waits_for_its_time() -> None:
    made = FaultPlan(seed=1)
    made.add(Fault("drop", at_s=5), now_s=100.0)
    assert made.deliver("a", REPLY, now_s=104.9) == [Send(REPLY)]
    assert made.deliver("a", REPLY, now_s=105.0) == []
    assert [(s.at_s, s.kind, s.message) for s in made.strikes] == [(105.0, "drop", "a")]


def test_a_line_fault_with_a_time_strikes_by_itself() -> None:
    fault = Fault("power_cycle", at_s=5)
    faults = plan(fault)
    assert faults.deliver("a", REPLY, now_s=9) == [Send(REPLY)]
    assert faults.strike(fault, now_s=5) == LosePower()
    assert faults.strike(fault, now_s=6) is None
    assert not Fault("power_cycle", at_s=5, match="x").strikes_by_itself


def hits(seed: int | None, *extra: Fault) -> list[int]:
    made = FaultPlan(seed)
    made.add(Fault("drop", probability=0.3, count=None))
    for fault in extra:
        made.add(fault)
    return [number for number in range(200) if not made.deliver("a", REPLY)]


def test_the_same_seed_gives_the_same_faults() -> None:
    assert hits(1) == hits(1)
    assert hits(1) != hits(2)
    assert 30 < len(hits(1)) < 90


def test_one_fault_does_not_disturb_the_draws_of_another() -> None:
    both = FaultPlan(1)
    both.add(Fault("drop", probability=0.3, count=None))
    both.add(Fault("delay", probability=0.5, count=None))
    drops = [n for n in range(200) if both.deliver("a", REPLY) == []]
    assert drops == hits(1)


def test_every_fault_counts_every_message() -> None:
    faults = plan(Fault("drop", nth=2), Fault("truncate", nth=3))
    results = [faults.deliver("a", REPLY) for _ in range(4)]
    assert results == [[Send(REPLY)], [], [Send(REPLY[:7])], [Send(REPLY)]]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("fault = 3", "fault is not a list"), ("[[fault]]", "fault 1.kind is missing"),
        ("a = 1", "the file has no place for 'a'"), ("[[fault", "Expected"),
        ('[[fault]]\nkind = "nope"', "fault 1: 'nope' is not a kind of fault"),
        ('[[fault]]\nkind = "drop"\ndevice = "x"', "fault 1.device is 'x'; there is smu, tc"),
        ('[[fault]]\nkind = "drop"\nn = 1', "fault 1 has no place for 'n'"),
        ('[[fault]]\nkind = "drop"\nnth = 1.5', "fault 1.nth is 1.5, not a whole number"),
        ('[[fault]]\nkind = "drop"\ncount = "twice"', "count is 'twice', not a whole number"),
        ('[[fault]]\nkind = "drop"\nat_s = "x"', "fault 1.at_s is 'x', not a number"),
        ('[[fault]]\nkind = "drop"\nmatch = 5', "fault 1.match is 5, not text"),
        ('[[fault]]\nkind = "drop"\nprobability = 0', "probability of 0 is not above 0"),
        ('[[fault]]\nkind = "oversize"\nsize = 999999999', "outside 1 to 67108864"),
        ("seed = 1.5", "seed is 1.5, not a whole number"),
        ('[[fault]]\nkind = "drop"\n[[fault]]\nkind = "drop"\nseconds = -1', "fault 2: a fault of"),
    ],
)  # fmt: skip
def test_each_mistake_in_a_fault_file_is_one_sentence(tmp_path, text, complaint) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(BenchError) as caught:
        load_layout("demo", faults=path)
    assert complaint in str(caught.value)
    assert "faults.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_faults_may_stand_in_the_bench_file(tmp_path) -> None:
    path = tmp_path / "bench.toml"
    device = '[dut.r]\nkind = "resistor"\n[device.smu]\nmodel = "keithley2400"\ndut = "r"\n'
    path.write_text(f'{device}serve = "tcp"\n[[fault]]\nkind = "drop"\ncount = "always"\n')
    assert load_layout(str(path)).faults_of("smu") == [Fault("drop", count=None)]
    path.write_text(f'{device}serve = "tcp"\n[[fault]]\nkind = "drop"\ndevice = "tc"\n')
    with pytest.raises(BenchError, match=r"fault 1\.device is 'tc'; there is smu"):
        load_layout(str(path))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., SimulatedBench]]:
    """Serve the demo bench with a fault file."""
    running: list[SimulatedBench] = []

    def serve(text: str, **options) -> SimulatedBench:
        path = tmp_path / "faults.toml"
        path.write_text(text)
        running.append(SimulatedBench.start("demo", faults=path, **options))
        return running[-1]

    yield serve
    for bench in running:
        bench.close()


def fault(kind: str, **details: object) -> str:
    lines = "".join(f"{key} = {value!r}\n" for key, value in details.items())
    return f"[[fault]]\nkind = '{kind}'\ndevice = 'smu'\n{lines}"


def test_two_replies_come_in_one_piece(start, connect) -> None:
    smu = connect(start(fault("coalesce", seconds=30)).resources["smu"])
    smu.write("*IDN?\n*OPC?")
    received = smu.socket.recv(1000)
    assert received.startswith(b"KEITHLEY")
    assert received.endswith(b"\n1\n")


def test_a_held_reply_comes_alone_in_the_end(start, connect) -> None:
    smu = connect(start(fault("coalesce", seconds=0.05)).resources["smu"])
    assert smu.query("*OPC?") == "1"


def test_a_reset_is_no_end_of_file(start, connect) -> None:
    bench = start(fault("reset", match="*IDN?"))
    smu = connect(bench.resources["smu"])
    smu.write("*IDN?")
    with pytest.raises(ConnectionResetError):
        smu.read()
    assert connect(bench.resources["smu"]).query("*OPC?") == "1"


def test_a_half_open_line_is_silent_and_a_new_one_works(start, connect) -> None:
    bench = start(fault("half_open", nth=2))
    smu = connect(bench.resources["smu"])
    assert smu.query("*OPC?") == "1"
    smu.write("*IDN?\n:OUTP ON")
    bench.wait("smu", "clients", 0)
    smu.write(":SOUR:VOLT 3")
    other = connect(bench.resources["smu"])
    assert other.query(":SOUR:VOLT?") == "0.000000E+00"
    assert bench.state()["smu"]["clients"] == 1
    smu.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        smu.read()


def test_the_power_goes_at_its_time_and_settings_with_it(start, connect) -> None:
    bench = start(fault("power_cycle", at_s=0.2))
    smu = connect(bench.resources["smu"])
    assert smu.query(":SOUR:VOLT 3;:SOUR:VOLT?") == "3.000000E+00"
    assert smu.is_cut_off()
    assert connect(bench.resources["smu"]).query(":SOUR:VOLT?") == "0.000000E+00"
    strikes = bench.request("faults")["smu"]["strikes"]
    assert [(kind, message) for _, kind, message in strikes] == [("power_cycle", "")]


def test_a_command_fails_at_its_nth_call(start, connect) -> None:
    bench = start(fault("error", match=":OUTP ON", nth=2, code=-240))
    smu = connect(bench.resources["smu"])
    assert smu.query(":OUTP ON;:OUTP?") == "1"
    smu.write(":OUTP OFF")
    smu.write(":OUTP ON")
    assert smu.query(":OUTP?;:SYST:ERR?") == '0;-240,"Hardware error"'
    assert smu.query(":OUTP ON;:OUTP?") == "1"


def test_a_failing_query_is_answered_with_a_text(start, connect) -> None:
    smu = connect(start(fault("error", match="*IDN?", text="ERR 7")).resources["smu"])
    assert smu.query("*IDN?") == "ERR 7"


def test_a_busy_instrument_keeps_everybody_waiting(start, connect) -> None:
    smu = connect(start(fault("busy", seconds=0.2)).resources["smu"])
    begin = time.monotonic()
    smu.write(":OUTP OFF")
    assert smu.query("*OPC?") == "1"
    assert time.monotonic() - begin >= 0.2


def test_an_oversize_reply_is_that_large(start, connect) -> None:
    smu = connect(start(fault("oversize", size=3_000_000)).resources["smu"])
    smu.write("*OPC?")
    assert len(smu.read()) == 3_000_000


def test_connects_are_refused_so_often(start, connect) -> None:
    def is_refused() -> bool:
        try:
            return connect(bench.resources["smu"]).is_cut_off()
        except ConnectionError:  # it comes this early on a busy machine
            return True

    bench = start(fault("refuse", count=2))
    assert [is_refused() for _ in range(2)] == [True, True]
    assert connect(bench.resources["smu"]).query("*OPC?") == "1"


def test_a_file_with_a_seed_breaks_the_same_way_twice(start, connect) -> None:
    def lost() -> list[int]:
        bench = start("seed = 5\n" + fault("error", match="*OPC?", probability=0.5, text="X"))
        smu = connect(bench.resources["smu"])
        for _ in range(30):
            bench.fault("smu", "error", match="*OPC?", probability=0.5, text="X")
        replies = [smu.query("*OPC?") for _ in range(20)]
        bench.close()
        return [number for number, reply in enumerate(replies) if reply == "X"]

    assert lost() == lost() != []


def test_a_wrong_fault_over_the_control_socket_is_one_sentence(start) -> None:
    bench = start("")
    with pytest.raises(ValueError, match="a fault has no place for 'x'"):
        bench.fault("smu", "drop", x=1)
    with pytest.raises(ValueError, match=r"a fault\.probability is 'x', not a number"):
        bench.fault("smu", "drop", probability="x")


FAULTS = st.builds(
    lambda **details: details,
    kind=st.sampled_from([*KINDS, "nope", 3]),
    seconds=st.one_of(st.floats(), st.integers(), st.text(max_size=3)),
    count=st.one_of(st.none(), st.integers(-1, 3), st.just("always")),
    match=st.text(max_size=2),
    nth=st.integers(-1, 3),
    probability=st.floats(),
    at_s=st.floats(),
    text=st.text(max_size=5),
    size=st.integers(-1, 100),
    code=st.integers(),
)


@given(
    st.lists(FAULTS, max_size=4),
    st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=40)), max_size=8),
)
def test_no_plan_upsets_anybody(details, messages) -> None:
    """Whatever stands in a plan, it is refused in one sentence or every reply gets through it."""
    made = FaultPlan(seed=1)
    for detail in details:
        try:
            made.add(read_fault(detail, "a fault"))
        except ValueError as error:
            assert "\n" not in str(error)  # noqa: PT017 - some are refused, some are not
    for message, reply in messages:
        made.before(message)
        made.refuses_connect()
        for delivery in made.deliver(message, reply):
            assert isinstance(delivery, Send | Hold | HangUp | GoDead | LosePower)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_no_fault_file_upsets_the_reader(tmp_path_factory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        read_fault_file(path, ["smu"])
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017 - an empty file is a plan
