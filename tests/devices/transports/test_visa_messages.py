"""pyvisa on interfaces that keep messages apart, HiSLIP and VXI-11, with real faults.

The instruments are simulators behind servers of both protocols; pyvisa-py is the client.
"""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
import pytest_asyncio

from funcnodes.devices.addresses import AllowList, parse
from funcnodes.devices.estop.emergency import Target, strike
from funcnodes.devices.link import Link
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.transports.choose import Transports
from funcnodes.devices.transports.slices import STALL_S
from funcnodes.devices.transports.visa import IDLE_S, VisaTransport
from funcnodes.errors import DeviceClosed, DeviceConnectError, DeviceTimeout
from funcnodes_simulators import SimulatedBench

from ...waiting import patience, until

Limit = Callable[[float], float]

LAYOUT = """
[stage.sample]
[dut.one]
kind = "diode"
[dut.two]
kind = "diode"
[device.hislip]
model = "keithley2400"
dut = "one"
serve = "hislip"
[device.vxi11]
model = "keithley2400"
dut = "two"
serve = "vxi11"
"""
PROTECTION, SPEED = ":SENS:CURR:PROT?", ":SENS:CURR:NPLC?"
WIRES = ["hislip", "vxi11"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedBench]:
    file = tmp_path_factory.mktemp("visa") / "bench.toml"
    file.write_text(LAYOUT)
    with SimulatedBench.start(str(file), seed=1) as bench:
        yield bench


@dataclass
class Route:
    """A link over one of the protocols."""

    bench: SimulatedBench
    device: str
    transport: VisaTransport
    link: Link

    def fault(self, kind: str, **details: object) -> None:
        self.bench.fault(self.device, kind, **{"match": "PROT", **details})

    async def protection(self, timeout_s: float = 2.0) -> float:
        return (await self.link.ask(PROTECTION, replies.number, timeout_s=timeout_s))[0]

    async def is_in_step(self) -> bool:
        found = []
        for _ in range(3):
            found.append(await self.protection())
            found.append((await self.link.ask(SPEED, replies.number))[0])
        return found == [1.05e-4, 1.0] * 3


@pytest_asyncio.fixture(params=WIRES)
async def route(request: pytest.FixtureRequest, bench: SimulatedBench) -> AsyncIterator[Route]:
    transport = VisaTransport(parse(bench.resources[request.param]))
    link = Link(request.param, transport, Protocol(connect_s=2.0))
    await link.open()
    await link.query("*CLS;*OPC?")  # a reply that was dropped leaves a query error behind
    yield Route(bench, request.param, transport, link)
    await link.close()
    bench.clear()


async def test_each_query_gets_its_own_answer(route: Route) -> None:
    assert await route.is_in_step()


async def test_a_link_that_nobody_uses_stays_as_it_is(route: Route) -> None:
    lost: list[Exception] = []
    route.transport.on_lost = lost.append
    await asyncio.sleep(IDLE_S + STALL_S + 0.2)  # longer than any look at the socket could take
    assert (lost, route.transport.is_open) == ([], True)


async def test_an_instrument_that_goes_away_while_nobody_asks_is_noticed_and_back(
    route: Route, limit: Limit
) -> None:
    seen: asyncio.Queue[bool] = asyncio.Queue()
    route.link._on_state = lambda: seen.put_nowait(route.link.is_ready)
    route.bench.power_cycle(route.device)
    async with asyncio.timeout(limit(IDLE_S + 0.25)):
        while await seen.get():
            pass
    async with asyncio.timeout(limit(2.0)):
        while not await seen.get():
            pass
    assert await route.is_in_step()


async def test_a_dropped_reply_is_a_timeout_in_time_and_the_next_answers_are_right(
    route: Route, limit: Limit
) -> None:
    route.fault("drop")
    began = time.monotonic()
    with pytest.raises(DeviceTimeout, match=r"in 0.3 s"):
        await route.protection(0.3)
    assert time.monotonic() - began < limit(0.36)
    assert await route.is_in_step()


async def test_a_late_reply_reaches_nobody(route: Route) -> None:
    route.fault("late", seconds=0.3)
    with pytest.raises(DeviceTimeout):
        await route.protection(0.1)
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        assert await route.link.ask(SPEED, replies.number, idempotent=True) == (1.0, "ok")
    assert await route.is_in_step()


async def test_a_cancelled_query_ends_at_once_and_the_next_answers_are_right(
    route: Route, limit: Limit
) -> None:
    route.fault("late", seconds=0.3)
    asking = asyncio.create_task(route.protection())
    await asyncio.sleep(0.05)
    began = time.monotonic()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert time.monotonic() - began < limit(0.005)
    assert await route.is_in_step()


async def test_a_peer_that_closes_mid_reply_is_noticed_at_once_and_reopened(
    route: Route, limit: Limit
) -> None:
    route.fault("close")
    began = time.monotonic()
    with pytest.raises(DeviceClosed):
        await route.protection()
    assert time.monotonic() - began < limit(0.2)
    await until(lambda: route.link.is_ready)
    assert await route.is_in_step()


async def test_emergency_bytes_pass_a_reply_that_is_waited_for(route: Route, limit: Limit) -> None:
    """S3: within the cap that the transport gives, and in practice within 100 ms."""
    await route.link.write(":OUTP ON")
    route.fault("drop")
    asking = asyncio.create_task(route.protection(600.0))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    assert await asyncio.to_thread(route.link.strike, b"\n:OUTP OFF\n")
    assert time.monotonic() - began < limit(0.1)
    assert route.link.interrupt_s > 0.1
    await asyncio.to_thread(route.bench.wait, route.device, "output", False)
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking


async def test_the_end_of_a_message_ends_a_reply_without_its_terminator(route: Route) -> None:
    await route.link.close()
    await route.transport.open()
    await route.transport.write(b"*IDN?\n")
    assert (await route.transport.read_until(b"\x03")).startswith(b"KEITHLEY")


async def test_the_status_byte_is_read_beside_the_messages(route: Route) -> None:
    await route.link.close()
    await route.transport.open()
    assert await route.transport.status_byte() == 0
    await route.transport.write(b"*IDN?\n")
    async with asyncio.timeout(patience()):
        while await route.transport.status_byte() != 16:  # MAV
            await asyncio.sleep(0.001)
    assert (await route.transport.read_until(b"\n")).startswith(b"KEITHLEY")


async def test_another_process_makes_it_safe(route: Route) -> None:
    await route.link.write(":OUTP ON")
    identity = str(route.link.identity)
    await route.link.close()
    target = Target(
        device=route.device, address=route.transport.address, transport="visa",
        data=b"\n:OUTP OFF\n", ask=b"\n*IDN?\n", idn=identity,
    )  # fmt: skip
    struck = await asyncio.to_thread(strike, target)
    assert struck.message == ""
    await asyncio.to_thread(route.bench.wait, route.device, "output", False)


# ── what does not open ────────────────────────────────────────────────────────────────────

FORMS = ["TCPIP0::127.0.0.1::hislip0,{}::INSTR", "TCPIP0::127.0.0.1,{}::inst0::INSTR"]


@pytest.mark.parametrize("form", FORMS)
async def test_a_refused_port_is_one_sentence_at_once(form: str, limit: Limit) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(DeviceConnectError, match=f"127.0.0.1 port {port}: connection refused"):
        await VisaTransport(parse(form.format(port))).open()
    assert time.monotonic() - began < limit(1.0)


@pytest.mark.parametrize("form", FORMS)
async def test_a_peer_that_hangs_up_on_opening_is_one_sentence_at_once(
    form: str, limit: Limit
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closing = threading.Thread(target=lambda: listener.accept()[0].close())
        closing.start()
        port = listener.getsockname()[1]
        began = time.monotonic()
        with pytest.raises(DeviceConnectError, match=f"no connection to 127.0.0.1 port {port}: "):
            await VisaTransport(parse(form.format(port))).open()
        assert time.monotonic() - began < limit(1.0)
        closing.join()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("PXI0::15::INSTR", "PXI is not reachable here"),
        ("VXI0::128::INSTR", "VXI is not reachable here"),
        ("GPIB0::INTFC", "it names an adapter, not an instrument"),
        ("PRLGX-TCPIP0::127.0.0.1::INTFC", "it names an adapter, not an instrument"),
        ("GPIB0::22::INSTR", "pyvisa could not open it: "),
        ("USB0::0x1234::0x5678::9::INSTR", "pyvisa could not open it: "),
        ("ASRL99::INSTR", "pyvisa could not open it: "),
    ],
)
async def test_an_interface_that_is_not_there_says_so(text: str, said: str) -> None:
    with pytest.raises(DeviceConnectError, match=said):
        await VisaTransport(parse(text)).open()


def test_the_instruments_of_a_gpib_board_are_spoken_to_one_at_a_time() -> None:
    """D1: a board has one owner; another board is another bus."""
    make = Transports()
    texts = ("GPIB0::22::INSTR", "gpib0::24::INSTR", "GPIB1::22::INSTR")
    one, two, other = (make(parse(text), Protocol(), AllowList()).turn() for text in texts)
    one.take()
    assert (two.is_taken, two.is_held, other.is_taken) == (True, False, False)


def test_a_late_reply_survives_the_opening_of_a_line_but_not_of_a_session() -> None:
    assert not VisaTransport(parse("serial:COM3")).fresh_on_open
    assert VisaTransport(parse("TCPIP0::h::hislip0::INSTR")).fresh_on_open
    assert VisaTransport(parse("GPIB0::22::INSTR")).interrupt_s == 2.0
