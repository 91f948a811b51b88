"""The import path under which users know the library itself."""

from funcnodes.core.graph.library import Library
from funcnodes.core.graph.shelves import Shelf
from funcnodes.errors import NodeClassNotFoundError
from funcnodes.lib import FullLibJSON, SerializedShelf

__all__ = ["FullLibJSON", "Library", "NodeClassNotFoundError", "SerializedShelf", "Shelf"]
