"""D1 on a GPIB: two instruments behind one adapter, which has one owner, over TCP and a pty."""

import asyncio
import os
import socket
import time
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from funcnodes.devices.addresses import AllowList, parse
from funcnodes.devices.addresses.lease import Lease
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.estop.emergency import strike
from funcnodes.devices.link import Link
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.transports.choose import Transports, transport_for
from funcnodes.errors import (
    DeviceBusyError,
    DeviceClosed,
    DeviceConnectError,
    DeviceTimeout,
    ReplyError,
)
from funcnodes_simulators.faults import Fault, FaultKind, FaultPlan
from funcnodes_simulators.keithley.smu2400 import Keithley2400
from funcnodes_simulators.lines.prologix import PrologixServer
from funcnodes_simulators.lines.station import Station
from funcnodes_simulators.physics import DeviceUnderTest, Diode, RealClock, World

from ...waiting import patience, until

Limit = Callable[[float], float]

PROTECTION, SPEED = ":SENS:CURR:PROT?", ":SENS:CURR:NPLC?"


class Gpib:
    """Two source-measure units, at 22 and 24, behind one adapter."""

    def __init__(self) -> None:
        world = World(RealClock(), 1)
        self.stations = {
            unit: Station(
                unit, Keithley2400(world, DeviceUnderTest(Diode()), serial=f"SIM{unit}"), world,
                faults=FaultPlan(1),
            )
            for unit in ("22", "24")
        }  # fmt: skip
        self.adapter = PrologixServer(self.stations)
        self.place = ""

    def fault(self, unit: str, kind: FaultKind, seconds: float = 0.1, match: str = "") -> None:
        self.stations[unit].faults.add(Fault(kind, seconds, match=match))

    def commands(self, unit: str) -> list[str]:
        return [text for _, text in self.stations[unit].commands]

    def is_on(self, unit: str) -> bool:
        return bool(self.stations[unit].instrument.state()["output"])

    def address(self, unit: str) -> str:
        return f"prologix:{self.place}/{unit}"


async def pump(master: int, port: int) -> None:
    """Carry bytes between a pty and a TCP port, as a USB adapter's chip does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    loop = asyncio.get_running_loop()
    loop.add_reader(master, lambda: writer.write(os.read(master, 65536)))
    try:
        while data := await reader.read(65536):
            os.write(master, data)
    finally:
        loop.remove_reader(master)
        writer.close()


@pytest_asyncio.fixture(params=["tcp", "pty"])
async def gpib(request: pytest.FixtureRequest) -> AsyncIterator[Gpib]:
    gpib = Gpib()
    await gpib.adapter.start()
    gpib.place = f"127.0.0.1:{gpib.adapter.port}"
    if request.param == "tcp":
        yield gpib
        await gpib.adapter.stop()
        return
    master, slave = os.openpty()
    tty.setraw(slave)
    gpib.place = os.ttyname(slave)
    pumping = asyncio.create_task(pump(master, gpib.adapter.port))
    yield gpib
    pumping.cancel()
    await asyncio.gather(pumping, return_exceptions=True)
    await gpib.adapter.stop()
    os.close(master)
    os.close(slave)


Links = Callable[[str], Awaitable[Link]]


@pytest_asyncio.fixture
async def link(gpib: Gpib) -> AsyncIterator[Links]:
    """Open links to units, all on one bus."""
    make, made = Transports(), list[Link]()
    protocol = Protocol(timeout_s=2.0, connect_s=3.0)

    async def open_link(unit: str) -> Link:
        channel = make(parse(gpib.address(unit)), protocol, AllowList())
        made.append(Link(f"smu{unit}", channel, protocol))
        await made[-1].open()
        return made[-1]

    yield open_link
    for each in made:
        await each.close()


async def protection(link: Link, **options: float) -> float:
    return (await link.ask(PROTECTION, replies.number, idempotent=True, **options))[0]


async def speed(link: Link) -> float:
    return (await link.ask(SPEED, replies.number))[0]


async def test_each_caller_gets_the_answer_of_his_own_instrument(gpib: Gpib, link: Links) -> None:
    first, second = await link("22"), await link("24")
    assert (first.identity, second.identity) != (None, None)
    await first.write(":SENS:CURR:NPLC 2")
    answers = await asyncio.gather(*(speed(each) for each in (first, second) * 10))
    assert answers == [2.0, 1.0] * 10
    assert b"++auto 0" in gpib.adapter.lines
    assert b"++read eoi" in gpib.adapter.lines


async def test_what_would_be_a_command_of_the_adapter_reaches_the_instrument_as_it_is(
    gpib: Gpib, link: Links
) -> None:
    smu = await link("22")
    await smu.write(":SOUR:VOLT +1.5")
    assert ":SOUR:VOLT +1.5" in gpib.commands("22")
    assert b":SOUR:VOLT \x1b+1.5\x1b\n" in gpib.adapter.lines


@pytest.mark.parametrize("gpib", ["tcp"], indirect=True)
async def test_a_timeout_of_one_costs_the_other_nothing_but_the_recovery(
    gpib: Gpib, link: Links
) -> None:
    first, second = await link("22"), await link("24")
    gpib.fault("22", "drop", match="PROT")
    asking = asyncio.create_task(protection(first, timeout_s=0.2))
    waiting = asyncio.create_task(speed(second))
    with pytest.raises(DeviceTimeout, match=r"smu22 .*no reply to ':SENS:CURR:PROT\?' in 0.2 s"):
        await asking
    assert await waiting == 1.0
    assert second.is_ready
    assert await protection(first) == 1.05e-4


async def test_a_late_reply_reaches_nobody_on_the_bus(gpib: Gpib, link: Links) -> None:
    first, second = await link("22"), await link("24")
    gpib.fault("22", "late", seconds=0.3, match="PROT")
    with pytest.raises(DeviceTimeout):
        await protection(first, timeout_s=0.1)
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        assert await speed(second) == 1.0
    assert await speed(first) == 1.0


@pytest.mark.parametrize("gpib", ["tcp"], indirect=True)
async def test_a_cancelled_query_ends_at_once_and_the_next_answers_are_right(
    gpib: Gpib, link: Links, limit: Limit
) -> None:
    first, second = await link("22"), await link("24")
    gpib.fault("22", "late", seconds=0.3, match="PROT")
    asking = asyncio.create_task(protection(first))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert time.monotonic() - began < limit(0.005)
    assert [await speed(second), await speed(first)] == [1.0, 1.0]


@pytest.mark.parametrize("gpib", ["tcp"], indirect=True)
async def test_a_reply_longer_than_the_adapter_waits_is_read_by_asking_again(
    gpib: Gpib, link: Links
) -> None:
    smu = await link("22")
    gpib.fault("22", "delay", seconds=0.9, match="PROT")
    assert await protection(smu) == 1.05e-4
    assert await speed(smu) == 1.0


@pytest.mark.parametrize("gpib", ["tcp"], indirect=True)
async def test_garbage_of_one_is_his_error_alone(gpib: Gpib, link: Links) -> None:
    first, second = await link("22"), await link("24")
    gpib.fault("22", "garbage", match="PROT")
    with pytest.raises(ReplyError, match="smu22"):
        await first.ask(PROTECTION, replies.number)
    assert [await speed(second), await protection(first)] == [1.0, 1.05e-4]


async def test_one_that_asks_much_keeps_the_other_waiting_for_one_exchange(link: Links) -> None:
    """Fairness between the instruments of a bus."""
    first, second = await link("22"), await link("24")
    order: list[str] = []

    async def ask(each: Link) -> None:
        await speed(each)
        order.append(each.name)

    many = [asyncio.create_task(ask(first)) for _ in range(20)]
    await asyncio.sleep(0)
    await ask(second)
    assert order.index("smu24") <= 2
    await asyncio.gather(*many)


async def test_the_status_byte_is_polled_past_the_output_queue(gpib: Gpib) -> None:
    protocol = Protocol()
    channel = transport_for(parse(gpib.address("22")), protocol, AllowList())
    await channel.open()
    assert await channel.status_byte() == 0
    await channel.write(b"*IDN?\n")
    async with asyncio.timeout(patience()):
        while await channel.status_byte() != 16:  # MAV
            await asyncio.sleep(0)
    assert (await channel.read_until(b"\n")).startswith(b"KEITHLEY")
    await channel.close()


@pytest.mark.parametrize("gpib", ["tcp"], indirect=True)
async def test_an_adapter_that_drops_the_connection_brings_every_instrument_back(
    gpib: Gpib, link: Links
) -> None:
    first, second = await link("22"), await link("24")
    gpib.fault("22", "drop", match="PROT")
    asking = asyncio.create_task(protection(first))
    await asyncio.sleep(0.05)
    await gpib.adapter.stop()
    with pytest.raises((DeviceClosed, DeviceConnectError)):
        await asking
    gpib.adapter = PrologixServer(gpib.stations, port=gpib.adapter.port)
    await gpib.adapter.start()
    await until(lambda: first.is_ready and second.is_ready)
    assert [await speed(first), await speed(second)] == [1.0, 1.0]


async def test_a_port_without_an_adapter_is_named_as_such(gadget: object) -> None:
    port = gadget.port  # type: ignore[attr-defined]
    channel = transport_for(parse(f"prologix:127.0.0.1:{port}/5"), Protocol(), AllowList())
    with pytest.raises(DeviceConnectError, match=r"no GPIB adapter answers '\+\+ver' there"):
        await channel.open()
    assert not channel.is_open


# ── a bench ───────────────────────────────────────────────────────────────────────────────


def bench_of(gpib: Gpib, locks: Path | None = None, owner: str = "w") -> Bench:
    devices = {
        f"smu{unit}": DeviceConfig(f"smu{unit}", "keithley.smu2400", gpib.address(unit))
        for unit in ("22", "24")
    }
    return Bench(BenchConfig("gpib", devices=devices), lock_dir=locks, owner=owner)


@pytest.mark.parametrize("gpib", ["tcp"], indirect=True)
async def test_an_emergency_stop_addresses_each_instrument_of_the_bus(gpib: Gpib) -> None:
    """S3, while one of them keeps the bus waiting for its reply."""
    async with bench_of(gpib) as bench:
        assert {device.state for device in bench.devices.values()} == {"idle"}
        for unit in ("22", "24"):
            await bench.devices[f"smu{unit}"].member_set("output", True)
            assert gpib.is_on(unit)
        gpib.fault("22", "drop", match="PROT")
        hanging = asyncio.create_task(bench.devices["smu22"].member_get("compliance"))
        await asyncio.sleep(0.05)
        acks = await bench.estop("test", "me")
        assert [(ack.device, ack.state) for ack in acks] == [("smu22", "off"), ("smu24", "off")]
        assert not gpib.is_on("22")
        assert not gpib.is_on("24")
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)


@pytest.mark.parametrize("gpib", ["tcp"], indirect=True)
async def test_a_dead_instrument_keeps_no_other_from_being_confirmed_off(gpib: Gpib) -> None:
    async with bench_of(gpib) as bench:
        await bench.devices["smu24"].member_set("output", True)
        gpib.fault("22", "mute")
        acks = await bench.estop("test", "me")
        assert [(ack.device, ack.state) for ack in acks] == [
            ("smu22", "unanswered"), ("smu24", "off"),
        ]  # fmt: skip


async def test_another_process_makes_an_instrument_of_the_bus_safe(gpib: Gpib) -> None:
    async with bench_of(gpib) as bench:
        await bench.devices["smu24"].member_set("output", True)
        targets = {target.device: target for target in bench.emergency.targets()}
        assert targets["smu24"].idn.split(",")[2] == "SIM24"
    assert gpib.is_on("24")
    struck = await asyncio.to_thread(strike, targets["smu24"])
    assert struck.message == ""
    await until(lambda: not gpib.is_on("24"))


async def test_a_bus_is_leased_once_for_all_its_instruments(gpib: Gpib, tmp_path: Path) -> None:
    async with bench_of(gpib, tmp_path) as bench:
        assert {device.state for device in bench.devices.values()} == {"idle"}
        with pytest.raises(DeviceBusyError, match=r"worker 'w' .* holds it as 'smu22'"):
            Lease.acquire(tmp_path, parse(gpib.address("9")), device="x", worker="other")
        other = bench_of(gpib, tmp_path, owner="other")
        with pytest.raises(DeviceBusyError, match="worker 'w'"):
            await other.devices["smu24"].connect()
        await other.close()
    Lease.acquire(tmp_path, parse(gpib.address("9")), device="x", worker="other").release()


async def test_a_refused_adapter_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    channel = transport_for(parse(f"prologix:127.0.0.1:{port}/5"), Protocol(), AllowList())
    with pytest.raises(DeviceConnectError, match=f"127.0.0.1 port {port}: connection refused"):
        await channel.open()
