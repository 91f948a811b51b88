"""Instruments that know no :SYST:ERR? are found out at connecting, and their sets are read back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio

from funcnodes.devices.declarations.controls import control
from funcnodes.devices.declarations.drivers import ScpiDevice, driver
from funcnodes.devices.discovery import identifying
from funcnodes.devices.link import error_queue
from funcnodes.errors import DeviceError, InstrumentError, NotTakenError
from funcnodes.testing.benches import bench_of

from ...waiting import until, within


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(error_queue, "PROBE_S", 0.2)
    monkeypatch.setattr(identifying, "ANSWER_S", within(0.1))


@driver("acme.supply", title="Supply", manual="m")
class Supply(ScpiDevice):
    """Says nothing of errors: the queue of SCPI is asked for, where there is one."""

    volts = control(float, ":VOLT?", ":VOLT {v:g}", unit="V")


@driver("acme.sure", title="Supply", errors=":SYST:ERR?", timeout_s=0.2, manual="m")
class Sure(Supply):
    """Its manual says that there is a queue."""


class Fake:
    """A supply; what it says to :SYST:ERR? is up to the test."""

    def __init__(self) -> None:
        self.errors: str | None = None
        self.late_s = 0.0
        self.ends_over_it = False
        self.clips = False
        self.heard: list[str] = []
        self.port = 0
        self._volts = "0"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            while line := await reader.readline():
                said = line.decode().strip()
                self.heard.append(said)
                if said == ":SYST:ERR?":
                    if self.ends_over_it:
                        break
                    await asyncio.sleep(self.late_s)
                if said.startswith(":VOLT "):
                    self._volts = "5" if self.clips else said.removeprefix(":VOLT ")
                replies = {
                    "*IDN?": "ACME,PSU,7,1", ":VOLT?": self._volts, ":SYST:ERR?": self.errors
                }  # fmt: skip
                if (reply := replies.get(said)) is not None:
                    writer.write(f"{reply}\n".encode())
        writer.close()


@pytest_asyncio.fixture
async def fake() -> AsyncIterator[Fake]:
    found = Fake()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()


def bench(fake: Fake, kind: Any = Supply) -> Any:
    return bench_of({"it": (kind, f"tcp:127.0.0.1:{fake.port}")})


@pytest.mark.parametrize("answer", [None, "ERR", "UNKNOWN COMMAND"])
@pytest.mark.parametrize("kind", [Supply, "scpi", "auto"])
async def test_one_without_a_queue_is_reached_and_says_so(
    fake: Fake, kind: Any, answer: str | None
) -> None:
    fake.errors = answer
    async with bench(fake, kind) as opened:
        it = opened.device("it")
        assert (it.state, it.message) == ("idle", "")
        assert await it.query(":VOLT?") == "0"
        assert "no error queue" in it.remark
        assert any(b"no error queue" in each.data for each in it.traffic.last())


async def test_sets_of_one_without_a_queue_are_read_back(fake: Fake) -> None:
    """D10: confirmed by reading back where there is no queue."""
    async with bench(fake) as opened:
        volts = opened.device("it").acting(Supply).volts
        await volts.set(3.0)
        assert fake.heard[-2:] == [":VOLT 3", ":VOLT?"]
        fake.clips = True
        with pytest.raises(NotTakenError):
            await volts.set(30.0)


async def test_one_with_a_queue_is_asked_for_its_errors_as_ever(fake: Fake) -> None:
    fake.errors = '0,"No error"'
    async with bench(fake) as opened:
        it = opened.device("it")
        assert it.remark == ""
        fake.errors = '-222,"Data out of range"'
        with pytest.raises(InstrumentError, match="Data out of range"):
            await it.acting(Supply).volts.set(3.0)


async def test_a_queue_that_answers_late_is_one(fake: Fake) -> None:
    """D9: its answer comes before that to who is there, and is nobody else's."""
    fake.errors, fake.late_s = '0,"No error"', 0.4
    async with bench(fake) as opened:
        it = opened.device("it")
        await until(lambda: it.is_online)
        assert it.remark == ""
        assert await it.query(":VOLT?") == "0"


async def test_one_that_ends_the_connection_over_it_is_not_asked_again(fake: Fake) -> None:
    fake.ends_over_it = True
    async with bench(fake) as opened:
        it = opened.device("it")
        await until(lambda: it.is_online)
        assert fake.heard.count(":SYST:ERR?") == 1
        assert "no error queue" in it.remark


async def test_a_driver_that_names_a_queue_is_not_done_without_it(fake: Fake) -> None:
    async with bench(fake, Sure) as opened:
        it = opened.device("it")
        assert it.state == "offline"
        assert "no reply to ':SYST:ERR?'" in it.message
        with pytest.raises(DeviceError):
            await it.query(":VOLT?")
