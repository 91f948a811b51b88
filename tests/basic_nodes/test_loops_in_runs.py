"""Loops in a recorded run: their points are rows, and the run's controls hold them (T3, T11)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes.basic_nodes import NODE_SHELF as BASIC
from funcnodes.core import Library, NodeDecorator, NodeSpace
from funcnodes.runs import NODE_SHELF as SCANS, Runner, RunStore

from ..waiting import patience


@NodeDecorator("test.square", default_policy="settled", outputs=[{"id": "square"}])
def square(x: float) -> float:
    if x < 0:
        raise ValueError("a negative item")
    return x * x


class Bench:
    """A nodespace whose runs are recorded."""

    def __init__(self, folder: Path) -> None:
        self.space = NodeSpace(Library(BASIC, SCANS))
        self.store = RunStore(folder)
        self.runner = Runner(self.space, self.store, nodespace="test")

    def record(self, *outputs: Any) -> None:
        recorder: Any = self.space.add_node_by_id("recorder")
        for output in outputs:
            output.connect(recorder.grow_input(output))

    async def run(self) -> Any:
        run = await self.runner.start(operator="tester")
        await asyncio.wait_for(run.wait(), patience())
        return run

    def columns(self, run: Any) -> list[list[Any]]:
        page = self.store.find(run.id).rows(k=0)
        return [list(values) for values in page.values]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path / "runs")
    yield bench
    await bench.runner.aclose()
    await bench.space.aclose()


async def test_each_item_of_a_list_is_a_row(bench: Bench) -> None:
    loop = bench.space.add_node_by_id("for_node")
    node = bench.space.add_node_instance(square())
    loop.inputs["input"].set_value([1.0, 2.0, 3.0], does_trigger=False)
    loop.outputs["do"].connect(node.inputs["x"])
    bench.record(loop.outputs["do"], node.outputs["square"])
    run = await bench.run()
    assert run.state == "complete", run.message
    assert bench.columns(run) == [[1, 2, 3], [1, 4, 9]]


async def test_a_failed_item_ends_the_run_with_its_sentence(bench: Bench) -> None:
    loop = bench.space.add_node_by_id("for_node")
    node = bench.space.add_node_instance(square())
    loop.inputs["input"].set_value([1.0, -1.0, 3.0], does_trigger=False)
    loop.outputs["do"].connect(node.inputs["x"])
    bench.record(node.outputs["square"])
    run = await bench.run()
    assert run.state == "failed"
    assert "a negative item" in run.message
    assert bench.columns(run) == [[1]]


async def test_a_stopped_run_ends_a_loop_between_two_rounds(bench: Bench) -> None:
    loop = bench.space.add_node_by_id("control.repeat")
    node = bench.space.add_node_instance(square())
    loop.inputs["times"].set_value(1_000_000)
    loop.outputs["index"].connect(node.inputs["x"])
    bench.record(node.outputs["square"])
    run = await bench.runner.start(operator="tester")
    while node.runs < 3:
        await asyncio.sleep(0)
    run.stop("enough")
    await asyncio.wait_for(run.wait(), patience())
    assert run.state == "stopped"
    (found,) = bench.columns(run)
    assert found == [n * n for n in range(len(found))]
    assert 3 <= len(found) < 1_000_000


async def test_a_timer_does_not_stand_in_the_way_of_a_run(bench: Bench) -> None:
    """A1: it goes on ticking while the run is on."""
    timer: Any = bench.space.add_node_by_id("control.timer")
    timer.inputs["interval"].set_value(0.001)
    loop = bench.space.add_node_by_id("control.repeat")
    wait = bench.space.add_node_by_id("wait_node")
    wait.inputs["delay"].set_value(0.01)
    loop.inputs["times"].set_value(5)
    loop.outputs["index"].connect(wait.inputs["input"])
    bench.record(loop.outputs["index"])
    before = timer.tick.value
    run = await bench.run()
    assert run.state == "complete", run.message
    assert bench.columns(run) == [[0, 1, 2, 3, 4]]
    assert timer.tick.value != before
