"""A channel to a recording: what was answered then is answered again, with no instrument.

In order (the default) everything must be said exactly as it was recorded, to the byte; matching,
each query gets the next reply that was recorded for it, under the newest command where there is
one. What the recording does not hold is a `ReplayMismatch` that says what was expected, what came
and where; from then on the channel gives nothing else, so that nothing wrong follows from it.
Emergency bytes are taken and lead nowhere.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from funcnodes.devices.addresses.forms import Address
from funcnodes.devices.messages.recorded import Recorded, RecordedDevice
from funcnodes.devices.messages.traffic import Direction, Exchange, clock_time, shown
from funcnodes.devices.transports.base import LIMIT, Transport
from funcnodes.errors import DeviceClosed, ReplayMismatch, ReplyError

_HELD = 4  # recordings kept in memory, since each device of a bench asks for the same one


class Replaying(Transport):
    """Answers from one device of a recording.

    Args:
        timed: Whether replies take as long as they did; else they come at once.
    """

    kind = "replay"

    def __init__(self, address: str, tape: "Tape", *, timed: bool = False) -> None:
        super().__init__(address)
        self._tape = tape
        self._timed = timed
        self._buffer = bytearray()
        self._is_open = False
        self._sent = 0.0
        self.fresh_on_open = tape.fresh_on_open
        self.has_service_request = tape.has_service_request

    @classmethod
    def of(cls, address: Address) -> Self:
        """The device that a `replay:` address names.

        Raises:
            RecordingError: The file is no recording, or has no such device.
        """
        parts = urlsplit(address.text)
        recorded = load(Path(address.path))
        device = recorded.device(parts.fragment)
        options = parts.query.split("&")
        make = Matching if "match" in options else InOrder
        tape = make(device, recorded.path.name)
        return cls(address.resource, tape, timed="timed" in options)

    @property
    def is_open(self) -> bool:
        return self._is_open

    async def open(self) -> None:
        await self.close()
        self._tape.opened()
        self._is_open = True

    async def close(self) -> None:
        self._is_open = False
        self.discard_input()

    async def write(self, data: bytes) -> None:
        self._check_open()
        self._sent = time.monotonic()
        with _LosingOn(self):
            self._tape.written(data)
        self._notice_loss()

    async def read_until(self, terminator: bytes, *, limit: int = LIMIT) -> bytes:
        while (found := self._buffer.find(terminator)) < 0:
            if len(self._buffer) >= limit:
                raise ReplyError(
                    f"{self.address}: {len(self._buffer)} bytes came without an end of line.",
                    address=self.address,
                )
            await self._more()
        return self._take(found + len(terminator))

    async def read_exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            await self._more()
        return self._take(count)

    def discard_input(self) -> int:
        dropped = bytes(self._buffer)
        self._buffer.clear()
        return self._drop(dropped)

    async def interrupt(self) -> None:
        """There is nobody to be interrupted."""

    async def service_request(self) -> None:
        """Whoever waits looks at once: what is seen then is in the recording."""
        self._tape.service_awaited()
        await asyncio.sleep(0)

    async def status_byte(self) -> int | None:
        return self._tape.polled()

    def emergency_write(self, data: bytes) -> bool:
        return self._is_open

    async def _more(self) -> None:
        """The next piece that was read then; for silence then, silence now."""
        self._check_open()
        with _LosingOn(self):
            piece = self._tape.next_piece()
        if piece.direction == "silence":
            await self._be_silent()
        if self._timed and piece.latency_ms is not None:
            await asyncio.sleep(self._sent + piece.latency_ms / 1000 - time.monotonic())
        self._buffer += piece.data
        self._notice_loss()

    async def _be_silent(self) -> None:
        if self._timed:
            await asyncio.get_running_loop().create_future()  # until the deadline of whoever asks
        raise TimeoutError  # the same to whoever asks, without the waiting

    def _notice_loss(self) -> None:
        """Lose the channel while nobody waits for it, where that is what happened next."""
        if self._tape.is_lost_next:
            asyncio.get_running_loop().call_soon(self._lose)

    def _lose(self) -> None:
        if self._is_open and self._tape.is_lost_next:
            error = self._tape.lost()
            self._is_open = False
            if self.on_lost is not None:
                self.on_lost(error)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _check_open(self) -> None:
        if not self._is_open:
            raise DeviceClosed(f"{self.address}: it is not open.", address=self.address)


class _LosingOn:
    """A block in which a recorded loss of the channel closes the replayed one."""

    def __init__(self, transport: Replaying) -> None:
        self._transport = transport

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, DeviceClosed):
            self._transport._is_open = False


def load(path: Path) -> Recorded:
    """`Recorded.load`, once for all devices of a file that has not changed meanwhile."""
    try:
        status = path.stat()
    except OSError:
        return Recorded.load(path)  # says why it cannot be read
    return _loaded(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=_HELD)
def _loaded(path: Path, _changed_ns: int, _size: int) -> Recorded:
    return Recorded.load(path)


# ── what comes next ───────────────────────────────────────────────────────────────────────


class Tape(ABC):
    """One recorded device: takes what is said, tells what was answered.

    Attributes:
        fresh_on_open: As of the channel that was recorded.
        has_service_request: Likewise.
        hint: What to try where something else is said.
    """

    hint = ""

    def __init__(self, device: RecordedDevice, file: str) -> None:
        self._name = device.head.name
        self._file = file
        self._failed: ReplayMismatch | None = None
        self._events: Sequence[Exchange] = [
            event for event in device.exchanges if event.direction not in _NOT_PLAYED
        ]
        self._numbers = _numbered(self._events)
        self.has_service_request = any(event.direction == "srq" for event in self._events)
        self.fresh_on_open = not device.head.address.upper().startswith("ASRL/")

    @property
    def is_lost_next(self) -> bool:
        """Whether the channel was lost now, while nobody waited for it."""
        return False

    @abstractmethod
    def opened(self) -> None:
        """The channel is opened.

        Raises:
            RecordingError: It was not opened so often.
        """

    @abstractmethod
    def written(self, data: bytes) -> None:
        """Something is said.

        Raises:
            ReplayMismatch: It was not said then.
            DeviceClosed: The channel was lost then.
        """

    @abstractmethod
    def next_piece(self) -> Exchange:
        """What is read next, or the silence that came instead.

        Raises:
            ReplayMismatch: Nothing was read then.
            DeviceClosed: The channel was lost then.
        """

    @abstractmethod
    def polled(self) -> int | None:
        """The status byte that a serial poll found; None where there was none."""

    @abstractmethod
    def service_awaited(self) -> None:
        """Go past a wait for a service request."""

    def lost(self) -> DeviceClosed:
        """Go past the loss of the channel that is next."""
        raise NotImplementedError

    def _check(self) -> None:
        if self._failed is not None:
            raise self._failed

    def _differs(self, expected: str, got: str, at: int) -> ReplayMismatch:
        where = f"at {self._place(at)}" if self._events else "in an empty recording"
        self._failed = ReplayMismatch(
            f"{self._name}: the replay expected {expected}, got {got} {where} of {self._file}.",
            device=self._name,
            hint=self.hint,
            expected=expected,
            got=got,
            exchange=self._numbers[at] if at < len(self._numbers) else None,
        )
        return self._failed

    def _place(self, at: int) -> str:
        """Event `at` for people: "exchange 41 (12:04:05.123)"."""
        at = min(at, len(self._events) - 1)
        return f"exchange {self._numbers[at]} ({clock_time(self._events[at].t)})"


_POLL = b"\0a serial poll"  # no query looks like that
_NOT_PLAYED: frozenset[Direction] = frozenset({"note", "drop", "stop"})


def _numbered(events: Sequence[Exchange]) -> list[int]:
    """The number of each event's exchange: one more with everything that is said, from 1."""
    numbers, number = [], 0
    for event in events:
        number += event.direction == "out"
        numbers.append(max(number, 1))
    return numbers


class InOrder(Tape):
    """Exactly what was recorded, one after the other."""

    hint = "Where the order need not be the same, match by what is asked."

    _at = 0

    @property
    def is_lost_next(self) -> bool:
        return self._is_next("close") and bool(self._events[self._at].data)

    def opened(self) -> None:
        self._check()
        while self._is_next("close", "silence"):
            self._at += 1
        if self._is_next("open"):
            self._at += 1
            self.service_awaited()
        elif self._at >= len(self._events):
            raise self._differs("nothing more", "the channel opened once more", self._at)
        elif self._at > 0:  # one that began with an open channel is taken as it is
            raise self._differs(self._what(), "the channel opened anew", self._at)

    def written(self, data: bytes) -> None:
        self._check()
        if self.is_lost_next:
            raise self.lost()
        if not self._is_next("out") or self._events[self._at].data != data:
            raise self._differs(*self._both(data), self._at)
        self._at += 1

    def next_piece(self) -> Exchange:
        self._check()
        if self.is_lost_next:
            raise self.lost()
        if not self._is_next("in", "silence"):
            raise self._differs(self._what(), "a wait for a reply", self._at)
        self._at += 1
        return self._events[self._at - 1]

    def polled(self) -> int | None:
        self._check()
        if not self._is_next("poll"):
            return None
        self._at += 1
        return int(self._events[self._at - 1].data)

    def service_awaited(self) -> None:
        while self._is_next("srq"):
            self._at += 1

    def lost(self) -> DeviceClosed:
        self._at += 1
        return DeviceClosed(self._events[self._at - 1].data.decode(errors="replace"))

    def _is_next(self, *directions: Direction) -> bool:
        return self._at < len(self._events) and self._events[self._at].direction in directions

    def _both(self, data: bytes) -> tuple[str, str]:
        """What was expected and what came; with the terminators where only they differ."""
        expected, got = self._what(), _quoted(data)
        if expected == got:
            return f"'{shown(self._events[self._at].data)}'", f"'{shown(data)}'"
        return expected, got

    def _what(self) -> str:
        if self._at >= len(self._events):
            return "nothing more"
        event = self._events[self._at]
        match event.direction:
            case "out":
                return _quoted(event.data)
            case "in" | "silence":
                return f"{_quoted(event.data)} to be read" if event.data else "a wait for a reply"
            case "poll" | "srq":
                return "a serial poll"
        return "the channel closed"


class Matching(Tape):
    """To each query the next reply that was recorded for it, by the state of the instrument.

    A command leads to the next place where it was said (from the beginning, once there is none
    further on). A query is answered from what follows that place up to the next command: by the
    next reply to it there, by the last of them again when they are used up; where it was not asked
    there, by the next one further on, else by the last one before.
    """

    def __init__(self, device: RecordedDevice, file: str) -> None:
        super().__init__(device, file)
        self._head = device.head
        self._replies: dict[bytes, list[_Reply]] = {}
        self._commands: dict[bytes, list[int]] = {}
        self._sort()
        self._at = 0  # just after the newest command that was matched
        self._used: dict[bytes, int] = {}  # place of the newest reply to each query
        self._pieces: list[Exchange] = []
        self._asked = b""

    def opened(self) -> None:
        self._pieces = []

    def written(self, data: bytes) -> None:
        self._check()
        self._pieces, self._asked = [], data
        if data in self._replies:
            self._pieces = list(self._reply_to(data).pieces)
        elif data in self._commands:
            places = self._commands[data]
            self._at = next((at for at in places if at >= self._at), places[0]) + 1
        elif data == self._identify:
            identity = self._head.identity + self._head.protocol["reply_eol"]
            encoding = self._head.protocol.get("encoding", "ascii")
            self._pieces = [Exchange(0.0, "in", identity.encode(encoding))]
        else:
            raise self._unknown(data)

    @property
    def _identify(self) -> bytes:
        """The question of who it is, which a recording that began later knows the answer to."""
        protocol = self._head.protocol
        if not (self._head.identity and protocol.get("identify") and "reply_eol" in protocol):
            return b""
        return f"{protocol['identify']}{protocol.get('eol', '')}".encode("ascii")

    def next_piece(self) -> Exchange:
        self._check()
        if not self._pieces:
            raise self._differs(
                "no wait for a reply", f"one after {_quoted(self._asked)}", self._at
            )
        return self._pieces.pop(0)

    def service_awaited(self) -> None:
        """A wait is no state."""

    def polled(self) -> int | None:
        self._check()
        return int(self._reply_to(_POLL).pieces[0].data) if _POLL in self._replies else None

    def _reply_to(self, query: bytes) -> "_Reply":
        found, end = self._replies[query], self._next_command()
        here = [reply for reply in found if self._at <= reply.at < end]
        used = self._used.get(query, -1)
        if here:
            chosen = next((reply for reply in here if reply.at > used), here[-1])
        else:
            chosen = next((reply for reply in found if reply.at >= end), found[-1])
        self._used[query] = chosen.at
        return chosen

    def _next_command(self) -> int:
        return min(
            (at for places in self._commands.values() for at in places if at >= self._at),
            default=len(self._events),
        )

    def _sort(self) -> None:
        """What was said with an answer is a query, what was said without one a command."""
        for at, event in enumerate(self._events):
            if event.direction == "poll":
                self._replies.setdefault(_POLL, []).append(_Reply(at, (event,)))
            if event.direction != "out":
                continue
            pieces = []
            for later in self._events[at + 1 :]:
                if later.direction not in ("in", "silence"):
                    break
                pieces.append(later)
            if pieces:
                self._replies.setdefault(event.data, []).append(_Reply(at, tuple(pieces)))
            else:
                self._commands.setdefault(event.data, []).append(at)

    def _unknown(self, data: bytes) -> ReplayMismatch:
        import difflib

        said = {event.data: at for at, event in reversed([*enumerate(self._events)])
                if event.direction == "out"}  # fmt: skip
        names = {_quoted(each): at for each, at in said.items()}
        close = difflib.get_close_matches(_quoted(data), names, 1, cutoff=0.5)
        expected = close[0] if close else "something that was recorded"
        return self._differs(expected, _quoted(data), names[close[0]] if close else self._at)


class _Reply:
    """The pieces of one reply, and where it stands."""

    __slots__ = ("at", "pieces")

    def __init__(self, at: int, pieces: tuple[Exchange, ...]) -> None:
        self.at = at
        self.pieces = pieces


def _quoted(data: bytes) -> str:
    return f"'{shown(_bare(data))}'"


def _bare(data: bytes) -> bytes:
    return data.rstrip(b"\r\n")
