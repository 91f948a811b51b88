"""The guard: a thread with its own channel, for when the event loop does not answer.

Guarantees that an E-STOP reaches the devices although a node holds the loop: the loop is asked
first, and if it has not begun within 50 ms, this thread writes the emergency bytes itself, past
every queue. It says "sent, not confirmed"; reading back is the loop's, as soon as it is free. It
also keeps the guardian's heart beating and names the node that holds the loop, within a second.
"""

import asyncio
import contextlib
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.sync.client import ClientConnection, connect

from funcnodes.core import Node
from funcnodes.devices.bench import Bench
from funcnodes.devices.bench.reach import LOOP_S, strike_now
from funcnodes.devices.estop.emergency import Target
from funcnodes.devices.estop.latch import Latch
from funcnodes.errors import WorkerError
from funcnodes.workers import schema
from funcnodes.workers.guard.pipe import TURN_S, GuardianProcess
from funcnodes.workers.shown.views import latch_view
from funcnodes.workers.uplink import BACKOFF_S, OPEN_S, credentials, socket_url
from funcnodes.workers.workspace import Workspace

TICK_S = 0.1
BLOCKED_S = 0.5

_log = logging.getLogger(__name__)
_to_guard = msgspec.msgpack.Decoder(schema.ToGuard)
_encoder = msgspec.msgpack.Encoder()


@dataclass(frozen=True, slots=True)
class Stop:
    """An E-STOP that the loop is asked to carry out.

    Attributes:
        begun: Set by the loop as soon as it has begun.
        told: Called as devices acknowledge, in the end with True.
    """

    by: str
    cause: str
    begun: threading.Event
    told: Callable[[bool], None]


class Guard:
    """The guard of one worker.

    Args:
        begin: Called on the loop to carry a stop out; sets `stop.begun` first thing.
        bench: The bench now, or None.
        running: The node whose function holds the loop now, or None.
    """

    def __init__(
        self,
        workspace: Workspace,
        session: str,
        *,
        latch: Latch,
        begin: Callable[[Stop], None],
        bench: Callable[[], Bench | None],
        running: Callable[[], Node | None],
    ) -> None:
        self._workspace = workspace
        self._session = session
        self._latch = latch
        self._begin = begin
        self._bench = bench
        self._running = running
        self._loop = asyncio.get_running_loop()
        self._loop_seen = time.monotonic()
        self._ticker: asyncio.TimerHandle | None = None
        self._main = threading.get_ident()
        self._socket: ClientConnection | None = None
        self._reports: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._blocked = False
        self._watcher = GuardianProcess(latch.log)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the threads; call on the loop."""
        self._tick()
        for work, name in (
            (self._beating, "guard heart"),
            (self._listening, "guard"),
            (self._telling, "guard voice"),
        ):
            thread = threading.Thread(target=work, daemon=True, name=name)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End in order; the guardian stands down. Returns when the threads have ended."""
        self._ending.set()
        self._reports.put(None)
        socket = self._socket
        if socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(2)
        for thread in self._threads:
            thread.join(1.5)
        if self._ticker is not None:
            self._ticker.cancel()
        self.stand_down()

    def stand_down(self) -> None:
        """The guardian is not needed any more: devices were made safe; from any thread."""
        self._watcher.stand_down()

    def plan(self, targets: list[Target]) -> None:
        """What the guardian is to write where; again whenever a device came or went."""
        self._watcher.plan(targets)

    def report(self, number: int, *, final: bool = False) -> None:
        """Tell the manager how far an E-STOP has come; from any thread."""
        view = latch_view(self._latch.state)
        self._reports.put(schema.GuardReport(id=number, latch=view, final=final))

    def press(self, cause: str, by: str, told: Callable[[bool], None]) -> None:
        """E-STOP, from any thread but the loop's: by the loop, or past it.

        Args:
            told: Called as devices acknowledge, in the end with True; in any thread.
        """
        stop = Stop(by, cause, threading.Event(), told)
        with contextlib.suppress(RuntimeError):  # the loop has ended: then it is on us
            self._loop.call_soon_threadsafe(self._begin, stop)
        if not stop.begun.wait(LOOP_S):
            self.emergency(cause, by)
            told(True)

    def emergency(self, cause: str, by: str) -> None:
        """Write every device's emergency bytes from this thread, now."""
        strike_now(self._bench(), self._latch, cause, by)

    # ── the loop's pulse ──

    def _tick(self) -> None:
        self._loop_seen = time.monotonic()
        if not self._ending.is_set():
            self._ticker = self._loop.call_later(TICK_S, self._tick)

    @property
    def _lag_s(self) -> float:
        return max(0.0, time.monotonic() - self._loop_seen - TICK_S)

    # ── listening ──

    def _listening(self) -> None:
        attempt = 0
        while not self._ending.is_set():
            with (
                contextlib.suppress(
                    OSError,
                    TimeoutError,
                    ConnectionClosed,
                    InvalidHandshake,
                    InvalidURI,
                    WorkerError,
                ),
                self._dial() as socket,
            ):
                attempt = 0
                self._serve(socket)
            self._socket = None
            self._ending.wait(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
            attempt += 1

    def _dial(self) -> ClientConnection:
        return connect(
            socket_url(self._workspace, "guard"),
            additional_headers=credentials(self._workspace),
            open_timeout=OPEN_S,
            close_timeout=0.2,
            ping_interval=4.0,
            ping_timeout=4.0,
            compression=None,
            proxy=None,
        )

    def _serve(self, socket: ClientConnection) -> None:
        hello = schema.GuardHello(
            worker=self._workspace.record.uuid, session=self._session, pid=os.getpid()
        )
        socket.send(_encoder.encode(hello))
        self._socket = socket
        for message in socket:
            with contextlib.suppress(msgspec.DecodeError):
                data = message if isinstance(message, bytes) else message.encode()
                self._estop(_to_guard.decode(data))

    def _estop(self, order: schema.GuardStop) -> None:
        by = order.actor.name or order.actor.id
        self.press(order.cause, by, lambda final: self.report(order.id, final=final))

    # ── the heart ──

    def _beating(self) -> None:
        """Beat, and nothing else: whatever goes wrong, the guardian must not take it for death."""
        while not self._ending.wait(TURN_S):
            try:
                self._watcher.beat()
            except Exception:
                _log.exception("A heartbeat failed")

    # ── the voice ──

    def _telling(self) -> None:
        due = time.monotonic()
        while not self._ending.is_set():
            with contextlib.suppress(queue.Empty):
                self._send(self._reports.get(timeout=max(0.0, due - time.monotonic())))
            if time.monotonic() >= due:
                due = time.monotonic() + TURN_S
                try:
                    self._watch_loop()
                except Exception:  # nodes are other people's, and may be half built
                    _log.exception("Finding out who holds the loop failed")
                self._send(schema.Beat(loop_ms=self._lag_s * 1000))

    def _send(self, message: Any) -> None:
        socket = self._socket
        if socket is not None and message is not None:
            with contextlib.suppress(OSError, ConnectionClosed):
                socket.send(_encoder.encode(message))

    def _watch_loop(self) -> None:
        lag = self._lag_s
        if lag > BLOCKED_S:
            node, where = self._who_holds_the_loop()
            self._send(schema.Blocked(seconds=lag, node=node, where=where))
            self._blocked = True
        elif self._blocked:
            self._send(schema.Blocked(seconds=0.0))
            self._blocked = False

    def _who_holds_the_loop(self) -> tuple[str, str]:
        """Name of the node, and the place in the code."""
        frame = sys._current_frames().get(self._main)
        node = self._running()
        where = ""
        while frame is not None:
            code = frame.f_code
            where = (
                where or f"{code.co_name}, {os.path.basename(code.co_filename)}:{frame.f_lineno}"
            )
            if node is not None:
                break
            owner = frame.f_locals.get("self")
            node = owner if isinstance(owner, Node) else None
            frame = frame.f_back
        return _name_of(node), where


def _name_of(node: Node | None) -> str:
    """A node's name; its class's where it is still being built and has none."""
    try:
        return node.name if node is not None else ""
    except Exception:
        return type(node).__name__
