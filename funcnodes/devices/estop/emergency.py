"""Emergency bytes for those who cannot wait for the event loop, or outlive it.

`Emergency` belongs to a bench and may be fired from any thread: it writes each device's rendered
bytes on the connection that is open, past any queue. `Target` is the same for another process:
plain data, with which `strike` opens the instrument, checks who it is and writes. Both say
"sent", never "off": reading back is left to the worker's loop.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from funcnodes.devices.addresses.forms import Address, SerialOptions, parse
from funcnodes.devices.estop.latch import Latch
from funcnodes.devices.link.link import Link
from funcnodes.devices.messages import replies
from funcnodes.devices.messages.replies import Identity
from funcnodes.devices.transports.base import PIECE_PAUSE_S
from funcnodes.devices.transports.descriptor import write_all
from funcnodes.devices.transports.rfc2217 import Telnet, greeting
from funcnodes.devices.transports.serial import opened_port
from funcnodes.errors import DeviceError

STRIKE_S = 1.0
HEAR_S = 0.1  # for the answer to one of several messages
DIAL_S = 0.3  # for one device of several, when its open connection takes no bytes


class Fired(NamedTuple):
    """What became of one device's emergency bytes."""

    device: str
    ms: float | None
    """Milliseconds until they were handed over; None where they could not be."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One device, as far as another process needs it to make it safe; JSON-ready."""

    device: str
    address: str
    """VISA resource string."""
    transport: str
    """What is opened: "tcp", "serial", "rfc2217" or "visa"."""
    data: bytes
    """Emergency bytes as they go over what is opened, the terminator first."""
    more: list[bytes] = []
    """Further ones, each after a pause."""
    gap_s: float = 0.0
    """For how long it hears nothing after a message, and after its reply."""
    ask: bytes = b""
    """The query that names the instrument, as it goes over what is opened, or b""."""
    reply_eol: str = "\n"
    reply_start: str = ""
    """What stands before the reply on a shared line."""
    idn: str = ""
    """What it answered to the worker, or "" if it was never reached."""
    serial: str = ""
    """Its serial number."""
    line: SerialOptions = SerialOptions()
    """How its serial line is set."""
    encoding: str = "ascii"
    """Of what it says who it is in."""
    wait_s: float = 0.0
    """For how long it may hear nothing once its line was opened: it is told again then."""


class Struck(NamedTuple):
    """What `strike` achieved."""

    device: str
    sent: bool
    ms: float
    message: str

    @property
    def text(self) -> str:
        """For people."""
        how = f"sent in {self.ms:.0f} ms" if self.sent else f"NOT SENT: {self.message}"
        return f"{self.device}: {how}"


class Emergency:
    """The emergency bytes of a bench, in stop order, ready to be written from any thread."""

    def __init__(
        self, latch: Latch, shots: Callable[[], Iterable[tuple[str, tuple[bytes, ...], Link]]],
        targets: Callable[[str], list[Target]],
    ) -> None:  # fmt: skip
        self._latch = latch
        self._shots = shots
        self._targets = targets

    def fire(self, cause: str = "E-STOP", by: str = "guard") -> list[Fired]:
        """Latch in memory, then write every device's bytes. Never raises, needs no loop.

        A device whose connection takes none just now is tried on a connection of its own.
        Devices that the bench holds at an E-STOP are left out. Call `latch.save()` afterwards.
        """
        self._latch.engage(cause, by)
        began = time.monotonic()
        begun = {name: link.begin_strike(*pieces) for name, pieces, link in self._shots()}
        fired = []
        for name, each in begun.items():
            each.wait()
            ms = (each.sent_at - began) * 1000 if each.sent_at is not None else None
            fired.append(Fired(name, ms))
        missed = [each.device for each in fired if each.ms is None]
        dialled = self._dial(missed, began) if missed else {}
        return [Fired(name, dialled.get(name, ms)) for name, ms in fired]

    def _dial(self, missed: list[str], began: float) -> dict[str, float]:
        """Milliseconds after which those took their bytes on a connection of their own."""
        targets = [target for target in self._targets("on_estop") if target.device in missed]
        before = (time.monotonic() - began) * 1000
        struck = strike_all(targets, within_s=DIAL_S)
        return {each.device: before + each.ms for each in struck if each.sent}

    def targets(self, cause: str = "on_worker_death") -> list[Target]:
        """The devices for which the bench asks for `estop` on `cause`, for another process."""
        return self._targets(cause)


def strike(target: Target, *, within_s: float = STRIKE_S) -> Struck:
    """Open the instrument, check who it is, write its emergency bytes. Blocks; never raises.

    An instrument that does not say who it is gets the bytes all the same: it may be hanging.
    Another instrument than the worker's gets none.
    """
    began = time.monotonic()
    pauses_s = 2 * (2 + len(target.more)) * target.gap_s + target.wait_s
    try:
        message = _strike(target, began + within_s + pauses_s)
        sent = not message
    except (OSError, DeviceError, ValueError) as error:
        sent, message = False, str(error)
    except Exception as error:  # pyvisa and pyserial raise kinds of their own
        sent, message = False, f"{type(error).__name__}: {error}"
    return Struck(target.device, sent, (time.monotonic() - began) * 1000, message)


def strike_all(targets: Sequence[Target], *, within_s: float = STRIKE_S) -> list[Struck]:
    """`strike` every target: side by side, those on one line one after the other, in order."""
    lines: dict[tuple[object, ...], list[int]] = {}
    for number, target in enumerate(targets):
        lines.setdefault(_line_of(target), []).append(number)
    struck: dict[int, Struck] = {}

    def work(numbers: list[int]) -> None:
        for number in numbers:
            struck[number] = strike(targets[number], within_s=within_s)

    threads = []
    *others, last = lines.values() if lines else [[]]
    for numbers in others:
        thread = threading.Thread(target=work, args=(numbers,), daemon=True, name="strike")
        try:
            thread.start()
            threads.append(thread)
        except RuntimeError:  # no more threads: one after the other is better than not at all
            work(numbers)
    work(last)
    for thread in threads:
        thread.join()
    return [struck[number] for number in range(len(targets))]


def _line_of(target: Target) -> tuple[object, ...]:
    try:
        address = parse(target.address)
    except (DeviceError, ValueError):
        return (target.address,)
    if address.path:
        return (address.path,)
    return (address.host, address.port) if address.host else (address.resource,)


def _strike(target: Target, deadline: float) -> str:
    """Why nothing was written, or ""."""
    address = parse(target.address)
    with _opened(address, target, deadline) as port:
        hears_at = time.monotonic() + target.wait_s
        why = _tell(port, target, deadline)
        if target.wait_s and not why:  # what was opened may have started anew, deaf till now
            time.sleep(max(0.0, hears_at - time.monotonic()))
            why = _tell(port, target, deadline)
        port.flush(deadline)
    return why


def _tell(port: "_Port", target: Target, deadline: float) -> str:
    """Write the emergency bytes to whom they are for; why they were not, or ""."""
    time.sleep(target.gap_s)  # the worker may have spoken to it just now
    other = _other_than_expected(port, target, deadline)
    if other:
        return other
    pieces = [target.data, *target.more]
    if target.gap_s and not target.ask:  # deaf to the first where it ends a half-written one
        pieces *= 2
    for piece in pieces:
        if target.gap_s:
            time.sleep(target.gap_s + len(piece) * 11 / (target.line.baud or 9600))
        if not port.write(piece, deadline):
            return f"{target.address} took no bytes in time."
        if len(pieces) > 1:  # one after the other has to be heard on its own
            port.hear(min(deadline, time.monotonic() + (target.gap_s or HEAR_S)))
            time.sleep(PIECE_PAUSE_S)
    return ""


def _other_than_expected(port: "_Port", target: Target, deadline: float) -> str:
    """A sentence where another instrument answers; late replies before its answer are dropped."""
    if not target.ask or not target.idn:
        return ""
    expected = replies.read_identity(target.idn)
    port.write(target.ask, deadline)
    other = ""
    patience = min(deadline, time.monotonic() + STRIKE_S / 2)
    while time.monotonic() < patience:
        line = port.line(target.reply_eol.encode("ascii"), patience)
        if line is None:
            break
        line = line.removeprefix(target.reply_start.encode("ascii"))
        text = line.decode(target.encoding, errors="replace")
        found = _identity(text)
        if found is not None and found.same_unit(expected):
            return ""
        if found is not None and text.count(",") >= 2:  # less may be any late reply
            unlike = found.unlike(expected)
            other = f"another instrument answers at {target.address}: {unlike}"
    return other


def _identity(text: str) -> Identity | None:
    with contextlib.suppress(DeviceError):
        return replies.identity(text.strip())
    return None


class _Port:
    """A blocking channel with deadlines."""

    def __init__(self, fd: int, close: Callable[[], object], is_socket: bool) -> None:
        self._fd = fd
        self._close = close
        self._is_socket = is_socket
        self._buffer = b""

    def __enter__(self) -> "_Port":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def write(self, data: bytes, deadline: float) -> bool:
        return write_all(self._fd, data, deadline)

    def line(self, end: bytes, deadline: float) -> bytes | None:
        """The next line, or None when none comes in time."""
        import select

        while end not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select((self._fd,), (), (), left)[0]:
                return None
            chunk = os.read(self._fd, 4096)
            if not chunk:
                return None
            self._buffer += self._plain(chunk)
        line, _, self._buffer = self._buffer.partition(end)
        return line

    def _plain(self, chunk: bytes) -> bytes:
        return chunk

    def hear(self, deadline: float) -> None:
        """Wait for an answer, whatever it says."""
        import select

        if select.select((self._fd,), (), (), max(0.0, deadline - time.monotonic()))[0]:
            os.read(self._fd, 4096)

    def flush(self, deadline: float) -> None:
        """See that what was written leaves: half-close a socket and read it out."""
        if self._is_socket:
            sock = socket.socket(fileno=os.dup(self._fd))
            with sock, contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
            while self.line(b"\0never", min(deadline, time.monotonic() + 0.1)) is not None:
                pass
        else:
            import termios

            with contextlib.suppress(OSError, termios.error):
                termios.tcdrain(self._fd)


class _TelnetPort(_Port):
    """The same through an RFC 2217 server."""

    def __init__(self, fd: int, close: Callable[[], object], is_socket: bool) -> None:
        super().__init__(fd, close, is_socket)
        self._telnet = Telnet()

    def _plain(self, chunk: bytes) -> bytes:
        return self._telnet.decode(chunk)[0]


class _VisaPort(_Port):
    """The same over pyvisa."""

    def __init__(self, resource: Any) -> None:
        super().__init__(-1, resource.close, is_socket=False)
        self._resource = resource

    def write(self, data: bytes, deadline: float) -> bool:
        self._resource.write_raw(data)
        return True

    def line(self, end: bytes, deadline: float) -> bytes | None:
        self._resource.timeout = max(1, int((deadline - time.monotonic()) * 1000))
        try:
            read: bytes = self._resource.read_raw()
        except Exception:  # a time-out of whatever library is beneath
            return None
        return read.rstrip(end)

    def flush(self, deadline: float) -> None:
        pass


def _opened(address: Address, target: Target, deadline: float) -> _Port:
    match target.transport:
        case "tcp":
            sock = socket.create_connection(
                (address.host, address.port), max(0.05, deadline - time.monotonic())
            )
            sock.setblocking(False)
            return _Port(sock.fileno(), sock.close, is_socket=True)
        case "rfc2217":
            sock = socket.create_connection(
                (address.host, address.port), max(0.05, deadline - time.monotonic())
            )
            sock.setblocking(False)
            write_all(sock.fileno(), greeting(target.line), deadline)
            return _TelnetPort(sock.fileno(), sock.close, is_socket=True)
        case "serial":
            port = opened_port(address.path, target.line, exclusive=False)
            os.set_blocking(port.fileno(), False)
            return _Port(port.fileno(), port.close, is_socket=False)
    import pyvisa

    resource: Any = pyvisa.ResourceManager("@py").open_resource(address.resource)
    if address.resource.upper().endswith("SOCKET") or address.resource.upper().startswith("ASRL"):
        resource.read_termination = target.reply_eol[-1]
    return _VisaPort(resource)
