"""The controls are of the bench: while it is in use, nobody else opens another nodespace (A1)."""

import asyncio
from typing import Any

import pytest

from funcnodes.workers import schema
from funcnodes.workers.worker import Worker
from funcnodes.workers.workspace import Workspace
from funcnodes_simulators import SimulatedBench

from ..waiting import until
from .conftest import ADA, Desk

BOB = schema.Actor(id="b", name="Bob", role="admin")
BENCH = """
[devices.smu]
driver = "keithley.smu2400"
address = "{address}"
"""

OTHERS: list[Any] = [
    schema.NewSpace(),
    schema.OpenSpace(name="Nodespace"),
    schema.OpenExample(name="diode_iv"),
    schema.CloseSpace(),
    schema.SetLive(live=True),
]


@pytest.fixture
async def two(desk: Desk) -> Desk:
    """Ada and Bob look at a nodespace that Ada has opened; there is another one."""
    desk.worker.controls.set_people([ADA, BOB])
    await desk.ask(schema.NewSpace())
    await desk.ask(schema.NewSpace(name="Second"))
    return desk


async def test_while_the_holder_is_live_nobody_else_opens_or_closes_a_nodespace(two: Desk) -> None:
    await two.ask(schema.SetLive(live=True))
    for body in OTHERS:
        problem = await two.refused(body, BOB)
        assert "Ada holds the controls of this bench" in problem.detail, body
        assert "over first" in problem.hint
    assert two.worker.snapshot().spaces == ["Nodespace", "Second"]
    assert two.worker.require_open().name == "Second"
    await two.ask(schema.TakeControls(), BOB)
    await two.ask(schema.OpenSpace(name="Nodespace"), BOB)


async def test_the_sentence_says_what_the_bench_is_in_use_for(two: Desk) -> None:
    await two.ask(schema.SetLive(live=True))
    detail = (await two.refused(schema.NewSpace(), BOB)).detail
    assert detail == (
        "Ada holds the controls of this bench and effects are on: this nodespace stays open."
    )


async def test_the_holder_herself_and_whoever_is_alone_may(two: Desk) -> None:
    await two.ask(schema.SetLive(live=True))
    await two.ask(schema.NewSpace())
    await two.ask(schema.SetLive(live=True))
    two.worker.controls.set_people([BOB])  # Ada has left
    await two.ask(schema.NewSpace(), BOB)


async def test_nobody_gets_the_controls_by_opening_a_nodespace(two: Desk) -> None:
    """Where nothing is on, anybody may open one; that is no act on the bench."""
    two.worker.controls.take(ADA)
    await two.ask(schema.NewSpace(), BOB)
    assert two.worker.controls.holder == ADA


async def test_an_output_that_is_on_is_the_holder_s_business_though_nothing_is_live(
    workspace: Workspace,
) -> None:
    """A real session with a simulated source-measure unit."""
    with SimulatedBench.start("demo", seed=1) as simulated:
        workspace.bench_path.write_text(BENCH.format(address=simulated.resources["smu"]))
        worker = Worker(workspace)
        desk, working = Desk(worker), asyncio.create_task(worker.run())
        await until(
            lambda: worker.bench is not None and worker.bench.devices["smu"].state != "offline"
        )
        assert worker.bench is not None
        smu = worker.bench.devices["smu"]
        worker.controls.set_people([ADA, BOB])
        worker.controls.take(ADA)
        await desk.ask(schema.NewSpace(), BOB)
        await smu.member_set("output", True)
        detail = (await desk.refused(schema.NewSpace(), BOB)).detail
        assert "and the output of smu is on" in detail
        await smu.member_set("output", False)
        await desk.ask(schema.NewSpace(), BOB)
        worker.end()
        await working
