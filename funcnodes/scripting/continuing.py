"""A graph that was run, opened once more on a script's bench, to go on with its run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from funcnodes.basic_nodes.files import Files
from funcnodes.core import NodeSpace, units
from funcnodes.devices.bench import Bench
from funcnodes.runs import Prompts, Runner, RunStore
from funcnodes.runs.continuing import Continuing, inputs_of, look_back, set_live_inputs
from funcnodes.runs.local import library


@asynccontextmanager
async def continuable(
    bench: Bench, store: RunStore, run: str, first: int | None
) -> AsyncIterator[tuple[Runner, Continuing]]:
    """The graph of a run, and how it would go on; closed with the block.

    A run that is on at the end of the block is aborted, devices first.
    """
    async with AsyncExitStack() as stack:
        space = NodeSpace(library(), arming="disarmed")
        stack.push_async_callback(space.aclose)
        space.services.provide(Files, Files(store.folder.parent / "files"))
        space.services.provide(Prompts, Prompts(asks=False))
        space.services.provide(Bench, bench)
        reader = await asyncio.to_thread(store.find, run)
        await asyncio.to_thread(units.preload)
        space.deserialize(reader.graph())
        set_live_inputs(space, inputs_of(reader, first))
        runner = Runner(space, store, nodespace=reader.head.nodespace)
        stack.push_async_callback(runner.aclose, "The script ended.")
        plan = await look_back(runner, reader.head.id, first=first, is_its_graph=True)
        yield runner, plan
