"""The copy of a graph that a queued run happens in: beside the open nodespace, which stays free.

Built from what was submitted, with the values that were to be set in it; gone after its run.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from funcnodes.basic_nodes.files import Files
from funcnodes.core import NodeSpace
from funcnodes.devices.bench import Bench
from funcnodes.runs import Prompts, Run, Runner
from funcnodes.runs.assignments import Assignment
from funcnodes.runs.before import BeforeRun
from funcnodes.runs.checks import lasting
from funcnodes.runs.plan import plan
from funcnodes.runs.queued import RunOrder
from funcnodes.runs.records import LogEntry, RunAbout
from funcnodes.workers.large import FILE_BYTES, made_aside
from funcnodes.workers.shown.rows import RowsFeed
from funcnodes.workers.space import build

if TYPE_CHECKING:
    from funcnodes.workers.worker import Worker


class AsideSpace:
    """One such copy.

    Attributes:
        space: The graph.
        runner: Its run.
        prompts: What its nodes ask people.
    """

    def __init__(self, worker: "Worker", space: NodeSpace, name: str) -> None:
        self.space = space
        self.runner = Runner(space, worker.runs, nodespace=name)
        self.prompts = Prompts()
        space.services.provide(Files, Files(worker.workspace.files_dir))
        space.services.provide(Prompts, self.prompts)
        space.services.provide(BeforeRun, worker.keeping.before_run())
        self._ends: list[Callable[[], None]] = []

    @classmethod
    async def made(
        cls, worker: "Worker", order: RunOrder, graph: dict[str, Any], size: int
    ) -> "AsideSpace":
        """Build it.

        Args:
            size: Of the graph as a file, in bytes.

        Raises:
            SavedGraphError: It is no valid nodespace.
            AssignmentError, ValueRefusedError, RefusedError: A value cannot be set in it.
        """

        def make() -> NodeSpace:
            return build(worker.library, worker.bench, worker.latch, graph)

        space = await made_aside(make) if size > FILE_BYTES else make()
        aside = cls(worker, space, order.nodespace)
        try:
            for text in order.sets:
                Assignment.parse(text).apply(space)
        except BaseException:
            await aside.aclose()
            raise
        return aside

    def lacks(self) -> list[str]:
        """Why it could never be run here, in sentences."""
        return lasting(self.space, plan(self.space), self.space.services.get(Bench))

    def check_said(self, about: RunAbout) -> None:
        """Raises RunError where something is not said of the run that is asked for."""
        before, bench = self.space.services.get(BeforeRun), self.space.services.get(Bench)
        if before is not None:
            before.checked(about, bench.config if bench is not None else None)

    def follow(self, worker: "Worker", changed: Callable[[Run], None]) -> None:
        """Tell people of its run from now on."""

        def logged(entry: LogEntry) -> None:
            worker.logbook.add(entry.level, entry.source, entry.text, t=entry.wall)

        self.space.on("arming", worker.plan_guardian)  # nothing is written that it knows not of
        self._ends += [
            self.runner.on_change(changed),
            self.runner.on_rows(RowsFeed(worker.publisher)),
            self.runner.on_log(logged),
            self.prompts.on_change(worker.asked),
        ]

    async def aclose(self) -> None:
        """End its run, then its nodes."""
        await self.runner.aclose("The queue let it go.")
        for end in self._ends:
            end()
        await self.space.aclose()
