"""What a run of a file would be refused for, without running it.

Loads the file on its bench, which stays closed unless it is asked to be opened; writes nothing to
any instrument, and nothing to disk but the folder that holds what local runs keep.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from funcnodes.basic_nodes.files import Files
from funcnodes.core import NodeSpace
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchFile
from funcnodes.devices.estop.latch import Latch
from funcnodes.machine.place import leases_dir
from funcnodes.runs import disk, holding
from funcnodes.runs.assignments import Assignment
from funcnodes.runs.checks import problems
from funcnodes.runs.local import bench_of, library, local_folder, read_nodespace, simulated
from funcnodes.runs.plan import plan
from funcnodes.runs.run import stopped_by
from funcnodes.settings import Settings

OWNER = "check"


def check_file(
    settings: Settings,
    path: Path,
    *,
    sets: Sequence[Assignment] = (),
    bench: Path | None = None,
    connect: bool = False,
) -> list[str]:
    """Why a run of this file would not start, in plain sentences; none where it would.

    Args:
        settings: Where local runs and their E-STOP latch are kept.
        path: The nodespace.
        sets: Values for its inputs, as a run takes them.
        bench: Bench file in place of the one that the nodespace names.
        connect: Open the bench, and so tell also who cannot be reached, what lost its settings
            and what does not hold (D8).

    Raises:
        FuncnodesError: It could not be looked at: no such file, no such bench.
    """
    return asyncio.run(_found(settings, path, sets, bench, connect))


async def _found(
    settings: Settings,
    path: Path,
    sets: Sequence[Assignment],
    bench_path: Path | None,
    connect: bool,
) -> list[str]:
    data, folder = read_nodespace(path), local_folder(settings)
    where = bench_of(data, path, bench_path, folder)
    async with AsyncExitStack() as stack:
        space = NodeSpace(library(), arming="disarmed")
        stack.push_async_callback(space.aclose)
        space.services.provide(Files, Files(folder / "files"))
        bench = await _bench(where, folder, connect, stack) if where is not None else None
        if bench is not None:
            space.services.provide(Bench, bench)
        _load(space, data, sets)
        if bench is not None and connect:
            await bench.open()
        found = await _sentences(space, bench, is_open=connect)
        runs = folder / "runs"
        why = disk.unfit(runs) or disk.lacking(runs, plan(space))
        return [*found, *([why] if why else [])]


def _load(space: NodeSpace, data: dict[str, Any], sets: Sequence[Assignment]) -> None:
    space.deserialize(data)
    for assignment in sets:
        assignment.apply(space)


async def _bench(where: Path, folder: Path, connect: bool, stack: AsyncExitStack) -> Bench:
    """The bench, not yet open; closed with `stack`."""
    resources = await simulated(where, stack) if connect else {}
    bench = Bench(
        BenchFile.load(where).usable,
        resources,
        path=where,
        lock_dir=leases_dir(),
        latch=Latch(folder / "latch.json"),
        owner=OWNER,
    )
    stack.push_async_callback(bench.close)
    return bench


async def _sentences(space: NodeSpace, bench: Bench | None, *, is_open: bool) -> list[str]:
    run = plan(space)
    if is_open:
        await holding.look(run.nodes, bench)
    found = problems(space, run, bench, is_open=is_open)
    if bench is not None and bench.latch.latched:
        found.insert(0, stopped_by(bench.latch.state))
    return found
