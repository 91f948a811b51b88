"""Frames: nodes that hold nodes, and the engine's one notion of a loop (T3, T11).

    enter     once, before the first point
    body      once per point, each in a child wave of the frame's
    finally   once at the end, whatever the end was: the last point, a failure, a stop, a cancel

What a frame holds is said by `places`. The body is also what hangs downstream of the outputs that
each point sets, members or not; what hangs on its ▶ done comes after it. Frames nest: a frame in a
section is one of its nodes. What its nodes use, such as a device, is kept for them from `enter` to
`finally` (see `reservations`). `finally` cannot be cancelled with the frame, only node by node, and
the frame's wave does not settle before it has ended.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any, ClassVar

from funcnodes.core.nodes.node import Node
from funcnodes.core.nodes.place import Place, Section
from funcnodes.core.nodes.port import TRIGGER_OUT
from funcnodes.core.running import topology
from funcnodes.core.running.waves import Outcome, Wave
from funcnodes.core.values import Quality
from funcnodes.errors import ExecutionError, GraphError


class Pacer:
    """Holds or ends frames between their points; lent to nodes as a service."""

    async def checkpoint(self, frame: Node) -> bool:
        """Called before each point: waits as long as it is to wait; False ends the frame."""
        raise NotImplementedError

    def point_done(self, frame: Node) -> None:
        """Called after each point that went well."""
        raise NotImplementedError


class Frame(Node):
    """A node that opens a child wave per point.

    Subclasses give their points by `course`, or take the course into their own hands: a `func`
    that opens its points by `open_point` and waits for them by `rest`, inside `entered`.
    """

    shows_order = True
    is_frame = True
    linked = True
    after_last: ClassVar[tuple[str, ...]] = (TRIGGER_OUT,)  # outputs that are no point's
    takes_back: ClassVar[bool] = False  # edges from its own body to it start nothing anew

    def points_total(self) -> int | None:
        """How many points it will make, where that is known before it starts."""
        return None

    def points_at_most(self) -> int | None:
        """How many points it will make at most; it may find what it looks for before."""
        return self.points_total()

    def period_s(self) -> float:
        """Seconds from one point to the next at least, where that is known before it starts."""
        return 0.0

    def lead_s(self) -> float:
        """Seconds that it waits before the first point."""
        return 0.0

    def extremes(self) -> dict[str, tuple[float, float]]:
        """Lowest and highest value of outputs by id, where they are known before it starts."""
        return {}

    def course(self) -> AsyncGenerator[dict[str, Any], None]:
        """The outputs of each point by id; may wait before a point is due."""
        raise NotImplementedError(f"{type(self).__name__} has no course")

    async def func(self, **_: Any) -> None:
        total, index = self.points_total(), 0
        self.report(0, total)
        async with self.entered():
            course = self.course()
            try:
                async for values in course:
                    if not await self.may_go_on():
                        break
                    await self.run_point(values, index)
                    index += 1
                    self.report(index, total)
            finally:
                await course.aclose()

    # ── members ───────────────────────────────────────────────────────────────────────────

    def members(self, section: Section | None = None) -> list[Node]:
        """What it holds, in one section or in all."""
        return self.nodespace.places.members(self, section) if self.nodespace is not None else []

    def hold(self, *nodes: Node, section: Section = "body") -> None:
        """Take nodes of the same nodespace in; they leave the frame that they were in.

        Raises:
            GraphError: One is the frame itself, or a frame around it, or not in its nodespace.
            RefusedError: A run is on.
        """
        if self.nodespace is None:
            raise GraphError(f"{self.name} is in no nodespace: it can hold nothing.")
        for node in nodes:
            self.nodespace.put_in(node, Place(self.uuid, section))

    def links_out(self) -> Iterable[Node]:
        return self.members()

    # ── its course ────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """`enter` before the block, `finally` after it, however it ends.

        Raises:
            RefusedError: Another frame keeps something that is used inside.
            ExecutionError: Something in `enter` or `finally` failed. An error of the block itself
                is what is raised; one of `finally` is then its note.
        """
        with self._reserved():
            try:
                await self._enter()
                yield
            except BaseException as error:
                try:
                    await self._finish()
                except ExecutionError as second:
                    error.add_note(second.message)
                raise
            await self._finish()

    async def run_point(self, values: Mapping[str, Any], index: int) -> None:
        """One point: set its outputs, start the body, wait until all of it is at rest.

        Raises:
            ExecutionError: Something in it failed or was given up.
        """
        outcome = await self.rest(self.open_point(values, f"{self.name} {index + 1}"))
        if outcome.state not in ("ok", "superseded"):
            raise _failed(f"{self.name} stopped at point {index + 1}", outcome)
        pacer = self._pacer()
        if pacer is not None:
            pacer.point_done(self)

    def open_point(self, values: Mapping[str, Any], label: str) -> Wave:
        """A child wave in which the outputs are set and the body has begun; still open."""
        wave = self.wave_of_point(label)
        quality = self.quality_of_point()
        for port_id, value in values.items():
            self.outputs[port_id].set(value, wave=wave, quality=quality)
        self._start("body", wave)
        return wave

    def wave_of_point(self, label: str) -> Wave:
        """The child wave of a point, before anything is set in it."""
        assert self.wave is not None, "points belong to an execution"
        return self.wave.child(label)

    def quality_of_point(self) -> Quality:
        """How far its points can be trusted: as far as what it took."""
        return self.quality_taken

    async def rest(self, wave: Wave) -> Outcome:
        """Wait until a wave of its own is at rest; if the frame is given up, so is the wave."""
        try:
            return await wave.wait()
        except asyncio.CancelledError:
            wave.cancel(f"{self.name} was given up")
            await _settled(wave)
            raise

    def frames_around(self) -> Iterator["Frame"]:
        """The frames that hold it, the innermost first."""
        frame = self.frame
        while isinstance(frame, Frame):
            yield frame
            frame = frame.frame

    def point_left_out(self, inner: "Frame", why: str) -> None:
        """A frame inside it has left out a point that failed, and goes on."""

    async def may_go_on(self) -> bool:
        """Wait between points as long as a run wants it; False when the frame is to end."""
        pacer = self._pacer()
        return pacer is None or await pacer.checkpoint(self)

    def _pacer(self) -> Pacer | None:
        return self.nodespace.services.get(Pacer) if self.nodespace is not None else None

    def _reserved(self) -> AbstractContextManager[None]:
        """What is used inside, kept while the frame is on."""
        if self.nodespace is None:
            return nullcontext()
        inside = {*topology.downstream(self), *self._held()}
        names = [name for node in inside for name in node.resources()]
        return self.nodespace.reservations.kept(names, self)

    def _held(self) -> Iterable[Node]:
        """What it holds, in frames and subgraphs inside it too."""
        for node in self.members():
            yield node
            yield from node.inner_nodes()
            if isinstance(node, Frame):
                yield from node._held()

    async def _enter(self) -> None:
        if not self.members("enter"):
            return
        assert self.wave is not None
        wave = self.wave.child(f"{self.name} enter")
        self._start("enter", wave)
        outcome = await self.rest(wave)
        if outcome.state not in ("ok", "superseded"):
            raise _failed(f"{self.name} could not be entered", outcome)

    async def _finish(self) -> None:
        """`finally`, to its end; a cancel that comes meanwhile is raised after it."""
        if not self.members("finally"):
            return
        assert self.wave is not None
        wave = self.wave.child(f"{self.name} finally", shielded=True)
        self._start("finally", wave)
        await _settled(wave)
        if wave.outcome.state not in ("ok", "superseded"):
            raise _failed(f"{self.name} could not be finished", wave.outcome)

    def _start(self, section: Section, wave: Wave) -> None:
        """Set off the members that nothing inside their section sets off."""
        for node in self.members(section):
            if any(port.triggers for port in node.inputs.values()):
                continue
            if node.policy != "zip":
                node.request(wave)
            elif not node.blocked and wave.cancelled is None:
                node.run_in_wave(wave)


async def _settled(wave: Wave) -> None:
    """Wait for `wave` through every cancel; one that came is raised in the end."""
    cancelled: asyncio.CancelledError | None = None
    while True:
        try:
            await wave.wait()
            break
        except asyncio.CancelledError as again:
            cancelled = again
    if cancelled is not None:
        raise cancelled


def _failed(what: str, outcome: Outcome) -> ExecutionError:
    name = f"{outcome.node.name}: " if outcome.node is not None else ""
    why = str(outcome.error or outcome.reason or outcome.state)
    text = why if why.startswith(name) else f"{name}{why}"
    error = ExecutionError(f"{what}: {text}")
    error.__cause__ = outcome.error
    return error
