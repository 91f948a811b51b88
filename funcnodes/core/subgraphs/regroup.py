"""Making subgraphs of parts of a graph, and dissolving them: nothing runs because of it."""

from collections.abc import Iterable, Mapping
from typing import Any

from funcnodes.core.graph.nodespace import NodeSpace
from funcnodes.core.nodes.inputs import NodeInput
from funcnodes.core.nodes.node import Node
from funcnodes.core.nodes.outputs import NodeOutput
from funcnodes.core.nodes.port import Port
from funcnodes.core.position import POSITION, position
from funcnodes.core.subgraphs.passages import Passage
from funcnodes.core.subgraphs.reconnection import kept, lay, lift
from funcnodes.core.subgraphs.subgraph import SubgraphNode
from funcnodes.core.types import PortType, conversion
from funcnodes.errors import GraphError, PortMismatchError


def make_subgraph(
    space: NodeSpace, nodes: Iterable[Node], *, name: str = "Subgraph", uuid: str | None = None
) -> SubgraphNode:
    """Put nodes of `space` into a subgraph in their place; nothing runs because of it.

    A frame goes with what it holds. Every output outside that feeds them becomes an input of the
    subgraph, and every output of theirs that feeds others becomes one of its outputs.

    Args:
        uuid: Id of the subgraph, where it is to have a certain one.

    Raises:
        GraphError: One is not in `space`, or they are held in different places.
        RefusedError: A run is on.
    """
    space.check_unlocked()
    chosen = _with_members(space, nodes)
    place = _common_place(chosen)
    into = {
        (out, inp): kept(inp)
        for node in chosen for inp in node.inputs.values() for out in inp.sources
        if out.node not in chosen
    }  # fmt: skip
    back = {
        (out, inp): kept(inp)
        for node in chosen for out in node.outputs.values() for inp in out.targets
        if inp.node not in chosen
    }  # fmt: skip
    leading_out = ((i, t) for node in chosen for i in node.inputs.values() for t in i.targets)
    _refuse_forwards([*into, *(edge for edge in leading_out if edge[1].node not in chosen)])
    subgraph = SubgraphNode(uuid=uuid, name=name)
    _put_amid(subgraph, chosen)
    space.add_node_instance(subgraph)
    for node in chosen:
        if node.frame is not None and node.frame not in chosen:
            space.put_in(node, None)
    _move(chosen, space, subgraph.inner)
    for out in dict.fromkeys(out for out, _ in into):
        for inner in _alike([inp for source, inp in into if source is out]):
            lay(out, subgraph.input_for(inner))
    for out in dict.fromkeys(out for out, _ in back):
        outer = subgraph.output_for(out)
        for inp in [inp for source, inp in back if source is out]:
            lay(outer, inp)
    for out, inp in (*into, *back):  # last, so that ports around do not change their types
        lift(out, inp)
    for restore in (*into.values(), *back.values()):
        restore()
    if place is not None:
        space.put_in(subgraph, place)
    return subgraph


def dissolve(
    space: NodeSpace, subgraph: SubgraphNode, *, new_ids: dict[str, str] | None = None
) -> list[Node]:
    """Put what is inside in the place of the subgraph; nothing runs because of it.

    Args:
        new_ids: Which ids to give to nodes whose own are taken outside; others that are needed
            are made up and noted in it.

    Returns:
        The nodes that were inside; one whose id is taken outside gets a new one.

    Raises:
        GraphError: Its own ▶ is connected, which would have nobody to lead to.
        RefusedError: A run is on.
    """
    space.check_unlocked()
    if subgraph._trigger_in.sources or subgraph._trigger_out.is_connected():
        raise GraphError(f"{subgraph.name}: take the wires at its ▶ away first.")
    edges = [
        (source, inp, kept(inp))
        for port in subgraph.outer_inputs() for inp in port.inner for source in port.sources
    ] + [
        (source, inp, kept(inp))
        for outer in subgraph.outer_outputs() for source in outer.passage.value.sources
        for inp in outer.targets
    ]  # fmt: skip
    values = [kept(inp) for port in subgraph.outer_inputs() for inp in port.inner]
    for source, inp, _ in edges:  # first, so that ports around do not change their types
        lay(source, inp)
    for out in subgraph.outer_outputs():
        for inp in list(out.targets):
            lift(out, inp)
    inside = [node for node in subgraph.inner.nodes if not isinstance(node, Passage)]
    for passage in [node for node in subgraph.inner.nodes if isinstance(node, Passage)]:
        subgraph.inner.remove_node_instance(passage)
    _rename_taken(inside, subgraph.inner, space, {} if new_ids is None else new_ids)
    _move(inside, subgraph.inner, space)
    for restore in (*values, *(restore for _, _, restore in edges)):
        restore()
    for node in inside:
        if node.place is None and subgraph.frame is not None and subgraph.place is not None:
            space.put_in(node, subgraph.place)
    space.remove_node_instance(subgraph)
    return inside


def _with_members(space: NodeSpace, nodes: Iterable[Node]) -> dict[Node, None]:
    chosen: dict[Node, None] = {}
    stack = list(nodes)[::-1]
    while stack:
        node = stack.pop()
        if node.nodespace is not space:
            raise GraphError(f"{node.name} is not in this nodespace.", node=node.uuid)
        if node not in chosen:
            chosen[node] = None
            stack.extend(space.places.members(node))
    if not chosen:
        raise GraphError("No node was chosen to make a subgraph of.")
    return chosen


def _common_place(chosen: Mapping[Node, None]) -> Any:
    """Where all of them are held that no chosen frame holds."""
    tops = (node for node in chosen if node.frame not in chosen)
    places = {node.place if node.frame is not None else None for node in tops}
    if len(places) > 1:
        raise GraphError("Nodes of one subgraph must be held by the same frame and section.")
    return places.pop() if places else None


def _alike(inputs: list[NodeInput]) -> list[list[NodeInput]]:
    """Inputs that one port can stand for, together; ▶ goes with the first."""
    groups: list[list[NodeInput]] = []
    for inp in sorted(inputs, key=lambda each: each.type.kind == "trigger"):
        fitting = (group for group in groups if _fits(group[0].type, inp.type))
        group = next(fitting, None)
        if group is None:
            groups.append([inp])
        else:
            group.append(inp)
    return groups


def _fits(source: PortType, target: PortType) -> bool:
    if target.kind == "text" and source.kind in ("number", "quantity", "bool"):
        return False  # a number can be written as text, but what comes need not be one
    try:
        conversion(source, target)
    except PortMismatchError:
        return False
    return True


def _refuse_forwards(edges: Iterable[tuple[Port, NodeInput]]) -> None:
    for source, inp in edges:
        if not isinstance(source, NodeOutput):
            raise GraphError(
                f"{source.node.name}.{source.id} is forwarded to {inp.node.name}.{inp.id}: "
                "choose both, or end the forwarding first."
            )


def _put_amid(subgraph: SubgraphNode, nodes: Iterable[Node]) -> None:
    """Draw it in the middle of where they were drawn."""
    points = [at for node in nodes if (at := position(node.properties)) is not None]
    if points:
        middle = [sum(axis) / len(points) for axis in zip(*points, strict=True)]
        subgraph.properties[POSITION] = middle


def _rename_taken(
    nodes: Iterable[Node], inner: NodeSpace, space: NodeSpace, new_ids: dict[str, str]
) -> None:
    """Give nodes whose ids are taken in `space` new ones, and tell what they hold."""
    for node in nodes:
        if not space.has_node(node.uuid):
            continue
        members = inner.places.members(node)
        inner.rename(node, new_ids.setdefault(node.uuid, Node().uuid))
        for member in members:
            assert member.place is not None
            inner.put_in(member, type(member.place)(node.uuid, member.place.section))


def _move(nodes: Iterable[Node], source: NodeSpace, target: NodeSpace) -> None:
    """Nodes change the nodespace; their edges and what they are doing go on."""
    moving = list(nodes)
    for node in moving:
        source._part_with(node)
        target._adopt(node)
    for node in moving:
        source.emit("node_removed", node=node)
        target.emit("node_added", node=node)
