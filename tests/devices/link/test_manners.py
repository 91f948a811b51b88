"""What a driver declares of echoes, prompts, greetings, OKs, status lines, and lines said unasked.

Each on a simulated instrument that is a table of the driver's own (`driver_table`), over a socket
and a terminal, and the console once more as another project would program it.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from funcnodes.core.types import Range
from funcnodes.devices import Instrument, control, driver, measurement, unasked
from funcnodes.devices.declarations.dialogues import connect_lines
from funcnodes.devices.device import Device
from funcnodes.devices.framing import Lines
from funcnodes.devices.link import talk
from funcnodes.devices.schemas import driver_schema
from funcnodes.devices.stand_in import driver_table
from funcnodes.errors import DeviceTimeout, InstrumentError, ReplyError
from funcnodes.testing.benches import bench_of
from funcnodes_simulators import SimulatedBench

from ...waiting import until
from .talker import Talker

Open = Callable[..., AbstractAsyncContextManager[Device]]


@pytest.fixture(params=["tcp", "pty"])
def line(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opened(tmp_path: Path, line: str) -> Iterator[Open]:
    """A driver's device on a simulator of its own table, or of another one."""
    started: list[SimulatedBench] = []

    @asynccontextmanager
    async def opened(kind: type[Instrument], table: object = None) -> AsyncIterator[Device]:
        if table is None:
            (tmp_path / "table.json").write_text(json.dumps(driver_table(kind)))
            table = "table.json"
        (tmp_path / "bench.toml").write_text(
            f'[device.it]\nmodel = "table"\ntable = "{table}"\nserve = "{line}"\n'
        )
        started.append(SimulatedBench.start(str(tmp_path / "bench.toml"), seed=1))
        async with bench_of({"it": (kind, started[-1].resources["it"])}) as bench:
            yield bench.devices["it"]

    yield opened
    for each in started:
        each.forgive()
        each.close()


async def is_set_and_read(device: Device, battery: float = 0.0) -> bool:
    """Whether sets and readings are each other's, several times."""
    assert device.is_online, device.message
    for value in (1, 3, 2, 0):
        await device.member_set("power", value)
        assert (await device.member_get("power")).value == value
        assert (await device.member_get("battery")).value == battery
    return device.is_online


# ── one by one, and together ──────────────────────────────────────────────────────────────


class Powered(Instrument):
    """Something to set and something to read."""

    power = control(int, "power", "power {v:d}", limits=Range(0, 3))
    battery = measurement(float, "vbat", unit="V")


MANNERS: dict[str, dict[str, Any]] = {
    "echoes": {"echoes": True},
    "prompts": {"prompt": "ch> "},
    "prompts and greets": {"prompt": "ch> ", "greets": "ch> "},
    "greets by a line": {"greets": "ready\r\n"},
    "answers OK": {"acknowledges": "OK", "refuses": "ERR"},
    "a status line follows": {"status": "00", "refuses": "ERR"},
    "a line is ignored": {"ignores": 1},
    "two lines are ignored": {"ignores": 2},
    "echoes and answers OK": {"echoes": True, "acknowledges": "OK"},
    "a console": {"echoes": True, "prompt": "ch> ", "greets": "ch> ", "refuses": "no such.*"},
    "everything": {
        "echoes": True, "prompt": "ch> ", "greets": "ch> ", "ignores": 1, "acknowledges": "OK",
        "refuses": "ERR", "status": "00",
    },
}  # fmt: skip


@pytest.mark.parametrize("manners", MANNERS.values(), ids=MANNERS)
async def test_a_declared_instrument_is_set_and_read_as_its_table(
    opened: Open, manners: dict[str, Any]
) -> None:
    kind = type("Kind", (Powered,), {})
    driver(
        "test.mannered", title="Mannered", identify="", errors="", eol="\r", reply_eol="\r\n",
        **manners,
    )(kind)  # fmt: skip
    table = driver_table(kind)
    assert table["scpi"] is False
    async with opened(kind) as device:
        assert device.message == ""
        assert await is_set_and_read(device)


def test_a_framing_of_ones_own_reads_its_own_echo() -> None:
    with pytest.raises(TypeError, match=r"a framing reads its own"):
        driver("test.both", title="Both", framing=Lines(), echoes=True)(type("K", (Powered,), {}))


@pytest.mark.parametrize(
    "wrong", [{"acknowledges": "("}, {"ignores": -1}, {"prompt": "> \n"}], ids=str
)
def test_manners_that_cannot_be_are_refused_where_they_are_declared(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        driver("test.wrong", title="Wrong", **wrong)(type("Kind", (Powered,), {}))


def test_a_first_test_in_plain_lines_is_not_written_for_a_console() -> None:
    with pytest.raises(ValueError, match=r"more talkative"):
        connect_lines(Console)


# ── the console ───────────────────────────────────────────────────────────────────────────


@driver(
    "test.console", title="Console", identify="", errors="", eol="\r", reply_eol="\r\n",
    echoes=True, prompt="ch> ", greets="ch> ", refuses="command not found",
)  # fmt: skip
class Console(Instrument):
    """The odd console of the simulators."""

    power = control(int, "power", "power {v:d}", limits=Range(0, 3))
    battery = measurement(float, "vbat", unit="V")
    nothing = measurement(float, "nonsense")


async def test_the_odd_console_is_set_and_read(opened: Open) -> None:
    async with opened(Console, "odd:console") as device:
        assert device.message == ""
        assert await is_set_and_read(device, 4.1)


async def test_a_console_that_refuses_is_quoted_and_goes_on(opened: Open) -> None:
    async with opened(Console, "odd:console") as device:
        with pytest.raises(InstrumentError, match=r"'nonsense' was answered by.*command not found"):
            await device.member_get("nothing")
        assert device.is_online
        assert await is_set_and_read(device, 4.1)


@pytest_asyncio.fixture
async def talker(line: str) -> AsyncIterator[Talker]:
    talker = Talker(end=b"\r")
    await talker.start(line)
    yield talker
    await talker.stop()


SAID = {"vbat": b"4.1\r\n", "power": b"2\r\n"}


def console(message: str) -> bytes:
    return message.encode() + b"\r\n" + SAID.get(message, b"") + b"ch> "


async def test_a_console_that_greets_with_its_prompt_is_declared_as_such(talker: Talker) -> None:
    talker.answer, talker.greeting = console, b"ch> "
    is_opened_later = talker.address.startswith("serial")  # than it was switched on
    kind = Quiet if is_opened_later else Console
    async with bench_of({"it": (kind, talker.address)}) as bench:
        it = bench.devices["it"]
        assert it.message == ""
        assert [(await it.member_get(n)).value for n in ("battery", "power") * 3] == [4.1, 2] * 3


@driver(
    "test.quiet", title="Quiet", identify="", errors="", eol="\r", reply_eol="\r\n", echoes=True,
    prompt="ch> ",
)  # fmt: skip
class Quiet(Console):
    """The same, of whom nobody knows whether it greets."""


async def test_an_echo_that_is_another_is_no_value(talker: Talker) -> None:
    talker.answer = console
    async with bench_of({"it": (Quiet, talker.address)}) as bench:
        it = bench.devices["it"]
        talker.answer = lambda message: console("vbat")
        assert it.link is not None
        with pytest.raises(ReplyError, match=r"'vbat' came back where 'power' was sent"):
            await it.link.query("power")


async def test_a_prompt_within_a_line_ends_nothing(talker: Talker) -> None:
    talker.answer = console
    async with bench_of({"it": (Quiet, talker.address)}) as bench:
        link = bench.devices["it"].link
        assert link is not None
        talker.answer = lambda message: b"power\r\nreach> 7\r\nch> "
        assert await link.query("power") == "reach> 7"


async def test_a_greeting_that_does_not_come_is_missed_in_words(
    talker: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk, "_GREETING", 0.1)
    talker.answer, talker.greeting = console, b"login: "
    async with bench_of({"it": (Console, talker.address)}) as bench:
        it = bench.devices["it"]
        if talker.address.startswith("serial"):  # it may have been on for long
            assert it.is_online, it.message
            return
        assert it.state == "offline"
        assert "its greeting 'ch> ' did not come in 0.2 s, but 'login: ' did" in it.message


# ── yes and no ────────────────────────────────────────────────────────────────────────────


@driver(
    "test.pump", title="Pump", identify="", errors="", reply_eol="\r\n", acknowledges="OK",
    refuses="ERR.*", timeout_s=0.5,
)  # fmt: skip
class Pump(Instrument):
    """The odd pump of the simulators; its limits are narrower than what is declared here."""

    speed = control(int, "SPD?", "SPD {v:d}", limits=Range(0, 9999), confirm="readback")


async def test_a_set_that_is_refused_names_the_answer_and_the_next_is_taken(opened: Open) -> None:
    async with opened(Pump, "odd:acknowledging") as pump:
        await pump.member_set("speed", 700)
        with pytest.raises(InstrumentError, match=r"'SPD 2000' was answered by .*'ERR'"):
            await pump.member_set("speed", 2000)
        assert pump.is_online
        assert (await pump.member_get("speed")).value == 700


async def test_what_is_neither_yes_nor_no_is_quoted_and_leaves_nothing_behind(
    talker: Talker,
) -> None:
    talker.end, said = b"\n", {"SPD?": b"700\r\n"}
    talker.answer = lambda message: said.get(message, b"700\r\nOK\r\n")
    async with bench_of({"it": (Pump, talker.address)}) as bench:
        pump = bench.devices["it"]
        with pytest.raises(ReplyError, match=r"'700' came where an acknowledgement belongs"):
            await pump.member_set("speed", 700)
        assert (await pump.member_get("speed")).value == 700


@driver(
    "test.status", title="Status", identify="", errors="", status="OK", refuses=r"E\d+", late_s=0.1,
)  # fmt: skip
class Status(Instrument):
    """A status line follows each reply."""

    level = measurement(float, "L?")


async def test_a_status_that_says_no_makes_the_value_an_error(talker: Talker) -> None:
    talker.end, talker.answer = b"\n", lambda _: b"1.5\nOK\n"
    async with bench_of({"it": (Status, talker.address)}) as bench:
        it = bench.devices["it"]
        assert (await it.member_get("level")).value == 1.5
        talker.answer = lambda _: b"1.5\nE17\n"
        with pytest.raises(InstrumentError, match=r"error 17, 'E17'"):
            await it.member_get("level")
        talker.answer = lambda _: b"1.5\n2.5\nOK\n"
        with pytest.raises(ReplyError, match=r"'2.5' came where a status line belongs"):
            await it.member_get("level")
        talker.answer = lambda _: b"3.5\nOK\n"
        assert [(await it.member_get("level")).value for _ in range(3)] == [3.5] * 3


# ── said by itself ────────────────────────────────────────────────────────────────────────


@driver("test.balance", title="Balance", identify="", errors="", reply_eol="\r\n", timeout_s=0.5)
class Balance(Instrument):
    """Tells its weight by itself, and answers questions besides."""

    weight = unasked(float, r"S S +([-0-9.]+) g", unit="g", every_s=0.2)
    serial = measurement(int, "I4")


async def test_the_newest_whole_line_is_the_value_and_has_an_age(talker: Talker) -> None:
    talker.end = b"\n"
    async with bench_of({"it": (Balance, talker.address)}) as bench:
        it = bench.devices["it"]
        with pytest.raises(DeviceTimeout, match=r"came by itself in 0.5 s"):
            await it.member_get("weight")
        talker.say(b"S S   1.00 g\r\nS S   2.00 g\r\nS S   3.0")
        await until(lambda: it.link is not None and it.link.ear.newest(Balance.weight.pattern))
        first = await it.member_get("weight")
        assert (first.value, first.unit, first.quality) == (2.0, "g", "ok")
        talker.say(b"0 g\r\n")

        async def newest() -> bool:
            return bool((await it.member_get("weight")).value == 3.0)

        await until(newest)
        second = await it.member_get("weight")
        assert second.since > first.since
        assert second.since == (await it.member_get("weight")).since


async def test_a_value_that_stopped_coming_is_stale_and_no_answer(talker: Talker) -> None:
    talker.end = b"\n"
    async with bench_of({"it": (Balance, talker.address)}) as bench:
        it = bench.devices["it"]
        talker.say(b"S S   1.00 g\r\n")

        async def is_stale() -> bool:
            return (await it.member_get("weight")).quality == "stale"

        await until(is_stale)
        with pytest.raises(DeviceTimeout, match=r"should come every 0.2 s"):
            await it.acting(Balance).weight.get()
        assert it.is_online


@pytest.mark.parametrize("every_s", [0.2, 0.002])
async def test_questions_are_answered_between_what_it_says_by_itself(
    talker: Talker, every_s: float
) -> None:
    """Also where there never is a silence (D9)."""
    talker.end = b"\n"
    numbers: list[str] = []

    def answer(message: str) -> list[tuple[float, bytes]]:
        numbers.append(message)
        return [(0.0, b"S S   5.00 g\r\n4"), (0.003, b"2\r\nS S   6.00 g\r\nS S   7")]

    talker.answer = answer
    async with bench_of({"it": (Balance, talker.address)}) as bench:
        it = bench.devices["it"]
        for _ in range(10):
            assert (await it.member_get("serial")).value == 42
            talker.say(b".00 g\r\n")
            await until(lambda: it.link is not None and it.link.ear.newest("S S +([-0-9.]+) g"))
            assert (await it.member_get("weight")).value in (5.0, 6.0, 7.0)


async def test_the_odd_balance_is_read_from_what_it_tells(opened: Open) -> None:
    async with opened(Balance, "odd:balance") as device:
        assert (await device.member_get("weight")).value == 12.34


async def test_a_stand_in_tells_by_itself_too(opened: Open) -> None:
    async with opened(Balance) as device:
        found = await device.member_get("weight")
        assert (found.quality, found.unit) == ("ok", "g")


def test_what_comes_by_itself_says_so_in_its_documentation() -> None:
    schema = driver_schema(Balance)["properties"]["weight"]
    assert "It comes by itself." in schema["description"]


async def test_a_refusal_where_a_line_would_be_ignored_is_one(talker: Talker) -> None:
    talker.end, talker.answer = b"\n", lambda _: b"ERR 7\n"

    @driver("test.headed", title="Headed", identify="", errors="", ignores=1, refuses=r"ERR \d+")
    class Headed(Instrument):
        level = measurement(float, "L?")

    async with bench_of({"it": (Headed, talker.address)}) as bench:
        with pytest.raises(InstrumentError, match=r"error 7, 'ERR 7'"):
            await bench.devices["it"].member_get("level")
        assert bench.devices["it"].is_online
