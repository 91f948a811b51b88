"""One instrument behind its line: an input queue, one message at a time, replies through faults.

Guarantees that messages are executed in the order they arrived, whatever client sent them, but for
triggers and what interrupts, which act at once on what is under way; and that a client which hangs,
floods or vanishes stops nobody else. Sans-I/O: it waits by the timers it is given. The lines
themselves are the other modules' business.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from funcnodes_simulators.faults import (
    Fault,
    FaultPlan,
    LosePower,
)
from funcnodes_simulators.instruments.contract import (
    CanFail,
    Instrument,
    SpeaksUnasked,
    TakesTriggers,
    Verbatim,
    gap_of,
)
from funcnodes_simulators.lines.connections import Connection, Line, Request, Timer, Timers
from funcnodes_simulators.lines.hearing import Hearing
from funcnodes_simulators.lines.locks import LockTable
from funcnodes_simulators.physics import World
from funcnodes_simulators.scpi import Execution, Overrun
from funcnodes_simulators.strict import StrictLog, advance

# A client that closes and comes straight back may arrive before its own farewell.
GRACE_S = 0.05
REMEMBERED_COMMANDS = 1000
MOST_QUEUED_MESSAGES = 1000
LATEST_COMMANDS = 20


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


class Station:
    """An instrument with everything around it but the line.

    Attributes:
        name: What the bench calls it.
        most_clients: How many may be connected at once.
        connections: Those who are.
        commands: The latest messages received, each with its time on the bench's clock.
        hearing: When the instrument hears; on lines that keep messages apart it always does.
        locks: Who has the instrument to himself, on lines that know locks.
        remote: What lines that know remote and local have asked for.
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
        came_s: Callable[[], float] | None = None,
        gap_s: float | None = None,
    ) -> None:
        """Args:
        time_scale: Seconds of the bench per second of the timers: an instrument is busy for so
            much shorter. What faults delay is the line's, and is not scaled.
        timers: Returns what it waits by.
        strict: Where what clients do wrong is put down.
        came_s: Returns when bytes that are read now may have come at the earliest, see `hearing`.
        gap_s: How long the instrument is deaf after a message; as long as it says if left out.
        """
        self.name = name
        self.instrument = instrument
        self.faults = faults
        self.most_clients = most_clients
        self.connections: set[Connection] = set()
        self.commands: deque[tuple[float, str]] = deque(maxlen=REMEMBERED_COMMANDS)
        self.locks = LockTable()
        self.remote = RemoteState()
        self.hearing = Hearing(
            world.clock, gap_s=gap_of(instrument) if gap_s is None else gap_s, came_s=came_s
        )
        self.strict = strict if strict is not None else StrictLog()
        self._world = world
        self._triggered = instrument if isinstance(instrument, TakesTriggers) else None
        self._time_scale = time_scale
        self._timers = timers
        self._queue: deque[Request] = deque()
        self._current: Request | None = None
        self._execution: Execution | None = None
        self._is_back_s = -math.inf  # until when the power is away
        self._alarms: list[Timer] = []  # of faults that strike by themselves
        self._timer: Timer | None = None  # of the next thing to do; None while idle

    @property
    def timers(self) -> Timers:
        return self._timers()

    @property
    def is_full(self) -> bool:
        return len(self.connections) >= self.most_clients

    @property
    def may_be_deaf(self) -> bool:
        """Whether it matters just when bytes come."""
        return self.hearing.gap_s > 0 or isinstance(self.instrument, SpeaksUnasked)

    def connect(self, line: Line) -> Connection:
        """Take a client on."""
        connection = Connection(self, line)
        self.connections.add(connection)
        self._greet(connection)
        return connection

    def on_timers(self, seconds: float) -> float:
        """Return how many seconds of the timers so many of the bench are."""
        return seconds / self._time_scale

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
        is_off = self._world.clock.now() < self._is_back_s
        return is_off or self.faults.refuses_connect(now_s=self.timers.time())

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

    def power_cycle(self, *, off_s: float = 0.0) -> None:
        """Cut the power and restore it: clients are thrown off, queued messages are lost.

        Args:
            off_s: How long the power is away, in seconds of the bench: nobody is let in, and what
                comes over a terminal, which stays, is not heard.
        """
        self._forget()
        self._excuse()
        self.instrument.power_cycle()
        self.locks.clear()
        self.remote = RemoteState()
        if off_s:
            self.hearing.deafen(off_s, "the instrument had no power")
            self._is_back_s = self._world.clock.now() + off_s
        for connection in list(self.connections):
            connection.line.hang_up(at_once=True)
            connection.power_lost()
            if connection.is_open:
                self._greet(connection, after_s=off_s)

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
            "lost": self.hearing.state(),
            "log": [text for _, text in latest],
        }

    def _greet(self, connection: Connection, *, after_s: float = 0.0) -> None:
        """Have an instrument that says something by itself do so, from when it can."""
        if not isinstance(self.instrument, SpeaksUnasked):
            return
        deaf_s = self.instrument.opened()
        if deaf_s:
            self.hearing.deafen(
                after_s + deaf_s, f"the instrument is deaf for {deaf_s:g} s at first"
            )
        since_s = self.timers.time() + self.on_timers(after_s)
        connection.hear_unasked(self.instrument.unasked(), since_s)

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

        Between two messages the lines are served.
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
            due_s = self.timers.time() + self.on_timers(pause_s)
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
            request.connection.deliver(request, self._terminated(reply))
        self.look()
        self._go_on()

    def _terminated(self, reply: bytes | None) -> bytes | None:
        if reply is None or isinstance(reply, Verbatim):
            return reply
        return reply + self.instrument.terminator

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
