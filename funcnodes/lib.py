"""The import path under which users know shelves and libraries."""

from funcnodes.core.graph.library import Library
from funcnodes.core.graph.shelves import Shelf, find_shelf, module_to_shelf
from funcnodes.errors import NodeClassNotFoundError

__all__ = ["Library", "NodeClassNotFoundError", "Shelf", "find_shelf", "module_to_shelf"]
