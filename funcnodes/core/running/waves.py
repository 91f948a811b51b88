"""Waves: everything that one stimulus sets off, and when all of it has come to rest.

A wave knows which nodes are queued or running in it, which `settled` nodes wait for their
ancestors, and its child waves. It is *settled* once it is closed and none of these is left (T3).
It does not run anything: nodes enter and leave, and the engine executes them.

The engine and the nodes write `enter` and `leave` out where they execute, since calls are most of
the cost of a quick function. What they touch for that is listed at `Wave`, and nothing else is.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import Literal, Protocol

from funcnodes.core.running import topology
from funcnodes.core.running.queueing import Queue, common, with_one, without
from funcnodes.errors import NodeTimeout

OutcomeState = Literal["ok", "failed", "cancelled", "timeout", "superseded"]


class Participant(topology.Linked, Protocol):
    """What a wave asks of the nodes in it."""

    waiting_in: "set[Wave]"  # kept by the wave

    @property
    def name(self) -> str: ...

    @property
    def uuid(self) -> str: ...

    def run_in_wave(self, wave: "Wave") -> None:
        """Trigger it in `wave` if it is idle and ready, else let the wave wait."""

    def cancel_in(self, wave: "Wave", reason: str) -> None:
        """Give up what belongs to `wave`."""

    def owe(self, wave: "Wave") -> None:
        """`wave` lets go of it: what was set in it is for a newer one to take (T2a)."""

    def make_good(self) -> None:
        """A wave that was to run it does not: run it by itself if one before had let go of it."""

    def input_waves(self) -> "Iterator[Wave]":
        """The waves in which the inputs that trigger it were set."""

    def busy_in(self) -> "Iterator[Wave]":
        """Every wave in which something of it is queued, running or waiting."""


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class Stimulus(Protocol):
    """A port that gets a value and so sets a wave off."""

    id: str

    @property
    def node(self) -> _Named: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a wave ended (T11).

    Attributes:
        state: `ok`, or the first thing that went wrong in it.
        node: The node that failed, else None.
        error: What it raised, else None.
        reason: Why it was cancelled, or "".
    """

    state: OutcomeState
    node: Participant | None = None
    error: BaseException | None = None
    reason: str = ""


OK = Outcome("ok")
_NOBODY: frozenset[Participant] = frozenset()  # most waves need no sets of their own for these
_NO_WAVES: "frozenset[Wave]" = frozenset()
_ids = itertools.count(1)


class Wave:
    """One stimulus and all it sets off.

    A new wave is *open*: whoever opened it may still set values, so nothing that waits for a
    consistent state is released before `close()` (or `wait()`, which closes).

    Attributes:
        settled: Whether nothing of it, nor of its children, is queued or running. Whoever enters
            it makes it false.
        active: The nodes queued or running in it, or with a rerun pending. A node that leaves
            calls `look_again` if it was the last or if others wait, else `wake` if somebody
            watches: that is `leave`.
        waiting: Nodes of the policy `settled` with a changed input, and which came first.
        let_go: Nodes that a newer wave runs instead.
        watchers: Who waits for which nodes to come to rest.
        cancelled: The reason, once it is given up; nothing new begins in it then.
        scan: Waves of scans are never superseded (T4).
        shielded: It is not given up with its parent.
        halted: It was given up with all that is shielded, and so is what is opened in it.
        hand: The node that somebody acts on by it: it runs although what is wired holds (A1a).
    """

    __slots__ = (
        "__weakref__", "_children", "_failed", "_open", "_origin", "_outcome", "_queue",
        "_then", "active", "cancelled", "halted", "hand", "id", "let_go", "parent", "scan",
        "settled", "shielded", "waiting", "watchers",
    )  # fmt: skip

    def __init__(
        self, origin: "str | Stimulus" = "", *, parent: "Wave | None" = None, scan: bool = False
    ):
        """Args:
        origin: What sets it off: a text, or the port that gets a value.
        """
        self.id = next(_ids)
        self._origin = origin
        self.parent = parent
        self.scan = scan
        self.shielded = False
        self.halted = False
        self.cancelled: str | None = None
        self.hand: Participant | None = None
        self._open = True
        self.settled = False
        self._outcome = OK  # of what has happened so far
        self.active: set[Participant] = set()
        self.waiting: dict[Participant, int] = {}
        self._children: Set[Wave] = _NO_WAVES  # unsettled ones only
        self._failed: Set[Participant] = _NOBODY
        self._queue: Queue[Participant] | None = None  # of `waiting`, once somebody does
        self.let_go: Set[Participant] = _NOBODY
        self.watchers: list[tuple[Set[Participant], asyncio.Future[None]]] = []
        self._then: tuple[Callable[[Wave], None], ...] = ()

    def __repr__(self) -> str:
        return f"<Wave {self.id} {self.label!r} {'settled' if self.settled else 'unsettled'}>"

    @property
    def label(self) -> str:
        """What set it off, for people."""
        origin = self._origin
        return origin if isinstance(origin, str) else f"{origin.node.name}.{origin.id}"

    @property
    def outcome(self) -> Outcome:
        """What has become of it so far; final once it is settled."""
        return self._outcome

    def within(self, other: "Wave") -> bool:
        """Whether this is `other` or descends from it."""
        wave: Wave | None = self
        while wave is not None:
            if wave is other:
                return True
            wave = wave.parent
        return False

    def child(self, label: str = "", *, scan: bool = True, shielded: bool = False) -> "Wave":
        """Open a child wave; this one settles only after it.

        Args:
            shielded: It is not given up with this one, and begins even if this one was.
        """
        wave = Wave(label, parent=self, scan=scan or self.scan)
        wave.shielded, wave.halted = shielded, self.halted
        wave.cancelled = None if shielded and not self.halted else self.cancelled
        self._children = with_one(self._children, wave)
        self.settled = False
        return wave

    def close(self) -> None:
        """Nothing more is set in it from outside."""
        self._open = False
        if self._queue is not None:
            self._queue.look_over(self.waiting)
        self.look_again()

    def when_settled(self, callback: "Callable[[Wave], None]") -> None:
        """Call it once, with this wave, as soon as it is settled."""
        self._then = (*self._then, callback)

    async def wait(self, *, timeout_s: float | None = None) -> Outcome:
        """Close it, wait until it is settled, and tell how it went.

        Args:
            timeout_s: Give the wave up after so many seconds.
        """
        self.close()
        if not self.settled:
            try:
                await asyncio.wait_for(self._rest_of(_EVERYTHING), timeout_s)
            except TimeoutError:
                self._outcome = Outcome("timeout", error=NodeTimeout(self._overtime(timeout_s)))
                self.cancel(f"not settled within {timeout_s} s")
                await self._rest_of(_EVERYTHING)
        return self._outcome

    async def wait_clear(self, nodes: Set[Participant]) -> None:
        """Wait until none of `nodes` is queued, running or waiting in it."""
        if not self.settled and not self._clear_of(nodes):
            await self._rest_of(nodes)

    def halt(self, reason: str) -> None:
        """Give it up with its shielded children, now and those to come."""
        self.halted = True
        for child in list(self._children):
            child.halt(reason)
        self.cancel(reason)

    def cancel(self, reason: str) -> None:
        """Give up what is queued or running in it and in its unshielded children (T10)."""
        if self.settled:
            return
        self.cancelled = reason
        self.note(Outcome("cancelled", reason=reason))
        for node in list(self.waiting):
            self._stop_waiting(node)
            node.make_good()
        for child in list(self._children):
            if not child.shielded:
                child.cancel(reason)
        for node in list(self.active):
            node.cancel_in(self, reason)
        self.close()

    def refuse(self, reason: str) -> None:
        """Begin nothing new in it, nor in children opened from now on; what is under way ends."""
        self.cancelled = reason

    # ── called by nodes ───────────────────────────────────────────────────────────────────

    def enter(self, node: Participant) -> None:
        """`node` is queued, running, or has a rerun pending in this wave."""
        self.settled = False
        self.active.add(node)

    def leave(self, node: Participant) -> None:
        """Nothing of `node` is left in this wave, for now."""
        active = self.active
        active.discard(node)
        if not active or self.waiting:
            self.look_again(node)
        elif self.watchers:
            self.wake()

    def await_ancestors(self, node: Participant) -> None:
        """`node` (policy `settled`) has a changed input: run it once its ancestors are done."""
        if self.cancelled is None:
            self.settled = False
            if self._queue is None:
                self._queue = Queue()
            if node not in self.waiting:
                self.waiting[node] = next(_ids)
                self._queue.fresh.append(node)
            node.waiting_in.add(self)
            if not self._open and not self.active:
                self.look_again()

    def forget(self, node: Participant) -> None:
        """`node` is to run in it no more."""
        self._stop_waiting(node)
        self.look_again(node)

    def supersede(self, node: Participant) -> None:
        """A newer wave runs `node` instead, and with it all that waits behind it here (T4).

        In this one they would see what `node` gave before: half of a set (T6).
        """
        self.let_go = with_one(self.let_go, node)
        node.owe(self)
        self.note(Outcome("superseded"))

    def again(self) -> "Wave":
        """A wave for what was set in this one, and has not been taken."""
        return Wave(self._origin)

    def withholds(self, node: Participant) -> bool:
        """Whether what it has set at `node` is half of a set: the rest is to come, or was lost."""
        return node in self.waiting or node in self._failed or self.cancelled is not None

    def note(self, outcome: Outcome) -> None:
        """Something went wrong; the first wins."""
        if outcome.node is not None:
            self._failed = with_one(self._failed, outcome.node)
        if self._outcome.state in ("ok", "superseded"):
            self._outcome = outcome

    # ── coming to rest ────────────────────────────────────────────────────────────────────

    def look_again(self, left: Participant | None = None) -> None:
        """Something of it has ended: release what waited for it, and see whether it is settled.

        Args:
            left: Who has left it just now.
        """
        queue = self._queue
        if queue is not None:
            if left is not None:
                queue.noticed.append(left)
            if queue.is_at_it:  # a node may be between waiting and active: it is gone on there
                return
            if self.waiting and not self._open:
                self._release(queue)
        if not (self._open or self.active or self.waiting or self._children or self.settled):
            self._settle()
        if self.watchers:
            self.wake()

    def _release(self, queue: Queue[Participant]) -> None:
        """Run the waiting nodes whose ancestors outside their own cycle are at rest (T6)."""
        queue.is_at_it = True
        try:
            while candidates := queue.take(self.waiting):
                for node in candidates:
                    if node in self.waiting:
                        self._consider(node, queue)
        finally:
            queue.is_at_it = False

    def _consider(self, node: Participant, queue: Queue[Participant]) -> None:
        upstream = topology.upstream(node)
        holder = common(upstream, self.active) or common(upstream, self.waiting.keys())
        if holder is not None:
            queue.put_behind(holder, node)
            return
        self._stop_waiting(node)
        if not upstream.isdisjoint(self._failed):
            self._failed = with_one(self._failed, node)
            node.make_good()
        elif self._yields(node, upstream):
            self._hand_over(node, upstream)
        else:
            node.run_in_wave(self)  # which it does only if it is ready
        if node not in self.active:
            queue.noticed.append(node)

    def _yields(self, node: Participant, upstream: Set[Participant]) -> bool:
        """Whether a newer free wave has changed inputs of `node`, or will, and is to run it.

        Running it here would mix the values of both (T6); of free waves the newer wins (T4).
        """
        if not upstream.isdisjoint(self.let_go):
            return True
        if self.scan:
            return False
        if any(wave.id > self.id and not wave.scan for wave in node.waiting_in):
            return True
        newer = [w for w in node.input_waves() if w.id > self.id and not w.scan]
        if not newer:
            return False
        return self._heir(upstream) is not None or any(wave.withholds(node) for wave in newer)

    def _heir(self, upstream: Set[Participant]) -> "Wave | None":
        """The newest free wave that is newer, and busy before the node in question."""
        busy = (wave for each in upstream for wave in each.busy_in())
        newer = (wave for wave in busy if wave.id > self.id and not wave.scan)
        return max(newer, key=lambda wave: wave.id, default=None)

    def _hand_over(self, node: Participant, upstream: Set[Participant]) -> None:
        """A newer wave is to run `node`, whether or not it changes an input of it (T2a)."""
        self.supersede(node)
        if any(wave.id > self.id and not wave.scan for wave in node.waiting_in):
            return
        heir = self._heir(upstream)
        if heir is not None and heir.cancelled is None:
            heir.await_ancestors(node)
        else:
            node.make_good()

    def _stop_waiting(self, node: Participant) -> None:
        self.waiting.pop(node, None)
        node.waiting_in.discard(self)

    def _settle(self) -> None:
        self.settled = True
        parent = self.parent
        if parent is not None:
            parent._children = without(parent._children, self)
        then, self._then = self._then, ()
        for callback in then:
            callback(self)
        if parent is not None:
            parent.look_again()

    def _clear_of(self, nodes: Set[Participant]) -> bool:
        return (
            nodes is not _EVERYTHING
            and nodes.isdisjoint(self.active)
            and self.waiting.keys().isdisjoint(nodes)
        )

    async def _rest_of(self, nodes: Set[Participant]) -> None:
        """Wait for the moment at which `nodes` are at rest; leaves nothing behind if given up."""
        watcher = (nodes, asyncio.get_running_loop().create_future())
        self.watchers.append(watcher)
        if self.settled:
            self.wake()
        try:
            await watcher[1]
        finally:
            if not watcher[1].done() or watcher[1].cancelled():
                self.watchers = [other for other in self.watchers if other is not watcher]

    def wake(self) -> None:
        """Tell watchers whose nodes are at rest."""
        active = self.active
        for nodes, waiter in self.watchers:
            if self.settled or (nodes.isdisjoint(active) and self._clear_of(nodes)):
                if not waiter.done():
                    waiter.set_result(None)
                break  # the list changes: look again at what is left
        else:
            return
        self.watchers = [watcher for watcher in self.watchers if not watcher[1].done()]
        self.wake()

    def _overtime(self, timeout_s: float | None) -> str:
        names = ", ".join(sorted(node.name for node in self.active)) or "nothing"
        return f"Still running after {timeout_s} s: {names}."


_EVERYTHING: frozenset[Participant] = frozenset()
