"""E-STOP on real processes, whatever holds the worker (journey 4)."""

import asyncio
import signal
import time
from collections.abc import Callable

import pytest

from funcnodes.workers import schema

from .conftest import Demo, add_spin

Limit = Callable[[float], float]

pytestmark = [pytest.mark.faults, pytest.mark.timeout(90)]


@pytest.mark.parametrize("way", ["socket", "http"])
async def test_estop_in_a_run_turns_the_output_off_and_latches(
    demo: Demo, way: str, limit: Limit
) -> None:
    """Journey 4, S3, S4: read back, acknowledged per device, on disk."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.start_run()
        await demo.simulator.becomes(True)
        if way == "socket":
            latch = await page.ask(schema.EStop())
        else:
            latch = (await page.http.post(f"/api/workers/{demo.worker}/estop")).json()
        assert await demo.simulator.output() is False
        acks = {each["device"]: each for each in latch["acks"]}
        assert acks["smu"]["state"] == "off"
        assert acks["smu"]["ms"] < limit(0.5) * 1000
        stopped = (await page.subscribe()).run
        assert stopped is not None
        assert stopped.state == "aborted"
        assert "E-STOP" in stopped.message
        refused = await page.tell(schema.RunStart())
        assert isinstance(refused, schema.Fail)
        assert "E-STOP" in refused.problem.detail
        await page.ask(schema.EStopReset())
        assert await demo.simulator.output() is False, "resetting writes nothing"
        snapshot = await page.subscribe()
        assert snapshot.space is not None
        assert snapshot.space.arming == "disarmed"
        assert not snapshot.latch.latched


async def test_estop_while_a_node_is_in_while_true(demo: Demo, limit: Limit) -> None:
    """The loop does not answer: the guard thread writes the bytes, and names the node."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.ask(schema.SetLive(live=True))
        await page.ask(schema.TriggerNode(id="output"))
        await demo.simulator.becomes(True)
        await add_spin(page, "test.spin")
        line = await page.until(schema.Logged, lambda each: "'Spin'" in each.lines[0].text)
        assert "has been holding the worker" in line.lines[0].text
        began = time.monotonic()
        latch = (await page.http.post(f"/api/workers/{demo.worker}/estop")).json()
        assert await demo.simulator.output() is False
        assert time.monotonic() - began < limit(1.0)
        acks = {each["device"]: each for each in latch["acks"]}
        assert acks["smu"]["state"] == "sent"
        assert acks["smu"]["ms"] < limit(0.1) * 1000
        told = await page.until(schema.LatchPut)
        assert told.latch.latched
        # SIGTERM works as well, although the loop never comes back.
        worker = demo.worker_process
        worker.send(signal.SIGTERM)
        assert await demo.ended(worker) < limit(5)


async def test_estop_during_a_hanging_query(demo: Demo, limit: Limit) -> None:
    """The instrument does not answer the read under way: the bytes go past it."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await demo.simulator.ask(
            do="fault", device="smu", kind="delay", seconds=600, count=1, match=":READ"
        )
        await page.start_run()
        await demo.simulator.becomes(True)
        await page.until(schema.NodeStatus, lambda e: e.id == "read" and e.state == "running")
        began = time.monotonic()
        stopping = asyncio.create_task(page.http.post(f"/api/workers/{demo.worker}/estop"))
        await demo.simulator.becomes(False)
        assert time.monotonic() - began < limit(0.5)
        assert (await stopping).json()["latched"]


async def test_a_latched_worker_is_latched_after_kill_9(demo: Demo) -> None:
    """S4."""
    async with demo.page() as page:
        await page.subscribe()
        await page.ask(schema.EStop())
        demo.worker_process.send(signal.SIGKILL)
        first = page.session
        snapshot = await page.until(schema.Snapshot, lambda each: each.session != first)
        assert snapshot.latch.latched
        assert snapshot.latch.by
