"""What is connected here: looked up without touching anything, and asked only where wanted.

`attached` reads what the operating system knows of serial ports and USB measuring instruments; no
byte is sent, no port opened, so that nobody else's measurement is disturbed. `on_network` adds
what instruments announce of themselves, and only where that is wanted what answers a broadcast, or
what a VISA library finds by its own means, which may open ports. Asking an address that somebody
named is `identifying`'s.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from funcnodes.devices.addresses.lease import holder_of
from funcnodes.devices.discovery import network
from funcnodes.errors import DeviceConnectError, DeviceError

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
