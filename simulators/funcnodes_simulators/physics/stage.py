"""A sample stage: heat capacity, a link to a bath, and a heater."""

import math
from dataclasses import dataclass, field


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
