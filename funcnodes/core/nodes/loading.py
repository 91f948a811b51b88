"""Loading: whether nodes are made because a file says so. Then none triggers itself (A1)."""

import threading


class _Loading(threading.local):
    """Of a thread, and not of a context, which what is scheduled meanwhile would take along.

    A context manager by hand: it is entered once for each node of a file.
    """

    depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


_loading = _Loading()


def is_loading() -> bool:
    """Whether what is made now was so before: it comes from a file, or from an undo."""
    return _loading.depth > 0


def loading() -> _Loading:
    """Nodes made inside `with loading():` come from a file."""
    return _loading
