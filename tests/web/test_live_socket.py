"""The live socket alone: what it takes, what it answers, and when it ends."""

import asyncio
from typing import Any

import msgspec
import pytest
import websockets

from funcnodes.web import live
from funcnodes.web.auth import Person
from funcnodes.web.live import TOO_SLOW, LiveSocket
from funcnodes.workers import schema
from funcnodes.workers.manager import fanout

from ..waiting import patience

encode = msgspec.msgpack.encode
decode = msgspec.msgpack.Decoder(schema.FromWorker).decode
ADA = Person("a", "Ada", "operator", 1e12)


class FakeHub:
    """Notes who came and went."""

    rev = 0

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.commands: list[Any] = []

    def subscribe(self, *_: Any) -> None:
        self.heard.append("subscribe")

    def unsubscribe(self, _: Any) -> None:
        self.heard.append("unsubscribe")

    def command(self, _out: Any, _actor: Any, command: Any) -> None:
        self.commands.append(command)


class Browser:
    """The other end: says what it is given, keeps what it is sent; may stop reading."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.reads = True
        self.hubs = {"one": FakeHub(), "two": FakeHub()}
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.socket = LiveSocket(
            self._said.get, self._take, manager=self, person=ADA, lost=asyncio.Event()
        )  # type: ignore[arg-type]  # it stands for the manager, too

    def hub(self, worker: str) -> FakeHub:
        return self.hubs[worker]

    def say(self, *messages: Any) -> None:
        for message in messages:
            data = message if isinstance(message, bytes) else encode(message)
            self._said.put_nowait({"type": "websocket.receive", "bytes": data})

    def leave(self) -> None:
        self._said.put_nowait({"type": "websocket.disconnect"})

    async def run(self) -> int | None:
        return await asyncio.wait_for(self.socket.run(), patience())

    async def _take(self, message: dict[str, Any]) -> None:
        if not self.reads:
            await asyncio.Event().wait()
        self.sent.append(decode(message["bytes"]))


@pytest.fixture
async def browser() -> Browser:
    return Browser()


async def test_one_that_reads_nothing_is_left_although_nothing_more_is_said_to_it(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody looks at its queue any more, so its own socket must."""
    monkeypatch.setattr(fanout, "STALLED_AFTER_S", 0.05)
    browser.reads = False
    browser.say(schema.Subscribe(worker="one"))
    assert await browser.run() == TOO_SLOW
    assert browser.hubs["one"].heard == ["subscribe", "unsubscribe"]


async def test_every_message_passes_the_throttle(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[int] = []

    class Counting:
        async def pass_one(self) -> None:
            passed.append(len(browser.hubs["one"].commands))

    monkeypatch.setattr(live, "MessageRate", Counting)
    browser.say(schema.Ping(), schema.Subscribe(worker="one"), b"nonsense")
    browser.say(*(schema.CommandMessage(id=n, body=schema.Undo()) for n in range(3)))
    browser.leave()
    assert await browser.run() is None
    assert passed == [0, 0, 0, 0, 1, 2], "each before it is acted on"


async def test_who_turns_to_another_worker_hears_no_more_of_the_first(browser: Browser) -> None:
    browser.say(schema.Subscribe(worker="one"), schema.Subscribe(worker="two"))
    browser.say(schema.CommandMessage(id=1, body=schema.Undo()))
    browser.leave()
    await browser.run()
    assert browser.hubs["one"].heard == ["subscribe", "unsubscribe"]
    assert browser.hubs["two"].heard == ["subscribe", "unsubscribe"]
    assert len(browser.hubs["two"].commands) == 1


async def test_who_comes_back_to_the_same_worker_is_not_sent_away_between(
    browser: Browser,
) -> None:
    browser.say(schema.Subscribe(worker="one"), schema.Subscribe(worker="one"))
    browser.leave()
    await browser.run()
    assert browser.hubs["one"].heard == ["subscribe", "subscribe", "unsubscribe"]


def nested(depth: int) -> bytes:
    """A command whose value is so many lists deep."""
    body = {"type": "set_value", "node": "n", "port": "p", "value": "VALUE"}
    data = encode({"type": "command", "id": 9, "body": body})
    return data.replace(b"\xa5VALUE", b"\x91" * depth + b"\xc0")


async def test_a_value_that_is_too_deep_is_an_invalid_message(browser: Browser) -> None:
    """10⁵ deep: an answer, and the socket goes on."""
    browser.say(schema.Subscribe(worker="one"), nested(100_000), nested(3))
    browser.leave()
    assert await browser.run() is None
    (fail,) = [each for each in browser.sent if isinstance(each, schema.Fail)]
    assert fail.problem.title == "InvalidMessage"
    assert [each.id for each in browser.hubs["one"].commands] == [9]


async def test_signing_out_on_the_command_line_ends_nobodys_socket(site: Any) -> None:
    """A program that signs itself in by the admin token has no session to end."""
    bearer = {"authorization": f"Bearer {site.server.auth.admin_token}"}
    async with (
        websockets.connect(
            f"{site.socket_url}/api/live", additional_headers=bearer, proxy=None
        ) as socket,
        site.client(**bearer) as client,
    ):
        assert isinstance(decode(await socket.recv()), schema.Welcome)  # type: ignore[arg-type]
        await client.post("/api/sign-out")
        await socket.send(encode(schema.Subscribe(worker="nobody")))
        assert isinstance(decode(await socket.recv()), schema.Gone)  # type: ignore[arg-type]
