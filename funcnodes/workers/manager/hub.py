"""Everything that passes between one worker and those who watch it.

The hub owns no graph and no device. It numbers commands, routes answers back to who asked, keeps
the newest patches for browsers that come back, and tells subscribers when the worker is out of
reach. Patches are numbered anew on their way out, so that what the guard thread says while the
worker's loop is held takes its place among them. One Snapshot, kept with the patches since, serves
whoever asks. What people ask is paid out of their budgets and goes on with the time until when it
is good. An E-STOP takes the guard channel and waits for nothing else here. Framework-free: the web
layer hands in functions that send bytes.
"""

import asyncio
import contextlib
import itertools
import logging
import math
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from funcnodes.errors import RefusedError, WorkerError
from funcnodes.runs.records import LogLevel
from funcnodes.workers import schema
from funcnodes.workers.lateness import PeerClock, check_in_time, until_s
from funcnodes.workers.manager.budget import Budgets
from funcnodes.workers.manager.fanout import Ring, Subscriber
from funcnodes.workers.manager.shown import KeptSnapshot
from funcnodes.workers.problems import problem_of
from funcnodes.workers.roles import check_role

Send = Callable[[bytes], bool]
"""Puts one message on its way, at once; False where too much waits already: it is not sent."""

ESTOP_REPORT_S = 1.5
SUBSCRIBE_COST = 2.0
SNAPSHOT_EVERY_S = 0.25
DEAR_S = 2.0
"""A Snapshot that took half as long to be made is handed out for a while, with what came since."""
WHOLE_BYTES = 512 * 1024 * 1024
REQUEST_S = 15.0
MANAGER = schema.Actor(id="manager", name="manager", role="viewer")

_log = logging.getLogger("funcnodes.manager")


class _Head(msgspec.Struct, kw_only=True, tag="frame"):
    session: str
    seq: int
    rev: int
    events: msgspec.Raw


class _Ack(msgspec.Struct, kw_only=True, tag="ack"):
    id: int
    rev: int
    result: msgspec.Raw = msgspec.Raw(b"\xc0")


class _Fail(msgspec.Struct, kw_only=True, tag="fail"):
    id: int
    rev: int
    problem: schema.Problem


_from_worker = msgspec.msgpack.Decoder(
    schema.Hello | schema.WorkerClock | schema.Piece | schema.Standing | _Head | _Ack | _Fail
)
_from_guard = msgspec.msgpack.Decoder(schema.FromGuard)
_encoder = msgspec.msgpack.Encoder()

Answer = Callable[[_Ack | _Fail], None]


@dataclass(frozen=True, slots=True)
class LinkedProcess:
    """A worker process as it introduced itself."""

    session: str
    pid: int
    version: str


@dataclass(slots=True)
class EStopCall:
    """One E-STOP under way: reports come in until one is final."""

    last: schema.LatchView | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Hub:
    """The traffic of one worker.

    Attributes:
        identity: Of the process that is linked now, or None while the worker is out of reach.
        standing: What it last said about bench and nodespace.
    """

    def __init__(
        self,
        uuid: str,
        *,
        changed: Callable[[], None] = lambda: None,
        budgets: Budgets | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.uuid = uuid
        self.budgets = budgets or Budgets()
        self._clock = clock
        self._there = PeerClock(clock=clock)  # the worker's clock
        self.identity: LinkedProcess | None = None
        self.standing = schema.Standing()
        self.rev = 0
        self._ring = Ring()
        self._life = secrets.token_hex(4)  # of this server, in the sessions it gives out
        self._session = ""  # that browsers are told
        self._seq = 0  # of the last patch that browsers were sent
        self._came: tuple[str, int] = ("", 0)  # the worker's own session and number, last seen
        self._subscribers: dict[Subscriber, schema.Actor] = {}
        self._link: Send | None = None
        self._pieces = bytearray()  # of a message that is coming
        self._guard: Send | None = None
        self._ids = itertools.count(1)
        self._pending: dict[int, Answer] = {}
        self._snapshot_asked = False
        self._snapshot_at = -math.inf
        self._snapshot_every_s = SNAPSHOT_EVERY_S
        self._snapshot_for: list[tuple[Subscriber, int]] = []  # who asked for one by a command
        self._kept: KeptSnapshot | None = None
        self._estops: dict[int, EStopCall] = {}
        self._changed = changed

    # ── those who watch ──

    @property
    def people(self) -> list[schema.Actor]:
        """Who watches, each once."""
        return list({actor.id: actor for actor in self._subscribers.values()}.values())

    def subscribe(
        self, subscriber: Subscriber, actor: schema.Actor, session: str, seq: int
    ) -> None:
        """Begin, or go on from (session, seq): missed patches if they are kept, else a Snapshot.

        Raises:
            OverBudget: This person has asked for too much lately.
        """
        self.budgets.spend(actor.id, SUBSCRIBE_COST)
        self._subscribers[subscriber] = actor
        self._tell_people()
        missed = self._ring.after(session, seq) if session and self._link else None
        subscriber.needs_snapshot = missed is None
        if missed is not None:
            for data in missed:
                subscriber.push(data, is_patch=True)
        elif self._link is None:
            subscriber.push(self._gone("The worker is not running or cannot be reached."))
        elif not (self._is_good() and self._show(subscriber)):
            self._ask_snapshot_soon()

    def unsubscribe(self, subscriber: Subscriber) -> None:
        if self._subscribers.pop(subscriber, None) is not None:
            self._tell_people()

    def rename_actor(self, subscriber: Subscriber, actor: schema.Actor) -> None:
        """The person behind a subscriber has another name now."""
        if subscriber in self._subscribers:
            self._subscribers[subscriber] = actor
            self._tell_people()

    def command(
        self, subscriber: Subscriber, actor: schema.Actor, command: schema.CommandMessage
    ) -> None:
        """Pass a browser's command on; the answer goes to `subscriber` under the browser's id."""

        def answer(reply: _Ack | _Fail) -> None:
            reply.id = command.id
            subscriber.push(_encoder.encode(reply))

        body = command.body
        try:
            check_role(actor, body)
            self.budgets.spend(actor.id, body.cost)
            if isinstance(body, schema.GetSnapshot):
                self._snapshot_to(subscriber, command.id)
                return
            until = until_s(body, command.sent_s, self._clock())
            self._do(
                actor,
                body,
                command.rev,
                answer,
                key=command.key,
                until=until,
                client=subscriber.client,
            )
        except (RefusedError, WorkerError) as error:
            answer(_Fail(id=command.id, rev=self.rev, problem=problem_of(error)))

    async def request(
        self, actor: schema.Actor, body: Any, *, timeout_s: float = REQUEST_S, paid: bool = False
    ) -> Any:
        """Ask the worker something and wait for its answer.

        Args:
            paid: It is part of something that was paid for as a whole.

        Returns:
            What the worker answered (`Ack.result`), as plain data.

        Raises:
            RefusedError: The actor's role is not enough, or the worker refused; `context["title"]`
                names the worker's own error.
            OverBudget: This person has asked for too much lately.
            WorkerError: The worker is out of reach or does not answer in time.
        """
        check_role(actor, body)
        if not paid:
            self.budgets.spend(actor.id, body.cost)
        future: asyncio.Future[_Ack | _Fail] = asyncio.get_running_loop().create_future()

        def answer(reply: _Ack | _Fail) -> None:
            if not future.done():
                future.set_result(reply)

        number = self._do(actor, body, self.rev, answer, until=self._clock() + body.good_for_s)
        try:
            reply = await asyncio.wait_for(future, timeout_s)
        except TimeoutError:
            raise WorkerError(
                f"The worker did not answer within {timeout_s:g} s.",
                hint="A node may be blocking it; E-STOP works all the same.",
            ) from None
        finally:
            self._pending.pop(number, None)
        if isinstance(reply, _Fail):
            problem = reply.problem
            raise RefusedError(problem.detail, hint=problem.hint, title=problem.title)
        return msgspec.msgpack.decode(reply.result)

    # ── E-STOP ──

    @property
    def guarded(self) -> bool:
        """Whether the guard thread can be reached."""
        return self._guard is not None

    async def estop(self, actor: schema.Actor, cause: str = "E-STOP") -> schema.LatchView:
        """Stop the bench now, by the guard channel.

        Returns:
            The latch with every acknowledgement that came within 1.5 s.

        Raises:
            WorkerError: Neither guard channel nor link reaches the worker, or nothing came back.
        """
        if self._guard is None:
            return await self._estop_by_link(actor)
        number, call = next(self._ids), EStopCall()
        self._estops[number] = call
        self._guard(_encoder.encode(schema.GuardStop(id=number, actor=actor, cause=cause)))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ESTOP_REPORT_S):
                await call.done.wait()
        if call.last is None:
            raise WorkerError(
                "The E-STOP was sent, but the worker has not confirmed it.",
                hint="Switch the outputs off by hand.",
            )
        return call.last

    async def _estop_by_link(self, actor: schema.Actor) -> schema.LatchView:
        try:
            result = await self.request(actor, schema.EStop(), timeout_s=ESTOP_REPORT_S)
        except WorkerError as error:
            raise WorkerError(
                "E-STOP cannot reach this worker.",
                hint="Switch the outputs off by hand.",
            ) from error
        return msgspec.convert(result, schema.LatchView)

    # ── the worker's link ──

    def link_up(self, send: Send) -> None:
        """A worker has dialled in (a newer link takes the place of an older one)."""
        self._link, self._pieces = send, bytearray()

    def link_down(self, send: Send, reason: str = "The connection to the worker is lost.") -> None:
        """The link has ended; everything shown of the worker is stale."""
        if self._link is not send:
            return
        self._link, self.identity, self._snapshot_asked, self._kept = None, None, False, None
        self._there.forget()
        pending, self._pending = self._pending, {}
        error = problem_of(WorkerError(reason))
        asked, self._snapshot_for = self._snapshot_for, []
        for subscriber, number in asked:
            subscriber.push(_encoder.encode(_Fail(id=number, rev=self.rev, problem=error)))
        for number, answer in pending.items():
            answer(_Fail(id=number, rev=self.rev, problem=error))
        for subscriber in self._subscribers:
            subscriber.needs_snapshot = True
            subscriber.push(self._gone(reason))
        self._changed()

    def received(self, data: bytes) -> None:
        """One message of the worker.

        Raises:
            msgspec.DecodeError: It is none, or longer than any may be.
        """
        message = _from_worker.decode(data)
        match message:
            case _Head():
                self._patch(message)
            case _Ack() | _Fail():
                self.rev = max(self.rev, message.rev)
                answer = self._pending.pop(message.id, None)
                if answer is not None:
                    answer(message)
            case schema.Hello():
                self._hello(message)
            case schema.WorkerClock():
                self._there.heard(message.clock_s)
            case schema.Piece():
                self._piece(message)
            case schema.Standing():
                self.standing = message
                self._changed()

    def _piece(self, piece: schema.Piece) -> None:
        self._pieces += piece.data
        if len(self._pieces) > WHOLE_BYTES:
            self._pieces = bytearray()
            raise msgspec.DecodeError("a message is longer than any may be")
        if piece.last:
            whole, self._pieces = bytes(self._pieces), bytearray()
            self.received(whole)

    def shutdown(self) -> bool:
        """Ask the worker to end. Returns whether it could be told."""
        return self._link is not None and self._link(_encoder.encode(schema.Shutdown()))

    def _hello(self, hello: schema.Hello) -> None:
        self.identity = LinkedProcess(hello.session, hello.pid, hello.version)
        self._there.heard(hello.clock_s)
        session = f"{hello.session}-{self._life}"
        if session != self._session:
            self._session, self._seq, self._came = session, 0, (hello.session, 0)
            self._ring.begin(session)
        self._kept = None
        self._tell_people()
        for subscriber in self._subscribers:
            subscriber.needs_snapshot = True
        if self._subscribers:
            self._ask_snapshot()
        self._changed()

    def _patch(self, head: _Head) -> None:
        self.rev = head.rev
        session, seq = self._came
        self._came = (head.session, head.seq)
        if seq and (head.session != session or head.seq != seq + 1):
            self._missed()
        self._pass_on(head)

    def _missed(self) -> None:
        """Frames never came: nobody can go on from before them."""
        self._ring.begin(self._session)
        self._kept = None
        if any(not each.needs_snapshot for each in self._subscribers):
            for subscriber in self._subscribers:
                subscriber.needs_snapshot = True
            self._ask_snapshot()

    def _pass_on(self, head: _Head) -> None:
        """Number a patch anew, keep it, send it to everybody who is up to date."""
        self._seq += 1
        self._ring.number(self._came[1], self._seq)
        head.session, head.seq = self._session, self._seq
        data = _encoder.encode(head)
        self._ring.add(self._session, self._seq, data)
        for subscriber in self._current():
            subscriber.push(data, is_patch=True)

    def _current(self) -> Iterator[Subscriber]:
        return (each for each in self._subscribers if not each.needs_snapshot)

    def _ask_snapshot(self) -> None:
        """One request serves everybody who waits for a Snapshot by the time it is answered."""
        nobody = not self._snapshot_for and not any(s.needs_snapshot for s in self._subscribers)
        if self._snapshot_asked or nobody or self._link is None:
            return
        self._snapshot_asked, self._snapshot_at = True, self._clock()
        until = self._clock() + schema.GetSnapshot.good_for_s
        try:
            self._do(MANAGER, schema.GetSnapshot(), 0, self._snapshot, until=until)
        except WorkerError as error:
            self._snapshot(_Fail(id=0, rev=self.rev, problem=problem_of(error)))

    def _snapshot(self, reply: _Ack | _Fail) -> None:
        self._snapshot_asked = False
        took_s = self._clock() - self._snapshot_at
        self._snapshot_every_s = max(SNAPSHOT_EVERY_S, 2 * took_s)
        if isinstance(reply, _Fail):
            self._no_snapshot(reply)
            return
        kept = KeptSnapshot.of(reply.result, self._session, self._ring, self._seq)
        asked, self._snapshot_for = self._snapshot_for, []
        if kept is None:  # so much has happened since that nobody could go on from it
            self._snapshot_for = asked
            self._ask_snapshot()
            return
        self._kept = kept
        for subscriber in self._subscribers:
            if subscriber.needs_snapshot:
                subscriber.forget_patches()
                self._show(subscriber)
        for subscriber, number in asked:
            self._show(subscriber, number)

    def _snapshot_to(self, subscriber: Subscriber, number: int) -> None:
        """Answer a command that asks for a Snapshot: by the one that is kept, while that is where
        the worker is, or by the next, of which there are four a second at most."""
        if self._link is None:
            raise WorkerError("The worker is not running or cannot be reached.")
        if not (self._is_good() and self._show(subscriber, number)):
            self._snapshot_for.append((subscriber, number))
            self._ask_snapshot_soon()

    def _is_good(self) -> bool:
        """Whether the Snapshot that is kept will do: while nothing has happened, or with the
        patches since where another one would take long to be made."""
        if self._kept is None:
            return False
        age_s = self._clock() - self._snapshot_at
        is_dear = self._snapshot_every_s > DEAR_S
        return self._kept.seq == self._seq or (is_dear and age_s < self._snapshot_every_s)

    def _ask_snapshot_soon(self) -> None:
        """Ask for one, a while after the last at the earliest."""
        wait_s = self._snapshot_at + self._snapshot_every_s - self._clock()
        if wait_s > 0 and not self._snapshot_asked:
            asyncio.get_running_loop().call_later(wait_s, self._ask_snapshot)
        else:
            self._ask_snapshot()

    def _show(self, subscriber: Subscriber, number: int | None = None) -> bool:
        """Give out the Snapshot that is kept, and every patch since: of its own, or as an answer.

        Returns:
            Whether there is one from which to go on.
        """
        since = self._kept.since(self._ring, self._seq) if self._kept is not None else None
        if self._kept is None or since is None:
            return False
        data = self._kept.data
        if number is not None:
            data = _encoder.encode(_Ack(id=number, rev=self.rev, result=msgspec.Raw(data)))
        subscriber.push(data)
        for patch in since:
            subscriber.push(patch, is_patch=True)
        subscriber.needs_snapshot = False
        return True

    def _no_snapshot(self, reply: _Fail) -> None:
        """The worker cannot show itself; where the link is lost, everybody knows already."""
        asked, self._snapshot_for = self._snapshot_for, []
        for subscriber, number in asked:
            reply.id = number
            subscriber.push(_encoder.encode(reply))
        if self._link is None:
            return
        why = reply.problem.detail
        _log.error("no snapshot of worker %s: %s", self.uuid, why)
        for subscriber in self._subscribers:
            if subscriber.needs_snapshot:
                subscriber.push(self._gone(f"The worker cannot be shown: {why}"))

    def _do(
        self,
        actor: schema.Actor,
        body: Any,
        rev: int,
        answer: Answer,
        *,
        key: str = "",
        client: str = "",
        until: float,
    ) -> int:
        """Hand a command to the worker, good until then by our own clock."""
        if self._link is None:
            raise WorkerError("The worker is not running or cannot be reached.")
        check_in_time(body, until, self._clock())
        number, expires_s = next(self._ids), self._there.at(until)
        do = schema.Do(
            id=number, rev=rev, actor=actor, key=key, expires_s=expires_s, body=body, client=client
        )
        if not self._link(_encoder.encode(do)):
            raise WorkerError("The worker does not read what it is sent; this was not done.")
        self._pending[number] = answer
        return number

    def _tell_people(self) -> None:
        if self._link is not None and self.identity is not None:
            self._link(_encoder.encode(schema.People(people=self.people)))

    def _gone(self, reason: str) -> bytes:
        return _encoder.encode(schema.Gone(worker=self.uuid, reason=reason))

    # ── the guard channel ──

    def guard_up(self, send: Send) -> None:
        self._guard = send
        self._changed()

    def guard_down(self, send: Send) -> None:
        if self._guard is send:
            self._guard = None
            self._changed()

    def guard_received(self, data: bytes) -> None:
        """One message of the guard thread.

        Raises:
            msgspec.DecodeError: It is none.
        """
        message = _from_guard.decode(data)
        match message:
            case schema.GuardReport():
                self._estop_report(message)
            case schema.Blocked():
                self._blocked(message)
            case schema.Beat() | schema.GuardHello():
                pass

    def _estop_report(self, report: schema.GuardReport) -> None:
        call = self._estops.get(report.id)
        if call is not None:
            call.last = report.latch
            if report.final:
                call.done.set()
                del self._estops[report.id]
        self._add(schema.LatchPut(latch=report.latch))

    def _blocked(self, message: schema.Blocked) -> None:
        if message.seconds:
            what = f"Node {message.node!r}" if message.node else message.where or "Something"
            text = f"{what} has been holding the worker for {message.seconds:.1f} s."
            if message.node and message.where:
                text = f"{text[:-1]} ({message.where})."
        else:
            text = "The worker answers again."
        self.standing.message = text if message.seconds else ""
        level: LogLevel = "error" if message.seconds else "info"
        line = schema.LogLine(
            t=time.time(), level=level, source=message.node or "worker", text=text
        )
        self._add(schema.Logged(lines=[line]))
        self._changed()

    def _add(self, event: schema.LatchPut | schema.Logged) -> None:
        """A patch of our own, among the worker's."""
        events = msgspec.Raw(_encoder.encode([event]))
        self._pass_on(_Head(session="", seq=0, rev=self.rev, events=events))
