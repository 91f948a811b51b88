"""The import path under which users know the nodes."""

from funcnodes.core.graph.library import known_nodeclass as get_nodeclass
from funcnodes.core.nodes import Node
from funcnodes.core.nodes.progress import NodeProgress
from funcnodes.core.running import run_until_complete
from funcnodes.errors import InTriggerError, NodeTriggerError

__all__ = [
    "InTriggerError", "Node", "NodeProgress", "NodeTriggerError", "get_nodeclass",
    "run_until_complete",
]  # fmt: skip
