"""Whether the evidence of a dry run still is about what is to be run: graph, bench and limits.

The bench is the one that the worker has loaded; where its file was changed since, nobody can tell
by the file what the worker would do, so that counts as a change.
"""

from pathlib import Path
from typing import Any

import msgspec

from funcnodes.core.codec.strict import parse
from funcnodes.errors import BenchError, RefusedError
from funcnodes.runs.assignments import Assignment
from funcnodes.runs.dryrun import DryReport, Evidence, changed, hashes_of
from funcnodes.runs.dryrun.report import duration
from funcnodes.runs.queued import AttachedEvidence
from funcnodes.workers.threads import in_thread


class LoadedBench:
    """The bench file of a worker, as it was when the worker loaded it.

    Attributes:
        path: None where the worker has none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path if path.is_file() else None
        self._text = _read(self.path)

    @property
    def is_as_loaded(self) -> bool:
        return _read(self.path) == self._text

    async def hashes(self, graph: dict[str, Any], sets: tuple[str, ...]) -> dict[str, str]:
        """Of a graph with these values set, on this bench.

        Raises:
            RefusedError: The file was changed since.
        """
        if not self.is_as_loaded:
            raise RefusedError(
                "The bench file was changed since this worker began.", hint="Start it again."
            )
        values = [Assignment.parse(text) for text in sets]
        try:
            return await in_thread(lambda: hashes_of(graph, values, self.path), name="hashes")
        except BenchError as error:
            raise RefusedError(error.message) from error


def read_evidence(given: dict[str, Any]) -> Evidence:
    """What somebody sent as evidence.

    Raises:
        RefusedError: It is none, or the dry run did not end well.
    """
    try:
        evidence = msgspec.convert(given, Evidence)
    except msgspec.ValidationError as error:
        raise RefusedError(f"That is no evidence of a dry run: {error}.") from error
    report = evidence.report
    if not report.is_fine:
        why = report.refused[0] if report.refused else report.message or f"it was {report.state}"
        raise RefusedError(f"The dry run did not end well: {why.rstrip('.')}.")
    return evidence


def attached(evidence: Evidence, now: dict[str, str]) -> AttachedEvidence:
    """What an entry keeps of it.

    Raises:
        RefusedError: Something changed since.
    """
    found = evidence.differences(now)
    if found:
        raise RefusedError(" ".join(found), hint="Make another dry run.")
    return AttachedEvidence(
        token=evidence.token, made=evidence.made, hashes=evidence.hashes,
        text=_found(evidence.report),
    )  # fmt: skip


def differences(evidence: AttachedEvidence, now: dict[str, str]) -> str:
    """What changed since the dry run, in sentences, or ""."""
    return " ".join(changed(evidence.hashes, now))


def read_graph(data: bytes) -> dict[str, Any]:
    """A graph as its file would be read."""
    graph: dict[str, Any] = parse(data, what="The graph")
    return graph


def _found(report: DryReport) -> str:
    return f"{report.points} points in {duration(report.duration_s)}, {report.written} writes"


def _read(path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path is not None else None
    except OSError:
        return None
