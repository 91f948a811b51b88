"""Devices of an open bench by attribute: `bench.smu.voltage`, `bench.tc.loop1.setpoint`.

A thin door to the device, which checks limits, latch and interlocks; nothing is decided here.
"""

from collections.abc import Callable, Mapping
from typing import Any

from funcnodes.core import units
from funcnodes.devices.declarations.members import Sample
from funcnodes.devices.device.device import Device
from funcnodes.errors import BenchError
from funcnodes.scripting.measured import Measured, measured
from funcnodes.scripting.reach import DeviceReach, LocalReach


class _Names:
    """What has members under a path."""

    def __init__(self, reach: DeviceReach, path: str = "") -> None:
        self._reach = reach
        self._path = path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> "ScriptMember | ScriptGroup":
        path = f"{self._path}.{name}" if self._path else name
        paths = set(self._reach.paths())
        if path in paths:
            return ScriptMember(self._reach, path)
        if any(each.startswith(f"{path}.") for each in paths):
            return ScriptGroup(self._reach, path)
        raise UnknownMember(
            f"{self._reach.name} has no {path!r}; it has {', '.join(self._own())}.",
            device=self._reach.name,
        )

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._own()})

    def _own(self) -> list[str]:
        """The next names under the path, in the order of declaration."""
        start = f"{self._path}." if self._path else ""
        found = (path for path in self._reach.paths() if path.startswith(start))
        return list(dict.fromkeys(path[len(start) :].partition(".")[0] for path in found))


class UnknownMember(BenchError, AttributeError):
    """A device has no member of that name."""


class ScriptGroup(_Names):
    """A part of a device, such as a channel or a loop."""

    def __repr__(self) -> str:
        return f"<{self._reach.name}.{self._path}: {', '.join(self._own())}>"


class ScriptDevice(_Names):
    """A device of an open bench; its members are attributes, or items by name."""

    def __repr__(self) -> str:
        reach = self._reach
        return f"<{reach.name}: {reach.model}, {reach.state}; {', '.join(self._own())}>"

    def _repr_html_(self) -> str:
        from funcnodes.scripting.shown import device_html

        return device_html(self._reach)

    @property
    def device(self) -> Device:
        """The device itself, with all that a bench can do with it.

        Raises:
            BenchError: It is a worker's.
        """
        if not isinstance(self._reach, LocalReach):
            raise BenchError(f"{self._reach.name} is a worker's: use its members.")
        return self._reach.device

    async def query(self, command: str) -> str:
        """Send a question as it is, and give the reply (D5)."""
        return await self._reach.query(command)

    async def park(self) -> None:
        """Bring it down in order: ramps first, then off.

        Raises:
            BenchError: It could not be brought down; says why.
        """
        await self._reach.park()


class ScriptMember:
    """One control, measurement, record or command of a device."""

    def __init__(self, reach: DeviceReach, path: str) -> None:
        self._reach = reach
        self._path = path

    def __repr__(self) -> str:
        newest = self._reach.newest(self._path)
        told = f", last {measured(newest, self.unit)!r}" if newest is not None else ""
        return f"<{self._reach.name}.{self._path}: {self._reach.title(self._path)}{told}>"

    @property
    def unit(self) -> str:
        """The unit of its numbers, "" where it has none."""
        return self._reach.unit(self._path)

    @property
    def limits(self) -> tuple[float | None, float | None]:
        """Lowest and highest value that may be set, in its unit; None where there is no limit."""
        found = self._reach.limits(self._path)
        return (found.low, found.high) if found is not None else (None, None)

    async def get(self) -> Any:
        """Ask the instrument.

        Returns:
            A number as `Measured`, with unit and quality; bool or text as they are; of a record,
            a dictionary of its fields.

        Raises:
            DeviceError: It could not be read.
        """
        samples = await self._reach.read(self._path)
        values = {
            name: measured(each, self._reach.unit(self._path, name))
            for name, each in samples.items()
        }
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
        return measured(await self._reach.set(self._path, value), self.unit)

    async def __call__(self) -> None:
        """Carry out a command of the instrument.

        Raises:
            BenchError: It is no command.
        """
        if not self._reach.is_command(self._path):
            raise BenchError(f"{self._reach.name}.{self._path} is no command: read or set it.")
        await self._reach.do(self._path)

    def watch(
        self, told: Callable[[Mapping[str, Sample]], None], *, every_s: float = 1.0
    ) -> Callable[[], None]:
        """Call `told(samples)` with each reading; however many watch, it is read once.

        Returns:
            Call it to end that.
        """
        return self._reach.watch(self._path, told, every_s)
