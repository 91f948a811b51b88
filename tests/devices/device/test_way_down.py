"""The way down of a device that does not do as it is told: what is said of it, and tried all the
same. The instrument is one in memory, parts of which are stuck."""

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from funcnodes.devices import Bench, DeviceConfig, Range, ScpiDevice, control, driver
from funcnodes.devices.benchfile import BenchConfig
from funcnodes.devices.declarations import drivers, ramps
from funcnodes.devices.transports.memory import MemoryTransport
from funcnodes.errors import RefusedError, ReplyError, ValueRefusedError

from ...waiting import patience, until


@driver("test.twin", title="Test twin", errors="", timeout_s=5)
class Twin(ScpiDevice):
    """Made up: two outputs, and a level that is brought down before they go off."""

    level = control(float, "LEV?", "LEV {v:g}", unit="V", rate=10.0, park=0.0)
    offset = control(float, "OFFS?", "OFFS {v:g}", unit="V", limits=Range(-5, 5), park=0.0)
    one = control(bool, "ONE?", "ONE {v:d}", safe=False)
    two = control(bool, "TWO?", "TWO {v:d}", safe=False)


@dataclass
class Instrument:
    """Keeps what it is told; what is in `stuck` stays as it is, whatever it is told."""

    values: dict[str, str] = field(
        default_factory=lambda: {"LEV": "0.4", "OFFS": "1", "ONE": "1", "TWO": "1"}
    )
    stuck: set[str] = field(default_factory=set)
    heard: list[str] = field(default_factory=list)

    def answer(self, data: bytes) -> bytes:
        said = b""
        for line in filter(None, data.decode().split("\n")):
            self.heard.append(line)
            name, _, value = line.partition(" ")
            if line == "*IDN?":
                said += b"ACME,TWIN,7,1\n"
            elif name.endswith("?"):
                said += self.values[name[:-1]].encode() + b"\n"
            elif name not in self.stuck:
                self.values[name] = value
        return said

    @property
    def written(self) -> list[str]:
        return [line for line in self.heard if "?" not in line]


@pytest.fixture
def instrument() -> Instrument:
    return Instrument()


@pytest.fixture
async def bench(instrument: Instrument) -> AsyncIterator[Bench]:
    twin = DeviceConfig("twin", "test.twin", "tcp:127.0.0.1:1")
    with drivers.lent(Twin):
        bench = Bench(
            BenchConfig("b", devices={"twin": twin}),
            make_transport=lambda *_: MemoryTransport(instrument.answer),
        )
    async with bench:
        instrument.heard.clear()
        yield bench


# ── off is what is read back, not what was sent ───────────────────────────────────────────


async def test_off_is_read_back_from_every_output(bench: Bench, instrument: Instrument) -> None:
    (ack,) = await bench.estop("smoke", "anna")
    assert ack.state == "off"
    assert instrument.written[:2] == ["ONE 0", "TWO 0"]
    assert {"ONE?", "TWO?"} <= set(instrument.heard)


@pytest.mark.parametrize("stuck", [{"ONE"}, {"TWO"}, {"ONE", "TWO"}])
async def test_one_that_stays_on_is_never_said_to_be_off(
    bench: Bench, instrument: Instrument, stuck: set[str]
) -> None:
    """S3: bytes that were sent are no acknowledgement; half of it off is not off."""
    instrument.stuck = stuck
    (ack,) = await bench.estop("smoke", "anna")
    assert (ack.state, ack.message) == ("unanswered", "twin reads back as on.")
    assert bench.latch.unconfirmed() == ["twin"]
    assert bench.devices["twin"].output_on is True
    with pytest.raises(RefusedError, match="twin did not acknowledge"):
        bench.latch.reset(by="anna")
    instrument.stuck = set()
    await until(lambda: not bench.latch.unconfirmed())
    assert (instrument.values["ONE"], instrument.values["TWO"]) == ("0", "0")


@pytest.mark.parametrize("stuck", [{"ONE"}, {"TWO"}])
async def test_one_that_cannot_be_parked_is_struck_and_told_of(
    bench: Bench, instrument: Instrument, stuck: set[str]
) -> None:
    instrument.stuck = stuck
    (result,) = await bench.park()
    assert result.state == "failed"
    title = "One" if stuck == {"ONE"} else "Two"
    assert f"twin: {title.lower()} reads back as on." in result.message
    assert "switch twin off by hand" in result.message
    assert instrument.written.count(f"{title.upper()} 0") >= 2, "parked, then struck"


async def test_what_cannot_be_brought_down_keeps_nothing_else_up(
    bench: Bench, instrument: Instrument
) -> None:
    """A level that reads back as no number cannot be ramped: the outputs go off all the same."""
    instrument.values["LEV"] = "9.91E37"
    (result,) = await bench.park()
    assert instrument.written[:3] == ["OFFS 0", "ONE 0", "TWO 0"]
    assert (result.state, instrument.values["ONE"]) == ("failed", "0")
    assert "reads back as no number, so no ramp can begin there" in result.message


# ── what must not go up ───────────────────────────────────────────────────────────────────


async def test_a_ramp_begins_at_no_number_that_is_none(
    bench: Bench, instrument: Instrument
) -> None:
    """D3: 9.91E37 is "no number"; counted from there, one step would be the whole way."""
    instrument.values["LEV"] = "9.91E37"
    with pytest.raises(ReplyError, match="level reads back as no number"):
        await bench.devices["twin"].member_set("level", 1.0)
    assert instrument.written == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("member", ["level", "offset"])
async def test_what_is_no_number_is_refused_with_limits_or_without(
    bench: Bench, instrument: Instrument, member: str, value: float
) -> None:
    with pytest.raises(ValueRefusedError, match="is not a finite number"):
        await bench.devices["twin"].member_set(member, value)
    assert instrument.written == []


async def test_a_write_that_waited_for_its_turn_is_refused_if_an_e_stop_came_meanwhile(
    bench: Bench, instrument: Instrument
) -> None:
    """Allowed when it was asked for is not allowed when it is sent."""
    twin = bench.devices["twin"]
    assert twin.link is not None
    await twin.link._turn.acquire()
    writing = asyncio.create_task(twin.member_set("offset", 3.0))
    await asyncio.sleep(0)
    bench.latch.engage("smoke", "anna")
    twin.link._turn.release()
    with pytest.raises(RefusedError, match=r"stopped by anna \(smoke\)"):
        await writing
    assert "OFFS 3" not in instrument.written


async def test_an_e_stop_ends_a_ramp_at_once_and_not_at_its_next_step(
    bench: Bench, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ramps, "RAMP_TICK_S", 3600.0)  # so that there is no next step
    ramp = asyncio.create_task(bench.devices["twin"].member_set("level", 1e6))
    await until(lambda: bench.devices["twin"].ramps)
    bench.latch.engage("smoke", "anna")
    async with asyncio.timeout(patience()):
        with pytest.raises(RefusedError, match="going on with a ramp was refused"):
            await ramp


async def test_a_word_that_comes_after_the_reset_belongs_to_no_stop(
    bench: Bench, instrument: Instrument
) -> None:
    """Somebody confirmed it by hand while it was being tried once more."""
    instrument.stuck = {"ONE"}
    await bench.estop("smoke", "anna")
    twin = bench.devices["twin"]
    assert twin.link is not None
    await twin.link._turn.acquire()  # the next attempt waits here
    asked = len(instrument.heard)
    await asyncio.sleep(0.3)  # until it does: AGAIN_S is 0.25 s
    bench.latch.reset(by="anna", confirmed=["twin"])
    instrument.stuck = set()
    twin.link._turn.release()
    await until(lambda: twin.is_online and not twin.link.is_busy)
    assert len(instrument.heard) > asked
    assert bench.latch.state.acks == ()
    assert not bench.latch.latched
