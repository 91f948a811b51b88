"""Nodes, ports, types and units, waves, the engine, nodespaces, libraries, codec and clock."""

from funcnodes.core.codec import JSONDecoder, JSONEncoder
from funcnodes.core.dataenum import DataEnum
from funcnodes.core.engine import Engine
from funcnodes.core.frames import Frame, Pacer
from funcnodes.core.groups import NodeGroup, NodeGroups
from funcnodes.core.library import (
    Library,
    Shelf,
    find_shelf,
    known_nodeclass as get_nodeclass,
    module_to_shelf,
)
from funcnodes.core.mixin import NodeClassMixin, instance_nodefunction
from funcnodes.core.node import Node, run_until_complete
from funcnodes.core.nodemaker import InputMeta, NodeDecorator, OutputMeta, node_class_maker
from funcnodes.core.nodespace import Changes, NodeSpace
from funcnodes.core.places import Place
from funcnodes.core.ports import NodeInput, NodeIO, NodeOutput, Port
from funcnodes.core.progress import NodeProgress
from funcnodes.core.regroup import dissolve, make_subgraph
from funcnodes.core.render import RenderOptions
from funcnodes.core.saved import PlaceholderNode
from funcnodes.core.services import Services
from funcnodes.core.streams import Stream, StreamInput
from funcnodes.core.subgraph import SubgraphNode
from funcnodes.core.types import DeviceRef, PortType, Range, Rows, Trigger, Unit
from funcnodes.core.values import NoValue, Quality
from funcnodes.core.waves import Outcome, Wave

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
