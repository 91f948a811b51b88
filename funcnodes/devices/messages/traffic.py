"""What went over one device's line lately, every byte of it, kept in a ring.

For the traffic view, for messages and for replay files. Bounded in entries and in bytes; the
oldest go first, and of a long block only the beginning is kept, which a note says. Any thread may
add: emergency bytes are written by whoever is quickest. Whoever `watch`es is told of each entry,
whole, in the thread that added it, and must not block.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from funcnodes.core import clock

DEPTH = 2_000
DEPTH_BYTES = 4 << 20
LONGEST = 1 << 16  # bytes kept of one entry: copying a block would cost more than reading it

Direction = Literal["open", "out", "stop", "in", "silence", "drop", "poll", "srq", "close", "note"]


class Exchange(NamedTuple):
    """One entry.

    Attributes:
        t: Seconds since the epoch.
        direction: "out" to the instrument, "stop" likewise, but emergency bytes past any queue;
            "in" from it, "drop" likewise, but given to nobody; "silence" where a reply was waited
            for and given up; "poll" for a serial poll, with the status byte as a number; "srq" for
            a channel that can be waited on for service, and for each such wait; "open" and "close"
            of the channel (`data` says where to and why); "note" for what befell the line.
        data: The bytes, terminator included.
        latency_ms: For "in" and "silence": since the newest bytes went out; for a "note" what it
            says.
        mono: Seconds on a clock that never steps.
    """

    t: float
    direction: Direction
    data: bytes
    latency_ms: float | None = None
    mono: float = 0.0


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are wanted; each condition narrows.

    Attributes:
        directions: Only these, all where there are none.
        match: Only entries whose text holds this, case aside.
        since: Only entries at or after this time, seconds since the epoch.
        slower_than_ms: Only entries that took longer.
    """

    directions: frozenset[Direction] = frozenset()
    match: str = ""
    since: float | None = None
    slower_than_ms: float | None = None

    def passes(self, exchange: Exchange) -> bool:
        if self.directions and exchange.direction not in self.directions:
            return False
        if self.since is not None and exchange.t < self.since:
            return False
        if self.slower_than_ms is not None and (exchange.latency_ms or 0.0) <= self.slower_than_ms:
            return False
        return self.match.lower() in shown(exchange.data, len(exchange.data)).lower()

    def of(self, exchanges: Iterable[Exchange]) -> list[Exchange]:
        """Those that pass, in their order."""
        return [exchange for exchange in exchanges if self.passes(exchange)]


_exchange = tuple.__new__  # the constructor of a named tuple costs twice as much


class Traffic:
    """The ring of one device; see the module's text.

    Attributes:
        count: Entries since the beginning, also those the ring has let go.
        bytes: Bytes that the ring holds now.
        sent_at: When the newest bytes went out, on the clock that never steps.
    """

    def __init__(self, depth: int = DEPTH, depth_bytes: int = DEPTH_BYTES) -> None:
        self._ring: deque[Exchange] = deque(maxlen=depth)
        self._depth_bytes = depth_bytes
        self._watchers: tuple[Callable[[Exchange], None], ...] = ()
        self.sent_at = clock.monotonic()
        self.count = 0
        self.bytes = 0

    def opened(self, where: str) -> None:
        self._add("open", where.encode())

    def closed(self, why: str) -> None:
        self._add("close", why.encode())

    def out(self, data: bytes) -> None:
        self._add("out", data)

    def stop(self, data: bytes) -> None:
        """Emergency bytes, from any thread."""
        self._add("stop", data)

    def come(self, data: bytes | memoryview) -> None:
        self._add("in", data)

    def silent(self) -> None:
        """Whoever waited for a reply gave it up."""
        self._add("silence", b"")

    def dropped(self, data: bytes) -> None:
        """What came and is given to nobody."""
        self._add("drop", data)

    def polled(self, status_byte: int) -> None:
        self._add("poll", str(status_byte).encode("ascii"))

    def service_request(self) -> None:
        """One can be waited for, or was waited for."""
        self._add("srq", b"")

    def note(self, text: str, latency_ms: float | None = None) -> None:
        self._add("note", text.encode(), latency_ms)

    def last(self, count: int = DEPTH, wanted: Filter | None = None) -> list[Exchange]:
        """The newest entries that pass `wanted`, oldest first."""
        found = list(self._ring)
        return (found if wanted is None else wanted.of(found))[-count:] if count > 0 else []

    def watch(self, callback: Callable[[Exchange], None]) -> Callable[[], None]:
        """Call `callback` with each new entry; returns what ends that."""
        self._watchers += (callback,)

        def forget() -> None:
            self._watchers = tuple(each for each in self._watchers if each is not callback)

        return forget

    def _add(
        self, direction: Direction, data: bytes | memoryview, latency_ms: float | None = None
    ) -> None:
        """Every message passes here, so it takes no lock.

        What two threads could spoil between them is the count of bytes, by an emergency's few.
        """
        t, now = clock.both()
        if direction == "out":
            self.sent_at = now
        elif direction == "in" or direction == "silence":
            latency_ms = (now - self.sent_at) * 1000
        size = len(data)
        kept = data if size <= LONGEST and type(data) is bytes else bytes(data[:LONGEST])
        exchange = _exchange(Exchange, (t, direction, kept, latency_ms, now))
        ring = self._ring
        if len(ring) == ring.maxlen:
            self.bytes -= len(ring[0].data)
        ring.append(exchange)
        self.count += 1
        self.bytes += size
        if size > LONGEST:
            self._say_cut(exchange, size)
        if self.bytes > self._depth_bytes:
            self._shorten()
        if self._watchers:
            whole = exchange if size <= LONGEST else exchange._replace(data=bytes(data))
            for callback in self._watchers:
                callback(whole)

    def _say_cut(self, exchange: Exchange, size: int) -> None:
        """A note in the ring alone: whoever watches has got all of it."""
        what = f"{size} bytes in all; a recording keeps them, here are the first {LONGEST}".encode()
        self._ring.append(Exchange(exchange.t, "note", what, None, exchange.mono))
        self.count += 1
        self.bytes += len(what) + LONGEST - size

    def _shorten(self) -> None:
        ring = self._ring
        while self.bytes > self._depth_bytes and len(ring) > 1:
            self.bytes -= len(ring.popleft().data)


# ── for people ────────────────────────────────────────────────────────────────────────────

ARROWS: dict[Direction, str] = {
    "out": ">", "stop": "!", "in": "<", "drop": "x", "silence": ".", "poll": "?", "srq": "?",
    "open": "+", "close": "-", "note": "#",
}  # fmt: skip
_SHOWN = 120


def shown(data: bytes, limit: int = _SHOWN) -> str:
    r"""Bytes as a line: text as it is, a line end as \r\n, anything else as \x00, bounded."""
    text = data[:limit].decode("ascii", errors="backslashreplace")
    line = "".join(char if char.isprintable() else _escaped(char) for char in text)
    return line if len(data) <= limit else f"{line}… ({len(data)} bytes)"


def line(exchange: Exchange, device: str = "") -> str:
    """One entry for a person: time, device, direction, what, how long it took."""
    at = clock_time(exchange.t)
    took = "" if exchange.latency_ms is None else f"  ({exchange.latency_ms:.1f} ms)"
    notes = exchange.direction in ("open", "close", "note")
    text = exchange.data.decode(errors="replace") if notes else shown(exchange.data)
    return f"{at}  {device:<8} {ARROWS[exchange.direction]} {text}{took}".rstrip()


def clock_time(t: float) -> str:
    """Local time of day to the millisecond, e.g. "12:04:05.123"."""
    return f"{time.strftime('%H:%M:%S', time.localtime(t))}.{int(t % 1 * 1000):03d}"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
