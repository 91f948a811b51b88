"""What people and programs tell a run: from any thread, in any state, twice or late.

A run belongs to the loop that it was begun in. A verb from another thread is carried over there,
in the order of asking, and raises here what it raises there. A run whose loop has ended is over.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from funcnodes.core.running.crossing import Ferry

_log = logging.getLogger(__name__)
P = ParamSpec("P")


class LoopBound(Protocol):
    """What belongs to a loop."""

    loop: asyncio.AbstractEventLoop
    ferry: Ferry


R = TypeVar("R", bound=LoopBound)


def from_any_thread(
    verb: Callable[Concatenate[R, P], None],
) -> Callable[Concatenate[R, P], None]:
    """A verb that may be called from any thread; it happens in the loop."""

    @wraps(verb)
    def told(run: R, /, *args: P.args, **kwargs: P.kwargs) -> None:
        if is_home(run.loop):
            verb(run, *args, **kwargs)
        else:
            _carry(run, lambda: verb(run, *args, **kwargs))

    return told


def is_home(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this is the thread of that loop, as far as anybody is there."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return not loop.is_running()


def _carry(run: LoopBound, call: Callable[[], None]) -> None:
    try:
        run.ferry.carry(run.loop, call)
    except RuntimeError:
        if not run.loop.is_closed():  # else the run is over, and there is nothing to tell it
            raise


def tell_all(listeners: Iterable[Callable[..., object]], *args: Any) -> None:
    """Call each; one that raises is logged, and neither the others nor the run hear of it."""
    for each in tuple(listeners):
        try:
            each(*args)
        except Exception:
            _log.exception("A listener of a run failed")
