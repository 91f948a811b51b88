"""The library that a nodespace takes its nodes from.

Packages contribute shelves by the entry-point group `funcnodes.module`, and more by plugins; one
that fails to import is reported, not fatal.
"""

import functools
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, overload, runtime_checkable

from funcnodes.core import foreign
from funcnodes.core.graph import plugins
from funcnodes.core.graph.shelves import Shelf, module_to_shelf
from funcnodes.core.graph.subgraph_files import SUBGRAPH, SUFFIX, subgraph_id
from funcnodes.core.nodes.node import Node, get_nodeclass
from funcnodes.errors import GraphError, NodeClassNotFoundError

_log = logging.getLogger(__name__)


@runtime_checkable
class Shelving(Protocol):
    """The class of subgraphs, which knows how one is made of a file."""

    def shelf_of(self, folder: Path, lib: "Library") -> tuple[Shelf, dict[str, str]]:
        """A node class for each file in `folder`, and why others could not be read."""


class Library:
    """The node classes that may be put into a nodespace."""

    def __init__(self, *shelves: Shelf) -> None:
        self.shelves: list[Shelf] = []
        self.broken: dict[str, str] = {}  # package → why its shelf could not be had
        self._by_id: dict[str, type[Node]] = {}
        for shelf in shelves:
            self.add_shelf(shelf)

    def add_shelf(self, shelf: Shelf | Mapping[str, Any]) -> Shelf:
        """Add a shelf, or what a shelf of the same name does not have yet.

        Returns:
            The library's own shelf: the one given stays as it is.
        """
        shelf = Shelf.of(shelf)
        mine = next((each for each in self.shelves if each.name == shelf.name), None)
        if mine is None:
            mine = shelf.copy()
            self.shelves.append(mine)
        else:
            mine.merge(shelf)
        for _, nodeclass in shelf.walk():
            self._by_id[nodeclass.node_id] = nodeclass
        return mine

    def add_shelf_recursively(self, path: Sequence[str]) -> Shelf:
        """The shelf at `path`, outermost name first; what is missing of it is made."""
        shelf = Shelf(name=path[-1]) if path else Shelf()
        for name in reversed(path[:-1]):
            shelf = Shelf(subshelves=[shelf], name=name)
        self.add_shelf(shelf)
        return self.get_shelf(path or [""])

    def get_shelf(self, path: str | Sequence[str]) -> Shelf:
        """The library's own shelf of that name, or at that path.

        Raises:
            GraphError: There is none.
        """
        names = [path] if isinstance(path, str) else list(path)
        shelves, found = self.shelves, None
        for name in names:
            found = next((shelf for shelf in shelves if shelf.name == name), None)
            shelves = found.subshelves if found is not None else []
        if found is None:
            raise GraphError(f"There is no shelf {' / '.join(names)!r} in this library.")
        return found

    def remove_shelf(self, shelf: Shelf | str | Sequence[str]) -> None:
        """Take a shelf out with all that is on it.

        Raises:
            GraphError: There is none.
        """
        names = [shelf.name] if isinstance(shelf, Shelf) else shelf
        names = [names] if isinstance(names, str) else list(names)
        found = self.get_shelf(names)
        around = self.get_shelf(names[:-1]).subshelves if names[1:] else self.shelves
        around[:] = [each for each in around if each is not found]
        self._look_up_anew()

    def add_node(self, nodeclass: type[Node], *path: str | Sequence[str]) -> None:
        """Add a single class on the shelf `path`, given as names or as one list of names."""
        self.add_nodes([nodeclass], *path)

    def add_nodes(self, nodeclasses: Iterable[type[Node]], *path: str | Sequence[str]) -> None:
        """Add classes on the shelf `path`."""
        names = [name for part in path for name in ([part] if isinstance(part, str) else part)]
        shelf = Shelf(list(nodeclasses), name=names[-1] if names else "")
        for name in reversed(names[:-1]):
            shelf = Shelf(subshelves=[shelf], name=name)
        self.add_shelf(shelf)

    def remove_nodeclass(self, nodeclass: type[Node]) -> None:
        """Take a class off every shelf."""
        self.remove_nodeclasses([nodeclass])

    def remove_nodeclasses(self, nodeclasses: Iterable[type[Node]]) -> None:
        """Take classes off every shelf; shelves that are empty then go too."""
        gone = set(nodeclasses)
        for shelf in self.shelves:
            shelf.take_out(gone.__contains__)
        self.shelves = [shelf for shelf in self.shelves if shelf.nodes or shelf.subshelves]
        self._look_up_anew()

    def _look_up_anew(self) -> None:
        self._by_id = {nodeclass.node_id: nodeclass for _, nodeclass in self.walk()}

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

    def find_nodeid(self, node_id: str, all: bool = True) -> list[list[str]]:
        """The paths of the shelves that have a class of that id; only the first if not `all`."""
        found = [
            list(path)
            for shelf in self.shelves
            for path, nodeclass in shelf.walk()
            if nodeclass.node_id == node_id
        ]
        return found if all else found[:1]

    @overload
    def find_nodeclass(self, node: str) -> type[Node]: ...

    @overload
    def find_nodeclass(self, node: type[Node], all: bool = True) -> list[list[str]]: ...

    def find_nodeclass(
        self, node: str | type[Node], all: bool = True
    ) -> type[Node] | list[list[str]]:
        """The class of an id, as `get_node_by_id`; or of a class its paths, as `find_nodeid`."""
        if isinstance(node, str):
            return self.get_node_by_id(node)
        return self.find_nodeid(node.node_id, all)

    def full_serialize(self) -> dict[str, Any]:
        """Shelves and classes, ready for JSON."""
        return {"shelves": [shelf.full_serialize() for shelf in self.shelves]}

    def get_node_by_id(self, node_id: str) -> type[Node]:
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

    def load_subgraphs(self, folder: Path) -> None:
        """Offer the subgraphs saved in `folder` on a shelf, instead of those of an earlier time.

        A file that cannot be read is reported in `broken` under its name.
        """
        maker: object = get_nodeclass(SUBGRAPH)
        assert isinstance(maker, Shelving), "subgraphs come with every nodespace"
        shelf, broken = maker.shelf_of(folder, self)
        if any(each.name == shelf.name for each in self.shelves):
            self.remove_shelf(shelf)
        for name in [name for name in self.broken if name.endswith(SUFFIX)]:
            del self.broken[name]
        self.broken.update(broken)
        self.add_shelf(shelf)

    def find_subgraph(self, file: str) -> Mapping[str, Any] | None:
        """What the file of that name says, if it is offered here."""
        nodeclass = self._by_id.get(subgraph_id(file))
        found: Mapping[str, Any] | None = getattr(nodeclass, "definition", None)
        return found

    @classmethod
    def installed(cls) -> "Library":
        """Everything that installed packages contribute."""
        library = cls()
        found = plugins.installed()
        library.broken.update(found.broken)
        for shelf in found.shelves:
            library.add_shelf(shelf)
        for entry in entry_points(group="funcnodes.module"):
            if entry.name in _NOT_SHELVES:
                continue
            try:
                library.add_shelf(_shelf(entry.load()))
            except BaseException as error:  # somebody else's package: anything can happen
                library.broken[_whose(entry)] = foreign.words(error)
                _log.exception("The shelf %r of %s cannot be loaded", entry.name, entry.value)
        return library


def known_nodeclass(node_id: str) -> type[Node] | None:
    """The node class of that id, imported already or of an installed package, if any."""
    found = get_nodeclass(node_id)
    if found is None:
        _load_installed()
        found = get_nodeclass(node_id)
    return found


@functools.cache
def _load_installed() -> None:
    Library.installed()


def _whose(entry: EntryPoint) -> str:
    """A name that tells the packages apart whose entry points are all called the same."""
    is_usual = entry.name in ("module", "shelf") and entry.dist is not None
    return str(entry.dist.name) if is_usual and entry.dist else entry.name


# What packages for 2.x name under `funcnodes.module` besides their shelf and their module.
_NOT_SHELVES = {"render_options", "react_plugin", "external_worker", "plugin_setup"}


def _shelf(loaded: Any) -> Shelf:
    """Of an entry point, which leads to a shelf or to the module that has it."""
    shelf = module_to_shelf(loaded) if isinstance(loaded, ModuleType) else Shelf.of(loaded)
    shelf.check()
    return shelf
