"""pyvisa-py's own interfaces, read in short slices, so that waiting for a reply can be given up.

pyvisa-py 0.8 waits for a whole time-out where it is asked to read, does not notice a peer that
closed, and takes a refused port for open until the first exchange. Beneath it are sockets and
pyserial ports, which are asked here themselves. An interface that is not among these (USB, GPIB,
another VISA library) is read by VISA's own call, and can be given up only when that returns.
"""

import contextlib
import select
import socket
import time
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from funcnodes.devices.addresses.forms import Address
from funcnodes.devices.transports.base import describe
from funcnodes.devices.transports.descriptor import write_all
from funcnodes.errors import DeviceClosed, DeviceConnectError

SLICE_S = 0.02
POLL_S = 0.05  # of one device_read of VXI-11: each is a call to the instrument
STALL_S = 1.0  # how long a peer may stall in the midst of a message
CALL_S = 2.0
CHUNK = 1 << 16
_TIMED_OUT = 15  # VXI-11, section B: io_timeout
_END = 4  # of the reasons for which a device_read ended: END came


class Slice(NamedTuple):
    """What one read brought: b"" where nothing came, and whether a message ends there."""

    data: bytes
    is_end: bool = False


class Reader(ABC):
    """One interface beneath a resource.

    Attributes:
        cap_s: How long a read in slices may hold up what is urgent at worst.
    """

    cap_s: float = SLICE_S * 3

    def __init__(self, resource: Any, interface: Any, address: Address) -> None:
        self.resource = resource
        self.interface = interface
        self.address = address.resource

    @abstractmethod
    def read(self) -> Slice:
        """What comes within a slice.

        Raises:
            DeviceClosed: The peer closed.
        """

    def is_gone(self) -> bool:
        """Whether the peer is known to have gone away; takes nothing from the line."""
        return False

    def write(self, data: bytes) -> None:
        """Write all of `data` as one message."""
        self.resource.write_raw(data)

    def status_byte(self) -> int:
        """The status byte, beside the messages."""
        return int(self.resource.read_stb())

    def closed(self) -> DeviceClosed:
        return DeviceClosed(
            f"{self.address}: the instrument closed the connection.", address=self.address
        )


class SocketReader(Reader):
    """TCPIP SOCKET: a socket."""

    interface: socket.socket

    def read(self) -> Slice:
        if not select.select((self.interface,), (), (), SLICE_S)[0]:
            return Slice(b"")
        data = self.interface.recv(CHUNK)
        if not data:
            raise self.closed()
        return Slice(data)

    def is_gone(self) -> bool:
        return _has_ended(self.interface)

    def write(self, data: bytes) -> None:
        self.interface.setblocking(False)
        if not write_all(self.interface.fileno(), data, time.monotonic() + CALL_S):
            raise DeviceClosed(
                f"{self.address}: the instrument takes no more bytes.", address=self.address
            )


class SerialReader(Reader):
    """ASRL: a pyserial port, whatever it is made of."""

    def read(self) -> Slice:
        self.interface.timeout = SLICE_S
        data: bytes = self.interface.read(1)
        return Slice(data + self.interface.read(self.interface.in_waiting) if data else b"")

    def is_gone(self) -> bool:
        poll = select.poll()
        with contextlib.suppress(Exception):  # pyserial raises kinds of its own on a closed port
            poll.register(self.interface.fileno(), 0)
            return any(event & ~select.POLLIN for _, event in poll.poll(0))
        return True


class HislipReader(Reader):
    """HiSLIP: a socket for messages and one beside it; waits until a message begins."""

    cap_s = SLICE_S + STALL_S

    def __init__(self, resource: Any, interface: Any, address: Address) -> None:
        super().__init__(resource, interface, address)
        interface.timeout = STALL_S

    def read(self) -> Slice:
        if not self._is_within_message and not self._is_readable():
            return Slice(b"")
        data = bytes(self.interface.receive(CHUNK))
        return Slice(data, bool(self.interface._rmt))

    def is_gone(self) -> bool:
        return _has_ended(self.interface._sync)

    def status_byte(self) -> int:
        """The same, past service requests, which pyvisa-py takes for a wrong answer."""
        from pyvisa_py.protocols.hislip import RxHeader, receive_flush, send_msg

        hislip = self.interface
        send_msg(hislip._async, "AsyncStatusQuery", hislip._rmt, hislip._message_id)
        hislip._rmt = 0  # told once
        while True:
            answer = RxHeader(hislip._async)
            if answer.msg_type == "AsyncStatusResponse":
                return int(answer.control_code)
            receive_flush(hislip._async, answer.payload_length)

    def beside(self) -> socket.socket:
        """The connection on which service is asked for (IVI-6.1, 6.13), to be waited on only."""
        channel: socket.socket = self.interface._async.dup()
        return channel

    @property
    def _is_within_message(self) -> bool:
        return bool(self.interface._payload_remaining)

    def _is_readable(self) -> bool:
        channel: socket.socket = self.interface._sync
        if not select.select((channel,), (), (), SLICE_S)[0]:
            return False
        if not channel.recv(1, socket.MSG_PEEK):
            raise self.closed()
        return True


class Vxi11Reader(Reader):
    """VXI-11: calls to the instrument, each of which may wait for a moment."""

    cap_s = POLL_S + STALL_S + SLICE_S  # pyvisa-py lets a call take a second longer than it says

    def __init__(self, resource: Any, interface: Any, address: Address) -> None:
        super().__init__(resource, interface, address)
        self._session = resource.visalib.sessions[resource.session]

    def read(self) -> Slice:
        error, reason, data = self.interface.device_read(
            self._session.link, min(CHUNK, self._session.max_recv_size), int(POLL_S * 1000), 0, 0, 0
        )
        if error == _TIMED_OUT:
            return Slice(b"")
        if error:
            raise DeviceClosed(
                f"{self.address}: the instrument answers a read by VXI-11 error {error}.",
                address=self.address,
            )
        return Slice(bytes(data), bool(reason & _END))

    def is_gone(self) -> bool:
        return _has_ended(self.interface.sock)


def _has_ended(channel: socket.socket) -> bool:
    """Whether the peer closed; looks first, since a socket with a time-out would wait for it."""
    try:
        if not select.select((channel,), (), (), 0)[0]:
            return False
        return channel.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):  # it was reset, or is closed here already
        return True


def have_ends_noticed() -> None:
    """Make pyvisa-py's remote calls end when the peer closes, where 0.8 spins until its time-out.

    Done once per process, for whoever uses pyvisa-py in it.
    """
    from pyvisa_py.protocols import rpc

    receive = getattr(rpc, "_recvrecord", None)
    if receive is None or getattr(receive, "notices_ends", False):
        return

    def ending(sock: Any, timeout: Any, read_fun: Any = None, min_packages: int = 0) -> Any:
        def read(count: int) -> bytes:
            data: bytes = (read_fun or sock.recv)(count)
            if not data:
                raise ConnectionError("the instrument closed the connection")
            return data

        return receive(sock, timeout, read, min_packages)

    ending.notices_ends = True  # type: ignore[attr-defined]  # a mark on the function itself
    rpc._recvrecord = ending


def reader_for(resource: Any, address: Address) -> Reader | None:
    """How a resource that was just opened is read in slices; None where it cannot be.

    Raises:
        DeviceConnectError: The connection was refused, which pyvisa-py has not noticed yet.
    """
    sessions = getattr(resource.visalib, "sessions", None)
    interface = getattr(sessions.get(resource.session), "interface", None) if sessions else None
    if isinstance(interface, socket.socket):
        _check_connected(interface, address)
        return SocketReader(resource, interface, address)
    if hasattr(interface, "in_waiting"):
        return SerialReader(resource, interface, address)
    if hasattr(interface, "_payload_remaining"):
        return HislipReader(resource, interface, address)
    if hasattr(interface, "device_read"):
        return Vxi11Reader(resource, interface, address)
    return None


def _check_connected(interface: socket.socket, address: Address) -> None:
    code = interface.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise refused(address, OSError(code, ""))


def refused(address: Address, error: OSError) -> DeviceConnectError:
    """The error for a host that takes no connection."""
    where = f"{address.host} port {address.port}" if address.port else address.host
    return DeviceConnectError(
        f"{address.resource}: no connection to {where}: {describe(error)}.",
        address=address.resource,
        hint="Is the instrument switched on and its network port enabled?",
    )


def is_stream(address: Address) -> bool:
    """Whether the interface is a stream of bytes without message boundaries."""
    upper = address.resource.upper()
    return upper.startswith("ASRL") or upper.endswith("SOCKET")


def close_quietly(resource: Any) -> None:
    """Close a resource, whatever state it is in."""
    with contextlib.suppress(Exception):
        resource.close()
