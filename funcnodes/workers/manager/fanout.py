"""From one worker's patches to many browsers, each at its own pace.

Guarantees that a subscriber gets every patch in order or is told to start from a Snapshot, that
answers and rows are never dropped, and that values a slow subscriber has not been sent yet are
replaced by newer ones. Nothing here awaits a browser: pushing only appends to queues.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from funcnodes.workers import schema

RING_PATCHES = 2048
RING_BYTES = 16 * 1024 * 1024
MERGE_FROM = 8
"""Frames waiting for one subscriber from which on superseded values are taken out."""
STALLED_AFTER_S = 20.0
QUEUE_BYTES = 64 * 1024 * 1024
LARGE_BYTES = 4 * 1024 * 1024

_patches = msgspec.msgpack.Decoder(schema.Patch)
_encoder = msgspec.msgpack.Encoder()


@dataclass(slots=True)
class Waiting:
    """One message on its way to one subscriber.

    Attributes:
        is_patch: Its values may give way to newer ones.
        merged: That has been done up to here.
    """

    data: bytes
    is_patch: bool
    since: float
    merged: bool = False


class Subscriber:
    """One browser's queue. `get` is awaited by its sender; everything else returns at once."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.client = secrets.token_hex(8)
        """Tells the browser's edits from those of another one."""
        self._clock = clock
        self._queue: deque[Waiting] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._taken_at: float | None = None
        self.dropped = asyncio.Event()
        """Set when this subscriber has not read for so long that it is given up."""
        self.needs_snapshot = True

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def push(self, data: bytes, *, is_patch: bool = False) -> None:
        """Queue a message; `is_patch` allows its values to be superseded while it waits."""
        if self.dropped.is_set():
            return
        overfull = self._bytes > QUEUE_BYTES
        self._queue.append(Waiting(data, is_patch, self._clock()))
        self._bytes += _counted(data)
        self._wake.set()
        if len(self._queue) >= MERGE_FROM and len(self._queue) % MERGE_FROM == 0:
            self._merge()
        self.check(overfull=overfull)

    def forget_patches(self) -> None:
        """Drop waiting patches: a Snapshot that holds all of it is about to follow."""
        kept = [each for each in self._queue if not each.is_patch]
        self._queue = deque(kept)
        self._bytes = sum(_counted(each.data) for each in kept)

    async def get(self) -> bytes:
        """The next message, waiting for one. Call again only when it has been sent."""
        self._taken_at = None
        while not self._queue:
            self._wake.clear()
            await self._wake.wait()
        message = self._queue.popleft()
        self._bytes -= _counted(message.data)
        self._taken_at = self._clock()
        return message.data

    def check(self, *, overfull: bool = False) -> None:
        """Give up on a subscriber that has not taken anything for 20 s, or holds 64 MiB."""
        stalled = self._taken_at is not None and self._clock() - self._taken_at > STALLED_AFTER_S
        if stalled or overfull:
            self.dropped.set()
            self._queue.clear()
            self._bytes = 0

    def _merge(self) -> None:
        seen: set[tuple[str, str]] = set()
        for message in reversed(self._queue):
            if message.is_patch:
                message.data = _without_superseded(message.data, seen)
        self._bytes = sum(_counted(each.data) for each in self._queue)


def _counted(data: bytes) -> int:
    """What a message counts towards too much: a Snapshot may be large, and is everybody's."""
    return min(len(data), LARGE_BYTES)


def _without_superseded(data: bytes, seen: set[tuple[str, str]]) -> bytes:
    """The patch without values of ports in `seen`, which are newer; adds its own to `seen`.

    Where nodes come or go, or the graph is replaced, older values may belong to another node of
    the same name: from there on, back in time, nothing is taken out.
    """
    patch = _patches.decode(data)
    changed = False
    for event in reversed(patch.events):
        if isinstance(event, schema.Reset | schema.NodePut):
            seen.clear()
        elif isinstance(event, schema.PortValues):
            fresh = [each for each in event.values if (each.node, each.port) not in seen]
            seen.update((each.node, each.port) for each in event.values)
            changed = changed or len(fresh) != len(event.values)
            event.values = fresh
    if not changed:
        return data
    patch.events = [
        e for e in patch.events if not (isinstance(e, schema.PortValues) and not e.values)
    ]
    return _encoder.encode(patch)


@dataclass(slots=True)
class Ring:
    """The newest patches of one session of a worker, for browsers that come back."""

    session: str = ""
    patches: deque[tuple[int, bytes]] = field(default_factory=deque)
    size: int = 0
    numbers: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=RING_PATCHES))
    """The worker's own number of its patches, and the one they were given here."""

    def add(self, session: str, seq: int, data: bytes) -> bool:
        """Keep a patch. Returns False where it does not follow the last one: a gap."""
        follows = session == self.session and (not self.patches or seq == self.last + 1)
        if not follows:
            self.patches.clear()
            self.size = 0
            self.session = session
        self.patches.append((seq, data))
        self.size += len(data)
        while len(self.patches) > RING_PATCHES or (
            self.size > RING_BYTES and len(self.patches) > 1
        ):
            self.size -= len(self.patches.popleft()[1])
        return follows

    @property
    def last(self) -> int:
        return self.patches[-1][0] if self.patches else 0

    def after(self, session: str, seq: int) -> list[bytes] | None:
        """Frames after `seq`, or None where they are no longer, or not yet, all there."""
        if session != self.session or not self.patches or seq > self.last:
            return None
        if seq + 1 < self.patches[0][0]:
            return None
        return [data for number, data in self.patches if number > seq]

    def number(self, own: int, given: int) -> None:
        """The worker's patch `own`, or what came by itself after it, is patch `given` here."""
        self.numbers.append((own, given))

    def place_of(self, own: int, now: int) -> int | None:
        """The number here after which the worker was where its patch `own` left it.

        Args:
            now: Number of the last patch.
        """
        if not self.numbers or own >= self.numbers[-1][0]:
            return now
        return next((given for mine, given in reversed(self.numbers) if mine <= own), None)

    def begin(self, session: str) -> None:
        """Another life of the worker: nothing of the last one is kept."""
        self.patches.clear()
        self.numbers.clear()
        self.size = 0
        self.session = session
