"""A line that was just opened: boards that start anew then, greet, or say little of themselves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from funcnodes.devices.addresses import AllowList, parse
from funcnodes.devices.link import Link, introduction
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.transports.choose import transport_for
from funcnodes.errors import DeviceConnectError, IdentityError

from ...waiting import patience, until

IDN = "ACME,BOX,7,1.2"


@dataclass
class Board:
    """Deaf for a while after each opening; then it says its banner, and answers, late or not."""

    deaf_s: float = 0.0
    late_s: float = 0.0
    banner: str = ""
    identity: str = IDN
    eol: bytes = b"\n"
    heard: list[str] = field(default_factory=list)
    openings: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[Any] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        self.openings += 1
        with suppress(ConnectionError, asyncio.CancelledError):
            with suppress(TimeoutError):
                async with asyncio.timeout(self.deaf_s):
                    while await reader.read(4096):
                        pass
                    return
            writer.write(self.banner.encode())
            while line := await reader.readuntil(self.eol):
                said = line.removesuffix(self.eol).decode()
                self.heard.append(said)
                if self.late_s:
                    await asyncio.sleep(self.late_s)
                reply = {"*IDN?": self.identity, "T?": "23.45"}.get(said)
                if reply is not None:
                    writer.write(reply.encode("latin-1") + self.eol)
        writer.close()


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(introduction, "AGAIN_S", 0.2)


@pytest_asyncio.fixture
async def board() -> AsyncIterator[Callable[..., Any]]:
    made: list[Board] = []

    async def make(**manners: Any) -> Board:
        made.append(Board(**manners))
        await made[-1].start()
        return made[-1]

    yield make
    for each in made:
        await each.stop()


def link_to(board: Board, **protocol: Any) -> Link:
    spoken = Protocol(errors="", **protocol)
    address = parse(f"tcp:127.0.0.1:{board.port}")
    return Link("it", transport_for(address, spoken, AllowList()), spoken)


async def opened(link: Link) -> None:
    """Open it; where that fails, wait for the background."""
    with suppress(DeviceConnectError):
        await link.open()
    await until(lambda: link.is_ready)


@pytest.mark.parametrize("connect_s", [2.0, 0.2])
async def test_a_board_that_reboots_when_it_is_opened_is_opened_once(
    board: Callable[..., Any], connect_s: float
) -> None:
    """Also where one attempt is shorter than it is deaf: the next goes on with the same opening."""
    it = await board(deaf_s=0.5, banner="Sensor box v1.2 ready\r\n")
    link = link_to(it, connect_s=connect_s)
    await opened(link)
    assert it.openings == 1
    assert link.identity is not None
    assert link.identity.model == "BOX"
    assert await link.query("T?") == "23.45"
    await link.close()


async def test_a_wait_is_left_before_the_first_word(board: Callable[..., Any]) -> None:
    it = await board(deaf_s=0.3, banner="boot\n")
    link = link_to(it, wait_s=0.5, connect_s=patience())
    await link.open()
    assert (it.openings, it.heard) == (1, ["*IDN?"])
    await link.close()


@pytest.mark.parametrize("banner", ["Sensor box ready\n", ""])
async def test_a_banner_is_waited_for_and_done_without_where_none_comes(
    board: Callable[..., Any], banner: str
) -> None:
    it = await board(deaf_s=0.3, banner=banner)
    link = link_to(it, wait_s=0.5, banner="ready", connect_s=patience())
    await link.open()
    assert (it.openings, it.heard) == (1, ["*IDN?"])
    await link.close()


async def test_the_answers_of_one_that_is_only_slow_are_waited_out(
    board: Callable[..., Any],
) -> None:
    """D9: it was asked several times meanwhile, and each answer comes."""
    it = await board(late_s=0.25)
    link = link_to(it, connect_s=patience())
    await link.open()
    asked = it.heard.count("*IDN?")
    assert asked > 1
    assert await link.query("T?", timeout_s=patience()) == "23.45"
    await link.close()


async def test_one_that_says_nothing_at_all_is_opened_anew_now_and_then(
    board: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(introduction, "HOLDS_S", (0.3, 0.6))
    it = await board(identity=None)
    it.identity = None
    link = link_to(it, connect_s=0.1)
    with pytest.raises(DeviceConnectError, match=r"no reply to '\*IDN\?' in 0.1 s"):
        await link.open()
    await until(lambda: it.openings == 3)
    it.identity = IDN
    await until(lambda: link.is_ready)
    await link.close()


# ── who says little of himself ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "maker", "model", "serial"),
    [
        ("ACME,ONE,7,1.0", "ACME", "ONE", "7"),
        ("ACME,ONE,7", "ACME", "ONE", "7"),
        ("ACME,ONE", "ACME", "ONE", ""),
        ("ACME BOX v2", "", "ACME BOX v2", ""),
        ("ACME,,,", "ACME", "", ""),
    ],
)
async def test_an_identity_of_fewer_fields_is_one_and_proves_who_is_back(
    board: Callable[..., Any], said: str, maker: str, model: str, serial: str
) -> None:
    it = await board(identity=said)
    link = link_to(it, connect_s=patience())
    await link.open()
    found = link.identity
    assert found is not None
    assert (found.maker, found.model, found.serial) == (maker, model, serial)
    link.poison("test")
    assert await link.query("T?") == "23.45"
    await link.close()


async def test_a_banner_is_not_taken_for_an_identity_of_one_field(
    board: Callable[..., Any],
) -> None:
    it = await board(identity="BOX 2", banner="Sensor box v1.2 ready\n")
    link = link_to(it, connect_s=patience())
    await link.open()
    assert str(link.identity) == "BOX 2"
    assert await link.query("T?") == "23.45"
    await link.close()


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ("ACMÉ,BOX,7,1.2", "its maker is 'ACMÉ', not 'ACME'"),
        ("ACME,BOX2,7,1.2", "its model is 'BOX2', not 'BOX'"),
        ("ACME,BOX,8,1.2", "its serial number is '8', not '7'"),
        ("ACME,BOX,,1.2", "its serial number is (none), not '7'"),
        ("OTHER,BOX2,7,1.2", "its maker is 'OTHER', not 'ACME' and its model is 'BOX2', not 'BOX'"),
    ],
)
async def test_a_refusal_names_what_differs_and_nothing_that_does_not(
    board: Callable[..., Any], now: str, words: str
) -> None:
    """Never "expected 7, got 7"."""
    it = await board()
    link = link_to(it, connect_s=patience(), encoding="latin-1")
    await link.open()
    it.identity = now
    link.poison("test")
    await until(lambda: link.is_offline)
    with pytest.raises(IdentityError) as caught:
        await link.query("T?")
    assert f"another instrument answers: {words}." in caught.value.message
    await link.close()
