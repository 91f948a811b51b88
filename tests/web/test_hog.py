"""1,500 connections without a credential: whoever is signed in does not notice."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import websockets

from funcnodes.web import antechamber
from funcnodes.workers import schema
from funcnodes.workers.workspace import Workspace

from ..waiting import patience, until
from .conftest import Site
from .test_live import subscribed

HOG = """
import asyncio, contextlib, resource, sys
port, many, what = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
HOST = f"Host: 127.0.0.1:{port}\\r\\n"
SAYS = {
    "nothing": "",
    "half": "GET /api/workers HTTP/1.1\\r\\n" + HOST,
    "asks": "GET /api/workers HTTP/1.1\\r\\n" + HOST + "\\r\\n",
    "guesses": "GET /api/live HTTP/1.1\\r\\n" + HOST + "Upgrade: websocket\\r\\n"
        "Connection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n\\r\\n",
}
async def one():
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(SAYS[what].encode())
            while await reader.read(65536):
                writer.write(SAYS[what].encode())
            writer.close()
        await asyncio.sleep(0.01)
async def main():
    print("ready", flush=True)
    await asyncio.gather(*(one() for _ in range(many)))
asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def hog(site: Site, many: int, what: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOG, str(site.port), str(many), what, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        await process.stdout.readline()
        yield
    finally:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def guarded(site: Site, workspace: Workspace) -> AsyncIterator[None]:
    """A guard that answers each E-STOP."""
    headers = {"authorization": f"Bearer {workspace.credential()}"}
    url = f"{site.socket_url}/link/guard"
    async with websockets.connect(url, additional_headers=headers, proxy=None) as guard:

        async def answering() -> None:
            import msgspec

            async for data in guard:
                stop = msgspec.msgpack.decode(data, type=schema.ToGuard)  # type: ignore[arg-type]
                latch = schema.LatchView(latched=True)
                report = schema.GuardReport(id=stop.id, latch=latch, final=True)
                await guard.send(msgspec.msgpack.encode(report))

        task = asyncio.create_task(answering())
        yield
        task.cancel()


@pytest.mark.parametrize("what", ["nothing", "half", "asks", "guesses"])
async def test_strangers_do_not_slow_an_estop_down(
    site: Site, workspace: Workspace, limit: Callable[[float], float], what: str
) -> None:
    """E-STOP ≤ 100 ms at the 99th percentile while they do what they can."""
    many = (300 if what == "guesses" else 1500) if limit(1.0) < 20 else 100
    async with (
        site.fake_worker(workspace) as fake,
        guarded(site, workspace),
        site.live(role="viewer") as page,
        site.person("viewer") as person,
    ):
        await subscribed(page, fake)
        took = []
        async with hog(site, many, what):
            await until(lambda: _strangers(site) >= antechamber.MOST // 2)
            for number in range(100):
                began = time.perf_counter()
                answer = await page.ask(number, schema.EStop())
                took.append(time.perf_counter() - began)
                assert isinstance(answer, schema.Ack)
                assert _strangers(site) <= antechamber.CROWD
                await asyncio.sleep(0.005)
            for _ in range(5):  # each on a connection of its own
                async with site.client(cookie=person.headers["cookie"]) as fresh:
                    answer = await fresh.get("/api/workers", timeout=patience())
                    assert answer.status_code == 200
        took.sort()
        print(f"{what}: E-STOP p50 {took[50] * 1e3:.1f} ms, p99 {took[98] * 1e3:.1f} ms")
        assert took[98] < limit(0.1)


async def test_an_honest_client_has_time_to_speak_however_many_connect_after_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was sent away before it had shown its credential, as the one that was there longest."""
    monkeypatch.setattr(antechamber, "YOUNG_S", patience())  # however slow the machine is
    async with site.person("viewer") as person, contextlib.AsyncExitStack() as strangers:
        honest = await strangers.enter_async_context(_connected(site))
        for _ in range(2 * antechamber.MOST):
            await strangers.enter_async_context(_connected(site))
        await until(lambda: _strangers(site) > antechamber.MOST)
        reader, writer = honest
        writer.write(
            f"GET /api/workers HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n"
            f"Cookie: {person.headers['cookie']}\r\nConnection: close\r\n\r\n".encode()
        )
        assert (await reader.read()).startswith(b"HTTP/1.1 200")


async def test_those_that_say_nothing_give_way_after_a_while(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(antechamber, "YOUNG_S", patience())
    async with contextlib.AsyncExitStack() as strangers:
        for _ in range(2 * antechamber.MOST):
            await strangers.enter_async_context(_connected(site))
        await until(lambda: _strangers(site) == 2 * antechamber.MOST)
        monkeypatch.setattr(antechamber, "YOUNG_S", 0.0)
        await strangers.enter_async_context(_connected(site))
        await until(lambda: _strangers(site) <= antechamber.MOST)


@contextlib.asynccontextmanager
async def _connected(
    site: Site,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    try:
        yield reader, writer
    finally:
        writer.close()


def _strangers(site: Site) -> int:
    config: Any = site.server._runner.config
    return len(config.http.antechamber.guests)
