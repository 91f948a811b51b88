"""The import path under which users know the nodespace.

Names that end in `JSON` are for annotations: what they stand for is a plain object.
"""

from typing import Any

from funcnodes.core.graph.groups import NodeGroup, NodeGroups
from funcnodes.core.graph.nodespace import NodeSpace

NodeSpaceJSON = FullNodeSpaceJSON = dict[str, Any]

__all__ = ["FullNodeSpaceJSON", "NodeGroup", "NodeGroups", "NodeSpace", "NodeSpaceJSON"]
