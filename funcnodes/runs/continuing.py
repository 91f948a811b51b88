"""Going on with a run that was stopped, aborted or killed, at its next point, as a run of its own.

Everything is looked at before anything moves: which points were taken, whether graph, drivers,
instruments and limits are the same, and which writes bring the settings of that moment back. Those
are shown; what is carried out is what was shown. Two cannot go on with the same run.
"""

import asyncio
import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from funcnodes.core import NodeInput, NodeSpace, clock
from funcnodes.core.naming import name_of
from funcnodes.devices.bench import Bench
from funcnodes.errors import FuncnodesError, RefusedError, RunError
from funcnodes.runs import outage, restoring
from funcnodes.runs.basis import basis_of, objections
from funcnodes.runs.chain import cut, renumbered
from funcnodes.runs.control import Runner
from funcnodes.runs.plan import Plan, plan
from funcnodes.runs.points import Past, PointRecord
from funcnodes.runs.reader import RunReader
from funcnodes.runs.records import ENDED, Continuation, RunAbout, RunHead
from funcnodes.runs.restoring import RestoringWrite
from funcnodes.runs.run import Run
from funcnodes.runs.sameness import differing_nodes
from funcnodes.runs.scans import Scan
from funcnodes.runs.store import RunStore
from funcnodes.runs.ulid import new_ulid
from funcnodes.runs.writer import is_being_written, storage_error

LIVE_INPUT = "live input"


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuing:
    """How a run would go on; see `run.GoingOn`.

    Attributes:
        id: ULID of the run that is to be.
        reader: The run that it goes on with.
        head: Of that.
        past: Its points, those of the runs before included.
        total: Points that there are, None where nobody knows.
        writes: What brings the settings of that moment back.
        again: What the graph does once more by itself, a line each.
        remarks: What else to know.
    """

    id: str
    reader: RunReader
    head: RunHead
    past: Past
    continuation: Continuation
    total: int | None
    writes: tuple[RestoringWrite, ...] = ()
    again: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def first(self) -> int:
        """The number of the point at which it goes on, from 1."""
        return self.past.points + 1

    @property
    def token(self) -> str:
        """The same for the same run, point and writes: who agrees says to what."""
        said = [self.head.id, self.first, [[w.device, w.member, w.value] for w in self.writes],
                self.again]  # fmt: skip
        return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:16]

    def lines(self) -> list[str]:
        """All of it in words, for a person who is to agree."""
        of = f" of {self.total}" if self.total is not None else ""
        what = self.head.title or self.head.nodespace
        found = [f"Run {self.head.number} ({what}) goes on at point {self.first}{of}."]
        if self.writes:
            found += ["Written first, as it was then:", *(f"  {w.text}" for w in self.writes)]
        else:
            found.append("Nothing has to be written first.")
        if self.again:
            found += ["Then the graph does again:", *(f"  {line}" for line in self.again)]
        return [*found, *self.remarks]

    def about(self) -> RunAbout:
        """What was said of the run before holds for this one, too."""
        return RunAbout(
            sample=self.head.sample,
            sample_row=self.head.sample_row,
            project=self.head.project,
            notes=self.head.notes,
        )

    async def restore(self, run: Run) -> None:
        bench = run.bench
        for write in self.writes:
            if bench is None or not run.is_going_on:
                return
            await bench.device(write.device).member_set(write.member, write.value)
            run.log("info", "continue", f"Restored {write.text}.")
        run.note("restored", writes=msgspec.to_builtins(self.writes), again=list(self.again))

    @contextmanager
    def claimed(self, store: RunStore, by: str) -> Iterator[None]:
        """Around the making of its file: nobody else goes on with the same run.

        Raises:
            RefusedError: Somebody does, or did meanwhile.
            StorageError: The run before cannot be told of it.
        """
        path = store.folder / ".continuing"
        try:
            fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise storage_error(path, error) from error
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise RefusedError(
                    "Somebody else is going on with a run at this very moment; look again."
                ) from error
            check_free(store, self.reader)
            self.reader.annotate("continued", self.id, by)
            yield
        finally:
            os.close(fd)


def check_free(store: RunStore, run: RunReader) -> None:
    """That a run has ended early, and nobody has gone on with it.

    Raises:
        RefusedError: It is not so.
    """
    head = run.head
    if is_being_written(run.path) or head.state not in ENDED:
        raise RefusedError(f"Run {head.number} is still going on; stop it first.")
    if head.state == "complete":
        raise RefusedError(f"Run {head.number} is complete: there is nothing to go on with.")
    children = store.children(run)
    if children:
        last = children[-1]
        raise RefusedError(
            f"Run {head.number} was continued already, by run {last.number} ({last.state}).",
            hint=f"Continue run {last.number}; or delete it, and run {head.number} is free again.",
        )


async def look_back(
    runner: Runner, name: str, *, first: int | None = None, is_its_graph: bool = False
) -> Continuing:
    """How a run would go on here. Reads devices; writes nothing.

    Args:
        runner: Of the nodespace in which it is to go on.
        name: As `RunStore.find` takes it.
        first: The point to go on at, from 1; points from there on are taken again. None for the
            first that was not taken to its end.
        is_its_graph: The nodespace was read from the run's own file, so it is the one.

    Raises:
        RunError: There is no such run, or a file that it needs is missing.
        RefusedError: It cannot be gone on with; `context["problems"]` has all reasons.
    """
    space, the_plan = runner.space, plan(runner.space)
    frames = [name_of(frame) for frame in the_plan.frames]
    then = await asyncio.to_thread(_read, runner.store, name, frames, first)
    head, past = then.head, then.past
    if not is_its_graph:
        what = head.title or head.nodespace
        _refuse(head, list(_another_graph(space, then)), hint=f"Open {what!r} as it was then.")
    _refuse(head, [*_without_points(the_plan), *_mixed(past)])
    total = the_plan.points_total()
    if _is_over(the_plan, past, total):
        raise RefusedError(f"Run {head.number} has taken all of its {past.points} points.")
    bench = space.services.get(Bench)
    _refuse(head, list(_unapproved(bench)))
    await runner.look()
    used = outage.used(the_plan.nodes)
    found = [
        *objections(_basis(then.whole), basis_of(bench, used, the_plan)),
        *runner.check(),
        *await _unteachable(the_plan, past),
    ]
    _refuse(head, found)
    nodes = restoring.done_again(the_plan, past)
    settings = restoring.Restoration((), (), ())
    if bench is not None:
        settings = await restoring.settings(
            bench, used, past, then.whole.snapshots(), restoring.set_again(nodes)
        )
        _refuse(head, settings.objections)
    rows = {spec.recorder: past.rows.get(spec.recorder, 0) for spec in then.reader.specs}
    return Continuing(
        id=new_ulid(clock.now()),
        reader=then.reader,
        head=head,
        past=past,
        continuation=Continuation(run=head.id, number=head.number, points=past.points, rows=rows),
        total=total,
        writes=settings.writes,
        again=tuple(restoring.effects(nodes)),
        remarks=settings.remarks,
    )


@dataclass(frozen=True, slots=True)
class _Then:
    """What the files say of the run, read in a thread."""

    reader: RunReader
    whole: RunReader
    head: RunHead
    past: Past
    inputs: dict[str, Any]
    graph: dict[str, Any]


def _read(store: RunStore, name: str, frames: Sequence[str], first: int | None) -> _Then:
    reader = store.find(name)
    check_free(store, reader)
    head, whole = reader.head, reader.whole()
    _refuse(head, list(_unkept(reader)))
    records = renumbered(whole.point_records(), reader.frames(), frames)
    records, since = _from(records, first, head)
    past, inputs = Past(records), _live_inputs(whole, since)
    return _Then(reader, whole, head, past, inputs, reader.graph())


# ── what stands in the way ────────────────────────────────────────────────────────────────────


def _refuse(head: RunHead, found: Sequence[str], *, hint: str = "") -> None:
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise RefusedError(
            f"Run {head.number} cannot be continued: {found[0]}{more}",
            hint=hint,
            problems=list(found),
        )


def _unkept(reader: RunReader) -> Iterator[str]:
    if not reader.frames():
        yield (
            "Nothing in its file says which points were taken: it did not start, or was "
            "recorded by a script, imported, or made by an earlier version of funcnodes."
        )


def _unapproved(bench: Bench | None) -> Iterator[str]:
    if bench is not None and bench.config.approval is not None:
        yield (
            f"the bench {bench.name!r} asks that every run is approved before it starts, which can "
            "be said of queued runs only."
        )


def _without_points(the_plan: Plan) -> Iterator[str]:
    for frame in the_plan.frames:
        if not isinstance(frame, Scan):
            yield (
                f"{frame.name} is no scan: which of its rounds are over is not kept, so nobody "
                "knows where to go on."
            )


def _from(
    records: Sequence[PointRecord], first: int | None, head: RunHead
) -> tuple[Sequence[PointRecord], float | None]:
    """The records before the point to go on at, and when that point was over; None for now."""
    if first is None:
        return records, None
    taken = Past(records).points
    if not 1 <= first <= taken + 1:
        raise RefusedError(
            f"Run {head.number} can go on at point 1 to {taken + 1}, not at point {first}."
        )
    kept = cut(records, first - 1)
    return kept, records[len(kept)].wall if len(kept) < len(records) else None


def _mixed(past: Past) -> Iterator[str]:
    if past.together:
        names = " and ".join(past.together)
        yield f"{names} made their points at the same time, so there is no order to go on by."


def _another_graph(space: NodeSpace, then: _Then) -> Iterator[str]:
    changed = differing_nodes(then.graph, space, then.inputs)
    if changed:
        yield (
            f"The nodespace is not the one that was run: {', '.join(changed[:5])}"
            f"{' …' if len(changed) > 5 else ''} differ{'s' if len(changed) == 1 else ''}."
        )


def _is_over(the_plan: Plan, past: Past, total: int | None) -> bool:
    if not past.points:
        return False
    if total is not None and past.points >= total:
        return True
    return all(past.ended(n) for n, _ in enumerate(the_plan.frames))


def _basis(whole: RunReader) -> dict[str, Any]:
    """That of the newest run that has kept one."""
    found = [part.basis() for part in whole.parts]
    return next((each for each in reversed(found) if each), {})


async def _unteachable(the_plan: Plan, past: Past) -> list[str]:
    """Scans that would choose other points than they did."""
    found: list[str] = []
    for n, frame in enumerate(the_plan.frames):
        if isinstance(frame, Scan):
            for known in past.each(n):
                try:
                    await asyncio.to_thread(frame.check_past, known)
                except FuncnodesError as error:
                    found.append(error.message)
    return found


# ── inputs that were changed on the way ───────────────────────────────────────────────────────


def inputs_of(run: RunReader, first: int | None = None) -> dict[str, Any]:
    """Live inputs as they were at the moment to go on at: values by "node id.port id".

    Raises:
        RunError: A run before is missing.
        RefusedError: There is no such point.
    """
    whole = run.whole()
    return _live_inputs(whole, _from(whole.point_records(), first, run.head)[1])


def bench_of_run(run: RunReader) -> Path | None:
    """The bench file on which it ran, where that is still there."""
    path = Path(_basis(run).get("bench", ""))
    return path if path.is_file() else None


def _live_inputs(whole: RunReader, since: float | None = None) -> dict[str, Any]:
    """Live inputs as they were changed during the run.

    Args:
        since: What was changed from then on does not count; None for all.
    """
    found: dict[str, Any] = {}
    for event in whole.events():
        is_early = since is None or event.wall < since
        if event.kind == LIVE_INPUT and is_early and event.data.get("node"):
            found[f"{event.data['node']}.{event.data['id']}"] = event.data.get("value")
    return found


def set_live_inputs(space: NodeSpace, inputs: dict[str, Any]) -> list[str]:
    """Set them in a graph as it was begun; a line for each.

    Raises:
        RunError: One is gone, or does not take the value.
    """
    said: list[str] = []
    for where, value in inputs.items():
        port = _port(space, where)
        if port is None:
            raise RunError(f"The input {where} that was changed during the run is not there.")
        port.set_value(value)
        said.append(f"{port.node.name}: {port.name} = {value}, as it was changed during the run")
    return said


def _port(space: NodeSpace, where: str) -> NodeInput | None:
    name, _, port_id = where.rpartition(".")
    for node in space.walk():
        if name_of(node) == name:
            return node.inputs.get(port_id)
    return None
