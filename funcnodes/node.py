"""The import path under which users know the nodes.

Names that end in `JSON`, `Dict`, `State` or `Status`, and `SerializedNodeClass`, are for
annotations: what they stand for is a plain object.
"""

from typing import Any

from funcnodes.core.graph.library import known_nodeclass as get_nodeclass
from funcnodes.core.graph.placeholder import PlaceholderNode as PlaceHolderNode
from funcnodes.core.nodes import Node
from funcnodes.core.nodes.progress import NodeProgress
from funcnodes.core.render import RenderOptions
from funcnodes.core.running import run_until_complete
from funcnodes.errors import InTriggerError, NodeTriggerError

BaseNodeJSON = NodeJSON = FullNodeJSON = NodeClassDict = SerializedNodeClass = dict[str, Any]
NodeReadyState = NodeStatus = dict[str, Any]

__all__ = [
    "BaseNodeJSON", "FullNodeJSON", "InTriggerError", "Node", "NodeClassDict", "NodeJSON",
    "NodeProgress", "NodeReadyState", "NodeStatus", "NodeTriggerError", "PlaceHolderNode",
    "RenderOptions", "SerializedNodeClass", "get_nodeclass", "run_until_complete",
]  # fmt: skip
