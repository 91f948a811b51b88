"""The server process: uvicorn under our own runner, and the commands that start it.

Guarantees that a connection which sends no header, is idle, or does not read what it asked for is
closed within 10 s; that however many show no credential, nobody who is signed in waits for them;
that a second server of the same config folder opens the first; that Ctrl-C
ends the server, once, and leaves workers running.
"""

import asyncio
import contextlib
import functools
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from funcnodes.errors import FuncnodesError, WorkerError
from funcnodes.settings import Settings
from funcnodes.web import browser as browsers
from funcnodes.web.antechamber import Antechamber
from funcnodes.web.auth import Auth
from funcnodes.web.gate import Hosts, WebGate
from funcnodes.web.listening import is_loopback, listen, shown
from funcnodes.web.problems import MEDIA_TYPE, encoded
from funcnodes.web.static import StaticFiles
from funcnodes.workers.manager import address_file
from funcnodes.workers.manager.client import ManagerClient
from funcnodes.workers.manager.manager import Manager

HEADER_S = 8.0
"""From the connection, or the last answer, until the next request's header is there."""
UNREAD_S = 8.0
"""For how long a client may leave its answer unread."""
BACKLOG = 1024
ACCEPTED_AT_ONCE = 8
"""Connections that are taken before everybody else has a turn."""
PING_EVERY_S = 4.0
PONG_WITHIN_S = 5.0
GRACE_S = 2.0
MESSAGE_LIMIT = 16 * 1024 * 1024
HEADER_LIMIT = 64 * 1024

_log = logging.getLogger("funcnodes.web")


class TimedHttp(H11Protocol):
    """HTTP/1.1 that does not wait for ever."""

    antechamber: Antechamber
    """Of the server: where connections wait that have shown no credential yet."""
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._guest = self.antechamber.enter(transport)
        self.app_state = {**self.app_state, "guest": self._guest}
        self._within(HEADER_S)

    def data_received(self, data: bytes) -> None:
        read = functools.partial(super().data_received, data)
        if self._guest.is_stranger:
            self._guest.in_turn(data, read)
        else:
            read()

    def connection_lost(self, exc: Exception | None) -> None:
        self._guest.leave()
        self._at_ease()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._at_ease()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._at_ease()
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        self._within(HEADER_S)
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._within(UNREAD_S)

    def resume_writing(self) -> None:
        self._at_ease()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        body = encoded(400, "BadRequest", "This is not a valid HTTP request.")
        fields = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        with contextlib.suppress(h11.LocalProtocolError):
            reason = b"Bad Request"
            self.transport.write(
                self.conn.send(h11.Response(status_code=400, headers=fields, reason=reason)) or b""
            )
            self.transport.write(self.conn.send(h11.Data(data=body)) or b"")
            self.transport.write(self.conn.send(h11.EndOfMessage()) or b"")
        self.transport.close()

    def _within(self, seconds: float) -> None:
        self._at_ease()
        self._deadline = self.loop.call_later(seconds, self._late)

    def _at_ease(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self.transport.abort()


class TimedWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket that is cut, not awaited, when its peer no longer reads.

    What is behind it finds `abort` and the event `lost` in the scope's state.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lost = asyncio.Event()

    async def run_asgi(self) -> None:
        state: dict[str, Any] = self.scope["state"]
        state["abort"] = self.transport.abort
        state["lost"] = self._lost
        await super().run_asgi()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.set()
        self.app_state["guest"].leave()
        super().connection_lost(exc)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()


class UvicornServer(uvicorn.Server):
    """uvicorn without its signal handlers: whoever starts it decides when it ends."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()

    def end(self) -> None:
        """Stop listening, let what is under way end, return from `serve`."""
        self.should_exit = True
        self._told.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; few connections are taken at a time, and many may wait to be."""
        await super().startup(sockets)
        for each in sockets or []:
            each.listen(BACKLOG)

    async def main_loop(self) -> None:
        """As uvicorn's, but ends at once when told to."""
        count = 0
        while not await self.on_tick(count):
            count += 10
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), 1.0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Connections that wait for nothing are closed at once; others have two seconds."""
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                while self.server_state.connections or self.server_state.tasks:
                    await asyncio.sleep(0.01)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer:
    """One server: gate, API, editor, and a manager behind them.

    Attributes:
        url: Where a browser on this machine finds it.
    """

    def __init__(self, settings: Settings, listening: socket.socket, *, editor: bool) -> None:
        self.settings = settings
        self.editor = editor
        self._socket = listening
        host, port = listening.getsockname()[:2]
        self.url = f"http://{shown(_reachable(host))}:{port}"
        self.auth = Auth(settings.run_dir / f"sessions-{port}.json")
        self.manager = Manager(settings)
        self._files = StaticFiles(pages=editor)
        self._runner = UvicornServer(self._config(host, port))

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["WebServer"]:
        """Serve while the block runs. On leaving, workers stay as they are."""
        await self.manager.open()
        task = asyncio.create_task(self._runner.serve(sockets=[self._socket]))
        try:
            await self._started(task)
            self._say_where()
            yield self
        finally:
            address_file.remove(self.settings)
            self._runner.end()
            await task
            await self.manager.close()

    def show_editor(self) -> None:
        """Serve the page, too, from now on: a `runserver` uses the manager that it finds."""
        self.editor = True
        self._files.show_pages()
        self._say_where()

    def _say_where(self) -> None:
        address_file.write(
            self.settings, url=self.url, token=self.auth.admin_token, editor=self.editor
        )

    def link(self) -> str:
        """A fresh sign-in link for the person at this terminal."""
        return f"{self.url}/#token={self.auth.link_token()}"

    def _knows(self, token: str) -> bool:
        person = self.auth.person(token) or self.auth.administrator(token)
        return person is not None or self.manager.owner(token) is not None

    async def _started(self, task: asyncio.Task[None]) -> None:
        while not self._runner.started:
            if task.done():
                task.result()
                raise WorkerError("The server ended before it had begun.")
            await asyncio.sleep(0.005)

    def _config(self, host: str, port: int) -> uvicorn.Config:
        from funcnodes.web.routes import Interface

        cookie = f"funcnodes_{port}"
        interface = Interface(
            manager=self.manager, auth=self.auth, url=self.url, cookie=cookie,
            show_editor=self.show_editor,
        )  # fmt: skip
        gate = WebGate(
            api=interface.app(),  # type: ignore[arg-type]  # Litestar's own ASGI types
            files=self._files,
            hosts=Hosts(_names(host), port),
            auth=self.auth,
            enrolment=self.manager,
            cookie=cookie,
            budgets=self.manager.budgets,
        )

        class Http(TimedHttp):
            antechamber = Antechamber(self._knows)

        return uvicorn.Config(
            gate,
            http=Http,
            backlog=ACCEPTED_AT_ONCE,
            ws=TimedWebSocket,
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=5,
            ws_max_size=MESSAGE_LIMIT,
            ws_ping_interval=PING_EVERY_S,
            ws_ping_timeout=PONG_WITHIN_S,
            ws_per_message_deflate=False,
            h11_max_incomplete_event_size=HEADER_LIMIT,
        )


def runserver(
    settings: Settings, *, host: str, port: int, browser: bool, manager: bool = True
) -> int:
    """`funcnodes runserver`: editor and manager, until Ctrl-C. A second one opens the first.

    Args:
        port: 0 lets the system choose.
        browser: Open the page.
        manager: Start a manager where none runs.

    Returns:
        The exit status.

    Raises:
        WorkerError: The port is taken, or there is no manager and none may be started.
    """
    while True:
        running = address_file.settled(settings)
        if running is not None:
            return _open_running(running, browser=browser)
        if not manager:
            raise WorkerError(
                "No manager is running here.", hint="Leave '--no-manager' out to start one."
            )
        with contextlib.suppress(address_file.ManagerRuns):  # another one was quicker
            return asyncio.run(_serve(settings, host, port, editor=True, browser=browser))


def startworkermanager(settings: Settings, *, host: str, port: int) -> int:
    """`funcnodes startworkermanager`: the same without the editor.

    Raises:
        WorkerError: The port is taken, or a manager runs already.
    """
    running = address_file.settled(settings)
    if running is not None:
        raise address_file.ManagerRuns(
            f"A manager is already running at {running.url} (process {running.process.pid})."
        )
    return asyncio.run(_serve(settings, host, port, editor=False, browser=False))


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def until_told() -> Iterator[asyncio.Event]:
    """An event that Ctrl-C, SIGTERM and a closed terminal set; a second one changes nothing."""
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    for number in ENDING:
        loop.add_signal_handler(number, event.set)
    try:
        yield event
    finally:
        for number in ENDING:
            loop.remove_signal_handler(number)


async def _serve(settings: Settings, host: str, port: int, *, editor: bool, browser: bool) -> int:
    with address_file.claimed(settings), until_told() as told:
        listening = listen(host, port)
        if not is_loopback(host):
            say(f"Other machines can reach {host}: every request needs a sign-in, not encrypted.")
        server = WebServer(settings, listening, editor=editor)
        async with server.serving():
            _announce(server, browser=browser)
            await told.wait()
            left = server.manager.running()
        _say_goodbye([each.name for each in left])
    return 0


def _announce(server: WebServer, *, browser: bool) -> None:
    if not server.editor:
        say(f"The manager is at {server.url}. Ctrl-C ends it; workers go on.")
        return
    link = server.link()
    say(f"funcnodes is at {link}")
    say("The link signs in once; 'funcnodes link' prints a fresh one. Ctrl-C ends the server.")
    if browser:
        browsers.open_privately(server.link(), server.settings.run_dir)


def _say_goodbye(names: list[str]) -> None:
    if names:
        say(f"The server has ended. Still running: {', '.join(names)}.")
        say("'funcnodes worker stop NAME' ends one.")
    else:
        say("The server has ended.")


def _open_running(running: address_file.ManagerAddress, *, browser: bool) -> int:
    client = ManagerClient(running)
    if not running.editor:
        client.show_editor()
    say(f"funcnodes is already running (process {running.process.pid}): {client.link()}")
    if browser:
        browsers.open_privately(client.link(), running.folder)
    return 0


def say(text: str) -> None:
    """One line to whoever started this command."""
    print(text, flush=True)


def complain(error: FuncnodesError) -> int:
    """One line to stderr. Returns the exit status."""
    print(f"{error.message} {error.hint}".strip(), file=sys.stderr, flush=True)
    return 1


def _names(host: str) -> list[str]:
    """Host names under which a server bound to `host` answers."""
    names = {"127.0.0.1", "localhost", "::1"} if is_loopback(host) else {host}
    if host in ("0.0.0.0", "::"):
        names |= {"127.0.0.1", "localhost", "::1", socket.gethostname(), socket.getfqdn()}
        names |= set(_own_addresses())
    return sorted(names)


def _own_addresses() -> list[str]:
    with contextlib.suppress(OSError):
        found = socket.getaddrinfo(socket.gethostname(), None)
        return [str(each[4][0]) for each in found]
    return []


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
