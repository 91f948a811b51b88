"""Keeps one worker's queue of runs, and carries it out: whose turn it is, and what holds it.

Guarantees that a change is on disk before it is answered, that an entry is kept as running before
anything is armed for it, that no two runs are on at once on the worker, and that nothing begins by
itself after a restart, an E-STOP or a run that was to stop the queue. What an entry may be asked
for is `RunQueue`'s.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from funcnodes.core import clock
from funcnodes.devices.benchfile import ApprovalRule
from funcnodes.errors import FuncnodesError, RefusedError, WorkerError
from funcnodes.runs import Run, RunHead, RunReader
from funcnodes.runs.queued import QueueEntry, RunOrder, Submitter
from funcnodes.runs.records import LogLevel
from funcnodes.runs.run import stopped_by
from funcnodes.runs.runqueue import EntryEnd, RunQueue
from funcnodes.runs.verdicts import result_of
from funcnodes.workers import schema
from funcnodes.workers.queueing import proof
from funcnodes.workers.queueing.aside import AsideSpace
from funcnodes.workers.queueing.holding import why_held
from funcnodes.workers.queueing.kept import QueueFolder
from funcnodes.workers.shown import safety, views
from funcnodes.workers.shown.queue import queue_view
from funcnodes.workers.threads import in_thread

if TYPE_CHECKING:
    from funcnodes.workers.worker import Worker

Verb = Callable[[RunQueue], RunQueue]
_log = logging.getLogger("funcnodes.worker")


class _PutBack(Exception):
    """It is not its turn after all; `void`: it is to be approved anew, which says why."""

    def __init__(self, void: str = "") -> None:
        self.void = void


class QueueKeeper:
    """The queue of one worker.

    Attributes:
        queue: As it is on disk.
        entry: The entry whose turn it is, from before its run begins until after it has ended.
    """

    def __init__(self, worker: "Worker") -> None:
        self.queue = RunQueue()
        self.entry: QueueEntry | None = None
        self._worker = worker
        self._folder = QueueFolder(worker.workspace.queue_dir)
        self._bench = proof.LoadedBench(worker.workspace.bench_path)
        self._aside: AsideSpace | None = None
        self._last: Run | None = None
        self._accepted: list[str] = []
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._ending = False
        self._told_hold = ""

    # ── what is known ─────────────────────────────────────────────────────────────────────

    @property
    def aside(self) -> AsideSpace | None:
        """The copy that the present entry runs in, if one does."""
        return self._aside

    @property
    def active(self) -> Run | None:
        """Its run that is on, if any."""
        return self._aside.runner.active if self._aside is not None else None

    @property
    def run(self) -> Run | None:
        """Its run that is on, or else the last one."""
        return self.active or self._last

    @property
    def rule(self) -> ApprovalRule | None:
        """What the bench asks of an approval."""
        bench = self._worker.bench
        return bench.config.approval if bench is not None else None

    def view(self) -> schema.QueueView:
        """As people are shown it."""
        return queue_view(self.queue, hold=self._hold(), approval=self.rule is not None)

    def needs_idle(self, what: str) -> None:
        """Raises RefusedError while an entry is being carried out."""
        if self.entry is not None:
            raise RefusedError(
                f"{what} has to wait: {self.entry.title} of the queue is being run, and a bench "
                "has one run at a time.",
                hint="Stop that run, or put this one into the queue.",
            )

    # ── its life ──────────────────────────────────────────────────────────────────────────

    async def load(self, interrupted: Sequence[RunHead]) -> None:
        """Read what was kept; it is disarmed.

        Args:
            interrupted: Runs that a killed process left.
        """
        queue, notice = await in_thread(self._folder.load, name="queue")
        if notice:
            self._worker.logbook.add("warning", "queue", notice)
        entry = queue.running
        if entry is None and not queue.armed and self._ruled(queue) == queue:
            self.queue = queue
            return
        began = (entry.began or 0.0) if entry is not None else 0.0
        head = next((each for each in interrupted if each.started >= began), None)
        run, number = (head.id, head.number) if entry and head else ("", 0)
        anew = self._ruled(queue.restarted(at=clock.now(), run=run, number=number))
        await self._note(lambda _: anew)
        if entry is not None:
            text = f"{entry.begun} of the queue was interrupted; nothing is begun again by itself."
            self._worker.logbook.add("warning", "queue", text)

    async def work(self) -> None:
        """Carry entries out for as long as the worker lives."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._see_latch()
            while (entry := self.queue.next) is not None and not self._hold():
                self.entry = entry  # at once: nobody else begins a run from here on
                self._idle.clear()
                try:
                    await self._carry_out(entry)
                except Exception as error:
                    await self._give_way(entry, error)
                finally:
                    self.entry = None
                    self._idle.set()
                    self._told()
                await self._see_latch()

    async def _give_way(self, entry: QueueEntry, error: Exception) -> None:
        """A bug of ours: that entry has failed, and nothing more begins by itself."""
        _log.exception("%s failed", entry.begun)
        why = f"{type(error).__name__}: {error}"
        now = clock.now()
        await self._note(lambda queue: queue.end("failed", why, at=now).disarm(why))

    def poke(self, *_: Any) -> None:
        """Something may be different now that kept the next entry from beginning."""
        self._wake.set()
        if self._hold() != self._told_hold:
            self._told()

    def give_up(self, cause: str) -> None:
        """The worker ends: begin nothing more, and abort what runs."""
        self._ending = True
        if self.active is not None:
            self.active.abort(cause)

    async def aclose(self) -> None:
        """Wait until what ran is kept as interrupted."""
        self._ending = True
        await self._idle.wait()

    # ── what people ask for ───────────────────────────────────────────────────────────────

    async def change(self, verb: Verb) -> RunQueue:
        """Change the queue; on disk when this returns.

        Raises:
            RefusedError: The verb is not possible now.
            WorkerError: It cannot be written; the queue is as it was.
        """
        async with self._turn:
            changed = verb(self.queue)
            if changed != self.queue:
                await in_thread(lambda: self._folder.save(changed), name="queue")
                self.queue = changed
        self._told()
        self._wake.set()
        return changed

    async def submit(
        self,
        order: RunOrder,
        data: bytes,
        by: Submitter,
        *,
        evidence: dict[str, Any] | None = None,
    ) -> int:
        """Take a run into the queue. Returns the id of its entry.

        Args:
            order: All but the hash of its graph.
            data: The graph as a file.
            evidence: Of a dry run.

        Raises:
            FuncnodesError: The graph is none, lacks something on this bench, or cannot be kept.
        """
        graph = proof.read_graph(data)
        order = order.checked()
        aside = await AsideSpace.made(self._worker, order, graph, len(data))
        try:
            aside.check_said(msgspec.structs.replace(order.about, operator=by.name))
            found = aside.lacks()
        finally:
            await aside.aclose()
        if found:
            more = f" There are {len(found) - 1} more such reasons." if len(found) > 1 else ""
            raise RefusedError(f"{found[0]}{more}", hint="Nothing was queued.", problems=found)
        proven = None
        if evidence is not None:
            read = proof.read_evidence(evidence)
            proven = proof.attached(read, await self._bench.hashes(graph, order.sets))
        async with self._turn:
            name = await in_thread(lambda: self._folder.keep_graph(data), name="queue")
            kept = msgspec.structs.replace(order, graph=name)
            changed = self.queue.submit(kept, by, at=clock.now(), rule=self.rule)
            entry_id = self.queue.next_id
            if proven is not None:
                changed = changed.attach(entry_id, proven)
            await in_thread(lambda: self._folder.save(changed), name="queue")
            self.queue = changed
        self._told()
        self._wake.set()
        return entry_id

    async def approve(
        self, entry_id: int, by: Submitter, *, evidence: dict[str, Any] | None = None
    ) -> None:
        """Let an entry be run.

        Raises:
            RefusedError: It does not wait for that, not for this person's, or its evidence does
                not hold.
        """
        entry = self.queue.find(entry_id)
        proven = None
        if evidence is not None:
            proven = proof.attached(proof.read_evidence(evidence), await self._hashes(entry))
        elif entry.evidence is not None:
            found = proof.differences(entry.evidence, await self._hashes(entry))
            if found:
                raise RefusedError(found, hint="Make another dry run.")

        def verb(queue: RunQueue) -> RunQueue:
            if proven is not None:
                queue = queue.attach(entry_id, proven)
            return queue.approve(entry_id, by, at=clock.now(), rule=self.rule)

        await self.change(verb)

    async def arm(self, by: str, accepted: list[str]) -> None:
        """Let entries begin by themselves.

        Raises:
            RefusedError: The E-STOP is latched.
        """

        def verb(queue: RunQueue) -> RunQueue:
            self._worker.latch.check("Arming the queue")
            return queue.arm(by)

        self._worker.latch.check("Arming the queue")
        if self.queue.armed:
            return
        self._accepted = accepted
        await self.change(verb)
        self._worker.logbook.add("info", "queue", f"{by} armed the queue.")

    # ── carrying out ──────────────────────────────────────────────────────────────────────

    async def _carry_out(self, entry: QueueEntry) -> None:
        try:
            await self.change(lambda queue: queue.begin(entry.id, at=clock.now()))
        except RefusedError:
            return  # it was moved, removed or disarmed meanwhile
        except WorkerError as error:
            why = error.message
            await self._note(lambda queue: queue.disarm(why))
            return
        self.entry = self.queue.find(entry.id)
        try:
            state, reason = await self._run(entry)
        except _PutBack as error:
            void = error.void
            await self._note(lambda queue: queue.put_back(void))
            return
        if self._ending:
            await self._note(lambda queue: queue.restarted(at=clock.now()))
            return
        await self._note(lambda queue: queue.end(state, reason, at=clock.now()))
        text = f"{entry.begun} of the queue is {state}{f': {reason}' if reason else '.'}"
        level: LogLevel = "info" if state == "done" else "warning"
        self._worker.logbook.add(level, "queue", text)

    async def _run(self, entry: QueueEntry) -> tuple[EntryEnd, str]:
        """How it ended, and why otherwise than done."""
        try:
            run = await self._start(entry)
        except (FuncnodesError, OSError) as error:
            if self._worker.latch.latched or self._ending:
                raise _PutBack from error
            await self._note_refusal(error)
            return "refused", str(error)
        except _PutBack:
            raise
        except Exception as error:
            _log.exception("%s could not be begun", entry.title)
            return "failed", f"{type(error).__name__}: {error}"
        finally:
            if self.active is None:
                await self._leave()
        try:
            return await self._follow(run)
        finally:
            await self._leave()

    async def _note_refusal(self, error: FuncnodesError | OSError) -> None:
        """The run that was kept of it, which has no rows and says why."""
        number = error.context.get("run") if isinstance(error, FuncnodesError) else None
        if isinstance(number, int):
            await self._note(lambda queue: queue.started("", number))

    async def _start(self, entry: QueueEntry) -> Run:
        order = entry.order
        graph, size = await in_thread(lambda: self._folder.graph(order.graph), name="queue")
        if entry.evidence is not None:
            await self._check_evidence(entry, graph)
        self._aside = await AsideSpace.made(self._worker, order, graph, size)
        self._aside.follow(self._worker, self._run_changed)
        if why_held(self._worker) or self._ending:
            raise _PutBack
        return await self._aside.runner.start(
            operator=entry.by.name, about=order.about, approval=entry.approval
        )

    async def _check_evidence(self, entry: QueueEntry, graph: dict[str, Any]) -> None:
        assert entry.evidence is not None
        try:
            now = await self._bench.hashes(graph, entry.order.sets)
            found = proof.differences(entry.evidence, now)
        except RefusedError as error:
            found = error.message
        if found:
            raise _PutBack(found)

    async def _follow(self, run: Run) -> tuple[EntryEnd, str]:
        entry, bench = self.queue.running, self._worker.bench
        safety.note_acceptance(run, bench, self._accepted, self.queue.armed_by)
        if entry is not None:
            run.note("queue", entry=entry.id, name=entry.order.name, by=entry.by.name,
                     submitted=entry.at, armed_by=self.queue.armed_by)  # fmt: skip
            run.log("info", "queue", f"{entry.begun} of the queue, submitted by {entry.by.name}.")
        await self._note(lambda queue: queue.started(run.id, run.number))
        state = await run.wait()
        if state == "complete":
            return await in_thread(lambda: _judged(run), name="verdict")
        by_hand = state in ("stopped", "aborted") and not self._worker.latch.latched
        return ("cancelled" if by_hand else "failed"), run.message

    async def _leave(self) -> None:
        aside, self._aside = self._aside, None
        if aside is not None:
            self._last = aside.runner.run or self._last
            await aside.aclose()
            self._worker.asked()

    # ── inside ────────────────────────────────────────────────────────────────────────────

    async def _hashes(self, entry: QueueEntry) -> dict[str, str]:
        graph, _ = await in_thread(lambda: self._folder.graph(entry.order.graph), name="queue")
        return await self._bench.hashes(graph, entry.order.sets)

    async def _note(self, verb: Verb) -> None:
        """Something happened that is so, whether it can be written or not."""
        async with self._turn:
            changed = verb(self.queue)
            try:
                await in_thread(lambda: self._folder.save(changed), name="queue")
            except WorkerError as error:
                self._worker.logbook.add("error", "queue", error.message)
                changed = changed.disarm(error.message)
            self.queue = changed
        self._told()
        self._wake.set()

    async def _see_latch(self) -> None:
        latch = self._worker.latch
        if latch.latched and self.queue.armed:
            why = stopped_by(latch.state)
            await self._note(lambda queue: queue.disarm(why))
            self._worker.logbook.add("warning", "queue", f"The queue was disarmed. {why}")

    def _ruled(self, queue: RunQueue) -> RunQueue:
        """By what the bench asks, where that is known: not by a bench file that is wrong."""
        is_known = self._worker.bench is not None or self._bench.path is None
        return queue.ruled(self.rule) if is_known else queue

    def _hold(self) -> str:
        if not self.queue.armed or self.entry is not None:
            return ""
        return why_held(self._worker)

    def _run_changed(self, run: Run) -> None:
        self._worker.publisher.mark("run", lambda: [schema.RunPut(run=views.run_view(run))])

    def _told(self) -> None:
        self._told_hold = self._hold()
        self._worker.publisher.mark("queue", lambda: [schema.QueuePut(queue=self.view())])


def _judged(run: Run) -> tuple[EntryEnd, str]:
    """What a run that is complete found: a test that it did not pass is no success."""
    verdict = result_of(RunReader(run.path)).verdict
    if verdict in (None, "pass"):
        return "done", ""
    return "failed", f"The verdict is {verdict}."
