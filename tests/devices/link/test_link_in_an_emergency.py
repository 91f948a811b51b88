"""A link while an emergency is on: what is not written, to whom nothing is written, what waits."""

import asyncio
from typing import Any

import pytest

from funcnodes.devices import ScpiDevice, command, control, driver
from funcnodes.devices.link.link import Link
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.errors import DeviceError, IdentityError, RefusedError
from funcnodes.testing.conversation import Conversation

from ...waiting import patience, until

NO_ERROR = ':SYST:ERR? -> 0,"No error"'
OFF = b"\nOUTP OFF\n"


@driver("test.carriage", title="Test carriage")
class Carriage(ScpiDevice):
    """Made up: what it does takes its time."""

    home = command("HOME", completes="opc", timeout_s=5)
    scan = command("SCAN", completes="stb", timeout_s=5)
    position = control(float, "POS?", "POS {v:g}", completes="opc", timeout_s=5)


def talk() -> Conversation[Carriage]:
    return Conversation(Carriage, ["*IDN? -> ACME,STAGE,7,1", NO_ERROR, "POS? -> 0"])


@pytest.mark.parametrize("what", ["home", "scan", "position"])
async def test_what_takes_its_time_is_not_begun_while_the_latch_is_engaged(what: str) -> None:
    """S4: a command that is waited for passes the same gate as any other."""
    async with talk() as wire:  # which knows of no further word
        wire._bench.latch.engage("smoke", "anna")
        moves = {
            "home": wire.instrument.home,
            "scan": wire.instrument.scan,
            "position": lambda: wire.instrument.position.set(3.0),
        }
        with pytest.raises(RefusedError, match=r"stopped by anna \(smoke\)"):
            await moves[what]()


def link_to(gadget: Any, open_channel: Any, **options: Any) -> Link:
    """It answers in this very loop, so that a time-out is never a slow machine's."""
    protocol = Protocol(timeout_s=patience(), connect_s=patience())
    return Link("gadget", open_channel(gadget.address), protocol, **options)


async def is_off(talk: Any) -> bool:
    return bool(await talk.query("OUTP?") == "0")


async def test_what_waited_for_its_turn_is_not_begun_if_the_gate_closed_meanwhile(
    gadget: Any, open_channel: Any
) -> None:
    closed = False

    def gate(command: str) -> None:
        if closed:
            raise RefusedError(f"{command} was refused")

    link = link_to(gadget, open_channel, gate=gate)
    await link.open()
    begun: list[str] = []

    async def work(talk: Any) -> None:
        begun.append(await talk.query("X?"))

    await link._turn.acquire()
    writing = asyncio.create_task(link.transact("MOVE", work, writes=True))
    reading = asyncio.create_task(link.transact("X?", work))
    await asyncio.sleep(0)
    closed = True
    link._turn.release()
    with pytest.raises(RefusedError, match="MOVE was refused"):
        await writing
    await reading
    assert begun == ["1.5"], "questions pass"
    await link.close()


async def test_another_instrument_that_answers_now_gets_no_emergency_bytes(
    gadget: Any, open_channel: Any
) -> None:
    """Not even where the one that is meant did not acknowledge: they might be its poison."""
    gadget.replies["OUTP?"] = "0"
    link = link_to(gadget, open_channel)
    await link.open()
    gadget.replies["*IDN?"] = "ACME,ONE,8,1.0"
    gadget.drop()
    await until(lambda: link.is_offline)
    with pytest.raises((IdentityError, DeviceError), match="another instrument answers"):
        await link.confirm(is_off, OFF, within_s=patience(), repeat=True)
    assert "OUTP OFF" not in gadget.received
    gadget.replies["*IDN?"] = "ACME,ONE,7,1.0"
    await until(lambda: link.is_ready)
    assert await link.confirm(is_off, OFF, within_s=patience(), repeat=True)
    assert gadget.received.count("OUTP OFF") == 1
    await link.close()


async def test_a_recovery_that_an_emergency_came_into_opens_the_link_to_nobody(
    gadget: Any, open_channel: Any
) -> None:
    """The state of the instrument is not known before it was read back."""
    struck = False

    async def setup(_talk: Any, _identity: Any) -> None:
        nonlocal struck
        if not struck:
            struck = True
            assert link.strike(OFF)

    gadget.replies["OUTP?"] = "0"
    link = link_to(gadget, open_channel, setup=setup)
    ready: list[bool] = []
    link._on_state = lambda: ready.append(link.is_ready)
    await link.open()
    assert not link.is_ready
    assert not any(ready)
    assert await link.confirm(is_off, OFF, within_s=patience())
    await until(lambda: link.is_ready)
    assert gadget.received.index("OUTP OFF") < gadget.received.index("OUTP?")
    await link.close()


async def test_one_that_was_refused_when_it_was_set_up_is_not_the_one_that_is_expected(
    gadget: Any, open_channel: Any
) -> None:
    """The wrong unit stood there first: the right one must be let in afterwards."""

    async def only_seven(_talk: Any, identity: Any) -> None:
        if identity.serial != "7":
            raise IdentityError(f"serial number {identity.serial} answers")

    gadget.replies["*IDN?"] = "ACME,ONE,8,1.0"
    link = link_to(gadget, open_channel, setup=only_seven)
    with pytest.raises(IdentityError, match="serial number 8 answers"):
        await link.open()
    assert link.identity is None
    gadget.replies["*IDN?"] = "ACME,ONE,7,1.0"
    await until(lambda: link.is_ready)
    assert link.identity is not None
    assert link.identity.serial == "7"
    await link.close()
