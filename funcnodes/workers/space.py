"""The nodespace that is open in a worker: the graph, its edits, its file, its runs, its canvas.

Opening one closes the other: one nodespace is open per worker at a time. The worker's graph is
the truth; what is on disk follows it within 0.2 s.
"""

from collections.abc import Callable
from typing import Any

from funcnodes.core import Library, Node, NodeSpace
from funcnodes.devices.bench import Bench
from funcnodes.devices.estop.latch import Latch
from funcnodes.runs import Prompts, Runner, RunStore
from funcnodes.runs.records import LogEntry
from funcnodes.workers import schema
from funcnodes.workers.canvas import Canvas
from funcnodes.workers.edits import Edit, Editor, Revisions
from funcnodes.workers.live import LiveSession
from funcnodes.workers.logbook import Logbook
from funcnodes.workers.publisher import Publisher
from funcnodes.workers.saving import Autosave
from funcnodes.workers.shown import views
from funcnodes.workers.shown.rows import RowsFeed
from funcnodes.workers.workspace import LoadedSpace, SpaceStore


def build(library: Library, bench: Bench | None, latch: Latch, data: dict[str, Any]) -> NodeSpace:
    """A disarmed nodespace from its saved form, with the bench within its nodes' reach.

    Raises:
        SavedGraphError: It is no valid nodespace.
    """
    space = NodeSpace(library, arming="disarmed")
    space.by_hand = True
    space.services.provide(Latch, latch)
    if bench is not None:
        space.services.provide(Bench, bench)
    space.deserialize(data)
    return space


class OpenNodespace:
    """One open nodespace.

    Attributes:
        space: The graph.
        editor: Its edits.
        revisions: What was changed last, and by whom.
        runner: Its runs.
        prompts: What its nodes ask people.
        live: What was written by hand outside them.
        touched: Nodes that the last edit, undo or redo was about.
        canvas: What browsers know of it.
        notice: What the user must know about this file, or "".
    """

    def __init__(
        self,
        loaded: LoadedSpace,
        space: NodeSpace,
        *,
        store: SpaceStore,
        runs: RunStore,
        publisher: Publisher,
        logbook: Logbook,
        changed: Callable[[], None],
        asked: Callable[[], None],
    ) -> None:
        """Args:
        changed: Called when what the top bar shows is another than before.
        asked: Called when what its nodes ask people is.
        """
        self.space = space
        self.notice = loaded.notice or _not_checked(space)
        self._publisher = publisher
        self._logbook = logbook
        self._changed = changed
        self._store = store
        self.autosave = Autosave(
            store, loaded.name, space.serialize, saved=loaded.saved, changed=changed,
            is_large=lambda: self.canvas.is_large,
        )  # fmt: skip
        self.editor = Editor(space, edited=self.autosave.touch)
        self.revisions = Revisions()
        self.touched: frozenset[str] = frozenset()
        self.runner = Runner(space, runs, nodespace=loaded.name)
        self.prompts = Prompts()
        space.services.provide(Prompts, self.prompts)
        self.live = LiveSession(space, space.services.get(Bench), logbook=logbook, changed=changed)
        self.canvas = Canvas(space, publisher)
        self._unwatch = [
            self.runner.on_change(lambda run: self._run_changed()),
            self.runner.on_rows(RowsFeed(publisher)),
            self.runner.on_log(self._run_logged),
            self.prompts.on_change(asked),
        ]
        space.on("arming", self._armed)

    @property
    def name(self) -> str:
        return self.autosave.name

    def view(self) -> schema.SpaceView:
        """The document, as the top bar shows it."""
        editor = self.editor
        return schema.SpaceView(
            name=self.name,
            title=self.space.title,
            saved=None if self.autosave.dirty else self.autosave.saved,
            can_undo=bool(editor.undo_label),
            can_redo=bool(editor.redo_label),
            undo_label=editor.undo_label,
            redo_label=editor.redo_label,
            arming=self.space.arming,
            bench=str(self.space.requires.get("bench") or ""),
            notice=self.autosave.trouble or self.notice,
            written=self.live.view(),
        )

    def edit(self, edit: Edit) -> None:
        """Make an edit and tell everybody.

        Raises:
            RefusedError: It is not possible now.
            GraphError: What it names is not there, does not fit, or is refused.
        """
        self.editor.make(edit)
        self._edited(edit)

    def undo(self) -> None:
        """Take the last edit back; raises RefusedError where that is not possible."""
        self._edited(self.editor.undo())

    def redo(self) -> None:
        """Make the last undone edit again; raises RefusedError where that is not possible."""
        self._edited(self.editor.redo())

    def failures(self) -> list[Node]:
        """Nodes that have begun to fail since this was last asked."""
        failed, self.canvas.failures = self.canvas.failures, []
        return failed

    async def aclose(self) -> None:
        """End its run, its nodes and its file, in this order."""
        await self.runner.aclose("The nodespace was closed.")
        for unwatch in self._unwatch:
            unwatch()
        self.live.close()
        await self.autosave.aclose()
        await self.space.aclose()

    def _edited(self, edit: Edit) -> None:
        self.touched = edit.touches
        self._publisher.rev = self.editor.rev
        self.canvas.refresh(edit.touches, structural=edit.structural)
        self._changed()

    def _armed(self, **_: Any) -> None:
        self._changed()

    def _run_changed(self) -> None:
        run = self.runner.run
        if run is not None and run.is_over:
            self.live.forget(name for name, state in run.parked.items() if state != "failed")
        self._publisher.mark("run", self._run_events)

    def _run_events(self) -> list[schema.PatchEvent]:
        run = self.runner.run
        return [schema.RunPut(run=views.run_view(run))] if run is not None else []

    def _run_logged(self, entry: LogEntry) -> None:
        self._logbook.add(entry.level, entry.source, entry.text, t=entry.wall)


def _not_checked(space: NodeSpace) -> str:
    """What people must know of wires of an older file, or ""."""
    found = space.unchecked
    if not found:
        return ""
    count = "A wire in this file is" if len(found) == 1 else f"{len(found)} wires in this file are"
    return f"{count} not checked, since an older version let it be. {found[0][1]}"
