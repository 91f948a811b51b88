"""Loading: whether nodes are made because a file says so. Then none triggers itself (A1)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_loading: ContextVar[bool] = ContextVar("funcnodes_loading", default=False)


def is_loading() -> bool:
    """Whether a node that is made now comes from a file."""
    return _is_loading.get()


@contextmanager
def loading() -> Iterator[None]:
    """Nodes made inside come from a file."""
    token = _is_loading.set(True)
    try:
        yield
    finally:
        _is_loading.reset(token)
