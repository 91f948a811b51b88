"""funcnodes: a graph of nodes, run by a worker that owns its instruments.

The public names are found here and loaded on first use, so that importing the package, and
asking the command line for help, stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from funcnodes._logging import FUNCNODES_LOGGER, get_logger
    from funcnodes.core import (
        DataEnum,
        Frame,
        InputMeta,
        JSONDecoder,
        JSONEncoder,
        Library,
        Node,
        NodeClassMixin,
        NodeDecorator,
        NodeInput,
        NodeIO,
        NodeOutput,
        NodeSpace,
        NoValue,
        OutputMeta,
        Range,
        RenderOptions,
        Shelf,
        Stream,
        StreamInput,
        SubgraphNode,
        Trigger,
        Unit,
        dissolve,
        find_shelf,
        get_nodeclass,
        instance_nodefunction,
        make_subgraph,
        module_to_shelf,
        node_class_maker,
        run_until_complete,
    )
    from funcnodes.data import add_type
    from funcnodes.errors import (
        FuncnodesError,
        InTriggerError,
        MultipleConnectionsError,
        NodeClassNotFoundError,
        NodeConnectionError,
        NodeTriggerError,
        SameNodeConnectionError,
    )
    from funcnodes.eventmanager import EventEmitterMixin
    from funcnodes.exceptions import IONotFoundError
    from funcnodes.io import (
        IOOptions,
        NodeInputOptions,
        NodeInputSerialization,
        NodeIOSerialization,
        NodeOutputOptions,
        NodeOutputSerialization,
    )
    from funcnodes.lib import FullLibJSON
    from funcnodes.node import NodeJSON
    from funcnodes.nodespace import FullNodeSpaceJSON, NodeSpaceJSON
    from funcnodes.scripting import open_bench
    from funcnodes.utils import get_deep_connected_nodeset

__version__ = "0.3.0"

__all__ = [
    "FUNCNODES_LOGGER",
    "DataEnum",
    "EventEmitterMixin",
    "Frame",
    "FullLibJSON",
    "FullNodeSpaceJSON",
    "FuncnodesError",
    "IONotFoundError",
    "IOOptions",
    "InTriggerError",
    "InputMeta",
    "JSONDecoder",
    "JSONEncoder",
    "Library",
    "MultipleConnectionsError",
    "NoValue",
    "Node",
    "NodeClassMixin",
    "NodeClassNotFoundError",
    "NodeConnectionError",
    "NodeDecorator",
    "NodeIO",
    "NodeIOSerialization",
    "NodeInput",
    "NodeInputOptions",
    "NodeInputSerialization",
    "NodeJSON",
    "NodeOutput",
    "NodeOutputOptions",
    "NodeOutputSerialization",
    "NodeSpace",
    "NodeSpaceJSON",
    "NodeTriggerError",
    "OutputMeta",
    "Range",
    "RenderOptions",
    "SameNodeConnectionError",
    "Shelf",
    "Stream",
    "StreamInput",
    "SubgraphNode",
    "Trigger",
    "Unit",
    "__version__",
    "add_type",
    "dissolve",
    "find_shelf",
    "get_deep_connected_nodeset",
    "get_logger",
    "get_nodeclass",
    "instance_nodefunction",
    "make_subgraph",
    "module_to_shelf",
    "node_class_maker",
    "open_bench",
    "run_until_complete",
]

_DOORS = {
    "basic_nodes", "config", "data", "eventmanager", "exceptions", "graph", "io", "lib", "node",
    "nodemaker", "nodespace", "subgraph", "triggerstack", "utils",
}  # fmt: skip
_AT_DOORS = {  # what is not in core: names of older programs for the most part
    "_logging": ("FUNCNODES_LOGGER", "get_logger"),
    "data": ("add_type",),
    "eventmanager": ("EventEmitterMixin",),
    "exceptions": ("IONotFoundError",),
    "io": (
        "IOOptions", "NodeIOSerialization", "NodeInputOptions", "NodeInputSerialization",
        "NodeOutputOptions", "NodeOutputSerialization",
    ),
    "lib": ("FullLibJSON",),
    "node": ("NodeJSON",),
    "nodespace": ("FullNodeSpaceJSON", "NodeSpaceJSON"),
    "scripting": ("open_bench",),
    "utils": ("get_deep_connected_nodeset",),
}  # fmt: skip
_HOMES = {name: f"funcnodes.{door}" for door, names in _AT_DOORS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _DOORS:
        return import_module(f"funcnodes.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'funcnodes' has no attribute {name!r}")
    home = "funcnodes.errors" if name.endswith("Error") else "funcnodes.core"
    return getattr(import_module(_HOMES.get(name, home)), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_DOORS})
