"""Commands that come too late, and commands that come twice."""

import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from funcnodes.workers import schema
from funcnodes.workers.lateness import PeerClock, TooLate, check_in_time, until_s
from funcnodes.workers.once import KEPT, KEPT_S, Once

from .conftest import ADA, Desk

BOB = schema.Actor(id="b", name="Bob", role="operator")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@given(
    st.floats(-1e6, 1e6),
    st.lists(st.tuples(st.floats(0, 10), st.floats(0, 5)), min_size=1, max_size=20),
)
def test_another_clock_is_never_thought_to_be_ahead_of_what_it_is(
    offset: float, told: list[tuple[float, float]]
) -> None:
    """However long each message took: a deadline by it is early, never late."""
    here = Clock()
    peer = PeerClock(clock=here)
    for pause, took in told:
        said = here.now + offset
        here.now += pause + took
        peer.heard(said)
    estimate = peer.at(here.now)
    assert estimate is not None
    assert estimate <= here.now + offset + 1e-6


def test_a_clock_that_has_not_told_its_time_is_not_known() -> None:
    peer = PeerClock(clock=Clock())
    assert peer.at(1.0) is None
    peer.heard(5.0)
    assert peer.at(math.inf) is None
    peer.forget()
    assert peer.at(1.0) is None


def test_nobody_can_say_that_a_command_was_sent_later_than_now() -> None:
    assert until_s(schema.Undo(), 1e9, 10.0) == 10.0 + schema.ACT_S
    assert until_s(schema.Undo(), 9.0, 10.0) == 9.0 + schema.ACT_S
    assert until_s(schema.Undo(), None, 10.0) == 10.0 + schema.ACT_S


def test_what_brings_to_rest_is_never_too_late() -> None:
    """S3a: off is always allowed."""
    for body in (schema.EStop(), schema.RunStop(), schema.RunAbort(), schema.RunHalt()):
        assert until_s(body, 0.0, 1e6) == math.inf
        assert body.cost == 0
    assert schema.EStopReset().cost == 0


def test_what_is_too_late_says_by_how_much() -> None:
    check_in_time(schema.Undo(), 10.0, 10.0)
    with pytest.raises(TooLate, match=r"3\.0 s after it was sent: too late, so it was not done"):
        check_in_time(schema.Undo(), 10.0, 10.5)


async def test_a_worker_does_not_do_what_comes_too_late(desk: Desk) -> None:
    do = schema.Do(id=7, rev=0, actor=ADA, body=schema.NewSpace(), expires_s=0.0)
    desk.worker._commands.do(do)
    answer = await desk.until(lambda: _answer(desk, 7))
    assert answer.problem.title == "TooLate"
    assert desk.worker.snapshot().spaces == []


async def test_the_same_key_gives_the_first_answer_and_does_nothing_again(desk: Desk) -> None:
    """Sent again while it is under way, and once it is done."""
    for number in (11, 12):
        desk.worker._commands.do(_keyed(number, ADA))
    first = await desk.until(lambda: _answer(desk, 11))
    second = await desk.until(lambda: _answer(desk, 12))
    desk.worker._commands.do(_keyed(13, ADA, expires_s=0.0))
    third = await desk.until(lambda: _answer(desk, 13))
    assert [each.result for each in (first, second, third)] == ["Nodespace"] * 3
    assert desk.worker.snapshot().spaces == ["Nodespace"]
    desk.worker._commands.do(_keyed(14, BOB))
    assert (await desk.until(lambda: _answer(desk, 14))).result == "Nodespace 2"


async def test_a_refusal_is_the_answer_to_its_repetitions_too(desk: Desk) -> None:
    for number in (1, 2):
        do = schema.Do(id=number, rev=0, actor=ADA, key="k", body=schema.Undo())
        desk.worker._commands.do(do)
        assert (await desk.until(lambda n=number: _answer(desk, n))).problem.detail


def test_answers_are_kept_for_minutes_and_no_longer() -> None:
    clock, sent = Clock(), list[Any]()
    once = Once(clock=clock)
    assert not once.came_before(_keyed(1, ADA), sent.append)
    assert once.answered(_keyed(1, ADA), schema.Ack(id=1, rev=0)) == []
    assert once.came_before(_keyed(2, ADA), sent.append)
    assert sent[0].id == 2
    clock.now += KEPT_S + 1
    assert not once.came_before(_keyed(3, ADA), sent.append)
    for number in range(2 * KEPT):
        do = schema.Do(id=1, rev=0, actor=ADA, key=str(number), body=schema.Undo())
        once.came_before(do, sent.append)
        once.answered(do, schema.Ack(id=1, rev=0))
    assert len(once._done) <= KEPT + 1


def _keyed(number: int, actor: schema.Actor, expires_s: float | None = None) -> schema.Do:
    body = schema.NewSpace()
    return schema.Do(id=number, rev=0, actor=actor, key="k", body=body, expires_s=expires_s)


def _answer(desk: Desk, number: int) -> Any:
    answers = (m for m in desk.sent if isinstance(m, schema.Ack | schema.Fail))
    return next((each for each in answers if each.id == number), None)
