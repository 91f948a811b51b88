"""VISA resource strings (VPP-4.3, section 4.3.1), read as far as an address needs it.

    TCPIP0::192.168.1.20::5025::SOCKET    TCPIP0::dmm.lab::inst0::INSTR    GPIB0::24::5::INSTR
    TCPIP0::dmm.lab::hislip0,4880::INSTR  USB0::0x05E6::0x2400::1::INSTR   ASRL/dev/ttyUSB0::INSTR
    PRLGX-TCPIP0::adapter.lab::1234::INTFC                                 PXI0::15::INSTR

Interfaces that this program reaches by no cable (PXI, VXI) are read all the same: that they are
out of reach is said when they are opened.
"""

import os
import re
from urllib.parse import urlsplit

from funcnodes.devices.addresses.pieces import (
    Address,
    AddressKind,
    check_host,
    check_path,
    host_and_port,
    mistake,
    number,
    port_number,
)

HISLIP_PORT = 4880  # IVI-6.1, section 2.4
PROLOGIX_PORT = 1234  # Prologix GPIB-ETHERNET 1.2 manual, section 7
_SERIAL_URLS = ("socket", "rfc2217")
_CLASSES: dict[str, tuple[str, ...]] = {
    "PXI": ("INSTR", "BACKPLANE", "MEMACC"),
    "VXI": ("INSTR", "BACKPLANE", "MEMACC", "SERVANT"),
}
_INTERFACE = re.compile(r"PRLGX-TCPIP|PRLGX-ASRL|TCPIP|GPIB|USB|PXI|VXI|ASRL", re.IGNORECASE)
_Fields = list[tuple[int, str]]


def read(text: str) -> Address:
    """Read a VISA resource string.

    Raises:
        AddressError: It is none; the message names the character of the mistake.
    """
    fields = _fields(text)
    interface = _INTERFACE.match(fields[0][1])
    match interface[0].upper() if interface else "":
        case "TCPIP":
            return _tcpip(text, fields)
        case "GPIB":
            return _gpib(text, fields)
        case "USB":
            return _usb(text, fields)
        case "PXI" | "VXI" as name:
            return _backplane(text, fields, name)
        case "ASRL":
            return _asrl(text, fields)
        case "PRLGX-TCPIP" | "PRLGX-ASRL" as name:
            return _adapter(text, fields, name)
    raise mistake(
        text, 0,
        "TCPIP, ASRL, GPIB, USB, PXI, VXI, PRLGX-, tcp:, serial:, rfc2217:, prologix:, rs485:, "
        "modbus:, modbus-rtu:, sim:, memory:, replay:, visa:, a port, a path under /dev/ or "
        "host:port",
    )  # fmt: skip


def serial_kind(path: str) -> AddressKind:
    """Which transport opens a serial line here."""
    return "serial" if path.startswith("/") and os.name == "posix" else "visa"


def _tcpip(text: str, fields: _Fields) -> Address:
    _board(text, fields[0], len("TCPIP"))
    if len(fields) < 2:
        raise mistake(text, len(text), "'::' and a host")
    at, host = fields[1]
    if fields[-1][1].upper() == "SOCKET":
        check_host(text, at, host)
        _count(text, fields, 4, 4)
        port = port_number(text, *fields[2])
        return Address(text, text, "tcp", host=host.strip("[]"), port=port)
    _count(text, fields, 2, 4)
    if len(fields) == 4:
        _class(text, fields[3], ("INSTR", "SOCKET"))
    names_device = len(fields) > 2 and not (len(fields) == 3 and fields[2][1].upper() == "INSTR")
    device_at, device = fields[2] if names_device else (at, "inst0")
    if len(fields) == 3 and names_device and device.isdecimal():
        raise mistake(text, len(text), "'::' and SOCKET")
    return _lan_instrument(text, (at, host), (device_at, device))


def _lan_instrument(text: str, host: tuple[int, str], device: tuple[int, str]) -> Address:
    """An instrument over HiSLIP or VXI-11, as its LAN device name says.

    pyvisa-py names a port of VXI-11 after the host, one of HiSLIP after the device name.
    """
    name, comma, port_text = device[1].partition(",")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*(\[\w*\])?", name):
        raise mistake(text, device[0], "a LAN device name, e.g. inst0 or hislip0")
    is_hislip = name.lower().startswith("hislip")
    if comma and not is_hislip:
        raise mistake(text, device[0] + len(name), "'::' (the port of VXI-11 follows the host)")
    port = HISLIP_PORT if is_hislip else 0
    if comma:
        port = port_number(text, device[0] + len(name) + 1, port_text)
    host_name, comma, port_text = host[1].partition(",")
    check_host(text, host[0], host_name)
    if comma and is_hislip:
        raise mistake(text, host[0] + len(host_name), "'::' (the port of HiSLIP follows its name)")
    if comma:
        port = port_number(text, host[0] + len(host_name) + 1, port_text)
    plain = host_name.strip("[]")
    return Address(text, text, "visa", host=plain, port=port, lan_device=name)


def _asrl(text: str, fields: _Fields) -> Address:
    board = fields[0][1][len("ASRL") :]
    if "://" in text:
        return _asrl_url(text)
    _count(text, fields, 1, 2)
    if len(fields) == 2:
        _class(text, fields[1], ("INSTR",))
    if board.startswith("/"):
        check_path(text, len("ASRL"), board)
        return Address(text, text, serial_kind(board), path=board)
    if not re.fullmatch(r"\d+|COM\d+", board, re.IGNORECASE):
        raise mistake(text, len("ASRL"), "a port number or a path under /dev/")
    return Address(text, text, "visa", path="" if board.isdecimal() else board)


def _asrl_url(text: str) -> Address:
    """pyserial's URLs, of which only those that name a host and port are let in."""
    body, start = text[len("ASRL") :], len("ASRL")
    url = body.removesuffix("::INSTR")
    if url == body:
        raise mistake(text, len(text), "'::INSTR'")
    scheme = url.partition("://")[0]
    if scheme.lower() not in _SERIAL_URLS:
        raise mistake(text, start, "a path, socket:// or rfc2217://")
    at = start + len(scheme) + 3
    try:
        place = urlsplit(url).netloc
    except ValueError:
        raise mistake(text, at, "a host name or IP address") from None
    host, port = host_and_port(text, at, place)
    if scheme.lower() == "rfc2217":
        return behind_rfc2217(text, host, port)
    return Address(text, text, "visa", host=host.strip("[]"), port=port)


def behind_rfc2217(text: str, host: str, port: int) -> Address:
    """A serial line that a network server at this host lends."""
    resource = f"ASRLrfc2217://{host}:{port}::INSTR"
    return Address(text, resource, "rfc2217", host=host.strip("[]"), port=port)


def _gpib(text: str, fields: _Fields) -> Address:
    _board(text, fields[0], len("GPIB"))
    if fields[-1][1].upper() == "INTFC":
        _count(text, fields, 2, 2)
        return Address(text, text, "visa")
    _count(text, fields, 2, 4)
    numbers = fields[1:-1] if fields[-1][1].upper() == "INSTR" else fields[1:]
    if not numbers:
        raise mistake(text, fields[-1][0], "a GPIB address from 0 to 30")
    if len(numbers) == 3:
        raise mistake(text, fields[-1][0], "INSTR")
    unit = gpib_unit(text, numbers)
    return Address(text, text, "visa", unit=unit)


def gpib_unit(text: str, numbers: _Fields) -> str:
    """A GPIB address: "22", or with a secondary address "22/101"."""
    at, digits = numbers[0]
    primary = number(text, at, digits, range(31), "a GPIB address from 0 to 30")
    if len(numbers) == 1:
        return str(primary)
    at, digits = numbers[1]
    secondary = number(
        text, at, digits, range(127), "a secondary GPIB address from 0 to 30, or from 96 to 126"
    )
    if 30 < secondary < 96:
        raise mistake(text, at, "a secondary GPIB address from 0 to 30, or from 96 to 126")
    # IEEE 488.1 sends secondary address 0 as byte 96; both ways to count are in use.
    return f"{primary}/{secondary if secondary >= 96 else secondary + 96}"


def _usb(text: str, fields: _Fields) -> Address:
    _board(text, fields[0], len("USB"))
    _count(text, fields, 4, 6)
    for at, digits in fields[1:3]:
        if not re.fullmatch(r"0[xX][0-9A-Fa-f]{1,4}|\d{1,5}", digits):
            raise mistake(text, at, "a USB id, e.g. 0x05E6")
    at, serial = fields[3]
    if not serial:
        raise mistake(text, at, "a serial number")
    if len(fields) > 4:
        has_class = fields[-1][1].upper() in ("INSTR", "RAW")
        if not has_class and (len(fields) == 6 or not fields[-1][1].isdecimal()):
            raise mistake(text, fields[-1][0], "INSTR or RAW")
        for at, digits in fields[4 : -1 if has_class else None]:
            number(text, at, digits, range(256), "a USB interface number")
    return Address(text, text, "visa")


def _backplane(text: str, fields: _Fields, name: str) -> Address:
    _board(text, fields[0], len(name))
    _count(text, fields, 2, 5)
    if len(fields) > 2 or not re.match(r"\d", fields[1][1]):
        _class(text, fields[-1], _CLASSES[name])
    return Address(text, text, "visa")


def _adapter(text: str, fields: _Fields, name: str) -> Address:
    """pyvisa-py's name for a Prologix-style adapter itself."""
    _board(text, fields[0], len(name))
    if len(fields) < 2:
        raise mistake(text, len(text), "'::' and a host" if "TCPIP" in name else "'::' and a path")
    _class(text, fields[-1], ("INTFC",))
    at, place = fields[1]
    if name == "PRLGX-TCPIP":
        _count(text, fields, 3, 4)
        check_host(text, at, place)
        port = port_number(text, *fields[2]) if len(fields) == 4 else PROLOGIX_PORT
        return Address(text, text, "visa", host=place.strip("[]"), port=port)
    _count(text, fields, 3, 3)
    check_path(text, at, place)
    return Address(text, text, "visa", path=place)


def _fields(text: str) -> _Fields:
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
    board = first[1][length:]
    if board and not (board.isascii() and board.isdecimal()):
        raise mistake(text, first[0] + length, "a board number or '::'")


def _count(text: str, fields: _Fields, low: int, high: int) -> None:
    if len(fields) > high:
        raise mistake(text, fields[high][0], "the end")
    if len(fields) < low:
        raise mistake(text, len(text), "'::' and more")


def _class(text: str, last: tuple[int, str], names: tuple[str, ...]) -> None:
    if last[1].upper() not in names:
        raise mistake(text, last[0], " or ".join(names))
