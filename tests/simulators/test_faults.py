"""The fault plan by itself: which reply is hit, and what becomes of it."""

import pytest

from funcnodes_simulators.faults import KINDS, Fault, FaultPlan, HangUp, Send

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
    kinds = {"delay", "drop", "late", "garbage", "truncate", "split", "close", "refuse", "mute"}
    assert set(KINDS) == kinds
