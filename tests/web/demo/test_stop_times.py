"""How long an E-STOP takes until the output is off, whatever else is wrong or going on.

Measured from the order to the moment at which the simulated instrument has switched off, by the
monotonic clock that all processes of a machine share. Each test prints what it found.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from funcnodes.machine.door import ask
from funcnodes.machine.presence import Entry, present
from funcnodes.settings import Settings
from funcnodes.workers import schema
from funcnodes.workers.workspace import Workspace

from ...smalldisk import SmallDisk, small_disk
from ...waiting import patience, until, within
from .conftest import Demo, Page, Simulator, simulate

pytestmark = [pytest.mark.timing, pytest.mark.timeout(90)]

LIMIT_S = 0.1
TRANSACTION_S = 0.02
"""One exchange with the simulated instrument, at most."""
TIMES = 12
CLIENTS = 50

Act = Callable[[], Awaitable[Any]]


async def offset_s(simulator: Simulator) -> float:
    """What the simulator's clock shows beyond ours."""
    before = time.monotonic()
    now = float((await simulator.ask(do="state"))["now"])
    return now - (before + time.monotonic()) / 2


async def off_after(simulator: Simulator, order: Act, offset: float) -> float:
    """Seconds from an order to the output being off."""
    began = time.monotonic()
    await order()
    await simulator.becomes(False)
    transitions = (await simulator.ask(do="state"))["smu"]["output_transitions"]
    when, is_on = transitions[-1]
    assert is_on is False
    return float(when) - offset - began


async def measure(what: str, simulator: Simulator, *, on: Act, order: Act, reset: Act) -> None:
    """Print and judge how long the stops took."""
    offset = await offset_s(simulator)
    times = []
    for _ in range(TIMES):
        await on()
        await simulator.becomes(True)
        times.append(await off_after(simulator, order, offset))
        await reset()
    times.sort()
    p50, p99 = times[len(times) // 2], times[-1]
    print(f"\nE-STOP to output off, {what}: p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms")
    assert p99 <= within(LIMIT_S + TRANSACTION_S)


# ── without a server, the disk full ──


class Lonely:
    """A worker that nobody manages, spoken to through its door."""

    def __init__(self, workspace: Workspace, entry: Entry) -> None:
        self.workspace = workspace
        self._entry = entry

    async def say(self, **question: Any) -> dict[str, Any]:
        def answer() -> dict[str, Any]:
            return list(ask(self._entry.door, question, within_s=patience()))[-1]

        answered = await asyncio.to_thread(answer)
        assert "problem" not in answered, answered
        return answered

    async def tell(self, kind: str, **fields: Any) -> None:
        await self.say(do="command", by="ada", body={"type": kind, **fields})

    async def on(self) -> None:
        await self.tell("set_live", live=True)
        await self.tell("trigger", id="output")

    async def press(self) -> None:
        await self.say(do="estop", by="ada")

    async def reset(self) -> None:
        await self.tell("estop_reset")


@contextlib.asynccontextmanager
async def lonely(folder: Path, env: dict[str, str]) -> AsyncIterator[tuple[Lonely, Simulator]]:
    settings = Settings(folder)
    with simulate() as simulator:
        assert simulator.stdout is not None
        told = json.loads(await asyncio.to_thread(simulator.stdout.readline))
        workspace = Workspace.create(settings, "lonely")
        workspace.bench_path.write_text(
            'name = "demo"\n'
            f'[devices.smu]\ndriver = "keithley.smu2400"\naddress = "{told["resources"]["smu"]}"\n'
        )
        worker = await asyncio.to_thread(
            subprocess.Popen,
            [sys.executable, "-m", "funcnodes.workers.process", "--dir", str(workspace.root)],
            env=env, stderr=subprocess.DEVNULL,
        )  # fmt: skip

        def found() -> Entry | None:
            entries = [e for e in present() if e.worker == workspace.record.uuid and e.targets]
            return entries[0] if entries else None

        one = Lonely(workspace, await until(found))
        await one.tell("open_example", name="diode_iv")
        try:
            yield one, Simulator(told["control"])
        finally:
            worker.terminate()
            await asyncio.to_thread(worker.wait, patience())
            simulator.communicate()


@pytest.fixture
def disk(tmp_path: Path) -> Any:
    with small_disk(tmp_path / "disk") as found:
        yield found


async def test_without_a_server(tmp_path: Path, env: dict[str, str]) -> None:
    async with lonely(tmp_path / "config", env) as (worker, simulator):
        await measure("no server", simulator, on=worker.on, order=worker.press, reset=worker.reset)


async def test_with_a_full_disk(disk: SmallDisk, env: dict[str, str]) -> None:
    async with lonely(disk.folder / "config", env) as (worker, simulator):
        process = worker.workspace.process()
        assert process is not None

        async def press() -> None:
            disk.fill(process.pid)
            await worker.press()

        async def reset() -> None:
            disk.empty(process.pid)
            await worker.reset()

        await measure("disk full", simulator, on=worker.on, order=press, reset=reset)


# ── with a server and many who look ──


async def by_page(page: Page, demo: Demo, what: str) -> None:
    async def insist(body: Any) -> None:
        """Again where it came too late in the crowd, or the other device has not answered yet:
        only the stop is measured."""
        while isinstance(answer := await page.tell(body), schema.Fail):
            assert answer.problem.title in ("TooLate", "RefusedError"), answer

    async def on() -> None:
        await insist(schema.SetLive(live=True))
        await insist(schema.TriggerNode(id="output"))

    async def press() -> None:
        path = f"/api/workers/{demo.worker}/estop"
        answer = await page.http.post(path, timeout=patience())  # it waits for every device
        assert answer.json()["latched"]

    async def reset() -> None:
        await insist(schema.EStopReset())

    await page.subscribe()
    await page.open_example()
    await page.online("smu")
    await measure(what, demo.simulator, on=on, order=press, reset=reset)


FLOOD = """
import asyncio, sys
import msgspec
from websockets.asyncio.client import connect
from funcnodes.workers import schema

async def main(url, cookie, origin, worker):
    said = msgspec.msgpack.encode(schema.Subscribe(worker=worker))
    while True:
        try:
            async with connect(url, additional_headers={"cookie": cookie}, origin=origin,
                               proxy=None, max_size=None) as socket:
                print("floods", flush=True)
                while True:
                    await socket.send(said)
        except Exception:
            await asyncio.sleep(0.05)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_while_a_viewer_floods_the_server(demo: Demo) -> None:
    await demo.sign_in()
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "funcnodes", "link", "--role", "viewer", "--json"],
        env={**demo.env, "FUNCNODES_CONFIG_DIR": str(demo.settings.config_dir)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    viewer = Demo(**{**vars(demo), "link": json.loads(done.stdout)["link"], "secret": ""})
    await viewer.sign_in()
    live = demo.url.replace("http:", "ws:") + "/api/live"
    flood = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FLOOD, live, viewer.cookie["cookie"], demo.url, demo.worker,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert flood.stdout is not None
    assert await asyncio.wait_for(flood.stdout.readline(), patience()) == b"floods\n"
    try:
        async with demo.page() as page:
            await by_page(page, demo, "a viewer floods")
    finally:
        flood.kill()
        await flood.communicate()


async def test_with_fifty_clients_that_look_at_a_worker(demo: Demo) -> None:
    async with contextlib.AsyncExitStack() as stack:
        pages = [await stack.enter_async_context(demo.page()) for _ in range(CLIENTS)]
        for page in pages[1:]:
            await page.send(schema.Subscribe(worker=demo.worker))
        readers = [asyncio.create_task(_read(each)) for each in pages[1:]]
        try:
            await by_page(pages[0], demo, f"{CLIENTS} clients")
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)


async def _read(page: Page) -> None:
    """Take what comes and keep nothing of it."""
    while True:
        msgspec.msgpack.decode(await page.socket.recv())
