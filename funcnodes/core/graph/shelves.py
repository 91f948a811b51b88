"""Shelves: named sets of node classes, of a package, a module or a file."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import ModuleType
from typing import Any

from funcnodes.core.nodes.node import Node


@dataclass(slots=True)
class Shelf:
    """A named set of node classes, with further shelves inside."""

    nodes: list[type[Node]] = field(default_factory=list)
    subshelves: "list[Shelf]" = field(default_factory=list)
    name: str = ""
    description: str = ""

    @classmethod
    def of(cls, given: "Shelf | Mapping[str, Any]") -> "Shelf":
        """The shelf itself, or one made of the mapping that 0.2.17 had for one.

        Raises:
            TypeError: It is neither.
        """
        if isinstance(given, Shelf):
            return given
        if not isinstance(given, Mapping) or not {"nodes", "subshelves"} & given.keys():
            raise TypeError(f"{type(given).__name__} is not a Shelf")
        inner = [cls.of(shelf) for shelf in given.get("subshelves", ())]
        name, description = given.get("name", ""), given.get("description", "")
        return cls(list(given.get("nodes", ())), inner, str(name), str(description))

    def __getitem__(self, key: str) -> Any:
        """`shelf["nodes"]`, as older programs read it."""
        if key not in {each.name for each in fields(self)}:
            raise KeyError(key)
        return getattr(self, key)

    def walk(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], type[Node]]]:
        """Every class with the names of the shelves above it, this one's included."""
        here = (*path, self.name) if self.name else path
        for nodeclass in self.nodes:
            yield here, nodeclass
        for shelf in self.subshelves:
            yield from shelf.walk(here)

    def check(self) -> None:
        """Raise TypeError where something on it is no node class."""
        for path, found in self.walk():
            if not (isinstance(found, type) and issubclass(found, Node) and found.node_id):
                where = " / ".join(str(name) for name in path)
                raise TypeError(f"{found!r} on the shelf {where!r} is no node class")

    def copy(self) -> "Shelf":
        """One of its own, down to the innermost, with the same classes."""
        inner = [shelf.copy() for shelf in self.subshelves]
        return Shelf(list(self.nodes), inner, self.name, self.description)

    def full_serialize(self) -> dict[str, Any]:
        """Names, classes and shelves inside, ready for JSON."""
        return {
            "name": self.name,
            "description": self.description,
            "nodes": [nodeclass.serialize_cls() for nodeclass in self.nodes],
            "subshelves": [shelf.full_serialize() for shelf in self.subshelves],
        }

    def merge(self, other: "Shelf") -> None:
        """Take over what `other` has more, shelf by shelf."""
        self.nodes += [nodeclass for nodeclass in other.nodes if nodeclass not in self.nodes]
        self.description = self.description or other.description
        for shelf in other.subshelves:
            mine = next((each for each in self.subshelves if each.name == shelf.name), None)
            if mine is None:
                self.subshelves.append(shelf.copy())
            else:
                mine.merge(shelf)

    def take_out(self, unwanted: "Callable[[type[Node]], bool]") -> None:
        """Drop classes here and below, and shelves that are empty then."""
        self.nodes = [nodeclass for nodeclass in self.nodes if not unwanted(nodeclass)]
        for shelf in self.subshelves:
            shelf.take_out(unwanted)
        self.subshelves = [shelf for shelf in self.subshelves if shelf.nodes or shelf.subshelves]


def module_to_shelf(mod: ModuleType, name: str | None = None) -> Shelf:
    """A module's `NODE_SHELF`, or else the node classes that it defines, in their order."""
    ready = getattr(mod, "NODE_SHELF", None)
    if isinstance(ready, Shelf | Mapping):
        ready = Shelf.of(ready)
        return ready if name is None else Shelf(ready.nodes, ready.subshelves, name)
    own = [
        found
        for found in vars(mod).values()
        if isinstance(found, type) and issubclass(found, Node) and found.node_id
        and found.__module__ == mod.__name__
    ]  # fmt: skip
    title = name or mod.__name__.rpartition(".")[2]
    return Shelf(list(dict.fromkeys(own)), name=title, description=inspect.getdoc(mod) or "")


def find_shelf(src: str | Mapping[str, str]) -> Shelf | None:
    """The shelf of a module or of a file, which is imported, and so executed, for it.

    Args:
        src: A module's name, the path of a `.py` file or of a package's folder, or a mapping
            with `module`, or `package`, or `path` (to be searched for `module`).

    Returns:
        None where there is no such module or file.

    Raises:
        Exception: Whatever importing it raises.
    """
    if isinstance(src, str):
        src = {"path" if src.endswith(".py") or "/" in src else "module": src}
    if "path" in src:
        found = _module_at(Path(src["path"]), src.get("module"))
    else:
        found = _module_named(src.get("module") or src.get("package") or "")
    return None if found is None else module_to_shelf(found)


def _module_named(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name) if name else None
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            return None
        raise


def _module_at(path: Path, name: str | None) -> ModuleType | None:
    if path.is_dir() and name is not None:
        inner = path.joinpath(*name.split("."))
        path = inner.with_suffix(".py") if inner.with_suffix(".py").is_file() else inner
    file = path / "__init__.py" if path.is_dir() else path
    if not file.is_file():
        return None
    spec = importlib.util.spec_from_file_location(path.stem, file)
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module
