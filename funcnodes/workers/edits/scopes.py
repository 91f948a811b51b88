"""Names of nodes across subgraphs, as browsers and edits use them.

A *scope* is the name (see `core.naming`) of the subgraph node that one looks into, "" for the
nodespace itself.
"""

from collections.abc import Iterable, Iterator

from funcnodes.core import Node, NodeOutput, NodeSpace, SubgraphNode
from funcnodes.core.graph import nodespace
from funcnodes.core.naming import joined, name_of, split
from funcnodes.core.subgraphs.inner import InnerSpace
from funcnodes.errors import GraphError, RefusedError

Edge = nodespace.Edge
"""Source node, output, target node, input."""


def space_at(root: NodeSpace, scope: str) -> NodeSpace:
    """What is inside a scope.

    Raises:
        GraphError: There is no such node, or it is no subgraph.
    """
    if not scope:
        return root
    node = node_at(root, scope)
    if not isinstance(node, SubgraphNode):
        raise GraphError(f"{node.name} is no subgraph: there is nothing inside.", node=node.uuid)
    return node.inner


def node_at(root: NodeSpace, name: str) -> Node:
    """The node of that name; raises GraphError where there is none."""
    scope, uuid = split(name)
    return space_at(root, scope).get_node_by_id(uuid)


def has(root: NodeSpace, name: str) -> bool:
    """Whether there is a node of that name."""
    try:
        node_at(root, name)
    except GraphError:
        return False
    return True


def around(scope: str) -> Iterator[str]:
    """A scope and those around it, the innermost first, without the nodespace itself."""
    while scope:
        yield scope
        scope = split(scope)[0]


def one(names: Iterable[str]) -> tuple[str, list[str]]:
    """The scope that all names lie in, and their ids; "" for none.

    Raises:
        RefusedError: They lie in different subgraphs.
    """
    found = [split(name) for name in names]
    scopes = {scope for scope, _ in found}
    if len(scopes) > 1:
        raise RefusedError("These nodes are not in the same subgraph.")
    return scopes.pop() if scopes else "", [uuid for _, uuid in found]


def is_inside(node: Node, root: NodeSpace) -> bool:
    """Whether the node is in the nodespace, or in a subgraph anywhere in it."""
    space = node.nodespace
    while isinstance(space, InnerSpace):
        space = space.outer
    return space is root


def spaces(root: NodeSpace, scope: str = "") -> Iterator[tuple[str, NodeSpace]]:
    """The nodespace and what is inside each of its subgraphs, with the scope of each."""
    yield scope, root
    for node in root.nodes:
        if isinstance(node, SubgraphNode):
            yield from spaces(node.inner, joined(scope, node.uuid))


def nodes(root: NodeSpace) -> dict[str, Node]:
    """Every node by its name, subgraphs before what is inside them."""
    return {joined(scope, node.uuid): node for scope, space in spaces(root) for node in space.nodes}


def edges(root: NodeSpace) -> list[Edge]:
    """Every wire from an output, with the names of its ends; forwarded inputs have none."""
    return [
        (joined(scope, node.uuid), out.id, joined(scope, inp.node.uuid), inp.id)
        for scope, space in spaces(root)
        for node in space.nodes
        for out in node.outputs.values()
        for inp in out.targets
    ]


def edges_of(node: Node) -> set[Edge]:
    """Every wire from or to a node; see `edges`."""
    name = name_of(node)
    found = {
        (name, out.id, name_of(inp.node), inp.id)
        for out in node.outputs.values()
        for inp in out.targets
    }
    for inp in node.inputs.values():
        for out in inp.sources:
            if isinstance(out, NodeOutput):
                found.add((name_of(out.node), out.id, name, inp.id))
    return found
