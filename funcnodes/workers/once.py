"""A request that comes twice is done once: its key brings back the first answer.

Kept are the answers of the last minutes to whatever changes something; reading twice is harmless.
A key belongs to the person who sent it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from funcnodes.workers import schema

KEPT = 4_096
KEPT_S = 300.0

Answer = schema.Ack | schema.Fail


@dataclass(slots=True)
class _Request:
    """One request under way, or done."""

    since_s: float
    answer: Answer | None = None
    waiting: list[int] = field(default_factory=list)


class Once:
    """The requests of the last minutes, by person and key."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._requests: OrderedDict[tuple[str, str], _Request] = OrderedDict()

    def came_before(self, do: schema.Do, send: Callable[[Answer], None]) -> bool:
        """Whether this was asked before: then it is answered as the first one was, or will be."""
        key = _key(do)
        if key is None:
            return False
        self._forget_old()
        known = self._requests.get(key)
        if known is None:
            self._requests[key] = _Request(self._clock())
        elif known.answer is None:
            known.waiting.append(do.id)
        else:
            send(msgspec.structs.replace(known.answer, id=do.id))
        return known is not None

    def answered(self, do: schema.Do, answer: Answer) -> list[Answer]:
        """The first request has its answer. Returns those that are owed to its repetitions."""
        key = _key(do)
        known = self._requests.get(key) if key is not None else None
        if known is None:
            return []
        known.answer, waiting, known.waiting = answer, known.waiting, []
        return [msgspec.structs.replace(answer, id=number) for number in waiting]

    def _forget_old(self) -> None:
        before = self._clock() - KEPT_S
        while self._requests:
            key, oldest = next(iter(self._requests.items()))
            if len(self._requests) < KEPT and oldest.since_s >= before:
                return
            if oldest.answer is None and oldest.since_s >= before:
                return  # under way still: the rest may wait for it
            del self._requests[key]


def _key(do: schema.Do) -> tuple[str, str] | None:
    return (do.actor.id, do.key) if do.key and do.body.effect != "reads" else None
