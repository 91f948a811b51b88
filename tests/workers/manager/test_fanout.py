"""From one worker to many browsers: order kept, values give way, rows and answers never do."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from funcnodes.workers import schema
from funcnodes.workers.manager.fanout import (
    MERGE_FROM,
    RING_PATCHES,
    STALLED_AFTER_S,
    Ring,
    Subscriber,
)

encode = msgspec.msgpack.encode
decode = msgspec.msgpack.Decoder(schema.FromWorker).decode


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def value(port: str, number: float) -> schema.PortValues:
    return schema.PortValues(values=[schema.PortValue("n", port, number, "ok", None, False, True)])


def rows(start: int) -> schema.RowsView:
    return schema.RowsView(run="r", recorder="c", start=start, columns=[], data=[[1.0]])


def patch(seq: int, *events: Any) -> bytes:
    return encode(schema.Patch(session="s", seq=seq, rev=0, events=list(events)))


async def drain(subscriber: Subscriber) -> list[Any]:
    return [decode(await subscriber.get()) for _ in range(subscriber.waiting)]


def applied(patches: list[Any]) -> tuple[dict[str, Any], list[int]]:
    """What a browser ends with: the last value per port, and the rows it got."""
    values: dict[str, Any] = {}
    got: list[int] = []
    for each in patches:
        for event in each.events if isinstance(each, schema.Patch) else []:
            if isinstance(event, schema.PortValues):
                values.update({v.port: v.value for v in event.values})
            elif isinstance(event, schema.RowsView):
                got.append(event.start)
    return values, got


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.integers(0, 99)), max_size=100),
    st.integers(1, 30),
)
async def test_a_slow_browser_ends_where_a_fast_one_does(
    events: list[tuple[bool, str, int]], pace: int
) -> None:
    """Whatever its pace: same values, every row once and in order, every patch number once."""
    slow = Subscriber()
    everything, got = [], []
    for seq, (is_row, port, number) in enumerate(events, 1):
        data = patch(seq, rows(seq) if is_row else value(port, float(number)))
        everything.append(decode(data))
        slow.push(data, is_patch=True)
        if seq % pace == 0:
            got += await drain(slow)
    got += await drain(slow)
    assert [each.seq for each in got] == list(range(1, len(events) + 1))
    assert applied(got) == applied(everything)


async def test_superseded_values_are_taken_out_of_what_waits() -> None:
    slow = Subscriber()
    for seq in range(1, MERGE_FROM * 4 + 1):
        slow.push(patch(seq, value("a", float(seq))), is_patch=True)
    got = await drain(slow)
    sent = [each for each in got if each.events]
    assert len(sent) == 1
    assert sent[0].events[0].values[0].value == float(MERGE_FROM * 4)


async def test_answers_are_kept_in_their_place_among_patches() -> None:
    slow = Subscriber()
    for seq in range(1, 40):
        slow.push(patch(seq, value("a", float(seq))), is_patch=True)
        if seq % 10 == 0:
            slow.push(encode(schema.Ack(id=seq, rev=0)))
    order = [each.id if isinstance(each, schema.Ack) else "patch" for each in await drain(slow)]
    assert [index for index, each in enumerate(order) if each != "patch"] == [10, 21, 32]


async def test_values_from_before_a_reset_do_not_give_way_to_those_after_it() -> None:
    slow = Subscriber()
    slow.push(patch(1, value("a", 1.0)), is_patch=True)
    slow.push(patch(2, schema.Reset(nodes=[], edges=[])), is_patch=True)
    for seq in range(3, MERGE_FROM + 3):
        slow.push(patch(seq, value("a", float(seq))), is_patch=True)
    got = await drain(slow)
    assert got[0].events[0].values[0].value == 1.0


async def test_one_that_never_takes_is_given_up_in_thirty_seconds() -> None:
    clock = Clock()
    subscriber = Subscriber(clock=clock)
    subscriber.push(patch(1))
    await subscriber.get()
    clock.now = STALLED_AFTER_S - 1
    subscriber.push(patch(2))
    assert not subscriber.dropped.is_set()
    clock.now = STALLED_AFTER_S + 1
    subscriber.push(patch(3))
    assert subscriber.dropped.is_set()
    assert subscriber.waiting == 0
    assert STALLED_AFTER_S < 30


async def test_one_with_nothing_to_take_is_not_given_up() -> None:
    clock = Clock()
    subscriber = Subscriber(clock=clock)
    waiting = asyncio.create_task(subscriber.get())
    await asyncio.sleep(0)
    clock.now = 1000.0
    subscriber.check()
    assert not subscriber.dropped.is_set()
    subscriber.push(b"x")
    assert await waiting == b"x"


async def test_a_snapshot_takes_the_place_of_waiting_patches_but_of_no_answer() -> None:
    subscriber = Subscriber()
    subscriber.push(patch(1), is_patch=True)
    subscriber.push(encode(schema.Ack(id=1, rev=0)))
    subscriber.forget_patches()
    assert subscriber.waiting == 1


@pytest.mark.parametrize(
    ("session", "seq", "expected"),
    [("s", 3, [4, 5]), ("s", 5, []), ("s", 0, [1, 2, 3, 4, 5]), ("s", 6, None), ("t", 3, None)],
)
def test_a_ring_knows_what_came_after(session: str, seq: int, expected: list[int] | None) -> None:
    ring = Ring()
    ring.begin("s")
    for number in range(1, 6):
        assert ring.add("s", number, str(number).encode())
    found = ring.after(session, seq)
    assert (None if found is None else [int(each) for each in found]) == expected


def test_a_ring_forgets_the_oldest_and_says_so() -> None:
    ring = Ring()
    ring.begin("s")
    for number in range(1, RING_PATCHES + 11):
        ring.add("s", number, b"x")
    assert ring.after("s", 9) is None
    found = ring.after("s", 10)
    assert found is not None
    assert len(found) == RING_PATCHES


def test_a_ring_notices_a_gap_and_another_session() -> None:
    ring = Ring()
    ring.begin("s")
    assert ring.add("s", 7, b"x")
    assert not ring.add("s", 9, b"x")
    assert ring.after("s", 7) is None
    assert not ring.add("t", 1, b"x")
    assert ring.after("t", 0) == [b"x"]
