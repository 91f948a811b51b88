"""The worker's numbered patches: what changed, at most 30 times a second.

Guarantees that events keep their order, that of values, states, devices and runs the newest one is
sent, and that rows, log lines and acknowledgements are never dropped. Cost is counted in patches,
so one patch carries everything since the last, and what takes long to tell is told less often: the
nodes keep nine tenths of the time. While nobody is linked nothing is built, but the numbering goes
on, so that whoever missed something can tell.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable
from time import perf_counter
from typing import Any

import msgspec

from funcnodes.workers import schema

INTERVAL_S = 1 / 30
SLOWEST_S = 0.25
SHARE = 0.1
"""Of the loop's time, for patches; up to `SLOWEST_S` between two of them."""

_log = logging.getLogger("funcnodes.worker")

Build = Callable[[], list[schema.PatchEvent]]


class Publisher:
    """Frames of one session of a worker.

    Attributes:
        session: One life of the worker process.
        seq: Number of the last patch.
        rev: Revision of the open nodespace, as every patch and answer says.
        linked: Whether anybody gets what is sent; while nobody does, marks wait.
    """

    def __init__(
        self,
        session: str,
        send: Callable[[bytes], bool],
        *,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self.session = session
        self.seq = 0
        self.rev = 0
        self.linked = True
        self._send = send
        self._interval_s = interval_s
        self._waiting: dict[Hashable, schema.PatchEvent | Build] = {}
        self._count = 0
        self._encoder = msgspec.msgpack.Encoder()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._closed = False

    def put(self, event: schema.PatchEvent) -> None:
        """Send an event in the next patch, after those that were put before."""
        if not self.linked:
            self.seq += 1
            return
        self._count += 1
        self._waiting[self._count] = event
        self._schedule()

    def mark(self, key: Hashable, build: Build) -> None:
        """Have `build` make the events for `key` when the next patch is made; the last one wins.

        It keeps the place in the order that the key got first.
        """
        self._waiting.setdefault(("mark", key), build)
        self._waiting["mark", key] = build
        self._schedule()

    def flush(self) -> None:
        """Send what waits, now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting or self._closed or not self.linked:
            return
        began = perf_counter()
        waiting, self._waiting = self._waiting, {}
        self.seq += 1
        events: list[schema.PatchEvent] = []
        for item in waiting.values():
            events.extend(_built(item) if callable(item) else [item])
        self._send(self._encoded(events))
        took = perf_counter() - began
        pause = max(self._interval_s, min(took / SHARE, SLOWEST_S))
        self._due = asyncio.get_running_loop().time() + pause

    def unlink(self) -> None:
        """Nobody is there: events are dropped, and a Snapshot will say it all.

        Marks stay, since what they tell of is noted only once until it was looked at.
        """
        self.linked = False
        if self._waiting:
            self.seq += 1
        self._waiting = {key: item for key, item in self._waiting.items() if callable(item)}

    def link(self) -> None:
        """Somebody is there again; the numbering shows what was let go."""
        self.linked = True
        if self._waiting:
            self._schedule()

    def skip(self) -> None:
        """Leave a number out: whoever follows the patches asks for a Snapshot."""
        self.flush()
        self.seq += 1

    def answer(self, message: schema.Ack | schema.Fail) -> None:
        """Send an answer, after everything that came before it.

        Raises:
            TypeError: The result cannot be encoded; nothing was sent.
        """
        data = self._encoder.encode(message)
        self.flush()
        self._send(data)

    def send(self, message: Any) -> None:
        """Send a message outside the numbering."""
        self._send(self._encoder.encode(message))

    def close(self) -> None:
        """Send what waits, and nothing after it."""
        self.flush()
        self._closed = True

    def _encoded(self, events: list[schema.PatchEvent]) -> bytes:
        """The patch; an event that cannot be encoded is left out, logged, and takes no other."""
        patch = schema.Patch(session=self.session, seq=self.seq, rev=self.rev, events=events)
        try:
            return self._encoder.encode(patch)
        except (TypeError, ValueError, OverflowError) as error:
            _log.error("a patch cannot be encoded: %s", error)
            patch.events = [event for event in events if self._can_be_encoded(event)]
            return self._encoder.encode(patch)

    def _can_be_encoded(self, event: schema.PatchEvent) -> bool:
        try:
            self._encoder.encode(event)
        except (TypeError, ValueError, OverflowError):
            return False
        return True

    def _schedule(self) -> None:
        if self._timer is None and self.linked and not self._closed:
            loop = asyncio.get_running_loop()
            delay = max(0.0, self._due - loop.time())
            self._timer = loop.call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.flush()


def _built(build: Build) -> list[schema.PatchEvent]:
    """What `build` makes; one that fails is logged and takes nothing else with it."""
    try:
        return build()
    except Exception:
        _log.exception("an event could not be made")
        return []
