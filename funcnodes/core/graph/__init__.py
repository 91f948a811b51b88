"""Nodespaces: nodes and edges that belong together, where they come from, and their saved form."""

from funcnodes.core.graph.groups import NodeGroup, NodeGroups
from funcnodes.core.graph.library import Library
from funcnodes.core.graph.nodespace import Changes, NodeSpace
from funcnodes.core.graph.placeholder import PlaceholderNode
from funcnodes.core.graph.shelves import Shelf, find_shelf, module_to_shelf

__all__ = [
    "Changes", "Library", "NodeGroup", "NodeGroups", "NodeSpace", "PlaceholderNode", "Shelf",
    "find_shelf", "module_to_shelf",
]  # fmt: skip
