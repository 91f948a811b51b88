"""A real server on a real port, in the test's own loop, and clients that speak to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from funcnodes.settings import Settings
from funcnodes.web import gate, server as server_module
from funcnodes.web.listening import listen
from funcnodes.web.server import WebServer
from funcnodes.workers import schema
from funcnodes.workers.workspace import Workspace

from ..waiting import patience

encode = msgspec.msgpack.encode
decode_sent = msgspec.msgpack.Decoder(schema.FromWorker).decode
decode_asked = msgspec.msgpack.Decoder(schema.ToWorker).decode


@dataclass
class Site:
    """A running server and what a test needs to reach it."""

    server: WebServer
    settings: Settings

    @property
    def port(self) -> int:
        return int(self.server.url.rpartition(":")[2])

    @property
    def socket_url(self) -> str:
        return self.server.url.replace("http:", "ws:")

    @property
    def cookie(self) -> str:
        return f"funcnodes_{self.port}"

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A client without cookies that says it is our own page."""
        own = {"origin": self.server.url, **headers}
        return httpx.AsyncClient(base_url=self.server.url, headers=own, trust_env=False)

    async def signed_in(self, role: schema.Role = "admin") -> str:
        """The secret of a fresh session."""
        token = self.server.auth.link_token(role=role, name=f"{role} person")
        async with self.client() as client:
            answer = await client.post("/api/sign-in", json={"token": token})
            return str(answer.cookies[self.cookie])

    @contextlib.asynccontextmanager
    async def person(self, role: schema.Role = "admin") -> AsyncIterator[httpx.AsyncClient]:
        """A client that is signed in."""
        secret = await self.signed_in(role)
        async with self.client(cookie=f"{self.cookie}={secret}") as client:
            yield client

    @contextlib.asynccontextmanager
    async def live(
        self, secret: str | None = None, *, role: schema.Role = "admin"
    ) -> AsyncIterator["Page"]:
        """A browser's live socket."""
        secret = secret or await self.signed_in(role)
        headers = {"cookie": f"{self.cookie}={secret}"}
        async with connect(
            f"{self.socket_url}/api/live",
            additional_headers=headers,
            origin=self.server.url,  # type: ignore[arg-type]
            proxy=None,
            max_size=None,
            close_timeout=1,
            max_queue=None,
        ) as socket:
            yield Page(socket)

    @contextlib.asynccontextmanager
    async def fake_worker(self, workspace: Workspace, session: str = "s1") -> AsyncIterator["Fake"]:
        """A scripted worker on the link."""
        headers = {"authorization": f"Bearer {workspace.credential()}"}
        async with connect(
            f"{self.socket_url}/link/worker",
            additional_headers=headers,
            proxy=None,
            max_size=None,
            max_queue=None,
        ) as socket:
            fake = Fake(socket, workspace.record.uuid, session)
            await fake.hello()
            yield fake


@dataclass
class Page:
    """What a browser sees on its live socket."""

    socket: ClientConnection
    seen: list[Any] = field(default_factory=list)

    async def send(self, message: Any) -> None:
        await self.socket.send(encode(message))

    async def next(self, kind: type[Any] | None = None) -> Any:
        """The next message, or the next of a kind."""
        async with asyncio.timeout(patience()):
            while True:
                message = decode_sent(await self.socket.recv())  # type: ignore[arg-type]
                self.seen.append(message)
                if kind is None or isinstance(message, kind):
                    return message

    async def ask(self, number: int, body: Any) -> Any:
        """Send a command; the Ack or Fail that answers it."""
        await self.send(schema.CommandMessage(id=number, body=body))
        while True:
            reply = await self.next()
            if isinstance(reply, schema.Ack | schema.Fail) and reply.id == number:
                return reply


@dataclass
class Fake:
    """A scripted worker."""

    socket: ClientConnection
    uuid: str
    session: str
    seq: int = 0

    async def hello(self) -> None:
        hello = schema.Hello(worker=self.uuid, name="w", session=self.session, pid=1, version="0")
        await self.socket.send(encode(hello))

    async def asked(self, kind: type[Any]) -> schema.Do:
        """The next command with a body of this kind."""
        async with asyncio.timeout(patience()):
            while True:
                message = decode_asked(await self.socket.recv())  # type: ignore[arg-type]
                if isinstance(message, schema.Do) and isinstance(message.body, kind):
                    return message

    async def answer_snapshot(self) -> None:
        do = await self.asked(schema.GetSnapshot)
        latch = schema.LatchView(latched=False)
        snapshot = schema.Snapshot(
            worker=self.uuid, session=self.session, seq=self.seq, rev=1, latch=latch
        )
        await self.socket.send(encode(schema.Ack(id=do.id, rev=1, result=snapshot)))

    async def patch(self, *events: Any) -> None:
        self.seq += 1
        patch = schema.Patch(session=self.session, seq=self.seq, rev=1, events=list(events))
        await self.socket.send(encode(patch))

    async def value(self, number: float) -> None:
        one = schema.PortValue("n", "p", number, "ok", 0.0, False, True)
        await self.patch(schema.PortValues(values=[one]))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "config")


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    server = WebServer(settings, listen("127.0.0.1", 0), editor=True)
    async with server.serving():
        yield Site(server, settings)


@pytest.fixture
def workspace(settings: Settings) -> Workspace:
    return Workspace.create(settings, "bench one")


@pytest.fixture
async def hasty(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """A server that waits a twentieth of the usual time."""
    monkeypatch.setattr(server_module, "HEADER_S", 0.4)
    monkeypatch.setattr(server_module, "UNREAD_S", 0.4)
    monkeypatch.setattr(server_module, "PING_EVERY_S", 0.2)
    monkeypatch.setattr(server_module, "PONG_WITHIN_S", 0.3)
    monkeypatch.setattr(gate, "BODY_S", 0.4)
    server = WebServer(settings, listen("127.0.0.1", 0), editor=True)
    async with server.serving():
        yield Site(server, settings)
