"""A graph of 150,000 nodes opens while heartbeat, commands and E-STOP go on."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from funcnodes.workers import schema
from funcnodes.workers.workspace import Workspace

from ..waiting import patience, until
from .conftest import Site
from .test_access import watching

MANY = [
    pytest.param(4_000),
    pytest.param(150_000, marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
]


@pytest.fixture
async def worker(site: Site) -> AsyncIterator[Workspace]:
    manager = site.server.manager
    view = manager.create("w")
    manager.start(view.uuid)
    await manager.wait_for(view.uuid, "running", patience())
    yield manager.worker(view.uuid).workspace
    await manager.stop(view.uuid)


def graph(count: int) -> bytes:
    """Chains of additions."""
    io = {port: {"is_input": True, "value": 1.0} for port in ("a", "b")}
    nodes = [
        {"id": f"n{n}", "node_id": "add_node", "name": f"Add {n}", "io": io,
         "properties": {"pos": [n % 40 * 260, n // 40 * 180]}}
        for n in range(count)
    ]  # fmt: skip
    edges = [[f"n{n - 1}", "out", f"n{n}", "a"] for n in range(count) if n % 40]
    return json.dumps({"format": 3, "nodes": nodes, "edges": edges}).encode()


@pytest.mark.parametrize("count", MANY)
async def test_a_large_graph_opens_in_slices_and_the_link_stays(
    site: Site, worker: Workspace, count: int, limit: Callable[[float], float]
) -> None:
    uuid = worker.record.uuid
    (worker.root / "nodespaces" / "Large.json").write_bytes(graph(count))
    hub = site.server.manager.hub(uuid)
    before, messages = hub.identity, set[str]()
    async with watching(site, uuid) as page, watching(site, uuid, role="viewer") as other:
        opened = asyncio.create_task(
            hub.request(_ADMIN, schema.OpenSpace(name="Large"), timeout_s=600)
        )
        took, number = list[float](), 0
        while not opened.done():
            messages.add(hub.standing.message)
            began = time.monotonic()
            number += 1
            assert isinstance(await other.ask(number, schema.EStop()), schema.Ack)
            took.append(time.monotonic() - began)
            await asyncio.sleep(0.02)
        assert await opened == "Large"
        asked = time.monotonic()
        while (shown := await _next_snapshot(page))["nodes"] < count:
            pass
        shown_s = time.monotonic() - asked
        assert shown["edges"] == count - -(-count // 40)
        assert shown["name"] == "Large"
        took.sort()
        print(
            f"{count} nodes: E-STOP p99 {took[int(len(took) * 0.99)] * 1e3:.0f} ms, "
            f"most {took[-1] * 1e3:.0f} ms of {len(took)}; shown after {shown_s:.1f} s"
        )
        assert took[int(len(took) * 0.99)] < limit(0.1)
        assert any("large" in each for each in messages)
        move = schema.MoveNodes(ids=["n5"], x=[5.0], y=[5.0])
        answer = await page.ask(999_999, move)
        assert isinstance(answer, schema.Ack), answer
        await until(lambda: b"5.0" in (worker.root / "nodespaces" / "Large.json").read_bytes(), 60)
    assert hub.identity == before, "the link was never cut"


async def _next_snapshot(page: Any) -> dict[str, Any]:
    """Only as far as is looked at: the server has this loop, too."""
    async with asyncio.timeout(600):
        while b"snapshot" not in (data := await page.socket.recv())[:40]:
            pass
    fields = msgspec.msgpack.decode(data, type=dict[str, msgspec.Raw])
    found: dict[str, Any] = {"name": msgspec.msgpack.decode(fields["space"])["name"]}
    for key in ("nodes", "edges"):
        found[key] = len(msgspec.msgpack.decode(fields[key], type=list[msgspec.Raw]))
    return found


_ADMIN = schema.Actor(id="cli", name="root", role="admin")
