"""Nodes that the tests of subgraphs are about, and a nodespace to draw them in."""

import asyncio
import itertools
from typing import Annotated, Any

import pytest

from funcnodes.core import (
    Library,
    Node,
    NodeDecorator,
    NodeInput,
    NodeOutput,
    NodeSpace,
    Shelf,
    Unit,
    Wave,
)


@NodeDecorator("test.subgraphs.add")
def add(a: int, b: int = 1) -> int:
    return a + b


@NodeDecorator("test.subgraphs.half")
def half(v: Annotated[float, Unit("V")]) -> Annotated[float, Unit("V")]:
    """Half of it.

    Refuses what is negative.
    """
    if v < 0:
        raise ValueError("negative")
    return v / 2


class Join(Node):
    """Keeps what it was given, and in which wave."""

    node_id = "test.subgraphs.join"
    default_policy = "settled"
    a = NodeInput(type=int)
    b = NodeInput(type=int, required=False)
    out = NodeOutput(type=int)

    def __init__(self, uuid: str | None = None, name: str | None = None) -> None:
        super().__init__(uuid, name)
        self.seen: list[tuple[int, int | None]] = []
        self.waves: list[Wave | None] = []

    async def func(self, a: int, b: int | None = None) -> int:
        self.seen.append((a, b))
        self.waves.append(self.wave)
        await asyncio.sleep(0)
        return a + (b or 0)


class Sketch:
    """A nodespace, and what the tests draw in it."""

    add, half, Join = add, half, Join
    library = Library(Shelf([add, half, Join]))

    def __init__(self) -> None:
        self.space = NodeSpace(self.library)

    def put(self, kind: type[Node], uuid: str) -> Any:
        """A node, called like its id."""
        return self.space.add_node_instance(kind(uuid=uuid, name=uuid))

    def chain(self, *names: str) -> list[Any]:
        """Adders in a row, each adding 1 to the one before."""
        nodes = [self.put(add, name) for name in names]
        for one, two in itertools.pairwise(nodes):
            one.outputs["out"].connect(two.inputs["a"])
        return nodes


@pytest.fixture
def sketch() -> Sketch:
    return Sketch()


@pytest.fixture(scope="session")
def new_sketch() -> type[Sketch]:
    """For as many as a test wants."""
    return Sketch
