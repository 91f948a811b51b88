"""Locks of an instrument: whoever asks and gives back in whatever order."""

import asyncio

from hypothesis import given, strategies as st

from funcnodes_simulators.lines.locks import LockTable, Released

OWNERS = ["a", "b", "c"]
STEPS = st.tuples(
    st.sampled_from(OWNERS), st.sampled_from(["exclusive", "key", "other key", "release", "leave"])
)


@given(st.lists(STEPS, max_size=30))
def test_no_order_of_requests_lets_two_strangers_in(steps) -> None:
    table = LockTable()
    exclusive: str | None = None
    shared: dict[str, str] = {}
    for owner, step in steps:
        if step == "exclusive":
            if table.try_exclusive(owner):
                assert exclusive is None
                assert not shared or owner in shared
                exclusive = owner
        elif step == "release":
            released = table.release(owner)
            if owner == exclusive:
                assert released is Released.EXCLUSIVE
                exclusive = None
            else:
                expected = Released.SHARED if owner in shared else Released.NOTHING
                assert released is expected
                shared.pop(owner, None)
        elif step == "leave":
            table.release_all(owner)
            exclusive = None if exclusive == owner else exclusive
            shared.pop(owner, None)
        elif table.try_shared(owner, step):
            assert exclusive in (None, owner)
            assert set(shared.values()) <= {step}
            shared[owner] = step
        holders = set(shared) | ({exclusive} if exclusive else set())
        assert table.holders == len(holders)
        assert table.is_exclusive is (exclusive is not None)
        for each in OWNERS:
            alone = each == exclusive if exclusive else (not shared or each in shared)
            assert table.admits(each) is alone


async def test_who_waits_is_let_in_when_the_lock_is_given_back() -> None:
    table = LockTable()
    assert table.try_exclusive("a")
    waiting = asyncio.create_task(table.wait(lambda: table.try_exclusive("b"), 5))
    late = asyncio.create_task(table.wait(lambda: table.try_exclusive("c"), 0.01))
    assert await late is False
    table.release("a")
    assert await waiting is True
    assert table.has_exclusive("b")


async def test_a_wait_of_no_time_asks_once() -> None:
    table = LockTable()
    assert table.try_exclusive("a")
    assert await table.wait(lambda: table.try_exclusive("b"), 0) is False
    table.clear()
    assert await table.wait(lambda: table.try_exclusive("b"), 0) is True
