"""Frames whose body is the script: the engine makes the points, the script takes them.

    async for volts in run.sweep("0 V", "1 V", points=5, on_failure="skip"):
        async with run.point() as row:
            row["i"] = await bench.smu.i.get()

Each point is a wave of the engine that stays open until the script asks for the next one, so that
a frame means here what it means in a graph (T3, T11). What fails within `run.point()` is the
frame's to judge: tried again, left out, or the end.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from funcnodes.core import Frame, Node, NodeOutput, Place, Wave
from funcnodes.errors import RunError
from funcnodes.scripting.nodes import ScriptSpace, _failed, given, quality_of_value, told

if TYPE_CHECKING:
    from funcnodes.scripting.runs import ScriptRun


class ScriptBody(Node):
    """The body of a frame that a script stands in for: runs until the script has done the point."""

    node_id = "script.body"
    node_name = "Script"
    default_run_in = "loop"

    devices: tuple[str, ...] = ()

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.came: asyncio.Queue[Wave] = asyncio.Queue()
        self.done: asyncio.Future[None] | None = None

    def resources(self) -> tuple[str, ...]:
        return self.devices

    async def func(self) -> None:
        assert self.wave is not None, "it is being executed"
        self.done = asyncio.get_running_loop().create_future()
        self.came.put_nowait(self.wave)
        await self.done


class ScriptFrame:
    """A frame of a script's run; `async for` goes through its points.

    Gives the value of each point, or, of several, a dictionary. Afterwards its results are items:
    `search["best_x"]`.
    """

    def __init__(self, run: "ScriptRun", scope: ScriptSpace, frame: Frame) -> None:
        self.frame = frame
        self._run = run
        self._scope = scope
        self._body = ScriptBody()
        self._within: list[_Within] = []
        scope.space.add_node_instance(self._body)
        scope.space.put_in(self._body, Place(frame.uuid, "body"))
        own = getattr(frame, "own_inputs", ())
        self.back(*(name for name in own if name != "allowed"))

    def __repr__(self) -> str:
        return f"<{self.frame.name}>"

    def __getitem__(self, name: str) -> Any:
        """One of its results."""
        port = self.frame.get_output(name)
        return told(port.value, port.unit, port.quality)

    def back(self, *names: str) -> None:
        """Have its points themselves say what these inputs hold, by `tell`.

        Raises:
            RunError: It takes nothing back.
            PortNotFoundError: It has no such input.
        """
        for name in names:
            port = self.frame.get_input(name)
            if not self.frame.takes_back:
                raise RunError(f"{self.frame.name} takes nothing back from its points.")
            if name not in self._body.outputs:
                self._body.add_output(NodeOutput(name, Any))
            self._body.outputs[name].connect(port, replace=True)

    def tell(self, result: Any = None, /, **more: Any) -> None:
        """What the point that is under way gave, for a frame that chooses its points by that.

        Args:
            result: What is looked for.
            more: Its other inputs by name: `allowed=False` where the point breaks a constraint.

        Raises:
            RunError: No point is under way, or it chooses nothing by what points give.
        """
        if result is not None and "result" not in self.frame.inputs:
            raise RunError(f"{self.frame.name} does not choose its points by what they give.")
        given_ = {**({"result": result} if result is not None else {}), **more}
        self.back(*(name for name in given_ if name not in self._body.outputs))
        for name in sorted(given_, key=lambda each: each == "result"):
            self._lead_back(name, given_[name])

    def until(self, condition: Any) -> None:
        """End after the point under way, if that is so."""
        self.tell(until=condition)

    def __aiter__(self) -> AsyncIterator[Any]:
        wave = self._scope.wave.child(self.frame.name)
        return _Course(self._points(wave), lambda: self._left(wave))

    def _left(self, wave: Wave) -> None:
        """The script has gone on without it, by `break` say; what comes now is outside of it."""
        for within in tuple(self._within):
            within.__exit__(asyncio.CancelledError, asyncio.CancelledError(), None)
        if not wave.settled:
            wave.cancel(_LEFT)

    async def _points(self, wave: Wave) -> AsyncGenerator[Any, None]:
        self._body.devices = tuple(self._run.devices_used)
        self.frame.request(wave)
        over = asyncio.ensure_future(wave.wait())
        try:
            with self._run.counted(self.frame.points_total()) as done:
                async with aclosing(self._came(wave, over)) as points:
                    async for point in points:
                        within = _Within(self._run, self._scope, self._body, point)
                        with within:
                            self._within = [within]
                            yield self._value()
                        self._within = []
                        done()
            outcome = await over
            if outcome.state not in ("ok", "superseded"):
                self._run.check()  # a stop, or an abort, says more than what it broke
                raise _failed(outcome)
        finally:
            if not over.done():
                wave.cancel(_LEFT)
                await asyncio.shield(over)

    def _look_after(self, wave: Wave) -> None:
        """A frame that died amid a point would leave that open, and the script waiting for ever."""
        if not self.frame.in_flight and self.frame not in wave.waiting:
            wave.cancel(f"{self.frame.name} has ended")

    async def _came(self, wave: Wave, over: "asyncio.Future[Any]") -> AsyncGenerator[Wave, None]:
        """The wave of each point, until the frame is over."""
        while True:
            coming = asyncio.ensure_future(self._body.came.get())
            try:
                while not (coming.done() or over.done()):
                    waited = {coming, over}
                    await asyncio.wait(waited, timeout=LOOK_S, return_when=_FIRST)
                    self._look_after(wave)
                if not coming.done():
                    return
                yield coming.result()
            finally:
                coming.cancel()

    def _value(self) -> Any:
        """What the frame set for this point."""
        found = {
            name: told(port.value, port.unit, port.quality)
            for name, port in self.frame.outputs.items()
            if name not in (*self.frame.after_last, *_COUNTS) and not name.startswith("_")
        }
        return next(iter(found.values())) if len(found) == 1 else found or None

    def _lead_back(self, name: str, value: Any) -> None:
        wave = self._body.wave
        if wave is None:
            raise RunError(f"{self.frame.name} is at no point now.")
        port = self._body.outputs[name]
        port.emit(given(value, self.frame.inputs[name]), wave, quality_of_value(value))


_FIRST = asyncio.FIRST_COMPLETED
LOOK_S = 1.0
_LEFT = "the script went on without it"
_COUNTS = ("index", "point", "missed", "attempt")


class _Course:
    """Points as they come; when nobody asks for more of them, that is told at once.

    A generator alone would only be closed some turns of the loop later.
    """

    def __init__(self, points: AsyncGenerator[Any, None], left: Callable[[], None]) -> None:
        self._points = points
        self._left = left

    def __aiter__(self) -> "_Course":
        return self

    async def __anext__(self) -> Any:
        return await self._points.__anext__()

    async def aclose(self) -> None:
        """End it."""
        await self._points.aclose()

    def __del__(self) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it whatever was on
            self._left()


class _Within:
    """The script is at a point of a frame, until it asks for the next one."""

    def __init__(self, run: "ScriptRun", scope: ScriptSpace, body: ScriptBody, wave: Wave) -> None:
        self._run, self._scope, self._body, self._wave = run, scope, body, wave

    def __enter__(self) -> None:
        self._scope.enter(self._wave)
        self._run.bodies.append(self._body)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._scope.leave(self._wave)
        if self._body in self._run.bodies:
            del self._run.bodies[self._run.bodies.index(self._body) :]
        done = self._body.done
        if done is not None and not done.done():
            if error is None:
                done.set_result(None)
            else:
                done.cancel()


class PointRow(dict[str, Any]):
    """Cells of the row of this point, by column."""


class ScriptPoint:
    """A point within a frame; what fails in its block is the frame's to judge.

    Its row is recorded at the end of the block where anything was put in it; where the point
    failed and is left out, with what it has by then.
    """

    def __init__(self, run: "ScriptRun", record: Any) -> None:
        self._run = run
        self._record = record
        self._row = PointRow()

    async def __aenter__(self) -> PointRow:
        return self._row

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        body = self._run.bodies[-1] if self._run.bodies else None
        if isinstance(error, Exception) and body is not None and body.done is not None:
            if self._row and _is_left_out(body):
                self._record(self._row)
            if not body.done.done():
                body.done.set_exception(error)
            return True
        if error is None and self._row:
            self._record(self._row)
        return False


def _is_left_out(body: ScriptBody) -> bool:
    frame = body.frame
    choice = frame.inputs.get("on_failure") if frame is not None else None
    return choice is not None and choice.value == "skip"
