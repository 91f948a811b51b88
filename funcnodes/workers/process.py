"""The worker's process: `python -m funcnodes.workers.process --dir DIR`.

SIGTERM, Ctrl-C and a closed terminal make devices safe, flush, and end with 0, also when a node
holds the event loop; a second signal changes nothing. What it says goes to its log, and in a
terminal there, too. No secret is ever in the arguments: the credential is in the worker's folder.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from funcnodes import __version__
from funcnodes.errors import FuncnodesError
from funcnodes.workers.local.leftovers import last_crash, sweep_worker
from funcnodes.workers.local.logs import LogFile
from funcnodes.workers.worker import Worker
from funcnodes.workers.workspace import Workspace

BEGIN_S = 0.3
"""For how long the loop may let a signal wait before devices are made safe from a thread."""
HELD_S = 1.0
"""For how long a loop that is held may then still come back and end in order."""
TURN_S = 0.1
FLUSH_S = 0.3
"""What the safety log has of an end without the loop."""
END_S = 3.5
"""How long an orderly end may take; then outputs are struck and the process ends all the same."""


class Ending:
    """What a signal does: ends the worker in order, or without its loop if that does not answer."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._told = False

    def __call__(self, number: int, frame: Any) -> None:
        """The signal handler; runs in the main thread between two instructions."""
        if self._told:
            return
        self._told = True
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._worker.end)
        threading.Thread(target=self._insist, daemon=True, name="ending").start()

    def _insist(self) -> None:
        """From a thread: a loop that is held must keep neither the devices on nor the process.

        It may be held from the start, or by a node that resists on the way to the end.
        """
        deadline = time.monotonic() + END_S
        while time.monotonic() < deadline:
            if self._turns(BEGIN_S):
                time.sleep(TURN_S)
                continue
            self._worker.strike("SIGTERM")
            if not self._turns(HELD_S):
                break
        else:
            self._worker.strike("SIGTERM")
        self._worker.guard.stand_down()
        self._worker.latch.log.flush(FLUSH_S)
        self._worker.workspace.leave()
        os._exit(0)

    def _turns(self, within_s: float) -> bool:
        turned = threading.Event()
        with contextlib.suppress(RuntimeError):  # it has ended, and the process is about to
            self._loop.call_soon_threadsafe(turned.set)
        return turned.wait(within_s)


async def work(workspace: Workspace) -> None:
    """Be this worker until told to end."""
    worker = Worker(workspace)
    ending = Ending(worker)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ending)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as under nohup
        signal.signal(signal.SIGHUP, ending)
    crash = last_crash(workspace)
    with workspace.claimed(worker.session):
        LogFile(workspace.logs_dir).begin(f"funcnodes {__version__}, {sys.executable}")
        sweep_worker(workspace.root)
        if crash:
            worker.logbook.add("warning", "worker", crash)
            worker.latch.log.note("death", crash.partition(" Its last words")[0])
        await worker.run()


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0 after an orderly end, 1 where it could not begin."""
    parser = argparse.ArgumentParser(prog="funcnodes.workers.process")
    parser.add_argument("--dir", required=True, type=Path, help="the worker's folder")
    given = parser.parse_args(arguments)
    os.umask(0o077)
    try:
        asyncio.run(work(Workspace(given.dir.absolute())))
    except FuncnodesError as error:
        print(f"{error.message} {error.hint}".strip(), file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
