"""Queueing: who of the nodes that wait in a wave is to be looked at when another has left it.

Each waits behind one of those that hold it up, and is looked at again only once that one has left:
so what a node costs does not depend on how many wait with it.
"""

from collections.abc import Mapping, Set
from typing import Generic, TypeVar

N = TypeVar("N")


class Queue(Generic[N]):
    """Of the nodes that wait in one wave.

    Attributes:
        fresh: Those that have not been looked at yet.
        noticed: Who has left the wave, and has not been followed up yet.
        is_at_it: Whether they are being looked at just now.
    """

    __slots__ = ("_behind", "fresh", "is_at_it", "noticed")

    def __init__(self) -> None:
        self.fresh: list[N] = []
        self.noticed: list[N] = []
        self.is_at_it = False
        self._behind: dict[N, list[N]] = {}

    def put_behind(self, holder: N, node: N) -> None:
        """`node` is to be looked at once `holder` has left."""
        self._behind.setdefault(holder, []).append(node)

    def look_over(self, waiting: Mapping[N, int]) -> None:
        """Have all be looked at anew."""
        self.fresh = list(waiting)
        self._behind.clear()

    def take(self, waiting: Mapping[N, int]) -> list[N]:
        """Those to be looked at now, first come first served."""
        found, self.fresh = self.fresh, []
        noticed, self.noticed = self.noticed, []
        for node in noticed:
            found += self._behind.pop(node, ())
        left = [node for node in found if node in waiting]
        left.sort(key=waiting.__getitem__)
        return left


def common(some: Set[N], others: Set[N]) -> N | None:
    """One that is in both, if any."""
    fewer, more = (some, others) if len(some) < len(others) else (others, some)
    return next((each for each in fewer if each in more), None)


def with_one(some: Set[N], one: N) -> Set[N]:
    """A set with one more: the same, unless it was one that nobody may change."""
    if isinstance(some, set):
        some.add(one)
        return some
    return {*some, one}


def without(some: Set[N], one: N) -> Set[N]:
    """A set with one less; the same, unless it was one that nobody may change."""
    if isinstance(some, set):
        some.discard(one)
        return some
    return some - {one}
