"""What nodes remember from one value to the next: counting, collecting, holding.

Memory lasts while the node is there; a nodespace that is loaded begins anew. What is worked out
from memory is worth as much as the worst of what is in it (R2).
"""

from collections import deque
from typing import Any

from funcnodes.basic_nodes.comparison import are_same
from funcnodes.basic_nodes.control.arrivals import ArrivalInput, ArrivalNode, Arrived
from funcnodes.basic_nodes.control.routes import is_on
from funcnodes.core import Node, NodeInput, NodeOutput, NoValue, Quality
from funcnodes.core.quality import worst

MOST_KEPT = 1_000_000


class CounterNode(ArrivalNode):
    """Counts the values that come, none left out; **reset** starts it again from zero.

    ▶ counts too.
    """

    node_id = "control.counter"
    node_name = "Counter"
    description = __doc__
    icon = "number"
    words = ("count", "number", "events", "tally")

    input = ArrivalInput(type=Any, required=False, description="Each value counts, whatever it is.")
    reset = ArrivalInput(
        type=Any, required=False, description="Any value but off, 0 and nothing sets it to zero."
    )
    count = NodeOutput(type=int, description="Values since the start or the last reset.")

    _count = 0
    _quality: Quality = "ok"  # of what was counted

    def func(self, **_: Any) -> None:
        arrived = self.arrivals()
        for each in [Arrived("input", None)] if arrived is None else arrived:
            if each.port == "input":
                self._count += 1
                self._quality = worst((self._quality, each.quality))
            elif is_signal(each.value):
                self._count, self._quality = 0, each.quality
        self.count.set(self._count, quality=self._quality)


class CollectNode(ArrivalNode):
    """Gathers the values that come into a list, none left out; **reset** starts a new one."""

    node_id = "collector_node"
    node_name = "Collect"
    description = __doc__ or ""
    icon = "table"
    words = ("list", "gather", "append", "history", "buffer")

    reset = ArrivalInput(
        type=Any, required=False, description="Any value but off, 0 and nothing empties the list."
    )
    input = ArrivalInput(type=Any, required=False, description="Each value becomes an item.")
    limit = NodeInput(
        type=int, default=10_000, does_trigger=False, hidden=True,
        value_options={"min": 1, "max": MOST_KEPT},
        description="Most items kept; beyond, the oldest go.",
    )  # fmt: skip
    output = NodeOutput(type=list, description="All items, oldest first.")

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._items: deque[Arrived] = deque()

    def func(self, limit: int, **_: Any) -> None:
        for each in self.arrivals() or ():
            if each.port == "input":
                self._items.append(each)
            elif is_signal(each.value):
                self._items.clear()
        while len(self._items) > limit:
            self._items.popleft()
        quality = worst(each.quality for each in self._items)
        self.output.set([each.value for each in self._items], quality=quality)


class LatchNode(Node):
    """Goes on when **set** is on, and stays on until **reset** is on; reset wins."""

    node_id = "control.latch"
    node_name = "Latch"
    description = __doc__ or ""
    icon = "lock"
    words = ("flip-flop", "memory", "hold", "alarm", "trip")

    set_on = NodeInput(id="set", type=bool, default=False, description="Switches it on.")
    reset = NodeInput(type=bool, default=False, description="Switches it off.")
    out = NodeOutput(type=bool, description="On from set to reset.")

    _on = False
    _quality: Quality = "ok"  # of what switched it on

    def func(self, set: Any, reset: Any) -> None:
        stays = self._on and not is_on("set", set)
        self._on = (self._on or is_on("set", set)) and not is_on("reset", reset)
        kept: Quality = self._quality if self._on and stays else "ok"
        self._quality = worst((kept, self.quality_taken))
        self.out.set(self._on, quality=self._quality)


class HoldNode(Node):
    """Passes values on, and keeps the last one still while **hold** is on."""

    node_id = "control.hold"
    node_name = "Sample and hold"
    description = __doc__ or ""
    icon = "lock"
    words = ("freeze", "latch", "keep", "track")
    default_policy = "settled"

    input = NodeInput(type=Any, description="What is passed on.")
    hold = NodeInput(type=bool, default=False, description="Keeps the output still.")
    out = NodeOutput(type=Any, description="The value, or the one at which it was held.")

    def func(self, input: Any, hold: Any) -> None:
        if not is_on("hold", hold):
            self.out.set(input)


class ChangedNode(Node):
    """Passes a value on only where it, or its quality, differs from the one before.

    Numbers differ where they are further apart than the tolerance.
    """

    node_id = "control.changed"
    node_name = "On change"
    description = __doc__
    icon = "pulse"
    words = ("filter", "difference", "deadband", "distinct", "edge")

    input = NodeInput(type=Any, description="What is passed on.")
    tolerance = NodeInput(
        type=float, default=0.0, does_trigger=False, value_options={"min": 0.0},
        description="Difference that does not count yet, in the value's own unit.",
    )  # fmt: skip
    out = NodeOutput(type=Any, description="The value, where it is a new one.")

    _last: Any = NoValue
    _quality: Quality = "ok"

    def func(self, input: Any, tolerance: float) -> None:
        quality = self.quality_taken
        is_new = self._last is NoValue or quality != self._quality
        if is_new or _differ(self._last, input, tolerance):
            self._last, self._quality = input, quality
            self.out.set(input)


class EdgeNode(Node):
    """Tells when a switch goes on, and when it goes off."""

    node_id = "control.edge"
    node_name = "Edge"
    description = __doc__ or ""
    icon = "pulse"
    words = ("rising", "falling", "trigger", "switch", "change")

    input = NodeInput(type=bool, description="The switch that is watched; at first it is off.")
    rising = NodeOutput(type=bool, description="On, each time it goes on.")
    falling = NodeOutput(type=bool, description="On, each time it goes off.")

    _was = False

    def func(self, input: Any) -> dict[str, Any]:
        now, before = is_on("input", input), self._was
        self._was = now
        if now == before:
            return {}
        return {"rising" if now else "falling": True}


def is_signal(value: Any) -> bool:
    """Whether a value means "do it": anything but off, 0 and nothing."""
    return value is not None and not (isinstance(value, bool | int | float) and value == 0)


def _differ(before: Any, now: Any, tolerance: float) -> bool:
    if isinstance(before, int | float) and isinstance(now, int | float):
        return not abs(now - before) <= tolerance
    return not are_same(before, now)


NODES: list[type[Node]] = [CounterNode, CollectNode, LatchNode, HoldNode, ChangedNode, EdgeNode]
