"""The DS1054Z driver: its words, and what the simulated oscilloscope shows; acquiring together."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from funcnodes.core import NodeSpace
from funcnodes.devices import nodes
from funcnodes.devices.bench import Bench
from funcnodes.devices.device.acquisition import acquire
from funcnodes.errors import BenchError, DeviceTimeout, LimitError, RefusedError
from funcnodes.testing.benches import bench_of
from funcnodes.testing.conversation import Conversation
from funcnodes_drivers.keysight.e36312a import E36312a
from funcnodes_drivers.rigol.ds1054z import Coupling, Ds1054z, Source
from funcnodes_simulators import SimulatedBench

NO_ERROR = ':SYST:ERR? -> 0,"No error"'
CONNECT = [
    "*IDN? -> RIGOL TECHNOLOGIES,DS1054Z,DS1ZA000000001,00.04.04.SP4", NO_ERROR,
    ":TIM:SCAL? -> 1.000000e-04", ":TIM:OFFS? -> 0.000000e+00", ":TRIG:EDG:SOUR? -> CHAN1",
    ":TRIG:EDG:SLOP? -> POS", ":TRIG:EDG:LEV? -> 0.000000e+00",
    *(
        line.format(ch=ch)
        for ch in "1234"
        for line in (
            ":CHAN{ch}:DISP? -> 1", ":CHAN{ch}:SCAL? -> 1.000000e-01",
            ":CHAN{ch}:OFFS? -> 0.000000e+00", ":CHAN{ch}:COUP? -> DC",
        )
    ),
]  # fmt: skip
LAYOUT = """
[device.scope]
model = "rigol_ds1054z"
serve = "tcp"
[device.second]
model = "rigol_ds1054z"
serve = "tcp"
[device.psu]
model = "keysight_e36312a"
serve = "tcp"
"""


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[SimulatedBench]:
    layout = tmp_path / "bench.toml"
    layout.write_text(LAYOUT)
    with SimulatedBench.start(str(layout)) as bench:
        yield bench


@pytest_asyncio.fixture
async def bench(simulated: SimulatedBench) -> AsyncIterator[Bench]:
    kinds = {"scope": Ds1054z, "second": Ds1054z, "psu": E36312a}
    devices = {name: (kind, simulated.resources[name]) for name, kind in kinds.items()}
    async with bench_of(devices) as bench:  # type: ignore[arg-type]  # classes of instruments
        yield bench


async def test_its_words_are_the_guides_and_its_example_is_scaled_as_the_guide_says() -> None:
    async with Conversation(Ds1054z, CONNECT) as wire:
        scope = wire.instrument
        wire.expect(
            ":WAV:SOUR CHAN2", ":WAV:MODE NORM", ":WAV:FORM BYTE", NO_ERROR,
            ":WAV:PRE? -> 0,0,3,1,1.000000e-06,-6.000000e-04,0,4.000000e-02,25,127",
            (b":WAV:DATA?\n", b"#9000000003\x98\x7f\xff\n"),
            ":SING", NO_ERROR, ":TFOR", NO_ERROR, ":TRIG:EDG:SOUR CHAN2", NO_ERROR,
            ":CHAN2:COUP GND", NO_ERROR,
        )  # fmt: skip
        trace = await scope.ch2.waveform.trace()
        assert trace.y == pytest.approx([0.0, -1.0, 4.12])
        assert trace.x == pytest.approx([-6e-4, -5.99e-4, -5.98e-4])
        await scope.single()
        await scope.force()
        await scope.trigger_source.set(Source.CHANNEL_2)
        await scope.ch2.coupling.set(Coupling.GROUND)


async def test_the_offset_reaches_as_far_as_the_scale_lets_it() -> None:
    async with Conversation(Ds1054z, CONNECT) as wire:
        wire.expect(":CHAN1:SCAL? -> 1.000000e-01")
        with pytest.raises(LimitError, match="outside −2 to 2 V while volts per division is"):
            await wire.instrument.ch1.offset.set(5.0)


async def test_the_screen_is_read_from_a_real_socket(bench: Bench) -> None:
    scope = bench.devices["scope"].instrument
    assert isinstance(scope, Ds1054z)
    await scope.timebase.set(2e-4)
    trace = await scope.ch1.waveform.trace()
    assert trace.x is not None
    assert (len(trace.y), trace.y.dtype) == (1200, np.float64)
    assert trace.y.min() == pytest.approx(0, abs=0.3)
    assert trace.y.max() == pytest.approx(3, abs=0.3)
    assert trace.x[0] == pytest.approx(-1.2e-3)
    with pytest.raises(RefusedError, match="was not read, since shown is off"):
        await scope.ch3.waveform.get()


async def test_several_are_armed_triggered_and_fetched_together(
    bench: Bench, simulated: SimulatedBench
) -> None:
    """The second is triggered by nothing but the common trigger."""
    second = bench.devices["second"]
    await second.member_set("trigger_source", "channel_3")
    await second.member_set("trigger_level", 1)
    found = await acquire([bench.devices["scope"], second])
    assert {name: list(fetched) for name, fetched in found.items()} == {
        "scope": ["ch1.waveform"], "second": ["ch1.waveform"],
    }  # fmt: skip
    assert len(found["second"]["ch1.waveform"]["y"].value) == 1200
    for name in ("scope", "second"):
        said = simulated.commands(name)
        assert said.index(":SING") < said.index(":TFOR") < said.index(":WAV:DATA?")
        assert simulated.state()[name]["status"] == "STOP"


async def test_where_one_cannot_be_armed_nothing_is_triggered(
    bench: Bench, simulated: SimulatedBench
) -> None:
    bench.latch.engage("test", "test")
    with pytest.raises(RefusedError):
        await acquire([bench.devices["scope"], bench.devices["second"]])
    assert ":TFOR" not in simulated.commands("scope") + simulated.commands("second")


async def test_one_that_never_finishes_is_named(bench: Bench) -> None:
    await bench.devices["scope"].member_set("timebase", 1)
    with pytest.raises(DeviceTimeout, match=r"scope .*status was not stopped in"):
        await acquire([bench.devices["scope"]], within_s=0.05)


async def test_a_device_with_nothing_to_fetch_is_refused(bench: Bench) -> None:
    with pytest.raises(BenchError, match=r"psu .* has nothing to fetch"):
        await acquire([bench.devices["scope"], bench.devices["psu"]])


async def test_a_node_reads_both_in_one_wave_and_is_saved_by_their_names(bench: Bench) -> None:
    space = NodeSpace()
    space.lib.add_shelf(nodes.NODE_SHELF)
    space.services.provide(Bench, bench)
    entry = {e.key: e for e in nodes.library_entries(bench)}["device.acquire:scope+second"]
    node = space.add_node_by_id(entry.node_id, name=entry.title, extra=entry.extra)
    assert node.resources() == ("scope", "second")
    await node
    both = [node.outputs[f"{name}_ch1_waveform_y"] for name in ("scope", "second")]
    assert [len(port.value) for port in both] == [1200, 1200]
    assert both[0].wave == both[1].wave
    data = space.serialize()
    other = NodeSpace()
    other.lib.add_shelf(nodes.NODE_SHELF)
    other.deserialize(data)
    assert other.serialize() == data
    assert "no device scope or second" in other.nodes[0].check_run()[0]
    await asyncio.gather(space.aclose(), other.aclose())
