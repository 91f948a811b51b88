"""A device under test: an element, and the limits beyond which it is destroyed for good."""

import math
from dataclasses import dataclass

from funcnodes_simulators.physics.elements import Element, OpenCircuit
from funcnodes_simulators.physics.stage import ThermalStage


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where source and element meet.

    Attributes:
        is_limited: The compliance limit, not the programmed level, sets this point.
    """

    voltage_v: float
    current_a: float
    is_limited: bool = False

    @property
    def power_w(self) -> float:
        return abs(self.voltage_v * self.current_a)


@dataclass(slots=True)
class DeviceUnderTest:
    """An element on the bench, which too much current or power destroys for good.

    Attributes:
        max_current_a: More than this, in either direction, burns it open.
        max_power_w: So does more than this.
        stage: The thermal stage that takes up its heat, if it is mounted on one.
        current_a: What flows through it.
    """

    element: Element
    max_current_a: float = 0.2
    max_power_w: float = 0.5
    stage: ThermalStage | None = None
    damage: str | None = None
    worst_current_a: float = 0.0
    worst_power_w: float = 0.0
    current_a: float = 0.0

    @property
    def is_damaged(self) -> bool:
        return self.damage is not None

    def driven_by_voltage(self, level_v: float, limit_a: float) -> OperatingPoint:
        """Apply a voltage source that supplies at most `limit_a` in either direction."""
        current_a = self.element.current_a(level_v)
        if abs(current_a) <= limit_a:
            return OperatingPoint(level_v, current_a)
        limited_a = math.copysign(limit_a, current_a)
        return OperatingPoint(self.element.voltage_v(limited_a), limited_a, is_limited=True)

    def driven_by_current(self, level_a: float, limit_v: float) -> OperatingPoint:
        """Apply a current source that reaches at most `limit_v` in either direction."""
        voltage_v = self.element.voltage_v(level_a)
        if abs(voltage_v) <= limit_v:
            return OperatingPoint(voltage_v, level_a)
        limited_v = math.copysign(limit_v, voltage_v)
        return OperatingPoint(limited_v, self.element.current_a(limited_v), is_limited=True)

    def suffer(self, point: OperatingPoint) -> None:
        """Take note of an operating point that was really reached."""
        self.current_a = point.current_a
        current_a = abs(point.current_a)
        self.worst_current_a = max(self.worst_current_a, current_a)
        self.worst_power_w = max(self.worst_power_w, point.power_w)
        if self.stage is not None:
            self.stage.load_w = point.power_w
        if not self.is_damaged and current_a > self.max_current_a:
            self._burn(f"{current_a:.4g} A is more than the {self.max_current_a:g} A it bears")
        elif not self.is_damaged and point.power_w > self.max_power_w:
            self._burn(f"{point.power_w:.4g} W is more than the {self.max_power_w:g} W it bears")

    def _burn(self, reason: str) -> None:
        self.damage = reason
        self.current_a = 0.0
        self.element = OpenCircuit()

    def state(self) -> dict[str, object]:
        """Return the truth about this device, as plain JSON values."""
        return {
            "damaged": self.is_damaged,
            "damage": self.damage,
            "worst_current_a": self.worst_current_a,
            "worst_power_w": self.worst_power_w,
        }
