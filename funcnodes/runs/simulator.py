"""A simulated bench in a process of its own, for as long as a run needs it.

Shares only bytes with it: addresses come as JSON on its first line, it ends when its stdin does.
It sits in a session of its own, so that Ctrl-C reaches us first, and devices are made safe while
they still answer.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from funcnodes.errors import BenchError

START_S = 15.0
END_S = 3.0


class _Announcement(msgspec.Struct):
    resources: dict[str, str]
    control: str | None = None


@asynccontextmanager
async def simulator(bench: str) -> AsyncIterator[Mapping[str, str]]:
    """Serve the simulated `bench` within the block; gives the address of each device by name.

    Raises:
        BenchError: It did not start; the sentence is its own.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "funcnodes_simulators", bench, "--json",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        yield await _announced(process, bench)
    finally:
        await _end(process)


async def _announced(process: asyncio.subprocess.Process, bench: str) -> Mapping[str, str]:
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_S)
        return msgspec.json.decode(line, type=_Announcement).resources
    except (TimeoutError, msgspec.MsgspecError) as error:
        raise BenchError(
            f"The simulated bench {bench!r} did not start: {await _complaint(process)}", bench=bench
        ) from error


async def _complaint(process: asyncio.subprocess.Process) -> str:
    """The last line it wrote to stderr, once it has ended."""
    assert process.stderr is not None
    if process.returncode is None:
        process.kill()
    text = (await process.stderr.read()).decode(errors="replace").strip()
    return text.splitlines()[-1] if text else f"no address within {START_S:g} s."


async def _end(process: asyncio.subprocess.Process) -> None:
    """Its stdin ends, and so does it; a stubborn one is killed."""
    stdin: Any = process.stdin
    stdin.close()
    try:
        await asyncio.wait_for(process.communicate(), END_S)
    except TimeoutError:
        process.kill()
        await process.communicate()
