"""What a device gets from the bench that it stands on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from funcnodes.devices.addresses.forms import AllowList
from funcnodes.devices.addresses.lease import Leases
from funcnodes.devices.benchfile.file import Cause, SafeAction
from funcnodes.devices.declarations.members import Sample
from funcnodes.devices.device.kept import OutageNotice
from funcnodes.devices.estop.latch import Latch
from funcnodes.devices.transports.choose import MakeTransport


@dataclass(frozen=True, slots=True)
class Write:
    """Something that is about to be written to a device.

    Attributes:
        member: Full name of the control, setting or command.
        value: What it is set to, a choice by its label; None for a command.
        is_safety: Whether it is part of making the device safe.
    """

    device: str
    member: str
    value: Any = None
    is_safety: bool = False


@dataclass(frozen=True, slots=True)
class Rack:
    """What a device gets from the bench that it stands on.

    Attributes:
        latch: The E-STOP latch, which refuses writes.
        allow: Hosts that may be opened.
        leases: Where its address is taken, None to take none.
        actions: What the bench does for each cause, unless the device says otherwise.
        written: Called before each write to it.
        changed: Called with its name after its state or a value of it changed.
        told: Called with what became known of it after an outage.
        make_transport: Opens nothing yet: the channel to an address.
        refusal: Why writes to that device's member are refused just now, by an interlock say,
            or "".
        mark: Awaited with its name before each write that does not make it safe.
        heard: Called with its name, a member and its sample, as that is read or set.
    """

    latch: Latch
    allow: AllowList
    leases: Leases | None
    actions: dict[Cause, SafeAction]
    written: Callable[[Write], None]
    changed: Callable[[str], None]
    told: Callable[[OutageNotice], None]
    make_transport: MakeTransport
    refusal: Callable[[str, str], str]
    mark: Callable[[str], Awaitable[None]]
    heard: Callable[[str, str, Sample], None] = lambda *_: None
