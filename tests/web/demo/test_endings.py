"""Devices come first, however worker, demo or terminal end."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from funcnodes.workers import schema

from ...waiting import patience
from .conftest import Demo, add_spin

Limit = Callable[[float], float]

pytestmark = [pytest.mark.faults, pytest.mark.timeout(90)]


async def test_sigterm_while_a_node_is_in_while_true_makes_the_bench_safe(
    demo: Demo, limit: Limit
) -> None:
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.ask(schema.SetLive(live=True))
        await page.ask(schema.TriggerNode(id="output"))
        await demo.simulator.becomes(True)
        await add_spin(page, "test.spin")
        await page.until(schema.Logged, lambda each: "'Spin'" in each.lines[0].text)
        demo.worker_process.send(signal.SIGTERM)
        assert await demo.simulator.becomes(False) < limit(1.0)


async def test_a_node_that_resists_the_end_keeps_no_output_on(demo: Demo, limit: Limit) -> None:
    """The loop took the signal, and is held only then: devices are struck all the same."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.ask(schema.SetLive(live=True))
        await page.ask(schema.TriggerNode(id="output"))
        await demo.simulator.becomes(True)
        await add_spin(page, "test.sulk")
        await page.until(schema.NodeStatus, lambda each: each.state == "running")
        worker = demo.worker_process
        worker.send(signal.SIGTERM)
        assert await demo.simulator.becomes(False) < limit(1.5)
        assert await demo.ended(worker) < limit(5)


async def test_a_node_that_holds_the_interpreter_itself_is_ended_by_the_guardian(
    demo: Demo,
) -> None:
    """One long C call: no thread of the worker can run, so only another process helps."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.ask(schema.SetLive(live=True))
        await page.ask(schema.TriggerNode(id="output"))
        await demo.simulator.becomes(True)
        worker = demo.worker_process
        await add_spin(page, "test.hold")
        await demo.simulator.becomes(False)
        assert not worker.alive()
        first = page.session
        snapshot = await page.until(schema.Snapshot, lambda each: each.session != first)
        assert snapshot.space is not None
        assert snapshot.space.arming == "disarmed"
        assert not await demo.simulator.output()


@pytest.mark.timing
async def test_the_heart_beats_while_the_loop_is_held_by_what_a_node_does_or_how_it_is_made(
    demo: Demo,
) -> None:
    """An __init__ of 1.2 s, a name that raises while it is asked for, a file of 2,000 nodes:
    the guardian must take none of it for the worker's death (S3a)."""
    nodes = [
        {"id": f"n{n}", "node_id": "test.sulk", "name": f"Node {n}", "io": {}} for n in range(2000)
    ]
    folder = demo.settings.workers_dir / demo.worker / "nodespaces"
    (folder / "many.json").write_text(json.dumps({"nodes": nodes, "edges": []}))
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.ask(schema.SetLive(live=True))
        await page.ask(schema.TriggerNode(id="output"))
        await demo.simulator.becomes(True)
        worker = demo.worker_process
        await page.ask(schema.AddNode(key="test.slow", x=0, y=0))
        await add_spin(page, "test.nameless")
        await page.until(schema.Logged, lambda each: "holding the worker" in each.lines[0].text)
        await page.ask(schema.GetWatch())  # answered once the loop is free again
        await page.ask(schema.SetLive(live=False, park=False))  # the output stays on
        for _ in range(2):
            await page.ask(schema.OpenSpace(name="many"))
        assert worker.alive()
        assert await demo.simulator.output(), "the guardian took the worker for dead"


async def test_sigterm_to_the_worker_makes_the_bench_safe_and_ends_in_order(
    demo: Demo, limit: Limit
) -> None:
    """Outputs safe within 1 s, exit within 5 s; a second SIGTERM is harmless; the run is kept."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.start_run()
        await demo.simulator.becomes(True)
        worker = demo.worker_process
        worker.send(signal.SIGTERM)
        worker.send(signal.SIGTERM)
        assert await demo.simulator.becomes(False) < limit(1.0)
        assert await demo.ended(worker) < limit(5)
        assert (await page.until(schema.Gone)).worker == demo.worker
        await page.state_is("stopped")
        await page.http.post(f"/api/workers/{demo.worker}/start")
        snapshot = await page.until(schema.Snapshot)
        assert snapshot.run is not None
        assert snapshot.run.state == "aborted"
        assert snapshot.space is not None
        assert snapshot.space.arming == "disarmed"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_worker_killed_or_frozen_in_a_run_leaves_the_bench_safe(
    demo: Demo, how: signal.Signals, limit: Limit
) -> None:
    """Safe within 2 s by the guardian (3 s where it has to notice a freeze), the worker back,
    disarmed, the run interrupted, nothing re-energised."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.ask(schema.SetValue(node="sweep", port="points", value=500))
        run = await page.start_run()
        await demo.simulator.becomes(True)
        await page.until(schema.RowsView)
        worker = demo.worker_process
        began = time.monotonic()
        worker.send(how)
        await demo.simulator.becomes(False)
        assert time.monotonic() - began < limit(2 if how is signal.SIGKILL else 3.2)
        assert not worker.alive(), "what is left of a frozen worker is gone before bytes are sent"
        first = page.session
        snapshot = await page.until(schema.Snapshot)
        assert snapshot.session != first
        assert time.monotonic() - began < limit(6)
        assert snapshot.space is not None
        assert (snapshot.space.arming, len(snapshot.nodes) > 5) == ("disarmed", True)
        assert snapshot.run is not None
        assert (snapshot.run.id, snapshot.run.state) == (run, "interrupted")
        had = page.rows()
        got = await page.ask(schema.GetRows(run=run))
        assert len(got["data"][0]) >= len(had) - 12, "at most 100 ms of rows are lost"
        await page.online("smu")
        assert await demo.simulator.output() is False
        transitions = (await demo.simulator.ask(do="state"))["smu"]["output_transitions"]
        assert transitions[-1][1] is False


async def test_killed_together_with_its_guardian_it_is_made_up_for_by_the_next(
    lab: Demo, limit: Limit
) -> None:
    """As when memory runs out: outputs off within 3 s, before anything else, and it is said."""
    async with lab.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.online("smu")
        await page.ask(schema.SetLive(live=True))
        await page.ask(schema.TriggerNode(id="output"))
        await lab.simulator.becomes(True)
        worker = lab.worker_process
        guardians = psutil.Process(worker.pid).children()
        assert any("guardian" in " ".join(each.cmdline()) for each in guardians)
        began = time.monotonic()
        for pid in [*(each.pid for each in guardians), worker.pid]:
            os.kill(pid, signal.SIGKILL)
        await lab.simulator.becomes(False)
        took = time.monotonic() - began
        print(f"worker and guardian killed together: off after {took:.2f} s")
        assert took < limit(3)
        snapshot = await page.until(schema.Snapshot)
        said = [line.text for line in snapshot.log]
        made = f"(process {worker.pid}) did not end in order: smu was made safe"
        if not any(made in text for text in said):
            await page.until(schema.Logged, lambda each: made in each.lines[0].text)
        assert not snapshot.latch.latched


async def test_ctrl_c_ends_everything_devices_first_and_a_second_one_is_harmless(
    demo: Demo,
) -> None:
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.start_run()
        await demo.simulator.becomes(True)
        worker = demo.worker_process
        going_off = asyncio.create_task(demo.simulator.becomes(False))
        await asyncio.sleep(0.05)
        demo.process.send_signal(signal.SIGINT)
        demo.process.send_signal(signal.SIGINT)
        await going_off
        code = await asyncio.to_thread(demo.process.wait, patience())
    assert code == 0
    assert not worker.alive()
    assert demo.process.stderr is not None
    assert demo.process.stderr.read() == ""
    assert not (demo.settings.run_dir / "manager.json").exists()
    assert not (demo.settings.run_dir / "demo.json").exists()
    with pytest.raises(OSError, match=r"refused|Connect"):
        await demo.simulator.ask(do="state")


async def test_a_closed_terminal_ends_everything_devices_first(demo: Demo) -> None:
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.start_run()
        await demo.simulator.becomes(True)
        worker = demo.worker_process
        going_off = asyncio.create_task(demo.simulator.becomes(False))
        await asyncio.sleep(0)
        demo.process.send_signal(signal.SIGHUP)
        await going_off
        assert await asyncio.to_thread(demo.process.wait, patience()) == 0
    assert not worker.alive()
