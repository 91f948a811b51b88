"""The import path under which users know shelves and libraries."""

from typing import Any

from funcnodes.core.graph.library import Library
from funcnodes.core.graph.shelves import Shelf, find_shelf, module_to_shelf
from funcnodes.errors import NodeClassNotFoundError

FullLibJSON = SerializedShelf = ShelfDict = dict[str, Any]  # for annotations: plain objects

__all__ = [
    "FullLibJSON", "Library", "NodeClassNotFoundError", "SerializedShelf", "Shelf", "ShelfDict",
    "find_shelf", "module_to_shelf",
]  # fmt: skip
