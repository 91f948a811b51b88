"""The live socket on a real server: snapshots, patches in order, answers, and what goes wrong."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import websockets

from funcnodes.web.live import MessageRate
from funcnodes.workers import schema
from funcnodes.workers.manager.fanout import RING_PATCHES
from funcnodes.workers.workspace import Workspace

Limit = Callable[[float], float]
encode = msgspec.msgpack.encode


def seqs(messages: list[Any]) -> list[int]:
    return [each.seq for each in messages if isinstance(each, schema.Patch) and each.seq]


async def subscribed(page: Any, fake: Any) -> schema.Snapshot:
    await page.next(schema.Welcome)
    await page.send(schema.Subscribe(worker=fake.uuid))
    answering = asyncio.create_task(fake.answer_snapshot())
    snapshot: schema.Snapshot = await page.next(schema.Snapshot)
    answering.cancel()  # the server had one: the worker was not asked
    await asyncio.gather(answering, return_exceptions=True)
    return snapshot


async def test_a_browser_gets_a_snapshot_and_then_every_patch_in_order(
    site: Any, workspace: Workspace
) -> None:
    async with site.fake_worker(workspace) as fake, site.live(role="viewer") as page:
        assert (await page.next()).you.role == "viewer"
        await page.send(schema.Subscribe(worker=fake.uuid))
        await fake.answer_snapshot()
        assert (await page.next()).worker == fake.uuid
        for number in range(20):
            await fake.value(float(number))
        for number in range(20):
            patch = await page.next(schema.Patch)  # older values may have given way to newer
            assert patch.seq == number + 1
        assert patch.events[0].values[0].value == 19.0


async def test_a_browser_that_comes_back_gets_what_it_missed_without_gap_or_duplicate(
    site: Any, workspace: Workspace
) -> None:
    """Resume by (session, seq): the worker is not asked for another snapshot."""
    secret = await site.signed_in()
    async with site.fake_worker(workspace) as fake:
        async with site.live(secret) as page:
            session = (await subscribed(page, fake)).session
            await fake.value(1.0)
            await page.next(schema.Patch)
        for number in range(2, 12):
            await fake.value(float(number))
        async with site.live(secret) as page:
            await page.next(schema.Welcome)
            await page.send(schema.Subscribe(worker=fake.uuid, session=session, seq=1))
            for _ in range(10):
                await page.next(schema.Patch)
            assert seqs(page.seen) == list(range(2, 12))
            assert not any(isinstance(each, schema.Snapshot) for each in page.seen)


@pytest.mark.parametrize(("session", "seq"), [("another", 5), ("s1", 1), ("", 3)])
async def test_a_place_that_is_not_known_gets_a_snapshot(
    site: Any, workspace: Workspace, session: str, seq: int
) -> None:
    async with site.fake_worker(workspace) as fake, site.live() as page:
        await fake.value(1.0)
        await page.send(schema.Subscribe(worker=fake.uuid, session=session, seq=seq))
        await fake.answer_snapshot()
        assert (await page.next(schema.Snapshot)).seq == 1


async def test_patches_missed_by_the_server_itself_bring_a_new_snapshot(
    site: Any, workspace: Workspace
) -> None:
    async with site.fake_worker(workspace) as fake, site.live() as page:
        await subscribed(page, fake)
        await fake.value(1.0)
        fake.seq += 3
        await fake.value(2.0)
        await fake.answer_snapshot()
        assert (await page.next(schema.Snapshot)).seq == 2
        await fake.value(3.0)
        assert (await page.next(schema.Patch)).seq == 3


async def test_a_worker_out_of_reach_is_told_and_its_return_too(
    site: Any, workspace: Workspace
) -> None:
    async with site.live() as page:
        async with site.fake_worker(workspace) as fake:
            await subscribed(page, fake)
            reply = asyncio.create_task(page.ask(7, schema.Undo()))
            await fake.asked(schema.Undo)
        gone = [each for each in page.seen if isinstance(each, schema.Gone)]
        answer = await reply
        assert isinstance(answer, schema.Fail)
        assert answer.problem.title == "WorkerError"
        if not gone:
            assert (await page.next(schema.Gone)).worker == fake.uuid
        async with site.fake_worker(workspace, session="s2") as fake:
            await fake.answer_snapshot()
            assert (await page.next(schema.Snapshot)).session.startswith("s2-")


async def test_an_unknown_worker_is_gone_at_once(site: Any) -> None:
    async with site.live() as page:
        await page.send(schema.Subscribe(worker="nobody"))
        assert "nobody" in (await page.next(schema.Gone)).reason


async def test_answers_find_their_way_back_whoever_asks_by_the_same_number(
    site: Any, workspace: Workspace
) -> None:
    async with site.fake_worker(workspace) as fake, site.live() as one, site.live() as two:
        await subscribed(one, fake)
        await subscribed(two, fake)
        first = asyncio.create_task(one.ask(1, schema.OpenSpace(name="one")))
        second = asyncio.create_task(two.ask(1, schema.OpenSpace(name="two")))
        for _ in range(2):
            do = await fake.asked(schema.OpenSpace)
            await fake.socket.send(encode(schema.Ack(id=do.id, rev=1, result=do.body.name)))
        assert (await first).result == "one"
        assert (await second).result == "two"


async def test_a_viewer_s_command_is_refused_before_it_reaches_the_worker(
    site: Any, workspace: Workspace
) -> None:
    async with site.fake_worker(workspace) as fake, site.live(role="viewer") as page:
        await subscribed(page, fake)
        answer = await page.ask(3, schema.RunStart())
        assert isinstance(answer, schema.Fail)
        assert "operator" in answer.problem.detail
        reply = asyncio.create_task(page.ask(4, schema.ListRuns()))
        do = await fake.asked(schema.ListRuns)
        assert do.actor.role == "viewer"
        await fake.socket.send(encode(schema.Ack(id=do.id, rev=0, result=[])))
        assert isinstance(await reply, schema.Ack)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x81\xa4type\xa7command",
        encode({"type": "nonsense"}),
        encode({"type": "command", "id": 9, "body": {"type": "rename", "id": "x"}}),
        encode({"type": "command", "id": 9, "body": {"type": "undo", "more": 1}}),
        encode({"type": "subscribe", "worker": 5}),
        b"\x91" * 100_000,
    ],
)
async def test_an_invalid_message_is_answered_and_the_socket_stays(
    site: Any, workspace: Workspace, data: bytes
) -> None:
    async with site.fake_worker(workspace) as fake, site.live() as page:
        await page.next(schema.Welcome)
        await page.socket.send(data)
        fail = await page.next(schema.Fail)
        assert fail.problem.title == "InvalidMessage"
        assert fail.id in (0, 9)
        await page.send(schema.Subscribe(worker=fake.uuid))
        await fake.answer_snapshot()
        await page.next(schema.Snapshot)


async def test_a_message_of_seventeen_mebibytes_closes_that_socket_alone(
    site: Any, workspace: Workspace
) -> None:
    """17 MiB: closed with 1009, others unaffected."""
    async with site.fake_worker(workspace) as fake, site.live() as other:
        await subscribed(other, fake)
        async with site.live() as page:
            await page.next(schema.Welcome)
            with pytest.raises(websockets.ConnectionClosedError) as caught:  # noqa: PT012
                await page.socket.send(b"\0" * (17 * 1024 * 1024))
                await page.next(schema.Gone)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009
        await fake.value(1.0)
        assert (await other.next(schema.Patch)).seq == 1


async def test_ten_thousand_messages_are_throttled_and_others_are_served(
    site: Any, workspace: Workspace, limit: Limit
) -> None:
    """10⁴ messages/s: read no faster than 2,000 a second."""
    ping = encode(schema.Ping())

    async def flood(page: Any) -> None:
        for _ in range(10_000):
            await page.socket.send(ping)

    async with site.fake_worker(workspace) as fake, site.live() as other, site.live() as page:
        await subscribed(other, fake)
        flooding = asyncio.create_task(flood(page))
        await asyncio.sleep(0)
        took = []
        for number in range(20):
            began = time.monotonic()
            reply = asyncio.create_task(other.ask(number, schema.ListRuns()))
            do = await fake.asked(schema.ListRuns)
            await fake.socket.send(encode(schema.Ack(id=do.id, rev=0, result=[])))
            await reply
            took.append(time.monotonic() - began)
        assert sorted(took)[-2] < limit(0.1)
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
        page.socket.transport.abort()


async def test_the_throttle_lets_a_burst_pass_and_then_its_rate(limit: Limit) -> None:
    throttle = MessageRate(rate=1000, burst=5)
    began = time.monotonic()
    for _ in range(5):
        await throttle.pass_one()
    assert time.monotonic() - began < limit(0.005)
    for _ in range(50):
        await throttle.pass_one()
    assert time.monotonic() - began > 0.04


async def test_fifty_browsers_one_of_which_never_reads(
    site: Any, workspace: Workspace, limit: Limit
) -> None:
    """Command p99 stays under 100 ms; values to the one that does not read give way."""
    from contextlib import AsyncExitStack

    secret = await site.signed_in()
    async with site.fake_worker(workspace) as fake, AsyncExitStack() as stack:
        pages = [await stack.enter_async_context(site.live(secret)) for _ in range(50)]
        for page in pages:
            await page.next(schema.Welcome)
            await page.send(schema.Subscribe(worker=fake.uuid))
        await fake.answer_snapshot()
        await pages[0].next(schema.Snapshot)
        pages[-1].socket.transport.pause_reading()
        took = []
        for number in range(100):
            await fake.value(float(number))
            began = time.monotonic()
            reply = asyncio.create_task(pages[0].ask(number, schema.GetWatch()))
            do = await fake.asked(schema.GetWatch)
            await fake.socket.send(encode(schema.Ack(id=do.id, rev=0, result=None)))
            await reply
            took.append(time.monotonic() - began)
        assert sorted(took)[-2] < limit(0.1)
        pages[-1].socket.transport.resume_reading()


async def test_the_ring_does_not_grow_without_bound(site: Any, workspace: Workspace) -> None:
    async with site.fake_worker(workspace) as fake, site.live() as page:
        session = (await subscribed(page, fake)).session
        for number in range(RING_PATCHES + 10):
            await fake.value(float(number))
        last: Any = None
        while last is None or last.seq < RING_PATCHES + 10:
            last = await page.next(schema.Patch)
        await page.send(schema.Subscribe(worker=fake.uuid, session=session, seq=1))
        await fake.answer_snapshot()
        assert (await page.next(schema.Snapshot)).seq == RING_PATCHES + 10


async def test_an_estop_takes_the_guard_channel_and_waits_for_no_loop(
    site: Any, workspace: Workspace
) -> None:
    """The fake worker never answers on its link; its guard does."""
    headers = {"authorization": f"Bearer {workspace.credential()}"}
    async with (
        site.fake_worker(workspace) as fake,
        site.live(role="viewer") as page,
        websockets.connect(
            f"{site.socket_url}/link/guard", additional_headers=headers, proxy=None
        ) as guard,
    ):
        await subscribed(page, fake)
        reply = asyncio.create_task(page.ask(1, schema.EStop()))
        stop = msgspec.msgpack.decode(await guard.recv(), type=schema.ToGuard)  # type: ignore[arg-type]
        assert stop.actor.name == "viewer person"
        ack = schema.StopAckView(device="smu", state="sent", ms=0.2)
        latch = schema.LatchView(latched=True, by="viewer person", acks=[ack])
        await guard.send(encode(schema.GuardReport(id=stop.id, latch=latch, final=True)))
        answer = await reply
        assert answer.result["acks"][0]["state"] == "sent"
        told = [each for each in page.seen if isinstance(each, schema.Patch)]
        assert told[0].seq == 1
        assert told[0].events[0].latch.acks[0].ms == 0.2
        await fake.value(1.0)
        assert (await page.next(schema.Patch)).seq == 2, "among the worker's own patches"


async def test_an_estop_that_reaches_nobody_says_so(site: Any, workspace: Workspace) -> None:
    async with site.person("viewer") as client:
        await client.get("/api/workers")
        async with site.fake_worker(workspace) as fake:
            assert fake.uuid
        answer = await client.post(f"/api/workers/{workspace.record.uuid}/estop")
        assert answer.status_code == 503
        assert "E-STOP cannot reach" in answer.json()["detail"]
        assert "by hand" in answer.json()["hint"]


async def test_the_node_that_holds_the_loop_is_named_to_everybody(
    site: Any, workspace: Workspace
) -> None:
    headers = {"authorization": f"Bearer {workspace.credential()}"}
    async with (
        site.fake_worker(workspace) as fake,
        site.live() as page,
        websockets.connect(
            f"{site.socket_url}/link/guard", additional_headers=headers, proxy=None
        ) as guard,
    ):
        await subscribed(page, fake)
        blocked = schema.Blocked(seconds=0.8, node="Spin", where="spin, nodes.py:3")
        await guard.send(encode(blocked))
        patch = await page.next(schema.Patch)
        assert "'Spin'" in patch.events[0].lines[0].text
        async with site.person() as client:
            views = (await client.get("/api/workers")).json()
            assert "'Spin'" in views[0]["message"]


async def test_signing_out_ends_the_live_socket(site: Any) -> None:
    secret = await site.signed_in()
    async with site.live(secret) as page, site.client(cookie=f"{site.cookie}={secret}") as client:
        await page.next(schema.Welcome)
        await client.post("/api/sign-out")
        with pytest.raises(websockets.ConnectionClosed):
            await page.next()


async def test_a_new_name_reaches_the_worker(site: Any, workspace: Workspace) -> None:
    secret = await site.signed_in()
    async with (
        site.fake_worker(workspace) as fake,
        site.live(secret) as page,
        site.client(cookie=f"{site.cookie}={secret}") as client,
    ):
        await subscribed(page, fake)
        await client.post("/api/session/name", json={"name": "  Grace   Hopper "})
        reply = asyncio.create_task(page.ask(1, schema.ListRuns()))
        do = await fake.asked(schema.ListRuns)
        assert do.actor.name == "Grace Hopper"
        await fake.socket.send(encode(schema.Ack(id=do.id, rev=0, result=[])))
        await reply
        for bad in ("", "x" * 100, "a\u0000b"):
            answer = await client.post("/api/session/name", json={"name": bad})
            assert answer.status_code == 409
