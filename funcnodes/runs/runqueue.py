"""The queue of runs as a plain state machine: what waits, in which order, and what became of it.

    waiting ── approve ──▶ queued ── begin ──▶ running ── end ──▶ done, failed, cancelled
       ▲                     │ │                  └── killed ──▶ interrupted
       └──── put back ───────┘ └── end, remove ──▶ refused, cancelled

Guarantees that one entry runs at a time, that nothing begins while the queue is disarmed, that an
entry begins once, and that a token of a dry run is taken once. A queue is a value: every verb gives
another one, or raises and leaves what was. When something begins, and whether it may, is for
whoever keeps the queue; so is where it is kept.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from funcnodes.devices.benchfile.approval import ApprovalRule
from funcnodes.errors import RefusedError
from funcnodes.runs.queued import (
    PENDING,
    AttachedEvidence,
    EntryState,
    OnFailure,
    QueueEntry,
    RunOrder,
    Submitter,
    check_priority,
)
from funcnodes.runs.records import RunApproval

EntryEnd = Literal["done", "failed", "cancelled", "refused"]
MOST = 500
"""Entries that wait at most."""
FINISHED_KEPT = 200
TOKENS_KEPT = 10_000
_ENDED_AS: dict[EntryEnd, str] = {
    "done": "is done", "failed": "failed", "cancelled": "was cancelled", "refused": "was refused",
}  # fmt: skip


class RunQueue(msgspec.Struct, frozen=True, kw_only=True):
    """All entries, and whether the next one may begin.

    Attributes:
        entries: In the order in which they are kept; see `pending` for that in which they go.
        armed: Whether entries begin by themselves.
        armed_by: Who armed it, while it is.
        why: Why it is not armed, in a sentence, or "".
        next_id: The id of the next entry.
        tokens: Of dry runs whose evidence was taken, oldest first.
    """

    entries: tuple[QueueEntry, ...] = ()
    armed: bool = False
    armed_by: str = ""
    why: str = ""
    next_id: int = 1
    tokens: tuple[str, ...] = ()

    # ── what is known ─────────────────────────────────────────────────────────────────────

    @property
    def pending(self) -> tuple[QueueEntry, ...]:
        """What has not begun, in the order in which it goes."""
        waiting = (each for each in self.entries if each.state in PENDING)
        return tuple(sorted(waiting, key=lambda each: -each.order.priority))

    @property
    def running(self) -> QueueEntry | None:
        """The entry that is on, if any."""
        return next((each for each in self.entries if each.state == "running"), None)

    @property
    def next(self) -> QueueEntry | None:
        """What would begin next: the first that waits for nobody's approval."""
        if not self.armed or self.running is not None:
            return None
        return next((each for each in self.pending if each.state == "queued"), None)

    def find(self, entry_id: int) -> QueueEntry:
        """The entry of that id.

        Raises:
            RefusedError: There is none.
        """
        for each in self.entries:
            if each.id == entry_id:
                return each
        raise RefusedError(f"The queue has no entry {entry_id}.")

    # ── what people ask for ───────────────────────────────────────────────────────────────

    def submit(
        self, order: RunOrder, by: Submitter, *, at: float, rule: ApprovalRule | None
    ) -> "RunQueue":
        """Add an entry behind those of its priority.

        Args:
            rule: What the bench asks of an approval; None for nothing.

        Raises:
            RefusedError: Too many wait already, or the order is none.
        """
        if len(self.pending) >= MOST:
            raise RefusedError(f"{MOST} entries wait already; that is as many as are kept.")
        state: EntryState = "queued" if rule is None else "waiting"
        entry = QueueEntry(id=self.next_id, order=order.checked(), by=by, at=at, state=state)
        return self._with(entries=(*self.entries, entry), next_id=self.next_id + 1)

    def attach(self, entry_id: int, evidence: AttachedEvidence) -> "RunQueue":
        """Attach the evidence of a dry run; its token is spent by that.

        Raises:
            RefusedError: The token was used before, or the entry does not wait any longer.
        """
        entry = self._pending(entry_id)
        if evidence.token in self.tokens:
            raise RefusedError(
                "The evidence of this dry run was used already; each counts once.",
                hint="Make another dry run.",
            )
        tokens = (*self.tokens, evidence.token)[-TOKENS_KEPT:]
        return self._put(_but(entry, evidence=evidence))._with(tokens=tokens)

    def approve(
        self, entry_id: int, by: Submitter, *, at: float, rule: ApprovalRule | None
    ) -> "RunQueue":
        """Let an entry that waits for it be run. What role that takes was checked before.

        Raises:
            RefusedError: It does not wait for that, or not for this person's, or evidence is
                missing.
        """
        entry = self.find(entry_id)
        if entry.state != "waiting":
            raise RefusedError(f"{entry.begun} does not wait for an approval.")
        if rule is not None and rule.by == "another" and by.is_same(entry.by):
            raise RefusedError(
                f"{by.name} submitted {entry.title}, and this bench asks that another approves it."
            )
        if rule is not None and rule.evidence and entry.evidence is None:
            raise RefusedError(
                f"This bench asks for the evidence of a dry run before {entry.title} is approved.",
                hint="'funcnodes run FILE --dry-run --evidence EVIDENCE' makes it.",
            )
        token = entry.evidence.token if entry.evidence is not None else ""
        approval = RunApproval(by=by.name, at=at, token=token)
        return self._put(_but(entry, state="queued", approval=approval, reason=""))

    def change(
        self, entry_id: int, *, priority: int | None = None, on_failure: OnFailure | None = None
    ) -> "RunQueue":
        """Give an entry another priority, or another rule for its failure.

        The rule may be changed while it runs. With another priority it goes behind those that have
        it.

        Raises:
            RefusedError: It has begun, or the priority is out of range.
        """
        entry, queue = self.find(entry_id), self
        if on_failure is not None:
            if entry.is_finished:
                raise _too_late(entry)
            entry = _but(entry, order=_but_order(entry.order, on_failure=on_failure))
            queue = queue._put(entry)
        if priority is not None and priority != entry.order.priority:
            check_priority(priority)
            self._pending(entry_id)
            entry = _but(entry, order=_but_order(entry.order, priority=priority))
            others = tuple(each for each in queue.entries if each.id != entry_id)
            queue = queue._with(entries=(*others, entry))
        return queue

    def move(self, entry_id: int, place: int) -> "RunQueue":
        """Put an entry at a place among those that wait, from 1; one too far goes to the end.

        Raises:
            RefusedError: It has begun, or would pass one of another priority.
        """
        entry = self._pending(entry_id)
        others = [each for each in self.pending if each.id != entry_id]
        if place < 1:
            raise RefusedError("Places in the queue are counted from 1.")
        at = min(place - 1, len(others))
        _check_place(entry, others[:at], others[at:])
        others.insert(at, entry)
        rest = tuple(each for each in self.entries if each.state not in PENDING)
        return self._with(entries=(*rest, *others))

    def remove(self, entry_id: int, by: str, *, at: float) -> "RunQueue":
        """Cancel an entry that waits; drop one that is finished.

        Raises:
            RefusedError: It runs.
        """
        entry = self.find(entry_id)
        if entry.state == "running":
            raise RefusedError(f"{entry.begun} is running.", hint="Stop or abort its run first.")
        if entry.is_finished:
            kept = tuple(each for each in self.entries if each.id != entry_id)
            return self._with(entries=kept)
        reason = f"Removed by {by}."
        return self._put(_but(entry, state="cancelled", reason=reason, ended=at))._trimmed()

    def clear(self) -> "RunQueue":
        """Drop what is finished."""
        return self._with(entries=tuple(each for each in self.entries if not each.is_finished))

    def arm(self, by: str) -> "RunQueue":
        """Let entries begin by themselves. A second time is harmless."""
        return self if self.armed else self._with(armed=True, armed_by=by, why="")

    def disarm(self, why: str) -> "RunQueue":
        """Let none begin any more; what runs goes on. A second time keeps the first reason."""
        return self._with(armed=False, armed_by="", why=why) if self.armed else self

    # ── what happens ──────────────────────────────────────────────────────────────────────

    def begin(self, entry_id: int, *, at: float) -> "RunQueue":
        """The next entry's turn has come: it is kept as running before anything is armed.

        Raises:
            RefusedError: It is not the next one.
        """
        entry = self.next
        if entry is None or entry.id != entry_id:
            raise RefusedError(f"It is not the turn of entry {entry_id}.")
        return self._put(_but(entry, state="running", began=at, reason=""))

    def started(self, run: str, number: int) -> "RunQueue":
        """What runs has a run file now."""
        entry = self.running
        return self if entry is None else self._put(_but(entry, run=run, number=number))

    def end(self, state: EntryEnd, reason: str, *, at: float) -> "RunQueue":
        """What runs has ended; unless it is done, its own rule says what becomes of the queue."""
        entry = self.running
        if entry is None:
            return self
        ended = self._put(_but(entry, state=state, reason=reason, ended=at))._trimmed()
        if state == "done" or entry.order.on_failure == "go on":
            return ended
        return ended.disarm(f"{entry.begun} {_ENDED_AS[state]}: {reason}")

    def put_back(self, void: str = "") -> "RunQueue":
        """What was about to run has not begun after all, and waits again where it was.

        Args:
            void: Why its approval does not hold any longer; "" where it does.
        """
        entry = self.running
        if entry is None or entry.run:
            return self
        if not void:
            return self._put(_but(entry, state="queued", began=None))
        anew = _but(entry, state="waiting", approval=None, evidence=None, began=None, reason=void)
        return self._put(anew)

    def restarted(self, *, at: float, run: str = "", number: int = 0) -> "RunQueue":
        """As it is after the worker ended, however it did: disarmed, and nothing begun again.

        Args:
            run, number: Of the run that was on, where the entry does not know it yet.
        """
        queue = self._with(armed=False, armed_by="", why="The worker was started again.")
        entry = self.running
        if entry is None:
            return queue
        known = {} if entry.run or not run else {"run": run, "number": number}
        reason = "The worker ended while it ran."
        return queue._put(_but(entry, state="interrupted", reason=reason, ended=at, **known))

    def ruled(self, rule: ApprovalRule | None) -> "RunQueue":
        """By what the bench asks now: what was not approved so waits for it, or need not any more.

        Which role somebody had who approved is not looked at again.
        """
        queue = self
        for each in self.pending:
            if rule is not None and each.state == "queued" and not _is_approved(each, rule):
                queue = queue._put(_but(each, state="waiting", approval=None))
            elif rule is None and each.state == "waiting" and not each.reason:
                queue = queue._put(_but(each, state="queued"))
        return queue

    # ── inside ────────────────────────────────────────────────────────────────────────────

    def _pending(self, entry_id: int) -> QueueEntry:
        entry = self.find(entry_id)
        if entry.state not in PENDING:
            raise _too_late(entry)
        return entry

    def _put(self, entry: QueueEntry) -> "RunQueue":
        put = tuple(entry if each.id == entry.id else each for each in self.entries)
        return self._with(entries=put)

    def _trimmed(self) -> "RunQueue":
        """Without the oldest of what is finished, where that is more than is kept."""
        finished = [each for each in self.entries if each.is_finished]
        gone = {each.id for each in sorted(finished, key=_when)[:-FINISHED_KEPT]}
        return self._with(entries=tuple(each for each in self.entries if each.id not in gone))

    def _with(self, **changes: object) -> "RunQueue":
        return msgspec.structs.replace(self, **changes)


def _is_approved(entry: QueueEntry, rule: ApprovalRule) -> bool:
    approval = entry.approval
    if approval is None or (rule.evidence and not approval.token):
        return False
    return rule.by == "anyone" or not Submitter(name=approval.by).is_same(entry.by)


def _check_place(entry: QueueEntry, before: list[QueueEntry], behind: list[QueueEntry]) -> None:
    """Raises RefusedError where it would stand before or behind one of another priority."""
    own = entry.order.priority
    passed = [("behind", each) for each in before if each.order.priority < own]
    passed += [("before", each) for each in behind if each.order.priority > own]
    for side, other in passed:
        raise RefusedError(
            f"{entry.begun} has priority {own} and cannot go {side} {other.title} "
            f"with priority {other.order.priority}.",
            hint="Change its priority.",
        )


def finished_last(queue: RunQueue) -> Iterator[QueueEntry]:
    """As people read it: what runs, what waits in its order, then what is over, newest first."""
    running = queue.running
    yield from (running,) if running is not None else ()
    yield from queue.pending
    finished = [each for each in queue.entries if each.is_finished]
    yield from sorted(finished, key=_when, reverse=True)


def _when(entry: QueueEntry) -> tuple[float, int]:
    return entry.ended or entry.at, entry.id


def _but(entry: QueueEntry, **changes: object) -> QueueEntry:
    return msgspec.structs.replace(entry, **changes)


def _but_order(order: RunOrder, **changes: object) -> RunOrder:
    return msgspec.structs.replace(order, **changes)


def _too_late(entry: QueueEntry) -> RefusedError:
    state = "running" if entry.state == "running" else f"{entry.state} already"
    return RefusedError(f"{entry.begun} is {state}.")
