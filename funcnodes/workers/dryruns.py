"""Dry runs that people ask a worker for: of the graph as it is, in a process of its own.

Guarantees that nothing of the worker waits for one, neither its loop nor its heartbeat: all of it
happens in a thread that waits for that process. There is one at a time; it is bounded in time, and
ends when it is cancelled, or with the worker.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import msgspec

from funcnodes.core.codec.strict import parse
from funcnodes.errors import FuncnodesError, RefusedError, RunError
from funcnodes.runs.dryrun.process import DryAnswer, DryJob
from funcnodes.workers import schema
from funcnodes.workers.threads import in_thread
from funcnodes.workers.workspace import Workspace

MOST_S = 120.0
"""Real seconds after which the run is given up and what was found is told."""
GRACE_S = 30.0
"""How long after that the process may take before it is ended itself."""
_CHANGED = (
    "The bench file was changed since this worker began: the dry run went by the file as it is now."
)
_MODULE = "funcnodes.runs.dryrun.process"


class DryRuns:
    """Those of one worker.

    Attributes:
        most_s: See `MOST_S`.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.most_s = MOST_S
        self._workspace = workspace
        self._loaded = _read(workspace.bench_path)
        self._lock = threading.Lock()
        self._by = ""
        self._is_on = False
        self._cancelled_by: str | None = None
        self._process: subprocess.Popen[bytes] | None = None

    async def make(self, name: str, graph: bytes, by: str) -> schema.DryRunView:
        """Try a graph.

        Args:
            name: What the nodespace is called.
            graph: As its file has it.
            by: Who asks.

        Raises:
            RefusedError: One is on already.
            RunError: It could not be told what the run would do, or it was cancelled.
        """
        with self._lock:
            if self._is_on:
                who = f"{self._by}'s dry run" if self._by else "A dry run"
                raise RefusedError(f"{who} is on.", hint="Wait until it is done, or cancel it.")
            self._is_on, self._by, self._cancelled_by = True, by, None
        return await in_thread(lambda: self._made(name, graph), name="dry run")

    def cancel(self, by: str) -> bool:
        """End the one that is on; whether there was one."""
        with self._lock:
            if not self._is_on:
                return False
            self._cancelled_by = by or "somebody"
            process = self._process
        if process is not None:
            with contextlib.suppress(OSError):
                process.kill()
        return True

    def _made(self, name: str, graph: bytes) -> schema.DryRunView:
        try:
            with tempfile.TemporaryDirectory(prefix="funcnodes-dry-") as folder:
                answer = self._answer(self._job(name, graph), Path(folder))
        except FuncnodesError as error:
            raise RunError(error.message) from error
        except OSError as error:
            raise RunError(f"The dry run could not be made: {error}.") from error
        finally:
            with self._lock:
                self._is_on, self._process = False, None
        if answer.evidence is None:
            raise RunError(answer.error or "The dry run found nothing out.")
        fine = answer.evidence.report.is_fine
        return schema.DryRunView(evidence=answer.evidence, fine=fine)

    def _job(self, name: str, graph: bytes) -> DryJob:
        bench, data = self._workspace.bench_path, parse(graph, what="The graph")
        return DryJob(
            graph=data, name=name, worker=str(bench.parent),
            bench=str(bench) if bench.is_file() else "", most_s=self.most_s, asker=os.getpid(),
            warning=_CHANGED if _read(bench) != self._loaded else "",
        )  # fmt: skip

    def _answer(self, job: DryJob, folder: Path) -> DryAnswer:
        """Carry it out in a process whose temporary files go with `folder`."""
        job_path, answer_path, said_path = (folder / name for name in ("job", "answer", "said"))
        job_path.write_bytes(msgspec.json.encode(job))
        with said_path.open("wb") as said:
            process = self._begin([str(job_path), str(answer_path)], folder, said)
        try:
            process.wait(job.most_s + GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            took = f"{job.most_s + GRACE_S:g} s"
            raise RunError(f"The dry run did not end within {took} and was given up.") from None
        if self._cancelled_by is not None:
            raise RunError(f"The dry run was cancelled by {self._cancelled_by}.")
        if not answer_path.is_file():
            raise RunError(_ended_badly(process.returncode, said_path))
        return msgspec.json.decode(answer_path.read_bytes(), type=DryAnswer)

    def _begin(self, arguments: list[str], folder: Path, said: Any) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._cancelled_by is not None:
                raise RunError(f"The dry run was cancelled by {self._cancelled_by}.")
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MODULE, *arguments],
                env={**os.environ, "TMPDIR": str(folder)},
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
            return self._process


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _ended_badly(status: int, said: Path) -> str:
    lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    why = f": {lines[-1][:200]}" if lines else ""
    return f"The dry run ended by itself with status {status}{why.rstrip('.')}."
