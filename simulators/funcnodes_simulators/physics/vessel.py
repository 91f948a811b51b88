"""A vessel that is filled, and weighed."""

from dataclasses import dataclass


@dataclass(slots=True)
class Vessel:
    """A vessel of its own weight, and the liquid in it; nothing evaporates.

    Attributes:
        density_g_ml: Of the liquid; that of water at 20 °C if left out.
        weight_g: Of the vessel, empty.
        volume_ml: What is in it.
    """

    density_g_ml: float = 0.9982
    weight_g: float = 50.0
    volume_ml: float = 0.0

    @property
    def mass_g(self) -> float:
        """What a balance under it feels."""
        return self.weight_g + self.density_g_ml * self.volume_ml

    def pour(self, volume_ml: float) -> None:
        """Add so much."""
        self.volume_ml += volume_ml
