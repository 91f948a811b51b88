"""What a device is asked to be or become, looked at without changing it.

Whether who answers is who the bench wants, what a text means as a number, and whether a value is on
the way down. Says so or raises; writes nothing.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from funcnodes.core import units
from funcnodes.devices.addresses.forms import Address
from funcnodes.devices.benchfile.file import DeviceConfig
from funcnodes.devices.declarations.controls import BoundControl, Control
from funcnodes.devices.declarations.drivers import DriverSpec, Instrument
from funcnodes.devices.declarations.members import refusal
from funcnodes.devices.device.descent import is_number, lies_between
from funcnodes.devices.estop.latch import Latch, StopAck
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.replies import Identity
from funcnodes.errors import BenchError, DeviceError, IdentityError, UnitError


def check_identity(identity: Identity, spec: DriverSpec, config: DeviceConfig) -> None:
    """Whether the driver is made for who answers, and the bench wants this very one.

    Raises:
        IdentityError: It is another.
    """
    if spec.match is not None and not spec.match.fits(identity):
        raise IdentityError(
            f"{config.name}: {_named(identity)} answers, for which the driver {spec.name} is not "
            f"made: {spec.match.unlike(identity)}.",
            hint="Check the address, or name another driver in the bench file.",
        )
    if config.serial and identity.serial != config.serial:
        raise IdentityError(
            f"{config.name}: {_named(identity)} with serial number {identity.serial or '(none)'} "
            f"answers, the bench asks for {config.serial}."
        )


def _named(identity: Identity) -> str:
    return " ".join(filter(None, (identity.maker, identity.model)))


def spec_at(address: Address, spec: DriverSpec, config: DeviceConfig) -> DriverSpec:
    """How a driver speaks, but for what address and bench file say otherwise.

    Raises:
        AddressError: Its driver has no use for that.
    """
    protocol = spec.protocol.at(address)
    if config.timeout_s is not None:
        protocol = replace(protocol, timeout_s=config.timeout_s)
    return replace(spec, protocol=protocol)


def in_unit(who: str, text: str, member: Control[Any]) -> float:
    """A text as a number in a control's unit.

    Raises:
        ValueRefusedError: It is none.
    """
    try:
        return units.parse(text, member.unit)
    except UnitError as error:
        shown, said = replies.shown(text), error.message.rstrip(".")
        why = said if said.startswith(shown) else f"{shown} is no number in {member.unit}: {said}"
        raise refusal(who, member.title, why) from error


async def leads_down(bound: BoundControl[Any], value: Any) -> bool:
    """Whether a number is on the way from where the instrument is to its safe state (S3a)."""
    if not is_number(value):
        return False
    with suppress(DeviceError):  # where it is is not known
        now = (await bound.sample()).value
        ends = [end for end in (bound.member.park, bound.member.safe) if is_number(end)]
        return is_number(now) and any(lies_between(value, now, end) for end in ends)
    return False


def no_member(who: str, kind: type[Instrument], member: str, unusable: str) -> BenchError:
    """The error that there is no such member, or nothing known of any."""
    known = ", ".join(path for path, _ in kind.walk()) or "none"
    text = f"{who} ({kind.spec.title}) has no member {member!r}; it has {known}."
    if unusable:
        text = f"{who} cannot be used: {unusable}"
    return BenchError(text, device=who, member=member)


def not_a(who: str, member: str, what: str) -> BenchError:
    """The error that a member is of another kind."""
    return BenchError(f"{who}.{member} is no {what}.", device=who, member=member)


def stop_of(latch: Latch, device: str) -> StopAck | None:
    """What became of a device at the E-STOP that is still latched."""
    state = latch.state
    if not state.latched:
        return None
    return next((ack for ack in state.acks if ack.device == device), None)
