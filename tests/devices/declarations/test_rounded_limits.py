"""A value is within limits as it is sent, too: rounding must not carry it over one."""

import pytest

from funcnodes.devices import Bench, DeviceConfig, Range, ScpiDevice, control, driver
from funcnodes.devices.benchfile import BenchConfig
from funcnodes.devices.declarations import drivers
from funcnodes.devices.transports.memory import ScriptedTransport
from funcnodes.errors import LimitError
from funcnodes.testing.conversation import Conversation

NO_ERROR = ':SYST:ERR? -> 0,"No error"'


@driver("test.coarse", title="Coarse source")
class Coarse(ScpiDevice):
    """Made up: it rounds to 10 mV, and takes 0.996 V at most."""

    level = control(
        float, "LEV?", "LEV {v:.9g}", unit="V", resolution=0.01, limits=Range(-0.996, 0.996)
    )
    slow = control(
        float, "SLOW?", "SLOW {v:.9g}", unit="V", resolution=0.01, rate=1.0,
        limits=Range(-0.996, 0.996),
    )  # fmt: skip
    count = control(int, "CNT?", "CNT {v:d}", resolution=4, limits=Range(1, 10))


CONNECT = ["*IDN? -> ACME,COARSE,7,1", NO_ERROR, "LEV? -> 0", "SLOW? -> 0", "CNT? -> 4"]


@pytest.mark.parametrize(
    ("member", "value", "sent"),
    [("level", 0.9955, "1 V"), ("level", -0.9955, "−1 V"), ("slow", 0.9955, "1 V"),
     ("count", 1, "0")],
)  # fmt: skip
async def test_what_rounding_carries_over_a_limit_is_refused_and_nothing_is_sent(
    member: str, value: float, sent: str
) -> None:
    async with Conversation(Coarse, CONNECT) as wire:  # which knows of no further word
        with pytest.raises(LimitError, match=rf"cannot be set to {sent}, which is outside") as told:
            await wire.device.member_set(member, value)
        assert told.value.context["value"] == float(sent.split()[0].replace("−", "-"))


async def test_what_rounding_leaves_within_limits_is_sent_as_rounded() -> None:
    async with Conversation(Coarse, CONNECT) as wire:
        wire.expect("LEV 0.99", NO_ERROR, "LEV -0.99", NO_ERROR, "CNT 8", NO_ERROR)
        assert (await wire.device.member_set("level", 0.9949)).value == 0.99
        assert (await wire.device.member_set("level", -0.9949)).value == -0.99
        assert (await wire.device.member_set("count", 10)).value == 8


async def test_the_limits_of_the_bench_hold_after_rounding_too() -> None:
    def spoken(line: str) -> tuple[bytes, bytes | None]:
        said, arrow, answer = line.partition(" -> ")
        return said.encode() + b"\n", answer.encode() + b"\n" if arrow else None

    wire = ScriptedTransport(map(spoken, CONNECT))
    narrow = DeviceConfig("c", "test.coarse", "tcp:127.0.0.1:1", limits={"level": (0, 0.507)})
    with drivers.lent(Coarse):
        bench = Bench(BenchConfig("b", devices={"c": narrow}), make_transport=lambda *_: wire)
    async with bench:
        with pytest.raises(LimitError, match="510 mV, which is outside 0 V to 507 mV"):
            await bench.devices["c"].member_set("level", 0.506)
        wire.expect(spoken("LEV 0.5"), spoken(NO_ERROR))
        await bench.devices["c"].member_set("level", 0.504)
    wire.finish()
