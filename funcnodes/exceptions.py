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

IONotFoundError = PortNotFoundError  # as 2.x calls it
NodeIdAlreadyExistsError = GraphError  # a taken id is one of the ways a graph cannot be

__all__ = [
    "AwaitCycleError", "ExecutionError", "FuncnodesError", "GraphError", "IONotFoundError",
    "InTriggerError",
    "MultipleConnectionsError", "NodeCancelled", "NodeClassNotFoundError", "NodeConnectionError",
    "NodeIdAlreadyExistsError",
    "NodeTimeout", "NodeTriggerError", "PortMismatchError", "PortNotFoundError",
    "SameNodeConnectionError", "SavedGraphError", "UnitError", "ValueRefusedError",
]  # fmt: skip
