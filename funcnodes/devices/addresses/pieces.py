"""What an address is, and the pieces it is written in: hosts, ports, paths, units.

Each reader takes the whole text and where its piece begins, so that a mistake is named by its
character. Reads no file and resolves no name, but for links among device files.
"""

import ipaddress
import os
import re
from dataclasses import dataclass, field
from typing import Literal

from funcnodes.devices.addresses import options
from funcnodes.devices.addresses.options import Options, SerialOptions, Sharing, TalkOptions
from funcnodes.errors import AddressError

AddressKind = Literal[
    "tcp", "serial", "rfc2217", "visa", "memory", "prologix", "rs485", "modbus", "replay"
]

BUSES: frozenset[AddressKind] = frozenset({"prologix", "rs485", "modbus"})
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?$|\[[0-9A-Fa-f:.]+\]$")
_PATH = re.compile(r"/[A-Za-z0-9_./:@+-]*[A-Za-z0-9_]")


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
        options: What is said behind it of the line and of what stands on it.
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
    options: Options = field(default_factory=Options)
    simulated: bool = False

    def __str__(self) -> str:
        return self.resource

    @property
    def serial(self) -> SerialOptions:
        """How its serial line is set."""
        return self.options.serial

    @property
    def sharing(self) -> Sharing:
        """How its line is shared."""
        return self.options.sharing

    @property
    def talk(self) -> TalkOptions:
        """How messages stand on it, and what opening it takes."""
        return self.options.talk

    @property
    def is_line(self) -> bool:
        """Whether it is a serial line, here or behind RFC 2217."""
        if self.kind in ("serial", "rfc2217"):
            return True
        return (bool(self.path) and self.kind != "replay") or self.is_asrl

    @property
    def is_asrl(self) -> bool:
        """Whether VISA takes it for a serial line of this machine."""
        return self.resource.upper().startswith("ASRL") and "://" not in self.resource

    def takes(self) -> tuple[str, ...]:
        """Names of the options that mean something here."""
        if self.kind == "replay":
            return options.MESSAGES
        found: tuple[str, ...] = options.LINE if self.is_line else ()
        if self.kind == "rs485" or (self.kind == "modbus" and self.path):
            found += options.SHARED
        if self.kind != "modbus":
            found += options.MESSAGES
        return found if self.is_on_bus else found + options.OPENING

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
            is_file = self.path.startswith("/")  # and no COM port
            return f"serial:{os.path.realpath(self.path) if is_file else self.path.upper()}"
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
