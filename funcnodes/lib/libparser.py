"""The import path under which users know how modules become shelves."""

from funcnodes.core.graph.shelves import module_to_shelf

__all__ = ["module_to_shelf"]
