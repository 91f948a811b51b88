"""Nodes that must not miss a value: each arrival is kept with its wave until it is looked at.

A port holds the latest value only, and a free wave's request gives way to a newer one (T4). What
counts, collects or merges cannot have that: its requests queue, and it takes the values that came
in its own wave, in order.
"""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from funcnodes.core import Node, NodeInput, Quality, Wave


@dataclass(frozen=True, slots=True)
class Arrived:
    """A value that came.

    Attributes:
        port: Id of the input.
    """

    port: str
    value: Any
    quality: Quality = "ok"


class ArrivalInput(NodeInput):
    """An input whose node is told of every value, also of those that a newer one replaces."""

    def receive(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        node = self.node
        if isinstance(node, ArrivalNode) and self.triggers and not node.blocked:
            node.note_arrival(Arrived(self.id, value, quality), wave)
        super().receive(value, wave, quality)


class ArrivalNode(Node):
    """A node with `ArrivalInput`s; executes once per wave, with all that came in it."""

    queues = True
    default_run_in = "loop"

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._arrived: WeakKeyDictionary[Wave, list[Arrived]] = WeakKeyDictionary()

    def note_arrival(self, arrived: Arrived, wave: Wave) -> None:
        """A value came in `wave`; called by the input before it asks for an execution."""
        if wave.cancelled is None:
            self._arrived.setdefault(wave, []).append(arrived)

    def arrivals(self) -> list[Arrived] | None:
        """What has come in the wave of this execution, in order; None where only ▶ asked for it.

        Values that come while the node waits for its turn are taken with the first one, so the
        rerun that they asked for finds an empty list.
        """
        assert self.wave is not None
        arrived = self._arrived.get(self.wave)
        if arrived is not None:
            self._arrived[self.wave] = []
        return arrived
