"""What an address is, and the pieces it is written in: hosts, ports, paths, line settings, units.

Each reader takes the whole text and where its piece begins, so that a mistake is named by its
character. Reads no file and resolves no name, but for links among device files.
"""

import ipaddress
import os
import re
from dataclasses import dataclass, field, replace
from typing import Literal, NoReturn

from funcnodes.errors import AddressError

AddressKind = Literal["tcp", "serial", "visa", "memory", "prologix", "rs485", "modbus", "replay"]
Parity = Literal["none", "odd", "even", "mark", "space"]

BUSES: frozenset[AddressKind] = frozenset({"prologix", "rs485", "modbus"})
_PARITIES: tuple[Parity, ...] = ("none", "odd", "even", "mark", "space")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?$|\[[0-9A-Fa-f:.]+\]$")
_PATH = re.compile(r"/[A-Za-z0-9_./:@+-]*[A-Za-z0-9_]")
_BAUDS = range(50, 4_000_001)
_GAPS_MS = range(1001)


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
class Sharing:
    """How a line is shared by several instruments.

    Attributes:
        gap_s: Least silence before speaking, None for what the line's speed asks for.
        echo: Whether the line's adapter hears itself, so that what is sent comes back.
    """

    gap_s: float | None = None
    echo: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """One parsed address.

    Attributes:
        text: As it was written, e.g. "sim:smu".
        resource: The VISA resource string it stands for, or its own short form without options.
        kind: Which transport opens it.
        host: Host name or IP address (without brackets), or "".
        port: TCP port where one is given or usual, else 0.
        path: Device file of a serial line, file of a recording, or "".
        unit: Which instrument of a bus, or "": "22", "22/101" (GPIB), "1" (Modbus).
        lan_device: LAN device name of VXI-11 or HiSLIP ("inst0", "hislip0"), or "".
        port_name: Name of a simulator in memory, or "".
        serial: Options of a serial line.
        sharing: How a line is shared.
        simulated: Whether it was written as `sim:` or `memory:`.
    """

    text: str
    resource: str
    kind: AddressKind
    host: str = ""
    port: int = 0
    path: str = ""
    unit: str = ""
    lan_device: str = ""
    port_name: str = ""
    serial: SerialOptions = field(default_factory=SerialOptions)
    sharing: Sharing = field(default_factory=Sharing)
    simulated: bool = False

    def __str__(self) -> str:
        return self.resource

    @property
    def is_on_bus(self) -> bool:
        """Whether several instruments share what it is opened through (D1)."""
        return self.kind in BUSES

    @property
    def key(self) -> str:
        """The same for every way to write what has to be opened for it; what a lease locks.

        Instruments on one bus have one key.
        """
        if self.port_name:
            return f"memory:{os.getpid()}:{self.port_name}"
        if self.path and self.kind != "replay":
            return f"serial:{os.path.realpath(self.path)}"
        if self.lan_device:
            return f"tcpip:{canonical_host(self.host)}:{self.port}:{self.lan_device.lower()}"
        if self.host and self.port:
            return f"tcp:{canonical_host(self.host)}:{self.port}"
        return self.resource.upper()


def mistake(text: str, at: int, expected: str) -> AddressError:
    """The error that says what should stand at offset `at`."""
    found = repr(text[at : at + 16]) if at < len(text) else "the end"
    return AddressError(
        f"{text!r} is no address: at character {at + 1} {expected} should stand, not {found}.",
        address=text,
        position=at + 1,
    )


def check_host(text: str, at: int, host: str) -> None:
    """Let a host name or IP address pass, IPv6 in brackets."""
    if not _HOST.match(host):
        raise mistake(text, at, "a host name or IP address")
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host.strip("[]"))
        except ValueError:
            raise mistake(text, at, "an IPv6 address in brackets") from None


def is_host(text: str) -> bool:
    """Whether it is written like a host name or IP address."""
    return bool(_HOST.match(text))


def host_and_port(text: str, at: int, part: str, usual: int | None = None) -> tuple[str, int]:
    """Read "host:port"; the port may be left out where one is usual."""
    host, colon, port = part.rpartition(":")
    if not colon or part.endswith("]"):
        if usual is None:
            raise mistake(text, at + len(part), "':' and a port number")
        check_host(text, at, part)
        return part, usual
    check_host(text, at, host)
    return host, port_number(text, at + len(host) + 1, port)


def port_number(text: str, at: int, port: str) -> int:
    """Read a TCP port."""
    return number(text, at, port, range(1, 65536), "a port number from 1 to 65535")


def number(text: str, at: int, digits: str, among: range, what: str) -> int:
    """Read a decimal number that is one of `among`."""
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 9 and int(digits) in among):
        raise mistake(text, at, what)
    return int(digits)


def check_path(text: str, at: int, path: str) -> None:
    """A serial line is a file under /dev/, a link to one, or a COM port, never any other file."""
    if re.fullmatch(r"COM\d+", path, re.IGNORECASE):
        return
    is_plain = _PATH.fullmatch(path) and not re.search(r"::|//|/\.\.(/|$)", path)
    if not is_plain or not os.path.realpath(path).startswith("/dev/"):
        raise mistake(text, at, "a path under /dev/ or a COM port")


def is_pty(path: str) -> bool:
    """Whether a serial line is a pseudo-terminal, which knows no line settings."""
    return os.path.realpath(path).startswith("/dev/pts/")


def canonical_host(host: str) -> str:
    """A host as it is compared: an IP address, or a name in small letters."""
    if host.lower() == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.lower().rstrip(".")


def line_settings(text: str, at: int, query: str) -> SerialOptions:
    """Read "baud=9600&parity=even"."""
    options, _ = _options(text, at, query, is_shared=False)
    return options


def shared_line_settings(text: str, at: int, query: str) -> tuple[SerialOptions, Sharing]:
    """Read "baud=9600&gap_ms=5&echo=yes"."""
    return _options(text, at, query, is_shared=True)


def _options(text: str, at: int, query: str, *, is_shared: bool) -> tuple[SerialOptions, Sharing]:
    options, sharing = SerialOptions(), Sharing()
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if not equals:
            raise mistake(text, at, "name=value")
        where = at + len(name) + 1
        if is_shared and name in {"gap_ms", "echo"}:
            sharing = _sharing(sharing, text, where, name, value)
        else:
            options = _serial(options, text, at, name, value, is_shared)
        at += len(part) + 1
    return options, sharing


def _serial(
    options: SerialOptions, text: str, at: int, name: str, value: str, is_shared: bool
) -> SerialOptions:
    where = at + len(name) + 1
    match name:
        case "baud":
            baud = number(text, where, value, _BAUDS, "a baud rate from 50 to 4000000")
            return replace(options, baud=baud)
        case "bits":
            bits = number(text, where, value, range(5, 9), "5, 6, 7 or 8 data bits")
            return replace(options, bits=bits)
        case "parity":
            for parity in _PARITIES:
                if value == parity:
                    return replace(options, parity=parity)
            _refuse(text, where, f"one of {', '.join(_PARITIES)}")
        case "stop":
            if value not in {"1", "1.5", "2"}:
                _refuse(text, where, "1, 1.5 or 2 stop bits")
            return replace(options, stop=float(value))
    more = ", gap_ms, echo" if is_shared else ""
    raise mistake(text, at, f"baud, bits, parity{more} or stop")


def _sharing(sharing: Sharing, text: str, where: int, name: str, value: str) -> Sharing:
    if name == "gap_ms":
        gap = number(text, where, value, _GAPS_MS, "a gap from 0 to 1000 ms")
        return replace(sharing, gap_s=gap / 1000)
    if value not in {"yes", "no"}:
        _refuse(text, where, "yes or no")
    return replace(sharing, echo=value == "yes")


def _refuse(text: str, at: int, expected: str) -> NoReturn:
    raise mistake(text, at, expected)
