"""Nodes, ports, types and units, waves, the engine, nodespaces, libraries, codec and clock."""

from funcnodes.core.codec import JSONDecoder, JSONEncoder
from funcnodes.core.dataenum import DataEnum
from funcnodes.core.graph import (
    Changes,
    Library,
    NodeGroup,
    NodeGroups,
    NodeSpace,
    PlaceholderNode,
    Shelf,
    find_shelf,
    module_to_shelf,
)
from funcnodes.core.graph.library import known_nodeclass as get_nodeclass
from funcnodes.core.nodes import (
    Frame,
    InputMeta,
    Node,
    NodeClassMixin,
    NodeDecorator,
    NodeInput,
    NodeIO,
    NodeOutput,
    NodeProgress,
    OutputMeta,
    Pacer,
    Place,
    Port,
    Stream,
    StreamInput,
    instance_nodefunction,
    node_class_maker,
)
from funcnodes.core.render import RenderOptions
from funcnodes.core.running import Engine, Outcome, Wave, run_until_complete
from funcnodes.core.services import Services
from funcnodes.core.subgraphs import SubgraphNode, dissolve, make_subgraph
from funcnodes.core.types import DeviceRef, PortType, Range, Rows, Trigger, Unit
from funcnodes.core.values import NoValue, Quality

__all__ = [
    "Changes",
    "DataEnum",
    "DeviceRef",
    "Engine",
    "Frame",
    "InputMeta",
    "JSONDecoder",
    "JSONEncoder",
    "Library",
    "NoValue",
    "Node",
    "NodeClassMixin",
    "NodeDecorator",
    "NodeGroup",
    "NodeGroups",
    "NodeIO",
    "NodeInput",
    "NodeOutput",
    "NodeProgress",
    "NodeSpace",
    "Outcome",
    "OutputMeta",
    "Pacer",
    "Place",
    "PlaceholderNode",
    "Port",
    "PortType",
    "Quality",
    "Range",
    "RenderOptions",
    "Rows",
    "Services",
    "Shelf",
    "Stream",
    "StreamInput",
    "SubgraphNode",
    "Trigger",
    "Unit",
    "Wave",
    "dissolve",
    "find_shelf",
    "get_nodeclass",
    "instance_nodefunction",
    "make_subgraph",
    "module_to_shelf",
    "node_class_maker",
    "run_until_complete",
]  # fmt: skip
