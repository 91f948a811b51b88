"""What a worker's bench watches by itself, as a browser sees it and may answer to."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from funcnodes.workers import schema
from funcnodes.workers.worker import Worker
from funcnodes.workers.workspace import Workspace
from funcnodes_simulators import SimulatedBench

from ..waiting import patience, until
from .conftest import Desk

ADA = schema.Actor(id="a", name="Ada", role="operator")
EVE = schema.Actor(id="e", name="Eve", role="viewer")
RULES = """
on_operator_lost = "estop"
operator_lost_s = 0.1
[devices.smu]
driver = "keithley.smu2400"
address = "{address}"
[[alarm]]
name = "slow"
source = "smu.nplc"
high = 5
every_s = 0.02
[[interlock]]
name = "slow too"
when = "smu.nplc > 5"
then = "refuse"
writes = ["smu.output"]
latching = true
every_s = 0.02
"""


@pytest.fixture
async def watched(workspace: Workspace) -> AsyncIterator[Desk]:
    """A desk at a worker with a bench that has an alarm, an interlock and a dead-man."""
    with SimulatedBench.start("demo", seed=1) as simulated:
        workspace.bench_path.write_text(RULES.format(address=simulated.resources["smu"]))
        worker = Worker(workspace)
        desk = Desk(worker)
        working = asyncio.create_task(worker.run())
        async with asyncio.timeout(patience()):
            while worker.bench is None or worker.bench.devices["smu"].state != "idle":
                await asyncio.sleep(0.01)
        yield desk
        worker.end()
        await working


async def watch(desk: Desk) -> schema.WatchView:
    return msgspec.convert(await desk.ask(schema.GetWatch(), EVE), schema.WatchView)


async def until_tripped(desk: Desk, tripped: bool) -> schema.WatchView:
    async with asyncio.timeout(patience()):
        while True:  # the two are watched apart
            found = await watch(desk)
            alarmed = found.alarms[0].status != "NO_ALARM"
            if (found.interlocks[0].holds, alarmed) == (tripped, tripped):
                return found
            await asyncio.sleep(0.02)


async def test_alarms_are_listed_and_acknowledged_and_interlocks_reset(watched: Desk) -> None:
    bench = watched.worker.bench
    assert bench is not None
    smu = bench.devices["smu"]
    await smu.member_set("nplc", 6)
    found = await until_tripped(watched, True)
    assert (found.alarms[0].severity, found.alarms[0].status) == ("MINOR", "HIGH")
    assert found.interlocks[0].why == "smu.nplc is 6"
    seen = schema.AlarmAcknowledge(name="slow", severity="MINOR")
    assert "may only watch" in (await watched.refused(seen, EVE)).detail
    assert await watched.ask(seen) is True
    assert await watched.ask(seen) is False
    assert bench.alarms.history[-1].by == "Ada"
    reset = schema.InterlockReset(name="slow too")
    assert "was not reset: smu.nplc is 6" in (await watched.refused(reset)).detail
    await smu.member_set("nplc", 1)
    await until_tripped(watched, False)
    await watched.ask(reset)
    assert not (await watch(watched)).interlocks[0].tripped
    await watched.ask(schema.AlarmShelve(name="slow", seconds=60))
    shelved_until = (await watch(watched)).alarms[0].shelved_until
    assert shelved_until is not None
    assert 50 < shelved_until - time.time() < 70
    unknown = await watched.refused(schema.AlarmShelve(name="fast", seconds=1))
    assert "no alarm 'fast'; it has slow" in unknown.detail


async def test_a_bench_with_a_dead_man_stops_once_the_holder_of_the_controls_is_gone(
    watched: Desk,
) -> None:
    """S1; nobody who never held them is missed."""
    worker = watched.worker
    worker.controls.set_people([ADA, EVE])
    worker.controls.set_people([])
    await asyncio.sleep(0.2)
    assert not worker.latch.latched
    worker.controls.set_people([ADA, EVE])
    worker.controls.take(ADA)
    worker.controls.set_people([EVE])
    await until(lambda: worker.latch.state.acks and not worker.latch.unconfirmed())
    assert worker.latch.state.by == "the dead-man"
    assert worker.latch.state.cause == "Ada has been away for 0.1 s"


async def test_a_worker_without_a_bench_watches_nothing(desk: Any) -> None:
    assert await watch(desk) == schema.WatchView()
    problem = await desk.refused(schema.AlarmAcknowledge(name="x"))
    assert "has no bench, so no alarm 'x'" in problem.detail
