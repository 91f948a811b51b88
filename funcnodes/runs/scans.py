"""Scans: frames that make points, each a wave of its own, one after the other (T3, T11).

What a scan holds as its body, and what hangs on its data outputs, happens once per point; what
hangs on its ▶ done happens once, after the last. Between two points a run may be paused or stopped.
Outside a run a scan works the same, recorded by nobody.
"""

import math
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Any, Literal

from funcnodes.core import (
    Frame,
    Node,
    NodeInput,
    NodeOutput,
    NoValue,
    Outcome,
    PortType,
    Trigger,
    clock,
    units,
)
from funcnodes.devices.bench import Bench
from funcnodes.errors import ExecutionError, UnitError, ValueRefusedError
from funcnodes.runs import outage
from funcnodes.runs.control import active_run
from funcnodes.runs.outage import ScanOnChanged
from funcnodes.runs.plan import body
from funcnodes.runs.run import Run, describe

MAX_POINTS = 1_000_000
MAX_RETRIES = 100
LATE = 0.1
"""Part of its period that a point may be late; one that is later is left out (T8)."""

OnFailure = Literal["stop", "retry", "skip"]


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
    index = NodeOutput(type=int, description="Number of the point, from 0.")
    point = NodeOutput(
        type=Trigger, description="▶ once per point, for nodes that take no value.", hidden=True
    )

    def course(self) -> AsyncGenerator[dict[str, Any], None]:
        """The outputs of each point by id, `index` left out; may wait before a point is due."""
        raise NotImplementedError

    def choice_on_changed(self) -> ScanOnChanged:
        """What a device that lost its settings means here."""
        choice: ScanOnChanged = self.on_changed.value
        return choice

    def as_taken(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The outputs of a point that is taken now: a pause, or a retry, may have held it up."""
        return values

    async def func(self, **_: Any) -> None:
        run = active_run(self)
        total = self.points_total()
        index = 0
        self.report(0, total)
        async with self.entered(), aclosing(self.course()) as course:
            async for values in course:
                if run is not None and not await run.checkpoint(self):
                    break
                await self._point(index, values, total)
                index += 1
                self.report(index, total)
                if run is not None:
                    run.point_done(self)

    async def _point(self, index: int, values: Mapping[str, Any], total: int | None) -> None:
        """One point, tried as often as `on_failure` allows.

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
                return
            if outcome.state in ("ok", "superseded"):
                return
            if outcome.state == "cancelled":
                raise ExecutionError(f"{where}: {outcome.reason or 'it was cancelled'}.")
            if run is not None:
                run.log("warning", self.name, f"Point {index + 1}: {describe(outcome)}")
            is_away = policy != "stop" and outage.is_outage(outcome) and self._is_anybody_away()
            if is_away:
                await self._wait_for_devices(run, where, index, total)
            if policy == "skip":
                return
            if is_away and not was_away:
                was_away = True
            elif left == 0:
                raise _failed(where, outcome)
            else:
                left -= 1
            if run is not None and not await run.checkpoint(self):
                return

    async def _attempt(
        self, index: int, values: Mapping[str, Any], run: Run | None
    ) -> Outcome | None:
        """Take a point, and keep the row of one that is skipped; None where a pause gave it up."""
        outputs = {**self.as_taken(values), "index": index, "point": True}
        wave = self.open_point(outputs, f"{self.name} {index + 1}")
        if run is None:
            return await self.rest(wave)
        with run.point(wave):
            outcome = await self.rest(wave)
        if run.is_held(wave):
            return None
        is_over = outcome.state in ("ok", "superseded", "cancelled")
        if not is_over and self.on_failure.value == "skip":
            run.keep_point(self, wave)
        return outcome

    def _bench(self) -> Bench | None:
        return self.nodespace.services.get(Bench) if self.nodespace is not None else None

    def _is_anybody_away(self) -> bool:
        return bool(outage.away(outage.used(body(self)), self._bench()))

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


class UnitInput(NodeInput):
    """The unit of a scan's values, as text; choosing it changes the ports beside it."""

    def check(self, value: Any) -> Any:
        unit = str(super().check(value)).strip()
        sweep = self.node
        assert isinstance(sweep, Sweep)
        if unit == sweep._unit:
            return unit
        try:
            units.check(unit)
        except UnitError as error:
            raise self.refusal(error.message) from error
        if sweep.outputs["value"].is_connected():
            raise ValueRefusedError(
                f"{sweep.name}: the unit cannot be changed while its value is wired.",
                hint="Take the wire away, choose the unit, and wire it again.",
            )
        return unit

    def receive(self, value: Any, wave: Any, quality: Any = "ok") -> None:
        self._apply(value)
        super().receive(value, wave, quality)

    def restore(self, value: Any) -> None:
        self._apply(value)
        super().restore(value)
        self.applied = True  # nothing waits to be done about it

    def unset(self) -> None:
        self._apply(self.default)
        super().unset()

    def _apply(self, unit: Any) -> None:
        if isinstance(self.node, Sweep):
            self.node.take_unit(str(unit))


class Sweep(Scan):
    """Steps a value from start to stop in equal steps, one point after the other.

    Wire **value** to what it should set. With **both ways** it comes back the same way, which
    shows a hysteresis. Each point ends when everything that hangs on it has come to rest.
    """

    node_id = "sweep"
    node_name = "Sweep"
    description = __doc__ or ""
    icon = "sweep"
    words = ("scan", "ramp", "linear", "range", "loop", "for", "curve")

    start = NodeInput(type=float, default=0.0, does_trigger=False, description="First value.")
    stop = NodeInput(type=float, default=1.0, does_trigger=False, description="Last value.")
    points = NodeInput(
        type=int,
        default=51,
        does_trigger=False,
        value_options={"min": 1, "max": MAX_POINTS},
        description="How many values, the first and the last included.",
    )
    both_ways = NodeInput(
        type=bool,
        name="both ways",
        default=False,
        does_trigger=False,
        hidden=True,
        description="Come back from stop to start.",
    )
    delay = NodeInput(
        type=float,
        unit="s",
        default=0.0,
        does_trigger=False,
        hidden=True,
        value_options={"min": 0.0, "max": 86_400.0},
        description="Wait before each point.",
    )
    unit = UnitInput(
        type=str,
        default="",
        required=False,
        does_trigger=False,
        hidden=True,
        description='Unit of start, stop and value, e.g. "mV"; empty for plain numbers.',
    )
    value = NodeOutput(type=float, description="The value of this point.")

    _unit = ""

    def take_unit(self, unit: str) -> None:
        """Give start, stop and value that unit; of one dimension, they stay the same quantity."""
        if unit == self._unit:
            return
        convert = _conversion(self._unit, unit)
        self._unit = unit
        port_type = PortType.of(float, unit=unit)
        self.value.type = port_type
        for port_id in ("start", "stop"):
            port = self.inputs[port_id]
            port.type = port_type
            if convert is not None and port.value is not NoValue:
                port.restore(convert(port.value))
                port.applied = True

    def points_total(self) -> int:
        points: int = self.points.value
        return 2 * points - 1 if self.both_ways.value else points

    async def course(self) -> AsyncGenerator[dict[str, Any], None]:
        delay_s: float = self.delay.value
        for value in self.values():
            if delay_s > 0:
                await clock.sleep(delay_s)
            yield {"value": value}

    def values(self) -> Iterator[float]:
        """All values in order; first and last exactly as asked for."""
        start, stop = float(self.start.value), float(self.stop.value)
        last = int(self.points.value) - 1
        for step in range(last + 1):
            yield _between(start, stop, step, last)
        if self.both_ways.value:
            for step in range(last - 1, -1, -1):
                yield _between(start, stop, step, last)


class Repeat(Scan):
    """Makes a point every so often: the clock of a time series.

    The schedule is absolute: a point that comes late does not move the others. Points that
    could not be made in time are left out and counted as missed (T8).
    """

    node_id = "repeat"
    node_name = "Repeat"
    description = __doc__ or ""
    icon = "clock"
    words = ("time", "series", "interval", "period", "log", "timer", "every", "loop")

    every = NodeInput(
        type=float,
        unit="s",
        default=1.0,
        does_trigger=False,
        value_options={"min": 0.0, "max": 86_400.0},
        description="From one point to the next.",
    )
    count = NodeInput(
        type=int,
        default=60,
        does_trigger=False,
        value_options={"min": 1, "max": MAX_POINTS},
        description="How many points.",
    )
    time = NodeOutput(type=float, unit="s", description="Since the first point, at this point.")
    point = NodeOutput(type=Trigger, description="▶ once per point.")
    missed = NodeOutput(type=int, description="Points left out so far.", hidden=True)

    _first_at: float | None = None  # on `clock.monotonic`

    def points_total(self) -> int:
        return int(self.count.value)

    def as_taken(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        now = clock.monotonic()
        if self._first_at is None:
            self._first_at = now
        return {"time": now - self._first_at, **values}

    async def course(self) -> AsyncGenerator[dict[str, Any], None]:
        every_s = float(self.every.value)
        began = clock.monotonic()
        self._first_at = None
        slot = missed = 0
        for _ in range(self.points_total()):
            late = (clock.monotonic() - began) / every_s - slot if every_s > 0 else 0.0
            if late > LATE:
                skipped = math.ceil(late - LATE)
                slot, missed = slot + skipped, missed + skipped
            await clock.sleep(began + slot * every_s - clock.monotonic())
            yield {"missed": missed}
            slot += 1


class Settle(Node):
    """Waits, then passes ▶ on: the time an instrument or a sample needs to settle."""

    node_id = "settle"
    node_name = "Settle"
    description = __doc__ or ""
    icon = "hourglass"
    words = ("wait", "delay", "sleep", "pause", "time")
    default_policy = "settled"
    shows_order = True

    time = NodeInput(
        type=float,
        unit="s",
        default=0.02,
        does_trigger=False,
        value_options={"min": 0.0, "max": 86_400.0},
        description="How long to wait.",
    )

    async def func(self, time: float) -> None:
        await clock.sleep(time)


def _between(start: float, stop: float, step: int, last: int) -> float:
    if step == 0:
        return start
    return stop if step == last else start + (stop - start) * step / last


def _conversion(source: str, target: str) -> units.Conversion | None:
    if not source or not target:
        return None
    try:
        return units.conversion(source, target)
    except UnitError:
        return None


def _failed(where: str, outcome: Outcome) -> ExecutionError:
    error = ExecutionError(f"{where}: {describe(outcome)}")
    error.__cause__ = outcome.error
    return error
