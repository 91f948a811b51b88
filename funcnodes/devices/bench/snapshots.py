"""How every device of a bench is set and what it reads: taken by asking, kept, compared.

Guarantees that taking one changes nothing, that devices are asked in parallel and each for its
time at most, and that what could not be read is there with its reason. Nothing is ever restored
from one (D2): a comparison says in words what is different, and setting it is up to people.
"""

import asyncio
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, Self

import msgspec

from funcnodes.core import clock, units
from funcnodes.core.values import Quality
from funcnodes.devices.declarations.words import MemberKind, Sample
from funcnodes.devices.device.device import Device
from funcnodes.devices.safety.sources import WatchedSource, sources_of
from funcnodes.durable import write_private
from funcnodes.errors import BenchError, FuncnodesError, UnitError

VERSION = 1
WITHIN_S = 10.0
RELATIVE = 1e-6  # numbers closer than that are the same
_MEASURED: frozenset[MemberKind] = frozenset({"measurement", "record"})


class Taken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One value, or why there is none."""

    kind: MemberKind
    value: bool | int | float | str | None = None
    """None for what was not read, and for a number that the instrument does not have (D3)."""
    unit: str = ""
    quality: Quality = "ok"
    t: float | None = None
    error: str = ""


class DeviceTaken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One device."""

    driver: str
    address: str
    identity: str = ""
    serial: str = ""
    simulated: bool = False
    error: str = ""
    """Why some or all values are missing."""
    values: dict[str, Taken] = {}


class BenchSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A whole bench at one time."""

    version: int
    bench: str
    t: float
    """Seconds since the epoch."""
    devices: dict[str, DeviceTaken]

    def to_json(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=2)

    @classmethod
    def from_json(cls, data: bytes, *, what: str = "the snapshot") -> Self:
        """Read one that was kept.

        Raises:
            BenchError: It is none, or of a version that is not known here.
        """
        try:
            version = msgspec.json.decode(data, type=_Version).version
            if version != VERSION:
                raise BenchError(
                    f"{what} has version {version} of snapshots; this funcnodes knows {VERSION}."
                )
            return msgspec.json.decode(data, type=cls)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BenchError(f"{what} is no snapshot of a bench: {error}.") from error

    def save(self, path: Path) -> None:
        """Keep it; raises BenchError where it cannot be written."""
        try:
            write_private(path, self.to_json() + b"\n")
        except OSError as error:
            raise BenchError(f"{path} cannot be written: {error.strerror}.") from error

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file; raises BenchError where it is missing or no snapshot."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BenchError(f"{path} cannot be read: {error.strerror}.") from error
        return cls.from_json(data, what=str(path))


class _Version(msgspec.Struct):
    version: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs."""

    device: str
    member: str
    """"" where it is about the device as a whole."""
    kind: MemberKind | Literal[""]
    text: str
    """In words, with units: "smu.voltage: 250 mV, then 500 mV"."""


async def take_snapshot(
    bench: str, devices: Iterable[Device], *, within_s: float = WITHIN_S
) -> BenchSnapshot:
    """Ask each device for all that it can tell. Never raises for a device.

    Args:
        within_s: Time for each device, all being asked at once; what is left then is missing.
    """
    chosen = list(devices)
    taken = await asyncio.gather(*(_take(device, within_s) for device in chosen))
    found = {device.name: each for device, each in zip(chosen, taken, strict=True)}
    return BenchSnapshot(version=VERSION, bench=bench, t=clock.now(), devices=found)


async def _take(device: Device, within_s: float) -> DeviceTaken:
    values: dict[str, Taken] = {}
    error = ""
    try:
        async with asyncio.timeout(within_s):
            await _read_all(device, values)
    except TimeoutError:
        error = f"{device.name} did not tell everything in {within_s:g} s."
    if not device.is_online and not any(taken.t is not None for taken in values.values()):
        error = f"{device.name} is not reached: {device.message}"
        values.clear()
    return DeviceTaken(
        driver=device.driver, address=device.address, serial=device.identity.serial,
        identity=str(device.identity) if device.identity.is_known else "",
        simulated=device.simulated, error=error, values=values,
    )  # fmt: skip


async def _read_all(device: Device, values: dict[str, Taken]) -> None:
    members: dict[str, list[WatchedSource]] = {}
    for source in sources_of(device.name, device.kind):
        members.setdefault(source.member, []).append(source)
    for member, sources in members.items():
        kind = device.member(member).kind
        samples: dict[str, Sample] = {}
        error = ""
        try:
            samples = await device.member_read(member)
        except FuncnodesError as problem:
            error = problem.message
        for source in sources:
            path = source.name.partition(".")[2]
            values[path] = _taken(kind, samples.get(source.field), error)
        if error and device.link is not None and device.link.is_offline:
            return


def _taken(kind: MemberKind, sample: Sample | None, error: str) -> Taken:
    if sample is None:
        return Taken(kind=kind, error=error or "It was not among what came.")
    value = sample.value
    is_number = not isinstance(value, float) or math.isfinite(value)
    return Taken(
        kind=kind, value=value if is_number else None, unit=sample.unit, quality=sample.quality,
        t=sample.t,
    )  # fmt: skip


# ── comparing ─────────────────────────────────────────────────────────────────────────────


def compare(
    before: BenchSnapshot,
    after: BenchSnapshot,
    *,
    measurements: bool = False,
    relative: float = RELATIVE,
) -> list[Difference]:
    """What differs, device by device, in words.

    Args:
        measurements: Compare what was measured too, which hardly ever is the same twice.
        relative: Numbers that are closer than that, relative to the larger, are the same.
    """
    found: list[Difference] = []
    for name in dict.fromkeys([*before.devices, *after.devices]):
        one, other = before.devices.get(name), after.devices.get(name)
        if one is None or other is None:
            text = f"{name} is new." if one is None else f"{name} is missing."
            found.append(Difference(device=name, member="", kind="", text=text))
            continue
        found += _devices(name, one, other)
        for member, kind, text in _values(name, one, other, relative):
            if measurements or kind not in _MEASURED:
                found.append(Difference(device=name, member=member, kind=kind, text=text))
    return found


def _devices(name: str, one: DeviceTaken, other: DeviceTaken) -> Iterator[Difference]:
    for what in ("driver", "identity", "address"):
        old, new = getattr(one, what), getattr(other, what)
        if old != new and old and new:
            text = f"{name}: {what} was {old}, then {new}"
            yield Difference(device=name, member="", kind="", text=text)
    if one.error != other.error:
        text = other.error or f"{name} told everything, which it did not before."
        yield Difference(device=name, member="", kind="", text=text)


def _values(
    name: str, one: DeviceTaken, other: DeviceTaken, relative: float
) -> Iterator[tuple[str, MemberKind, str]]:
    for member in dict.fromkeys([*one.values, *other.values]):
        old, new = one.values.get(member), other.values.get(member)
        known = new or old
        assert known is not None
        if old is None or new is None or not _same(old, new, relative):
            yield member, known.kind, f"{name}.{member}: {_words(old)}, then {_words(new)}"


def _same(old: Taken, new: Taken, relative: float) -> bool:
    if bool(old.error) or bool(new.error):
        return bool(old.error) and bool(new.error)
    if old.quality != new.quality:
        return False
    if not isinstance(old.value, float) or not isinstance(new.value, float):
        return old.value == new.value and old.unit == new.unit
    try:
        there = units.conversion(old.unit, new.unit)(old.value)
    except UnitError:
        return False
    return math.isclose(there, new.value, rel_tol=relative, abs_tol=0.0)


def _words(taken: Taken | None) -> str:
    if taken is None or taken.error:
        return "not read" + (f" ({taken.error.rstrip('.')})" if taken is not None else "")
    if taken.value is None:
        return f"no number ({taken.quality})"
    if isinstance(taken.value, bool):
        return "on" if taken.value else "off"
    if isinstance(taken.value, float):
        return units.text(taken.value, taken.unit, digits=9)
    return f"{taken.value} {taken.unit}".strip()


__all__ = [
    "BenchSnapshot", "DeviceTaken", "Difference", "Taken", "compare", "take_snapshot",
]  # fmt: skip
