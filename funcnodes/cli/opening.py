"""Devices for a command: opened under the locks that workers take, and let go of."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from funcnodes.devices.bench import Bench
    from funcnodes.devices.benchfile import DeviceConfig
    from funcnodes.devices.device import Device
    from funcnodes.settings import Settings

OWNER = "command line"

BenchFile = Annotated[
    Path, typer.Option("--bench", help="Bench file whose devices are meant.", metavar="FILE")
]
SomeBench = Annotated[
    Path | None, typer.Option("--bench", help="Bench file that has the device.", metavar="FILE")
]


def locks(_: "Settings") -> Path:
    """Where leases are kept: an instrument has one owner, whatever the config folder."""
    from funcnodes.machine.place import leases_dir

    return leases_dir()


@asynccontextmanager
async def opened(settings: "Settings", file: Path) -> AsyncIterator["Bench"]:
    """The bench of a file, connected within the block."""
    from funcnodes.devices.bench import Bench

    async with Bench.load(file, lock_dir=locks(settings), owner=OWNER) as bench:
        yield bench


async def with_device(settings: "Settings", target: str, file: Path | None, act: Any) -> Any:
    """Connect to one device, do something with it, let go of it."""
    bench = await bench_with(settings, target, file)
    (device,) = bench.devices.values()
    try:
        await _connect(device)
        result: Awaitable[Any] = act(device)
        return await result
    finally:
        await bench.close()


async def _connect(device: "Device") -> None:
    """Connect; one that only started when its line was opened is waited for."""
    from funcnodes.errors import DeviceError

    try:
        await device.connect()
    except DeviceError:
        while device.link is not None and device.link.contact.may_answer_yet:
            await asyncio.sleep(0.05)
        if not device.is_online:
            raise


async def bench_with(settings: "Settings", target: str, file: Path | None) -> "Bench":
    """A bench of one device, not connected yet.

    Args:
        target: An address, which is asked who is there to find its driver; with `file` the name
            of a device in it.

    Raises:
        DeviceError: Nobody answers at the address.
    """
    from funcnodes.devices.bench import Bench
    from funcnodes.devices.benchfile import BenchConfig, BenchFile

    if file is None:
        config = BenchConfig("device", devices={"device": await _identified(settings, target)})
    else:
        whole = BenchFile.load(file).usable
        Bench(whole).device(target)  # says which there are
        config = BenchConfig(whole.name, devices={target: whole.devices[target]}, allow=whole.allow)
    return Bench(config, lock_dir=locks(settings), owner=OWNER)


async def _identified(settings: "Settings", address: str) -> "DeviceConfig":
    from funcnodes.devices import discovery
    from funcnodes.devices.addresses import parse
    from funcnodes.devices.benchfile import DeviceConfig

    parsed = parse(address)
    if parsed.kind == "replay":
        return DeviceConfig("device", "auto", address)
    found = await discovery.identify(parsed, locks=locks(settings), owner=OWNER)
    known = found.driver or ("scpi" if parsed.kind != "modbus" else "auto")
    return DeviceConfig("device", known, address, options=found.options)
