"""Loading: whether nodes are made because a file says so. Then none triggers itself (A1)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Loading(threading.local):
    """Of a thread, and not of a context, which what is scheduled meanwhile would take along."""

    depth = 0


_loading = _Loading()


def is_loading() -> bool:
    """Whether what is made now was so before: it comes from a file, or from an undo."""
    return _loading.depth > 0


@contextmanager
def loading() -> Iterator[None]:
    """Nodes made inside come from a file."""
    _loading.depth += 1
    try:
        yield
    finally:
        _loading.depth -= 1
