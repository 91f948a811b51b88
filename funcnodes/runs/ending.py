"""The last steps of a run: making devices safe, and closing its file; both end, whatever happens.

An orderly way down is cut short by a halt: then each device gets what the bench asks for at an
E-STOP, without a latch. A writer that was lost, or whose disk does not answer, is given up.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from funcnodes.devices.bench import Bench
from funcnodes.runs.records import RunHead, StorageError
from funcnodes.runs.writer import RunWriter

CLOSE_S = 60.0
"""For how long a writer may make no headway at all until it is given up; real seconds."""
LEAVING_S = 5.0
"""The same, once the program itself is ending."""
LOOK_S = 0.5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one device.

    Attributes:
        state: parked, held, off, sent, unanswered or failed.
        text: The same in a sentence.
    """

    device: str
    state: str
    text: str

    @property
    def is_failure(self) -> bool:
        return self.state in ("failed", "unanswered")


async def bring_down(bench: Bench, names: Sequence[str], halted: asyncio.Event) -> list[Ended]:
    """Park these devices; from the moment of a halt on, make them safe at once."""
    if not halted.is_set():
        parked = await _unless(halted, _parked(bench, names))
        if parked is not None:
            return parked
    return await strike(bench, names)


async def _parked(bench: Bench, names: Sequence[str]) -> list[Ended]:
    found = []
    for result in await bench.park(names):
        text = f"{result.device} was {result.state}."
        if result.state == "failed":
            text = f"{result.device} could not be parked: {result.message}"
        found.append(Ended(result.device, result.state, text))
    return found


async def strike(bench: Bench, names: Sequence[str]) -> list[Ended]:
    """What the bench asks for at an E-STOP, without its latch."""
    acks = await bench.make_safe("on_estop", names)
    return [Ended(ack.device, ack.state, f"Halted: {ack.text}") for ack in acks]


async def _unless(
    halted: asyncio.Event, work: Coroutine[Any, Any, list[Ended]]
) -> list[Ended] | None:
    """What it gives; None where a halt came before."""
    working = asyncio.ensure_future(work)
    halting = asyncio.ensure_future(halted.wait())
    try:
        await asyncio.wait((working, halting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        halting.cancel()
        if not working.done():
            working.cancel()
    if working.cancelled() or not working.done():
        return None
    return working.result()


def whatever(step: Callable[[], object]) -> None:
    """Carry out a step of ending; one that raises is logged, and holds up none of the others."""
    try:
        step()
    except Exception:
        _log.exception("A step at the end of a run failed")


async def closed(writer: RunWriter, head: RunHead) -> str:
    """Close the file of a run; "", or in a sentence why it could not be."""
    closing, loop, done = writer.close(head), asyncio.get_running_loop(), asyncio.Event()
    closing.add_done_callback(lambda _: _from_thread(loop, done.set))
    seen, still_s, bound_s = writer.progress, 0.0, CLOSE_S
    while not done.is_set():
        try:
            await asyncio.wait_for(done.wait(), LOOK_S)
        except TimeoutError:
            still_s = still_s + LOOK_S if writer.progress == seen else 0.0
            seen = writer.progress
        except asyncio.CancelledError:
            bound_s = LEAVING_S  # the program ends; the file is to be whole first
        if still_s >= bound_s:
            return f"The run file {writer.path} did not close in {bound_s:g} s."
    try:
        closing.result()
    except StorageError as error:
        return error.message
    return ""


def _from_thread(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(call)
