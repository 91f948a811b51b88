"""The SR830 driver: its exact words, and what comes of them on a socket."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from funcnodes.devices import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.transports.memory import ScriptedTransport
from funcnodes.errors import LimitError, RefusedError
from funcnodes_drivers.srs.sr830 import SENSITIVITIES_V, TIME_CONSTANTS_S, Sr830
from funcnodes_simulators import SimulatedBench

CONNECT = [
    (b"*IDN?\n", b"Stanford_Research_Systems,SR830,s/n21379,ver1.07\n"),
    (b"FREQ?\n", b"1000\n"), (b"SLVL?\n", b"0.004\n"), (b"FMOD?\n", b"1\n"), (b"HARM?\n", b"1\n"),
    (b"PHAS?\n", b"0.00\n"), (b"ISRC?\n", b"0\n"), (b"IGND?\n", b"0\n"), (b"ICPL?\n", b"0\n"),
    (b"ILIN?\n", b"0\n"), (b"SENS?\n", b"26\n"), (b"RMOD?\n", b"1\n"), (b"OFLT?\n", b"8\n"),
    (b"OFSL?\n", b"1\n"), (b"AUXV? 1\n", b"0.000\n"), (b"AUXV? 2\n", b"0.000\n"),
    (b"AUXV? 3\n", b"0.000\n"), (b"AUXV? 4\n", b"0.000\n"),
]  # fmt: skip


def scripted(wire: ScriptedTransport) -> Bench:
    device = DeviceConfig("lockin", "srs.sr830", "tcp:127.0.0.1:1")
    config = BenchConfig("b", devices={"lockin": device})
    return Bench(config, make_transport=lambda *_: wire)


@pytest.fixture
async def lockin() -> AsyncIterator[tuple[Sr830, ScriptedTransport]]:
    wire = ScriptedTransport(CONNECT)
    async with scripted(wire) as bench:
        instrument = bench.devices["lockin"].instrument
        assert isinstance(instrument, Sr830)
        yield instrument, wire
        wire.expect((b"LOCL 0\n", None))
    wire.finish()


async def test_its_words_are_the_manuals(lockin: Any) -> None:
    it, wire = lockin
    wire.expect(
        (b"FREQ 12346\n", None), (b"FREQ?\n", b"12346\n"),
        (b"SLVL 0.100\n", None), (b"SLVL?\n", b"0.100\n"),
        (b"SENS 17\n", None), (b"SENS?\n", b"17\n"),
        (b"OFLT 9\n", None), (b"OFLT?\n", b"9\n"),
        (b"OFSL 3\n", None), (b"OFSL?\n", b"3\n"),
        (b"SNAP?1,2,3,4\n", b"0.951359,0.0253297,0.951696,1.52514\n"), (b"LIAS?\n", b"0\n"),
        (b"OAUX? 3\n", b"1.234\n"), (b"SLVL 0.004\n", None), (b"SLVL?\n", b"0.004\n"),
    )  # fmt: skip
    await it.frequency.set(12345.678)
    await it.amplitude.set(0.1)
    await it.sensitivity.set(1e-3)
    await it.time_constant.set(0.3)
    await it.slope.set(24)
    assert dict(await it.reading.get()) == {
        "x": 0.951359, "y": 0.0253297, "r": 0.951696, "theta": 1.52514, "status": 0,
    }  # fmt: skip
    assert await it.in3.voltage.get() == 1.234
    await it.amplitude.set(0.004)  # else it keeps the instrument when it is let go of


@pytest.mark.parametrize(
    ("status", "quality"), [(1, "overrange"), (4, "overrange"), (8, "missing")]
)
async def test_what_overloads_or_is_not_locked_is_no_number(
    lockin: Any, status: int, quality: str
) -> None:
    """D3: the status is asked right behind the reading, in the same transaction."""
    it, wire = lockin
    wire.expect(
        (b"SNAP?1,2,3,4\n", b"0.011,0,0.011,0\n"), (b"LIAS?\n", b"%d\n" % status)
    )  # fmt: skip
    reading = await it.reading.get()
    assert math.isnan(reading["x"])
    assert math.isnan(reading["r"])
    assert reading.quality == quality


async def test_a_reading_while_a_current_is_measured_is_refused(lockin: Any) -> None:
    it, wire = lockin
    wire.expect((b"ISRC 2\n", None), (b"ISRC?\n", b"2\n"), (b"ISRC?\n", b"2\n"))
    await it.input.set("I, 1 MOhm")
    with pytest.raises(RefusedError, match="input is I, 1 MOhm, not A or A-B"):
        await it.reading.get()


async def test_its_limits_are_the_manuals(lockin: Any) -> None:
    it, _ = lockin
    for member, value in ((it.frequency, 102001), (it.amplitude, 0.003), (it.harmonic, 0)):
        with pytest.raises(LimitError):
            await member.set(value)
    assert len(SENSITIVITIES_V) == 27
    assert len(TIME_CONSTANTS_S) == 20
    assert SENSITIVITIES_V[2e-9], SENSITIVITIES_V[1.0] == ("0", "26")


@pytest.fixture
def simulated() -> Iterator[SimulatedBench]:
    with SimulatedBench.start("rc-network", seed=2, strict=True) as bench:
        yield bench


async def test_overlapping_readings_keep_their_own_status_and_estop_leaves_four_millivolts(
    simulated: SimulatedBench, tmp_path: Path
) -> None:
    async with Bench.builtin("rc-network", simulated.resources, lock_dir=tmp_path) as bench:
        device = bench.devices["lockin"]
        it = device.instrument
        assert isinstance(it, Sr830)
        await it.amplitude.set(0.5)
        assert device.output_on is True
        readings = await asyncio.gather(*(it.reading.get() for _ in range(20)))
        assert all(reading.quality == "ok" for reading in readings)
        heard = [c for c in simulated.commands("lockin") if c.startswith(("SNAP", "LIAS"))]
        assert heard == ["SNAP?1,2,3,4", "LIAS?"] * 20
        await it.sensitivity.set(1e-3)
        assert (await it.reading.get()).quality == "overrange"
        [ack] = await bench.estop("test", "test")
        assert ack.state == "off"
        assert simulated.state()["lockin"]["amplitude_v"] == 0.004
