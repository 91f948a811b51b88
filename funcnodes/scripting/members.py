"""Devices of an open bench by attribute: `bench.smu.voltage`, `bench.tc.loop1.setpoint`.

A thin door to `Device`, which checks limits, latch and interlocks; nothing is decided here.
"""

from collections.abc import Callable, Mapping
from typing import Any

from funcnodes.core import units
from funcnodes.devices.declarations.commands import Command
from funcnodes.devices.declarations.members import Member, Sample
from funcnodes.devices.declarations.records import Record
from funcnodes.devices.device.device import Device
from funcnodes.errors import BenchError
from funcnodes.scripting.measured import Measured, measured


class _Names:
    """What has members under a path."""

    def __init__(self, device: Device, path: str = "") -> None:
        self._device = device
        self._path = path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> "ScriptMember | ScriptGroup":
        path = f"{self._path}.{name}" if self._path else name
        paths = {path for path, _ in self._device.members()}
        if path in paths:
            return ScriptMember(self._device, path)
        if any(each.startswith(f"{path}.") for each in paths):
            return ScriptGroup(self._device, path)
        raise UnknownMember(
            f"{self._device.name} has no {path!r}; it has {', '.join(self._own())}.",
            device=self._device.name,
        )

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._own()})

    def _own(self) -> list[str]:
        """The next names under the path, in the order of declaration."""
        start = f"{self._path}." if self._path else ""
        found = (path for path, _ in self._device.members() if path.startswith(start))
        return list(dict.fromkeys(path[len(start) :].partition(".")[0] for path in found))


class UnknownMember(BenchError, AttributeError):
    """A device has no member of that name."""


class ScriptGroup(_Names):
    """A part of a device, such as a channel or a loop."""

    def __repr__(self) -> str:
        return f"<{self._device.name}.{self._path}: {', '.join(self._own())}>"


class ScriptDevice(_Names):
    """A device of an open bench; its members are attributes, or items by name."""

    def __repr__(self) -> str:
        device = self._device
        what = device.identity.model or device.driver
        return f"<{device.name}: {what}, {device.state}; {', '.join(self._own())}>"

    @property
    def device(self) -> Device:
        """The device itself, with all that a bench can do with it."""
        return self._device

    async def query(self, command: str) -> str:
        """Send a question as it is, and give the reply (D5)."""
        return await self._device.query(command)

    async def park(self) -> None:
        """Bring it down in order: ramps first, then off.

        Raises:
            BenchError: It could not be brought down; says why.
        """
        result = await self._device.park()
        if result.state == "failed":
            raise BenchError(f"{result.device} could not be parked: {result.message}")


class ScriptMember:
    """One control, measurement, record or command of a device."""

    def __init__(self, device: Device, path: str) -> None:
        self._device = device
        self._path = path

    def __repr__(self) -> str:
        newest = self._device.newest(self._path)
        told = f", last {measured(newest, self.unit)!r}" if newest is not None else ""
        return f"<{self._device.name}.{self._path}: {self._member.title}{told}>"

    @property
    def unit(self) -> str:
        """The unit of its numbers, "" where it has none."""
        return str(getattr(self._member, "unit", "") or "")

    @property
    def limits(self) -> tuple[float | None, float | None]:
        """Lowest and highest value that may be set, in its unit; None where there is no limit."""
        found = self._device.limits(self._path)
        return (found.low, found.high) if found is not None else (None, None)

    async def get(self) -> Any:
        """Ask the instrument.

        Returns:
            A number as `Measured`, with unit and quality; bool or text as they are; of a record,
            a dictionary of its fields.

        Raises:
            DeviceError: It could not be read.
        """
        samples = await self._device.member_read(self._path)
        values = {name: measured(each, self._unit_of(name)) for name, each in samples.items()}
        return values["value"] if set(values) == {"value"} else values

    async def set(self, value: Any) -> Any:
        """Set it, within limits and along its ramp; `"500 mV"` is read in its unit.

        Returns:
            What it is now.

        Raises:
            LimitError: Outside the limits; nothing was sent.
            RefusedError: An E-STOP or an interlock forbids it.
            DeviceError: The instrument refused it, or could not be reached.
        """
        if isinstance(value, Measured) and value.unit and self.unit:
            value = float(units.conversion(value.unit, self.unit)(float(value)))
        return measured(await self._device.member_set(self._path, value), self.unit)

    async def __call__(self) -> None:
        """Carry out a command of the instrument.

        Raises:
            BenchError: It is no command.
        """
        if not isinstance(self._member, Command):
            raise BenchError(f"{self._device.name}.{self._path} is no command: read or set it.")
        await self._device.member_command(self._path)

    def watch(
        self, told: Callable[[Mapping[str, Sample]], None], *, every_s: float = 1.0
    ) -> Callable[[], None]:
        """Call `told(samples)` with each reading; however many watch, it is read once.

        Returns:
            Call it to end that.
        """

        def heard(found: Any) -> None:
            if isinstance(found, Mapping):
                told(found)

        _, forget = self._device.watch(self._path, heard, period_s=every_s)
        return forget

    @property
    def _member(self) -> Member:
        return self._device.member(self._path)

    def _unit_of(self, name: str) -> str:
        member = self._member
        if isinstance(member, Record):
            return next((each.unit for each in member.fields if each.name == name), "")
        return self.unit
