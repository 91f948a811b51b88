"""The watchdog: a loop that is held is noticed within a second, and the node is named."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from funcnodes.core import NodeDecorator, NodeSpace
from funcnodes.core.watchdog import Watchdog

from ..waiting import patience

Limit = Callable[[float], float]

Told = list[tuple[str, float]]


@pytest.fixture
def freed() -> threading.Event:
    """Set by the watchdog's thread; what holds the loop waits for it."""
    return threading.Event()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the watchdog logs, also where the command line has set up logging before."""
    logger = logging.getLogger("funcnodes.core.watchdog")
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO, logger.name)
    yield caplog
    logger.removeHandler(caplog.handler)


def teller(told: Told, freed: threading.Event):  # type: ignore[no-untyped-def]  # of a test
    def tell(who: str, held_s: float) -> None:
        told.append((who, held_s))
        freed.set()

    return tell


async def test_a_function_that_holds_the_loop_is_named_within_a_second(
    freed: threading.Event, limit: Limit
) -> None:
    told: Told = []

    @NodeDecorator("test.watchdog.holds")
    def holds(x: int = 0) -> bool:
        return freed.wait(10)

    space = NodeSpace()
    node = space.add_node_instance(holds(name="culprit"))
    began = time.monotonic()
    with Watchdog(space.engine, teller(told, freed)):
        await node
    assert time.monotonic() - began < limit(1.5)
    assert [who for who, _ in told] == ["culprit"]
    assert 0.5 <= told[0][1] < limit(1.0)


async def test_a_coroutine_that_holds_the_loop_is_named_too(freed: threading.Event) -> None:
    told: Told = []

    @NodeDecorator("test.watchdog.coroutine")
    async def holds(x: int = 0) -> bool:
        await asyncio.sleep(0)
        return freed.wait(10)

    space = NodeSpace()
    node = space.add_node_instance(holds(name="slow coroutine"))
    with Watchdog(space.engine, teller(told, freed), held_s=0.1):
        await node
    assert [who for who, _ in told] == ["slow coroutine"]


async def test_what_is_no_node_is_not_blamed_on_one(
    freed: threading.Event, log: pytest.LogCaptureFixture
) -> None:
    space = NodeSpace()

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            freed.set()

    logger = logging.getLogger("funcnodes.core.watchdog")
    handler = Noting()
    logger.addHandler(handler)
    try:
        with Watchdog(space.engine, held_s=0.1):
            freed.wait(10)
    finally:
        logger.removeHandler(handler)
    assert "Something that is no node has held the event loop for 0." in log.text


async def test_each_time_is_told_once_and_a_live_loop_not_at_all(freed: threading.Event) -> None:
    told: Told = []
    space = NodeSpace()
    with Watchdog(space.engine, teller(told, freed), held_s=0.1):
        async with asyncio.timeout(patience()):
            for _ in range(2):
                freed.clear()
                freed.wait(10)
                await asyncio.sleep(0.3)  # alive: the watchdog takes notice of that
    assert len(told) == 2


async def test_a_watchdog_whose_listener_fails_goes_on(log: pytest.LogCaptureFixture) -> None:
    calls = threading.Semaphore(0)

    def fail(who: str, held_s: float) -> None:
        calls.release()
        raise ValueError("no")

    with Watchdog(NodeSpace().engine, fail, held_s=0.1):
        assert calls.acquire(timeout=10)
        await asyncio.sleep(0.3)
        assert calls.acquire(timeout=10)
    assert "Nobody could be told" in log.text
