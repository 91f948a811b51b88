"""The Lake Shore 335 driver: its exact words, and what comes of them on a real terminal."""

from typing import Any

import pytest

from funcnodes.devices import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.transports.memory import ScriptedTransport
from funcnodes.errors import LimitError, ValueRefusedError
from funcnodes_drivers.lakeshore.model335 import Model335

CONNECT = [
    (b"*IDN?\r\n", b"LSCI,MODEL335,335A123/#######,2.0\r\n"),
    (b"SETP? 1\r\n", b"+300.000\r\n"), (b"RANGE? 1\r\n", b"0\r\n"), (b"MOUT? 1\r\n", b"+00.00\r\n"),
    (b"SETP? 2\r\n", b"+000.000\r\n"), (b"RANGE? 2\r\n", b"0\r\n"), (b"MOUT? 2\r\n", b"+00.00\r\n"),
]  # fmt: skip


async def test_its_words_are_the_manuals() -> None:
    wire = ScriptedTransport(CONNECT)
    device = DeviceConfig("tc", "lakeshore.model335", "serial:/dev/null")
    async with Bench(
        BenchConfig("b", devices={"tc": device}), make_transport=lambda *_: wire
    ) as bench:
        tc = bench.devices["tc"].instrument
        assert isinstance(tc, Model335)
        wire.expect(
            (b"KRDG? A\r\n", b"+295.120\r\n"), (b"SRDG? B\r\n", b"+1.0950\r\n"),
            (b"SETP 1,310.5\r\n", None), (b"SETP? 1\r\n", b"+310.500\r\n"),
            (b"RANGE 1,2\r\n", None), (b"RANGE? 1\r\n", b"2\r\n"),
            (b"HTR? 1\r\n", b"+042.0\r\n"),
            (b"RANGE 1,0\r\n", None), (b"RANGE? 1\r\n", b"0\r\n"), (b"MODE 0\r\n", None),
        )  # fmt: skip
        assert await tc.a.kelvin.get() == 295.12
        assert await tc.b.sensor.get() == 1.095
        await tc.loop1.setpoint.set(310.5)
        await tc.loop1.heater_range.set("medium")
        assert bench.devices["tc"].output_on is True
        assert await tc.loop1.heater.get() == 42.0
        await tc.loop1.heater_range.set("off")
        assert bench.devices["tc"].output_on is False
        with pytest.raises(LimitError):
            await tc.loop1.setpoint.set(-1)
        with pytest.raises(ValueRefusedError, match="'max' is none of off, low, medium, high"):
            await tc.loop1.heater_range.set("max")
    wire.finish()


async def test_it_heats_and_is_stopped_over_a_terminal(simulated: Any) -> None:
    async with Bench.builtin("demo", simulated.resources) as bench:
        tc = bench.devices["tc"]
        await tc.member_set("loop1.setpoint", "310 K")
        await tc.member_set("loop1.heater_range", "high")
        assert tc.output_on is True
        assert (await tc.member_get("a.kelvin")).value == pytest.approx(295, abs=2)
        acks = await bench.estop("test", "test")
        assert [(ack.device, ack.state) for ack in acks] == [("smu", "off"), ("tc", "off")]
        assert (await tc.member_get("loop1.heater_range")).value == "off"
