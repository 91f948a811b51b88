"""A nodespace with the basic nodes, a clock that jumps, and ways to look at what comes out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.core import Library, Node, NodeInput, NodeOutput, NodeSpace, Wave, clock
from funcnodes.core.clock import VirtualClock


class Seen(Node):
    """Remembers every value that comes, when, and in which wave; may work on each for a while."""

    node_id = "test.seen"
    input = NodeInput(type=Any)
    output = NodeOutput(type=Any)
    queues = True

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.values: list[Any] = []
        self.at: list[float] = []
        self.waves: list[Wave | None] = []
        self.works_s = 0.0
        self.makes: Callable[[Any], Any] = lambda value: value

    async def func(self, input: Any) -> Any:
        self.values.append(input)
        self.at.append(clock.monotonic())
        self.waves.append(self.wave)
        if self.works_s:
            await clock.sleep(self.works_s)
        self.output.set(self.makes(input))


class Graph:
    """Nodes by id, wired by name."""

    def __init__(self) -> None:
        self.space = NodeSpace(Library(NODE_SHELF))

    def add(self, kind: str | type[Node], **values: Any) -> Any:
        """A node with values at its inputs, none of which starts it."""
        if isinstance(kind, str):
            node = self.space.add_node_by_id(kind)
        else:
            node = self.space.add_node_instance(kind())
        for port, value in values.items():
            node.inputs[port].set_value(value, does_trigger=False)
        return node

    def seen(self, output: NodeOutput) -> Seen:
        """Whoever sees all that comes out there."""
        seen: Seen = self.add(Seen)
        output.connect(seen.inputs["input"])
        return seen

    def emitted(self, output: NodeOutput) -> list[Any]:
        """Every value that is set there, also those that nothing has time to look at."""
        values: list[Any] = []

        class Spy(NodeInput):
            def receive(self, value: Any, wave: Wave, quality: Any = "ok") -> None:
                values.append(value)

        output.connect(self.add(Seen).add_input(Spy("spy", required=False)))
        return values

    async def at_rest(self) -> None:
        """Until nothing is queued or running."""
        await self.space.await_done()


@pytest.fixture
async def graph() -> AsyncIterator[Graph]:
    graph = Graph()
    yield graph
    await graph.space.aclose()
    await asyncio.sleep(0)


@pytest.fixture
def virtual_clock() -> Iterator[VirtualClock]:
    with clock.use(VirtualClock()) as virtual:
        assert isinstance(virtual, VirtualClock)
        yield virtual


@pytest.fixture
def seen_class() -> type[Seen]:
    return Seen
