"""Nodes and their ports, and the ways of making them."""

from funcnodes.core.nodes.frames import Frame, Pacer
from funcnodes.core.nodes.inputs import NodeInput
from funcnodes.core.nodes.mixin import NodeClassMixin, instance_nodefunction
from funcnodes.core.nodes.node import Node, State, get_nodeclass
from funcnodes.core.nodes.nodemaker import InputMeta, NodeDecorator, OutputMeta, node_class_maker
from funcnodes.core.nodes.outputs import NodeOutput
from funcnodes.core.nodes.place import Place, Section
from funcnodes.core.nodes.port import TRIGGER_IN, TRIGGER_OUT, NodeIO, Port
from funcnodes.core.nodes.progress import NodeProgress
from funcnodes.core.nodes.streams import Stream, StreamInput

__all__ = [
    "TRIGGER_IN", "TRIGGER_OUT", "Frame", "InputMeta", "Node", "NodeClassMixin", "NodeDecorator",
    "NodeIO", "NodeInput", "NodeOutput", "NodeProgress", "OutputMeta", "Pacer", "Place", "Port",
    "Section", "State", "Stream", "StreamInput", "get_nodeclass", "instance_nodefunction",
    "node_class_maker",
]  # fmt: skip
