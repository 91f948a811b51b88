"""The import path under which users know the ports."""

from funcnodes.core.nodes import NodeInput, NodeIO, NodeOutput
from funcnodes.core.nodes.nodemaker import InputMeta, OutputMeta
from funcnodes.core.values import NoValue
from funcnodes.errors import (
    MultipleConnectionsError,
    NodeConnectionError,
    SameNodeConnectionError,
)

__all__ = [
    "InputMeta", "MultipleConnectionsError", "NoValue", "NodeConnectionError", "NodeIO",
    "NodeInput", "NodeOutput", "OutputMeta", "SameNodeConnectionError",
]  # fmt: skip
