"""What keeps the next entry of an armed queue from beginning just now, in a sentence.

An interlock that stops devices, and an operator who was lost for too long, latch like an E-STOP:
that disarms the queue. What is told of here passes by itself, and the queue goes on.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from funcnodes.runs.run import stopped_by

if TYPE_CHECKING:
    from funcnodes.workers.worker import Worker


def why_held(worker: "Worker") -> str:
    """The first reason; "" where there is none."""
    return next(_reasons(worker), "")


def _reasons(worker: "Worker") -> Iterator[str]:
    if worker.latch.latched:
        yield stopped_by(worker.latch.state)
    yield from _of_the_bench(worker)
    if worker.scripts.is_open:
        yield "A script has the bench."
    opened = worker.open
    if opened is None:
        return
    run = opened.runner.active
    if run is not None:
        yield f"Run {run.number} of {opened.name!r} is on."
    elif opened.runner.is_busy:
        yield f"A run of {opened.name!r} is about to begin."
    elif opened.space.arming == "live":
        yield "Live is on: what is set by hand acts on the bench."


def _of_the_bench(worker: "Worker") -> Iterator[str]:
    if worker.bench is None:
        return
    for state in worker.bench.interlocks.states():
        if state.tripped:
            yield f"Interlock {state.name!r} has tripped{f': {state.why}' if state.why else ''}."
    has_dead_man = any(
        device.action("on_operator_lost") != "hold" for device in worker.bench.devices.values()
    )
    if has_dead_man and not worker.operator_here:
        yield "Whoever held the controls is gone, and this bench asks that somebody is there."
