"""Whether what was read last still speaks of the terminals, or its output was switched since.

A reading stays on show after its output was switched off, and looks like a live one; so it does
when the output is on again and nobody has read anew. It is told apart by what its member needs,
and by when the output was switched last. Asks no instrument.
"""

from typing import Any, Literal, Protocol

from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.drivers import Instrument
from funcnodes.devices.declarations.members import Member, Sample
from funcnodes.devices.device.readings import Readings

Declared = tuple[dict[str, Member], dict[str, Control[Any]]]
_declared: dict[type, Declared] = {}  # by driver


class Switched(Protocol):
    """What is asked of a device."""

    @property
    def kind(self) -> type[Instrument]: ...
    @property
    def readings(self) -> Readings: ...


def switched_since(device: Switched, path: str) -> Literal["", "off", "on"]:
    """How the output was switched since that member, or "record.field", was read last.

    Returns:
        "off": the output is off, and was switched so since, or the member needs it on. "on": it is
        on again, the reading is of before. "": the reading is of the present state.
    """
    found = _measured(device, path)
    if found is None:
        return ""
    member, needs, sample = found
    switches = {needs: declared(device.kind)[1][needs]} if needs else _beside(device, member)
    if not switches:
        return ""
    is_off = all(_is_off(device, each, control) for each, control in switches.items())
    is_older = sample.since < max(device.readings.since(each) for each in switches)
    if is_off:
        return "off" if needs or is_older else ""
    return "on" if is_older else ""


def _measured(device: Switched, path: str) -> tuple[str, str, Sample] | None:
    """The member, the output that it needs or "", and its newest sample; None for no reading."""
    members, outputs = declared(device.kind)
    name = path if path in members else path.rpartition(".")[0]
    member, sample = members.get(name), device.readings.newest(path)
    if member is None or sample is None or isinstance(member, Control):
        return None
    needs = f"{_channel(name)}{member.needs}" if member.needs else ""
    if needs not in outputs:
        needs = member.needs if member.needs in outputs else ""
    return name, needs, sample


def _beside(device: Switched, member: str) -> dict[str, Control[Any]]:
    """The outputs of the member's own channel, or else all."""
    outputs, channel = declared(device.kind)[1], _channel(member)
    own = {path: each for path, each in outputs.items() if channel and path.startswith(channel)}
    return dict(own or outputs)


def declared(kind: type[Instrument]) -> Declared:
    """A driver's members and outputs by full name; asked for with every patch."""
    found = _declared.get(kind)
    if found is None:
        found = _declared[kind] = dict(kind.walk()), dict(kind.outputs())
    return found


def _is_off(device: Switched, path: str, control: Control[Any]) -> bool:
    sample = device.readings.newest(path)
    return sample is not None and control.is_off(sample.value)


def _channel(path: str) -> str:
    head, dot, _ = path.rpartition(".")
    return head + dot
