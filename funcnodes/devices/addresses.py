"""Addresses of instruments: VISA resource strings and their short forms.

    TCPIP0::192.168.1.20::5025::SOCKET   tcp:192.168.1.20:5025
    ASRL/dev/ttyUSB0::INSTR              serial:/dev/ttyUSB0?baud=57600&bits=7&parity=odd
    GPIB0::24::INSTR   USB0::0x05E6::0x2400::1234567::INSTR   TCPIP0::dmm.lab::inst0::INSTR
    sim:smu            looked up among the resources that whoever opens the bench hands over
    memory:smu         a simulator in this very process, which whoever opens the bench hands over
    visa:ADDRESS       the same instrument, but through pyvisa instead of our own transport

An error names the character at which the mistake is. Parsing opens nothing and resolves no name;
`AllowList` says which hosts may be opened once their IP addresses are known (SSRF stays out).
"""

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlsplit

from funcnodes.errors import AddressError

Kind = Literal["tcp", "serial", "visa", "memory"]
Parity = Literal["none", "odd", "even", "mark", "space"]

_PARITIES: tuple[Parity, ...] = ("none", "odd", "even", "mark", "space")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?$|\[[0-9A-Fa-f:.]+\]$")
_SERIAL_URLS = ("socket", "rfc2217")
MAX_LENGTH = 512


@dataclass(frozen=True, slots=True)
class SerialOptions:
    """How a serial line is set; None leaves it to the driver."""

    baud: int | None = None
    bits: int | None = None
    parity: Parity | None = None
    stop: float | None = None

    def over(self, beneath: "SerialOptions") -> "SerialOptions":
        """These options, with `beneath` where nothing is said here."""
        return SerialOptions(
            self.baud if self.baud is not None else beneath.baud,
            self.bits if self.bits is not None else beneath.bits,
            self.parity if self.parity is not None else beneath.parity,
            self.stop if self.stop is not None else beneath.stop,
        )


@dataclass(frozen=True, slots=True)
class Address:
    """One parsed address.

    Attributes:
        text: As it was written, e.g. "sim:smu".
        resource: The VISA resource string it stands for.
        kind: Which transport opens it.
        host: Host name or IP address (without brackets), or "".
        port: TCP port where one is given, else 0.
        path: Device file of a serial line, or "".
        port_name: Name of a simulator in memory, or "".
        serial: Options of a serial line.
        simulated: Whether it was written as `sim:` or `memory:`.
    """

    text: str
    resource: str
    kind: Kind
    host: str = ""
    port: int = 0
    path: str = ""
    port_name: str = ""
    serial: SerialOptions = field(default_factory=SerialOptions)
    simulated: bool = False

    def __str__(self) -> str:
        return self.resource

    @property
    def key(self) -> str:
        """The same for every way to write this instrument's address; what a lease locks."""
        if self.port_name:
            return f"memory:{os.getpid()}:{self.port_name}"
        if self.path:
            return f"serial:{os.path.realpath(self.path)}"
        if self.host and self.port:
            return f"tcp:{_canonical_host(self.host)}:{self.port}"
        return self.resource.upper()


def parse(text: str, resources: Mapping[str, str] | None = None) -> Address:
    """Read an address.

    Args:
        text: A VISA resource string or a short form.
        resources: What `sim:NAME` stands for.

    Raises:
        AddressError: It is none; the message names the character of the mistake, from 1.
    """
    if len(text) > MAX_LENGTH:
        raise AddressError(f"An address of {len(text)} characters is too long, {MAX_LENGTH} fit.")
    bad = next((i for i, char in enumerate(text) if not char.isprintable() or char == " "), None)
    if bad is not None:
        raise _error(text, bad, "no spaces or control characters")
    scheme, colon, rest = text.partition(":")
    if colon and not rest.startswith(":"):
        match scheme.lower():
            case "tcp":
                return _short_tcp(text)
            case "serial":
                return _short_serial(text)
            case "sim":
                return _simulated(text, rest, resources or {})
            case "memory":
                if not rest:
                    raise _error(text, len(text), "the name of a simulator")
                return Address(text, text, "memory", port_name=rest, simulated=True)
            case "visa":
                inner = parse(rest, resources)
                if inner.kind == "memory":
                    raise _error(text, len("visa:"), "an address that has a wire")
                return replace(inner, text=text, kind="visa")
    return _resource(text)


def _simulated(text: str, name: str, resources: Mapping[str, str]) -> Address:
    if name not in resources:
        known = ", ".join(sorted(resources)) or "none"
        raise AddressError(
            f"{text!r}: no simulator named {name!r} is running, known are: {known}.",
            address=text,
            hint="Start it with `funcnodes simulate`, or open the bench through `funcnodes demo`.",
        )
    return replace(parse(resources[name]), text=text, simulated=True)


def _short_tcp(text: str) -> Address:
    start = len("tcp:")
    host, colon, port = text[start:].rpartition(":")
    if not colon:
        raise _error(text, len(text), "':' and a port number")
    _check_host(text, start, host)
    number = _port(text, start + len(host) + 1, port)
    return Address(
        text, f"TCPIP0::{host}::{number}::SOCKET", "tcp", host=host.strip("[]"), port=number
    )


def _short_serial(text: str) -> Address:
    start = len("serial:")
    path, mark, query = text[start:].partition("?")
    _check_path(text, start, path)
    options = _serial_options(text, start + len(path) + 1, query) if mark else SerialOptions()
    return Address(text, f"ASRL{path}::INSTR", _serial_kind(path), path=path, serial=options)


def _serial_kind(path: str) -> Kind:
    return "serial" if path.startswith("/") and os.name == "posix" else "visa"


def _serial_options(text: str, start: int, query: str) -> SerialOptions:
    options = SerialOptions()
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        at = start + len(name) + 1
        if not equals:
            raise _error(text, start, "name=value")
        match name:
            case "baud" if value.isdecimal() and 50 <= int(value) <= 4_000_000:
                options = replace(options, baud=int(value))
            case "bits" if value in {"5", "6", "7", "8"}:
                options = replace(options, bits=int(value))
            case "parity" if value in _PARITIES:
                options = replace(options, parity=value)
            case "stop" if value in {"1", "1.5", "2"}:
                options = replace(options, stop=float(value))
            case "baud":
                raise _error(text, at, "a baud rate from 50 to 4000000")
            case "bits":
                raise _error(text, at, "5, 6, 7 or 8 data bits")
            case "parity":
                raise _error(text, at, f"one of {', '.join(_PARITIES)}")
            case "stop":
                raise _error(text, at, "1, 1.5 or 2 stop bits")
            case _:
                raise _error(text, start, "baud, bits, parity or stop")
        start += len(part) + 1
    return options


def _resource(text: str) -> Address:
    """Read a VISA resource string (VPP-4.3, section 4.3.1)."""
    fields = _fields(text)
    interface = re.match(r"TCPIP|GPIB|USB|PXI|VXI|ASRL", fields[0][1], re.IGNORECASE)
    match interface[0].upper() if interface else "":
        case "TCPIP":
            return _tcpip(text, fields)
        case "GPIB":
            return _gpib(text, fields)
        case "USB":
            return _usb(text, fields)
        case "PXI" | "VXI":
            _board(text, fields[0], 3)
            return Address(text, text, "visa")
        case "ASRL":
            return _asrl(text, fields)
    raise _error(text, 0, "TCPIP, ASRL, GPIB, USB, PXI, VXI, tcp:, serial:, sim:, memory: or visa:")


def _tcpip(text: str, fields: list[tuple[int, str]]) -> Address:
    _board(text, fields[0], len("TCPIP"))
    if len(fields) < 2:
        raise _error(text, len(text), "'::' and a host")
    at, host = fields[1]
    if fields[-1][1].upper() == "SOCKET":
        _check_host(text, at, host)
        _count(text, fields, 4, 4)
        port = _port(text, *fields[2])
        return Address(text, text, "tcp", host=host.strip("[]"), port=port)
    host, comma, port_text = host.partition(",")  # pyvisa-py's way to name a VXI-11 port
    _check_host(text, at, host)
    port = _port(text, at + len(host) + 1, port_text) if comma else 0
    _count(text, fields, 2, 4)
    if len(fields) > 3 or (len(fields) == 3 and fields[2][1].upper() != "INSTR"):
        _class(text, fields[-1] if len(fields) == 4 else (len(text), ""), ("INSTR", "SOCKET"))
    return Address(text, text, "visa", host=host.strip("[]"), port=port)


def _asrl(text: str, fields: list[tuple[int, str]]) -> Address:
    board = fields[0][1][len("ASRL") :]
    if "://" in text:
        return _asrl_url(text)
    _count(text, fields, 1, 2)
    if len(fields) == 2:
        _class(text, fields[1], ("INSTR",))
    if board.startswith("/"):
        _check_path(text, len("ASRL"), board)
        return Address(text, text, _serial_kind(board), path=board)
    if not re.fullmatch(r"\d+|COM\d+", board, re.IGNORECASE):
        raise _error(text, len("ASRL"), "a port number or a path under /dev/")
    return Address(text, text, "visa")


def _asrl_url(text: str) -> Address:
    """pyserial's URLs, of which only those that name a host and port are let in."""
    body, start = text[len("ASRL") :], len("ASRL")
    url = body.removesuffix("::INSTR")
    if url == body:
        raise _error(text, len(text), "'::INSTR'")
    parts = urlsplit(url)
    if parts.scheme.lower() not in _SERIAL_URLS:
        raise _error(text, start, "a path, socket:// or rfc2217://")
    at = start + url.index("://") + 3
    host, colon, port = parts.netloc.rpartition(":")
    if not colon:
        raise _error(text, at + len(parts.netloc), "':' and a port number")
    _check_host(text, at, host)
    number = _port(text, at + len(host) + 1, port)
    return Address(text, text, "visa", host=host.strip("[]"), port=number)


def _gpib(text: str, fields: list[tuple[int, str]]) -> Address:
    _board(text, fields[0], len("GPIB"))
    if fields[-1][1].upper() == "INTFC":
        _count(text, fields, 2, 2)
        return Address(text, text, "visa")
    _count(text, fields, 2, 4)
    numbers = fields[1:-1] if fields[-1][1].upper() == "INSTR" else fields[1:]
    if not numbers:
        raise _error(text, fields[-1][0], "a GPIB address from 0 to 30")
    for position, (at, number) in enumerate(numbers):
        highest = 30 if position == 0 else 126
        if not number.isdecimal() or int(number) > highest:
            raise _error(text, at, f"a GPIB address from 0 to {highest}")
    return Address(text, text, "visa")


def _usb(text: str, fields: list[tuple[int, str]]) -> Address:
    _board(text, fields[0], len("USB"))
    _count(text, fields, 4, 6)
    for at, number in fields[1:3]:
        if not re.fullmatch(r"0[xX][0-9A-Fa-f]{1,4}|\d{1,5}", number):
            raise _error(text, at, "a USB id, e.g. 0x05E6")
    return Address(text, text, "visa")


def _fields(text: str) -> list[tuple[int, str]]:
    """The parts between '::', each with its offset; '::' within brackets is an IPv6 host's."""
    fields, start, depth, at = [], 0, 0, 0
    while at < len(text):
        depth += {"[": 1, "]": -1}.get(text[at], 0)
        if depth <= 0 and text.startswith("::", at):
            fields.append((start, text[start:at]))
            at = start = at + 2
        else:
            at += 1
    fields.append((start, text[start:]))
    return fields


def _board(text: str, first: tuple[int, str], length: int) -> None:
    number = first[1][length:]
    if number and not number.isdecimal():
        raise _error(text, first[0] + length, "a board number or '::'")


def _count(text: str, fields: list[tuple[int, str]], low: int, high: int) -> None:
    if len(fields) > high:
        raise _error(text, fields[high][0], "the end")
    if len(fields) < low:
        raise _error(text, len(text), "'::' and more")


def _class(text: str, last: tuple[int, str], names: tuple[str, ...]) -> None:
    if last[1].upper() not in names:
        raise _error(text, last[0], " or ".join(names))


def _check_host(text: str, at: int, host: str) -> None:
    if not _HOST.match(host):
        raise _error(text, at, "a host name or IP address")
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host.strip("[]"))
        except ValueError:
            raise _error(text, at, "an IPv6 address in brackets") from None


def is_pty(path: str) -> bool:
    """Whether a serial line is a pseudo-terminal, which knows no line settings."""
    return os.path.realpath(path).startswith("/dev/pts/")


def _port(text: str, at: int, port: str) -> int:
    if not (port.isascii() and port.isdecimal() and len(port) < 6 and 1 <= int(port) <= 65535):
        raise _error(text, at, "a port number from 1 to 65535")
    return int(port)


def _check_path(text: str, at: int, path: str) -> None:
    """A serial line is a file under /dev/, a link to one, or a COM port, never any other file."""
    if re.fullmatch(r"COM\d+", path, re.IGNORECASE):
        return
    is_plain = path.startswith("/") and ".." not in path.split("/")
    if not is_plain or not os.path.realpath(path).startswith("/dev/"):
        raise _error(text, at, "a path under /dev/ or a COM port")


def _error(text: str, at: int, expected: str) -> AddressError:
    found = repr(text[at : at + 16]) if at < len(text) else "the end"
    return AddressError(
        f"{text!r} is no address: at character {at + 1} {expected} should stand, not {found}.",
        address=text,
        position=at + 1,
    )


def _canonical_host(host: str) -> str:
    if host.lower() == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.lower().rstrip(".")


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
        if name in {"loopback", "private", "any"} or _network(name) or _HOST.match(name):
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
    return _canonical_host(name) == _canonical_host(address.host)


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
