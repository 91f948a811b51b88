"""What a queue of runs consists of: a run that was asked for, by whom, and what became of it."""

from typing import Literal

import msgspec

from funcnodes.errors import RefusedError
from funcnodes.runs.records import NAME_LENGTH, RunAbout, RunApproval

OnFailure = Literal["go on", "stop"]
EntryState = Literal[
    "waiting", "queued", "running", "done", "failed", "cancelled", "refused", "interrupted"
]
"""`waiting`: to be approved. `interrupted`: the worker ended, or was killed, while it ran."""

FINISHED: frozenset[EntryState] = frozenset(
    {"done", "failed", "cancelled", "refused", "interrupted"}
)
PENDING: frozenset[EntryState] = frozenset({"waiting", "queued"})
PRIORITY = 100
"""The highest; the lowest is minus that."""


class Submitter(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: a name for people, and an id where the server knows one."""

    name: str
    id: str = ""

    def is_same(self, other: "Submitter") -> bool:
        """Whether the two are one person, as far as anybody can tell."""
        same_id = bool(self.id) and self.id == other.id
        return same_id or self.name.strip().casefold() == other.name.strip().casefold()


class AttachedEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry keeps of the evidence of a dry run.

    Attributes:
        token: Names the one dry run.
        made: Seconds since the epoch.
        hashes: Of graph, bench and limits, as they were then.
        text: What it found, in a sentence.
    """

    token: str
    made: float
    hashes: dict[str, str]
    text: str = ""


class RunOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: a graph as it was, and how it is to be run.

    Attributes:
        name: What people call it.
        nodespace: Where the graph is from.
        graph: SHA-256 of the frozen copy, in hex.
        sets: Values for inputs, as `NODE.PORT=VALUE`.
        about: What is said of the run; its operator is who submitted it.
        priority: Higher comes first.
        on_failure: What the queue does if it does not end well.
    """

    name: str
    nodespace: str
    graph: str
    sets: tuple[str, ...] = ()
    about: RunAbout = RunAbout()
    priority: int = 0
    on_failure: OnFailure = "stop"

    def checked(self) -> "RunOrder":
        """The same, without space around it.

        Raises:
            RefusedError: Its name is none, or its priority is out of range.
            RunError: What is said of the run is too long.
        """
        name = self.name.strip() or self.nodespace
        for each in (name, self.nodespace):
            if len(each) > NAME_LENGTH or not each.isprintable():
                raise RefusedError(f"The name is to be one line of {NAME_LENGTH} letters at most.")
        check_priority(self.priority)
        return msgspec.structs.replace(self, name=name, about=self.about.checked())


class QueueEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One run that was asked for.

    Attributes:
        id: Counts within the worker, never given twice.
        at: When it was submitted, seconds since the epoch.
        run: ULID of its run, "" while it has none.
        number: That run's number, 0 while it has none.
        reason: Why it is in its state, in a sentence, or "".
        began: Seconds since the epoch, None while it has not begun.
    """

    id: int
    order: RunOrder
    by: Submitter
    at: float
    state: EntryState
    evidence: AttachedEvidence | None = None
    approval: RunApproval | None = None
    run: str = ""
    number: int = 0
    reason: str = ""
    began: float | None = None
    ended: float | None = None

    @property
    def is_finished(self) -> bool:
        return self.state in FINISHED

    @property
    def title(self) -> str:
        """How a sentence names it."""
        return f"entry {self.id} ({self.order.name})"

    @property
    def begun(self) -> str:
        """The same at the beginning of a sentence."""
        return f"Entry {self.id} ({self.order.name})"


def check_priority(priority: int) -> None:
    """Raises RefusedError where it is out of range."""
    if not -PRIORITY <= priority <= PRIORITY:
        raise RefusedError(f"A priority is from -{PRIORITY} to {PRIORITY}, not {priority}.")
