"""The live socket: one per browser, commands in, snapshots and patches out.

A receiving and a sending task per socket, so that a browser which goes away is noticed and one
that does not read holds up nobody. An invalid message is answered, not punished. What one person
asks for is paid out of one budget, whatever the number of sockets, and answered at once where that
is spent; more than 2,000 messages a second are read no faster than that. E-STOP never waits in a
queue here.
"""

import asyncio
import contextlib
import logging
import time
from typing import Any

import msgspec

from funcnodes import __version__
from funcnodes.errors import FuncnodesError, WorkerError
from funcnodes.web.asgi import Receive, Scope, Send
from funcnodes.web.auth import Person
from funcnodes.workers import schema
from funcnodes.workers.manager.budget import OverBudget
from funcnodes.workers.manager.fanout import Subscriber
from funcnodes.workers.manager.hub import Hub
from funcnodes.workers.manager.manager import Manager, actor
from funcnodes.workers.problems import problem_of

MESSAGES_PER_S = 2_000.0
BURST = 2_000.0
TOO_SLOW = 4408
TOO_MANY = 4429
SOCKETS = 64
"""Of one person at a time."""

_decoder = msgspec.msgpack.Decoder(schema.FromBrowser)
_encoder = msgspec.msgpack.Encoder()
_log = logging.getLogger("funcnodes.web")


class MessageRate:
    """Lets `rate` messages a second through, after a burst; the rest wait."""

    def __init__(self, rate: float = MESSAGES_PER_S, burst: float = BURST) -> None:
        self._rate, self._burst, self._left = rate, burst, burst
        self._at = time.monotonic()

    async def pass_one(self) -> None:
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - 1.0
        self._at = now
        if self._left < 0:
            await asyncio.sleep(-self._left / self._rate)


class LiveSocket:
    """One browser's connection."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        manager: Manager,
        person: Person,
        lost: asyncio.Event,
    ) -> None:
        self._receive = receive
        self._send = send
        self._manager = manager
        self._person = person
        self._lost = lost
        self._out = Subscriber()
        self._hub: Hub | None = None
        self._stops: set[asyncio.Task[None]] = set()

    async def run(self) -> int | None:
        """Serve until either side ends it. Returns the close code to send, if one is owed."""
        self._out.push(
            _encoder.encode(
                schema.Welcome(
                    you=self._person.view(), version=__version__, clock_s=time.monotonic()
                )
            )
        )
        tasks: list[asyncio.Task[int | None]] = [
            asyncio.create_task(self._receiving()),
            asyncio.create_task(self._sending()),
            asyncio.create_task(self._dropped()),
            asyncio.create_task(self._gone()),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next((task.result() for task in done if task.exception() is None), None)
        finally:
            if self._hub is not None:
                self._hub.unsubscribe(self._out)
            for task in (*tasks, *self._stops):
                task.cancel()
            await asyncio.gather(*tasks, *self._stops, return_exceptions=True)

    def renamed(self, person: Person) -> None:
        """The person behind this socket has another name."""
        self._person = person
        if self._hub is not None:
            self._hub.rename_actor(self._out, actor(person.view()))

    def is_of(self, person: Person) -> bool:
        """Whether it is this person's."""
        return self._person.id == person.id

    async def _sending(self) -> int | None:
        while True:
            await self._send({"type": "websocket.send", "bytes": await self._out.get()})

    async def _dropped(self) -> int:
        while not self._out.dropped.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._out.dropped.wait(), 1.0)
            self._out.check()
        return TOO_SLOW

    async def _gone(self) -> None:
        """The connection is lost, whatever of it is still waiting to be read."""
        await self._lost.wait()

    async def _receiving(self) -> int | None:
        throttle = MessageRate()
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return None
            await throttle.pass_one()
            if message["type"] == "websocket.receive":
                self._message(message.get("bytes") or (message.get("text") or "").encode())

    def _message(self, data: bytes) -> None:
        try:
            self._handle(_decoder.decode(data))
        except (msgspec.DecodeError, RecursionError) as error:
            self._fail(
                _claimed_id(data), "InvalidMessage", f"The message is not understood: {error}"
            )
        except FuncnodesError as error:
            problem = problem_of(error)
            self._out.push(_encoder.encode(schema.Fail(id=0, rev=0, problem=problem)))

    def _handle(self, message: schema.FromBrowser) -> None:
        match message:
            case schema.Ping():
                self._out.push(_encoder.encode(schema.Pong(clock_s=time.monotonic())))
            case schema.Subscribe():
                self._subscribe(message)
            case schema.CommandMessage(body=schema.EStop()):
                self._stop(message)
            case schema.CommandMessage():
                if self._hub is None:
                    self._fail(message.id, "WorkerError", "Subscribe to a worker first.")
                else:
                    self._hub.command(self._out, actor(self._person.view()), message)

    def _subscribe(self, message: schema.Subscribe) -> None:
        try:
            hub = self._manager.hub(message.worker)
        except WorkerError as error:
            gone = schema.Gone(worker=message.worker[:100], reason=error.message)
            self._out.push(_encoder.encode(gone))
            return
        if self._hub is not None and self._hub is not hub:
            self._hub.unsubscribe(self._out)
            self._out.forget_patches()
        self._hub = hub
        try:
            hub.subscribe(self._out, actor(self._person.view()), message.session, message.seq)
        except OverBudget as error:
            gone = schema.Gone(worker=message.worker[:100], reason=error.message)
            self._out.push(_encoder.encode(gone))

    def _stop(self, command: schema.CommandMessage) -> None:
        if self._hub is None:
            self._fail(command.id, "WorkerError", "Subscribe to a worker first.")
            return
        task = asyncio.create_task(self._estop(self._hub, command.id))
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def _estop(self, hub: Hub, number: int) -> None:
        reply: schema.Ack | schema.Fail
        try:
            latch = await hub.estop(actor(self._person.view()))
            reply = schema.Ack(id=number, rev=hub.rev, result=latch)
        except FuncnodesError as error:
            reply = schema.Fail(id=number, rev=hub.rev, problem=problem_of(error))
        self._out.push(_encoder.encode(reply))

    def _fail(self, number: int, title: str, detail: str) -> None:
        problem = schema.Problem(title=title, detail=detail)
        self._out.push(_encoder.encode(schema.Fail(id=number, rev=0, problem=problem)))


class LiveSockets:
    """All live sockets of a server, by session, so that signing out ends them."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._open: dict[LiveSocket, tuple[str, asyncio.Task[Any]]] = {}

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept and serve one browser."""
        caller = scope["caller"]
        lost = scope["state"]["lost"]
        socket = LiveSocket(receive, send, manager=self._manager, person=caller.person, lost=lost)
        task = asyncio.current_task()
        assert task is not None, "an ASGI application runs in a task"
        await receive()
        if self._sockets_of(caller.person) >= SOCKETS:
            await send({"type": "websocket.close", "code": TOO_MANY})
            return
        await send({"type": "websocket.accept"})
        self._open[socket] = (caller.secret, task)
        try:
            code = await socket.run()
        finally:
            del self._open[socket]
        if code == TOO_SLOW:
            scope["state"]["abort"]()
        elif code is not None:
            await send({"type": "websocket.close", "code": code})

    def _sockets_of(self, person: Person) -> int:
        return sum(socket.is_of(person) for socket in self._open)

    def renamed(self, secret: str, person: Person) -> None:
        """Tell every socket of a session the person's new name."""
        for socket, (owner, _) in self._open.items():
            if owner == secret:
                socket.renamed(person)

    def signed_out(self, secret: str) -> None:
        """End every socket of a session."""
        for owner, task in list(self._open.values()):
            if owner == secret and secret:
                task.cancel()


def _claimed_id(data: bytes) -> int:
    """The id of a command that could not be read, as far as it can be told; else 0."""
    try:
        found = msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return 0
    number = found.get("id") if isinstance(found, dict) else None
    return number if isinstance(number, int) and 0 <= number < 2**53 else 0
