"""Streams: inputs that lose nothing up to a bound, and count what they had to drop (T5).

A node with stream inputs runs once per item, in the order of arrival; where it has several, it
takes one item of each. Its other inputs are parameters, taken when the execution begins. It runs
in the wave of what completed the set: of the item itself, of its last partner, of a parameter that
had no value, or of ▶. A complete set that waits for the busy node keeps its wave from settling; an
item that waits for something else does not.
"""

import logging
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from funcnodes.core.nodes.inputs import NodeInput
from funcnodes.core.nodes.port import TRIGGER_IN
from funcnodes.core.running.waves import Outcome, Wave
from funcnodes.core.values import NoValue, Quality
from funcnodes.errors import GraphError, StreamOverflow

if TYPE_CHECKING:
    from funcnodes.core.nodes.node import Node

CAPACITY = 1000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stream:
    """Annotation: an argument that gets every item, e.g. `Annotated[float, Stream(5000)]`.

    Attributes:
        capacity: Items that may wait; what comes on top is dropped and counted.
    """

    capacity: int = CAPACITY


@dataclass(frozen=True, slots=True)
class Item:
    """One value on its way, and where it belongs."""

    value: Any
    wave: Wave
    quality: Quality = "ok"


class StreamInput(NodeInput):
    """Takes every value that comes, in order; `value` is the one taken last.

    Attributes:
        capacity: Items that may wait here.
        dropped: Items lost so far because as many were waiting already.
    """

    carries = "stream"

    def __init__(
        self, id: str = "", type: Any = Any, *args: Any, capacity: int = CAPACITY, **settings: Any
    ) -> None:
        """Take the arguments of `NodeInput`, and how many items may wait, 1 or more."""
        super().__init__(id, type, *args, **settings)
        if capacity < 1:
            raise GraphError(f"A stream must be able to hold an item, not {capacity}.")
        self.capacity = capacity
        self.dropped = 0
        self.items: deque[Item] = deque()  # without partners yet

    def copy_for(self, node: "Node") -> Self:
        copy = super().copy_for(node)
        copy.items = deque()
        return copy

    @property
    def waiting(self) -> int:
        """Items that have come and are not taken yet."""
        backlog = self.node.backlog
        return len(self.items) + (backlog.waiting if backlog is not None else 0)

    def joined(self) -> None:
        backlog = self.node.backlog
        if not isinstance(backlog, Backlog):
            backlog = self.node.backlog = Backlog(self.node)
        backlog.ports.append(self)

    def left(self) -> None:
        backlog = self.node.backlog
        if isinstance(backlog, Backlog):
            backlog.remove(self)

    def status(self) -> dict[str, Any]:
        return {**super().status(), "waiting": self.waiting, "dropped": self.dropped}

    def receive(self, value: Any, wave: Wave, quality: Quality = "ok") -> None:
        """Queue an item, and see whether the node can take it."""
        node = self.node
        if (node.blocked and wave.hand is not node) or wave.cancelled is not None:
            return
        if self.waiting >= self.capacity:
            self._drop(wave)
            return
        self.items.append(Item(value, wave, quality))
        if self.triggers:
            node.request(wave)
        node.note_port(self)

    def take(self, item: Item) -> None:
        """An execution begins that takes `item`."""
        self._value, self.wave, self.quality, self.applied = (
            item.value, item.wave, item.quality, not self.node.effect,
        )  # fmt: skip
        self.node.note_port(self)

    def _drop(self, wave: Wave) -> None:
        """Nothing is lost in silence: it is counted and told, and its wave has failed."""
        self.dropped += 1
        node = self.node
        why = f"{node.name}: {self.name} dropped a value, since {self.waiting} are waiting."
        if self.dropped == 1:
            _log.warning("%s", why)
        wave.note(Outcome("failed", node, StreamOverflow(why, node=node.uuid, port=self.id)))
        self.tell("dropped", dropped=self.dropped)
        node.note_port(self)


class Backlog:
    """What waits in front of one node with stream inputs.

    Attributes:
        ports: Its stream inputs.
        sets: Complete sets of items, one per stream, in the order in which they run.
    """

    def __init__(self, node: "Node") -> None:
        self.node = node
        self.ports: list[StreamInput] = []
        self.sets: deque[tuple[Wave, tuple[Item, ...]]] = deque()
        self._held: Counter[Wave] = Counter()  # sets per wave that waits for them

    def remove(self, port: StreamInput) -> None:
        """`port` is taken away, and what waits with it."""
        self.drop()
        self.ports.remove(port)
        if not self.ports:
            self.node.backlog = None

    @property
    def waiting(self) -> int:
        """How many sets wait."""
        return len(self.sets)

    def holds(self, wave: Wave) -> bool:
        """Whether a set that waits belongs to `wave`."""
        return wave in self._held

    def request(self, wave: Wave) -> None:
        """Something came: run what is complete now. With ▶ connected, each ▶ runs one set (T7)."""
        for items in self._complete(one=bool(self.node.inputs[TRIGGER_IN].sources)):
            self.sets.append((wave, items))
            self._held[wave] += 1
            wave.enter(self.node)
        self.start_next()

    def start_next(self) -> None:
        """Trigger the next set if the node is idle."""
        node = self.node
        while self.sets and not node.in_trigger:
            wave, items = self.sets.popleft()
            self._release(wave)
            for port, item in zip(self.ports, items, strict=True):
                port.take(item)
            node.asked = wave
            node.run_in_wave(wave)
            if not node.in_trigger:
                wave.leave(node)

    def drop(self, wave: Wave | None = None) -> None:
        """Forget what waits, of one wave or of all; not counted as lost."""
        for port in self.ports:
            port.items = deque(item for item in port.items if wave not in (None, item.wave))
        self.sets = deque(each for each in self.sets if wave not in (None, each[0]))
        left, self._held = self._held, Counter(each[0] for each in self.sets)
        for each in left.keys() - self._held.keys():
            if each is not self.node.wave:
                each.leave(self.node)

    def _complete(self, *, one: bool) -> Iterator[tuple[Item, ...]]:
        node = self.node
        values = (port for port in node._required if port.carries == "value")
        if any(port._value is NoValue for port in values):
            return
        while all(port.items for port in self.ports):
            yield tuple(port.items.popleft() for port in self.ports)
            if one:
                return

    def _release(self, wave: Wave) -> None:
        self._held[wave] -= 1
        if not self._held[wave]:
            del self._held[wave]
