"""An RS-485 line that several instruments share: one owner, silence between speakers.

One speaks at a time; between the last bit heard and the next sent lies a gap in which the line
turns around. An instrument is addressed by what its protocol puts before each command
(`Protocol.to_unit`), and known by what it puts before each reply (`from_unit`): a late reply of
another one is dropped. Where replies carry no unit, an exchange that failed makes every
instrument of the line prove who it is before it is believed again. Emergency bytes wait for no
silence: where they meet a reply, they are repeated when the read-back says so (S3).
"""

import asyncio
import math
import time
from typing import ClassVar

from funcnodes.devices.addresses.pieces import Address
from funcnodes.devices.messages.protocol import Protocol
from funcnodes.devices.transports.base import LIMIT, TransportKind
from funcnodes.devices.transports.bus import Bus, BusChannel
from funcnodes.devices.transports.serial import SerialTransport
from funcnodes.errors import DeviceClosed, ReplyError

BITS_PER_BYTE = 11  # start, 8 data, parity or a second stop, stop
GAP_BYTES = 3.5  # Modbus over Serial Line V1.02, section 2.5.1.1; others ask for less
SHORTEST_GAP_S = 1.75e-3  # the same, from 19200 baud on
QUIET_S = 0.05  # silence after which a line is taken to be free
MOST_NOISE_S = 1.0
LISTEN_S = 0.2  # for the answer to a question, before the line is taken again


class LineBus(Bus):
    """The line.

    Attributes:
        gap_s: Silence before anybody speaks.
    """

    inner: SerialTransport

    def __init__(self, inner: SerialTransport, address: Address) -> None:
        super().__init__(inner)
        self._byte_s = BITS_PER_BYTE / inner.baud
        given = address.sharing.gap_s
        usual = max(SHORTEST_GAP_S, GAP_BYTES * self._byte_s)
        self.gap_s = usual if given is None else given
        self._has_echo = address.sharing.echo
        self._free_at = 0.0  # monotonic time from which somebody may speak
        self._is_asked = False  # whether an answer to the last question may still come
        self.owed: dict[str, float] = {}  # till when a reply of a unit that names none may come

    async def settle(self) -> None:
        """Open the line where it is not, and wait until nobody speaks."""
        if not self.inner.is_open:
            await self.inner.open()
            self.owed = {unit: at for unit, at in self.owed.items() if at != math.inf}
        self._is_asked = False
        until = time.monotonic() + MOST_NOISE_S
        self.inner.discard_input()
        while time.monotonic() < until:
            await asyncio.sleep(max(QUIET_S, self.gap_s))
            if not self.inner.discard_input():
                break

    async def quiet(self) -> None:
        """Drop what came without a question, up to a silence: it answers none (D9)."""
        until = time.monotonic() + MOST_NOISE_S
        while self.inner.has_input():
            if time.monotonic() > until:
                raise ReplyError(
                    f"{self.inner.address}: somebody speaks on the line without being asked, and "
                    f"never stopped in {MOST_NOISE_S:.1f} s.",
                    address=self.inner.address,
                )
            self.inner.discard_input()
            await asyncio.sleep(max(QUIET_S, self.gap_s))

    async def pause(self) -> None:
        """Wait out the gap behind whoever spoke last."""
        wait_s = self._free_at - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    async def speak(self, data: bytes) -> None:
        """Write in a silence; where the line hears itself, check that it heard this."""
        if self._is_asked:
            await self._listen()
        await self.pause()
        early = await self.inner.read_exactly(self.inner.unread) if self._has_echo else b""
        await self.inner.write(data)
        self._free_at = time.monotonic() + len(data) * self._byte_s + self.gap_s
        self._is_asked = b"?" in data
        if self._has_echo:
            await self._hear_oneself(data)
            self.inner.put_back(early)

    async def _hear_oneself(self, data: bytes) -> None:
        heard = await self.inner.read_exactly(len(data))
        if heard != data:
            raise ReplyError(
                f"{self.inner.address}: {heard[:40]!r} was heard while {data[:40]!r} was said: "
                "somebody else speaks, or the line has no echo.",
                address=self.inner.address,
            )

    async def _listen(self) -> None:
        """Let an answer that nobody reads yet come in whole: two may not speak at once."""
        until, before = time.monotonic() + LISTEN_S, 0
        while time.monotonic() < until:
            await asyncio.sleep(self.gap_s)
            if self.inner.unread and self.inner.unread == before:
                break
            before = self.inner.unread

    def heard(self) -> None:
        """Note that somebody else just spoke."""
        self._is_asked = False
        self._free_at = time.monotonic() + self.gap_s

    def make_wary(self, by: BusChannel) -> None:
        """Have every other instrument prove who it is: a late reply may look like its own."""
        for channel in tuple(self._members):
            if channel is not by and channel.on_lost is not None:
                channel.on_lost(
                    DeviceClosed(f"a reply to another on the line of {by.address} failed.")
                )


class LineChannel(BusChannel):
    """One instrument on the line."""

    kind: ClassVar[TransportKind] = "rs485"
    bus: LineBus
    fresh_on_open = False  # a late reply comes in on a line opened anew, too
    hears_unasked = True

    def __init__(self, bus: LineBus, address: str, unit: str, protocol: Protocol) -> None:
        super().__init__(bus, address, unit)
        self._prefix = protocol.to_unit.format(unit=unit).encode("ascii")
        self._reply_prefix = protocol.from_unit.format(unit=unit).encode("ascii")
        self._eol = protocol.eol.encode("ascii")

    def poison(self) -> None:
        self.bus.doubt()
        if not self._reply_prefix:
            self.bus.make_wary(self)

    @property
    def owed_until(self) -> float:  # type: ignore[override]  # the line's, which others move
        if self._reply_prefix:
            return 0.0
        return max((at for unit, at in self.bus.owed.items() if unit != self.unit), default=0.0)

    def owe(self, until: float) -> None:
        self.bus.owed[self.unit] = until

    def has_input(self) -> bool:
        return self.bus.inner.has_input()

    async def pause(self) -> None:
        await self.bus.pause()

    async def write(self, data: bytes) -> None:
        await self.guarded(self._write(self._addressed(data)))

    async def read_until(self, terminator: bytes, *, limit: int = LIMIT) -> bytes:
        return await self.guarded(self._read_until(terminator, limit))

    async def read_exactly(self, count: int) -> bytes:
        data = await super().read_exactly(count)
        self.bus.heard()
        return data

    def emergency_write(self, data: bytes) -> bool:
        self.bus.doubt()
        return self.bus.inner.emergency_write(self._addressed(data))

    def on_line(self, data: bytes) -> list[bytes]:
        return [self._addressed(data)]

    async def _write(self, data: bytes) -> None:
        await self.bus.ready()
        await self.bus.speak(data)

    async def _read_until(self, terminator: bytes, limit: int) -> bytes:
        """The next line of this unit, without its prefix; another's are dropped."""
        while True:
            line = await self.bus.inner.read_until(terminator, limit=limit)
            self.bus.heard()
            if line.startswith(self._reply_prefix):
                return line.removeprefix(self._reply_prefix)

    def _addressed(self, data: bytes) -> bytes:
        """The same commands, each with the unit in front; empty ones end what was half sent."""
        if not self._prefix:
            return data
        commands = data.split(self._eol)
        return self._eol.join(self._prefix + each if each else each for each in commands)
