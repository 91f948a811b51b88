"""A nodespace whose runs are recorded, without a bench: nodes that compute, fail or wait."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

import pytest

from funcnodes.core import Library, Node, NodeInput, NodeOutput, NodeSpace, Unit
from funcnodes.runs import NODE_SHELF, Recorder, Run, Runner, RunStore

from ..waiting import patience

Volts = Annotated[float, Unit("V")]
Amps = Annotated[float, Unit("A")]


class Diode(Node):
    """Volts in, amperes out; remembers what it was asked; fails where it is told to."""

    node_id = "test.diode"
    node_name = "Diode"
    default_policy = "settled"
    v = NodeInput(type=Volts)
    i = NodeOutput(type=Amps)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.given: list[float] = []
        self.fails: Callable[[int, float], bool] = lambda _count, _v: False
        self.quality: Any = "ok"

    def func(self, v: float) -> None:
        self.given.append(v)
        if self.fails(len(self.given), v):
            raise ValueError(f"no reading at {v:g} V")
        self.i.set(v * v, quality=self.quality)


class Gate(Node):
    """Passes ▶ on when it is opened; tells when somebody waits there."""

    node_id = "test.runs_gate"
    node_name = "Gate"
    default_policy = "settled"
    shows_order = True
    x = NodeInput(type=float, required=False)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def func(self, **_: Any) -> None:
        self.reached.set()
        await self.open.wait()


class Lab:
    """A nodespace with its runner."""

    def __init__(self, folder: Path) -> None:
        self.space = NodeSpace(Library(NODE_SHELF))
        self.store = RunStore(folder / "runs")
        self.runner = Runner(self.space, self.store, nodespace="test")

    def add(self, kind: str | type[Node], name: str = "", /, **values: Any) -> Any:
        """A node with values at its inputs; a unit comes first, as others are read in it."""
        if isinstance(kind, str):
            node = self.space.add_node_by_id(kind, name=name or None)
        else:
            node = self.space.add_node_instance(kind(name=name or None))
        for port in sorted(values, key=lambda port: port != "unit"):
            node.inputs[port].set_value(values[port])
        return node

    def record(self, *outputs: NodeOutput, name: str = "") -> Recorder:
        """A recorder with one column per output."""
        recorder: Recorder = self.add("recorder", name)
        for output in outputs:
            output.connect(recorder.grow_input(output))
        return recorder

    @staticmethod
    def order(*nodes: Node) -> None:
        """▶ from each to the next."""
        for one, other in itertools.pairwise(nodes):
            one.outputs["_triggeroutput"].connect(other.inputs["_triggerinput"])

    async def run(self) -> Run:
        """One run, to its end."""
        run = await self.runner.start(operator="tester")
        await asyncio.wait_for(run.wait(), patience())
        return run

    def columns(self, run: Run, k: int = 0) -> dict[str, list[Any]]:
        """What the file of a run says, by column."""
        page = self.store.find(run.id).rows(k=k)
        names = [column.name for column in page.table.columns]
        return dict(zip(names, (list(values) for values in page.values), strict=True))


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    await lab.runner.aclose()
    await lab.space.aclose()


@pytest.fixture
def diode_class() -> type[Diode]:
    return Diode


@pytest.fixture
def gate_class() -> type[Gate]:
    return Gate
