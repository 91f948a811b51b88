"""What every driver that ships has to keep to, on its simulator, by our transports and pyvisa's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from funcnodes.devices import Bench, Device
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.declarations import drivers
from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.safety.sources import sources_of
from funcnodes.errors import DeviceTimeout
from funcnodes_simulators import SimulatedBench

from ..waiting import until

LAYOUT = """
[stage.sample]
[dut.diode]
kind = "diode"
[device."keithley.smu2400"]
model = "keithley2400"
dut = "diode"
serve = "tcp"
[device."keysight.dmm34461a"]
model = "keysight_34461a"
serve = "vxi11"
[device."keysight.e36312a"]
model = "keysight_e36312a"
serve = "hislip"
[device."lakeshore.model335"]
model = "lakeshore335"
stage = "sample"
serve = "pty"
[device."mettler.sics"]
model = "mettler_sics"
serve = "pty"
[device."newera.ne1000"]
model = "newera_ne1000"
serve = "pty"
[device."pfeiffer.tc400"]
model = "pfeiffer_tc400"
serve = "pty"
[device."pfeiffer.tpg362"]
model = "pfeiffer_tpg362"
serve = "pty"
[device."rigol.ds1054z"]
model = "rigol_ds1054z"
serve = "tcp"
[device."srs.sr830"]
model = "srs_sr830"
serve = "tcp"
left = ["SLVL 0.004"]
"""
WITHOUT_MARK = ("I4", "SI", "S")  # questions of MT-SICS
MODELS = [name for name in drivers.names() if drivers.find(name).spec.match is not None]
MESSAGES = ["keysight.dmm34461a", "keysight.e36312a"]  # on wires that only pyvisa knows
ROUTES = [(name, "") for name in MODELS] + [(n, "visa:") for n in MODELS if n not in MESSAGES]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedBench]:
    """One of each, failing in the end if a driver said what its instrument does not know."""
    file = tmp_path_factory.mktemp("every") / "bench.toml"
    file.write_text(LAYOUT)
    with SimulatedBench.start(str(file), seed=1, strict=True) as bench:
        yield bench


@dataclass
class Subject:
    """An instrument and its driver."""

    simulated: SimulatedBench
    name: str
    bench: Bench
    said_before: int

    @property
    def device(self) -> Device:
        return self.bench.devices["it"]

    def truth(self) -> dict[str, Any]:
        """What it is set to; not who is connected, nor what was said."""
        found = self.simulated.request("state", device=self.name)
        return {key: found[key] for key in found if key not in ("clients", "log", "interface")}

    def heard(self) -> list[str]:
        """What it was told by this bench."""
        return self.simulated.commands(self.name)[self.said_before :]


@pytest.fixture(params=ROUTES, ids=lambda route: f"{route[1]}{route[0]}")
def subject(request: pytest.FixtureRequest, simulated: SimulatedBench) -> Subject:
    model, route = request.param
    simulated.power_cycle(model)
    device = DeviceConfig("it", model, route + simulated.resources[model], timeout_s=0.3)
    bench = Bench(BenchConfig("one", devices={"it": device}))
    return Subject(simulated, model, bench, len(simulated.commands(model)))


def writes_in(heard: list[str]) -> list[str]:
    """What is no question; drivers whose frames tell otherwise are known by `truth` alone."""
    asked = [each for each in heard if each.partition(" ")[0].endswith("?") or each in WITHOUT_MARK]
    return [each for each in heard if each not in asked]


async def online(device: Device) -> None:
    """Wait until it was recovered and read back."""
    await until(lambda: device.is_online)


async def test_connecting_reconnecting_and_leaving_change_nothing(subject: Subject) -> None:
    """D2: questions and what is declared harmless, and the front panel back in the end."""
    spec = drivers.find(subject.name).spec
    before = subject.truth()
    async with subject.bench:
        device = subject.device
        assert (device.state, device.message) == ("idle", "")
        for path, member in device.members():
            if isinstance(member, Control):
                assert device.newest(path) is not None, path
        assert subject.truth() == before
        said = len(subject.heard())
        subject.simulated.fault(subject.name, "drop")
        controls = (path for path, member in device.members() if isinstance(member, Control))
        path = next(controls, "weight")
        with pytest.raises(DeviceTimeout):
            await device.member_get(path)
        await online(device)
        assert len(subject.heard()) >= said + 2  # it was asked who it is, and read back
        assert subject.truth() == before
    assert subject.truth() == before
    if spec.protocol.framing is None:
        allowed = {*spec.harmless, spec.local} - {""}
        assert set(writes_in(subject.heard())) == allowed
        assert not spec.local or subject.heard()[-1] == spec.local


async def switch_on(device: Device) -> None:
    """Each of its outputs."""
    for path, member in device.kind.outputs().items():
        on = True if member.type is bool else 1.0
        await device.member_set(path, member.options[-1] if member.options else on)


async def test_parking_and_an_emergency_stop_leave_every_output_off(subject: Subject) -> None:
    """S1, S3: what has outputs is read back off; what has none says so."""
    async with subject.bench as bench:
        device, before = subject.device, subject.truth()
        outputs = device.kind.outputs()
        assert bool(device.emergency_bytes()) == bool(outputs)
        for state, go in ((("parked", "held"), device.park), (("off", "held"), None)):
            await switch_on(device)
            assert device.output_on is (True if outputs else None)
            assert (subject.truth() != before) == bool(outputs)
            (done,) = [await go()] if go else await bench.estop("test", by="test")
            assert done.state == state[not outputs], done.message
            await online(device)
            assert device.output_on is (False if outputs else None)


@pytest.mark.parametrize("driver", MODELS)
def test_accuracies_are_those_of_numbers_that_are_read(driver: str) -> None:
    """Ranges rise, and each name is that of a number, or of a field of a record."""
    kind = drivers.find(driver)
    names = {source.name.partition(".")[2] for source in sources_of("d", kind) if source.is_number}
    for name, accuracy in kind.accuracies.items():
        assert name in names
        assert accuracy.source
        assert [span.to for span in accuracy.spans] == sorted({s.to for s in accuracy.spans})
        assert not accuracy.range or accuracy.range in dict(kind.walk())
