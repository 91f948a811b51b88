"""A request that comes twice is done once: its key brings back the first answer.

Kept are the answers of the last minutes to whatever changes something; reading twice is harmless.
A key belongs to the person who sent it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from funcnodes.workers import schema

KEPT = 4_096
KEPT_S = 300.0

Answer = schema.Ack | schema.Fail
_Key = tuple[str, str]


@dataclass(slots=True)
class _Done:
    """One request that has its answer."""

    at_s: float
    answer: Answer


class Once:
    """The requests of the last minutes, by person and key."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._under_way: dict[_Key, list[int]] = {}  # and the numbers of its repetitions
        self._done: OrderedDict[_Key, _Done] = OrderedDict()

    def came_before(self, do: schema.Do, send: Callable[[Answer], None]) -> bool:
        """Whether this was asked before: then it is answered as the first one was, or will be."""
        key = _key(do)
        if key is None:
            return False
        self._forget_old()
        if (done := self._done.get(key)) is not None:
            send(msgspec.structs.replace(done.answer, id=do.id))
            return True
        if (repetitions := self._under_way.get(key)) is not None:
            repetitions.append(do.id)
            return True
        self._under_way[key] = []
        return False

    def answered(self, do: schema.Do, answer: Answer) -> list[Answer]:
        """The first request has its answer. Returns those that are owed to its repetitions."""
        key = _key(do)
        if key is None:
            return []
        self._done[key] = _Done(self._clock(), answer)
        owed = self._under_way.pop(key, [])
        return [msgspec.structs.replace(answer, id=number) for number in owed]

    def _forget_old(self) -> None:
        before = self._clock() - KEPT_S
        while self._done:
            key, oldest = next(iter(self._done.items()))
            if len(self._done) <= KEPT and oldest.at_s >= before:
                return
            del self._done[key]


def _key(do: schema.Do) -> _Key | None:
    return (do.actor.id, do.key) if do.key and do.body.effect != "reads" else None
