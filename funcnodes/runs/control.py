"""Run control: starts runs of a nodespace, one at a time, after checking that they can.

Guarantees that nothing is armed before every check has passed and the run file is there.
What happens from then on is the run's.
"""

from collections.abc import Callable
from contextlib import nullcontext

import msgspec

from funcnodes.core import Frame, Node, NodeSpace, Pacer
from funcnodes.core.events import unsubscriber
from funcnodes.devices.bench import Bench
from funcnodes.devices.estop.latch import Latch
from funcnodes.errors import FuncnodesError, RefusedError, RunError
from funcnodes.runs import disk, holding
from funcnodes.runs.before import BeforeRun
from funcnodes.runs.checks import problems
from funcnodes.runs.documents import Fields, Subscriber
from funcnodes.runs.plan import plan
from funcnodes.runs.records import NOTHING_SAID, LogEntry, RunAbout, RunApproval, StorageError
from funcnodes.runs.refusals import keep_refusal
from funcnodes.runs.run import GoingOn, Run, RunListeners, RunSurroundings, stopped_by
from funcnodes.runs.store import RunStore
from funcnodes.runs.table import Table


class Runner(Pacer):
    """Starts runs of one nodespace, and tells what becomes of them.

    Reaches the bench and its latch through the nodespace's services. Frames find it there too.

    Attributes:
        run: The run that is on, or else the last one.
    """

    def __init__(self, space: NodeSpace, store: RunStore, *, nodespace: str = "") -> None:
        self.space = space
        self.store = store
        self.nodespace = nodespace
        self.run: Run | None = None
        self._listeners = RunListeners()
        self._subscribers: list[Subscriber] = []
        self._starting = False
        space.services.provide(Runner, self)
        space.services.provide(Pacer, self)

    @property
    def active(self) -> Run | None:
        """The run that is on, if any."""
        return self.run if self.run is not None and not self.run.is_over else None

    @property
    def is_busy(self) -> bool:
        """Whether a run is on, or is about to begin."""
        return self._starting or self.active is not None

    def on_change(self, callback: Callable[[Run], None]) -> Callable[[], None]:
        """Call `callback(run)` at each change of state or progress; returns how to end that."""
        return unsubscriber(self._listeners.changed, callback)

    def on_rows(self, callback: Callable[[Table, int, int], None]) -> Callable[[], None]:
        """Call `callback(table, start, stop)` for rows just appended; returns how to end that."""
        return unsubscriber(self._listeners.rows, callback)

    def on_log(self, callback: Callable[[LogEntry], None]) -> Callable[[], None]:
        """Call `callback(entry)` for each line of a run's log; returns how to end that."""
        return unsubscriber(self._listeners.log, callback)

    def subscribe(self, tell: Subscriber) -> Callable[[], None]:
        """Call `tell(name, document)` with the Bluesky documents of the run that is on, and of
        each that comes; returns how to end that."""

        def told(name: str, document: Fields) -> None:
            if told in self._subscribers:
                tell(name, document)

        forget = unsubscriber(self._subscribers, told)
        if self.active is not None:
            self.active.subscribe(told)
        return forget

    def check(self) -> list[str]:
        """Why a run cannot start now, in plain sentences; none where it can."""
        way = plan(self.space)
        found = problems(self.space, way, self.space.services.get(Bench))
        why = disk.unfit(self.store.folder) or disk.lacking(self.store.folder, way)
        if why:
            found.append(why)
        latch = self._latch()
        if latch is not None and latch.latched:
            found.insert(0, stopped_by(latch.state))
        return found

    async def start(
        self,
        *,
        operator: str = "",
        about: RunAbout = NOTHING_SAID,
        going_on: GoingOn | None = None,
        approval: RunApproval | None = None,
    ) -> Run:
        """Check, arm, open the file, and begin; returns while the run is on.

        One that cannot start leaves a run without rows that says why, as far as that can be kept;
        not so where a run is on, or where not all is said of it that is asked for.

        Args:
            operator: Who starts it.
            about: What is said of it, to be kept in its file.
            going_on: Where it goes on that another run left unfinished; see `continuing`.
            approval: Who approved it, where somebody did; kept with the run.

        Raises:
            RefusedError: A run is on, the E-STOP is latched, or the bench asks for an approval and
                there is none.
            RunError: A check failed; `context["problems"]` has all sentences. Or what is said of
                the run is too long, or not all that is asked for.
            StorageError: The run file cannot be written.
        """
        self._check_free()
        about = msgspec.structs.replace(about.checked(), operator=operator)
        self._starting = True
        try:
            try:
                run = await self._opened(about, going_on, approval)
            except FuncnodesError as error:
                if going_on is None:  # else the run before is kept, and can be gone on with
                    await self._keep(error, about)
                raise
            self.run = run
            for told in tuple(self._subscribers):
                run.subscribe(told)
            try:
                run.begin()
            except BaseException:
                run.discard()
                raise
        finally:
            self._starting = False
        if approval is not None:
            run.note("approved", **msgspec.structs.asdict(approval))
            by = " by the evidence of a dry run" if approval.token else ""
            run.log("info", "run", f"Approved by {approval.by}{by}.")
        return run

    def _check_free(self) -> None:
        active = self.active
        if active is not None or self._starting:
            number = f"Run {active.number}" if active is not None else "A run"
            raise RefusedError(f"{number} is on; a nodespace has one run at a time.")

    def _needs_no_approval(self) -> None:
        bench = self.space.services.get(Bench)
        if bench is not None and bench.config.approval is not None:
            raise RefusedError(
                f"The bench {bench.name!r} asks that every run is approved before it starts.",
                hint="Put it into the queue of its worker, where somebody approves it.",
            )

    def _said(self, about: RunAbout) -> RunAbout:
        """What is said of the run, with the row of its sample; all that is asked for is in it."""
        before = self.space.services.get(BeforeRun) or BeforeRun()
        bench = self.space.services.get(Bench)
        return before.checked(about, bench.config if bench is not None else None)

    async def _opened(
        self, about: RunAbout, going_on: GoingOn | None, approval: RunApproval | None
    ) -> Run:
        """A run that may begin, with its file.

        Raises:
            FuncnodesError: It may not.
        """
        if approval is None:
            self._needs_no_approval()
        if going_on is None:  # else it was said of the run before
            about = self._said(about)
        latch = self._latch()
        if latch is not None:
            latch.check("The run")
        await holding.look(plan(self.space).nodes, self.space.services.get(Bench))
        why = disk.unfit(self.store.folder)
        if why:
            raise StorageError(why, hint=disk.HINT, path=str(self.store.folder))
        found = self.check()
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise RunError(found[0] + more, problems=found)
        run = Run(self._around(latch, going_on), plan(self.space), about)
        try:
            by = about.operator
            with going_on.claimed(self.store, by) if going_on else nullcontext():
                await run.open()
        except BaseException:
            run.discard()
            raise
        return run

    async def _keep(self, error: FuncnodesError, about: RunAbout) -> None:
        """A record of what could not start, with its reasons."""
        found = error.context.get("problems")
        reasons = [str(each) for each in found] if isinstance(found, list) else [error.message]
        number = await keep_refusal(
            self.store, self.space.serialize(), about, reasons, nodespace=self.nodespace,
            bench=self.space.services.get(Bench),
        )  # fmt: skip
        if number is not None:
            error.context["run"] = number

    async def check_live(self) -> None:
        """Before effects are switched on: what is acted on and read must hold (D8).

        Raises:
            RefusedError: Something does not; `context["problems"]` has all sentences.
        """
        bench = self.space.services.get(Bench)
        nodes = [node for node in self.space.walk() if not node.muted]
        await holding.look(nodes, bench)
        found = list(holding.unmet(nodes, bench))
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise RefusedError(
                f"Effects were not switched on: {found[0]}{more}",
                hint="Set it in the Bench panel, or by a node, first.",
                problems=found,
            )

    async def look(self) -> None:
        """Have devices read what their drivers require to hold, for the check (D8).

        Raises:
            RefusedError: A run is on, or is just beginning.
        """
        self._check_free()
        self._starting = True
        try:
            await holding.look(plan(self.space).nodes, self.space.services.get(Bench))
        finally:
            self._starting = False

    async def aclose(self, cause: str = "the worker ends") -> None:
        """Abort the run that is on, and wait until its devices are safe and its file is closed."""
        run = self.active
        if run is not None:
            run.abort(cause)
            await run.wait()
        self.space.services.withdraw(Runner)
        self.space.services.withdraw(Pacer)

    # ── for frames ────────────────────────────────────────────────────────────────────────

    async def checkpoint(self, frame: Node) -> bool:
        run = active_run(frame)
        return run is None or not isinstance(frame, Frame) or await run.checkpoint(frame)

    def point_done(self, frame: Node) -> None:
        run = active_run(frame)
        if run is not None and isinstance(frame, Frame):
            run.point_done(frame)

    def _around(self, latch: Latch | None, going_on: GoingOn | None) -> RunSurroundings:
        bench = self.space.services.get(Bench)
        return RunSurroundings(
            self.space, self.store, self.nodespace, bench, latch, self._listeners, going_on
        )

    def _latch(self) -> Latch | None:
        bench = self.space.services.get(Bench)
        return self.space.services.get(Latch) or (bench.latch if bench is not None else None)


def active_run(node: Node) -> Run | None:
    """The run that the present execution of `node` is part of, if any."""
    runner = node.nodespace.services.get(Runner) if node.nodespace is not None else None
    run = runner.active if runner is not None else None
    return run if run is not None and run.is_recorded(node.wave) else None
