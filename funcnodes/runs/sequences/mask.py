"""A waveform against a mask: a highest and a lowest curve, of straight lines between points."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from funcnodes.core import NodeInput, units
from funcnodes.runs.sequences.judging import CheckNode, Unjudged
from funcnodes.runs.verdicts import Check

if TYPE_CHECKING:
    import numpy as np

MAX_POINTS = 10_000


class MaskInput(NodeInput):
    """Points of a mask, `[[x, y], …]`, also as text: `0 1.2; 0.5 1.2; 1 0.6`. x does not go back:
    where it stays, the mask has a step.
    """

    def check(self, value: Any) -> Any:
        if isinstance(value, str):
            rows = [row for row in value.replace("\n", ";").split(";") if row.strip()]
            value = [row.replace(",", " ").split() for row in rows]
        try:
            points = [[float(x), float(y)] for x, y in value]
        except (TypeError, ValueError):
            raise self.refusal("pairs of numbers are expected: x y; x y; …") from None
        if len(points) == 1 or len(points) > MAX_POINTS:
            raise self.refusal(f"a mask has from 2 to {MAX_POINTS:,} points, or none.")
        if not all(abs(number) < float("inf") for point in points for number in point):
            raise self.refusal("its points are finite numbers.")
        if any(one[0] > other[0] for one, other in pairwise(points)):
            raise self.refusal("x goes back: points are given from the lowest x to the highest.")
        return points


class CheckMask(CheckNode):
    """Passes where a curve stays within a mask: not above **highest**, not below **lowest**.

    Where a mask has no point, it limits nothing. A mask is in the units of **x** and **y**.
    """

    node_id = "check.mask"
    node_name = "Check mask"
    description = __doc__ or ""
    words = ("test", "waveform", "curve", "trace", "envelope", "oscilloscope", "verdict", "limit")
    judges = ("y", "x")

    x = NodeInput(type="ndarray", description="Of each sample, from the lowest to the highest.")
    y = NodeInput(type="ndarray", description="The curve that is judged.")
    highest = MaskInput(
        "highest", list, "highest", default=[], required=False, does_trigger=False,
        description="The curve must not go above these lines: x y; x y; …",
    )  # fmt: skip
    lowest = MaskInput(
        "lowest", list, "lowest", default=[], required=False, does_trigger=False,
        description="The curve must not go below these lines: x y; x y; …",
    )  # fmt: skip

    def unit_judged(self) -> str:
        return self._unit_of("y")

    def check_run(self) -> list[str]:
        has = self.highest.value or self.lowest.value
        wired = self.highest.is_connected() or self.lowest.is_connected()
        more = [] if has or wired else [f"{self.name} has no mask: give it highest or lowest."]
        return [*super().check_run(), *more]

    def find(self, given: dict[str, Any]) -> Check:
        import numpy as np

        x, y = _numbers(given["x"]), _numbers(given["y"])
        if len(x) != len(y):
            raise Unjudged(f"has {len(y)} samples at {len(x)} places")
        if not len(x):
            raise Unjudged("has no samples")
        if np.isnan(x).any() or np.isnan(y).any():
            raise Unjudged("has samples that are no numbers")
        beyond, judged = np.zeros(len(y)), 0
        for name, sign in (("highest", 1.0), ("lowest", -1.0)):
            points = given.get(name) or []
            if points:
                over, count = _beyond(x, sign * y, np.asarray(points, float) * [1.0, sign])
                beyond, judged = np.maximum(beyond, over), judged + count
        if not judged:
            raise Unjudged("has no sample where its mask is")
        return self._found(x, y, beyond)

    def _found(self, x: "np.ndarray[Any, Any]", y: Any, beyond: Any) -> Check:
        outside = int((beyond > 0).sum())
        if not outside:
            text = f"{self.name} is within its mask at {len(y)} samples"
            return Check(name=self.name, verdict="pass", text=text, unit=self.unit_judged())
        n = int(beyond.argmax())
        at = units.text(float(x[n]), self._unit_of("x"), digits=6)
        value = units.text(float(y[n]), self.unit_judged(), digits=6)
        by = units.text(float(beyond[n]), self.unit_judged(), digits=3)
        text = (
            f"{self.name} is {value} at {at}, {by} beyond its mask, which {outside} of {len(y)} "
            "samples are outside of"
        )
        return Check(
            name=self.name, verdict="fail", text=text, value=float(y[n]), unit=self.unit_judged()
        )

    def _unit_of(self, name: str) -> str:
        sources = self.inputs[name].sources
        return sources[0].unit if sources else self.inputs[name].unit


def _numbers(value: Any) -> "np.ndarray[Any, Any]":
    import numpy as np

    try:
        found = np.asarray(value, float)
    except (TypeError, ValueError):
        raise Unjudged("is no curve of numbers") from None
    if found.ndim != 1:
        raise Unjudged(f"has {found.ndim} dimensions, and is no curve")
    return found


def _beyond(x: Any, y: Any, points: Any) -> tuple[Any, int]:
    """By how much each sample is above the lines; and how many samples there are to judge.

    At a step of the mask, where two points share one x, the sample may be up to the higher one.
    """
    import numpy as np

    at, bound = points[:, 0], points[:, 1]
    inside = (x >= at[0]) & (x <= at[-1])
    left, right = np.searchsorted(at, x, "left"), np.searchsorted(at, x, "right")
    limits = np.interp(x, at, bound)
    for n in np.flatnonzero(inside & (right > left)):
        limits[n] = bound[left[n] : right[n]].max()
    over = np.where(inside, np.maximum(y - limits, 0.0), 0.0)
    return over, int(inside.sum())
