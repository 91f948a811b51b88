"""One instrument behind its wire: an input queue, one message at a time, replies through faults.

Guarantees that messages are executed in the order they arrived, whatever client sent them, but for
triggers and what interrupts, which act at once on what is under way; and that a client which hangs,
floods or vanishes stops nobody else. Sans-I/O: it waits by the timers it
is given, an event loop's on real wires, a bench's own in memory. The wires themselves are
`servers`', `hislip`'s, `vxi11`'s and `memory`'s business.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from funcnodes_simulators.faults import (
    Delivery,
    Fault,
    FaultPlan,
    GoDead,
    HangUp,
    Hold,
    LosePower,
    Send,
)
from funcnodes_simulators.instruments.contract import (
    CanFail,
    Instrument,
    TakesTriggers,
    input_buffer_for,
)
from funcnodes_simulators.lines.locks import LockTable
from funcnodes_simulators.physics import World
from funcnodes_simulators.scpi import Execution, Overrun
from funcnodes_simulators.strict import LONGEST_SHOWN, StrictLog, Violation, advance

REMEMBERED_COMMANDS = 1000
MOST_QUEUED_MESSAGES = 1000
MOST_UNREAD_BYTES = 1 << 20
LATEST_COMMANDS = 20


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


@dataclass(slots=True)
class RemoteState:
    """Who has the say, the remote interface or the front panel (IEEE 488.1).

    Attributes:
        is_remote: The front panel is out of use.
        is_locked_out: Its LOCAL key is too.
    """

    is_remote: bool = False
    is_locked_out: bool = False

    def go_to_remote(self, *, with_lockout: bool = False) -> None:
        self.is_remote = True
        self.is_locked_out = self.is_locked_out or with_lockout

    def go_to_local(self, *, ends_lockout: bool = False) -> None:
        self.is_remote = False
        self.is_locked_out = self.is_locked_out and not ends_lockout


@dataclass(slots=True, eq=False)
class Request:
    """A message on its way through a station.

    Attributes:
        text: What came; `Overrun` stands where a message was too long.
        tag: What the wire calls it, where it has names for messages.
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

    def received(self, data: bytes) -> None:
        """Take bytes from the client, in whatever pieces they came."""
        if self._is_dead:
            return
        for message in self._input.feed(data):
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

    def _check_awaited(self, message: str | Overrun) -> None:
        """Put it down if the client says more before it has the reply to a query."""
        if not self.asked or isinstance(message, Overrun) or not message.strip():
            return
        if not self._station.acts_at_once(message):
            problem = f"its reply was not awaited before {message[:LONGEST_SHOWN]!r}"
            self.note_reply(str(self.asked[0].text), problem)

    def _check_end(self, *, has_unread: bool) -> None:
        if has_unread and self._answered:
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


class Station:
    """An instrument with everything around it but the wire.

    Attributes:
        name: What the bench calls it.
        most_clients: How many may be connected at once.
        connections: Those who are.
        commands: The latest messages received, each with its time on the bench's clock.
        locks: Who has the instrument to himself, on wires that know locks.
        remote: What wires that know remote and local have asked for.
        strict: What clients did wrong.
    """

    def __init__(
        self,
        name: str,
        instrument: Instrument,
        world: World,
        *,
        faults: FaultPlan,
        most_clients: int = 1,
        time_scale: float = 1.0,
        timers: Callable[[], Timers] = asyncio.get_running_loop,
        strict: StrictLog | None = None,
    ) -> None:
        """Args:
        time_scale: Seconds of the bench per second of the timers: an instrument is busy for so
            much shorter. What faults delay is the wire's, and is not scaled.
        timers: Returns what it waits by.
        strict: Where what clients do wrong is put down.
        """
        self.name = name
        self.instrument = instrument
        self.faults = faults
        self.most_clients = most_clients
        self.connections: set[Connection] = set()
        self.commands: deque[tuple[float, str]] = deque(maxlen=REMEMBERED_COMMANDS)
        self.locks = LockTable()
        self.remote = RemoteState()
        self.strict = strict if strict is not None else StrictLog()
        self._world = world
        self._triggered = instrument if isinstance(instrument, TakesTriggers) else None
        self._time_scale = time_scale
        self._timers = timers
        self._queue: deque[Request] = deque()
        self._current: Request | None = None
        self._execution: Execution | None = None
        self._alarms: list[Timer] = []  # of faults that strike by themselves
        self._timer: Timer | None = None  # of the next thing to do; None while idle

    @property
    def timers(self) -> Timers:
        return self._timers()

    @property
    def is_full(self) -> bool:
        return len(self.connections) >= self.most_clients

    def connect(self, line: Line) -> Connection:
        """Take a client on."""
        connection = Connection(self, line)
        self.connections.add(connection)
        return connection

    def leave(self, connection: Connection) -> None:
        """Let a client go; what it asked for is still done."""
        self.connections.discard(connection)
        self.locks.release_all(connection)

    def arm(self, fault: Fault) -> None:
        """Have something go wrong."""
        now_s = self.timers.time()
        self.faults.add(fault, now_s=now_s)
        if fault.strikes_by_itself:
            self._alarms.append(
                self.timers.call_at(now_s + fault.at_s, lambda: self._strike(fault))
            )

    def disarm(self) -> None:
        """Have nothing go wrong any more; what is on its way already still arrives."""
        self.faults.clear()
        self._call_off_alarms()

    def refuses_connect(self) -> bool:
        """Whether a fault turns the connect away that is just happening."""
        return self.faults.refuses_connect(now_s=self.timers.time())

    def is_working_for(self, connection: Connection) -> bool:
        """Whether a client's message is being executed or waits for it."""
        current = [] if self._current is None else [self._current]
        return any(request.connection is connection for request in [*current, *self._queue])

    def acts_at_once(self, message: str) -> bool:
        """Whether a message acts on what is under way, and need not wait for its reply."""
        return self.instrument.interrupts(message) or self._is_trigger(message)

    def enqueue(self, request: Request) -> bool:
        """Line a message up for execution; past the queue's bound it counts as an overrun.

        Returns:
            Whether it is in line; not so a trigger that was taken at once.
        """
        if isinstance(request.text, str):
            if not request.text.strip():
                return True
            self.commands.append((self._world.clock.now(), request.text))
            if self._current is not None and self._attend(request.text):
                return False
        if len(self._queue) >= MOST_QUEUED_MESSAGES:
            self.instrument.overrun()
            return True
        self._queue.append(request)
        if "?" in str(request.text):
            request.connection.asked.append(request)
        self._go_on()
        return True

    def take_back(self, connection: Connection) -> None:
        """Do a device clear: forget what a client asked for, also what is under way."""
        for request in self._queue:
            if request.connection is connection:
                request.is_void = True
        if self._current is not None and self._current.connection is connection:
            self._current.is_void = True
            self._break_off()

    def stop(self) -> None:
        """Execute nothing any more, and have nothing go wrong."""
        self._call_off_alarms()
        self._forget()
        self._excuse()

    def power_cycle(self) -> None:
        """Cut the power and restore it: clients are thrown off, queued messages are lost."""
        self._forget()
        self._excuse()
        self.instrument.power_cycle()
        self.locks.clear()
        self.remote = RemoteState()
        for connection in list(self.connections):
            connection.line.hang_up(at_once=True)

    def look(self) -> None:
        """Tell every client that the instrument's status may have changed."""
        for connection in list(self.connections):
            connection.look()

    def state(self) -> dict[str, object]:
        """Return the truth about the instrument and the last messages it received."""
        latest = list(self.commands)[-LATEST_COMMANDS:]
        return {
            **self.instrument.state(),
            "clients": len(self.connections),
            "interface": {
                "remote": self.remote.is_remote,
                "lockout": self.remote.is_locked_out,
                "locks": self.locks.holders,
            },
            "log": [text for _, text in latest],
        }

    def _is_trigger(self, message: str) -> bool:
        return self._triggered is not None and self._triggered.is_trigger(message)

    def _attend(self, message: str) -> bool:
        """Let a message act on what is under way; returns whether it is done with, a trigger."""
        if self._triggered is not None and self._triggered.is_trigger(message):
            self._triggered.trigger()
            if self._timer is None:
                self._timer = self.timers.call_at(self.timers.time(), self._resume)
            return True
        if self.instrument.interrupts(message):
            self._break_off()
        return False

    def _attend_to_queue(self) -> None:
        """Let what came before its time act on what has just begun, as far as that is there."""
        for request in list(self._queue):
            if self._current is None:
                return
            text = request.text
            if isinstance(text, str) and not request.is_void and self._attend(text):
                self._queue.remove(request)

    def _go_on(self) -> None:
        """Have the next message begun, in a turn of its own: a flood must not keep others waiting.

        Between two messages the wires are served.
        """
        if self._queue and self._timer is None and self._current is None:
            self._timer = self.timers.call_at(self.timers.time(), self._begin)

    def _begin(self) -> None:
        self._timer = None
        request = self._queue.popleft()
        if request.is_void:
            _forget_query(request)
            self._go_on()
        elif isinstance(request.text, Overrun):
            limit = self.instrument.input_limit_bytes
            request.connection.note("", f"a message was longer than the {limit} bytes of the input")
            self.instrument.overrun()
            self._go_on()
        else:
            self._current = request
            self._execution = (
                self.instrument.execute(request.text)
                if self.faults.is_quiet
                else self._execute(request, request.text)
            )
            self._resume()
            if self._queue and self._current is request:
                self._attend_to_queue()

    def _execute(self, request: Request, message: str) -> Execution:
        """Execute a message, unless a fault has the instrument do something else first."""
        fault = self.faults.before(message, now_s=self.timers.time())
        request.connection.is_excused |= fault is not None
        if fault is not None and fault.kind == "error":
            if isinstance(self.instrument, CanFail):
                self.instrument.fail(fault.code)
            return fault.text.encode("latin-1", "replace") if fault.text else None
        if fault is not None:
            yield fault.seconds * self._time_scale
        return (yield from self.instrument.execute(message))

    def _resume(self) -> None:
        """Let the instrument work up to its next pause, or to its reply."""
        self._timer = None
        assert self._execution is not None
        assert self._current is not None
        try:
            pause_s = advance(self._execution, self._current.connection.note)
        except StopIteration as end:
            self._finish(end.value)
            return
        if pause_s != math.inf:
            due_s = self.timers.time() + pause_s / self._time_scale
            self._timer = self.timers.call_at(due_s, self._resume)
        self.look()

    def _break_off(self) -> None:
        """Give up what is under way; a query that ends so is an error, unless it was taken back."""
        request = self._current
        assert request is not None
        assert isinstance(request.text, str)
        self._abandon()
        if "?" in request.text and not request.is_void:
            self.instrument.interrupted()
        self._current = request
        self._finish(None)

    def _finish(self, reply: bytes | None) -> None:
        request, self._current, self._execution = self._current, None, None
        assert request is not None
        _forget_query(request)
        if not request.is_void:
            terminated = None if reply is None else reply + self.instrument.terminator
            request.connection.deliver(request, terminated)
        self.look()
        self._go_on()

    def _strike(self, fault: Fault) -> None:
        """Let a fault happen whose time has come, to every line."""
        delivery = self.faults.strike(fault, now_s=self.timers.time())
        if isinstance(delivery, LosePower):
            self.power_cycle()
        elif delivery is not None:
            self._excuse()
            for connection in list(self.connections):
                connection.undergo(delivery, Request(connection, ""))

    def _excuse(self) -> None:
        """Blame no client of now for what it leaves unfinished."""
        for connection in self.connections:
            connection.is_excused = True

    def _call_off_alarms(self) -> None:
        for alarm in self._alarms:
            alarm.cancel()
        self._alarms.clear()

    def _forget(self) -> None:
        self._queue.clear()
        self._abandon()

    def _abandon(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._execution is not None:
            self._execution.close()
        self._current = self._execution = None


def _forget_query(request: Request) -> None:
    asked = request.connection.asked
    if asked and asked[0] is request:
        asked.popleft()
