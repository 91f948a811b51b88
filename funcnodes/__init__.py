"""funcnodes: a graph of nodes, run by a worker that owns its instruments.

The public names are found here and loaded on first use, so that importing the package, and
asking the command line for help, stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from funcnodes.errors import (
        FuncnodesError,
        InTriggerError,
        MultipleConnectionsError,
        NodeClassNotFoundError,
        NodeConnectionError,
        NodeTriggerError,
        SameNodeConnectionError,
    )
    from funcnodes.scripting import open_bench

__version__ = "0.3.0"

__all__ = [
    "DataEnum",
    "Frame",
    "FuncnodesError",
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
    "NodeInput",
    "NodeOutput",
    "NodeSpace",
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
    "dissolve",
    "find_shelf",
    "get_nodeclass",
    "instance_nodefunction",
    "make_subgraph",
    "module_to_shelf",
    "node_class_maker",
    "open_bench",
    "run_until_complete",
]

_HOMES = {"open_bench": "funcnodes.scripting"}
_DOORS = {
    "basic_nodes", "config", "eventmanager", "exceptions", "graph", "io", "lib", "node",
    "nodemaker", "nodespace", "subgraph", "triggerstack",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _DOORS:
        return import_module(f"funcnodes.{name}")
    if name not in __all__:
        raise AttributeError(f"module 'funcnodes' has no attribute {name!r}")
    home = "funcnodes.errors" if name.endswith("Error") else _HOMES.get(name, "funcnodes.core")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_DOORS})
