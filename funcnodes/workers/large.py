"""Graphs so large that reading or showing one would hold the event loop.

A file is read and its nodes are made in a thread, which gives the loop its turn every few
milliseconds; what is shown of it is made on the loop, in slices. Meanwhile heartbeat, E-STOP and
commands go on. Python's collector of garbage is kept from looking through all of it at once, which
would stop every thread for seconds.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from funcnodes.core.codec.strict import without_collecting
from funcnodes.workers.threads import in_thread

FILE_BYTES = 500_000
"""A file from which on a nodespace counts as large before it is read."""
SLICE_S = 0.005
USUAL_S = 0.005  # as Python has it
SWITCH_S = 0.0005
"""How long a thread has to itself meanwhile: an E-STOP changes threads some dozens of times."""

T = TypeVar("T")
S = TypeVar("S")


def is_large_file(path: Path) -> bool:
    """Whether reading it would hold the loop."""
    try:
        return path.stat().st_size > FILE_BYTES
    except OSError:
        return False


async def made_aside(make: Callable[[], T], *, kept: bool = False) -> T:
    """What `make` makes, in a thread.

    Args:
        kept: It lasts: what it consists of is not looked through for garbage until `let_go`.
    """

    def making() -> T:
        with without_collecting():
            made = make()
            if kept:
                gc.freeze()
            return made

    sys.setswitchinterval(SWITCH_S)
    try:
        return await in_thread(making, name="aside")
    finally:
        sys.setswitchinterval(USUAL_S)


def let_go() -> None:
    """What was made aside is not used any more: its memory may be had again."""
    gc.unfreeze()


async def in_slices(items: Iterable[S], make: Callable[[S], T]) -> list[T]:
    """`make` of each item, a few milliseconds at a time."""
    made: list[T] = []
    end = time.monotonic() + SLICE_S
    for item in items:
        made.append(make(item))
        if time.monotonic() > end:
            await asyncio.sleep(0)
            end = time.monotonic() + SLICE_S
    return made
