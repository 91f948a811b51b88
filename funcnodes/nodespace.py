"""The import path under which users know the nodespace."""

from funcnodes.core.graph.groups import NodeGroup, NodeGroups
from funcnodes.core.graph.nodespace import NodeSpace

__all__ = ["NodeGroup", "NodeGroups", "NodeSpace"]
