"""What scans share that choose each point by what the points before gave (T3)."""

import asyncio
import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from funcnodes.core import NodeInput, Outcome, Quality, Wave, clock
from funcnodes.core.quality import worst
from funcnodes.errors import ExecutionError
from funcnodes.runs.run import Run
from funcnodes.runs.scans.axes import ScanInUnits
from funcnodes.runs.scans.optimisers import Choice

T = TypeVar("T")
MAX_CHOSEN = 5_000
"""Points that are chosen one by one."""


class ChoosingScan(ScanInUnits):
    """What scans share that choose each point by what the points before gave."""

    takes_back = True
    own_inputs: tuple[str, ...] = ()
    """Inputs that take back what the points give."""

    _wave_of_point: Wave | None = None
    _outcome: Outcome | None = None  # of the last attempt at a point
    _point_of: Choice = ()  # as it was asked for
    told: int = 0
    """Points of this time that counted."""

    def why_not(self) -> Iterable[str]:
        """Why it cannot begin, in plain sentences."""
        raise NotImplementedError

    def check_run(self) -> list[str]:
        return [*super().check_run(), *self.why_not()]

    async def func(self, **named: Any) -> None:
        for why in self.why_not():
            raise ExecutionError(why)
        await super().func(**named)

    def open_point(self, values: Any, label: str) -> Wave:
        self._wave_of_point = super().open_point(values, label)
        return self._wave_of_point

    async def _attempt(self, index: int, values: Any, run: Run | None) -> Outcome | None:
        self._outcome = await super()._attempt(index, values, run)
        return self._outcome

    def quality_of_point(self) -> Quality:
        """Of what it was given; what its points gave is another matter."""
        given = (port for name, port in self.inputs.items() if name not in self.own_inputs)
        return worst(port.quality for port in given)

    def check_same(self, number: int, asked: Choice | None, taken: Choice) -> None:
        """Whether the point that is chosen now, the `number`th, is the one that was taken then.

        Raises:
            ExecutionError: It is another one: a library that chooses has changed.
        """
        if asked is None or not all(map(_is_near, asked, taken)):
            raise ExecutionError(
                f"{self.name} would choose other points than before, from the {number}. on: "
                "what chooses them has changed, so it cannot be continued."
            )

    def point_was_taken(self) -> bool:
        """Whether the point just taken came to its end."""
        return self._outcome is not None and self._outcome.state in ("ok", "superseded")

    def is_of_point(self, port: NodeInput) -> bool:
        """Whether an input holds what the point just taken gave, and that is `ok`."""
        own = self._wave_of_point
        within = own is not None and port.wave is not None and port.wave.within(own)
        return within and port.quality == "ok"


def _is_near(one: float | str, other: float | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


async def in_thread(call: Callable[[], T]) -> T:
    """Run what may take long, or load a library, while the loop goes on."""
    with clock.standing_still():
        return await asyncio.to_thread(call)
