"""One client of a station: its input buffer, and when its replies may go out.

Sans-I/O: a `Line` carries the bytes, `Timers` keep the time (an event loop's behind sockets and
terminals, a bench's own in memory), and the `Station` executes. Guarantees that nothing is sent to
a client that is gone, and puts down what it did wrong.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from funcnodes_simulators.faults import (
    Delivery,
    GoDead,
    HangUp,
    Hold,
    LosePower,
    Send,
)
from funcnodes_simulators.instruments.contract import (
    input_buffer_for,
)
from funcnodes_simulators.scpi import Overrun
from funcnodes_simulators.strict import LONGEST_SHOWN, Violation

if TYPE_CHECKING:
    from funcnodes_simulators.lines.station import Station

MOST_UNREAD_BYTES = 1 << 20


class Timer(Protocol):
    """Something that will happen, unless it is called off."""

    def cancel(self) -> None: ...


class Timers(Protocol):
    """What waits for a station; an event loop is one."""

    def time(self) -> float:
        """Return seconds that never run backwards."""
        ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call back once, at that time."""
        ...


class Line(Protocol):
    """An open way to one client."""

    def send(self, data: bytes) -> None:
        """Send without waiting; does nothing once the line is closed."""
        ...

    def unread_bytes(self) -> int:
        """How much of what was sent the client has not taken yet."""
        ...

    def hang_up(self, *, at_once: bool = False) -> None:
        """Close after what was sent has left; `at_once` when the instrument lost its power."""
        ...


@runtime_checkable
class CanReset(Protocol):
    """A line that may break off without a farewell."""

    def reset(self) -> None:
        """Break off; what is on its way is lost."""
        ...


@dataclass(slots=True, eq=False)
class Request:
    """A message on its way through a station.

    Attributes:
        text: What came; `Overrun` stands where a message was too long.
        tag: What the line calls it, where it has names for messages.
        is_void: The client took it back by a device clear: no reply, and no error either.
    """

    connection: "Connection"
    text: str | Overrun
    tag: int = 0
    is_void: bool = False


class Connection:
    """What a station keeps per client: its input buffer and when its replies may go out."""

    def __init__(self, station: "Station", line: Line) -> None:
        self.line = line
        self.is_open = True
        self._station = station
        self._input = input_buffer_for(station.instrument)
        self._free_at_s = 0.0
        self._timers: set[Timer] = set()
        self._is_dead = False
        self._held = b""
        self._answered = ""  # the last query whose reply went out
        self.asked: deque[Request] = deque()  # queries that are not executed yet
        self.is_excused = False  # a fault had part in what becomes of replies here
        self._hears_unasked = False  # what it leaves unread need not be a reply

    def received(self, data: bytes) -> None:
        """Take bytes from the client, in whatever pieces they came."""
        if self._is_dead:
            return
        for message in self._station.hearing.take(data, self._input, self.note):
            self._check_awaited(message)
            self._station.enqueue(Request(self, message))

    def closed(self, *, has_unread: bool = False) -> None:
        """Learn that the client is gone: nothing is sent to it any more.

        Args:
            has_unread: It is known not to have read everything that was sent.
        """
        if self.is_open:
            self._check_end(has_unread=has_unread)
        self.is_open = False
        self._input.clear()
        self._call_off()
        self._station.leave(self)

    def deliver(self, request: Request, reply: bytes | None) -> None:
        """Send a reply, its terminator included, the way the fault plan lets it through."""
        if not self.is_open or self._is_dead:
            return
        text = request.text if isinstance(request.text, str) else ""
        if reply and self.line.unread_bytes() > MOST_UNREAD_BYTES:
            self.note_reply(text, "its reply was lost, since nobody reads")
            self._station.instrument.deadlocked()
            return
        if self._station.faults.is_quiet:
            deliveries: list[Delivery] = [] if reply is None else [Send(reply)]
        else:
            now_s = self._station.timers.time()
            deliveries = self._station.faults.deliver(text, reply, now_s=now_s)
            self.is_excused |= deliveries != ([] if reply is None else [Send(reply)])
        self._answered = text if deliveries else self._answered
        for delivery in deliveries:
            self.undergo(delivery, request)

    def hear_unasked(self, words: Iterator[tuple[float, bytes]], since_s: float) -> None:
        """Send what the instrument says by itself, each at its time; what nobody reads is lost."""
        if not self.is_open or self._is_dead:
            return
        after_s, data = next(words, (0.0, b""))
        if not data:
            return
        due_s = since_s + self._station.on_timers(after_s)

        def say() -> None:
            if self.line.unread_bytes() <= MOST_UNREAD_BYTES:
                self._hears_unasked = True
                self.deliver(Request(self, ""), data)
            self.hear_unasked(words, due_s)

        self._call_at(due_s, say)

    def note(self, message: str, problem: str, nearest: str | None = None) -> None:
        """Put down something that the client did wrong."""
        self._station.strict.note(Violation(self._station.name, message, problem, nearest))

    def note_reply(self, message: str, problem: str) -> None:
        """Put down what the client did wrong about a reply, unless a fault had part in it."""
        if not self.is_excused:
            self.note(message, problem)

    def undergo(self, delivery: Delivery, request: Request) -> None:
        """Let something happen to the line, or to a reply on it."""
        match delivery:
            case Send():
                self._schedule(delivery, request)
            case Hold(data, for_s):
                self._held += data
                self._call_at(
                    self._station.timers.time() + for_s,
                    lambda: self._schedule(Send(b""), request),
                )
            case HangUp(is_reset):
                self._later(0.0, lambda: self._hang_up(is_reset=is_reset))
            case GoDead():
                self._is_dead = True
                self._call_off()
                self._station.leave(self)
            case LosePower():
                self._station.power_cycle()

    def power_lost(self) -> None:
        """Learn that the instrument was off: it has forgotten what it was about to say."""
        self._input.clear()
        self._call_off()
        self.asked.clear()
        self._answered = ""

    def _check_awaited(self, message: str | Overrun) -> None:
        """Put it down if the client says more before it has the reply to a query."""
        if not self.asked or isinstance(message, Overrun) or not message.strip():
            return
        if not self._station.acts_at_once(message):
            problem = f"its reply was not awaited before {message[:LONGEST_SHOWN]!r}"
            self.note_reply(str(self.asked[0].text), problem)

    def _check_end(self, *, has_unread: bool) -> None:
        if has_unread and self._answered and not self._hears_unasked:
            self.note_reply(self._answered, "the client left without reading its reply")
        if self._input.partial.strip():
            self.note_reply(self._input.partial.decode("latin-1"), "the client left before its end")

    def _hang_up(self, *, is_reset: bool) -> None:
        if is_reset and isinstance(self.line, CanReset):
            self.line.reset()
        else:
            self.line.hang_up()

    def look(self) -> None:
        """Learn that the instrument's status may have changed; a raw line has no use for it."""

    def _schedule(self, delivery: Send, request: Request) -> None:
        held, self._held = self._held, b""
        data = held + delivery.data
        if not data:
            return

        def send() -> None:
            self._send(data, request)

        if delivery.is_apart:
            self._call_at(self._station.timers.time() + delivery.after_s, send)
        else:
            self._later(delivery.after_s, send)

    def _send(self, data: bytes, request: Request) -> None:
        self._station.hearing.replies()  # before: once it is out, the client may speak first
        self.line.send(data)

    def _later(self, after_s: float, action: Callable[[], None]) -> None:
        """Run an action after all that were asked for before it, and a pause."""
        now_s = self._station.timers.time()
        if after_s == 0.0 and self._free_at_s <= now_s:
            action()
            return
        # Timers due at the same moment fire in no particular order, hence the microsecond.
        self._free_at_s = max(now_s, self._free_at_s) + max(after_s, 1e-6)
        self._call_at(self._free_at_s, action)

    def _call_at(self, when_s: float, action: Callable[[], None]) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            action()

        timer = self._station.timers.call_at(when_s, fire)
        self._timers.add(timer)

    def _call_off(self) -> None:
        """Send nothing of what was still to come."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._held = b""
        self._free_at_s = 0.0
