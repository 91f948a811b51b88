"""The physical side of a simulated bench: what is wired to the instruments, and how it behaves.

Elements obey one current-voltage relation in both directions, so that a source may force either.
A device under test adds the limits beyond which an element is destroyed for good. A thermal stage
has heat capacity, a link to a bath and a heater. Everything moves with the injected clock, and
noise comes from one seeded generator. Leads are ideal.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from funcnodes_simulators.physics.clock import Clock

BOLTZMANN_J_K = 1.380649e-23
ELEMENTARY_CHARGE_C = 1.602176634e-19


class Element(Protocol):
    """A two-terminal thing with a monotonic current-voltage relation."""

    def current_a(self, voltage_v: float) -> float:
        """Return the current that flows at this terminal voltage."""
        ...

    def voltage_v(self, current_a: float) -> float:
        """Return the terminal voltage at this current; infinite if none can make it flow."""
        ...


@dataclass(frozen=True, slots=True)
class Diode:
    """A Shockley diode with series resistance, at one temperature whatever it dissipates.

    I = I_s (exp((V - I R_s) / (n V_T)) - 1). The default constants are those commonly published
    for a 1N4148 small-signal diode; a fit of a measured curve gives them back. It does not break
    down in reverse.

    Attributes:
        saturation_current_a: I_s.
        ideality: n.
        series_resistance_ohm: R_s, greater than 0.
        temperature_k: T, which sets V_T = k T / q.
    """

    saturation_current_a: float = 2.52e-9
    ideality: float = 1.752
    series_resistance_ohm: float = 0.568
    temperature_k: float = 300.0

    @property
    def thermal_voltage_v(self) -> float:
        """n V_T, the voltage that multiplies the current by e."""
        return self.ideality * BOLTZMANN_J_K * self.temperature_k / ELEMENTARY_CHARGE_C

    def current_a(self, voltage_v: float) -> float:
        scale_v = self.thermal_voltage_v
        drop_v = self.saturation_current_a * self.series_resistance_ohm
        log_argument = math.log(drop_v / scale_v) + (voltage_v + drop_v) / scale_v
        w = lambert_w_of_exp(log_argument)
        return w * scale_v / self.series_resistance_ohm - self.saturation_current_a

    def voltage_v(self, current_a: float) -> float:
        ratio = current_a / self.saturation_current_a
        if ratio <= -1.0:
            return -math.inf
        return self.thermal_voltage_v * math.log1p(ratio) + current_a * self.series_resistance_ohm


@dataclass(slots=True)
class ThermalStage:
    """A sample stage: heat capacity, a thermal link to a bath, and what heats it.

    Attributes:
        capacity_j_k: Heat capacity.
        conductance_w_k: Link to the bath; the time constant is capacity / conductance.
        bath_k: Temperature of the bath, and of the stage at the start.
        load_w: Power dissipated on the stage by devices mounted there.
    """

    capacity_j_k: float = 8.0
    conductance_w_k: float = 0.4
    bath_k: float = 295.0
    load_w: float = 0.0
    temperature_k: float = field(init=False)

    def __post_init__(self) -> None:
        self.temperature_k = self.bath_k

    def advance(self, seconds: float, heater_w: float) -> None:
        """Let time pass at constant power; exact for any step."""
        final_k = self.bath_k + (heater_w + self.load_w) / self.conductance_w_k
        decay = math.exp(-seconds * self.conductance_w_k / self.capacity_j_k)
        self.temperature_k = final_k + (self.temperature_k - final_k) * decay


@dataclass(frozen=True, slots=True)
class Resistor:
    """A resistor that follows the temperature of the stage it sits on; fixed without one.

    R = R_0 (1 + alpha (T - T_0)), with the slope of platinum by default.
    """

    resistance_ohm: float = 100.0
    temperature_coefficient_1_k: float = 3.85e-3
    reference_k: float = 273.15
    stage: ThermalStage | None = None

    @property
    def value_ohm(self) -> float:
        """The resistance at this moment, never below a millionth of R_0."""
        if self.stage is None:
            return self.resistance_ohm
        change = self.temperature_coefficient_1_k * (self.stage.temperature_k - self.reference_k)
        return self.resistance_ohm * max(1.0 + change, 1e-6)

    def current_a(self, voltage_v: float) -> float:
        return voltage_v / self.value_ohm

    def voltage_v(self, current_a: float) -> float:
        return current_a * self.value_ohm


@dataclass(frozen=True, slots=True)
class OpenCircuit:
    """Nothing between the terminals: what is left of a burnt device."""

    def current_a(self, voltage_v: float) -> float:
        return 0.0

    def voltage_v(self, current_a: float) -> float:
        return math.copysign(math.inf, current_a) if current_a else 0.0


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
    """

    element: Element
    max_current_a: float = 0.2
    max_power_w: float = 0.5
    stage: ThermalStage | None = None
    damage: str | None = None
    worst_current_a: float = 0.0
    worst_power_w: float = 0.0

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
        self.element = OpenCircuit()

    def state(self) -> dict[str, object]:
        """Return the truth about this device, as plain JSON values."""
        return {
            "damaged": self.is_damaged,
            "damage": self.damage,
            "worst_current_a": self.worst_current_a,
            "worst_power_w": self.worst_power_w,
        }


class World:
    """One bench: its clock, its noise, and everything that moves when time passes."""

    def __init__(self, clock: Clock, seed: int | None = None) -> None:
        self.clock = clock
        self._random = random.Random(seed)
        self._moving: list[Callable[[float], None]] = []

    def moves(self, advance: Callable[[float], None]) -> None:
        """Have `advance(now_s)` called at every step."""
        self._moving.append(advance)

    def step(self) -> float:
        """Bring everything up to the present and return the time in seconds."""
        now_s = self.clock.now()
        for advance in self._moving:
            advance(now_s)
        return now_s

    def noise(self, sigma: float) -> float:
        """Draw from a normal distribution around 0."""
        return self._random.gauss(0.0, sigma)

    def uniform(self, low: float, high: float) -> float:
        """Draw from between two limits, each value as likely as any other."""
        return self._random.uniform(low, high)


def lambert_w_of_exp(x: float) -> float:
    """Solve w + ln(w) = x for w, which is Lambert's W of exp(x), without overflow.

    Newton's iteration, started on the right branch; converges quadratically for every finite x.
    """
    if x < -2.0:
        return _small_lambert_w(math.exp(x))
    w = x - math.log(x) if x > 2.0 else 1.0
    for _ in range(50):
        step = w * (w + math.log(w) - x) / (w + 1.0)
        w = max(w - step, w * 1e-3)
        if abs(step) <= 1e-15 * w:
            break
    return w


def _small_lambert_w(z: float) -> float:
    """Solve w exp(w) = z for 0 <= z < 0.14, where the logarithm would lose digits."""
    w = z
    for _ in range(50):
        growth = math.exp(w)
        step = (w * growth - z) / (growth * (1.0 + w))
        w -= step
        if abs(step) <= 1e-16 * abs(w):
            break
    return w
