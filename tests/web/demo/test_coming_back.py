"""What is there again after server, worker, demo or browser were gone."""

import asyncio
import json
import signal
import time
from collections.abc import Callable

import pytest

from funcnodes.workers import schema

from ...waiting import patience
from .conftest import SERVE, Demo, launch

Limit = Callable[[float], float]

pytestmark = [pytest.mark.faults, pytest.mark.timeout(90)]


async def test_a_server_killed_leaves_the_run_alone_and_the_next_one_adopts_the_worker(
    lab: Demo, limit: Limit
) -> None:
    """kill -9 of the server: the worker measures on, is adopted within 5 s, pages go on;
    Ctrl-C on a server leaves workers running and says so."""
    port = lab.url.rpartition(":")[2]
    async with lab.page() as page:
        await page.state_is("running")
        await page.subscribe()
        await page.open_example()
        await page.ask(schema.SetValue(node="sweep", port="points", value=300))
        run = await page.start_run()
        await lab.simulator.becomes(True)
        session = page.session
        lab.process.kill()
        lab.process.communicate()
    worker = lab.worker_process
    sent = len((await lab.simulator.ask(do="commands", device="smu"))["commands"])
    server = launch(lab.settings.config_dir, *SERVE, "--port", port, env=lab.env)
    try:
        assert server.stdout is not None
        await asyncio.to_thread(server.stdout.readline)
        began = time.monotonic()
        async with lab.page() as page:
            await page.state_is("running")
            snapshot = await page.subscribe()
            assert time.monotonic() - began < limit(5)
            assert snapshot.run is not None
            assert snapshot.run.id == run
            assert snapshot.session.split("-")[0] == session.split("-")[0], "the same life"
            assert snapshot.run.state == "running"
            commands = (await lab.simulator.ask(do="commands", device="smu"))["commands"]
            assert len(commands) > sent, "the worker measured on without a server"
            view = (await page.http.get("/api/workers")).json()[0]
            assert (view["state"], view["pid"]) == ("running", worker.pid)
        server.send_signal(signal.SIGINT)
        said, complained = await asyncio.to_thread(server.communicate, None, patience())
        assert (server.returncode, complained) == (0, "")
        assert "Still running: bench one" in said
        assert worker.alive()
        assert await lab.simulator.output()
    finally:
        server.kill()
        server.communicate()


async def test_a_browser_that_comes_back_during_a_run_has_every_row_once(demo: Demo) -> None:
    """Resume by (session, seq): no gap and no duplicate (the page itself checks the numbers)."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.start_run()
        await page.until(schema.RowsView, lambda each: each.start >= 10)
        rows, session, seq = page.rows(), page.session, page.seq
    await asyncio.sleep(0.5)
    async with demo.page() as page:
        page.session, page.seq = session, seq
        await page.send(schema.Subscribe(worker=demo.worker, session=session, seq=seq))
        await page.until(schema.RunPut, lambda each: each.run.state == "complete")
        assert rows + page.rows() == list(range(51))
        assert not any(isinstance(each, schema.Snapshot) for each in page.seen)


async def test_what_was_edited_is_there_after_kill_9_and_can_be_corrupt_without_loss(
    demo: Demo,
) -> None:
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.ask(schema.SetValue(node="sweep", port="stop", value="0.8 V"))
        put = await page.until(
            schema.SpacePut, lambda each: each.space.can_undo and each.space.saved is not None
        )
        name = put.space.name
        demo.worker_process.send(signal.SIGKILL)
        first = page.session
        snapshot = await page.until(schema.Snapshot, lambda each: each.session != first)
        assert port_of(snapshot, "sweep", "stop").value == pytest.approx(800)
        assert port_of(snapshot, "compliance", "value").applied is False, "restored as text"
        path = demo.settings.workers_dir / demo.worker / "nodespaces" / f"{name}.json"
        path.write_bytes(path.read_bytes()[:100])
        demo.worker_process.send(signal.SIGKILL)
        second = page.session
        snapshot = await page.until(schema.Snapshot, lambda each: each.session != second)
        assert snapshot.space is not None
        assert "corrupt" in snapshot.space.notice
        assert len(snapshot.nodes) > 5


def port_of(snapshot: schema.Snapshot, node: str, port: str) -> schema.PortView:
    view = next(each for each in snapshot.nodes if each.id == node)
    return next(each for each in view.inputs if each.id == port)


async def test_a_demo_after_one_that_was_killed_has_instruments_that_answer(demo: Demo) -> None:
    """The worker that was left over knows only the addresses of the killed one's simulator."""
    left = demo.worker_process
    demo.process.kill()
    await asyncio.to_thread(demo.process.wait, patience())
    assert left.alive()
    again = launch(
        demo.settings.config_dir, "demo", "--no-browser", "--json", "--port", "0", env=demo.env
    )
    try:
        assert again.stdout is not None
        told = json.loads(await asyncio.to_thread(again.stdout.readline))
        assert told["worker"] == demo.worker
        assert not left.alive()
    finally:
        again.send_signal(signal.SIGINT)
        await asyncio.to_thread(again.communicate, None, patience())
