"""What can be watched on a bench: a member that is read, or one field of a record.

`find_source` judges a text such as "tc.a.kelvin" or "smu.reading.i" by the drivers' declarations,
so that a wrong name or unit is refused before anything is opened.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from funcnodes.core import units
from funcnodes.devices.declarations.drivers import ANYTHING, Instrument, NoDriver
from funcnodes.devices.declarations.records import Record
from funcnodes.devices.declarations.words import Sample, Value
from funcnodes.errors import BenchError, UnitError

Kinds = Mapping[str, type[Instrument]]
_PLAIN = (bool, int, float, str)
_ON, _OFF = {"on", "true", "1"}, {"off", "false", "0"}


@dataclass(frozen=True, slots=True)
class WatchedSource:
    """One value on a bench.

    Attributes:
        name: In full, "smu.reading.i".
        device: "smu".
        member: What is read for it, "reading".
        field: Its name within the record, or "value".
        type: bool, int, float or str.
        unit: Of a number, or "".
        choices: The only values there are, or ().
        timeout_s: How long one reading of it may take.
    """

    name: str
    device: str
    member: str
    field: str
    type: type
    unit: str = ""
    choices: tuple[Any, ...] = ()
    timeout_s: float = 0.0

    @property
    def is_number(self) -> bool:
        return self.type in (int, float) and not self.choices

    def number(self, value: float | str) -> float:
        """A limit in the source's unit.

        Raises:
            BenchError: It is no number, or its unit is of another dimension.
        """
        if not self.is_number:
            raise BenchError(f"{self.name} is no number.")
        if not isinstance(value, str):
            return float(value)
        try:
            return units.parse(value, self.unit)
        except UnitError as error:
            raise BenchError(f"{self.name}: {error.message}") from error

    def value(self, text: str) -> Any:
        """What a text means as a value of the source.

        Raises:
            BenchError: The source never has such a value.
        """
        if self.is_number:
            return self.number(text)
        word = text.strip().lower()
        if self.choices:
            for choice in self.choices:
                if str(choice).lower() == word:
                    return choice
            known = ", ".join(str(choice) for choice in self.choices)
            raise BenchError(f"{self.name} is never {text!r}; it is one of {known}.")
        if self.type is bool:
            if word not in _ON | _OFF:
                raise BenchError(f"{self.name} is on or off, never {text!r}.")
            return word in _ON
        return text

    def shown(self, value: Any) -> str:
        """A value of it for people: "325.2 K", "on"."""
        if isinstance(value, bool):
            return "on" if value else "off"
        if isinstance(value, float):
            return units.text(value, self.unit, digits=6)
        return f"{value} {self.unit}".strip()


class UnknownSource(WatchedSource):
    """A value of a device whose driver cannot be loaded: it may be of any kind, and is lost."""

    @property
    def is_number(self) -> bool:
        return True

    def number(self, value: float | str) -> float:
        return math.nan

    def value(self, text: str) -> Any:
        return text

    def shown(self, value: Any) -> str:
        return str(value)


@dataclass(frozen=True, slots=True)
class Observation:
    """What is known of a source just now.

    Attributes:
        sample: The newest value, None where there is none.
        why: Why there is none, in words.
        rests: There is none because it cannot be asked now, such as a reading while the output
            is off; not a failure.
    """

    source: WatchedSource
    sample: Sample | None = None
    why: str = ""
    rests: bool = False

    @property
    def value(self) -> Any:
        """The value; None where there is none that could be compared (NaN is no number, D3)."""
        if self.sample is None or self.sample.value != self.sample.value:
            return None
        return self.sample.value

    @property
    def text(self) -> str:
        """In words: "tc.a.kelvin is 325.2 K"."""
        if self.sample is None:
            known = "known" if self.source.member else "reached"
            return f"{self.source.name} is not {known}: {self.why.rstrip('.')}"
        if self.value is None:
            return f"{self.source.name} is no number ({self.sample.quality})"
        return f"{self.source.name} is {self.source.shown(self.value)}"


def device_source(kinds: Kinds, device: str) -> WatchedSource:
    """The source that tells whether a device is reached: on while it is.

    Raises:
        BenchError: There is no such device.
    """
    if device not in kinds:
        raise BenchError(f"there is no device {device!r}; there is {_listed(kinds)}.")
    return WatchedSource(device, device, "", "value", bool)


def find_source(kinds: Kinds, text: str) -> WatchedSource:
    """The source of that name.

    Args:
        kinds: The drivers' classes by device.

    Raises:
        BenchError: There is no such device, or it has no such member that can be read.
    """
    device, _, path = text.partition(".")
    kind = kinds.get(device)
    if kind is None:
        raise BenchError(f"{text!r}: there is no device {device!r}; there is {_listed(kinds)}.")
    if issubclass(kind, NoDriver):
        return UnknownSource(text, device, "", "value", bool)
    found = {source.name: source for source in sources_of(device, kind)}
    if text not in found:
        if kind is ANYTHING:
            raise BenchError(f'{text!r}: {device} has driver = "auto"; name its driver.')
        known = _listed(name.partition(".")[2] for name in found)
        raise BenchError(f"{text!r}: {device} has nothing to read named {path!r}; it has {known}.")
    return found[text]


def sources_of(device: str, kind: type[Instrument]) -> list[WatchedSource]:
    """All that can be read of a device, in the order of declaration."""
    found = []
    for path, member in kind.walk():
        name, timeout_s = f"{device}.{path}", member.timeout_s or kind.spec.protocol.timeout_s
        if isinstance(member, Record):
            found += [
                WatchedSource(
                    f"{name}.{each.name}", device, path, each.name,
                    int if each.status else float, each.unit, timeout_s=timeout_s,
                )
                for each in member.fields
            ]  # fmt: skip
        elif isinstance(member, Value) and (member.options or member.type in _PLAIN):
            kept = member.type if member.type in _PLAIN else str  # an enum is held by its label
            found.append(
                WatchedSource(
                    name, device, path, "value", kept, member.unit, member.options, timeout_s
                )
            )
    return found


def _listed(names: Any) -> str:
    return ", ".join(names) or "none"
