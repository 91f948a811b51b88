"""D1 on an RS-485 line: two instruments on one pty, addressed by their protocol."""

import asyncio
import itertools
import os
import time
import tty
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from funcnodes.devices import discovery
from funcnodes.devices.addresses import AllowList, parse
from funcnodes.devices.link import Link
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.transports import Transport
from funcnodes.devices.transports.choose import Transports
from funcnodes.devices.transports.line import LineBus, LineChannel
from funcnodes.errors import AddressError, DeviceConnectError, DeviceTimeout, ReplyError

from ...waiting import until, within


@dataclass
class Line:
    """Instruments 01 and 02 that share a line: each hears all, and answers what is for it.

    Attributes:
        answers: Per unit; None is silence. `late` is how long the next answer of a unit takes.
        names_itself: Whether a reply begins with the unit.
        has_echo: Whether the line hears itself.
    """

    names_itself: bool = True
    has_echo: bool = False
    heard: list[tuple[float, bytes]] = field(default_factory=list)
    late: dict[str, float] = field(default_factory=dict)
    answers: dict[str, dict[str, str | None]] = field(
        default_factory=lambda: {
            unit: {"*IDN?": f"ACME,ONE,{unit},1", "X?": f"1{unit}", "Y?": f"2{unit}"}
            for unit in ("01", "02")
        }
    )
    _rest: bytes = b""

    def open(self) -> str:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        asyncio.get_running_loop().add_reader(self.master, self._readable)
        return os.ttyname(self.slave)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)
        os.close(self.slave)

    def commands(self) -> list[bytes]:
        return [command for _, command in self.heard]

    def _readable(self) -> None:
        data = os.read(self.master, 4096)
        if self.has_echo:
            os.write(self.master, data)
        *lines, self._rest = (self._rest + data).split(b"\r")
        for line in filter(None, lines):
            self.heard.append((time.monotonic(), line))
            self._answer(line)

    def _answer(self, line: bytes) -> None:
        unit, _, command = line.removeprefix(b"@").decode().partition(" ")
        answer = self.answers.get(unit, {}).get(command)
        if answer is not None:
            start = f"@{unit} " if self.names_itself else ""
            reply = f"{start}{answer}\r".encode()
            delay = self.late.pop(unit, 0.0)
            asyncio.get_running_loop().call_later(delay, os.write, self.master, reply)


@dataclass
class Pair:
    """Both instruments' links, the second's channel, and their line."""

    line: Line
    one: Link
    two: Link
    channel: Transport

    async def ask(self, link: Link, question: str, **options: float) -> float:
        return (await link.ask(question, replies.number, **options))[0]

    async def is_in_step(self) -> bool:
        found = [await self.ask(*each) for each in ((self.one, "X?"), (self.two, "Y?")) * 2]
        return found == [101.0, 202.0] * 2


def channels(place: str, protocol: Protocol, query: str) -> list[Transport]:
    make = Transports()
    texts = [f"rs485:{place}/{unit}?{query}" for unit in ("01", "02")]
    return [make(parse(text), protocol, AllowList()) for text in texts]


@pytest_asyncio.fixture(params=["named", "unnamed", "echo"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    line = Line(names_itself=request.param != "unnamed", has_echo=request.param == "echo")
    protocol = Protocol(
        eol="\r", reply_eol="\r", errors="", connect_s=0.5, to_unit="@{unit} ",
        from_unit="@{unit} " if line.names_itself else "",
    )  # fmt: skip
    echo = "yes" if line.has_echo else "no"
    found = channels(line.open(), protocol, f"baud=19200&gap_ms=3&echo={echo}")
    one, two = (Link(f"d{i}", each, protocol) for i, each in enumerate(found, 1))
    await one.open()
    await two.open()
    yield Pair(line, one, two, found[1])
    await one.close()
    await two.close()
    line.close()


async def test_each_instrument_is_addressed_and_answers_for_itself(pair: Pair) -> None:
    assert pair.one.identity is not None
    assert pair.one.identity.serial == "01"
    questions = [(pair.one, "X?"), (pair.two, "X?")] * 5
    found = await asyncio.gather(*(pair.ask(*each) for each in questions))
    assert found == [101.0, 102.0] * 5
    assert pair.line.commands().count(b"@01 X?") == 5


async def test_between_two_speakers_the_line_is_silent_for_its_gap(pair: Pair) -> None:
    pair.line.heard.clear()
    for _ in range(5):
        await pair.ask(pair.one, "X?")
    times = [at for at, _ in pair.line.heard]
    assert min(b - a for a, b in itertools.pairwise(times)) >= 0.003


async def test_a_late_reply_of_one_is_nobodys(pair: Pair) -> None:
    pair.line.late["01"] = 0.25
    with pytest.raises(DeviceTimeout):
        await pair.ask(pair.one, "X?", timeout_s=0.1)
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        assert await pair.two.ask("X?", replies.number, idempotent=True) == (102.0, "ok")
    await until(lambda: pair.one.is_ready and pair.two.is_ready)
    assert await pair.is_in_step()


@pytest.mark.timing
@pytest.mark.parametrize("pair", ["named"], indirect=True)
async def test_freeing_the_line_costs_no_command_its_time(pair: Pair) -> None:
    """D4: waiting until the line is silent takes longer than this command may."""
    pair.line.answers["01"]["X?"] = None
    with pytest.raises(DeviceTimeout):
        await pair.ask(pair.one, "X?", timeout_s=0.05)
    assert await pair.ask(pair.two, "X?", timeout_s=within(0.04)) == 102.0


@pytest.mark.timing
@pytest.mark.parametrize("pair", ["unnamed"], indirect=True)
async def test_a_silent_one_takes_a_quarter_of_the_line_at_most(pair: Pair) -> None:
    """Fairness: one that is switched off does not stop the other."""
    pair.line.answers["01"] = {}
    with pytest.raises(DeviceTimeout):
        await pair.ask(pair.one, "X?", timeout_s=0.05)
    await until(lambda: pair.one.is_offline)
    began, count = time.monotonic(), 0
    while time.monotonic() - began < 0.5:
        await pair.two.ask("X?", replies.number, idempotent=True)
        count += 1
    assert count > 12 / within(1)


async def test_emergency_bytes_are_addressed_command_by_command(pair: Pair) -> None:
    assert pair.channel.emergency_write(b"\rOUT OFF\rOUT2 OFF\r")
    await until(lambda: b"@02 OUT2 OFF" in pair.line.commands())
    assert pair.line.commands()[-2:] == [b"@02 OUT OFF", b"@02 OUT2 OFF"]
    assert pair.channel.on_line(b"\rOUT OFF\r") == [b"\r@02 OUT OFF\r"]


async def test_an_echo_that_is_not_what_was_said_is_a_collision() -> None:
    line = Line()
    protocol = Protocol(eol="\r", reply_eol="\r", to_unit="@{unit} ", from_unit="@{unit} ")
    channel, _ = channels(line.open(), protocol, "echo=yes")
    await channel.open()
    with pytest.raises(ReplyError, match="was heard while b'@01 X"):
        await channel.write(b"X?\r")  # no echo comes, but an answer
    await channel.close()
    line.close()


async def test_nobody_is_asked_who_he_is_where_only_a_driver_knows_how() -> None:
    with pytest.raises(DeviceConnectError, match="is known to its driver only"):
        await discovery.identify(parse("rs485:/dev/ttyS0/01"))


def test_two_who_want_one_line_differently_are_told() -> None:
    make, protocol = Transports(), Protocol(to_unit="@{unit} ")
    first = make(parse("rs485:/dev/ttyS0/01?baud=9600"), protocol, AllowList())
    assert isinstance(first, LineChannel)
    assert isinstance(first.bus, LineBus)
    assert first.bus.gap_s == pytest.approx(3.5 * 11 / 9600)
    others = {"rs485:/dev/ttyS0/02?baud=19200": protocol, "modbus-rtu:/dev/ttyS0/2": Protocol()}
    for other, its_protocol in others.items():
        with pytest.raises(AddressError, match=r"/01\?baud=9600 is on the same line"):
            make(parse(other), its_protocol, AllowList())


def test_a_line_is_shared_only_by_who_names_his_unit() -> None:
    with pytest.raises(AddressError, match="names no unit before its commands"):
        Transports()(parse("rs485:/dev/ttyS0/01"), Protocol(), AllowList())
    with pytest.raises(AddressError, match="names a unit before each command"):
        Transports()(parse("serial:/dev/ttyS0"), Protocol(to_unit="@{unit} "), AllowList())
