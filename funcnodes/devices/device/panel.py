"""What a panel shows of a device: every member with its newest value, read from nothing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from funcnodes.core.types import Range
from funcnodes.core.values import Quality
from funcnodes.devices.benchfile import DeviceConfig
from funcnodes.devices.declarations.drivers import Instrument, describe_member
from funcnodes.devices.declarations.members import Member, MemberKind, Progress, Sample
from funcnodes.devices.declarations.records import Record
from funcnodes.devices.declarations.values import Value
from funcnodes.devices.messages.replies import Identity


class Displayed(Protocol):
    """What a panel needs of a device."""

    @property
    def kind(self) -> type[Instrument]: ...
    @property
    def ramps(self) -> Mapping[str, Progress]: ...
    @property
    def name(self) -> str: ...
    @property
    def driver(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def identity(self) -> Identity: ...
    @property
    def simulated(self) -> bool: ...
    @property
    def replayed(self) -> bool: ...
    @property
    def state(self) -> str: ...
    @property
    def output_on(self) -> bool | None: ...
    @property
    def config(self) -> DeviceConfig: ...
    def members(self) -> Iterator[tuple[str, Member]]: ...
    def newest(self, member: str) -> Sample | None: ...
    def limits(self, member: str) -> Range | None: ...


@dataclass(frozen=True, slots=True)
class Parameter:
    """A declared member with its newest value, as panels show it.

    A record appears once per field, named "reading.v".
    """

    name: str
    title: str
    kind: MemberKind
    unit: str = ""
    min: float | None = None
    max: float | None = None
    value: Any = None
    """None while nothing was read."""
    doc: str = ""
    quality: Quality = "ok"
    t: float | None = None
    options: tuple[Any, ...] = ()
    ramp: Progress | None = None
    """How far its ramp has come, while it is on one."""


def parameters(device: Displayed) -> list[Parameter]:
    """Every declared member of a device; a record once per field."""
    return [each for path, member in device.members() for each in _shown(device, path, member)]


def snapshot(device: Displayed, readings: Iterable[tuple[str, Sample]]) -> dict[str, Any]:
    """Identity and newest values, JSON-ready."""
    due = device.config.calibration_due
    return {
        "name": device.name,
        "driver": device.driver,
        "address": device.address,
        "identity": str(device.identity) if device.identity.is_known else "",
        "serial": device.identity.serial,
        "simulated": device.simulated,
        "replayed": device.replayed,
        "state": device.state,
        "output_on": device.output_on,
        **({"calibration_due": due.isoformat()} if due is not None else {}),
        "parameters": {
            name: {"value": s.value, "unit": s.unit, "quality": s.quality, "t": s.t}
            for name, s in readings
        },
    }


def _shown(device: Displayed, path: str, member: Member) -> Iterator[Parameter]:
    doc = describe_member(member, device.kind.spec.manual)
    if isinstance(member, Record):
        for field in member.fields:
            name = f"{path}.{field.name}"
            yield _valued(device, name, field.title, member.kind, field.unit, doc)
    elif isinstance(member, Value):
        title = _title(device, path, member)
        yield _valued(device, path, title, member.kind, member.unit, doc, member.options)
    else:
        yield Parameter(path, _title(device, path, member), member.kind, doc=doc)


def _valued(
    device: Displayed, path: str, title: str, kind: MemberKind, unit: str, doc: str,
    options: tuple[Any, ...] = (),
) -> Parameter:  # fmt: skip
    sample = device.newest(path)
    limits = device.limits(path) or Range()
    return Parameter(
        path, title, kind, unit, limits.low, limits.high,
        sample.value if sample else None, doc,
        sample.quality if sample else "ok", sample.t if sample else None, options,
        device.ramps.get(path),
    )  # fmt: skip


def _title(device: Displayed, path: str, member: Member) -> str:
    """A member's title, with its channel's in front."""
    head, dot, _ = path.partition(".")
    if not dot:
        return member.title
    return f"{device.kind.channels[head].title or head}: {member.title.lower()}"
