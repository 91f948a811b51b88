"""The driver for instruments without one of their own: it identifies and asks, it never writes."""

from typing import Any

import pytest

from funcnodes.devices import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.errors import RefusedError


async def test_it_identifies_and_asks_but_never_writes(simulated: Any) -> None:
    """D5."""
    device = DeviceConfig("thing", "scpi", "sim:smu")
    before = len(simulated.commands("smu"))
    async with Bench(BenchConfig("b", devices={"thing": device}), simulated.resources) as bench:
        thing = bench.devices["thing"]
        assert thing.identity.model == "MODEL 2400"
        assert thing.output_on is None
        assert thing.safe_state == "nothing to switch off"
        assert (await thing.member_get("status_byte")).value >= 0
        assert float(await thing.query(":SENS:CURR:PROT?")) > 0
        with pytest.raises(RefusedError):
            await thing.write(":OUTP ON")
        acks = await bench.estop("test", "test")
        assert [(ack.device, ack.state) for ack in acks] == [("thing", "held")]
    assert all(each.endswith("?") for each in simulated.commands("smu")[before:])
