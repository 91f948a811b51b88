"""What the rows of a recorder are points of: the axes of the scans around it, and each row's cell.

A scan says its own dimensions and where each of its points lies along them, whatever the order in
which it takes them: a snake, or there and back, ends up in the same cells as a plain scan. Frames
of which nobody knows the points beforehand (an adaptive scan, a loop) have no shape, and then what
is nested with them has none either.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from funcnodes.core import Frame, Node, Wave
from funcnodes.runs.names import unique
from funcnodes.runs.plan import Plan
from funcnodes.runs.records import Column, ScanAxis

Place = tuple[int, ...]


@runtime_checkable
class Spanning(Protocol):
    """A frame whose points may have a shape."""

    def dimensions(self) -> tuple[ScanAxis, ...] | None:
        """Its axes, the slowest first: () for one point only, None where there is no shape."""


def axes_around(node: Node, plan: Plan, columns: Sequence[Column] = ()) -> tuple[ScanAxis, ...]:
    """The axes of the frames around `node`, the outermost first; () where there is no shape.

    Args:
        columns: What is recorded: an axis goes by the name of the column with its set points.
    """
    found: list[ScanAxis] = []
    for frame in _nested(node, plan) or ():
        own = frame.dimensions() if isinstance(frame, Spanning) else None
        if own is None:
            return ()
        found += own
    named: list[ScanAxis] = []
    for axis in found:
        name = _recorded_as(axis, columns)
        if axis.kind == "direction" and named:
            name = f"{named[-1].name} {axis.kind}"
        name = unique(name, [each.name for each in named])
        named.append(msgspec.structs.replace(axis, name=name))
    return tuple(named)


class PointPlaces:
    """Where the points lie that are under way."""

    def __init__(self) -> None:
        self._by_wave: dict[Wave, Place] = {}

    def put(self, wave: Wave, place: Place) -> None:
        self._by_wave[wave] = place

    def drop(self, wave: Wave) -> None:
        self._by_wave.pop(wave, None)

    def of(self, wave: Wave | None, count: int) -> Place:
        """Along each of `count` axes, outermost first; () where that is not known."""
        found = self._by_wave.get(wave, ()) if wave is not None else ()
        if len(found) == count:
            return found
        wave = wave.parent if wave is not None else None
        while wave is not None:
            found = self._by_wave.get(wave, ()) + found
            wave = wave.parent
        return found if len(found) == count else ()


def _nested(node: Node, plan: Plan) -> list[Frame] | None:
    """The frames around `node`, the outermost first; None where they are beside each other."""
    around = [f for f in plan.frames if f is not node and node in plan.bodies[f]]
    around.sort(key=lambda frame: -sum(other in plan.bodies[frame] for other in around))
    for n, frame in enumerate(around):
        if any(other not in plan.bodies[frame] for other in around[n + 1 :]):
            return None
    return around


def _recorded_as(axis: ScanAxis, columns: Sequence[Column]) -> str:
    if axis.kind in ("time", "direction", "points"):
        return axis.name
    found = (c.name for c in columns if c.node == axis.node and c.port == "value")
    return next(found, axis.name)
