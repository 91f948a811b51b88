"""An instrument on a pseudo-terminal, which survives its clients.

They may close and reopen it, at any line settings, and never find what an earlier one left unread.
"""

import asyncio
import errno
import fcntl
import os
import select
import struct
import termios
import tty
from pathlib import Path

from funcnodes_simulators.lines.connections import Connection
from funcnodes_simulators.lines.pacing import PacedBytes
from funcnodes_simulators.lines.station import Station

PIECE_BYTES = 65536
# As much as a client can have on its way: a slow line makes it wait, as a real one does.
SLOW_PIECE_BYTES = 64
IDLE_POLL_S = 0.005
# The kernel drops what a hung-up terminal still holds: a client gets this long to take it.
HANG_UP_AFTER_S = 0.02


_TerminalSettings = list[int | list[bytes | int]]


class PtyServer:
    """One instrument on a pseudo-terminal, optionally under a fixed name as well.

    While no client holds the terminal the master end reports a hang-up; it is then looked at every
    few milliseconds until somebody opens it again. A hang-up of the instrument's side closes the
    terminal for good and opens another one, which `link` keeps pointing to. With a baud rate, bytes
    take their time each way, whatever rate the client has set.
    """

    def __init__(self, station: Station, *, link: Path | None = None, baud: int = 0) -> None:
        self.station = station
        self._incoming = PacedBytes(baud, self._heard)
        self._outgoing = PacedBytes(baud, self._spoken)
        self._piece_bytes = SLOW_PIECE_BYTES if baud else PIECE_BYTES
        self._link = link
        self._path = ""
        self._master = -1
        self._connection: Connection | None = None
        self._unsent = bytearray()
        self._settings: _TerminalSettings = []
        self._poll_timer: asyncio.TimerHandle | None = None
        self._reopen_timer: asyncio.TimerHandle | None = None
        self._is_watched = False

    @property
    def resource(self) -> str:
        """The VISA resource string that reaches this instrument."""
        return f"ASRL{self._link or self._path}::INSTR"

    async def start(self) -> None:
        """Open the pseudo-terminal.

        Raises:
            OSError: The machine has none left, or the link cannot be made.
        """
        self._open()

    async def stop(self) -> None:
        """Close it; a client that still holds the other end sees a hang-up."""
        if self._master < 0:
            return
        os.close(self._abandon())
        if self._link is not None and self._link.is_symlink():
            self._link.unlink()

    def send(self, data: bytes) -> None:
        if self._connection is not None:
            self._outgoing.feed(data)

    def unread_bytes(self) -> int:
        return len(self._unsent) + len(self._outgoing)

    def hang_up(self, *, at_once: bool = False) -> None:
        """Vanish and come back as another terminal; a mere loss of power leaves the port alone."""
        if at_once:
            self._outgoing.clear()
            self._unsent.clear()
            return
        if self._reopen_timer is None:
            loop = asyncio.get_running_loop()
            self._reopen_timer = loop.call_later(HANG_UP_AFTER_S, self._reopen)

    def _reopen(self) -> None:
        """Take a new terminal and point the link to it, then give the old one up."""
        old = self._abandon()
        try:
            self._open()
        finally:
            os.close(old)

    def _open(self) -> None:
        master, slave = os.openpty()
        try:
            path = os.ttyname(slave)
            tty.setraw(slave, termios.TCSANOW)
            self._settings = termios.tcgetattr(slave)
            os.set_blocking(master, False)
            if self._link is not None:
                _point(self._link, path)
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        self._master, self._path = master, path
        self._wait_for_client()

    def _abandon(self) -> int:
        """Stop serving the present terminal and hand its master end over."""
        for timer in (self._poll_timer, self._reopen_timer):
            if timer is not None:
                timer.cancel()
        self._poll_timer = self._reopen_timer = None
        self._leave()
        master, self._master = self._master, -1
        return master

    def _wait_for_client(self) -> None:
        if not self._has_client():
            loop = asyncio.get_running_loop()
            self._poll_timer = loop.call_later(IDLE_POLL_S, self._wait_for_client)
            return
        self._connection = self.station.connect(self)
        self._watch(True)

    def _has_client(self) -> bool:
        """Whether somebody holds the terminal, or wrote to it and is gone already."""
        poller = select.poll()
        poller.register(self._master, select.POLLIN)
        events = dict(poller.poll(0)).get(self._master, 0)
        return bool(events & select.POLLIN) or not events & select.POLLHUP

    def _readable(self) -> None:
        try:
            data = os.read(self._master, self._piece_bytes)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        if not data:
            self._leave()
            self._wait_for_client()
            return
        self._incoming.feed(data)
        if len(self._incoming) and self._is_watched:
            self._watch(False)

    def _heard(self, data: bytes) -> None:
        """Take what has arrived at the instrument, and go on listening."""
        if self._connection is not None:
            self._connection.received(data)
        if not len(self._incoming) and self._connection is not None and not self._is_watched:
            self._watch(True)

    def _spoken(self, data: bytes) -> None:
        """Hand over what has arrived at the client."""
        self._unsent += data
        self._flush()

    def _watch(self, is_watched: bool) -> None:
        loop = asyncio.get_running_loop()
        if is_watched:
            loop.add_reader(self._master, self._readable)
        else:
            loop.remove_reader(self._master)
        self._is_watched = is_watched

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            sent = os.write(self._master, self._unsent) if self._unsent else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = len(self._unsent)
        del self._unsent[:sent]
        if self._unsent:
            loop.add_writer(self._master, self._flush)
        else:
            loop.remove_writer(self._master)

    def _leave(self) -> None:
        """Forget the client, and what it never read."""
        if self._connection is None:
            return
        self._watch(False)
        asyncio.get_running_loop().remove_writer(self._master)
        has_unread = self._wipe() + self.unread_bytes() > 0
        self._incoming.clear()
        self._outgoing.clear()
        self._unsent.clear()
        self._connection.closed(has_unread=has_unread)
        self._connection = None

    def _wipe(self) -> int:
        """Throw away what a client left unread, and set the line as it was when new.

        Returns how many bytes that were.

        Linux refuses 7 data bits with parity on a terminal that already is as close to it as it
        can be; a line set back to its first settings takes such a client every time.
        """
        if self._has_client():
            return 0
        slave = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            (unread,) = struct.unpack("i", fcntl.ioctl(slave, termios.FIONREAD, bytes(4)))
            termios.tcflush(slave, termios.TCIFLUSH)
            termios.tcsetattr(slave, termios.TCSANOW, self._settings)
            return int(unread)
        finally:
            os.close(slave)


def _point(link: Path, target: str) -> None:
    """Make or move a symbolic link in one step; anything else of that name is left alone."""
    if os.path.lexists(link) and not link.is_symlink():
        raise FileExistsError(errno.EEXIST, f"{link} is there and is not a link")
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.symlink_to(target)
    fresh.replace(link)
