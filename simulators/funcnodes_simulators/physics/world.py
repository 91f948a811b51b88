"""One bench's world: everything moves with the injected clock, noise has one seeded source."""

import random
from collections.abc import Callable

from funcnodes_simulators.physics.clock import Clock


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
