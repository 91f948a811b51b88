"""Instruments that the network tells of; none of their own ports is opened.

`announced` listens to what instruments say of themselves by multicast DNS (RFC 6762), which is how
LXI devices are found (LXI Device Specification 1.6, section 10). `answering` asks by broadcast who
has a VXI-11 service; every device of the subnet hears that, so it is done only when wanted.
"""

import asyncio
import contextlib
import secrets
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from funcnodes.devices.addresses.forms import parse
from funcnodes.devices.addresses.resources import HISLIP_PORT
from funcnodes.devices.transports.base import close_leftovers, describe
from funcnodes.errors import AddressError, DeviceConnectError

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

LISTEN_S = 1.5
DETAILS_S = 1.0
MOST_FOUND = 500
LONGEST_TITLE = 100
# What a service is called, and how an instrument that offers it is addressed.
SERVICES = {
    "_hislip._tcp.local.": "TCPIP0::{host}::hislip0{port}::INSTR",
    "_vxi-11._tcp.local.": "TCPIP0::{host}::inst0::INSTR",
    "_scpi-raw._tcp.local.": "tcp:{host}:{number}",
    "_scpi-telnet._tcp.local.": "tcp:{host}:{number}",
    "_lxi._tcp.local.": "TCPIP0::{host}::inst0::INSTR",
}
PORTMAPPER = 111
_VXI11_CORE, _TCP = 0x0607AF, 6  # VXI-11, section C; RFC 1833, section 3.1
_CALL, _REPLY, _GETPORT = 0, 1, 3


@dataclass(frozen=True, slots=True)
class Announced:
    """An instrument as the network names it.

    Attributes:
        address: How it is opened.
        title: Maker, model and serial number where it tells them, else its service's name.
        service: What it was found by, e.g. "hislip".
    """

    address: str
    title: str
    service: str


async def announced(
    *, listen_s: float = LISTEN_S, interfaces: Iterable[str] = ()
) -> list[Announced]:
    """Listen to multicast DNS for a moment.

    Args:
        listen_s: How long, in seconds.
        interfaces: IP addresses of the interfaces to listen on; all by default.

    Raises:
        DeviceConnectError: No interface takes multicast.
    """
    from zeroconf import InterfaceChoice
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

    heard: dict[tuple[str, str], None] = {}

    def changed(*, service_type: str, name: str, **_: Any) -> None:
        if len(heard) < MOST_FOUND:
            heard[service_type, name] = None

    try:
        network = AsyncZeroconf(interfaces=list(interfaces) or InterfaceChoice.All)
    except OSError as error:
        close_leftovers(error)
        raise DeviceConnectError(
            f"Multicast DNS cannot be listened to here: {describe(error)}.",
            hint="Is a network interface up that takes multicast?",
        ) from error
    try:
        browser = AsyncServiceBrowser(network.zeroconf, list(SERVICES), handlers=[changed])
        await asyncio.sleep(listen_s)
        await browser.async_cancel()
        found = await asyncio.gather(*(_details(network, *each) for each in heard))
    finally:
        await network.async_close()
    return _without_doubles(each for each in found if each is not None)


async def _details(network: "AsyncZeroconf", service: str, name: str) -> Announced | None:
    from zeroconf.asyncio import AsyncServiceInfo

    info = AsyncServiceInfo(service, name)
    with contextlib.suppress(Exception):  # a record that cannot be read is no instrument
        if await info.async_request(network.zeroconf, DETAILS_S * 1000):
            return _as_found(info, service, name)
    return None


def _as_found(info: "AsyncServiceInfo", service: str, name: str) -> Announced | None:
    """An instrument from its records, which anybody may have sent."""
    hosts = sorted(info.parsed_addresses(), key=lambda each: ":" in each)
    if not hosts or not info.port:
        return None
    host = f"[{hosts[0]}]" if ":" in hosts[0] else hosts[0]
    port = "" if info.port == HISLIP_PORT else f",{info.port}"
    address = SERVICES[service].format(host=host, port=port, number=info.port)
    try:
        parse(address)
    except AddressError:
        return None
    title = _title(info.properties) or name.removesuffix(f".{service}")
    return Announced(address, _shown(title), service.partition(".")[0].lstrip("_"))


def _title(properties: Mapping[bytes, bytes | None]) -> str:
    """Maker, model and serial number from the TXT record (LXI 1.6, 10.4.3)."""
    texts = {
        key.decode("utf-8", "replace").lower(): (value or b"").decode("utf-8", "replace")
        for key, value in properties.items()
    }
    title = f"{texts.get('manufacturer', '')} {texts.get('model', '')}".strip()
    serial = texts.get("serialnumber", "")
    return f"{title}, {serial}" if title and serial else title


def _shown(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)[:LONGEST_TITLE]


def _without_doubles(found: Iterable[Announced]) -> list[Announced]:
    """One entry per address, from the service that says most of it: LXI last."""
    order = [service.partition(".")[0].lstrip("_") for service in SERVICES]
    best: dict[str, Announced] = {}
    for each in sorted(found, key=lambda each: order.index(each.service)):
        best.setdefault(each.address, each)
    return sorted(best.values(), key=lambda each: each.address)


# ── asking by broadcast ───────────────────────────────────────────────────────────────────


async def answering(
    *, wait_s: float = 1.0, targets: Iterable[str] = (), port: int = PORTMAPPER
) -> list[Announced]:
    """Ask every portmapper of the subnets for VXI-11 (RFC 1833, section 3.2).

    Args:
        wait_s: How long to wait for answers.
        targets: Broadcast addresses; those of this machine's interfaces by default.
    """
    loop = asyncio.get_running_loop()
    asking = _Asking()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: asking, local_addr=("0.0.0.0", 0), allow_broadcast=True
    )
    try:
        for target in list(targets) or _broadcast_addresses():
            with contextlib.suppress(OSError):
                transport.sendto(asking.question, (target, port))
        await asyncio.sleep(wait_s)
    finally:
        transport.close()
    hosts = sorted(asking.hosts, key=socket.inet_aton)
    return [Announced(f"TCPIP0::{host}::inst0::INSTR", "", "vxi-11") for host in hosts]


class _Asking(asyncio.DatagramProtocol):
    """One call of the portmapper's GETPORT, and who answered it with a port."""

    def __init__(self) -> None:
        self._id = secrets.randbits(32)
        no_auth = (0, 0, 0, 0)
        self.question = struct.pack(
            ">14I", self._id, _CALL, 2, 100000, 2, _GETPORT, *no_auth, _VXI11_CORE, 1, _TCP, 0
        )
        self.hosts: set[str] = set()

    def datagram_received(self, data: bytes, sender: tuple[str | Any, int]) -> None:
        if len(data) < 28 or len(self.hosts) >= MOST_FOUND:
            return
        number, kind, status, _, _, accepted, port = struct.unpack(">7I", data[:28])
        if (number, kind, status, accepted) == (self._id, _REPLY, 0, 0) and 0 < port < 65536:
            self.hosts.add(str(sender[0]))


def _broadcast_addresses() -> list[str]:
    import psutil

    return [
        address.broadcast
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET and address.broadcast
    ]
