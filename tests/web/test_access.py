"""Nobody who may only look can stop a bench: budgets, exports, snapshots, and late commands."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import websockets

from funcnodes.runs import RunReader, RunStore
from funcnodes.runs.records import Cell, Column, TableSpec
from funcnodes.web import live
from funcnodes.workers import schema
from funcnodes.workers.manager.budget import MOST
from funcnodes.workers.manager.hub import SNAPSHOT_EVERY_S
from funcnodes.workers.workspace import Workspace

from ..waiting import patience, until
from .conftest import Fake, Page, Site

encode = msgspec.msgpack.encode
ROWS = 300_000


def a_run(folder: Path, rows: int) -> str:
    """A finished run with that many rows. Returns its id."""
    columns = (
        Column(name="V", unit="V", kind="quantity"),
        Column(name="I", unit="A", kind="quantity"),
    )
    spec = TableSpec(recorder="rec", name="Recorder", columns=columns)
    writer = RunStore(folder).create(graph={}, specs=[spec])
    writer.append(0, [Cell(0.5), Cell(0.25)], wall=1.0, mono=writer.head.started_mono)
    head = msgspec.structs.replace(writer.head, state="complete", ended=time.time(), rows=rows)
    writer.close(head).result()
    with closing(sqlite3.connect(writer.path)) as connection, connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(rows_0)")]
        more = ", ".join(f"r.{name}" for name in names if name != "n")
        connection.execute(
            f"INSERT INTO rows_0 WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c "
            f"WHERE n < {rows - 1}) SELECT c.n, {more} FROM c, rows_0 r WHERE r.n = 0"
        )
    assert RunReader(writer.path).count() == rows
    return writer.head.id


@pytest.fixture
async def worker(site: Site) -> AsyncIterator[Workspace]:
    """A worker process of its own, without a bench."""
    manager = site.server.manager
    view = manager.create("w")
    manager.start(view.uuid)
    await manager.wait_for(view.uuid, "running", patience())
    yield manager.worker(view.uuid).workspace
    await manager.stop(view.uuid)


@asynccontextmanager
async def watching(site: Site, uuid: str, **who: Any) -> AsyncIterator[Page]:
    async with site.live(**who) as page:
        page.clock_s = (await page.next(schema.Welcome)).clock_s  # type: ignore[attr-defined]
        await page.send(schema.Subscribe(worker=uuid))
        await page.next(schema.Snapshot)
        yield page


async def refuse_no_snapshot(fake: Fake) -> list[schema.Do]:
    """Answer each request for a snapshot as it comes; what came, for whoever cancels this."""
    came: list[schema.Do] = []
    try:
        while True:
            do = await fake.asked(schema.GetSnapshot)
            came.append(do)
            latch = schema.LatchView(latched=False)
            snapshot = schema.Snapshot(
                worker=fake.uuid, session=fake.session, seq=fake.seq, rev=1, latch=latch
            )
            await fake.socket.send(encode(schema.Ack(id=do.id, rev=1, result=snapshot)))
    except asyncio.CancelledError:
        return came


async def test_any_number_of_people_cost_the_worker_four_snapshots_a_second_at_most(
    site: Site, workspace: Workspace
) -> None:
    """Whoever asks meanwhile waits for the next, which serves them all."""
    began = time.monotonic()
    async with site.fake_worker(workspace) as fake, AsyncExitStack() as stack:
        showing = asyncio.create_task(refuse_no_snapshot(fake))
        for number in range(10):
            await fake.value(float(number))
            page = await stack.enter_async_context(watching(site, fake.uuid, role="viewer"))
            snapshot = next(m for m in page.seen if isinstance(m, schema.Snapshot))
            while snapshot.seq + sum(isinstance(m, schema.Patch) for m in page.seen) <= number:
                await page.next(schema.Patch)
        for number in range(30):
            answer = await page.ask(number, schema.GetSnapshot())
            if isinstance(answer, schema.Fail):
                assert answer.problem.title == "OverBudget"
        showing.cancel()
        assert len(await showing) <= 2 + (time.monotonic() - began) / SNAPSHOT_EVERY_S


async def test_who_asks_too_much_is_told_when_to_try_again_and_stops_nobody(
    site: Site, worker: Workspace
) -> None:
    """A flood of the dearest request, from several sockets of one viewer."""
    secret = await site.signed_in("viewer")
    uuid = worker.record.uuid
    hub = site.server.manager.hub(uuid)
    before = hub.identity
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(watching(site, uuid, role="operator"))
        enter = stack.enter_async_context
        pages = [await enter(watching(site, uuid, secret=secret)) for _ in range(5)]
        for page in pages:
            for number in range(200):
                await page.send(schema.CommandMessage(id=number, body=schema.ExportTraffic()))
        stop = await pages[0].ask(1000, schema.EStop())
        assert isinstance(stop, schema.Ack), "E-STOP waits for no budget"
        assert isinstance(await other.ask(1, schema.NewSpace()), schema.Ack)
        refused = [m for m in pages[0].seen if isinstance(m, schema.Fail)]
        over = [m.problem for m in refused if m.problem.title == "OverBudget"]
        assert over, "one budget for all sockets of a session"
        assert over[0].context["retry_after_s"] > 0
        assert isinstance(await other.ask(2, schema.EStopReset()), schema.Ack)
    assert hub.identity == before, "the link was never cut"


@pytest.mark.soak
async def test_what_is_too_long_for_the_link_goes_in_pieces(site: Site, worker: Workspace) -> None:
    """40,000 rows of 60 columns in one answer: some 20 MB."""
    columns = tuple(Column(name=f"c{n}", kind="number") for n in range(60))
    spec = TableSpec(recorder="rec", name="Recorder", columns=columns)
    writer = RunStore(worker.runs_dir).create(graph={}, specs=[spec])
    for n in range(40_000):
        writer.append(0, [Cell(n + 0.1)] * 60, wall=1.0, mono=1.0)
    head = msgspec.structs.replace(writer.head, state="complete", ended=time.time())
    writer.close(head).result()
    hub = site.server.manager.hub(worker.record.uuid)
    before = hub.identity
    async with watching(site, worker.record.uuid, role="viewer") as page:
        answer = await page.ask(1, schema.GetRows(run=writer.head.id, limit=50_000))
    assert len(answer.result["data"]) == 60
    assert len(answer.result["data"][0]) == 40_000
    assert hub.identity == before


@pytest.mark.parametrize("rows", [50_000, pytest.param(ROWS, marks=pytest.mark.soak)])
async def test_a_long_run_is_exported_in_pieces_one_export_at_a_time(
    site: Site, worker: Workspace, rows: int
) -> None:
    """300,000 rows over the live path, where one answer would have cut the link."""
    run = a_run(worker.runs_dir, rows)
    url = f"/api/workers/{worker.record.uuid}/runs/{run}/export?format=csv"
    hub = site.server.manager.hub(worker.record.uuid)
    process = worker.process()
    assert process is not None
    before, threads = hub.identity, _threads(process.pid)
    async with site.person("viewer") as ada, site.person("viewer") as bob:
        async with ada.stream("GET", url, timeout=patience()) as answer:
            assert answer.status_code == 200
            again, other = await asyncio.gather(ada.get(url), bob.get(url))
            assert "You are exporting a run already" in again.json()["detail"]
            assert "viewer person is exporting" in other.json()["detail"]
            lines, largest = 0, 0
            async for part in answer.aiter_raw():
                lines += part.count(b"\n")
                largest = max(largest, len(part))
                assert _threads(process.pid) <= threads + 4
        assert lines > rows
        assert largest < 2 * 1024 * 1024
        assert (await bob.head(url)).status_code in (200, 405)
        short = await ada.get(url.replace(run, a_run(worker.runs_dir, 3)))
        assert short.status_code == 200, "once it is done, the next may begin"
        async with ada.stream("GET", url) as answer:
            await anext(answer.aiter_raw())  # and no more: she leaves

        async def again_is_ok() -> bool:
            async with ada.stream("GET", url) as answer:
                if answer.status_code == 429:  # her asking has its price, too
                    await asyncio.sleep(1.0)
                return answer.status_code == 200

        await until(again_is_ok)
    assert hub.identity == before


async def test_many_who_export_at_once_make_no_more_threads(site: Site, worker: Workspace) -> None:
    run = a_run(worker.runs_dir, 20_000)
    process = worker.process()
    assert process is not None
    before, most = _threads(process.pid), 0
    async with AsyncExitStack() as stack:
        people = []
        for _ in range(8):
            page = watching(site, worker.record.uuid, role="viewer")
            people.append(await stack.enter_async_context(page))
        for page in people:
            for number in range(int(MOST / schema.ExportRun.cost)):
                body = schema.ExportRun(run=run)
                await page.send(schema.CommandMessage(id=number, body=body))
        for page in people:
            answer = await page.ask(1000, schema.EStop())
            most = max(most, _threads(process.pid))
            assert isinstance(answer, schema.Ack)
    assert most <= before + 6


async def test_a_command_is_done_in_time_and_once_or_not_at_all(
    site: Site, worker: Workspace
) -> None:
    """Not if it was sent three seconds ago; once if it is sent again after a lost connection."""
    async with watching(site, worker.record.uuid) as page:
        sent_s = page.clock_s - 3.0  # type: ignore[attr-defined]
        body = schema.NewSpace()
        await page.send(schema.CommandMessage(id=1, sent_s=sent_s, body=body))
        fail = await page.next(schema.Fail)
        assert fail.problem.title == "TooLate"
        assert "not done" in fail.problem.detail
        await page.send(schema.Ping())
        now_s = (await page.next(schema.Pong)).clock_s
        await page.send(schema.CommandMessage(id=2, sent_s=now_s, body=body))
        assert (await page.next(schema.Ack)).result == "Nodespace"
    secret = await site.signed_in()
    command = schema.CommandMessage(id=1, key="a", body=schema.NewSpace())
    async with watching(site, worker.record.uuid, secret=secret) as page:
        await page.send(command)
        page.socket.transport.abort()
    async with watching(site, worker.record.uuid, secret=secret) as page:
        await page.send(command)
        assert (await page.next(schema.Ack)).result == "Nodespace 2"
        assert (await page.ask(2, schema.NewSpace())).result == "Nodespace 3"


async def test_a_worker_that_was_held_for_three_seconds_does_not_do_what_came_meanwhile(
    site: Site, worker: Workspace
) -> None:
    """SIGSTOP: the command waits in the socket of a process that does not run."""
    process = worker.process()
    assert process is not None
    async with watching(site, worker.record.uuid) as page:
        os.kill(process.pid, signal.SIGSTOP)
        try:
            await page.send(schema.CommandMessage(id=1, key="a", body=schema.NewSpace()))
            await asyncio.sleep(schema.ACT_S + 0.3)
        finally:
            os.kill(process.pid, signal.SIGCONT)
        fail = await page.next(schema.Fail)
        assert fail.id == 1
        assert fail.problem.title in ("TooLate", "WorkerError")
    store = Workspace(worker.root).spaces
    assert store.names() == []


def _threads(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


async def test_a_page_that_asks_for_somebody_s_name_is_told(site: Site) -> None:
    async with site.person("operator") as ada, site.person("viewer") as eve:
        assert (await ada.post("/api/session/name", json={"name": "Ada"})).status_code == 200
        answer = await eve.post("/api/session/name", json={"name": "ada"})
        assert answer.status_code == 409
        assert answer.json()["title"] == "NameTaken"
        assert (await eve.get("/api/session")).json()["you"]["name"] == "viewer person"


async def test_bad_sign_ins_from_this_machine_never_keep_a_good_token_out(site: Site) -> None:
    async with site.client() as client:
        for _ in range(25):
            answer = await client.post("/api/sign-in", json={"token": "guess"})
        assert answer.status_code == 429
        token = site.server.auth.link_token(role="operator", name="Ada")
        answer = await client.post("/api/sign-in", json={"token": token})
        assert answer.status_code == 200
        assert answer.json()["you"]["role"] == "operator"


async def test_requests_over_http_are_paid_for_too_and_an_estop_is_not(
    site: Site, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.server.manager.budgets, "_clock", lambda: 0.0)  # nothing is filled up
    async with site.fake_worker(workspace) as fake, site.person("viewer") as person:
        answers = [await person.get("/api/session") for _ in range(2)]
        assert {each.status_code for each in answers} == {200}
        site.server.manager.budgets.spend(answers[0].json()["you"]["id"], MOST - 10)
        answers = [await person.get("/api/session") for _ in range(5)]
        answer = answers[-1]
        assert answer.status_code == 429
        assert answer.json()["title"] == "OverBudget"
        assert int(answer.headers["retry-after"]) >= 1
        stop = await person.post(f"/api/workers/{fake.uuid}/estop")
        assert stop.status_code == 503, "it was tried: this worker has no guard"


async def test_one_person_has_so_many_sockets_and_no_more(
    site: Site, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes every descriptor of the server."""
    monkeypatch.setattr(live, "SOCKETS", 3)
    secret = await site.signed_in("viewer")
    async with site.fake_worker(workspace), AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(site.live(secret))
        with pytest.raises(websockets.InvalidStatus, match="403"):
            await stack.enter_async_context(site.live(secret))
        async with site.live(role="viewer") as other:
            assert await other.next(schema.Welcome)
