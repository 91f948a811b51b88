"""A beam that two coils steer onto a detector."""

import math
from dataclasses import dataclass

from funcnodes_simulators.physics.dut import DeviceUnderTest


@dataclass(frozen=True, slots=True)
class Beam:
    """A detector whose voltage is greatest where two coils steer the beam onto its middle.

    U = peak_v exp(-(x² + y²) / (2 width²)), with the coils slightly askew:
    x = I_x + skew I_y - x_a and y = I_y + skew I_x - y_a, in amperes. So U is greatest at
    I_x = (x_a - skew y_a) / (1 - skew²), and I_y = (y_a - skew x_a) / (1 - skew²).

    Attributes:
        x, y: The coils, each on an output of a supply.
        x_a, y_a: What either axis needs.
        width_a: Greater than 0.
        skew: How much of one coil's effect goes the other's way.
    """

    x: DeviceUnderTest
    y: DeviceUnderTest
    x_a: float = 0.30
    y_a: float = 0.20
    width_a: float = 0.20
    peak_v: float = 1.0
    skew: float = 0.1

    def volts(self) -> float:
        """What the detector gives at this moment."""
        x = self.x.current_a + self.skew * self.y.current_a - self.x_a
        y = self.y.current_a + self.skew * self.x.current_a - self.y_a
        return self.peak_v * math.exp(-(x * x + y * y) / (2 * self.width_a**2))
