"""The sockets that workers dial: `/link/worker` for everything, `/link/guard` for E-STOP.

Bytes in, bytes out; what they mean is the hub's business. A worker that does not read is cut off
rather than waited for.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

import msgspec

from funcnodes.web.asgi import Receive, Scope, Send
from funcnodes.workers.manager.manager import Manager

FULL_BYTES = 8 * 1024 * 1024
"""With more than that waiting nothing is taken but what is short and says how things stand."""
SHORT_BYTES = 16 * 1024
QUEUE_BYTES = 32 * 1024 * 1024

_log = logging.getLogger("funcnodes.web")


class Outbox:
    """Bytes on their way to one worker, sent in order by a task of its own."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self.overfull = asyncio.Event()

    def put(self, data: bytes) -> bool:
        """Send a message. Returns whether it was taken: not where too much waits."""
        if self._bytes > FULL_BYTES and len(data) > SHORT_BYTES:
            return False
        self._queue.append(data)
        self._bytes += len(data)
        self._wake.set()
        if self._bytes > QUEUE_BYTES:
            self.overfull.set()
        return True

    async def sending(self) -> None:
        while True:
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            data = self._queue.popleft()
            self._bytes -= len(data)
            await self._send({"type": "websocket.send", "bytes": data})


class WorkerLinks:
    """Serves both sockets of every worker."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    async def worker(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/link/worker`: commands to the worker, patches and answers from it."""
        uuid = scope["caller"].worker
        hub = self._manager.hub(uuid)
        outbox = Outbox(send)
        hub_send = outbox.put
        hello = False

        def received(data: bytes) -> None:
            nonlocal hello
            hub.received(data)
            if not hello:
                hello = True
                self._manager.linked(uuid)

        hub.link_up(hub_send)
        try:
            await _serve(receive, send, outbox, received)
        finally:
            hub.link_down(hub_send)

    async def guard(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/link/guard`: E-STOP to the guard thread, acknowledgements from it."""
        hub = self._manager.hub(scope["caller"].worker)
        outbox = Outbox(send)
        hub_send = outbox.put
        hub.guard_up(hub_send)
        try:
            await _serve(receive, send, outbox, hub.guard_received)
        finally:
            hub.guard_down(hub_send)


async def _serve(
    receive: Receive, send: Send, outbox: Outbox, received: Callable[[bytes], None]
) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    tasks = [
        asyncio.create_task(_receiving(receive, received)),
        asyncio.create_task(outbox.sending()),
        asyncio.create_task(outbox.overfull.wait()),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _receiving(receive: Receive, received: Callable[[bytes], None]) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        data = message.get("bytes")
        if data is None:
            continue
        try:
            received(data)
        except msgspec.DecodeError as error:
            _log.warning("a worker sent what is not understood: %s", error)
