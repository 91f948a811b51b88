"""Shelves of node classes, and the library that a nodespace takes its nodes from.

Packages contribute shelves by the entry-point group `funcnodes.module`; one that fails to import
is reported, not fatal.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

from funcnodes.core.node import Node, get_nodeclass
from funcnodes.errors import NodeClassNotFoundError

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Shelf:
    """A named set of node classes, with further shelves inside."""

    nodes: list[type[Node]] = field(default_factory=list)
    subshelves: "list[Shelf]" = field(default_factory=list)
    name: str = ""
    description: str = ""

    def walk(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], type[Node]]]:
        """Every class with the names of the shelves above it, this one's included."""
        here = (*path, self.name) if self.name else path
        for nodeclass in self.nodes:
            yield here, nodeclass
        for shelf in self.subshelves:
            yield from shelf.walk(here)


class Library:
    """The node classes that may be put into a nodespace."""

    def __init__(self, *shelves: Shelf) -> None:
        self.shelves: list[Shelf] = []
        self.broken: dict[str, str] = {}  # package → why its shelf could not be had
        self._by_id: dict[str, type[Node]] = {}
        for shelf in shelves:
            self.add_shelf(shelf)

    def add_shelf(self, shelf: Shelf) -> None:
        """Add a shelf, or what a shelf of the same name does not have yet."""
        self.shelves.append(shelf)
        for _, nodeclass in shelf.walk():
            self._by_id[nodeclass.node_id] = nodeclass

    def add_node(self, nodeclass: type[Node], *path: str) -> None:
        """Add a single class on the shelf `path`."""
        shelf = Shelf([nodeclass], name=path[-1] if path else "")
        for name in reversed(path[:-1]):
            shelf = Shelf(subshelves=[shelf], name=name)
        self.add_shelf(shelf)

    def walk(self) -> Iterator[tuple[tuple[str, ...], type[Node]]]:
        """Every class once, with the names of the shelves above it."""
        seen: set[str] = set()
        for shelf in self.shelves:
            for path, nodeclass in shelf.walk():
                if nodeclass.node_id not in seen:
                    seen.add(nodeclass.node_id)
                    yield path, nodeclass

    def has_node_id(self, node_id: str) -> bool:
        return node_id in self._by_id

    def find_nodeclass(self, node_id: str) -> type[Node]:
        """The class of that id, from its shelves or else imported in this process.

        Raises:
            NodeClassNotFoundError: There is none.
        """
        found = self._by_id.get(node_id) or get_nodeclass(node_id)
        if found is None:
            raise NodeClassNotFoundError(
                f"There is no node of type {node_id!r} here.",
                hint="Install the package that provides it.",
                node_id=node_id,
            )
        return found

    @classmethod
    def installed(cls) -> "Library":
        """Everything that installed packages contribute."""
        library = cls()
        for entry in entry_points(group="funcnodes.module"):
            try:
                library.add_shelf(_shelf(entry.load()))
            except Exception as error:  # somebody else's package: anything can happen
                library.broken[entry.name] = f"{type(error).__name__}: {error}"
                _log.exception("The shelf %r of %s cannot be loaded", entry.name, entry.value)
        return library


def _shelf(loaded: Any) -> Shelf:
    if not isinstance(loaded, Shelf):
        raise TypeError(f"{type(loaded).__name__} is not a Shelf")
    return loaded
