"""The import path under which users know how shelves are found."""

from funcnodes.core.graph.shelves import find_shelf, module_to_shelf

__all__ = ["find_shelf", "module_to_shelf"]
