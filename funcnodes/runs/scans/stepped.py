"""Scans of one value: what they share, whatever the values are.

A value has a unit, is taken forward, backward or there and back, and may be meant relative to what
the instrument stands at when the scan begins; it is put back there in the end.
"""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, ClassVar, Literal

from funcnodes.core import NodeInput, NodeOutput, Wave
from funcnodes.core.naming import name_of
from funcnodes.devices.bench import Bench
from funcnodes.devices.device import Device
from funcnodes.devices.nodes.nodes import DeviceSet
from funcnodes.devices.nodes.ports import VALUE
from funcnodes.errors import DeviceError, ExecutionError
from funcnodes.runs.control import active_run
from funcnodes.runs.points import NO_PAST, FramePast
from funcnodes.runs.records import AxisKind, ScanAxis
from funcnodes.runs.scans.axes import ScanInUnits
from funcnodes.runs.shape import Place
from funcnodes.runs.unitinput import UnitInput, conversion

Order = Literal["forward", "backward", "alternating"]


class SteppedScan(ScanInUnits):
    """A scan of one value. Subclasses say how many values there are one way, and which."""

    both_ways = NodeInput(
        type=bool,
        name="both ways",
        default=False,
        does_trigger=False,
        hidden=True,
        description="Come back the same way, without taking the turning point twice.",
    )
    order = NodeInput(
        type=Order,
        default="forward",
        required=False,
        does_trigger=False,
        hidden=True,
        description="From the first value to the last, the other way round, or alternating: within "
        "another scan each time from the end where the last time ended (a snake).",
    )
    relative = NodeInput(
        type=bool,
        default=False,
        required=False,
        does_trigger=False,
        hidden=True,
        description="The values are added to what the instrument stands at when the scan begins; "
        "it goes back there in the end.",
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
        description='Unit of the values, e.g. "mV"; empty for plain numbers.',
    )
    value = NodeOutput(type=float, description="The value of this point.")

    axis_kind: ClassVar[AxisKind] = "list"

    _backward = False  # which end this time began with
    _last = 0  # place of the last value, this time
    _is_both_ways = False  # this time
    _times = 0  # how often it was begun within `_around`
    _around: Wave | None = None  # the outermost wave of the last time

    @property
    def _unit(self) -> str:
        return self.unit_of("unit")

    # ── what subclasses say ───────────────────────────────────────────────────────────────

    def count(self) -> int:
        """How many values there are one way."""
        raise NotImplementedError

    def at(self, step: int) -> float:
        """The value of a step, from 0 to `count() - 1`, in the unit."""
        raise NotImplementedError

    # ── the values ────────────────────────────────────────────────────────────────────────

    def points_total(self) -> int:
        count = self.count()
        return 2 * count - 1 if self.both_ways.value else count

    def lead_s(self) -> float:
        return float(self.delay.value)

    def values(self, *, backward: bool = False) -> Iterator[float]:
        """All values in order, as they are asked for; first and last exactly so."""
        there = range(self.count())
        way = there[::-1] if backward else there
        yield from map(self.at, way)
        if self.both_ways.value:
            yield from map(self.at, way[-2::-1] if len(way) > 1 else ())

    def extremes(self) -> dict[str, tuple[float, float]]:
        if self.relative.value:
            return {}
        values = [self.at(step) for step in (0, self.count() - 1)]
        return {"value": (min(values), max(values))}

    def dimensions(self) -> tuple[ScanAxis, ...]:
        values = ScanAxis(
            name=self._axis_name(), unit=self._unit, kind=self.axis_kind, node=name_of(self),
            points=tuple(map(self.at, range(self.count()))), length=self.count(),
            is_relative=bool(self.relative.value),
        )  # fmt: skip
        if not self.both_ways.value:
            return (values,)
        ways = ("forward", "backward")
        return values, ScanAxis(
            name="direction", kind="direction", node=values.node, labels=ways, length=len(ways)
        )

    def place_of(self, index: int) -> Place:
        last = self._last
        turned = index > last
        step = 2 * last - index if turned else index
        place = last - step if self._backward else step
        return (place, int(turned != self._backward)) if self._is_both_ways else (place,)

    def begin_way(self, *, backward: bool) -> None:
        """Places are those of a scan as it is now, begun at this end."""
        self._backward, self._last = backward, self.count() - 1
        self._is_both_ways = bool(self.both_ways.value)

    def _axis_name(self) -> str:
        """What somebody called it, else what it sets."""
        if self.name not in ("", self.node_name):
            return self.name
        setting = self._set_nodes()
        return f"{setting[0].device} {setting[0].member}" if len(setting) == 1 else self.name

    def course(self) -> AsyncGenerator[dict[str, Any], None]:
        return self.course_after(NO_PAST)

    async def course_after(self, past: FramePast) -> AsyncGenerator[dict[str, Any], None]:
        if past.has_ended:
            return
        delay_s: float = self.delay.value
        backward = self._is_backward(past)
        self.begin_way(backward=backward)
        present = await self._present(past) if self.relative.value else None
        try:
            for value in islice(self.values(backward=backward), past.done, None):
                if delay_s > 0:
                    await self.wait_between(delay_s)
                yield {"value": value if present is None else present.value + value}
        finally:
            if present is not None:
                await self._put_back(present)

    def _is_backward(self, past: FramePast) -> bool:
        """Which end this time begins with."""
        order: Order = self.order.value
        if order != "alternating":
            return order == "backward"
        around = _outermost(self.wave)
        if "times" in past.begin:
            self._times = int(past.begin["times"])
        else:
            self._times = self._times + 1 if around is self._around else past.times
            self.remember(times=self._times)
        self._around = around
        return self._times % 2 == 1

    # ── relative to what the instrument stands at ─────────────────────────────────────────

    def check_run(self) -> list[str]:
        why = self._why_not_relative() if self.relative.value else ""
        return [*super().check_run(), *([f"{self.name} {why}"] if why else [])]

    def _set_nodes(self) -> list[DeviceSet]:
        nodes = (target.node for target in self.outputs["value"].targets)
        return [node for node in nodes if isinstance(node, DeviceSet) and not node.muted]

    def _why_not_relative(self) -> str:
        number = len(self._set_nodes())
        if number == 1:
            return ""
        return (
            f"is relative to what a device stands at, but sets {number or 'none'}: "
            "wire its value to exactly one Set node."
        )

    async def _present(self, past: FramePast) -> "_Present":
        """What the instrument that it sets stood at when it began, in the scan's unit.

        Raises:
            ExecutionError: It sets none, or several, or that one does not tell a number.
        """
        why = self._why_not_relative()
        if why:
            raise ExecutionError(f"{self.name} {why}")
        node = self._set_nodes()[0]
        bench = self.nodespace.services.get(Bench) if self.nodespace is not None else None
        if bench is None:
            raise ExecutionError(f"{self.name} is relative, but there is no bench here.")
        device, unit = bench.device(node.device), node.inputs[VALUE].unit
        convert: Callable[[Any], Any] = conversion(unit, self._unit) or float
        if "present" in past.begin:
            raw = past.begin["present"]
            return _Present(device, node.member, raw, convert(raw))
        sample = await device.member_get(node.member)
        if sample.quality != "ok" or not isinstance(sample.value, int | float):
            raise ExecutionError(
                f"{self.name}: {node.device}.{node.member} reads {sample.value} "
                f"({sample.quality}), so nothing can be relative to it."
            )
        self.remember(present=sample.value)
        return _Present(device, node.member, sample.value, convert(sample.value))

    async def _put_back(self, present: "_Present") -> None:
        """Back to where it was, unless nothing may be written any more."""
        run = active_run(self)
        if self.nodespace is None or self.nodespace.arming == "disarmed":
            return
        if run is not None and run.is_halted:
            return
        try:
            with suppress(ExecutionError):
                await present.device.member_set(present.member, present.raw)
        except DeviceError as error:
            if run is not None:
                run.log("warning", self.name, f"It was not put back: {error.message}")


class _Present:
    """What a control stood at: as the device says, and in the unit of the scan."""

    __slots__ = ("device", "member", "raw", "value")

    def __init__(self, device: Device, member: str, raw: Any, value: float) -> None:
        self.device, self.member, self.raw, self.value = device, member, raw, value


def _outermost(wave: Wave | None) -> Wave | None:
    while wave is not None and wave.parent is not None:
        wave = wave.parent
    return wave
