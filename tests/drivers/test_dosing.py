"""A syringe pump that answers every command, and a balance, by word and on their terminals."""

import math

import pytest

from funcnodes.devices import Bench
from funcnodes.errors import InstrumentError, ReplyError
from funcnodes.testing.conversation import Conversation
from funcnodes_drivers.mettler.sics import Sics
from funcnodes_drivers.newera.ne1000 import Direction, Ne1000, rate_of, volume_of
from funcnodes_simulators import SimulatedBench

from ..waiting import until


def packet(text: str) -> bytes:
    return b"\x0200" + text.encode() + b"\x03"


PUMP = [
    (b"00VER\r", packet("SNE1000V3.928")),
    (b"00DIA\r", packet("S26.70")),
    (b"00DIR\r", packet("SINF")),
    (b"00RAT\r", packet("S10.00MM")),
    (b"00VOL\r", packet("S1.000ML")),
    (b"00\r", packet("S")),
]
BALANCE = [(b"I4\r\n", b'I4 A "B021002593"\r\n')]


async def test_a_syringe_pump_is_set_started_read_and_stopped_by_two_commands() -> None:
    """1200-01, chapter 10: running is told by the status; STP pauses first, then stops."""
    async with Conversation(Ne1000, PUMP) as wire:
        wire.expect(
            (b"00RAT5.25MM\r", packet("S")), (b"00RAT\r", packet("S5.250MM")),
            (b"00VOL2\r", packet("S")), (b"00VOL\r", packet("S2.000ML")),
            (b"00DIRWDR\r", packet("S")), (b"00DIR\r", packet("SWDR")),
            (b"00RUN\r", packet("W")),
            (b"00\r", packet("W")),
            (b"00DIS\r", packet("WI0.500W1.250ML")),
            (b"00STP\r", packet("P")), (b"00STP\r", packet("S")),
        )  # fmt: skip
        pump = wire.instrument
        await pump.rate.set(5.25)
        await pump.volume.set(2.0)
        await pump.direction.set(Direction.WITHDRAW)
        await pump.running.set(True)
        assert await pump.running.get() is True
        assert await pump.withdrawn.get() == 1.25
        await pump.running.set(False)


async def test_stopping_a_pump_that_stands_is_no_error_and_other_refusals_are() -> None:
    async with Conversation(Ne1000, PUMP) as wire:
        wire.expect(
            (b"00STP\r", packet("S?NA")),
            (b"00RAT1000MM\r", packet("S?OOR")),
            (b"00RUN\r", packet("A?R")),
        )
        await wire.instrument.running.set(False)
        with pytest.raises(InstrumentError, match="out of range"):
            await wire.instrument.rate.set(1000.0)
        with pytest.raises(InstrumentError, match="lost power"):
            await wire.instrument.running.set(True)


async def test_an_alarm_in_place_of_an_answer_is_asked_past_and_never_taken_for_one() -> None:
    async with Conversation(Ne1000, PUMP) as wire:
        wire.expect((b"00RAT\r", packet("A?R")), (b"00RAT\r", packet("S0.600MH")))
        assert await wire.instrument.rate.get() == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10.00MM", 10.0), ("250.0UM", 0.25), ("60.00MH", 1.0), ("600.0UH", 0.01)],
)
def test_a_rate_is_read_in_every_unit_that_the_pump_may_have(text: str, expected: float) -> None:
    assert rate_of(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["10.00", "MM", "10.00XX", ""])
def test_what_is_no_amount_is_never_data(text: str) -> None:
    for read in (rate_of, volume_of):
        with pytest.raises(ReplyError):
            read(text)


async def test_a_balance_is_read_at_once_and_at_rest_and_told_to_tare() -> None:
    async with Conversation(Sics, BALANCE) as wire:
        wire.expect(
            (b"SI\r\n", b"S D     100.02 g\r\n"),
            (b"S\r\n", b"S S      -0.50 g\r\n"),
            (b"T\r\n", b"T S     100.00 g\r\n"),
            (b"Z\r\n", b"Z +\r\n"),
        )
        assert await wire.instrument.weight.get() == 100.02
        assert await wire.instrument.stable.get() == -0.5
        await wire.instrument.tare()
        with pytest.raises(InstrumentError, match="Z"):
            await wire.instrument.zero()


@pytest.mark.parametrize(("reply", "quality"), [("S I", "missing"), ("S +", "overrange")])
async def test_a_balance_that_has_no_weight_gives_none(reply: str, quality: str) -> None:
    """D3."""
    async with Conversation(Sics, BALANCE) as wire:
        wire.expect((b"SI\r\n", reply.encode() + b"\r\n"))
        found = (await wire.device.member_read("weight"))["value"]
        assert math.isnan(found.value)
        assert found.quality == quality


async def test_what_is_pumped_is_weighed_and_an_emergency_stop_ends_it() -> None:
    """S3: the outputs of the pump, on real terminals."""
    with SimulatedBench.start("dosing", seed=1, strict=True) as simulated:
        async with Bench.builtin("dosing", simulated.resources) as bench:
            pump, balance = bench.device("pump"), bench.device("balance")
            await balance.member_command("tare")
            await pump.member_set("rate", 20.0)
            await pump.member_set("volume", 0.2)
            await pump.member_set("running", True)
            await until(lambda: simulated.state()["pump"]["output"] is False)
            weight = (await balance.member_read("stable"))["value"].value
            assert weight == pytest.approx(0.2 * 0.9982, abs=0.03)
            await pump.member_set("volume", 0.0)
            await pump.member_set("running", True)
            assert simulated.state()["pump"]["output"] is True
            (ack, *_) = await bench.estop("test", by="test")
            assert (ack.device, ack.state) == ("pump", "off")
            assert simulated.state()["pump"]["output"] is False
