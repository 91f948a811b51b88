"""What every byte channel to an instrument promises, whatever it is made of.

A transport moves bytes and names failures by their cause. It keeps no deadline of its own (the
link cancels), retries nothing and knows no terminator but the one it is asked to read to. What
comes in while nobody reads is kept up to `LIMIT` bytes, then the line is left alone until read.
"""

import os
import socket
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import ClassVar, Literal

from funcnodes.devices.transports.turn import Turn

TransportKind = Literal[
    "tcp",
    "serial",
    "rfc2217",
    "visa",
    "memory",
    "prologix",
    "rs485",
    "modbus",
    "recording",
    "replay",
]
LIMIT = 1 << 20  # bytes of a line, and of input that nobody asked for
BLOCK_LIMIT = 1 << 28  # bytes of one block read by its length
PIECE_PAUSE_S = 0.01


class Transport(ABC):
    """One open (or openable) channel. Used by one link only.

    Attributes:
        kind: What it is made of.
        address: The resource string, for messages.
        interrupt_s: Within how many seconds bytes of an emergency reach the line at worst, also
            while something else is under way (D4).
        fresh_on_open: Whether opening anew gives a channel on which no late reply can come.
        is_shared: Whether other instruments wait while this one is spoken to (D1).
        hears_unasked: Whether `has_input` tells of what comes without a question.
        has_marker: Whether `interrupt` makes sure by itself that nothing late will come.
        owed_until: Monotonic time until which somebody else's late reply may come in here.
    """

    kind: ClassVar[TransportKind]
    interrupt_s: float = 0.1
    fresh_on_open: bool = True
    is_shared: bool = False
    hears_unasked: bool = False
    has_marker: bool = False
    owed_until: float = 0.0

    def __init__(self, address: str) -> None:
        self.address = address
        self.on_lost: Callable[[Exception], None] | None = None
        """Called once, in the loop, when the peer goes away while nobody waits for it."""
        self.on_dropped: Callable[[bytes], None] | None = None
        """Called in the loop with what came and is given to nobody."""
        self.on_came: Callable[[], None] | None = None
        """Called in the loop when something came that nobody waits for, where that is noticed."""

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether bytes can be written."""

    def has_input(self) -> bool:
        """Whether something has come that nobody has read yet."""
        return False

    @property
    def at_end(self) -> bool:
        """Whether a message is known to have ended with what was read, by no byte of it."""
        return False

    @abstractmethod
    async def open(self) -> None:
        """Connect.

        Raises:
            AddressError: The host is not on the allow-list.
            DeviceBusyError: Another process holds the port.
            DeviceConnectError: Refused, not found, or no permission; the message says which.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of the channel. Idempotent; never raises for a channel that is broken already."""

    def part(self) -> Coroutine[None, None, None] | None:
        """Stop using the connection, but let what was written to it arrive: run what this gives.

        None where closing loses nothing.
        """
        return None

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Hand all of `data` to the system.

        Raises:
            DeviceClosed: We closed it, or the peer did.
        """

    @abstractmethod
    async def read_until(self, terminator: bytes, *, limit: int = LIMIT) -> bytes:
        """The next bytes up to and including `terminator`.

        After a cancelled read nobody knows what the next bytes belong to: the link recovers.

        Raises:
            DeviceClosed: The peer closed before the terminator came.
            ReplyError: `limit` bytes came without it.
        """

    @abstractmethod
    async def read_exactly(self, count: int) -> bytes:
        """The next `count` bytes.

        Raises:
            DeviceClosed: The peer closed before they came.
            ReplyError: More than `BLOCK_LIMIT` bytes were asked for.
        """

    async def read_into(self, buffer: memoryview) -> None:
        """Fill `buffer` with the next bytes, without copies between where that can be.

        Raises:
            DeviceClosed, ReplyError: As for `read_exactly`.
        """
        buffer[:] = await self.read_exactly(len(buffer))

    @abstractmethod
    def discard_input(self) -> int:
        """Drop what has come and was not read; how many bytes that were."""

    def drain(self) -> bytes:
        """Drop what has come and was not read; what that was."""
        drained: list[bytes] = []
        told, self.on_dropped = self.on_dropped, drained.append
        self.discard_input()
        self.on_dropped = told
        return b"".join(drained)

    @abstractmethod
    async def interrupt(self) -> None:
        """Make the instrument give up a long reply where the interface can (device clear).

        Raises:
            DeviceTimeout: It has a marker, and the instrument did not answer that.
        """

    has_service_request: bool = False
    """Whether `service_request` can be waited for."""

    async def service_request(self) -> None:
        """Wait until the instrument asks for service, where the interface can tell."""
        raise NotImplementedError(f"{self.address} knows no service request.")

    async def status_byte(self) -> int | None:
        """The status byte by serial poll; None where the interface has no such thing."""
        return None

    @abstractmethod
    def emergency_write(self, data: bytes) -> bool:
        """Put `data` on the line now, from any thread, past any queue, without the loop.

        Returns:
            Whether all bytes were handed over within `interrupt_s`. Never raises.
        """

    # ── what only some interfaces have ────────────────────────────────────────────────────

    def turn(self) -> Turn:
        """The lock that its link holds while it speaks; one for all that share a bus (D1)."""
        return Turn()

    def poison(self) -> None:  # noqa: B027 - most have nothing to do
        """Learn that nobody knows any more what the next bytes belong to.

        Called by the link before anybody else can speak; for those who share a bus.
        """

    def owe(self, until: float) -> None:  # noqa: B027 - most share with nobody
        """Learn that a reply that was asked for may still come, until so long (monotonic)."""

    async def pause(self) -> None:  # noqa: B027 - most need none
        """Wait until the line may be spoken on; what comes meanwhile was not asked for."""

    async def settle(self) -> None:  # noqa: B027 - most have nothing to do
        """Make what is shared fit to speak on again, before a deadline starts.

        Raises:
            DeviceError: It cannot be.
        """

    def on_line(self, data: bytes) -> list[bytes]:
        """What another process has to write, on a connection of its own, for `data` to arrive.

        Several pieces are written with a pause of `PIECE_PAUSE_S` between.
        """
        return [data]

    def _drop(self, data: bytes) -> int:
        """Tell of bytes that nobody gets; how many they are."""
        if data and self.on_dropped is not None:
            self.on_dropped(data)
        return len(data)


def describe(error: BaseException) -> str:
    """An operating system error in words: "connection refused"."""
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)[:1].lower() + os.strerror(error.errno)[1:]
    return str(error) or type(error).__name__


def close_leftovers(error: BaseException) -> None:
    """Close the sockets that a library had made before its opening failed, and forgot.

    pyvisa-py and zeroconf leave them to the garbage collector.
    """
    cause: BaseException | None = error
    while cause is not None:
        for frame, _ in traceback.walk_tb(cause.__traceback__):
            owner = getattr(frame.f_locals.get("self"), "__dict__", {})
            for made in (*frame.f_locals.values(), *owner.values()):
                if isinstance(made, socket.socket):
                    made.close()
        cause = cause.__cause__ or cause.__context__
