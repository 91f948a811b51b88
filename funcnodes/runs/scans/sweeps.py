"""The values of a scan: in equal steps, in equal ratios, or one by one."""

import math
from typing import Any

from funcnodes.core import NodeInput, units
from funcnodes.errors import ExecutionError, UnitError
from funcnodes.runs.scans.axes import one_axis
from funcnodes.runs.scans.scan import MAX_POINTS
from funcnodes.runs.scans.stepped import SteppedScan


def _points() -> NodeInput:
    return NodeInput(
        type=int,
        default=51,
        does_trigger=False,
        value_options={"min": 1, "max": MAX_POINTS},
        description="How many values, the first and the last included.",
    )


class Sweep(SteppedScan):
    """Steps a value from start to stop in equal steps, one point after the other.

    Wire **value** to what it should set. With **both ways** it comes back the same way, which
    shows a hysteresis. Each point ends when everything that hangs on it has come to rest.
    """

    node_id = "sweep"
    node_name = "Sweep"
    description = __doc__ or ""
    icon = "sweep"
    words = ("scan", "ramp", "linear", "range", "loop", "for", "curve")
    axis_kind = "linear"
    axes = one_axis("start", "stop")

    start = NodeInput(type=float, default=0.0, does_trigger=False, description="First value.")
    stop = NodeInput(type=float, default=1.0, does_trigger=False, description="Last value.")
    points = _points()

    def count(self) -> int:
        return int(self.points.value)

    def at(self, step: int) -> float:
        start, stop, last = float(self.start.value), float(self.stop.value), self.count() - 1
        if step == 0:
            return start
        return stop if step == last else start + (stop - start) * step / last


class LogarithmicSweep(SteppedScan):
    """Steps a value from start to stop in equal ratios: as many points in each decade.

    Start and stop are both above zero, or both below.
    """

    node_id = "scan.logarithmic"
    node_name = "Logarithmic sweep"
    description = __doc__ or ""
    icon = "sweep"
    words = ("scan", "log", "decade", "octave", "frequency", "geometric", "bode", "ratio")
    axis_kind = "logarithmic"
    axes = one_axis("start", "stop")

    start = NodeInput(type=float, default=1.0, does_trigger=False, description="First value.")
    stop = NodeInput(type=float, default=1000.0, does_trigger=False, description="Last value.")
    points = _points()

    def count(self) -> int:
        return int(self.points.value)

    def at(self, step: int) -> float:
        start, stop, last = float(self.start.value), float(self.stop.value), self.count() - 1
        if step == 0:
            return start
        if step == last:
            return stop
        return start * math.exp(math.log(stop / start) * step / last)

    def check_run(self) -> list[str]:
        return [*super().check_run(), *([why] if (why := self._why_not()) else [])]

    async def func(self, **named: Any) -> None:
        why = self._why_not()
        if why:
            raise ExecutionError(why)
        await super().func(**named)

    def _why_not(self) -> str:
        start, stop = float(self.start.value), float(self.stop.value)
        if start * stop > 0:
            return ""
        return (
            f"{self.name}: equal ratios lead from {units.text(start, self._unit)} to "
            f"{units.text(stop, self._unit)} only where both are above zero, or both below."
        )


class ValuesInput(NodeInput):
    """A list of numbers, also as text: `0, 0.5, 1`, `10 mV; 20 mV`, with `0:1:0.25` in steps."""

    def check(self, value: Any) -> Any:
        numbers = self._read(value) if isinstance(value, str) else value
        found = super().check(numbers)
        if not found:
            raise self.refusal("there is no value in it.")
        if len(found) > MAX_POINTS:
            raise self.refusal(f"{len(found)} values are more than {MAX_POINTS:,}.")
        if not all(math.isfinite(number) for number in found):
            raise self.refusal("a value that is set has to be a finite number.")
        return found

    def _read(self, text: str) -> list[float]:
        pieces = text.replace(";", ",").replace("\n", ",").split(",")
        try:
            return [number for piece in pieces if piece.strip() for number in self._each(piece)]
        except UnitError as error:
            raise self.refusal(error.message) from error

    def _each(self, piece: str) -> list[float]:
        ends = [units.parse(end, self.unit) for end in piece.split(":")]
        if len(ends) == 1:
            return ends
        if len(ends) != 3 or not ends[2]:
            raise self.refusal(f"{piece.strip()!r} is neither a number nor start:stop:step.")
        start, stop, step = ends
        steps = (stop - start) / step
        if not 0 <= steps < MAX_POINTS:
            raise self.refusal(f"{piece.strip()!r} never gets from its start to its stop.")
        return [start + step * n for n in range(math.floor(steps * (1 + 1e-12) + 1e-9) + 1)]


class ListSweep(SteppedScan):
    """Takes the values of a list, one point after the other.

    As text: `0, 0.5, 1`, also with units (`10 mV; 20 mV`), and `0:1:0.25` for a range in steps.
    """

    node_id = "scan.list"
    node_name = "List sweep"
    description = __doc__ or ""
    icon = "sweep"
    words = ("scan", "values", "points", "custom", "array", "segments")
    axes = one_axis("values")

    listed = ValuesInput(
        "values",
        list[float],
        "values",
        default=[0.0, 0.5, 1.0],
        does_trigger=False,
        description="What is set, one after the other.",
    )

    def count(self) -> int:
        return len(self.listed.value)

    def at(self, step: int) -> float:
        return float(self.listed.value[step])

    def extremes(self) -> dict[str, tuple[float, float]]:
        values = [float(value) for value in self.listed.value]
        return {} if self.relative.value else {"value": (min(values), max(values))}
