"""One owner, and never a wrong reply: the link over real wires, with real faults.

Most tests run four times: on our own TCP and serial transports, and on pyvisa over both wires.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from funcnodes.devices.link import Link
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.transports.memory import ScriptedTransport
from funcnodes.errors import (
    DeviceClosed,
    DeviceConnectError,
    DeviceTimeout,
    IdentityError,
    InstrumentError,
    RefusedError,
    ReplyError,
    ValueRefusedError,
)

from ...waiting import patience, until

Limit = Callable[[float], float]


@dataclass
class Route:
    """A link to one simulated instrument, two questions that it answers differently, a write."""

    simulator: Any
    device: str
    link: Link
    one: tuple[str, float]
    two: tuple[str, float]
    write: str

    def fault(self, kind: str, **details: Any) -> None:
        self.simulator.fault(self.device, kind, **details)

    async def ask(self, question: tuple[str, float], **options: Any) -> float:
        value, _ = await self.link.ask(question[0], replies.number, **options)
        return value

    async def is_in_step(self) -> bool:
        """Whether each of several questions gets its own answer."""
        answers = [await self.ask(question) for question in (self.one, self.two) * 3]
        return answers == [self.one[1], self.two[1]] * 3


SETPOINT_K = 300.0
ROUTES = ["tcp", "pty", "visa tcp", "visa pty"]


@pytest_asyncio.fixture(params=ROUTES)
async def route(
    request: pytest.FixtureRequest, patient_simulator: Any, open_channel: Any
) -> AsyncIterator[Route]:
    simulator, device = patient_simulator, "smu" if request.param.endswith("tcp") else "tc"
    prefix = "visa:" if request.param.startswith("visa") else ""
    channel = open_channel(prefix + simulator.resources[device])
    if device == "smu":
        link = Link(device, channel, Protocol(timeout_s=2.0, connect_s=0.5))
        found = Route(
            simulator, device, link,
            (":SENS:CURR:PROT?", 1.05e-4), (":SENS:CURR:NPLC?", 1.0), ":SOUR:VOLT 1",
        )  # fmt: skip
    else:
        link = Link(device, channel, Protocol(eol="\r\n", errors="", connect_s=0.5))
        found = Route(
            simulator, device, link, ("SETP? 1", SETPOINT_K), ("RANGE? 1", 0.0), "SETP 1,310"
        )
    await link.open()
    if device == "tc":
        await link.write(f"SETP 1,{SETPOINT_K:g}")
    yield found
    await link.close()


async def test_many_callers_each_get_their_own_answer(route: Route) -> None:
    questions = [route.one, route.two] * 15
    answers = await asyncio.gather(*(route.ask(question) for question in questions))
    assert answers == [value for _, value in questions]


async def test_a_dropped_reply_is_a_timeout_in_time_and_the_next_answer_is_right(
    route: Route, limit: Limit
) -> None:
    route.fault("drop")
    began = time.monotonic()
    with pytest.raises(DeviceTimeout, match=r"no reply to '.*' in 0.3 s"):
        await route.ask(route.one, timeout_s=0.3)
    assert 0.29 < time.monotonic() - began < limit(0.36)
    assert await route.is_in_step()


async def test_a_late_reply_reaches_nobody(route: Route) -> None:
    """The reply comes after its time-out, in the midst of other questions."""
    route.fault("late", seconds=0.3)
    with pytest.raises(DeviceTimeout):
        await route.ask(route.one, timeout_s=0.1)
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        assert await route.ask(route.two, idempotent=True) == route.two[1]


async def test_a_cancelled_query_ends_at_once_and_the_next_answer_is_right(
    route: Route, limit: Limit
) -> None:
    """Cancelling takes at most 5 ms; the reply that was under way reaches nobody."""
    route.fault("late", seconds=0.3)
    asking = asyncio.create_task(route.ask(route.one))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert time.monotonic() - began < limit(0.005)
    assert await route.is_in_step()


async def test_garbage_is_an_error_and_the_next_answer_is_right(route: Route) -> None:
    route.fault("garbage")
    with pytest.raises(ReplyError, match=f"{route.device} .*during '"):
        await route.ask(route.one)
    assert await route.is_in_step()


async def test_an_idempotent_query_survives_garbage(route: Route) -> None:
    route.fault("garbage")
    assert await route.ask(route.one, idempotent=True) == route.one[1]


async def test_a_truncated_reply_is_a_timeout_and_the_next_answer_is_right(route: Route) -> None:
    route.fault("truncate")
    with pytest.raises(DeviceTimeout):
        await route.ask(route.one, timeout_s=0.2)
    assert await route.is_in_step()


async def test_a_reply_in_pieces_is_whole(route: Route) -> None:
    route.fault("split", seconds=0.05)
    assert await route.ask(route.one) == route.one[1]


async def test_a_connection_that_closes_mid_reply_is_reopened(route: Route) -> None:
    route.fault("close")
    with pytest.raises(DeviceClosed, match=f"{route.device} "):
        await route.ask(route.one)
    await until_ready(route.link)
    assert await route.is_in_step()


async def test_a_mute_instrument_is_offline_until_it_speaks_again(
    route: Route, limit: Limit
) -> None:
    route.fault("mute")
    with pytest.raises(DeviceTimeout):
        await route.ask(route.one, timeout_s=0.1)
    await until(lambda: route.link.is_offline)
    began = time.monotonic()
    with pytest.raises(DeviceConnectError, match=r"is offline: no reply to '\*IDN\?' in 0.5 s"):
        await route.ask(route.one)
    assert time.monotonic() - began < limit(0.1)
    route.simulator.ask("clear")
    await until_ready(route.link)
    assert await route.is_in_step()


async def test_a_write_is_never_repeated(route: Route) -> None:
    """Whether the connection breaks at once or while the error queue is read."""
    before = route.simulator.now()
    route.fault("close", match=":SYST:ERR" if route.device == "smu" else "SETP 1")
    if route.device == "smu":
        with pytest.raises(DeviceClosed):
            await route.link.write(route.write)
    else:
        await route.link.write(route.write)
    await until_ready(route.link)
    await route.ask(route.two, idempotent=True)
    assert route.simulator.commands(route.device, before).count(route.write) == 1


# ── over a channel that the test answers itself ───────────────────────────────────────────


def link_to(gadget: Any, open_channel: Any, **options: Any) -> Link:
    return Link("gadget", open_channel(gadget.address), Protocol(timeout_s=0.5), **options)


async def until_ready(link: Link) -> None:
    await until(lambda: link.is_ready)


async def test_another_serial_number_is_refused_until_the_old_one_is_back(
    gadget: Any, open_channel: Any
) -> None:
    setups: list[str] = []

    async def setup(_wire: Any, identity: Any) -> None:
        setups.append(identity.serial)

    link = link_to(gadget, open_channel, setup=setup)
    await link.open()
    gadget.replies["*IDN?"] = "ACME,ONE,8,1.0"
    gadget.drop()
    await until(lambda: link.is_offline)
    assert "another instrument answers: its serial number is '8', not '7'" in link.trouble
    with pytest.raises(IdentityError, match="is offline: another instrument answers"):
        await link.query("X?")
    gadget.replies["*IDN?"] = "ACME,ONE,7,2.0"
    await until_ready(link)
    assert await link.query("X?") == "1.5"
    assert setups == ["7", "7"]
    assert "X?" in gadget.received
    await link.close()


async def test_a_connection_lost_while_nobody_asks_is_noticed_and_restored(
    gadget: Any, open_channel: Any
) -> None:
    noticed = asyncio.Event()
    link = link_to(gadget, open_channel, on_state=lambda: link.is_ready or noticed.set())
    await link.open()
    noticed.clear()
    gadget.drop()
    async with asyncio.timeout(patience()):
        await noticed.wait()
    await until_ready(link)
    assert gadget.connections == 2
    await link.close()


async def test_an_instrument_switched_on_later_is_found(gadget: Any, open_channel: Any) -> None:
    await gadget.stop()
    link = link_to(gadget, open_channel)
    with pytest.raises(DeviceConnectError, match="connection refused"):
        await link.open()
    with pytest.raises(DeviceConnectError, match="is offline: no connection to"):
        await link.query("X?")
    await gadget.start()
    await until_ready(link)
    assert await link.query("X?") == "1.5"
    await link.close()


async def test_the_error_queue_is_blamed_on_its_command(gadget: Any, open_channel: Any) -> None:
    link = link_to(gadget, open_channel)
    await link.open()
    answers = iter(['-222,"Data out of range"', '0,"No error"'])

    class Once(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            return next(answers) if key == ":SYST:ERR?" else super().get(key, default)

    gadget.replies = Once(gadget.replies)
    with pytest.raises(InstrumentError, match="'V 300' was answered by error -222") as caught:
        await link.write("V 300")
    assert caught.value.code == -222
    assert caught.value.command == "V 300"
    assert link.is_ready
    await link.close()


@pytest.mark.parametrize("command", ["X?\n*RST", "X?\r*RST", "", "X\0?", "Ω?", "X\x1b?"])
async def test_nothing_that_could_end_a_command_early_reaches_the_wire(
    gadget: Any, open_channel: Any, command: str
) -> None:
    link = link_to(gadget, open_channel)
    await link.open()
    before = list(gadget.received)
    with pytest.raises(ValueRefusedError, match="nothing was sent"):
        await link.query(command)
    with pytest.raises(ValueRefusedError, match="nothing was sent"):
        await link.write(command)
    assert gadget.received == before
    assert link.is_ready
    await link.close()


async def test_a_write_that_waited_for_its_turn_is_refused_if_the_gate_closed_meanwhile(
    gadget: Any, open_channel: Any
) -> None:
    closed = False

    def gate(command: str) -> None:
        if closed:
            raise RefusedError(f"{command} was refused")

    link = link_to(gadget, open_channel, gate=gate)
    await link.open()
    silence = asyncio.create_task(link.query("SILENT?", timeout_s=0.2))
    await asyncio.sleep(0)
    writing = asyncio.create_task(link.write("V 1"))
    await asyncio.sleep(0.01)
    closed = True
    with pytest.raises(DeviceTimeout):
        await silence
    with pytest.raises(RefusedError):
        await writing
    assert "V 1" not in gadget.received
    await link.close()


async def test_the_deadline_begins_when_the_link_is_ours(gadget: Any, open_channel: Any) -> None:
    """D4: waiting behind a slow call costs nothing of one's own time."""
    link = link_to(gadget, open_channel)
    await link.open()
    slow = asyncio.create_task(link.query("SILENT?", timeout_s=0.4))
    await asyncio.sleep(0)
    assert await link.query("X?", timeout_s=0.2) == "1.5"
    with pytest.raises(DeviceTimeout):
        await slow
    await link.close()


async def test_an_emergency_cuts_short_what_is_under_way_and_goes_before_who_waits(
    gadget: Any, open_channel: Any, limit: Limit
) -> None:
    gadget.replies["OUTP?"] = "0"
    link = link_to(gadget, open_channel)
    await link.open()
    hanging = asyncio.create_task(link.query("SILENT?", timeout_s=5))
    waiting = asyncio.create_task(link.query("X?"))
    await asyncio.sleep(0.02)
    began = time.monotonic()
    assert link.strike(b"\nOUTP OFF\n")
    link.after_strike()

    async def is_off(wire: Any) -> bool:
        return bool(await wire.query("OUTP?") == "0")

    assert await link.confirm(is_off, b"\nOUTP OFF\n", within_s=patience())
    assert time.monotonic() - began < limit(0.1)
    with pytest.raises(RefusedError, match="given up for an emergency stop"):
        await hanging
    assert await waiting == "1.5"
    assert gadget.received.index("OUTP OFF") < gadget.received.index("OUTP?")
    assert gadget.received.index("OUTP?") < gadget.received.index("X?")
    await link.close()


async def test_traffic_keeps_every_message_with_its_latency() -> None:
    wire = ScriptedTransport([(b"*IDN?\n", b"ACME,ONE,7,1\n"), (b"X?\n", b"1.5\n")])
    link = Link("gadget", wire, Protocol(errors=""))
    await link.open()
    await link.query("X?")
    found = [(each.direction, each.data) for each in link.traffic.last()]
    assert found == [
        ("open", b"dialogue"), ("out", b"*IDN?\n"), ("in", b"ACME,ONE,7,1\n"),
        ("out", b"X?\n"), ("in", b"1.5\n"),
    ]  # fmt: skip
    latency = link.traffic.last(1)[0].latency_ms
    assert latency is not None
    assert 0 <= latency < 1000
    wire.finish()
    await link.close()
