"""Devices for a command: opened under the locks that workers take, and let go of."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from funcnodes.devices.bench import Bench
    from funcnodes.settings import Settings

OWNER = "command line"

BenchFile = Annotated[
    Path, typer.Option("--bench", help="Bench file whose devices are meant.", metavar="FILE")
]
SomeBench = Annotated[
    Path | None, typer.Option("--bench", help="Bench file that has the device.", metavar="FILE")
]


def locks(settings: "Settings") -> Path:
    """Where leases are kept."""
    return settings.run_dir / "locks"


@asynccontextmanager
async def opened(settings: "Settings", file: Path) -> AsyncIterator["Bench"]:
    """The bench of a file, connected within the block."""
    from funcnodes.devices.bench import Bench

    async with Bench.load(file, lock_dir=locks(settings), owner=OWNER) as bench:
        yield bench


async def with_device(settings: "Settings", target: str, file: Path | None, act: Any) -> Any:
    """Connect to one device, do something with it, let go of it."""
    bench = bench_with(settings, target, file)
    (device,) = bench.devices.values()
    try:
        await device.connect()
        result: Awaitable[Any] = act(device)
        return await result
    finally:
        await bench.close()


def bench_with(settings: "Settings", target: str, file: Path | None) -> "Bench":
    """A bench of one device, not connected yet.

    Args:
        target: An address; with `file` the name of a device in it.
    """
    from funcnodes.devices.bench import Bench
    from funcnodes.devices.benchfile import BenchConfig, BenchFile, DeviceConfig

    if file is None:
        config = BenchConfig("device", devices={"device": DeviceConfig("device", "auto", target)})
    else:
        whole = BenchFile.load(file).config
        Bench(whole).device(target)  # says which there are
        config = BenchConfig(whole.name, devices={target: whole.devices[target]}, allow=whole.allow)
    return Bench(config, lock_dir=locks(settings), owner=OWNER)
