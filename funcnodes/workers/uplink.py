"""The worker's end of the link: dials the manager, again and again, for as long as it lives.

Losing the manager stops nothing in the worker: what is sent meanwhile is let go, and the next
manager asks for a Snapshot. The manager's address is read anew at each attempt, since the next
one may be elsewhere. Sending never waits; what is long goes in pieces; a manager that does not
read is dialled anew.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from funcnodes.errors import WorkerError
from funcnodes.settings import Settings
from funcnodes.workers import schema
from funcnodes.workers.manager import address_file
from funcnodes.workers.workspace import Workspace

BACKOFF_S = (0.1, 0.2, 0.4, 0.8, 1.0)
REFUSED_S = 5.0
OPEN_S = 3.0
QUEUE_BYTES = 64 * 1024 * 1024
UNREAD_S = 3.0
"""With that much waiting, nothing taken for so long means that the manager does not read."""
MESSAGE_LIMIT = 16 * 1024 * 1024
PIECE_BYTES = 1024 * 1024
"""Longer messages are sent in pieces, so that none is over the limit of the link."""

_encode = msgspec.msgpack.Encoder().encode
_log = logging.getLogger("funcnodes.worker")


class Uplink:
    """One worker's connection to whichever manager there is.

    Args:
        up: Called when a manager has answered; sends Hello.
        received: Called with every message.
        down: Called when the manager is gone.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        up: Callable[[], None],
        received: Callable[[bytes], None],
        down: Callable[[], None] = lambda: None,
    ) -> None:
        self._workspace = workspace
        self._up = up
        self._received = received
        self._down = down
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._moved_s = 0.0  # when something was last taken
        self._socket: ClientConnection | None = None
        self._sent = asyncio.Event()

    def send(self, data: bytes) -> bool:
        """Put a message on its way. Returns False where there is no manager to get it."""
        if self._socket is None:
            return False
        if self._bytes > QUEUE_BYTES and time.monotonic() - self._moved_s > UNREAD_S:
            _log.warning("the manager does not read; dialling anew")
            self._socket.transport.abort()
            return False
        self._queue.append(data)
        self._bytes += len(data)
        self._sent.clear()
        self._wake.set()
        return True

    async def drained(self) -> None:
        """Wait until everything was handed to the system, or the manager is gone."""
        while self._socket is not None and self._queue:
            self._sent.clear()
            await self._sent.wait()

    async def run(self) -> None:
        """Dial until cancelled."""
        attempt = 0
        while True:
            try:
                async with self._dial() as socket:
                    attempt = 0
                    await self._serve(socket)
            except InvalidHandshake as error:
                _log.warning("the manager refuses this worker: %s", error)
                await asyncio.sleep(REFUSED_S)
            except (OSError, TimeoutError, ConnectionClosed, WorkerError, InvalidURI):
                pass
            await asyncio.sleep(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
            attempt += 1

    def _dial(self) -> connect:
        return connect(
            socket_url(self._workspace, "worker"),
            additional_headers=credentials(self._workspace),
            open_timeout=OPEN_S,
            close_timeout=1.0,
            ping_interval=4.0,
            ping_timeout=4.0,
            max_size=MESSAGE_LIMIT,
            compression=None,
            proxy=None,
        )

    async def _serve(self, socket: ClientConnection) -> None:
        self._socket, self._moved_s = socket, time.monotonic()
        sending = asyncio.create_task(self._sending(socket))
        try:
            self._up()
            async for message in socket:
                self._take(message)
        finally:
            self._socket = None
            self._queue.clear()
            self._bytes = 0
            self._sent.set()
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await sending
            self._down()

    def _take(self, message: str | bytes) -> None:
        try:
            self._received(message if isinstance(message, bytes) else message.encode())
        except msgspec.DecodeError as error:
            _log.warning("the manager sent what is not understood: %s", error)

    async def _sending(self, socket: ClientConnection) -> None:
        while True:
            while not self._queue:
                self._wake.clear()
                self._sent.set()
                await self._wake.wait()
            data = self._queue.popleft()
            for part in in_pieces(data):
                await socket.send(part)
                self._moved_s = time.monotonic()
            self._bytes -= len(data)


def in_pieces(data: bytes) -> Iterator[bytes]:
    """A message as it travels: whole, or in pieces where no link would take it whole."""
    if len(data) <= PIECE_BYTES:
        yield data
        return
    for start in range(0, len(data), PIECE_BYTES):
        end = start + PIECE_BYTES
        yield _encode(schema.Piece(data=data[start:end], last=end >= len(data)))


def socket_url(workspace: Workspace, kind: str) -> str:
    """Where the manager's socket of that kind is now.

    Raises:
        WorkerError: No manager is running.
    """
    url = workspace.record.manager_url
    if not url:
        found = address_file.read(_settings_of(workspace.config_dir))
        if found is None:
            raise WorkerError("No manager is running.")
        url = found.url
    scheme, _, rest = url.rstrip("/").partition("://")
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/link/{kind}"


def credentials(workspace: Workspace) -> dict[str, str]:
    """The header that says who this worker is."""
    return {"Authorization": f"Bearer {workspace.credential()}"}


def _settings_of(config_dir: Path) -> Settings:
    return Settings(config_dir)
