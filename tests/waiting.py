"""How long tests wait, on whatever machine they run.

A limit that a test holds the program to is `within(seconds)`: so many on a quiet machine with two
cores, more on one that is slower or busy. What has to come but not in any given time is waited
for with `until` or `patience()`, which only ends a test that would hang. The machine's factor is
measured once, before the first test, and handed to every process of the session.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

FACTOR = "FUNCNODES_MACHINE_FACTOR"
"""Name of the variable that holds the factor; set by hand, it is not measured."""
PATIENCE_S = 20.0
MOST = 20.0

_WORK_S = 0.0095  # what `_work` takes on a quiet machine of reference
_LATE_S = 0.0012  # how late a sleeping loop wakes there, now and then
_WORKS, _SLEEPS = 15, 150


def machine_factor() -> float:
    """How many times slower than the quiet machine of reference this one is, 1 at least."""
    if FACTOR not in os.environ:
        os.environ[FACTOR] = f"{measured_factor():.2f}"
    return max(1.0, float(os.environ[FACTOR]))


def within(seconds: float) -> float:
    """A limit of so many seconds on a quiet machine, as it holds on this one."""
    return seconds * machine_factor()


def patience(seconds: float = PATIENCE_S) -> float:
    """How long to wait for what has to come, whenever that is."""
    return within(max(seconds, PATIENCE_S))


async def until(condition: Callable[[], Any], seconds: float = PATIENCE_S) -> Any:
    """Wait for a condition to come true, and give what it gave.

    Args:
        condition: Called every 5 ms; may be a coroutine function.
        seconds: How long on a quiet machine. Named only where that is what is tested.

    Raises:
        TimeoutError: It did not come true.
    """
    async with asyncio.timeout(within(seconds)):
        while True:
            found = condition()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.005)


def eventually(condition: Callable[[], Any]) -> Any:
    """`until` where there is no loop: for what another process or thread does."""
    end = time.monotonic() + patience()
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError("it did not come true")
        time.sleep(0.005)
    return found


def measured_factor() -> float:
    """By a fixed piece of work, and by how late a loop wakes from its sleep."""
    works = [_timed(_work) for _ in range(_WORKS)]
    late = sorted(asyncio.run(_lateness()))
    return min(MOST, max(1.0, median(works) / _WORK_S, late[int(_SLEEPS * 0.95)] / _LATE_S))


def _work() -> int:
    return sum(number * number % 7 for number in range(150_000))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


async def _lateness() -> list[float]:
    late = []
    for _ in range(_SLEEPS):
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        late.append(time.perf_counter() - began - 0.001)
    return late
