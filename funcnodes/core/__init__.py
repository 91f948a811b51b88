"""Nodes, ports, types and units, waves, the engine, nodespaces, libraries, codec and clock."""

from funcnodes.core.codec import JSONDecoder, JSONEncoder
from funcnodes.core.dataenum import DataEnum
from funcnodes.core.graph.groups import NodeGroup, NodeGroups
from funcnodes.core.graph.library import Library, Shelf, find_shelf, module_to_shelf
from funcnodes.core.graph.nodespace import Changes, NodeSpace
from funcnodes.core.graph.places import Place
from funcnodes.core.graph.saved import PlaceholderNode
from funcnodes.core.nodes.frames import Frame, Pacer
from funcnodes.core.nodes.mixin import NodeClassMixin, instance_nodefunction
from funcnodes.core.nodes.node import Node, get_nodeclass, run_until_complete
from funcnodes.core.nodes.nodemaker import InputMeta, NodeDecorator, OutputMeta, node_class_maker
from funcnodes.core.nodes.ports import NodeInput, NodeIO, NodeOutput, Port
from funcnodes.core.nodes.progress import NodeProgress
from funcnodes.core.nodes.streams import Stream, StreamInput
from funcnodes.core.render import RenderOptions
from funcnodes.core.running.engine import Engine
from funcnodes.core.running.waves import Outcome, Wave
from funcnodes.core.services import Services
from funcnodes.core.subgraphs.regroup import dissolve, make_subgraph
from funcnodes.core.subgraphs.subgraph import SubgraphNode
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
