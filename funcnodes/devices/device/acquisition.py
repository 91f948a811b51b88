"""Acquiring with several instruments at once: arm all, trigger all, then fetch from all.

What takes part is declared: commands by `arm` and `trigger`, and whatever is read with
`role="fetch"`. Nothing is triggered before every instrument is armed; triggers are written to all
at the same time, each on its own line. One instrument is the simplest case of several.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any, TypeVar

from funcnodes.core import clock
from funcnodes.devices.declarations.members import AcquisitionRole, Member, Sample
from funcnodes.devices.declarations.values import BoundValue
from funcnodes.devices.device.device import Device
from funcnodes.errors import BenchError, DeviceTimeout

T = TypeVar("T")
LOOK_S = 0.01
WITHIN_S = 10.0
Fetched = dict[str, dict[str, Sample]]


def members_of(device: Device, role: AcquisitionRole) -> Iterator[tuple[str, Member]]:
    """What a device's driver declares for a part of an acquisition, by full name."""
    return ((path, member) for path, member in device.members() if member.role == role)


async def acquire(devices: Iterable[Device], *, within_s: float = WITHIN_S) -> dict[str, Fetched]:
    """Arm, trigger and fetch from several devices together.

    Args:
        within_s: Time for each until what it was armed for can be fetched.

    Returns:
        By device, then by member: its samples. Members that need something which is off are
        left out.

    Raises:
        BenchError: A device has nothing to fetch.
        DeviceError: One could not be armed, triggered or fetched from. Where arming failed,
            nothing was triggered.
        RefusedError: Stopped by E-STOP.
    """
    chosen = list(devices)
    for device in chosen:
        if next(members_of(device, "fetch"), None) is None:
            raise BenchError(f"{device.name} ({device.kind.spec.title}) has nothing to fetch.")
    await _all(chosen, "arm")
    await _all(chosen, "trigger")
    found = await _together(*(_fetched(device, within_s) for device in chosen))
    return dict(zip((device.name for device in chosen), found, strict=True))


async def _all(devices: Iterable[Device], role: AcquisitionRole) -> None:
    commands = [(device, path) for device in devices for path, _ in members_of(device, role)]
    await _together(*(device.member_command(path) for device, path in commands))


async def _together(*work: Coroutine[Any, Any, T]) -> list[T]:
    """Run all at the same time; the first error ends the others and is raised as it is."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _fetched(device: Device, within_s: float) -> Fetched:
    found: Fetched = {}
    for path, member in members_of(device, "fetch"):
        if await _is_wanted(device, path, member):
            await _ready(device, member, within_s)
            found[path] = await device.member_read(path)
    return found


async def _is_wanted(device: Device, path: str, member: Member) -> bool:
    """Whether what it needs is on, a channel that is shown for instance."""
    if not member.needs:
        return True
    channel, dot, _ = path.rpartition(".")
    bound = device.instrument.find(f"{channel}{dot}{member.needs}")
    return await bound.is_on()


async def _ready(device: Device, member: Member, within_s: float) -> None:
    """Wait until the device says that what it was armed for is there."""
    if member.ready is None:
        return
    name, wanted = member.ready
    bound = device.instrument.find(name)
    assert isinstance(bound, BoundValue)
    deadline = clock.monotonic() + within_s
    while (await bound.sample()).value != bound.member.label(wanted):
        if clock.monotonic() > deadline:
            raise DeviceTimeout(
                f"{device.name} ({device.address}): {bound.title.lower()} was not "
                f"{bound.member.text(wanted)} in {within_s:.1f} s after it was armed.",
                device=device.name,
                address=device.address,
            )
        await clock.sleep(LOOK_S)
