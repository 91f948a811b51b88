"""Which transport opens an address."""

from funcnodes.devices.addresses import Address, AllowList
from funcnodes.devices.transports.base import Transport
from funcnodes.devices.transports.serial import SerialTransport
from funcnodes.devices.transports.tcp import TcpTransport
from funcnodes.devices.transports.visa import VisaTransport
from funcnodes.devices.wire import Protocol


def transport_for(address: Address, protocol: Protocol, allow: AllowList) -> Transport:
    """The native transport where there is one, else pyvisa."""
    match address.kind:
        case "tcp":
            return TcpTransport(address, allow)
        case "serial":
            return SerialTransport(address, protocol.serial)
    return VisaTransport(address, allow=allow, serial=protocol.serial)
