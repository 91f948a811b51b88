"""Nodes, ports, types and units, waves, the engine, nodespaces, libraries, codec and clock."""

from funcnodes.core.codec import JSONDecoder, JSONEncoder
from funcnodes.core.engine import Engine
from funcnodes.core.frames import Frame, Pacer
from funcnodes.core.library import Library, Shelf
from funcnodes.core.node import Node, get_nodeclass, run_until_complete
from funcnodes.core.nodemaker import NodeDecorator, node_class_maker
from funcnodes.core.nodespace import Changes, NodeSpace
from funcnodes.core.places import Place
from funcnodes.core.ports import NodeInput, NodeOutput, Port
from funcnodes.core.progress import NodeProgress
from funcnodes.core.saved import PlaceholderNode
from funcnodes.core.services import Services
from funcnodes.core.subgraph import SubgraphNode, dissolve, make_subgraph
from funcnodes.core.types import DeviceRef, PortType, Range, Rows, Trigger, Unit
from funcnodes.core.values import NoValue, Quality
from funcnodes.core.waves import Outcome, Wave

__all__ = [
    "Changes", "DeviceRef", "Engine", "Frame", "JSONDecoder", "JSONEncoder", "Library", "NoValue",
    "Node", "NodeDecorator", "NodeInput", "NodeOutput", "NodeProgress", "NodeSpace", "Outcome",
    "Pacer", "Place", "PlaceholderNode", "Port", "PortType", "Quality", "Range", "Rows", "Services",
    "Shelf", "SubgraphNode", "Trigger", "Unit", "Wave", "dissolve", "get_nodeclass",
    "make_subgraph", "node_class_maker", "run_until_complete",
]  # fmt: skip
