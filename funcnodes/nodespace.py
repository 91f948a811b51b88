"""The import path under which users know the nodespace."""

from funcnodes.core.groups import NodeGroup, NodeGroups
from funcnodes.core.nodespace import NodeSpace

__all__ = ["NodeGroup", "NodeGroups", "NodeSpace"]
