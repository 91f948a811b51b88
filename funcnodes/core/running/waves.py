"""Waves: everything that one stimulus sets off, and when all of it has come to rest.

A wave knows which nodes are queued or running in it, which `settled` nodes wait for their
ancestors, and its child waves. It is *settled* once it is closed and none of these is left (T3).
It does not run anything: nodes enter and leave, and the engine executes them.
"""

import asyncio
import itertools
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from funcnodes.core.running import topology
from funcnodes.errors import NodeTimeout

if TYPE_CHECKING:
    from funcnodes.core.nodes.node import Node
    from funcnodes.core.nodes.ports import Port

OutcomeState = Literal["ok", "failed", "cancelled", "timeout", "superseded"]


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
    node: "Node | None" = None
    error: BaseException | None = None
    reason: str = ""


OK = Outcome("ok")
_ids = itertools.count(1)


class Wave:
    """One stimulus and all it sets off.

    A new wave is *open*: whoever opened it may still set values, so nothing that waits for a
    consistent state is released before `close()` (or `wait()`, which closes).
    """

    __slots__ = (
        "__weakref__", "_active", "_children", "_failed", "_open", "_origin", "_outcome",
        "_settled", "_then", "_waiting", "_watchers", "cancelled", "id", "parent", "scan",
        "shielded",
    )  # fmt: skip

    def __init__(
        self, origin: "str | Port" = "", *, parent: "Wave | None" = None, scan: bool = False
    ):
        """Args:
        origin: What sets it off: a text, or the port that gets a value.
        """
        self.id = next(_ids)
        self._origin = origin
        self.parent = parent
        self.scan = scan  # waves of scans are never superseded (T4)
        self.shielded = False  # not given up with its parent
        self.cancelled: str | None = None  # the reason, once it is given up
        self._open = True
        self._settled = False
        self._outcome = OK  # of what has happened so far
        self._active: set[Node] = set()  # queued or running here, or with a rerun pending
        self._waiting: dict[Node, None] = {}  # `settled` nodes with a changed input, in order
        self._children: set[Wave] = set()  # unsettled ones only
        self._failed: set[Node] = set()
        self._watchers: list[tuple[Set[Node], asyncio.Future[None]]] = []
        self._then: tuple[Callable[[Wave], None], ...] = ()

    def __repr__(self) -> str:
        return f"<Wave {self.id} {self.label!r} {'settled' if self._settled else 'unsettled'}>"

    @property
    def label(self) -> str:
        """What set it off, for people."""
        origin = self._origin
        return origin if isinstance(origin, str) else f"{origin.node.name}.{origin.id}"

    @property
    def settled(self) -> bool:
        """Whether nothing of it, nor of its children, is queued or running."""
        return self._settled

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
        wave.shielded = shielded
        wave.cancelled = None if shielded else self.cancelled
        self._children.add(wave)
        self._settled = False
        return wave

    def close(self) -> None:
        """Nothing more is set in it from outside."""
        self._open = False
        self._progress()

    def when_settled(self, callback: "Callable[[Wave], None]") -> None:
        """Call it once, with this wave, as soon as it is settled."""
        self._then = (*self._then, callback)

    async def wait(self, *, timeout_s: float | None = None) -> Outcome:
        """Close it, wait until it is settled, and tell how it went.

        Args:
            timeout_s: Give the wave up after so many seconds.
        """
        self.close()
        if not self._settled:
            waiter = self._watch(None)
            try:
                await asyncio.wait_for(waiter, timeout_s)
            except TimeoutError:
                self._outcome = Outcome("timeout", error=NodeTimeout(self._overtime(timeout_s)))
                self.cancel(f"not settled within {timeout_s} s")
                await self._watch(None)
        return self._outcome

    async def wait_clear(self, nodes: Set["Node"]) -> None:
        """Wait until none of `nodes` is queued, running or waiting in it."""
        if not self._settled and not self._clear_of(nodes):
            await self._watch(nodes)

    def cancel(self, reason: str) -> None:
        """Give up what is queued or running in it and in its unshielded children (T10)."""
        if self._settled:
            return
        self.cancelled = reason
        self.note(Outcome("cancelled", reason=reason))
        for node in list(self._waiting):
            self._stop_waiting(node)
        for child in list(self._children):
            if not child.shielded:
                child.cancel(reason)
        for node in list(self._active):
            node.cancel_in(self, reason)
        self.close()

    def refuse(self, reason: str) -> None:
        """Begin nothing new in it, nor in children opened from now on; what is under way ends."""
        self.cancelled = reason

    # ── called by nodes ───────────────────────────────────────────────────────────────────

    def enter(self, node: "Node") -> None:
        """`node` is queued, running, or has a rerun pending in this wave."""
        self._settled = False
        self._active.add(node)

    def leave(self, node: "Node") -> None:
        """Nothing of `node` is left in this wave, for now."""
        active = self._active
        active.discard(node)
        if not active or self._waiting:
            self._progress()
        elif self._watchers:
            self._wake()

    def await_ancestors(self, node: "Node") -> None:
        """`node` (policy `settled`) has a changed input: run it once its ancestors are done."""
        if self.cancelled is None:
            self._settled = False
            self._waiting[node] = None
            node.waiting_in.add(self)
            if not self._open and not self._active:
                self._progress()

    def forget(self, node: "Node") -> None:
        """`node` is to run in it no more."""
        self._stop_waiting(node)
        self._progress()

    def supersede(self, node: "Node") -> None:
        """A newer wave runs `node` instead, and with it all that waits behind it here (T4).

        In this one they would see what `node` gave before: half of a set (T6).
        """
        self._failed.add(node)
        self.note(Outcome("superseded"))

    def note(self, outcome: Outcome) -> None:
        """Something went wrong; the first wins."""
        if outcome.node is not None:
            self._failed.add(outcome.node)
        if self._outcome.state in ("ok", "superseded"):
            self._outcome = outcome

    # ── coming to rest ────────────────────────────────────────────────────────────────────

    def _progress(self) -> None:
        if self._waiting and not self._open:
            self._release()
        if not (self._open or self._active or self._waiting or self._children or self._settled):
            self._settle()
        if self._watchers:
            self._wake()

    def _release(self) -> None:
        """Run the waiting nodes whose ancestors outside their own cycle are at rest (T6)."""
        skipped = True
        while skipped:  # a skipped node frees what waits behind it
            skipped = False
            for node in list(self._waiting):
                upstream = topology.upstream(node)
                if not (upstream.isdisjoint(self._active) and upstream.isdisjoint(self._waiting)):
                    continue
                self._stop_waiting(node)
                if not upstream.isdisjoint(self._failed):
                    self._failed.add(node)
                elif self._yields_for(node, upstream):
                    self.supersede(node)
                else:
                    node.run_in_wave(self)  # which it does only if it is ready
                skipped = skipped or node not in self._active

    def _yields_for(self, node: "Node", upstream: "Set[Node]") -> bool:
        """Whether a newer free wave has changed inputs of `node`, or will, and is to run it.

        Running it here would mix the values of both (T6); of free waves the newer wins (T4).
        """
        if self.scan:
            return False
        if any(wave.id > self.id and not wave.scan for wave in node.waiting_in):
            return True
        newest = max((wave.id for wave in node.input_waves() if not wave.scan), default=0)
        return newest > self.id and any(
            wave.id > self.id and not wave.scan for each in upstream for wave in each.busy_in()
        )

    def _stop_waiting(self, node: "Node") -> None:
        self._waiting.pop(node, None)
        node.waiting_in.discard(self)

    def _settle(self) -> None:
        self._settled = True
        parent = self.parent
        if parent is not None:
            parent._children.discard(self)
        then, self._then = self._then, ()
        for callback in then:
            callback(self)
        if parent is not None:
            parent._progress()

    def _clear_of(self, nodes: Set["Node"]) -> bool:
        return (
            nodes is not _EVERYTHING
            and nodes.isdisjoint(self._active)
            and nodes.isdisjoint(self._waiting)
        )

    def _watch(self, nodes: "Set[Node] | None") -> "asyncio.Future[None]":
        """A future for the moment at which `nodes` (None: the whole wave) are at rest."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.append((_EVERYTHING if nodes is None else nodes, waiter))
        if self._settled:
            self._wake()
        return waiter

    def _wake(self) -> None:
        active = self._active
        for nodes, waiter in self._watchers:
            if self._settled or (nodes.isdisjoint(active) and self._clear_of(nodes)):
                if not waiter.done():
                    waiter.set_result(None)
                break  # the list changes: look again at what is left
        else:
            return
        self._watchers = [watcher for watcher in self._watchers if not watcher[1].done()]
        self._wake()

    def _overtime(self, timeout_s: float | None) -> str:
        names = ", ".join(sorted(node.name for node in self._active)) or "nothing"
        return f"Still running after {timeout_s} s: {names}."


_EVERYTHING: frozenset["Node"] = frozenset()
