"""The demo as real processes: E-STOP, and whatever may happen to worker and server."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect

from funcnodes.settings import Settings
from funcnodes.workers import schema
from funcnodes.workers.workspace import Workspace

pytestmark = pytest.mark.timeout(90)

STUCK_NODES = '''
"""Nodes that hold the loop, for tests."""
import asyncio
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

SHELF = Shelf([Spin, Hold, Sulk], name="Stuck")
'''


@dataclass
class Simulator:
    """What is really on the terminals."""

    address: str

    async def ask(self, **request: Any) -> dict[str, Any]:
        host, _, port = self.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(await asyncio.wait_for(reader.readline(), 30))
        finally:
            writer.close()
            await writer.wait_closed()
        assert "error" not in answer, answer
        return answer

    async def output(self) -> bool:
        return bool((await self.ask(do="state"))["smu"]["output"])

    async def becomes(self, on: bool, within_s: float) -> float:
        """Wait until the output is so; seconds it took."""
        began = time.monotonic()
        answer = await self.ask(
            do="wait", device="smu", path="output", equals=on, timeout_s=within_s
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

    async def next(self, within_s: float = 20) -> Any:
        data = await asyncio.wait_for(self.socket.recv(), within_s)
        message = msgspec.msgpack.decode(data, type=schema.FromWorker)
        self.seen.append(message)
        if isinstance(message, schema.Snapshot):
            self.session, self.seq = message.session, message.seq
        elif isinstance(message, schema.Patch) and message.seq:
            assert message.seq == self.seq + 1, "a patch is missing, or came twice"
            self.seq = message.seq
        return message

    async def until(self, kind: type[Any], what: Any = lambda _: True, within_s: float = 20) -> Any:
        """The next event or message of a kind for which `what` holds."""
        async with asyncio.timeout(within_s):
            while True:
                message = await self.next(within_s)
                found = message.events if isinstance(message, schema.Patch) else []
                for each in [message, *found]:
                    if isinstance(each, kind) and what(each):
                        return each

    async def ask(self, body: Any) -> Any:
        """Send a command; its result."""
        answer = await self.tell(body)
        assert isinstance(answer, schema.Ack), answer
        return answer.result

    async def tell(self, body: Any) -> Any:
        """Send a command; its Ack or Fail."""
        self._ids += 1
        number = self._ids
        await self.send(schema.CommandMessage(id=number, body=body))
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

    async def online(self, name: str, within_s: float = 10) -> None:
        """Until a device is reached, if it is not already."""
        async with asyncio.timeout(within_s):
            while self.device(name).state == "offline":
                await self.next(within_s)

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

    async def ended(self, process: Any, within_s: float) -> float:
        began = time.monotonic()
        async with asyncio.timeout(within_s):
            await process.ended()
        return time.monotonic() - began

    async def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, 15)


def launch(config_dir: Path, *more: str, env: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "funcnodes", *more],
        env={**env, "FUNCNODES_CONFIG_DIR": str(config_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


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
            process.wait(15)
        for left in (worker,):
            if left is not None:
                left.send(signal.SIGKILL)
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


async def test_the_curve_comes_row_by_row_and_the_output_is_off_after_it(demo: Demo) -> None:
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        run = await page.start_run()
        done = await page.until(
            schema.RunPut, lambda each: each.run.state not in ("running", "stopping")
        )
        assert (done.run.state, done.run.rows, done.run.simulated) == ("complete", 51, True)
        assert page.rows() == list(range(51))
        assert not await demo.simulator.output()
        got = await page.ask(schema.GetRows(run=run, start=49))
        assert (got["start"], len(got["data"][0])) == (49, 2)
        answer = await page.http.get(f"/api/workers/{demo.worker}/runs/latest/export?format=csv")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert len([x for x in answer.text.splitlines() if not x.startswith("#")]) == 52
        listed = (await page.http.get("/api/workers")).json()
        assert listed[0]["bench"] == "demo"
        assert listed[0]["simulated"]
        assert listed[0]["state"] == "running"


@pytest.mark.parametrize("way", ["socket", "http"])
async def test_estop_in_a_run_turns_the_output_off_and_latches(demo: Demo, way: str) -> None:
    """Journey 4, S3, S4: read back, acknowledged per device, on disk."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.start_run()
        await demo.simulator.becomes(True, 5)
        if way == "socket":
            latch = await page.ask(schema.EStop())
        else:
            latch = (await page.http.post(f"/api/workers/{demo.worker}/estop")).json()
        assert await demo.simulator.output() is False
        acks = {each["device"]: each for each in latch["acks"]}
        assert acks["smu"]["state"] == "off"
        assert acks["smu"]["ms"] < 500
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


async def add_spin(page: Page, kind: str) -> None:
    """A node that will hold the loop as soon as it is told to go."""
    node = await page.ask(schema.AddNode(key=kind, x=0, y=0))
    await page.send(
        schema.CommandMessage(id=9999, body=schema.SetValue(node=node, port="go", value=True))
    )


async def test_estop_while_a_node_is_in_while_true(demo: Demo) -> None:
    """The loop does not answer: the guard thread writes the bytes, and names the node."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        compliance = await page.ask(schema.SetLive(live=True))
        assert compliance is None
        await page.ask(schema.TriggerNode(id="output"))
        await demo.simulator.becomes(True, 5)
        await add_spin(page, "test.spin")
        line = await page.until(
            schema.Logged, lambda each: "'Spin'" in each.lines[0].text, within_s=5
        )
        assert "has been holding the worker" in line.lines[0].text
        began = time.monotonic()
        latch = (await page.http.post(f"/api/workers/{demo.worker}/estop")).json()
        assert await demo.simulator.output() is False
        assert time.monotonic() - began < 1.0
        acks = {each["device"]: each for each in latch["acks"]}
        assert acks["smu"]["state"] == "sent"
        assert acks["smu"]["ms"] < 100
        told = await page.until(schema.LatchPut, within_s=5)
        assert told.latch.latched
        # SIGTERM works as well, although the loop never comes back.
        worker = demo.worker_process
        worker.send(signal.SIGTERM)
        assert await demo.ended(worker, 6) < 5


async def test_sigterm_while_a_node_is_in_while_true_makes_the_bench_safe(demo: Demo) -> None:
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.ask(schema.SetLive(live=True))
        await page.ask(schema.TriggerNode(id="output"))
        await demo.simulator.becomes(True, 5)
        await add_spin(page, "test.spin")
        await page.until(schema.Logged, lambda each: "'Spin'" in each.lines[0].text, within_s=5)
        demo.worker_process.send(signal.SIGTERM)
        assert await demo.simulator.becomes(False, 1.0) < 1.0


async def test_a_node_that_resists_the_end_keeps_no_output_on(demo: Demo) -> None:
    """The loop took the signal, and is held only then: devices are struck all the same."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.ask(schema.SetLive(live=True))
        await page.ask(schema.TriggerNode(id="output"))
        await demo.simulator.becomes(True, 5)
        await add_spin(page, "test.sulk")
        await page.until(schema.NodeStatus, lambda each: each.state == "running")
        worker = demo.worker_process
        worker.send(signal.SIGTERM)
        assert await demo.simulator.becomes(False, 1.5) < 1.5
        assert await demo.ended(worker, 6) < 5


async def test_a_node_that_holds_the_interpreter_itself_is_ended_by_the_guardian(
    demo: Demo,
) -> None:
    """One long C call: no thread of the worker can run, so only another process helps."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.ask(schema.SetLive(live=True))
        await page.ask(schema.TriggerNode(id="output"))
        await demo.simulator.becomes(True, 5)
        worker = demo.worker_process
        await add_spin(page, "test.hold")
        await demo.simulator.becomes(False, 5)
        assert not worker.alive()
        first = page.session
        snapshot = await page.until(schema.Snapshot, lambda each: each.session != first)
        assert snapshot.space is not None
        assert snapshot.space.arming == "disarmed"
        assert not await demo.simulator.output()


async def test_estop_during_a_hanging_query(demo: Demo) -> None:
    """The instrument does not answer the read under way: the bytes go past it."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await demo.simulator.ask(
            do="fault", device="smu", kind="delay", seconds=30, count=1, match=":READ"
        )
        await page.start_run()
        await demo.simulator.becomes(True, 5)
        await page.until(schema.NodeStatus, lambda e: e.id == "read" and e.state == "running")
        began = time.monotonic()
        stopping = asyncio.create_task(page.http.post(f"/api/workers/{demo.worker}/estop"))
        await demo.simulator.becomes(False, 1.0)
        assert time.monotonic() - began < 0.5
        assert (await stopping).json()["latched"]


async def test_sigterm_to_the_worker_makes_the_bench_safe_and_ends_in_order(demo: Demo) -> None:
    """Outputs safe within 1 s, exit within 5 s; a second SIGTERM is harmless; the run is kept."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.start_run()
        await demo.simulator.becomes(True, 5)
        worker = demo.worker_process
        worker.send(signal.SIGTERM)
        worker.send(signal.SIGTERM)
        assert await demo.simulator.becomes(False, 1.0) < 1.0
        assert await demo.ended(worker, 5.5) < 5
        assert (await page.until(schema.Gone)).worker == demo.worker
        for _ in range(100):
            view = (await page.http.get("/api/workers")).json()[0]
            if view["state"] == "stopped":
                break
            await asyncio.sleep(0.02)
        assert view["state"] == "stopped"
        await page.http.post(f"/api/workers/{demo.worker}/start")
        snapshot = await page.until(schema.Snapshot)
        assert snapshot.run is not None
        assert snapshot.run.state == "aborted"
        assert snapshot.space is not None
        assert snapshot.space.arming == "disarmed"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_worker_killed_or_frozen_in_a_run_leaves_the_bench_safe(
    demo: Demo, how: signal.Signals
) -> None:
    """Safe within 2 s by the guardian (3 s where it has to notice a freeze), the worker back,
    disarmed, the run interrupted, nothing re-energised."""
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.ask(schema.SetValue(node="sweep", port="points", value=500))
        run = await page.start_run()
        await demo.simulator.becomes(True, 5)
        await page.until(schema.RowsView)
        worker = demo.worker_process
        began = time.monotonic()
        worker.send(how)
        await demo.simulator.becomes(False, 4)
        assert time.monotonic() - began < (2 if how is signal.SIGKILL else 3.2)
        assert not worker.alive(), "what is left of a frozen worker is gone before bytes are sent"
        first = page.session
        snapshot = await page.until(schema.Snapshot)
        assert snapshot.session != first
        assert time.monotonic() - began < 6
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


def simulate() -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "funcnodes_simulators", "demo", "--json", "--control"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


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
            async with asyncio.timeout(6):
                await worker.ended()
        server.kill()
        server.communicate()
        simulator.communicate()


SERVE = ("runserver", "--no-browser")


async def test_a_server_killed_leaves_the_run_alone_and_the_next_one_adopts_the_worker(
    lab: Demo,
) -> None:
    """kill -9 of the server: the worker measures on, is adopted within 5 s, pages go on;
    Ctrl-C on a server leaves workers running and says so."""
    port = lab.url.rpartition(":")[2]
    async with lab.page() as page:
        await running(page)
        await page.subscribe()
        await page.open_example()
        await page.ask(schema.SetValue(node="sweep", port="points", value=300))
        run = await page.start_run()
        await lab.simulator.becomes(True, 5)
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
            await running(page)
            snapshot = await page.subscribe()
            assert time.monotonic() - began < 5
            assert snapshot.run is not None
            assert snapshot.run.id == run
            assert snapshot.session.split("-")[0] == session.split("-")[0], "the same life"
            assert snapshot.run.state == "running"
            commands = (await lab.simulator.ask(do="commands", device="smu"))["commands"]
            assert len(commands) > sent, "the worker measured on without a server"
            view = (await page.http.get("/api/workers")).json()[0]
            assert (view["state"], view["pid"]) == ("running", worker.pid)
        server.send_signal(signal.SIGINT)
        said, complained = await asyncio.to_thread(server.communicate, None, 15)
        assert (server.returncode, complained) == (0, "")
        assert "Still running: bench one" in said
        assert worker.alive()
        assert await lab.simulator.output()
    finally:
        server.kill()
        server.communicate()


async def running(page: Page) -> None:
    """Wait until the worker has dialled in."""
    async with asyncio.timeout(5):
        while (await page.http.get("/api/workers")).json()[0]["state"] != "running":
            await asyncio.sleep(0.02)


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


async def test_two_people_one_of_whom_holds_the_controls(demo: Demo) -> None:
    """One holder at a time; a viewer may only look and press E-STOP."""
    async with demo.page() as ada:
        await ada.subscribe()
        await ada.open_example()
        link = (await ada.http.post("/api/link", json={"role": "operator", "name": "Bob"})).json()
        demo.secret, mine = "", demo.secret
        demo.link = link["link"]
        async with demo.page() as bob:
            await bob.subscribe()
            await ada.ask(schema.SetLive(live=True))
            refused = await bob.tell(schema.RunStart())
            assert "holds the controls" in refused.problem.detail
            await bob.ask(schema.TakeControls())
            people = await ada.until(
                schema.PeoplePut, lambda e: any(p.holder and p.name == "Bob" for p in e.people)
            )
            assert len(people.people) == 2
            refused = await ada.tell(schema.TriggerNode(id="output"))
            assert "Bob holds the controls" in refused.problem.detail
            await bob.ask(schema.SetLive(live=False))
            await ada.ask(schema.Rename(id="sweep", name="Ramp"))
            node = await bob.until(schema.NodePut, lambda each: each.node.id == "sweep")
            assert node.node.name == "Ramp"
            latch = (await ada.http.post(f"/api/workers/{demo.worker}/estop")).json()
            assert latch["latched"]
        demo.secret = mine


async def test_ctrl_c_ends_everything_devices_first_and_a_second_one_is_harmless(
    demo: Demo,
) -> None:
    async with demo.page() as page:
        await page.subscribe()
        await page.open_example()
        await page.start_run()
        await demo.simulator.becomes(True, 5)
        worker = demo.worker_process
        going_off = asyncio.create_task(demo.simulator.becomes(False, 5))
        await asyncio.sleep(0.05)
        demo.process.send_signal(signal.SIGINT)
        demo.process.send_signal(signal.SIGINT)
        await going_off
        code = await asyncio.to_thread(demo.process.wait, 15)
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
        await demo.simulator.becomes(True, 5)
        worker = demo.worker_process
        going_off = asyncio.create_task(demo.simulator.becomes(False, 5))
        await asyncio.sleep(0)
        demo.process.send_signal(signal.SIGHUP)
        await going_off
        assert await asyncio.to_thread(demo.process.wait, 15) == 0
    assert not worker.alive()


async def test_a_demo_after_one_that_was_killed_has_instruments_that_answer(demo: Demo) -> None:
    """The worker that was left over knows only the addresses of the killed one's simulator."""
    left = demo.worker_process
    demo.process.kill()
    await asyncio.to_thread(demo.process.wait, 10)
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
        await asyncio.to_thread(again.communicate, None, 15)


async def test_a_second_demo_and_a_taken_port_are_told_in_one_sentence(
    demo: Demo, tmp_path: Path
) -> None:
    second = launch(demo.settings.config_dir, "demo", "--no-browser", env=demo.env)
    out, err = await asyncio.to_thread(second.communicate, None, 15)
    assert (second.returncode, out) == (1, "")
    assert err.count("\n") <= 2
    assert demo.url in err
    assert str(demo.process.pid) in err
    port = demo.url.rpartition(":")[2]
    for command in (["demo"], ["runserver"]):
        other = launch(tmp_path / "other", *command, "--no-browser", "--port", port, env=demo.env)
        out, err = await asyncio.to_thread(other.communicate, None, 15)
        assert other.returncode == 1
        assert f"127.0.0.1:{port}" in err
        assert "already in use" in err
        assert "Traceback" not in err


async def test_a_second_runserver_opens_the_first(demo: Demo) -> None:
    second = launch(demo.settings.config_dir, "runserver", "--no-browser", env=demo.env)
    out, err = await asyncio.to_thread(second.communicate, None, 15)
    assert (second.returncode, err) == (0, "")
    assert f"{demo.url}/#token=" in out
    assert str(demo.process.pid) in out


async def test_the_demo_s_secrets_are_in_private_files_and_nobody_s_arguments(demo: Demo) -> None:
    await demo.sign_in()
    token = demo.link.partition("#token=")[2]
    for path in demo.settings.config_dir.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    credential = Workspace(demo.settings.workers_dir / demo.worker).credential()
    for pid in (demo.process.pid, demo.worker_process.pid):
        arguments = await asyncio.to_thread(Path(f"/proc/{pid}/cmdline").read_text)
        assert token not in arguments
        assert credential not in arguments
