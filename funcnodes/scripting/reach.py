"""How a script reaches a device: in this process, or through the worker that owns it.

A reach decides nothing: limits, latch and interlocks are the device's own, wherever it is.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from funcnodes.core.types import Range
from funcnodes.devices.declarations.commands import Command
from funcnodes.devices.declarations.members import Sample
from funcnodes.devices.declarations.records import Record
from funcnodes.devices.device.device import Device
from funcnodes.errors import BenchError


class DeviceReach(Protocol):
    """What a script can do with one device."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str:
        """What it is, for people."""

    @property
    def state(self) -> str: ...

    def paths(self) -> Iterator[str]:
        """Full names of its members, in the order of declaration."""

    def title(self, path: str) -> str: ...

    def unit(self, path: str, field: str = "") -> str:
        """The unit of a member, or of a field of a record; "" where it has none."""

    def is_command(self, path: str) -> bool: ...

    def limits(self, path: str) -> Range | None: ...

    def newest(self, path: str) -> Sample | None:
        """What it read last, as far as that is known here."""

    async def read(self, path: str) -> Mapping[str, Sample]: ...

    async def set(self, path: str, value: Any) -> Sample: ...

    async def do(self, path: str) -> None: ...

    async def query(self, command: str) -> str: ...

    async def park(self) -> None:
        """Raises BenchError where it could not be brought down."""

    def watch(
        self, path: str, told: Callable[[Mapping[str, Sample]], None], every_s: float
    ) -> Callable[[], None]: ...


class LocalReach:
    """A device of this process."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.name = device.name

    @property
    def model(self) -> str:
        return self.device.identity.model or self.device.driver

    @property
    def state(self) -> str:
        return self.device.state

    def paths(self) -> Iterator[str]:
        return (path for path, _ in self.device.members())

    def title(self, path: str) -> str:
        return self.device.member(path).title

    def unit(self, path: str, field: str = "") -> str:
        member = self.device.member(path)
        if isinstance(member, Record):
            return next((each.unit for each in member.fields if each.name == field), "")
        return str(getattr(member, "unit", "") or "")

    def is_command(self, path: str) -> bool:
        return isinstance(self.device.member(path), Command)

    def limits(self, path: str) -> Range | None:
        return self.device.limits(path)

    def newest(self, path: str) -> Sample | None:
        return self.device.newest(path)

    async def read(self, path: str) -> Mapping[str, Sample]:
        return await self.device.member_read(path)

    async def set(self, path: str, value: Any) -> Sample:
        return await self.device.member_set(path, value)

    async def do(self, path: str) -> None:
        await self.device.member_command(path)

    async def query(self, command: str) -> str:
        return await self.device.query(command)

    async def park(self) -> None:
        result = await self.device.park()
        if result.state == "failed":
            raise BenchError(f"{result.device} could not be parked: {result.message}")

    def watch(
        self, path: str, told: Callable[[Mapping[str, Sample]], None], every_s: float
    ) -> Callable[[], None]:
        def heard(found: Any) -> None:
            if isinstance(found, Mapping):
                told(found)

        _, forget = self.device.watch(path, heard, period_s=every_s)
        return forget
