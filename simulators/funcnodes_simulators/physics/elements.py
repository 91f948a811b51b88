"""What may stand between two terminals: elements with one current-voltage relation.

It holds in both directions, so that a source may force either. Leads are ideal; what destroys an
element is `dut`'s business.
"""

import math
from dataclasses import dataclass
from typing import Protocol

from funcnodes_simulators.physics.stage import ThermalStage

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
