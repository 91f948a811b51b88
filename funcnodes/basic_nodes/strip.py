"""The strip chart: what came lately, over time, run or not.

Every value is kept for as long as the window says; what is drawn of them is worked out when
somebody looks.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from funcnodes.basic_nodes.control.arrivals import ArrivalInput, ArrivalNode
from funcnodes.basic_nodes.control.memory import is_signal
from funcnodes.basic_nodes.define import not_a
from funcnodes.core import Node, NodeInput, NodeOutput, clock

MOST_KEPT = 100_000
"""Values of one curve; older ones go."""
DRAWN = 2_000
PENS = ("a", "b", "c", "d")


class Recent(Mapping[str, Any]):
    """What a strip chart draws, as a figure that is made when it is looked at.

    Attributes:
        window_s: How far back it goes.
    """

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self.y_label = ""
        self._pens: dict[str, deque[tuple[float, float]]] = {}

    def put(self, pen: str, t: float, value: float) -> None:
        """Draw a value, NaN for a gap; `t` in seconds of the steady clock."""
        kept = self._pens.setdefault(pen, deque(maxlen=MOST_KEPT))
        kept.append((t, value))
        while kept[0][0] < t - self.window_s:
            kept.popleft()

    def clear(self) -> None:
        """Forget everything."""
        self._pens.clear()

    def __getitem__(self, key: str) -> Any:
        if key == "curves":
            return self._curves()
        return {"style": "line", "x_label": "time (s)", "y_label": self.y_label}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(("curves", "style", "x_label", "y_label"))

    def __len__(self) -> int:
        return 4

    def _curves(self) -> list[dict[str, list[float | None]]]:
        now = max((kept[-1][0] for kept in self._pens.values() if kept), default=0.0)
        return [_curve(list(kept), now, self.window_s) for _, kept in sorted(self._pens.items())]


class StripChart(ArrivalNode):
    """Draws what comes over the last seconds, minutes or hours, whether a run is on or not.

    Wire monitors or readings to it: one pen each. What is not ok is a gap. **reset** begins anew.
    """

    node_id = "plot.strip"
    node_name = "Strip chart"
    description = __doc__
    icon = "plot"
    words = ("trend", "live", "monitor", "recorder", "scroll", "time", "history", "plot", "chart")
    body = "curve"

    a = ArrivalInput(type=float, description="The first pen.")
    b = ArrivalInput(type=float, required=False, description="The second pen.")
    c = ArrivalInput(type=float, required=False, hidden=True, description="The third pen.")
    d = ArrivalInput(type=float, required=False, hidden=True, description="The fourth pen.")
    window = NodeInput(
        type=float, unit="s", default=60.0, required=False, does_trigger=False,
        value_options={"min": 1.0, "max": 86_400.0}, description="How far back it goes.",
    )  # fmt: skip
    reset = ArrivalInput(
        required=False, hidden=True, description="Any value but off, 0 and nothing begins anew."
    )
    figure = NodeOutput(type=dict, description="What is drawn.")

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._recent = Recent(60.0)

    def func(self, **_: Any) -> None:
        self._recent.window_s = float(self.inputs["window"].value)
        self._recent.y_label = next((s.unit for s in self.inputs["a"].sources), "")
        for each in self.arrivals() or ():
            if each.port in PENS:
                value = _number(each.port, each.value)
                self._recent.put(
                    each.port, clock.monotonic(), value if each.quality == "ok" else math.nan
                )
            elif each.port == "reset" and is_signal(each.value):
                self._recent.clear()
        self.figure.set(self._recent)


def _number(port: str, value: Any) -> float:
    if isinstance(value, str) or not hasattr(value, "__float__"):
        raise not_a("a number", port, value)
    return float(value)


def _curve(
    points: list[tuple[float, float]], now: float, window_s: float
) -> dict[str, list[float | None]]:
    """Seconds before now, and values; of each stretch the lowest and the highest, and its gaps."""
    points = [point for point in points if point[0] >= now - window_s]
    width = max(1, math.ceil(len(points) / (DRAWN // 3)))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), width):
        stretch = points[start : start + width]
        if width == 1:
            kept += stretch
            continue
        numbers = [point for point in stretch if point[1] == point[1]]
        gaps = [point for point in stretch if point[1] != point[1]]
        chosen = {min(numbers, key=_value), max(numbers, key=_value)} if numbers else set()
        kept += sorted([*chosen, *gaps[:1]])
    return {
        "x": [t - now for t, _ in kept],
        "y": [value if math.isfinite(value) else None for _, value in kept],
    }


def _value(point: tuple[float, float]) -> float:
    return point[1]


NODES: list[type[Node]] = [StripChart]
