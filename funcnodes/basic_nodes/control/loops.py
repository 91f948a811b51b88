"""Loops: frames that make a point per item, per round or per number, one after the other (T3).

What hangs on a loop's `do` happens once per point, in a wave of its own; `done` comes after the
last. What the body leads back to the loop is read between two points and starts nothing anew.
A failed point stops the loop, and names it.
"""

from collections.abc import AsyncGenerator
from typing import Any

from funcnodes.basic_nodes.control.routes import is_on
from funcnodes.basic_nodes.define import not_a
from funcnodes.core import Frame, Node, NodeInput, NodeOutput, NoValue, Quality, Wave
from funcnodes.core.nodes import TRIGGER_OUT
from funcnodes.core.quality import worst
from funcnodes.core.running.topology import downstream
from funcnodes.errors import ExecutionError

MAX_ROUNDS = 1_000_000


class LoopNode(Frame):
    """What all loops share: wires that come back from the body do not start the loop again."""

    default_policy = "settled"
    default_run_in = "loop"
    after_last = (TRIGGER_OUT, "done")
    takes_back = True

    index = NodeOutput(type=int, description="Number of the point, from 0.")

    def request(self, wave: Wave) -> None:
        own = self.wave
        if own is None or wave is own or not wave.within(own):
            super().request(wave)

    def comes_back(self, port: NodeInput) -> bool:
        """Whether a wire of the loop's own body ends at `port`."""
        below = downstream(self)
        return any(source.node in below for source in port.sources)


class ForEachNode(LoopNode):
    """Does something with each item of a list, one after the other.

    Wire **do** to the work, and its result back to **collector**: **done** gives the results of
    all items as a list. Without a collector it gives the items.
    """

    node_id = "for_node"
    node_name = "For each"
    description = __doc__
    icon = "turn"
    words = ("loop", "iterate", "list", "map", "repeat")

    input = NodeInput(type=Any, description="The items; a number n stands for 0 to n − 1.")
    collector = NodeInput(
        type=Any, required=False, does_trigger=False,
        description="What the body makes of each item.",
    )  # fmt: skip
    do = NodeOutput(type=Any, description="One item after the other.")
    done = NodeOutput(type=list, description="The results, after the last item.")

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._items: list[Any] = []
        self._collected: list[Any] = []
        self._given: Quality = "ok"  # of the items
        self._quality: Quality = "ok"  # of what the body made of them

    def points_total(self) -> int | None:
        value = self.input.value
        return None if value is NoValue else len(_items(value))

    async def func(self, **inputs: Any) -> None:
        self._items, self._collected = _items(inputs["input"]), []
        self._given = self._quality = self.input.quality
        await super().func()
        found = self._collected if self.collector.is_connected() else self._items
        self.done.set(found, quality=self._quality)

    def quality_of_point(self) -> Quality:
        """Of the items; what comes back is another matter."""
        return self._given

    async def course(self) -> AsyncGenerator[dict[str, Any], None]:
        for index, item in enumerate(self._items):
            before = self.collector.wave
            yield {"do": item, "index": index}
            if self.collector.wave is not before:
                self._collected.append(self.collector.value)
                self._quality = worst((self._quality, self.collector.quality))


class WhileNode(LoopNode):
    """Does something as long as a condition is on, then passes the value on.

    A condition that the body itself works out is first asked after the first round. A value that
    the body leads back to **input** is the next round's.
    """

    node_id = "while_node"
    node_name = "While"
    description = __doc__
    icon = "turn"
    words = ("loop", "until", "repeat", "condition")

    condition = NodeInput(type=bool, description="Whether there is to be another round.")
    input = NodeInput(type=Any, default=None, required=False, description="Goes to each round.")
    limit = NodeInput(
        type=int, default=10_000, does_trigger=False, hidden=True,
        value_options={"min": 1, "max": MAX_ROUNDS},
        description="Rounds after which it gives up, with an error.",
    )  # fmt: skip
    do = NodeOutput(type=Any, description="The value, once per round.")
    done = NodeOutput(type=Any, description="The value, after the last round.")

    def quality_of_point(self) -> Quality:
        return worst((self.input.quality, self.condition.quality))

    def ready(self) -> bool:
        """A condition that the body works out has no value before the first round."""
        return self.comes_back(self.condition) or super().ready()

    async def func(self, **_: Any) -> None:
        await super().func()
        self.done.set(self.input.value, quality=self.quality_of_point())

    async def course(self) -> AsyncGenerator[dict[str, Any], None]:
        rounds = 0
        while (rounds == 0 and self.comes_back(self.condition)) or self._holds():
            if rounds >= self.limit.value:
                raise ExecutionError(f"The condition was still on after {rounds} rounds.")
            yield {"do": self.input.value, "index": rounds}
            rounds += 1

    def _holds(self) -> bool:
        return is_on("condition", self.condition.value)


class RepeatTimesNode(LoopNode):
    """Does something so many times, one after the other."""

    node_id = "control.repeat"
    node_name = "Repeat n times"
    description = __doc__ or ""
    icon = "turn"
    words = ("loop", "for", "count", "again")

    input = NodeInput(type=Any, default=None, required=False, description="Goes to each round.")
    times = NodeInput(
        type=int, default=10, does_trigger=False, value_options={"min": 0, "max": MAX_ROUNDS},
        description="How many rounds.",
    )  # fmt: skip
    do = NodeOutput(type=Any, description="The value, once per round.")
    done = NodeOutput(type=Any, description="The value, after the last round.")

    def points_total(self) -> int:
        return int(self.times.value)

    def quality_of_point(self) -> Quality:
        return worst((self.input.quality, self.times.quality))

    async def func(self, **_: Any) -> None:
        await super().func()
        self.done.set(self.input.value, quality=self.quality_of_point())

    async def course(self) -> AsyncGenerator[dict[str, Any], None]:
        for index in range(self.points_total()):
            yield {"do": self.input.value, "index": index}


def _items(value: Any) -> list[Any]:
    """The items of a list, an array, a dictionary's keys, or the numbers below one."""
    if hasattr(value, "tolist") and getattr(value, "ndim", None):
        return list(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return list(range(value))
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        raise not_a("a list", "input", value)
    return list(value)


NODES: list[type[Node]] = [ForEachNode, WhileNode, RepeatTimesNode]
