"""The register of node classes: which class a node id stands for in this process.

A class is kept for good as soon as it is made; one that belongs to a single object only as long as
somebody else keeps it.
"""

from typing import Generic, TypeVar
from weakref import WeakValueDictionary

C = TypeVar("C")


class Register(Generic[C]):
    """Classes by id; the last one of an id counts, one that is kept for good before others."""

    def __init__(self) -> None:
        self._classes: dict[str, C] = {}
        self._passing: WeakValueDictionary[str, C] = WeakValueDictionary()  # of single objects

    def add(self, node_id: str, nodeclass: C) -> None:
        """Have it found by that id from now on."""
        self._classes[node_id] = nodeclass

    def add_weakly(self, node_id: str, nodeclass: C) -> None:
        """Have it found by that id for as long as somebody else keeps it."""
        self._passing[node_id] = nodeclass

    def find(self, node_id: str) -> C | None:
        """The class of that id, if any."""
        return self._classes.get(node_id) or self._passing.get(node_id)
