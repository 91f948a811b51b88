"""Addresses of instruments: VISA resource strings and their short forms.

    TCPIP0::192.168.1.20::5025::SOCKET   tcp:192.168.1.20:5025
    ASRL/dev/ttyUSB0::INSTR              serial:/dev/ttyUSB0?baud=57600&bits=7&parity=odd
    GPIB0::24::INSTR   USB0::0x05E6::0x2400::1234567::INSTR   TCPIP0::dmm.lab::inst0::INSTR
    rfc2217://server.lab:4001            a serial line behind a network server, set from here
    COM3  /dev/ttyUSB0  dmm.lab:5025     the same as serial:COM3, serial:/dev/…, tcp:dmm.lab:5025
    prologix:adapter.lab/22              GPIB address 22 on a Prologix-style adapter, port 1234;
    prologix:/dev/ttyUSB0/22/101         or on a serial one, with a secondary address
    rs485:/dev/ttyUSB0/07?baud=9600      unit 07 on a line that several instruments share
    modbus:plc.lab:502/1                 unit 1 of a Modbus TCP server or gateway
    modbus-rtu:/dev/ttyUSB0/1?baud=19200&parity=even
    sim:smu            looked up among the resources that whoever opens the bench hands over
    memory:smu         a simulator in this very process, which whoever opens the bench hands over
    replay:FILE#smu    the device of a recording; `?match` before the # answers in any order,
                       `?timed` as slowly as it was, `?match&timed` both
    visa:ADDRESS       the same instrument, but through pyvisa instead of our own transport

Behind any of them may stand options: `?baud=9600&eol=cr`; see `options`.

An error names the character at which the mistake is. Parsing opens nothing and resolves no name;
`AllowList` says which hosts may be opened once their IP addresses are known (SSRF stays out).
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote, urlsplit

from funcnodes.devices.addresses import options, resources as visa
from funcnodes.devices.addresses.options import (
    Options,
    Parity,
    SerialOptions,
    Sharing,
    TalkOptions,
)
from funcnodes.devices.addresses.pieces import (
    Address,
    AddressKind,
    canonical_host,
    check_path,
    host_and_port,
    is_host,
    is_pty,
    mistake,
    number,
)
from funcnodes.errors import AddressError

__all__ = [
    "Address",
    "AddressKind",
    "AllowList",
    "Options",
    "Parity",
    "SerialOptions",
    "Sharing",
    "TalkOptions",
    "is_pty",
    "parse",
    "with_beneath",
    "written_with",
]  # fmt: skip

MODBUS_PORT = 502  # Modbus Messaging on TCP/IP Implementation Guide V1.0b, section 4.2.2
MAX_LENGTH = 512
SCHEMES = frozenset(
    {"tcp", "serial", "rfc2217", "prologix", "rs485", "modbus", "modbus-rtu", "sim", "memory",
     "replay", "visa"}
)  # fmt: skip
_COM = re.compile(r"COM\d+", re.IGNORECASE)
# A line's own name may end in a number only under /dev/pts.
_LINE = r"(?P<line>/dev/pts/\d+|COM\d+|/.+?/.+?)"
_ONE_UNIT = re.compile(_LINE + r"(?:/(?P<unit>[^/]*))?$", re.IGNORECASE)
_TWO_UNITS = re.compile(_LINE + r"(?:/(?P<unit>\d*)(?:/(?P<second>\d*))?)?$", re.IGNORECASE)


def parse(text: str, resources: Mapping[str, str] | None = None) -> Address:
    """Read an address.

    Args:
        text: A VISA resource string or a short form, with options behind it or without.
        resources: What `sim:NAME` stands for.

    Raises:
        AddressError: It is none; the message names the character of the mistake, from 1.
    """
    if len(text) > MAX_LENGTH:
        raise AddressError(f"An address of {len(text)} characters is too long, {MAX_LENGTH} fit.")
    bad = next((i for i, char in enumerate(text) if not char.isprintable() or char == " "), None)
    if bad is not None:
        raise mistake(text, bad, "no spaces or control characters")
    if text.lower().startswith("replay:"):
        return _replay(text)
    place, mark, query = text.partition("?")
    address = _place(place, resources)
    if not mark:
        return address
    said = _options(text, len(place) + 1, query, address)
    return replace(address, text=text, options=said.over(address.options))


def with_beneath(address: Address, beneath: Options) -> Address:
    """An address with what a bench file says beside it.

    A simulator may stand where a line is meant, and takes no settings of one.

    Raises:
        AddressError: That means nothing there.
    """
    for name, value in beneath.said():
        if name not in address.takes() and not address.simulated:
            raise AddressError(
                f"{address.text}: {name} = {value!r} means nothing there; what can be said is "
                f"{', '.join(address.takes())}.",
                address=address.text,
            )
    return replace(address, options=address.options.over(beneath))


def written_with(address: str, more: Options) -> str:
    """An address as text, with options that it does not say itself."""
    place, _, query = address.partition("?")
    said = {part.partition("=")[0] for part in query.split("&")}
    added = [f"{name}={quote(str(value), safe='')}" for name, value in more.said()
             if name not in said]  # fmt: skip
    return "?".join(filter(None, (place, "&".join(filter(None, (query, *added))))))


def _options(text: str, at: int, query: str, address: Address) -> Options:
    """Read "baud=9600&eol=cr"."""
    found, known = Options(), address.takes()
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if not equals:
            raise mistake(text, at, "name=value")
        if name not in known:
            raise mistake(text, at, " or ".join(known) if len(known) < 3 else _listed(known))
        try:
            found = options.with_option(found, name, unquote(value))
        except options.OptionError as error:
            raise mistake(text, at + len(name) + 1, error.allowed) from None
        at += len(part) + 1
    return found


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _place(text: str, resources: Mapping[str, str] | None) -> Address:
    """An address without options; a bare port, path, or host with a port is one, too."""
    text = _in_full(text)
    scheme, colon, rest = text.partition(":")
    if colon and not rest.startswith(":"):
        match scheme.lower():
            case "tcp":
                return _tcp(text)
            case "serial":
                return _serial(text)
            case "rfc2217":
                return _rfc2217(text)
            case "prologix":
                return _prologix(text)
            case "rs485":
                return _rs485(text)
            case "modbus":
                return _modbus(text)
            case "modbus-rtu":
                return _modbus_rtu(text)
            case "sim":
                return _simulated(text, rest, resources or {})
            case "memory":
                return _in_memory(text, rest)
            case "visa":
                return _through_pyvisa(text, rest, resources)
    return visa.read(text)


def _in_full(text: str) -> str:
    """COM3, /dev/ttyUSB0 and host:5025 as the short forms that they stand for."""
    if _COM.fullmatch(text) or text.startswith("/"):
        return f"serial:{text}"
    host, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and is_host(host) and host.lower() not in SCHEMES:
        return f"tcp:{text}"
    return text


def _simulated(text: str, name: str, resources: Mapping[str, str]) -> Address:
    if name not in resources:
        known = ", ".join(sorted(resources)) or "none"
        raise AddressError(
            f"{text!r}: no simulator named {name!r} is running, known are: {known}.",
            address=text,
            hint="Start it with `funcnodes simulate`, or open the bench through `funcnodes demo`.",
        )
    return replace(parse(resources[name], resources), text=text, simulated=True)


def _in_memory(text: str, name: str) -> Address:
    if not name:
        raise mistake(text, len(text), "the name of a simulator")
    return Address(text, text, "memory", port_name=name, simulated=True)


def _replay(text: str) -> Address:
    parts = urlsplit(text)
    if not parts.path:
        raise mistake(text, len("replay:"), "a file")
    for option in filter(None, parts.query.split("&")):
        if option not in ("match", "timed"):
            raise mistake(text, text.index("?") + 1, "match, timed or match&timed")
    return Address(text, text, "replay", path=unquote(parts.path))


def _through_pyvisa(text: str, rest: str, resources: Mapping[str, str] | None) -> Address:
    inner = parse(rest, resources)
    if inner.is_on_bus or inner.kind in ("memory", "replay"):
        raise mistake(text, len("visa:"), "an address that pyvisa knows")
    return replace(inner, text=text, kind="visa")


def _tcp(text: str) -> Address:
    start = len("tcp:")
    host, port = host_and_port(text, start, text[start:])
    return Address(text, f"TCPIP0::{host}::{port}::SOCKET", "tcp", host=host.strip("[]"), port=port)


def _serial(text: str) -> Address:
    start = len("serial:")
    path = text[start:]
    check_path(text, start, path)
    return Address(text, f"ASRL{path}::INSTR", visa.serial_kind(path), path=path)


def _rfc2217(text: str) -> Address:
    start = len("rfc2217:") + 2 * text.startswith("//", len("rfc2217:"))
    host, port = host_and_port(text, start, text[start:])
    return visa.behind_rfc2217(text, host, port)


# ── instruments that share a bus ──────────────────────────────────────────────────────────


def _prologix(text: str) -> Address:
    start = len("prologix:")
    if text.startswith(("/", "COM"), start):
        found = _TWO_UNITS.match(text[start:])
        path, unit = _line_and_unit(text, start, found, "'/' and a GPIB address from 0 to 30")
        second = found and found["second"]
        numbers = [(start + len(path) + 1, unit)]
        if second is not None:
            numbers.append((start + len(path) + len(unit) + 2, second))
        address = visa.gpib_unit(text, numbers)
        return Address(
            text, f"prologix:{path}/{address}", "prologix", path=path, unit=address
        )  # fmt: skip
    place, slash, units = text[start:].partition("/")
    host, port = host_and_port(text, start, place, visa.PROLOGIX_PORT)
    if not slash:
        raise mistake(text, len(text), "'/' and a GPIB address from 0 to 30")
    at = start + len(place) + 1
    numbers = []
    for unit in units.split("/"):
        numbers.append((at, unit))
        at += len(unit) + 1
    if len(numbers) > 2:
        raise mistake(text, numbers[2][0] - 1, "the end")
    address = visa.gpib_unit(text, numbers)
    resource = f"prologix:{host}:{port}/{address}"
    return Address(text, resource, "prologix", host=host.strip("[]"), port=port, unit=address)


def _rs485(text: str) -> Address:
    start = len("rs485:")
    path, unit = _shared_line(text, start, "'/' and a unit, e.g. 01")
    if not re.fullmatch(r"[A-Za-z0-9]{1,8}", unit):
        raise mistake(text, start + len(path) + 1, "a unit of letters and digits, 8 at most")
    return Address(text, f"rs485:{path}/{unit}", "rs485", path=path, unit=unit)


def _modbus(text: str) -> Address:
    start = len("modbus:")
    place, slash, unit_text = text[start:].partition("/")
    host, port = host_and_port(text, start, place, MODBUS_PORT)
    at = start + len(place)
    if not slash:
        raise mistake(text, at, "'/' and a unit from 0 to 255")
    unit = number(text, at + 1, unit_text, range(256), "a unit from 0 to 255")
    resource = f"modbus:{host}:{port}/{unit}"
    return Address(text, resource, "modbus", host=host.strip("[]"), port=port, unit=str(unit))


def _modbus_rtu(text: str) -> Address:
    start = len("modbus-rtu:")
    what = "a unit from 1 to 247"  # Modbus over Serial Line V1.02, section 2.2
    path, unit_text = _shared_line(text, start, f"'/' and {what}")
    unit = number(text, start + len(path) + 1, unit_text, range(1, 248), what)
    return Address(text, f"modbus-rtu:{path}/{unit}", "modbus", path=path, unit=str(unit))


def _shared_line(text: str, start: int, what: str) -> tuple[str, str]:
    """Read "/dev/ttyUSB0/7"."""
    return _line_and_unit(text, start, _ONE_UNIT.match(text[start:]), what)


def _line_and_unit(
    text: str, start: int, found: re.Match[str] | None, what: str
) -> tuple[str, str]:
    if found is None:
        raise mistake(text, start, "a path under /dev/ or a COM port")
    path, unit = found["line"], found["unit"]
    check_path(text, start, path)
    if not unit:
        raise mistake(text, start + len(path), what)
    return path, unit


# ── which hosts may be opened ─────────────────────────────────────────────────────────────


_PRIVATE = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
                 "fc00::/7", "fe80::/10")
]  # fmt: skip
_METADATA = ipaddress.ip_address("169.254.169.254")  # cloud credentials live there, no instrument


@dataclass(frozen=True, slots=True)
class AllowList:
    """Which hosts and ports may be opened.

    Entries: "loopback", "private" (RFC 1918, link-local and unique local addresses), "any", an IP
    address, a network ("10.1.0.0/16") or a host name, each optionally with ":port"
    (IPv6 with a port in brackets).
    """

    entries: tuple[str, ...] = ("loopback", "private")

    def check(self, address: Address, ips: Iterable[str]) -> None:
        """Let `address` pass, whose host resolved to `ips`, or refuse it.

        Raises:
            AddressError: An IP address of the host is not allowed.
        """
        if not address.host:
            return
        for ip in ips:
            if not any(_allows(entry, address, ip) for entry in self.entries):
                raise AddressError(
                    f"{address.text}: {address.host} ({ip}) is not among the allowed hosts: "
                    f"{', '.join(self.entries) or 'none'}.",
                    address=address.resource,
                    hint='Add it to `allow = ["loopback", "private"]` in the bench file.',
                )

    @staticmethod
    def problem(entry: str) -> str:
        """Why `entry` is no entry, or ""."""
        name, _ = _split_entry(entry)
        if name in {"loopback", "private", "any"} or _network(name) or is_host(name):
            return ""
        return f"{entry!r} is neither loopback, private, any, a network nor a host"


def _allows(entry: str, address: Address, ip: str) -> bool:
    name, port = _split_entry(entry)
    if port and address.port != port:
        return False
    number = ipaddress.ip_address(ip.partition("%")[0])
    match name:
        case "any":
            return True
        case "loopback":
            return number.is_loopback
        case "private":
            return number != _METADATA and any(number in network for network in _PRIVATE)
    network = _network(name)
    if network is not None:
        return number in network
    return canonical_host(name) == canonical_host(address.host)


def _split_entry(entry: str) -> tuple[str, int]:
    """An entry's host part and its port (0 where it has none)."""
    host, colon, port = entry.rpartition(":")
    is_port = bool(colon) and port.isdecimal() and (":" not in host or host.startswith("["))
    return (host.strip("[]"), int(port)) if is_port else (entry.strip("[]"), 0)


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(name, strict=False)
    except ValueError:
        return None
