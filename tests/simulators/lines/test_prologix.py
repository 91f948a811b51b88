"""A Prologix-style adapter as its manual says it, from a bare socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest_asyncio

from funcnodes_simulators.faults import Fault, FaultPlan
from funcnodes_simulators.keithley.smu2400 import Keithley2400
from funcnodes_simulators.lines.prologix import VERSION, PrologixServer
from funcnodes_simulators.lines.station import Station
from funcnodes_simulators.physics import DeviceUnderTest, Diode, RealClock, World

from ...waiting import patience

Ask = Callable[[bytes], Awaitable[bytes]]


@pytest_asyncio.fixture
async def station() -> Station:
    world = World(RealClock(), 1)
    smu = Keithley2400(world, DeviceUnderTest(Diode()), serial="SIM1")
    return Station("smu", smu, world, faults=FaultPlan(1))


@pytest_asyncio.fixture
async def ask(station: Station) -> AsyncIterator[Ask]:
    """Send bytes, and return all that comes until the adapter has carried them out."""
    server = PrologixServer({"22": station})
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"++mode 1\n++auto 0\n++eos 3\n++eoi 1\n++read_tmo_ms 100\n")

    async def ask(data: bytes) -> bytes:
        writer.write(data + b"++ver\n")
        end = VERSION.encode() + b"\r\n"
        return (await reader.readuntil(end)).removesuffix(end)

    yield ask
    writer.close()
    await writer.wait_closed()
    await server.stop()


async def test_an_instrument_talks_only_when_the_adapter_reads(ask: Ask) -> None:
    assert await ask(b"++addr 22\n*IDN?\x1b\n\n") == b""
    assert (await ask(b"++read eoi\n")).startswith(b"KEITHLEY")
    assert await ask(b"++addr\n") == b"22\r\n"


async def test_nobody_answers_at_an_address_without_an_instrument(ask: Ask) -> None:
    began = asyncio.get_running_loop().time()
    assert await ask(b"++addr 5\n*IDN?\n++read eoi\n") == b""
    assert asyncio.get_running_loop().time() - began >= 0.1


async def test_escaped_bytes_arrive_and_a_bare_plus_does_not(ask: Ask, station: Station) -> None:
    await ask(b"++addr 22\n:SOUR:VOLT \x1b+1\x1b\n\n:SOUR:VOLT +2\n")
    async with asyncio.timeout(patience()):
        while len(station.commands) < 2:
            await asyncio.sleep(0)
    assert [text for _, text in station.commands] == [":SOUR:VOLT +1", ":SOUR:VOLT 2"]


async def test_a_device_clear_leaves_nothing_of_a_reply(ask: Ask, station: Station) -> None:
    station.faults.add(Fault("late", 0.05))
    await ask(b"++addr 22\n*IDN?\n")
    assert await ask(b"++clr\n++read eoi\n") == b""
    assert await ask(b"++spoll\n") == b"0\r\n"


async def test_what_it_does_not_know_it_says(ask: Ask) -> None:
    assert await ask(b"++sesame\n") == b"Unrecognized command\r\n"


async def test_it_takes_one_client_at_a_time(station: Station) -> None:
    server = PrologixServer({"22": station})
    await server.start()
    first, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"++ver\n")
    assert await first.readline() == VERSION.encode() + b"\r\n"
    second, other = await asyncio.open_connection("127.0.0.1", server.port)
    with suppress(ConnectionResetError):
        assert await second.read() == b""
    other.close()
    writer.close()
    await server.stop()
