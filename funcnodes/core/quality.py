"""Quality on its way through a graph: what is made of doubtful values is doubtful.

What an execution gives is worth as much as the worst of what it took (R2), unless the node says
better, as one that asks an instrument does. Arguments that are not all `ok` are of a class of
their own, which carries their quality with them through queues, threads and processes; so what is
`ok` pays nothing for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from funcnodes.core.values import QUALITIES, Quality

Arguments = tuple[Any, ...] | dict[str, Any]

_RANK = {quality: rank for rank, quality in enumerate(QUALITIES)}


class DoubtedTuple(tuple[Any, ...]):
    """Arguments by position, not all of them `ok`."""

    quality: Quality


class DoubtedDict(dict[str, Any]):
    """Arguments by name, not all of them `ok`."""

    quality: Quality


_DOUBTED = (DoubtedTuple, DoubtedDict)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a function returns where its result is worth less than what it was given.

    Of several outputs, each may be one.
    """

    value: Any
    quality: Quality


def worst(qualities: Iterable[Quality]) -> Quality:
    """The one that says least for a value, `ok` where there is none."""
    return max(qualities, key=_RANK.__getitem__, default="ok")


def doubted(args: Arguments, quality: Quality) -> Arguments:
    """Arguments that are worth `quality`, which is not `ok`."""
    found = DoubtedDict(args) if isinstance(args, dict) else DoubtedTuple(args)
    found.quality = quality
    return found


def quality_of(args: Arguments) -> Quality:
    """What arguments are worth."""
    return args.quality if isinstance(args, _DOUBTED) else "ok"


def is_nan(value: Any) -> bool:
    """Whether it is a number that is none; such a one is never `ok` (R2)."""
    return isinstance(value, float) and value != value
