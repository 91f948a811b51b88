"""Whether what was read last still speaks of the terminals: not of an output that is off by now.

A reading stays on show after its output was switched off, and looks like a live one. It is told
apart by what its member needs, and by when the output went off. Asks no instrument.
"""

from typing import Any, Protocol

from funcnodes.devices.declarations.controls import Control
from funcnodes.devices.declarations.drivers import Instrument
from funcnodes.devices.declarations.members import Sample
from funcnodes.devices.device.readings import Readings


class Switched(Protocol):
    """What is asked of a device."""

    @property
    def kind(self) -> type[Instrument]: ...
    @property
    def readings(self) -> Readings: ...


def is_switched_off(device: Switched, path: str) -> bool:
    """Whether a reading of that member, or of "record.field", is of an output that is off now."""
    found = _measured(device, path)
    if found is None:
        return False
    member, needs, sample = found
    switches = {needs: device.kind.outputs()[needs]} if needs else _beside(device, member)
    states = [(_is_off(device, each, control), each) for each, control in switches.items()]
    if not states or not all(off for off, _ in states):
        return False
    return bool(needs) or sample.since < max(device.readings.since(each) for _, each in states)


def _measured(device: Switched, path: str) -> tuple[str, str, Sample] | None:
    """The member, the output that it needs or "", and its newest sample; None for no reading."""
    members = dict(device.kind.walk())
    name = path if path in members else path.rpartition(".")[0]
    member, sample = members.get(name), device.readings.newest(path)
    if member is None or sample is None or isinstance(member, Control):
        return None
    needs = f"{_channel(name)}{member.needs}" if member.needs else ""
    if needs not in device.kind.outputs():
        needs = member.needs if member.needs in device.kind.outputs() else ""
    return name, needs, sample


def _beside(device: Switched, member: str) -> dict[str, Control[Any]]:
    """The outputs of the member's own channel, or else all."""
    outputs, channel = device.kind.outputs(), _channel(member)
    own = {path: each for path, each in outputs.items() if channel and path.startswith(channel)}
    return dict(own or outputs)


def _is_off(device: Switched, path: str, control: Control[Any]) -> bool:
    sample = device.readings.newest(path)
    return sample is not None and control.is_off(sample.value)


def _channel(path: str) -> str:
    head, dot, _ = path.rpartition(".")
    return head + dot
