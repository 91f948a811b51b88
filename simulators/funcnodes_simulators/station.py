"""One instrument behind its wire: an input queue, one message at a time, replies through faults.

Guarantees that messages are executed in the order they arrived, whatever client sent them, and
that a client which hangs, floods or vanishes stops nobody else. The wires themselves are
`servers`' business.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from funcnodes_simulators.faults import FaultPlan, HangUp, Send
from funcnodes_simulators.instrument import Instrument
from funcnodes_simulators.physics import World
from funcnodes_simulators.scpi import LineBuffer, Overrun

REMEMBERED_COMMANDS = 1000
MOST_QUEUED_MESSAGES = 1000
MOST_UNREAD_BYTES = 1 << 20
LATEST_COMMANDS = 20


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


class Connection:
    """What a station keeps per client: its input buffer and when its replies may go out."""

    def __init__(self, station: "Station", line: Line) -> None:
        self.line = line
        self.is_open = True
        self._station = station
        self._input = LineBuffer(station.instrument.input_limit_bytes)
        self._free_at_s = 0.0
        self._timers: set[asyncio.TimerHandle] = set()

    def received(self, data: bytes) -> None:
        """Take bytes from the client, in whatever pieces they came."""
        for message in self._input.feed(data):
            self._station.enqueue(self, message)

    def closed(self) -> None:
        """Learn that the client is gone: nothing is sent to it any more."""
        self.is_open = False
        self._input.clear()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._station.connections.discard(self)

    def deliver(self, message: str, reply: bytes | None) -> None:
        """Send a reply the way the fault plan lets it through."""
        if not self.is_open:
            return
        if reply and self.line.unread_bytes() > MOST_UNREAD_BYTES:
            self._station.instrument.deadlocked()
            return
        for delivery in self._station.faults.deliver(message, reply):
            if isinstance(delivery, HangUp):
                self._later(0.0, self.line.hang_up)
            else:
                self._send(delivery)

    def _send(self, delivery: Send) -> None:
        def send() -> None:
            self.line.send(delivery.data)

        if delivery.is_apart:
            self._call_at(asyncio.get_running_loop().time() + delivery.after_s, send)
        else:
            self._later(delivery.after_s, send)

    def _later(self, after_s: float, action: Callable[[], None]) -> None:
        """Run an action after all that were asked for before it, and a pause."""
        now_s = asyncio.get_running_loop().time()
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

        timer = asyncio.get_running_loop().call_at(when_s, fire)
        self._timers.add(timer)


class Station:
    """An instrument with everything around it but the wire.

    Attributes:
        name: What the bench calls it.
        most_clients: How many may be connected at once.
        connections: Those who are.
        commands: The latest messages received, each with its time on the bench's clock.
    """

    def __init__(
        self,
        name: str,
        instrument: Instrument,
        world: World,
        *,
        faults: FaultPlan,
        most_clients: int = 1,
    ) -> None:
        self.name = name
        self.instrument = instrument
        self.faults = faults
        self.most_clients = most_clients
        self.connections: set[Connection] = set()
        self.commands: deque[tuple[float, str]] = deque(maxlen=REMEMBERED_COMMANDS)
        self._world = world
        self._queue: deque[tuple[Connection, str | Overrun]] = deque()
        self._arrived = asyncio.Event()
        self._interrupt = asyncio.Event()
        self._is_executing = False
        self._lost_power = False

    def connect(self, line: Line) -> Connection:
        """Take a client on."""
        connection = Connection(self, line)
        self.connections.add(connection)
        return connection

    def enqueue(self, connection: Connection, message: str | Overrun) -> None:
        """Line a message up for execution; past the queue's bound it counts as an overrun."""
        if isinstance(message, str):
            if not message.strip():
                return
            self.commands.append((self._world.clock.now(), message))
            if self._is_executing and self.instrument.interrupts(message):
                self._interrupt.set()
        if len(self._queue) >= MOST_QUEUED_MESSAGES:
            self.instrument.overrun()
            return
        self._queue.append((connection, message))
        self._arrived.set()

    async def run(self) -> None:
        """Execute messages as they come, until cancelled."""
        while True:
            while not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
            connection, message = self._queue.popleft()
            if isinstance(message, Overrun):
                self.instrument.overrun()
            else:
                reply = await self._execute(message)
                terminated = None if reply is None else reply + self.instrument.terminator
                connection.deliver(message, terminated)
            # One flooding client must not keep the others' wires from being served.
            await asyncio.sleep(0)

    def power_cycle(self) -> None:
        """Cut the power and restore it: clients are thrown off, queued messages are lost."""
        self._queue.clear()
        self._lost_power = True
        self._interrupt.set()
        self.instrument.power_cycle()
        for connection in list(self.connections):
            connection.line.hang_up(at_once=True)

    def state(self) -> dict[str, object]:
        """Return the truth about the instrument and the last messages it received."""
        latest = list(self.commands)[-LATEST_COMMANDS:]
        return {
            **self.instrument.state(),
            "clients": len(self.connections),
            "log": [text for _, text in latest],
        }

    async def _execute(self, message: str) -> bytes | None:
        self._interrupt.clear()
        self._lost_power = False
        self._is_executing = True
        execution = self.instrument.execute(message)
        try:
            while True:
                if await self._is_interrupted(next(execution)):
                    execution.close()
                    if "?" in message and not self._lost_power:
                        self.instrument.interrupted()
                    return None
        except StopIteration as end:
            reply: bytes | None = end.value
            return reply
        finally:
            self._is_executing = False

    async def _is_interrupted(self, pause_s: float) -> bool:
        """Wait while the instrument is busy; True as soon as something breaks in."""
        try:
            await asyncio.wait_for(self._interrupt.wait(), pause_s)
        except TimeoutError:
            return False
        return True
