"""Overlapped commands: how an instrument says that it is done, and what becomes of impatience."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from funcnodes.devices import ScpiDevice, command, control, driver
from funcnodes.devices.bench import Bench
from funcnodes.devices.transports.memory import ScriptedTransport
from funcnodes.errors import DeviceTimeout, InstrumentError, RefusedError
from funcnodes.testing.benches import bench_of
from funcnodes.testing.conversation import Conversation

from ...waiting import patience

NO_ERROR = ':SYST:ERR? -> 0,"No error"'
CONNECT = ["*IDN? -> ACME,STAGE,7,1", NO_ERROR, "POS? -> 0"]


@driver("test.stage", title="Test stage")
class Stage(ScpiDevice):
    """Made up."""

    home = command("HOME", completes="opc", timeout_s=5)
    scan = command("SCAN", completes="stb", timeout_s=5, abort="ABOR")
    hurry = command("HURRY", completes="stb", timeout_s=0.05, abort="ABOR")
    sweep = command("SWEEP", completes="srq", timeout_s=5)
    position = control(float, "POS?", "POS {v:g}", completes="opc", timeout_s=5)


BEGIN = ["*ESR? -> 0", "*ESE 1"]


def talk() -> Conversation[Stage]:
    return Conversation(Stage, CONNECT)


async def test_by_opc_the_answer_to_a_question_behind_it_is_waited_for() -> None:
    async with talk() as wire:
        wire.expect("HOME", NO_ERROR, "*OPC? -> 1", NO_ERROR)
        await wire.instrument.home()
        wire.expect("POS 3", NO_ERROR, "*OPC? -> 1", NO_ERROR)
        await wire.instrument.position.set(3.0)


async def test_what_was_refused_is_not_waited_for() -> None:
    async with talk() as wire:
        wire.expect("HOME", ':SYST:ERR? -> -221,"Settings conflict"', NO_ERROR)
        with pytest.raises(InstrumentError, match="'HOME' was answered by error -221"):
            await wire.instrument.home()


async def test_an_error_that_comes_while_it_is_carried_out_is_the_commands() -> None:
    async with talk() as wire:
        wire.expect("HOME", NO_ERROR, "*OPC? -> 1", ':SYST:ERR? -> 5,"Jammed"', NO_ERROR)
        with pytest.raises(InstrumentError, match="'HOME' was answered by error 5, 'Jammed'"):
            await wire.instrument.home()


async def test_by_status_byte_it_is_looked_at_until_the_completion_shows() -> None:
    async with talk() as wire:
        wire.expect(
            *BEGIN, "SCAN", "*OPC", NO_ERROR,
            "*STB? -> 0", "*STB? -> 16", "*STB? -> 32", "*ESR? -> 0",  # something else
            "*STB? -> 32", "*ESR? -> 1", NO_ERROR,
        )  # fmt: skip
        await wire.instrument.scan()


async def test_others_may_speak_between_looks() -> None:
    async with talk() as wire:
        wire.expect(
            *BEGIN, "SCAN", "*OPC", NO_ERROR, "*STB? -> 0", "POS? -> 1", "*STB? -> 32",
            "*ESR? -> 1", NO_ERROR,
        )  # fmt: skip
        scan = asyncio.create_task(wire.instrument.scan())
        await asyncio.sleep(0)
        assert await wire.instrument.position.get() == 1.0
        await scan


class Requesting(ScriptedTransport):
    """A wire on which the instrument can ask for service; `served` counts the waits for it."""

    has_service_request = True

    def __init__(self, *lines: str) -> None:
        super().__init__(_bytes(line) for line in lines)
        self.served = 0

    async def service_request(self) -> None:
        self.served += 1

    async def status_byte(self) -> int | None:
        return 0x60 if self.served == 2 else 0


def _bytes(line: str) -> tuple[bytes, bytes | None]:
    said, arrow, answer = line.partition(" -> ")
    return said.encode() + b"\n", answer.encode() + b"\n" if arrow else None


@pytest_asyncio.fixture
async def requesting() -> AsyncIterator[tuple[Bench, Requesting]]:
    wire = Requesting(*CONNECT)
    config = bench_of({"stage": (Stage, "tcp:127.0.0.1:1")}).config
    from funcnodes.devices.declarations import drivers

    with drivers.lent(Stage):
        bench = Bench(config, make_transport=lambda *_: wire)
    async with bench:
        yield bench, wire
    wire.finish()


async def test_a_service_request_is_waited_for_where_the_interface_has_one(
    requesting: Any,
) -> None:
    """And the status byte comes by serial poll, without a word on the wire."""
    bench, wire = requesting
    wire.expect(
        *map(_bytes, [*BEGIN, "*SRE 32", "SWEEP", "*OPC", NO_ERROR, "*ESR? -> 1", NO_ERROR])
    )
    await bench.devices["stage"].member_command("sweep")
    assert wire.served == 2


async def test_without_service_requests_the_status_byte_is_asked_for() -> None:
    async with talk() as wire:
        wire.expect(*BEGIN, "SWEEP", "*OPC", NO_ERROR, "*STB? -> 32", "*ESR? -> 1", NO_ERROR)
        await wire.instrument.sweep()


async def test_an_estop_ends_the_wait() -> None:
    async with talk() as wire:
        wire.expect(*BEGIN, "SCAN", "*OPC", NO_ERROR, "*STB? -> 0", *CONNECT)
        scan = asyncio.create_task(wire.instrument.scan())
        async with asyncio.timeout(patience()):
            while len(wire._wire._script) > len(CONNECT):
                await asyncio.sleep(0)
        link = wire.device.link
        assert link is not None
        link.strikes += 1
        with pytest.raises(RefusedError, match="'SCAN' was given up for an emergency stop"):
            await scan
        wire._wire._script.clear()


async def test_too_long_a_wait_is_a_timeout_that_sends_the_abort() -> None:
    async with talk() as wire:
        wire.expect(*BEGIN, "HURRY", "*OPC", NO_ERROR, *["*STB? -> 0"] * 50)
        script = wire._wire._script
        original = wire._wire.write

        async def write(data: bytes) -> None:
            if data == b"ABOR\n":
                script.clear()
                wire.expect("ABOR", NO_ERROR)
            await original(data)

        wire._wire.write = write  # type: ignore[method-assign]  # how often it looks is not fixed
        with pytest.raises(DeviceTimeout, match=r"'HURRY' was not complete in 0\.1 s|0\.0 s"):
            await wire.instrument.hurry()
        assert wire.device.is_online


async def test_a_cancelled_wait_sends_the_abort_once() -> None:
    async with talk() as wire:
        wire.expect(*BEGIN, "SCAN", "*OPC", NO_ERROR, "*STB? -> 0", "ABOR", NO_ERROR)
        scan = asyncio.create_task(wire.instrument.scan())
        async with asyncio.timeout(patience()):
            while len(wire._wire._script) > 2:
                await asyncio.sleep(0)
        scan.cancel()
        with pytest.raises(asyncio.CancelledError):
            await scan
        assert wire.device.is_online
