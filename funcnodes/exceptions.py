"""The import path under which users know the errors."""

from funcnodes.errors import (
    AwaitCycleError,
    ExecutionError,
    FuncnodesError,
    GraphError,
    InTriggerError,
    MultipleConnectionsError,
    NodeCancelled,
    NodeClassNotFoundError,
    NodeConnectionError,
    NodeTimeout,
    NodeTriggerError,
    PortMismatchError,
    PortNotFoundError,
    SameNodeConnectionError,
    SavedGraphError,
    UnitError,
    ValueRefusedError,
)

__all__ = [
    "AwaitCycleError", "ExecutionError", "FuncnodesError", "GraphError", "InTriggerError",
    "MultipleConnectionsError", "NodeCancelled", "NodeClassNotFoundError", "NodeConnectionError",
    "NodeTimeout", "NodeTriggerError", "PortMismatchError", "PortNotFoundError",
    "SameNodeConnectionError", "SavedGraphError", "UnitError", "ValueRefusedError",
]  # fmt: skip
