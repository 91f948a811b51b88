"""Scans: frames that make points, each a wave of its own, one after the other (T3, T11).

What a scan holds as its body, and what hangs on its data outputs, happens once per point; what
hangs on its ▶ done happens once, after the last. Between two points a run may be paused or stopped:
those are its checkpoints; what a pause in the middle of a point does is the scan's to say. Outside
a run a scan works the same, recorded by nobody.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Literal

from funcnodes.core import (
    Frame,
    NodeInput,
    NodeOutput,
    Outcome,
    Trigger,
    clock,
)
from funcnodes.devices.bench import Bench
from funcnodes.devices.device import Device
from funcnodes.errors import ExecutionError
from funcnodes.runs import outage
from funcnodes.runs.control import active_run
from funcnodes.runs.outage import ScanOnChanged
from funcnodes.runs.plan import body
from funcnodes.runs.points import NO_PAST, FramePast
from funcnodes.runs.records import ScanAxis
from funcnodes.runs.run import Run, describe
from funcnodes.runs.shape import Place

MAX_POINTS = 1_000_000
MAX_RETRIES = 100
SHORT_S = 0.1
"""A wait between points that a stop may well wait for."""

OnFailure = Literal["stop", "retry", "skip"]
OnPause = Literal["finish the point", "take it again"]


class Scan(Frame):
    """What all scans share: the course from point to point, and what a failed point means."""

    default_run_in = "loop"

    on_failure = NodeInput(
        type=OnFailure,
        name="on failure",
        description="What a failed point means: stop the scan, retry the point, or skip to the "
        "next one, leaving empty cells.",
        default="stop",
        required=False,
        does_trigger=False,
        hidden=True,
    )
    retries = NodeInput(
        type=int,
        description="How often a failed point is tried again before the scan stops.",
        default=3,
        required=False,
        does_trigger=False,
        hidden=True,
        value_options={"min": 1, "max": MAX_RETRIES},
    )
    wait_s = NodeInput(
        type=float,
        name="wait for devices",
        unit="s",
        description="With retry and skip: how long to wait for an instrument that is away, until "
        "the scan stops. That time is no attempt.",
        default=30.0,
        required=False,
        does_trigger=False,
        hidden=True,
        value_options={"min": 0.0, "max": 86_400.0},
    )
    on_changed = NodeInput(
        type=ScanOnChanged,
        name="on lost settings",
        description="What an instrument means that came back otherwise than it was left: stop the "
        "run, or pause it until that was set again or accepted. By default as the bench says.",
        default="as the bench",
        required=False,
        does_trigger=False,
        hidden=True,
    )
    on_pause = NodeInput(
        type=OnPause,
        name="on pause",
        description="What a pause in the middle of a point does: finish the point first, or give "
        "it up and take it again after the pause.",
        default="finish the point",
        required=False,
        does_trigger=False,
        hidden=True,
    )
    index = NodeOutput(type=int, description="Number of the point, from 0.")
    point = NodeOutput(
        type=Trigger, description="▶ once per point, for nodes that take no value.", hidden=True
    )

    def course(self) -> AsyncGenerator[dict[str, Any], None]:
        """The outputs of each point by id, `index` left out; may wait before a point is due."""
        raise NotImplementedError

    async def course_after(self, past: FramePast) -> AsyncGenerator[dict[str, Any], None]:
        """The course without the points that a run before has taken.

        Here they are asked for and left out. Who waits between points, keeps something of them or
        was begun otherwise than it would be now does it better.
        """
        if past.has_ended:
            return
        left_out = 0
        async with aclosing(self.course()) as course:
            async for values in course:
                if left_out < past.done:
                    left_out += 1
                    continue
                yield values

    def check_past(self, past: FramePast) -> None:
        """Whether it would go on where a run before left off; called before anything moves.

        Raises:
            ExecutionError: It would not.
        """

    def facts_of_point(self) -> dict[str, Any]:
        """What of the point just taken `course_after` is to know, JSON-ready."""
        return {}

    def remember(self, **facts: Any) -> None:
        """Keep, before the first point, what `course_after` is to know of this beginning."""
        run = active_run(self)
        if run is not None:
            run.points.remember(self, facts)

    def dimensions(self) -> tuple[ScanAxis, ...] | None:
        """The axes of its points, the slowest first; None where they have no shape."""
        return None

    def place_of(self, index: int) -> Place:
        """Where the point that is taken now, the `index`th, lies along its axes."""
        return ()

    def choice_on_changed(self) -> ScanOnChanged:
        """What a device that lost its settings means here."""
        choice: ScanOnChanged = self.on_changed.value
        return choice

    def as_taken(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The outputs of a point that is taken now: a pause, or a retry, may have held it up."""
        return values

    async def wait_between(self, seconds: float) -> None:
        """Wait before a point is due; a run that is to end ends that."""
        run = active_run(self) if seconds > SHORT_S else None
        await (clock.sleep(seconds) if run is None else run.sleep(seconds))

    async def func(self, **_: Any) -> None:
        run = active_run(self)
        total = self.points_total()
        past = run.begin_frame(self) if run is not None else NO_PAST
        index = past.done
        self.report(index, total)
        async with self._entered(past), aclosing(self.course_after(past)) as course:
            async for values in course:
                if run is None:
                    await self._point(index, values, total)
                elif await run.checkpoint(self) and await self._point(index, values, total):
                    run.points.taken(self, index, self.facts_of_point())
                else:
                    run.points.break_off(self)
                    return
                index += 1
                self.report(index, total)
                if run is not None:
                    run.point_done(self)
        if run is not None:
            run.points.end(self)

    @asynccontextmanager
    async def _entered(self, past: FramePast) -> AsyncIterator[None]:
        """`enter` and `finally` around the block, unless a run before was through with them."""
        if past.has_ended:
            yield
            return
        async with self.entered():
            yield

    async def _point(self, index: int, values: Mapping[str, Any], total: int | None) -> bool:
        """One point, tried as often as `on_failure` allows; False where the run is to end.

        What a pause gave up is taken again, and so, once, is what an outage cut short: neither is
        an attempt.
        """
        run = active_run(self)
        policy: OnFailure = self.on_failure.value
        left = self.retries.value if policy == "retry" else 0
        was_away = False
        where = f"Stopped at point {index + 1}{f' of {total}' if total else ''}"
        while True:
            outcome = await self._attempt(index, values, run)
            if outcome is None:
                if run is not None and await run.checkpoint(self):
                    continue
                return False
            if outcome.state in ("ok", "superseded"):
                return True
            if outcome.state == "cancelled":
                raise ExecutionError(f"{where}: {outcome.reason or 'it was cancelled'}.")
            if run is not None:
                run.log("warning", self.name, f"Point {index + 1}: {describe(outcome)}")
            is_outage = outage.is_outage(outcome)
            if run is not None and is_outage and run.is_suspended_for(self._away()):
                if await run.checkpoint(self):
                    continue
                return False
            is_away = policy != "stop" and is_outage and bool(self._away())
            if is_away:
                await self._wait_for_devices(run, where, index, total)
            if policy == "skip":
                for frame in self.frames_around():
                    frame.point_left_out(
                        self, f"Point {index + 1} was left out: {describe(outcome)}"
                    )
                return True
            if is_away and not was_away:
                was_away = True
            elif left == 0:
                raise _failed(where, outcome)
            else:
                left -= 1
            if run is not None and not await run.checkpoint(self):
                return False

    async def _attempt(
        self, index: int, values: Mapping[str, Any], run: Run | None
    ) -> Outcome | None:
        """Take a point, and keep the row of one that is skipped; None where a pause gave it up."""
        outputs = {**self.as_taken(values), "index": index, "point": True}
        wave = self.open_point(outputs, f"{self.name} {index + 1}")
        if run is None:
            return await self.rest(wave)
        again = self.on_pause.value == "take it again"
        with (
            run.point(wave, self.place_of(index), again=again),
            run.points.under_way(self, index, wave),
        ):
            outcome = await self.rest(wave)
            if run.is_held(wave):
                return None
            is_over = outcome.state in ("ok", "superseded", "cancelled")
            if not is_over and self.on_failure.value == "skip":
                run.keep_point(self, wave)
            return outcome

    def _bench(self) -> Bench | None:
        return self.nodespace.services.get(Bench) if self.nodespace is not None else None

    def _away(self) -> list[Device]:
        """The devices of its points that cannot be spoken with now."""
        return outage.away(outage.used(body(self)), self._bench())

    async def _wait_for_devices(
        self, run: Run | None, where: str, index: int, total: int | None
    ) -> None:
        """Wait until every device of its points can be spoken with again.

        Raises:
            ExecutionError: One stayed away for `wait_s`.
        """
        bench, names = self._bench(), outage.used(body(self))
        assert bench is not None, "somebody of it is away"
        missing = " and ".join(device.name for device in outage.away(names, bench))
        self.report(index, total, f"waiting for {missing}")
        why = await outage.back(names, bench, run, float(self.wait_s.value))
        self.report(index, total)
        if why:
            raise ExecutionError(f"{where}: {why}")


def _failed(where: str, outcome: Outcome) -> ExecutionError:
    error = ExecutionError(f"{where}: {describe(outcome)}")
    error.__cause__ = outcome.error
    return error
