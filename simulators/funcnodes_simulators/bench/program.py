"""The whole of the program: serve a bench until standard input ends or it is asked to stop.

Nothing but addresses goes to standard output; every way to fail is one sentence on standard error
and an exit code.
"""

import asyncio
import json as json_format
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TextIO

from funcnodes_simulators.bench.layout import (
    load_layout,
)
from funcnodes_simulators.bench.running import RunningBench
from funcnodes_simulators.instruments.models import BenchError
from funcnodes_simulators.strict import StrictError

STOPPING = (signal.SIGTERM, signal.SIGINT)
FAILED = 1
USAGE_ERROR = 2


def serve(
    bench: str,
    *,
    json: bool,
    control: bool,
    seed: int | None = None,
    port_base: int = 0,
    time_scale: float = 1.0,
    faults: str | None = None,
    strict: bool = False,
) -> int:
    """Serve a bench until standard input ends or the process is asked to stop.

    Args:
        bench: `demo`, or the path of a bench file.
        json: Print the addresses as one JSON object instead of a list.
        control: Open the control socket too.
        seed: Makes noise and faults repeat.
        port_base: First TCP port to use, counted up per device; free ports when 0.
        time_scale: Seconds of the bench per second, 0.1 to 1000.
        faults: A file with what goes wrong, see `faults.files`.
        strict: Fail if a client does something wrong, see `strict`.

    Returns:
        The exit code: 0, 2 with one sentence on standard error if the bench cannot be served, or 1
        with a sentence for each thing that a client did wrong to a strict one.
    """
    try:
        layout = load_layout(bench, faults=faults, strict=strict)
        running = RunningBench(
            layout, seed=seed, control=control, port_base=port_base, time_scale=time_scale
        )
        asyncio.run(_serve(running, lambda: _announce(running, sys.stdout, as_json=json)))
        running.check()
    except BenchError as error:
        print(error, file=sys.stderr)
        return USAGE_ERROR
    except StrictError as error:
        print(error, file=sys.stderr)
        return FAILED
    return 0


async def _serve(running: RunningBench, announce: Callable[[], None]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, stopped.set)
    await running.start()
    try:
        announce()
        threading.Thread(target=_watch_stdin, args=(loop, stopped), daemon=True).start()
        await stopped.wait()
    finally:
        await running.stop()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    """Read standard input to its end, on a thread: any kind of file may stand there."""
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    try:
        loop.call_soon_threadsafe(stopped.set)
    except RuntimeError:
        return


def _announce(running: RunningBench, out: TextIO, *, as_json: bool) -> None:
    if as_json:
        line = {"resources": running.resources, "control": running.control_address}
        print(json_format.dumps(line), file=out, flush=True)
        return
    for name, resource in running.resources.items():
        print(f"{name:<12} {resource}", file=out)
    if running.control_address is not None:
        print(f"{'control':<12} {running.control_address}", file=out)
    print("Serving until standard input ends (Ctrl-D) or Ctrl-C.", file=out, flush=True)
