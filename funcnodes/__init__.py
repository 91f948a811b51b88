"""funcnodes: a graph of nodes, run by a worker that owns its instruments.

The public names are found here and loaded on first use, so that importing the package, and
asking the command line for help, stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from funcnodes.core import (
        JSONDecoder,
        JSONEncoder,
        Library,
        Node,
        NodeDecorator,
        NodeInput,
        NodeOutput,
        NodeSpace,
        NoValue,
        Range,
        Shelf,
        Trigger,
        Unit,
        get_nodeclass,
        run_until_complete,
    )
    from funcnodes.errors import (
        FuncnodesError,
        MultipleConnectionsError,
        NodeClassNotFoundError,
        NodeConnectionError,
        NodeTriggerError,
        SameNodeConnectionError,
    )

__version__ = "0.3.0"

__all__ = [
    "FuncnodesError",
    "JSONDecoder",
    "JSONEncoder",
    "Library",
    "MultipleConnectionsError",
    "NoValue",
    "Node",
    "NodeClassNotFoundError",
    "NodeConnectionError",
    "NodeDecorator",
    "NodeInput",
    "NodeOutput",
    "NodeSpace",
    "NodeTriggerError",
    "Range",
    "SameNodeConnectionError",
    "Shelf",
    "Trigger",
    "Unit",
    "__version__",
    "get_nodeclass",
    "run_until_complete",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'funcnodes' has no attribute {name!r}")
    home = "funcnodes.errors" if name.endswith("Error") else "funcnodes.core"
    return getattr(import_module(home), name)
