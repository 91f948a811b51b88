"""Which transport opens an address, and which instruments share one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from funcnodes.devices.addresses.forms import Address, AllowList, SerialOptions
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.transports.base import Transport
from funcnodes.devices.transports.bus import Bus
from funcnodes.devices.transports.descriptor import DescriptorTransport
from funcnodes.devices.transports.line import LineBus, LineChannel
from funcnodes.devices.transports.memory import PortTransport, SimulatorPort
from funcnodes.devices.transports.modbus import (
    ModbusRtuChannel,
    ModbusTcpBus,
    ModbusTcpChannel,
)
from funcnodes.devices.transports.prologix import PrologixBus, PrologixChannel
from funcnodes.devices.transports.replaying import Replaying
from funcnodes.devices.transports.rfc2217 import Rfc2217Transport
from funcnodes.devices.transports.serial import DEFAULTS, SerialTransport
from funcnodes.devices.transports.tcp import TcpTransport
from funcnodes.devices.transports.turn import Rounds
from funcnodes.devices.transports.visa import VisaTransport
from funcnodes.errors import AddressError

B = TypeVar("B", bound=Bus)
MakeTransport = Callable[[Address, Protocol, AllowList], Transport]
"""Makes the channel to an address, which it does not open; `Transports` is one."""
NO_PORTS: Mapping[str, SimulatorPort] = {}


class Transports:
    """Makes the transports of one bench; instruments on one bus get channels of one `Bus`."""

    def __init__(self, ports: Mapping[str, SimulatorPort] = NO_PORTS) -> None:
        """Args:
        ports: Simulators in this process by name, which `memory:NAME` reaches.
        """
        self._ports = ports
        self._buses: dict[str, _Shared] = {}
        self._boards: dict[str, Rounds] = {}

    def __call__(self, address: Address, protocol: Protocol, allow: AllowList) -> Transport:
        """The native transport where there is one, else pyvisa.

        Raises:
            AddressError: The bus is in use by another protocol or at other settings.
        """
        _check_unit(address, protocol)
        match address.kind:
            case "tcp":
                return TcpTransport(address, allow)
            case "serial":
                return SerialTransport(address, protocol.serial)
            case "rfc2217":
                return Rfc2217Transport(address, protocol.serial, allow)
            case "memory":
                return PortTransport(address, self._ports.get(address.port_name))
            case "replay":
                return Replaying.of(address)
            case "prologix":
                adapter = self._shared(address, protocol, allow, _adapter)
                return PrologixChannel(adapter, address.resource, address.unit, protocol.eol)
            case "rs485":
                line = self._shared(address, protocol, allow, _line)
                return LineChannel(line, address.resource, address.unit, protocol)
            case "modbus" if address.path:
                line = self._shared(address, protocol, allow, _line)
                return ModbusRtuChannel(line, address.resource, address.unit)
            case "modbus":
                server = self._shared(address, protocol, allow, _server)
                return ModbusTcpChannel(server, address.resource, address.unit)
        return VisaTransport(
            address, allow=allow, serial=protocol.serial, rounds=self._board(address)
        )

    def _board(self, address: Address) -> Rounds | None:
        """The lock of a GPIB board: its instruments are spoken to one at a time (D1)."""
        board = address.resource.upper().partition("::")[0]
        if not board.startswith("GPIB"):
            return None
        return self._boards.setdefault(board, Rounds())

    def _shared(
        self,
        address: Address,
        protocol: Protocol,
        allow: AllowList,
        make: Callable[[Address, DescriptorTransport], B],
    ) -> B:
        """The bus that an instrument is on, made when the first one asks."""
        settings = address.serial.over(protocol.serial).over(_usual(address))
        wanted = (address.kind, settings if address.path else None, address.sharing)
        shared = self._buses.get(address.key)
        if shared is None:
            inner: DescriptorTransport = (
                SerialTransport(address, settings) if address.path else TcpTransport(address, allow)
            )
            shared = self._buses[address.key] = _Shared(make(address, inner), wanted, address.text)
        if shared.wanted != wanted:
            raise AddressError(
                f"{address.text}: {shared.first} is on the same line, and asks for another "
                "protocol or other settings of it.",
                address=address.resource,
                hint="Give both the same speed, bits, parity, stop, gap and echo.",
            )
        bus: B = shared.bus
        return bus


def transport_for(
    address: Address,
    protocol: Protocol,
    allow: AllowList,
    *,
    ports: Mapping[str, SimulatorPort] = NO_PORTS,
) -> Transport:
    """The transport of an instrument that shares its bus with no other of ours."""
    return Transports(ports)(address, protocol, allow)


@dataclass(frozen=True, slots=True)
class _Shared:
    """A bus, how it is set, and the address that asked for it first."""

    bus: Any
    wanted: object
    first: str


def _check_unit(address: Address, protocol: Protocol) -> None:
    """Let pass where either both name a unit of a line, or neither does."""
    if (address.kind == "rs485") == bool(protocol.to_unit) or address.kind == "replay":
        return
    what = "names no unit before its commands, so that all on the line would hear them"
    hint = "Give it a line of its own: serial:LINE."
    if protocol.to_unit:
        what = "names a unit before each command, and the address has none"
        hint = "Write it as rs485:LINE/UNIT."
    raise AddressError(f"{address.text}: its driver {what}.", address=address.resource, hint=hint)


def _adapter(_address: Address, inner: DescriptorTransport) -> PrologixBus:
    return PrologixBus(inner)


def _line(address: Address, inner: DescriptorTransport) -> LineBus:
    assert isinstance(inner, SerialTransport)
    return LineBus(inner, address)


def _server(_address: Address, inner: DescriptorTransport) -> ModbusTcpBus:
    return ModbusTcpBus(inner)


def _usual(address: Address) -> SerialOptions:
    """How a line is set where nobody says it."""
    if address.kind == "modbus":  # Modbus over Serial Line V1.02, section 2.5.1
        return SerialOptions(baud=19200, bits=8, parity="even", stop=1)
    if address.kind == "prologix":  # a USB device: any speed does, AR488 wants this one
        return SerialOptions(baud=115200, bits=8, parity="none", stop=1)
    return DEFAULTS
