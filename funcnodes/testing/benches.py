"""Benches for tests: of drivers that need not be installed, or of a bench file."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from funcnodes.devices import drivers
from funcnodes.devices.bench import Bench
from funcnodes.devices.benchfile import BenchConfig, DeviceConfig
from funcnodes.devices.drivers import Instrument

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
        return Bench.load(devices, resources or {})
    configs = {
        name: DeviceConfig(name, driver if isinstance(driver, str) else driver.spec.name, address)
        for name, (driver, address) in devices.items()
    }
    with ExitStack() as lent:
        for driver, _ in devices.values():
            if not isinstance(driver, str):
                lent.enter_context(drivers.lent(driver))
        return Bench(BenchConfig("test", devices=configs), resources or {})
