"""Which transport opens an address."""

from collections.abc import Mapping

from funcnodes.devices.addresses import Address, AllowList
from funcnodes.devices.transports.base import Transport
from funcnodes.devices.transports.memory import Port, PortTransport
from funcnodes.devices.transports.serial import SerialTransport
from funcnodes.devices.transports.tcp import TcpTransport
from funcnodes.devices.transports.visa import VisaTransport
from funcnodes.devices.wire import Protocol

NO_PORTS: Mapping[str, Port] = {}


def transport_for(
    address: Address,
    protocol: Protocol,
    allow: AllowList,
    *,
    ports: Mapping[str, Port] = NO_PORTS,
) -> Transport:
    """The native transport where there is one, else pyvisa.

    Args:
        ports: Simulators in this process by name, which `memory:NAME` reaches.
    """
    match address.kind:
        case "tcp":
            return TcpTransport(address, allow)
        case "serial":
            return SerialTransport(address, protocol.serial)
        case "memory":
            return PortTransport(address, ports.get(address.port_name))
    return VisaTransport(address, allow=allow, serial=protocol.serial)
