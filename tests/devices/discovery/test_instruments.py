"""What is connected is found without disturbing anybody; what keeps it from opening is named."""

import asyncio
import grp
import os
import socket
import struct
import subprocess
import sys
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from funcnodes.devices import discovery
from funcnodes.devices.addresses import AllowList, parse
from funcnodes.devices.discovery import network
from funcnodes.devices.discovery.instruments import _usb_instruments
from funcnodes.devices.link import Link
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.transports.choose import transport_for
from funcnodes.errors import DeviceBusyError, DeviceConnectError, DeviceTimeout

from ...waiting import patience

LOOPBACK = ["127.0.0.1"]


# ── multicast DNS ─────────────────────────────────────────────────────────────────────────


@pytest_asyncio.fixture
async def instruments() -> AsyncIterator[AsyncZeroconf]:
    """Services of three instruments, registered on the loopback interface."""
    lxi = {"Manufacturer": "Keysight", "Model": "34465A", "SerialNumber": "MY1", "txtvers": "1"}
    registered = [
        ("_lxi._tcp.local.", "K-34465A", 80, lxi),
        ("_hislip._tcp.local.", "K-34465A", 4880, lxi),
        ("_hislip._tcp.local.", "Elsewhere", 4881, {}),
        ("_scpi-raw._tcp.local.", "K-34465A", 5025, lxi),
        ("_vxi-11._tcp.local.", "Oddity", 111, {"Manufacturer": "\x1b[31mX", "Model": "Y"}),
        ("_http._tcp.local.", "Printer", 80, {}),
    ]
    server, infos = AsyncZeroconf(interfaces=LOOPBACK), []
    for service, name, port, properties in registered:
        infos.append(
            ServiceInfo(
                service, f"{name}.{service}", port, addresses=[socket.inet_aton("127.0.0.1")],
                properties=properties, server=f"{service[1:4]}{port}.local.",
            )
        )  # fmt: skip
    await asyncio.gather(*(server.async_register_service(info) for info in infos))
    yield server
    await server.async_close()


async def test_instruments_that_announce_themselves_are_listed(instruments: AsyncZeroconf) -> None:
    found = await network.announced(listen_s=1.3, interfaces=LOOPBACK)
    assert {each.address: (each.title, each.service) for each in found} == {
        "TCPIP0::127.0.0.1::hislip0::INSTR": ("Keysight 34465A, MY1", "hislip"),
        "TCPIP0::127.0.0.1::hislip0,4881::INSTR": ("Elsewhere", "hislip"),
        "TCPIP0::127.0.0.1::inst0::INSTR": ("?[31mX Y", "vxi-11"),
        "tcp:127.0.0.1:5025": ("Keysight 34465A, MY1", "scpi-raw"),
    }


async def test_an_interface_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(DeviceConnectError, match="Multicast DNS cannot be listened to here"):
        await network.announced(listen_s=0.1, interfaces=["203.0.113.1"])


async def test_a_broadcast_finds_who_has_vxi11_and_no_other() -> None:
    """The answers of a portmapper, and what is none: RFC 1833."""
    asked: list[bytes] = []

    class Portmapper(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
            asked.append(data)
            answers = [data[:4] + struct.pack(">6I", 1, 0, 0, 0, 0, 1024), b"\0" * 28, b"x"]
            for answer in answers:
                self.transport.sendto(answer, sender)  # type: ignore[attr-defined]  # a datagram transport

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Portmapper, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    found = await network.answering(wait_s=0.2, targets=["127.0.0.1"], port=port)
    transport.close()
    assert [each.address for each in found] == ["TCPIP0::127.0.0.1::inst0::INSTR"]
    assert struct.unpack(">5I", asked[0][4:24]) == (0, 2, 100000, 2, 3)
    assert struct.unpack(">4I", asked[0][40:56]) == (0x0607AF, 1, 6, 0)


def test_listing_what_is_attached_opens_nothing_and_asks_nobody() -> None:
    assert all(each.found_by in ("serial", "usb") for each in discovery.attached())


# ── what keeps a port from opening ────────────────────────────────────────────────────────


@contextmanager
def terminal() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal: its master, and the path of its line."""
    master, slave = os.openpty()
    tty.setraw(slave)
    path = os.ttyname(slave)
    os.close(slave)
    try:
        yield master, path
    finally:
        os.close(master)


def test_a_port_that_another_program_has_says_which() -> None:
    hold = (
        "import os, serial, sys; p = serial.Serial(sys.argv[1], exclusive=True);"
        "print('open', flush=True); sys.stdin.read()"
    )
    with terminal() as (_, path):
        holder = subprocess.Popen(
            [sys.executable, "-c", hold, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"open\n"
            channel = transport_for(parse(f"serial:{path}"), Protocol(), AllowList())
            said = rf"process {holder.pid} \(.*python.*\) has {path} open"
            with pytest.raises(DeviceBusyError, match=said):
                asyncio.run(channel.open())
            holder.communicate()


async def test_a_line_that_this_program_has_itself_is_to_be_shared() -> None:
    with terminal() as (_, path):
        first, second = (
            transport_for(parse(f"serial:{path}"), Protocol(), AllowList()) for _ in range(2)
        )
        await first.open()
        with pytest.raises(DeviceBusyError, match=f"this program has {path} open") as caught:
            await second.open()
        assert "rs485:LINE/UNIT" in caught.value.hint
        await first.close()


OPEN_AS_NOBODY = """
import asyncio, grp, os, sys
import serial
import funcnodes.devices.addresses.holders  # while we may read them
import funcnodes.devices.transports.serial
from funcnodes.devices.addresses import AllowList, parse
from funcnodes.devices.transports.choose import transport_for
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.errors import DeviceConnectError
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    asyncio.run(transport_for(parse("serial:" + sys.argv[1]), Protocol(), AllowList()).open())
except DeviceConnectError as error:
    print(error.message, error.hint, sep="|")
"""


@pytest.mark.parametrize(
    ("mode", "what"), [(0o060, "Join the group {group}: "), (0o000, "ask who")]
)
def test_a_port_without_permission_says_which_group_to_join(mode: int, what: str) -> None:
    with terminal() as (_, path):
        os.chmod(path, mode)
        group = grp.getgrgid(os.stat(path).st_gid).gr_name
        done = subprocess.run(
            [sys.executable, "-c", OPEN_AS_NOBODY, path],
            capture_output=True,
            text=True,
            timeout=patience(),
        )
    message, _, hint = done.stdout.partition("|")
    assert message.endswith(f"no permission to open {path}."), done.stderr
    assert what.format(group=group) in hint


# ── wrong speed, unknown host ─────────────────────────────────────────────────────────────


@contextmanager
def babbling(answer: bytes) -> Iterator[str]:
    """A line whose instrument is heard at the wrong speed: answers are noise."""
    loop = asyncio.get_running_loop()
    with terminal() as (master, path):
        loop.add_reader(master, lambda: os.read(master, 4096) and os.write(master, answer))
        yield path
        loop.remove_reader(master)


async def test_noise_instead_of_an_answer_asks_for_the_speed() -> None:
    with babbling(b"\xff\x80\xfe\x00\xf8") as path:
        protocol = Protocol(connect_s=0.2)
        link = Link("tc", transport_for(parse(f"serial:{path}"), protocol, AllowList()), protocol)
        said = r"tc .*no reply to '\*IDN\?' in 0.2 s, but 5 bytes that are none"
        with pytest.raises(DeviceConnectError, match=said) as caught:
            await link.open()
        assert "speed (baud)" in caught.value.hint
        await link.close()


async def test_identifying_tells_what_was_heard() -> None:
    said = r"no answer to '\*IDN\?' .* It said '��\?'"
    with babbling(b"\xff\xfe?\n") as path, pytest.raises(DeviceTimeout, match=said):
        await discovery.identify(parse(f"serial:{path}"), timeout_s=0.05)


async def test_an_unknown_host_is_one_sentence() -> None:
    channel = transport_for(parse("tcp:no-such-host.invalid:5025"), Protocol(), AllowList())
    with pytest.raises(DeviceConnectError, match=r"the host 'no-such-host.invalid' is not known"):
        await channel.open()


def test_usb_instruments_are_read_from_what_the_kernel_knows(tmp_path: Path) -> None:
    device, interface = tmp_path / "1-2", tmp_path / "1-2:1.0"
    facts = {
        device: {"idVendor": "05e6", "idProduct": "2450", "serial": "04", "product": "2450"},
        interface: {"bInterfaceClass": "fe", "bInterfaceSubClass": "03"},
    }
    for folder, files in facts.items():
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(f"{text}\n")
    (found,) = _usb_instruments(tmp_path)
    assert found.address == "USB0::0x05E6::0x2450::04::INSTR"
    assert (found.usb, found.title, found.found_by) == ("05e6:2450 04", "2450", "usb")
