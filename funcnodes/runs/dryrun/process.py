"""A dry run in a process of its own: `python -m funcnodes.runs.dryrun.process JOB ANSWER`.

Its clock jumps for that process only, and whoever asked is not held up by it. Guarantees that it
ends with whoever asked, however that ends, and that it comes last where the machine is busy.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from funcnodes.durable import write_private
from funcnodes.errors import FuncnodesError
from funcnodes.runs.dryrun import findings
from funcnodes.runs.dryrun.evidence import Evidence
from funcnodes.runs.dryrun.running import dry_run_of
from funcnodes.runs.interrupt import NotStarted

LATER = 10
LOOK_S = 0.5


class DryJob(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be tried.

    Attributes:
        graph: The nodespace as its file has it.
        name: What it is called.
        worker: Folder of the worker, which is only read.
        bench: Its bench file, or "".
        most_s: Real seconds after which the run is given up.
        asker: Process that it ends with.
        warning: What else has to be said in the report.
    """

    graph: dict[str, Any]
    name: str
    worker: str
    bench: str
    most_s: float
    asker: int
    warning: str = ""


class DryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it: evidence with its report, or why there is none, in a sentence."""

    evidence: Evidence | None = None
    error: str = ""


def carry_out(job: DryJob) -> DryAnswer:
    """Try it; blocks, and takes the process's clock meanwhile."""
    try:
        report = dry_run_of(
            job.graph, job.name, worker=Path(job.worker),
            bench=Path(job.bench) if job.bench else None, most_s=job.most_s,
        )  # fmt: skip
    except FuncnodesError as error:
        return DryAnswer(error=error.message)
    except NotStarted:
        return DryAnswer(error="The dry run was ended before it began.")
    if job.warning:
        report = findings.warned(report, job.warning)
    return DryAnswer(evidence=Evidence.of(report, made=time.time()))


def main(arguments: list[str]) -> int:
    """Read the job from a file, leave the answer in another."""
    job_path, answer_path = map(Path, arguments)
    job = msgspec.json.decode(job_path.read_bytes(), type=DryJob)
    with contextlib.suppress(OSError, AttributeError):  # no such thing on Windows
        os.nice(LATER)
    threading.Thread(target=_end_with, args=(job.asker,), daemon=True, name="asker").start()
    write_private(answer_path, msgspec.json.encode(carry_out(job)))
    return 0


def _end_with(asker: int) -> None:
    while os.getppid() == asker:
        time.sleep(LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
