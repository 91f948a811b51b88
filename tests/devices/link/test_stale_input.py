"""D9: what was there before a question answers it never, with and without an identity query."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from funcnodes.devices import Instrument, Marker, driver, measurement
from funcnodes.devices.bench import Bench
from funcnodes.devices.device import Device
from funcnodes.devices.link import quiet
from funcnodes.errors import DeviceConnectError, DeviceError, DeviceTimeout
from funcnodes.testing.benches import bench_of

from ...waiting import until
from .talker import Talker

LATE_S = 0.2


@driver("test.plain", title="Plain", identify="", errors="", timeout_s=1.0)
class Plain(Instrument):
    """Says nothing of who it is."""

    one = measurement(int, "1?", timeout_s=0.1)
    two = measurement(int, "2?")


@driver("test.late", title="Late", identify="", errors="", late_s=LATE_S)
class Late(Plain):
    """Declares how late a reply may come."""


@driver(
    "test.marked", title="Marked", identify="", errors="", marker=Marker("ECHO {n}", "ECHO={n}")
)
class Marked(Plain):
    """Declares a question that tells when the line is clean."""


@driver("test.endless", title="Endless", identify="", errors="", late_s=math.inf)
class Endless(Plain):
    """Nobody knows how late a reply may come."""


@driver("test.named", title="Named", errors="")
class Named(Plain):
    """Says who it is."""


class Scene:
    """An instrument that answers "1?" by 1 and "2?" by 2, and the benches that speak to it."""

    def __init__(self, talker: Talker) -> None:
        self.talker = talker
        self.benches: list[Bench] = []

    async def connect(self, kind: type[Instrument]) -> Device:
        bench = bench_of({"it": (kind, self.talker.address)})
        self.benches.append(bench)
        await bench.open()
        return bench.devices["it"]

    def says_unasked(self, device: Device, data: bytes) -> Awaitable[object]:
        """Have something said, and wait until it is there."""
        self.talker.say(data)
        assert device.link is not None
        return until(device.link.contact.transport.has_input)


def usual(question: str) -> bytes | None:
    """What it answers in time."""
    if question.startswith("ECHO "):
        return question.replace(" ", "=").encode() + b"\n"
    if question == "*IDN?":
        return b"ACME,ONE,7,1\n"
    return question.rstrip("?").encode() + b"\n"


@pytest_asyncio.fixture(params=["tcp", "pty"])
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    talker = Talker(usual)
    await talker.start(request.param)
    scene = Scene(talker)
    yield scene
    for bench in scene.benches:
        await bench.close()
    await talker.stop()


async def values(device: Device, count: int = 3) -> list[Any]:
    found = []
    for _ in range(count):
        found += [(await device.member_get(name)).value for name in ("two", "one")]
    return found


IN_STEP = [2, 1] * 3


@pytest.mark.parametrize("kind", [Plain, Named])
@pytest.mark.parametrize("said", [b"7\n", b"7\n8\n9\n", b"\xff\x00\n", b"7\n" * 500])
async def test_lines_that_nobody_asked_for_answer_nothing(
    scene: Scene, kind: type[Instrument], said: bytes
) -> None:
    device = await scene.connect(kind)
    await scene.says_unasked(device, said)
    assert await values(device) == IN_STEP


async def test_the_tail_of_a_line_answers_nothing(scene: Scene) -> None:
    """It ends after the question would have been asked."""
    device = await scene.connect(Plain)
    await scene.says_unasked(device, b"12")
    asyncio.get_running_loop().call_later(0.1, scene.talker.say, b"34\n")
    assert await values(device) == IN_STEP


@pytest.mark.parametrize("glued", [b"1\n1\n", b"1\n5\n6\n", b"1\n5"])
async def test_of_replies_that_came_glued_only_the_first_is_an_answer(
    scene: Scene, glued: bytes
) -> None:
    device = await scene.connect(Plain)
    scene.talker.answer = lambda _: glued
    assert (await device.member_get("one")).value == 1
    scene.talker.answer = usual
    if glued.endswith(b"5"):
        asyncio.get_running_loop().call_later(0.1, scene.talker.say, b"6\n")
    assert await values(device) == IN_STEP


def answers_late(late_s: float, first: bytes = b"1\n") -> Callable[[str], Any]:
    """The next reply comes so late, then all as usual."""
    owed = [[(late_s, first)]]
    return lambda question: owed.pop() if owed else usual(question)


async def asked_until_it_answers(device: Device, seconds: float) -> list[Any]:
    """What "2?" was answered by, asked again and again for so long; errors are no answers."""
    end, found = time.monotonic() + seconds, []
    while time.monotonic() < end or not found:
        try:
            found.append((await device.member_get("two")).value)
        except DeviceError:
            await asyncio.sleep(0.01)
    return found


@pytest.mark.parametrize("kind", [Late, Marked, Named])
async def test_a_late_reply_is_waited_out_or_marked(scene: Scene, kind: type[Instrument]) -> None:
    device = await scene.connect(kind)
    scene.talker.answer = answers_late(0.15)
    link = device.link
    assert link is not None
    with pytest.raises(DeviceTimeout):
        await link.query("1?", timeout_s=0.05)
    assert set(await asked_until_it_answers(device, LATE_S + 0.1)) == {2}
    assert await values(device) == IN_STEP


async def test_a_late_half_of_a_reply_answers_nothing(scene: Scene) -> None:
    device = await scene.connect(Late)
    pieces: list[Any] = [[(0.0, b"1"), (0.15, b"2\n")]]
    scene.talker.answer = lambda question: pieces.pop() if pieces else usual(question)
    assert device.link is not None
    with pytest.raises(DeviceTimeout):
        await device.link.query("1?", timeout_s=0.05)
    assert set(await asked_until_it_answers(device, LATE_S + 0.1)) == {2}


async def test_on_a_terminal_an_undeclared_lateness_is_waited_out_in_words(scene: Scene) -> None:
    """On a socket opening anew is enough."""
    device = await scene.connect(Plain)
    scene.talker.answer = answers_late(0.3)
    assert device.link is not None
    with pytest.raises(DeviceTimeout):
        await device.link.query("1?", timeout_s=0.1)
    if scene.talker.address.startswith("tcp"):
        assert set(await asked_until_it_answers(device, 0.3)) == {2}
        return
    with pytest.raises(
        DeviceConnectError, match=r"no reply to '1\?' in 0.1 s; a late reply may still come within"
    ):
        await device.member_get("two")


async def test_where_nobody_knows_how_late_it_is_refused_until_it_is_connected_anew(
    scene: Scene,
) -> None:
    device = await scene.connect(Endless)
    scene.talker.answer = answers_late(0.3)
    assert device.link is not None
    with pytest.raises(DeviceTimeout):
        await device.link.query("1?", timeout_s=0.1)
    for _ in range(2):
        with pytest.raises(DeviceConnectError, match="a late reply may still come at any time"):
            await device.member_get("two")
        await asyncio.sleep(0.05)
    with pytest.raises(DeviceConnectError) as refused:
        await device.member_get("two")
    assert "declare late_s= or marker=" in refused.value.hint
    assert device.link.strike(b"OFF\n"), "S3a: emergency bytes find the line open"
    await until(lambda: "OFF" in scene.talker.heard)
    await device.disconnect()
    await device.connect()
    assert await values(device) == IN_STEP


async def test_a_question_that_was_cut_short_costs_no_more_than_its_reply(scene: Scene) -> None:
    """D4, D9: a run that is stopped is parked at once."""
    device = await scene.connect(Plain)
    scene.talker.answer = answers_late(0.1)
    asking = asyncio.create_task(device.member_get("two"))
    await until(lambda: "2?" in scene.talker.heard)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert await values(device) == IN_STEP


async def test_a_question_that_comes_back_is_no_answer(scene: Scene) -> None:
    """An echo that nobody declared would be a text, with quality ok."""
    scene.talker.answer = lambda question: f"{question}\r\n".encode() + (usual(question) or b"")
    device = await scene.connect(Named)
    assert device.link is not None
    with pytest.raises(DeviceError, match=r"'1\?' came back") as caught:
        await device.link.query("1?")
    assert "echoes=True" in caught.value.hint


async def test_a_line_behind_each_reply_is_heard_at_connecting_and_answers_nothing(
    scene: Scene,
) -> None:
    """Nobody declared it, and it comes when the next question may be on its way already."""

    def with_status(question: str) -> Any:
        return [(0.0, usual(question)), (0.01, b"0\n")]

    scene.talker.answer = with_status
    device = await scene.connect(Named)
    assert "came unasked '0\\n'" in device.message
    assert await values(device, 5) == [2, 1] * 5


@pytest.mark.parametrize("kind", [Plain, Named])
async def test_what_comes_unasked_at_connecting_is_named(
    scene: Scene, kind: type[Instrument]
) -> None:
    scene.talker.greeting = b"Sensor box v1.2 ready\r\n"
    if scene.talker.address.startswith("serial"):
        scene.talker.answer = lambda question: [(0.1, usual(question) or b"")]
    connecting = asyncio.create_task(scene.connect(kind))
    if scene.talker.address.startswith("serial"):
        await until(lambda: scene.benches and scene.benches[0].devices["it"].link is not None)
        link = scene.benches[0].devices["it"].link
        assert link is not None
        await until(lambda: link.contact.transport.is_open)
        scene.talker.say(scene.talker.greeting)
    device = await connecting
    scene.talker.answer = usual
    assert await values(device) == IN_STEP
    assert "came unasked" in device.message
    assert "'Sensor box v1.2 ready" in device.message
    assert "greets=" in device.message


async def test_an_instrument_that_never_stops_talking_is_refused_in_words(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not declared, and there never is silence: refused, and never hangs."""
    monkeypatch.setattr(quiet, "MOST_NOISE_S", 0.2)
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None

    def go_on() -> None:
        nonlocal timer
        scene.talker.say(b"12.5\n")
        timer = loop.call_later(0.02, go_on)

    go_on()
    device = await scene.connect(Plain)
    await until(lambda: device.state == "offline")
    assert "came unasked" in device.message
    assert "it goes on" in device.message
    with pytest.raises(DeviceConnectError):
        await device.member_get("two")
    assert timer is not None
    timer.cancel()
    await until(lambda: device.is_online)
    assert await values(device) == IN_STEP
