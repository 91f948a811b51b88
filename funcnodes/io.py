"""The import path under which users know the ports.

Names that end in `Serialization`, `JSON`, `Options`, `State` or `Status` are for annotations:
what they stand for is a plain object.
"""

from typing import Any

from funcnodes.core.nodes import NodeInput, NodeIO, NodeOutput
from funcnodes.core.nodes.nodemaker import InputMeta, OutputMeta
from funcnodes.core.values import NoValue
from funcnodes.errors import (
    MultipleConnectionsError,
    NodeConnectionError,
    SameNodeConnectionError,
)

NoValueType = type(NoValue)
NodeIOSerialization = NodeInputSerialization = NodeOutputSerialization = dict[str, Any]
NodeIOClassSerialization = FullNodeIOJSON = FullNodeInputJSON = dict[str, Any]
IOOptions = NodeInputOptions = NodeOutputOptions = IORenderOptions = dict[str, Any]
ValueOptions = NumberValueOptions = EnumValueOptions = LiteralValueOptions = dict[str, Any]
IOReadyState = InputReadyState = dict[str, bool]
NodeIOStatus = NodeInputStatus = NodeOutputStatus = dict[str, Any]

__all__ = [
    "EnumValueOptions",
    "FullNodeIOJSON",
    "FullNodeInputJSON",
    "IOOptions",
    "IOReadyState",
    "IORenderOptions",
    "InputMeta",
    "InputReadyState",
    "LiteralValueOptions",
    "MultipleConnectionsError",
    "NoValue",
    "NoValueType",
    "NodeConnectionError",
    "NodeIO",
    "NodeIOClassSerialization",
    "NodeIOSerialization",
    "NodeIOStatus",
    "NodeInput",
    "NodeInputOptions",
    "NodeInputSerialization",
    "NodeInputStatus",
    "NodeOutput",
    "NodeOutputOptions",
    "NodeOutputSerialization",
    "NodeOutputStatus",
    "NumberValueOptions",
    "OutputMeta",
    "SameNodeConnectionError",
    "ValueOptions",
]
