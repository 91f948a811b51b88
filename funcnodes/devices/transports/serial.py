"""Serial lines on POSIX: pyserial opens and sets the port, the event loop reads its descriptor.

Exclusive (TIOCEXCL and a lock on the device file). On a pseudo-terminal anything but 8N1 opens
once and never again (EINVAL), so a pts path is always opened 8N1: a pty carries whole bytes
whatever is asked for.
"""

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import stat
import termios
from typing import Any

from funcnodes.devices.addresses.forms import Address, SerialOptions, is_pty
from funcnodes.devices.addresses.holders import who_has
from funcnodes.devices.transports.base import describe
from funcnodes.devices.transports.descriptor import DescriptorTransport
from funcnodes.errors import DeviceBusyError, DeviceConnectError

DEFAULTS = SerialOptions(
    baud=9600, bits=8, parity="none", stop=1, flow="none", dtr="high", rts="high"
)  # fmt: skip


class SerialTransport(DescriptorTransport):
    """The serial line at `address`, set as the address, else the driver, says."""

    kind = "serial"
    fresh_on_open = False  # an instrument's late reply comes in on a line opened anew, too

    def __init__(self, address: Address, options: SerialOptions | None = None) -> None:
        super().__init__(address.resource)
        self._path = address.path
        self._options = address.serial.over(options or DEFAULTS).over(DEFAULTS)
        self._port: Any = None  # pyserial has no types

    @property
    def baud(self) -> int:
        """Its speed, in bits per second."""
        return self._options.baud or 9600

    async def open(self) -> None:
        await self.close()
        port = self._opened()
        self._port = port
        try:
            with contextlib.suppress(OSError):
                fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
            os.set_blocking(port.fileno(), False)
            _set_up(port.fileno(), keeps_lines="leave" in (self._options.dtr, self._options.rts))
            self._attach(port.fileno())
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        self._detach()
        if self._port is not None:
            port, self._port = self._port, None
            with contextlib.suppress(OSError, termios.error):
                fcntl.ioctl(port.fileno(), termios.TIOCNXCL)
            with contextlib.suppress(OSError, termios.error):
                port.close()

    def emergency_write(self, data: bytes) -> bool:
        if self._options.flow == "xonxoff" and self._fd >= 0:  # an XOFF holds up no emergency (S3)
            with contextlib.suppress(OSError, termios.error):  # nor does one that comes meanwhile
                settings = termios.tcgetattr(self._fd)
                settings[0] &= ~termios.IXON  # until the line is opened anew
                termios.tcsetattr(self._fd, termios.TCSANOW, settings)
        return super().emergency_write(data)

    def discard_input(self) -> int:
        count = super().discard_input()
        if self._fd >= 0:
            with contextlib.suppress(OSError, termios.error):
                termios.tcflush(self._fd, termios.TCIFLUSH)
        return count

    def _opened(self) -> Any:
        try:
            return opened_port(self._path, self._options)
        except (OSError, ValueError) as error:
            raise self._refusal(error) from error

    def _refusal(self, error: OSError | ValueError) -> DeviceConnectError | DeviceBusyError:
        """Why the port could not be opened, and what to do."""
        code = getattr(error, "errno", None) or _number_within(str(error))
        where = {"address": self.address}
        if code in {errno.EAGAIN, errno.EBUSY, errno.EWOULDBLOCK}:
            who = who_has(self._path)
            hint = "Close the other program."
            if who == "this program":
                hint = "Instruments that share a line are addressed as rs485:LINE/UNIT."
            return DeviceBusyError(
                f"{self.address}: {who} has {self._path} open.", hint=hint, **where
            )
        if code in {errno.EACCES, errno.EPERM}:
            return DeviceConnectError(
                f"{self.address}: no permission to open {self._path}.",
                hint=_group_hint(self._path),
                **where,
            )
        if code == errno.ENOENT:
            return DeviceConnectError(
                f"{self.address}: there is no {self._path}.",
                hint="Is the cable plugged in? `ls /dev/serial/by-id` shows what is.",
                **where,
            )
        why = os.strerror(code) if code else describe(error)
        return DeviceConnectError(f"{self.address}: {self._path} did not open: {why}.", **where)


def opened_port(path: str, options: SerialOptions, *, exclusive: bool = True) -> Any:
    """A pyserial port, opened and set.

    DTR and RTS are put as wanted at the opening itself. Left alone, they stand as the system
    raises them at the first opening, and stay so when the port is closed: a board that starts anew
    at each edge does so once.

    Raises:
        OSError, ValueError: It cannot be opened so.
    """
    import serial

    options = options.over(DEFAULTS)
    on_pty = is_pty(path)

    class Port(serial.Serial):  # type: ignore[misc]  # pyserial has no types
        def _update_dtr_state(self) -> None:
            if options.dtr != "leave":
                super()._update_dtr_state()

        def _update_rts_state(self) -> None:
            if options.rts != "leave":
                super()._update_rts_state()

    port = Port(
        None,
        baudrate=options.baud,
        bytesize=8 if on_pty else options.bits,
        parity="N" if on_pty else str(options.parity)[0].upper(),
        stopbits=1 if on_pty else options.stop,
        xonxoff=options.flow == "xonxoff",
        rtscts=options.flow == "rtscts",
        timeout=0,
        exclusive=exclusive or None,
    )
    port.port = path
    port.dtr, port.rts = options.dtr != "low", options.rts != "low"
    port.open()
    return port


def _set_up(fd: int, *, keeps_lines: bool) -> None:
    """Have an empty read fail while the line is up (VMIN 1), so that b"" means a hang-up only.

    `keeps_lines`: Whether DTR and RTS stay as they are when the port is closed.
    """
    attributes = termios.tcgetattr(fd)
    attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 1, 0
    if keeps_lines:
        attributes[2] &= ~termios.HUPCL
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


def _number_within(message: str) -> int | None:
    """The errno that pyserial put into its text ("[Errno 2] …")."""
    _, found, rest = message.partition("[Errno ")
    digits = rest.partition("]")[0]
    return int(digits) if found and digits.isdecimal() else None


def _group_hint(path: str) -> str:
    try:
        status = os.stat(path)
        group = grp.getgrgid(status.st_gid).gr_name
        user = pwd.getpwuid(os.getuid()).pw_name
    except (OSError, KeyError):
        return ""
    if not status.st_mode & stat.S_IWGRP:
        return f"The file belongs to somebody else; ask who set up {path}."
    return f"Join the group {group}: `sudo usermod -aG {group} {user}`, then log in again."
