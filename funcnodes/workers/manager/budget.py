"""What one person may ask for, by what it costs: a person is a session, however many sockets.

Each command says its cost (`schema.commands`). Whoever is over budget is answered at once, with
when to try again; nothing of theirs reaches a worker meanwhile. What costs nothing always passes:
E-STOP, its reset, and ending a run.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from funcnodes.errors import RefusedError

PER_S = 200.0
MOST = 400.0
PEOPLE_KEPT = 2_000


class OverBudget(RefusedError):
    """Somebody asks for too much at once.

    Attributes:
        retry_after_s: When the same may be asked again.
    """

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(
            f"You ask for more than is good for the others; try again in {retry_after_s:.1f} s.",
            retry_after_s=round(retry_after_s, 3),
        )
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class _Purse:
    left: float
    at_s: float


class Budgets:
    """Everybody's budget, filled again all the time."""

    def __init__(
        self,
        *,
        per_s: float = PER_S,
        most: float = MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_s, self._most, self._clock = per_s, most, clock
        self._purses: OrderedDict[str, _Purse] = OrderedDict()

    def spend(self, person: str, cost: float) -> None:
        """Take `cost` of a person's budget.

        Raises:
            OverBudget: That much is not left; nothing was taken.
        """
        if cost <= 0:
            return
        purse = self._purse(person)
        if purse.left < cost:
            raise OverBudget((cost - purse.left) / self._per_s)
        purse.left -= cost

    def _purse(self, person: str) -> _Purse:
        now = self._clock()
        purse = self._purses.get(person)
        if purse is None:
            purse = self._purses[person] = _Purse(self._most, now)
            while len(self._purses) > PEOPLE_KEPT:
                self._purses.popitem(last=False)
        self._purses.move_to_end(person)
        purse.left = min(self._most, purse.left + (now - purse.at_s) * self._per_s)
        purse.at_s = now
        return purse
