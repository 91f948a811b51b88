"""The import path under which users know the nodes."""

from funcnodes.core.library import known_nodeclass as get_nodeclass
from funcnodes.core.node import Node, run_until_complete
from funcnodes.core.progress import NodeProgress
from funcnodes.errors import InTriggerError, NodeTriggerError

__all__ = [
    "InTriggerError", "Node", "NodeProgress", "NodeTriggerError", "get_nodeclass",
    "run_until_complete",
]  # fmt: skip
