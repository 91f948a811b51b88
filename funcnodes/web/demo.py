"""`funcnodes demo [--bench NAME]`: a simulated bench, the server and one worker, started together.

Ctrl-C ends them in order: the worker first, so that devices are made safe, then the server, then
the simulator, which sits in a session of its own and cannot be reached by Ctrl-C before the safe
bytes do. Started again, it finds the nodespaces of the last time.
"""

import asyncio
import contextlib
import importlib.resources
import json as jsons
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from funcnodes.durable import write_private
from funcnodes.errors import BenchError, WorkerError
from funcnodes.machine.files import read_json, write_json
from funcnodes.settings import Settings
from funcnodes.web.listening import listen
from funcnodes.workers.manager import address_file
from funcnodes.workers.processes import Process
from funcnodes.workers.threads import in_thread
from funcnodes.workers.workspace import Workspace

NAME = "demo"
FILE = "demo.json"
START_S = 15.0
END_S = 3.0
LEFT_OVER_S = 6.0


class _Announcement(msgspec.Struct):
    resources: dict[str, str]
    control: str | None = None


def demo(
    settings: Settings,
    *,
    port: int | None,
    browser: bool,
    bench: str = NAME,
    control: bool = False,
    json: bool = False,
) -> int:
    """Start everything, say where it is, and go on until Ctrl-C.

    Args:
        port: Of the server; 0 lets the system choose, None takes the configured one.
        browser: Open the page.
        bench: Which of the simulated benches.
        control: Open the simulator's control socket, for tests.
        json: Say where it is as one JSON object: url, link, control, worker.

    Returns:
        The exit status.

    Raises:
        WorkerError: A server is already running here, or the port is taken.
        BenchError: There is no such bench.
    """
    _check_bench(bench)
    _check_alone(settings)
    with address_file.claimed(settings):
        return asyncio.run(_demo(settings, bench, port, browser, control, json))


async def _demo(
    settings: Settings, bench: str, port: int | None, browser: bool, control: bool, json: bool
) -> int:
    listening = listen("127.0.0.1", settings.port if port is None else port)
    simulator = _start_simulator(bench, control)
    try:
        await _end_left_over(settings)
        # Imported while the simulator starts; both take their time.
        from funcnodes.web.server import WebServer, until_told

        with until_told() as told:
            server = WebServer(settings, listening, editor=True)
            found = await _announced(simulator)
            workspace = _workspace(settings, bench, found.resources)
            async with server.serving(), _worker(server, workspace, told):
                uuid = workspace.record.uuid
                about = {"url": server.url, "control": found.control, "worker": uuid}
                write_json(settings.run_dir / FILE, {**about, **Process.mine().to_saved()})
                _say_where(server, about, browser=browser, json=json)
                await told.wait()
                if not json:
                    with contextlib.suppress(OSError):  # the terminal may be gone
                        print("Ending: devices are made safe first.", flush=True)
    finally:
        listening.close()
        _end_simulator(simulator)
        with contextlib.suppress(OSError):
            (settings.run_dir / FILE).unlink()
    return 0


@contextlib.asynccontextmanager
async def _worker(server: Any, workspace: Workspace, told: asyncio.Event) -> AsyncIterator[None]:
    """The demo's worker runs within the block; it is stopped before the server ends."""
    manager = server.manager
    uuid = workspace.record.uuid
    manager.start(uuid)
    try:
        ready = asyncio.create_task(manager.wait_for(uuid, "running", START_S))
        ending = asyncio.create_task(told.wait())
        await asyncio.wait((ready, ending), return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if ready.done():
            ready.result()
        else:
            ready.cancel()
        await asyncio.gather(ready, ending, return_exceptions=True)
        yield
    finally:
        await manager.stop(uuid)


def _workspace(settings: Settings, bench: str, resources: dict[str, str]) -> Workspace:
    """The demo's worker, its bench at the simulator's addresses."""
    workspace = _known_workspace(settings) or Workspace.create(settings, NAME)
    write_private(workspace.bench_path, _bench(bench, resources).encode())
    return workspace


def _known_workspace(settings: Settings) -> Workspace | None:
    return next((each for each in Workspace.all(settings) if each.record.name == NAME), None)


async def _end_left_over(settings: Settings) -> None:
    """End the worker of a demo that was killed: its instruments are gone with that one."""
    workspace = _known_workspace(settings)
    process = workspace.process() if workspace is not None else None
    if process is None:
        return
    process.send(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.ended(), LEFT_OVER_S)
    except TimeoutError:
        process.send(signal.SIGKILL)


def _bench(name: str, resources: dict[str, str]) -> str:
    """The built-in bench of that name, its `sim:` addresses in place of real ones."""
    import tomlkit

    builtin = importlib.resources.files("funcnodes.devices").joinpath(f"benches/{name}.toml")
    document: Any = tomlkit.parse(builtin.read_text(encoding="utf-8"))
    for device in document["devices"].values():
        address = str(device["address"])
        if address.startswith("sim:"):
            device["address"] = resources[address.removeprefix("sim:")]
            device["simulated"] = True
    return tomlkit.dumps(document)


def _start_simulator(bench: str, control: bool) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "funcnodes_simulators", bench, "--json"]
    return subprocess.Popen(
        [*command, "--control"] if control else command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


async def _announced(process: "subprocess.Popen[bytes]") -> _Announcement:
    """What the simulator says of itself.

    Raises:
        WorkerError: It did not start.
    """
    assert process.stdout is not None, "it was asked for"
    try:
        line = await asyncio.wait_for(in_thread(process.stdout.readline), START_S)
        return msgspec.json.decode(line, type=_Announcement)
    except (TimeoutError, msgspec.MsgspecError) as error:
        raise WorkerError("The simulated bench did not start.") from error


def _end_simulator(process: "subprocess.Popen[bytes]") -> None:
    """Its stdin ends, and so does it; a stubborn one is killed."""
    try:
        process.communicate(timeout=END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _say_where(server: Any, about: dict[str, Any], *, browser: bool, json: bool) -> None:
    from funcnodes.web.browser import open_privately

    link = server.link()
    if json:
        print(jsons.dumps({**about, "link": link}), flush=True)
    else:
        print(f"The simulated lab is at {link}", flush=True)
        print("The link signs in once; 'funcnodes link' prints a fresh one.", flush=True)
        print("Ctrl-C ends everything, devices first.", flush=True)
    if browser:
        open_privately(server.link(), server.settings.run_dir)


def _check_bench(name: str) -> None:
    from funcnodes.devices.benchfile import builtin_benches

    if name not in builtin_benches():
        raise BenchError(
            f"There is no simulated bench {name!r}; there is {', '.join(builtin_benches())}.",
            bench=name,
        )


def _check_alone(settings: Settings) -> None:
    """Raises WorkerError where a demo, or another server, runs for this folder."""
    running = address_file.read(settings)
    if running is None:
        return
    saved = read_json(settings.run_dir / FILE)
    what = "A demo" if saved and saved.get("pid") == running.process.pid else "funcnodes"
    raise WorkerError(
        f"{what} is already running at {running.url} (process {running.process.pid}).",
        hint="Sign in there with 'funcnodes link', or end it with Ctrl-C in its terminal.",
    )
