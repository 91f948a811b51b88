"""What is connected here: looked up without touching anything, and asked only where wanted.

`attached` reads what the operating system knows of serial ports and USB measuring instruments; no
byte is sent, no port opened, so that nobody else's measurement is disturbed. `on_network` adds
what instruments announce of themselves, and only where that is wanted what answers a broadcast, or
what a VISA library finds by its own means, which may open ports. `identify` opens one
address that somebody named, under its lease, and tries terminators and, on a serial line whose
speed nobody gave, speeds, until `*IDN?` is answered.
"""

import asyncio
import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from funcnodes.devices.addresses.forms import Address, AllowList, SerialOptions
from funcnodes.devices.addresses.lease import Lease, holder_of
from funcnodes.devices.declarations import drivers
from funcnodes.devices.discovery import network
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.messages.replies import Identity
from funcnodes.devices.transports.base import Transport
from funcnodes.devices.transports.choose import MakeTransport, transport_for
from funcnodes.errors import DeviceConnectError, DeviceError, DeviceTimeout, ReplyError

TERMINATORS = ("\n", "\r\n", "\r")
BAUDS = (9600, 115200, 57600, 19200, 38400, 4800)
ANSWER_S = 0.5
USB = Path("/sys/bus/usb/devices")
USBTMC = ("fe", "03")  # interface class and subclass, USBTMC 1.0, table 43


@dataclass(frozen=True, slots=True)
class Attached:
    """Something that the operating system knows of.

    Attributes:
        address: How it is opened.
        title: What it calls itself, or "".
        usb: Vendor, product and serial number as "05e6:2400 1234567", or "".
        holder: Who has it open through funcnodes, or "".
        found_by: "serial", "usb", "visa", or the network service that it announces: "hislip".
    """

    address: str
    title: str = ""
    usb: str = ""
    holder: str = ""
    found_by: str = ""


@dataclass(frozen=True, slots=True)
class Identified:
    """Who answered, and how it had to be asked.

    Attributes:
        driver: Name of the driver that says it fits, or "".
        eol: The terminator that it understood.
        baud: The speed that it understood, where several were tried.
    """

    address: str
    identity: Identity
    driver: str
    eol: str
    baud: int | None = None


def attached(locks: Path | None = None) -> list[Attached]:
    """Serial ports, and instruments of the USB test and measurement class; opens none.

    Args:
        locks: Where leases are kept; says then who has one.
    """
    return _with_holders([*_serial_ports(), *_usb_instruments(USB)], locks)


async def on_network(
    locks: Path | None = None, *, listen_s: float = network.LISTEN_S, with_broadcast: bool = False
) -> list[Attached]:
    """Instruments that announce themselves by multicast DNS; opens none.

    Args:
        with_broadcast: Whether to ask the subnets for VXI-11, too, which every device there hears.
    """
    found = await network.announced(listen_s=listen_s)
    if with_broadcast:
        known = {each.address for each in found}
        found += [each for each in await network.answering() if each.address not in known]
    listed = [Attached(each.address, each.title, found_by=each.service) for each in found]
    return _with_holders(listed, locks)


async def by_visa(library: str = "@py", locks: Path | None = None) -> list[Attached]:
    """What a VISA library lists; it may open ports and send to them, which disturbs others.

    Raises:
        DeviceConnectError: The library cannot be used.
    """

    def listed() -> list[Attached]:
        import pyvisa

        try:
            return [
                Attached(each, found_by="visa")
                for each in pyvisa.ResourceManager(library).list_resources("?*")
            ]
        except (OSError, ValueError, pyvisa.Error) as error:
            raise DeviceConnectError(f"The VISA library {library!r} lists nothing: {error}.") from (
                error
            )

    return _with_holders(await asyncio.to_thread(listed), locks)


def _with_holders(found: list[Attached], locks: Path | None) -> list[Attached]:
    return found if locks is None else [replace(a, holder=_holder(locks, a)) for a in found]


def _serial_ports() -> Iterator[Attached]:
    from serial.tools import list_ports

    for port in sorted(list_ports.comports()):
        usb = ""
        if port.vid is not None and port.pid is not None:
            usb = f"{port.vid:04x}:{port.pid:04x} {port.serial_number or ''}".strip()
        title = "" if port.description in (None, "n/a") else port.description
        yield Attached(f"serial:{port.device}", title, usb, found_by="serial")


def _usb_instruments(root: Path) -> Iterator[Attached]:
    """Those whose interface says USBTMC, by what the kernel has read of them already."""
    for interface in sorted(root.glob("*:*")):
        found = (_read(interface / "bInterfaceClass"), _read(interface / "bInterfaceSubClass"))
        if found != USBTMC:
            continue
        device = root / interface.name.partition(":")[0]
        vendor, product = _read(device / "idVendor"), _read(device / "idProduct")
        serial = _read(device / "serial")
        title = " ".join(filter(None, (_read(device / "manufacturer"), _read(device / "product"))))
        address = f"USB0::0x{vendor.upper()}::0x{product.upper()}::{serial}::INSTR"
        yield Attached(address, title, f"{vendor}:{product} {serial}".strip(), found_by="usb")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _holder(locks: Path, found: Attached) -> str:
    from funcnodes.devices.addresses.forms import parse

    with suppress(DeviceError):
        holder = holder_of(locks, parse(found.address))
        if holder is not None:
            return f"{holder.worker} as {holder.device}"
    return ""


async def identify(
    address: Address,
    *,
    locks: Path | None = None,
    allow: AllowList | None = None,
    timeout_s: float = ANSWER_S,
    owner: str = "identify",
    make_transport: MakeTransport = transport_for,
) -> Identified:
    """Ask who is there; nothing but `*IDN?` is sent.

    Args:
        locks: Where leases are kept; the address is taken for as long.
        timeout_s: How long to wait for each answer.
        make_transport: How the address is opened.

    Raises:
        DeviceBusyError: Somebody else has it.
        DeviceConnectError: It cannot be opened.
        DeviceTimeout: It answered to nothing that was tried; the message lists that.
    """
    lease = None
    if locks is not None:
        lease = Lease.acquire(locks, address, device=address.text, worker=owner)
    try:
        return await _ask_around(address, allow or AllowList(), timeout_s, make_transport)
    finally:
        if lease is not None:
            lease.release()


async def _ask_around(
    address: Address, allow: AllowList, timeout_s: float, make_transport: MakeTransport
) -> Identified:
    question, terminators = _question(address)
    heard: list[str] = []
    for baud, eol in itertools.product(_bauds(address), terminators):
        protocol = Protocol(eol=eol, serial=SerialOptions(baud=baud))
        transport = make_transport(address, protocol, allow)
        try:
            await transport.open()
            answer = await _answer(transport, f"{question}{eol}", timeout_s)
        finally:
            await transport.close()
        try:
            identity = replies.identity(answer)
        except ReplyError:
            heard += [replies.shown(answer)] if answer else []
            continue
        driver = drivers.for_identity(identity)
        name = driver.spec.name if driver is not None else ""
        return Identified(address.text, identity, name, eol, baud)
    raise _silent(address, question, terminators, heard)


def _question(address: Address) -> tuple[str, Sequence[str]]:
    """What asks who is there, and the terminators to try.

    Raises:
        DeviceConnectError: Only a driver knows how to address this instrument.
    """
    if address.kind == "modbus":
        return "identify?", ("\n",)
    if address.kind == "rs485":
        raise DeviceConnectError(
            f"{address.text}: how a unit of a shared line is addressed is known to its driver "
            "only.",
            address=address.resource,
            hint="Put it into a bench file with its driver, and use `funcnodes device check`.",
        )
    return "*IDN?", TERMINATORS


def _bauds(address: Address) -> Sequence[int | None]:
    """Speeds to be tried: of a real line whose speed nobody gave."""
    if address.kind != "serial" or address.serial.baud is not None:
        return (None,)
    return (None,) if re.match(r"/dev/pts/", address.path) else BAUDS


async def _answer(transport: Transport, question: str, timeout_s: float) -> str:
    """The first line that comes back, or "" where none does."""
    try:
        async with asyncio.timeout(timeout_s):
            await transport.write(question.encode("ascii"))
            ends = b"\r" if question.endswith("\r") else b"\n"
            line = await transport.read_until(ends, limit=1024)
    except (TimeoutError, DeviceTimeout, ReplyError, DeviceError) as error:
        if isinstance(error, DeviceConnectError):
            raise
        return ""
    return line.decode("ascii", errors="replace").strip()


def _silent(
    address: Address, question: str, terminators: Sequence[str], heard: Sequence[str]
) -> DeviceTimeout:
    tried = " and ".join(repr(eol) for eol in terminators)
    speeds = [baud for baud in _bauds(address) if baud is not None]
    at = f" at {', '.join(map(str, speeds))} baud" if speeds else ""
    said = f" It said {heard[0]}." if heard else ""
    return DeviceTimeout(
        f"{address.text}: no answer to {question!r} ended by {tried}{at}.{said}",
        address=address.resource,
        hint=f"Is it switched on, and is it this address? Not every instrument knows {question}.",
    )
