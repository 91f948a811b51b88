"""Benches for tests: of drivers that need not be installed, or of a bench file."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from funcnodes.devices.bench import Bench
from funcnodes.devices.bench.recorder import recorded_bench, replayed
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.declarations import drivers
from funcnodes.devices.declarations.drivers import Instrument
from funcnodes.devices.messages.recorded import Recorded
from funcnodes.errors import BenchError

Drivers = Mapping[str, tuple[type[Instrument] | str, str]]


def bench_of(devices: Drivers | Path | str, resources: Mapping[str, str] | None = None) -> Bench:
    """A bench, not connected yet.

    Args:
        devices: By name a driver and an address, or the path of a bench file.
        resources: What `sim:NAME` stands for.

    Raises:
        BenchError: A driver, an address or the file is wrong; names it.
    """
    if isinstance(devices, Path | str):
        return _usable(Bench.load(devices, resources or {}))
    configs = {
        name: DeviceConfig(name, driver if isinstance(driver, str) else driver.spec.name, address)
        for name, (driver, address) in devices.items()
    }
    classes = [driver for driver, _ in devices.values() if not isinstance(driver, str)]
    with _lent(classes):
        return _usable(Bench(BenchConfig("test", devices=configs), resources or {}))


def replayed_bench(
    recording: Path, classes: Mapping[str, type[Instrument]], *, match: bool, timed: bool
) -> Bench:
    """A bench that a recording answers for, not connected yet.

    Args:
        classes: Drivers by device, for those that are not installed.

    Raises:
        BenchError: There is no such driver.
        RecordingError: The file is no recording, or has no such device.
    """
    recorded = Recorded.load(recording)
    config = recorded_bench(recorded)
    for name, driver in classes.items():
        device = DeviceConfig(name, driver.spec.name, recorded.device(name).head.address)
        config = replace(config, devices={**config.devices, name: device})
    with _lent(classes.values()):
        return _usable(Bench(replayed(config, recorded, match=match, timed=timed)))


def _usable(bench: Bench) -> Bench:
    """A bench for tests has no device that cannot be used: raises BenchError where it has."""
    for device in bench.devices.values():
        if device.unusable:
            raise BenchError(f"{device.name}: {device.unusable}", device=device.name)
    return bench


@contextmanager
def _lent(classes: Iterable[type[Instrument]]) -> Iterator[None]:
    """Have drivers found that need not be installed, for as long."""
    with ExitStack() as lent:
        for driver in classes:
            lent.enter_context(drivers.lent(driver))
        yield
