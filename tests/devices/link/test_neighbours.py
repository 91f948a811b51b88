"""D9 among instruments that share a line: one answers late into the other's question."""

import asyncio
import os
import time
import tty
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from funcnodes.devices import Instrument, driver, measurement
from funcnodes.devices.bench import Bench
from funcnodes.devices.declarations.registers import ModbusDevice, modbus_driver, reading
from funcnodes.devices.device import Device
from funcnodes.errors import DeviceConnectError, DeviceError, DeviceTimeout
from funcnodes.testing.benches import bench_of

from ...waiting import patience, until
from .rtu import DIAGNOSE, RtuLine


@modbus_driver("test.slow_oven", title="Slow oven", timeout_s=0.12)
class Oven(ModbusDevice):
    """Register n holds n."""

    one = reading(int, "input:1", dtype="uint16")
    two = reading(int, "input:2", dtype="uint16")


@modbus_driver("test.old_oven", title="Old oven", timeout_s=0.12, late_s=0.5)
class OldOven(Oven):
    """Knows no function 8, and says so."""


@pytest_asyncio.fixture
async def line() -> AsyncIterator[RtuLine]:
    line = RtuLine()
    line.open()
    yield line
    line.close()


async def ovens(line: RtuLine, kind: type[Instrument] = Oven) -> Bench:
    bench = bench_of({f"oven{unit}": (kind, line.address(unit)) for unit in line.units})
    await bench.open()
    return bench


async def wrong_answers(device: Device, seconds: float) -> list[Any]:
    """What "two" was answered by other than 2, asked again and again; errors are no answers."""
    began, found = time.monotonic(), []
    while time.monotonic() < began + seconds or not found:
        try:
            found.append((await device.member_get("two")).value)
        except DeviceError:
            await asyncio.sleep(0.005)
        assert time.monotonic() < began + patience(), device.message
    return [each for each in found if each != 2]


async def test_a_unit_that_answers_late_into_its_neighbours_question_answers_neither(
    line: RtuLine,
) -> None:
    bench = await ovens(line)
    one, two = bench.devices["oven1"], bench.devices["oven2"]
    for late_s in (0.13, 0.2):
        line.planned.append(late_s)
        assert one.link is not None
        with pytest.raises(DeviceTimeout):
            await one.link.query("input:1?")
        found = await asyncio.gather(wrong_answers(two, 0.25), wrong_answers(one, 0.25))
        assert found == [[], []]
    await bench.close()


@pytest.mark.parametrize("said", ["double", "half", "half late", "garbage before"])
async def test_a_disturbed_frame_shifts_no_later_answer(line: RtuLine, said: str) -> None:
    bench = await ovens(line)
    one, two = bench.devices["oven1"], bench.devices["oven2"]
    line.planned.append(said)
    try:
        assert (await one.member_get("one")).value == 1
    except DeviceError:
        assert said != "double"
    assert await asyncio.gather(wrong_answers(two, 0.2), wrong_answers(one, 0.2)) == [[], []]
    await bench.close()


async def test_a_unit_that_echoes_no_number_is_waited_for_as_it_declares(line: RtuLine) -> None:
    """Nothing else tells a late answer from the right one (function 8)."""
    line.is_deaf_to_echo = True
    bench = await ovens(line, OldOven)
    one = bench.devices["oven1"]
    line.planned.append(0.4)
    assert one.link is not None
    with pytest.raises(DeviceTimeout):
        await one.link.query("input:1?")
    began = time.monotonic()
    assert (await one.member_get("two")).value == 2
    assert time.monotonic() - began > 0.3
    assert await wrong_answers(one, 0.2) == []
    assert (1, DIAGNOSE, 0) in line.heard
    await bench.close()


# ── an RS-485 line whose replies name nobody ──────────────────────────────────────────────


@driver(
    "test.slave", title="Slave", identify="", errors="", eol="\r", reply_eol="\r",
    to_unit="@{unit} ", timeout_s=0.06, late_s=0.25,
)  # fmt: skip
class Slave(Instrument):
    """Is addressed, and answers without its address."""

    one = measurement(int, "1?")
    two = measurement(int, "2?")


@driver(
    "test.slave_undeclared", title="Slave", identify="", errors="", eol="\r", reply_eol="\r",
    to_unit="@{unit} ", timeout_s=0.06,
)  # fmt: skip
class Undeclared(Slave):
    """Nobody said how late it may be."""


@driver(
    "test.slave_named", title="Slave", identify="", errors="", eol="\r", reply_eol="\r",
    to_unit="@{unit} ", from_unit="@{unit} ", timeout_s=0.5,
)  # fmt: skip
class NamedSlave(Slave):
    """Says its address before each answer."""


@dataclass
class Rs485:
    """Slaves that answer "n?" by n; `late` is how late the next answer is."""

    names_itself: bool = False
    late: list[float] = field(default_factory=list)
    _rest: bytes = b""

    def open(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)
        asyncio.get_running_loop().add_reader(self.master, self._readable)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)
        os.close(self.slave)

    def _readable(self) -> None:
        *lines, self._rest = (self._rest + os.read(self.master, 4096)).split(b"\r")
        for line in filter(None, lines):
            unit, _, question = line.partition(b" ")
            answer = question.removesuffix(b"?") + b"\r"
            if self.names_itself:
                answer = unit + b" " + answer
            delay = self.late.pop() if self.late else 0.0
            asyncio.get_running_loop().call_later(delay, os.write, self.master, answer)


@pytest_asyncio.fixture
async def rs485() -> AsyncIterator[Rs485]:
    line = Rs485()
    line.open()
    yield line
    line.close()


async def slaves(line: Rs485, kind: type[Instrument]) -> Bench:
    bench = bench_of(
        {f"d{unit}": (kind, f"rs485:{line.path}/{unit}?baud=115200") for unit in (1, 2)}
    )
    await bench.open()
    return bench


@pytest.mark.parametrize("late_s", [0.07, 0.2])
async def test_a_late_answer_that_names_nobody_is_waited_out_by_all_of_the_line(
    rs485: Rs485, late_s: float
) -> None:
    bench = await slaves(rs485, Slave)
    one, two = bench.devices["d1"], bench.devices["d2"]
    rs485.late.append(late_s)
    assert one.link is not None
    with pytest.raises(DeviceTimeout):
        await one.link.query("1?")
    assert await asyncio.gather(wrong_answers(two, 0.35), wrong_answers(one, 0.35)) == [[], []]
    await bench.close()


async def test_a_neighbours_line_that_is_half_there_is_nobodys(rs485: Rs485) -> None:
    rs485.names_itself = True
    bench = await slaves(rs485, NamedSlave)
    two = bench.devices["d2"]
    os.write(rs485.master, b"@1 4")
    assert two.link is not None
    await until(two.link.contact.transport.has_input)
    asyncio.get_running_loop().call_later(0.05, os.write, rs485.master, b"2\r")
    assert [(await two.member_get(name)).value for name in ("two", "one") * 2] == [2, 1] * 2
    await bench.close()


async def test_a_neighbour_of_one_that_declares_nothing_says_why_it_waits(rs485: Rs485) -> None:
    bench = await slaves(rs485, Undeclared)
    one, two = bench.devices["d1"], bench.devices["d2"]
    rs485.late.append(0.3)
    assert one.link is not None
    with pytest.raises(DeviceTimeout):
        await one.link.query("1?")
    with pytest.raises(
        DeviceConnectError, match=r"/1 failed; a late reply may still come within \d+ s"
    ):
        await two.member_get("two")
    await bench.close()
