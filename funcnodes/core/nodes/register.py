"""The register of node classes: which class a node id stands for in this process.

A class is kept for good as soon as it is made; one that belongs to a single object only as long as
somebody else keeps it.
"""

import sys
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from funcnodes.errors import GraphError

C = TypeVar("C", bound=type)


class Register(Generic[C]):
    """Classes by id; one that is kept for good counts before others.

    A class that is made again, by a cell of a notebook or a module that is loaded anew, takes the
    place of the first; another one of the same id is refused, since files name nodes by it.
    """

    def __init__(self) -> None:
        self._classes: dict[str, C] = {}
        self._passing: WeakValueDictionary[str, C] = WeakValueDictionary()  # of single objects

    def add(self, node_id: str, nodeclass: C) -> None:
        """Have it found by that id from now on.

        Raises:
            GraphError: Another class has that id.
        """
        known = self._classes.get(node_id)
        if known is not None and not _is_made_again(known, nodeclass):
            here, there = (f"{c.__module__}.{c.__qualname__}" for c in (known, nodeclass))
            raise GraphError(
                f"There would be two node classes of the id {node_id!r}: {here} and {there}.",
                hint="Give one of them another id; saved files name nodes by it.",
                node_id=node_id,
            )
        self._classes[node_id] = nodeclass

    def add_weakly(self, node_id: str, nodeclass: C) -> None:
        """Have it found by that id for as long as somebody else keeps it."""
        self._passing[node_id] = nodeclass

    def find(self, node_id: str) -> C | None:
        """The class of that id, if any."""
        return self._classes.get(node_id) or self._passing.get(node_id)


def _is_made_again(known: type, fresh: type) -> bool:
    if _is_typed_in(known) or _is_typed_in(fresh):
        return True
    is_same_place = known.__module__ == fresh.__module__ or _file(known) == _file(fresh) != ""
    return is_same_place and known.__qualname__ == fresh.__qualname__


def _is_typed_in(kind: type) -> bool:
    """Whether it was made in a session, where things are renamed and made again."""
    return kind.__module__ == "__main__" and not _file(kind)


def _file(kind: type) -> str:
    return str(getattr(sys.modules.get(kind.__module__), "__file__", None) or "")
