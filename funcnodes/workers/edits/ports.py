"""Ports by the ids in an edit; of a placeholder, which keeps whatever was wired to it, too."""

from funcnodes.core import NodeInput, NodeOutput, NodeSpace, PlaceholderNode


def input_at(space: NodeSpace, uuid: str, port_id: str) -> NodeInput:
    node = space.get_node_by_id(uuid)
    if isinstance(node, PlaceholderNode):
        return node.input_for(port_id)
    return node.get_input(port_id)


def output_at(space: NodeSpace, uuid: str, port_id: str) -> NodeOutput:
    node = space.get_node_by_id(uuid)
    if isinstance(node, PlaceholderNode):
        return node.output_for(port_id)
    return node.get_output(port_id)


def source_at(space: NodeSpace, uuid: str, port_id: str) -> NodeOutput | NodeInput:
    """Where a wire begins: at an output, or at an input that is forwarded."""
    node = space.get_node_by_id(uuid)
    is_forwarded = port_id in node.inputs and port_id not in node.outputs
    return node.inputs[port_id] if is_forwarded else output_at(space, uuid, port_id)
