"""The demo as real processes, what is on its terminals, and a browser without a page."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect

from funcnodes.settings import Settings
from funcnodes.workers import schema
from funcnodes.workers.workspace import Workspace

from ... import waiting

STUCK_NODES = '''
"""Nodes that hold the loop, for tests."""
import asyncio, time
from funcnodes.core import Node, NodeInput, Shelf

class Spin(Node):
    node_id = "test.spin"
    node_name = "Spin"
    default_run_in = "loop"
    go = NodeInput(type=bool, default=False)
    async def func(self, go):
        while go:
            pass

class Hold(Node):
    node_id = "test.hold"
    node_name = "Hold the GIL"
    default_run_in = "loop"
    go = NodeInput(type=bool, default=False)
    def func(self, go):
        if go:
            sum(range(10**11))

class Sulk(Node):
    node_id = "test.sulk"
    node_name = "Sulk"
    go = NodeInput(type=bool, default=False)
    async def func(self, go):
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            while True:
                pass

class Slow(Node):
    node_id = "test.slow"
    node_name = "Slow to build"
    go = NodeInput(type=bool, default=False)
    def __init__(self, **more):
        time.sleep(1.2)
        super().__init__(**more)
    async def func(self, go):
        pass

class Nameless(Node):
    node_id = "test.nameless"
    node_name = "Nameless"
    default_run_in = "loop"
    go = NodeInput(type=bool, default=False)
    held = False
    @property
    def name(self):
        if self.held:
            raise RuntimeError("a name that is not there")
        return super().name
    @name.setter
    def name(self, name):
        Node.name.fset(self, name)
    async def func(self, go):
        self.held = go
        time.sleep(1.2 if go else 0)
        self.held = False

SHELF = Shelf([Spin, Hold, Sulk, Slow, Nameless], name="Stuck")
'''


SERVE = ("runserver", "--no-browser")


@dataclass
class Simulator:
    """What is really on the terminals."""

    address: str

    async def ask(self, **request: Any) -> dict[str, Any]:
        host, _, port = self.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            line = await asyncio.wait_for(reader.readline(), 2 * waiting.patience())
        finally:
            writer.close()
            await writer.wait_closed()
        answer: dict[str, Any] = json.loads(line)
        assert "error" not in answer, answer
        return answer

    async def output(self) -> bool:
        return bool((await self.ask(do="state"))["smu"]["output"])

    async def becomes(self, on: bool) -> float:
        """Wait until the output is so, however long that takes; seconds it took."""
        began = time.monotonic()
        answer = await self.ask(
            do="wait", device="smu", path="output", equals=on, timeout_s=waiting.patience()
        )
        assert answer, answer
        assert await self.output() is on, f"the output is not {'on' if on else 'off'}"
        return time.monotonic() - began


@dataclass
class Page:
    """A browser, as far as the wire goes."""

    socket: Any
    http: httpx.AsyncClient
    worker: str
    seen: list[Any] = field(default_factory=list)
    session: str = ""
    seq: int = 0
    _ids: int = 0

    async def send(self, message: Any) -> None:
        await self.socket.send(msgspec.msgpack.encode(message))

    async def next(self) -> Any:
        data = await asyncio.wait_for(self.socket.recv(), waiting.patience())
        message = msgspec.msgpack.decode(data, type=schema.FromWorker)
        self.seen.append(message)
        if isinstance(message, schema.Snapshot):
            self.session, self.seq = message.session, message.seq
        elif isinstance(message, schema.Patch) and message.seq:
            assert message.seq == self.seq + 1, "a patch is missing, or came twice"
            self.seq = message.seq
        return message

    async def until(self, kind: type[Any], what: Any = lambda _: True) -> Any:
        """The next event or message of a kind for which `what` holds."""
        async with asyncio.timeout(waiting.patience()):
            while True:
                message = await self.next()
                found = message.events if isinstance(message, schema.Patch) else []
                for each in [message, *found]:
                    if isinstance(each, kind) and what(each):
                        return each

    @property
    def rev(self) -> int:
        """The revision that it has seen."""
        return max((each.rev for each in self.seen if hasattr(each, "rev")), default=0)

    async def ask(self, body: Any, rev: int = 0) -> Any:
        """Send a command; its result."""
        answer = await self.tell(body, rev)
        assert isinstance(answer, schema.Ack), answer
        return answer.result

    async def tell(self, body: Any, rev: int = 0) -> Any:
        """Send a command, made on a revision; its Ack or Fail."""
        self._ids += 1
        number = self._ids
        await self.send(schema.CommandMessage(id=number, rev=rev, body=body))
        while True:
            message = await self.next()
            if isinstance(message, schema.Ack | schema.Fail) and message.id == number:
                return message

    async def subscribe(self) -> schema.Snapshot:
        await self.send(schema.Subscribe(worker=self.worker))
        found: schema.Snapshot = await self.until(schema.Snapshot)
        return found

    async def open_example(self) -> None:
        await self.ask(schema.OpenExample(name="diode_iv"))

    async def start_run(self) -> str:
        return str(await self.ask(schema.RunStart()))

    def device(self, name: str) -> schema.DeviceView:
        """What was told of a device last."""
        for message in reversed(self.seen):
            events = reversed(message.events) if isinstance(message, schema.Patch) else ()
            told = [event.device for event in events if isinstance(event, schema.DevicePut)]
            if isinstance(message, schema.Snapshot):
                told = list(message.devices)
            for view in told:
                if view.name == name:
                    return view
        raise AssertionError(f"nothing was told of {name}")

    async def online(self, name: str) -> None:
        """Until a device is reached, if it is not already."""
        async with asyncio.timeout(waiting.patience()):
            while self.device(name).state == "offline":
                await self.next()

    async def state_is(self, state: str) -> None:
        """Until the server says so of the worker."""

        async def is_so() -> bool:
            return bool((await self.http.get("/api/workers")).json()[0]["state"] == state)

        await waiting.until(is_so)

    def rows(self) -> list[int]:
        """Numbers of the rows that came, in order."""
        return [
            event.start + n
            for each in self.seen
            if isinstance(each, schema.Patch)
            for event in each.events
            if isinstance(event, schema.RowsView)
            for n in range(len(event.data[0]))
        ]


@dataclass
class Demo:
    """A running demo."""

    process: "subprocess.Popen[str]"
    settings: Settings
    url: str
    link: str
    worker: str
    simulator: Simulator
    env: dict[str, str]
    secret: str = ""

    @property
    def cookie(self) -> dict[str, str]:
        return {"cookie": f"funcnodes_{self.url.rpartition(':')[2]}={self.secret}"}

    async def somebody_else(self, name: str) -> "Demo":
        """The same demo, as another person sees it who has just signed in by a link of his own."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "funcnodes", "link", "--json"],
            env={**self.env, "FUNCNODES_CONFIG_DIR": str(self.settings.config_dir)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        link = json.loads(done.stdout.splitlines()[-1])["link"]
        other = replace(self, link=link, secret="")
        async with other.page() as page:
            answer = await page.http.post("/api/session/name", json={"name": name})
            assert answer.is_success, answer.text
        return other

    async def sign_in(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            token = self.link.partition("#token=")[2]
            answer = await client.post(
                "/api/sign-in", json={"token": token}, headers={"origin": self.url}
            )
            assert answer.status_code == 200, answer.text
            self.secret = next(iter(answer.cookies.values()))

    @contextlib.asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        if not self.secret:
            await self.sign_in()
        headers = {**self.cookie, "origin": self.url}
        async with (
            httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False) as http,
            connect(
                self.url.replace("http:", "ws:") + "/api/live",
                additional_headers=self.cookie,
                origin=self.url,  # type: ignore[arg-type]
                proxy=None,
                max_size=None,
                max_queue=None,
                close_timeout=1,
            ) as socket,
        ):
            page = Page(socket, http, self.worker)
            assert isinstance(await page.next(), schema.Welcome)
            yield page

    @property
    def worker_process(self) -> Any:
        process = Workspace(self.settings.workers_dir / self.worker).process()
        assert process is not None, "the worker is not running"
        return process

    async def ended(self, process: Any) -> float:
        """Wait until a process has ended; seconds it took."""
        began = time.monotonic()
        async with asyncio.timeout(waiting.patience()):
            await process.ended()
        return time.monotonic() - began

    async def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, waiting.patience())


def launch(config_dir: Path, *more: str, env: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "funcnodes", *more],
        env={**env, "FUNCNODES_CONFIG_DIR": str(config_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def simulate() -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "funcnodes_simulators", "demo", "--json", "--control"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment in which a package with stuck nodes is installed."""
    site = tmp_path / "site"
    info = site / "stuck_nodes-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "stuck_nodes.py").write_text(STUCK_NODES)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stuck_nodes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[funcnodes.module]\nstuck = stuck_nodes:SHELF\n")
    return {**os.environ, "PYTHONPATH": str(site)}


@pytest.fixture
async def demo(tmp_path: Path, env: dict[str, str]) -> AsyncIterator[Demo]:
    config_dir = tmp_path / "config"
    process = launch(
        config_dir, "demo", "--no-browser", "--json", "--control", "--port", "0", env=env
    )
    assert process.stdout is not None
    line = await asyncio.to_thread(process.stdout.readline)
    assert line, process.stderr.read() if process.stderr else ""
    told = json.loads(line)
    found = Demo(
        process,
        Settings(config_dir),
        told["url"],
        told["link"],
        told["worker"],
        Simulator(told["control"]),
        env,
    )
    try:
        yield found
    finally:
        worker = Workspace(config_dir / "workers" / found.worker).process()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(waiting.patience())
        for left in (worker,):
            if left is not None:
                left.send(signal.SIGKILL)
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
async def lab(tmp_path: Path, env: dict[str, str]) -> AsyncIterator[Demo]:
    """A server and a worker whose simulator does not depend on either."""
    settings = Settings(tmp_path / "config")
    with simulate() as simulator:
        assert simulator.stdout is not None
        told = json.loads(await asyncio.to_thread(simulator.stdout.readline))
        workspace = Workspace.create(settings, "bench one")
        workspace.bench_path.write_text(
            'name = "demo"\n'
            f'[devices.smu]\ndriver = "keithley.smu2400"\naddress = "{told["resources"]["smu"]}"\n'
        )
        server = launch(settings.config_dir, *SERVE, "--port", "0", env=env)
        assert server.stdout is not None
        link = (await asyncio.to_thread(server.stdout.readline)).split()[-1]
        started = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "funcnodes", "worker", "start", "bench one"],
            env={**env, "FUNCNODES_CONFIG_DIR": str(settings.config_dir)},
            capture_output=True,
        )
        assert started.returncode == 0, started.stderr
        url = link.partition("/#")[0]
        uuid = workspace.record.uuid
        yield Demo(server, settings, url, link, uuid, Simulator(told["control"]), env)
        worker = workspace.process()
        if worker is not None:
            worker.send(signal.SIGTERM)
            async with asyncio.timeout(waiting.patience()):
                await worker.ended()
        server.kill()
        server.communicate()
        simulator.communicate()


async def add_spin(page: Page, kind: str) -> None:
    """A node that will hold the loop as soon as it is told to go."""
    node = await page.ask(schema.AddNode(key=kind, x=0, y=0))
    await page.send(
        schema.CommandMessage(id=9999, body=schema.SetValue(node=node, port="go", value=True))
    )
