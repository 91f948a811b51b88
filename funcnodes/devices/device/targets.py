"""A device as another process needs it to make it safe: rendered bytes, and where they go."""

from funcnodes.devices.addresses.forms import Address, AllowList
from funcnodes.devices.declarations.drivers import DriverSpec
from funcnodes.devices.estop.emergency import Target
from funcnodes.devices.link.introduction import wakes_s
from funcnodes.devices.messages.replies import Identity
from funcnodes.devices.transports.choose import MakeTransport
from funcnodes.errors import AddressError


def target_of(
    device: str,
    spec: DriverSpec,
    address: Address,
    identity: Identity,
    make_transport: MakeTransport,
    allow: AllowList,
) -> Target | None:
    """What another process needs to make a device safe; None where it has no emergency bytes.

    A simulator in this process's memory, or a recording, cannot be reached from another one.
    """
    messages, protocol = spec.emergency_pieces(), spec.protocol
    if not messages or address.kind in ("memory", "replay"):
        return None
    try:
        channel = make_transport(address, protocol, allow)
    except AddressError:  # it is on a line that others want otherwise: it never was opened
        return None
    pieces = [piece for message in messages for piece in channel.on_line(message)]
    speaks_lines = protocol.identify and not protocol.framing
    question = speaks_lines and f"{protocol.eol}{protocol.identify}{protocol.eol}"
    ask = channel.on_line(question.encode("ascii")) if question else []
    return Target(
        device=device, address=address.resource, transport=_opened_as(address),
        data=pieces[0], more=pieces[1:], gap_s=protocol.gap_s, ask=ask[0] if ask else b"",
        reply_eol=protocol.reply_eol, reply_start=protocol.from_unit.format(unit=address.unit),
        idn=str(identity) if identity.is_known else "", serial=identity.serial,
        line=protocol.serial, encoding=protocol.encoding, wait_s=wakes_s(protocol),
    )  # fmt: skip


def _opened_as(address: Address) -> str:
    """What another process opens: for an instrument on a bus, the bus's own channel."""
    if not address.is_on_bus:
        return address.kind
    return "serial" if address.path else "tcp"
