"""D9 in chaos: instruments that say not who they are, on lines on which everything goes wrong.

Each answer carries the number of its question, so that a wrong one is seen; an error is none. The
same plan of faults on sockets, terminals, RS-485 lines whose replies name nobody, and Modbus RTU.
"""

import asyncio
import os
import random
import tty
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from funcnodes.devices import Instrument, driver, unasked
from funcnodes.devices.bench import Bench
from funcnodes.devices.declarations.registers import ModbusDevice, modbus_driver, reading
from funcnodes.devices.link import Link
from funcnodes.devices.link.contact import Contact
from funcnodes.devices.transports.descriptor import DescriptorTransport
from funcnodes.errors import DeviceError, ReplyError
from funcnodes.testing.benches import bench_of

from ...waiting import patience
from .rtu import RtuLine
from .talker import Talker

TIMEOUT_S = 0.06
LATE_S = 0.2
SLOWEST_S = 0.15  # of what comes late
PER_LINE = 1300  # answers


@driver("test.chaos", title="Chaos", identify="", errors="", timeout_s=TIMEOUT_S, late_s=LATE_S)
class Chaotic(Instrument):
    """Sends events by itself; a question is a number, and so is its answer."""

    event = unasked(int, r"EVENT (\d+)", every_s=1.0)


@driver(
    "test.chaos_slave", title="Chaos", identify="", errors="", eol="\r", reply_eol="\r",
    to_unit="@{unit} ", timeout_s=TIMEOUT_S, late_s=LATE_S,
)  # fmt: skip
class Slave(Instrument):
    """One of several that answer without a name."""


@modbus_driver("test.chaos_unit", title="Chaos", timeout_s=TIMEOUT_S)
class Unit(ModbusDevice):
    """Register n holds n."""

    any = reading(int, "input:0", dtype="uint16")


# ── what goes wrong ───────────────────────────────────────────────────────────────────────


@dataclass
class Faults:
    """Which answers go wrong, and how; the same seed breaks the same way twice.

    Attributes:
        rate: How many of all answers.
        happened: How often each kind did.
    """

    random: random.Random
    end: bytes = b"\n"
    rate: float = 0.06
    happened: dict[str, int] = field(default_factory=dict)
    kinds = ("late", "drop", "half", "half late", "double", "garbage", "garbage before", "unended")

    def answer(self, good: bytes) -> list[tuple[float, bytes]]:
        """What is said for a good answer, and when."""
        if self.random.random() >= self.rate:
            return [(0.0, good)]
        kind = self.random.choice(self.kinds)
        self.happened[kind] = self.happened.get(kind, 0) + 1
        after_s = self.random.uniform(TIMEOUT_S / 2, SLOWEST_S)
        match kind:
            case "late":
                return [(after_s, good)]
            case "half":
                return [(0.0, good[: len(good) // 2])]
            case "half late":
                return [(0.0, good[:2]), (after_s, good[2:])]
            case "double":
                return [(0.0, good * self.random.randint(2, 3))]
            case "garbage":
                return [(0.0, b"\xfe?#" + self.end)]
            case "garbage before":
                return [(0.0, b"\xfe" + good)]
            case "unended":
                return [(0.0, b"\xfe?#")]
        return []

    def unasked(self) -> bytes:
        """Something to say while nobody asks: whole lines, one without an end, or nothing."""
        if self.random.random() >= self.rate / 2:
            return b""
        self.happened["unasked"] = self.happened.get("unasked", 0) + 1
        return self.random.choice((b"4711" + self.end, b"1" + self.end + b"2" + self.end, b"47"))


@dataclass
class Score:
    """What came of the questions of one line."""

    right: int = 0
    errors: int = 0
    wrong: list[str] = field(default_factory=list)


async def ask_all(
    link: Link,
    count: int,
    score: Score,
    ask: Callable[[Link, int], Awaitable[int]],
    disturb: Callable[[Link], Awaitable[None]],
    first: int = 1000,
) -> None:
    """Ask for numbers one after the other until so many were answered."""
    number = first
    while score.right < count:
        number = first + (number - first + 1) % 50_000
        await disturb(link)
        try:
            found = await ask(link, number)
        except DeviceError:
            score.errors += 1
            await asyncio.sleep(0.001)
            continue
        score.right += 1
        if found != number:
            score.wrong.append(f"{number} was answered by {found}")


def whole(text: str) -> int:
    """A number of at least four digits, as all answers are; anything else is none."""
    if not text.isdecimal():
        raise ReplyError(f"{text[:20]!r} is no number.")
    return int(text)


async def ask_line(link: Link, number: int) -> int:
    return await link.ask(f"{number}?", whole)


async def ask_register(link: Link, number: int) -> int:
    text = await link.query(f"input:{number}?")
    if text.startswith("!"):
        raise ReplyError(text)
    return int(text, 16)


async def nothing(_link: Link) -> None:
    """Disturb nobody."""


def links(bench: Bench) -> list[Link]:
    found = [device.link for device in bench.devices.values()]
    assert all(link is not None and link.is_ready for link in found), [
        device.message for device in bench.devices.values()
    ]
    return [link for link in found if link is not None]


# ── the lines ─────────────────────────────────────────────────────────────────────────────


def disturbing(say: Callable[[bytes], object], faults: Faults) -> Callable[[Link], Awaitable[None]]:
    """Say something unasked now and then, and wait until it is there: D9 is about such bytes."""

    async def disturb(link: Link) -> None:
        said = faults.unasked()
        if said and link.is_ready:
            say(said)
            for _ in range(200):
                if link.contact.transport.has_input():
                    break
                await asyncio.sleep(0.001)
            if not said.endswith(faults.end):
                asyncio.get_running_loop().call_later(0.03, say, b"11" + faults.end)

    return disturb


async def on_a_line_of_its_own(
    wire: str, count: int, chance: random.Random, rate: float
) -> tuple[Score, Faults]:
    faults, score = Faults(chance, rate=rate), Score()
    talker = Talker()

    def answer(question: str) -> list[tuple[float, bytes]]:
        good = question.rstrip("?").encode() + b"\n"
        if faults.random.random() < faults.rate:  # glued before, or behind, the answer
            event = b"EVENT 5\n"
            good = event + good if faults.random.random() < 0.5 else good + event
        return faults.answer(good)

    talker.answer = answer
    await talker.start(wire)
    async with bench_of({"it": (Chaotic, talker.address)}) as bench:
        (link,) = links(bench)
        await ask_all(link, count, score, ask_line, disturbing(talker.say, faults))
    await talker.stop()
    return score, faults


@dataclass
class SharedLine:
    """Slaves on one terminal, each of which answers "n?" by n and names nobody."""

    faults: Faults
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
        self.master = -1

    def say(self, data: bytes) -> None:
        if self.master >= 0:
            os.write(self.master, data)

    def _readable(self) -> None:
        *lines, self._rest = (self._rest + os.read(self.master, 4096)).split(b"\r")
        for line in filter(None, lines):
            good = line.rpartition(b" ")[2].removesuffix(b"?") + b"\r"
            for after_s, piece in self.faults.answer(good):
                asyncio.get_running_loop().call_later(after_s, self.say, piece)


async def on_an_rs485_line(count: int, chance: random.Random, rate: float) -> tuple[Score, Faults]:
    faults, scores = Faults(chance, b"\r", rate), [Score(), Score()]
    line = SharedLine(faults)
    path = line.open()
    drivers = {f"d{unit}": (Slave, f"rs485:{path}/{unit}?baud=115200") for unit in (1, 2)}
    async with bench_of(drivers) as bench:
        await asyncio.gather(
            *(
                ask_all(link, count // 2, score, ask_line, nothing, first=1000 + 3000 * at)
                for at, (link, score) in enumerate(zip(links(bench), scores, strict=True))
            )
        )
    line.close()
    return together(scores), faults


async def on_an_rtu_line(count: int, chance: random.Random, rate: float) -> tuple[Score, Faults]:
    faults, scores = Faults(chance, b"", rate), [Score(), Score()]
    line = RtuLine()
    line.open()
    plans = ("late", "drop", "half", "half late", "double", "garbage before")

    async def disturb(link: Link) -> None:
        if chance.random() < faults.rate:
            kind = chance.choice(plans)
            faults.happened[kind] = faults.happened.get(kind, 0) + 1
            late_s = chance.uniform(TIMEOUT_S / 2, SLOWEST_S)
            line.planned.append({"late": late_s, "drop": None}.get(kind, kind))

    drivers = {f"oven{unit}": (Unit, line.address(unit)) for unit in line.units}
    async with bench_of(drivers) as bench:
        await asyncio.gather(
            *(
                ask_all(link, count // 2, score, ask_register, disturb, first=1000 + 9000 * at)
                for at, (link, score) in enumerate(zip(links(bench), scores, strict=True))
            )
        )
    line.close()
    return together(scores), faults


def together(scores: list[Score]) -> Score:
    wrong = [each for score in scores for each in score.wrong]
    return Score(sum(s.right for s in scores), sum(s.errors for s in scores), wrong)


async def everywhere(
    count: int, *, seed: int, rate: float, lanes: int
) -> list[tuple[Score, Faults]]:
    """So many answers on each of four kinds of lines, of which there are `lanes`, all at once."""
    running = []
    for lane in range(lanes):
        chances = [random.Random(f"{seed} {lane} {at}") for at in range(4)]
        running += [
            on_a_line_of_its_own("tcp", count // lanes, chances[0], rate),
            on_a_line_of_its_own("pty", count // lanes, chances[1], rate),
            on_an_rs485_line(count // lanes, chances[2], rate),
            on_an_rtu_line(count // lanes, chances[3], rate),
        ]
    async with asyncio.timeout(patience(240)):
        return await asyncio.gather(*running)


def check(found: list[tuple[Score, Faults]], count: int) -> None:
    assert [each for score, _ in found for each in score.wrong] == []
    assert sum(score.right for score, _ in found) >= 4 * count
    assert all(score.errors for score, _ in found), "nothing went wrong on one of them"


async def test_no_answer_is_anothers_on_any_line_a_few() -> None:
    check(await everywhere(20, seed=11, rate=0.25, lanes=1), 20)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_no_answer_of_five_thousand_is_anothers_on_any_line() -> None:
    found = await everywhere(PER_LINE, seed=7, rate=0.08, lanes=5)
    check(found, PER_LINE)
    for at, kind in enumerate(({*Faults.kinds, "unasked"},) * 2 + (set(Faults.kinds),)):
        happened = {each for _, faults in found[at::4] for each in faults.happened}
        assert happened == kind


# ── that the chaos sees what it looks for ─────────────────────────────────────────────────


@pytest.mark.soak
async def test_the_chaos_sees_a_link_that_believes_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is there is an answer, and nobody waits for what is late."""
    monkeypatch.setattr(DescriptorTransport, "has_input", lambda self: False)
    monkeypatch.setattr(Contact, "left_s", 0.0)
    score, _ = await on_a_line_of_its_own("pty", 20, random.Random(3), 0.3)
    assert score.wrong
