"""What a sine is sent through: an input and an output, and a complex gain between them."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Network:
    """A source resistance, an inductor if any, and a capacitor, in series, unloaded.

    Without an inductor the output is taken across the capacitor: a low-pass, whose gain is
    1 / (1 + j ω R C), down by 3 dB at 1 / (2 π R C). With one it is taken across the resistor: a
    series resonator, whose gain is R / (R + j (ω L - 1 / (ω C))), real and one at
    f0 = 1 / (2 π √(L C)), with Q = √(L / C) / R.

    Attributes:
        resistance_ohm, capacitance_f: Greater than 0.
        inductance_h: 0 for none.
    """

    resistance_ohm: float = 10e3
    capacitance_f: float = 15.9e-9
    inductance_h: float = 0.0

    def gain(self, frequency_hz: float) -> complex:
        """Output over input at a frequency."""
        omega = 2 * math.pi * frequency_hz
        if not self.inductance_h:
            return 1 / (1 + 1j * omega * self.resistance_ohm * self.capacitance_f)
        reactance_ohm = omega * self.inductance_h - 1 / (omega * self.capacitance_f)
        return self.resistance_ohm / complex(self.resistance_ohm, reactance_ohm)
