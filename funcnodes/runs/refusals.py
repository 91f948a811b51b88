"""What could not start: a run file without rows that says why.

So that whoever comes in the morning finds what happened at night. What is kept is told by the
run's own state and message; that it could not be kept either is logged, and hides no reason.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from funcnodes.core import clock
from funcnodes.devices.bench import Bench
from funcnodes.runs.records import LogEntry, RunAbout, StorageError
from funcnodes.runs.run import share, versions
from funcnodes.runs.store import RunStore

WITHIN_S = 5.0
"""What keeping it may take; whoever asked for the run waits for the answer."""

_log = logging.getLogger(__name__)


async def keep_refusal(
    store: RunStore,
    graph: Mapping[str, Any],
    about: RunAbout,
    reasons: Sequence[str],
    *,
    nodespace: str = "",
    bench: Bench | None = None,
) -> int | None:
    """Keep that a run did not start; its number, or None where that cannot be kept.

    Args:
        graph: What was to be run, as it was saved.
        reasons: At least one, a sentence each.
    """
    try:
        writer = store.create(
            graph=dict(graph),
            specs=(),
            nodespace=nodespace,
            title=str(graph.get("title") or ""),
            **msgspec.structs.asdict(about),
            bench=bench.name if bench is not None else "",
            simulated=share(bench.simulated if bench else None),
            replayed=share(bench.replayed if bench else None),
            versions=versions(),
        )
        await _within(writer.opened)
        for reason in reasons:
            writer.log(LogEntry(wall=clock.now(), level="error", source="run", text=reason))
        head = msgspec.structs.replace(
            writer.head, state="failed", message=f"It did not start: {reasons[0]}", total=0,
            ended=clock.now(), ended_mono=clock.monotonic(),
        )  # fmt: skip
        await _within(writer.close(head))
    except (StorageError, OSError, TimeoutError) as error:
        _log.warning("That a run did not start could not be kept: %s", error)
        return None
    return writer.head.number


async def _within(future: Any) -> None:
    await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), WITHIN_S)
